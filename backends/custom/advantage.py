"""How much better than its siblings was each completion? Group-relative advantages.

Source: DeepSeekMath, arXiv 2402.03300, 4.1.2; DeepSeek-R1, arXiv 2501.12948, Eq. 3. Left out: critics, per-step rewards.
"""

import torch

from r1bench.backends.losses import LossSpec


def group_advantages(rewards_B: torch.Tensor, group_size: int, spec: LossSpec) -> torch.Tensor:
    """(reward - mean of its group) / (standard deviation of its group + eps).

    Args:
        rewards_B: float64, groups side by side: B is a multiple of `group_size`. NaN means that no reward applies: that sample
            gets advantage 0 and its siblings are compared without it.

    Returns:
        float32 advantages, shape (B,). A group whose rewards are all equal, or with fewer than two of them, gets 0 exactly: in
        float32, rounding in the mean divided by a tiny eps would become a full-size push.
    """
    groups = rewards_B.double().view(-1, group_size)
    is_known = ~groups.isnan()
    known = groups.nan_to_num(0.0)
    count = is_known.sum(dim=1, keepdim=True)
    centred = (known - known.sum(dim=1, keepdim=True) / count.clamp(min=1)) * is_known
    if spec.scale == "group_std":
        variance = centred.square().sum(dim=1, keepdim=True) / (count - spec.ddof).clamp(min=1)
        centred = centred / (variance.sqrt() + spec.eps)
    highest = groups.nan_to_num(float("-inf")).amax(dim=1, keepdim=True)
    lowest = groups.nan_to_num(float("inf")).amin(dim=1, keepdim=True)
    has_signal = (count > 1) & (highest > lowest)
    return torch.where(has_signal, centred, torch.zeros_like(centred)).view(-1).float()
