"""Student's distribution for any degrees of freedom, in closed form, for numbers and for numpy arrays alike.

    normal_equivalent(2.1, 7.3)      # the z with the same tail probability
    t_quantile(0.95, 7.3)            # the t with P(T < t) = 0.95

Left out: the exact values for single numbers (distributions.py), which these approximate for arrays.
"""

import math
from typing import Any

from r1bench.harness.statistics.distributions import normal_quantile


def normal_equivalent(t: Any, degrees: Any) -> Any:
    """The z with P(Z < z) = P(T < t): Hill 1970 (Algorithm 395, Communications of the ACM 13, 617).

    Error in z below 0.002 from 3 degrees of freedom and |t| < 6 on, below 0.0001 from 10 on. Numbers or arrays that broadcast.
    """
    import numpy as np

    shape = degrees - 0.5
    scale = 48 * shape**2
    square = shape * np.log1p(np.square(t) / degrees)
    tail = ((-0.4 * square - 3.3) * square - 24) * square - 85.5
    return (1 + (square + 3 + tail / (0.8 * square**2 + 100 + scale)) / scale) * np.sqrt(square) * np.sign(t)


def t_quantile(probability: float, degrees: Any) -> Any:
    """The t with P(T < t) = probability: `normal_equivalent` turned around by halving. Arrays of degrees give arrays."""
    import numpy as np

    z = abs(normal_quantile(probability))
    low, high = np.zeros_like(degrees, dtype=float), np.full_like(degrees, z + 1, dtype=float)
    while np.any(short := normal_equivalent(high, degrees) < z):
        high = np.where(short, 2 * high, high)
    for _ in range(50):
        middle = (low + high) / 2
        is_low = normal_equivalent(middle, degrees) < z
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    found = math.copysign(1.0, probability - 0.5) * (low + high) / 2
    return float(found) if found.ndim == 0 else found


def upper_tail(t: Any, degrees: Any) -> Any:
    """P(T > t). Arrays give arrays."""
    import numpy as np

    z = np.asarray(normal_equivalent(t, degrees) / math.sqrt(2))
    if z.ndim == 0:
        return 0.5 * math.erfc(float(z))
    return np.array([0.5 * math.erfc(value) for value in z.ravel().tolist()]).reshape(z.shape)
