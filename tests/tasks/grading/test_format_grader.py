"""The 'format' grader: every shape of completion in tests/cases/format.json, what holds of any text, hostile text, the task."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1bench.harness.errors import GraderError
from r1bench.tasks import get_task
from r1bench.tasks.grading import GradeRequest, GradingPool
from r1bench.tasks.grading.format import RULES, STYLES, check_style, find_boxes, judge, keeps_format, rules

CASES = json.loads((Path(__file__).parents[2] / "cases" / "format.json").read_text(encoding="utf-8"))
KEPT = re.compile(r"\s*<think>(?P<reasoning>.*?)</think>\s*<answer>(?P<answer>.*?)</answer>\s*", re.DOTALL)
ANY_TAG = re.compile(r"</?(think|thinking|answer)>", re.IGNORECASE)
PIECES = (
    "<think>",
    "</think>",
    "<answer>",
    "</answer>",
    "<Think>",
    "</ANSWER>",
    "a",
    " ",
    "\n",
    "\\boxed{",
    "}",
    "{",
    "\\}",
    "5",
    "<",
    "$",
)
SOUP = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
PLAIN = st.lists(st.sampled_from(("a", "5", " ", "\n", "<", "/", "}", "$", "why", "<thin")), min_size=1, max_size=5).map("".join)
SHAPES = {
    "think-answer": st.builds("<think>{}</think> <answer>{}</answer>".format, PLAIN, PLAIN),
    "think-only": st.builds("<think>{}</think>{}".format, PLAIN, PLAIN),
    "boxed": st.builds("{}\\boxed{{\\frac{{1}}{{2}}}} cm$.".format, PLAIN) | st.builds("<think>{}</think>\\boxed{{5}}".format, PLAIN),
}


def request_of(case: dict[str, Any]) -> GradeRequest:
    options = {"style": case["style"]} if "style" in case else {}
    return GradeRequest(case["text"], finish_reason=case.get("finish_reason", "stop"), prefill=case.get("prefill", ""), options=options)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['why']}: {case['text'][:30]}")
def test_a_completion_is_judged_as_its_case_says(case: dict[str, Any]) -> None:
    found = judge(request_of(case))
    broken = [rule for rule, holds in found.details.get("rules", {}).items() if not holds]
    assert (found.outcome, broken) == (case["outcome"], case["broken"]), case["why"]
    assert found.details.get("lenient") == case.get("lenient", found.details.get("lenient")), case["why"]
    assert found.score == (found.outcome == "correct")
    assert found.reason == (RULES[broken[0]] if broken else found.reason)


@pytest.mark.parametrize("style", sorted(STYLES))
def test_every_rule_of_a_style_is_broken_by_some_case_of_it(style: str) -> None:
    of_style = [case for case in CASES if case.get("style", "think-answer") == style]
    assert {rule for case in of_style for rule in case["broken"]} == set(STYLES[style])


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['why']}: {case['text'][:30]}")
def test_keeps_format_says_what_the_default_style_says(case: dict[str, Any]) -> None:
    judged = judge(request_of({**case, "style": "think-answer", "finish_reason": "stop"}))
    assert keeps_format(case["text"], case.get("prefill", "")) == (judged.outcome == "correct")


@given(SOUP | SHAPES["think-answer"] | st.builds("<think>{}</think>{}<answer>{}</answer>{}".format, SOUP, PLAIN, SOUP, SOUP))
def test_keeping_the_format_is_one_pattern_around_texts_without_tags(text: str) -> None:
    found = KEPT.fullmatch(text)
    parts = [found["reasoning"], found["answer"]] if found else [""]
    assert keeps_format(text) == all(part.strip() and not ANY_TAG.search(part) for part in parts)


@given(SOUP, SOUP)
def test_a_prefill_is_judged_as_if_it_had_been_generated(text: str, prefill: str) -> None:
    assert keeps_format(text, prefill) == keeps_format(prefill + text)


@given(SOUP, st.sampled_from(sorted(STYLES)))
def test_white_space_around_a_completion_changes_no_rule(text: str, style: str) -> None:
    assert rules(f"\n {text} \n", style=style) == rules(text, style=style)


@pytest.mark.parametrize("style", sorted(STYLES))
@given(data=st.data())
def test_a_text_that_keeps_the_format_is_never_called_wrong_where_it_is_cut(style: str, data: st.DataObject) -> None:
    text = data.draw(SHAPES[style].filter(lambda text: all(rules(text, style=style).values())))
    cut = text[: data.draw(st.integers(0, len(text)))]
    assert judge(GradeRequest(cut, finish_reason="length", options={"style": style})).outcome != "wrong"


@given(st.text(), st.text(max_size=20), st.sampled_from(["stop", "length"]), st.sampled_from(sorted(STYLES)))
def test_any_text_has_a_verdict_and_a_value_for_every_rule(text: str, prefill: str, finish_reason: Any, style: str) -> None:
    found = judge(GradeRequest(text, finish_reason=finish_reason, prefill=prefill, options={"style": style}))
    assert found.outcome in ("correct", "wrong") or (found.outcome == "truncated" and finish_reason == "length")
    assert list(found.details["rules"]) == list(STYLES[style])
    assert json.loads(json.dumps(found.details)) == found.details


@pytest.mark.parametrize(
    "piece", ["<think>", "</think>", "<", "{", "\\boxed{", "\\boxed{1}", "<answer>a</answer>", "\n", "<think>a</think><answer>b</answer>"]
)
@pytest.mark.parametrize("style", sorted(STYLES))
def test_a_megabyte_of_anything_does_not_keep_the_format(piece: str, style: str) -> None:
    text = piece * (300_000 // len(piece))
    assert judge(GradeRequest(text, finish_reason="length", options={"style": style})).outcome in ("wrong", "truncated")


def test_boxes_are_matched_outermost_and_open_braces_are_counted() -> None:
    text = "{ \\boxed{a\\}{b}} \\boxed{\\fbox{c}} \\boxed{\\frac{1}{"
    found = find_boxes(text)
    assert [text[start:end] for start, end in found.spans] == ["a\\}{b}", "\\fbox{c}"]
    assert found.num_open == 2


@pytest.mark.parametrize("style", ["think", "", None, 3, ["boxed"]])
def test_an_unknown_style_is_named_with_those_that_exist(style: Any) -> None:
    assert "think-answer, think-only, boxed" in str(check_style(style))
    with pytest.raises(GraderError, match="is no style"):
        judge(GradeRequest("a", options={"style": style}))


def test_the_pool_grades_format_with_the_rules_in_the_details() -> None:
    with GradingPool("format") as pool:
        grade = pool.grade([GradeRequest("<think>a</think>b", options={"style": "think-only"})])[0]
    assert (grade.outcome, grade.score, grade.grader) == ("correct", 1.0, "format")
    assert grade.details["rules"]["text_outside"] is True


def test_the_task_asks_for_the_tags_with_problems_of_its_own() -> None:
    task = get_task("format_compliance")
    problems = task.generate() if task.generate else []
    assert (task.grader, task.template, len(problems)) == ("format", "r1-zero", task.num_problems)
    assert len({problem.id for problem in problems} | {problem.prompt for problem in problems}) == 2 * len(problems)
    assert {problem.options["style"] for problem in problems} == {"think-answer"}
    arithmetic = get_task("arithmetic").generate
    assert arithmetic is not None
    assert not {problem.prompt for problem in problems} & {problem.prompt for problem in arithmetic()}
