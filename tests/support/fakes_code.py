"""For tests of the code grader: a sandbox that plays one answer, and a real grader, where programs can be isolated."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from r1bench.harness.errors import SandboxError
from r1bench.harness.sandbox import Ended, Job, Script, Status, open_sandbox
from r1bench.tasks.grading.programs.grader import PACKAGES, CodeGrader


class PlayedSandbox:
    """Answers every job with one status, and keeps the jobs."""

    name = "played"

    def __init__(self, status: Status, stdout: str = "") -> None:
        self.status, self.stdout, self.jobs = status, stdout, list[Job]()

    def run(self, jobs: Sequence[Job]) -> list[Ended]:
        self.jobs += jobs
        return [self.played(job) for job in jobs]

    def played(self, job: Job) -> Ended:
        keep = job.keep if isinstance(job, Script) and self.status == "finished" else None
        return Ended(self.status, "played", kept=keep(self.stdout)) if keep else Ended(self.status, "played", self.stdout)

    def close(self) -> None:
        pass


@contextmanager
def isolated_grader() -> Iterator[CodeGrader]:
    """A grader whose sandbox is open; the test is skipped where there is none, or fails if R1BENCH_REQUIRE_SANDBOX=1."""
    grader = CodeGrader(num_workers=2)
    try:
        grader.sandbox = open_sandbox("bubblewrap", 2, PACKAGES)
    except SandboxError as error:
        if os.environ.get("R1BENCH_REQUIRE_SANDBOX") == "1":
            raise
        pytest.skip(str(error))
    try:
        yield grader
    finally:
        grader.close()
