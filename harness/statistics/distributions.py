"""Quantiles of the normal and of Student's distribution, without a heavy import. Left out: everything about scores."""

import math
from functools import lru_cache
from statistics import NormalDist


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
