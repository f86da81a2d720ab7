"""Advantages of our own GRPO against golden values and a second, slow way of computing them."""

import math
import statistics

import pytest
import torch

from r1bench.backends.custom.advantage import group_advantages, has_signal
from r1bench.backends.losses import PRESETS, LossSpec

NAN = math.nan
REWARDS = [1.0, 0.0, 0.5, 0.0, 1.0, 1.0, 0.0, NAN, 0.1, 0.1, 0.1, 0.1, 2.0, 0.3, 0.7, 0.3]
LENGTHS = [6, 3, 2, 5, 4, 6, 1, 3, 2, 7, 1, 3, 5, 2, 2, 0]
SPECS = {
    **{name: LossSpec(preset=name) for name in PRESETS},
    "batch": LossSpec(scale="batch_std"),
    "batch, ddof 0": LossSpec(scale="batch_std", ddof=0, eps=0.0),
    "left out, by group": LossSpec(centre="leave_one_out", ddof=0),
    "left out, by batch, whitened": LossSpec(centre="leave_one_out", scale="batch_std", whiten=True, ddof=0),
    "by group, whitened": LossSpec(whiten=True, eps=1e-2),
}


def spread(values: list[float], ddof: int) -> float:
    return statistics.stdev(values) if ddof else statistics.pstdev(values)


def by_definition(rewards: list[float], lengths: list[int], spec: LossSpec) -> list[float]:
    """Sample by sample, in plain Python, for groups of 4."""
    everything, found = [reward for reward in rewards if not math.isnan(reward)], []
    for place, reward in enumerate(rewards):
        start = place - place % 4
        group = [rewards[other] for other in range(start, start + 4) if not math.isnan(rewards[other])]
        others = [rewards[other] for other in range(start, start + 4) if other != place and not math.isnan(rewards[other])]
        if math.isnan(reward) or len(set(group)) < 2:
            found.append(0.0)
            continue
        advantage = reward - statistics.fmean(others if spec.centre == "leave_one_out" else group)
        scale = {"group_std": group, "batch_std": everything}.get(spec.scale)
        found.append(advantage / (spread(scale, spec.ddof) + spec.eps) if scale else advantage)
    if not spec.whiten:
        return found
    known = zip(found, lengths, rewards, strict=True)
    tokens = [advantage for advantage, length, reward in known for _ in range(length) if not math.isnan(reward)]
    mean, deviation = statistics.fmean(tokens), spread(tokens, spec.ddof) + spec.eps
    return [(advantage - mean) / deviation if advantage else 0.0 for advantage in found]


def advantages(rewards: list[float], spec: LossSpec, lengths: list[int] = LENGTHS, size: int = 4) -> torch.Tensor:
    return group_advantages(torch.tensor(rewards, dtype=torch.float64), size, spec, torch.tensor(lengths[: len(rewards)]))


@pytest.mark.parametrize("name", SPECS)
def test_advantages_are_what_their_definition_says(name: str) -> None:
    found = advantages(REWARDS, SPECS[name])
    assert found.tolist() == pytest.approx(by_definition(REWARDS, LENGTHS, SPECS[name]), abs=1e-6)


@pytest.mark.parametrize(("ddof", "expected"), [(0, [-0.997, 1.102, 0.892, -0.997]), (1, [-0.864, 0.955, 0.773, -0.864])])
def test_advantages_have_the_golden_values(ddof: int, expected: list[float]) -> None:
    spec = LossSpec(ddof=ddof, eps=0.0)  # type: ignore[arg-type]
    assert advantages([0.1, 1.1, 1.0, 0.1], spec).tolist() == pytest.approx(expected, abs=1e-3)


def test_whitening_gives_the_values_of_openrlhf_where_no_group_is_without_a_signal() -> None:
    """reinforce_baseline of OpenRLHF 0.11.2 for these rewards and lengths; it divides by the deviation with ddof 0."""
    spec = LossSpec(preset="reinforce_plus_plus_baseline", ddof=0, eps=0.0)
    found = advantages([1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0], spec, [6, 3, 2, 5, 4, 6, 1, 3])
    assert found.tolist() == pytest.approx([0.8596, -1.3828, -1.3828, 0.8596, 0.2990, 0.2990, 0.2990, -1.9433], abs=1e-4)


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("reward", [0.1, 0.3, 0.7, 1 / 3, 1.0])
def test_a_group_of_equal_rewards_has_no_advantage_at_all(name: str, reward: float) -> None:
    spec = SPECS[name].model_copy(update={"eps": 1e-9})
    assert torch.all(advantages([reward] * 8 + [0.0, 1.0, 1.0, 1.0], spec)[:8] == 0)


@pytest.mark.parametrize("name", SPECS)
def test_a_reward_that_does_not_apply_touches_its_own_sample_only(name: str) -> None:
    lengths = [3, 4, 9, 5]
    with_gap, without = advantages([1.0, 0.0, NAN, 0.0], SPECS[name], lengths), advantages([1.0, 0.0, 0.0], SPECS[name], [3, 4, 5], 3)
    assert with_gap[[0, 1, 3]].tolist() == pytest.approx(without.tolist())
    assert with_gap[2] == 0


@pytest.mark.parametrize("name", SPECS)
def test_adding_a_constant_to_all_rewards_changes_nothing(name: str) -> None:
    shifted = [reward + 7 for reward in REWARDS]
    assert torch.allclose(advantages(REWARDS, SPECS[name]), advantages(shifted, SPECS[name]), atol=1e-6)


@pytest.mark.parametrize("name", SPECS)
def test_the_order_within_a_group_changes_nothing(name: str) -> None:
    order = [2, 0, 3, 1, 7, 6, 5, 4, *range(8, 16)]
    found = advantages([REWARDS[place] for place in order], SPECS[name], [LENGTHS[place] for place in order])
    assert torch.allclose(found, advantages(REWARDS, SPECS[name])[order], atol=1e-6)


def test_rewards_that_differ_are_a_signal_and_those_that_do_not_apply_are_none() -> None:
    rewards = torch.tensor([0.1, 0.1, 0.1, 0.2, 0.3, 0.3, NAN, 1.0, NAN, NAN, NAN, NAN], dtype=torch.float64)
    assert has_signal(rewards, 2).tolist() == [False, True, False, False, False, False]
    assert has_signal(rewards, 4).tolist() == [True, True, False]
    assert has_signal(rewards[:0], 4).tolist() == []
