"""From a question to token numbers: what a tokenizer puts around a text, and what is refused."""

from typing import Any

import pytest
from fakes_speaker import byte_level
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from r1bench.harness.errors import DataError
from r1bench.harness.models.prompts import encode, make_prompts
from r1bench.harness.records import Template

PLAIN, CHAT = Template("none", "{problem}", "plain"), Template("chat", "{problem}", "chat")
BOS, EOS = 256, 257


def tokenizer_of(around: str, chat_template: str | None = None) -> Any:
    """A byte-level tokenizer that puts these special tokens around a text ('$A')."""
    made = byte_level("<s>", "</s>", "[gMASK]")
    made.post_processor = TemplateProcessing(single=around, special_tokens=[("<s>", BOS), ("</s>", EOS), ("[gMASK]", 258)])
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", chat_template=chat_template)


@pytest.mark.parametrize(
    ("around", "before"), [("$A", []), ("<s> $A", [BOS]), ("<s> $A </s>", [BOS]), ("$A </s>", []), ("[gMASK] <s> $A </s>", [258, BOS])]
)
def test_a_plain_prompt_begins_as_the_tokenizer_says_and_does_not_end(around: str, before: list[int]) -> None:
    tokenizer = tokenizer_of(around)
    assert encode(tokenizer, PLAIN, "2+3?") == before + tokenizer("2+3?", add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("template", [PLAIN, CHAT])
def test_the_token_that_begins_a_text_stands_there_once(template: Template) -> None:
    tokenizer = tokenizer_of("<s> $A", "{{ bos_token }}{{ messages[0].content }}")
    assert encode(tokenizer, template, "<s>2+3?")[:2] == [BOS, encode(tokenizer, template, "2")[-1]]
    assert encode(tokenizer, template, "<s><s>2+3?").count(BOS) == 1


def test_a_chat_prompt_gets_no_special_tokens_beside_those_of_its_template() -> None:
    tokenizer = tokenizer_of("<s> $A </s>", "{{ messages[0].content }}")
    assert encode(tokenizer, CHAT, "2+3?") == tokenizer("2+3?", add_special_tokens=False)["input_ids"]
    assert encode(tokenizer_of("<s> $A </s>"), CHAT, "2+3?\n")[0] == BOS, "without a chat template it is plain text"


@pytest.mark.parametrize(("question", "why"), [("", "no tokens"), ("\ud800", "cannot become tokens")])
def test_a_prompt_that_a_model_cannot_read_names_its_problem(question: str, why: str) -> None:
    with pytest.raises(
        DataError, match=f"problem 'p7': its prompt .*{why}|problem 'p7': its prompt {why}|problem 'p7': its prompt has {why}"
    ):
        make_prompts(tokenizer_of("$A"), PLAIN, [("p1", "fine"), ("p7", question)])
