"""The gate's verdict in words and as JSON values: sentences for every report, the text of the terminal in at most 80 columns, `--json`.

print(text.render(verdict))
"""

import math
from typing import Any

from r1bench.harness import tables
from r1bench.harness.tally import Tally
from r1bench.leaderboards.board.entry import sampling_text
from r1bench.leaderboards.gate.estimate import IDENTICAL
from r1bench.leaderboards.gate.guards import GuardVerdict
from r1bench.leaderboards.gate.rounds import GUARDS_SHARE, Course, Round
from r1bench.leaderboards.gate.rules import Rules
from r1bench.leaderboards.gate.verdict import TaskVerdict, Verdict
from r1bench.leaderboards.measures import MEASURES, listed, measured
from r1bench.leaderboards.protocol import prompts_remark, redrawing

SIDES = (-10, -27, -22, 12)
ROUNDS = (-5, 6, 22, 13, 9, 11, -8)
OFFSET = " 'offset': longer, but the score rose; --guard length=25 would fail all the same."
GUARDS = (-21, 8, 9, 21, 6, -10)


def shown(decision: str) -> str:
    """A decision as people read it."""
    return decision.replace("_", " ")


def percent(rules: Rules) -> str:
    """'95 %', of the one-sided bounds."""
    return f"{100 * (1 - rules.alpha):g} %"


def signed(*numbers: float | None, decimals: int = 1) -> str:
    """A value with its bounds: '+1.2 [-0.4, +2.8]' points of fractions, or '+12 [-4, +28]' per cent; '-' where there is no bound."""
    texts = [tables.number(None if each is None or math.isinf(each) else 100 * each, decimals) for each in numbers]
    value, low, high = (f"+{text}" if text != tables.UNKNOWN and float(text) > 0 else text for text in texts)
    return f"{value} [{low}, {high}]"


def over(verdict: TaskVerdict, rules: Rules) -> str:
    """'one-sided 95 %, on these 250 problems'."""
    size = verdict.num_problems
    kind = "on questions like these" if rules.questions == "random" else "on these questions"
    return f"one-sided {percent(rules)}, paired over {size} problem{'s' * (size != 1)}, {kind}"


def sentence(verdict: TaskVerdict, rules: Rules) -> str:
    """The decision about one task and its reason."""
    if verdict.estimate.method == IDENTICAL and verdict.decision == "PASS":
        return "PASS: candidate and baseline are the same evaluation of one checkpoint."
    rule, low, high = verdict.rule, tables.signed_points(verdict.lower), tables.signed_points(verdict.upper)
    change = f"candidate - baseline is {tables.signed_points(verdict.estimate.mean)} points"
    asked = f"the accepted -{rule.margin:.1f}" if rule.at_least is None else f"the asked +{rule.at_least:.1f}"
    if verdict.failed_decide:
        reason = f"between {low} and {high}: {_failed_reason(verdict)}"
    elif verdict.decision == "PASS":
        reason = f"at least {low}, above {asked}"
    elif verdict.decision == "FAIL" and rule.at_least is not None:
        reason = f"at most {high}, below {asked}"
    elif verdict.decision == "FAIL":
        reason = f"between {low} and {high}: a loss is shown, and that it stays within {asked} is not"
    else:
        reason = f"between {low} and {high}: {_open_reason(verdict, rules, asked)}"
    return f"{shown(verdict.decision)}: {change}, {reason} ({over(verdict, rules)})."


def _failed_reason(verdict: TaskVerdict) -> str:
    """Why what failed leaves a verdict open that would stand without."""
    found = verdict.failed
    if verdict.without_failed == "PASS" and found.blocks_pass:
        why = "one side has more of them than chance gives, and nobody knows which samples it lost"
    else:
        why = f"if the {tables.points(found.excess)} % that one side has more had gone against it, it would not stand"
    return (
        f"a {verdict.without_failed} but for samples that failed, {tables.points(found.candidate)} % of the candidate's and"
        f" {tables.points(found.baseline)} % of the baseline's: {why}"
    )


