"""A pool of worker processes for Math-Verify, with bounds on processor time, memory and, generously, on wall time.

A comparison that reaches a bound is ended and answered `failed` with the reason; a worker that dies is replaced. Workers are plain
subprocesses (no fork of a process that holds torch's threads), talk over pipes, ignore the terminal's Ctrl-C, and end with the
process that started them, even if that one is killed. Several threads may ask one pool; they take turns. Left out: what is asked of
the workers (math_worker.py).

The wall bound exists for a worker that sleeps or is starved; it is never reached by computing.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from r1bench.harness.errors import GraderError

WORKER = "r1bench.tasks.grading.mathematics.math_worker"
WALL_SECONDS = 60.0
WALL_FACTOR = 20.0
"""The wall bound is WALL_SECONDS + WALL_FACTOR times the bound on processor time."""


class Question(NamedTuple):
    """Two LaTeX formulas to compare; an answer of None asks only whether the gold parses and equals itself."""

    gold: str
    answer: str | None


class Verdict(NamedTuple):
    """A worker's reply, or why there is none."""

    outcome: str
    """correct, wrong, unparsed, failed, or gold: the gold does not parse."""
    reason: str
    microseconds: int


class Worker:
    """One process and its pipes."""

    def __init__(self) -> None:
        command = [sys.executable, "-P", "-m", WORKER, str(os.getpid())]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, start_new_session=True
        )
        self.unread = b""
        self.index = -1
        """Of the question it is at."""
        self.started = 0.0

    def send(self, index: int, question: Question, cpu_seconds: float) -> None:
        """Give it a question. It reads nothing else meanwhile, and questions are far smaller than a pipe, so this cannot block."""
        self.index, self.started = index, time.monotonic()
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps({**question._asdict(), "cpu_seconds": cpu_seconds}).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it has died; the read that follows finds out why

    def receive(self) -> dict[str, Any] | None:
        """Its reply if that is complete, {"died": ...} if it will never be, None to wait on."""
        assert self.process.stdout is not None
        chunk = os.read(self.process.stdout.fileno(), 65536)
        if not chunk:
            return {"died": self.process.wait()}
        self.unread += chunk
        if not self.unread.endswith(b"\n"):
            return None
        line, self.unread = self.unread, b""
        return json.loads(line)

    def kill(self) -> None:
        """End it and the child that compares, whatever they are doing."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # something was left to write to the dead
                    pipe.close()


class WorkerPool:
    """Workers that are started when first needed, and end with close()."""

    def __init__(self, num_workers: int = 1, cpu_seconds: float = 0.5, wall_seconds: float | None = None) -> None:
        self.turn = threading.Lock()
        self.num_workers = num_workers
        self.cpu_seconds = cpu_seconds
        self.wall_seconds = WALL_SECONDS + WALL_FACTOR * cpu_seconds if wall_seconds is None else wall_seconds
        self.idle: list[Worker] = []
        self.busy: list[Worker] = []

    def ask(self, questions: Sequence[Question]) -> list[Verdict]:
        """One verdict per question, in their order.

        Raises:
            GraderError: a worker could not be started, or a fault of ours showed itself in one.
        """
        with self.turn:
            try:
                return self._ask(questions)
            except BaseException:
                self._end()  # a worker that is still busy would answer the next call with this one's verdict
                raise

    def _ask(self, questions: Sequence[Question]) -> list[Verdict]:
        verdicts: dict[int, Verdict] = {}
        waiting = list(range(len(questions)))[::-1]
        retried: set[int] = set()
        while len(verdicts) < len(questions):
            while waiting and len(self.busy) < self.num_workers:
                worker = self.idle.pop() if self.idle else Worker()
                self.busy.append(worker)
                worker.send(index := waiting.pop(), questions[index], self.cpu_seconds)
            for worker, reply in self._replies():
                if "fault" in reply:
                    question = questions[worker.index]
                    raise GraderError(f"grader 'math' broke on {question.answer or question.gold!r:.80}: {reply['fault']}")
                if "died" in reply and worker.index not in retried:
                    retried.add(worker.index)  # killed from outside: ask a fresh worker once
                    waiting.append(worker.index)
                else:
                    verdicts[worker.index] = self._verdict(worker, reply)
        return [verdicts[index] for index in range(len(questions))]

    def _replies(self) -> list[tuple[Worker, dict[str, Any]]]:
        """Wait for at least one worker; those that answered are idle again, those that died or hung are gone."""
        with selectors.DefaultSelector() as selector:
            for worker in self.busy:
                selector.register(worker.process.stdout, selectors.EVENT_READ, worker)  # type: ignore[arg-type]
            ready = [key.data for key, _ in selector.select(timeout=1.0)]
        found: list[tuple[Worker, dict[str, Any]]] = []
        for worker in list(self.busy):
            reply = worker.receive() if worker in ready else None
            if reply is None and time.monotonic() - worker.started > self.wall_seconds:
                reply = {"outcome": "failed", "reason": "wall bound", "hung": True}
            if reply is None:
                continue
            self.busy.remove(worker)
            if "died" in reply or "hung" in reply:
                worker.kill()
            else:
                self.idle.append(worker)
            found.append((worker, reply))
        return found

    def _verdict(self, worker: Worker, reply: dict[str, Any]) -> Verdict:
        microseconds = int((time.monotonic() - worker.started) * 1e6)
        if "died" not in reply:
            return Verdict(reply["outcome"], reply["reason"], reply.get("microseconds", microseconds))
        code = reply["died"]
        if code >= 0:
            raise GraderError(f"the worker of grader 'math' does not start (exit code {code}); run: {sys.executable} -P -m {WORKER} $$")
        return Verdict("failed", f"worker died by signal {-code}", microseconds)

    def close(self) -> None:
        """End all workers; a later `ask` starts new ones."""
        with self.turn:
            self._end()

    def _end(self) -> None:
        for worker in self.idle + self.busy:
            worker.kill()
        self.idle, self.busy = [], []
