"""SmolLM2-135M-Instruct trained for a few steps by each backend: reinforcement, fine-tuning, a reward model, adapters.

Each result is sealed, measured, read by transformers alone, and the same byte for byte when the training is taken back to its checkpoint.
Every training prints its seconds and its peak memory (-s), which docs/measured/real-model.md has. Left out: GPUs, and whether it got any
better at anything, which a few steps on made-up data do not show.
Run: make slow PYTEST_ARGS="tests/test_real_training.py -s"
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from trl_trainings import engines_python

from r1bench.backends.journal import read_steps
from r1bench.harness.checkpoints import find_checkpoint, is_sealed, read_seal
from r1bench.harness.store.listed import run_folders
from r1bench.harness.store.runs import read_run

pytestmark = pytest.mark.slow

RECIPE = """
zero:
  data: {task: gsm8k, template: chat}
  judged_by: []
  steps: 2
  save_every: 1
  batch_size: 2
  optimizer: {learning_rate: 1.0e-5}
  algorithm:
    samples: 4
    rollout: {max_tokens: 16}
    loss: {preset: grpo}
    rewards: [{name: accuracy, weight: 1.0}, {name: random, weight: 1.0}]
cold-start: &supervised
  data: {held_out: 4}
  judged_by: []
  steps: 20
  save_every: 18
  batch_size: 2
  optimizer: {learning_rate: 2.0e-5, warmup_steps: 2}
  algorithm: {max_length: 96}
reward-model: *supervised
adapted:
  <<: *supervised
  steps: 4
  save_every: 3
  optimizer: {learning_rate: 1.0e-3}
  lora: {rank: 4, targets: [q_proj, v_proj]}
"""
STAGES = {"zero": "zero", "cold-start": "cold-start", "reward-model": "reward-model", "adapted": "cold-start"}
"""Each training and its stage."""
THINGS = ("apples", "pens", "cups", "stones", "books", "hats", "keys", "coins")


class Trained(NamedTuple):
    """A training that has ended."""

    kind: str
    out: Path
    command: list[str]
    answer: dict[str, Any]
    """What it printed."""


def rows(kind: str) -> list[dict[str, Any]]:
    """Sums: two problems in GSM8K's form, conversations, or pairs."""
    sums = [(f"How many {THINGS[n % 8]} are {n} and {n + 1}?", f"{2 * n + 1} {THINGS[n % 8]}.") for n in range(24)]
    if kind == "zero":
        return [{"question": question, "answer": f"#### {answer.split()[0]}"} for question, answer in sums[:2]]
    if kind == "reward-model":
        return [{"prompt": question, "chosen": answer, "rejected": "I would rather not say."} for question, answer in sums]
    turns = [({"role": "user", "content": question}, {"role": "assistant", "content": answer}) for question, answer in sums]
    return [{"messages": list(each)} for each in turns]


