"""A test that may stop early: rounds of samples, a verdict as soon as it is certain at the stated error rates. Left out: drawing them.

    plan = design(-0.02, 0.0, variance=0.13, num_problems=30)
    for n in plan.rounds: ...draw up to n samples per problem...; looks.append(look_at(plan, evidence(a, b, questions="fixed")))
    standing(plan, looks).stop          # 'above': not worse than the threshold; 'below': worse than the alternative

The triangular test (Whitehead and Stratton 1983; Whitehead 1997, The Design and Analysis of Sequential Clinical Trials, chapter 4) of
`difference <= threshold` against `difference >= alternative`, on the scale of information I = 1 / error^2. With the score
S = I x (estimate - middle of the two), it goes on while

    |S| < intercept - slope x I - 0.583 x sqrt(I - I of the look before)

The last term makes up for looks that are not continuous (Siegmund 1985; Whitehead's 'Christmas tree'). Information is what the samples
show, not what was planned, with the larger of the errors that threshold and alternative imply (restricted.py): near saturation the
error at the estimate is smallest where luck is largest, and would end the test by luck. t statistics become normal ones of the same tail
probability (Jennison and Turnbull 2000, chapter 11).

Our departures: the lines fall less steeply, by 0.15 x (alternative - threshold) instead of 0.25, and the intercept that keeps the error
rates is found by numerical integration (boundaries.py). At alpha = 0.05 and 20 looks that spends 54 % of the fixed design's samples at
threshold and alternative (Whitehead's lines 56 %, the sequential probability ratio test, which has no end, 49 %), and no more half-way
(74 %); the largest number of samples is 2.1 times that of the fixed design instead of 1.5 times.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from r1bench.harness.errors import UsageError
from r1bench.harness.statistics import power
from r1bench.harness.statistics.boundaries import SLOPE, chances, even, half_widths, intercept_for, unit_test
from r1bench.harness.statistics.distributions import halve
from r1bench.harness.statistics.evidence import Evidence, error_if
from r1bench.harness.statistics.student import normal_equivalent

Stop = Literal["above", "below", "go on"]
SLACK = 1.5
"""Rounds go on to this multiple of the planned information, should the samples vary more than was planned."""
FARTHEST = 8
"""A baseline that cannot be topped up limits information: the candidate then gets at most this multiple of the fixed design's samples."""
LEAST_STEP = 0.005
"""Of the information at the end: looks nearer to each other are taken as one by the recursion, which integrates no sharper peaks."""


class Design(NamedTuple):
    """What is fixed before the first sample. Differences are fractions."""

    threshold: float
    """'above' is wrong with chance <= alpha_above where the true difference is this or less."""
    alternative: float
    """'below' is wrong with chance <= alpha_below where the true difference is this or more."""
    alpha_above: float
    alpha_below: float
    rounds: tuple[int, ...]
    """Samples per problem after each look, rising; for both runs, or the candidate's where the baseline's are fixed."""
    fixed_samples: int
    """Samples per problem of the fixed design with the same error rates."""
    information: tuple[float, ...]
    """1 / error^2 that each round is planned to have."""
    middle: float
    """Where the boundaries lie evenly on both sides: half-way from threshold to alternative where the error rates are equal."""
    intercept: float
    """Of the boundaries for the score, at no information."""
    slope: float


class Look(NamedTuple):
    """What one look sees: the paired difference, its standard error, and the degrees of freedom behind that error (see `look_at`)."""

    estimate: float
    error: float
    degrees: float


class Standing(NamedTuple):
    """Where the test stands after its looks."""

    stop: Stop
    lower: float
    """Bound on the difference, valid at whatever look the test stopped."""
    upper: float
    information: float
    """Share of the information at which the test must end; at 1 or more it has ended."""
    p_above: float
    """Of 'the difference is the threshold or less': at most alpha_above where the test stopped 'above'."""
    p_below: float
    """Of 'the difference is the alternative or more'."""


class Foreseen(NamedTuple):
    """What a design does at one true difference, if samples vary as was planned."""

    above: float
    """Chance to stop 'above'."""
    below: float
    mean_samples: float
    """Per problem."""
    most_samples: int
    """Per problem, by when it has ended; rounds go on beyond that only where samples vary more than was planned."""


