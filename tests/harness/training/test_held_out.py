"""The measure of base and result on what was held out, against another way to compute it, on tiny models made on the spot."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

from r1bench.backends.examples import HELD_OUT, Example, write_examples
from r1bench.backends.job import TrainJob
from r1bench.harness.statistics import wilson_interval
from r1bench.harness.training.held_out import HeldOut, measure, t_interval

SIZES = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2}
CONFIG: dict[str, Any] = {**SIZES, "vocab_size": 32, "max_position_embeddings": 64, "pad_token_id": 31, "eos_token_id": 30}
ROWS = [Example("a", [1, 2, 3, 4, 30], 2), Example("b", [5, 6, 30], 1), Example("c", [1, 7, 8, 9, 9, 2, 30], 3, [3, 4, 6, 7])]
PAIRS = [Example(str(n), [1, n, 30], 1, [], [2, n, 30, 3], 1) for n in range(4, 14)]


def save(folder: Path, model: Any) -> Path:
    model.save_pretrained(folder)
    return folder


def job_of(tmp_path: Path, rows: list[Example], **algorithm: Any) -> TrainJob:
    torch.manual_seed(0)
    save(tmp_path / "base", LlamaForCausalLM(LlamaConfig(**CONFIG)))
    torch.manual_seed(1)
    kind = LlamaForCausalLM if algorithm["kind"] == "sft" else LlamaForSequenceClassification
    save(tmp_path / "final", kind(LlamaConfig(**CONFIG, num_labels=1)))
    write_examples(tmp_path / HELD_OUT, rows)
    named = dict.fromkeys(("name", "stage", "backend", "recipe", "model_digest"), "")
    where = {"model": str(tmp_path / "base"), "out": str(tmp_path)}
    data = {"num_examples": 9, "held_out": len(rows)}
    values = {
        **named,
        **where,
        "steps": 1,
        "batch_size": 1,
        "data": data,
        "optimizer": {},
        "algorithm": algorithm,
        "versions": {"torch": "1"},
    }
    return TrainJob.model_validate(values)


def one_by_one(folder: Path, example: Example) -> float:
    """The mean loss as transformers itself computes it, with labels."""
    model = LlamaForCausalLM.from_pretrained(folder)
    labels = [token if is_trained else -100 for token, is_trained in zip(example.tokens, example.mask(), strict=True)]
    with torch.no_grad():
        return float(model(input_ids=torch.tensor([example.tokens]), labels=torch.tensor([labels])).loss)


def test_fine_tuning_is_measured_by_the_loss_of_each_example_before_and_after(tmp_path: Path) -> None:
    found = measure(job_of(tmp_path, ROWS, kind="sft"))
    before, after = ([one_by_one(tmp_path / name, example) for example in ROWS] for name in ("base", "final"))
    assert found is not None
    assert (found.measure, found.n, found.versions) == ("nll", 3, {"torch": "1"})
    assert (found.base, found.value) == (pytest.approx(math.fsum(before) / 3), pytest.approx(math.fsum(after) / 3))
    expected = t_interval([b - a for a, b in zip(before, after, strict=True)])
    assert (found.difference, found.low, found.high) == tuple(pytest.approx(each, abs=1e-6) for each in expected)


def test_pairs_are_counted_with_wilsons_interval_and_their_margin(tmp_path: Path) -> None:
    found = measure(job_of(tmp_path, PAIRS, kind="reward_model"))
    model = LlamaForSequenceClassification.from_pretrained(tmp_path / "final")
    with torch.no_grad():
        scores = [[float(model(input_ids=torch.tensor([row])).logits) for row in (each.tokens, each.rejected)] for each in PAIRS]
    margins = [one - other for one, other in scores]
    assert found is not None
    assert found.value == sum(margin > 0 for margin in margins) / 10
    assert found.margin == pytest.approx(math.fsum(margins) / 10, abs=1e-6)
    assert (found.low, found.high) == pytest.approx(wilson_interval(found.value * 10, 10)[:2])
    assert (found.base, found.difference) == (None, None)


def test_labels_are_counted_by_the_side_of_zero(tmp_path: Path) -> None:
    rows = [Example(str(n), [1, n, 30], 1, label=float(n % 2)) for n in range(4, 14)]
    found = measure(job_of(tmp_path, rows, kind="reward_model", loss="pointwise"))
    model = LlamaForSequenceClassification.from_pretrained(tmp_path / "final")
    with torch.no_grad():
        scores = [float(model(input_ids=torch.tensor([row.tokens])).logits) for row in rows]
    assert found is not None
    assert (found.measure, found.margin) == ("label_accuracy", None)
    assert found.value == sum((score > 0) == bool(row.label) for score, row in zip(scores, rows, strict=True)) / 10


def test_the_interval_of_a_mean_is_students() -> None:
    assert t_interval([1.0, 2.0, 3.0, 4.0]) == pytest.approx((2.5, 2.5 - 3.18245 * 1.29099 / 2, 2.5 + 3.18245 * 1.29099 / 2), abs=1e-4)
    assert t_interval([1.0]) == (1.0, None, None)


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [(-0.5, -0.1, "better"), (0.1, 0.5, "worse"), (-0.1, 0.2, "no difference that these examples show"), (None, None, "has no interval")],
)
def test_a_difference_is_told_in_words(low: float | None, high: float | None, told: str) -> None:
    assert told in HeldOut("nll", 5, 1.0, low, high, "t", base=1.3, difference=-0.3).lines()[0]


def test_nothing_is_measured_where_nothing_is_held_out(tmp_path: Path) -> None:
    assert measure(job_of(tmp_path, [], kind="sft")) is None
