"""Probabilities and quantiles of the normal, Student's and the beta distribution, without a heavy import."""

import math
from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist
from typing import Any

MANY_DEGREES = 2000
"""From here on Student's t is taken for normal: its 97.5 % quantile is 0.1 % larger at most."""
MAX_TERMS = 100_000
"""Of a continued fraction; it needs about the square root of its larger parameter."""
TINY = 1e-300
"""Stands in for a denominator of 0."""


def normal_quantile(probability: float) -> float:
    """z with P(Z < z) = probability."""
    return NormalDist().inv_cdf(probability)


def normal_probability(z: float) -> float:
    """P(Z < z)."""
    return NormalDist().cdf(z)


def upper_tails(z: Any) -> Any:
    """P(Z > z) of an array, with all its digits far out."""
    import numpy as np

    return np.array([0.5 * math.erfc(value) for value in (z / math.sqrt(2)).ravel().tolist()]).reshape(z.shape)


def _beta_fraction(x: float, a: float, b: float) -> float:
    """1 + d1 / (1 + d2 / (1 + ...)), the reciprocal of DLMF 8.17.22, by Lentz's method; quick for x < (a + 1) / (a + b + 2)."""
    value = forward = 1.0
    backward = 0.0
    for index in range(1, MAX_TERMS):
        half = index // 2
        if index % 2:
            step = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        else:
            step = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        backward = 1 / ((1 + step * backward) or TINY)
        forward = (1 + step / forward) or TINY
        value *= forward * backward
        if abs(forward * backward - 1) < 1e-15:
            break
    return value


def beta_probability(x: float, a: float, b: float) -> float:
    """P(X < x) of a beta distribution with a, b > 0: the regularised incomplete beta function (DLMF 8.17)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_probability(1 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / (a * _beta_fraction(x, a, b))


def halve(low: float, high: float, is_low: Callable[[float], bool], steps: int = 30) -> float:
    """Where `is_low` turns false, if it is true below and false above: the upper end of what so many halvings leave."""
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (middle, high) if is_low(middle) else (low, middle)
    return high


def student_probability(t: float, degrees: float) -> float:
    """P(|T| < t) for t >= 0 and any degrees of freedom above 0, whole or not."""
    if degrees > MANY_DEGREES:
        return 2 * normal_probability(t) - 1
    share = t**2 / (degrees + t**2)
    return beta_probability(share, 0.5, degrees / 2)


@lru_cache(maxsize=1024)
def student_t(level: float, degrees: float) -> float:
    """The t with P(|T| < t) = level, by bisection; `degrees` may be a fraction (Welch and Satterthwaite), above 2,000 it is normal."""
    if degrees > MANY_DEGREES:
        return normal_quantile((1 + level) / 2)
    high = 1.0
    while student_probability(high, degrees) < level:
        high *= 2
    low = 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if student_probability(middle, degrees) < level else (low, middle)
    return (low + high) / 2
