"""How much better than its siblings was each completion? Advantages from rewards, as LossSpec says.

Sources: GRPO, DeepSeekMath, arXiv 2402.03300, 4.1.2, and DeepSeek-R1, arXiv 2501.12948, Eq. 3; RLOO, arXiv 2402.14740, Eq. 8; REINFORCE++,
arXiv 2501.03262. Left out: critics, per-step rewards.
"""

import torch

from r1bench.backends.losses import LossSpec


def group_advantages(rewards_B: torch.Tensor, group_size: int, spec: LossSpec, lengths_B: torch.Tensor | None = None) -> torch.Tensor:
    """The rewards centred, scaled and perhaps whitened.

    Args:
        rewards_B: float64, groups side by side: B is a multiple of `group_size`. NaN means that no reward applies: that sample
            gets advantage 0 and its siblings are compared without it.
        lengths_B: tokens of each completion that are learned from; needed to whiten.

    Returns:
        float32 advantages, shape (B,). A group whose rewards are all equal, or with fewer than two of them, gets 0 exactly: in
        float32, rounding in the mean divided by a tiny eps would become a full-size push.
    """
    groups = grouped(rewards_B.double(), group_size)
    is_known = ~groups.isnan()
    deviations = centred(groups, is_known)
    advantages = deviations
    if spec.centre == "leave_one_out":
        count = is_known.sum(dim=1, keepdim=True)
        advantages = deviations * count / (count - 1).clamp(min=1)
    if spec.scale == "group_std":
        advantages = advantages / (deviation(deviations, is_known, spec.ddof) + spec.eps)
    elif spec.scale == "batch_std":
        everything = centred(groups.view(1, -1), is_known.view(1, -1))
        advantages = advantages / (deviation(everything, is_known.view(1, -1), spec.ddof) + spec.eps)
    if spec.whiten:
        assert lengths_B is not None, "whitening is over tokens"
        advantages = whitened(advantages.view(1, -1), lengths_B.view(1, -1) * is_known.view(1, -1), spec).view_as(groups)
    is_compared = is_known & has_signal(rewards_B, group_size)[:, None]
    return torch.where(is_compared, advantages, torch.zeros_like(advantages)).view(-1).float()


def grouped(values_B: torch.Tensor, group_size: int) -> torch.Tensor:
    """A row for each group."""
    return values_B.view(len(values_B) // group_size, group_size)


def has_signal(rewards_B: torch.Tensor, group_size: int) -> torch.Tensor:
    """Whether the rewards of a group differ, NaN left out; one boolean for each group."""
    groups = grouped(rewards_B, group_size)
    return groups.nan_to_num(float("-inf")).amax(dim=1) > groups.nan_to_num(float("inf")).amin(dim=1)


def centred(rewards: torch.Tensor, is_known: torch.Tensor) -> torch.Tensor:
    """Each row minus the mean of what is known in it."""
    known = rewards.nan_to_num(0.0)
    return (known - known.sum(dim=1, keepdim=True) / is_known.sum(dim=1, keepdim=True).clamp(min=1)) * is_known


def deviation(deviations: torch.Tensor, weights: torch.Tensor, ddof: int) -> torch.Tensor:
    """Standard deviation of each row of what is centred already, every number counted by its weight."""
    total = (deviations.square() * weights).sum(dim=1, keepdim=True)
    return (total / (weights.sum(dim=1, keepdim=True) - ddof).clamp(min=1)).sqrt()


def whitened(advantages: torch.Tensor, lengths: torch.Tensor, spec: LossSpec) -> torch.Tensor:
    """Minus their mean and divided by their standard deviation over all tokens: a completion counts as often as it has tokens.

    As in REINFORCE++ (and OpenRLHF) groups without a signal count, with 0. There the mean is then taken off them too, which pushes all
    completions of such a group alike; `group_advantages` leaves them at 0.
    """
    shifted = advantages - (advantages * lengths).sum(dim=1, keepdim=True) / lengths.sum(dim=1, keepdim=True).clamp(min=1)
    return shifted / (deviation(shifted, lengths, spec.ddof) + spec.eps)
