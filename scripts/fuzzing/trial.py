"""Runs generated attacks through the grader 'code' and its real sandbox, and watches from outside what they reach, leave and cost.

Watched: a marker file that programs try to make, a secret file and a secret in the environment, a port and sockets of the host, the
processes below each container and those of the users that programs run as, System V objects and shared memory of these.

What a program costs beyond its own limit is the wall time of its grading, with the replacement of its container, less what its limits let
it use: its CPU time limit where that ended it, else the CPU time that it used and the time that it may sleep. Where the machine is busy,
waiting for a processor counts too; so now and then a plain busy loop is measured beside them.
"""

import os
import queue
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from fuzzing.attacks import Attack

from r1bench.harness.records import OUTCOMES
from r1bench.harness.sandbox import Ended, Examined, Job, Limits, Sandbox, Script, open_sandbox
from r1bench.harness.sandbox.container import FIRST_USER
from r1bench.harness.sandbox.watch import FLOOR
from r1bench.tasks.grading import GradeRequest
from r1bench.tasks.grading.programs.grader import PACKAGES, CodeGrader

CONTROLS = 40
LOOP = Script("while True: pass", limits=Limits(cpu_seconds=0.3))


class Found(NamedTuple):
    """Something that must not be."""

    kind: str
    """`escape`, `wrong pass`, `harness fault` or `left behind`."""
    number: int
    what: str


class Witness(Sandbox):
    """A sandbox that remembers how jobs ended, and what they said that is compared and thrown away as it comes (`Script.keep`)."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.name = inner, inner.name
        self.seen: list[tuple[Job, Ended]] = []
        self.compared: list[str] = []

    def run(self, jobs: Sequence[Job]) -> list[Ended]:
        ended = self.inner.run([self.overheard(job) for job in jobs])
        self.seen += zip(jobs, ended, strict=True)
        return ended

    def overheard(self, job: Job) -> Job:
        """The job with a `keep` that also remembers the texts it is given."""
        keep = None if isinstance(job, Examined) else job.keep
        if keep is None:
            return job

        def hear(*given: Any) -> Any:
            if isinstance(given[-1], str):
                self.compared.append(given[-1])
            return keep(*given)

        return job._replace(keep=hear)

    def close(self) -> None:
        self.inner.close()

    def __exit__(self, *error: object) -> None:
        self.close()

    def containers(self) -> list[int]:
        """The processes of bubblewrap; none after a fault, until the next run."""
        return [worker.container.process.pid for worker in self.inner.workers]

    def inhabitants(self) -> int:
        """Processes below the interpreters of its containers, where no program runs."""
        outer = [psutil.Process(number) for number in self.containers()]
        return sum(len(each.children(recursive=True)) for each in outer) - len(outer)


class Host:
    """What programs aim at, outside."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="r1bench-fuzz-")
        os.chmod(self.folder.name, 0o777)
        folder = Path(self.folder.name)
        self.marker, self.secret = folder / "marker", f"secret-{os.urandom(12).hex()}"
        (folder / "secret").write_text(self.secret)
        os.environ["R1BENCH_FUZZ_SECRET"] = self.secret
        self.listeners = [socket.socket(socket.AF_INET), socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)]
        self.listeners[0].bind(("127.0.0.1", 0))
        self.port = self.listeners[0].getsockname()[1]
        self.listeners[1].bind(f"\0r1bench-fuzz-{os.getpid()}")
        self.listeners[2].bind(f"{folder}/socket")
        os.chmod(f"{folder}/socket", 0o777)
        for listener in self.listeners:
            listener.listen()
        self.listeners.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.listeners[-1].bind(("127.0.0.1", self.port))
        for listener in self.listeners:
            listener.setblocking(False)
        self.counters = counters()

    def addressed(self, source: str) -> str:
        """A program with the addresses filled in."""
        places = {"MARKER": self.marker, "SECRET": self.marker.with_name("secret"), "PORT": self.port}
        places |= {"ABSTRACT": f"r1bench-fuzz-{os.getpid()}", "SOCKET": self.marker.with_name("socket")}
        for name, value in places.items():
            source = source.replace(f"@{name}@", str(value))
        return source

    def reached(self) -> str:
        """What was reached since the last look; '' where nothing was."""
        if os.path.lexists(self.marker):
            return "the marker file was made"
        if self.marker.with_name("secret").read_text() != self.secret:
            return "the secret file was changed"
        for listener in self.listeners:
            try:
                if listener.type == socket.SOCK_DGRAM:
                    listener.recv(1)
                else:
                    listener.accept()[0].close()
                return f"a connection to {listener.getsockname()!r}"
            except BlockingIOError:
                continue
        return ""

    def close(self) -> None:
        for listener in self.listeners:
            listener.close()
        self.folder.cleanup()
        del os.environ["R1BENCH_FUZZ_SECRET"]


def own_users() -> range:
    """The users of the host that this process's programs run as, where it is root."""
    first = FIRST_USER + (os.getpid() & 0x3FFFFF) * 64
    return range(first, first + 64)


def counters() -> dict[str, int]:
    """What would outlive its process, of these programs' users."""
    users = own_users()
    owners: list[int] = []
    for name in ("shm", "msg", "sem"):
        lines = Path(f"/proc/sysvipc/{name}").read_text().splitlines() if Path(f"/proc/sysvipc/{name}").exists() else ["uid"]
        place = lines[0].split().index("uid")
        owners += [int(line.split()[place]) for line in lines[1:]]
    return {
        "System V objects": sum(owner in users for owner in owners),
        "files in /dev/shm": sum(1 for entry in os.scandir("/dev/shm") if entry.stat(follow_symlinks=False).st_uid in users),
    }


