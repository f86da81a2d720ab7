"""What more evidence would take: the margin that could be shown with what there is, and the samples, problems and tokens for this one.

Advice is for a candidate as good as the alternative: equal to the baseline, or better by the asked gain and
the margin.
"""

import math
from bisect import bisect_left
from typing import NamedTuple

from r1bench.harness.statistics import normal_quantile, power
from r1bench.harness.statistics.student import t_quantile
from r1bench.harness.tally import Tally
from r1bench.leaderboards.gate.estimate import IDENTICAL, Estimate, moments_of
from r1bench.leaderboards.gate.rules import Rules
from r1bench.leaderboards.protocol import paired

POWER = 0.8
"""Chance of a PASS for such a candidate that the advice aims at."""
MOST_PROBLEMS = 1_000_000
"""Advice beyond this is no advice."""


class Needs(NamedTuple):
    """Sizes; None where no size within reach is enough, or none is needed."""

    detectable: float | None
    """The least margin, a fraction, that an equally good candidate passes with 80 % chance at this size; 0 for identical runs."""
    samples_needed: int | None = None
    """Per problem, of both runs, for these problems."""
    problems_needed: int | None = None
    """With as many samples for each as there are."""
    tokens_needed: int | None = None
    """To be generated for `samples_needed`, by both together; None where tokens are not known."""


class Spread(NamedTuple):
    """Variances that a size is planned with."""

    within: float
    """Of one sample within its problem."""
    between: float
    """Of the true differences over problems; 0 where the questions are fixed."""


def spread(candidate: Tally, baseline: Tally, questions: str) -> Spread:
    """Estimated from both runs. Where problems have one sample, all of the differences' spread is taken to lie within problems."""
    a, b = moments_of(baseline, "score"), moments_of(candidate, "score")
    size = len(baseline.problems)
    differences = b.mean - a.mean
    total = float(differences.var(ddof=1)) if size > 1 else 0.5
    if min(*candidate.counts, *baseline.counts) < 2:
        return Spread(total / float((1 / a.count + 1 / b.count).mean()), 0.0)
    within = float((a.variance + b.variance).mean() / 2)
    sampling = float((a.variance / a.count + b.variance / b.count).mean())
    return Spread(within, max(0.0, total - sampling) if questions == "random" else 0.0)


def needs(candidate: Tally, baseline: Tally, found: Estimate, margin: float, rules: Rules, *, is_open: bool) -> Needs:
    """Sizes for this margin, in points, and what these runs can show. Only an open verdict needs more."""
    candidate, baseline = paired(candidate, baseline)
    if found.method == IDENTICAL:
        return Needs(0.0)
    if not found.degrees:
        return Needs(None)
    detectable = (float(t_quantile(1 - rules.alpha, found.degrees)) + normal_quantile(POWER)) * found.error
    target, reach = margin / 100, normal_quantile(1 - rules.alpha) + normal_quantile(POWER)
    if not is_open or target <= 0 or found.floor * reach > target or len(baseline.problems) < 2:
        return Needs(detectable)
    seen, size = spread(candidate, baseline, rules.questions), len(baseline.problems)
    score = baseline.mean("score")
    samples = power.samples_needed(seen.within, size, target, question_variance=seen.between, alpha=rules.alpha, power=POWER, score=score)
    n = min(candidate.manifest.n, baseline.manifest.n)
    if samples is not None and samples <= n:
        samples = None
    return Needs(detectable, samples, problems_needed(seen, n, target, rules.alpha, score), tokens_needed(candidate, baseline, samples))


def problems_needed(seen: Spread, n: int, target: float, alpha: float, score: float | None) -> int | None:
    """The least number of problems, as varied as these and with n samples each, that show a difference of `target`."""

    def is_enough(size: int) -> bool:
        plan = power.plan(seen.within, size, n, question_variance=seen.between, alpha=alpha, power=POWER, score=score)
        return plan.detectable <= target

    least = bisect_left(range(MOST_PROBLEMS + 1), True, lo=2, key=is_enough)
    return least if least <= MOST_PROBLEMS else None


def tokens_needed(candidate: Tally, baseline: Tally, samples: int | None) -> int | None:
    """What both would still have to generate for so many samples of each problem."""
    total = 0.0
    for tally in (candidate, baseline):
        mean = tally.mean("tokens")
        if samples is None or mean is None:
            return None
        total += mean * sum(max(0, samples - count) for count in tally.counts)
    return math.ceil(total)
