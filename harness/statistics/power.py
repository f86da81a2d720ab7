"""What a comparison of a given size could show, before anything is spent. Left out: what was shown (paired.py).

    plan(0.13, 30, 16).detectable          # AIME24, 16 samples each: 5.8 points with 80 % power at one-sided 5 %
    samples_needed(0.13, 30, 0.02)         # samples per problem that make it 2 points

A difference is 'shown' when the one-sided 1 - alpha bound of `evidence` lies beyond a threshold. Its error is foreseen from the variance
within problems, imaginary samples included; the chance of showing it as for the noncentral t distribution, approximated as in Abramowitz
and Stegun 26.7.10.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from r1bench.harness.errors import UsageError
from r1bench.harness.statistics.distributions import halve, normal_probability, normal_quantile
from r1bench.harness.statistics.restricted import Restricted, error_at
from r1bench.harness.statistics.student import t_quantile

MOST_SAMPLES = 1_000_000
"""Samples per problem beyond which advice is no advice."""
OPEN_VARIANCE = 1 / 6
"""Mean of p (1 - p) over problems whose chance p may be anything from 0 to 1."""


class Plan(NamedTuple):
    """One size of an experiment and what it can show, all in fractions."""

    num_problems: int
    samples_a: int
    """Per problem, of the baseline."""
    samples_b: int
    """Per problem, of the candidate."""
    error: float
    """Standard error of the paired difference that is to be expected."""
    detectable: float
    """The least true difference that is shown with `power` at one-sided `alpha`; also the least margin that an equal candidate passes."""
    alpha: float
    power: float
    degrees: float
    """Degrees of freedom that are to be expected behind the error."""
    spread: float
    """Standard deviation of the difference itself: the error without its imaginary samples."""
    restricted: Restricted | None = None
    """What the error depends on, at equal scores; None where no score was given."""


def _degrees(variance: float, num_problems: int, samples_a: int, samples_b: int, question_variance: float) -> float:
    """Degrees of freedom to expect: problems that are sometimes right and sometimes wrong count, the others say nothing of spread.

    Their share is taken as variance / (1/6), as if each problem were either open, with any chance, or settled.
    """
    if question_variance > 0 or min(samples_a, samples_b) < 2:
        return num_problems - 1.0
    open_problems = num_problems * variance / OPEN_VARIANCE
    parts = [(1 / samples**2, samples - 1) for samples in (samples_a, samples_b)]
    share = (1 / samples_a + 1 / samples_b) ** 2 / sum(squared / degrees for squared, degrees in parts)
    return max(4.0, open_problems * share)


def _bound(spread: float, error: float, alpha: float, degrees: float) -> tuple[float, float]:
    """Mean and standard deviation of how far the 1 - alpha bound lies below the true difference (Abramowitz and Stegun 26.7.10).

    There the estimate is divided by its error; here the error, with its imaginary samples, is larger than the estimate's spread.
    """
    limit = t_quantile(1 - alpha, degrees) * error
    return limit * (1 - 1 / (4 * degrees)), math.hypot(spread, limit / math.sqrt(2 * degrees))


def error_if(plan: Plan, difference: float) -> float:
    """The standard error where `difference` is both the truth and the hypothesis."""
    if plan.restricted is None:
        return plan.error
    return float(error_at(_moved(plan.restricted, difference), difference)[0])


def _moved(found: Restricted, difference: float) -> Restricted:
    return found._replace(mean_b=min(1.0, max(0.0, found.mean_a + difference)))


def _restricted(plan: Plan, variance: float, score: float, floor: float) -> Restricted:
    """What `evidence` would find on average, its imaginary samples included."""
    sizes = plan.samples_a, plan.samples_b
    totals = [plan.num_problems * samples for samples in sizes]
    factors = [min(1.0, (total * variance + 1) / (total * score * (1 - score) + 1)) for total in totals]
    open_problems, has_spread = plan.num_problems * variance / OPEN_VARIANCE, min(sizes) > 1 and variance > 0
    seen = [total * variance / (total * variance + 1) for total in totals]
    doubts = [part**2 / (open_problems * (n - 1)) if has_spread else 0.0 for part, n in zip(seen, sizes, strict=True)]
    imaginary = sum(total**-2 for total in totals)
    most = math.inf if min(sizes) > 1 else plan.num_problems - 1.0
    return Restricted(score, score, totals[0] / factors[0], totals[1] / factors[1], imaginary, doubts[0], doubts[1], most, floor)


def _squared(found: Restricted) -> float:
    return float(found.mean_a * (1 - found.mean_a) / found.size_a + found.mean_b * (1 - found.mean_b) / found.size_b)


def power_of(plan: Plan, difference: float, threshold: float) -> float:
    """Chance that a one-sided test at plan.alpha shows the true `difference` to lie above `threshold` (both fractions).

    By the error that holds at the threshold; the estimate varies as it does at the truth. For 'below', give both with the other sign.
    """
    if plan.restricted is None:
        reach, deviation = _bound(plan.spread, plan.error, plan.alpha, plan.degrees)
        return normal_probability((difference - threshold - reach) / deviation)
    true = _moved(plan.restricted, difference)
    error, degrees = (float(value) for value in error_at(true, threshold))
    if min(plan.samples_a, plan.samples_b) < 2:
        error = max(error, plan.error)
    base, moved = _squared(plan.restricted), _squared(true)
    spread = plan.spread * math.sqrt(moved / base) if base and plan.spread else math.sqrt(moved)
    reach, deviation = _bound(max(spread, true.floor), error, plan.alpha, degrees)
    return normal_probability((difference - threshold - reach) / deviation)


def _detectable(plan: Plan) -> float:
    """The least margin that an equal candidate passes with the planned power."""
    if plan.restricted is None:
        reach, deviation = _bound(plan.spread, plan.error, plan.alpha, plan.degrees)
        return reach + normal_quantile(plan.power) * deviation
    return halve(0.0, 1.0, lambda margin: power_of(plan, 0.0, -margin) < plan.power)


def plan(
    variance: float,
    num_problems: int,
    samples_a: int,
    samples_b: int | None = None,
    *,
    question_variance: float = 0.0,
    noise_variance: float = 0.0,
    alpha: float = 0.05,
    power: float = 0.8,
    score: float | None = None,
) -> Plan:
    """What `num_problems` with so many samples each can show; `samples_b` is `samples_a` where it is not given.

    Args:
        variance: mean over problems of the variance of one sample's score within its problem (p (1 - p) for right or wrong).
        question_variance: variance over problems of the true difference; 0 where the questions are fixed.
        score: mean score of both, where scores are 0 ... 1 and the questions fixed: errors then follow the hypothesis, as in `evidence`.
        noise_variance: what a backend's nondeterminism gives one sample's score; the error is never below what this alone gives.

    Raises UsageError for sizes below 1 (problems: 2), a variance below 0, alpha outside 0 ... 0.5 or power outside alpha ... 1.
    """
    samples_b = samples_a if samples_b is None else samples_b
    if num_problems < 2 or min(samples_a, samples_b) < 1:
        given = f"{num_problems} problems with {samples_a} and {samples_b} samples"
        raise UsageError(f"{given} show nothing; plan at least 2 problems with a sample each")
    if min(variance, question_variance, noise_variance) < 0:
        given = f"{variance:g}, {question_variance:g} and {noise_variance:g}"
        raise UsageError(f"variances {given} cannot be negative; a score of 0 ... 1 has 0 ... 0.25")
    if not (0 < alpha < 0.5 and alpha < power < 1):
        raise UsageError(
            f"alpha {alpha:g} with power {power:g} is no test; give 0 < alpha < 0.5 and alpha < power < 1, such as 0.05 and 0.8"
        )
    squared = (variance * (1 / samples_a + 1 / samples_b) + question_variance) / num_problems
    imaginary = (1 / samples_a**2 + 1 / samples_b**2) / num_problems**2
    floor = noise_variance * (1 / samples_a + 1 / samples_b) / num_problems
    spread, error = math.sqrt(max(squared, floor)), math.sqrt(max(squared + imaginary, floor))
    degrees = _degrees(variance, num_problems, samples_a, samples_b, question_variance)
    found = Plan(num_problems, samples_a, samples_b, error, 0.0, alpha, power, degrees, spread)
    if score is not None and not question_variance:
        found = found._replace(restricted=_restricted(found, variance, score, math.sqrt(floor)))
    return found._replace(detectable=_detectable(found))


def least(low: int, high: int, rising: Callable[[int], float], goal: float) -> int:
    """The least number above `low` at which a rising function reaches the goal, if it does at `high`."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if rising(middle) >= goal else (middle, high)
    return high


def samples_needed(variance: float, num_problems: int, margin: float, *, samples_a: int | None = None, **how: Any) -> int | None:
    """Samples per problem (of both runs, or of the candidate where the baseline's are given) that detect `margin`; None if none do.

    None too where it would take more than 1,000,000. Other arguments as of `plan`.
    """

    def is_enough(samples: int) -> bool:
        return plan(variance, num_problems, samples if samples_a is None else samples_a, samples, **how).detectable <= margin

    if not is_enough(MOST_SAMPLES):
        return None
    low, high = 0, 1
    while not is_enough(high):
        low, high = high, min(2 * high, MOST_SAMPLES)
    return least(low, high, is_enough, goal=True)
