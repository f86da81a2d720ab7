"""thinking.split: every shape of a completion in tests/cases/thinking.json, and what holds of any text."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1bench.harness.records import THINKING_STATES
from r1bench.harness.thinking import first_turn, split

CASES = json.loads((Path(__file__).parents[1] / "cases" / "thinking.json").read_text(encoding="utf-8"))
PIECES = ("<think>", "</think>", "<Thinking>", "<|begin_of_thought|>", "<|end_of_thought|>", "<|begin_of_solution|>", "<|end_of_solution|>")
SOUP = st.lists(st.sampled_from((*PIECES, "|special_token|", "<|special_token|>", "a", " ", "\n", "<", "|")), max_size=12).map("".join)
PREFILLS = st.sampled_from(("", "<think>\n", "|special_token|", "<|begin_of_thought|>", "<think></think>"))
DIALOGUE = "\nUser: and 3+3?\nAssistant: <think>6</think>It is 6."


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_every_shape_of_completion_has_a_state(case: dict[str, Any]) -> None:
    found = split(case["text"], case["prefill"])
    assert (found.state, found.reasoning, found.answer_part) == (case["state"], case["reasoning"], case["answer_part"])


def test_every_state_has_a_case() -> None:
    assert {case["state"] for case in CASES} == set(THINKING_STATES)


@settings(deadline=None)
@given(SOUP, PREFILLS)
def test_reasoning_and_answer_are_slices_of_the_text_in_its_order(text: str, prefill: str) -> None:
    found = split(text, prefill)
    start = text.find(found.reasoning) + len(found.reasoning)
    assert found.reasoning in text
    assert found.answer_part in text[start:] or not found.reasoning


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="<|"), max_size=40), st.sampled_from(("<think>", "<THINKING>", "|special_token|")))
def test_text_inside_open_reasoning_is_never_an_answer(reasoning: str, opening: str) -> None:
    for found in (split(opening + reasoning), split(reasoning, opening), split(f"Sure. {opening}{reasoning}")):
        assert (found.state, found.answer_part) == ("unfinished", "")


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="<|"), max_size=40), SOUP)
def test_what_follows_the_last_closing_is_the_answer(answer: str, text: str) -> None:
    assert split(f"{text}</think>{answer}").answer_part == answer


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="<|"), max_size=40), st.sampled_from(("", "<think>")))
def test_an_opening_in_the_prompt_and_one_in_the_text_split_alike(reasoning: str, opening: str) -> None:
    found = split(f"{opening}{reasoning}</think>b", "" if opening else "<think>")
    assert (found.reasoning, found.answer_part) == (reasoning, "b")


@pytest.mark.parametrize("prefill", ["<think>", "<think></think><think>", "|special_token|", "<|begin_of_thought|>\n"])
def test_a_prompt_may_end_inside_the_reasoning(prefill: str) -> None:
    assert split("a", prefill).state == "unfinished"


@pytest.mark.parametrize("own", ["It is 4.", "<think>4</think>It is 4.", "4</think><answer>4</answer>"])
def test_a_dialogue_that_the_model_goes_on_with_is_left_out(own: str) -> None:
    assert first_turn(own + DIALOGUE).strip() == own


@pytest.mark.parametrize("text", [DIALOGUE, f"<think>{DIALOGUE}", "I said:\nUser: 3\nAssistant: 4</think>5", "It is 4.\nUser: 5\nGuest: 6"])
def test_a_users_line_that_begins_no_new_turn_is_text(text: str) -> None:
    assert first_turn(text) == text


@pytest.mark.parametrize("piece", ["<think>", "</think>", "<think", "<", "<think></think>", "|special_token|", "User:\n", "\n"])
def test_a_megabyte_of_tags_is_split(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    assert len(split(first_turn(text)).answer_part) in (0, len(text))
