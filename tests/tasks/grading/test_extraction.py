"""Where an answer stands: tests/cases/extraction.json, what holds of any text, and real completions."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1bench.tasks.grading import GradeRequest, GradingPool, integers
from r1bench.tasks.grading.finding.answer import find_answer
from r1bench.tasks.grading.finding.extraction import extract, find_boxes

CASES = json.loads((Path(__file__).parents[2] / "cases" / "extraction.json").read_text(encoding="utf-8"))
GRADED = [case for case in CASES if case.get("outcome")]
KINDS = ("number", "expression", "choice")
PIECES = ("\\boxed{", "}", "{", "\\", "$", "\\[", "\\]", "**", "#### ", "\n", "answer is ", "Answer: ", "<answer>", "</answer>", "<think>")
WORDS = (
    "</think>",
    "答案是",
    "18",
    "C",
    "(",
    ")",
    ".",
    ",",
    " = ",
    " since ",
    "step ",
    "x",
    "1,000",
    "not ",
    "\\frac{1}{2}",
    " or ",
    "\ud800",
)
SOUP = st.lists(st.sampled_from(PIECES + WORDS), max_size=15).map("".join)
HOSTILE = (
    "\\boxed{",
    "{",
    "answer is ",
    "answer\n",
    "#### a\n",
    "1,",
    "<answer>",
    "$",
    "\\boxed{1}",
    "**1",
    "1 or ",
    "Question:\n",
    "答",
    "1+",
)
CLOSINGS = ("The answer is 18.", "\\boxed{18}", "**18**", "<answer>18</answer>", "It is 18 dollars.", "#### 18", "答案是18。")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_an_answer_part_holds_the_answer_of_its_case(case: dict[str, Any]) -> None:
    found = extract(case["text"], case["kind"] == "number", case.get("complete", True))
    assert found == (case["extracted"], tuple(case["flags"]))


def test_the_cases_of_numbers_are_judged_as_they_say() -> None:
    requests = [GradeRequest(case["text"], (case["gold"],), "stop" if case.get("complete", True) else "length") for case in GRADED]
    with GradingPool("integer") as pool:
        outcomes = [grade.outcome for grade in pool.grade(requests)]
    assert outcomes == [case["outcome"] for case in GRADED]


@settings(deadline=None)
@given(SOUP, st.sampled_from(KINDS), st.sampled_from(("stop", "length")))
def test_any_text_has_an_answer_or_a_reason(text: str, kind: Any, finish_reason: Any) -> None:
    found = find_answer(GradeRequest(text, finish_reason=finish_reason), kind)
    assert bool(found.answer) != bool(found.outcome)
    assert found.outcome in (None, "unparsed" if finish_reason == "stop" else "truncated")
    assert bool(found.outcome) == bool(found.reason)


@settings(deadline=None)
@given(SOUP, st.sampled_from(KINDS))
def test_an_answer_stands_in_the_text(text: str, kind: Any) -> None:
    found = find_answer(GradeRequest(text), kind).answer
    assert found in text or kind == "choice" or "\\" in text


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="<|"), max_size=60), SOUP, st.sampled_from(KINDS))
def test_text_before_the_end_of_the_reasoning_never_changes_the_answer(reasoning: str, answer: str, kind: Any) -> None:
    plain = answer.replace("<think>", "").replace("</think>", "")
    assert find_answer(GradeRequest(f"<think>{reasoning}</think>{plain}"), kind) == find_answer(GradeRequest(f"</think>{plain}"), kind)


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="\\{}<|"), max_size=60), st.integers(-999, 9999))
def test_the_last_complete_box_wins_whatever_stands_around_it(text: str, number: int) -> None:
    around = text.replace("uestion", "").replace("roblem", "")
    found = extract(f"\\boxed{{1}} {around} \\boxed{{{number}}} {around}", numeric=True)
    assert found.extracted == str(number)


@settings(deadline=None)
@given(st.sampled_from(CLOSINGS), st.integers(1, 6), st.sampled_from(("\n\n", "\n", "\r\n\r\n")))
def test_space_around_an_answer_changes_nothing(closing: str, num_breaks: int, line_break: str) -> None:
    spaced = f"We add.{line_break * num_breaks}{closing}{line_break}"
    assert extract(spaced, numeric=True) == extract(f"We add.\n\n{closing}", numeric=True)


@settings(deadline=None)
@given(st.lists(st.sampled_from(("{", "}", "\\{", "\\}", "a", "\\boxed{", "\\frac{1}{2}", "\\\\")), max_size=20).map("".join))
def test_a_complete_box_has_balanced_braces(text: str) -> None:
    for content in find_boxes(text).contents:
        bare = content.replace("\\\\", "").replace("\\{", "").replace("\\}", "")
        assert bare.count("{") == bare.count("}")


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("kind", KINDS)
def test_a_megabyte_of_anything_is_searched(piece: str, kind: Any) -> None:
    assert "cut" in find_answer(GradeRequest(piece * (1_000_000 // len(piece))), kind).flags


def test_the_end_of_reasoning_is_told_from_the_lack_of_an_answer() -> None:
    assert find_answer(GradeRequest("\\boxed{1}", prefill="<think>\n"), "number").reason == "the reasoning does not end"
    assert find_answer(GradeRequest("\\boxed{1} so \\boxed{"), "number").reason == "unterminated_box"
    assert find_answer(GradeRequest("Hm."), "number").reason == "no answer found"
    assert find_answer(GradeRequest("\\boxed{" + "1" * 5000 + "}"), "number").reason == "the answer is too long"


def test_answers_in_bold_are_found_on_real_completions(shared_data: Path) -> None:
    lines = (shared_data / "model_outputs" / "math500_gemma-2-27b-it.jsonl").read_text(encoding="utf-8").splitlines()
    rows = {row["idx"]: row["code"][0] for row in map(json.loads, lines)}
    assert [extract(rows[number], numeric=False).extracted for number in (218, 271, 376)] == ["(-1, 6)", "333", "(8, -2)"]
    unboxed = [number for number, text in rows.items() if "unboxed" in extract(text, numeric=False).flags]
    assert unboxed == [218, 271, 308, 376, 400]


def test_a_real_number_is_still_found_when_its_box_is_taken_away(shared_data: Path) -> None:
    lines = (shared_data / "model_outputs" / "qwen_math_cot_30x8.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [text for line in lines for text in json.loads(line)["code"]]
    boxed = [(text, box[-1]) for text in texts if len(box := find_boxes(text).contents) == 1 and integers.parse(box[-1]) is not None]
    found = [extract(text.replace(f"\\boxed{{{box}}}", box), numeric=True).extracted or "" for text, box in boxed]
    same = [integers.parse(unboxed) == integers.parse(box) for unboxed, (_, box) in zip(found, boxed, strict=True)]
    assert len(boxed) > 150
    assert sum(same) / len(same) > 0.98


def test_a_question_of_the_models_own_does_not_change_a_real_answer(shared_data: Path) -> None:
    lines = (shared_data / "model_outputs" / "nemo_output-rs0.jsonl.test").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line)["generation"] for line in lines if json.loads(line)["id"] == "train/number_theory/106.json"]
    assert extract(rows[0], numeric=False) == ("220", ("next_question",))
