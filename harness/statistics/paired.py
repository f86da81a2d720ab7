"""Two runs over the same problems: the difference, its error, its interval, tests. Left out: decisions (gate)."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from r1bench.harness.errors import UsageError
from r1bench.harness.statistics.evidence import Evidence, Questions, bound, can_fix_questions, evidence, moments, tail_p
from r1bench.harness.statistics.spread import Scores, resampling_error, variance

if TYPE_CHECKING:
    import numpy

CHUNK = 1_000_000
"""Random numbers held in memory at a time."""
MAX_EXACT_FLIPS = 12
"""Up to this many differences all 2^n signs are tried; beyond, a seeded draw of them."""


class PairedDifference(NamedTuple):
    """B - A over the problems that both answered."""

    mean: float
    low: float
    high: float
    method: str
    """'satterthwaite': from the spread of samples within problems. 't': from the spread of the differences over problems."""
    total_error: float | None
    """Over questions and samples: what an interval about other questions of this kind needs. None for one problem."""
    resampling_error: float | None
    """Over new samples of these very questions. None where a problem has one sample only."""
    interval_error: float
    """The standard error at the estimate; never 0. Over fixed questions the interval rests on that of each hypothesis (restricted.py)."""
    p_value: float
    """Two-sided, of 'neither is better': at most 1 - level exactly where the interval leaves 0 out (`two_sided_p`)."""
    num_problems: int
    wins: int
    """Problems that B answers better than A."""
    losses: int
    ties: int
    degrees: float
    """Degrees of freedom behind interval_error; 0 where nothing can be concluded."""
    questions: Questions
    """What the interval is about: these very questions ('fixed'), or questions like these ('random')."""
    permutation_p: float | None
    """Of the sign-flip test over the problems, a second opinion where the questions are random, otherwise None. It knows no noise floor."""


def _signed_sums(values: "numpy.ndarray", num_resamples: int, seed: int) -> "numpy.ndarray":
    """Sums of the values under random signs, by drawing what turns negative: of m equal values Binomial(m, 1/2)."""
    import numpy as np

    generator, sizes = np.random.default_rng(seed), np.abs(values)
    levels, counts = np.unique(np.round(sizes, 12), return_counts=True)
    is_distinct = len(levels) > len(sizes) / 4

    def flipped(rows: int) -> "numpy.ndarray":
        if is_distinct:  # single signs are drawn faster than binomials of one
            return generator.integers(0, 2, (rows, len(sizes)), dtype=np.int8) @ sizes
        return generator.binomial(counts, 0.5, (rows, len(levels))) @ levels

    step = max(1, CHUNK // (len(sizes) if is_distinct else len(levels)))
    return sizes.sum() - 2 * np.concatenate([flipped(min(step, num_resamples - start)) for start in range(0, num_resamples, step)])


def sign_flip_p_value(differences: Sequence[float], *, num_resamples: int = 10_000, seed: int = 0) -> float:
    """Two-sided permutation test: the share of sign patterns whose |sum| reaches the observed one (Fisher 1935).

    Exact up to 12 differences other than 0; beyond, (hits + 1) / (draws + 1) of seeded draws (Phipson and Smyth 2010).
    """
    import numpy as np

    nonzero = np.asarray([value for value in differences if value != 0], dtype=float)
    if nonzero.size == 0:
        return 1.0
    threshold = abs(nonzero.sum()) - 1e-9
    if nonzero.size <= MAX_EXACT_FLIPS:
        patterns = 1 - 2 * (np.arange(2**nonzero.size)[:, None] >> np.arange(nonzero.size) & 1)
        return int(np.count_nonzero(np.abs(patterns @ nonzero) >= threshold)) / len(patterns)
    found = int(np.count_nonzero(np.abs(_signed_sums(nonzero, num_resamples, seed)) >= threshold))
    return (found + 1) / (num_resamples + 1)


def paired_difference(
    scores_a: Scores, scores_b: Scores, level: float = 0.95, *, questions: Questions = "random", noise_error: float = 0.0
) -> PairedDifference:
    """B - A, problem by problem; row i of both is one problem. Pairing removes shared difficulty (Miller 2024).

    The interval holds what `tail_p` of the `evidence` does not reject, for 'random' or 'fixed' questions: mean -+ t x error where the
    questions are random. It is never of zero width; `noise_error` is the least error it may rest on. Both errors are reported
    whichever is used. Raises UsageError without problems.
    """
    if len(scores_a) != len(scores_b):
        raise UsageError(f"{len(scores_a)} and {len(scores_b)} problems cannot be paired; keep those that both answered")
    a, b = moments(scores_a), moments(scores_b)
    found = evidence(a, b, questions=questions, noise_error=noise_error)
    mean, error, degrees = (float(value) for value in found[:3])
    differences = [round(value, 12) for value in (b.mean - a.mean).tolist()]
    count, signs = len(differences), Counter((value > 0) - (value < 0) for value in differences)
    parts = resampling_error(scores_a), resampling_error(scores_b)
    return PairedDifference(
        mean=mean,
        low=max(-1.0, bound(found, (1 - level) / 2, side="above")),
        high=min(1.0, bound(found, (1 - level) / 2, side="below")),
        method="satterthwaite" if questions == "fixed" and can_fix_questions(a, b) else "t",
        total_error=math.sqrt(variance(differences) / count) if count > 1 else None,
        resampling_error=None if parts[0] is None or parts[1] is None else math.hypot(parts[0], parts[1]),
        interval_error=error,
        p_value=two_sided_p(found),
        num_problems=count,
        wins=signs[1],
        losses=signs[-1],
        ties=signs[0],
        degrees=degrees,
        questions=questions,
        permutation_p=sign_flip_p_value(differences) if questions == "random" else None,
    )


def two_sided_p(found: Evidence) -> float:
    """Twice the smaller one-sided p value of 'no difference', at most 1: it goes with the two-sided interval of any level."""
    return min(1.0, 2 * float(min(tail_p(found, 0.0, side="above"), tail_p(found, 0.0, side="below"))))


def identical(difference: PairedDifference) -> PairedDifference:
    """The difference of two copies of one evaluation: exactly 0, whatever another one would give."""
    permutation = None if difference.permutation_p is None else 1.0
    return difference._replace(low=0.0, high=0.0, method="identical", p_value=1.0, permutation_p=permutation)
