"""Reinforcement learning with the real TRL of .venv-engines: our prompts, our rewards, our journal; killed, it goes on bit by bit.

vLLM runs for real too, on this machine's processor. Left out: GPUs, the vLLM server (its weights travel by NCCL), several processes.
"""

import json
import os
import statistics
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakes_speaker import byte_level, write_tokenizer
from processes import kill_once_there
from transformers import Qwen2Config, Qwen2ForCausalLM
from trl_trainings import command, job_of, refusal, train, weights

from r1bench.backends.job import TrainJob
from r1bench.backends.journal import read_steps
from r1bench.backends.prompts import draw_problems
from r1bench.harness.checkpoints import find_checkpoint, is_sealed
from r1bench.harness.models.prompts import make_prompts
from r1bench.harness.models.tokenizer import load_tokenizer
from r1bench.tasks.templates import TEMPLATES

pytestmark = pytest.mark.slow

REWARDS = [{"name": "accuracy"}, {"name": "format"}]
QUIET = dict.fromkeys(("HF_HUB_OFFLINE", "DO_NOT_TRACK", "VLLM_NO_USAGE_STATS", "VLLM_CPU_KVCACHE_SPACE"), "1")
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "<|im_start|>assistant\n<think>\n"
)


def grpo_job(out: Path, *, data: dict[str, Any] | None = None, **changes: Any) -> TrainJob:
    """Four steps of four prompts with four completions each, two optimiser steps a rollout, the reference following after each."""
    told = {"samples": 4, "minibatches": 2, "reference_every": 1, "rollout": {"max_tokens": 48}, "rewards": REWARDS, "loss": {}}
    algorithm = told | {"loss": {"kl_coefficient": 0.1}} | changes.pop("algorithm", {})
    source = {"task": "arithmetic"} | (data or {})
    return job_of(out, "grpo", algorithm=algorithm, data=source, **{"steps": 4, "optimizer": {"learning_rate": 2e-4}, **changes})


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "rollouts.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(grpo_job(tmp_path_factory.mktemp("grpo") / "whole"))


def test_every_step_has_its_figures_and_the_gap_is_declared(whole: Path) -> None:
    figures = read_steps(whole).figures
    assert list(figures) == [1, 2, 3, 4]
    needed = {"reward", "reward_std", "rewards/accuracy", "rewards/format", "length", "truncated", "zero_signal_groups", "kl/k3", "entropy"}
    needed |= {"clip_fraction", "grad_norm", "learning_rate", "loss", "rollout_seconds", "update_seconds", "tokens_per_second"}
    assert needed <= set(figures[1])
    start = json.loads((whole / "events.jsonl").read_text().splitlines()[0])
    assert "no log-probabilities" in start["gaps"][0]
    assert is_sealed(whole / "final")


def test_prompts_and_completions_are_those_of_the_job_token_by_token(whole: Path) -> None:
    job, tokenizer = grpo_job(whole), load_tokenizer(find_checkpoint("tiny-base"))
    for step in range(4):
        asked = draw_problems(job, step, None)
        read = make_prompts(tokenizer, TEMPLATES["plain"], [(problem.id, problem.prompt) for problem in asked])
        found = [row for row in rows(whole) if row["step"] == step + 1]
        assert [row["prompt_ids"] for row in found] == [each.tokens for each in read for _ in range(4)]
        assert [row["sample"] for row in found] == [0, 1, 2, 3] * 4
        assert {row["policy"] for row in found} == {2 * step}
    for row in rows(whole):
        said = row["token_ids"][:-1] if row["finish_reason"] == "stop" else row["token_ids"]
        assert row["text"] == tokenizer.decode(said, skip_special_tokens=False)


def test_advantages_of_trl_are_rewards_compared_within_their_group(whole: Path) -> None:
    found = rows(whole)
    for start in range(0, len(found), 4):
        group = [row["reward"] for row in found[start : start + 4]]
        spread = statistics.stdev(group) + 1e-4
        expected = [(reward - statistics.mean(group)) / spread for reward in group]
        assert [row["advantage"] for row in found[start : start + 4]] == pytest.approx(expected, abs=1e-4)
    assert any(row["advantage"] for row in found)


def test_kill_9_and_the_same_command_end_in_the_very_same_weights_and_rollouts(whole: Path, tmp_path: Path) -> None:
    job = grpo_job(tmp_path / "killed")
    kill_once_there(command(job), {**os.environ, "OMP_NUM_THREADS": "1"}, Path(job.out) / "checkpoints/step-000002/COMPLETE", Path(job.out))
    assert not (Path(job.out) / "final").exists()
    train(job)
    assert weights(Path(job.out) / "final") == weights(whole / "final")
    assert rows(Path(job.out)) == rows(whole)


