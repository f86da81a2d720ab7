"""The update: rollouts as tensors, their log-probabilities, and the gradient of each minibatch that one rollout is worth.

Shapes: B sequences, S prompt and completion together, T completion tokens. Prompts are padded on the left and completions on the right, so
that the completions of a batch stand in the same columns.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

import torch

from r1bench.backends.custom.loss import policy_loss, token_logprobs
from r1bench.backends.custom.rollout import Rollout
from r1bench.backends.job import TrainJob
from r1bench.harness.errors import BackendError


class Example(NamedTuple):
    """A rollout with all that its loss needs. Log-probabilities are of its own tokens, shape (T,)."""

    rollout: Rollout
    advantage: torch.Tensor
    old: torch.Tensor | None
    """Under the policy that drew it; None where that is the policy being trained."""
    reference: torch.Tensor | None
    """None where the loss has no such term."""


@dataclass(frozen=True)
class Sums:
    """What happened in minibatches; sums over tokens, but for the loss and the norm, which are of a minibatch each."""

    loss: float = 0.0
    kl: float = 0.0
    clipped: float = 0.0
    tokens: float = 0.0
    grad_norm: float = 0.0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(mine + theirs for mine, theirs in zip(vars(self).values(), vars(other).values(), strict=True)))

    def figures(self, num_minibatches: int) -> dict[str, float]:
        """Means by their names in the journal."""
        per_token = {"kl/k3": self.kl / self.tokens, "clip_fraction": self.clipped / self.tokens}
        return {"loss": self.loss / num_minibatches, "grad_norm": self.grad_norm / num_minibatches, **per_token}


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
        input_ids=batch.ids_BS, attention_mask=batch.attention_BS, position_ids=positions, use_cache=False, logits_to_keep=num_tokens + 1
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
    spec, share = job.optimizer, update / (job.num_steps() * job.grpo.minibatches)
    warm = min(1.0, (update + 1) / spec.warmup_steps) if spec.warmup_steps else 1.0
    left = {"constant": 1.0, "linear": 1 - share, "cosine": (1 + math.cos(math.pi * share)) / 2}[spec.decay]
    return spec.learning_rate * warm * (spec.decay_to + (1 - spec.decay_to) * left)


def rollout_logprobs(model: Any, rollouts: Sequence[Rollout], job: TrainJob, micro_tokens: int) -> list[torch.Tensor]:
    """Log-probabilities of every rollout under a model that stays as it is, one row of its own length each."""
    found: dict[int, torch.Tensor] = {}
    with torch.no_grad():
        for group in micro_batches(rollouts, micro_tokens):
            rows = logprobs_of(model, to_batch([rollouts[place] for place in group], job.device), job.grpo.rollout.temperature)
            found |= {place: row[: len(rollouts[place].tokens)] for place, row in zip(group, rows, strict=True)}
    return [found[place] for place in range(len(rollouts))]


def to_examples(
    model: Any, reference: Any, rollouts: Sequence[Rollout], advantages_B: torch.Tensor, job: TrainJob, micro_tokens: int
) -> list[Example]:
    """The rollouts of a step with what stays the same through all its optimiser steps."""
    unknown = [None] * len(rollouts)
    old = rollout_logprobs(model, rollouts, job, micro_tokens) if job.grpo.minibatches > 1 else unknown
    anchor = rollout_logprobs(reference, rollouts, job, micro_tokens) if reference is not None else unknown
    return [Example(*each) for each in zip(rollouts, advantages_B, old, anchor, strict=True)]


def split_into_minibatches(examples: Sequence[Example], job: TrainJob, step: int) -> list[list[Example]]:
    """A random split of a step's rollouts, one part for each optimiser step."""
    order, count = list(range(len(examples))), job.grpo.minibatches
    Random(f"minibatches:{job.seed}:{step}").shuffle(order)
    return [[examples[place] for place in order[number::count]] for number in range(count)]


def padded(rows: Sequence[torch.Tensor | None], width: int) -> torch.Tensor | None:
    """Rows of different lengths as one tensor of shape (B, width), zeros behind; None where there are none."""
    known = [torch.nn.functional.pad(row, (0, width - len(row))) for row in rows if row is not None]
    return torch.stack(known) if known else None


def compute_gradient(model: Any, minibatch: Sequence[Example], job: TrainJob, micro_tokens: int) -> Sums:
    """Add up the gradient of one minibatch, micro-batch by micro-batch, and clip it. Raises BackendError where it is not finite."""
    rollouts = [example.rollout for example in minibatch]
    num_tokens = float(sum(len(rollout.tokens) for rollout in rollouts))
    sums = Sums(tokens=num_tokens)
    for group in micro_batches(rollouts, micro_tokens):
        batch = to_batch([rollouts[place] for place in group], job.device)
        width = batch.tokens_BT.shape[1]
        logprobs_BT = logprobs_of(model, batch, job.grpo.rollout.temperature)
        old_BT = padded([minibatch[place].old for place in group], width)
        parts = policy_loss(
            logprobs_BT,
            logprobs_BT.detach() if old_BT is None else old_BT,
            padded([minibatch[place].reference for place in group], width),
            batch.mask_BT,
            torch.stack([minibatch[place].advantage for place in group]),
            job.grpo.loss,
            num_sequences=len(rollouts),
            num_tokens=num_tokens,
        )
        parts.loss.backward()
        sums += Sums(float(parts.loss.detach()), parts.kl_sum, parts.clipped_sum)
    return sums + Sums(grad_norm=clip_gradient(model, job))


def clip_gradient(model: Any, job: TrainJob) -> float:
    """Scale the gradient down to `max_grad_norm`; returns its norm before.

    Raises BackendError: the gradient is not finite; the weights are still those of the step before.
    """
    try:
        return float(torch.nn.utils.clip_grad_norm_(model.parameters(), job.optimizer.max_grad_norm, error_if_nonfinite=True))
    except RuntimeError as error:
        raise BackendError("the gradient is not finite; lower optimizer.learning_rate or raise algorithm.rollout.temperature") from error
