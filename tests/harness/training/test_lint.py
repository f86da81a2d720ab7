"""What is said before a training starts about how its texts become tokens; a plain case says nothing."""

from types import SimpleNamespace
from typing import Any

import pytest
from fakes_speaker import byte_level
from tokenizers import Tokenizer, models, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from r1bench.harness.models.conversation import WHOLE, Answered, Dialogue, learn
from r1bench.harness.training.encoding import Sampled
from r1bench.harness.training.lint import Remark, lint
from r1bench.tasks.templates import TEMPLATES

END = "<|im_end|>"
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
DROPS = CHATML.replace("{{ m.content }}", "{{ m.content.split('</think>')[-1] }}")
OPENS = CHATML.replace("assistant\n{% endif %}", "assistant\n<think>\n{% endif %}")
CHAT, TALK = TEMPLATES["chat"], [{"role": role, "content": text} for role, text in (("user", "a?"), ("assistant", "<think>x</think>A"))]


def tokenizer_of(chat_template: str | None, *, adds_bos: bool = False) -> Any:
    made = byte_level("<s>", END, "<|im_start|>")
    if adds_bos:
        made.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 256)])
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token=END, chat_template=chat_template)


def remarks(tokenizer: Any, *rows: Answered | Dialogue, kind: str = "sft", template: Any = CHAT) -> list[Remark]:
    job: Any = SimpleNamespace(algorithm=SimpleNamespace(kind=kind), chat=SimpleNamespace(end=END if rows else ""))
    sequences = [(row, each) for row, made in zip(rows, learn(tokenizer, rows, END), strict=True) for each in made] if rows else []
    first = [Sampled(row.where, each.text, each.tokens, each, isinstance(row, Dialogue)) for row, each in sequences]
    encoded: Any = SimpleNamespace(first=first, num_left_out=0)
    return lint(job, tokenizer, template, encoded if rows else None)


@pytest.mark.parametrize("row", [Answered("x:1", CHAT, "a?", "A"), Dialogue("x:1", TALK * 2), Answered("x:1", WHOLE, "a?", "A")])
@pytest.mark.parametrize("adds_bos", [False, True])
def test_nothing_is_said_where_nothing_is_odd(row: Answered | Dialogue, adds_bos: bool) -> None:
    assert remarks(tokenizer_of(CHATML, adds_bos=adds_bos), row) == []


def test_a_word_that_prompt_and_answer_share_is_shown() -> None:
    vocabulary = {letter: number for number, letter in enumerate("ab?x")}
    made = Tokenizer(models.BPE(vocab={**vocabulary, "?x": 4}, merges=[("?", "x")]))
    made.pre_tokenizer = pre_tokenizers.Split("b", "isolated")
    [found] = remarks(PreTrainedTokenizerFast(tokenizer_object=made), Answered("x:1", WHOLE, "a?", "xb"))
    assert (found.name, found.where) == ("boundary", "x:1")
    assert "behind 'a', token 1, ['?', 'x'] and not ['?x'" in found.says


@pytest.mark.parametrize("kind", ["sft", "grpo"])
def test_a_doubled_beginning_is_named(kind: str) -> None:
    [found] = remarks(tokenizer_of("{{ bos_token }}" + CHATML, adds_bos=True), kind=kind)
    assert (found.name, "'<s>'" in found.says) == ("bos", True)


def test_a_template_that_drops_earlier_reasoning_is_named_where_there_are_conversations() -> None:
    assert [each.name for each in remarks(tokenizer_of(DROPS), Dialogue("x:4", TALK * 2))] == ["reasoning"]
    assert "(x:4)" in str(remarks(tokenizer_of(DROPS), Dialogue("x:4", TALK * 2))[0])
    assert remarks(tokenizer_of(DROPS), Answered("x:1", CHAT, "a?", "A")) == []


def test_a_template_that_opens_the_reasoning_is_named_with_the_answers_that_never_close_it() -> None:
    [found] = remarks(tokenizer_of(OPENS), Answered("x:1", CHAT, "a?", "so</think>A"), Answered("x:2", CHAT, "b?", "B"))
    assert (found.name, found.where) == ("prefill", "x:2")
    assert "1 of the first 2 answers never close it" in found.says
    [found] = remarks(tokenizer_of(OPENS), kind="grpo")
    assert found.says == r"prompts end in '<think>\n', which the chat template writes"
    assert remarks(tokenizer_of(OPENS), kind="grpo", template=TEMPLATES["plain"]) == []


def test_an_end_inside_an_answer_is_named() -> None:
    [found] = remarks(tokenizer_of(CHATML), Answered("x:5", CHAT, "a?", f"A{END}B"))
    assert (found.name, found.where) == ("end", "x:5")
