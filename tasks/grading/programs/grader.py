"""The grader 'code': finds the program of a completion, runs it on the tests of its problem in the sandbox, compares outside of it.

Correct is a program that passes all tests; its score is 1, any other 0, and `details` has the share of tests that it passed. No
expected output, value or assertion is ever given to the process that runs the program. A failure of the sandbox is `failed`, never a
score. All requests advance together, so that the workers of the sandbox are busy; no verdict depends on that or on the clock.

    CodeGrader(num_workers=2).grade([GradeRequest("```python\\nprint(input())\\n```", tests={"kind": "stdin", "cases": [...]})])

Options: `time_limit` (seconds of processor time for each test, 10), `memory_limit` (MB, 1024), `layout`, `float_tolerance`
(outputs.py). After three tests that ran into a limit the rest is not run and counts as not passed. The details:
status (`passed`, else that of the first test that failed: wrong_answer, runtime_error, compile_error, time_limit, memory_limit,
output_limit, forbidden, and those that judge nobody and are `failed`: sandbox_error, and tests_error, where the reference of the tests
does not finish or their code cannot be run), passed, total, fraction, tests (the first 100), first_failure, seconds.
"""

import math
import threading
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from r1bench.harness import thinking
from r1bench.harness.errors import GraderError, R1benchError, printable
from r1bench.harness.records import Outcome
from r1bench.harness.sandbox import Ended, Job, Limits, Sandbox, open_sandbox
from r1bench.tasks.grading import Engine
from r1bench.tasks.grading.programs.finding import Found, find_program
from r1bench.tasks.grading.programs.outputs import conventions_of
from r1bench.tasks.grading.programs.runs import NOT_ASKED, References, Result, run_tests
from r1bench.tasks.grading.programs.tests import check_tests, names_called
from r1bench.tasks.grading.request import GradeRequest, Judgement

SHOWN_TESTS = 100
MAX_EXTRACTED = 20_000
OPTIONS = ("time_limit", "memory_limit", "layout", "float_tolerance")
PACKAGES = ("numpy", "sortedcontainers")
"""What programs may import beside the standard library, where it is installed: contests and EvalPlus's tests take it for granted."""
Judging = Generator[list[Job], list[Ended], Judgement]


def check_options(options: Mapping[str, Any]) -> str | None:
    """None, or the first convention that this grader does not know or whose value cannot be."""
    for name, value in options.items():
        if name not in OPTIONS:
            return f"unknown option {name!r:.40}; known: {', '.join(OPTIONS)}"
        if name == "layout":
            if value not in ("lines", "tokens"):
                return f"'layout' is {value!r:.40}; it must be 'lines' or 'tokens'"
        elif isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            return f"{name!r} is {value!r:.40}; it must be a number that is not negative"
        elif value == 0 and name != "float_tolerance":
            return f"{name!r} is 0; it must be above 0"
    return None


def open_engine(name: str, num_workers: int, cpu_seconds: float, sandbox: str) -> Engine:
    """The engine of 'code'; time is limited by the tests' own options."""
    return CodeGrader(num_workers, sandbox)


class CodeGrader(Engine):
    """Runs programs on tests. The sandbox is opened when the first program is to be run.

    Args:
        num_workers: programs that run at one time.
        sandbox: 'auto', 'bubblewrap' or 'none' (harness/sandbox).
    """

    def __init__(self, num_workers: int = 1, sandbox: str = "auto") -> None:
        self.num_workers, self.kind = num_workers, sandbox
        self.sandbox: Sandbox | None = None
        self.references = References({}, set())
        self.lock = threading.Lock()
        """A sandbox is used by one thread at a time."""

    def grade(self, requests: Sequence[GradeRequest]) -> list[Judgement]:
        """One judgement per request, in their order.

        Raises:
            GraderError: a request has no tests, or tests that cannot be used.
            SandboxError: no isolation can be had on this machine.
        """
        references = self.references._replace(running=set())
        going = [judge(request, references) for request in requests]
        judgements: dict[int, Judgement] = {}
        ended: dict[int, Any] = dict.fromkeys(range(len(going)))
        while ended:
            wanted: dict[int, list[Job]] = {}
            for index, answers in ended.items():
                try:
                    wanted[index] = going[index].send(answers)
                except StopIteration as done:
                    judgements[index] = done.value
                except R1benchError:
                    raise
                except Exception as error:
                    raise GraderError(f"grader 'code' broke on text {requests[index].text[:80]!r}: {error!r:.300}") from error
            answered = iter(self._run([job for jobs in wanted.values() for job in jobs]))
            ended = {index: [next(answered) for _ in jobs] for index, jobs in wanted.items()}
        return [judgements[index] for index in range(len(going))]

    def prepare(self) -> None:
        """Open the sandbox now; SandboxError where no isolation can be had."""
        with self.lock:
            self._opened()

    def close(self) -> None:
        """End the sandbox's processes."""
        if self.sandbox is not None:
            self.sandbox.close()
            self.sandbox = None

    def _run(self, jobs: Sequence[Job]) -> list[Ended]:
        if not jobs:
            return []
        with self.lock:
            try:
                return self._opened().run(jobs)
            except R1benchError:
                raise
            except Exception as error:  # while comparing
                raise GraderError(f"grader 'code' broke on what a program gave: {error!r:.300}") from error

    def _opened(self) -> Sandbox:
        if self.sandbox is None:
            self.sandbox = open_sandbox(self.kind, self.num_workers, PACKAGES)
        return self.sandbox


