"""thinking.split: five states, each with a defined answer part."""

import pytest

from r1bench.tasks.grading.thinking import split

CASES = [
    ("<think>a</think>b", "", "closed", "a", "b"),
    ("  <THINK>a</Think>b", "", "closed", "a", "b"),
    ("<thinking>a</thinking>b", "", "closed", "a", "b"),
    ("a</think>b", "<think>\n", "prefilled", "a", "b"),
    ("a</think>b", "", "prefilled", "a", "b"),
    ("<think>a", "", "unfinished", "a", ""),
    ("a", "<think>\n", "unfinished", "a", ""),
    ("", "<think>", "unfinished", "", ""),
    ("5 <think> hm", "", "unfinished", " hm", ""),
    ("b", "", "absent", "", "b"),
    ("b", "<think>\n\n</think>", "absent", "", "b"),
    ("<think>a<think>b</think>c</think>d", "", "malformed", "a<think>b</think>c", "d"),
    ("<think>a</think>b<think>c</think>d", "", "malformed", "a</think>b<think>c", "d"),
    ("<think>a</think>b<think>c", "", "malformed", "a", "b"),
    ("</think>a<think>b", "", "malformed", "", "a"),
    ("Sure. <think>a</think>b", "", "malformed", "a", "b"),
    ("<think>a</think>b", "<think>", "malformed", "<think>a", "b"),
]


@pytest.mark.parametrize(("text", "prefill", "state", "reasoning", "answer_part"), CASES)
def test_every_shape_of_completion_has_a_state(text: str, prefill: str, state: str, reasoning: str, answer_part: str) -> None:
    found = split(text, prefill)
    assert (found.state, found.reasoning, found.answer_part) == (state, reasoning, answer_part)


@pytest.mark.parametrize("piece", ["<think>", "</think>", "<think", "<", "<think></think>"])
def test_a_megabyte_of_tags_is_split(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    assert len(split(text).answer_part) in (0, len(text))
