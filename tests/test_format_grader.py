"""format.keeps_format and language.words_by_script."""

import pytest

from r1bench.tasks.grading.format import keeps_format
from r1bench.tasks.grading.language import words_by_script

GOOD = "<think>a</think> <answer>b</answer>"


def test_one_reasoning_and_one_answer_keep_the_format() -> None:
    assert keeps_format(GOOD)
    assert keeps_format(f"\n{GOOD}\n")


def test_a_prefill_counts_as_part_of_the_answer() -> None:
    assert keeps_format("a</think><answer>b</answer>", "<think>\n")
    assert not keeps_format(GOOD, "<think>\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "b",
        "<think>a</think>",
        "<answer>b</answer>",
        "a</think><answer>b</answer>",
        "<think>a</think> <answer>  </answer>",
        "<think>a</think> so <answer>b</answer>",
        f"Sure. {GOOD}",
        f"{GOOD} Done.",
        f"{GOOD}<answer>c</answer>",
        "<answer>b</answer><think>a</think>",
        "<think>a<think></think><answer>b</answer>",
        "<THINK>a</THINK><answer>b</answer>",
        "<think>a</think><answer>b",
    ],
)
def test_anything_else_does_not_keep_the_format(text: str) -> None:
    assert not keeps_format(text)


def test_a_megabyte_of_tags_does_not_keep_the_format() -> None:
    assert not keeps_format("<think>" * 140_000)


def test_words_are_counted_by_script() -> None:
    assert words_by_script("I add 2 to naïve \\frac{1}{2}. 我们 да") == {"latin": 4, "han": 2, "other": 1}


def test_scripts_that_do_not_occur_are_left_out() -> None:
    assert words_by_script("12 + 3 = 15") == {}
