"""`r1bench tasks show TASK --checkpoint CHECKPOINT`: what a model reads, token by token."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes_speaker import byte_level, write_speaker, write_tokenizer
from tokenizers.processors import TemplateProcessing

from r1bench.harness.checkpoints import find_checkpoint
from r1bench.harness.cli import main
from r1bench.harness.evaluation.shown_prompt import Token, marked, show_prompt, visible
from r1bench.harness.models.prompts import encode, render
from r1bench.harness.models.tokenizer import load_tokenizer
from r1bench.tasks.templates import TEMPLATES

R1 = (
    "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<assistant><think>{{ '\\n' }}{% endif %}"
)


def make(folder: Path, chat_template: str = R1) -> Path:
    """A checkpoint of bytes and five special tokens."""
    made = byte_level("<s>", "</s>", "<user>", "<assistant>", "<think>")
    made.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 256), ("</s>", 257)])
    write_tokenizer(folder, made, chat_template=chat_template, bos_token="<s>", eos_token="</s>")
    write_speaker(folder, [0], after=1, vocabulary=made.get_vocab_size(), eos=257)
    return folder


def rows(path: Path, question: str) -> Path:
    path.write_text(json.dumps({"question": question, "answer": "5"}) + "\n")
    return path


def shown(*arguments: object) -> str:
    result = CliRunner().invoke(main, ["tasks", "show", *map(str, arguments)], prog_name="r1bench")
    assert result.exit_code == 0, result.output
    return result.output


def test_tokens_are_kept_apart_and_special_ones_and_white_space_are_seen(tmp_path: Path) -> None:
    data = rows(tmp_path / "rows.jsonl", "2 +\n3")
    text = shown("gsm8k", "--checkpoint", make(tmp_path / "m"), "--template", "chat", "--data", data)
    assert text.endswith("\n⟦<s>⟧·⟦<user>⟧·2·␣·+·↵\n·3·⟦<assistant>⟧·⟦<think>⟧·↵\n\n")
    assert re.search(r"^tokens     10$", text, re.MULTILINE)
    assert re.search(r"^ends with  </s> \(257\)$", text, re.MULTILINE)
    assert re.search(r"^prefill    <think>↵$", text, re.MULTILINE)


def test_json_has_the_numbers_and_texts_of_the_tokens_that_the_model_reads(tmp_path: Path) -> None:
    folder, data = make(tmp_path / "m"), rows(tmp_path / "rows.jsonl", "2 + 3 = é?")
    found = json.loads(shown("gsm8k", "--checkpoint", folder, "--template", "chat", "--data", data, "--json"))
    tokenizer = load_tokenizer(find_checkpoint(str(folder)))
    text = render(tokenizer, TEMPLATES["chat"], "2 + 3 = é?")
    assert [token["id"] for token in found["tokens"]] == encode(tokenizer, TEMPLATES["chat"], text)
    assert (found["text"], found["num_tokens"]) == (text, len(found["tokens"]))
    assert found["tokens"][1] == {"id": 258, "text": "<user>", "is_special": True}
    assert found["ends"] == [{"id": 257, "text": "</s>", "is_special": True}]


def test_texts_of_tokens_keep_the_spaces_that_a_decoder_puts_between_words() -> None:
    tokens = show_prompt("arithmetic", "tiny-base", template="r1-zero").tokens
    assert "".join(token.text for token in tokens).startswith("A conversation between User and Assistant. The user asks")


def test_what_would_steer_a_terminal_or_look_like_a_sign_is_escaped() -> None:
    assert visible("a\x1b[31m·\u202e\x00") == "a\\x1b[31m\\xb7\\u202e\\x00"
    assert marked([Token(1, "⟧", False), Token(2, "\x9b", True)]) == "\\u27e7·⟦\\x9b⟧"


def test_another_problem_can_be_named_and_an_unknown_one_cannot(tmp_path: Path) -> None:
    assert "test-0-7 of arithmetic" in shown("arithmetic", "--checkpoint", "tiny-base", "--problem", "test-0-7")
    result = CliRunner().invoke(main, ["tasks", "show", "arithmetic", "--checkpoint", "tiny-base", "--problem", "x"], prog_name="r1bench")
    assert (result.exit_code, "has no problem 'x'" in result.output) == (2, True)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ messages[0].content }}", "does not begin with <s>"),
        ("{{ bos_token }}{{ messages[0].content }}{{ eos_token }}", "ends the prompt"),
    ],
)
def test_what_may_surprise_is_said(tmp_path: Path, template: str, said: str) -> None:
    folder, data = make(tmp_path / "m", template), rows(tmp_path / "rows.jsonl", "2+3")
    assert said in shown("gsm8k", "--checkpoint", folder, "--template", "chat", "--data", data)
