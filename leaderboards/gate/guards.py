"""Guards of the gate: alarms for what a score does not show. A guard fails only where a worsening beyond its limit is shown.

    guards = parse(["format=3", "loop=1", "task:safety=2"], has_defaults=True)

Names, limits and directions of the defaults stand in the table of measures: format, truncated and mixed (languages) may worsen by 2 points,
the length of the reasoning may grow by 25 %, and more where the task's score is shown to have risen: to think longer and be right is what
training is for. A length guard that is named has no such excuse. Any share that runs record (`loop`, `repeated_passages`,
`empty_reasoning`, `rule:think_once`) can be named, and a task: `task:NAME` guards its score and is then not a task of the gate itself.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from r1bench.harness.errors import UsageError, quoted
from r1bench.harness.statistics.evidence import Questions
from r1bench.harness.tally import Tally
from r1bench.leaderboards.gate.estimate import estimate
from r1bench.leaderboards.gate.failures import failures
from r1bench.leaderboards.measures import MEASURES, measure_of, measured, shares

GuardDecision = Literal["PASS", "FAIL", "OFFSET", "NOT SHOWN", "NOT KNOWN"]
"""OFFSET: the length grew beyond the default limit, and the score has risen. Only FAIL counts against the candidate."""
TASK = "task:"
KEYS = {each.guard: key for key, each in MEASURES.items() if each.guard}
"""Guards that are not called by the key of their measure."""
GIVEN = re.compile(r"(?P<name>[^=]+)=\+?(?P<limit>\d+(\.\d+)?)%?")


class Guard(NamedTuple):
    """One alarm and its limit."""

    name: str
    limit: float
    """What a worsening must exceed: points of a share; per cent of the length."""
    is_named: bool = False
    """Whether the user asked for it: one that cannot be measured is then refused, not passed over."""

    @property
    def task(self) -> str:
        """The task that this guard is about; empty for a measure of every task."""
        return self.name.removeprefix(TASK) if self.name.startswith(TASK) else ""

    @property
    def measure(self) -> str:
        """The key of its measure."""
        return "score" if self.task else KEYS.get(self.name, self.name)

    @property
    def is_relative(self) -> bool:
        """Whether the limit is in per cent of the baseline's value, since there is no largest one."""
        return measure_of(self.measure).unit == "tokens"

    @property
    def is_good(self) -> bool:
        """Whether more of it is better."""
        return measure_of(self.measure).is_good

    @property
    def unit(self) -> str:
        return "%" if self.is_relative else "points"


DEFAULTS = tuple(Guard(each.guard or key, each.limit) for key, each in MEASURES.items() if each.limit is not None)


@dataclass(frozen=True)
class GuardVerdict:
    """What one guard saw on one task. Values and changes are fractions (tokens for the length); a rise in `worsening` is bad."""

    task: str
    guard: Guard
    decision: GuardDecision
    baseline: float | None = None
    candidate: float | None = None
    worsening: float | None = None
    """Of a share: fraction. Of the length: fraction of the baseline's."""
    low: float | None = None
    """One-sided bounds of it."""
    high: float | None = None
    p_value: float | None = None
    """Of the claim that the limit is exceeded."""
    adjusted_p: float | None = None
    """The same among all claims of the gate (Holm)."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: fractions, except the limit in points or per cent."""
        values = {**vars(self)}
        guard: Guard = values.pop("guard")
        return {"task": self.task, "name": guard.name, "limit": guard.limit, "unit": guard.unit, **values}


def parse(texts: Iterable[str], *, has_defaults: bool = True) -> tuple[Guard, ...]:
    """Guards from NAME=LIMIT; a name that is given replaces the default of that name.

    Raises:
        UsageError: no NAME=LIMIT, a limit beyond 100 points, or a name given twice.
    """
    named: dict[str, Guard] = {}
    for text in texts:
        found = GIVEN.fullmatch(text.strip())
        if not found:
            raise UsageError(f"guard {quoted(text)} is not NAME=LIMIT; give for example format=2, length=25 or task:safety=1")
        guard = Guard(found["name"].strip(), float(found["limit"]), True)
        if guard.name == "score":
            raise UsageError(
                f"guard {quoted(text)}: the score is what the gate judges; give --margin, or task:NAME=1 to guard a whole task"
            )
        if guard.name in named:
            raise UsageError(f"guard {quoted(guard.name)} is given twice; give it once")
        if not guard.is_relative and guard.limit > 100:
            raise UsageError(f"guard {quoted(text)}: a share cannot worsen by more than 100 points; give a limit between 0 and 100")
        named[guard.name] = guard
    defaults = {guard.name: guard for guard in DEFAULTS} if has_defaults else {}
    return tuple({**defaults, **named}.values())


