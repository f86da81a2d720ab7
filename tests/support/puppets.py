"""For tests of what a sandboxed process may say: real jobs and real listening, with any bytes in the place of a process."""

import contextlib
import selectors
import socket
from collections.abc import Sequence
from typing import Any

from r1bench.harness.sandbox import Ended, Job
from r1bench.harness.sandbox.codec import encode
from r1bench.harness.sandbox.frames import framed
from r1bench.harness.sandbox.jobs import play
from r1bench.harness.sandbox.runs import Run

MOST = 1 << 15
"""Bytes that a socket takes without waiting for a reader."""
DEFINED = framed("ready") + framed("defined") + framed("served")
EXIT = {"cause": "", "status": 0, "last_seconds": 0.0, "cpu_seconds": 0.0, "wall_seconds": 0.0, "memory_bytes": 0}


def value(given: Any, kind: str = "value") -> bytes:
    """The message of a program that gives a value, raises what it describes, or says what is not plain."""
    return framed(kind, encode(given))


class PuppetSandbox:
    """Answers each process of a job with the next pieces of bytes, one after each step of the job; then the process ends."""

    name = "puppet"

    def __init__(self, *pieces: bytes, printed: bytes = b"", end: dict[str, Any] | None = None) -> None:
        self.pieces, self.printed, self.exit = pieces, printed, EXIT | (end or {})

    def run(self, jobs: Sequence[Job]) -> list[Ended]:
        return [self.played(job) for job in jobs]

    def played(self, job: Job) -> Ended:
        with selectors.DefaultSelector() as selector, contextlib.ExitStack() as open_files:
            runs: list[tuple[Run, socket.socket, list[bytes]]] = []

            def start(role: str, limits: Any, **other: Any) -> Run:
                run = Run(len(runs), role, limits, lambda **message: None, selector)
                ours, theirs = (open_files.enter_context(each) for each in socket.socketpair())
                run.open(ours, {})
                run.printed["stdout"] += self.printed
                runs.append((run, theirs, list(self.pieces)))
                return run

            going = play(job, start)
            while True:
                try:
                    next(going)
                except StopIteration as done:
                    return done.value
                for run, theirs, pieces in runs:
                    step(run, theirs, pieces, self.exit)

    def close(self) -> None:
        pass


def step(run: Run, theirs: socket.socket, pieces: list[bytes], end: dict[str, Any]) -> None:
    """Say the next piece, or end."""
    if run.end is not None:
        return
    if not pieces or run.fault:
        run.finish(end)
        return
    piece = pieces.pop(0)
    for start in range(0, len(piece), MOST):
        if run.channel is not None:
            theirs.sendall(piece[start : start + MOST])
            run.handle(run.channel, selectors.EVENT_READ)
