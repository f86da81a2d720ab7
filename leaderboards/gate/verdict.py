"""The gate for CI: may this checkpoint replace that one, or did it lose more than a margin on one of several tasks?

    verdict = judge_tasks([(candidate, baseline), ...], Rules(Rule(margin=2.0)))         # a pair of tallies for each task
    print(text.render(verdict)); sys.exit(verdict.exit_code)

One task, non-inferiority: PASS when the one-sided 1 - alpha bound of candidate - baseline lies above -margin; otherwise FAIL when a loss
is shown (the other bound below 0); otherwise INSUFFICIENT_EVIDENCE. So the chance of a PASS for a candidate that lost the margin or more is
at most alpha, and so is the chance of a FAIL for one that lost nothing. Improvement (`at_least`): PASS above +g, FAIL below +g.
Several: PASS needs every task to pass (intersection-union, Berger 1982: no correction); the FAILs of all tasks and guards together are
Holm-adjusted. Guards only ever fail. Samples that failed have no score; of what one side has more of them than the other, bounds must stay
clear (failures.py). Identical evaluations of one checkpoint differ by exactly 0; two checkpoints that tie everywhere still have
bounds as wide as the number of samples asks for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

from r1bench.harness.errors import UsageError
from r1bench.harness.statistics.multiplicity import holm
from r1bench.harness.tally import Tally
from r1bench.leaderboards.gate import guards as gate_guards
from r1bench.leaderboards.gate import needs as gate_needs
from r1bench.leaderboards.gate.estimate import IDENTICAL, Estimate, estimate
from r1bench.leaderboards.gate.failures import Failures, failures
from r1bench.leaderboards.gate.guards import GuardVerdict
from r1bench.leaderboards.gate.needs import Needs
from r1bench.leaderboards.gate.rounds import GUARDS_SHARE, Course
from r1bench.leaderboards.gate.rules import Rule, Rules
from r1bench.leaderboards.protocol import check_comparable

Decision = Literal["PASS", "FAIL", "INSUFFICIENT_EVIDENCE"]
EXIT_CODES: dict[Decision, int] = {"PASS": 0, "FAIL": 1, "INSUFFICIENT_EVIDENCE": 3}
"""2 is taken: an error of the user's (R1benchError)."""


@dataclass(frozen=True)
class TaskVerdict:
    """A decision about one task and the numbers behind it. Fractions, except those of the rule."""

    task: str
    decision: Decision
    rule: Rule
    candidate: Tally
    baseline: Tally
    estimate: Estimate
    lower: float
    """One-sided 1 - alpha bounds of candidate - baseline; in an adaptive gate valid at the round at which it stopped."""
    upper: float
    p_value: float | None
    """Of the claim behind a FAIL; None in an adaptive gate, whose bounds decide."""
    adjusted_p: float | None
    """The same among all claims of the gate (Holm)."""
    floor_decides: bool
    """Whether the verdict would be another one if the backend answered the same thing each time."""
    needs: Needs
    failed: Failures
    """Samples without a score."""
    without_failed: Decision
    """The decision if those that failed are taken to be like the others."""
    at_worst: Decision
    """The decision if all that failed, on both sides, had gone against it."""
    course: Course | None = None
    """The rounds of an adaptive gate."""

    @property
    def failed_decide(self) -> bool:
        """Whether the evidence is insufficient because of what failed."""
        return self.decision != self.without_failed

    @property
    def num_problems(self) -> int:
        """That have samples on both sides."""
        return len(self.baseline.drawn) - len(self.failed.lost)

    @property
    def is_improvement(self) -> bool:
        """Whether the lower bound is above 0: better, not merely not worse."""
        return self.lower > 0


class Claim(NamedTuple):
    """What a FAIL of a task says: that the difference is below what is asked, by more than the slack."""

    slack: float
    p_value: float
    adjusted_p: float | None
    """Among all claims of the gate; None in an adaptive one."""


