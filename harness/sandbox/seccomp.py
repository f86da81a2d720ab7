"""The system calls that a program in the sandbox may not make, as a filter for the kernel. Runs inside of the sandbox.

What is listed (syscalls.json) fails with EPERM, which Python shows as PermissionError; calls of another architecture (32-bit entry points,
x32) end the process. The list takes away what reaches other processes, changes or makes namespaces and mounts, opens the network, holds
memory that no limit counts, loses the CPU time of children, gives a child to another parent, uses up what the whole machine has once
(contexts of asynchronous input and output, huge pages), slows a run down so that it holds its worker, or is a wide door into the kernel
that no program of a benchmark needs. Calls that are newer than this list (from NEWER on) do not exist for a program.

The filter is classic BPF, a list of (code, jump if true, jump if false, number); Linux, Documentation/userspace-api/seccomp_filter.rst.
"""

import json
import os
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
STRANGE_PARENTS = 0x0080A000
"""CLONE_PTRACE, CLONE_PARENT (a child that is its parent's sibling: nothing in its namespace could reap it), CLONE_UNTRACED."""
TERMINAL_INPUT = (0x5412, 0x541C)
"""TIOCSTI, TIOCLINUX: typing into a terminal."""
MAP_SHARED, MAP_ANONYMOUS, MAP_HUGE_PAGES = 0x01, 0x20, 0x40000
SIGCHLD = 17
MERGE_PAGES = 12
"""MADV_MERGEABLE: work for a thread of the kernel, which nobody counts."""
BUFFER_SIZES = (7, 8, 32, 33)
"""SO_SNDBUF, SO_RCVBUF and the forced ones: memory of the kernel."""
PIPE_SIZE, WATCH_FOLDER = 1031, 1026
"""F_SETPIPE_SZ, F_NOTIFY: memory of the kernel, of which each user has a share."""
OWN_FILTER, CORE_SCHEDULING = 22, 62
"""PR_SET_SECCOMP, PR_SCHED_CORE: the latter keeps others off the processor's sibling."""

with open(os.path.join(os.path.dirname(__file__), "syscalls.json"), encoding="ascii") as file:
    TABLES = json.load(file)
DENIED: list[str] = TABLES["denied"]
"""Names of system calls."""
X86_64, AARCH64 = (TABLES[machine] | TABLES["everywhere"] for machine in ("x86_64", "aarch64"))
"""Name -> number, for each kind of processor."""

NEWER = 470
"""The first number that was not looked at for this list: Linux 6.18 ends here."""
FIRST_FOREIGN = 0x40000000
"""Numbers from here on belong to another binary interface (x32)."""
ARCHITECTURES: dict[str, tuple[int, dict[str, int]]] = {"x86_64": (0xC000003E, X86_64), "aarch64": (0xC00000B7, AARCH64)}
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


def without_uncounted_memory() -> list[Instruction]:
    """mmap: EPERM for memory that is shared and no file's (what was touched and then dropped stays in use, and counts as no process's),
    and for huge pages, which count as no process's either and are the machine's."""
    shared = [Instruction(ANY_BIT, 0, 2, MAP_ANONYMOUS), Instruction(ANY_BIT, 0, 1, MAP_SHARED)]
    return [load(ARGUMENTS + 8 * 3), Instruction(ANY_BIT, 2, 0, MAP_HUGE_PAGES), *shared, fail_with(EPERM), ALLOWED]


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
        "clone": by_argument(0, ANY_BIT, (NEW_NAMESPACES | STRANGE_PARENTS,), True),
        "socket": by_argument(0, EQUAL, (AF_UNIX,), False),
        "socketpair": by_argument(0, EQUAL, (AF_UNIX,), False),
        "ioctl": by_argument(1, EQUAL, TERMINAL_INPUT, True),
        "prlimit64": by_argument(0, EQUAL, (0,), False),  # of the calling process only
        "mmap": without_uncounted_memory(),
        "madvise": by_argument(2, EQUAL, (MERGE_PAGES,), True),
        "setsockopt": by_argument(2, EQUAL, BUFFER_SIZES, True),
        "fcntl": by_argument(1, EQUAL, (PIPE_SIZE, WATCH_FOLDER), True),
        "prctl": by_argument(0, EQUAL, (OWN_FILTER, CORE_SCHEDULING), True),
        "rt_sigaction": without_reaping(),
    }
    return [
        load(ARCHITECTURE),
        Instruction(EQUAL, 1, 0, audit),
        Instruction(RETURN, 0, 0, KILL_PROCESS),
        load(NUMBER),
        Instruction(AT_LEAST, 0, 1, FIRST_FOREIGN),
        Instruction(RETURN, 0, 0, KILL_PROCESS),
        Instruction(AT_LEAST, 0, 1, NEWER),
        fail_with(ENOSYS),
        *search(bodies | {numbers[name]: body for name, body in special.items()}),
    ]


def machine() -> str:
    """What this processor is called here."""
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())


def assembled() -> tuple[bytes, int]:
    """The filter for this machine as the kernel reads it, and how many instructions it has."""
    lines = rules(machine())
    return b"".join(struct.pack("=HBBI", *line) for line in lines), len(lines)
