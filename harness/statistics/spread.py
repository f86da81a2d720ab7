"""Means of scores, their three standard errors, and what their variance is made of.

`scores` is always one row per problem holding the scores of its samples, each 0 ... 1; rows may differ in length. Values and errors are
fractions, not points. None means "cannot be known from these samples", never 0.

Three standard errors of pass@1 are kept apart (Miller 2024, arXiv 2411.00640). The squares of the first two add up to
that of the third, unless the question part would be negative and is set to 0:
    resampling_error   the same questions, sampled again
    question_error     other questions of the same kind, beyond resampling
    total_error        both; what most harnesses print
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from r1bench.harness.errors import UsageError

Scores = Sequence[Sequence[float]]


class VarianceParts(NamedTuple):
    """What the variance of one sample's score is made of; None where unknown (see `variance_parts`)."""

    within: float | None
    """Mean over problems of the variance of their samples: luck. Needs two samples of every problem."""
    between: float | None
    """Variance of the problems' true scores: some are harder. Needs two problems too; a negative estimate is 0."""


def question_means(scores: Scores) -> list[float]:
    """The mean of each problem's samples. Raises UsageError where there is nothing to average."""
    if not scores or not all(scores):
        raise UsageError("nothing to average: there is no problem, or one without samples; evaluate first")
    return [math.fsum(row) / len(row) for row in scores]


def pass_at_1(scores: Scores) -> float:
    """Mean over problems of the mean over samples (DeepSeek-R1, arXiv 2501.12948, section 3)."""
    means = question_means(scores)
    return math.fsum(means) / len(means)


def variance(values: Sequence[float]) -> float:
    """Unbiased; needs two values."""
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def resampling_error(scores: Scores) -> float | None:
    """sqrt(sum_i s_i^2 / n_i) / N: how pass@1 moves when the same questions are sampled again (Miller 2024).

    None where a problem has a single sample: its own spread is then unknown.
    """
    if not scores or min(len(row) for row in scores) < 2:
        return None
    return math.sqrt(math.fsum(variance(row) / len(row) for row in scores)) / len(scores)


def total_error(scores: Scores) -> float | None:
    """Standard deviation of the question means / sqrt(N), the central limit theorem (Miller 2024). None for N = 1."""
    if len(scores) < 2:
        return None
    return math.sqrt(variance(question_means(scores)) / len(scores))


def question_error(scores: Scores) -> float | None:
    """What the choice of questions adds to resampling: sqrt(total^2 - resampling^2), and 0 where that is negative.

    The variance component of a one-way random-effects analysis, over N. None where either part is unknown.
    """
    total, resampling = total_error(scores), resampling_error(scores)
    if total is None or resampling is None:
        return None
    return math.sqrt(max(0.0, total**2 - resampling**2))


def variance_parts(scores: Scores) -> VarianceParts:
    """One-way random effects: var(score) = within + between (Miller 2024, section 3; Searle, Casella and McCulloch 1992, chapter 3).

    Problems weigh equally whatever their number of samples, as in pass@1 (the analysis of unweighted means), so that between = N *
    question_error^2; with equally many samples this is the classical analysis of variance. Raises UsageError where there is nothing to
    average.
    """
    means = question_means(scores)
    if min(len(row) for row in scores) < 2:
        return VarianceParts(None, None)
    spreads = [variance(row) for row in scores]
    within = math.fsum(spreads) / len(scores)
    if len(scores) < 2:
        return VarianceParts(within, None)
    noise = math.fsum(spread / len(row) for spread, row in zip(spreads, scores, strict=True)) / len(scores)
    return VarianceParts(within, max(0.0, variance(means) - noise))
