"""The GRPO loss, written once. Shapes: B sequences, T generated tokens (padded), legend in the suffix of each name.

Source: DeepSeek-R1, arXiv 2501.12948, Eq. 1-2, with DeepSeekMath's mean over tokens (arXiv 2402.03300, Eq. 3), because R1 does not say
which of the two it ran. KL estimator k3: Schulman, "Approximating KL divergence", 2020. Left out: sequence-level ratios, dual clipping.
"""

from typing import NamedTuple

import torch

from r1bench.backends.losses import LossSpec


class LossParts(NamedTuple):
    """The loss to differentiate and what to report of it."""

    loss: torch.Tensor
    """Scalar: the share of this micro-batch in the loss of its minibatch; shares add up."""
    kl_sum: float
    """k3 divergence from the reference in nats, summed over tokens."""
    clipped_sum: float
    """Tokens at which the clip was active."""


def token_logprobs(logits_BTV: torch.Tensor, tokens_BT: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
    """Log-probability in nats of each token at a temperature, before any top-p cut; shape (B, T)."""
    scaled = logits_BTV.float() if temperature == 1 else logits_BTV.float() / temperature
    return -torch.nn.functional.cross_entropy(scaled.flatten(0, 1), tokens_BT.flatten(), reduction="none").view_as(tokens_BT)


def k3(logprobs_BT: torch.Tensor, reference_BT: torch.Tensor) -> torch.Tensor:
    """reference/policy - log(reference/policy) - 1 per token: never negative, unbiased for KL(policy || reference); shape (B, T)."""
    difference = reference_BT - logprobs_BT
    return difference.exp() - difference - 1


def policy_loss(
    logprobs_BT: torch.Tensor,
    old_BT: torch.Tensor,
    reference_BT: torch.Tensor | None,
    mask_BT: torch.Tensor,
    advantages_B: torch.Tensor,
    spec: LossSpec,
    *,
    num_sequences: int,
    num_tokens: float,
) -> LossParts:
    """minus min(ratio A, clip(ratio) A), plus the coefficient times k3, aggregated as the spec says.

    Args:
        logprobs_BT, old_BT, reference_BT: of the policy being trained, the policy that drew the tokens, the reference (or None).
        mask_BT: 1 for generated tokens (the end-of-text token included), 0 for padding.
        num_sequences, num_tokens: of the whole minibatch that this micro-batch is a part of, so that the result does not depend
            on how a minibatch is cut.
    """
    is_padding = mask_BT == 0  # whatever stands there must not reach an exponential: infinity times 0 is not 0
    logprobs_BT, old_BT = logprobs_BT.masked_fill(is_padding, 0.0), old_BT.masked_fill(is_padding, 0.0)
    ratio_BT = (logprobs_BT - old_BT).exp()
    advantages_BT = advantages_B[:, None]
    plain_BT = ratio_BT * advantages_BT
    clipped_BT = ratio_BT.clamp(1 - spec.clip_low, 1 + spec.clip_high) * advantages_BT
    losses_BT = -torch.minimum(plain_BT, clipped_BT)
    kl_BT = torch.zeros_like(losses_BT)
    if reference_BT is not None:
        kl_BT = k3(logprobs_BT, reference_BT.masked_fill(is_padding, 0.0))
        losses_BT = losses_BT + spec.kl_coefficient * kl_BT
    masked_BT = losses_BT * mask_BT
    if spec.aggregation == "seq_mean_token_mean":
        loss = (masked_BT.sum(dim=1) / mask_BT.sum(dim=1).clamp(min=1)).sum() / num_sequences
    else:
        loss = masked_BT.sum() / num_tokens
    is_clipped = (clipped_BT < plain_BT).float() * mask_BT
    return LossParts(loss, float((kl_BT.detach() * mask_BT).sum()), float(is_clipped.sum()))
