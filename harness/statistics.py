"""How good a checkpoint is and how sure we are: small pure functions, each with its source.

`scores` is always one row per problem holding the scores of its samples, each 0 ... 1; rows may differ in length.
Values and errors are fractions, not points. None means "cannot be known from these samples", never 0. Left out:
corrections for several comparisons at once. Used by r1bench.leaderboards.

Three standard errors of pass@1 are kept apart (Miller 2024, arXiv 2411.00640). The squares of the first two add up to
that of the third, unless the question part would be negative and is set to 0:
    resampling_error   the same questions, sampled again
    question_error     other questions of the same kind, beyond resampling
    total_error        both; what most harnesses print
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

from r1bench.harness.errors import UsageError

if TYPE_CHECKING:
    import numpy

Scores = Sequence[Sequence[float]]
FEW_PROBLEMS = 10
"""Below this many problems a bootstrap cannot see beyond the handful of values it has."""
MANY_PROBLEMS = 100
"""From here on the mean of the problems is close enough to normal for a t interval."""
FEW_DIFFERENCES = 10
"""When fewer problems than this stand out from the rest, the spread of paired differences is not to be trusted."""
MAX_EXACT_FLIPS = 12
"""Up to this many differences all 2^n signs are tried; beyond, a seeded draw of them."""
CHUNK = 1_000_000
"""Random numbers held in memory at a time."""


class Interval(NamedTuple):
    """A confidence interval and how it was made."""

    low: float
    high: float
    method: str


class PairedDifference(NamedTuple):
    """B - A over the problems that both answered."""

    mean: float
    low: float
    high: float
    method: str
    """'t', or 'adjusted' (see `paired_difference`)."""
    total_error: float | None
    """Over questions and samples: what an interval about other questions of this kind needs. None for one problem."""
    resampling_error: float | None
    """Over new samples of these very questions. None where a problem has one sample only."""
    interval_error: float
    """The standard error behind low and high; never 0."""
    p_value: float
    """Two-sided sign-flip permutation test of 'neither is better'."""
    num_problems: int
    wins: int
    """Problems that B answers better than A."""
    losses: int
    ties: int


def question_means(scores: Scores) -> list[float]:
    """The mean of each problem's samples. Raises UsageError where there is nothing to average."""
    if not scores or not all(scores):
        raise UsageError("nothing to average: there is no problem, or one without samples; evaluate first")
    return [math.fsum(row) / len(row) for row in scores]


def pass_at_1(scores: Scores) -> float:
    """Mean over problems of the mean over samples (DeepSeek-R1, arXiv 2501.12948, section 3)."""
    means = question_means(scores)
    return math.fsum(means) / len(means)


def pass_at_k(num_samples: int, num_correct: int, k: int) -> float:
    """Chance that one of k is right, without bias: 1 - C(n-c, k) / C(n, k) (Chen et al. 2021, arXiv 2107.03374)."""
    if not 1 <= k <= num_samples or not 0 <= num_correct <= num_samples:
        given = f"{num_correct} correct of {num_samples} samples"
        raise UsageError(f"pass@{k} cannot be estimated from {given}; draw at least {k} samples per problem or lower k")
    return 1.0 - math.comb(num_samples - num_correct, k) / math.comb(num_samples, k)


def _variance(values: Sequence[float]) -> float:
    """Unbiased; needs two values."""
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def resampling_error(scores: Scores) -> float | None:
    """sqrt(sum_i s_i^2 / n_i) / N: how pass@1 moves when the same questions are sampled again (Miller 2024).

    None where a problem has a single sample: its own spread is then unknown.
    """
    if not scores or min(len(row) for row in scores) < 2:
        return None
    return math.sqrt(math.fsum(_variance(row) / len(row) for row in scores)) / len(scores)


def total_error(scores: Scores) -> float | None:
    """Standard deviation of the question means / sqrt(N), the central limit theorem (Miller 2024). None for N = 1."""
    if len(scores) < 2:
        return None
    return math.sqrt(_variance(question_means(scores)) / len(scores))


def question_error(scores: Scores) -> float | None:
    """What the choice of questions adds to resampling: sqrt(total^2 - resampling^2), and 0 where that is negative.

    The variance component of a one-way random-effects analysis, over N. None where either part is unknown.
    """
    total, resampling = total_error(scores), resampling_error(scores)
    if total is None or resampling is None:
        return None
    return math.sqrt(max(0.0, total**2 - resampling**2))


def normal_quantile(probability: float) -> float:
    """z with P(Z < z) = probability."""
    return NormalDist().inv_cdf(probability)


