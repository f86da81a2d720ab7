"""The paired difference of two runs' moments, its standard error and its degrees of freedom: one formula for one gate or 10,000.

    a, b = moments(scores_a), moments(scores_b)          # or moments_of_counts(correct, count) for right or wrong
    found = evidence(a, b, questions="fixed")
    tail_p(found, -0.02, side="above"), bound(found, 0.05, side="above")

Arrays end in the axis of the problems; axes before it are independent comparisons (simulations judge through this code).

Two imaginary samples, one won by each run, stand beside the T_a and T_b that were drawn: 1 / T_a^2 + 1 / T_b^2 is added to the squared
error (with one sample per problem it is the interval of Bonett and Price 2012 without its shift). They keep the error above 0 where
both runs are saturated, and vanish as samples grow.

Degrees of freedom say how well the squared error V = sum of v_i is known: V^2 / sum v_i^2 / (k_i + 2), with k_i degrees in v_i. That is
Satterthwaite 1946 with v_i^2 / (k_i + 2), the unbiased estimate of E[v_i]^2 / k_i under normality, where his formula puts v_i^2 / k_i;
right-or-wrong scores that differ on a few problems only get few degrees by it. The imaginary samples count with k = 0: two saturated runs
have 4 degrees and, over random questions, a one-sided 95 % bound 3.01 / T away, the 'rule of three'.

Over fixed questions a hypothesis about scores of 0 ... 1 is judged by the error that holds under it and not by that at the estimate
(restricted.py): near 0 and 1 a mean that is too good by luck shows too small an error as well. The clustering factor of a run is its
variance within problems, and one imaginary sample, over that of as many independent samples and the imaginary one; at most 1.
"""

import math
from typing import Any, Literal, NamedTuple

from r1bench.harness.errors import UsageError
from r1bench.harness.statistics.distributions import halve
from r1bench.harness.statistics.restricted import Restricted, error_at
from r1bench.harness.statistics.spread import Scores, question_means, variance
from r1bench.harness.statistics.student import t_quantile, upper_tail

Questions = Literal["random", "fixed"]
Side = Literal["above", "below"]
BOUND_STEPS = 40
"""Halvings between the estimate and -1 or 1."""


class Moments(NamedTuple):
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
    """At the estimate; never 0."""
    degrees: Any
    """0 where the error means nothing (one problem that was drawn, or one with a single sample)."""
    restricted: Restricted | None = None
    """How the error depends on the true difference; None where it is taken not to."""


def moments(scores: Scores) -> Moments:
    """One row of samples per problem, as means, variances and counts. Raises UsageError where there is nothing to average."""
    import numpy as np

    means = question_means(scores)
    spreads = [variance(row) if len(row) > 1 else float("nan") for row in scores]
    return Moments(np.asarray(means), np.asarray(spreads), np.asarray([len(row) for row in scores], dtype=float))


def moments_of_counts(correct: Any, count: Any) -> Moments:
    """Right-or-wrong samples: how many of `count` are right. Integer arrays (..., problems) that broadcast."""
    import numpy as np

    correct, count = np.broadcast_arrays(np.asarray(correct, dtype=float), np.asarray(count, dtype=float))
    share = correct / count
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.where(count > 1, share * (1 - share) * count / (count - 1), np.nan)
    return Moments(share, spread, count)


def can_fix_questions(a: Moments, b: Moments) -> bool:
    """Whether every problem has two samples in both runs, so that their spread within problems is known."""
    return bool((a.count >= 2).all() and (b.count >= 2).all())


def evidence(a: Moments, b: Moments, *, questions: Questions, noise_error: float = 0.0) -> Evidence:
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
    parts: list[tuple[Any, Any]]
    if questions == "fixed" and can_fix_questions(a, b):
        parts = [(run.variance / run.count / num_problems**2, run.count + 1) for run in (a, b)]
        most_degrees = np.inf
    else:
        parts = [((differences - mean[..., None]) ** 2 / (num_problems * max(1, num_problems - 1)), 3)]
        most_degrees = num_problems - 1
    errors = [part.sum(axis=-1) for part, _ in parts]
    doubts = [(part**2 / weight).sum(axis=-1) for part, weight in parts]
    squared, doubt = sum(errors) + sum(imaginary), sum(doubts) + sum(part**2 / 2 for part in imaginary)
    degrees = np.minimum(squared**2 / doubt, most_degrees)
    restricted = _restricted(a, b, errors, doubts, most_degrees, noise_error) if questions == "fixed" and _are_shares(a, b) else None
    return Evidence(mean, np.maximum(np.sqrt(squared), noise_error), degrees, restricted)


def _are_shares(a: Moments, b: Moments) -> bool:
    """Whether the scores are within 0 ... 1, by all that their moments tell: lengths are not."""
    import numpy as np

    def fits(run: Moments) -> bool:
        most = run.mean * (1 - run.mean) * run.count / np.maximum(run.count - 1, 1)
        return bool((run.mean >= 0).all() and (run.mean <= 1).all() and not (run.variance > most + 1e-9).any())

    return fits(a) and fits(b)


def _restricted(a: Moments, b: Moments, errors: list[Any], doubts: list[Any], most_degrees: float, floor: float) -> Restricted:
    """The clustering factor of each run, or one for both where only the differences tell of it."""
    import numpy as np

    means, num_problems = [run.mean.mean(axis=-1) for run in (a, b)], a.mean.shape[-1]
    totals = [num_problems**2 / (1 / run.count).sum(axis=-1) for run in (a, b)]
    independent = [mean * (1 - mean) / total for mean, total in zip(means, totals, strict=True)]
    unit = [1 / total**2 for total in totals]
    if len(errors) == 2:
        factors = [np.minimum(1, (seen + one) / (most + one)) for seen, most, one in zip(errors, independent, unit, strict=True)]
        relative = [doubt / (seen + one) ** 2 for doubt, seen, one in zip(doubts, errors, unit, strict=True)]
    else:
        factors = [(errors[0] + sum(unit)) / (sum(independent) + sum(unit))] * 2
        relative = [doubts[0] / (errors[0] + sum(unit)) ** 2] * 2
    sizes = [total / factor for total, factor in zip(totals, factors, strict=True)]
    return Restricted(means[0], means[1], sizes[0], sizes[1], sum(unit), relative[0], relative[1], most_degrees, floor)


def error_if(found: Evidence, difference: Any) -> tuple[Any, Any]:
    """(standard error, degrees of freedom) if the true difference were `difference`."""
    return (found.error, found.degrees) if found.restricted is None else error_at(found.restricted, difference)


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
    error, degrees = error_if(found, threshold)
    return upper_tail(distance / error, degrees)


def bound(found: Evidence, alpha: float, *, side: Side) -> float:
    """The one-sided 1 - alpha bound that the difference lies above (below): where `tail_p` is alpha. Of single comparisons.

    Infinitely far where nothing can be concluded; of shares within -1 ... 1.
    """
    sign = -1 if side == "above" else 1
    if not found.degrees:
        return sign * math.inf
    if found.restricted is None:
        return float(found.mean + sign * t_quantile(1 - alpha, found.degrees) * found.error)
    near, far = float(found.mean), float(sign)
    if tail_p(found, far, side=side) >= alpha:
        return far
    return halve(near, far, lambda truth: tail_p(found, truth, side=side) >= alpha, BOUND_STEPS)