def _open_reason(verdict: TaskVerdict, rules: Rules, asked: str) -> str:
    """Why nothing is shown, in an open verdict."""
    if verdict.upper < verdict.rule.failing and verdict.adjusted_p is not None:
        what = "a loss" if verdict.rule.at_least is None else "too little"
        return f"{what} would be shown alone, but not among all claims of this gate (adjusted p {verdict.adjusted_p:.3f})"
    if verdict.rule.at_least is None:
        return f"neither a loss is shown nor that it stays within {asked}"
    return f"on both sides of {asked}"


def improvement(verdict: TaskVerdict) -> str:
    """Whether the candidate is better, which a PASS does not say; nothing where a gain was asked for."""
    if verdict.rule.at_least is not None:
        return ""
    return f"Improvement: {'shown; the lower bound is' if verdict.is_improvement else 'not shown; the lower bound is not'} above 0."


def method_text(verdict: TaskVerdict, rules: Rules) -> str:
    """What stands in for an error that is not known."""
    if rules.questions == "random" or verdict.estimate.method != "between":
        return ""
    return (
        "With one sample of a problem its own spread is not known; that of the differences over problems stands in, which is too wide"
        " rather than too narrow. Two samples or more make the gate sharper."
    )


def floor_text(verdict: TaskVerdict) -> str:
    """What the backend's own noise did, where it was the larger part."""
    found = verdict.estimate
    if found.floor <= found.sampling_error:
        return ""
    decides = " Without it the verdict would be another one." if verdict.floor_decides else ""
    return (
        f"Noise floor: the backend's own nondeterminism (eval --repeat-check), {tables.number(100 * found.floor, 2)} points, is larger than"
        f" the error of sampling, {tables.number(100 * found.sampling_error, 2)}, and stands in its place.{decides}"
    )


def failed_texts(verdict: TaskVerdict) -> list[str]:
    """How many samples failed, whether that could change the verdict, and how they come to a score; nothing where none did."""
    found = verdict.failed
    if not found.is_any:
        return []
    sides = (("candidate", verdict.candidate), ("baseline", verdict.baseline))
    counts = ", ".join(f"{len(tally.failed):,} of {tally.num_samples + len(tally.failed):,} of the {title}" for title, tally in sides)
    texts = [f"Samples that failed, and are part of no score: {counts}."]
    if found.lost:
        texts.append(f"Nothing is left of {listed(found.lost)} on one side: out of the difference.")
    if found.is_allowed and found.excess:
        texts.append(f"--allow-failed: that one side has {tables.points(found.excess)} % more of them is not held against the verdict.")
    if verdict.at_worst != verdict.decision and not verdict.failed_decide:
        worst = f"up to {tables.points(found.most)} points"
        texts.append(f"If all of them had gone against it ({worst}), the verdict would be {shown(verdict.at_worst)}.")
    is_blocked = found.blocks_pass and verdict.decision == "INSUFFICIENT_EVIDENCE"
    title, more = sides[found.candidate < found.baseline]
    if is_blocked and not verdict.failed_decide:
        texts.append(f"The {title} has more of them than chance gives, which blocks a PASS by itself.")
    if is_blocked or verdict.failed_decide:
        texts.append(f"Of the {title}, {redrawing(more)}; or judge without them: --allow-failed.")
    return texts


def needs(verdict: TaskVerdict) -> str:
    """What more evidence would take, in words; empty for a decided verdict, and for one that is open because samples failed."""
    if verdict.decision != "INSUFFICIENT_EVIDENCE" or verdict.failed_decide:
        return ""
    margin, wanted, candidate = verdict.rule.margin, verdict.needs, verdict.candidate
    if verdict.course and verdict.course.last.stop != "go on":
        return ""
    if margin == 0:
        return "With margin 0 an equally good candidate is never shown to be good enough; choose a margin above 0."
    if wanted.detectable is None:
        return "One problem with one sample shows nothing at all; evaluate with more problems or --samples."
    equal = "an equally good candidate" if verdict.rule.at_least is None else f"a candidate better by the asked gain and {margin:g} more"
    least = f"At this size {equal} passes with 80 % chance only at a margin of {tables.points(wanted.detectable)} points or more."
    if wanted.detectable <= margin / 100:
        return f"At this size {equal} passes with 80 % chance or more: the evidence is enough, and lies between."
    n, size, ways = min(candidate.manifest.n, verdict.baseline.manifest.n), verdict.num_problems, []
    if wanted.samples_needed is not None:
        cost = "" if wanted.tokens_needed is None else f", {wanted.tokens_needed:,} more tokens of both together"
        ways.append(f"about {wanted.samples_needed} samples for each of these problems (now {n}{cost})")
    if wanted.problems_needed is not None:
        ways.append(f"about {wanted.problems_needed} problems with {n} sample{'s' * (n > 1)} each (now {size})")
    if not ways:
        return f"{least} No size within reach brings it down to {margin:g}."
    return f"{least} A margin of {margin:g} needs {', or '.join(ways)}."