def _rounds(informed: Any, goals: Sequence[float], most_samples: int) -> list[int]:
    """The least samples per problem, 2 or more and rising, that reach each goal of information."""
    found: list[int] = []
    for goal in goals:
        low = found[-1] if found else 1
        if low >= most_samples or (found and informed(low) >= goals[-1]):
            break
        found.append(power.least(low, most_samples, informed, goal))
    return found


def design(
    threshold: float,
    alternative: float,
    *,
    variance: float,
    num_problems: int,
    alpha_above: float = 0.05,
    alpha_below: float = 0.05,
    samples_baseline: int | None = None,
    num_looks: int = 20,
    most_samples: int | None = None,
    score: float | None = None,
) -> Design:
    """Rounds for a test with these error rates.

    Args:
        variance: as in power.plan. Rounds are planned by it; error rates do not depend on it.
        score: the baseline's mean, for scores of 0 ... 1; the variance is then foreseen where the truth is threshold or alternative.
        samples_baseline: where it cannot be topped up.
        num_looks: rounds up to the planned end; fewer where a round would have less than one sample.
        most_samples: per problem, where the budget ends; the test may then end without a verdict.

    Raises UsageError where the alternative is not above the threshold, or the samples of the baseline can never tell them apart.
    """
    distance = alternative - threshold
    if distance <= 0 or num_looks < 1 or (most_samples is not None and most_samples < 2):
        given = f"threshold {threshold:g}, alternative {alternative:g}, {num_looks} looks, at most {most_samples} samples"
        raise UsageError(f"{given}: no test; the alternative must be above the threshold, with 1 look or more and 2 samples or more")
    rates = {"alpha": alpha_above, "power": 1 - alpha_below}
    fixed = power.samples_needed(variance, num_problems, distance, samples_a=samples_baseline, score=score, **rates)
    if fixed is None:
        given = f"{samples_baseline} samples per problem of the baseline" if samples_baseline else f"{num_problems} problems"
        raise UsageError(f"{given} cannot tell {threshold:g} from {alternative:g}; use more samples there, or a wider margin")

    def informed(samples: int) -> float:
        planned = power.plan(variance, num_problems, samples_baseline or samples, samples, score=score)
        return max(power.error_if(planned, truth) for truth in (threshold, alternative)) ** -2

    end, ratio = unit_test(alpha_above, alpha_below, num_looks)
    unit = distance / ratio
    goals = even(SLACK * end / unit**2, round(SLACK * num_looks))
    rounds = _rounds(informed, goals, min(most_samples or power.MOST_SAMPLES, FARTHEST * max(2, fixed)))
    planned = tuple(informed(samples) for samples in rounds)
    intercept = intercept_for(tuple(value * unit**2 for value in planned), alpha_above)
    middle = threshold + unit / 2
    return Design(threshold, alternative, alpha_above, alpha_below, tuple(rounds), fixed, planned, middle, intercept / unit, SLOPE * unit)


def look_at(design: Design, found: Evidence) -> Look:
    """A look, or arrays of looks: the larger of the errors that threshold and alternative imply, and its degrees of freedom."""
    import numpy as np

    (error, degrees), (other, others) = (error_if(found, truth) for truth in (design.threshold, design.alternative))
    return Look(found.mean, np.maximum(error, other), np.where(np.greater_equal(error, other), degrees, others)[()])


def score(design: Design, look: Look) -> tuple[Any, Any]:
    """(information, score about the middle) of a look, or of arrays of looks.

    The t statistic is turned into the normal one of the same tail probability, since the error is an estimate.
    """
    import numpy as np

    information = 1 / np.square(look.error)
    return information, normal_equivalent((look.estimate - design.middle) / look.error, look.degrees) * np.sqrt(information)


