"""The system calls that a program in the sandbox may not make, as a filter for the kernel. Runs inside of the sandbox.

What is listed fails with EPERM, which Python shows as PermissionError; calls of another architecture (32-bit entry points, x32) end
the process. The list takes away what reaches other processes, changes or makes namespaces and mounts, opens the network, holds
memory that no limit counts, loses the CPU time of children, or is a wide door into the kernel that no program of a benchmark needs.
New calls that are not listed stay allowed: they meet a process without capabilities in namespaces of its own.

The filter is classic BPF, a list of (code, jump if true, jump if false, number); Linux, Documentation/userspace-api/seccomp_filter.rst.
"""

import platform
import struct
from typing import NamedTuple

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL_PROCESS, FAIL = 0x7FFF0000, 0x80000000, 0x00050000
EPERM, ENOSYS = 1, 38
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16
"""Offsets of struct seccomp_data; an argument has 8 bytes, the low half first."""

AF_UNIX = 1
NEW_NAMESPACES = 0x7E020080
"""CLONE_NEW: TIME 0x80, NS 0x20000, CGROUP, UTS, IPC, USER, PID, NET."""
TERMINAL_INPUT = (0x5412, 0x541C)
"""TIOCSTI, TIOCLINUX: typing into a terminal."""
MAP_SHARED, MAP_ANONYMOUS = 0x01, 0x20
SIGCHLD = 17

DENIED = (
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "pidfd_getfd", "kcmp", "mount",
    "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "open_tree_attr", "fsopen", "fsconfig", "fsmount", "fspick",
    "mount_setattr", "setns", "unshare", "open_by_handle_at", "name_to_handle_at", "quotactl", "quotactl_fd", "fanotify_init",
    "fanotify_mark", "inotify_init", "inotify_init1", "lookup_dcookie", "acct", "swapon", "swapoff", "keyctl", "add_key",
    "request_key", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "vmsplice",
    "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot", "syslog", "vhangup", "personality",
    "iopl", "ioperm", "modify_ldt", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname",
    "migrate_pages", "move_pages", "mbind", "memfd_create", "memfd_secret", "shmget", "semget", "msgget", "mq_open",
)  # fmt: skip

X86_64 = {
    "mmap": 9, "rt_sigaction": 13,
    "ioctl": 16, "shmget": 29, "socket": 41, "socketpair": 53, "clone": 56, "semget": 64, "msgget": 68, "ptrace": 101, "syslog": 103,
    "personality": 135, "vhangup": 153, "modify_ldt": 154, "pivot_root": 155, "adjtimex": 159, "chroot": 161, "acct": 163,
    "settimeofday": 164, "mount": 165, "umount2": 166, "swapon": 167, "swapoff": 168, "reboot": 169, "sethostname": 170,
    "setdomainname": 171, "iopl": 172, "ioperm": 173, "init_module": 175, "delete_module": 176, "quotactl": 179, "lookup_dcookie":
    212, "clock_settime": 227, "mbind": 237, "mq_open": 240, "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250,
    "inotify_init": 253, "migrate_pages": 256, "unshare": 272, "vmsplice": 278, "move_pages": 279, "inotify_init1": 294,
    "perf_event_open": 298, "fanotify_init": 300, "fanotify_mark": 301, "prlimit64": 302, "name_to_handle_at": 303,
    "open_by_handle_at": 304, "clock_adjtime": 305, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312,
    "finit_module": 313, "memfd_create": 319, "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323,
}  # fmt: skip
AARCH64 = {
    "lookup_dcookie": 18, "inotify_init1": 26, "ioctl": 29, "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51, "vhangup": 58,
    "quotactl": 60, "vmsplice": 75, "acct": 89, "personality": 92, "unshare": 97, "kexec_load": 104, "init_module": 105,
    "delete_module": 106, "clock_settime": 112, "syslog": 116, "ptrace": 117, "reboot": 142, "sethostname": 161, "setdomainname": 162,
    "settimeofday": 170, "adjtimex": 171, "mq_open": 180, "msgget": 186, "semget": 190, "shmget": 194, "socket": 198, "socketpair":
    199, "add_key": 217, "request_key": 218, "keyctl": 219, "clone": 220, "swapon": 224, "swapoff": 225, "mbind": 235,
    "migrate_pages": 238, "move_pages": 239, "perf_event_open": 241, "prlimit64": 261, "fanotify_init": 262, "fanotify_mark": 263,
    "name_to_handle_at": 264, "open_by_handle_at": 265, "clock_adjtime": 266, "setns": 268, "process_vm_readv": 270,
    "process_vm_writev": 271, "kcmp": 272, "finit_module": 273, "memfd_create": 279, "bpf": 280, "userfaultfd": 282,
    "kexec_file_load": 294, "rt_sigaction": 134, "mmap": 222,
}  # fmt: skip
EVERYWHERE = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428, "move_mount": 429, "fsopen": 430,
    "fsconfig": 431, "fsmount": 432, "fspick": 433, "clone3": 435, "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442,
    "quotactl_fd": 443, "memfd_secret": 447, "process_mrelease": 448, "open_tree_attr": 467,
}  # fmt: skip


