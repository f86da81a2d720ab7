"""What the processes of a run use, looked at from outside of them; and their end. Runs inside of the sandbox, beside the runs.

A run's processes are those in its process namespace, whoever their parent is; without isolation, those that descend from its first.
Memory is what is resident, swapped out, or spent on page tables, and what many mappings or sockets may hold in the kernel. Looks come at
times that a program cannot foresee, and faster where memory grows so fast that it could pass its limit before the next.

CPU time is that of all processes of the run together: of those that live, those that were waited for, and those that vanished without
being waited for (what the last look saw of them; the kernel tells nothing of those that end with their namespace). A run sleeps while,
look after look, none of its threads is running or about to: time spent waiting for a busy processor is not sleep; time spent waiting for
a disk, a lock, a clock or a child is.
"""

import contextlib
import os
import re
import select
import signal
import time
from typing import Any, NamedTuple

from r1bench.harness.sandbox.kernel import Holder

TICK = os.sysconf("SC_CLK_TCK")
INTERVAL, SHORT_INTERVAL = 0.02, 0.0025
"""Seconds between two looks at what runs, on average, and where memory grows fast."""
END = 3.0
"""Seconds after which processes that were killed and have not ended count as such that never will."""
SIZE = re.compile(rb"^VmSize:\s+(\d+) kB", re.M)
MEMORY = re.compile(rb"^Vm(?:RSS|Swap|PTE):\s+(\d+) kB", re.M)
SHARED_OUT = re.compile(rb"^(?:Pss|SwapPss):\s+(\d+) kB", re.M)
UNREAD, MAPPED = 16 << 20, 256 << 10
"""Address space beyond the interpreter's own from which on a process's mappings are looked at, and how much of their list is read."""
MAPPING_BYTES = 16 << 20
"""Memory of the kernel for as many mappings as a process may have; counted where their list is longer than what is read of it."""
FREE_SOCKETS, SOCKET_BYTES = 64, 208 << 10
"""Sockets beyond the first count as memory, with as much as the kernel keeps of what was sent to one and not received."""
FLOOR = 1.0
"""Seconds that any run may sleep."""
LAST_RESORT = 10
"""A run ends after this many times the time it may sleep, whatever it does."""


class Process(NamedTuple):
    """A line of /proc/PID/stat."""

    number: int
    parent: int
    state: str
    seconds: float
    waited_seconds: float
    threads: int


def processes() -> dict[int, Process]:
    """Every process that can be seen from here."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        own, waited = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
        found[int(name)] = Process(int(name), int(fields[1]), fields[0].decode(), own / TICK, waited / TICK, int(fields[17]))
    return found


def seconds_of(number: int) -> float:
    """CPU time of a process and its threads, exact (a line of /proc/PID/stat leaves up to 20 ms out); 0 where it is gone."""
    try:
        return time.clock_gettime(~number << 3 | 2)  # the kernel's number for the clock of another process
    except OSError:
        return 0.0


def namespace_of(number: int) -> int:
    """Which process namespace a process is in; 0 where it has just vanished."""
    try:
        return os.stat(f"/proc/{number}/ns/pid").st_ino
    except OSError:
        return 0


def kilobytes(pattern: re.Pattern[bytes], text: bytes) -> int:
    """The sum of what a file of /proc says in such lines, in bytes."""
    return 1024 * sum(map(int, pattern.findall(text)))


def told(path: str, most: int = -1) -> bytes:
    """What a file of /proc says; nothing where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(most)
    except OSError:
        return b""


class Memory(NamedTuple):
    """Bytes that a process holds."""

    own: int
    """Resident, swapped out and page tables."""
    mappings: int
    """What the kernel keeps of very many mappings."""


def memory_of(process: Process, own_bytes: int) -> Memory:
    """What a process holds; `own_bytes` is the address space of the interpreter."""
    text = told(f"/proc/{process.number}/status")
    if process.state == "Z" and process.threads > 1:  # its first thread has ended, and with that what is said of its memory here
        with contextlib.suppress(OSError):
            tasks = os.listdir(f"/proc/{process.number}/task")
            text = max((told(f"/proc/{process.number}/task/{task}/status") for task in tasks), key=lambda each: kilobytes(MEMORY, each))
    is_large = kilobytes(SIZE, text) > own_bytes + UNREAD
    has_many = is_large and len(told(f"/proc/{process.number}/maps", MAPPED)) == MAPPED
    return Memory(kilobytes(MEMORY, text), MAPPING_BYTES if has_many else 0)


