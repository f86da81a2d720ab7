"""The loss of our own GRPO against a second way of computing it, and its gradient against finite differences."""

import math
from typing import NamedTuple

import pytest
import torch

from r1bench.backends.custom import loss
from r1bench.backends.custom.loss import LossParts, Sizes, kl_estimate, policy_loss, token_entropies, token_logprobs
from r1bench.backends.losses import PRESETS, LossSpec

LENGTHS, WIDTH, BUDGET = (6, 3, 2, 5, 4, 6, 1, 3), 6, 24
SIZES = Sizes(len(LENGTHS), sum(LENGTHS), BUDGET)
KL = {"kl_coefficient": 0.1}
VARIANTS = {
    "k1": {"kl": "k1", **KL},
    "k2": {"kl": "k2", **KL},
    "weighted k3": {"kl_weighted": True, **KL},
    "in the reward": {"kl_place": "reward", **KL},
    "dual clip": {"dual_clip": 1.1},
    "dual clip, cispo": {"preset": "cispo", "dual_clip": 1.1},
    "two-sided cispo": {"preset": "cispo", "clip_low": 0.1, "clip_high": 0.1},
    "sequences, mean over tokens": {"ratio": "sequence", "aggregation": "token_mean", "clip_high": 0.05, "kl_weighted": True},
    "reinforce over all tokens": {"surrogate": "reinforce", "aggregation": "const_length"},
    **{mismatch: {"mismatch": mismatch, "mismatch_max": 1.2, **KL} for mismatch in ("token_truncate", "token_mask")},
    **{mismatch: {"mismatch": mismatch, "mismatch_max": 1.2, "preset": "gspo"} for mismatch in ("sequence_truncate", "sequence_mask")},
}
SPECS = {**{name: LossSpec(preset=name) for name in PRESETS}, **{name: LossSpec(**fields) for name, fields in VARIANTS.items()}}  # type: ignore[arg-type]


class Batch(NamedTuple):
    """Of eight sequences; what stands in the padding is random too."""

    logprobs_BT: torch.Tensor
    old_BT: torch.Tensor
    sampled_BT: torch.Tensor
    reference_BT: torch.Tensor
    mask_BT: torch.Tensor
    advantages_B: torch.Tensor


@pytest.fixture
def batch() -> Batch:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    logprobs, *noise = torch.randn(4, 8, WIDTH, dtype=torch.float64) * 0.3
    old = logprobs - 1 + noise[0]
    mask = torch.tensor([[1.0] * length + [0.0] * (WIDTH - length) for length in LENGTHS])
    return Batch((logprobs - 1).requires_grad_(), old, old + noise[1], old + noise[2], mask, torch.randn(8, dtype=torch.float64))


def loss_by_definition(batch: Batch, spec: LossSpec, logprobs: list[list[float]]) -> float:
    """Token by token, in plain Python, at the given log-probabilities; what no gradient passes stays at those of the batch."""
    old, sampled, reference, fixed = (each.tolist() for each in (batch.old_BT, batch.sampled_BT, batch.reference_BT, batch.logprobs_BT))
    rows = []
    for row, length in enumerate(LENGTHS):
        advantage, tokens = float(batch.advantages_B[row]), []
        for t in range(length):
            new, ref = logprobs[row][t], reference[row][t]
            ratio, fixed_ratio = (ratio_by_definition(each[row][:length], old[row][:length], t, spec) for each in (logprobs, fixed))
            gaps = [old[row][other] - sampled[row][other] for other in range(length)]
            weight = 1.0 if spec.mismatch == "off" else math.exp(sum(gaps) if spec.mismatch.startswith("sequence") else gaps[t])
            if spec.mismatch.endswith("truncate"):
                weight = min(weight, spec.mismatch_max)
            elif spec.mismatch.endswith("mask") and weight > spec.mismatch_max:
                weight = 0.0
            divergence = {"k1": new - ref, "k2": (new - ref) ** 2 / 2, "k3": math.exp(ref - new) - (ref - new) - 1, "none": 0.0}[spec.kl]
            coefficient = spec.kl_coefficient * (ratio if spec.kl_weighted else 1.0) * (spec.kl_place == "loss")
            tokens.append(-weight * gain_by_definition(ratio, fixed_ratio, new, advantage, spec) + coefficient * divergence)
        rows.append(tokens)
    total = sum(map(sum, rows))
    return {
        "seq_mean_token_mean": sum(sum(tokens) / len(tokens) for tokens in rows) / len(rows),
        "token_mean": total / sum(LENGTHS),
        "const_length": total / (len(rows) * BUDGET),
        "seq_mean_token_sum": total / len(rows),
    }[spec.aggregation]


