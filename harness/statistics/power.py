"""What a comparison of a given size could show, before anything is spent. Left out: what was shown (paired.py)."""

from typing import NamedTuple


class Plan(NamedTuple):
    """One size of an experiment and what it can show, all in fractions."""

    num_problems: int
    samples_a: int
    """Per problem, of the baseline."""
    samples_b: int
    """Per problem, of the candidate."""
    error: float
    """Standard error of the paired difference that is to be expected."""
    detectable: float
    """The least true difference that is shown with `power` at one-sided `alpha`; also the least margin that an equal candidate passes."""
    alpha: float
    power: float


def plan(
    variance: float,
    num_problems: int,
    samples_a: int,
    samples_b: int | None = None,
    *,
    question_variance: float = 0.0,
    alpha: float = 0.05,
    power: float = 0.8,
) -> Plan:
    """What `num_problems` with so many samples each can show.

    Args:
        variance: mean over problems of the variance of one sample's score within its problem (p (1 - p) for right or wrong).
        question_variance: variance over problems of the true difference; 0 where the questions are fixed.
    """
    raise NotImplementedError


def power_of(plan: Plan, difference: float, threshold: float) -> float:
    """Chance that a one-sided test at plan.alpha shows the true `difference` to lie above `threshold` (both fractions)."""
    raise NotImplementedError


def samples_needed(
    variance: float,
    num_problems: int,
    margin: float,
    *,
    samples_a: int | None = None,
    question_variance: float = 0.0,
    alpha: float = 0.05,
    power: float = 0.8,
) -> int | None:
    """Samples per problem (of both runs, or of the candidate where the baseline's are given) that detect `margin`; None if none do."""
    raise NotImplementedError
