"""A mean over problems with its error and interval: of shares, of counts, of what may be unknown.

Left out: what the means are of (metrics.py, languages.py).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from r1bench.harness import statistics


class Mean(NamedTuple):
    """A mean per problem and its standard error over questions and samples; None where unknown."""

    value: float | None
    error: float | None


class Measure(NamedTuple):
    """A mean per problem with its standard error and interval, both over questions and samples; None where unknown."""

    value: float | None
    error: float | None
    low: float | None
    high: float | None


def mean_and_error(values: Sequence[float]) -> tuple[float | None, float | None]:
    """The mean of one value per problem and its standard error (the central limit theorem); None where unknown."""
    if not values:
        return None, None
    if len(values) < 2:
        return values[0], None
    if min(values) == max(values):  # so it is for many a rule and count
        return values[0], 0.0
    mean = math.fsum(values) / len(values)
    squares = math.fsum((value - mean) ** 2 for value in values)
    return mean, math.sqrt(squares / (len(values) - 1) / len(values))


class Score(NamedTuple):
    """A score with its standard error (None for one problem) and interval, both over questions and samples."""

    value: float
    error: float | None
    low: float
    high: float


def score_measure(scores: statistics.Scores, level: float = 0.95) -> Score:
    """Scores of the samples of each problem, with `statistics.interval`."""
    means = statistics.question_means(scores)
    low, high, _ = statistics.interval(scores, level)
    return Score(math.fsum(means) / len(means), mean_and_error(means)[1], low, high)


def share_measure(values: Sequence[float], level: float = 0.95) -> Measure:
    """A share, one value per problem: `statistics.mean_interval`, which is never of zero width, also for one problem, at 0 and at 1."""
    if min(values) < 0 or max(values) > 1:  # a file may say what it likes
        values = [min(max(value, 0.0), 1.0) for value in values]
    mean, error = mean_and_error(values)
    if mean in (0, 1):  # the same as below, sooner
        low, high, _ = statistics.wilson_interval(mean * len(values), len(values), level)
    else:
        low, high, _ = statistics.mean_interval(values, level)
    return Measure(mean, error, low, high)


def count_measure(value: float | None, error: float | None, size: int, level: float) -> Measure:
    """A mean of something that is never negative, with its t interval; unknown for one problem.

    Where it never happened that would have no width: the upper end is then what a Poisson count can hide in this many problems, one trial
    each (Garwood 1936). Where all problems have the same mean above 0 it has no width.
    """
    if value is None or error is None:
        return Measure(value, None, None, None)
    if value == 0:
        return Measure(value, error, 0.0, -math.log((1 - level) / 2) / size)
    half = statistics.student_t(level, size - 1) * error
    return Measure(value, error, max(0.0, value - half), value + half)
