"""A share whose denominator is drawn too: right ones of the completed, Chinese words of all words; and two of them, paired by problem."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from r1bench.harness.errors import UsageError
from r1bench.harness.statistics.distributions import normal_quantile, student_t
from r1bench.harness.statistics.intervals import Interval, effective_trials, wilson_interval
from r1bench.harness.statistics.spread import variance

Pairs = Sequence[Sequence[tuple[float, float]]]
"""One row per problem with (part, whole) of each of its samples."""


class Difference(NamedTuple):
    """B - A of a ratio."""

    mean: float
    low: float | None
    high: float | None
    error: float | None
    method: str


class RatioDifference(NamedTuple):
    """Two ratios, their own intervals (`ratio_interval`), and what they differ in."""

    a: Interval
    b: Interval
    values: tuple[float, float]
    difference: Difference


def _departures(pairs: Pairs, value: float) -> list[list[float]]:
    """How far each sample draws the ratio from its value: the mean of a row is its problem's departure over the mean whole of a problem."""
    total = math.fsum(whole for row in pairs for _, whole in row)
    return [[(part - value * whole) * len(pairs) * len(row) / total for part, whole in row] for row in pairs]


def ratio_interval(sums: Sequence[float], counts: Sequence[float], level: float = 0.95, *, most_trials: float = math.inf) -> Interval:
    """Interval of sum(sums) / sum(counts), one pair per problem with 0 <= sum <= count: Wilson's with as many trials as its error is worth.

    That error is linearised, each problem counting by its departure sum - ratio * count (Cochran 1977, section 6.4). The trials are the
    fewer of two: with the imaginary problems of `effective_trials`, or with the t quantile of this many problems (Korn and Graubard 1998),
    which also sees that one problem may have most of the count; and never more than `most_trials`, the number of samples where each is
    right or wrong. Where all or none are right the trials are the problems, fewer where some have a larger count than others (Kish 1965).
    Problems without a count do not count.

    Raises UsageError: no problem has a count, or a sum is not 0 ... its count.
    """
    known = [(one, count) for one, count in zip(sums, counts, strict=True) if count > 0]
    total, size = math.fsum(count for _, count in known), len(known)
    if not total or any(not 0 <= one <= count for one, count in known):
        raise UsageError("no interval of a ratio: each problem must have 0 ... its count of something, and one a count above 0")
    value = min(1.0, math.fsum(one for one, _ in known) / total)
    departures = [(one - value * count) / total * size for one, count in known]
    squares = math.fsum(each**2 for each in departures) / size
    trials = effective_trials([value + each for each in departures])
    if value in (0, 1):
        trials = min(trials, total**2 / math.fsum(count**2 for _, count in known))
    elif squares > 0 and size > 1:
        few = normal_quantile((1 + level) / 2) / student_t(level, size - 1)
        trials = min(trials, value * (1 - value) / squares * (size - 1) * few**2)
    trials = max(1.0, min(trials, most_trials))
    return wilson_interval(value * trials, trials, level)._replace(method="wilson-effective")


def ratio_difference(pairs_a: Pairs, pairs_b: Pairs, level: float = 0.95, *, is_fixed: bool = False) -> RatioDifference:
    """B - A of sum(parts) / sum(wholes) over the same problems, row i of both being one problem; each side needs a whole above 0.

    Both ratios are linearised (Cochran 1977, section 6.4), so that each problem has one departure per side: their differences over problems
    give the error for questions like these, and the departures of samples within problems that for these very questions (`is_fixed`, with
    two samples of every problem; otherwise over problems). Where that error is 0, as where neither side has any part, the interval is put
    together from those of both sides by squaring and adding (Newcombe 1998, method 10).
    """
    sums = [[[sum(pair[place] for pair in row) for row in side] for place in (0, 1)] for side in (pairs_a, pairs_b)]
    a, b = (ratio_interval(parts, wholes, level) for parts, wholes in sums)
    value_a, value_b = (math.fsum(parts) / math.fsum(wholes) for parts, wholes in sums)
    rows_a, rows_b = _departures(pairs_a, value_a), _departures(pairs_b, value_b)
    size, mean = len(pairs_a), value_b - value_a
    if is_fixed and min(map(len, [*pairs_a, *pairs_b])) > 1:
        error, method = math.sqrt(sum(variance(row) / len(row) for row in (*rows_a, *rows_b))) / size, "t-samples"
    elif size > 1:
        departures = [math.fsum(y) / len(y) - math.fsum(x) / len(x) for x, y in zip(rows_a, rows_b, strict=True)]
        error, method = math.sqrt(variance(departures) / size), "t"
    else:
        return RatioDifference(a, b, (value_a, value_b), Difference(mean, None, None, None, ""))
    if error > 0:
        below = above = student_t(level, max(1, size - 1)) * error
    else:
        below, above, method = math.hypot(value_b - b.low, a.high - value_a), math.hypot(b.high - value_b, value_a - a.low), "newcombe"
    return RatioDifference(a, b, (value_a, value_b), Difference(mean, max(-1.0, mean - below), min(1.0, mean + above), error, method))
