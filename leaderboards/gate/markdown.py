"""The verdict as Markdown for a pull request: a line, a table of tasks, a table of guards, and what made the samples.

    markdown.render(verdict)

Names come from files that others wrote. A word that Markdown, HTML or GitHub could take for markup, a link, a mention or a reference stands
in a code span, where none of them looks; a character reference would not do, since GitHub looks for mentions after it has read those. What
ends a code span or a cell is left outside, as a reference. Left out: the samples.
"""

import re

from r1bench.harness import tables
from r1bench.leaderboards.gate import text as gate_text
from r1bench.leaderboards.gate.guards import GuardVerdict
from r1bench.leaderboards.gate.verdict import TaskVerdict, Verdict

PLAIN = re.compile(r"[A-Za-z0-9\-.,+=/()%;:'\u0080-\U0010ffff]+")
"""Words without a sign that Markdown or HTML knows."""
LINKED = re.compile(r"://|www\.|:[^:]*:|\bGH-\d|\b[0-9a-f]{7,40}\b", re.IGNORECASE)
"""What GitHub makes of such words: addresses, emoji, issues, commits."""
MARKS = {"PASS": "✅", "FAIL": "❌", "INSUFFICIENT_EVIDENCE": "⚠️"}


def escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line of a table."""
    return " ".join(_word(word, is_first=not number) for number, word in enumerate(tables.plain(text).split(" ")))


def _word(word: str, *, is_first: bool) -> str:
    """A word as it is or in code spans, with references for what would end those or the cell of a table."""
    begins = is_first and word[:1] in ("-", "+", ".", "=")
    if not word or (PLAIN.fullmatch(word) and not LINKED.search(word) and not begins):
        return word
    return "".join(f"&#{ord(part)};" if part in ("|", "`") else f"`{part}`" for part in re.split(r"([|`])", word) if part)


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _task(verdict: TaskVerdict) -> str:
    rule = verdict.rule
    asked = f"-{rule.margin:g}" if rule.at_least is None else f"+{rule.at_least:g} or more"
    change = gate_text.signed(verdict.estimate.mean, verdict.lower, verdict.upper)
    n = (each.size.partition(" x ")[2] for each in (verdict.candidate, verdict.baseline))
    samples = f"{verdict.num_problems} x {' / '.join(n)}"
    decision = f"{MARKS[verdict.decision]} {gate_text.shown(verdict.decision)}"
    sides = [f"{escape(each.manifest.name)}: {gate_text.score(each).strip()}" for each in (verdict.candidate, verdict.baseline)]
    return row(escape(verdict.task), decision, *sides, change, asked, samples)


def _guard(guard: GuardVerdict) -> str:
    values = [gate_text.guard_value(guard, value) for value in (guard.candidate, guard.baseline)]
    decision = f"{MARKS['FAIL']} FAIL" if guard.decision == "FAIL" else guard.decision.lower()
    return row(escape(guard.task), escape(guard.guard.name), decision, *values, gate_text.worsening(guard), gate_text.guard_limit(guard))


def _versions(verdict: TaskVerdict) -> list[str]:
    """What graded, and what made the samples of either side."""
    lines = [f"- {escape(gate_text.heading(verdict.baseline))}"]
    for title, tally in (("candidate", verdict.candidate), ("baseline", verdict.baseline)):
        held = tally.manifest
        made = ", ".join(f"{key} {value}" for key, value in sorted(held.environment.items())) or "versions unknown"
        lines.append("  - " + escape(f"{title} {held.name}, checkpoint {held.checkpoint_digest}, {tally.id}: {made}"))
    return lines


def render(verdict: Verdict) -> str:
    """The summary, ending in a line break."""
    percent = gate_text.percent(verdict.rules)
    lines = [
        f"## {MARKS[verdict.decision]} r1bench gate: {gate_text.shown(verdict.decision)}",
        "",
        escape(gate_text.conclusion(verdict)),
        "",
        *(f"{escape(text)}\n" for text in gate_text.chosen(verdict)),
    ]
    lines.append(
        row("task", "verdict", "candidate [95 %]", "baseline [95 %]", f"difference [one-sided {percent}]", "margin", "problems x n")
    )
    lines += [row(*["---"] * 7), *map(_task, verdict.tasks), ""]
    for each in verdict.tasks:
        texts = [gate_text.sentence(each, verdict.rules), *gate_text.remarks(each, verdict.rules)]
        lines.append(f"- {escape(each.task)}: {escape(' '.join(texts))}")
    if verdict.guards:
        lines += ["", row("task", "guard", "verdict", "candidate", "baseline", "worse by [bounds]", "limit"), row(*["---"] * 7)]
        lines += [*map(_guard, verdict.guards), "", escape(gate_text.legend(verdict))]
    lines += ["", "<details><summary>versions</summary>", ""]
    for each in verdict.tasks:
        lines += _versions(each)
    return "\n".join([*lines, "", "</details>"]) + "\n"


def without_figures(decision: str, message: str) -> str:
    """The summary of a gate that ended before there was a figure: not judged, or without evidence."""
    return f"## {MARKS['INSUFFICIENT_EVIDENCE']} r1bench gate: {gate_text.shown(decision)}\n\n{escape(message)}\n"
