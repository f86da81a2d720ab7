"""Intervals of a mean score over questions and samples. Left out: differences of two runs (paired.py).

One rule for all: Wilson's score interval with as many trials as the scores are worth. A proportion of T independent trials has variance
p (1 - p) / T; where the variance of a mean is estimated from its problems, T = p (1 - p) / variance is its effective number of trials,
the number of samples over the design effect (Kish 1965; Kott and Carr 1997; Dean and Pagano 2015). Ours adds a little imaginary evidence to
that estimate instead of taking a t quantile; with one sample of 0 or 1 per problem it is Wilson's interval itself. How often each interval
covers the truth: `scripts/bench intervals` and docs/measured/calibration.md.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from r1bench.harness.errors import UsageError
from r1bench.harness.statistics.distributions import normal_quantile
from r1bench.harness.statistics.spread import Scores, question_means

IMAGINARY_PROBLEMS = 0.75
"""Weight of imaginary problems, half of them always solved and half never, in the estimate of the design effect. Without them a handful of
problems that happen to agree would count as a sure thing. Chosen by simulation."""


class Interval(NamedTuple):
    """A confidence interval and how it was made."""

    low: float
    high: float
    method: str


def wilson_interval(successes: float, trials: float, level: float = 0.95) -> Interval:
    """Score interval of a proportion (Wilson 1927): never of zero width, never outside 0 ... 1.

    Both may be fractions: an effective number of trials, a sum of question means. With the number of problems as trials a sum of question
    means has an interval too wide rather than too narrow, because no distribution on 0 ... 1 spreads more than the one of zeros and ones
    with the same mean.
    """
    if trials <= 0 or not 0 <= successes <= trials:
        raise UsageError(f"{successes} of {trials} is no proportion; give a trial or more, and 0 ... trials successes")
    z, share = normal_quantile((1 + level) / 2), successes / trials
    middle = share + z**2 / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    scale = 1 + z**2 / trials
    low, high = (middle - half) / scale, (middle + half) / scale
    return Interval(min(max(0.0, low), share), max(min(1.0, high), share), "wilson")


def effective_trials(values: Sequence[float]) -> float:
    """How many trials of different problems the means of these problems are worth; their number where all are 0 or 1, else more.

    N p (1 - p) / (variance of the values), both with the imaginary problems.
    """
    count, whole = len(values), len(values) + IMAGINARY_PROBLEMS
    mean = (math.fsum(values) + IMAGINARY_PROBLEMS / 2) / whole
    squares = math.fsum((value - mean) ** 2 for value in values) + IMAGINARY_PROBLEMS / 2 * (mean**2 + (1 - mean) ** 2)
    return max(count, count * mean * (1 - mean) * whole / squares)


def _wilson(mean: float, trials: float, plain: float, level: float) -> Interval:
    """Wilson's interval of a mean; called 'wilson' where the trials are `plain` ones."""
    found = wilson_interval(mean * trials, trials, level)
    return found if math.isclose(trials, plain, rel_tol=1e-9) else found._replace(method="wilson-effective")


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Interval of a mean over problems with one value each in 0 ... 1 (pass@k, cons@k, a rate), for questions like these.

    'wilson' where all values are 0 or 1, 'wilson-effective' otherwise. Raises UsageError without values or beyond 0 ... 1.
    """
    if not values or not all(0 <= value <= 1 for value in values):
        raise UsageError("no interval: the values must be one or more, each 0 ... 1; evaluate first")
    return _wilson(math.fsum(values) / len(values), effective_trials(values), len(values), level)


def interval(scores: Scores, level: float = 0.95) -> Interval:
    """The interval of pass@1 over questions and samples: Wilson's, with as many trials as the samples are worth.

    'wilson' where every question mean is 0 or 1 (always so with one sample that is right or wrong), 'wilson-effective' otherwise. Scores
    of 0 and 1 are worth no more trials than there are samples, at most where all problems are equally hard.
    """
    means = question_means(scores)
    trials = effective_trials(means)
    if all(score in (0, 1) for row in scores for score in row):
        trials = min(trials, len(means) ** 2 / math.fsum(1 / len(row) for row in scores))
    return _wilson(math.fsum(means) / len(means), trials, len(means), level)
