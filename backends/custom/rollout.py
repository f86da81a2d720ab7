"""Rollouts: draw a group of completions for each prompt and reward them with the graders that will judge the result.

Every draw is keyed by (seed, step, prompt, index), so that a resumed training draws what the uninterrupted one would have drawn.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from r1bench.backends.job import RewardSpec, TrainJob
from r1bench.harness.models.prompts import ending_of, make_prompts, prefill_of
from r1bench.harness.models.turns import completion_of
from r1bench.harness.records import Completion, Problem, Sampling
from r1bench.harness.samplers.decoding import decode, uniforms_for
from r1bench.tasks.grading import GradingPool
from r1bench.tasks.rewards import Scored, score
from r1bench.tasks.templates import TEMPLATES


class Rollout(NamedTuple):
    """One completion with its tokens."""

    problem: Problem
    prompt_tokens: list[int]
    tokens: list[int]
    completion: Completion


def draw_rollouts(
    model: Any, tokenizer: Any, problems: Sequence[Problem], job: TrainJob, step: int, *, end_tokens: frozenset[int], at_once: int
) -> list[Rollout]:
    """G completions for each problem, groups side by side."""
    template, spec = TEMPLATES[job.data.template], job.grpo
    ending = ending_of(tokenizer, template)
    read = make_prompts(tokenizer, template, [(problem.id, problem.prompt) for problem in problems])
    prompts = [each.tokens for each in read]
    sampling = Sampling(n=spec.samples, temperature=spec.rollout.temperature, top_p=spec.rollout.top_p, max_tokens=spec.rollout.max_tokens)
    rows = [place for place in range(len(problems)) for _ in range(spec.samples)]
    draws = [uniforms_for(job.seed, f"rollout:{step}:{place}", row % spec.samples, sampling.max_tokens) for row, place in enumerate(rows)]
    model.eval()
    rollouts: dict[int, Rollout] = {}
    for start in range(0, len(rows), at_once):
        part = slice(start, start + at_once)
        for drawn in decode(model, prompts, rows[part], draws[part], sampling, end_tokens=end_tokens):
            place = rows[start + drawn.row]
            prefill = prefill_of(read[place].text, ending)
            completion = completion_of(tokenizer, prefill, len(prompts[place]), drawn, end_tokens)
            rollouts[start + drawn.row] = Rollout(problems[place], prompts[place], drawn.tokens, completion)
    return [rollouts[row] for row in range(len(rows))]


def reward_rollouts(rollouts: Sequence[Rollout], pool: GradingPool, rewards: Sequence[RewardSpec]) -> list[Scored]:
    """What each rollout earned."""
    return score(pool, [rollout.problem for rollout in rollouts], [rollout.completion for rollout in rollouts], rewards)


def total_rewards(scores: Sequence[Scored]) -> torch.Tensor:
    """Total rewards, float64, shape (B,)."""
    return torch.tensor([scored.total for scored in scores], dtype=torch.float64)
