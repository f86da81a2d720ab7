"""Intervals of a mean score over questions and samples. Left out: differences of two runs (paired.py).

One rule for all: Wilson's score interval with as many trials as the scores are worth. A proportion of T independent trials has variance
p (1 - p) / T; where the variance of a mean is estimated from its problems, T = p (1 - p) / variance is its effective number of trials,
the number of samples over the design effect (Kish 1965; Kott and Carr 1997; Dean and Pagano 2015). Ours adds a little imaginary evidence to
that estimate instead of taking a t quantile; with one sample of 0 or 1 per problem it is Wilson's interval itself. How often each interval
covers the truth: `scripts/bench intervals` and docs/measured/calibration.md.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from r1bench.harness.errors import UsageError
from r1bench.harness.statistics.distributions import binomial_tail, bisect, normal_probability, normal_quantile, student_t
from r1bench.harness.statistics.spread import Scores, question_means, variance

IMAGINARY_PROBLEMS = 0.75
"""Weight of imaginary problems, half of them always solved and half never, in the estimate of the design effect. Without them a handful of
problems that happen to agree would count as a sure thing. Chosen by simulation, together with the next one."""
IMAGINARY_SAMPLES = 3
"""The same for samples, half of them right and half wrong, where the questions are fixed."""
CHUNK = 1_000_000
"""Random numbers held in memory at a time."""


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


def exact_interval(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Interval of a proportion that never covers less often than `level` (Clopper and Pearson 1934), by bisection of binomial tails.

    For independent trials only, and wider than need be: at 30 trials it covers 97 % where 95 % were asked for.
    """
    if trials < 1 or not 0 <= successes <= trials or successes != int(successes) or trials != int(trials):
        raise UsageError(f"{successes} of {trials} is no count of independent trials; give whole numbers, or use wilson_interval")

    def lowest(count: int) -> float:
        return bisect(lambda chance: binomial_tail(count, trials, chance), (1 - level) / 2, 0.0, count / trials) if count else 0.0

    return Interval(lowest(int(successes)), 1 - lowest(int(trials - successes)), "exact")


def chunks(count: int, width: int) -> Iterator[int]:
    """Row counts that add up to `count`, each of at most CHUNK numbers."""
    step = max(1, CHUNK // width)
    return (min(step, count - start) for start in range(0, count, step))


def bootstrap_interval(values: Sequence[float], level: float = 0.95, *, num_resamples: int = 10_000, seed: int = 0) -> Interval:
    """Percentile bootstrap of a mean over problems (Efron 1979); `values` are question means in 0 ... 1, in any order.

    Problems are drawn, not samples, so samples of one problem stay together (the clustered bootstrap). Drawing samples within the drawn
    problems as well would count their luck twice, since a question mean has it already (Davison and Hinkley 1997, section 3.8).
    Percentiles are widened for few problems as in Hesterberg 2015 (arXiv 1411.5279, expanded percentile). Equal values have no spread to
    draw from: then it is Wilson with one trial per problem.
    """
    import numpy as np

    if not values:
        raise UsageError("nothing to resample: there are no problems; evaluate first")
    ordered, num_problems = np.sort(np.asarray(values, dtype=float)), len(values)
    if ordered[0] == ordered[-1]:
        return wilson_interval(float(ordered[0]) * num_problems, num_problems, level)
    generator = np.random.default_rng(seed)
    draws = (generator.integers(0, num_problems, (rows, num_problems)) for rows in chunks(num_resamples, num_problems))
    means = np.concatenate([ordered[draw].mean(axis=1) for draw in draws])
    widened = math.sqrt(num_problems / (num_problems - 1)) * student_t(level, num_problems - 1)
    tail = normal_probability(-widened)
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(max(0.0, float(low)), min(1.0, float(high)), "bootstrap")


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


def resampling_interval(scores: Scores, level: float = 0.95) -> Interval:
    """The interval of pass@1 on these very questions, fixed: only the luck of sampling counts, so it shrinks with n alone.

    Wilson's with the number of samples times p (1 - p) / (mean variance within a problem), both with the imaginary samples. Where a
    problem has a single sample its own variance is unknown: then it is `interval`, which is too wide here, and is called
    'wilson-questions'.
    """
    means = question_means(scores)
    if min(len(row) for row in scores) < 2:
        return interval(scores, level)._replace(method="wilson-questions")
    weights = [1 / len(row) for row in scores]
    within = math.fsum(weight * variance(row) for weight, row in zip(weights, scores, strict=True)) / math.fsum(weights)
    count, mean = sum(len(row) for row in scores), math.fsum(means) / len(means)
    together = (mean * count + IMAGINARY_SAMPLES / 2) / (count + IMAGINARY_SAMPLES)
    imaginary = IMAGINARY_SAMPLES / 2 * (together**2 + (1 - together) ** 2)
    of_most = (within * count + imaginary) / (count + IMAGINARY_SAMPLES) / (together * (1 - together))
    plain = len(means) ** 2 / math.fsum(weights)
    return _wilson(mean, plain / min(of_most, 1.0), plain, level)