def ratio_by_definition(new: list[float], old: list[float], t: int, spec: LossSpec) -> float:
    gaps = [one - other for one, other in zip(new, old, strict=True)]
    return math.exp(gaps[t]) if spec.ratio == "token" else math.exp(sum(gaps) / len(gaps))


def gain_by_definition(ratio: float, fixed_ratio: float, new: float, advantage: float, spec: LossSpec) -> float:
    low, high = 1 - spec.clip_low, 1 + spec.clip_high
    most = spec.dual_clip if spec.dual_clip is not None and advantage < 0 else math.inf
    if spec.surrogate == "reinforce":
        return advantage * new
    if spec.surrogate == "cispo":
        return min(max(fixed_ratio, low), high, most) * advantage * new
    pessimistic = min(ratio * advantage, min(max(ratio, low), high) * advantage)
    return max(pessimistic, most * advantage) if advantage < 0 and most < math.inf else pessimistic


def parts_of(batch: Batch, spec: LossSpec, sizes: Sizes = SIZES) -> LossParts:
    reference = batch.reference_BT if spec.has_reference else None
    return policy_loss(batch.logprobs_BT, batch.old_BT, batch.sampled_BT, reference, *batch[4:], spec=spec, sizes=sizes)


@pytest.mark.parametrize("name", SPECS)
def test_the_loss_is_what_its_formula_says(batch: Batch, name: str) -> None:
    found = float(parts_of(batch, SPECS[name]).loss.detach())
    assert found == pytest.approx(loss_by_definition(batch, SPECS[name], batch.logprobs_BT.tolist()), abs=1e-9)


@pytest.mark.parametrize("name", SPECS)
def test_the_gradient_is_the_slope_of_the_loss(batch: Batch, name: str) -> None:
    parts_of(batch, SPECS[name]).loss.backward()
    logprobs, step = batch.logprobs_BT.tolist(), 1e-6
    for row, length in enumerate(LENGTHS):
        for t in range(length):
            middle, values = logprobs[row][t], []
            for logprobs[row][t] in (middle + step, middle - step):
                values.append(loss_by_definition(batch, SPECS[name], logprobs))
            logprobs[row][t] = middle
            assert float(batch.logprobs_BT.grad[row, t]) == pytest.approx((values[0] - values[1]) / (2 * step), abs=1e-7)


@pytest.mark.parametrize("name", SPECS)
def test_cutting_a_minibatch_into_micro_batches_changes_no_gradient(batch: Batch, name: str) -> None:
    gradients = []
    for size in (8, 3, 1):
        batch.logprobs_BT.grad = None
        for start in range(0, 8, size):
            parts_of(Batch(*(each[start : start + size] for each in batch)), SPECS[name]).loss.backward()
        gradients.append(batch.logprobs_BT.grad.clone())
    assert all(torch.allclose(gradients[0], other, atol=1e-12) for other in gradients[1:])


@pytest.mark.parametrize("name", SPECS)
def test_what_stands_in_the_padding_and_how_much_of_it_reaches_nothing(batch: Batch, name: str) -> None:
    clean = parts_of(batch, SPECS[name])
    clean.loss.backward()
    wider = Batch(*(torch.nn.functional.pad(each.detach(), (0, 3)) if each.dim() == 2 else each for each in batch))
    signs = (-1000.0, 1000.0, -1000.0, 1000.0)
    values = [each.masked_fill(wider.mask_BT == 0, sign) for each, sign in zip(wider[:4], signs, strict=True)]
    spoilt = Batch(values[0].requires_grad_(), *values[1:], *wider[4:])
    parts = parts_of(spoilt, SPECS[name])
    parts.loss.backward()
    assert float(parts.loss.detach()) == pytest.approx(float(clean.loss.detach()), abs=1e-12)
    assert torch.allclose(spoilt.logprobs_BT.grad[:, :WIDTH], batch.logprobs_BT.grad, atol=1e-12)
    assert torch.all(spoilt.logprobs_BT.grad[wider.mask_BT == 0] == 0)
    assert all(len(each) == SIZES.tokens for each in parts[1:] if each is not None)


@pytest.mark.parametrize("name", [name for name in SPECS if LossSpec(preset=SPECS[name].preset).surrogate == "clip"])
def test_on_policy_the_gradient_is_that_of_reinforce(batch: Batch, name: str) -> None:
    spec = SPECS[name].model_copy(update={"kl": "none", "mismatch": "off", "surrogate": "clip"})
    on_policy = batch._replace(old_BT=batch.logprobs_BT.detach())
    parts_of(on_policy, spec).loss.backward()
    clipped, batch.logprobs_BT.grad = batch.logprobs_BT.grad, None
    parts_of(on_policy, spec.model_copy(update={"surrogate": "reinforce"})).loss.backward()
    assert clipped.abs().sum() > 0
    assert torch.allclose(clipped, batch.logprobs_BT.grad, atol=1e-12)


