"""The loop: draw rollouts, compare each with its siblings, take a step, keep a checkpoint. Read it from top to bottom.

Left out: several machines (OpenRLHF, TRL). On one CPU with the same threads, a training that was killed and started again ends in the very
same weights.
"""

import copy
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import torch

from r1bench.backends.custom import state
from r1bench.backends.custom.advantage import group_advantages
from r1bench.backends.custom.journal import Journal
from r1bench.backends.custom.loss import policy_loss, token_logprobs
from r1bench.backends.custom.rollout import Rollout, draw_problems, draw_rollouts, rewards_of
from r1bench.backends.job import TrainJob
from r1bench.harness.checkpoints import find_checkpoint, seal
from r1bench.harness.records import Problem
from r1bench.harness.samplers.hf import end_tokens_of, load_model, load_tokenizer
from r1bench.tasks import get_task
from r1bench.tasks.grading import GradingPool
from r1bench.tasks.grading.language import words_by_script
from r1bench.tasks.templates import TEMPLATES


class Batch(NamedTuple):
    """Rollouts as tensors: prompts padded on the left, completions on the right."""

    ids_BS: torch.Tensor
    attention_BS: torch.Tensor
    tokens_BT: torch.Tensor
    mask_BT: torch.Tensor


def to_batch(rollouts: Sequence[Rollout], device: str) -> Batch:
    width = max(len(rollout.prompt_tokens) for rollout in rollouts)
    length = max(len(rollout.tokens) for rollout in rollouts)
    rows, attention, mask = [], [], []
    for rollout in rollouts:
        left, right = width - len(rollout.prompt_tokens), length - len(rollout.tokens)
        rows.append([0] * left + rollout.prompt_tokens + rollout.tokens + [0] * right)
        attention.append([0] * left + [1] * (len(rollout.prompt_tokens) + len(rollout.tokens)) + [0] * right)
        mask.append([1.0] * len(rollout.tokens) + [0.0] * right)
    ids_BS = torch.tensor(rows, device=device)
    return Batch(ids_BS, torch.tensor(attention, device=device), ids_BS[:, width:], torch.tensor(mask, device=device))


def logprobs_of(model: Any, batch: Batch, temperature: float) -> torch.Tensor:
    """Log-probabilities of the generated tokens, shape (B, T)."""
    num_tokens = batch.tokens_BT.shape[1]
    positions = (batch.attention_BS.cumsum(-1) - 1).clamp(min=0)
    outputs = model(
        input_ids=batch.ids_BS, attention_mask=batch.attention_BS, position_ids=positions, use_cache=False, logits_to_keep=num_tokens + 1
    )
    return token_logprobs(outputs.logits[:, :-1], batch.tokens_BT, temperature)


def micro_batches(rollouts: Sequence[Rollout], members: Sequence[int], budget: int) -> list[list[int]]:
    """The members in groups of similar length whose padded size stays within `budget` tokens (one at least in each)."""
    ordered = sorted(members, key=lambda place: (len(rollouts[place].tokens), len(rollouts[place].prompt_tokens), place))
    groups: list[list[int]] = []
    for place in ordered:
        group = [*groups[-1], place] if groups else [place]
        size = len(group) * (max(len(rollouts[p].tokens) for p in group) + max(len(rollouts[p].prompt_tokens) for p in group))
        if groups and size <= budget:
            groups[-1] = group
        else:
            groups.append([place])
    return groups


def learning_rate(job: TrainJob, update: int) -> float:
    """The rate of optimiser step number `update`, from 0."""
    spec, total = job.optimizer, job.steps * job.batch.minibatches
    warm = min(1.0, (update + 1) / spec.warmup_steps) if spec.warmup_steps else 1.0
    return spec.learning_rate * warm * (1.0 if spec.decay == "constant" else 1 - update / total)


def update(model: Any, reference: Any, optimizer: torch.optim.Optimizer, rollouts: list[Rollout], advantages_B: torch.Tensor, job: TrainJob, step: int) -> dict[str, float]:
    """The optimiser steps of one rollout; returns what happened in them."""
    order = list(range(len(rollouts)))
    Random(f"minibatches:{job.seed}:{step}").shuffle(order)
    size, totals = len(order) // job.batch.minibatches, {"kl": 0.0, "clipped": 0.0, "tokens": 0.0, "loss": 0.0, "grad_norm": 0.0}
    old: dict[int, torch.Tensor] = {}
    if job.batch.minibatches > 1:
        with torch.no_grad():
            for group in micro_batches(rollouts, order, job.batch.micro_tokens):
                old.update(zip(group, logprobs_of(model, to_batch([rollouts[p] for p in group], job.device), job.rollout.temperature), strict=True))
    for number in range(job.batch.minibatches):
        members = order[number * size : (number + 1) * size]
        num_tokens = float(sum(len(rollouts[place].tokens) for place in members))
        optimizer.zero_grad(set_to_none=True)
        for group in micro_batches(rollouts, members, job.batch.micro_tokens):
            batch = to_batch([rollouts[place] for place in group], job.device)
            logprobs_BT = logprobs_of(model, batch, job.rollout.temperature)
            old_BT = torch.nn.utils.rnn.pad_sequence([old[p][: batch.tokens_BT.shape[1]] for p in group], batch_first=True) if old else logprobs_BT.detach()
            old_BT = torch.nn.functional.pad(old_BT, (0, batch.tokens_BT.shape[1] - old_BT.shape[1]))
            with torch.no_grad():
                reference_BT = logprobs_of(reference, batch, job.rollout.temperature) if reference is not None else None
            parts = policy_loss(
                logprobs_BT, old_BT, reference_BT, batch.mask_BT, advantages_B[group], job.loss, num_sequences=len(members), num_tokens=num_tokens
            )
            parts.loss.backward()
            for name, value in (("kl", parts.kl_sum), ("clipped", parts.clipped_sum), ("tokens", parts.num_tokens), ("loss", float(parts.loss.detach()))):
                totals[name] += value
        totals["grad_norm"] += float(torch.nn.utils.clip_grad_norm_(model.parameters(), job.optimizer.max_grad_norm)) / job.batch.minibatches
        for settings in optimizer.param_groups:
            settings["lr"] = learning_rate(job, step * job.batch.minibatches + number)
        optimizer.step()
    return {"loss": totals["loss"] / job.batch.minibatches, "kl": totals["kl"] / totals["tokens"], "clip_fraction": totals["clipped"] / totals["tokens"], "grad_norm": totals["grad_norm"]}


