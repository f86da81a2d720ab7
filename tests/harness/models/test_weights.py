"""A checkpoint's weights are all used, or the folder is refused, naming the first that is not, before anything large is built."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from r1bench.harness.checkpoints import find_checkpoint
from r1bench.harness.cli import main
from r1bench.harness.errors import CheckpointError
from r1bench.harness.models.weights import LONGEST, check_weights, is_harmless, load_model, one_line
from r1bench.harness.samplers.hf import TransformersOptions, TransformersSampler

WHOLE, FIRST, SECOND = "model.safetensors", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
INDEX = f"{WHOLE}.index.json"
ATTENTION = "model.layers.0.self_attn."
Weights = dict[str, torch.Tensor]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(find_checkpoint("tiny-base").path, tmp_path / "copied"))


def reconfigure(folder: Path, **change: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))


def rewrite(folder: Path, change: Callable[[Weights], Weights | None]) -> None:
    weights = load_file(folder / WHOLE)
    save_file(change(weights) or weights, folder / WHOLE, metadata={"format": "pt"})


def said_of(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        TransformersSampler(find_checkpoint(str(folder)), TransformersOptions(device="cpu"))
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        (f"{ATTENTION}q_proj.bias", "give the config.json that belongs to the weights"),
        (f"{ATTENTION}q_norm.weight", "give the config.json that belongs to the weights"),
        ("model.layers.4.input_layernorm.weight", "give the config.json that belongs to the weights"),
        ("vision_tower.encoder.layers.0.weight", "give the config.json that belongs to the weights"),
        (f"base_model.model.{ATTENTION}q_proj.lora_A.weight", "merge the adapter into its base"),
        (f"{ATTENTION}q_proj.weight_scale", "quantization_config"),
        (f"{ATTENTION}q_proj.weight_scale_inv", "quantization_config"),
        (f"{ATTENTION}q_proj.weight.absmax", "quantization_config"),
        (f"{ATTENTION}q_proj.qzeros", "quantization_config"),
        ("v_head.summary.weight", "without a head for rewards or classes"),
        ("score.weight", "without a head for rewards or classes"),
    ],
)
def test_a_weight_that_the_model_does_not_take_is_named_with_its_cure(copied: Path, name: str, cure: str) -> None:
    rewrite(copied, lambda weights: weights | {name: torch.ones(2, 2)})
    said = said_of(copied)
    assert f"no place for (1, first: {name})" in said
    assert cure in said
    with pytest.raises(CheckpointError, match="no place for"):  # loading by itself tells the same
        load_model(find_checkpoint(str(copied)), "cpu")


@pytest.mark.parametrize("dtype", [torch.int8, torch.int32, torch.float8_e4m3fn])
def test_packed_numbers_without_their_quantization_config_are_not_taken_for_weights(copied: Path, dtype: torch.dtype) -> None:
    name = f"{ATTENTION}q_proj.weight"
    rewrite(copied, lambda weights: weights | {name: weights[name].to(dtype)})
    assert f"holds {name} as " in said_of(copied)


@pytest.mark.parametrize("name", [f"{ATTENTION}rotary_emb.inv_freq", "mtp.layers.0.eh_proj.weight", "model.mtp_layers.0.norm.weight"])
def test_a_weight_that_moves_no_text_may_be_there(copied: Path, name: str) -> None:
    rewrite(copied, lambda weights: weights | {name: torch.ones(2)})
    check_weights(find_checkpoint(str(copied)))
    load_model(find_checkpoint(str(copied)), "cpu")


@pytest.mark.parametrize(
    "name", ["eh_proj.weight", "enorm.weight", "shared_head.head.weight", "self_attn.q_proj.weight", "mlp.up_proj.weight"]
)
def test_draft_layers_may_be_there_where_the_configuration_counts_them(copied: Path, name: str) -> None:
    rewrite(copied, lambda weights: weights | {f"model.layers.4.{name}": torch.ones(2)})
    reconfigure(copied, num_nextn_predict_layers=1)
    check_weights(find_checkpoint(str(copied)))


@pytest.mark.parametrize(
    "name",
    [
        *("base.layers.4.lora_A", "model.layers.4.lora_A", "model.layers.4.self_attn.q_proj.lora_A.weight", "layers.5.eh_proj.weight"),
        *("base.mtp.norm.weight", "mtp.layers.0.lora_B.weight", "score.layers.4.mlp.up_proj.weight", "model.layers.4.adapter.weight"),
    ],
)
def test_what_is_only_called_like_a_draft_layer_is_refused(copied: Path, name: str) -> None:
    rewrite(copied, lambda weights: weights | {name: torch.ones(2)})
    reconfigure(copied, num_nextn_predict_layers=1)
    assert f"no place for (1, first: {name})" in said_of(copied)


@pytest.mark.parametrize(
    ("kind", "shape", "may_be"),
    [
        *(("gpt2", (1, 1, 16, 16), True), ("gptj", (16, 16), True), ("gpt_neo", (), True)),
        *(("gpt2", (128,), False), ("gpt2", (4, 1, 16, 16), False), ("gpt2", (16, 8), False), ("llama", (1, 1, 16, 16), False)),
    ],
)
def test_an_attention_mask_is_known_by_the_type_of_model_and_its_shape(kind: str, shape: tuple[int, ...], may_be: bool) -> None:
    assert is_harmless("transformer.h.0.attn.bias", {"model_type": kind}, shape) is may_be


def test_a_bias_of_attention_is_not_taken_for_a_mask(copied: Path) -> None:
    rewrite(copied, lambda weights: weights | {"model.layers.0.attn.bias": torch.ones(128)})
    assert "no place for (1, first: model.layers.0.attn.bias)" in said_of(copied)


@pytest.mark.parametrize("name", ["layers.0.mlp.down_proj.weight", "model.model.layers.0.mlp.down_proj.weight", "model.lm_head.weight"])
def test_two_weights_for_one_place_are_named(copied: Path, name: str) -> None:
    whole = "lm_head.weight" if "lm_head" in name else "model.layers.0.mlp.down_proj.weight"
    rewrite(copied, lambda weights: weights | {key: torch.ones(512 if "lm_head" in name else 128, 128) for key in (whole, name)})
    said = said_of(copied)
    assert "two weights for one place in its model (1, first: " in said
    assert {whole, name} == set(said.partition("first: ")[2].partition(")")[0].split(" and "))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"num_hidden_layers": 2}, r"no place for \(18, first: model\.layers\.2\."),
        ({"num_hidden_layers": 6}, r"does not hold all weights.*first: model\.layers\.4\."),
        ({"num_hidden_layers": 10_000_000}, "states 10,000,000 layers, the weights have 4"),
        ({"num_hidden_layers": 10**30}, "layers, the weights have 4"),
        ({"num_hidden_layers": 0}, "states num_hidden_layers '0', which is not a whole number above 0"),
        ({"num_hidden_layers": "4"}, "states num_hidden_layers '4'"),
        ({"num_hidden_layers": 4.5}, "states num_hidden_layers '4.5'"),
        ({"num_hidden_layers": None}, "num_hidden_layers"),
        ({"hidden_size": -128}, "states hidden_size '-128'"),
        ({"vocab_size": 10**12}, r"embed_tokens\.weight, \[512, 128\] in the file and \[1000000000000, 128\] by config\.json"),
        ({"vocab_size": 10**18}, "cannot be loaded"),
        ({"head_dim": 10**12}, "does not hold all weights"),
        ({"intermediate_size": -1}, "negative"),
        ({"intermediate_size": "x"}, "expected int, got str"),
        ({"num_attention_heads": 0}, "cannot be used"),
        ({"num_key_value_heads": 1}, r"k_proj\.weight, \[128, 128\] in the file and \[32, 128\]"),
        ({"max_position_embeddings": 0}, "max_position_embeddings"),
        ({"tie_word_embeddings": False}, r"first: lm_head\.weight"),
        ({"model_type": "gpt2"}, "holds others instead"),
        ({"model_type": "t5"}, "is a t5 model with an encoder and a decoder"),
        ({"model_type": "qwen2_5_vl"}, "is a qwen2_5_vl model .* does not load as a causal language model"),
        ({"model_type": "nothing"}, r"of model_type 'nothing', and transformers \S+ knows no such model; correct a misspelt type, or"),
        ({"model_type": "x" * 3000}, r"^.{0,600}knows no such model"),
        *(({"model_type": value}, "knows no such model") for value in (["llama"], 5, "")),
        ({"model_type": None}, "without a model_type"),
        ({"model_type": "nothing", "auto_map": {"AutoConfig": "code.Config"}}, "code of the folder's own"),
        ({"architectures": ["LlamaForSequenceClassification"]}, "another head than a language model's"),
        ({"architectures": ["Qwen2ForRewardModel"]}, "another head than a language model's"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "cannot be loaded"),
    ],
)
def test_a_configuration_that_does_not_fit_the_weights_is_refused(copied: Path, change: dict[str, Any], said: str) -> None:
    reconfigure(copied, **change)
    with pytest.raises(CheckpointError, match=said):
        TransformersSampler(find_checkpoint(str(copied)), TransformersOptions(device="cpu"))


def test_nothing_is_built_before_ten_million_layers_are_refused(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers

    def build(*args: object, **kwargs: object) -> None:
        raise AssertionError("a configuration was made of it")

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", build)
    reconfigure(copied, num_hidden_layers=10_000_000)
    assert "states 10,000,000 layers" in said_of(copied)


def test_a_name_in_the_weights_cannot_steer_a_terminal(copied: Path, tmp_path: Path) -> None:
    rewrite(copied, lambda weights: weights | {"a\x1b[2J\nb": torch.ones(2)})
    result = CliRunner().invoke(main, ["eval", str(copied), "--tasks", "arithmetic", "--runs", str(tmp_path / "runs")])
    assert (result.exit_code, len(result.stderr.splitlines()), (tmp_path / "runs").exists()) == (2, 1, False)
    assert "a\\x1b[2J b" in result.stderr


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "language_model."])
def test_weights_with_a_prefix_too_many_are_shown_with_it(copied: Path, prefix: str) -> None:
    rewrite(copied, lambda weights: {prefix + name: weight for name, weight in weights.items()})
    assert f"holds others instead (38, first: {prefix}model.embed_tokens.weight)" in said_of(copied)


def test_an_output_that_stands_in_the_file_beside_a_tied_embedding_is_used(copied: Path) -> None:
    other = torch.randn(512, 128)
    rewrite(copied, lambda weights: weights | {"lm_head.weight": other})
    reconfigure(copied, tie_word_embeddings=True)
    assert torch.equal(load_model(find_checkpoint(str(copied)), "cpu").lm_head.weight, other)


@pytest.mark.parametrize("is_alone", [True, False])
@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_model.bin"])
def test_an_adapter_is_named_with_its_base_and_the_cure(copied: Path, name: str, is_alone: bool) -> None:
    (copied / "adapter_config.json").write_text('{"base_model_name_or_path": "org/base"}')
    (copied / WHOLE).rename(copied / name) if is_alone else shutil.copy(copied / WHOLE, copied / name)
    if is_alone:
        (copied / "config.json").unlink()
    with pytest.raises(CheckpointError, match="is an adapter and no model" if is_alone else "holds beside its model an adapter") as caught:
        find_checkpoint(str(copied))
    assert "merge it into its base org/base" in str(caught.value)


def shard(folder: Path, **more: str) -> None:
    """The weights in two files, and an index that names `more` as well."""
    weights = load_file(folder / WHOLE)
    names = sorted(weights)
    parts = {FIRST: names[:19], SECOND: names[19:]}
    for file, held in parts.items():
        save_file({name: weights[name] for name in held}, folder / file, metadata={"format": "pt"})
    places = {name: file for file, held in parts.items() for name in held}
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": places | more}))
    (folder / WHOLE).unlink()


def test_weights_in_parts_are_read_whole(copied: Path) -> None:
    before = load_model(find_checkpoint("tiny-base"), "cpu").state_dict()
    shard(copied)
    after = TransformersSampler(find_checkpoint(str(copied)), TransformersOptions(device="cpu")).model.state_dict()
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())


@pytest.mark.parametrize(
    ("more", "change", "said"),
    [
        ({"x.weight": FIRST}, lambda folder: None, "lacks weights that its model.safetensors.index.json names (1, first: x.weight)"),
        ({"x.weight": "../../x.safetensors"}, lambda folder: None, "names a file outside of its folder"),
        ({}, lambda folder: (folder / SECOND).unlink(), f"lacks {SECOND}, which its {INDEX} names"),
        ({}, lambda folder: shutil.copy(folder / FIRST, folder / SECOND), "in two of its files"),
        ({}, lambda folder: shutil.copy(folder / FIRST, folder / WHOLE), f"holds {FIRST} beside {WHOLE}, and only {WHOLE} is read"),
        ({}, lambda folder: shutil.copy(folder / FIRST, folder / "model-00003-of-00003.safetensors"), "holds model-00003-of-00003"),
        ({}, lambda folder: (folder / INDEX).write_text("{"), "is no JSON object"),
        ({}, lambda folder: (folder / INDEX).write_text('{"weight_map": {"x": 1}}'), "has no weight_map"),
    ],
)
def test_parts_that_do_not_agree_are_refused(copied: Path, more: dict[str, str], change: Callable[[Path], Any], said: str) -> None:
    shard(copied, **more)
    change(copied)
    assert said in said_of(copied)


@pytest.mark.parametrize(("name", "is_refused"), [("lora.safetensors", True), (FIRST, True), ("consolidated.safetensors", False)])
def test_weights_beside_those_that_are_read_are_refused_but_for_known_copies(copied: Path, name: str, is_refused: bool) -> None:
    shutil.copy(copied / WHOLE, copied / name)
    if is_refused:
        assert f"holds {name} beside {WHOLE}, and only {WHOLE} is read" in said_of(copied)
    else:
        check_weights(find_checkpoint(str(copied)))


def test_a_lone_file_that_transformers_would_not_look_for_is_named(copied: Path) -> None:
    (copied / WHOLE).rename(copied / "model.fp16.safetensors")
    assert f"has neither {WHOLE} nor {INDEX}, only model.fp16.safetensors" in said_of(copied)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda whole: whole[:-100], "bytes where its header tells of"),
        (lambda whole: whole + b"xx", "bytes where its header tells of"),
        (lambda whole: b"", "not a safetensors file"),
        (lambda whole: b"version https://git-lfs.github.com/spec/v1", "not a safetensors file"),
        (lambda whole: (10**12).to_bytes(8, "little") + b"{}", "not a safetensors file"),
        (lambda whole: (2).to_bytes(8, "little") + b"[]", "not a safetensors file"),
        (lambda whole: (60_000).to_bytes(8, "little") + b'{"a":' * 12_000, "not a safetensors file"),
    ],
)
def test_a_damaged_file_of_weights_is_named(copied: Path, content: Callable[[bytes], bytes], said: str) -> None:
    (copied / WHOLE).write_bytes(content((copied / WHOLE).read_bytes()))
    assert said in said_of(copied)


def test_a_training_is_not_prepared_from_weights_that_do_not_fit(copied: Path, tmp_path: Path) -> None:
    rewrite(copied, lambda weights: weights | {"score.weight": torch.ones(1, 128)})
    result = CliRunner().invoke(main, ["train", "--model", str(copied), "--out", str(tmp_path / "out"), "--device", "cpu"])
    assert (result.exit_code, "first: score.weight" in result.stderr, (tmp_path / "out").exists()) == (2, True, False), result.output


SAID = [
    ("Wrong kind. It must be a number.", "Wrong kind. It must be a number."),
    (
        "Made of one of: \n(1) a file, \n(2) another or \n(3) nothing.\nTry again.",
        "Made of one of: (1) a file, (2) another or (3) nothing.",
    ),
    ("It is wrong.\n\nTraceback: much more", "It is wrong."),
    ("Not known:\n\n  the key", "Not known: the key"),
    (f"It is wrong. {'And more ' * 60}", "It is wrong."),
    ("", "ValueError"),
]


@pytest.mark.parametrize(("text", "line"), SAID)
def test_what_a_library_says_is_told_in_whole_sentences(text: str, line: str) -> None:
    assert one_line(ValueError(text)) == line


@pytest.mark.parametrize("text", ["word " * 1000, "x" * 10_000, "\n".join(["size mismatch for a.weight,"] * 100)])
def test_a_sentence_that_is_too_long_shows_that_it_is_cut(text: str) -> None:
    assert len(one_line(ValueError(text))) <= LONGEST
    assert one_line(ValueError(text)).endswith(" ...")
