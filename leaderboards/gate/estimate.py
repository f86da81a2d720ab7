"""A difference of two evaluations as the gate uses it: estimate, standard error, one-sided bounds and p values.

    found = estimate(candidate, baseline, "score", questions="fixed")
    found.lower(0.05), found.p_below(0.0)

The formulas are those of r1bench.harness.statistics.evidence.
"""

import math
from typing import NamedTuple

from r1bench.harness.statistics.evidence import Evidence, Moments, Questions, Side, bound, can_fix_questions, evidence, moments, tail_p
from r1bench.harness.statistics.restricted import Restricted
from r1bench.harness.tally import Tally
from r1bench.leaderboards.protocol import is_same_evaluation, paired

IDENTICAL = "identical"


class Estimate(NamedTuple):
    """Candidate - baseline, in fractions (lengths: in tokens)."""

    mean: float
    error: float
    """Standard error at the estimate; 0 for identical evaluations only."""
    degrees: float
    """Of freedom behind the error; 0 where nothing can be concluded."""
    method: str
    """'within': from the spread of samples within problems. 'between': from that of the differences over problems. 'identical'."""
    sampling_error: float
    """The standard error before the noise floor was looked at."""
    floor: float = 0.0
    """The backend's own noise: the error is never below it."""
    restricted: Restricted | None = None
    """How the error depends on the true difference; None where it is taken not to. Bounds and p values follow it."""

    def without_floor(self) -> "Estimate":
        """The same as if the backend answered the same thing each time."""
        restricted = self.restricted and self.restricted._replace(floor=0.0)
        return self._replace(error=self.sampling_error, floor=0.0, restricted=restricted)

    @property
    def evidence(self) -> Evidence:
        """As the statistics take it."""
        return Evidence(self.mean, self.error, self.degrees, self.restricted)

    def lower(self, alpha: float) -> float:
        """The one-sided 1 - alpha bound from below."""
        return self.mean if self.method == IDENTICAL else bound(self.evidence, alpha, side="above")

    def upper(self, alpha: float) -> float:
        """The one-sided 1 - alpha bound from above."""
        return self.mean if self.method == IDENTICAL else bound(self.evidence, alpha, side="below")

    def p_below(self, threshold: float) -> float:
        """p value of the claim that the true difference is below a threshold."""
        return self._p(threshold, "below")

    def p_above(self, threshold: float) -> float:
        """p value of the claim that the true difference is above a threshold."""
        return self._p(threshold, "above")

    def _p(self, threshold: float, side: Side) -> float:
        if self.method == IDENTICAL:
            return 0.0 if (self.mean > threshold if side == "above" else self.mean < threshold) else 1.0
        return float(tail_p(self.evidence, threshold, side=side))


def moments_of(tally: Tally, measure: str, *, scale: float = 1.0) -> Moments:
    """One measure, times `scale`, as the statistics take it."""
    found = moments(tally.rows(measure))
    return Moments(scale * found.mean, scale**2 * found.variance, found.count)


def estimate(candidate: Tally, baseline: Tally, measure: str, *, questions: Questions = "fixed", scale: float = 1.0) -> Estimate:
    """The difference in one measure, candidate - scale x baseline, paired by problem.

    Of scores the standard error is never below what the backends answered differently to the same question; of other measures that is not
    known. Evaluations that hold the very same samples of one checkpoint differ by exactly 0. A problem that has no sample left on one side,
    since all failed, is out of both.
    """
    both = paired(baseline, candidate)
    a, b = moments_of(both[0], measure, scale=scale), moments_of(both[1], measure)
    floor = (candidate.noise_error**2 + baseline.noise_error**2) ** 0.5 if measure == "score" else 0.0
    found = evidence(a, b, questions=questions, noise_error=floor)
    mean, error, degrees = (float(value) for value in found[:3])
    if is_same_evaluation(candidate, baseline):
        return Estimate(mean, 0.0, math.inf, IDENTICAL, 0.0)
    sampling_error = float(evidence(a, b, questions=questions).error)
    method = "within" if questions == "fixed" and can_fix_questions(a, b) else "between"
    return Estimate(mean, error, degrees, method, sampling_error, floor, found.restricted)
