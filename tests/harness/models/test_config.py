"""How long a text may be, by what configurations of known models state."""

from typing import Any

import pytest
from transformers import CONFIG_MAPPING

from r1bench.harness.models.config import UNLIMITED, context_length_of

YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}
LLAMA3 = {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
LONG = {"rope_type": "longrope", "short_factor": [1.0] * 48, "long_factor": [4.0] * 48, "original_max_position_embeddings": 4096}


@pytest.mark.parametrize(
    ("kind", "stated", "rope", "length", "why"),
    [
        ("llama", 8192, None, 8192, "nothing is stretched"),
        ("qwen2", 32768, YARN, 131072, "Qwen2.5, as its page says to stretch it"),
        ("qwen3", 40960, YARN, 131072, "Qwen3: room for an answer is stated beside what it starts from"),
        ("qwen2", 32768, {"rope_type": "yarn", "factor": 4.0}, 131072, "what it starts from is left out"),
        ("deepseek_v3", 163840, {**YARN, "factor": 40, "original_max_position_embeddings": 4096}, 163840, "stated already"),
        ("gpt_oss", 131072, {**YARN, "factor": 32.0, "original_max_position_embeddings": 4096}, 131072, "stated already"),
        ("qwen2", 131072, {**YARN, "factor": 2.0}, 131072, "a smaller product does not shrink"),
        ("qwen2", 32768, {**YARN, "factor": 0.5}, 32768, "nothing is shrunk"),
        ("llama", 131072, LLAMA3, 131072, "Llama 3.2: 32 x 8192 is more than it was made for"),
        ("phi3", 131072, LONG, 131072, "Phi-3-128k"),
        ("llama", 4096, {"rope_type": "linear", "factor": 4.0}, 16384, "Vicuna-16k"),
        ("llama", 4096, {"type": "linear", "factor": 4.0}, 16384, "the older word for the kind"),
        ("llama", 4096, {"rope_type": "dynamic", "factor": 2.0}, 8192, "NTK"),
        ("mistral", 32768, None, 32768, "a sliding window of 4096 is no limit"),
    ],
)
@pytest.mark.parametrize("key", ["rope_scaling", "rope_parameters"])
def test_a_stretched_context_counts_once(kind: str, stated: int, rope: dict[str, Any] | None, length: int, why: str, key: str) -> None:
    config = CONFIG_MAPPING[kind](max_position_embeddings=stated, **({key: dict(rope)} if rope else {}))
    assert context_length_of(config) == length, why


def test_each_kind_of_layer_may_turn_positions_in_its_own_way() -> None:
    ropes = {"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6}, "sliding_attention": {"rope_type": "default"}}
    gemma = CONFIG_MAPPING["gemma3_text"](max_position_embeddings=131072, rope_parameters=ropes)
    assert context_length_of(gemma) == 131072
    ropes = {
        "full_attention": {**YARN, "original_max_position_embeddings": 8192, "factor": 8.0},
        "sliding_attention": {"rope_type": "default"},
    }
    assert context_length_of(CONFIG_MAPPING["olmo3"](max_position_embeddings=8192, rope_parameters=ropes)) == 65536


@pytest.mark.parametrize("factor", [None, "4", float("nan"), float("inf"), -2, 0])
def test_a_factor_that_is_no_stretch_is_passed_over(factor: object) -> None:
    config = CONFIG_MAPPING["qwen2"](max_position_embeddings=4096)
    config.rope_parameters = {"rope_type": "yarn", "factor": factor, "original_max_position_embeddings": 4096}
    assert context_length_of(config) == 4096


@pytest.mark.parametrize(
    ("kind", "length"), [("mamba", UNLIMITED), ("xlstm", UNLIMITED), ("mpt", 2048), ("gemma3", 131072), ("gpt2", 1024)]
)
def test_a_model_has_the_limit_that_it_states_under_any_name_or_none(kind: str, length: int) -> None:
    assert context_length_of(CONFIG_MAPPING[kind]()) == length
