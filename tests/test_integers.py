"""integers.parse and extraction.extract against their cases, and the 'integer' grader as a whole."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from r1bench.harness.errors import GraderError, UnknownNameError
from r1bench.harness.records import FinishReason, Grade
from r1bench.tasks.grading import GradeRequest, GradingPool, check_gold, integers
from r1bench.tasks.grading.extraction import extract

CASES = Path(__file__).parent / "cases"


def cases(name: str) -> list[Any]:
    return json.loads((CASES / name).read_text(encoding="utf-8"))


def grade(text: str, gold: str = "18", finish_reason: FinishReason = "stop", prefill: str = "") -> Grade:
    with GradingPool("integer") as pool:
        return pool.grade([GradeRequest(text, (gold,), finish_reason, prefill)])[0]


@pytest.mark.parametrize("case", cases("integers.json"), ids=lambda case: case["why"])
def test_a_text_states_the_number_of_its_case(case: dict[str, Any]) -> None:
    assert integers.parse(case["text"]) == (None if case["number"] is None else Fraction(case["number"]))


@pytest.mark.parametrize("case", cases("extraction.json"), ids=lambda case: case["why"])
def test_an_answer_part_holds_the_answer_of_its_case(case: dict[str, Any]) -> None:
    assert extract(case["text"], numeric=True) == (case["extracted"], tuple(case["flags"]))


def test_a_whole_response_that_is_one_word_is_an_answer_for_graders_of_more_than_numbers() -> None:
    assert extract("Friday", numeric=False) == ("Friday", ("unboxed", "whole_text"))
    assert extract("I do not know.", numeric=False).extracted is None


@pytest.mark.parametrize("piece", ["\\boxed{", "{", "answer is ", "answer\n", "#### a\n", "1,", "<answer>", "$", "\\boxed{1}"])
def test_a_megabyte_of_anything_is_searched(piece: str) -> None:
    assert "cut" in extract(piece * (1_000_000 // len(piece)), numeric=True).flags


def test_equal_numbers_are_correct_and_others_wrong() -> None:
    assert (grade("\\boxed{018.0}").outcome, grade("\\boxed{19}").outcome) == ("correct", "wrong")
    assert grade("\\boxed{18.5}").outcome == "wrong"
    assert grade("\\boxed{x+1}").reason == "not a number"


def test_an_answer_that_stands_only_in_the_reasoning_is_none() -> None:
    assert grade("<think>\\boxed{18}</think>I give up.").outcome == "unparsed"


def test_reasoning_that_does_not_end_is_truncated_only_if_the_budget_ended_it() -> None:
    assert grade("\\boxed{18}", finish_reason="length", prefill="<think>\n").outcome == "truncated"
    assert grade("\\boxed{18}", prefill="<think>\n").outcome == "unparsed"


def test_a_cut_completion_is_not_judged_by_its_last_number() -> None:
    assert grade("9 + 9 = 18", finish_reason="length").outcome == "truncated"
    assert grade("9 + 9 = 18").outcome == "correct"


def test_a_cut_completion_with_an_answer_is_judged_by_it() -> None:
    assert grade("\\boxed{18} and so on", finish_reason="length").outcome == "correct"


def test_a_failed_generation_is_a_failed_grade() -> None:
    assert grade("\\boxed{18}", finish_reason="error").outcome == "failed"


def test_any_acceptable_gold_suffices() -> None:
    with GradingPool("integer") as pool:
        assert pool.grade([GradeRequest("\\boxed{2}", ("1", "2"), "stop")])[0].score == 1.0


def test_integers_are_graded_in_order_and_without_a_worker() -> None:
    with GradingPool("integer") as pool:
        grades = pool.grade([GradeRequest(f"\\boxed{{{number}}}", ("1",), "stop") for number in range(3)])
        assert [grade.outcome for grade in grades] == ["wrong", "correct", "wrong"]
        assert pool.workers.idle == []


def test_a_gold_that_is_no_number_is_never_a_score() -> None:
    with pytest.raises(GraderError, match="not a number"):
        grade("\\boxed{18}", gold="eighteen")
    assert check_gold("integer", "eighteen") == "is not a number"
    assert check_gold("integer", " ") == "is empty"


def test_an_unknown_grader_is_named() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'integer'"):
        GradingPool("interger")


def test_an_answer_of_unlimited_length_is_not_looked_at() -> None:
    found = grade("\\boxed{" + "1" * 5000 + "}")
    assert (found.outcome, found.flags) == ("unparsed", ("too_long",))
