"""Student's distribution for any degrees of freedom from 1 on, for numbers and for numpy arrays alike; fewer count as 1.

    normal_equivalent(2.1, 7.3)      # the z with the same tail probability
    t_quantile(0.95, 7.3)            # the t with P(T < t) = 0.95
    upper_tail(2.1, 7.3)             # P(T > 2.1)

Numbers are exact (distributions.py), so that an interval and its p value agree. Arrays take a closed form with an error in z below 0.002,
and are exact below 3 degrees of freedom, where it is worse.
"""

import math
from typing import Any

from r1bench.harness.statistics.distributions import MANY_DEGREES, beta_probability, normal_quantile, student_t, upper_tails

FEW_DEGREES = 3
"""Below this the closed form is not used: at 1 its 97.5 % quantile is 9.0 instead of 12.7."""


def normal_equivalent(t: Any, degrees: Any) -> Any:
    """The z with P(Z < z) = P(T < t): Hill 1970 (Algorithm 395, Communications of the ACM 13, 617), from 3 degrees of freedom on.

    Error in z below 0.002 for |t| < 6, below 0.0001 from 10 degrees on. Numbers or arrays that broadcast.
    """
    import numpy as np

    if np.any(np.less(degrees, FEW_DEGREES)):
        return np.vectorize(_equivalent, otypes=[float])(t, degrees)[()]
    return _closed_form(t, degrees)


def _equivalent(t: float, degrees: float) -> float:
    """Of single numbers: exact for few degrees of freedom."""
    if degrees >= FEW_DEGREES:
        return float(_closed_form(t, degrees))
    return math.copysign(-normal_quantile(max(1e-300, _exact_tail(abs(t), degrees))), t)


def _closed_form(t: Any, degrees: Any) -> Any:
    import numpy as np

    shape = degrees - 0.5
    scale = 48 * shape**2
    square = shape * np.log1p(np.square(t) / degrees)
    tail = ((-0.4 * square - 3.3) * square - 24) * square - 85.5
    return (1 + (square + 3 + tail / (0.8 * square**2 + 100 + scale)) / scale) * np.sqrt(square) * np.sign(t)


def _exact_tail(t: float, degrees: float) -> float:
    """P(T > t) for t >= 0, also far out, where 1 - P(T < t) would have no digits left (Abramowitz and Stegun 26.7.1 and 26.5.27)."""
    degrees = max(1.0, degrees)
    return beta_probability(degrees / (degrees + t * t), degrees / 2, 0.5) / 2


def t_quantile(probability: float, degrees: Any) -> Any:
    """The t with P(T < t) = probability. Arrays of degrees give arrays: `normal_equivalent` turned around by halving."""
    import numpy as np

    if np.ndim(degrees) == 0 and degrees <= MANY_DEGREES:
        return math.copysign(student_t(abs(2 * probability - 1), max(1.0, float(degrees))), probability - 0.5)
    known = np.maximum(degrees, FEW_DEGREES)
    z = abs(normal_quantile(probability))
    low, high = np.zeros_like(known, dtype=float), np.full_like(known, z + 1, dtype=float)
    while np.any(short := _closed_form(high, known) < z):
        high = np.where(short, 2 * high, high)
    for _ in range(50):
        middle = (low + high) / 2
        is_low = _closed_form(middle, known) < z
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    found = math.copysign(1.0, probability - 0.5) * (low + high) / 2
    if found.ndim == 0:
        return float(found)
    for place in np.argwhere(np.less(degrees, FEW_DEGREES)):
        found[tuple(place)] = t_quantile(probability, float(degrees[tuple(place)]))
    return found


def upper_tail(t: Any, degrees: Any) -> Any:
    """P(T > t). Arrays give arrays."""
    import numpy as np

    if np.ndim(t) == np.ndim(degrees) == 0 and degrees <= MANY_DEGREES:
        tail = _exact_tail(abs(float(t)), float(degrees))
        return tail if t >= 0 else 1 - tail
    found = upper_tails(np.asarray(normal_equivalent(t, degrees)))
    return float(found) if found.ndim == 0 else found
