"""thinking.split: every shape of a completion in tests/cases/thinking.json, and what holds of any text."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1bench.harness.records import THINKING_STATES
from r1bench.harness.thinking import first_turn, opening_of, split, unknown_marking, without_specials

CASES = json.loads((Path(__file__).parents[1] / "cases" / "thinking.json").read_text(encoding="utf-8"))
PIECES = ("<think>", "</think>", "<Thinking>", "<|begin_of_thought|>", "<|end_of_thought|>", "<|begin_of_solution|>", "<|end_of_solution|>")
PIECES += (
    "[THINK]",
    "[/THINK]",
    "◁think▷",
    "<|channel|>analysis<|message|>",
    "<|channel|>final<|message|>",
    "<|end|>",
    "<|im_end|>",
    "<response>",
)
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


SPOKEN = "It is 5."
CHATML_TURN = "<|im_start|>user\nAnd 3+4?<|im_end|>\n<|im_start|>assistant\nIt is 7."


@pytest.mark.parametrize(
    "turn",
    [
        CHATML_TURN,
        f"<|im_end|>\n{CHATML_TURN}",
        "<|start_header_id|>user<|end_header_id|>\n\nAnd?<|eot_id|>It is 7.",
        "<start_of_turn>user\nAnd?<end_of_turn>\n<start_of_turn>model\nIt is 7.",
        "[INST] And? [/INST] It is 7.",
        "<|user|>\nAnd?<|assistant|>\nIt is 7.",
        "<｜User｜>And?<｜Assistant｜>It is 7.",
        "<|end|>\nIt is 7.",
        "<|endoftext|>Tom has 3 cats. #### 7",
        "</s>It is 7.",
        "\nUSER: And?\nASSISTANT: It is 7.",
        "\n### Instruction:\nAnd?\n\n### Response:\nIt is 7.",
        "\n### Human: And?\n### Assistant: It is 7.",
        "\nuser\nAnd 3+4?\nassistant\nIt is 7.",
        "user\n\nAnd 3+4?assistant\n\nIt is 7.",
        "\nuser\nAnd 3+4?\nmodel\nIt is 7.",
        "\n\nHuman：And?\n\nAssistant：It is 7.",
        "\n\n**User:** And?\n\n**Assistant:** It is 7.",
        "\n用户：3+4？\n助手：7",
    ],
)
@pytest.mark.parametrize(
    "reasoning", ["", "<think>5<|im_end|></think>", "<|channel|>analysis<|message|>5<|end|><|start|>assistant<|channel|>final<|message|>"]
)
def test_a_turn_is_over_where_tokens_or_headers_of_the_next_say_so(turn: str, reasoning: str) -> None:
    assert first_turn(reasoning + SPOKEN + turn).rstrip() == reasoning + SPOKEN


@pytest.mark.parametrize(
    "text",
    [
        "<think>I say <|im_end|>\n<|im_start|>user to end",
        "It is 5.<|im_end|>\n<|endoftext|>",
        "Not <s>4</s> but 5.",
        "USER: 5 is what I\nUSER: say",
        "### Instruction: is\na heading",
        "5<|end|><|start|>assistant<|channel|>final<|message|>6",
        "<|im_start|>assistant\nIt is 5.",
        "The `<|im_end|>` token. It is 5.",
        "'<|endoftext|>' and \"<|im_start|>user\" are tokens. It is 5.",
        "In HTML, </s> closes a strike. It is 5.",
        "The roles are\nsystem\nuser\ntool\nassistant\nin this order.",
        "a\nuser\nis not b",
    ],
)
def test_what_ends_no_turn_is_text(text: str) -> None:
    assert first_turn(text) == text


@pytest.mark.parametrize(
    "mark",
    [
        *("<scratchpad>", "<analysis>", "<inner_monologue>", "[REASONING]", "<|foo_think|>", "<|begin_of_reasoning|>", "<reflection>"),
        *("< think >", "<think_fast>", "<chain_of_thought>", "<thoughts>", "◁reason▷", "<|startofthought|>", "<inner monologue>", "<cot>"),
    ],
)
def test_a_mark_that_looks_like_one_of_a_reasoning_is_found(mark: str) -> None:
    ending = f"{mark[0]}/{mark[1:]}" if mark[1] != "|" else f"<|/{mark[2:]}"
    for text in (f"{mark}Is it 5", f"<think>4?</think>{mark} 5", f"Sure.\n{mark}\nIs it 5{ending}6", f"Is it 5{ending} It is 6."):
        assert unknown_marking(text).strip("<>[]◁▷|/ ") == mark.strip("<>[]◁▷| ")
    assert unknown_marking("Is it 5", f"{mark}\n") == mark


BRACKETS = ("[]", "{}", "【】", "⟨⟩", ("&lt;", "&gt;"))


@pytest.mark.parametrize(
    ("name", "left", "right"), [(name, *each) for name in ("think", "Reasoning", "推理过程") for each in BRACKETS] + [("思考", "<", ">")]
)
def test_a_pair_of_marks_in_other_brackets_is_found(name: str, left: str, right: str) -> None:
    mark, ending = left + name + right, f"{left}/{name}{right}"
    for text in (f"{mark}4?{ending}5", f"<think>3</think>{mark}4?{ending}5", f"Sure.\n{mark}\n4?\n{ending}\n5", f"So, {mark}\n4{ending}5"):
        assert unknown_marking(text) == mark
    assert unknown_marking("Is it 5", f"{mark}\n") == opening_of(f"Assistant: {mark}\n").strip() == mark
    assert unknown_marking(f"{mark} and I {name}: 5") == unknown_marking(f"`{mark}4{ending}`") == ""


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        (r"Okay, <thought>a \boxed{5}", "<thought>"),
        (r"答案<thought>a \boxed{5}", "<thought>"),
        (r"see [THINK] below. \boxed{5}", "[THINK]"),
        (r"std::vector<Thought> v; \boxed{5}", ""),
        (r"Use `<thought>` tags \boxed{5}", ""),
        (r"<think>a</think> \boxed{5}", ""),
    ],
)
def test_a_known_mark_that_opens_nothing_is_flagged(text: str, mark: str) -> None:
    assert unknown_marking(text) == mark


@pytest.mark.parametrize(
    "text",
    [
        "Use [think] and [/think] tags.",
        "Use <think_start> and <think_end>.",
        "```\n[think]4[/think]\n```",
        "Use <scratchpad> and </scratchpad> tags.",
        "`<scratchpad>` and '</analysis>'",
        "```html\n<analysis>\n<p>5</p>\n</analysis>\n```\nIt is 5.",
        "std::vector<Reason> x; List<Thought> y; a<b>c",
        "$a<b>c$ and x < reason > y and 1<|x-2|>0",
        "[Analysis](https://example.org) [1] [REASONING]: see",
        "<div><p>thinking</p></div><details><summary>Analysis</summary>5</details>",
        "【分析】5",
        "<think><scratchpad>4</scratchpad></think>5",
        "<answer>5</answer><|im_end|>",
    ],
)
def test_ordinary_text_has_no_unknown_marking(text: str) -> None:
    assert unknown_marking(text) == ""


@pytest.mark.parametrize(
    ("ending", "opening"),
    [
        ("<|im_end|>\n<|im_start|>assistant\n<think>\nOkay,\n", "<think>\nOkay,\n"),
        ("[/INST][THINK]", "[THINK]"),
        ("ASSISTANT: <think>", "<think>"),
        ("<|assistant|>\n<scratchpad>\n", "<scratchpad>\n"),
        ("<|end_of_role|>Here is my thought process:\n", "Here is my thought process:\n"),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", ""),
        ("\nUse <think> </think>.<|im_end|>\n<|im_start|>assistant\n", ""),
        ("\nStart with <think>\nAssistant:", ""),
        ("\nBegin with: <think>\nAssistant:", ""),
        (". Assistant:", ""),
        ("<|im_start|>assistant\n<scratchpad>\nOkay,\n", "<scratchpad>\nOkay,\n"),
        ("<|end_of_role|>Here is my thought process:\nOkay, ", "Here is my thought process:\nOkay, "),
        ("<|end_of_role|>Here is my thought process:\n5 Here is my response:", ""),
        ("<|begin|>assistant<|think|>", "<|think|>"),
        ('ASSISTANT: <think effort="high">', '<think effort="high">'),
        ("<|assistant|><|think_start|>", "<|think_start|>"),
        ("<|assistant|><|think_start|><|think_end|>", ""),
        ("<|assistant|><|cot_start|><|cot_end|>", ""),
        ("<|assistant|><|begin_of_thinking|><|end_of_thinking|>", ""),
        ("<|assistant|><scratchpad></scratchpad>", ""),
        ("Answer so:\n[Reasoning]\nwhy\n[Answer]\nwhat\n", ""),
        ('Write "Here is my thought process:" first.\n', ""),
    ],
)
def test_what_the_end_of_a_prompt_opens_belongs_to_the_answer(ending: str, opening: str) -> None:
    assert opening_of(ending) == opening


def test_special_tokens_are_left_out_of_what_a_reader_sees() -> None:
    assert without_specials("<s>a<|pad|> $1<|x-2|>0$ [INST] <b>b</b></s><｜end▁of▁sentence｜>") == "a $1<|x-2|>0$  <b>b</b>"


HOSTILE = (
    "<think>",
    "</think>",
    "<think",
    "<",
    "<think></think>",
    "|special_token|",
    "User:\n",
    "\n",
    "[",
    "◁",
    "<|im_end|>",
    "</s>",
    "<|end|>",
)
HOSTILE += (
    "[think]",
    "{think}{/think}",
    "【思考】\n",
    "&lt;",
    '<think a="',
    "<reasoning>",
    "</answer><thought></thought>",
    "user\n",
    "user\na b\nassistant\n",
)
HOSTILE += ("**User:** ", "[/INST][THINK]", "a[THINK]", "<output></output>", "`<|im_end|>`", "<|channel|>final<|constrain|>", "user\n ")
HOSTILE += ("<|channel|>analysis", "Here is my thought process:", "<response>", "<scratchpad>", "</scratchpad>", "```<reason>", "<|a|> ")


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_long_text_of_tags_is_split(piece: str) -> None:
    text = piece * (300_000 // len(piece))
    assert len(split(first_turn(text)).answer_part) <= len(text)
    assert len(unknown_marking(text)) < 20
    assert len(without_specials(text) + opening_of(text)) <= 2 * len(text)
