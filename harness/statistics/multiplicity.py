"""Several tests at once. Left out: the tests themselves."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values, in the order given: reject where <= alpha and the chance of any false alarm stays <= alpha (Holm 1979)."""
    raise NotImplementedError
