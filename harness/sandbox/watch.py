"""What the processes of a run use, looked at from outside of them; and their end. Runs inside of the sandbox, beside the runs.

CPU time is that of all processes of the run together: of those that live, those that were waited for, and those that vanished without
being waited for (what the last look saw of them). A run sleeps while, look after look, none of its threads is running or about to:
time spent waiting for a busy processor is not sleep; time spent waiting for a disk, a lock, a clock or a child is.
"""

import contextlib
import os
import signal
import time
from typing import Any, NamedTuple

from r1bench.harness.sandbox.kernel import Holder

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
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
    bytes: int


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
        state, threads, size = fields[0].decode(), int(fields[17]), int(fields[21]) * PAGE
        if state == "Z" and threads > 1:  # its first thread has ended, and with that what is said of its memory here
            size = size_by_threads(int(name))
        own, waited = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
        found[int(name)] = Process(int(name), int(fields[1]), state, own / TICK, waited / TICK, threads, size)
    return found


def size_by_threads(number: int) -> int:
    """Resident bytes of a process, asked of each of its threads."""
    size = 0
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{number}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{number}/task/{task}/statm", "rb") as file:
                size = max(size, int(file.read().split()[1]) * PAGE)
    return size


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


def shared_out(number: int) -> int:
    """Memory of a process, what it shares with others counted in part; 0 where that cannot be read."""
    try:
        with open(f"/proc/{number}/smaps_rollup", "rb") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith(b"Pss:"))
    except (OSError, StopIteration):
        return 0


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
        self.cause = ""
        self.seconds = self.marked_seconds = self.idle_seconds = 0.0
        self.marked_at = began
        self.beside_seconds = 0.0
        """CPU time of all but the main process, at the last look, without the lost."""
        self.lost_seconds = 0.0
        """CPU time of processes that vanished without being waited for, as far as it was seen."""

    def mark(self) -> None:
        """A new call begins."""
        self.marked_seconds = self.main_seconds() + self.beside_seconds + self.lost_seconds
        self.idle_seconds, self.marked_at = 0.0, time.monotonic()

    def main_seconds(self) -> float:
        """CPU time of the main process, exact."""
        try:
            return time.clock_gettime(~self.child << 3 | 2)  # the kernel's number for the clock of another process
        except OSError:
            return 0.0

    def kill(self, cause: str) -> None:
        """End every process of the run."""
        self.cause = self.cause or cause
        if self.holder is not None:
            os.kill(self.holder.number, signal.SIGKILL)  # the first process of a namespace takes all others with it
            return
        for target in self.members(processes()):
            with contextlib.suppress(OSError):
                os.kill(target.number, signal.SIGKILL)

    def members(self, seen: dict[int, Process]) -> list[Process]:
        """The processes of this run but for the holder: what descends from the child, and what was left to the holder."""
        holder = self.holder.number if self.holder is not None else -1
        found = []
        for process in seen.values():
            at: Process | None = process
            while at is not None and at.number not in (self.child, holder):
                at = seen.get(at.parent)
            if at is not None and process.number != holder:
                found.append(process)
        return found

    def judge(self, members: list[Process]) -> None:
        """End the run if it used more than it may."""
        beside = sum(process.waited_seconds + (process.seconds if process.number != self.child else 0.0) for process in members)
        self.lost_seconds += max(0.0, self.beside_seconds - beside)
        self.beside_seconds = beside
        self.seconds = max(self.seconds, self.main_seconds() + beside + self.lost_seconds)
        bound = self.limits["memory_bytes"] + self.limits["own_bytes"]
        if self.seconds - self.marked_seconds > self.limits["cpu_seconds"]:
            self.kill("time_limit")
        elif sum(process.bytes for process in members) > bound and (
            len(members) == 1 or sum(shared_out(process.number) or process.bytes for process in members) > bound
        ):
            self.kill("memory_limit")
        elif sum(process.threads for process in members) > self.limits["processes"] + 1:  # 1: one that has just ended
            self.kill("processes")

    def reap(self) -> dict[str, Any]:
        """Wait for every process of the run; how it ended."""
        _, status, usage = os.wait4(self.child, 0)
        seconds = usage.ru_utime + usage.ru_stime
        if self.holder is not None:
            seconds += self.holder.end()
        return {
            "run": self.number,
            "status": os.waitstatus_to_exitcode(status),
            "cause": self.cause,
            "cpu_seconds": max(seconds + self.lost_seconds, self.seconds),
            "last_seconds": max(seconds + self.lost_seconds, self.seconds) - self.marked_seconds,
            "wall_seconds": time.monotonic() - self.began,
            "memory_bytes": usage.ru_maxrss * 1024,
        }


def look(runs: list[Watched], interval: float) -> None:
    """Look at every run once. Sleeping counts for all of them together: a program sleeps while its examiner works."""
    seen = processes()
    members = [run.members(seen) for run in runs]
    is_asleep = not any(is_awake(process) for run in members for process in run)
    for run, own in zip(runs, members, strict=True):
        run.judge(own)
        allowed = FLOOR + run.limits["wall_factor"] * run.limits["cpu_seconds"]
        run.idle_seconds += interval if is_asleep else 0.0
        if run.idle_seconds > allowed or time.monotonic() - run.marked_at > LAST_RESORT * allowed:
            run.kill("asleep")
