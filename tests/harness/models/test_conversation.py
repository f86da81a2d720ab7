"""Answers behind the prompts of evaluation, conversations of several answers, and what a reward model reads."""

from typing import Any

import pytest
from fakes_speaker import byte_level
from transformers import PreTrainedTokenizerFast

from r1bench.harness.errors import CheckpointError
from r1bench.harness.models.conversation import WHOLE, Answered, Dialogue, Message, answer_of, learn, valued
from r1bench.harness.models.prompts import make_prompts
from r1bench.harness.models.tokenizer import text_of
from r1bench.harness.records import Template
from r1bench.tasks.templates import TEMPLATES

END = "<|im_end|>"
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
DROPS = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %}<|A|>{{ m.content.split('</think>')[-1] }}<|im_end|>"
    "{% else %}<|U|>{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}<|A|><think>\n{% endif %}"
)
"""As R1's distilled models: earlier reasoning is left out, and a prompt opens the next."""


def tokenizer_of(chat_template: str | None) -> Any:
    made = byte_level("<s>", END, "<|im_start|>", "<|A|>", "<|U|>")
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token=END, chat_template=chat_template)


def talk(*said: str) -> list[Message]:
    return [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(said)]


@pytest.mark.parametrize("chat_template", [None, CHATML, DROPS])
@pytest.mark.parametrize("template", [TEMPLATES["plain"], TEMPLATES["boxed"], TEMPLATES["r1-zero"], WHOLE], ids=lambda each: each.name)
def test_an_answer_stands_behind_the_very_prompt_of_evaluation(chat_template: str | None, template: Template) -> None:
    tokenizer = tokenizer_of(chat_template)
    [[found]] = learn(tokenizer, [Answered("x:1", template, "2+3?", "is 5")], END)
    [asked] = make_prompts(tokenizer, template, [("p", "2+3?")])
    assert found.tokens[: found.num_prompt] == asked.tokens
    assert text_of(tokenizer, found.tokens[found.num_prompt :]) == "is 5" + END
    assert found.text == asked.text + "is 5" + END


def test_every_answer_of_a_conversation_is_learned_in_one_sequence() -> None:
    tokenizer = tokenizer_of(CHATML)
    [[found]] = learn(tokenizer, [Dialogue("x:1", talk("a?", "A", "b?", "B", "and?"))], END)
    spans = list(zip(found.spans[::2], found.spans[1::2], strict=True))
    assert [text_of(tokenizer, found.tokens[start:end]) for start, end in spans] == ["A" + END, "B" + END]
    assert text_of(tokenizer, found.tokens) == found.text
    assert "and?" not in found.text


def test_only_answers_behind_the_prompt_are_learned() -> None:
    [[found]] = learn(tokenizer_of(CHATML), [Dialogue("x:1", talk("a?", "A", "b?", "B"), start=2)], END)
    assert found.spans == [found.num_prompt, len(found.tokens)]
    assert "A" in found.text


def test_a_template_that_drops_reasoning_drops_none_of_what_is_learned() -> None:
    tokenizer = tokenizer_of(DROPS)
    [found] = learn(tokenizer, [Dialogue("x:1", talk("a?", "<think>\none</think>A", "b?", "<think>\ntwo</think>B"))], END)
    assert [each.text for each in found] == [
        f"<s><|U|>a?<|A|><think>\none</think>A{END}",
        f"<s><|U|>a?<|A|>A{END}<|U|>b?<|A|><think>\ntwo</think>B{END}",
    ]
    assert [text_of(tokenizer, each.tokens[each.num_prompt :]) for each in found] == [f"one</think>A{END}", f"two</think>B{END}"]


@pytest.mark.parametrize("answer", ["<think>\nso</think>5", "<think>so</think>5", "\n<think> so</think>5", "so</think>5"])
def test_what_the_prompt_opens_is_not_opened_again(answer: str) -> None:
    [[found]] = learn(tokenizer_of(DROPS), [Answered("x:1", TEMPLATES["chat"], "2+3?", answer)], END)
    assert found.text == f"<s><|U|>2+3?<|A|><think>\nso</think>5{END}"


def test_the_token_that_ends_an_answer_stands_there_once() -> None:
    [[found]] = learn(tokenizer_of(CHATML), [Answered("x:1", WHOLE, "2+3?", "5" + END)], END)
    assert found.text == "2+3?5" + END


def test_a_text_is_learned_whole() -> None:
    [[found]] = learn(tokenizer_of(None), [Answered("x:1", None, "", "once upon")], END)
    assert (found.num_prompt, found.spans, found.text) == (0, [0, len(found.tokens)], "once upon" + END)


@pytest.mark.parametrize(
    "make", [lambda tokenizer, turns: learn(tokenizer, [Dialogue("x:7", turns)], END), lambda t, turns: valued(t, [(turns, "B")])]
)
def test_messages_without_a_chat_template_are_refused_with_the_cure(make: Any) -> None:
    with pytest.raises(CheckpointError, match=r"no chat template.*--set chat\.template=FILE\.jinja"):
        make(tokenizer_of(None), talk("a?", "A", "b?", "B"))


def test_a_row_that_the_template_refuses_is_named() -> None:
    refuses = "{% if messages[0].role == 'system' %}{{ raise_exception('no system here') }}{% endif %}" + CHATML
    turns = [{"role": "system", "content": "be brief"}, *talk("a?", "A")]
    with pytest.raises(CheckpointError, match=r"'x:2': no system here"):
        learn(tokenizer_of(refuses), [Dialogue("x:1", talk("a?", "A")), Dialogue("x:2", turns)], END)


def test_a_template_that_leaves_the_system_out_is_refused() -> None:
    leaves_out = CHATML.replace("<|im_start|>{{ m.role }}", "{% if m.role == 'system' %}{% continue %}{% endif %}<|im_start|>{{ m.role }}")
    turns = [{"role": "system", "content": "be brief"}, *talk("a?", "A")]
    with pytest.raises(CheckpointError, match="does not put what the system says"):
        learn(tokenizer_of(leaves_out), [Dialogue("x:2", turns)], END)


# What a reward model reads.


def test_a_reward_model_reads_the_response_whole_where_the_template_would_drop_its_reasoning() -> None:
    [found] = valued(tokenizer_of(DROPS), [("a?", "<think>one</think>A")])
    assert found.text == f"<s><|U|>a?<|A|><think>one</think>A{END}"


def test_a_reward_model_reads_a_conversation_as_its_template_writes_it() -> None:
    tokenizer, turns = tokenizer_of(CHATML), talk("a?", "A", "b?", "B")
    written = tokenizer.apply_chat_template(turns, tokenize=False)
    [found] = valued(tokenizer, [(turns[:-1], "B")])
    assert (found.text, found.tokens) == (written, tokenizer(written, add_special_tokens=False)["input_ids"])
    assert text_of(tokenizer, found.tokens[found.num_prompt :]) == f"B{END}\n"


def test_a_reward_model_without_a_chat_template_reads_an_empty_line_between() -> None:
    [found] = valued(tokenizer_of(None), [("a?", "A")])
    assert found.text == "a?\n\nA"


@pytest.mark.parametrize(("response", "answer"), [("<think>x</think><answer>5</answer>", "5"), ("plain", "plain"), ("<think>never", "")])
def test_the_answer_is_what_stands_behind_the_reasoning(response: str, answer: str) -> None:
    assert answer_of(response) == answer