def figures_of(rollouts: list[Rollout], advantages_B: torch.Tensor, job: TrainJob) -> dict[str, float]:
    """What a step's rollouts were like: rewards, outcomes, lengths, languages."""
    rewards, count = rewards_of(rollouts), len(rollouts)
    found = {"reward": float(rewards.nanmean()), "reward_std": float(rewards[~rewards.isnan()].std(correction=0)) if bool((~rewards.isnan()).any()) else 0.0}
    for reward in job.rewards:
        values = [value for rollout in rollouts if (value := rollout.scored.parts[reward.name]) is not None]
        found[f"rewards/{reward.name}"] = sum(values) / max(len(values), 1)
    found["length"] = sum(len(rollout.tokens) for rollout in rollouts) / count
    found["truncated"] = sum(rollout.completion.finish_reason == "length" for rollout in rollouts) / count
    found["zero_signal_groups"] = float((advantages_B.view(-1, job.batch.samples) == 0).all(dim=1).double().mean())
    words = [words_by_script(rollout.completion.text) for rollout in rollouts]
    found["han_share"] = sum(word.get("han", 0) for word in words) / max(sum(sum(word.values()) for word in words), 1)
    return found


def train(job: TrainJob, problems: Sequence[Problem] | None = None) -> Path:
    """Train a job to its end, going on from its newest whole checkpoint, and return the sealed result.

    Args:
        problems: the prompts, or None where the task generates them.
    """
    torch.set_num_threads(job.threads)
    torch.use_deterministic_algorithms(True, warn_only=job.device != "cpu")
    out, newest = Path(job.out), state.newest_sealed(Path(job.out))
    base = find_checkpoint(job.model)
    tokenizer, model = load_tokenizer(base), load_model(find_checkpoint(str(newest)) if newest else base, job.device, "float32")
    reference = None
    if job.loss.kl != "none" and job.loss.kl_coefficient > 0:
        reference = load_model(base, job.device, "float32").requires_grad_(False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=job.optimizer.learning_rate, betas=job.optimizer.betas, weight_decay=job.optimizer.weight_decay)
    resumed = state.restore(newest, optimizer, reference) if newest else {"step": 0, "offsets": {}}
    journal = Journal(out, job.steps, resumed["offsets"], resumed["step"])
    journal.event("start", step=resumed["step"], pid=__import__("os").getpid())
    end_tokens, template = end_tokens_of(model, tokenizer), TEMPLATES[job.data.template]
    with GradingPool(get_task(job.data.task).grader) as pool:
        for step in range(resumed["step"], job.steps):
            started = time.perf_counter()
            chosen = draw_problems(job, step, problems)
            rollouts = draw_rollouts(model, tokenizer, end_tokens, template, chosen, pool, job, step)
            drawn = time.perf_counter()
            advantages_B = group_advantages(rewards_of(rollouts), job.batch.samples, job.loss).to(job.device)
            figures = figures_of(rollouts, advantages_B, job) | update(model, reference, optimizer, rollouts, advantages_B, job, step)
            if reference is not None and job.reference_every and (step + 1) % job.reference_every == 0:
                reference = copy.deepcopy(model).requires_grad_(False)
            finished = time.perf_counter()
            figures |= {"learning_rate": learning_rate(job, step * job.batch.minibatches), "rollout_seconds": drawn - started, "update_seconds": finished - drawn}
            figures["tokens_per_second"] = sum(len(rollout.tokens) for rollout in rollouts) / (finished - started)
            journal.rollouts(step + 1, rollouts, advantages_B.tolist())
            journal.step(step + 1, figures)
            if (step + 1) % job.save_every == 0 and step + 1 < job.steps:
                state.save(job, step + 1, model, tokenizer, optimizer, reference, journal.offsets())
    final = seal(out / "final", lambda folder: state.save_weights(folder, model, tokenizer), state.lineage(job, job.steps))
    journal.event("end", step=job.steps, checkpoint=str(final.name))
    journal.close()
    return final
