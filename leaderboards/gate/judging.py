"""The gate as a whole: what is missing of the candidate is drawn as the baseline was made, then judged. Prints nothing.

    references = find_baseline("board:main", runs, ["gsm8k", "math500"])
    verdict = gate("ckpt/", references, rules, Drawing(runs))

Left out: what words stand for (references.py), decisions (verdict.py), the adaptive gate's rounds (adaptive.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from r1bench.harness.errors import UsageError
from r1bench.harness.evaluation.drawing import Drawing, check_drawable
from r1bench.leaderboards.gate import verdict as gating
from r1bench.leaderboards.gate.adaptive import drawn, follow
from r1bench.leaderboards.gate.baselines import recognised
from r1bench.leaderboards.gate.guards import check_recorded
from r1bench.leaderboards.gate.references import Reference, find_candidate
from r1bench.leaderboards.gate.rules import Rules
from r1bench.leaderboards.gate.verdict import Verdict
from r1bench.leaderboards.protocol import check_protocol


def gate(
    name: str,
    references: Sequence[Reference],
    rules: Rules,
    drawing: Drawing,
    *,
    is_adaptive: bool = False,
    most_samples: int | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Verdict:
    """The verdict on the candidate of this name; what is missing of it is drawn first. `report` is told each adaptive round.

    Raises:
        any R1benchError: before anything is drawn where that can be known.
    """
    rules.check()
    judged = gating.check_tasks([each.task for each in references], rules)
    if most_samples is not None and not is_adaptive:
        raise UsageError("--max-samples is for --adaptive; without it the candidate gets as many samples as the baseline has")
    stored = find_candidate(name, references, drawing.runs)
    for each in references:
        check_recorded(each.tally, rules.guards)
        if each.task in stored:
            check_protocol(each.tally, stored[each.task])
        else:
            check_drawable(each.tally.manifest)
    courses, pairs = {}, []
    for each in references:
        if is_adaptive and each.task in judged:
            pair, courses[each.task] = follow(each, name, stored.get(each.task), rules, drawing, len(judged), most_samples, report)
            pairs.append(pair)
            continue
        candidate = stored.get(each.task) or drawn(each, name, drawing, each.tally.manifest.n)
        pairs.append((recognised(candidate, each.tally), each.tally))
    verdict = gating.judge_tasks(pairs, rules, courses or None)
    return replace(verdict, chosen=tuple(each.choice for each in references if each.choice))


def parse_points(texts: Sequence[str], option: str) -> tuple[float | None, Mapping[str, float]]:
    """`("2", "gsm8k=1.5")` as the value for all tasks (None where not given) and those of some.

    Raises:
        UsageError: not a number, or one given twice.
    """
    found: dict[str, float] = {}
    for text in texts:
        task, is_named, value = text.rpartition("=")
        try:
            points = float(value)
        except ValueError as error:
            raise UsageError(f"{option} {text!r} is not a number of points; give {option} 2.0 or {option} TASK=1.5") from error
        if task in found or (is_named and not task):
            raise UsageError(f"{option} {text!r}: give one value for each task, and one for all others")
        found[task] = points
    return found.pop("", None), found
