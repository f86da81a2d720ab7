"""What several samples per problem say besides pass@1: pass@k, majority, best-of-n, outcomes, and scores at smaller token budgets.

    found = at_k(tally, "cons@", 16)              # Estimate(value, low, high, method, num_problems, num_samples)
    summary(tally)["cons@16"]

Each is a value per problem (r1bench.harness.statistics.estimators: sources, small n), their mean, and the interval of that mean over
problems, `statistics.mean_interval`: the problems are what varies, so samples of one problem stay together. Runs with samples missing are
refused, and so are draws of more samples than every problem has when those that failed are taken out. Left out: what a larger budget than
the run's would give (nobody knows).
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

from r1bench.harness import statistics
from r1bench.harness.errors import UsageError
from r1bench.harness.records import OUTCOMES
from r1bench.harness.statistics import estimators
from r1bench.harness.statistics.intervals import effective_trials
from r1bench.harness.statistics.ratios import ratio_interval
from r1bench.harness.tally import Tally
from r1bench.leaderboards.protocol import check_complete

OUTCOME = "outcome:"
BUDGETS = "budgets"
MOST_BUDGETS = 8
"""Points of a curve whose budgets nobody named."""
OF_COUNTS = {"pass@": estimators.pass_at_k, "pass^": estimators.pass_hat_k, "mg-pass@": estimators.mean_g_pass_at_k}
"""Metric -> its value of a problem's samples, right ones, and k; for scores of 0 and 1."""
OF_SCORES: dict[str, Callable[[Sequence[float], int], float]] = {"best-of-": estimators.best_of_k, "worst-of-": estimators.worst_of_k}
"""Metric -> its value of a problem's scores and k; defined for shares too, and for scores of 0 and 1 pass@k and pass^k."""
VOTE = "cons@"


class Estimate(NamedTuple):
    """A mean over problems with its interval over questions and samples, and what it rests on."""

    value: float
    low: float
    high: float
    method: str
    num_problems: int
    num_samples: int


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


class Drawn:
    """A complete run, with what is worked out of it once for several metrics. Everything is in the same order of problems.

    Raises:
        ProtocolError: samples are missing: a mean over what happens to be there is about nothing.
    """

    def __init__(self, tally: Tally) -> None:
        check_complete(tally)
        self.tally, self.scores = tally, tally.rows("score")
        self.most_trials = len(self.scores) ** 2 / math.fsum(1 / count for count in tally.counts)
        """What a share of the samples is worth where all problems are alike: the number of samples, less if some problems have more."""
        self.can_vote = "vote" in tally.values
        """Whether the run's grader finds an answer that can be voted on."""
        self.most_tokens = int(tally.manifest.sampling["max_tokens"])
        """The budget that the run was sampled with; 0 where it is not known."""

    @cached_property
    def is_right_or_wrong(self) -> bool:
        """Whether every score is 0 or 1; graders of shares (language) and of partial credit have others."""
        return all(set(scores) <= {0.0, 1.0} for scores in self.scores)

    @cached_property
    def votes(self) -> list[tuple[int, tuple[int, ...], int]]:
        """Of each problem: how many samples are right, how many give each wrong answer, how many give none."""
        rows = self.tally.rows("vote")
        counts = [Counter(vote for vote in row if vote == vote) for row in rows]
        return [
            (count.pop(0.0, 0), tuple(count.values()), sum(vote != vote for vote in row)) for count, row in zip(counts, rows, strict=True)
        ]

    @cached_property
    def has_tokens(self) -> bool:
        """Whether the tokens of every completion are known (imported text has none)."""
        return self.most_tokens > 0 and self.tally.has("tokens")

    def need(self, metric: str, k: int) -> None:
        """Refuse a metric of k samples where some problem has fewer, with the cure."""
        fewest = self.tally.n
        if 1 <= k <= fewest:
            return
        more = f"draw at least {k} samples: r1bench eval ... --samples {k}"
        if self.tally.manifest.sampler == "import":
            more = f"import a file with at least {k} completions of each problem"
        elif k <= self.tally.manifest.n and self.tally.failed:
            more = "draw those that failed again with the same r1bench eval"
        cure = f"{more}, or lower k" if k > 0 else "give k of 1 or more"
        given = "1 sample" if fewest == 1 else f"{fewest} samples"
        why = f", where {len(self.tally.failed)} failed" if self.tally.failed else ""
        raise UsageError(f"{metric} cannot be estimated from {given} per problem (run {self.tally.id}{why}); {cure}")

    def estimate(self, values: Sequence[float], level: float, *, is_share: bool = False) -> Estimate:
        """The mean of one value per problem, with its interval over problems (`statistics.mean_interval`).

        Shares of the samples (pass@1, an outcome) are worth no more trials than there are samples, as in `statistics.interval`.
        """
        if max(values) > 1:  # by the last bit of a sum of fractions
            values = [min(value, 1.0) for value in values]
        mean = math.fsum(values) / len(values)
        low, high, method = statistics.mean_interval(values, level)
        if is_share and effective_trials(values) > self.most_trials:
            low, high, _ = statistics.wilson_interval(mean * self.most_trials, self.most_trials, level)
        return Estimate(mean, low, high, method, len(values), self.tally.num_samples)


