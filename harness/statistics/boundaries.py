"""Boundaries of the triangular test: their shape, and the intercept and length that give them their error rates.

In units of alternative - threshold, with the origin half-way. Left out: rounds of samples and verdicts (sequential.py).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from r1bench.harness.statistics.distributions import halve
from r1bench.harness.statistics.recursion import Crossing, crossing

SLOPE = 0.15
"""Of the boundaries; 0.25 is Whitehead's, 0 the sequential probability ratio test."""
OVERSHOOT = 0.583
"""Mean overshoot of a boundary by a random walk, in standard deviations of a step (Siegmund 1985)."""


def half_widths(information: Any, intercept: float, slope: float) -> Any:
    """How far from 0 the score may be at each look; 0 or less: the test ends. Looks along the last axis, rising information."""
    import numpy as np

    steps = np.diff(information, axis=-1, prepend=0.0)
    return intercept - slope * information - OVERSHOOT * np.sqrt(np.maximum(steps, 0.0))


def chances(
    information: Sequence[float], intercept: float, slope: float, drift: float, *, least: float = 0.0, last: float | None = None
) -> Crossing:
    """Chances of stopping at each look within these boundaries; half-widths are `least` or more. `last` as of `crossing`."""
    import numpy as np

    widths = np.maximum(half_widths(np.asarray(information), intercept, slope), least)
    return crossing(information, widths.tolist(), drift=drift, last=last)


@lru_cache(maxsize=64)
def intercept_for(information: tuple[float, ...], alpha: float) -> float:
    """The intercept for which threshold -1/2 against alternative +1/2 has both error rates alpha at these looks."""
    return halve(0.2, 20.0, lambda value: sum(chances(information, value, SLOPE, -0.5).up) > alpha)


@lru_cache(maxsize=64)
def unit_test(alpha_above: float, alpha_below: float, num_looks: int) -> tuple[float, float]:
    """(information at the end, ratio) of a test with error rate alpha_above on both sides, in units of its own distance.

    ratio: the true difference over threshold, in those units, at which 'below' has chance alpha_below; 1 for equal rates.
    """
    intercept = halve(0.5, 20.0, lambda value: sum(chances(even(value / SLOPE, num_looks), value, SLOPE, -0.5).up) > alpha_above)
    end = intercept / SLOPE
    if alpha_below == alpha_above:
        return end, 1.0
    return end, halve(0.0, 5.0, lambda value: sum(chances(even(end, num_looks), intercept, SLOPE, value - 0.5).down) > alpha_below)


def even(end: float, num_looks: int) -> tuple[float, ...]:
    """Looks at equal steps of information."""
    return tuple(end * look / num_looks for look in range(1, num_looks + 1))
