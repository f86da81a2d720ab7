"""The verdict as JUnit XML: one testcase per task and per guard, for the test reports of CI systems.

    junit.render(verdict, timestamp="2026-01-01T00:00:00")

FAIL is a `failure`; INSUFFICIENT EVIDENCE is an `error` (red, as the exit code 3 is, and told apart from a failure), and so is a gate that
was not judged; a guard that shows or knows nothing is `skipped` with its figures, since it does not block. Elements and attributes are
those of Apache Ant's schema, which Jenkins, GitLab and the GitHub actions read. Left out: durations, which the gate does not measure (0).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.etree import ElementTree

from r1bench.harness import tables
from r1bench.leaderboards.gate import text as gate_text
from r1bench.leaderboards.gate.verdict import Verdict

KINDS = {"FAIL": "failure", "INSUFFICIENT_EVIDENCE": "error", "NOT_JUDGED": "error"}
KINDS |= dict.fromkeys(("OFFSET", "NOT SHOWN", "NOT KNOWN"), "skipped")
"""Decision -> the element below its testcase; a PASS has none."""
COUNTS = {"failures": "failure", "errors": "error", "skipped": "skipped"}


class Case(NamedTuple):
    """A testcase: a task or a guard and what became of it."""

    name: str
    decision: str
    message: str
    advice: Sequence[str] = ()
    """What follows the message in the text of the element."""


def clean(text: str) -> str:
    """Without what XML 1.0 cannot hold; line breaks and other control characters become '?'."""
    return "".join("?" if ord(letter) in (0xFFFE, 0xFFFF) else letter for letter in tables.plain(text))


def _add(suite: ElementTree.Element, case: Case) -> None:
    """One testcase; what is not a PASS has an element that says why."""
    added = ElementTree.SubElement(suite, "testcase", classname="r1bench.gate", name=clean(case.name), time="0")
    kind, message = KINDS.get(case.decision), clean(case.message)
    if kind == "skipped":
        ElementTree.SubElement(added, kind, message=message)
    elif kind:
        why = ElementTree.SubElement(added, kind, type=gate_text.shown(case.decision), message=message)
        why.text = clean(" ".join([case.message, *case.advice]))


def _document(timestamp: str, verdict: str, cases: Sequence[Case], text: str, properties: Mapping[str, str]) -> str:
    """The document with its one suite, `text` being what the terminal shows."""
    root = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(root, "testsuite", name="r1bench gate", package="r1bench", id="0", hostname="localhost", time="0")
    kinds = [KINDS.get(case.decision) for case in cases]
    counts = {"tests": len(cases)} | {name: kinds.count(kind) for name, kind in COUNTS.items()}
    for name, value in {"timestamp": timestamp, **counts}.items():
        suite.set(name, str(value))
    listed = ElementTree.SubElement(suite, "properties")
    for name, value in {"verdict": verdict, **properties}.items():
        ElementTree.SubElement(listed, "property", name=name, value=value)
    for case in cases:
        _add(suite, case)
    ElementTree.SubElement(suite, "system-out").text = "\n".join(map(clean, text.split("\n")))
    ElementTree.SubElement(suite, "system-err")
    ElementTree.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def without_figures(decision: str, message: str, *, timestamp: str) -> str:
    """The document of a gate that ended before there was a figure, not judged or without evidence: one testcase with an `error`."""
    shown = gate_text.shown(decision)
    return _document(timestamp, shown, [Case("gate", decision, message)], f"{shown}: {message}", {})


def render(verdict: Verdict, *, timestamp: str) -> str:
    """The document. `timestamp`: ISO 8601 to the second, without a zone."""
    cases = []
    for each in verdict.tasks:
        advice = gate_text.remarks(each, verdict.rules) if each.decision == "INSUFFICIENT_EVIDENCE" else ()
        cases.append(Case(f"task {each.task}", each.decision, gate_text.sentence(each, verdict.rules), advice))
    cases += [Case(f"guard {each.guard.name} on {each.task}", each.decision, gate_text.guard_sentence(each)) for each in verdict.guards]
    asked = {"alpha": f"{verdict.rules.alpha:g}", "allow-failed": str(verdict.rules.allow_failed).lower()}
    return _document(timestamp, gate_text.shown(verdict.decision), cases, gate_text.render(verdict), asked)