def run(command: list[str]) -> tuple[dict[str, Any], float, float]:
    """The JSON that a command of r1bench prints, its seconds, and the gigabytes of its largest process."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        said, errors = process.stdout.read(), process.stderr.read()  # type: ignore[union-attr] # little: neither pipe fills up
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, errors[-4000:]
    return json.loads(said), time.monotonic() - began, usage.ru_maxrss / 1e6


@pytest.fixture(scope="module", params=[f"{backend} {kind}" for backend in ("custom", "trl") for kind in STAGES])
def trained(request: pytest.FixtureRequest, real_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    backend, kind = request.param.split()
    folder = tmp_path_factory.mktemp("real")
    recipe = folder / "recipe.yaml"
    text = RECIPE if kind != "adapted" else RECIPE.replace("cold-start:", "unused:").replace("adapted:", "cold-start:")
    recipe.write_text(text)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(kind)))
    words: list[Any] = [sys.executable, "-m", "r1bench.harness.cli", "train", "--backend", backend, "--stage", STAGES[kind]]
    words += ["--model", real_model, "--recipe", recipe, "--data", folder / "rows.jsonl"]
    words += ["--out", folder / "out", "--runs", folder / "runs"]
    words += ["--device", "cpu", "--threads", 1, "--json", *(("--python", engines_python()) if backend == "trl" else ())]
    command = [str(word) for word in words]
    answer, seconds, gigabytes = run(command)
    print(f"\n{request.param}: {seconds:.0f} s, {gigabytes:.1f} GB, {json.dumps(answer.get('held_out'))}")
    yield Trained(kind, folder / "out", command, answer)
    shutil.rmtree(folder)  # gigabytes


def load_elsewhere(trained: Trained) -> tuple[Any, dict[str, Any]]:
    """The model as transformers reads it, and what it says was missing."""
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    reader = AutoModelForSequenceClassification if trained.kind == "reward-model" else AutoModelForCausalLM
    return reader.from_pretrained(trained.out / "final", output_loading_info=True)


def test_the_result_is_sealed_with_its_lineage(trained: Trained, real_model: Path) -> None:
    final = trained.out / "final"
    assert is_sealed(final)
    assert read_seal(final)["parent"] == find_checkpoint(str(real_model)).digest
    assert trained.answer["checkpoint"] == str(final)


def test_transformers_finds_every_weight_and_some_have_moved(trained: Trained, real_model: Path) -> None:
    from safetensors.torch import load_file

    model, told = load_elsewhere(trained)
    assert not any(told.values()), told
    base, weights = load_file(real_model / "model.safetensors"), model.state_dict()
    moved = {name for name, value in base.items() if not value.equal(weights[name])}
    assert moved
    if trained.kind == "adapted":
        assert all("q_proj" in name or "v_proj" in name for name in moved)


def test_the_tied_embedding_stands_in_the_file_once_and_the_tokenizer_is_the_base_s(trained: Trained, real_model: Path) -> None:
    from safetensors import safe_open

    final = trained.out / "final"
    with safe_open(final / "model.safetensors", "pt") as file:
        names = set(file.keys())
    assert "lm_head.weight" not in names
    assert ("score.weight" in names) == (trained.kind == "reward-model")
    for name in ("tokenizer.json", "chat_template.jinja"):
        assert (final / name).read_bytes() == (real_model / name).read_bytes()


def test_losses_fall_on_what_was_held_out_too(trained: Trained) -> None:
    losses = [figures["loss"] for figures in read_steps(trained.out).figures.values()]
    assert len(losses) == {"zero": 2, "adapted": 4}.get(trained.kind, 20)
    if trained.kind == "zero":
        assert "held_out" not in trained.answer
        return
    assert sum(losses[len(losses) // 2 :]) < sum(losses[: len(losses) // 2])
    held_out = trained.answer["held_out"]
    assert held_out["n"] == 4
    if trained.kind == "reward-model":
        assert held_out["value"] == 1  # four pairs whose rejected answer is always the same
    else:
        assert held_out["value"] < held_out["base"]


def test_a_language_model_is_evaluated(trained: Trained, tmp_path: Path) -> None:
    if trained.kind == "reward-model":
        pytest.skip("it says nothing; what was held out measures it")
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows("zero")))
    words: list[Any] = ["eval", trained.out / "final", "--tasks", "gsm8k", "--data", tmp_path / "rows.jsonl", "--runs", tmp_path / "runs"]
    words += ["--samples", 1, "--temperature", 0, "--max-tokens", 16, "--device", "cpu", "--dtype", "float32", "--json"]
    run([sys.executable, "-m", "r1bench.harness.cli", *map(str, words)])
    found = read_run(run_folders(tmp_path / "runs")[0])
    assert len(found.samples) == 2
    assert all(sample.completion.num_tokens for sample in found.samples)


def test_taken_back_to_its_checkpoint_it_ends_in_the_very_same_bytes(trained: Trained) -> None:
    last = "step-000001" if trained.kind == "zero" else "step-000003" if trained.kind == "adapted" else "step-000018"
    assert [each.name for each in (trained.out / "checkpoints").iterdir()] == [last]
    names = ["final/model.safetensors", *(["adapter/adapter_model.safetensors"] if trained.kind == "adapted" else [])]
    whole = {name: (trained.out / name).read_bytes() for name in names}
    for name in names:
        shutil.rmtree((trained.out / name).parent)
    run(trained.command)
    assert {name: (trained.out / name).read_bytes() == content for name, content in whole.items()} == dict.fromkeys(names, True)
