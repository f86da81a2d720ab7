"""The gate for CI: may this checkpoint replace that one, or did it lose more than a margin?

    verdict = gate.judge(candidate, baseline, margin=2.0)
    print(gate.render(verdict)); sys.exit(verdict.exit_code)

A non-inferiority test on the paired difference (candidate - baseline): PASS when its lower one-sided 95 % bound lies
above -margin, FAIL when its upper one-sided bound lies below -margin, otherwise INSUFFICIENT_EVIDENCE with what would
be needed. A refused comparison raises ProtocolError. Left out: several tasks at once, JUnit.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

from r1bench.harness import statistics
from r1bench.harness.errors import UsageError
from r1bench.harness.records import Run
from r1bench.harness.statistics import PairedDifference
from r1bench.leaderboards import compare, tables
from r1bench.leaderboards.compare import Comparison

Decision = Literal["PASS", "FAIL", "INSUFFICIENT_EVIDENCE"]
EXIT_CODES: dict[Decision, int] = {"PASS": 0, "FAIL": 1, "INSUFFICIENT_EVIDENCE": 3}
"""2 is taken: an error of the user's (R1benchError)."""
POWER = 0.8
"""Chance of a PASS for an equally good candidate that the advice on sizes aims at."""
MOST_PROBLEMS = 10_000_000
"""Advice beyond this is no advice."""


@dataclass(frozen=True)
class Verdict:
    """A decision and the numbers behind it. Fractions, except `margin`."""

    decision: Decision
    margin: float
    """The loss, in points, that is still accepted."""
    level: float
    """Of each one-sided bound."""
    comparison: Comparison
    """A is the baseline, B the candidate; two-sided at 2 x level - 1, so that its ends are the one-sided bounds."""
    is_improvement: bool
    """Whether the lower bound is above 0: better, not merely not worse."""
    detectable: float
    """The least margin that an equally good candidate passes with 80 % chance at this size; 0 for identical runs."""
    problems_needed: int | None
    """Problems for that at this margin and n; None where no size is enough or none is needed."""
    samples_needed: int | None
    """Samples per problem for that over these problems; None where they alone cannot do it or nothing is known."""

    @property
    def exit_code(self) -> int:
        """0 PASS, 1 FAIL, 3 INSUFFICIENT_EVIDENCE."""
        return EXIT_CODES[self.decision]


def _decide(low: float, high: float, margin: float) -> Decision:
    """Bounds and margin in fractions."""
    if low > -margin:
        return "PASS"
    return "FAIL" if high < -margin else "INSUFFICIENT_EVIDENCE"


def _problems_needed(difference: PairedDifference, target: float) -> int | None:
    """The least number of problems, as varied as these, whose standard error is at most `target` (a fraction)."""
    count = difference.num_problems

    def error(num_problems: int) -> float:
        if difference.method != "adjusted":
            return difference.interval_error * math.sqrt(count / num_problems)
        variance = count * (difference.total_error or 0.0) ** 2
        return statistics.adjusted_error(variance * num_problems, 0.0, num_problems)

    if target <= 0 or error(MOST_PROBLEMS) > target:
        return None
    low, high = 0, MOST_PROBLEMS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if error(middle) <= target else (middle, high)
    return high


def _samples_needed(difference: PairedDifference, target: float, n: int) -> int | None:
    """Samples per problem that bring the standard error over these problems down to `target` (a fraction)."""
    resampling = difference.resampling_error
    if resampling is None or difference.method != "t":
        return None
    rest = target**2 - max(0.0, difference.interval_error**2 - resampling**2)
    return math.ceil(n * resampling**2 / rest - 1e-9) if rest > 0 else None


