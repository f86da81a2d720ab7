"""How a step is cut so that it fits the memory. Every cut has the same gradient, because losses are sums over a step's own count."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Whole = TypeVar("Whole")
"""What is not cut: a row, or a pair."""


def micro_batches(wholes: Sequence[Whole], length: Callable[[Whole], int], budget: int) -> list[list[Whole]]:
    """Those of similar length together, within a budget of padded tokens (one at least in each).

    Args:
        length: tokens of one, padding of its own included.
    """
    groups: list[list[Whole]] = []
    for whole in sorted(wholes, key=length):  # the longest of a group is its last
        if groups and (len(groups[-1]) + 1) * length(whole) <= budget:
            groups[-1].append(whole)
        else:
            groups.append([whole])
    return groups