def gather(tally: Tally | Drawn) -> Drawn:
    """The run with what is worked out of it; what is gathered already is returned as it is."""
    return tally if isinstance(tally, Drawn) else Drawn(tally)


def at_k(tally: Tally | Drawn, metric: str, k: int, *, level: float = 0.95) -> Estimate:
    """A metric of k samples, named as in the results but for k.

    pass@: the chance that one of them is right; pass^: that all are; mg-pass@: the mean over shares above one half of the chance that this
    share is right; cons@: the expected credit of their most frequent answer; best-of-, worst-of-: the expected highest and lowest score.

    Raises:
        UsageError: some problem has fewer samples; right ones are counted and there are scores between; no answers to vote on.
    """
    drawn, name = gather(tally), f"{metric}{k}"
    drawn.need(name, k)
    if metric in OF_SCORES:
        return drawn.estimate([OF_SCORES[metric](scores, k) for scores in drawn.scores], level)
    if metric == VOTE and not drawn.can_vote:
        grader = drawn.tally.manifest.grader
        raise UsageError(f"{name} needs answers to vote on, and grader {grader!r} finds none; ask for pass@{k} or best-of-{k}")
    if metric == VOTE:
        return drawn.estimate([estimators.majority_at_k(*votes, k) for votes in drawn.votes], level)
    if not drawn.is_right_or_wrong:
        raise UsageError(f"{name} counts right samples, and run {drawn.tally.id} has scores between; ask for best-of-{k} or worst-of-{k}")
    values = [OF_COUNTS[metric](len(scores), scores.count(1.0), k) for scores in drawn.scores]
    return drawn.estimate(values, level, is_share=k == 1)


def metrics_of_k(drawn: Drawn, k: int) -> list[str]:
    """The metrics of k samples that a run's scores can have: those of right and wrong, or for shares the best and the worst."""
    if not drawn.is_right_or_wrong:
        return list(OF_SCORES)[: 2 if k > 1 else 1]
    return ["pass@"] if k == 1 else [*OF_COUNTS, *([VOTE] if drawn.can_vote else [])]


def outcome_shares(tally: Tally | Drawn, *, level: float = 0.95) -> dict[str, Estimate]:
    """Outcome -> share of the samples that count, mean over problems; 'failed' of all that were drawn. All five are always there."""
    drawn = gather(tally)
    rows = drawn.tally.rows("outcome")
    shares: dict[str, list[float]] = {outcome: [row.count(place) / len(row) for row in rows] for place, outcome in enumerate(OUTCOMES)}
    found = {outcome: drawn.estimate(each, level, is_share=True) for outcome, each in shares.items()}
    return {**found, "failed": failed_share(drawn.tally, level)}


def failed_share(tally: Tally, level: float = 0.95) -> Estimate:
    """The share of samples that failed, mean over problems, of all that were drawn."""
    failed = Counter(each.problem for each in tally.failed)
    rows = [[1.0] * failed[problem] + [0.0] * (count - failed[problem]) for problem, count in tally.drawn.items()]
    value, interval = statistics.pass_at_1(rows), statistics.interval(rows, level)
    return Estimate(value, *interval, len(rows), sum(map(len, rows)))


