"""Two runs over the same problems: the difference, its error, its interval, a test. Left out: decisions (gate)."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from r1bench.harness.errors import UsageError
from r1bench.harness.statistics.distributions import student_t
from r1bench.harness.statistics.intervals import chunks
from r1bench.harness.statistics.spread import Scores, question_means, resampling_error, variance

if TYPE_CHECKING:
    import numpy

FEW_DIFFERENCES = 10
"""When fewer problems than this stand out from the rest, the spread of paired differences is not to be trusted."""
MAX_EXACT_FLIPS = 12
"""Up to this many differences all 2^n signs are tried; beyond, a seeded draw of them."""


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
    found = sum(hits(generator.integers(0, 2, (rows, nonzero.size))) for rows in chunks(num_resamples, nonzero.size))
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
    plain_error = math.sqrt(variance(differences) / count) if count > 1 else None
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
