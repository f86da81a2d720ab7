"""The verdict as JUnit XML: one testcase per task and per guard, for the test reports of CI systems.

    junit.render(verdict, timestamp="2026-01-01T00:00:00")

FAIL is a `failure`; INSUFFICIENT EVIDENCE is an `error` (red, as the exit code 3 is, and told apart from a failure), and so is a gate that
was not judged; a guard that shows or knows nothing is `skipped` with its figures, since it does not block. Elements and attributes are
those of Apache Ant's schema, which Jenkins, GitLab and the GitHub actions read. Left out: durations, which the gate does not measure (0).
"""

from xml.etree import ElementTree

from r1bench.harness import tables
from r1bench.leaderboards.gate import text as gate_text
from r1bench.leaderboards.gate.guards import GuardVerdict
from r1bench.leaderboards.gate.verdict import Rules, TaskVerdict, Verdict


def clean(text: str) -> str:
    """Without what XML 1.0 cannot hold; line breaks and other control characters become '?'."""
    return "".join("?" if ord(letter) in (0xFFFE, 0xFFFF) else letter for letter in tables.plain(text))


def _case(suite: ElementTree.Element, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname="r1bench.gate", name=clean(name), time="0")


def _task(suite: ElementTree.Element, verdict: TaskVerdict, rules: Rules) -> None:
    case, message = _case(suite, f"task {verdict.task}"), clean(gate_text.sentence(verdict, rules))
    if verdict.decision == "FAIL":
        ElementTree.SubElement(case, "failure", type="FAIL", message=message).text = message
    elif verdict.decision == "INSUFFICIENT_EVIDENCE":
        advice = clean(" ".join([message, *gate_text.remarks(verdict, rules)]))
        ElementTree.SubElement(case, "error", type="INSUFFICIENT EVIDENCE", message=message).text = advice


def _guard(suite: ElementTree.Element, guard: GuardVerdict) -> None:
    case, message = _case(suite, f"guard {guard.guard.name} on {guard.task}"), clean(gate_text.guard_sentence(guard))
    if guard.decision == "FAIL":
        ElementTree.SubElement(case, "failure", type="FAIL", message=message).text = message
    elif guard.decision != "PASS":
        ElementTree.SubElement(case, "skipped", message=message)


def _suite(root: ElementTree.Element, timestamp: str, verdict: str, counts: dict[str, int], **properties: str) -> ElementTree.Element:
    """The one suite of a document, with its counts and properties."""
    suite = ElementTree.SubElement(root, "testsuite", name="r1bench gate", package="r1bench", id="0", hostname="localhost", time="0")
    suite.set("timestamp", timestamp)
    for name, count in counts.items():
        suite.set(name, str(count))
    held = ElementTree.SubElement(suite, "properties")
    for name, value in {"verdict": verdict, **properties}.items():
        ElementTree.SubElement(held, "property", name=name, value=value)
    return suite


def _document(root: ElementTree.Element, suite: ElementTree.Element, text: str) -> str:
    """The whole, `text` being what the terminal shows."""
    ElementTree.SubElement(suite, "system-out").text = "\n".join(map(clean, text.split("\n")))
    ElementTree.SubElement(suite, "system-err")
    ElementTree.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def not_judged(message: str, *, timestamp: str) -> str:
    """The document of a gate that ended in an error: one testcase with that `error`."""
    root = ElementTree.Element("testsuites")
    suite = _suite(root, timestamp, "NOT JUDGED", {"tests": 1, "failures": 0, "errors": 1, "skipped": 0})
    said = clean(message)
    ElementTree.SubElement(_case(suite, "gate"), "error", type="NOT JUDGED", message=said).text = said
    return _document(root, suite, f"NOT JUDGED: {message}")


def render(verdict: Verdict, *, timestamp: str) -> str:
    """The document. `timestamp`: ISO 8601 to the second, without a zone."""
    root = ElementTree.Element("testsuites")
    decisions = [each.decision for each in verdict.tasks] + [each.decision for each in verdict.guards]
    counts = {
        "tests": len(decisions),
        "failures": decisions.count("FAIL"),
        "errors": decisions.count("INSUFFICIENT_EVIDENCE"),
        "skipped": sum(decision in ("OFFSET", "NOT SHOWN", "NOT KNOWN") for decision in decisions),
    }
    suite = _suite(root, timestamp, gate_text.shown(verdict.decision), counts, alpha=f"{verdict.rules.alpha:g}")
    for each in verdict.tasks:
        _task(suite, each, verdict.rules)
    for guard in verdict.guards:
        _guard(suite, guard)
    return _document(root, suite, gate_text.render(verdict))
