"""Trainings of the custom backend that are killed go on to the very same bytes; and what a bfloat16 model's float32 copies are for."""

import json
import os
import shutil
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from processes import kill_once_there
from trainings import forget, sums, train, training

from r1bench.backends import contract
from r1bench.backends.custom import Engine
from r1bench.backends.custom.optimizer import Optimizer
from r1bench.backends.custom.sft import compute_gradient
from r1bench.backends.custom.training import begin
from r1bench.backends.job import Sft, TrainJob
from r1bench.harness.checkpoints import file_digests

PAIRS: dict[str, Any] = {"kind": "reward_model", "centring": 0.01}
PACKED: dict[str, Any] = {"kind": "sft", "packing": True, "max_length": 64}
DROPPING = {"rank": 4, "dropout": 0.2}
KINDS: dict[str, dict[str, Any]] = {
    "fine-tuning": {"algorithm": PACKED},
    "fine-tuning-adapters": {"lora": DROPPING, "engine": {"threads": 1, "gradient_checkpointing": True}},
    "fine-tuning-bfloat16": {"dtype": "bfloat16", "optimizer": {"learning_rate": 1e-4, "warmup_steps": 4, "decay": "cosine"}},
    "reward-model": {"algorithm": PAIRS},
    "reward-model-adapters": {"algorithm": PAIRS, "lora": DROPPING},
    "reward-model-adapters-bfloat16": {"algorithm": PAIRS, "lora": DROPPING, "dtype": "bfloat16"},
}


def weights_of(job: TrainJob) -> dict[str, str]:
    return file_digests(Path(job.out), ("final/*.safetensors", "adapter/*.safetensors"))


@pytest.mark.parametrize("kind", KINDS)
def test_what_goes_on_from_a_checkpoint_ends_in_the_very_same_bytes(tmp_path: Path, kind: str) -> None:
    job = training(tmp_path / "out", **KINDS[kind])
    train(job)
    whole, kept = weights_of(job), file_digests(tmp_path / "out" / "checkpoints" / "step-000004", ("*", "trainer/*.safetensors"))
    forget(job, 2)
    train(job)
    again = file_digests(tmp_path / "out" / "checkpoints" / "step-000004", ("*", "trainer/*.safetensors"))
    assert weights_of(job) == whole
    assert {name for name in kept if again[name] != kept[name]} <= {"r1bench.json"}


def test_the_journal_says_how_exactly_it_goes_on(tmp_path: Path) -> None:
    job = training(tmp_path / "out")
    train(job)
    start = json.loads((tmp_path / "out" / "events.jsonl").read_text().splitlines()[0])
    assert start["resumption"] == "exact, bit by bit, with as many processes and threads"
    assert "a GPU does not add up" in contract.resumption(job.model_copy(update={"device": "cuda"}))


@pytest.mark.parametrize("kind", ["fine-tuning-adapters", "reward-model"])
def test_kill_9_ends_in_the_very_same_bytes(tmp_path: Path, kind: str) -> None:
    undisturbed, job = (training(tmp_path / name, **KINDS[kind]) for name in ("whole", "killed"))
    moment = Random().choice(["events.jsonl", "checkpoints/step-000002/COMPLETE", "checkpoints/step-000004/COMPLETE"])
    train(undisturbed)
    command = [sys.executable, "-m", "r1bench.backends", str(Path(job.out) / "job.json")]
    out = Path(job.out)
    kill_once_there(command, {**os.environ, "OMP_NUM_THREADS": "1"}, out / moment, out)
    shutil.rmtree(out / "final", ignore_errors=True)
    train(job)
    assert weights_of(job) == weights_of(undisturbed), moment


def test_float32_copies_add_up_steps_that_bfloat16_rounds_away(tmp_path: Path) -> None:
    layer = torch.nn.Linear(1, 1, bias=False).to(torch.bfloat16)
    layer.weight.data.fill_(1.0)
    job = training(tmp_path / "out", optimizer={"learning_rate": 1e-4, "betas": (0.0, 0.0)})
    optimizer = Optimizer(layer, job)
    for _ in range(100):
        (layer(torch.ones(1, 1, dtype=torch.bfloat16)) * 0.1).sum().backward()
        optimizer.step(0)
    assert float(optimizer.stepped["weight"].detach()) == pytest.approx(0.99, abs=1e-4)
    assert float(layer.weight.detach()) == pytest.approx(0.99, abs=2**-8)


def test_float32_copies_add_up_the_gradients_of_micro_batches(tmp_path: Path) -> None:
    layer = torch.nn.Linear(1, 1, bias=False).to(torch.bfloat16)
    optimizer = Optimizer(layer, training(tmp_path / "out"))
    for size in [1.0] + [2**-9] * 512:
        (layer(torch.ones(1, 1, dtype=torch.bfloat16)) * size).sum().backward()
    assert optimizer.stepped["weight"].grad is not None
    assert float(optimizer.stepped["weight"].grad) == 2.0
    assert layer.weight.grad is None


def test_gradient_checkpointing_changes_no_gradient_and_computes_layers_twice(tmp_path: Path) -> None:
    gradients, runs = [], []
    for number, checkpointing in enumerate((False, True)):
        calls: list[int] = []
        with begin(training(tmp_path / f"{number}"), Engine(gradient_checkpointing=checkpointing)) as going:
            going.model.model.layers[0].mlp.register_forward_pre_hook(lambda *_, calls=calls: calls.append(1))
            going.learn(0)
            compute_gradient(going.model, sums(4), Sft(), 8192)
            gradients.append(torch.cat([weight.grad.flatten() for weight in going.model.parameters()]))
            runs.append(len(calls))
    torch.use_deterministic_algorithms(False)
    assert runs == [1, 2]
    assert torch.allclose(*gradients, atol=1e-6)
