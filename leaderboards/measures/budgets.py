"""What completions that ran out of tokens cost: the score at smaller budgets, and of what ended.

    for point in budget_curve(tally, [256, 512]): print(point.tokens, point.value)

Left out: what a larger budget than the run's would give (nobody knows), lengths (lengths.py).
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from r1bench.harness.errors import UsageError
from r1bench.harness.statistics.ratios import ratio_interval
from r1bench.harness.tally import Tally
from r1bench.leaderboards.measures.drawn import Drawn, Estimate, gather

MOST_BUDGETS = 8
"""Points of a curve whose budgets nobody named."""


class BudgetPoint(NamedTuple):
    """The score if every completion had been cut after so many tokens."""

    tokens: int
    value: float
    low: float
    high: float
    method: str
    ended: float
    """Share of samples that had ended by themselves within the budget, mean over problems."""
    num_problems: int
    num_samples: int


def default_budgets(most: int) -> list[int]:
    """The largest powers of two below a run's budget, and that budget: eight points at most."""
    powers = [2**power for power in range(most.bit_length()) if 2**power < most]
    return [*powers[1 - MOST_BUDGETS :], most]


def budget_curve(tally: Tally | Drawn, budgets: Sequence[int] | None = None, *, level: float = 0.95) -> list[BudgetPoint]:
    """The score if completions had been cut at each budget of generated tokens; by default powers of two up to the run's own.

    A sample keeps its score at a budget that its tokens fit into and has 0 at a smaller one: an answer that stood before the end of a
    completion that would have been cut does not count. At the run's own budget it is pass@1. All points come from one run.

    Raises:
        UsageError: tokens are not known (imported text), or a budget is more than the run had.
    """
    drawn = gather(tally)
    if not drawn.has_tokens:
        raise UsageError(
            f"a budget curve needs the tokens of every completion, which run {drawn.tally.id} lacks; sample it with r1bench eval"
        )
    most = drawn.most_tokens
    chosen = default_budgets(most) if budgets is None else sorted(set(budgets))
    if beyond := [tokens for tokens in chosen if not 1 <= tokens <= most]:
        cure = f"give 1 ... {most}" + (f", or draw with more: r1bench eval ... --max-tokens {beyond[-1]}" if beyond[-1] > 0 else "")
        raise UsageError(f"what run {drawn.tally.id} would say within {beyond[-1]} tokens is not known, it had at most {most}; {cure}")
    rows = (drawn.tally.rows(name) for name in ("tokens", "score", "ended"))
    curves = [_curve(*of_problem) for of_problem in zip(*rows, strict=True)]
    return [_point(drawn, tokens, curves, level) for tokens in chosen]


class Curve(NamedTuple):
    """One problem's samples in the order of their tokens."""

    tokens: tuple[float, ...]
    scores: list[float]
    """Mean score if none, the first, the first two, ... of them ended in time."""
    ended: list[float]
    """The share that ended by itself, likewise."""


def _curve(*of_problem: Sequence[float]) -> Curve:
    """From a problem's tokens, scores, and whether each had ended."""
    tokens, scores, ended = zip(*sorted(zip(*of_problem, strict=True)), strict=True)
    sums, counts = accumulate(scores, initial=0.0), accumulate(ended, initial=0.0)
    return Curve(tokens, [total / len(tokens) for total in sums], [count / len(tokens) for count in counts])


def _point(drawn: Drawn, tokens: int, curves: Sequence[Curve], level: float) -> BudgetPoint:
    """The score and the share that had ended at one budget."""
    places = [bisect_right(curve.tokens, tokens) for curve in curves]
    scores = [curve.scores[place] for curve, place in zip(curves, places, strict=True)]
    ended = math.fsum(curve.ended[place] for curve, place in zip(curves, places, strict=True)) / len(curves)
    value, low, high, method, num_problems, num_samples = drawn.estimate(scores, level, is_share=drawn.is_right_or_wrong)
    return BudgetPoint(tokens, value, low, high, method, ended, num_problems, num_samples)


def accuracy_at_completed(tally: Tally | Drawn, *, level: float = 0.95) -> Estimate | None:
    """Score over the samples that ended by themselves; None where none did. `num_samples` is how many did, `num_problems` of how many.

    All their scores over their number, so that a problem counts by how many of its completions ended. What is left out is the hard part:
    this says what a larger budget might give at most, never what a checkpoint scores. Interval: `ratio_interval`.
    """
    drawn = gather(tally)
    pairs = zip(drawn.scores, drawn.tally.rows("ended"), strict=True)
    done = [[score for score, ended in zip(*both, strict=True) if ended] for both in pairs]
    sums, counts = [math.fsum(row) for row in done], [len(row) for row in done]
    if not sum(counts):
        return None
    value = math.fsum(sums) / sum(counts)
    low, high, method = ratio_interval(sums, counts, level, most_trials=sum(counts) if drawn.is_right_or_wrong else math.inf)
    return Estimate(value, low, high, method, sum(count > 0 for count in counts), sum(counts))
