"""Intervals of a mean score over questions and samples. Left out: differences of two runs (paired.py)."""

import math
from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import NamedTuple

from r1bench.harness.errors import UsageError
from r1bench.harness.statistics.distributions import normal_quantile, student_t
from r1bench.harness.statistics.spread import Scores, question_means, variance

FEW_PROBLEMS = 10
"""Below this many problems a bootstrap cannot see beyond the handful of values it has."""
MANY_PROBLEMS = 100
"""From here on the mean of the problems is close enough to normal for a t interval."""
CHUNK = 1_000_000
"""Random numbers held in memory at a time."""


class Interval(NamedTuple):
    """A confidence interval and how it was made."""

    low: float
    high: float
    method: str


def wilson_interval(successes: float, trials: int, level: float = 0.95) -> Interval:
    """Score interval of a proportion (Wilson 1927): never of zero width, never outside 0 ... 1.

    `successes` may be a fraction (a sum of question means): the interval is then too wide rather than too narrow,
    because no distribution on 0 ... 1 spreads more than the one of zeros and ones with the same mean.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise UsageError(f"{successes} of {trials} is no proportion; give a trial or more, and 0 ... trials successes")
    z, share = normal_quantile((1 + level) / 2), successes / trials
    middle = share + z**2 / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    scale = 1 + z**2 / trials
    low, high = (middle - half) / scale, (middle + half) / scale
    return Interval(min(max(0.0, low), share), max(min(1.0, high), share), "wilson")


def chunks(count: int, width: int) -> Iterator[int]:
    """Row counts that add up to `count`, each of at most CHUNK numbers."""
    step = max(1, CHUNK // width)
    return (min(step, count - start) for start in range(0, count, step))


def bootstrap_interval(values: Sequence[float], level: float = 0.95, *, num_resamples: int = 10_000, seed: int = 0) -> Interval:
    """Percentile bootstrap of a mean over problems (Efron 1979); `values` are question means in 0 ... 1, in any order.

    Problems are drawn, not samples, so samples of one problem stay together. Percentiles are widened for few problems
    as in Hesterberg 2015 (arXiv 1411.5279, expanded percentile). Equal values have no spread to draw from: then it is
    Wilson with one trial per problem.
    """
    import numpy as np

    if not values:
        raise UsageError("nothing to resample: there are no problems; evaluate first")
    ordered, num_problems = np.sort(np.asarray(values, dtype=float)), len(values)
    if ordered[0] == ordered[-1]:
        low, high, _ = wilson_interval(float(ordered[0]) * num_problems, num_problems, level)
        return Interval(low, high, "wilson-problems")
    generator = np.random.default_rng(seed)
    draws = (generator.integers(0, num_problems, (rows, num_problems)) for rows in chunks(num_resamples, num_problems))
    means = np.concatenate([ordered[draw].mean(axis=1) for draw in draws])
    widened = math.sqrt(num_problems / (num_problems - 1)) * student_t(level, num_problems - 1)
    tail = NormalDist().cdf(-widened)
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(max(0.0, float(low)), min(1.0, float(high)), "bootstrap")


def interval(scores: Scores, level: float = 0.95) -> Interval:
    """The interval of pass@1 over questions and samples. Which one is a fixed rule:

    1. one sample for every problem              -> 'wilson', over the problems
    2. fewer than 10 problems, or equal means    -> 'wilson-problems': each problem is one trial (wide on purpose)
    3. fewer than 100 problems                   -> 'bootstrap', problems drawn whole
    4. otherwise                                 -> 't' on the question means, cut at 0 and 1
    """
    means = question_means(scores)
    num_problems, mean = len(means), math.fsum(means) / len(means)
    if all(len(row) == 1 for row in scores):
        return wilson_interval(math.fsum(means), num_problems, level)
    if num_problems < FEW_PROBLEMS or min(means) == max(means):
        return wilson_interval(math.fsum(means), num_problems, level)._replace(method="wilson-problems")
    if num_problems < MANY_PROBLEMS:
        return bootstrap_interval(means, level)
    half = student_t(level, num_problems - 1) * math.sqrt(variance(means) / num_problems)
    return Interval(max(0.0, mean - half), min(1.0, mean + half), "t")
