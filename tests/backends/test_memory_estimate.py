"""The estimate of memory beside what real tensors take."""

from typing import Any

import pytest

from r1bench.backends.job import Lora, TrainJob, make_job
from r1bench.backends.memory import Sizes, estimate, sizes_of
from r1bench.harness.checkpoints import find_checkpoint

GRPO: dict[str, Any] = {"kind": "grpo", "samples": 4, "rollout": {"max_tokens": 32}, "loss": {}, "rewards": [{"name": "accuracy"}]}
SMALL = Sizes(weights=1000, vocabulary=100, hidden=8, inner=16, keys=4, layers=2, adapted=60)


def job(algorithm: dict[str, Any] | None = None, **values: Any) -> TrainJob:
    named = dict.fromkeys(("name", "stage", "backend", "recipe", "model", "model_digest", "out"), "")
    more = {"steps": 1, "batch_size": 2, "data": {}, "optimizer": {}, **values}
    return make_job({**named, **more, "algorithm": {**GRPO, **(algorithm or {})}})


def parts(**values: Any) -> dict[str, int]:
    return estimate(job(**values), SMALL).parts


def bytes_of(tensors: Any) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def test_what_stays_is_what_a_real_model_and_its_optimiser_take() -> None:
    import torch

    from r1bench.harness.models.weights import load_model

    base = find_checkpoint("tiny-base")
    model = load_model(base, "cpu", "float32")
    optimizer = torch.optim.AdamW(model.parameters())
    model(input_ids=torch.tensor([[1, 2, 3]])).logits.sum().backward()
    optimizer.step()
    found = estimate(job(), sizes_of(base)).parts
    moments = (state[key] for state in optimizer.state.values() for key in ("exp_avg", "exp_avg_sq"))
    assert found["weights"] == bytes_of(model.parameters()) == found["reference"]
    assert found["gradients"] == bytes_of(weight.grad for weight in model.parameters())
    assert found["optimiser"] == bytes_of(moments)


def test_the_cache_is_what_a_real_cache_takes() -> None:
    import torch

    from r1bench.harness.models.weights import load_model

    base = find_checkpoint("tiny-base")
    cache = load_model(base, "cpu", "float32")(input_ids=torch.ones((8, 32 + 5), dtype=torch.long), use_cache=True).past_key_values
    real = sum(bytes_of((layer.keys, layer.values)) for layer in cache.layers)
    assert estimate(job(), sizes_of(base), prompt_tokens=5).parts["cache"] == real


def test_adapters_stand_beside_every_linear_layer_but_the_output() -> None:
    import torch

    from r1bench.harness.models.weights import load_model

    base = find_checkpoint("tiny-base")
    layers = dict(load_model(base, "cpu", "float32").named_modules()).items()
    linear = {name: sum(layer.weight.shape) for name, layer in layers if isinstance(layer, torch.nn.Linear) and name != "lm_head"}
    assert sizes_of(base, Lora()).adapted == sum(linear.values())
    chosen = sum(size for name, size in linear.items() if name.endswith("q_proj"))
    assert sizes_of(base, Lora(targets=("q_proj",))).adapted == chosen > 0


def test_adapters_make_all_but_the_weights_small() -> None:
    whole, small = parts(), parts(lora={"rank": 2})
    assert small["weights"] == whole["weights"]
    assert small["gradients"] == 2 * 60 * 4
    assert small["optimiser"] == 2 * 60 * 8
    assert small["reference"] == whole["reference"] == 4000


def test_bfloat16_weights_have_float32_copies_in_the_optimiser() -> None:
    found = parts(dtype="bfloat16")
    assert (found["weights"], found["gradients"], found["optimiser"], found["reference"]) == (2000, 2000, 12_000, 2000)


def test_a_loss_without_a_divergence_has_no_reference() -> None:
    assert parts(algorithm={"loss": {"preset": "dapo"}})["reference"] == 0


def test_a_pass_holds_no_more_than_a_step_and_no_less_than_a_sequence() -> None:
    everything = estimate(job(), SMALL, prompt_tokens=8).parts["activations"]
    assert everything == 2 * 4 * (32 + 8) * 2 * (10 * 8 + 4 * 4 + 5 * 16) * 4
    assert estimate(job(engine={"micro_tokens": 1}), SMALL, prompt_tokens=8).parts["activations"] == everything / 8
    assert estimate(job(engine={"micro_batch": 2}), SMALL, prompt_tokens=8).parts["activations"] == everything / 4


def test_checkpointed_activations_are_fewer() -> None:
    assert parts(engine={"gradient_checkpointing": True})["activations"] < parts()["activations"]


@pytest.mark.parametrize(("kind", "texts"), [("pairwise", 2), ("pointwise", 1)])
def test_a_reward_model_reads_both_texts_of_a_pair_and_computes_no_words(kind: str, texts: int) -> None:
    values = {"algorithm": {"kind": "reward_model", "loss": kind, "max_length": 10}}
    named = dict.fromkeys(("name", "stage", "backend", "recipe", "model", "model_digest", "out"), "")
    made = make_job({**named, "steps": 1, "batch_size": 3, "data": {}, "optimizer": {}, **values})
    found = estimate(made, SMALL).parts
    assert found["activations"] == 3 * texts * 10 * 2 * (10 * 8 + 4 * 4 + 5 * 16) * 4
    assert found["logits"] == found["cache"] == found["reference"] == 0


def test_the_peak_is_what_stays_and_the_larger_of_drawing_and_updating() -> None:
    found = estimate(job(), SMALL)
    stays = sum(found.parts[name] for name in ("weights", "gradients", "optimiser", "reference"))
    assert found.peak == stays + max(found.parts["cache"], found.parts["logits"] + found.parts["activations"])
