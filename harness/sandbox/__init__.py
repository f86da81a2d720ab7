"""Where programs that a model wrote are run: never in the harness, and with nothing of the host within their reach.

    with open_sandbox(num_workers=2) as sandbox:
        ended = sandbox.run([Script("print(int(input()) + 1)", stdin="41"), Calls("def f(x): return x + 1", "f", ((41,),))])

Three kinds of job. `Script` is a whole program: it reads stdin and prints. `Calls` defines, then calls one function once for each tuple
of arguments; the values come back. `Examined` is for tests that are themselves code: the program runs in one process, the tests in
another, and the tests see the program only through calls, so that what they expect never enters the process that is judged.
Comparing is left to the caller: no expected output is ever given to a process that runs a model's program.

How. One bubblewrap container per worker holds a warm interpreter (zygote.py) that forks a child for each run. The child gets namespaces
of its own (process ids, mounts, System V and POSIX queues) inside the container's (users, network without a device, host name, control
groups), a fresh and bounded /tmp, a /proc that shows its own processes only, limits on CPU time, memory, processes, files and output, no
capability, no way to gain one, and a system call filter (seccomp.py). As root, programs run as a user that owns nothing on the host.
The interpreter that forks never holds a program, its input, its output or its tests: these pass it by, in pipes and memory files.

What it protects against: reading or changing files of the host, its environment and its secrets; the network; other processes, other
runs of the same worker, earlier and later; staying alive after the run; using up processor, memory, disk, inodes or processes; forging
a verdict: how a run ended is measured outside of the process that ran. What it does not protect against: faults of the kernel and of
the processor (timing and cache leaks between processes); memory of the kernel's own behind pipes, locks and a few sockets and mappings of
each process, which no limit counts (64 processes that try hold some 100 MB until the run ends); knowing the paths of what is mounted;
what a program does to its own results, which are its own to choose.

Verdicts come from CPU time, summed over all processes of a run, never from the clock on the wall. The one exception are sleepers: a run in
which no thread was running for 1 + wall_factor x cpu_seconds ends with `time_limit`, and so does any after ten times that.

Kept apart: `sandbox_error` says that the sandbox failed (after one retry in a fresh container), `tests_error` that tests cannot be run or
arguments cannot be sent; neither is a verdict about the program. A container that does not answer costs seconds. A program under which two
came down, one after the other, is `forbidden`.
Left out: other languages than Python; programs that need a network, a terminal or other programs (there is no shell), that handle SIGCHLD
(so multiprocessing's forkserver) or map shared memory without a file (mmap.mmap(-1, n) without MAP_PRIVATE): both would go uncounted.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, NamedTuple, Protocol

__all__ = ["CallResult", "Calls", "Ended", "Examined", "Fact", "Job", "Limits", "Sandbox", "Script", "Status", "open_sandbox", "probe"]

Status = Literal[
    "finished", "runtime_error", "compile_error", "time_limit", "memory_limit", "output_limit", "forbidden", "sandbox_error", "tests_error"
]


class Limits(NamedTuple):
    """What one run may use."""

    cpu_seconds: float = 10.0
    """Of all its processes together; in `Calls`, of each call."""
    memory_bytes: int = 1 << 30
    """On top of what the interpreter itself needs, of all processes together: what they use, not what they reserve."""
    output_bytes: int = 8 << 20
    """Standard output and standard error together; or one returned value."""
    processes: int = 64
    """Processes and threads at one time."""
    file_bytes: int = 64 << 20
    """All that is in /tmp, and each file."""
    files: int = 1000
    wall_factor: float = 2.0
    """How much longer than its CPU time a run may sleep; see the module's text."""


class Script(NamedTuple):
    """A whole program: reads `stdin`, prints."""

    source: str
    stdin: str = ""
    limits: Limits = Limits()
    keep: Callable[[str], Any] | None = None
    """What is kept of standard output where the program finished, such as how it differs: called here as soon as the run has ended, so
    that outputs are not held together. `Ended.kept` has it, and `stdout` and `stderr` are empty."""