def held_together(members: list[Process], own_bytes: int) -> int:
    """Bytes that processes hold, what they share counted once; of each alone where that is not told, such as of one that ends just now."""
    shared = (kilobytes(SHARED_OUT, told(f"/proc/{process.number}/smaps_rollup")) for process in members)
    return sum(part or memory_of(process, own_bytes).own for process, part in zip(members, shared, strict=True))


def bytes_of_sockets() -> int:
    """What the sockets of this container may hold beyond the free ones; those of the harness are not among them."""
    return SOCKET_BYTES * max(0, told("/proc/self/net/unix").count(b"\n") - 1 - FREE_SOCKETS)


def is_awake(process: Process) -> bool:
    """Whether a thread of it runs, or would if a processor were free."""
    if process.state == "R":
        return True
    if process.threads == 1:
        return False
    try:
        for task in os.listdir(f"/proc/{process.number}/task"):
            with open(f"/proc/{process.number}/task/{task}/stat", "rb") as file:
                if file.read().rpartition(b")")[2].split()[0] == b"R":
                    return True
    except OSError:
        pass
    return False


def sweep(kept: set[int]) -> None:
    """End what a run without a namespace left behind: this process is made the parent of all orphans below it."""
    while left := [each for each in processes().values() if each.parent == os.getpid() and each.number not in kept]:
        for process in left:
            with contextlib.suppress(OSError):
                os.kill(process.number, signal.SIGKILL)
                os.waitpid(process.number, 0)


