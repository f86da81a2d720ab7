"""integers.parse against its cases, what holds of any number, and the 'integer' grader as a whole."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1bench.harness.errors import GraderError, UnknownNameError
from r1bench.harness.records import FinishReason, Grade
from r1bench.tasks.grading import GradeRequest, GradingPool, integers
from r1bench.tasks.grading.conventions import conventions_of

CASES = json.loads((Path(__file__).parents[2] / "cases" / "integers.json").read_text(encoding="utf-8"))
WRITINGS = (
    "{}",
    "$ {} $",
    "\\({}\\)",
    "{sign}\\frac{{{numerator}}}{{{denominator}}}",
    "{sign}{numerator} / {denominator}",
    "x = {sign}\\dfrac{{{numerator}}}{{{denominator}}}",
)


def grade(text: str, gold: str = "18", finish_reason: FinishReason = "stop", prefill: str = "") -> Grade:
    with GradingPool("integer") as pool:
        return pool.grade([GradeRequest(text, (gold,), finish_reason, prefill)])[0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_a_text_states_the_number_of_its_case(case: dict[str, Any]) -> None:
    assert integers.parse(case["text"]) == (None if case["number"] is None else Fraction(case["number"]))


@settings(deadline=None)
@given(st.fractions(max_denominator=999), st.sampled_from(WRITINGS))
def test_every_way_to_write_a_number_states_it(number: Fraction, writing: str) -> None:
    text = writing.format(str(number), numerator=abs(number.numerator), denominator=number.denominator, sign="-" if number < 0 else "")
    assert integers.parse(text) == number


@settings(deadline=None)
@given(st.integers(-(10**30), 10**30), st.sampled_from(("{:,}", "{}.0", "{}.", "{} dollars", "**{}**", "x = {}", "\\text{{{}}}")))
def test_every_way_to_write_a_whole_number_states_it(number: int, writing: str) -> None:
    assert integers.parse(writing.format(number)) == number


@settings(deadline=None)
@given(st.text(max_size=250))
def test_any_text_is_a_number_or_none(text: str) -> None:
    number = integers.parse(text)
    assert number is None or isinstance(number, Fraction)
    assert integers.equal(text, text) is (None if number is None else True)


@settings(deadline=None)
@given(st.integers(0, 10**4), st.integers(0, 10**4), st.sampled_from((", ", " and ", " or ", "; ", "-", "\\text{ or }", "*", ":", "\\\\")))
def test_two_numbers_are_not_one(first: int, second: int, joint: str) -> None:
    assert integers.parse(f"{first}{joint}{second}") is None


@pytest.mark.parametrize(
    ("gold", "answer", "percent", "same"),
    [
        ("50", "50%", "unit", True),
        ("0.5", "50\\%", "unit", False),
        ("0.5", "50\\%", "fraction", True),
        ("50%", "0.5", "fraction", True),
        ("50", "50%", "fraction", False),
        ("50%", "0.5", "either", True),
        ("50", "50 percent", "either", True),
        ("50%", "0.5%", "either", False),
    ],
)
def test_a_percentage_is_read_as_the_convention_says(gold: str, answer: str, percent: str, same: bool) -> None:
    assert integers.equal(gold, answer, conventions_of({"percent": percent})) is same


def test_a_tolerance_is_relative_to_the_gold() -> None:
    conventions = conventions_of({"tolerance": 0.01})
    assert [integers.equal("200", answer, conventions) for answer in ("202", "198", "202.1")] == [True, True, False]
    assert integers.equal("0", "0.001", conventions) is False
    assert integers.equal("200", "about", conventions) is None


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


def test_integers_are_graded_in_order() -> None:
    with GradingPool("integer") as pool:
        grades = pool.grade([GradeRequest(f"\\boxed{{{number}}}", ("1",), "stop") for number in range(3)])
    assert [grade.outcome for grade in grades] == ["wrong", "correct", "wrong"]


def test_a_gold_that_is_no_number_is_never_a_score() -> None:
    with pytest.raises(GraderError, match="not a number"):
        grade("\\boxed{18}", gold="eighteen")
    with GradingPool("integer") as pool:
        assert pool.check_golds(["eighteen", " ", "18"]) == ["is not a number", "is empty", None]


def test_an_unknown_grader_is_named() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'integer'"):
        GradingPool("interger")


def test_an_answer_of_unlimited_length_is_not_looked_at() -> None:
    found = grade("\\boxed{" + "1" * 5000 + "}")
    assert (found.outcome, found.flags) == ("unparsed", ("too_long",))
