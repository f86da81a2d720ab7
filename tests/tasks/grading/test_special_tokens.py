"""Special tokens in a text disturb no grader, and reasoning in any known marking is set aside by all of them."""

from typing import Any

import pytest

from r1bench.harness.records import UNKNOWN_MARKING, Grade
from r1bench.tasks.grading import GradeRequest, GradingPool
from r1bench.tasks.grading.programs.finding import Found
from r1bench.tasks.grading.programs.grader import find

ENDS = ("<|im_end|>", "<|endoftext|>", "</s>", "<|eot_id|>", "<｜end▁of▁sentence｜>", "<end_of_turn>", "<|return|>\n", "[|endofturn|]")
ANSWERS = (
    ("math", "We halve it.\n\n**\\sqrt{2}**", "\\sqrt{2}"),
    ("math", "$$x = \\frac{1}{2}$$", "1/2"),
    ("integer", "We add.\nSo the total is 5.", "5"),
    ("integer", "<answer>5</answer>", "5"),
    ("integer", "#### 5", "5"),
    ("choice", "Hence.\nANSWER: B", "B"),
    ("choice", "The answer is (B)", "B"),
)
WRAPPED = (
    "<|channel|>analysis<|message|>It is \\boxed{4}.<|end|><|start|>assistant<|channel|>final<|message|>%s",
    "[THINK]It is \\boxed{4}.[/THINK]%s",
    "<|START_THINKING|>It is \\boxed{4}.<|END_THINKING|><|START_RESPONSE|>%s<|END_RESPONSE|>",
    "<think>It is \\boxed{4}.</think>\n<response>%s</response>",
    "Here is my thought process:\nIt is \\boxed{4}.\nHere is my response:\n%s",
    "<|im_start|>think\nIt is \\boxed{4}.\n<|im_start|>answer\n%s",
)
CUT = "Let me see. The answer is \\boxed{5}, but wait, let me check "
OPENINGS = (
    "[THINK]",
    "<thought>",
    "<seed:think>",
    "<|START_THINKING|>",
    "◁think▷",
    "<reasoning>",
    "<|channel|>analysis<|message|>",
    "analysis",
)
OPENINGS += ("Here is my thought process:\n", "<|im_start|>think\n", "Here are my reasoning steps:\n", "<|think|>")


def graded(grader: str, text: str, gold: str = "", **how: Any) -> Grade:
    with GradingPool(grader) as pool:
        return pool.grade([GradeRequest(text, (gold,) if gold else (), **how)])[0]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(("grader", "text", "gold"), ANSWERS)
def test_a_special_token_at_the_end_changes_no_answer(grader: str, text: str, gold: str, end: str) -> None:
    plain, found = graded(grader, text, gold), graded(grader, text + end, gold)
    assert plain.outcome == "correct"
    assert (found.outcome, found.extracted, found.flags) == (plain.outcome, plain.extracted, plain.flags)


@pytest.mark.parametrize("wrapped", WRAPPED)
@pytest.mark.parametrize(("grader", "text", "gold"), ANSWERS)
def test_an_answer_behind_a_reasoning_in_any_marking_is_found(grader: str, text: str, gold: str, wrapped: str) -> None:
    assert graded(grader, wrapped.replace("%s", text) + "<|im_end|>", gold).outcome == "correct"


@pytest.mark.parametrize("opening", OPENINGS)
def test_a_reasoning_in_any_marking_that_was_cut_is_no_answer(opening: str) -> None:
    assert graded("integer", opening + CUT, "5", finish_reason="length").outcome == "truncated"


@pytest.mark.parametrize("grader", ["integer", "math", "choice", "format", "language", "behaviour"])
def test_every_grader_flags_a_marking_that_is_not_known(grader: str) -> None:
    found = graded(grader, "<scratchpad>2+3</scratchpad> The answer is 5.", "5" if grader in ("integer", "math") else "B")
    assert (UNKNOWN_MARKING in found.flags, found.details[UNKNOWN_MARKING]) == (True, "<scratchpad>")


def test_special_tokens_are_words_of_no_language() -> None:
    text = "<think>我们把两个数相加，得到五。%s</think>5"
    plain, found = (graded("language", text % said, language="zh") for said in ("", "<｜User｜><|im_start|><｜end▁of▁sentence｜>"))
    assert (found.score, found.details["words"]) == (plain.score, plain.details["words"])


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("program", ["```python\nprint(5)\n```", "n = 5\nprint(n)"])
def test_special_tokens_at_the_end_are_no_code(program: str, end: str) -> None:
    plain, found = find(GradeRequest(program), []), find(GradeRequest(program + end), [])
    assert isinstance(found, Found)
    assert isinstance(plain, Found)
    assert found.readings[0].strip() == plain.readings[0].strip()


def test_an_invented_turn_is_not_graded() -> None:
    text = "It is \\boxed{5}.<|im_end|>\n<|im_start|>user\n3+4?<|im_end|>\n<|im_start|>assistant\nIt is \\boxed{7}."
    assert [graded("integer", text, gold).outcome for gold in ("5", "7")] == ["correct", "wrong"]
