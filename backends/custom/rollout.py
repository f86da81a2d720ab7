"""Rollouts: draw a group of completions for each prompt and reward them with the graders that will judge the result.

Every draw is keyed by (seed, step, prompt, index), so that a resumed training draws what the uninterrupted one would have drawn.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from r1bench.backends.custom.advantage import has_signal
from r1bench.backends.finished import Finished
from r1bench.backends.job import TrainJob
from r1bench.backends.prompts import draw_problems
from r1bench.harness.models.prompts import ending_of, make_prompts, prefill_of
from r1bench.harness.models.turns import completion_of
from r1bench.harness.records import Completion, Problem, Sampling
from r1bench.harness.samplers.decoding import decode, uniforms_for
from r1bench.tasks.rewards import Scored
from r1bench.tasks.rewards.pool import Fault, RewardPool, Scores
from r1bench.tasks.templates import TEMPLATES


class Rollout(NamedTuple):
    """One completion with its tokens."""

    problem: Problem
    sample: int
    """Which of its group it is, from 0."""
    prompt_tokens: list[int]
    tokens: list[int]
    logprobs: list[float]
    """Under which the sampler drew each of them: by decoding with a cache, whose last bits are not those of a forward pass in training."""
    completion: Completion


class Sampler(NamedTuple):
    """Who draws completions, and how many at once."""

    model: Any
    tokenizer: Any
    end_tokens: frozenset[int]
    at_once: int


class Drawn(NamedTuple):
    """What was drawn for a step, groups side by side."""

    rollouts: list[Rollout]
    scores: list[Scored]
    faults: list[Fault]
    """What went wrong in grading and rewarding, and was isolated."""
    num_batches: int

    def finished(self) -> list[Finished]:
        """The completions with what they earned."""
        pairs = zip(self.rollouts, self.scores, strict=True)
        return [
            Finished(each.problem, each.sample, each.completion, each.prompt_tokens, each.tokens, each.logprobs, scored)
            for each, scored in pairs
        ]

    def rewards(self) -> torch.Tensor:
        """Total rewards, float64, shape (B,)."""
        return torch.tensor([scored.total for scored in self.scores], dtype=torch.float64)


def draw_step(sampler: Sampler, job: TrainJob, step: int, source: Sequence[Problem] | None, pool: RewardPool) -> Drawn:
    """Batches of prompts with their completions and rewards: one, or with dynamic sampling until enough groups have a signal."""
    drawn = Drawn([], [], [], 0)
    for batch in range(max(1, job.grpo.dynamic_sampling)):
        rollouts = draw_rollouts(sampler, draw_problems(job, step, source, batch), job, step, first=batch * job.batch_size)
        scores, faults = reward_rollouts(rollouts, pool)
        drawn = Drawn(drawn.rollouts + rollouts, drawn.scores + scores, drawn.faults + faults, batch + 1)
        if len(places_used(drawn, job)) == job.batch_size * job.grpo.samples:
            break
    return drawn


def places_used(drawn: Drawn, job: TrainJob) -> list[int]:
    """Places of the completions that a step learns from: all, or with dynamic sampling those of the first groups whose rewards differ."""
    size = job.grpo.samples
    groups = list(range(len(drawn.rollouts) // size))
    if job.grpo.dynamic_sampling:
        is_signal = has_signal(drawn.rewards(), size).tolist()
        groups = [group for group in groups if is_signal[group]][: job.batch_size]
    return [group * size + index for group in groups for index in range(size)]


def draw_rollouts(sampler: Sampler, problems: Sequence[Problem], job: TrainJob, step: int, *, first: int = 0) -> list[Rollout]:
    """G completions for each problem, groups side by side; `first` is the number of the first problem in its step."""
    template, spec, tokenizer = TEMPLATES[job.data.template], job.grpo, sampler.tokenizer
    ending = ending_of(tokenizer, template)
    read = make_prompts(tokenizer, template, [(problem.id, problem.prompt) for problem in problems])
    prompts = [each.tokens for each in read]
    sampling = Sampling(n=spec.samples, temperature=spec.rollout.temperature, top_p=spec.rollout.top_p, max_tokens=spec.rollout.max_tokens)
    rows = [(place, sample) for place in range(len(problems)) for sample in range(spec.samples)]
    draws = [uniforms_for(job.seed, f"rollout:{step}:{first + place}", sample, sampling.max_tokens) for place, sample in rows]
    sampler.model.eval()
    rollouts: dict[int, Rollout] = {}
    for start in range(0, len(rows), sampler.at_once):
        part = slice(start, start + sampler.at_once)
        asked = [place for place, _ in rows[part]]
        for drawn in decode(sampler.model, prompts, asked, draws[part], sampling, end_tokens=sampler.end_tokens, with_logprobs=True):
            place, sample = rows[start + drawn.row]
            prefill = prefill_of(read[place].text, ending)
            completion = completion_of(tokenizer, prefill, len(prompts[place]), drawn, sampler.end_tokens)
            assert drawn.logprobs is not None
            rollouts[start + drawn.row] = Rollout(problems[place], sample, prompts[place], drawn.tokens, drawn.logprobs, completion)
    return [rollouts[row] for row in range(len(rows))]


def reward_rollouts(rollouts: Sequence[Rollout], pool: RewardPool) -> Scores:
    """What each rollout earned, and what went wrong."""
    return pool.score([rollout.problem for rollout in rollouts], [rollout.completion for rollout in rollouts])
