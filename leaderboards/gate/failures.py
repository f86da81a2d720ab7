"""Samples that failed in a gate: how far they could move a difference, and what the verdict allows for.

    failed = failures(candidate, baseline, is_allowed=False)
    failed.slack                       # a fraction: what a bound must clear its threshold by

What failed has no score, and nobody knows which it would have had: a candidate may lose just the samples that it would have got wrong (long
answers that run into a server's time limit). Each share of samples that failed can move a score by at most that share. What fails in the
same way on both sides cancels; what one side has more of than the other does not. So a verdict must hold also if all of that excess had
gone against it, or the evidence is insufficient, unless the user allows it by name. Left out: losses that are as frequent on both sides
and yet of another kind; `most` bounds these too, and the reports say where that would change the verdict.
"""

from typing import NamedTuple

from r1bench.harness.tally import Tally


class Failures(NamedTuple):
    """Shares are fractions, means over problems."""

    candidate: float
    baseline: float
    num_candidate: int
    num_baseline: int
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
    def most(self) -> float:
        """How far the difference could be off at most, if all that failed on one side had been right and all on the other wrong."""
        return self.candidate + self.baseline

    @property
    def is_any(self) -> bool:
        return self.num_candidate + self.num_baseline > 0


def failures(candidate: Tally, baseline: Tally, *, is_allowed: bool) -> Failures:
    """What failed on both sides of one task."""
    lost = tuple(sorted({*candidate.lost, *baseline.lost}))
    return Failures(candidate.failed_share, baseline.failed_share, len(candidate.failed), len(baseline.failed), lost, is_allowed)