def judge(candidate: Run, baseline: Run, *, margin: float = 2.0, level: float = 0.95) -> Verdict:
    """Whether the candidate is at most `margin` points worse than the baseline, at one-sided `level`.

    Identical evaluations of one checkpoint differ by exactly 0. Two checkpoints that tie everywhere still have bounds
    as wide as the number of problems asks for. Raises ProtocolError where the runs cannot be compared, UsageError for a
    margin below 0 or above 100, or a level outside 0.5 ... 1.
    """
    if not 0 <= margin <= 100:
        raise UsageError(f"margin {margin:g} is no loss in points; give one between 0 and 100, such as 2")
    if not 0.5 < level < 1:
        raise UsageError(f"level {level:g} is no level of a one-sided bound; give one between 0.5 and 1, such as 0.95")
    comparison = compare.compare(baseline, candidate, level=2 * level - 1)
    difference = comparison.difference
    is_identical = difference.method == "identical"
    decision = _decide(difference.low, difference.high, margin / 100)
    factor = statistics.normal_quantile(level) + statistics.normal_quantile(POWER)
    target = margin / 100 / factor
    n = min(comparison.a.n, comparison.b.n)
    is_open = decision == "INSUFFICIENT_EVIDENCE" and not is_identical
    return Verdict(
        decision=decision,
        margin=margin,
        level=level,
        comparison=comparison,
        is_improvement=difference.low > 0,
        detectable=0.0 if is_identical else factor * difference.interval_error,
        problems_needed=_problems_needed(difference, target) if is_open else None,
        samples_needed=_samples_needed(difference, target, n) if is_open else None,
    )


def needs(verdict: Verdict) -> str:
    """What more evidence would take, in words; empty for a decided verdict."""
    if verdict.decision != "INSUFFICIENT_EVIDENCE":
        return ""
    if verdict.margin == 0:
        return "With margin 0 an equally good candidate is never shown to be good enough; choose a margin above 0."
    size, n = verdict.comparison.a.num_problems, min(verdict.comparison.a.n, verdict.comparison.b.n)
    margin = f"{tables.points(verdict.detectable)} points or more"
    least = f"At this size an equally good candidate passes with 80 % chance only at a margin of {margin}."
    ways = []
    if verdict.problems_needed is not None:
        ways.append(f"about {verdict.problems_needed} problems with {n} sample{'s' * (n > 1)} each (now {size})")
    if verdict.samples_needed is not None:
        ways.append(f"about {verdict.samples_needed} samples for each of these problems (now {n})")
    if not ways:
        return f"{least} No size within reach brings it down to {verdict.margin:g}."
    return f"{least} A margin of {verdict.margin:g} needs {', or '.join(ways)}."


def shown(verdict: Verdict) -> str:
    """The decision as people read it."""
    return verdict.decision.replace("_", " ")


def sentence(verdict: Verdict) -> str:
    """The decision and its reason."""
    difference, percent = verdict.comparison.difference, f"{100 * verdict.level:g} %"
    if difference.method == "identical":
        return f"{shown(verdict)}: candidate and baseline are the same evaluation of one checkpoint."
    low, high = tables.signed_points(difference.low), tables.signed_points(difference.high)
    change = f"candidate - baseline is {tables.signed_points(difference.mean)} points"
    over = f"one-sided {percent}, paired over {difference.num_problems} problem{'s' * (difference.num_problems != 1)}"
    reasons: dict[Decision, str] = {
        "PASS": f"at least {low}, above the accepted -{verdict.margin:.1f}",
        "FAIL": f"at most {high}, below the accepted -{verdict.margin:.1f}",
        "INSUFFICIENT_EVIDENCE": f"between {low} and {high}, on both sides of the accepted -{verdict.margin:.1f}",
    }
    return f"{shown(verdict)}: {change}, {reasons[verdict.decision]} ({over})."


def improvement(verdict: Verdict) -> str:
    """Whether the candidate is better, which a PASS does not say."""
    if verdict.is_improvement:
        return "Improvement: shown; the lower bound is above 0."
    return "Improvement: not shown; the lower bound is not above 0."


def to_json(verdict: Verdict) -> dict[str, Any]:
    """Plain JSON values: fractions, except margin in points."""
    return {
        "decision": verdict.decision,
        "exit_code": verdict.exit_code,
        "margin_points": verdict.margin,
        "level": verdict.level,
        "lower_bound": verdict.comparison.difference.low,
        "upper_bound": verdict.comparison.difference.high,
        "is_improvement": verdict.is_improvement,
        "detectable": verdict.detectable,
        "problems_needed": verdict.problems_needed,
        "samples_needed": verdict.samples_needed,
        "sentence": sentence(verdict),
        "comparison": compare.to_json(verdict.comparison),
    }


def render(verdict: Verdict) -> str:
    """The comparison (A baseline, B candidate) and below it the decision, in at most 80 columns."""
    texts = [sentence(verdict), improvement(verdict), needs(verdict)]
    decision = "\n".join(tables.paragraph(text) for text in texts if text)
    return compare.render_measures(verdict.comparison) + "\n\n" + decision
