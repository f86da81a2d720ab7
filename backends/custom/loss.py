"""The policy-gradient loss with every choice of LossSpec, written once. B sequences, T generated tokens (padded), V vocabulary; the legend
stands in the suffix of each name.

Read policy_loss first; each factor in it is a function of its own above. The published losses are choices by name, with their papers
(`r1bench.backends.losses.PRESETS`). Advantages are made elsewhere (advantage), and completions that are masked never come here.
"""

from typing import NamedTuple

import torch

from r1bench.backends.losses import LossSpec

LARGEST_EXPONENT = 88.0
"""e to this power is still a number in float32."""
ELEMENTS_AT_ONCE = 1 << 24
"""Of logits, for whose entropy memory is taken: 64 MiB."""


class Sizes(NamedTuple):
    """Of the whole minibatch that a micro-batch is a part of, so that the result does not depend on how a minibatch is cut."""

    sequences: int
    tokens: int
    budget: int
    """Tokens that a completion may have, L."""


class LossParts(NamedTuple):
    """The loss to differentiate, and what to report of each generated token; padding stands in none of these flat tensors."""

    loss: torch.Tensor
    """Scalar: the share of this micro-batch in the loss of its minibatch; shares add up."""
    kl: torch.Tensor | None
    """The estimate of the divergence from the reference, nats; None without a reference."""
    is_clipped: torch.Tensor
    """1.0 where the clip was active."""
    mismatch: torch.Tensor | None
    """Training minus sampling log-probability under the policy that drew the token, nats; None where the latter is not known."""