class Trial:
    """Attacks, graded one by one by a few graders at a time."""

    def __init__(self, attacks: Callable[[int], Attack], numbers: Sequence[int], num_workers: int, say: Callable[[str], None]) -> None:
        self.attacks, self.say, self.num_workers = attacks, say, num_workers
        self.total, self.host = len(numbers), Host()
        self.waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in numbers:
            self.waiting.put(number)
        self.found: list[Found] = []
        self.beyond: list[tuple[float, int]] = []
        self.beyond_of_loops: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.replaced, self.memory = 0, list[float]()

    def run(self) -> None:
        """Until all are graded and everything is closed."""
        children = {each.pid for each in psutil.Process().children(recursive=True)}
        threads = [threading.Thread(target=self.work, args=(index,)) for index in range(self.num_workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if sum(self.statuses.values()) != self.total:
            self.found.append(Found("harness fault", -1, f"{sum(self.statuses.values())} of {self.total} programs were judged"))
        left = [each for each in psutil.Process().children(recursive=True) if each.pid not in children]
        left += [each for each in psutil.process_iter() if os.geteuid() == 0 and is_of(each, own_users())]
        if left:
            self.found.append(Found("left behind", -1, f"at the end: {left!r:.300}"))
        self.memory.append(psutil.Process().memory_info().rss / 2**20)
        if (now := counters()) != self.host.counters:
            self.found.append(Found("left behind", -1, f"{self.host.counters} became {now}"))
        self.host.close()

    def work(self, index: int) -> None:
        """One grader, until nothing waits."""
        grader, inner = CodeGrader(), open_sandbox("bubblewrap", 1, PACKAGES)
        grader.sandbox = witness = Witness(inner)
        try:
            while True:
                try:
                    number = self.waiting.get_nowait()
                except queue.Empty:
                    return
                self.one(self.attacks(number), grader, witness)
        except Exception as error:  # else the thread would end in silence
            self.found.append(Found("harness fault", -1, f"the fuzzing itself: {error!r:.300}"))
            raise
        finally:
            grader.close()

    def one(self, attack: Attack, grader: CodeGrader, witness: Witness) -> None:
        """Grade one attack and look at what it did."""
        source = self.host.addressed(attack.source)
        request = GradeRequest(f"```python\n{source}\n```", tests=attack.tests, options=attack.options)
        witness.seen.clear()
        witness.compared.clear()
        before, started = witness.containers(), time.monotonic()
        try:
            (judgement,) = grader.grade([request])
        except Exception as error:
            self.note("harness fault", attack, f"{error!r:.300}")
            return
        seconds = time.monotonic() - started
        self.beyond.append((max(0.0, seconds - sum(own_limit(job, ended) for job, ended in witness.seen)), attack.number))
        self.statuses[str(judgement.details.get("status", judgement.outcome))] += 1
        self.replaced += witness.containers() != before
        if judgement.outcome not in OUTCOMES or judgement.outcome == "failed":
            self.note("harness fault", attack, f"not judged: {judgement.reason}")
        if judgement.outcome == "correct" or judgement.score:
            self.note("wrong pass", attack, f"{judgement.outcome}, {judgement.score}")
        told = [text for job, ended in witness.seen for text in (ended.stdout, ended.stderr, ended.reason, *map(str_of, ended.values))]
        told += witness.compared
        if any(self.host.secret in text for text in told):
            self.note("escape", attack, "it printed the secret of the host")
        if attack.tests["kind"] == "stdin" and any(attack.token in text for text in witness.compared):
            self.note("escape", attack, "it printed what is expected")
        if reached := self.host.reached():
            self.note("escape", attack, reached)
        if num_left := witness.inhabitants():
            self.note("left behind", attack, f"{num_left} processes in the container")
        if attack.number % CONTROLS == 0:
            started = time.monotonic()
            witness.inner.run([LOOP])
            self.beyond_of_loops.append(time.monotonic() - started - LOOP.limits.cpu_seconds)
        if len(self.beyond) % max(self.total // 20, 25) == 0:
            self.memory.append(psutil.Process().memory_info().rss / 2**20)
            done, memory = f"{len(self.beyond)}/{self.total}", f"{self.memory[-1]:.0f} MiB"
            self.say(f"{done}: {len(self.found)} found, {self.replaced} containers replaced, {memory}")

    def note(self, kind: str, attack: Attack, what: str) -> None:
        self.found.append(Found(kind, attack.number, what))
        self.say(f"{kind.upper()} program {attack.number}: {what}")


def str_of(value: Any) -> str:
    """What a call gave, if it is a text, with the reason."""
    return f"{value.value if isinstance(value.value, str) else ''} {value.reason}"


def own_limit(job: Job, ended: Ended) -> float:
    """Seconds that a job may take by its own limits."""
    limits = job.limits
    of_tests = limits.cpu_seconds if isinstance(job, Examined) else 0.0
    if ended.status == "time_limit" and "CPU" in ended.reason:
        return limits.cpu_seconds + of_tests
    return of_tests + min(ended.cpu_seconds, limits.cpu_seconds) + FLOOR + limits.wall_factor * limits.cpu_seconds


def is_of(process: psutil.Process, users: range) -> bool:
    """Whether a process belongs to one of these users."""
    try:
        return process.uids().real in users
    except psutil.NoSuchProcess:
        return False