FIRST_FOREIGN = 0x40000000
"""Numbers from here on belong to another binary interface (x32)."""
ARCHITECTURES = {"x86_64": (0xC000003E, X86_64 | EVERYWHERE), "aarch64": (0xC00000B7, AARCH64 | EVERYWHERE)}
"""Kind of processor -> how the kernel names it to filters, and its numbers."""


class Instruction(NamedTuple):
    """One line of the filter."""

    code: int
    if_true: int
    if_false: int
    number: int


def fail_with(error: int) -> Instruction:
    return Instruction(RETURN, 0, 0, FAIL | error)


def load(offset: int) -> Instruction:
    return Instruction(LOAD, 0, 0, offset)


ALLOWED = Instruction(RETURN, 0, 0, ALLOW)


def by_argument(argument: int, test: int, values: tuple[int, ...], is_denied: bool) -> list[Instruction]:
    """EPERM if an argument passes the test with one of the values (or if it passes with none, where `is_denied` is False)."""
    tests = [Instruction(test, len(values) - 1 - index, 0, value) for index, value in enumerate(values)]
    hit, miss = (fail_with(EPERM), ALLOWED) if is_denied else (ALLOWED, fail_with(EPERM))
    tests[-1] = tests[-1]._replace(if_false=1)
    return [load(ARGUMENTS + 8 * argument), *tests, hit, miss]


def without_shared_memory() -> list[Instruction]:
    """mmap: EPERM for memory that is shared and no file's: what was touched and then dropped stays in use, and counts as no process's."""
    tests = [Instruction(ANY_BIT, 0, 2, MAP_ANONYMOUS), Instruction(ANY_BIT, 0, 1, MAP_SHARED)]
    return [load(ARGUMENTS + 8 * 3), *tests, fail_with(EPERM), ALLOWED]


def without_reaping() -> list[Instruction]:
    """sigaction: EPERM for setting what SIGCHLD does: the CPU time of children that nobody waits for would be lost."""
    low = [load(ARGUMENTS), Instruction(EQUAL, 0, 4, SIGCHLD), load(ARGUMENTS + 8), Instruction(EQUAL, 0, 3, 0)]
    return [*low, load(ARGUMENTS + 12), Instruction(EQUAL, 0, 1, 0), ALLOWED, fail_with(EPERM)]


def search(bodies: dict[int, list[Instruction]]) -> list[Instruction]:
    """For each number its body, which returns; all others are allowed. Halved again and again: the kernel plays it for every number."""
    numbers = sorted(bodies)
    if len(numbers) <= 2:
        lines = [line for number in numbers for line in (Instruction(EQUAL, 0, len(bodies[number]), number), *bodies[number])]
        return [*lines, ALLOWED]
    middle = numbers[len(numbers) // 2]
    low = search({number: body for number, body in bodies.items() if number < middle})
    high = search({number: body for number, body in bodies.items() if number >= middle})
    return [Instruction(AT_LEAST, len(low), 0, middle), *low, *high]


def rules(machine: str) -> list[Instruction]:
    """The filter for this kind of processor; KeyError if it is none of ours."""
    audit, numbers = ARCHITECTURES[machine]
    bodies = {numbers[name]: [fail_with(EPERM)] for name in DENIED if name in numbers}
    special = {
        "clone3": [fail_with(ENOSYS)],  # its flags are out of a filter's sight; the C library falls back to clone
        "clone": by_argument(0, ANY_BIT, (NEW_NAMESPACES,), True),
        "socket": by_argument(0, EQUAL, (AF_UNIX,), False),
        "socketpair": by_argument(0, EQUAL, (AF_UNIX,), False),
        "ioctl": by_argument(1, EQUAL, TERMINAL_INPUT, True),
        "prlimit64": by_argument(0, EQUAL, (0,), False),  # of the calling process only
        "mmap": without_shared_memory(),
        "rt_sigaction": without_reaping(),
    }
    return [
        load(ARCHITECTURE),
        Instruction(EQUAL, 1, 0, audit),
        Instruction(RETURN, 0, 0, KILL_PROCESS),
        load(NUMBER),
        Instruction(AT_LEAST, 0, 1, FIRST_FOREIGN),
        Instruction(RETURN, 0, 0, KILL_PROCESS),
        *search(bodies | {numbers[name]: body for name, body in special.items()}),
    ]


def machine() -> str:
    """What this processor is called here."""
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())


def assembled() -> tuple[bytes, int]:
    """The filter for this machine as the kernel reads it, and how many instructions it has."""
    lines = rules(machine())
    return b"".join(struct.pack("=HBBI", *line) for line in lines), len(lines)
