"""Workers and the loop that feeds them: jobs go to whichever container is free. In the harness; one thread does it all.

A container that dies, or that does not answer within seconds, is replaced and its job is played once more. A job under which two died
while fresh ones start brings them down itself: its status is `forbidden`, so that no program escapes its verdict in this way.
"""

import fcntl
import json
import os
import select
import selectors
import socket
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Self

from r1bench.harness.errors import SandboxError
from r1bench.harness.sandbox import Ended, Job, Limits
from r1bench.harness.sandbox.container import Container, start_isolated, start_plain
from r1bench.harness.sandbox.jobs import Play, play
from r1bench.harness.sandbox.runs import Run, is_ready
from r1bench.harness.sandbox.watch import FLOOR, LAST_RESORT

STARTERS: dict[str, Callable[[int, Sequence[str]], Container]] = {"auto": start_isolated, "bubblewrap": start_isolated, "none": start_plain}
PATIENCE = 10.0
"""Seconds in which a worker that is there takes a message, and ends a run whose time is over."""
SILENCE, ANSWER = 2.0, 6.0
"""Seconds after which a worker that says nothing is asked whether it is there, and in which it has to answer; its own waits are shorter."""
PAUSES = (0.5, 2.0)
"""Seconds before a container that did not start is tried again, such as while another one's program has all processes of this machine."""
SEALED = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def memory_file(text: str) -> int:
    """An open file with this text that nobody can change."""
    file = os.memfd_create("input", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    data = memoryview(text.encode("utf-8", "surrogatepass"))
    while data:
        data = data[os.write(file, data) :]
    os.lseek(file, 0, os.SEEK_SET)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, SEALED)
    return file


class WorkerDied(Exception):
    """A container is gone, or does not answer."""


class Worker:
    """A container and the job that it plays."""

    def __init__(self, start: Callable[[], Container], selector: selectors.BaseSelector) -> None:
        self.selector = selector
        self.container = start()
        selector.register(self.container.control, selectors.EVENT_READ, self)
        self.runs: dict[int, Run] = {}
        self.play: Play | None = None
        self.index, self.counter = -1, 0
        self.allowed, self.deadline = 0.0, 0.0
        """The last resort of the watch for one call, and when it must have said that a run ended."""
        self.heard_at, self.asked_at = 0.0, 0.0
        self.is_spent = False
        """Its container ends after this job."""

    def begin(self, index: int, job: Job) -> Ended | None:
        """Begin to play a job; how it ended, if it needs no process."""
        self.index, self.play = index, play(job, self.start)
        return self.advance()

    def advance(self) -> Ended | None:
        """Let the job go on; how it ended, if it has."""
        if self.play is None:
            return None
        try:
            next(self.play)
        except StopIteration as stop:
            self.play, self.index = None, -1
            return stop.value
        return None

    def start(
        self, role: str, limits: Limits, stdin: str | None = None, rounds: int = 1, user: int = 0, line: socket.socket | None = None
    ) -> Run:
        """Start a process in the container: with standard files where it gets input, with a line to another process or without."""
        self.counter += 1
        self.allowed, self.heard_at, self.asked_at = LAST_RESORT * (FLOOR + limits.wall_factor * limits.cpu_seconds), time.monotonic(), 0.0
        run = self.runs[self.counter] = Run(self.counter, role, limits, self.tell, self.selector)
        ours, theirs = socket.socketpair()
        files, pipes = [os.open(os.devnull, os.O_RDWR)] * 3, dict[int, str]()
        if stdin is not None:
            readers, writers = zip(os.pipe(), os.pipe(), strict=True)
            os.close(files[0])
            for writer in writers:
                os.fchmod(writer, 0o622)  # /dev/stdout can be opened by the user that the program runs as
            files, pipes = [memory_file(stdin), *writers], dict(zip(readers, ("stdout", "stderr"), strict=True))
        run.open(ours, pipes)
        folder = "" if self.container.is_isolated else tempfile.mkdtemp(dir=self.container.folder.name)
        bounds = limits._asdict() | {"rounds": rounds, "folder": folder}
        try:
            lines = [] if line is None else [line.fileno()]
            self.tell([*files, theirs.fileno(), *lines], do="start", run=run.number, role=role, limits=bounds, user=user)
        finally:
            for file in set(files):
                os.close(file)
            theirs.close()
        return run

    def tell(self, files: Sequence[int] = (), **message: Any) -> None:
        """Send a message to the interpreter in the container."""
        control = self.container.control
        try:
            if not is_ready(control, select.POLLOUT, PATIENCE):
                raise WorkerDied("does not listen")
            socket.send_fds(control, [json.dumps(message).encode()], files)
        except OSError as error:
            raise WorkerDied(str(error)) from None
        if message["do"] in ("start", "mark"):
            self.deadline = time.monotonic() + self.allowed + PATIENCE

    def check(self) -> None:
        """Ask a worker that has long been silent whether it is there; WorkerDied where it does not answer."""
        now = time.monotonic()
        if now > self.deadline or (self.asked_at and now - self.asked_at > ANSWER):
            raise WorkerDied("does not answer")
        if not self.asked_at and now - self.heard_at > SILENCE:
            self.asked_at = now
            self.tell(do="ping")

    def handle(self, file: Any, events: int) -> None:
        """Take what the container says: that a run ended, or that it is there. WorkerDied where it says nothing any more."""
        try:
            data = self.container.control.recv(4096)
        except BlockingIOError:
            return
        except OSError as error:
            raise WorkerDied(str(error)) from None
        if not data:
            raise WorkerDied(self.container.complaint() or "ended")
        self.heard_at, self.asked_at = time.monotonic(), 0.0
        said = json.loads(data)
        if said["event"] == "ended":
            self.is_spent |= said["is_last"]
            self.runs.pop(said["run"]).finish(said)

    def close(self) -> None:
        """End the container."""
        self.selector.unregister(self.container.control)
        for run in self.runs.values():
            run.fault = "channel"
            run.finish({})
        self.container.close()