def round_line(each: Round, fixed_samples: int) -> str:
    """One round of an adaptive gate."""
    tokens = "" if each.tokens is None else f", {each.tokens:,} tokens"
    bounds, spent = signed(each.estimate, each.lower, each.upper), f"{100 * each.share:.0f} % of the fixed design ({fixed_samples})"
    return f"n {each.samples}: {bounds} points{tokens}, {spent}, information {100 * each.information:.0f} %: {each.stop}"


def course_lines(course: Course | None) -> list[str]:
    """All rounds of an adaptive gate, as a table; nothing for another."""
    if course is None:
        return []
    lines = [tables.columns(("round", "n", "difference [bounds]", "tokens", "of fixed", "information", " then"), ROUNDS)]
    for number, each in enumerate(course.rounds, 1):
        tokens = tables.UNKNOWN if each.tokens is None else f"{each.tokens:,}"
        cells = (str(number), str(each.samples), signed(each.estimate, each.lower, each.upper), tokens)
        shares = (f"{100 * each.share:.0f} %", f"{100 * each.information:.0f} %")
        lines.append(tables.columns((*cells, *shares, f" {each.stop}"), ROUNDS))
    return [*lines, f"The fixed design of equal error rates has n {course.design.fixed_samples}."]


def course_end(verdict: TaskVerdict) -> str:
    """How an adaptive gate ended, where it did not decide."""
    if verdict.course is None or verdict.decision != "INSUFFICIENT_EVIDENCE" or verdict.failed_decide:
        return ""
    last, gain = verdict.course.last, verdict.rule.at_least
    if last.stop != "go on":
        return (
            f"The test is over (n {last.samples}): a gain of {(gain or 0) + verdict.rule.margin:g}, the asked one and the margin, is ruled"
            f" out, and one of {gain or 0:g} is not. More samples cannot turn this into a PASS; a smaller --margin plans a longer test."
        )
    share = f"{100 * last.information:.0f} %"
    return f"The samples ended (n {last.samples}) at {share} of the information that the test may need; --max-samples allows more."


def remarks(verdict: TaskVerdict, rules: Rules) -> list[str]:
    """What belongs to the sentence about a task: its error, prompts, what failed, how it ended, what is lacking, notes on both runs."""
    prompts = prompts_remark(verdict.baseline.manifest, verdict.candidate.manifest)
    about = f"{prompts[:1].upper()}{prompts[1:]}." if prompts else ""
    told = (method_text(verdict, rules), floor_text(verdict), about, *failed_texts(verdict), course_end(verdict), needs(verdict))
    notes = dict.fromkeys((*verdict.candidate.remarks, *verdict.baseline.remarks))
    return [*filter(None, told), *(tables.plain(f"Note: {note}.") for note in notes)]


def worsening(guard: GuardVerdict) -> str:
    """'+1.2 [-0.4, +2.8]' points, or '+12 [-4, +28]' per cent."""
    if guard.worsening is None:
        return tables.UNKNOWN
    return signed(guard.worsening, guard.low, guard.high, decimals=0 if guard.guard.is_relative else 1)


def guard_value(guard: GuardVerdict, value: float | None) -> str:
    """Per cent of a share, tokens of a length."""
    return tables.number(value) if guard.guard.is_relative else tables.points(value)


def guard_limit(guard: GuardVerdict) -> str:
    """'2' points, or '25%'."""
    return f"{guard.guard.limit:g}{'%' if guard.guard.is_relative else ''}"


