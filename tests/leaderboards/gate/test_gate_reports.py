"""What the gate writes: terminal text, JUnit XML, Markdown. Names in them are hostile."""

import re
from xml.etree import ElementTree

import pytest
from fakes_gate import LEVEL_RUN, better, worse
from fakes_runs import make_tally

from r1bench.harness.tables import display_width
from r1bench.leaderboards.gate import junit as gate_junit
from r1bench.leaderboards.gate import markdown as gate_markdown
from r1bench.leaderboards.gate import rounds as gate_rounds
from r1bench.leaderboards.gate import text as gate_text
from r1bench.leaderboards.gate import verdict as gate
from r1bench.leaderboards.gate.rules import Rule, Rules

HOSTILE = (
    'x|`<script>alert(1)</script> & "]]> \x00\x1b[31m\u202e\ud800\n| @team www.evil.org https://evil.org [a](b) *b* _c_ 模型' + 70 * "y"
)
CHANGES = {"better": better(LEVEL_RUN, 60), "worse": worse(LEVEL_RUN, 60), "close": worse(LEVEL_RUN, 6)}


def judged(changed="better", name="new", tasks=("arithmetic",), **options):
    pairs = [(make_tally(CHANGES[changed], name=name, task=task), make_tally(LEVEL_RUN, name="old", task=task)) for task in tasks]
    return gate.judge_tasks(pairs, Rules(**options))


def junit(verdict):
    return ElementTree.fromstring(gate_junit.render(verdict, timestamp="2026-01-01T00:00:00").encode())


@pytest.mark.parametrize("changed", CHANGES)
def test_text_fits_80_columns_and_states_decision_margin_and_bounds(changed):
    verdict = judged(changed)
    text = gate_text.render(verdict)
    assert max(map(display_width, text.splitlines())) <= 80
    assert f"{gate_text.shown(verdict.decision)}: candidate - baseline is" in text
    assert "accepted -2.0" in text.replace("\n", " ")
    assert "Improvement:" in text


def test_several_tasks_end_in_one_decision():
    text = gate_text.render(judged("worse", tasks=("a", "b")))
    assert text.endswith("FAIL: a, b.")
    assert gate_text.render(judged(tasks=("a", "b"))).endswith("PASS on a, b; no guard fails.")
    assert "INSUFFICIENT EVIDENCE: a, b." in gate_text.render(judged("close", tasks=("a", "b")))


def test_advice_names_samples_problems_and_tokens():
    advice = gate_text.needs(judged("close").tasks[0])
    assert re.search(r"about \d+ samples for each of these problems \(now 4, [\d,]+ more tokens of both together\)", advice)
    assert re.search(r"or about \d+ problems with 4 samples each \(now 250\)", advice)


@pytest.mark.parametrize(("changed", "tag"), [("better", None), ("worse", "failure"), ("close", "error")])
def test_junit_tells_the_three_verdicts_apart(changed, tag):
    suite = junit(judged(changed)).find("testsuite")
    case = suite.find("testcase[@name='task arithmetic']")
    assert [child.tag for child in case] == ([tag] if tag else [])
    assert (suite.get("failures"), suite.get("errors")) == (str(int(tag == "failure")), str(int(tag == "error")))
    assert int(suite.get("tests")) == len(suite.findall("testcase")) == 5


def test_junit_has_the_elements_and_attributes_of_the_common_schema():
    root = junit(judged("close", tasks=("a", "b")))
    suite = root[0]
    assert (root.tag, dict(root.attrib), [child.tag for child in root]) == ("testsuites", {}, ["testsuite"])
    assert set(suite.keys()) == {"name", "package", "id", "hostname", "time", "timestamp", "tests", "failures", "errors", "skipped"}
    assert re.fullmatch(r"(properties )(testcase )+(system-out )(system-err )", "".join(f"{child.tag} " for child in suite))
    for case in suite.iter("testcase"):
        assert set(case.keys()) == {"classname", "name", "time"}
        assert all(set(child.keys()) <= {"type", "message"} and child.tag in ("failure", "error", "skipped") for child in case)
    assert int(suite.get("skipped")) == len(list(suite.iter("skipped")))


