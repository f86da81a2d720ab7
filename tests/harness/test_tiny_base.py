"""The embedded checkpoint: small, standard, and what it is meant to be able to do."""

import json
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from r1bench.harness.checkpoints import file_digest, find_checkpoint
from r1bench.harness.models.tokenizer import load_tokenizer
from r1bench.harness.models.weights import load_model

FOLDER = Path(find_checkpoint("tiny-base").path)
HOSTILE = (
    "  two  spaces ",
    "a\n\nb\t",
    "计算 12 + 34。",
    "<think>x</think>\n<answer>7</answer>",
    "１２３ full width",
    "naïve 🙂 \u200b",
    "$\\frac{1}{2}$",
)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """scripts/make_tiny_base as a module."""
    loader = SourceFileLoader("make_tiny_base", str(Path(__file__).parents[2] / "scripts" / "make_tiny_base"))
    module = module_from_spec(spec_from_loader("make_tiny_base", loader))  # type: ignore[arg-type]
    loader.exec_module(module)
    return module


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 6_000_000


@pytest.mark.parametrize("text", HOSTILE)
def test_every_text_survives_the_tokenizer(text: str) -> None:
    tokenizer = load_tokenizer(find_checkpoint("tiny-base"))
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_digits_and_tags_are_single_tokens_and_pad_is_not_the_end() -> None:
    tokenizer = load_tokenizer(find_checkpoint("tiny-base"))
    assert len(tokenizer("4096")["input_ids"]) == 4
    assert all(len(tokenizer(tag)["input_ids"]) == 1 for tag in ("<think>", "</think>", "<answer>", "</answer>"))
    assert None is not tokenizer.pad_token_id != tokenizer.eos_token_id is not None


def test_the_chat_template_asks_as_the_plain_one_does() -> None:
    tokenizer = load_tokenizer(find_checkpoint("tiny-base"))
    chat = tokenizer.apply_chat_template([{"role": "user", "content": "Hi?"}], add_generation_prompt=True, tokenize=False)
    assert chat == "User: Hi?\nAssistant: "


def test_no_id_is_outside_the_embedding() -> None:
    checkpoint = find_checkpoint("tiny-base")
    assert len(load_tokenizer(checkpoint)) <= load_model(checkpoint, "cpu").get_input_embeddings().num_embeddings


def test_the_script_makes_the_same_model_twice(script: ModuleType, tmp_path: Path) -> None:
    for name in ("one", "two"):
        options = ["--out", str(tmp_path / name), "--docs", "300", "--batch-tokens", "2000", "--threads", "1"]
        done = CliRunner().invoke(script.main, options, catch_exceptions=False)
        assert done.exit_code == 0
    for file in ("model.safetensors", "tokenizer.json", "config.json"):
        assert file_digest(tmp_path / "one" / file) == file_digest(tmp_path / "two" / file)


def test_the_corpus_has_every_habit(script: ModuleType) -> None:
    completions = [script.document(0, index, script.Habits())[1] for index in range(600)]
    assert 0.25 < sum("=" in text for text in completions) / 600 < 0.6
    assert 0.2 < sum("</answer>" in text for text in completions) / 600 < 0.6
    for word in ("First ", "先算 ", "Wait", "等等", "<think>", "答案是"):
        assert any(word in text for text in completions)


def test_the_folder_is_a_standard_llama_without_code_of_its_own() -> None:
    config = json.loads((FOLDER / "config.json").read_text())
    assert config["model_type"] == "llama"
    assert "auto_map" not in config
    assert not list(FOLDER.glob("*.py"))
    assert not list(FOLDER.glob("*.bin"))