class Pool:
    """Sandboxed workers; see `Sandbox`."""

    def __init__(self, name: str, num_workers: int, starter: Callable[[int, Sequence[str]], Container], packages: Sequence[str]) -> None:
        self.name, self.starter, self.packages, self.num_workers = name, starter, packages, max(1, num_workers)
        self.lock, self.owner, self.is_closed = threading.Lock(), os.getpid(), False
        self.selector = selectors.DefaultSelector()
        self.workers: list[Worker] = []
        self.has_started = False
        try:
            self.fill()
            self.has_started = True
        except BaseException:
            self.close()
            raise

    def fill(self) -> None:
        """Have as many workers as were asked for."""
        while len(self.workers) < self.num_workers:
            self.workers.append(self.hire(len(self.workers)))

    def hire(self, index: int) -> Worker:
        """A worker in a fresh container."""
        for pause in PAUSES if self.has_started else ():
            try:
                return Worker(lambda: self.starter(index, self.packages), self.selector)
            except SandboxError:
                time.sleep(pause)
        return Worker(lambda: self.starter(index, self.packages), self.selector)

    def run(self, jobs: Sequence[Job]) -> list[Ended]:
        """How each job ended, in their order; see `Sandbox.run`."""
        if self.is_closed or os.getpid() != self.owner:
            raise SandboxError("this sandbox was closed, or belongs to another process; open one with open_sandbox()")
        with self.lock:
            self.fill()
            return Batch(self, jobs).run()

    def close(self) -> None:
        """End every process of it."""
        if os.getpid() != self.owner or self.is_closed:
            return
        self.is_closed = True
        while self.workers:
            self.workers.pop().close()
        self.selector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Batch:
    """The jobs of one call of `Pool.run`."""

    def __init__(self, pool: Pool, jobs: Sequence[Job]) -> None:
        self.pool, self.jobs = pool, jobs
        self.waiting = deque(range(len(jobs)))
        self.ended: dict[int, Ended] = {}
        self.has_failed: set[int] = set()
        self.has_died: set[int] = set()

    def run(self) -> list[Ended]:
        """Until all have ended. What is still running after an error is ended with its container."""
        try:
            while len(self.ended) < len(self.jobs):
                for place, worker in enumerate(self.pool.workers):
                    if worker.play is None and self.waiting:
                        self.begin(place, self.waiting.popleft())
                if any(worker.play is not None for worker in self.pool.workers):
                    self.wait()
        except BaseException:
            self.abandon()
            raise
        return [self.ended[index] for index in range(len(self.jobs))]

    def abandon(self) -> None:
        """End what is still running; the next call of `Pool.run` hires anew."""
        for worker in [worker for worker in self.pool.workers if worker.play is not None]:
            self.pool.workers.remove(worker)
            worker.close()

    def begin(self, place: int, index: int) -> None:
        """Give a job to a worker."""
        try:
            self.note(place, index, self.pool.workers[place].begin(index, self.jobs[index]))
        except WorkerDied as error:
            self.bury(place, str(error))

    def wait(self) -> None:
        """Handle what is ready, or notice who has been silent for too long."""
        for key, events in self.pool.selector.select(SILENCE / 2):
            place = self.place_of(key)
            if place is None:
                continue
            try:
                key.data.handle(key.fileobj, events)
                worker = self.pool.workers[place]
                self.note(place, worker.index, worker.advance())
            except WorkerDied as error:
                self.bury(place, str(error))
        for place, worker in enumerate(self.pool.workers):
            if worker.play is not None:
                try:
                    worker.check()
                except WorkerDied as error:
                    self.bury(place, str(error))

    def place_of(self, key: selectors.SelectorKey) -> int | None:
        """Whose open file that is; None where handling another one of this round has closed it."""
        try:
            if self.pool.selector.get_key(key.fileobj) is not key:
                return None
        except (KeyError, ValueError):
            return None
        workers = enumerate(self.pool.workers)
        return next((place for place, worker in workers if key.data is worker or key.data in worker.runs.values()), None)

    def note(self, place: int, index: int, ended: Ended | None) -> None:
        """Keep how a job ended; a fault of the sandbox gets a second try in a fresh container."""
        if ended is None:
            return
        if ended.status == "sandbox_error" and index not in self.has_failed:
            self.has_failed.add(index)
            self.waiting.append(index)  # last: what it lacks may be what another run has, such as processes
            self.replace(place)
            return
        self.ended[index] = ended
        if self.pool.workers[place].is_spent:
            self.replace(place)

    def bury(self, place: int, reason: str) -> None:
        """Replace a worker that died; the job that it played, if any, is played once more, but not twice."""
        index = self.pool.workers[place].index
        self.replace(place)
        if index in self.has_died:
            self.ended[index] = Ended("forbidden", f"brought the sandbox down twice: {reason}")
        elif index >= 0:
            self.has_died.add(index)
            self.waiting.appendleft(index)

    def replace(self, place: int) -> None:
        """Have another worker in this place."""
        worker = self.pool.workers[place]
        worker.play = None
        if worker.container.is_isolated:  # one that is not must end its programs itself
            worker.container.kill()
        worker.close()
        try:
            self.pool.workers[place] = self.pool.hire(place)
        except BaseException:
            del self.pool.workers[place]
            raise
