"""A share whose denominator is drawn too: right ones of the completed, Chinese words of all words.

Left out: means over problems (intervals.py).
"""

import math
from collections.abc import Sequence

from r1bench.harness.errors import UsageError
from r1bench.harness.statistics.distributions import normal_quantile, student_t
from r1bench.harness.statistics.intervals import Interval, effective_trials, wilson_interval


def ratio_interval(sums: Sequence[float], counts: Sequence[float], level: float = 0.95, *, most_trials: float = math.inf) -> Interval:
    """Interval of sum(sums) / sum(counts), one pair per problem with 0 <= sum <= count: Wilson's with as many trials as its error is worth.

    That error is linearised, each problem counting by its departure sum - ratio * count (Cochran 1977, section 6.4). The trials are the
    fewer of two: with the imaginary problems of `effective_trials`, or with the t quantile of this many problems (Korn and Graubard 1998),
    which also sees that one problem may have most of the count; and never more than `most_trials`, the number of samples where each is
    right or wrong. Where all or none are right the trials are the problems, fewer where some have a larger count than others (Kish 1965).
    Problems without a count do not count.

    Raises:
        UsageError: no problem has a count, or a sum is not 0 ... its count.
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
