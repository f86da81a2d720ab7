"""The error that a difference of two mean scores has if it is truly `difference`: the score test, for samples clustered in problems.

    found = Restricted(...)                      # `evidence` makes it, for scores of 0 ... 1
    error, degrees = error_at(found, -0.02)

A mean score p near 0 or 1 that came out too good by luck also shows too small an error, so that luck is judged twice. The score test
(Farrington and Manning 1990; Miettinen and Nurminen 1985) judges a hypothesis by the error that holds under it: p (1 - p) / size at the
two chances nearest to the data, by likelihood, that differ by just `difference`. Our departure: `size` is the samples over the
clustering factor, which is the mean variance within a problem over p (1 - p). Left out: tests and bounds (evidence.py).
"""

import math
from typing import Any, NamedTuple


class Restricted(NamedTuple):
    """What V(difference) is made of: numbers, or arrays with one number per comparison."""

    mean_a: Any
    mean_b: Any
    size_a: Any
    """Samples, over the clustering factor: p (1 - p) / size is the squared error of a mean."""
    size_b: Any
    imaginary: Any
    """Squared error that the imaginary samples add."""
    doubt_a: Any
    """1 / degrees of freedom behind the error of A alone."""
    doubt_b: Any
    most_degrees: float
    floor: float = 0.0
    """Of the error: the backend's own noise."""


def restricted_means(mean_a: Any, mean_b: Any, size_a: Any, size_b: Any, difference: Any) -> tuple[Any, Any]:
    """The two chances of greatest likelihood whose difference B - A is just `difference`: binomial shares of so many trials.

    The likelihood is stationary at the middle root of a cubic, found by its cosine (Farrington and Manning 1990, appendix).
    """
    import numpy as np

    share = size_a / (size_a + size_b)
    turn, rest = difference * (1 - difference), mean_b - difference
    square = -share * (1 - 2 * difference + mean_a) - (1 - share) * (1 + rest)
    linear = share * (mean_a * (1 - 2 * difference) - turn) + (1 - share) * rest
    constant = share * mean_a * turn
    reach = np.maximum(square**2 / 9 - linear / 3, 1e-100)
    half = square**3 / 27 - square * linear / 6 + constant / 2
    angle = np.arccos(np.clip(-half / reach**1.5, -1.0, 1.0))
    root = 2 * np.sqrt(reach) * np.cos((angle - 2 * math.pi) / 3) - square / 3
    first = np.clip(root, np.maximum(0.0, -difference), np.minimum(1.0, 1 - difference))
    return first, np.clip(first + difference, 0.0, 1.0)


def error_at(found: Restricted, difference: Any) -> tuple[Any, Any]:
    """(standard error, degrees of freedom) of B - A if its true value were `difference`."""
    import numpy as np

    first, second = restricted_means(found.mean_a, found.mean_b, found.size_a, found.size_b, difference)
    part_a, part_b = first * (1 - first) / found.size_a, second * (1 - second) / found.size_b
    squared = part_a + part_b + found.imaginary
    doubt = part_a**2 * found.doubt_a + part_b**2 * found.doubt_b + found.imaginary**2 / 2
    return np.maximum(np.sqrt(squared), found.floor), np.minimum(squared**2 / doubt, found.most_degrees)
