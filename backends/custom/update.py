"""The update: rollouts as tensors, their log-probabilities, and the gradient of each minibatch that one rollout is worth.

Shapes: B sequences, S prompt and completion together, T completion tokens. Prompts are padded on the left and completions on the right, so
that the completions of a batch stand in the same columns.
"""

from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

import torch

from r1bench.backends.custom.advantage import group_advantages
from r1bench.backends.custom.loss import LossParts, Sizes, kl_estimate, policy_loss, token_entropies, token_logprobs
from r1bench.backends.custom.rollout import Rollout
from r1bench.backends.job import TrainJob


class Example(NamedTuple):
    """A rollout with all that its loss needs. Log-probabilities are of its own tokens, shape (T,)."""

    rollout: Rollout
    advantage: float
    old: torch.Tensor | None
    """Under the policy that drew it; None where that is the policy being trained."""
    reference: torch.Tensor | None
    """None where the loss has no such term."""


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


def logits_of(model: Any, batch: Batch) -> torch.Tensor:
    """What the model says before each generated token, shape (B, T, V)."""
    positions = (batch.attention_BS.cumsum(-1) - 1).clamp(min=0)
    num_tokens = batch.tokens_BT.shape[1]
    outputs = model(
        input_ids=batch.ids_BS, attention_mask=batch.attention_BS, position_ids=positions, use_cache=False, logits_to_keep=num_tokens + 1
    )
    return outputs.logits[:, :-1]


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


def rollout_logprobs(model: Any, rollouts: Sequence[Rollout], job: TrainJob, micro_tokens: int) -> list[torch.Tensor]:
    """Log-probabilities of every rollout under a model that stays as it is, one row of its own length each."""
    found: dict[int, torch.Tensor] = {}
    with torch.no_grad():
        for group in micro_batches(rollouts, micro_tokens):
            batch = to_batch([rollouts[place] for place in group], job.device)
            rows = token_logprobs(logits_of(model, batch), batch.tokens_BT, job.grpo.rollout.temperature)
            found |= {place: row[: len(rollouts[place].tokens)] for place, row in zip(group, rows, strict=True)}
    return [found[place] for place in range(len(rollouts))]


class Before(NamedTuple):
    """Log-probabilities of a step's rollouts before it learns from them, by the forward pass of training."""

    old: list[torch.Tensor] | None
    """Under the policy that drew them; None where nothing asks for it."""
    reference: list[torch.Tensor] | None
    """None where the loss has no such term."""


def logprobs_before(model: Any, reference: Any, rollouts: Sequence[Rollout], job: TrainJob, micro_tokens: int) -> Before:
    """What stays the same through all optimiser steps of a rollout."""
    in_reward = reference is not None and job.grpo.loss.kl_place == "reward"
    old = rollout_logprobs(model, rollouts, job, micro_tokens) if job.grpo.minibatches > 1 or in_reward else None
    return Before(old, rollout_logprobs(reference, rollouts, job, micro_tokens) if reference is not None else None)


def advantages_of(rewards_B: torch.Tensor, rollouts: Sequence[Rollout], before: Before, job: TrainJob) -> torch.Tensor:
    """The advantages of the rollouts that are learned from, with the divergence taken off their rewards where the loss wants it there."""
    spec = job.grpo.loss
    if spec.kl_place == "reward" and before.old is not None and before.reference is not None:
        pairs = zip(before.old, before.reference, strict=True)
        divergences = [float(kl_estimate(old, anchor, spec.kl).double().sum()) for old, anchor in pairs]
        rewards_B = rewards_B - spec.kl_coefficient * torch.tensor(divergences, dtype=torch.float64)
    lengths_B = torch.tensor([0 if is_masked(rollout, job) else len(rollout.tokens) for rollout in rollouts], dtype=torch.float64)
    return group_advantages(rewards_B, job.grpo.samples, spec, lengths_B)


def is_masked(rollout: Rollout, job: TrainJob) -> bool:
    """Whether a completion is left out of the loss because it was cut at the limit. Its reward still counts in its group."""
    return job.grpo.loss.truncated == "mask" and rollout.completion.finish_reason == "length"