def default_ks(n: int) -> list[int]:
    """Powers of two up to n, and n."""
    return sorted({n, *(2**power for power in range(n.bit_length()))})


def default_budgets(most: int) -> list[int]:
    """The largest powers of two below a run's budget, and that budget: eight points at most."""
    return default_ks(most)[-MOST_BUDGETS:]


def summary(tally: Tally, level: float = 0.95, *, ks: Sequence[int] | None = None, budgets: Sequence[int] | None = None) -> dict[str, Any]:
    """Metric ('pass@4', 'cons@16', ...) -> {'value', 'low', 'high', 'method', 'num_problems', 'num_samples'}, for a complete run.

    Also 'budgets': [{'tokens', 'value', 'low', 'high', 'ended', ...}] where tokens are known. JSON values only, fractions.

    For every k of `ks` (by default powers of two up to n, and n): pass@k, and above 1 also pass^k, mg-pass@k and, where answers can be
    voted on, cons@k. For scores between 0 and 1 best-of-k and worst-of-k instead. Then 'accuracy@completed', where a completion ended,
    and 'outcome:correct' and the other outcomes.

    Raises:
        ProtocolError: the run is incomplete. UsageError: it has too few samples or tokens for what was asked for by name.
    """
    drawn = gather(tally)
    chosen = default_ks(drawn.tally.n) if ks is None else sorted(set(ks))
    found = {f"{metric}{k}": at_k(drawn, metric, k, level=level) for k in chosen for metric in metrics_of_k(drawn, k)}
    if (completed := accuracy_at_completed(drawn, level=level)) is not None:
        found["accuracy@completed"] = completed
    found |= {OUTCOME + outcome: share for outcome, share in outcome_shares(drawn, level=level).items()}
    plain: dict[str, Any] = {name: estimate._asdict() for name, estimate in found.items()}
    if drawn.has_tokens or budgets is not None:
        plain[BUDGETS] = [point._asdict() for point in budget_curve(drawn, budgets, level=level)]
    return plain


def budget_curve(tally: Tally | Drawn, budgets: Sequence[int] | None = None, *, level: float = 0.95) -> list[BudgetPoint]:
    """The score if completions had been cut at each budget of generated tokens; by default powers of two up to the run's own.

    A sample keeps its score at a budget that its tokens fit into and has 0 at a smaller one: an answer that stood before the end of a
    completion that would have been cut does not count. At the run's own budget it is pass@1. All points come from one run.

    Raises:
        UsageError: tokens are not known (imported text), or a budget is more than the run had.
    """
    drawn = gather(tally)
    run, most = drawn.tally.id, drawn.most_tokens
    if not drawn.has_tokens:
        raise UsageError(f"a budget curve needs the tokens of every completion, which run {run} lacks; sample it with r1bench eval")
    chosen = default_budgets(most) if budgets is None else sorted(set(budgets))
    if beyond := [tokens for tokens in chosen if not 1 <= tokens <= most]:
        cure = f"give 1 ... {most}" + (f", or draw with more: r1bench eval ... --max-tokens {beyond[-1]}" if beyond[-1] > 0 else "")
        raise UsageError(f"what run {run} would say within {beyond[-1]} tokens is not known, it had at most {most}; {cure}")
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
    tokens, *rest = zip(*sorted(zip(*of_problem, strict=True)), strict=True)
    return Curve(tokens, *([total / len(tokens) for total in accumulate(values, initial=0.0)] for values in rest))


def _point(drawn: Drawn, tokens: int, curves: Sequence[Curve], level: float) -> BudgetPoint:
    """The score and the share that had ended at one budget."""
    places = [bisect_right(curve.tokens, tokens) for curve in curves]
    scores = [curve.scores[place] for curve, place in zip(curves, places, strict=True)]
    ended = math.fsum(curve.ended[place] for curve, place in zip(curves, places, strict=True)) / len(curves)
    found = drawn.estimate(scores, level, is_share=drawn.is_right_or_wrong)
    return BudgetPoint(tokens=tokens, ended=ended, **found._asdict())


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
    low, high, method = ratio_interval(sums, counts, level, most_trials=sum(counts) if drawn.is_right_or_wrong else math.inf)
    return Estimate(math.fsum(sums) / sum(counts), low, high, method, sum(count > 0 for count in counts), sum(counts))
