"""Every field of a reinforcement job in TRL's words: translated, or named as a deviation, or refused. Needs no TRL."""

from typing import Any

import pytest

from r1bench.backends.job import Grpo, RolloutSpec, TrainJob, make_job
from r1bench.backends.losses import PRESETS, LossSpec
from r1bench.backends.trl_backend import Engine, loss
from r1bench.backends.trl_backend.arguments import common

ON_POLICY = {"algorithm.minibatches": 1}


def job(changes: dict[str, Any] | None = None, **loss_fields: Any) -> TrainJob:
    """A small job with some fields changed, by their dotted names; `loss_fields` are of its loss."""
    values: dict[str, Any] = {
        **{"name": "x", "stage": "zero", "backend": "trl", "recipe": "tiny", "model": "m", "model_digest": "", "out": "o"},
        **{"steps": 4, "batch_size": 8, "data": {"task": "arithmetic"}, "optimizer": {}, "engine": {}},
    }
    rewards = [{"name": "accuracy"}]
    values["algorithm"] = {"samples": 4, "minibatches": 2, "reference_every": 0, "rollout": {}, "loss": loss_fields, "rewards": rewards}
    values["algorithm"]["kind"] = "grpo"
    for name, value in (changes or {}).items():
        *path, last = name.split(".")
        home = values
        for each in path:
            home = home[each]
        home[last] = value
    return make_job(values)


def test_every_field_of_the_job_has_a_reader() -> None:
    for kind, readers in loss.READERS.items():
        assert set(readers) == set(kind.model_fields), kind.__name__


OTHER: dict[type, dict[str, Any]] = {
    LossSpec: {
        **{"centre": "leave_one_out", "scale": "batch_std", "whiten": True, "ddof": 0, "eps": 1e-6, "surrogate": "cispo"},
        **{"ratio": "sequence", "clip_low": 0.1, "clip_high": 0.3, "dual_clip": 3.0, "aggregation": "token_mean", "kl": "k2"},
        **{"kl_place": "reward", "kl_coefficient": 0.1, "kl_weighted": True, "truncated": "mask", "mismatch": "token_mask"},
        **{"mismatch_max": 2.0},
    },
    Grpo: {"samples": 8, "minibatches": 4, "dynamic_sampling": 5, "reference_every": 3},
    RolloutSpec: {"temperature": 0.7, "top_p": 0.9, "max_tokens": 64},
}
HOMES = {LossSpec: "algorithm.loss.", Grpo: "algorithm.", RolloutSpec: "algorithm.rollout."}
SAYS_NOTHING = {"preset", "kind", "rollout", "loss", "rewards"}
"""Fields that are names, hold other fields, or are no part of TRL's arithmetic: it sees one number a completion."""


@pytest.mark.parametrize("kind", OTHER, ids=lambda kind: kind.__name__)
def test_another_value_of_any_field_changes_what_trl_is_told_or_what_is_said_of_it(kind: type) -> None:
    assert set(OTHER[kind]) | SAYS_NOTHING >= set(kind.model_fields)  # type: ignore[attr-defined]
    plain = job()
    for field, value in OTHER[kind].items():
        changed = job({HOMES[kind] + field: value})
        told = [(common(each, Engine()), loss.settings(each, Engine()), loss.support(each)) for each in (plain, changed)]
        assert told[0] != told[1], f"{field} is not heard"


TRANSLATED = {
    "grpo": {"loss_type": "grpo", "beta": 0.001, "use_bias_correction_kl": False, "scale_rewards": "group", "epsilon": 0.2, "delta": None},
    "dapo": {"loss_type": "dapo", "beta": 0.0, "epsilon": 0.2, "epsilon_high": 0.28},
    "dr_grpo": {"loss_type": "dr_grpo", "scale_rewards": "none", "beta": 0.0, "max_completion_length": 128},
    "gspo": {"loss_type": "grpo", "importance_sampling_level": "sequence", "epsilon": 3e-4, "epsilon_high": 4e-4},
    "cispo": {"loss_type": "cispo", "epsilon_high": 5.0},
    "rloo": {"beta": 0.05, "normalize_advantages": False, "reward_clip_range": None},
}


@pytest.mark.parametrize("preset", TRANSLATED)
def test_a_published_loss_is_told_to_trl_in_full_and_is_exact_on_policy(preset: str) -> None:
    asked = job(ON_POLICY, preset=preset)
    assert loss.settings(asked, Engine()).items() >= TRANSLATED[preset].items()
    assert loss.support(asked).kind == "exact"
    assert loss.trainer_of(asked) == ("rloo" if preset == "rloo" else "grpo")