def to_examples(rollouts: Sequence[Rollout], advantages_B: torch.Tensor, before: Before, job: TrainJob) -> list[Example]:
    """What the loss is made of: the rollouts that are not masked."""
    unknown = [None] * len(rollouts)
    old = before.old if before.old is not None and job.grpo.minibatches > 1 else unknown  # one minibatch: the ratio is exactly 1
    columns = (rollouts, advantages_B.tolist(), old, before.reference if before.reference is not None else unknown)
    return [Example(*each) for each in zip(*columns, strict=True) if not is_masked(each[0], job)]


def split_into_minibatches(examples: Sequence[Example], job: TrainJob, step: int) -> list[list[Example]]:
    """A random split of a step's examples, one part for each optimiser step; fewer parts where there are fewer examples."""
    order, count = list(range(len(examples))), job.grpo.minibatches
    Random(f"minibatches:{job.seed}:{step}").shuffle(order)
    return [[examples[place] for place in order[number::count]] for number in range(min(count, len(examples)))]


def padded(rows: Sequence[torch.Tensor | None], width: int) -> torch.Tensor | None:
    """Rows of different lengths as one tensor of shape (B, width), zeros behind; None where there are none."""
    known = [torch.nn.functional.pad(row, (0, width - len(row))) for row in rows if row is not None]
    return torch.stack(known) if known else None


class Measures:
    """What happened in the minibatches of a step, token by token."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        """Shares of micro-batches."""
        self.norms: list[float] = []
        """Of minibatches."""
        self.tokens: dict[str, list[torch.Tensor]] = {"kl": [], "entropy": [], "is_clipped": [], "mismatch": []}

    def add(self, parts: LossParts, entropies: torch.Tensor) -> None:
        """Note a micro-batch."""
        self.losses.append(float(parts.loss.detach()))
        known = {"kl": parts.kl, "is_clipped": parts.is_clipped, "mismatch": parts.mismatch, "entropy": entropies}
        for name, values in known.items():
            if values is not None:
                self.tokens[name].append(values.cpu().double())

    def figures(self, kl: str) -> dict[str, float]:
        """Means by their names in the journal; nothing where nothing was learned."""
        if not self.norms:
            return {}
        values = {name: torch.cat(parts) for name, parts in self.tokens.items() if parts}
        figures = {"loss": sum(self.losses) / len(self.norms), "grad_norm": sum(self.norms) / len(self.norms)}
        names = {"kl": f"kl/{kl}", "is_clipped": "clip_fraction", "entropy": "entropy"}
        figures |= {label: float(values[name].mean()) for name, label in names.items() if name in values}
        return figures | (mismatch_figures(values["mismatch"]) if "mismatch" in values else {})


def mismatch_figures(differences: torch.Tensor) -> dict[str, float]:
    """How far training and sampling log-probabilities are apart, from training minus sampling of each token, nats."""
    weights = (differences - differences.max()).exp()  # a common factor changes no effective sample size, and none overflows
    share = weights.sum().square() / (weights.square().sum() * len(weights))
    return {"mismatch/mean": float(differences.abs().mean()), "mismatch/max": float(differences.abs().max()), "mismatch/ess": float(share)}


def compute_gradient(model: Any, minibatch: Sequence[Example], job: TrainJob, micro_tokens: int, measures: Measures) -> None:
    """Add up the gradient of one minibatch, micro-batch by micro-batch."""
    rollouts, temperature = [example.rollout for example in minibatch], job.grpo.rollout.temperature
    sizes = Sizes(len(rollouts), sum(len(rollout.tokens) for rollout in rollouts), job.grpo.rollout.max_tokens)
    for group in micro_batches(rollouts, micro_tokens):
        batch = to_batch([rollouts[place] for place in group], job.device)
        width = batch.tokens_BT.shape[1]
        logits_BTV = logits_of(model, batch)
        logprobs_BT = token_logprobs(logits_BTV, batch.tokens_BT, temperature)
        old_BT = padded([minibatch[place].old for place in group], width)
        parts = policy_loss(
            logprobs_BT,
            logprobs_BT.detach() if old_BT is None else old_BT,
            padded([torch.tensor(rollouts[place].logprobs, device=job.device) for place in group], width),
            padded([minibatch[place].reference for place in group], width),
            batch.mask_BT,
            torch.tensor([minibatch[place].advantage for place in group], device=job.device),
            spec=job.grpo.loss,
            sizes=sizes,
        )
        parts.loss.backward()
        measures.add(parts, token_entropies(logits_BTV.detach(), temperature)[batch.mask_BT == 1])