class Calls(NamedTuple):
    """A program that defines, and calls of one function of it.

    The arguments of a call arrive when the call before it has answered. A call that ends the process (time, memory, `os._exit`, a crash)
    has that as its status, and the calls after it are made in a fresh process; after the third such call the rest is not run and has the
    status of the third. What is printed is thrown away. A value of more than a million parts, or more than about 256 MiB of values in all
    calls together, is `output_limit`.
    """

    source: str
    entry_point: str
    """A function, or `Solution.method`: the method of a new `Solution()` for each call."""
    arguments: tuple[tuple[Any, ...], ...]
    """Plain values (see codec.py), by position."""
    limits: Limits = Limits()
    keep: Callable[[int, Any], Any] | None = None
    """What is kept of the value of a call, by the number of the call: called here as the value arrives, and stands in its place."""


class Examined(NamedTuple):
    """A program, and tests that are code: `assert f(1) == 2`, or `def check(candidate): ...`.

    The names that the tests use and do not define are proxies of the program's: values cross as plain values, exceptions as the nearest
    builtin one (but none that Python takes for the end of an iteration), other objects as handles that can be called, iterated and
    passed back and are equal to nothing. Arguments are copies: a test that looks at a list which the program was to change in place
    sees the list unchanged.
    """

    source: str
    tests: str
    limits: Limits = Limits()
    """For the program and for the tests, each."""
    entry_point: str = ""
    """Where the tests define `check`, it is called with this function of the program."""
    names: tuple[str, ...] = ()
    """Names that are the program's although Python has a builtin or a module of that name (`sum`, `heapq`)."""


Job = Script | Calls | Examined


class CallResult(NamedTuple):
    """What one call gave (`Calls`), or whether one assert held (`Examined`: value is True or False)."""

    status: Status
    reason: str
    value: Any = None


class Ended(NamedTuple):
    """How a job ended."""

    status: Status
    """Of the program as a whole; with `Calls` the first status that is not `finished`."""
    reason: str
    """'' where it finished; else what happened, in words. It may quote the program: print it with `printable`."""
    stdout: str = ""
    """Of a `Script`: what arrived, up to the limit; bytes that are no UTF-8 are replaced."""
    stderr: str = ""
    kept: Any = None
    """What the `keep` of a `Script` gave."""
    values: tuple[CallResult, ...] = ()
    """`Calls`: one for each call. `Examined`: one for each assert at the top level of the tests or of `check`."""
    passed: bool = False
    """`Examined` only: the tests ran to their end and every assert held."""
    cpu_seconds: float = 0.0
    """Of the program's processes together, with about 1 ms for preparing them."""
    wall_seconds: float = 0.0
    memory_bytes: int = 0
    """The largest resident size of one process."""


class Sandbox(AbstractContextManager["Sandbox"], Protocol):
    """A place to run programs. One thread at a time."""

    name: str

    def run(self, jobs: Sequence[Job]) -> list[Ended]:
        """How each job ended, in their order. Raises SandboxError: no container could be started, again and again."""

    def close(self) -> None:
        """End every process of it."""


class Fact(NamedTuple):
    """One thing about isolation on this machine."""

    name: str
    is_there: bool
    detail: str
    cure: str
    """What to do where it is missing; '' otherwise."""


def open_sandbox(kind: str = "auto", num_workers: int = 1, packages: Sequence[str] = ("numpy",)) -> Sandbox:
    """A sandbox, its workers started and tried.

    Args:
        kind: `auto` or `bubblewrap`: isolation or an error; `none`: plain processes with limits on time, memory and output. These
            protect against accidents, not against hostile programs, which can read, change and end what this user can, and fork
            without bound.
        packages: installed packages that programs may import, where they are installed; mounted read-only.

    Raises:
        SandboxError: no isolation can be had here; the message names the cure.
        UnknownNameError: no such kind.
    """
    from r1bench.harness.errors import UnknownNameError
    from r1bench.harness.sandbox.pool import STARTERS, Pool

    if kind not in STARTERS:
        raise UnknownNameError("sandbox", kind, STARTERS, "r1bench doctor")
    return Pool("none" if kind == "none" else "bubblewrap", num_workers, STARTERS[kind], packages)


def probe() -> list[Fact]:
    """What this machine has for isolation, what is missing, and the cure; for `r1bench doctor`. Takes some 50 ms, raises nothing."""
    from r1bench.harness.sandbox.container import facts

    return facts()