def guarded_tasks(guards: Sequence[Guard]) -> list[str]:
    """Tasks that are guards and not judged by the margin."""
    return [guard.task for guard in guards if guard.task]


def watch(
    candidate: Tally, baseline: Tally, guards: Sequence[Guard], *, alpha: float, questions: Questions, allow_failed: bool = False
) -> list[GuardVerdict]:
    """What each guard sees on one task, before the claims are corrected for their number. A task that is a guard has no other guards.

    Of a share it must be shown that the limit is exceeded even if what failed on one side more than on the other were all in its favour.
    Lengths have no such bound: of them samples that failed say nothing.

    Raises:
        UsageError: a guard that was asked for is not recorded in both.
    """
    of_task = [guard for guard in guards if guard.task == baseline.task]
    chosen = of_task or [guard for guard in guards if not guard.task]
    slack = failures(candidate, baseline, is_allowed=allow_failed).slack
    return [_watch(candidate, baseline, guard, alpha=alpha, questions=questions, slack=slack) for guard in chosen]


def _watch(candidate: Tally, baseline: Tally, guard: Guard, *, alpha: float, questions: Questions, slack: float) -> GuardVerdict:
    both = (baseline, candidate)
    values = [measured(tally, guard.measure) if guard.measure in watchable(tally) else None for tally in both]
    seen = GuardVerdict(baseline.task, guard, "NOT KNOWN", *(each and each.value for each in values))
    if None in values or (guard.is_relative and not seen.baseline):
        if guard.is_named:
            raise _not_measured(guard, next((tally for tally, each in zip(both, values, strict=True) if each is None), baseline))
        return seen
    limit = guard.limit / 100
    if guard.is_relative:
        # Candidate / baseline - 1: decided by candidate - (1 + limit) x baseline, which needs no approximation of a ratio (Fieller 1954).
        # The bounds that are printed are those of the ratio, linearised at its estimate.
        assert seen.candidate is not None
        assert seen.baseline
        contrast = estimate(candidate, baseline, guard.measure, questions=questions, scale=1 + limit)
        ratio = seen.candidate / seen.baseline
        around = estimate(candidate, baseline, guard.measure, questions=questions, scale=ratio)
        mean, low, high = ratio - 1, *(ratio - 1 + bound / seen.baseline for bound in (around.lower(alpha), around.upper(alpha)))
        p_value, is_within = contrast.p_above(0.0), contrast.upper(alpha) < 0
    else:
        found = estimate(candidate, baseline, guard.measure, questions=questions)
        mean, low, high = found.mean, found.lower(alpha), found.upper(alpha)
        if guard.is_good:
            mean, low, high = -mean, -high, -low
        shown = limit + slack
        p_value, is_within = found.p_below(-shown) if guard.is_good else found.p_above(shown), high < limit - slack
    decision: GuardDecision = "PASS" if is_within else "NOT SHOWN"
    return replace(seen, decision=decision, worsening=mean + 0.0, low=low + 0.0, high=high + 0.0, p_value=p_value)


def watchable(tally: Tally) -> list[str]:
    """The measures that are known of every sample and that a guard may be about: the table's means, and every share that was recorded."""
    named = [*(key for key, each in MEASURES.items() if not each.whole), *shares(tally)]
    return [key for key in named if tally.has(key)]


def _not_measured(guard: Guard, tally: Tally) -> UsageError:
    keys = watchable(tally)
    known = sorted({*keys, *(name for name, key in KEYS.items() if key in keys)} - {"score"})
    return UsageError(
        f"guard {quoted(guard.name)} cannot be measured on {tally.task}: {tally.id} has no such record; it has {', '.join(known)}"
    )


def check_recorded(tally: Tally, guards: Sequence[Guard]) -> None:
    """Raises UsageError for a guard that was asked for and that this run, which no other guards, has no record of."""
    if tally.task in guarded_tasks(guards):
        return
    for guard in guards:
        if guard.is_named and not guard.task and guard.measure not in watchable(tally):
            raise _not_measured(guard, tally)


def decided(seen: GuardVerdict, adjusted_p: float, alpha: float, *, improved: Iterable[str] = ()) -> GuardVerdict:
    """The verdict once its p value stands among the other claims. `improved`: tasks on which the score has risen."""
    if adjusted_p > alpha:
        return replace(seen, adjusted_p=adjusted_p)
    is_offset = seen.guard.is_relative and not seen.guard.is_named and seen.task in improved
    return replace(seen, adjusted_p=adjusted_p, decision="OFFSET" if is_offset else "FAIL")
