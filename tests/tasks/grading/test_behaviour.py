"""The 'behaviour' grader: golden counts in tests/cases/behaviour.json, exactness of the loop search, what holds of any text."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1bench.tasks.grading import GradeRequest, GradingPool, behaviour
from r1bench.tasks.grading.behaviour import find_loop, judge, measure, repeated_shares

CASES = json.loads((Path(__file__).parents[2] / "cases" / "behaviour.json").read_text(encoding="utf-8"))
COUNTS = ("reflection_r1", "reflection_dr_grpo", "reflection_zh", "answers", "answer_switches", "code_blocks", "longest_paragraph")
SHARES = ("repeated", "repeated_passages", "code_share")
FLAGS = ("truncated", "empty_reasoning", "loop", "counting_loop")
PASSAGE = "a passage of twenty-three words that is said once more, word for word, and again, until nobody believes it any more at all. "
COPYING = PASSAGE * 8 + "At last it stops, and the answer is 5."
TWICE = " ".join(map(str, range(150))) + " " + " ".join(map(str, range(100)))
LOOPING = "so it goes on, " * 40


def slow_loop(text: str) -> tuple[int, int] | None:
    """The shortest period of the end of a text, by trying each period and each length."""
    end = text[-behaviour.LOOP_WINDOW :]
    for period in range(1, len(end) // behaviour.LOOP_REPEATS + 1):
        length = period
        while length < len(end) and end[-length - 1] == end[-length - 1 + period]:
            length += 1
        if length >= max(behaviour.LOOP_LENGTH, behaviour.LOOP_REPEATS * period):
            return period, length
    return None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_a_text_is_measured_as_its_case_says(case: dict[str, Any]) -> None:
    text = "".join(piece * count for piece, count in case["pieces"])
    found = measure(text, case.get("prefill", ""), case.get("finish_reason", "stop"), case.get("num_tokens", 0))
    assert {key: found[key] for key in case["expect"]} == case["expect"], case["why"]


@given(st.text("ab", max_size=40), st.text("abc \n", min_size=1, max_size=90), st.integers(1, 120), st.text("ab", max_size=3))
def test_the_loop_search_finds_what_trying_every_period_finds(start: str, cycle: str, rounds: int, end: str) -> None:
    text = (start + cycle * rounds)[:2_000] + end
    assert find_loop(text) == slow_loop(text)


@pytest.mark.parametrize("period", [1, 66, 67, 100, 5_000, behaviour.LOOP_WINDOW // 3])
def test_a_loop_of_any_period_up_to_a_third_of_the_window_is_found(period: int) -> None:
    cycle = "".join(chr(0x4E00 + index) for index in range(period))
    text = "x" * 50 + cycle * (behaviour.LOOP_WINDOW // period + 1)
    assert find_loop(text) == (period, behaviour.LOOP_WINDOW)


def test_a_loop_with_one_wrong_character_in_the_third_last_round_is_none() -> None:
    cycle = "this is one round of a cycle that is quite a bit longer than seventy characters; "
    assert find_loop(cycle * 3) is not None
    assert find_loop("T" + cycle[1:] + cycle * 2) is None


@given(st.text(), st.text(max_size=10), st.sampled_from(["stop", "length"]), st.integers(0, 100))
def test_any_text_is_measured_with_shares_within_0_and_1(text: str, prefill: str, finish_reason: str, num_tokens: int) -> None:
    found = measure(text, prefill, finish_reason, num_tokens)
    assert all(0 <= found[key] <= 1 for key in SHARES)
    assert all(found[key] in (0, 1) for key in (*FLAGS, *(key for key in found if ":" in key)))
    assert all(found[key] >= 0 and found[key] == int(found[key]) for key in COUNTS)
    assert json.loads(json.dumps(found, allow_nan=False)) == found == measure(text, prefill, finish_reason, num_tokens)


@given(
    st.lists(st.sampled_from(["wait", "but", "so", "the answer is 5.", "check", "again"]), max_size=60),
    st.sampled_from([" ", "\n", "  ", " \t "]),
)
def test_white_space_between_words_changes_neither_reflection_nor_repetition(words: list[str], blank: str) -> None:
    keys = ("reflection_r1", "reflection_r1_per_1000", "repeated", "repeated_passages", "reasoning_words")
    one, other = measure(" ".join(words)), measure(blank.join(words))
    assert [one[key] for key in keys] == [other[key] for key in keys]


@given(st.lists(st.sampled_from("abc"), max_size=80))
def test_repeated_shares_are_one_minus_distinct_over_all(words: list[str]) -> None:
    expected = []
    for n in behaviour.WORD_GRAMS:
        grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
        expected.append(round(1 - len(set(grams)) / len(grams), 6) if grams else 0.0)
    assert repeated_shares(words, 0) == tuple(expected)


@pytest.mark.parametrize(
    ("text", "finish_reason", "outcome", "reason"),
    [
        ("<think>so</think>5", "stop", "correct", "does not degenerate"),
        ("<think>so", "length", "truncated", "ran out of tokens"),
        (LOOPING, "length", "wrong", "ends in a loop: 15 characters, 40 times"),
        (LOOPING, "stop", "wrong", "ends in a loop: 15 characters, 40 times"),
        ("".join(f"the {n}th row and " for n in range(50)), "stop", "correct", "does not degenerate"),
        (COPYING, "stop", "wrong", "copies itself"),
        (COPYING, "length", "wrong", "copies itself"),
        (TWICE, "stop", "correct", "does not degenerate"),
        (PASSAGE * 2 + "So 5.", "stop", "correct", "does not degenerate"),
        ("<think></think>5", "stop", "wrong", "the reasoning is empty"),
        ("", "stop", "wrong", "the reasoning is empty"),
        ("", "length", "truncated", "ran out of tokens"),
        ("so", "error", "failed", "generation ended in an error"),
    ],
)
def test_only_loops_cuts_and_empty_reasonings_are_not_correct(text: str, finish_reason: Any, outcome: str, reason: str) -> None:
    found = judge(GradeRequest(text, finish_reason=finish_reason))
    assert (found.outcome, found.reason, found.score) == (outcome, reason, float(outcome == "correct"))


def test_the_pool_grades_behaviour_with_the_measures_in_the_details() -> None:
    with GradingPool("behaviour") as pool:
        grade = pool.grade([GradeRequest("<think>Wait, 2+2 is 4.</think>\\boxed{4}")])[0]
    assert (grade.outcome, grade.grader, grade.details["reflection_r1"], grade.details["answers"]) == ("correct", "behaviour", 1, 1)


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "but ",
        "但是",
        "\\boxed{1}",
        "\\boxed{",
        "answer is 1. ",
        "answer is $",
        "<answer>1</answer>",
        "```\n",
        "\n",
        "12 ",
        "a" * 63 + "b",
    ],
)
def test_a_long_hostile_text_is_measured(piece: str) -> None:
    found = measure(piece * (300_000 // len(piece)))
    assert found["loop"] == 1
    assert found["style:think-answer"] == 0


@pytest.mark.shared_data
def test_real_loops_are_found_and_sound_solutions_have_none(shared_data: Path) -> None:
    def loops(name: str) -> list[int]:
        lines = (shared_data / "model_outputs" / name).read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        return [row["idx"] for row in rows if any(find_loop(text) for text in row["code"])]

    assert loops("amc23_Llama-3.1-8B_base.jsonl") == [3, 8, 14]
    assert loops("amc23_SkyT1-corrupt-0.2-32B.jsonl") == [6, 31]
    assert loops("math500_gemma-2-27b-it.jsonl") == []
