"""What a forked child gives up before it runs a program: mounts, limits, user, capabilities, system calls. Runs inside of the sandbox."""

import os
import resource
import signal
from typing import Any, NamedTuple

from r1bench.harness.sandbox import kernel

OPEN_FILES = 64
PENDING_SIGNALS = 256
NO_CORE = 1
"""As limit of core files. 0 still starts the host's crash handler where core_pattern is a pipe; 1 does not (core(5))."""
THREAD_STACK = 8 << 20
MAIN_STACK = 512 << 20
RESERVED = 4 << 30
"""Address space beyond a run's memory: for what is reserved and not used, such as the stacks of threads."""


class Setting(NamedTuple):
    """How this worker isolates."""

    is_isolated: bool
    """In a container; else only limits hold."""
    users: tuple[int, ...]
    """The users that a program and its examiner run as; empty where the container has but one."""
    own_bytes: int
    """Address space of the warm interpreter, granted on top of a run's memory."""
    own_processes: int
    """Processes of the container that count as the program's user's."""
    filter: tuple[bytes, int]
    hard_limits: dict[int, int]
    """Limits of the kernel that hold for this worker, without the infinite ones: no run may have more."""


def confine(setting: Setting, limits: dict[str, Any], role: int) -> None:
    """Make this process one that may run a program."""
    kernel.control(kernel.PARENT_DEATH_SIGNAL, signal.SIGKILL)
    os.setsid()
    if setting.is_isolated:
        kernel.unshare(kernel.NEW_MOUNTS | kernel.NEW_IPC)
        mount_own(limits)
    set_limits(setting, limits)
    os.chdir("/tmp" if setting.is_isolated else limits["folder"])
    if setting.is_isolated:
        give_up(setting, role)


def hard_limits() -> dict[int, int]:
    """The finite limits that hold for this process."""
    kinds = {getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
    found = {kind: resource.getrlimit(kind)[1] for kind in kinds}
    return {kind: hard for kind, hard in found.items() if hard != resource.RLIM_INFINITY}


def holds_processes(setting: Setting) -> bool:
    """Whether the kernel bounds the processes of the programs' user, tried with a bound of one; it never does for the host's root."""
    child = os.fork()
    if child == 0:
        try:
            if setting.users:
                os.setresuid(*[setting.users[0]] * 3)
            kernel.drop_capabilities()
            resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
            os.fork()
        except BlockingIOError:
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def mount_own(limits: dict[str, Any]) -> None:
    """A fresh /tmp, and a /proc that shows this run's processes only; nothing in its place where the kernel cannot do that."""
    safe = kernel.NO_SETUID | kernel.NO_DEVICES | kernel.NO_EXECUTION
    options = f"size={limits['file_bytes']},nr_inodes={limits['files'] + 2},mode=1777"  # 2: the folder and the program
    kernel.mount(b"tmpfs", b"/tmp", safe, options.encode())
    try:
        kernel.mount(b"proc", b"/proc", safe | kernel.READ_ONLY, b"subset=pid,hidepid=2")  # else oom_score_adj could be lowered again
    except OSError:  # before Linux 5.8, or where parts of the container's own /proc are covered
        kernel.mount(b"tmpfs", b"/proc", safe, b"size=0,nr_inodes=1,mode=555")


def set_limits(setting: Setting, limits: dict[str, Any]) -> None:
    """Limits of the kernel on this process and all that it starts; hard ones, which nothing here can raise again."""
    values = {
        resource.RLIMIT_AS: limits["memory_bytes"] + setting.own_bytes + RESERVED,  # what is used of it is watched
        resource.RLIMIT_CPU: int(limits["cpu_seconds"] * limits["rounds"]) + 2,  # behind the watch, which is exact
        resource.RLIMIT_FSIZE: limits["file_bytes"],
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CORE: NO_CORE,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: PENDING_SIGNALS,
        resource.RLIMIT_RTPRIO: 0,
        resource.RLIMIT_NICE: 0,
    }
    if setting.is_isolated:  # else it counts every process of the user
        values[resource.RLIMIT_NPROC] = limits["processes"] + setting.own_processes
    for kind, value in values.items():
        bound = min(value, setting.hard_limits.get(kind, value))
        resource.setrlimit(kind, (bound, bound))


def give_up(setting: Setting, role: int) -> None:
    """User, capabilities and system calls; the order matters."""
    if setting.users:
        user = setting.users[role]
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    kernel.drop_capabilities()
    kernel.control(kernel.DUMPABLE, 1)  # its own /proc/self, such as /dev/stdin, is its own
    kernel.install_filter(*setting.filter)
