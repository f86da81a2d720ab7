"""How large the numbers of a file may be: what is beyond is a damaged file, and would overflow tables, sums and exports.

    if not is_count(n, least=1): raise ValueError("...")

Left out: what the fields mean (records.py).
"""

from typing import Any, TypeGuard

MOST = 10**9
"""Of a count: tokens of a completion, problems, samples per problem. A billion of them still sum to a number of 64 bits."""
LARGEST = 2.0**53
"""Of any other number: the whole numbers up to here are exact as floats."""
LONGEST = 1e9
"""Seconds of one completion: 31 years."""


def is_count(value: Any, *, least: int = 0) -> TypeGuard[int]:
    """Whether it is a whole number from `least` to MOST; a boolean is none."""
    return type(value) is int and least <= value <= MOST


def is_number(value: Any, *, least: float = -LARGEST) -> TypeGuard[float]:
    """Whether it is a number from `least` to LARGEST: no boolean, no NaN, no infinity."""
    return type(value) in (int, float) and least <= value <= LARGEST