def test_hostile_names_stay_text_in_every_report():
    verdict = judged("worse", name=HOSTILE)
    shown = gate_text.render(verdict)
    assert max(map(display_width, shown.splitlines())) <= 80
    assert not {"\x00", "\x1b", "\u202e", "\ud800"} & {*shown, *gate_markdown.render(verdict)}
    assert "<script>" in "".join(junit(verdict).itertext()) + shown
    task = make_tally([[1]], task=HOSTILE, name="a"), make_tally([[0]], task=HOSTILE, name="b")
    assert junit(gate.judge_tasks([task], Rules())).find(".//testcase").get("name").startswith("task x|`<script>")


def test_hostile_names_are_no_markup_in_markdown():
    text = gate_markdown.render(judged("worse", name=HOSTILE))
    assert "`@team`" in text
    assert not re.search(r"<script|`|\*b\*|@team|\]\(b\)|https://|www\.|_c_", re.sub(r"`[^`\n|]+`", "", text))
    rows = [line for line in text.splitlines() if line.startswith("| arithmetic")]
    assert [line.count("|") for line in rows] == [8] * 5
    assert [line for line in text.splitlines() if line.startswith("#")] == ["## ❌ r1bench gate: FAIL"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("@team", "`@team`"),
        ("see #1 and GH-2, o/r#3", "see `#1` and `GH-2,` `o/r#3`"),
        ("a|@b", "`a`&#124;`@b`"),
        ("`@x`", "&#96;`@x`&#96;"),
        (":tada: &#64;user", "`:tada:` `&#64;user`"),
        ("0123456789abcdef \\@x", "`0123456789abcdef` `\\@x`"),
        ("- list", "`-` list"),
        ("plain words, 48.8 (n 4): 模型", "plain words, 48.8 (n 4): 模型"),
    ],
)
def test_what_github_would_link_stands_in_a_code_span(text, shown):
    assert gate_markdown.escape(text) == shown


@pytest.mark.parametrize("decision", ["NOT_JUDGED", "INSUFFICIENT_EVIDENCE"])
def test_a_gate_that_ended_without_figures_says_so_in_every_report(decision):
    shown = decision.replace("_", " ")
    root = ElementTree.fromstring(gate_junit.without_figures(decision, f"no run {HOSTILE}", timestamp="2026-01-01T00:00:00").encode())
    assert [root.find(".//testcase")[0].tag, root[0].get("errors"), root[0].get("failures")] == ["error", "1", "0"]
    assert root.find(".//error").get("type") == shown
    text = gate_markdown.without_figures(decision, f"no run {HOSTILE}")
    assert text.startswith(f"## ⚠️ r1bench gate: {shown}\n\nno run ")
    assert "@team" not in re.sub(r"`[^`\n]+`", "", text)


def test_markdown_holds_scores_intervals_sizes_verdicts_and_versions():
    text = gate_markdown.render(judged("close"))
    assert "| arithmetic | ⚠️ INSUFFICIENT EVIDENCE | new: 48.8 [" in text
    assert "| -2 | 250 x 4 / 4 |" in text
    assert "device cpu, torch 2.9.0" in text
    assert "A margin of 2 needs about" in text


def test_a_verdict_without_guards_has_no_table_of_them():
    verdict = judged("better", guards=())
    assert "guard" not in gate_text.render(verdict) + gate_markdown.render(verdict)
    assert len(junit(verdict).findall(".//testcase")) == 1


def test_an_adaptive_gate_that_is_over_advises_no_more_samples():
    pair = make_tally(LEVEL_RUN, name="new"), make_tally(LEVEL_RUN, name="old")
    rules = Rules(Rule(2.0, 1.0), guards=())
    plan = gate_rounds.design(pair[1], rules.rule, alpha=0.05, alpha_below=0.05, is_baseline_fixed=False)
    last = gate_rounds.look(gate_rounds.Course(plan, (), False), *pair).rounds[0]._replace(stop="below", lower=-0.01, upper=0.02)
    verdict = gate.judge_tasks([pair], rules, {"arithmetic": gate_rounds.Course(plan, (last,), False)})
    told = " ".join(gate_text.remarks(verdict.tasks[0], rules))
    assert verdict.decision == "INSUFFICIENT_EVIDENCE"
    assert told.startswith("The test is over (n 4): a gain of 3, the asked one and the margin, is ruled out, and one of 1 is not.")
    assert told.endswith("plans a longer test.")
    assert (verdict.tasks[0].needs.samples_needed, verdict.tasks[0].needs.tokens_needed) == (None, None)