def test_the_end_token_is_learned(batch: Batch) -> None:
    parts_of(batch, LossSpec(preset="dr_grpo", clip_low=1.0, clip_high=10.0)).loss.backward()
    assert all(batch.logprobs_BT.grad[row, length - 1] != 0 for row, length in enumerate(LENGTHS))


def test_a_ratio_beyond_all_numbers_is_clipped_like_any_other() -> None:
    logprobs = torch.tensor([[-1.0, -1.0], [-1.0, -1.0]], requires_grad=True)
    old, mask = torch.tensor([[-500.0, -1.0], [-500.0, -1.0]]), torch.ones(2, 2)
    for preset in ("grpo", "gspo", "cispo"):
        spec, advantages = LossSpec(preset=preset, kl="none", dual_clip=3.0), torch.tensor([1.0, -1.0])
        parts = policy_loss(logprobs, old, None, None, mask, advantages, spec=spec, sizes=Sizes(2, 4, 2))
        parts.loss.backward()
        assert bool(torch.isfinite(parts.loss))
        assert bool(torch.isfinite(logprobs.grad).all())
        assert parts.is_clipped[[0, 2]].tolist() == [1.0, 1.0]


def test_an_unbounded_ratio_beyond_all_numbers_is_not_hidden() -> None:
    logprobs = torch.tensor([[-1.0]], requires_grad=True)
    parts = policy_loss(
        logprobs,
        torch.tensor([[-500.0]]),
        None,
        None,
        torch.ones(1, 1),
        torch.tensor([-1.0]),
        spec=LossSpec(kl="none"),
        sizes=Sizes(1, 1, 1),
    )
    parts.loss.backward()
    assert not bool(torch.isfinite(logprobs.grad).all())


def test_the_share_that_is_clipped_is_that_of_the_tokens_whose_loss_it_moves(batch: Batch) -> None:
    spec, expected, ratios = LossSpec(kl="none"), [], (batch.logprobs_BT - batch.old_BT).exp().tolist()
    for row, length in enumerate(LENGTHS):
        for t in range(length):
            ratio, advantage = ratios[row][t], float(batch.advantages_B[row])
            expected.append(ratio > 1.2 if advantage > 0 else ratio < 0.8)
    assert parts_of(batch, spec).is_clipped.tolist() == [float(each) for each in expected]
    assert 0 < sum(expected) < len(expected)


def test_what_is_reported_of_each_token_is_its_divergence_and_its_mismatch(batch: Batch) -> None:
    parts, is_token = parts_of(batch, LossSpec(preset="rloo")), batch.mask_BT == 1
    assert parts.kl is not None
    assert parts.mismatch is not None
    assert torch.allclose(parts.kl, (batch.logprobs_BT - batch.reference_BT)[is_token])
    assert torch.allclose(parts.mismatch, (batch.old_BT - batch.sampled_BT)[is_token])


@pytest.mark.parametrize("estimator", ["k1", "k3"])
def test_an_estimator_is_zero_for_equal_models_and_unbiased(estimator: str) -> None:
    policy, reference = torch.tensor([0.5, 0.3, 0.2]).log(), torch.tensor([0.2, 0.3, 0.5]).log()
    assert torch.all(kl_estimate(policy, policy, estimator) == 0)
    exact = (policy.exp() * (policy - reference)).sum()
    assert float((policy.exp() * kl_estimate(policy, reference, estimator)).sum()) == pytest.approx(float(exact), abs=1e-6)


@pytest.mark.parametrize("estimator", ["k2", "k3"])
def test_an_estimator_is_never_negative(estimator: str) -> None:
    assert torch.all(kl_estimate(torch.linspace(-5, 0, 50), torch.linspace(0, -5, 50), estimator) >= 0)


def test_log_probabilities_are_those_of_the_distribution_that_was_sampled() -> None:
    logits, tokens = torch.randn(2, 3, 5), torch.tensor([[0, 1, 2], [3, 4, 0]])
    expected = torch.log_softmax(logits / 0.7, dim=-1).gather(2, tokens[..., None]).squeeze(2)
    assert torch.allclose(token_logprobs(logits, tokens, 0.7), expected, atol=1e-6)


def test_entropies_are_exact_in_whatever_pieces_and_where_tokens_are_impossible(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.randn(2, 3, 5)
    logits[0, 0, 1] = -math.inf
    probabilities = torch.softmax(logits.double() / 0.7, dim=-1)
    expected = [-sum(p * math.log(p) for p in row if p) for row in probabilities.flatten(0, 1).tolist()]
    monkeypatch.setattr(loss, "ELEMENTS_AT_ONCE", 10)
    assert token_entropies(logits, 0.7).flatten().tolist() == pytest.approx(expected, abs=1e-6)
