"""A worker process that computes rewards, with a hard bound on the time of each unit: what hangs, or ends its process, costs itself only.

    with RewardWorker(seconds=30) as worker:
        found = worker.compute("format", {"style": "boxed"}, [[judged], [judged]])

The worker starts with the first request, ignores the terminal's Ctrl-C, is ended by SIGKILL (no signal is handled here), and ends with the
process that started it, even if that one is killed. Any thread may ask; they take turns. Left out: what runs in it (reward_worker.py),
and processes that a reward starts in sessions of their own.
"""

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Self

from r1bench.harness.errors import GraderError, UsageError, quoted
from r1bench.tasks.rewards.reward import Judged, Outcome, failed

WORKER = "r1bench.tasks.rewards.reward_worker"
SECONDS = 30.0
SHARE = 1 / 30
START_SECONDS = 300.0
"""For starting the process, and for importing a reward's package."""
MOST_ENDED = 3
"""Units of a request that may hang or end their process; the rest is not computed then, so that a step does not take hours."""


class Ended(Exception):
    """A worker that is gone, and how."""

    def __init__(self, fault: str, *, has_hung: bool = False) -> None:
        super().__init__(fault)
        self.has_hung = has_hung


class Process:
    """One process and the socket to it."""

    def __init__(self) -> None:
        self.socket, theirs = socket.socketpair()
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
        with theirs:
            command = [sys.executable, "-P", "-m", WORKER, str(os.getpid()), str(theirs.fileno())]
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, env=environment, pass_fds=[theirs.fileno()], start_new_session=True
            )
        self.unread = b""

    def send(self, request: Any) -> None:
        """Raises Ended."""
        message = pickle.dumps(request)
        self.socket.settimeout(START_SECONDS)
        try:
            self.socket.sendall(len(message).to_bytes(8) + message)
        except OSError as error:
            raise Ended(self.how_it_ended()) from error

    def receive(self, seconds: float) -> Any:
        """The next line of its answer. Raises Ended: there is none within that time, or there will never be one."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self.unread:
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                chunk = self.socket.recv(65536)
            except TimeoutError as error:
                raise Ended(f"hung for {seconds:.3g} s", has_hung=True) from error
            except OSError:
                chunk = b""
            if not chunk:
                raise Ended(self.how_it_ended())
            self.unread += chunk
        line, _, self.unread = self.unread.partition(b"\n")
        try:
            return json.loads(line)
        except ValueError as error:
            raise Ended("wrote among the answers of its process") from error

    def how_it_ended(self) -> str:
        """Its exit, in words."""
        try:
            code = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "closed the files of its process"
        return f"ended its process with exit code {code}" if code >= 0 else f"ended its process by {signal.Signals(-code).name}"

    def kill(self) -> None:
        """End it and the processes that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.socket.close()


class RewardWorker:
    """Computes rewards in a process of its own, which is replaced whenever one of them ends it.

    Args:
        seconds: for a unit of one completion; a unit of more has a thirtieth of it more for each.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self.turn = threading.Lock()
        self.process: Process | None = None
        self.starter = ThreadPoolExecutor(1, "reward-worker")
        """Its one thread starts the processes: the kernel ends them with the thread, and a caller's may end any time."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker for good."""
        with self.turn:
            self._end()
            self.starter.shutdown()

    def compute(self, name: str, options: Mapping[str, Any], units: Sequence[Sequence[Judged]]) -> list[list[Outcome] | Outcome]:
        """For each unit what a reward gives for its completions, or one failure of all of them.

        A unit that hangs, or that ends its process twice, has failed; after MOST_ENDED of them the others are not computed.

        Raises:
            UsageError: the reward cannot be loaded in a process of its own.
            GraderError: the process does not start.
        """
        found: list[list[Outcome] | Outcome] = []
        num_ended, retried = 0, -1
        with self.turn:
            while len(found) < len(units):
                if num_ended == MOST_ENDED:
                    return found + [failed("was not computed", f"{MOST_ENDED} units before had hung or ended their process")] * (
                        len(units) - len(found)
                    )
                try:
                    for outcomes in self._ask(name, options, units[len(found) :]):
                        found.append(outcomes)  # what came before an end is kept
                except Ended as end:
                    self._end()
                    if not end.has_hung and retried < len(found):
                        retried = len(found)  # it may have been ended from outside
                        continue
                    found.append(failed(str(end)))
                    num_ended += 1
                except BaseException:
                    self._end()  # its answers would be taken for those to the next request
                    raise
        return found

    def _ask(self, name: str, options: Mapping[str, Any], units: Sequence[Sequence[Judged]]) -> Iterator[list[Outcome] | Outcome]:
        """Raises Ended, beside what `compute` raises."""
        process = self._loaded(name, (name, dict(options), [pickle.dumps(list(unit)) for unit in units]))
        for unit in units:
            row = process.receive(self.seconds * (1 + SHARE * max(len(unit) - 1, 0)))
            is_common = bool(row) and not isinstance(row[0], list)
            yield Outcome(*row) if is_common else [Outcome(*each) for each in row]

    def _loaded(self, name: str, request: Any) -> Process:
        """A process that has the request and its reward, and answers unit by unit from now on."""
        fault = ""
        for _ in range(2):  # one that was idle may have been ended from outside
            process = self.process or self._start()
            try:
                process.send(request)
                reply = process.receive(START_SECONDS)
            except Ended as end:
                self._end()
                fault = str(end)
            else:
                if reply != "loaded":
                    raise UsageError(reply["refused"])
                return process
        raise UsageError(f"reward {quoted(name)} {fault} while it was loaded; mend or update its package")

    def _start(self) -> Process:
        process = self.process = self.starter.submit(Process).result()
        try:
            process.receive(START_SECONDS)
        except Ended as end:
            command = f"{sys.executable} -P -m {WORKER} $$ 0"
            raise GraderError(f"the process for rewards does not start: it {end}; to see why, run: {command}") from end
        return process

    def _end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process = None