def guard_sentence(guard: GuardVerdict) -> str:
    """What one guard saw."""
    if guard.decision == "NOT KNOWN":
        return f"NOT KNOWN: {guard.guard.name} is not recorded in both runs of {guard.task}."
    unit, share = guard.guard.unit, "" if guard.guard.is_relative else " %"
    values = f"{guard_value(guard, guard.baseline)}{share} -> {guard_value(guard, guard.candidate)}{share}"
    return f"{guard.decision}: {guard.guard.name} {values}, worse by {worsening(guard)} {unit}, limit {guard.guard.limit:g} {unit}."


def guard_lines(guards: list[GuardVerdict]) -> list[str]:
    """A table of guards; empty without any."""
    if not guards:
        return []
    lines = [tables.columns(("guard", "baseline", "candidate", "worse by [bounds]", "limit", " verdict"), GUARDS)]
    for guard in guards:
        name = tables.shortened(tables.plain(guard.guard.name), -GUARDS[0])
        values = [guard_value(guard, value) for value in (guard.baseline, guard.candidate)]
        lines.append(tables.columns((name, *values, worsening(guard), guard_limit(guard), f" {guard.decision.lower()}"), GUARDS))
    return lines


def heading(tally: Tally) -> str:
    """The task and the protocol."""
    held = tally.manifest
    sampling = "sampling not known" if held.sampler == "import" else sampling_text(held.sampling)
    return (
        f"{held.task}, version {held.task_version}: {len(tally.drawn)} problems, template {held.template}, {sampling}, grader"
        f" {held.grader} {held.grader_version}, protocol {held.protocol()}"
    )


def score(tally: Tally) -> str:
    """' 41.2 [36.0, 46.4]'."""
    found = measured(tally, "score")
    assert found is not None
    return f"{tables.points(found.value):>5} {tables.between(found.low, found.high)}"


def task_text(verdict: TaskVerdict, guards: list[GuardVerdict], rules: Rules) -> str:
    """One task: protocol, both runs, guards, decision."""
    sides = [tables.columns(("", "checkpoint", "score [95 % interval]", "problems x n"), SIDES)]
    for title, tally in (("baseline", verdict.baseline), ("candidate", verdict.candidate)):
        name = tables.shortened(tables.plain(tally.manifest.name), -SIDES[1])
        sides.append(tables.columns((title, name, score(tally), tally.size), SIDES))
    texts = [sentence(verdict, rules), improvement(verdict), *remarks(verdict, rules)]
    said = [tables.paragraph(text) for text in texts if text]
    blocks = ([tables.paragraph(tables.plain(heading(verdict.baseline)))], sides, guard_lines(guards), course_lines(verdict.course), said)
    return "\n\n".join("\n".join(block) for block in blocks if block)


def conclusion(verdict: Verdict) -> str:
    """The decision over everything, in one sentence."""
    failed = [f"guard {guard.guard.name} on {guard.task}" for guard in verdict.guards if guard.decision == "FAIL"]
    failed = [*(each.task for each in verdict.tasks if each.decision == "FAIL"), *failed]
    short = [each.task for each in verdict.tasks if each.decision == "INSUFFICIENT_EVIDENCE"]
    if failed:
        return tables.plain(f"FAIL: {', '.join(failed)}.")
    if short:
        return tables.plain(f"INSUFFICIENT EVIDENCE: {', '.join(short)}.")
    tasks = ", ".join(each.task for each in verdict.tasks)
    return tables.plain(f"PASS on {tasks}{'; no guard fails' if verdict.guards else ''}.")


def chosen(verdict: Verdict) -> list[str]:
    """Which runs of a name were taken, where there are several."""
    return [tables.plain(each.sentence()) for each in verdict.chosen]


def legend(verdict: Verdict) -> str:
    """How to read the table of guards; empty without any."""
    if not verdict.guards:
        return ""
    num_tasks, num_guards, share = len(verdict.tasks), len(verdict.guards), 100 * GUARDS_SHARE
    correction = f"FAILs are Holm-adjusted over {num_tasks} task{'s' * (num_tasks > 1)} and {num_guards} guard{'s' * (num_guards > 1)}."
    if any(each.course for each in verdict.tasks):
        correction = f"Of alpha for a FAIL, {share:g} % is kept for the guards (Holm), the tasks share the rest equally."
    is_offset = any(guard.decision == "OFFSET" for guard in verdict.guards)
    return (
        "Guards: per cent of samples (length: tokens of the reasoning); worse by: points (length: per cent) with one-sided"
        f" {percent(verdict.rules)} bounds. One fails only where a worsening beyond its limit is shown; 'not shown' does not block."
        f"{OFFSET if is_offset else ''} {correction}"
    )


