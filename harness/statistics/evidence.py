"""The paired difference of two tallies of samples, its standard error and its degrees of freedom: one formula for one gate or 10,000.

    a, b = tally(scores_a), tally(scores_b)          # or tally_of_counts(correct, count) for right or wrong
    mean, error, degrees = evidence(a, b, questions="fixed")

Arrays end in the axis of the problems; axes before it are independent comparisons (simulations judge through this code). Left out:
intervals and tests for people (paired.py).

Two imaginary samples, one won by each run, stand beside the T_a and T_b that were drawn: 1 / T_a^2 + 1 / T_b^2 is added to the squared
error (with one sample per problem it is the interval of Bonett and Price 2012 without its shift). They keep the error above 0 where
both runs are saturated, and vanish as samples grow.

Degrees of freedom say how well the squared error V = sum of v_i is known: V^2 / sum v_i^2 / (k_i + 2), with k_i degrees in v_i. That is
Satterthwaite 1946 with v_i^2 / (k_i + 2), the unbiased estimate of E[v_i]^2 / k_i under normality, where his formula puts v_i^2 / k_i;
right-or-wrong scores that differ on a few problems only get few degrees by it. The imaginary samples count with k = 0: two saturated runs
have 4 degrees and a one-sided 95 % bound 3.01 / T away, the 'rule of three'.
"""

from typing import Any, Literal, NamedTuple

from r1bench.harness.errors import UsageError
from r1bench.harness.statistics.spread import Scores, question_means, variance
from r1bench.harness.statistics.student import upper_tail

Questions = Literal["random", "fixed"]
Side = Literal["above", "below"]


class Tally(NamedTuple):
    """What a comparison needs of a run: arrays that end in the axis of the problems."""

    mean: Any
    variance: Any
    """Unbiased, of single samples within each problem; nan where a problem has one sample."""
    count: Any
    """Samples per problem."""


class Evidence(NamedTuple):
    """Numbers, or arrays with one number per comparison."""

    mean: Any
    """B - A."""
    error: Any
    """Never 0."""
    degrees: Any
    """0 where the error means nothing (one problem that was drawn, or one with a single sample)."""


def tally(scores: Scores) -> Tally:
    """One row of samples per problem, as means, variances and counts. Raises UsageError where there is nothing to average."""
    import numpy as np

    means = question_means(scores)
    spreads = [variance(row) if len(row) > 1 else float("nan") for row in scores]
    return Tally(np.asarray(means), np.asarray(spreads), np.asarray([len(row) for row in scores], dtype=float))


def tally_of_counts(correct: Any, count: Any) -> Tally:
    """Right-or-wrong samples: how many of `count` are right. Integer arrays (..., problems) that broadcast."""
    import numpy as np

    correct, count = np.broadcast_arrays(np.asarray(correct, dtype=float), np.asarray(count, dtype=float))
    share = correct / count
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.where(count > 1, share * (1 - share) * count / (count - 1), np.nan)
    return Tally(share, spread, count)


def can_fix_questions(a: Tally, b: Tally) -> bool:
    """Whether every problem has two samples in both runs, so that their spread within problems is known."""
    return bool((a.count >= 2).all() and (b.count >= 2).all())


def evidence(a: Tally, b: Tally, *, questions: Questions, noise_error: float = 0.0) -> Evidence:
    """B - A, its standard error and the degrees of freedom behind it; see above.

    questions='fixed': over new samples of these very questions, from the spread within problems. Where some problem has one sample
    that spread is unknown, and the spread of the differences over problems stands in, which is too wide rather than too narrow.
    questions='random': over other questions of this kind too, from the spread of the differences over problems.
    noise_error: what the backend's own nondeterminism adds up to; the error is never below it.
    """
    import numpy as np

    if questions not in ("random", "fixed"):
        raise UsageError(f"questions {questions!r} can be 'random' or 'fixed'; choose one")
    differences = b.mean - a.mean
    num_problems, mean = differences.shape[-1], differences.mean(axis=-1)
    imaginary = [1 / run.count.sum(axis=-1) ** 2 for run in (a, b)]
    if questions == "fixed" and can_fix_questions(a, b):
        parts = [(run.variance / run.count / num_problems**2, run.count + 1) for run in (a, b)]
        most_degrees = np.inf
    else:
        parts = [((differences - mean[..., None]) ** 2 / (num_problems * max(1, num_problems - 1)), 3)]
        most_degrees = num_problems - 1
    squared = sum(part.sum(axis=-1) for part, _ in parts) + sum(imaginary)
    doubt = sum((part**2 / weight).sum(axis=-1) for part, weight in parts) + sum(part**2 / 2 for part in imaginary)
    return Evidence(mean, np.maximum(np.sqrt(squared), noise_error), np.minimum(squared**2 / doubt, most_degrees))


def tail_p(found: Evidence, threshold: Any, *, side: Side) -> Any:
    """How surprising this would be if the true difference were just `threshold`: small where it is shown to lie above (below) it.

    1 where nothing can be concluded (no degrees of freedom).
    """
    import numpy as np

    if side not in ("above", "below"):
        raise UsageError(f"side {side!r} can be 'above' or 'below'; choose one")
    if np.all(np.equal(found.degrees, 0)):
        return np.ones(np.shape(found.mean))[()]
    distance = found.mean - threshold if side == "above" else threshold - found.mean
    return upper_tail(distance / found.error, found.degrees)