def token_logprobs(logits_BTV: torch.Tensor, tokens_BT: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
    """Log-probability in nats of each token at a temperature, before any top-p cut; shape (B, T)."""
    scaled = logits_BTV.float() if temperature == 1 else logits_BTV.float() / temperature
    return -torch.nn.functional.cross_entropy(scaled.flatten(0, 1), tokens_BT.flatten(), reduction="none").view_as(tokens_BT)


@torch.no_grad()
def token_entropies(logits_BTV: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
    """Entropy in nats of the distribution over the next token at each place, exactly; shape (B, T). A few places at a time."""
    rows = logits_BTV.flatten(0, 1).split(max(1, ELEMENTS_AT_ONCE // logits_BTV.shape[-1]))
    parts = [torch.special.entr(torch.softmax(part.float() / temperature, dim=-1)).sum(dim=-1) for part in rows]
    return torch.cat(parts).view(logits_BTV.shape[:-1])


def kl_estimate(logprobs_BT: torch.Tensor, reference_BT: torch.Tensor, estimator: str) -> torch.Tensor:
    """Of KL(policy || reference) from one token each, nats; shape (B, T).

    Source: Schulman, "Approximating KL divergence", 2020. k1 and k3 are unbiased; k2 and k3 are never negative. As a loss k1 teaches
    nothing on average: its gradient has mean 0.
    """
    difference_BT = reference_BT - logprobs_BT
    if estimator == "k1":
        return -difference_BT
    return difference_BT.square() / 2 if estimator == "k2" else difference_BT.exp() - difference_BT - 1


def log_ratios(logprobs_BT: torch.Tensor, old_BT: torch.Tensor, mask_BT: torch.Tensor, spec: LossSpec) -> torch.Tensor:
    """log(policy / policy that drew), of each token or the mean over its sequence at each of them (GSPO, arXiv 2507.18071, Eq. 7)."""
    log_ratio_BT = logprobs_BT - old_BT
    if spec.ratio == "token":
        return log_ratio_BT
    mean_B = (log_ratio_BT * mask_BT).sum(dim=1) / mask_BT.sum(dim=1).clamp(min=1)
    return mean_B[:, None] * mask_BT


class Objective(NamedTuple):
    """What is maximised at each token, shape (B, T)."""

    value_BT: torch.Tensor
    is_clipped_BT: torch.Tensor
    """Whether it is not what it were without clipping."""


def objective(log_ratio_BT: torch.Tensor, logprobs_BT: torch.Tensor, advantages_B: torch.Tensor, spec: LossSpec) -> Objective:
    """By the surrogate: min(ratio A, clip(ratio) A), A log p weighted by the clipped ratio, or A log p."""
    advantages_BT = advantages_B[:, None].expand_as(logprobs_BT)
    low, high = 1 - spec.clip_low, 1 + spec.clip_high
    if spec.surrogate == "reinforce":
        return Objective(advantages_BT * logprobs_BT, torch.zeros_like(logprobs_BT, dtype=torch.bool))
    if spec.surrogate == "cispo":
        ratio_BT = log_ratio_BT.detach().exp()
        weight_BT = ratio_BT.clamp(low, high)
        if spec.dual_clip is not None:
            weight_BT = torch.where(advantages_BT < 0, weight_BT.clamp(max=spec.dual_clip), weight_BT)
        return Objective(weight_BT * advantages_BT * logprobs_BT, weight_BT != ratio_BT)
    # An infinite ratio is harmless where the clip takes its place, but for its gradient: 0 times infinity.
    is_bounded_BT = advantages_BT >= 0 if spec.dual_clip is None else torch.ones_like(advantages_BT, dtype=torch.bool)
    ratio_BT = torch.where(is_bounded_BT, log_ratio_BT.clamp(max=LARGEST_EXPONENT), log_ratio_BT).exp()
    plain_BT = ratio_BT * advantages_BT
    value_BT = torch.minimum(plain_BT, ratio_BT.clamp(low, high) * advantages_BT)
    if spec.dual_clip is not None:
        value_BT = torch.where(advantages_BT < 0, torch.maximum(value_BT, spec.dual_clip * advantages_BT), value_BT)
    return Objective(value_BT, value_BT != plain_BT)


def mismatch_weights(difference_BT: torch.Tensor, mask_BT: torch.Tensor, spec: LossSpec) -> torch.Tensor:
    """What a token counts because it was drawn by other probabilities than training sees; no gradient passes.

    Args:
        difference_BT: training minus sampling log-probability under the policy that drew it; 0 in the padding.
    """
    level, _, cut = spec.mismatch.partition("_")
    if level == "sequence":
        difference_BT = (difference_BT * mask_BT).sum(dim=1, keepdim=True).expand_as(difference_BT)
    weights_BT = difference_BT.exp()
    limit = spec.mismatch_max
    return weights_BT.clamp(max=limit) if cut == "truncate" else weights_BT.masked_fill(weights_BT > limit, 0.0)


def aggregate(losses_BT: torch.Tensor, mask_BT: torch.Tensor, spec: LossSpec, sizes: Sizes) -> torch.Tensor:
    """One number from those of all tokens: this micro-batch's share."""
    sums_B = (losses_BT * mask_BT).sum(dim=1)
    if spec.aggregation == "seq_mean_token_mean":
        return (sums_B / mask_BT.sum(dim=1).clamp(min=1)).sum() / sizes.sequences
    if spec.aggregation == "token_mean":
        return sums_B.sum() / sizes.tokens
    if spec.aggregation == "const_length":
        return sums_B.sum() / (sizes.sequences * sizes.budget)
    return sums_B.sum() / sizes.sequences


def policy_loss(
    logprobs_BT: torch.Tensor,
    old_BT: torch.Tensor,
    sampled_BT: torch.Tensor | None,
    reference_BT: torch.Tensor | None,
    mask_BT: torch.Tensor,
    advantages_B: torch.Tensor,
    *,
    spec: LossSpec,
    sizes: Sizes,
) -> LossParts:
    """minus the objective times the mismatch weight, plus the coefficient times the divergence, aggregated as the spec says.

    Args:
        logprobs_BT: of the policy being trained.
        old_BT, sampled_BT: of the policy that drew the tokens, by the forward pass of training and by the sampler (or None).
        reference_BT: of the reference; None where there is none. A divergence that stands in the reward is only reported here.
        mask_BT: 1 for generated tokens (the end-of-text token included), 0 for padding.
    """
    is_padding_BT = mask_BT == 0  # whatever stands there must not reach an exponential: infinity times 0 is not 0
    logprobs_BT, old_BT = logprobs_BT.masked_fill(is_padding_BT, 0.0), old_BT.masked_fill(is_padding_BT, 0.0)
    log_ratio_BT = log_ratios(logprobs_BT, old_BT, mask_BT, spec)
    value_BT, is_clipped_BT = objective(log_ratio_BT, logprobs_BT, advantages_B, spec)
    losses_BT, kl_BT, difference_BT = -value_BT, None, None
    if sampled_BT is not None:
        difference_BT = (old_BT - sampled_BT).masked_fill(is_padding_BT, 0.0).detach()
        if spec.mismatch != "off":
            losses_BT = losses_BT * mismatch_weights(difference_BT, mask_BT, spec)
    if reference_BT is not None:
        kl_BT = kl_estimate(logprobs_BT, reference_BT.masked_fill(is_padding_BT, 0.0), spec.kl)
        if spec.kl_place == "loss":
            weight_BT = log_ratio_BT.exp() if spec.kl_weighted else 1.0
            losses_BT = losses_BT + spec.kl_coefficient * weight_BT * kl_BT
    parts = (kl_BT, is_clipped_BT.float(), difference_BT)
    kl, is_clipped, mismatch = (each[~is_padding_BT].detach() if each is not None else None for each in parts)
    assert is_clipped is not None
    return LossParts(aggregate(losses_BT, mask_BT, spec, sizes), kl, is_clipped, mismatch)
