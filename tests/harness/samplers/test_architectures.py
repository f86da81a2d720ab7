"""Every kind of model is sampled as transformers' own `generate()` would have it, each prompt by itself; the table of docs/checkpoints.md.

The models are tiny and random, and made here. Prompts are of 5 and of 23 tokens, windows and chunks of 8, so that padding, sliding and
reading in batches all happen. Left out: speed, and whether transformers itself is right.
"""

import dataclasses
import inspect
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

from r1bench.harness.checkpoints import find_checkpoint
from r1bench.harness.cli import main
from r1bench.harness.errors import CheckpointError
from r1bench.harness.models.weights import check_weights, load_model, quiet_transformers
from r1bench.harness.records import Checkpoint, Sampling
from r1bench.harness.samplers.decoding import can_share_prompts, decode, uniforms_for
from r1bench.harness.store.listed import run_folders
from r1bench.harness.store.runs import read_run

PAGE = (Path(__file__).parents[3] / "docs/checkpoints.md").read_text(encoding="utf-8")
TOGETHER, ALONE, REFUSED = (
    re.findall(r"`(\w[\w.-]*)`", re.search(rf"\| {kind}[^|]*\|([^|]*)\|", PAGE)[1])  # type: ignore[index]
    for kind in ("in batches", "by the plain path", "refused")
)

QUICK = {
    *ALONE,
    *("llama", "qwen2", "qwen3", "gemma2", "gemma3_text", "mistral", "gpt_oss", "phi3", "cohere2", "llama4_text", "mixtral", "qwen3_moe"),
    *("deepseek_v3", "olmo3", "gpt2", "gpt_neox", "falcon", "smollm3"),
}
"""What `make test` tries; `make slow` tries all."""

SMALL: dict[str, Any] = {
    **{"vocab_size": 64, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "max_position_embeddings": 128, "is_decoder": True},
    **{
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
    },
    **{"n_embd": 32, "n_layer": 4, "n_head": 4, "n_positions": 128, "n_inner": 48, "d_model": 32, "n_heads": 4, "n_layers": 4},
    **{"ffn_dim": 48, "word_embed_proj_dim": 32, "decoder_layers": 2, "decoder_attention_heads": 4, "decoder_ffn_dim": 48},
    **{"sliding_window": 8, "attention_chunk_size": 8, "state_size": 8, "axial_pos_embds": False},
    **{"num_local_experts": 4, "num_experts": 4, "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16},
    **{"n_group": 1, "topk_group": 1, "first_k_dense_replace": 1},
    **{"mamba_n_heads": 4, "mamba_d_head": 16, "mamba_d_state": 8, "mamba_expand": 2, "mamba_d_ssm": 64, "mamba_chunk_size": 8},
    **{"linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 8},
}
LATENT = {"q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8, "num_key_value_heads": 4}
"""Of attention that is kept compressed: its heads are not in groups."""
PARTICULAR: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("deepseek_v2", "deepseek_v3", "minicpm3"), LATENT),
    **{kind: {"rotary_dim": 8} for kind in ("codegen", "gptj")},
    "gpt_neo": {"num_layers": 2, "attention_types": [[["global", "local"], 1]], "window_size": 8},
    "bamba": {"attn_layer_indices": [1, 3]},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"] * 2, "mamba_n_groups": 1},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2, "use_mamba_kernels": False},
    "lfm2": {"layer_types": ["conv", "full_attention"] * 2},
    "mamba2": {"num_heads": 8, "n_groups": 1, "chunk_size": 8, "expand": 2},
    "nemotron_h": {"layers_block_type": ["mamba", "attention", "moe", "mamba"], "mamba_num_heads": 4, "mamba_head_dim": 16, "n_groups": 1},
    "zamba2": {
        "layers_block_type": ["mamba", "hybrid"] * 2,
        "hybrid_layer_ids": [1, 3],
        "num_key_value_heads": 4,
        "mamba_headdim": 16,
        "n_mamba_heads": 4,
    },
    "xlstm": {"hidden_size": 128, "num_heads": 2, "num_blocks": 2, "chunk_size": 8},
    "dots1": {"n_shared_experts": 1},
}


def make(kind: str, **change: Any) -> Any:
    """A random model of that type; its weights are large, so that no two tokens are nearly as likely."""
    maker = CONFIG_MAPPING[kind]
    named = set(inspect.signature(maker.__init__).parameters)
    named |= {field.name for field in dataclasses.fields(maker)} if dataclasses.is_dataclass(maker) else set()
    aliases = getattr(maker, "attribute_map", {})
    known = {key: value for key, value in SMALL.items() if key in named or key in aliases} | PARTICULAR.get(kind, {})
    known = {key: value for key, value in known.items() if aliases.get(key) not in known} | change
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(maker(**known), dtype=torch.float32).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.mul_(4)
    return model


def prompts_of(*lengths: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(3, 60, (length,), generator=generator).tolist() for length in lengths]


def generated(model: Any, prompt: list[int], count: int) -> list[int]:
    ids = torch.tensor([prompt])
    out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=count, eos_token_id=None, pad_token_id=0)
    return out[0, len(prompt) :].tolist()


def drawn(model: Any, prompts: list[list[int]], rows: list[int], is_stop: Any = None, **how: Any) -> list[list[int]]:
    sampling = Sampling(**{"max_tokens": 4, **how})
    draws = [uniforms_for(0, f"{row}", place, 4) for place, row in enumerate(rows)]
    found = sorted(decode(model, prompts, rows, draws, sampling, end_tokens=frozenset(), is_stop=is_stop))
    return [each.tokens for each in found]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    quiet_transformers()
    torch.set_num_threads(1)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # gpt_bigcode