class Choice(NamedTuple):
    """Which run a checkpoint's name came down to on one task, where several have that name: said with every verdict."""

    task: str
    name: str
    """What all of them call their checkpoint."""
    run: str
    others: tuple[str, ...]
    num_checkpoints: int
    """That share the name."""
    num_protocols: int

    def sentence(self) -> str:
        """Which run was taken, and what else has its name."""
        counted = ((self.num_checkpoints, "checkpoints"), (self.num_protocols, "protocols"))
        several = " and ".join(f"{count} {what}" for count, what in counted if count > 1)
        among = f", of {several} together" if several else ""
        listed = ", ".join(self.others[:5]) + (", ..." if len(self.others) > 5 else "")
        return (
            f"Baseline on {self.task}: {self.run}, the newest complete run named {self.name}. Others have that name{among}: {listed};"
            " to hold the candidate against one of these, name it with --baseline."
        )


@dataclass(frozen=True)
class Verdict:
    """The decision over all tasks and guards."""

    decision: Decision
    tasks: tuple[TaskVerdict, ...]
    guards: tuple[GuardVerdict, ...]
    rules: Rules
    chosen: tuple[Choice, ...] = ()
    """The runs that were taken as baseline where several fitted."""

    @property
    def exit_code(self) -> int:
        """0 PASS, 1 FAIL, 3 INSUFFICIENT_EVIDENCE."""
        return EXIT_CODES[self.decision]


def decide(found: Estimate, rule: Rule, alpha: float, adjusted_p: float, slack: float = 0.0) -> Decision:
    """One task.

    Args:
        adjusted_p: of the claim that the difference is below `rule.failing` by more than the slack, among all claims of the gate.
        slack: what samples that failed could have moved the difference by.
    """
    if found.lower(alpha) > rule.threshold + slack:
        return "PASS"
    return "FAIL" if adjusted_p <= alpha else "INSUFFICIENT_EVIDENCE"


def decide_course(course: Course, rule: Rule, slack: float = 0.0) -> Decision:
    """One task of an adaptive gate. Where a gain is asked for, 'below' says less than gain and margin; a FAIL needs less than the gain.

    The bounds are valid at the round at which it stopped, and must clear their thresholds by the slack.
    """
    last = course.last
    if last.stop == "above" and (not slack or last.lower >= rule.threshold + slack):
        return "PASS"
    is_short = last.upper <= rule.failing - slack if rule.at_least is None else last.upper < rule.failing - slack
    return "FAIL" if last.stop == "below" and is_short else "INSUFFICIENT_EVIDENCE"


def overall(tasks: Sequence[TaskVerdict], guards: Sequence[GuardVerdict]) -> Decision:
    """FAIL if anything failed, else INSUFFICIENT_EVIDENCE if a task has too little; guards that show nothing do not block."""
    decisions = [each.decision for each in tasks]
    if "FAIL" in decisions or any(guard.decision == "FAIL" for guard in guards):
        return "FAIL"
    return "INSUFFICIENT_EVIDENCE" if "INSUFFICIENT_EVIDENCE" in decisions else "PASS"


def judge_tasks(pairs: Sequence[tuple[Tally, Tally]], rules: Rules, courses: Mapping[str, Course] | None = None) -> Verdict:
    """The verdict over (candidate, baseline) pairs, one per task. `courses`: task -> its rounds, for an adaptive gate.

    Raises:
        ProtocolError: a pair cannot be compared.
        UsageError: impossible options, no task besides the guards, a guard that cannot be measured.
    """
    rules.check()
    for candidate, baseline in pairs:
        check_comparable(baseline, candidate)
    names = check_tasks([baseline.task for _, baseline in pairs], rules)
    judged = [pair for pair in pairs if pair[1].task in names]
    watch = partial(gate_guards.watch, guards=rules.guards, alpha=rules.alpha, questions=rules.questions, allow_failed=rules.allow_failed)
    watched = [guard for pair in pairs for guard in watch(*pair)]
    found = [estimate(*pair, "score", questions=rules.questions) for pair in judged]
    failed = [failures(*pair, is_allowed=rules.allow_failed) for pair in judged]
    known = [guard.p_value for guard in watched if guard.p_value is not None]

    def claims(slacks: Sequence[float]) -> list[Claim]:
        """What a FAIL of each task says with this slack, among all claims of the gate."""
        values = [each.p_below(rules.of(pair[1].task).failing - slack) for each, pair, slack in zip(found, judged, slacks, strict=True)]
        adjusted = [None] * len(values) if courses else holm([*values, *known])
        return [Claim(*claim) for claim in zip(slacks, values, adjusted, strict=False)]

    ways = claims([each.slack for each in failed]), claims([0.0] * len(failed)), claims([each.most for each in failed])
    tasks = []
    for pair, each, lost, *of_task in zip(judged, found, failed, *ways, strict=True):
        course = courses[pair[1].task] if courses else None
        tasks.append(_task_verdict(pair, each, lost, rules, of_task, course))
    improved = [each.task for each in tasks if each.is_improvement]
    adjusted = holm(known) if courses else holm([*(claim.p_value for claim in ways[0]), *known])[len(tasks) :]
    of_guards, alpha = iter(adjusted), rules.alpha * (GUARDS_SHARE if courses else 1)
    guards = tuple(
        each if each.p_value is None else gate_guards.decided(each, next(of_guards), alpha, improved=improved) for each in watched
    )
    return Verdict(overall(tasks, guards), tuple(tasks), guards, rules)