def test_every_preset_is_translated_or_refused() -> None:
    refused = {name for name in PRESETS if loss.support(job(ON_POLICY, preset=name)).kind == "refused"}
    assert refused == {"reinforce_plus_plus_baseline"} == set(PRESETS) - set(TRANSLATED)


APPROXIMATE: list[tuple[dict[str, Any], str]] = [
    ({"algorithm.dynamic_sampling": 10}, "groups without a signal stay"),
    ({"algorithm.rollout.top_p": 0.9}, "before the top-p cut"),
    ({"algorithm.loss.ddof": 0}, "n - 1"),
    ({"algorithm.loss.eps": 1e-6}, "not 1e-06"),
    ({"algorithm.loss.aggregation": "token_mean"}, "mean number of tokens"),
    ({"algorithm.loss.truncated": "mask"}, "losses of 0"),
    ({"algorithm.loss.mismatch": "token_mask"}, "no weights for the mismatch"),
    ({"algorithm.loss": {"preset": "cispo", "clip_low": 0.5}}, "not clipped from below"),
    ({"algorithm.reference_every": 2, "lora": {}}, "cannot move it beside an adapter"),
    ({"engine.generation": "vllm-colocate"}, "by a seed of its own"),
]


@pytest.mark.parametrize(("changes", "words"), APPROXIMATE, ids=[words for _, words in APPROXIMATE])
def test_what_trl_does_otherwise_is_named(changes: dict[str, Any], words: str) -> None:
    support = loss.support(job(changes))
    assert support.kind == "approximate"
    assert any(words in deviation for deviation in support.deviations), support.deviations


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"algorithm.loss.kl": "k1"}, "loss.kl=k1"),
    ({"algorithm.loss.kl": "k2"}, "loss.kl=k2"),
    ({"algorithm.loss.kl_place": "reward"}, "loss.kl_place=reward"),
    ({"algorithm.loss.whiten": True}, "loss.whiten"),
    ({"algorithm.loss.centre": "leave_one_out"}, "RLOOTrainer alone"),
    ({"algorithm.loss": {"preset": "rloo"}}, "algorithm.minibatches=1"),
    ({"algorithm.loss.surrogate": "reinforce"}, "algorithm.minibatches=1"),
    ({"algorithm.loss.surrogate": "cispo"}, "loss.aggregation=token_mean"),
    ({"algorithm.loss.dual_clip": 1.1}, "at least 1 + loss.clip_high"),
    ({"algorithm.loss": {"preset": "cispo", "dual_clip": 9.0}}, "no loss.dual_clip"),
    ({"engine.generation": "vllm-server"}, "NCCL"),
    (
        {**ON_POLICY, "algorithm.loss": {"preset": "rloo", "mismatch": "token_mask"}, "engine.generation": "vllm-colocate"},
        "RLOOTrainer does not",
    ),
]


@pytest.mark.parametrize(("changes", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_what_trl_cannot_do_is_refused_with_the_reason(changes: dict[str, Any], words: str) -> None:
    support = loss.support(job(changes))
    assert support.kind == "refused"
    assert words in support.reason


def test_a_field_that_says_nothing_there_is_no_deviation() -> None:
    assert loss.support(job({"algorithm.loss": {"scale": "none", "ddof": 0, "eps": 0.5}})).kind == "exact"
    assert loss.support(job({"algorithm.loss": {"kl": "k2", "kl_coefficient": 0.0}})).kind == "exact"
    assert loss.support(job(ON_POLICY, aggregation="token_mean")).kind == "exact"


def test_optimiser_steps_of_a_rollout_become_passes_of_a_generation() -> None:
    asked = job({"engine.micro_batch": 4, "algorithm.reference_every": 3})
    given = loss.settings(asked, Engine(micro_batch=4))
    assert given["steps_per_generation"] == 2 * (8 * 4 // 2 // 4)
    assert (given["sync_ref_model"], given["ref_model_mixup_alpha"], given["ref_model_sync_steps"]) == (True, 1.0, 3 * 2)


def test_vllm_gets_the_weights_of_the_mismatch_and_transformers_generation_none() -> None:
    changes = {"engine.generation": "vllm-colocate", "algorithm.loss": {"mismatch": "sequence_mask", "mismatch_max": 2.5}}
    with_vllm = loss.settings(job(changes), Engine(generation="vllm-colocate"))
    assert with_vllm["vllm_importance_sampling_correction"]
    assert (with_vllm["vllm_importance_sampling_mode"], with_vllm["vllm_importance_sampling_clip_max"]) == ("sequence_mask", 2.5)
    assert not loss.settings(job(changes), Engine())["vllm_importance_sampling_correction"]