def chat_model(folder: Path) -> dict[str, str]:
    """A tiny Qwen2 of random weights over bytes that is asked in a chat template, which prefills the reasoning."""
    made = byte_level("<|im_start|>", "<|im_end|>", "<|pad|>")
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2}
    Qwen2ForCausalLM(Qwen2Config(vocab_size=made.get_vocab_size(), max_position_embeddings=512, **sizes)).save_pretrained(folder)
    write_tokenizer(folder, made, eos_token="<|im_end|>", pad_token="<|pad|>", chat_template=CHAT)
    return {"model": str(folder), "model_digest": find_checkpoint(str(folder)).digest}


def test_rloo_on_chat_prompts_reads_what_evaluation_reads_and_stops_at_the_end_of_the_turn(tmp_path: Path) -> None:
    model = chat_model(tmp_path / "model")
    loss = {"minibatches": 1, "loss": {"preset": "rloo"}, "rollout": {"max_tokens": 96}, "rewards": [{"name": "language_consistency"}]}
    out = train(grpo_job(tmp_path / "out", algorithm=loss, data={"template": "chat"}, steps=2, **model))
    tokenizer, found = load_tokenizer(find_checkpoint(str(tmp_path / "model"))), rows(out)
    asked = draw_problems(grpo_job(out), 0, None)
    read = make_prompts(tokenizer, TEMPLATES["chat"], [(problem.id, problem.prompt) for problem in asked])
    assert [row["prompt_ids"] for row in found[:16]] == [each.tokens for each in read for _ in range(4)]
    assert tokenizer.decode(found[0]["prompt_ids"]).endswith("<|im_start|>assistant\n<think>")
    stopped = [row for row in found if row["finish_reason"] == "stop"]
    assert stopped
    assert {tokenizer.decode(row["token_ids"][-1:]) for row in stopped} == {"<|im_end|>"}
    assert not any("<|im_end|>" in row["text"] for row in stopped)
    assert "kl/k1" in read_steps(out).figures[1]


def test_a_completion_without_a_token_is_an_end_to_trl_and_earns_nothing() -> None:
    from r1bench.backends.trl_backend.grpo import Rolling

    class Silent:
        eos_token_ids, places, rewarding = (7,), (0, 1), SimpleNamespace()

        def _generate_single_turn(self, prompt_ids: list[list[int]]) -> tuple[list[list[int]], list[list[float]]]:
            return [[], [3, 7]], [[], [-0.5, -1.0]]

    made: Any = type("Made", (Rolling, Silent), {})()
    assert made._generate_single_turn([[1], [1]]) == ([[7], [3, 7]], [[None], [-0.5, -1.0]])
    assert [drawing.token_ids for drawing in made.rewarding.drawings] == [[], [3, 7]]


def test_a_model_without_an_end_is_refused_in_one_line(tmp_path: Path) -> None:
    model = chat_model(tmp_path / "model")
    write_tokenizer(tmp_path / "model", byte_level("<|pad|>"), pad_token="<|pad|>", chat_template="{{ messages[0].content }}")
    (line,) = refusal(grpo_job(tmp_path / "out", **model | {"model_digest": find_checkpoint(model["model"]).digest}))
    assert "TRL needs a token that ends a completion" in line


def test_vllm_draws_with_the_weights_of_the_moment_and_tells_its_log_probabilities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = {"VLLM_CACHE_ROOT": str(tmp_path), "VLLM_CONFIG_ROOT": str(tmp_path), "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    for name, value in (QUIET | places).items():
        monkeypatch.setenv(name, value)
    engine, loss = {"generation": "vllm-colocate", "vllm_max_length": 512}, {"loss": {"mismatch": "token_truncate"}}
    out = train(grpo_job(tmp_path / "out", engine=engine, algorithm=loss, optimizer={"learning_rate": 1e-2}, steps=2))
    for row in rows(out):
        assert len(row["logprobs"]) == len(row["token_ids"])
    for figures in read_steps(out).figures.values():  # in the second step weights have moved: vLLM has the new ones
        assert 0 < figures["mismatch/max"] < 1e-3
        assert figures["mismatch/ess"] == pytest.approx(1, abs=1e-4)
    assert json.loads((out / "events.jsonl").read_text().splitlines()[0])["resumption"].startswith("approximate")
