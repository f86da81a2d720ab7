"""Fine-tuning of the custom backend: the loss over a step's trained tokens, however the step is cut into rows and micro-batches."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from trainings import sums, train, training
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, MistralConfig, Qwen2Config

from r1bench.backends.custom.sft import check_packing, compute_gradient, pack
from r1bench.backends.examples import Example
from r1bench.backends.job import Sft
from r1bench.backends.journal import FIGURES, read_steps
from r1bench.harness.errors import BackendError

SIZES: dict[str, Any] = {
    "vocab_size": 512,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 64,
}


def model_of(config: Any, attention: str | None = None) -> Any:
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config, attn_implementation=attention).eval()


def gradient_of(model: Any, examples: list[Example], spec: Sft, micro_tokens: int = 8192) -> tuple[float, torch.Tensor]:
    model.zero_grad()
    found, num_tokens = compute_gradient(model, examples, spec, micro_tokens)
    return found.loss / num_tokens, torch.cat([weight.grad.flatten() for weight in model.parameters()])


def test_fine_tuning_lowers_the_loss_and_says_what_every_step_was(tmp_path: Path) -> None:
    train(training(tmp_path / "out"))
    figures = read_steps(tmp_path / "out").figures
    assert figures[6]["loss"] < figures[1]["loss"] / 2
    assert figures[6]["accuracy"] > figures[1]["accuracy"]
    assert set(figures[1]) <= set(FIGURES)
    assert {"tokens", "length", "grad_norm", "learning_rate", "update_seconds", "tokens_per_second"} <= set(figures[1])


@pytest.mark.parametrize("loss_on", ["completion", "all"])
def test_the_loss_is_the_mean_over_the_trained_tokens_of_the_step(loss_on: str) -> None:
    model, examples = model_of(LlamaConfig(**SIZES)), sums(4)
    expected = []
    for example in examples:
        logits = model(input_ids=torch.tensor([example.tokens])).logits[0].log_softmax(dim=-1).detach()
        first = example.num_prompt if loss_on == "completion" else 1
        expected += [-float(logits[place - 1, example.tokens[place]]) for place in range(first, len(example.tokens))]
    loss, _ = gradient_of(model, examples, Sft(loss_on=loss_on))  # type: ignore[arg-type]
    assert loss == pytest.approx(sum(expected) / len(expected), rel=1e-5)


@pytest.mark.parametrize("packing", [False, True])
def test_cutting_a_step_into_micro_batches_changes_no_gradient(packing: bool) -> None:
    model, spec = model_of(LlamaConfig(**SIZES)), Sft(packing=packing, max_length=64)
    whole, *others = [gradient_of(model, sums(8), spec, micro_tokens)[1] for micro_tokens in (8192, 100, 1)]
    assert all(torch.allclose(whole, other, atol=1e-6) for other in others)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("config", [LlamaConfig, Qwen2Config])
@pytest.mark.parametrize("loss_on", ["completion", "all"])
def test_packed_examples_have_the_loss_and_the_gradient_that_they_have_alone(config: Any, attention: str, loss_on: Any) -> None:
    model, examples = model_of(config(**SIZES), attention), sums(8)
    loss, gradient = gradient_of(model, examples, Sft(loss_on=loss_on))
    packed_loss, packed_gradient = gradient_of(model, examples, Sft(loss_on=loss_on, packing=True, max_length=70))
    assert packed_loss == pytest.approx(loss, rel=1e-5)
    assert torch.allclose(gradient, packed_gradient, atol=1e-6)


def test_packing_keeps_examples_whole_and_fills_rows() -> None:
    examples = [Example(str(length), [7] * length) for length in (5, 3, 9, 2, 6, 5)]
    rows = pack(examples, max_length=10)
    assert sorted(len(example.tokens) for row in rows for example in row) == [2, 3, 5, 5, 6, 9]
    assert [sum(len(example.tokens) for example in row) for row in rows] == [9, 9, 10, 2]


def test_a_model_that_keeps_examples_apart_may_be_packed() -> None:
    check_packing(model_of(GPT2Config(vocab_size=512, n_embd=32, n_layer=2, n_head=4)), 64)
    check_packing(model_of(MistralConfig(**SIZES, sliding_window=64)), 64)


@pytest.mark.parametrize(
    ("kind", "reason"), [("mistral", "s attention ends after 16 tokens"), ("bloom", "does not keep"), ("mamba", "does not keep")]
)
def test_a_model_that_cannot_be_packed_is_refused_by_name(kind: str, reason: str) -> None:
    from transformers import BloomConfig, MambaConfig

    configs = {
        "mistral": lambda: MistralConfig(**SIZES, sliding_window=16),
        "bloom": lambda: BloomConfig(vocab_size=512, hidden_size=32, n_layer=2, n_head=4),
        "mamba": lambda: MambaConfig(vocab_size=512, hidden_size=32, num_hidden_layers=2, state_size=4),
    }
    with pytest.raises(BackendError, match=f"{kind}.*cannot be packed: it.*{reason}.*packing=false".replace(kind, "(?i)" + kind, 1)):
        check_packing(model_of(configs[kind]()), 64)


def test_epochs_end_with_what_is_left(tmp_path: Path) -> None:
    train(training(tmp_path / "out", steps=None, epochs=1.25, batch_size=16, save_every=9))
    lines = [json.loads(line) for line in (tmp_path / "out" / "events.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["event"] == "step"] == [1, 2, 3]
