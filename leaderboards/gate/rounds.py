"""The adaptive gate's arithmetic: which rounds of samples, what each look sees, whether to stop. Pure functions over tallies and designs.

    course = Course(design(baseline, rule, ...), (), False)       # before the first sample, and the same when resumed
    course = look(course, candidate, baseline)                   # the tallies of a round

The test is the triangular test of r1bench.harness.statistics.sequential, over new samples of fixed questions. Looks happen at the design's
rounds only, with the first so many samples of each problem, however many are stored: a gate that is resumed does not look differently.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from r1bench.harness.errors import UsageError
from r1bench.harness.statistics.sequential import Design, Look, Standing, Stop, look_at, standing
from r1bench.harness.tally import Tally
from r1bench.leaderboards.gate.estimate import IDENTICAL, Estimate, estimate, moments_of
from r1bench.leaderboards.gate.rules import Rule

GUARDS_SHARE = 0.2
"""Of alpha, for the FAILs of guards; the tasks share the rest equally (Bonferroni)."""


class Round(NamedTuple):
    """One look. Differences are fractions."""

    samples: int
    """Per problem, of the candidate, those that failed among them."""
    samples_baseline: int
    estimate: float
    error: float
    """Standard error if the truth were the threshold or the alternative, whichever is larger."""
    degrees: float
    """Of freedom behind the error."""
    lower: float
    upper: float
    information: float
    """Share of the information at which the test must end."""
    tokens: int | None
    """Generated for the samples that this look reads: of the candidate, and of the baseline where it is topped up; None where not known."""
    share: float
    """Samples per problem as a share of the fixed design with the same error rates."""
    stop: Stop


@dataclass(frozen=True)
class Course:
    """A design and its rounds so far."""

    design: Design
    rounds: tuple[Round, ...]
    is_baseline_fixed: bool
    """Whether the baseline's samples are given and only the candidate's are drawn."""

    @property
    def last(self) -> Round:
        return self.rounds[-1]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        design = {**self.design._asdict(), "rounds": list(self.design.rounds)}
        return {"design": design, "is_baseline_fixed": self.is_baseline_fixed, "rounds": [each._asdict() for each in self.rounds]}


def alpha_below(alpha: float, num_tasks: int, *, has_guards: bool) -> float:
    """What one task may spend on a FAIL, so that the chance of any false one is at most alpha."""
    return alpha * (1 - GUARDS_SHARE if has_guards else 1) / num_tasks


def design(baseline: Tally, rule: Rule, *, alpha: float, alpha_below: float, is_baseline_fixed: bool) -> Design:
    """The rounds for one task, from the variance within the baseline's problems.

    They do not depend on the budget, so that a gate that goes on with a larger one has the same looks behind it.

    Raises:
        UsageError: the variance is not known, the margin is 0, or the baseline's samples can never be enough.
    """
    from r1bench.harness.statistics import sequential

    seen, task = moments_of(baseline, "score"), baseline.manifest.task
    if max(baseline.counts) < 2 or (baseline.n < 2 and not baseline.failed):
        raise UsageError(
            f"--adaptive plans its rounds by how much the baseline's samples of a problem vary, and {baseline.id} has one sample for some"
            f" problem of {task}; evaluate it with --samples 4"
        )
    if not rule.margin:
        raise UsageError(f"--adaptive needs a margin above 0 on {task}: with 0 it would never end; give --margin 2")
    try:
        return sequential.design(
            rule.threshold,
            rule.threshold + rule.margin / 100,
            variance=float(seen.variance[seen.count > 1].mean()),
            num_problems=len(baseline.problems),
            score=float(seen.mean.mean()),
            alpha_above=alpha,
            alpha_below=alpha_below,
            samples_baseline=baseline.manifest.n if is_baseline_fixed else None,
        )
    except UsageError as error:
        raise UsageError(f"--adaptive on {task}: {error}") from error


def look(course: Course, candidate: Tally, baseline: Tally) -> Course:
    """The course with one more round, from the tallies of that many samples."""
    plan, found = course.design, estimate(candidate, baseline, "score")
    seen = look_at(plan, found.evidence) if found.error else Look(found.mean, 0.0, 0.0)
    now = _standing(course, found, seen)
    spent = [candidate.total("tokens"), 0.0 if course.is_baseline_fixed else baseline.total("tokens")]
    one = Round(
        samples=candidate.manifest.n,
        samples_baseline=baseline.manifest.n,
        estimate=found.mean,
        error=float(seen.error),
        degrees=float(seen.degrees),
        lower=now.lower,
        upper=now.upper,
        information=now.information,
        tokens=None if None in spent else int(sum(each or 0 for each in spent)),
        share=candidate.manifest.n / plan.fixed_samples,
        stop=now.stop,
    )
    return replace(course, rounds=(*course.rounds, one))


def _standing(course: Course, found: Estimate, seen: Look) -> Standing:
    """Where the test stands with this look. The same samples twice are no evidence to be weighed: they differ by nothing."""
    if found.method == IDENTICAL:
        is_above = course.design.threshold < 0
        return Standing("above" if is_above else "below", 0.0, 0.0, 1.0, 1.0 - is_above, float(is_above))
    looks = [Look(each.estimate, each.error, each.degrees) for each in course.rounds]
    return standing(course.design, [*looks, seen])
