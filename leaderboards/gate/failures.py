"""Samples that failed in a gate: how far they could move a difference, and what the verdict allows for.

    failed = failures(candidate, baseline, is_allowed=False)
    failed.slack                       # a fraction: what a bound must clear its threshold by

What failed has no score, and nobody knows which it would have had: a candidate may lose just the samples that it would have got wrong (long
answers that run into a server's time limit). Each share of samples that failed can move a score by at most that share. What fails in the
same way on both sides cancels; what one side has more of than the other does not. So there is no PASS where one side has shown more of them
than chance gives, and every verdict must hold also if all of the excess had gone against it; else the evidence is insufficient, unless the
user allows it by name. Left out: losses that are as frequent on both sides
and yet of another kind; `most` bounds these too, and the reports say where that would change the verdict.
"""

import math
from typing import NamedTuple

from r1bench.harness.tally import Tally

UNLIKELY = 0.05
"""That chance alone parts what failed between the sides so unevenly: from there on one side is said to have more."""


class Failures(NamedTuple):
    """Shares are fractions, means over problems."""

    candidate: float
    baseline: float
    num_candidate: int
    num_baseline: int
    candidate_samples: int
    """That were drawn, those that failed among them."""
    baseline_samples: int
    lost: tuple[str, ...]
    """Problems that are out of the difference: on one side or on both every sample failed."""
    is_allowed: bool
    """Whether the user asked to judge as if what failed would have said what the others did."""

    @property
    def excess(self) -> float:
        """The difference of the two shares; rounded, so that equal ones differ by nothing."""
        return round(abs(self.candidate - self.baseline), 12)

    @property
    def slack(self) -> float:
        """By how much a difference must clear its threshold."""
        return 0.0 if self.is_allowed else self.excess

    @property
    def is_shown(self) -> bool:
        """Whether one side has more of them than chance gives: an exact two-sided test that each fell on either side by its samples.

        Failures that come in bunches are called uneven too often, which costs a PASS and grants none.
        """
        count, share = self.num_candidate + self.num_baseline, self.candidate_samples / (self.candidate_samples + self.baseline_samples)
        upper, lower = (binomial_tail(each, count, of) for each, of in ((self.num_candidate, share), (self.num_baseline, 1 - share)))
        return 2 * min(upper, lower) <= UNLIKELY

    @property
    def blocks_pass(self) -> bool:
        return self.is_shown and not self.is_allowed

    @property
    def most(self) -> float:
        """How far the difference could be off at most, if all that failed on one side had been right and all on the other wrong."""
        return self.candidate + self.baseline

    @property
    def is_any(self) -> bool:
        return self.num_candidate + self.num_baseline > 0


def failures(candidate: Tally, baseline: Tally, *, is_allowed: bool) -> Failures:
    """What failed on both sides of one task."""
    return Failures(
        candidate=candidate.failed_share,
        baseline=baseline.failed_share,
        num_candidate=len(candidate.failed),
        num_baseline=len(baseline.failed),
        candidate_samples=candidate.num_samples + len(candidate.failed),
        baseline_samples=baseline.num_samples + len(baseline.failed),
        lost=tuple(sorted({*candidate.lost, *baseline.lost})),
        is_allowed=is_allowed,
    )


def binomial_tail(least: int, count: int, share: float) -> float:
    """The chance of `least` or more among `count` that each come with chance `share`, which lies between 0 and 1."""
    log_odds = (math.log(share), math.log1p(-share))
    whole = math.lgamma(count + 1)
    return math.fsum(
        math.exp(whole - math.lgamma(k + 1) - math.lgamma(count - k + 1) + k * log_odds[0] + (count - k) * log_odds[1])
        for k in range(least, count + 1)
    )