def _central_probability(t: float, degrees: int) -> float:
    """P(|T| < t) for whole degrees of freedom: the finite series 26.7.3 and 26.7.4 of Abramowitz and Stegun."""
    angle, is_odd = math.atan(t / math.sqrt(degrees)), degrees % 2
    cosine = math.cos(angle)
    term = (cosine if degrees > 1 else 0.0) if is_odd else 1.0
    series = term
    for index in range(3 if is_odd else 2, degrees - 1, 2):
        term *= cosine**2 * (index - 1) / index
        series += term
    return 2 / math.pi * (angle + math.sin(angle) * series) if is_odd else math.sin(angle) * series


@lru_cache(maxsize=256)
def student_t(level: float, degrees: int) -> float:
    """The t with P(|T| < t) = level, by bisection; above 2,000 degrees of freedom the normal value (0.1 % less)."""
    if degrees > 2000:
        return normal_quantile((1 + level) / 2)
    low, high = 0.0, 1.0
    while _central_probability(high, degrees) < level:
        low, high = high, high * 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _central_probability(middle, degrees) < level else (low, middle)
    return (low + high) / 2


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


def _chunks(count: int, width: int) -> Iterator[int]:
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
    draws = (generator.integers(0, num_problems, (rows, num_problems)) for rows in _chunks(num_resamples, num_problems))
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
    half = student_t(level, num_problems - 1) * math.sqrt(_variance(means) / num_problems)
    return Interval(max(0.0, mean - half), min(1.0, mean + half), "t")


def sign_flip_p_value(differences: Sequence[float], *, num_resamples: int = 10_000, seed: int = 0) -> float:
    """Two-sided permutation test: the share of sign patterns whose |sum| reaches the observed one (Fisher 1935).

    Exact up to 12 differences other than 0; beyond, (hits + 1) / (draws + 1) of seeded draws (Phipson and Smyth 2010).
    """
    import numpy as np

    nonzero = np.asarray([value for value in differences if value != 0], dtype=float)
    if nonzero.size == 0:
        return 1.0
    threshold = abs(nonzero.sum()) - 1e-9

    def hits(flips: "numpy.ndarray") -> int:
        return int(np.count_nonzero(np.abs(nonzero.sum() - 2 * (flips @ nonzero)) >= threshold))

    if nonzero.size <= MAX_EXACT_FLIPS:
        patterns = np.arange(2**nonzero.size)[:, None] >> np.arange(nonzero.size) & 1
        return hits(patterns) / len(patterns)
    generator = np.random.default_rng(seed)
    found = sum(hits(generator.integers(0, 2, (rows, nonzero.size))) for rows in _chunks(num_resamples, nonzero.size))
    return (found + 1) / (num_resamples + 1)


def adjusted_error(squares: float, total: float, num_problems: int) -> float:
    """Standard error of a mean difference with two imaginary problems, one won and one lost (Bonett and Price 2012).

    `squares` and `total` are the sums of the squared and the plain differences. Ours divides by N + 1, theirs by N + 2.
    """
    size = num_problems + 2
    return math.sqrt((squares + 2 - total**2 / size) / (size - 1) / size)


def paired_difference(scores_a: Scores, scores_b: Scores, level: float = 0.95) -> PairedDifference:
    """B - A, problem by problem; row i of both is one problem. Pairing removes shared difficulty (Miller 2024).

    The interval is 't' on the differences. Where fewer than 10 problems depart from the commonest difference (two
    saturated checkpoints, a handful of problems) their spread is an accident, 0 at worst: 'adjusted' then adds two
    imaginary problems, one won and one lost (Bonett and Price 2012), so that the interval never has zero width.
    Raises UsageError without problems.
    """
    if len(scores_a) != len(scores_b):
        raise UsageError(f"{len(scores_a)} and {len(scores_b)} problems cannot be paired; keep those that both answered")
    means = zip(question_means(scores_a), question_means(scores_b), strict=True)
    differences = [round(mean_b - mean_a, 12) for mean_a, mean_b in means]
    count, total = len(differences), math.fsum(differences)
    mean = total / count
    is_few = count - Counter(differences).most_common(1)[0][1] < FEW_DIFFERENCES
    plain_error = math.sqrt(_variance(differences) / count) if count > 1 else None
    if is_few or plain_error is None:
        error = adjusted_error(math.fsum(value**2 for value in differences), total, count)
        center, reach = total / (count + 2), student_t(level, count + 1) * error
    else:
        error, center, reach = plain_error, mean, student_t(level, count - 1) * plain_error
    parts = resampling_error(scores_a), resampling_error(scores_b)
    return PairedDifference(
        mean=mean,
        low=max(-1.0, min(center - reach, mean)),
        high=min(1.0, max(center + reach, mean)),
        method="adjusted" if is_few else "t",
        total_error=plain_error,
        resampling_error=None if parts[0] is None or parts[1] is None else math.hypot(parts[0], parts[1]),
        interval_error=error,
        p_value=sign_flip_p_value(differences),
        num_problems=count,
        wins=sum(value > 0 for value in differences),
        losses=sum(value < 0 for value in differences),
        ties=sum(value == 0 for value in differences),
    )
