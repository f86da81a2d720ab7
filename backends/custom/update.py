"""The update: rollouts as tensors, their log-probabilities, and the optimiser steps that one rollout is worth.

Shapes: B sequences, S prompt and completion together, T completion tokens. Prompts are padded on the left and completions on the right, so
that the completions of a batch stand in the same columns.
"""

from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

import torch

from r1bench.backends.custom.loss import policy_loss, token_logprobs
from r1bench.backends.custom.rollout import Rollout
from r1bench.backends.job import TrainJob
from r1bench.harness.errors import BackendError


class Batch(NamedTuple):
    """Rollouts as tensors: prompts padded on the left, completions on the right."""

    ids_BS: torch.Tensor
    attention_BS: torch.Tensor
    tokens_BT: torch.Tensor
    mask_BT: torch.Tensor


def to_batch(rollouts: Sequence[Rollout], device: str) -> Batch:
    """Rollouts as one padded batch on a device."""
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
        input_ids=batch.ids_BS,
        attention_mask=batch.attention_BS,
        position_ids=positions,
        use_cache=False,
        logits_to_keep=num_tokens + 1,
    )
    return token_logprobs(outputs.logits[:, :-1], batch.tokens_BT, temperature)


def micro_batches(rollouts: Sequence[Rollout], budget: int) -> list[list[int]]:
    """Places in groups of similar length whose padded size stays within `budget` tokens (one place at least in each)."""
    ordered = sorted(range(len(rollouts)), key=lambda place: (len(rollouts[place].tokens), len(rollouts[place].prompt_tokens), place))
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


def rollout_logprobs(model: Any, rollouts: Sequence[Rollout], job: TrainJob) -> list[torch.Tensor]:
    """Log-probabilities of every rollout under a model that stays as it is, one row of its own length each."""
    found: dict[int, torch.Tensor] = {}
    with torch.no_grad():
        for group in micro_batches(rollouts, job.batch.micro_tokens):
            rows = logprobs_of(model, to_batch([rollouts[place] for place in group], job.device), job.rollout.temperature)
            found |= {place: row[: len(rollouts[place].tokens)] for place, row in zip(group, rows, strict=True)}
    return [found[place] for place in range(len(rollouts))]


def padded(rows: Sequence[torch.Tensor], width: int) -> torch.Tensor:
    """Rows of different lengths as one tensor of shape (B, width), zeros behind."""
    return torch.stack([torch.nn.functional.pad(row, (0, width - len(row))) for row in rows])


def pick(rows: Sequence[torch.Tensor] | None, places: Sequence[int]) -> list[torch.Tensor] | None:
    """The rows at some places, or None where there are none at all."""
    return None if rows is None else [rows[place] for place in places]


def minibatch_step(
    model: Any,
    rollouts: Sequence[Rollout],
    advantages_B: torch.Tensor,
    old: Sequence[torch.Tensor] | None,
    reference: Sequence[torch.Tensor] | None,
    job: TrainJob,
) -> dict[str, float]:
    """Add up the gradient of one minibatch; returns its sums. Without `old` the policy is the one that drew the rollouts."""
    num_tokens = float(sum(len(rollout.tokens) for rollout in rollouts))
    sums = {"loss": 0.0, "kl": 0.0, "clipped": 0.0, "tokens": num_tokens}
    for group in micro_batches(rollouts, job.batch.micro_tokens):
        batch = to_batch([rollouts[place] for place in group], job.device)
        width = batch.tokens_BT.shape[1]
        logprobs_BT = logprobs_of(model, batch, job.rollout.temperature)
        old_rows, reference_rows = pick(old, group), pick(reference, group)
        parts = policy_loss(
            logprobs_BT,
            padded(old_rows, width) if old_rows else logprobs_BT.detach(),
            padded(reference_rows, width) if reference_rows else None,
            batch.mask_BT,
            advantages_B[group],
            job.loss,
            num_sequences=len(rollouts),
            num_tokens=num_tokens,
        )
        parts.loss.backward()
        sums["loss"] += float(parts.loss.detach())
        sums["kl"] += parts.kl_sum
        sums["clipped"] += parts.clipped_sum
    return sums


def clip_gradient(model: Any, job: TrainJob) -> float:
    """Scale the gradient down to `max_grad_norm`; returns its norm before.

    Raises:
        BackendError: the gradient is not finite; the weights are still those of the step before.
    """
    try:
        return float(torch.nn.utils.clip_grad_norm_(model.parameters(), job.optimizer.max_grad_norm, error_if_nonfinite=True))
    except RuntimeError as error:
        raise BackendError("the gradient is not finite; lower optimizer.learning_rate or raise rollout.temperature") from error


def update(
    model: Any,
    reference: Any,
    optimizer: torch.optim.Optimizer,
    rollouts: Sequence[Rollout],
    advantages_B: torch.Tensor,
    job: TrainJob,
    step: int,
) -> dict[str, float]:
    """The optimiser steps of one rollout: a random split into minibatches, one step each. Returns what happened in them."""
    order = list(range(len(rollouts)))
    Random(f"minibatches:{job.seed}:{step}").shuffle(order)
    count, totals = job.batch.minibatches, {"loss": 0.0, "kl": 0.0, "clipped": 0.0, "tokens": 0.0, "grad_norm": 0.0}
    old = rollout_logprobs(model, rollouts, job) if count > 1 else None
    anchor = rollout_logprobs(reference, rollouts, job) if reference is not None else None
    for number in range(count):
        members = order[number::count]
        optimizer.zero_grad(set_to_none=True)
        sums = minibatch_step(
            model, [rollouts[place] for place in members], advantages_B[members], pick(old, members), pick(anchor, members), job
        )
        sums["grad_norm"] = clip_gradient(model, job)
        for settings in optimizer.param_groups:
            settings["lr"] = learning_rate(job, step * count + number)
        optimizer.step()
        totals = {name: totals[name] + sums[name] for name in totals}
    per_token = {"kl": totals["kl"] / totals["tokens"], "clip_fraction": totals["clipped"] / totals["tokens"]}
    return {"loss": totals["loss"] / count, "grad_norm": totals["grad_norm"] / count, **per_token}
