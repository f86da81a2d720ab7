"""What several samples per problem say besides pass@1: pass@k, majority, best-of-n, budget curves.

    found = majority_at_k(gather(tally), 16)      # Estimate(value, low, high, method, num_problems, num_samples)
    summary(tally)["cons@16"]

Each is a value per problem (r1bench.harness.statistics.estimators: sources, small n), their mean, and the interval of that mean over
problems, `statistics.mean_interval`: the problems are what varies, so samples of one problem stay together. Runs with samples missing are
refused, and so are draws of more samples than every problem has. Left out: tables (page.py), differences of two runs.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from r1bench.harness.errors import UsageError
from r1bench.harness.records import OUTCOMES
from r1bench.harness.statistics import estimators
from r1bench.harness.tally import Rows, Tally
from r1bench.leaderboards.measures.budgets import accuracy_at_completed, budget_curve
from r1bench.leaderboards.measures.drawn import Drawn, Estimate, gather

OUTCOME = "outcome:"
BUDGETS = "budgets"


def pass_at_k(tally: Tally | Drawn, k: int, *, level: float = 0.95) -> Estimate:
    """Chance that one of k samples is right (`estimators.pass_at_k`), for scores of 0 and 1."""
    return _of_counts(tally, f"pass@{k}", estimators.pass_at_k, k, level)


def pass_hat_k(tally: Tally | Drawn, k: int, *, level: float = 0.95) -> Estimate:
    """pass^k: chance that all of k samples are right (`estimators.pass_hat_k`), for scores of 0 and 1."""
    return _of_counts(tally, f"pass^{k}", estimators.pass_hat_k, k, level)


def g_pass_at_k(tally: Tally | Drawn, k: int, *, threshold: float | None = None, level: float = 0.95) -> Estimate:
    """Chance that a share `threshold` of k samples is right; without it mG-Pass@k, the mean over shares above one half."""
    if threshold is None:
        return _of_counts(tally, f"mg-pass@{k}", estimators.mean_g_pass_at_k, k, level)
    return _of_counts(tally, f"g-pass@{k}", lambda n, right, k: estimators.g_pass_at_k(n, right, k, threshold), k, level)


def majority_at_k(tally: Tally | Drawn, k: int, *, level: float = 0.95) -> Estimate:
    """cons@k, maj@k: expected credit of the most frequent answer among k samples (`estimators.majority_at_k`).

    Raises:
        UsageError: the run's grader finds no answer to vote on, or there are fewer samples.
    """
    drawn = gather(tally)
    drawn.need(f"cons@{k}", k)
    if not drawn.can_vote:
        grader = drawn.tally.manifest.grader
        raise UsageError(f"cons@{k} needs answers to vote on, and grader {grader!r} finds none; ask for pass@{k} or best-of-{k}")
    return drawn.estimate([estimators.majority_at_k(*votes, k) for votes in drawn.votes], level)


def best_of(tally: Tally | Drawn, k: int, *, chosen_by: Rows | None = None, level: float = 0.95) -> Estimate:
    """Score of the sample with the highest `chosen_by` (a reward model's opinion of each) among k; without it the expected highest score.

    The latter is what a perfect judge would reach; it is pass@k for scores of 0 and 1, and is defined for shares too.
    """
    drawn = gather(tally)
    drawn.need(f"best-of-{k}", k)
    if chosen_by is None:
        return drawn.estimate([estimators.best_of_k(scores, k) for scores in drawn.scores], level)
    values = [estimators.best_of_k(scores, k, chosen_by=given) for scores, given in zip(drawn.scores, chosen_by, strict=True)]
    return drawn.estimate(values, level)


def worst_of(tally: Tally | Drawn, k: int, *, level: float = 0.95) -> Estimate:
    """Expected lowest score among k samples; pass^k for scores of 0 and 1, and defined for shares too."""
    drawn = gather(tally)
    drawn.need(f"worst-of-{k}", k)
    return drawn.estimate([estimators.worst_of_k(scores, k) for scores in drawn.scores], level)


def outcome_shares(tally: Tally | Drawn, *, level: float = 0.95) -> dict[str, Estimate]:
    """Outcome -> share of the samples, mean over problems; all five are always there."""
    drawn = gather(tally)
    rows = drawn.tally.rows("outcome")
    shares = {outcome: [row.count(place) / len(row) for row in rows] for place, outcome in enumerate(OUTCOMES)}
    return {outcome: drawn.estimate(each, level, is_share=True) for outcome, each in shares.items()}


def default_ks(n: int) -> list[int]:
    """Powers of two up to n, and n."""
    return sorted({n, *(2**power for power in range(n.bit_length()))})


def metrics_of_k(drawn: Drawn, k: int) -> Mapping[str, Callable[..., Estimate]]:
    """The metrics of k samples that a run's scores can have, by name: those of right and wrong, or for shares the best and the worst."""
    if not drawn.is_right_or_wrong:
        return {f"best-of-{k}": best_of, f"worst-of-{k}": worst_of} if k > 1 else {"best-of-1": best_of}
    found: dict[str, Callable[..., Estimate]] = {f"pass@{k}": pass_at_k}
    if k > 1:
        found |= {f"pass^{k}": pass_hat_k, f"mg-pass@{k}": g_pass_at_k}
        if drawn.can_vote:
            found[f"cons@{k}"] = majority_at_k
    return found


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
    found: dict[str, Estimate] = {}
    for k in default_ks(drawn.tally.n) if ks is None else sorted(set(ks)):
        found |= {name: metric(drawn, k, level=level) for name, metric in metrics_of_k(drawn, k).items()}
    if (completed := accuracy_at_completed(drawn, level=level)) is not None:
        found["accuracy@completed"] = completed
    found |= {OUTCOME + outcome: share for outcome, share in outcome_shares(drawn, level=level).items()}
    plain: dict[str, Any] = {name: estimate._asdict() for name, estimate in found.items()}
    if drawn.has_tokens or budgets is not None:
        plain[BUDGETS] = [point._asdict() for point in budget_curve(drawn, budgets, level=level)]
    return plain


def _of_counts(tally: Tally | Drawn, metric: str, value: Callable[[int, int, int], float], k: int, level: float) -> Estimate:
    """A metric that looks at how many samples of each problem are right."""
    drawn = gather(tally)
    drawn.need(metric, k)
    if not drawn.is_right_or_wrong:
        raise UsageError(f"{metric} counts right samples, and run {drawn.tally.id} has scores between; ask for best-of-{k} or worst-of-{k}")
    return drawn.estimate([value(n, right, k) for n, right in drawn.num_right], level, is_share=k == 1)