class Watched:
    """One run: its processes, its limits, and why it was ended."""

    def __init__(self, number: int, child: int, holder: Holder | None, handle: int, limits: dict[str, Any], began: float) -> None:
        self.number, self.child, self.holder, self.handle, self.limits, self.began = number, child, holder, handle, limits, began
        self.namespace = namespace_of(holder.number) if holder is not None else 0
        self.cause, self.killed_at = "", 0.0
        self.seconds = self.marked_seconds = self.idle_seconds = 0.0
        self.marked_at = began
        self.beside_seconds = 0.0
        """CPU time of all but the main process, at the last look, without the lost."""
        self.lost_seconds = 0.0
        """CPU time of processes that vanished without being waited for, as far as it was seen."""
        self.bytes = 0
        """Memory at the last look."""
        self.bound = limits["memory_bytes"] + limits["own_bytes"]
        self.is_stuck = False
        """Processes of it were killed, and have not ended for END seconds."""

    def mark(self) -> None:
        """A new call begins."""
        self.marked_seconds = seconds_of(self.child) + self.beside_seconds + self.lost_seconds
        self.idle_seconds, self.marked_at = 0.0, time.monotonic()

    def kill(self, cause: str) -> None:
        """End every process of the run."""
        self.cause, self.killed_at = self.cause or cause, self.killed_at or time.monotonic()
        if self.holder is not None:
            os.kill(self.holder.number, signal.SIGKILL)  # the first process of a namespace takes all others with it
            return
        for target in self.members(processes()):
            with contextlib.suppress(OSError):
                os.kill(target.number, signal.SIGKILL)

    def members(self, seen: dict[int, Process]) -> list[Process]:
        """The processes of this run but for the holder."""
        if self.holder is not None:
            others = (process for process in seen.values() if process.number not in (self.holder.number, os.getpid()))
            return [process for process in others if namespace_of(process.number) == self.namespace]
        found = []
        for process in seen.values():
            at: Process | None = process
            while at is not None and at.number != self.child:
                at = seen.get(at.parent)
            if at is not None:
                found.append(process)
        return found

    def judge(self, members: list[Process], passed: float) -> bool:
        """End the run if it used more than it may; whether its memory could pass the limit before the next look."""
        beside = sum(process.waited_seconds + (process.seconds if process.number != self.child else 0.0) for process in members)
        self.lost_seconds += max(0.0, self.beside_seconds - beside)
        self.beside_seconds = beside
        hidden = sum(max(0.0, seconds_of(process.number) - process.seconds) for process in members if process.number != self.child)
        self.seconds = max(self.seconds, seconds_of(self.child) + beside + hidden + self.lost_seconds)
        own = self.limits["own_bytes"]
        held = [memory_of(process, own) for process in members]
        kept = sum(each.mappings for each in held) + (bytes_of_sockets() if self.holder is not None else 0)
        before, self.bytes = self.bytes, sum(each.own for each in held) + kept
        if self.seconds - self.marked_seconds > self.limits["cpu_seconds"]:
            self.kill("time_limit")
        elif self.bytes > self.bound and (len(members) == 1 or kept > self.bound or held_together(members, own) + kept > self.bound):
            self.kill("memory_limit")
        elif sum(process.threads for process in members) > self.limits["processes"] + 1:  # 1: one that has just ended
            self.kill("processes")
        return self.bytes < self.bound < self.bytes + (self.bytes - before) * 2 * INTERVAL / passed

    def end(self) -> dict[str, Any]:
        """Wait for every process of the run, as long as END; how it ended. What it left behind says nothing of how it did."""
        status, usage = -signal.SIGKILL, None
        if not self.is_stuck:
            _, status, usage = os.wait4(self.child, 0)
            status = os.waitstatus_to_exitcode(status)
        seconds = usage.ru_utime + usage.ru_stime if usage is not None else 0.0
        largest = usage.ru_maxrss * 1024 if usage is not None else self.bytes
        if self.holder is not None:
            seconds += self.end_namespace(self.holder)
        if largest > self.bound and not self.cause:
            self.cause = "memory_limit"  # between two looks
        seconds = max(seconds + self.lost_seconds, self.seconds)
        return {
            "run": self.number,
            "status": status,
            "cause": self.cause,
            "cpu_seconds": seconds,
            "last_seconds": seconds - self.marked_seconds,
            "wall_seconds": time.monotonic() - self.began,
            "memory_bytes": largest,
        }

    def end_namespace(self, holder: Holder) -> float:
        """Kill the holder, wait until all is gone; the CPU time of what nothing inside had waited for.

        A process of the namespace whose parent is this one (made by clone(CLONE_PARENT), which the filter refuses) keeps the holder from
        ending until it is waited for here.
        """
        os.kill(holder.number, signal.SIGKILL)
        seconds, until, poll = 0.0, time.monotonic() + END, select.poll()
        handle = os.pidfd_open(holder.number)
        poll.register(handle, select.POLLIN)
        while not poll.poll(1000 * INTERVAL):
            if self.is_stuck or time.monotonic() > until:
                self.is_stuck = True
                return seconds
            for stranger in [each for each in self.members(processes()) if each.parent == os.getpid()]:
                usage = os.wait4(stranger.number, os.WNOHANG)[2]
                seconds += usage.ru_utime + usage.ru_stime
        os.close(handle)
        usage = os.wait4(holder.number, 0)[2]
        return seconds + usage.ru_utime + usage.ru_stime


def look(runs: list[Watched], passed: float) -> float:
    """Look at every run once; seconds to the next look. Sleeping counts for all together: a program sleeps while its examiner works."""
    seen = processes()
    members = [run.members(seen) for run in runs]
    is_asleep, is_growing = not any(is_awake(process) for run in members for process in run), False
    for run, own in zip(runs, members, strict=True):
        is_growing |= run.judge(own, passed)
        allowed = FLOOR + run.limits["wall_factor"] * run.limits["cpu_seconds"]
        run.idle_seconds += passed if is_asleep else 0.0
        if run.idle_seconds > allowed or time.monotonic() - run.marked_at > LAST_RESORT * allowed:
            run.kill("asleep")
        run.is_stuck |= bool(run.killed_at) and time.monotonic() - run.killed_at > END
    return SHORT_INTERVAL if is_growing else INTERVAL * (0.5 + os.urandom(1)[0] / 256)