@pytest.mark.parametrize("kind", [pytest.param(kind, marks=() if kind in QUICK else pytest.mark.slow) for kind in [*TOGETHER, *ALONE]])
def test_greedy_completions_are_those_of_generate_and_all_weights_are_used_again(kind: str, tmp_path: Path) -> None:
    model, prompts = make(kind), prompts_of(5, 23)
    assert can_share_prompts(model) is (kind in TOGETHER)
    wanted = [generated(model, prompt, 4) for prompt in prompts]
    assert drawn(model, prompts, [0, 1, 0, 1], temperature=0) == [*wanted, *wanted]
    model.save_pretrained(tmp_path)
    checkpoint = Checkpoint(kind, str(tmp_path), "")
    check_weights(checkpoint)
    assert generated(load_model(checkpoint, "cpu", "float32"), prompts[0], 4) == wanted[0]


@pytest.mark.parametrize("kind", ["llama", "mamba", "rwkv"])
def test_a_sample_depends_on_its_own_draws_alone(kind: str) -> None:
    model, prompts = make(kind), prompts_of(5, 23)
    together = drawn(model, prompts, [0, 1, 0, 1])
    draws = [uniforms_for(0, f"{row}", place, 4) for place, row in enumerate([0, 1, 0, 1])]
    alone = [
        next(decode(model, [prompts[place % 2]], [0], [draws[place]], Sampling(max_tokens=4), end_tokens=frozenset())) for place in range(4)
    ]
    assert [each.tokens for each in alone] == together
    assert together[0] != together[2]


def test_the_plain_path_ends_where_the_batch_would_and_takes_no_setting_of_the_checkpoint() -> None:
    model, prompts = make("mamba"), prompts_of(5, 23)
    wanted = [generated(model, prompt, 4) for prompt in prompts]
    model.generation_config.update(repetition_penalty=5.0, min_new_tokens=4, do_sample=True, temperature=2.0)
    settings, ends = model.generation_config, frozenset({wanted[0][1]})
    draws = [uniforms_for(0, "x", place, 4) for place in range(3)]
    found = sorted(decode(model, prompts, [1, 0, 0], draws, Sampling(temperature=0, max_tokens=4), end_tokens=ends))
    assert [each.tokens for each in found[1:]] == [wanted[0][: wanted[0].index(wanted[0][1]) + 1]] * 2
    assert [each.is_stopped for each in found[1:]] == [True, True]
    assert found[0].tokens == wanted[1]
    assert model.generation_config is settings


@pytest.mark.parametrize("kind", REFUSED)
def test_what_does_not_continue_text_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    CONFIG_MAPPING[kind]().save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=f"is a {kind} model"):
        check_weights(Checkpoint(kind, str(tmp_path), ""))


def test_the_table_names_enough_kinds_and_none_twice() -> None:
    kinds = [*TOGETHER, *ALONE, *REFUSED]
    assert len(set(kinds)) == len(kinds) >= 36


def evaluated(model: Any, folder: Path) -> Any:
    """What `eval` says of a model with the tokenizer of tiny-base."""
    model.save_pretrained(folder / "model")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(Path(find_checkpoint("tiny-base").path) / name, folder / "model")
    words = ["eval", folder / "model", "--tasks", "arithmetic", "--limit", 2, "--samples", 2, "--max-tokens", 5, "--runs", folder / "runs"]
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.mark.parametrize("kind", ["mamba", "falcon_mamba", "qwen3_next", "granitemoehybrid"])
def test_a_recurrent_model_is_evaluated(kind: str, tmp_path: Path) -> None:
    result = evaluated(make(kind, vocab_size=512), tmp_path)
    assert result.exit_code == 0, result.output
    assert [sample.completion.num_tokens for sample in read_run(run_folders(tmp_path / "runs")[0]).samples] == [5] * 4


def test_a_model_whose_own_code_fails_is_named_in_one_line(tmp_path: Path) -> None:
    result = evaluated(make("xlstm", vocab_size=512, hidden_size=32, num_heads=4), tmp_path)
    said = f"{tmp_path / 'model'}, of type xlstm, cannot be sampled: its code in transformers fails with RuntimeError: The expanded size"
    assert (result.exit_code, said in result.stderr, "Traceback" in result.stderr) == (2, True, False), result.stderr


@pytest.mark.parametrize("kind", ["mamba", "llama"])
def test_a_fault_of_ours_is_not_blamed_on_the_model(kind: str) -> None:
    def fail(tokens: list[int]) -> bool:
        raise ValueError("ours")

    with pytest.raises(ValueError, match=r"^ours$"):
        drawn(make(kind), prompts_of(5), [0], is_stop=fail)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("layers.1.block_sparse_moe.experts.3.w1.weight", (16, 32)), ("model.layers.1.mlp.experts.gate_up_proj", (4, 32, 32))],
    ids=["part", "whole"],
)
def test_experts_that_are_merged_are_refused_with_a_part_or_the_whole_beside_them(
    name: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    make("mixtral").save_pretrained(tmp_path)
    weights, checkpoint = load_file(tmp_path / "model.safetensors"), Checkpoint("mixtral", str(tmp_path), "")
    assert "model.layers.1.block_sparse_moe.experts.3.w1.weight" in weights
    check_weights(checkpoint)
    save_file(weights | {name: torch.ones(shape)}, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="two weights for one place"):
        check_weights(checkpoint)
