"""The arithmetic of our own GRPO: advantages and loss against golden values and a second way of computing them."""

import math
from pathlib import Path

import pytest
import torch

from r1bench.backends.custom.advantage import group_advantages
from r1bench.backends.custom.loss import k3, policy_loss, token_logprobs
from r1bench.backends.custom.update import learning_rate
from r1bench.backends.job import OptimizerSpec, read_job
from r1bench.backends.losses import LossSpec

FLAT_JOB = Path(__file__).parents[1] / "cases" / "flat_job.json"
LENGTHS = (6, 3, 2, 5, 4, 6, 1, 3)


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    mask = torch.tensor([[1.0] * length + [0.0] * (6 - length) for length in LENGTHS])
    logprobs = (torch.randn(8, 6) * 0.3 - 1).requires_grad_()
    old = logprobs.detach() + torch.randn(8, 6) * 0.3
    return {"logprobs_BT": logprobs, "old_BT": old, "reference_BT": old + 0.1, "mask_BT": mask, "advantages_B": torch.randn(8)}


def loss_by_definition(batch: dict[str, torch.Tensor], spec: LossSpec) -> float:
    """Token by token, in plain Python."""
    rows = []
    for row, length in enumerate(LENGTHS):
        tokens = []
        for t in range(length):
            new, old, ref = (float(batch[name][row, t].detach()) for name in ("logprobs_BT", "old_BT", "reference_BT"))
            ratio, advantage = math.exp(new - old), float(batch["advantages_B"][row])
            clipped = min(max(ratio, 1 - spec.clip_low), 1 + spec.clip_high)
            divergence = math.exp(ref - new) - (ref - new) - 1
            tokens.append(-min(ratio * advantage, clipped * advantage) + spec.kl_coefficient * divergence)
        rows.append(tokens)
    if spec.aggregation == "seq_mean_token_mean":
        return sum(sum(tokens) / len(tokens) for tokens in rows) / len(rows)
    return sum(map(sum, rows)) / sum(LENGTHS)


@pytest.mark.parametrize("aggregation", ["seq_mean_token_mean", "token_mean"])
def test_the_loss_is_what_its_formula_says(batch: dict[str, torch.Tensor], aggregation: str) -> None:
    spec = LossSpec(aggregation=aggregation, kl_coefficient=0.1, clip_high=0.28)  # type: ignore[arg-type]
    parts = policy_loss(**batch, spec=spec, num_sequences=8, num_tokens=float(sum(LENGTHS)))
    assert float(parts.loss.detach()) == pytest.approx(loss_by_definition(batch, spec), abs=1e-6)


@pytest.mark.parametrize("aggregation", ["seq_mean_token_mean", "token_mean"])
def test_cutting_a_minibatch_into_micro_batches_changes_no_gradient(batch: dict[str, torch.Tensor], aggregation: str) -> None:
    spec, gradients = LossSpec(aggregation=aggregation, kl_coefficient=0.1), []  # type: ignore[arg-type]
    for size in (8, 4, 2, 1):
        batch["logprobs_BT"].grad = None
        for start in range(0, 8, size):
            part = {name: value[start : start + size] for name, value in batch.items()}
            policy_loss(**part, spec=spec, num_sequences=8, num_tokens=float(sum(LENGTHS))).loss.backward()
        gradients.append(batch["logprobs_BT"].grad.clone())
    assert all(torch.allclose(gradients[0], other, atol=1e-7) for other in gradients[1:])


def test_padding_gets_no_gradient_and_the_end_token_gets_one(batch: dict[str, torch.Tensor]) -> None:
    policy_loss(**batch, spec=LossSpec(), num_sequences=8, num_tokens=30.0).loss.backward()
    gradient = batch["logprobs_BT"].grad
    assert torch.all(gradient[batch["mask_BT"] == 0] == 0)
    is_clipped = (batch["logprobs_BT"].detach() - batch["old_BT"]).exp().sub(1).abs() > 0.2
    ends = torch.tensor([length - 1 for length in LENGTHS])
    free = [row for row in range(8) if not is_clipped[row, ends[row]]]
    assert free
    assert all(gradient[row, ends[row]] != 0 for row in free)


