"""Rewards are the graders of the evaluation."""

import math

import pytest

from r1bench.harness.errors import UnknownNameError
from r1bench.harness.records import Completion
from r1bench.tasks.grading import GradingPool
from r1bench.tasks.rewards import check_rewards, score

WEIGHTS = {"accuracy": 1.0, "format": 0.5}


def total(text: str, finish_reason: str = "stop") -> float:
    with GradingPool("integer") as pool:
        return score(pool, [("7",)], [Completion(text, finish_reason, 5)], WEIGHTS)[0].total  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>3+4=7</think><answer>7</answer>", 1.5),
        ("<think>3+4=8</think><answer>8</answer>", 0.5),
        ("The answer is 7.", 1.0),
        ("<think>3+4=7", 0.0),
        ("<think>7</think>", 0.0),
        ("", 0.0),
    ],
)
def test_a_completion_earns_its_weighted_rewards(text: str, expected: float) -> None:
    assert total(text) == expected


def test_a_completion_whose_grading_broke_off_earns_nothing_at_all_rather_than_little() -> None:
    assert math.isnan(total("<think>3+4=7</think><answer>7</answer>", "error"))


def test_an_unknown_reward_comes_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'accuracy'"):
        check_rewards(["acuracy"])
