"""What completions that ran out of tokens cost: the score at smaller budgets, and of what ended. Functions over one `Run`.

    for point in budget_curve(run, [256, 512]): print(point.tokens, point.value)

Left out: what a larger budget than the run's would give (nobody knows), lengths (metrics.py).
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from r1bench.harness.errors import UsageError
from r1bench.harness.records import Run, Sample
from r1bench.harness.statistics.ratios import ratio_interval
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


def is_completed(sample: Sample) -> bool:
    """Whether a completion ended by itself, as far as is known: imported text often does not say."""
    return sample.completion.finish_reason == "stop" and sample.grade.outcome != "truncated"


def default_budgets(most: int) -> list[int]:
    """The largest powers of two below a run's budget, and that budget: eight points at most."""
    powers = [2**power for power in range(most.bit_length()) if 2**power < most]
    return [*powers[1 - MOST_BUDGETS :], most]


def budget_curve(run: Run | Drawn, budgets: Sequence[int] | None = None, *, level: float = 0.95) -> list[BudgetPoint]:
    """The score if completions had been cut at each budget of generated tokens; by default powers of two up to the run's own.

    A sample keeps its score at a budget that its tokens fit into and has 0 at a smaller one: an answer that stood before the end of a
    completion that would have been cut does not count. At the run's own budget it is pass@1. All points come from one run.

    Raises:
        UsageError: tokens are not known (imported text), or a budget is more than the run had.
    """
    drawn = gather(run)
    if not drawn.has_tokens:
        raise UsageError(
            f"a budget curve needs the tokens of every completion, which run {drawn.run.id} lacks; sample it with r1bench eval"
        )
    most = drawn.most_tokens
    chosen = default_budgets(most) if budgets is None else sorted(set(budgets))
    if beyond := [tokens for tokens in chosen if not 1 <= tokens <= most]:
        cure = f"give 1 ... {most}" + (f", or draw with more: r1bench eval ... --max-tokens {beyond[-1]}" if beyond[-1] > 0 else "")
        raise UsageError(f"what run {drawn.run.id} would say within {beyond[-1]} tokens is not known, it had at most {most}; {cure}")
    curves = [_curve(samples) for samples in drawn.problems]
    return [_point(drawn, tokens, curves, level) for tokens in chosen]


class Curve(NamedTuple):
    """One problem's samples in the order of their tokens."""

    tokens: tuple[int, ...]
    scores: list[float]
    """Mean score if none, the first, the first two, ... of them ended in time."""
    ended: list[float]
    """The share that ended by itself, likewise."""


def _curve(samples: Sequence[Sample]) -> Curve:
    ordered = sorted((sample.completion.num_tokens, sample.grade.score, is_completed(sample)) for sample in samples)
    tokens, scores, ended = zip(*ordered, strict=True)
    sums, counts = accumulate(scores, initial=0.0), accumulate(ended, initial=0)
    return Curve(tokens, [total / len(samples) for total in sums], [count / len(samples) for count in counts])


def _point(drawn: Drawn, tokens: int, curves: Sequence[Curve], level: float) -> BudgetPoint:
    """The score and the share that had ended at one budget."""
    places = [bisect_right(curve.tokens, tokens) for curve in curves]
    scores = [curve.scores[place] for curve, place in zip(curves, places, strict=True)]
    ended = math.fsum(curve.ended[place] for curve, place in zip(curves, places, strict=True)) / len(curves)
    value, low, high, method, num_problems, num_samples = drawn.estimate(scores, level, is_share=drawn.is_right_or_wrong)
    return BudgetPoint(tokens, value, low, high, method, ended, num_problems, num_samples)


def accuracy_at_completed(run: Run | Drawn, *, level: float = 0.95) -> Estimate | None:
    """Score over the samples that ended by themselves; None where none did. `num_samples` is how many did, `num_problems` of how many.

    All their scores over their number, so that a problem counts by how many of its completions ended. What is left out is the hard part:
    this says what a larger budget might give at most, never what a checkpoint scores. Interval: `ratio_interval`.
    """
    drawn = gather(run)
    done = [[sample.grade.score for sample in samples if is_completed(sample)] for samples in drawn.problems]
    sums, counts = [math.fsum(row) for row in done], [len(row) for row in done]
    if not sum(counts):
        return None
    value = math.fsum(sums) / sum(counts)
    low, high, method = ratio_interval(sums, counts, level, most_trials=sum(counts) if drawn.is_right_or_wrong else math.inf)
    return Estimate(value, low, high, method, sum(count > 0 for count in counts), sum(counts))