def test_on_policy_without_reference_the_gradient_is_that_of_reinforce(batch: dict[str, torch.Tensor]) -> None:
    logprobs = batch["logprobs_BT"]
    mask, advantages = batch["mask_BT"], batch["advantages_B"]
    policy_loss(logprobs, logprobs.detach(), None, mask, advantages, LossSpec(), num_sequences=8, num_tokens=30.0).loss.backward()
    lengths = batch["mask_BT"].sum(1, keepdim=True)
    expected = -batch["advantages_B"][:, None] * batch["mask_BT"] / lengths / 8
    assert torch.allclose(logprobs.grad, expected, atol=1e-7)


def test_k3_is_zero_for_equal_models_positive_otherwise_and_unbiased() -> None:
    policy, reference = torch.tensor([0.5, 0.3, 0.2]).log(), torch.tensor([0.2, 0.3, 0.5]).log()
    assert torch.all(k3(policy, policy) == 0)
    assert torch.all(k3(policy, reference) >= 0)
    exact = (policy.exp() * (policy - reference)).sum()
    assert float((policy.exp() * k3(policy, reference)).sum()) == pytest.approx(float(exact), abs=1e-6)


@pytest.mark.parametrize(("ddof", "expected"), [(0, [-0.997, 1.102, 0.892, -0.997]), (1, [-0.864, 0.955, 0.773, -0.864])])
def test_advantages_have_the_golden_values(ddof: int, expected: list[float]) -> None:
    spec = LossSpec(ddof=ddof, eps=0.0)  # type: ignore[arg-type]
    found = group_advantages(torch.tensor([0.1, 1.1, 1.0, 0.1], dtype=torch.float64), 4, spec)
    assert found.tolist() == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("reward", [0.1, 0.3, 0.7, 1 / 3, 1.0])
def test_a_group_of_equal_rewards_has_no_advantage_at_all(reward: float) -> None:
    found = group_advantages(torch.full((16,), reward, dtype=torch.float64), 8, LossSpec(eps=1e-9))
    assert torch.all(found == 0)


def test_a_reward_that_does_not_apply_touches_its_own_sample_only() -> None:
    nan = float("nan")
    with_gap = group_advantages(torch.tensor([1.0, 0.0, nan, 0.0], dtype=torch.float64), 4, LossSpec())
    without = group_advantages(torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64), 3, LossSpec())
    assert with_gap[[0, 1, 3]].tolist() == pytest.approx(without.tolist())
    assert with_gap[2] == 0


def test_adding_a_constant_to_a_groups_rewards_changes_nothing() -> None:
    rewards = torch.tensor([1.0, 0.0, 0.5, 0.0, 1.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    assert torch.allclose(group_advantages(rewards, 4, LossSpec()), group_advantages(rewards + 7, 4, LossSpec()), atol=1e-6)


def test_log_probabilities_are_those_of_the_distribution_that_was_sampled() -> None:
    logits, tokens = torch.randn(2, 3, 5), torch.tensor([[0, 1, 2], [3, 4, 0]])
    expected = torch.log_softmax(logits / 0.7, dim=-1).gather(2, tokens[..., None]).squeeze(2)
    assert torch.allclose(token_logprobs(logits, tokens, 0.7), expected, atol=1e-6)


def test_what_stands_in_the_padding_reaches_neither_loss_nor_gradient(batch: dict[str, torch.Tensor]) -> None:
    spec = LossSpec(kl_coefficient=0.1)
    clean = policy_loss(**batch, spec=spec, num_sequences=8, num_tokens=30.0).loss
    spoilt = {name: batch[name].detach().masked_fill(batch["mask_BT"] == 0, -1000.0) for name in ("logprobs_BT", "old_BT")}
    spoilt["logprobs_BT"].requires_grad_()
    loss = policy_loss(**{**batch, **spoilt}, spec=spec, num_sequences=8, num_tokens=30.0).loss
    loss.backward()
    assert torch.equal(loss.detach(), clean.detach())
    assert bool(torch.isfinite(spoilt["logprobs_BT"].grad).all())


@pytest.mark.parametrize(("decay", "halfway", "end"), [("constant", 1.0, 1.0), ("linear", 0.55, 0.1), ("cosine", 0.55, 0.1)])
def test_the_learning_rate_falls_to_its_share(decay: str, halfway: float, end: float) -> None:
    job = read_job(FLAT_JOB)
    job = job.model_copy(update={"optimizer": OptimizerSpec(learning_rate=1.0, decay=decay, decay_to=0.1)})  # type: ignore[arg-type]
    updates = job.num_steps() * job.grpo.minibatches
    rates = [learning_rate(job, update) for update in (0, updates // 2, updates)]
    assert rates == pytest.approx([1.0, halfway, end])
