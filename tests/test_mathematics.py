"""The 'math' grader: its cases, hostile input, and the life of its worker processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from r1bench.harness.errors import GraderError
from r1bench.harness.records import Grade
from r1bench.tasks.grading import GradeRequest, GradingPool
from r1bench.tasks.grading.workers import Question, WorkerPool

CASES = json.loads((Path(__file__).parent / "cases" / "mathematics.json").read_text(encoding="utf-8"))
HARD = Question("1", "9^{9^{9^9}}")
PARENT = """
import sys, time
from r1bench.tasks.grading.workers import Question, WorkerPool
pool = WorkerPool(cpu_seconds=600.0)
pool.ask([Question("x", "x")])
print(pool.idle[0].process.pid, flush=True)
pool.ask([Question("1", "9^{9^{9^9}}")])
"""


@pytest.fixture(scope="module")
def pool() -> Iterator[GradingPool]:
    with GradingPool("math", cpu_seconds=1.0) as opened:
        yield opened


def grade(pool: GradingPool, answer: str, gold: str = "x+1") -> Grade:
    return pool.grade([GradeRequest(f"\\boxed{{{answer}}}", (gold,), "stop")])[0]


def is_running(pid: int) -> bool:
    """Whether a process exists and is more than a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['gold']} / {case['answer']}")
def test_a_pair_is_judged_as_its_case_says(pool: GradingPool, case: dict[str, Any]) -> None:
    assert grade(pool, case["answer"], case["gold"]).outcome == ("correct" if case["correct"] else "wrong"), case["why"]


@pytest.mark.parametrize("answer", ["9^{9^{9^9}}", "(10^9)!"])
def test_an_answer_without_end_fails_at_the_time_bound(pool: GradingPool, answer: str) -> None:
    found = grade(pool, answer, gold="\\pi")
    assert (found.outcome, found.reason, found.score) == ("failed", "time bound", 0.0)


def test_the_pool_goes_on_after_a_time_bound(pool: GradingPool) -> None:
    answers = ["1+x", "9^{9^{9^9}} + x + 1", "x+2"]
    grades = pool.grade([GradeRequest(f"\\boxed{{{answer}}}", ("x+1",), "stop") for answer in answers])
    assert (grades[0].outcome, grades[2].outcome) == ("correct", "wrong")


@pytest.mark.parametrize(
    "answer", ["\\boxed{}" * 31, "(" * 900 + ")" * 900, "\\frac{" * 200 + "1" + "}{2}" * 200, "{" * 99, "2^{2^{2^{49}}}", "\x00", "\ud800"]
)
def test_hostile_answers_are_never_correct(pool: GradingPool, answer: str) -> None:
    assert grade(pool, answer).outcome in ("wrong", "unparsed", "failed")


@pytest.mark.parametrize("piece", ["\\boxed{", "x+", "\\frac{", "$"])
def test_a_megabyte_of_anything_is_graded(pool: GradingPool, piece: str) -> None:
    assert grade(pool, piece * (1_000_000 // len(piece))).outcome == "unparsed"


def test_nothing_is_not_equal_to_nothing(pool: GradingPool) -> None:
    assert pool.grade([GradeRequest("I cannot answer.", ("\\text{Friday}",), "stop")])[0].outcome == "unparsed"
    assert pool.check_golds(["", "$$"])[0] == "is empty"


def test_golds_that_do_not_parse_are_named(pool: GradingPool) -> None:
    assert pool.check_golds(["x+1", "\\frac{", "\\text{even}"])[1] == "cannot be compared (the gold answer does not parse)"
    with pytest.raises(GraderError, match="does not parse"):
        grade(pool, "x+2", gold="\\frac{")


def test_equal_pairs_are_asked_once(pool: GradingPool) -> None:
    pool.remembered.clear()
    pool.grade([GradeRequest("\\boxed{1+y}", ("y+1",), "stop")] * 3)
    assert len(pool.remembered) == 1


def test_a_worker_that_is_killed_is_replaced_and_asked_again() -> None:
    with WorkerPool() as workers:
        workers.ask([Question("x", "x")])
        os.kill(workers.idle[0].process.pid, signal.SIGKILL)
        assert workers.ask([Question("x+1", "1+x")])[0].outcome == "correct"


def test_a_worker_that_hangs_is_ended_at_the_wall_bound() -> None:
    with WorkerPool(cpu_seconds=600.0, wall_seconds=0.5) as workers:
        assert workers.ask([HARD])[0][:2] == ("failed", "wall bound")
        assert workers.idle == workers.busy == []


def test_verdicts_keep_their_order_with_several_workers() -> None:
    questions = [Question(f"x+{number}", f"{number % 2 * number}+x") for number in range(8)]
    with WorkerPool(num_workers=2) as workers:
        outcomes = [verdict.outcome for verdict in workers.ask(questions)]
    assert outcomes == ["correct"] + ["correct", "wrong"] * 3 + ["correct"]


def test_closing_leaves_no_process() -> None:
    with WorkerPool() as workers:
        workers.ask([Question("x", "x")])
        pid = workers.idle[0].process.pid
    assert not is_running(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_killing_the_parent_leaves_no_process() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 30
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(pid)