def stops(design: Design, looks: Sequence[Look]) -> tuple[Any, Any]:
    """(place, direction) of the first stop: the index of its look, and 1 above, -1 below, 0 where the test goes on (place: the last).

    A look may hold arrays, one number per test: then so do the answers.
    """
    import numpy as np

    scores = [score(design, look) for look in looks]
    information, values = (np.stack([pair[part] for pair in scores], axis=-1) for part in (0, 1))
    is_out = np.abs(values) >= half_widths(information, design.intercept, design.slope)
    place = np.where(is_out.any(axis=-1), is_out.argmax(axis=-1), len(looks) - 1)
    at = place[..., None]
    direction = np.where(np.take_along_axis(is_out, at, -1), np.where(np.take_along_axis(values, at, -1) >= 0, 1, -1), 0)
    return place, direction[..., 0]


def _seen(design: Design, looks: Sequence[Look]) -> tuple[int, list[float], float]:
    """(direction of the stop, information up to it, score at it). Looks that add next to nothing, or less, count as one."""
    if not looks:
        raise UsageError("no looks yet, so nothing stands; evaluate the first round")
    place, direction = (int(value) for value in stops(design, looks))
    scored = [score(design, look) for look in looks[: place + 1]]
    information: list[float] = []
    for value, _ in scored:
        if information and value - information[-1] < LEAST_STEP * design.intercept / design.slope:
            information[-1] = max(information[-1], float(value))
        else:
            information.append(float(value))
    return direction, information, float(scored[-1][1])


def _ranked(design: Design, information: Sequence[float], last: float, difference: float) -> float:
    drift, least = difference - design.middle, 1e-9 * design.intercept
    return sum(chances(information, design.intercept, design.slope, drift, least=least, last=last).up)


def stagewise_p(design: Design, looks: Sequence[Look], difference: float) -> float:
    """How surprising these looks would be if the true difference were just `difference`: small where it is shown to be larger.

    The chance of a stop that ranks as high as the one seen: upwards at an earlier look, or at the same look with a score as large
    (stagewise ordering, Fairbanks and Madsen 1982; Jennison and Turnbull 2000, section 8.4). 1 minus it speaks for a smaller one.
    """
    _, information, last = _seen(design, looks)
    return _ranked(design, information, last, difference)


def standing(design: Design, looks: Sequence[Look]) -> Standing:
    """The verdict after these looks (one per round so far); looks after the one that stopped the test are left aside.

    The bounds and p values are those of `stagewise_p`, exact for a test that stopped, given the information seen: the lower one holds
    with chance 1 - alpha_above, the upper one with 1 - alpha_below, each alone. They agree with the stop: after 'above' the lower is the
    threshold or more, after 'below' the upper is the alternative or less. While the test goes on they hold as if it ended here for a
    reason outside the data, such as a spent budget. Raises UsageError without looks.
    """
    direction, information, last = _seen(design, looks)
    center, error = design.middle + last / information[-1], information[-1] ** -0.5

    def bound(chance: float) -> float:
        def is_low(reach: float) -> bool:
            return _ranked(design, information, last, center + reach * error) < chance

        return center + error * halve(-20.0, 20.0, is_low)

    stop: Stop = "above" if direction > 0 else "below" if direction < 0 else "go on"
    lower, upper = bound(design.alpha_above), bound(1 - design.alpha_below)
    p_above = _ranked(design, information, last, design.threshold)
    p_below = 1 - _ranked(design, information, last, design.alternative)
    if stop == "above":
        lower, p_above = max(lower, design.threshold), min(p_above, design.alpha_above)
    if stop == "below":
        upper, p_below = min(upper, design.alternative), min(p_below, design.alpha_below)
    share = information[-1] * design.slope / design.intercept
    return Standing(stop, max(-1.0, lower), min(1.0, upper), share, p_above, p_below)


def foresee(design: Design, difference: float) -> Foreseen:
    """How the test ends, and after how many samples, where `difference` is the truth and samples vary as was planned."""
    found = chances(design.information, design.intercept, design.slope, difference - design.middle)
    ended = [up + down for up, down in zip(found.up, found.down, strict=True)]
    mean = math.fsum(chance * samples for chance, samples in zip(ended, design.rounds, strict=False))
    mean += (1 - sum(ended)) * design.rounds[-1]
    return Foreseen(sum(found.up), sum(found.down), mean, design.rounds[len(ended) - 1])