def render(verdict: Verdict) -> str:
    """Everything, the decision last, in at most 80 columns."""
    parts = [task_text(each, [guard for guard in verdict.guards if guard.task == each.task], verdict.rules) for each in verdict.tasks]
    judged = {each.task for each in verdict.tasks}
    if others := [guard for guard in verdict.guards if guard.task not in judged]:
        parts.append("\n".join(guard_lines(others)))
    is_single = len(verdict.tasks) == 1 and not any(guard.decision == "FAIL" for guard in verdict.guards)
    ends = [*chosen(verdict), legend(verdict), "" if is_single else conclusion(verdict)]
    return "\n\n".join([*parts, *(tables.paragraph(text) for text in ends if text)])


def to_json(verdict: Verdict) -> dict[str, Any]:
    """Everything that is known of a verdict: JSON values, fractions except margins and limits in points."""
    return {
        "decision": verdict.decision,
        "exit_code": verdict.exit_code,
        "alpha": verdict.rules.alpha,
        "questions": verdict.rules.questions,
        "allow_failed": verdict.rules.allow_failed,
        "is_adaptive": any(each.course for each in verdict.tasks),
        "chosen": [each._asdict() for each in verdict.chosen],
        "tasks": [_task_json(each, verdict.rules) for each in verdict.tasks],
        "guards": [guard.to_json() for guard in verdict.guards],
    }


def _task_json(verdict: TaskVerdict, rules: Rules) -> dict[str, Any]:
    found = verdict.estimate
    return {
        "task": verdict.task,
        "decision": verdict.decision,
        "margin_points": verdict.rule.margin,
        "at_least_points": verdict.rule.at_least,
        "difference": found.mean,
        "lower_bound": verdict.lower,
        "upper_bound": verdict.upper,
        "standard_error": found.error,
        "degrees": None if math.isinf(found.degrees) else found.degrees,
        "method": found.method,
        "noise_floor": found.floor,
        "noise_floor_decides": verdict.floor_decides,
        **{key: getattr(verdict, key) for key in ("p_value", "adjusted_p", "is_improvement")},
        "num_problems": verdict.num_problems,
        "failed": {**verdict.failed._asdict(), "excess": verdict.failed.excess, "most": verdict.failed.most},
        "failed_decide": verdict.failed_decide,
        "decision_without_failed": verdict.without_failed,
        "decision_at_worst": verdict.at_worst,
        "candidate": side_json(verdict.candidate),
        "baseline": side_json(verdict.baseline),
        **verdict.needs._asdict(),
        "adaptive": verdict.course.to_json() if verdict.course else None,
        "sentence": sentence(verdict, rules),
        "remarks": remarks(verdict, rules),
    }


def side_json(tally: Tally) -> dict[str, Any]:
    """What one evaluation is and says, without its problems. Numbers are those of the table of measures, as the board has them."""
    held, found = tally.manifest, {key: measured(tally, key) for key in MEASURES}
    score = found["score"]
    assert score is not None
    return {
        "id": tally.id,
        "name": held.name,
        "checkpoint_digest": held.checkpoint_digest,
        "stage": held.stage,
        "protocol": held.protocol(),
        **{key: getattr(held, key) for key in ("task_version", "template", "sampling", "grader", "grader_version", "sampler")},
        "versions": held.environment,
        "num_problems": len(tally.problems),
        "n": tally.n,
        "size": tally.size,
        "num_samples": tally.num_samples,
        "num_failed": len(tally.failed),
        "lost": list(tally.lost),
        **{"score": score.value, "low": score.low, "high": score.high, "method": score.method},
        "measures": {key: value._asdict() for key, value in found.items() if value is not None},
        "noise": tally.noise.error if tally.noise else None,
        "remarks": list(tally.remarks),
    }
