"""Rewards by name, made of the graders that judge an evaluation: what trains a model and what measures it are the same code.

A reward takes a problem's golds and a graded completion and gives a number, or None where it does not apply. Formulas: accuracy and
format are 1 or 0 with equal weight (DeepSeek-R1, arXiv 2501.12948 v2, Eq. 4; the value of the format reward is not stated there).
Left out, until the graders they need are there: code, language consistency, length shaping.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from r1bench.harness.errors import UnknownNameError
from r1bench.harness.records import Completion, Grade
from r1bench.tasks.grading import GradeRequest, GradingPool
from r1bench.tasks.grading.format import keeps_format

Reward = Callable[[Completion, Grade], float | None]


def accuracy(completion: Completion, grade: Grade) -> float | None:
    """1 for a correct answer, 0 otherwise; None where grading itself broke off, which says nothing about the model."""
    return None if grade.outcome == "failed" else grade.score


def format_reward(completion: Completion, grade: Grade) -> float | None:
    """1 for exactly one <think>...</think> followed by one <answer>...</answer>, 0 otherwise."""
    return float(keeps_format(completion.text, completion.prefill))


REWARDS: dict[str, Reward] = {
    "accuracy": accuracy,
    "format": format_reward,
}


class Scored(NamedTuple):
    """What one completion earned."""

    total: float
    """Weighted sum of the rewards that apply; NaN where none does, or where grading broke off: such a sample must not look bad."""
    parts: dict[str, float | None]
    grade: Grade


def check_rewards(names: Sequence[str]) -> None:
    """Raises UnknownNameError for a reward that is not in the table."""
    for name in names:
        if name not in REWARDS:
            raise UnknownNameError("reward", name, REWARDS, "docs/training.md")


def score(
    pool: GradingPool, golds: Sequence[tuple[str, ...]], completions: Sequence[Completion], weights: dict[str, float]
) -> list[Scored]:
    """Rewards for completions of problems whose golds stand in the same order; summed in float64 (Python floats)."""
    requests = [GradeRequest(done.text, gold, done.finish_reason, done.prefill) for gold, done in zip(golds, completions, strict=True)]
    found = []
    for completion, grade in zip(completions, pool.grade(requests), strict=True):
        parts = {name: REWARDS[name](completion, grade) for name in weights}
        is_judged = grade.outcome != "failed"
        applying = [weights[name] * value for name, value in parts.items() if value is not None and is_judged]
        found.append(Scored(sum(applying) if applying else float("nan"), parts, grade))
    return found
