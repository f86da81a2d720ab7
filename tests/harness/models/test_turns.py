"""Which tokens end a completion: for chat templates as well-known models have them, and configurations that name what is not there."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from fakes_speaker import byte_level, write_tokenizer
from transformers import AutoTokenizer

from r1bench.harness.checkpoints import find_checkpoint
from r1bench.harness.cli import main
from r1bench.harness.models.prompts import ending_of, prefill_of, render
from r1bench.harness.models.turns import Drawn, completion_of, end_tokens_of, turn_ends, unused_stops
from r1bench.tasks.templates import TEMPLATES

CASES = json.loads((Path(__file__).parents[2] / "cases" / "turn_ends.json").read_text(encoding="utf-8"))
CHATML = CASES[0]["template"]


def tokenizer_of(folder: Path, template: str | None, *specials: str, **names: str) -> Any:
    write_tokenizer(folder, byte_level(*specials), chat_template=template, **names)
    return AutoTokenizer.from_pretrained(folder)


def model_of(named: Any, size: int = 300) -> Any:
    """What of a model says where completions end."""
    config = SimpleNamespace(get_text_config=lambda: SimpleNamespace(vocab_size=size))
    return SimpleNamespace(generation_config=SimpleNamespace(eos_token_id=named), config=config)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_end_of_turn_is_what_the_chat_template_writes_behind_an_answer(tmp_path: Path, case: dict[str, Any]) -> None:
    found = tokenizer_of(tmp_path, case["template"], *case["specials"], eos_token=case["eos"], bos_token="<s>")
    assert sorted(found.decode([token]) for token in turn_ends(found)) == sorted(case["ends"])


def test_without_a_chat_template_no_turn_ends(tmp_path: Path) -> None:
    found = tokenizer_of(tmp_path, None, "<|im_end|>", "<eos>", eos_token="<eos>")
    assert turn_ends(found) == set()
    found.chat_template = {"one": CHATML, "another": CHATML}
    assert turn_ends(found) == set()


@pytest.mark.parametrize(
    ("named", "ends"),
    [
        (None, set()),
        (7, {7}),
        ([7, 8], {7, 8}),
        (-1, set()),
        ([7, -1, None, 300, 10**12, True, "8", 7.0, [9]], {7}),
        ("7", set()),
        ([], set()),
    ],
)
def test_what_is_no_token_of_the_model_ends_nothing(tmp_path: Path, named: Any, ends: set[int]) -> None:
    assert end_tokens_of(model_of(named), tokenizer_of(tmp_path, None)) == ends


def test_template_configuration_and_tokenizer_end_a_completion_together(tmp_path: Path) -> None:
    found = tokenizer_of(tmp_path, CHATML, "<|im_start|>", "<|im_end|>", "<eos>", "<pad>", eos_token="<eos>")
    ends = {found.decode([token]) for token in end_tokens_of(model_of(found.convert_tokens_to_ids("<pad>")), found)}
    assert ends == {"<|im_end|>", "<eos>", "<pad>"}


@pytest.mark.parametrize(("said", "is_stopped", "end"), [("ab<end>", True, "<end>"), ("ab", False, ""), ("ab<pad>STOP", True, "")])
def test_a_completion_is_its_tokens_and_apart_the_one_that_ended_it(tmp_path: Path, said: str, is_stopped: bool, end: str) -> None:
    found = tokenizer_of(tmp_path, None, "<end>", "<pad>")
    tokens = found(said, add_special_tokens=False)["input_ids"]
    done = completion_of(found, "", 3, Drawn(0, tokens, is_stopped), frozenset([found.convert_tokens_to_ids("<end>")]))
    assert (done.text + done.end, done.end, done.num_tokens) == (said, end, len(tokens))


@pytest.mark.parametrize("template", ["chat", "boxed", "r1-zero", "none"])
@pytest.mark.parametrize("question", ["What does <think> mean?", "<think>\n", "Say:\n<think>", "[THINK]", "</think>"])
def test_marks_in_a_question_open_nothing(tmp_path: Path, template: str, question: str) -> None:
    found = tokenizer_of(tmp_path, CHATML, "<|im_start|>", "<|im_end|>")
    text = render(found, TEMPLATES[template], question)
    assert prefill_of(text, ending_of(found, TEMPLATES[template])) == ""


def test_a_template_that_ends_as_the_question_wants_is_taken_by_its_last_characters(tmp_path: Path) -> None:
    opened = "{% if '/think' in messages[0].content %}<think>\n{% endif %}"
    found = tokenizer_of(tmp_path, CHATML + opened, "<|im_start|>", "<|im_end|>")
    ending = ending_of(found, TEMPLATES["chat"])
    assert [prefill_of(render(found, TEMPLATES["chat"], said), ending) for said in ("5? /think", "<think> 5?")] == ["<think>\n", ""]


def test_texts_to_stop_at_that_a_checkpoint_names_are_not_passed_over_in_silence(tmp_path: Path) -> None:
    copied = Path(shutil.copytree(find_checkpoint("tiny-base").path, tmp_path / "copied"))
    assert unused_stops(str(copied)) == ""
    path = copied / "generation_config.json"
    path.write_text(json.dumps({**(json.loads(path.read_text()) if path.exists() else {}), "stop_strings": ["0", "1"]}))
    words = ["eval", copied, "--tasks", "arithmetic", "--limit", 1, "--samples", 1, "--max-tokens", 4, "--runs", tmp_path / "runs"]
    result = CliRunner().invoke(main, list(map(str, words)))
    assert (result.exit_code, "names stop_strings ['0', '1'], which end no completion here" in result.stderr) == (0, True), result.stderr