def check_tasks(names: Sequence[str], rules: Rules) -> list[str]:
    """The tasks that are not guards. Raises UsageError where none is left, or a rule or guard is about a task that is not among them."""
    guarding = gate_guards.guarded_tasks(rules.guards)
    if missing := [name for name in guarding if name not in names]:
        raise UsageError(f"guard task:{missing[0]} is about a task that is not among {', '.join(names)}; evaluate it, or drop the guard")
    if missing := [name for name in rules.tasks if name not in names or name in guarding]:
        raise UsageError(f"a margin or gain is given for {missing[0]!r}, and the tasks judged are {', '.join(names)}; name one of these")
    judged = [name for name in names if name not in guarding]
    if not judged:
        raise UsageError("no task is left to be judged: every one is a guard; name another with --tasks")
    return judged


def _task_verdict(
    pair: tuple[Tally, Tally], found: Estimate, lost: Failures, rules: Rules, claims: Sequence[Claim], course: Course | None
) -> TaskVerdict:
    """`claims`: with the slack that decides, with none, and with the most that failed samples could do."""
    candidate, baseline = pair
    rule, claim = rules.of(baseline.task), claims[0]
    if course:
        lower, upper = course.last.lower, course.last.upper
        decisions = [decide_course(course, rule, each.slack) for each in claims]
    else:
        lower, upper = found.lower(rules.alpha), found.upper(rules.alpha)
        decisions = [decide(found, rule, rules.alpha, each.adjusted_p or 0.0, each.slack) for each in claims]
    decision, without_failed, at_worst = decisions
    if decision == "PASS" and lost.blocks_pass and found.method != IDENTICAL:
        decision = "INSUFFICIENT_EVIDENCE"
    is_open = decision == without_failed == "INSUFFICIENT_EVIDENCE" and (course is None or course.last.stop == "go on")
    return TaskVerdict(
        task=baseline.task,
        decision=decision,
        rule=rule,
        candidate=candidate,
        baseline=baseline,
        estimate=found,
        lower=max(-1.0, lower),
        upper=min(1.0, upper),
        p_value=None if course else claim.p_value,
        adjusted_p=claim.adjusted_p,
        floor_decides=not course and _bare_decision(found, rule, rules.alpha, claim) != decision,
        needs=gate_needs.needs(candidate, baseline, found, rule.margin, rules, is_open=is_open),
        failed=lost,
        without_failed=without_failed,
        at_worst=decision if found.method == IDENTICAL else at_worst,
        course=course,
    )


def _bare_decision(found: Estimate, rule: Rule, alpha: float, claim: Claim) -> Decision:
    """The decision without the noise floor, at the same correction for other claims."""
    bare, factor = found.without_floor(), (claim.adjusted_p or 0.0) / claim.p_value if claim.p_value else 1.0
    return decide(bare, rule, alpha, min(1.0, factor * bare.p_below(rule.failing - claim.slack)), claim.slack)
