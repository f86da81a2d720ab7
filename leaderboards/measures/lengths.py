"""How long completions and their reasoning are: mean, median, 90 % and 99 % quantiles, each with n and interval. Functions over one `Run`.

    for length in lengths(run): print(length.of, length.unit, length.mean, length.quantiles["p90"])

In tokens where the run counted them, otherwise in words of the reasoning (imported text). A completion that was cut would have been longer:
`num_cut` says how many were, and a quantile that reaches into them is a lower bound. Left out: what length does to the score (budgets.py).
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from r1bench.harness import statistics
from r1bench.harness.records import Run
from r1bench.leaderboards.measures.means import count_measure, mean_and_error

QUANTILES = {"median": 0.5, "p90": 0.9, "p99": 0.99}


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


def lengths(run: Run, level: float = 0.95) -> list[Length]:
    """The lengths that are known of a run, of completions first; nothing where none is."""
    problems = list(run.samples_by_problem().values())
    counted = [[sample for sample in samples if sample.completion.num_tokens > 0] for samples in problems]
    known = [samples for samples in counted if samples]
    found = []
    if known:
        num_cut = sum(sample.completion.finish_reason == "length" for samples in known for sample in samples)
        found.append(_length("completion", "tokens", [[sample.completion.num_tokens for sample in row] for row in known], num_cut, level))
        found.append(_length("reasoning", "tokens", [[sample.reasoning_tokens for sample in row] for row in known], num_cut, level))
    elif problems and all("reasoning_words" in sample.behaviour for sample in run.samples):
        num_cut = sum(sample.completion.finish_reason == "length" for sample in run.samples)
        words = [[sample.behaviour["reasoning_words"] for sample in samples] for samples in problems]
        found.append(_length("reasoning", "words", words, num_cut, level))
    return found


def _length(of: str, unit: str, rows: Sequence[Sequence[float]], num_cut: int, level: float) -> Length:
    mean = count_measure(*mean_and_error([sum(row) / len(row) for row in rows]), len(rows), level)
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
