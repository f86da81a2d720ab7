"""How long completions and their reasoning are: mean, median, 90 % and 99 % quantiles, each with n and interval.

    for length in lengths(tally): print(length.of, length.unit, length.mean, length.quantiles["p90"])

In tokens where the run counted them, otherwise in words of the reasoning (imported text). A completion that was cut would have been longer:
`num_cut` says how many were, and a quantile that reaches into them is a lower bound.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from r1bench.harness import statistics
from r1bench.harness.tally import Rows, Tally
from r1bench.leaderboards.measures import of_counts

QUANTILES = {"median": 0.5, "p90": 0.9, "p99": 0.99}
KINDS = {"tokens": ("completion", "tokens"), "reasoning_tokens": ("reasoning", "tokens"), "reasoning_words": ("reasoning", "words")}
"""Measure -> what it is the length of, and in which unit."""


class Quantile(NamedTuple):
    """A length that a share of the samples does not exceed; None where there are too few to say."""

    value: float | None
    low: float | None
    high: float | None
    """None: nothing that was drawn is surely beyond it."""


class Length(NamedTuple):
    """One kind of length over a run."""

    of: str
    """'completion' or 'reasoning'."""
    unit: str
    """'tokens' or 'words'."""
    mean: float | None
    low: float | None
    high: float | None
    quantiles: dict[str, Quantile]
    longest: float
    num_problems: int
    num_samples: int
    num_cut: int
    """Samples that ran out of tokens."""


def lengths(tally: Tally, level: float = 0.95) -> list[Length]:
    """The lengths that are known of a run, of completions first; nothing where none is."""
    chosen = ["tokens", "reasoning_tokens"] if tally.known("tokens") else ["reasoning_words"]
    num_cut = int(sum(map(sum, tally.known("truncated"))))
    return [_length(*KINDS[name], rows, num_cut, level) for name in chosen if (rows := tally.known(name))]


def _length(of: str, unit: str, rows: Rows, num_cut: int, level: float) -> Length:
    mean = of_counts(rows, level)
    ordered = [sorted(row) for row in rows]
    values = sorted({value for row in ordered for value in row})
    quantiles = {name: quantile(ordered, values, share, level) for name, share in QUANTILES.items()}
    return Length(of, unit, mean.value, mean.low, mean.high, quantiles, values[-1], len(rows), sum(map(len, rows)), num_cut)


def quantile(rows: Sequence[Sequence[float]], values: Sequence[float], share: float, level: float = 0.95) -> Quantile:
    """The smallest length that at least `share` of the samples do not exceed, problems weighing equally, and its interval over problems.

    The interval holds every length whose own share could be this one: where `statistics.mean_interval` of the problems' shares of samples
    up to that length has `share` in it (Woodruff 1952, by inverting the test instead of its normal approximation). Unknown below
    1 / (1 - share) samples, of which less than one is expected beyond: 10 for the 90 %, 100 for the 99 % quantile.

    Args:
        rows: the lengths of each problem's samples, sorted.
        values: all lengths, sorted, each once.
    """
    if sum(map(len, rows)) * (1 - share) < 1 - 1e-9:
        return Quantile(None, None, None)

    def shares(length: float) -> list[float]:
        return [bisect_right(row, length) / len(row) for row in rows]

    def first(claim: Callable[[float], bool]) -> float | None:
        place = bisect_left(values, True, key=claim)
        return values[place] if place < len(values) else None

    value = first(lambda length: math.fsum(shares(length)) / len(rows) >= share - 1e-12)
    low = first(lambda length: statistics.mean_interval(shares(length), level).high >= share)
    high = first(lambda length: statistics.mean_interval(shares(length), level).low >= share)
    return Quantile(value, low, high)
