"""The processes that Math-Verify runs in: bounds, order, and their life and death."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from r1bench.tasks.grading.mathematics.math_worker import judge
from r1bench.tasks.grading.mathematics.workers import Question, WorkerPool

HARD = Question("1", "9^{9^{9^9}}")
PARENT = """
import sys, time
from r1bench.tasks.grading.mathematics.workers import Question, WorkerPool
pool = WorkerPool(cpu_seconds=600.0)
pool.ask([Question("x", "x")])
print(pool.idle[0].process.pid, flush=True)
pool.ask([Question("1", "9^{9^{9^9}}")])
"""


def is_running(pid: int) -> bool:
    """Whether a process exists and is more than a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_until(condition: "object") -> None:
    assert callable(condition)
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


def test_a_comparison_ends_at_its_bound_on_processor_time_and_its_worker_lives_on() -> None:
    with closing(WorkerPool(cpu_seconds=0.3)) as workers:
        assert workers.ask([HARD])[0][:2] == ("failed", "time bound")
        pid = workers.idle[0].process.pid
        assert workers.ask([Question("x+1", "1+x")])[0].outcome == "correct"
        assert workers.idle[0].process.pid == pid


@pytest.mark.parametrize("handling", [signal.SIG_IGN, signal.SIG_DFL])
def test_the_bound_holds_whatever_this_process_does_with_the_signal(handling: signal.Handlers) -> None:
    before = signal.signal(signal.SIGPROF, handling)
    try:
        with closing(WorkerPool(cpu_seconds=0.3)) as workers:
            assert workers.ask([HARD])[0].reason == "time bound"
    finally:
        signal.signal(signal.SIGPROF, before)


def test_math_verifys_false_equalities_are_caught() -> None:
    assert judge("\\frac{1}{2^{99}}", "\\frac{1}{2^{98}}") == ("wrong", "differs by little")
    assert judge("\\frac{1}{2^{99}}", "2^{-99}") == ("correct", "equal")


def test_a_worker_that_is_killed_is_replaced_and_asked_again() -> None:
    with closing(WorkerPool()) as workers:
        workers.ask([Question("x", "x")])
        os.kill(workers.idle[0].process.pid, signal.SIGKILL)
        assert workers.ask([Question("x+1", "1+x")])[0].outcome == "correct"


def test_a_worker_that_hangs_is_ended_at_the_wall_bound() -> None:
    with closing(WorkerPool(cpu_seconds=600.0, wall_seconds=0.5)) as workers:
        assert workers.ask([HARD])[0][:2] == ("failed", "wall bound")
        assert workers.idle == workers.busy == []


def test_verdicts_keep_their_order_with_several_workers() -> None:
    questions = [Question(f"x+{number}", f"{number % 2 * number}+x") for number in range(8)]
    with closing(WorkerPool(num_workers=2)) as workers:
        outcomes = [verdict.outcome for verdict in workers.ask(questions)]
    assert outcomes == ["correct"] + ["correct", "wrong"] * 3 + ["correct"]


def test_closing_leaves_no_process() -> None:
    with closing(WorkerPool()) as workers:
        workers.ask([Question("x", "x")])
        pid = workers.idle[0].process.pid
    assert not is_running(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_killing_the_parent_leaves_no_process() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        wait_until(lambda: children_of(pid))
        family = [pid, *children_of(pid)]
        parent.kill()
    wait_until(lambda: not any(is_running(member) for member in family))
