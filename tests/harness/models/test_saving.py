"""What training saves is what the base has, and no training dies at its first save."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from fakes_tokenizers import MADE, layout
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, MixtralConfig, MixtralForCausalLM

from r1bench.backends import contract
from r1bench.backends.custom import Engine
from r1bench.backends.custom.grpo import train
from r1bench.harness.checkpoints import file_digest, find_checkpoint, is_sealed, read_seal
from r1bench.harness.errors import CheckpointError, StorageError
from r1bench.harness.models.saving import num_weights, read_base, write_model
from r1bench.harness.models.tokenizer import config_for_others, load_tokenizer
from r1bench.harness.models.weights import load_model, quiet_transformers
from r1bench.harness.training.jobs import prepare

TINY = Path(find_checkpoint("tiny-base").path)
SETTINGS = ("steps=2", "save_every=1", "batch_size=1", "algorithm.samples=2", "algorithm.minibatches=1", "algorithm.rollout.max_tokens=4")


def base(folder: Path, **files: dict[str, Any]) -> Path:
    """A copy of tiny-base with more values in its files: `generation_config={...}`; None takes a value away."""
    shutil.copytree(TINY, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name, values in files.items():
        path = folder / f"{name}.json"
        told = {**json.loads(path.read_text()), **values}
        path.write_text(json.dumps({key: value for key, value in told.items() if value is not None}))
    return folder


def train_on(folder: Path, out: Path) -> None:
    """Two steps, a checkpoint after the first, in this process."""
    job, _ = prepare("zero", "custom", "tiny", model=str(folder), out=out, settings=SETTINGS, device="cpu", threads=1)
    try:
        train(job, None, Engine())
    finally:
        torch.use_deterministic_algorithms(False)


GENERATION = [
    *({"temperature": 0.6, "top_p": 0.9}, {"min_p": 0.1}, {"num_beams": 1, "early_stopping": True}, {"pad_token_id": -1}, {"top_k": 20}),
    *({"typical_p": 0.9}, {"epsilon_cutoff": 3e-4}, {"eta_cutoff": 3e-4}, {"top_h": 0.5}, {"length_penalty": 0.8}),
    *({"use_cache": False, "cache_implementation": "static"}, {"output_scores": True}, {"do_sample": False, "temperature": 0.0}),
    *({"logits_processor": []}, {"chat_format": "chatml", "max_window_size": 6144}, {"eos_token_id": [0, 2]}),
]


@pytest.mark.parametrize("values", GENERATION)
def test_whatever_a_generation_config_says_is_saved_as_the_base_has_it(values: dict[str, Any], tmp_path: Path) -> None:
    folder = base(tmp_path / "base", generation_config=values)
    checkpoint = find_checkpoint(str(folder))
    write_model(tmp_path / "out", load_model(checkpoint, "cpu", "float32"), read_base(checkpoint))
    assert (tmp_path / "out/generation_config.json").read_bytes() == (folder / "generation_config.json").read_bytes()
    assert load_model(find_checkpoint(str(tmp_path / "out")), "cpu").generation_config.eos_token_id == values.get("eos_token_id", 0)


def test_a_training_whose_generation_config_transformers_refuses_to_save_ends_with_its_checkpoints(tmp_path: Path) -> None:
    folder = base(tmp_path / "base", generation_config={"temperature": 0.6, "min_p": 0.1, "early_stopping": True, "pad_token_id": -1})
    train_on(folder, tmp_path / "out")
    for saved in (tmp_path / "out/final", tmp_path / "out/checkpoints/step-000001"):
        assert is_sealed(saved)
        assert (saved / "generation_config.json").read_bytes() == (folder / "generation_config.json").read_bytes()


def test_a_class_by_which_auto_tokenizer_misreads_the_base_is_not_handed_on(tmp_path: Path) -> None:
    folder = base(tmp_path / "base", tokenizer_config={"tokenizer_class": "LlamaTokenizerFast", "eos_token": "<|endoftext|>"})
    kept, text = read_base(find_checkpoint(str(folder))), "12 + 3 =\n"
    write_model(tmp_path / "out", load_model(find_checkpoint(str(folder)), "cpu", "float32"), kept)
    ids = load_tokenizer(find_checkpoint(str(folder)))(text)["input_ids"]
    assert AutoTokenizer.from_pretrained(folder)(text)["input_ids"] != ids
    assert AutoTokenizer.from_pretrained(tmp_path / "out")(text)["input_ids"] == ids
    told = json.loads((tmp_path / "out/tokenizer_config.json").read_text())
    before = json.loads((folder / "tokenizer_config.json").read_text())
    assert told == {**before, "tokenizer_class": "PreTrainedTokenizerFast"}


def test_a_layout_that_no_class_helps_is_left_as_it_is(tmp_path: Path) -> None:
    checkpoint = layout(tmp_path, MADE["digits_in_threes"](), "qwen2", tokenizer_class="LlamaTokenizerFast")
    assert config_for_others(Path(checkpoint.path)) is None


def test_the_tokenizer_of_a_training_is_that_of_its_base_byte_for_byte(tmp_path: Path) -> None:
    folder = base(tmp_path / "base", tokenizer_config={"tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": True})
    (folder / "special_tokens_map.json").write_text('{"eos_token": "<|endoftext|>"}')
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates/tool_use.jinja").write_text("{{ messages }}")
    train_on(folder, tmp_path / "out")
    names = (
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "chat_template.jinja",
        "additional_chat_templates/tool_use.jinja",
    )
    for saved in (tmp_path / "out/final", tmp_path / "out/checkpoints/step-000001"):
        assert [(saved / name).read_bytes() for name in names] == [(folder / name).read_bytes() for name in names]
        assert set(names) <= set(read_seal(saved)["files"])
    assert (
        load_tokenizer(find_checkpoint(str(saved)))("12 + 3")["input_ids"]
        == load_tokenizer(find_checkpoint("tiny-base"))("12 + 3")["input_ids"]
    )


def test_a_saved_checkpoint_loads_elsewhere(tmp_path: Path) -> None:
    train_on(base(tmp_path / "base"), tmp_path / "out")
    final = tmp_path / "out/final"
    told = json.loads((final / "tokenizer_config.json").read_text())
    assert told["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert not {"is_local", "local_files_only"} & set(told)
    texts = ["What is 12 + 34?", " a  b\n"]
    read = [made.ids for made in Tokenizer.from_file(str(final / "tokenizer.json")).encode_batch(texts)]
    assert AutoTokenizer.from_pretrained(final)(texts)["input_ids"] == read
    assert AutoModelForCausalLM.from_pretrained(final).dtype == torch.float32


@pytest.mark.parametrize(
    "names", [{"dtype": "bfloat16"}, {"torch_dtype": "float16", "dtype": None}, {"torch_dtype": "float16"}, {"dtype": None}]
)
def test_the_configuration_is_the_bases_but_for_the_precision(names: dict[str, Any], tmp_path: Path) -> None:
    checkpoint = find_checkpoint(
        str(base(tmp_path / "base", config={**names, "rope_theta": 5000.0, "rope_parameters": None, "of_others": {"x": 1}}))
    )
    before = json.loads((tmp_path / "base/config.json").read_text())
    write_model(tmp_path / "out", load_model(checkpoint, "cpu", "float32"), read_base(checkpoint))
    after = json.loads((tmp_path / "out/config.json").read_text())
    assert after == {**before, **{key: "float32" for key in ("dtype", "torch_dtype") if key in before}}
    assert load_model(find_checkpoint(str(tmp_path / "out")), "cpu").config.rope_parameters["rope_theta"] == 5000.0


def test_a_configuration_that_needs_no_change_is_kept_byte_for_byte(tmp_path: Path) -> None:
    checkpoint = find_checkpoint("tiny-base")
    write_model(tmp_path / "out", load_model(checkpoint, "cpu", "float32"), read_base(checkpoint))
    assert file_digest(tmp_path / "out/config.json") == file_digest(TINY / "config.json")


def test_a_base_without_generation_config_gets_none(tmp_path: Path) -> None:
    folder = base(tmp_path / "base")
    (folder / "generation_config.json").unlink()
    checkpoint = find_checkpoint(str(folder))
    write_model(tmp_path / "out", load_model(checkpoint, "cpu", "float32"), read_base(checkpoint))
    assert not (tmp_path / "out/generation_config.json").exists()


def test_tied_weights_and_experts_are_saved_as_the_base_names_them(tmp_path: Path) -> None:
    quiet_transformers()
    sizes = {
        "vocab_size": 32,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
    }
    for number, model in enumerate(
        (LlamaForCausalLM(LlamaConfig(tie_word_embeddings=True, **sizes)), MixtralForCausalLM(MixtralConfig(num_local_experts=2, **sizes)))
    ):
        folder = tmp_path / f"base{number}"
        model.save_pretrained(folder)
        loaded = load_model(find_checkpoint(str(folder)), "cpu", "float32")
        write_model(tmp_path / f"rehearsed{number}", loaded, read_base(find_checkpoint(str(folder))), is_rehearsal=True)
        write_model(tmp_path / f"out{number}", loaded, read_base(find_checkpoint(str(folder))))
        assert file_digest(tmp_path / f"out{number}/model.safetensors") == file_digest(folder / "model.safetensors")
        assert num_weights(find_checkpoint(str(folder))) == sum(weight.numel() for weight in model.parameters())


def test_a_rehearsal_leaves_nothing_and_takes_no_space(tmp_path: Path) -> None:
    checkpoint = find_checkpoint("tiny-base")
    model, kept = load_model(checkpoint, "cpu", "float32"), read_base(checkpoint)
    write_model(tmp_path / "rehearsed", model, kept, is_rehearsal=True)
    assert (tmp_path / "rehearsed/model.safetensors").stat().st_size < 10_000
    job, _ = prepare("zero", "custom", "tiny", out=tmp_path / "out", settings=SETTINGS, device="cpu", threads=1)
    contract.rehearse(job, lambda folder: write_model(folder, model, kept, is_rehearsal=True))
    assert not list((tmp_path / "out/checkpoints").iterdir())


def test_what_cannot_be_saved_is_refused_before_the_first_step(tmp_path: Path) -> None:
    folder = base(tmp_path / "base", config={"output_attentions": True})
    with pytest.raises(CheckpointError, match=r"could not be saved: .*; nothing was trained"):
        train_on(folder, tmp_path / "out")
    assert not (tmp_path / "out/events.jsonl").exists()


def test_a_folder_that_takes_no_checkpoints_is_refused_before_the_first_step(tmp_path: Path) -> None:
    prepare("zero", "custom", "tiny", model=str(TINY), out=tmp_path / "out", settings=SETTINGS, device="cpu", threads=1)
    (tmp_path / "out/checkpoints").write_text("in the way")
    with pytest.raises(StorageError, match=r"cannot write checkpoint .*rehearsal"):
        train_on(TINY, tmp_path / "out")
    assert not (tmp_path / "out/events.jsonl").exists()


@pytest.mark.parametrize(("keep", "needed"), [(1, 2), (2, 3), (9, 4)])
def test_checkpoints_that_do_not_fit_are_refused_before_anything_is_written(
    keep: int, needed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    each = num_weights(find_checkpoint("tiny-base")) * 12
    settings = (*SETTINGS, "steps=5", f"keep={keep}")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(0, 0, needed * each - 1))  # type: ignore[attr-defined]
    with pytest.raises(StorageError, match=r"MB free, and the checkpoints of this training need .*--set keep="):
        prepare("zero", "custom", "tiny", out=tmp_path / "out", settings=settings, device="cpu", threads=1)
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(0, 0, needed * each + each))  # type: ignore[attr-defined]
    prepare("zero", "custom", "tiny", out=tmp_path / "out", settings=settings, device="cpu", threads=1)
