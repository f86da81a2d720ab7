"""What a step of our own GRPO draws, which of it it learns from, and what becomes of that: on the embedded model."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from r1bench.backends.custom.rollout import Drawn, Rollout, Sampler, draw_step, places_used
from r1bench.backends.custom.update import (
    Before,
    Measures,
    advantages_of,
    compute_gradient,
    logprobs_before,
    mismatch_figures,
    split_into_minibatches,
    to_examples,
)
from r1bench.backends.finished import rows_of
from r1bench.backends.job import TrainJob, read_job
from r1bench.backends.losses import LossSpec
from r1bench.backends.prompts import draw_problems
from r1bench.harness.checkpoints import find_checkpoint
from r1bench.harness.models.tokenizer import load_tokenizer
from r1bench.harness.models.turns import end_tokens_of
from r1bench.harness.models.weights import load_model
from r1bench.harness.records import Completion, Grade, Problem
from r1bench.tasks import get_task
from r1bench.tasks.arithmetic import problems
from r1bench.tasks.rewards import Scored
from r1bench.tasks.rewards.pool import RewardPool

FLAT_JOB = Path(__file__).parents[2] / "cases" / "flat_job.json"
NAN = float("nan")


def job_with(loss: LossSpec | None = None, batch_size: int = 2, **algorithm: object) -> TrainJob:
    """GRPO on arithmetic with 4 samples a prompt."""
    job = read_job(FLAT_JOB)
    fields = {"loss": loss or LossSpec(), "minibatches": 1, "rollout": job.grpo.rollout.model_copy(update={"max_tokens": 20})}
    return job.model_copy(update={"batch_size": batch_size, "algorithm": job.grpo.model_copy(update=fields | algorithm)})


def drawn_with(rewards: list[float], lengths: list[int] | None = None) -> Drawn:
    """Completions with these rewards, of one token each or of so many; those of more than 4 were cut at the limit."""
    rollouts = []
    for place, length in enumerate(lengths or [1] * len(rewards)):
        completion = Completion("", "length" if length > 4 else "stop", length)
        rollouts.append(Rollout(Problem(f"p{place // 4}", "?", "1"), place % 4, [1], [2] * length, [-1.0] * length, completion))
    return Drawn(rollouts, [Scored(reward, {}, Grade("wrong", 0.0, None, "", "integer", "1")) for reward in rewards], [], 1)


@pytest.fixture(scope="module")
def sampler() -> Sampler:
    torch.set_num_threads(1)
    base = find_checkpoint("tiny-base")
    model, tokenizer = load_model(base, "cpu", "float32"), load_tokenizer(base)
    return Sampler(model, tokenizer, end_tokens_of(model, tokenizer), 512)


@pytest.fixture(scope="module")
def pool() -> Iterator[RewardPool]:
    with RewardPool(get_task("arithmetic").grader, job_with().grpo.rewards) as found:
        yield found


def test_without_dynamic_sampling_every_group_is_learned_from() -> None:
    assert places_used(drawn_with([1.0] * 4 + [0.0, 1.0, 1.0, 1.0]), job_with()) == list(range(8))


def test_dynamic_sampling_learns_from_the_first_groups_whose_rewards_differ() -> None:
    rewards = [0.1] * 4 + [0.0, 1.0, 1.0, 1.0] + [NAN, 1.0, 1.0, 1.0] + [0.0, NAN, 1.0, 1.0] + [0.0, 0.0, 0.0, 1.0]
    drawn = drawn_with(rewards)
    assert places_used(drawn, job_with(dynamic_sampling=5)) == [4, 5, 6, 7, 12, 13, 14, 15]
    assert places_used(drawn, job_with(dynamic_sampling=5, batch_size=9)) == [4, 5, 6, 7, 12, 13, 14, 15, 16, 17, 18, 19]


def test_dynamic_sampling_draws_on_until_a_step_is_full_and_always_the_same(sampler: Sampler, pool: RewardPool) -> None:
    job = job_with(dynamic_sampling=8, samples=2, batch_size=2)
    first, again = (draw_step(sampler, job, 0, None, pool) for _ in range(2))
    assert [rollout.tokens for rollout in first.rollouts] == [rollout.tokens for rollout in again.rollouts]
    assert len(first.rollouts) == 4 * first.num_batches
    assert 1 < first.num_batches < 8
    assert len(places_used(first, job)) == 4
    assert len(places_used(Drawn(first.rollouts[:-4], first.scores[:-4], [], 1), job)) < 4
    assert len({rollout.problem.prompt for rollout in first.rollouts}) == 2 * first.num_batches


def test_the_first_batch_is_drawn_as_without_dynamic_sampling(sampler: Sampler, pool: RewardPool) -> None:
    without, more = (draw_step(sampler, job_with(dynamic_sampling=number), 3, None, pool) for number in (0, 4))
    assert [rollout.tokens for rollout in more.rollouts[:8]] == [rollout.tokens for rollout in without.rollouts]


def test_further_batches_repeat_no_prompt_of_the_step_and_follow_from_it_alone() -> None:
    source, job = problems("test", 20), job_with(batch_size=4)
    batches = [draw_problems(job, 7, source, batch) for batch in range(5)]
    assert len({problem.id for batch in batches for problem in batch}) == 20
    assert batches == [draw_problems(job, 7, source, batch) for batch in range(5)]
    assert batches[1] != draw_problems(job, 8, source, 1)
    assert len({problem.id for problem in draw_problems(job, 7, source, 5)}) == 4  # of the 16 others again


def test_a_source_no_larger_than_a_batch_is_drawn_from_again() -> None:
    source = problems("test", 3)
    assert {problem.id for problem in draw_problems(job_with(batch_size=3), 0, source, 1)} == {problem.id for problem in source}


def test_the_divergence_is_taken_off_the_reward_before_rewards_are_compared() -> None:
    job, lengths = job_with(LossSpec(preset="rloo", kl_coefficient=0.5)), [1, 2, 3, 4]
    torch.manual_seed(0)
    before = Before([torch.randn(length) for length in lengths], [torch.randn(length) for length in lengths])
    rewards, drawn = [1.0, 0.0, 0.0, 1.0], drawn_with([0.0] * 4, lengths)
    assert before.old is not None
    assert before.reference is not None
    sums = [sum((old - anchor).tolist()) for old, anchor in zip(before.old, before.reference, strict=True)]
    paid = [reward - 0.5 * total for reward, total in zip(rewards, sums, strict=True)]
    expected = [each - (sum(paid) - each) / 3 for each in paid]
    found = advantages_of(torch.tensor(rewards, dtype=torch.float64), drawn.rollouts, before, job)
    assert found.tolist() == pytest.approx(expected, abs=1e-5)


def test_masked_completions_are_in_no_mean_and_still_in_the_baseline() -> None:
    job, drawn = job_with(LossSpec(truncated="mask")), drawn_with([1.0, 0.0, 0.0, 1.0], [5, 2, 3, 9])
    advantages = advantages_of(drawn.rewards(), drawn.rollouts, Before(None, None), job)
    examples = to_examples(drawn.rollouts, advantages, Before(None, None), job)
    assert [(example.rollout.sample, round(example.advantage, 3)) for example in examples] == [(1, -0.866), (2, -0.866)]
    assert len(to_examples(drawn.rollouts, advantages, Before(None, None), job_with())) == 4


def test_whitening_counts_no_token_that_is_masked() -> None:
    spec = LossSpec(preset="reinforce_plus_plus_baseline", truncated="mask")
    drawn = drawn_with([1.0, 0.0, 0.0, 1.0], [2, 2, 3, 9])
    found = advantages_of(drawn.rewards(), drawn.rollouts, Before(None, None), job_with(spec))
    tokens = [0.5] * 2 + [-0.5] * 5
    assert float(found[0]) == pytest.approx((0.5 - sum(tokens) / 7) / (torch.tensor(tokens).std().item() + 1e-4), abs=1e-5)


@pytest.mark.parametrize(("num_examples", "sizes"), [(8, [2, 2, 2, 2]), (6, [2, 2, 1, 1]), (2, [1, 1]), (0, [])])
def test_few_examples_make_smaller_and_fewer_minibatches(num_examples: int, sizes: list[int]) -> None:
    job, drawn = job_with(minibatches=4), drawn_with([0.0] * 8)
    examples = to_examples(drawn.rollouts, torch.zeros(8), Before(None, None), job)[:num_examples]
    assert [len(minibatch) for minibatch in split_into_minibatches(examples, job, 0)] == sizes


def gradient(sampler: Sampler, drawn: Drawn, job: TrainJob, micro_tokens: int = 8192, noise: float = 0.0) -> tuple[torch.Tensor, Measures]:
    """Of the first minibatch, with so much noise on what the sampler says."""
    source, measures = torch.Generator().manual_seed(0), Measures()
    rollouts = [
        rollout._replace(logprobs=(torch.tensor(rollout.logprobs) + noise * torch.randn(len(rollout.tokens), generator=source)).tolist())
        for rollout in drawn.rollouts
    ]
    reference = sampler.model if job.grpo.loss.has_reference else None
    before = logprobs_before(sampler.model, reference, rollouts, job, micro_tokens)
    examples = to_examples(rollouts, advantages_of(drawn.rewards(), rollouts, before, job), before, job)
    sampler.model.zero_grad()
    compute_gradient(sampler.model, split_into_minibatches(examples, job, 0)[0], job, micro_tokens, measures)
    measures.norms.append(1.0)
    return torch.cat([weight.grad.flatten() for weight in sampler.model.parameters()]), measures


@pytest.mark.parametrize("preset", ["grpo", "dapo", "dr_grpo", "gspo", "rloo"])
def test_how_a_minibatch_is_cut_changes_no_gradient_of_a_model(sampler: Sampler, pool: RewardPool, preset: str) -> None:
    job = job_with(LossSpec(preset=preset, kl="none", kl_place="loss"))
    drawn = draw_step(sampler, job, 0, None, pool)
    whole, parts = (gradient(sampler, drawn, job, micro_tokens)[0] for micro_tokens in (8192, 150))
    assert whole.abs().max() > 0
    assert torch.allclose(whole, parts, atol=1e-5 * float(whole.abs().max()))


def test_on_policy_the_ratio_is_exactly_one(sampler: Sampler, pool: RewardPool) -> None:
    job = job_with(LossSpec(clip_low=0.0, clip_high=0.0, kl="k1", kl_place="reward"), batch_size=4)  # then any other ratio is clipped
    drawn = draw_step(sampler, job, 0, None, pool)
    _, measures = gradient(sampler, drawn, job, 150)
    assert float(advantages_of(drawn.rewards(), drawn.rollouts, Before(None, None), job).abs().max()) > 0
    assert measures.figures("k1")["clip_fraction"] == 0


@pytest.mark.parametrize("minibatches", [1, 2])
def test_ratios_are_against_the_policy_that_drew_and_with_one_minibatch_that_is_the_one_trained(minibatches: int) -> None:
    drawn, before = drawn_with([0.0, 1.0, 1.0, 1.0]), Before([torch.tensor([-1.0])] * 4, None)
    examples = to_examples(drawn.rollouts, torch.zeros(4), before, job_with(minibatches=minibatches))
    assert [example.old is None for example in examples] == [minibatches == 1] * 4


def test_the_mismatch_of_sampler_and_training_is_measured(sampler: Sampler, pool: RewardPool) -> None:
    drawn = draw_step(sampler, job_with(), 0, None, pool)
    agreeing, disturbed = (gradient(sampler, drawn, job_with(), noise=noise)[1].figures("k3") for noise in (0.0, 0.5))
    assert 0 < agreeing["mismatch/max"] < 1e-4
    assert agreeing["mismatch/ess"] == pytest.approx(1, abs=1e-6)
    assert 0.3 < disturbed["mismatch/mean"] < 0.5 < disturbed["mismatch/max"]
    assert 0.6 < disturbed["mismatch/ess"] < 0.9


def test_the_effective_sample_size_is_that_of_the_weights_and_none_overflows() -> None:
    differences = torch.tensor([0.5, -0.3, 0.0, 0.1], dtype=torch.float64)
    weights = differences.exp()
    expected = float(weights.sum() ** 2 / (4 * (weights**2).sum()))
    for shift in (0.0, 2000.0):
        assert mismatch_figures(differences + shift)["mismatch/ess"] == pytest.approx(expected)


def test_a_weight_against_the_mismatch_reaches_the_gradient(sampler: Sampler, pool: RewardPool) -> None:
    drawn = draw_step(sampler, job_with(), 0, None, pool)
    specs = (LossSpec(kl="none"), LossSpec(kl="none", mismatch="token_truncate"))
    plain, weighted = (gradient(sampler, drawn, job_with(spec), noise=0.5)[0] for spec in specs)
    assert not torch.allclose(plain, weighted, atol=1e-3 * float(plain.abs().max()))
    plain, weighted = (gradient(sampler, drawn, job_with(spec))[0] for spec in specs)
    assert torch.allclose(plain, weighted, atol=1e-4 * float(plain.abs().max()))


def test_a_row_of_the_journal_says_by_which_tokens_and_weights_a_completion_came_to_be() -> None:
    row = list(rows_of(3, drawn_with([0.0, 1.0, 1.0, 1.0], [1, 2, 3, 4]).finished(), [0.0, NAN, 0.25, 0.5], 17))[1].known()
    assert (row.sample, row.prompt_ids, row.token_ids, row.logprobs, row.policy) == (1, [1], [2, 2], [-1.0, -1.0], 17)
    assert row.advantage is None
    assert json.dumps(row._asdict(), allow_nan=False)