def judge(request: GradeRequest, references: References) -> Judging:
    """From a completion to its verdict; asks for what is to be run."""
    if request.tests is None or (reason := check_tests(request.tests, with_values=False)):
        raise GraderError(f"grader 'code' cannot judge by the tests: {reason if request.tests else 'there are none'}; check the problems")
    found = find(request, names_called(request.tests))
    if isinstance(found, Judgement):
        return found
    limits, conventions = limits_of(request.options), conventions_of(request.options)
    setup, after = (request.tests.get(name, "") for name in ("setup", "after"))
    readings = ["\n".join(part for part in (setup, reading, after) if part) for reading in found.readings]
    if setup:  # nothing may come before a future import
        readings += [f"{reading}\n{after}" for reading in found.readings if "from __future__" in reading]
    results: list[Result] = []
    for reading in readings:
        results = yield from run_tests(reading, request.tests, limits, conventions, references)
        if results[0].status != "compile_error":
            break
    return verdict(found, results, was_cut=request.finish_reason == "length")


def find(request: GradeRequest, names: Sequence[str]) -> Found | Judgement:
    """The program of a completion, or already the verdict."""
    if request.finish_reason == "error":
        return Judgement("failed", 0.0, reason="generation ended in an error")
    without: Outcome = "truncated" if request.finish_reason == "length" else "unparsed"
    part = thinking.split(request.text, request.prefill)
    if part.state == "unfinished":
        return Judgement(without, 0.0, reason="the reasoning does not end")
    found = find_program(part.answer_part, request.prefill, request.prompt, names)
    return found if found.readings else Judgement(without, 0.0, reason=found.reason, flags=found.flags)


def limits_of(options: Mapping[str, Any]) -> Limits:
    """The sandbox's limits for options; its own where they say nothing."""
    limits = Limits()
    if "time_limit" in options:
        limits = limits._replace(cpu_seconds=float(options["time_limit"]))
    return limits._replace(memory_bytes=int(options["memory_limit"] * 2**20)) if "memory_limit" in options else limits


def verdict(found: Found, results: Sequence[Result], was_cut: bool) -> Judgement:
    """Correct if every test passed; a program that was cut off in the middle is truncated unless it passed all the same."""
    unasked = [result.note for result in results if result.status == NOT_ASKED]
    results = [result for result in results if result.status != NOT_ASKED]
    bad = [(number, result) for number, result in enumerate(results, start=1) if result.status != "passed"]
    broken = [result for status in ("sandbox_error", "tests_error") for _, result in bad if result.status == status]
    passed, total = len(results) - len(bad), len(results)
    status = broken[0].status if broken else bad[0][1].status if bad else "passed"
    seconds = sum(result.seconds or 0.0 for result in results)
    details: dict[str, Any] = {"status": status, "passed": passed, "total": total, "fraction": passed / total}
    details["tests"] = [plain(result) for result in results[:SHOWN_TESTS]]
    extracted = found.text if len(found.text) <= MAX_EXTRACTED else found.text[:MAX_EXTRACTED]
    remark = printable(f"; not asked: {unasked[0]:.200}{', and others' if unasked[1:] else ''}") if unasked else ""
    if not bad:
        return Judgement("correct", 1.0, extracted, f"passed {total} of {total} tests{remark}", found.flags, details, int(seconds * 1e6))
    number, first = bad[0]
    note = printable(first.note[:300])  # which may quote the program
    details["first_failure"] = f"test {number}: {first.status}{f' ({note})' if note else ''}"
    outcome: Outcome = "failed" if broken else "truncated" if was_cut and found.is_open else "wrong"
    reason = printable(broken[0].note[:300]) if broken else f"passed {passed} of {total} tests; {details['first_failure']}{remark}"
    return Judgement(outcome, 0.0, extracted, reason, found.flags, details, int(seconds * 1e6))


def plain(result: Result) -> dict[str, Any]:
    """A result as JSON has it."""
    return {"status": result.status} if result.seconds is None else {"status": result.status, "seconds": round(result.seconds, 4)}
