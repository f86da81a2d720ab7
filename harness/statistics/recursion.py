"""Chances of a test that looks several times: the exact recursion over looks (Armitage, McPherson and Rowe 1969).

    up, down = crossing([0.5, 1.0], [0.9, 0.0], drift=0.0)

The statistic is a score S with independent normal increments: at information I it has mean drift x I and variance I. It stops upwards
at S >= w and downwards at S <= -w, with the half-width w of its look (mirrored boundaries: sequential.py puts the origin in the middle).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from r1bench.harness.statistics.distributions import upper_tails

NUM_NODES = 64
"""Gauss-Legendre nodes between the boundaries at each look; 128 change the chances by less than 0.00001 for up to 100 looks."""


class Crossing(NamedTuple):
    """One number per look."""

    up: list[float]
    """Chance of stopping upwards at just this look."""
    down: list[float]


def crossing(information: Sequence[float], half_widths: Sequence[float], *, drift: float, last: float | None = None) -> Crossing:
    """Chances of stopping at each look; information must rise, and a half-width of 0 ends the test.

    `last`: where the last look is split instead of its half-width, so that every path ends there: up[-1] is the chance of getting there
    with S >= last.
    """
    import numpy as np

    nodes, weights = np.polynomial.legendre.leggauss(NUM_NODES)
    places, masses, before = np.zeros(1), np.ones(1), 0.0
    found = Crossing([], [])
    for look, (now, width) in enumerate(zip(information, half_widths, strict=True)):
        split = last if look == len(information) - 1 else None
        upper, lower = (width, -width) if split is None else (split, split)
        step = math.sqrt(now - before)
        means = places + drift * (now - before)
        found.up.append(float(masses @ upper_tails((upper - means) / step)))
        found.down.append(float(masses @ upper_tails((means - lower) / step)))
        if split is not None or width <= 0:
            break
        after = width * nodes
        density = np.exp(-0.5 * ((after[:, None] - means) / step) ** 2) / (step * math.sqrt(2 * math.pi))
        places, masses, before = after, width * weights * (density @ masses), now
    return found
