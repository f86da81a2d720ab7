"""Rollouts: draw a group of completions for each prompt and reward them with the graders that will judge the result.

Every draw is keyed by (seed, step, problem, index), so that a resumed training draws what the uninterrupted one would have drawn.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from r1bench.backends.job import TrainJob
from r1bench.harness.models import encode, prefill_of, render
from r1bench.harness.records import Completion, Problem, Sampling, Template
from r1bench.harness.samplers.decoding import decode, uniforms_for
from r1bench.tasks.grading import GradingPool
from r1bench.tasks.rewards import Scored, score


class Rollout(NamedTuple):
    """One completion with all that training needs."""

    problem: Problem
    prompt_tokens: list[int]
    tokens: list[int]
    completion: Completion
    scored: Scored


def draw_rollouts(
    model: Any,
    tokenizer: Any,
    end_tokens: frozenset[int],
    template: Template,
    problems: Sequence[Problem],
    pool: GradingPool,
    job: TrainJob,
    step: int,
) -> list[Rollout]:
    """G completions for each problem, groups side by side, rewarded."""
    texts = [render(tokenizer, template, problem.prompt) for problem in problems]
    prompts = [encode(tokenizer, template, text) for text in texts]
    sampling = Sampling(
        n=job.batch.samples,
        temperature=job.rollout.temperature,
        top_p=job.rollout.top_p,
        max_tokens=job.rollout.max_tokens,
    )
    rows = [place for place in range(len(problems)) for _ in range(job.batch.samples)]
    draws = [
        uniforms_for(job.seed, f"rollout:{step}:{rows[row]}", row % job.batch.samples, sampling.max_tokens) for row in range(len(rows))
    ]
    model.eval()
    tokens: list[list[int]] = [[] for _ in rows]
    completions: list[Completion | None] = [None] * len(rows)
    for start in range(0, len(rows), job.batch.decode_at_once):
        part = slice(start, start + job.batch.decode_at_once)
        for drawn in decode(model, prompts, rows[part], draws[part], sampling, end_tokens=end_tokens):
            place = start + drawn.row
            tokens[place] = drawn.tokens
            completions[place] = Completion(
                text=tokenizer.decode(drawn.tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False),
                finish_reason="stop" if drawn.is_stopped else "length",
                num_tokens=len(drawn.tokens),
                num_prompt_tokens=len(prompts[rows[place]]),
                prefill=prefill_of(texts[rows[place]]),
            )
    finished = [completion for completion in completions if completion is not None]
    assert len(finished) == len(rows), "the decoder owes one sequence for each request"
    scored = score(pool, [problems[row] for row in rows], finished, job.rewards)
    return [Rollout(problems[row], prompts[row], tokens[place], finished[place], scored[place]) for place, row in enumerate(rows)]


def rewards_of(rollouts: Sequence[Rollout]) -> torch.Tensor:
    """Total rewards, float64, shape (B,)."""
    return torch.tensor([rollout.scored.total for rollout in rollouts], dtype=torch.float64)
