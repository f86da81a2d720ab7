"""Our own GRPO as a whole, for two or three steps from the embedded model: every published loss, what it writes, and how it goes on."""

import json
import os
import sys
from pathlib import Path

import pytest
import torch
from processes import kill_once_there

from r1bench.backends.custom import Custom
from r1bench.backends.job import TrainJob
from r1bench.backends.journal import FAULT, FIGURES, read_rollouts, read_steps
from r1bench.backends.losses import PRESETS, LossSpec
from r1bench.harness.checkpoints import file_digest, find_checkpoint
from r1bench.harness.errors import BackendError
from r1bench.harness.training.jobs import prepare

TINY = ("steps=2", "batch_size=2", "algorithm.samples=4", "algorithm.minibatches=2", "algorithm.rollout.max_tokens=24")
WEIGHTS = "model.safetensors"


def job_of(out: Path, *settings: str) -> TrainJob:
    return prepare("zero", "custom", "tiny", out=out, name="small", settings=(*TINY, *settings), device="cpu", threads=1)[0]


def train(out: Path, *settings: str) -> Path:
    """Train in this process, and leave PyTorch as it was."""
    job, threads = job_of(out, *settings), torch.get_num_threads()
    try:
        Custom().train(job, None)
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_num_threads(threads)
    return out


def rows_of(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "rollouts.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_published_loss_trains_and_says_what_its_steps_were(tmp_path: Path, preset: str) -> None:
    out, loss = train(tmp_path / "out", f"loss.preset={preset}"), LossSpec(preset=preset)
    figures = read_steps(out).figures
    assert list(figures) == [1, 2]
    expected = {"loss", "grad_norm", "entropy", "clip_fraction", "mismatch/mean", "mismatch/max", "mismatch/ess"}
    assert expected | ({f"kl/{loss.kl}"} if loss.has_reference else set()) <= set(figures[1])
    known = {*FIGURES, "rewards/accuracy", "rewards/format", "kl/k1", "kl/k2", "kl/k3"}
    assert set(figures[1]) <= known
    assert all(figures[step]["grad_norm"] > 0 for step in figures)
    assert file_digest(out / "final" / WEIGHTS) != file_digest(Path(find_checkpoint("tiny-base").path) / WEIGHTS)


def test_rollouts_stand_in_the_journal_with_their_tokens_and_the_policy_that_drew_them(tmp_path: Path) -> None:
    out = train(tmp_path / "out")
    found = read_rollouts(out)
    assert found is not None
    rows = list(found.rows)
    assert [(row.step, row.sample, row.policy) for row in rows] == [(s + 1, i, 2 * s) for s in range(2) for _ in range(2) for i in range(4)]
    for row in rows:
        assert row.prompt_ids
        assert row.token_ids is not None
        assert row.logprobs is not None
        assert len(row.token_ids) == len(row.logprobs) == row.tokens
        assert all(logprob <= 0 for logprob in row.logprobs)


def test_rollouts_are_written_down_before_they_are_learned_from(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="gradient is not finite"):
        train(tmp_path / "out", "optimizer.learning_rate=1e30")
    assert not read_steps(tmp_path / "out").figures
    assert len(rows_of(tmp_path / "out")) == 8


@pytest.mark.parametrize(("setting", "least"), [("dtype=bfloat16", 1e-3), ("lora={rank: 4}", 0), ("engine.gradient_checkpointing=true", 0)])
def test_how_weights_are_kept_is_no_matter_of_the_loop_and_their_precision_shows_as_mismatch(
    tmp_path: Path, setting: str, least: float
) -> None:
    figures = read_steps(train(tmp_path / "out", setting)).figures
    assert all(figures[step]["grad_norm"] > 0 for step in (1, 2))
    assert least < figures[1]["mismatch/max"] < 1e-4 + 100 * least


def test_a_step_without_a_signal_is_drawn_to_the_end_and_takes_no_optimiser_step(tmp_path: Path) -> None:
    out = train(tmp_path / "out", "algorithm.dynamic_sampling=2", "algorithm.rewards=[{name: constant}]")
    events = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    faults = [event for event in events if event["event"] == FAULT]
    assert [(fault["step"], fault["what"]) for fault in faults] == [
        (step, "no group of the 2 batches drawn has rewards that differ; no optimiser step") for step in (1, 2)
    ]
    figures = read_steps(out).figures[2]
    assert (figures["drawn_batches"], figures["zero_signal_groups"], "loss" in figures) == (2, 1, False)
    assert {(row["advantage"], row["policy"]) for row in rows_of(out)} == {(0.0, 0)}
    assert file_digest(out / "final" / WEIGHTS) == file_digest(Path(find_checkpoint("tiny-base").path) / WEIGHTS)


def test_where_all_completions_are_masked_nothing_is_learned(tmp_path: Path) -> None:
    out = train(tmp_path / "out", "loss.truncated=mask", "algorithm.rollout.max_tokens=1")
    assert (out / "events.jsonl").read_text().count("every completion was cut at the limit, and those are masked") == 2
    assert file_digest(out / "final" / WEIGHTS) == file_digest(Path(find_checkpoint("tiny-base").path) / WEIGHTS)


def test_groups_beyond_what_a_step_needs_are_written_down_and_not_learned_from(tmp_path: Path) -> None:
    rewards = "algorithm.rewards=[{name: random}]"
    out = train(tmp_path / "out", "algorithm.dynamic_sampling=9", rewards, "batch_size=3", "algorithm.samples=2", "algorithm.minibatches=1")
    for step in (1, 2):
        rows = [row for row in rows_of(out) if row["step"] == step]
        groups = [{row["advantage"] for row in rows[start : start + 2]} for start in range(0, len(rows), 2)]
        learned = [group for group in groups if group not in ({0.0}, {None})]
        assert len(learned) == 3
        assert len(groups) > 3
        assert groups.index(learned[-1]) < min([place for place, group in enumerate(groups) if group == {None}], default=len(groups))


def test_killed_with_dynamic_sampling_and_divergence_in_the_reward_it_ends_in_the_very_same_weights(tmp_path: Path) -> None:
    settings = ("steps=5", "save_every=2", "algorithm.dynamic_sampling=3", "loss.preset=rloo", "algorithm.reference_every=1")
    whole, killed = train(tmp_path / "whole", *settings), tmp_path / "killed"
    job_of(killed, *settings)
    command = [sys.executable, "-m", "r1bench.backends", str(killed / "job.json"), str(os.getpid())]
    kill_once_there(command, {**os.environ, "OMP_NUM_THREADS": "1"}, killed / "checkpoints" / "step-000002" / "COMPLETE", killed)
    assert not (killed / "final").exists()
    train(killed, *settings)
    assert file_digest(killed / "final" / WEIGHTS) == file_digest(whole / "final" / WEIGHTS)
    assert rows_of(killed) == rows_of(whole)
    assert any(row["advantage"] is None or row["advantage"] == 0 for row in rows_of(whole))
