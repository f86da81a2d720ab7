"""The loop of GRPO: draw rollouts, reward them, compare each with its siblings, write them down, learn from them. Read it top to bottom."""

import time
from collections.abc import Sequence
from pathlib import Path

import torch

from r1bench.backends.custom import Engine
from r1bench.backends.custom.advantage import has_signal
from r1bench.backends.custom.optimizer import learning_rate
from r1bench.backends.custom.rollout import Drawn, Rollout, Sampler, draw_step, places_used
from r1bench.backends.custom.training import Training, begin
from r1bench.backends.custom.update import Measures, advantages_of, compute_gradient, logprobs_before, split_into_minibatches, to_examples
from r1bench.backends.finished import figures_of, rows_of
from r1bench.backends.job import TrainJob
from r1bench.backends.journal import FAULT
from r1bench.harness.models.turns import end_tokens_of, endless
from r1bench.harness.progress import note
from r1bench.harness.records import Problem
from r1bench.tasks import get_task
from r1bench.tasks.rewards.pool import RewardPool


def train(job: TrainJob, problems: Sequence[Problem] | None, engine: Engine) -> Path:
    """Train a job to its end, going on from its newest whole checkpoint, and return the sealed result."""
    spec, grader = job.grpo, get_task(job.data.task).grader
    with begin(job, engine, has_reference=spec.loss.has_reference) as training, RewardPool(grader, spec.rewards) as pool:
        end_tokens = end_tokens_of(training.model, training.tokenizer)
        if not end_tokens:
            note(endless(job.model))
        sampler = Sampler(training.model, training.tokenizer, end_tokens, engine.decode_at_once)
        for step in training.steps():
            started = time.perf_counter()
            drawn = draw_step(sampler, job, step, problems, pool)
            rewarded = time.perf_counter()
            training.journal.faults(step + 1, drawn.faults)

            used = places_used(drawn, job)
            rollouts = [drawn.rollouts[place] for place in used]
            before = logprobs_before(training.model, training.reference, rollouts, job, engine.micro_tokens)
            advantages_B = advantages_of(drawn.rewards()[used], rollouts, before, job)
            finished, shown = drawn.finished(), of_all(drawn, used, advantages_B, job).tolist()
            training.journal.rollouts(rows_of(step + 1, finished, shown, updates_taken(training)))

            measures, first_update = Measures(), step * spec.minibatches
            minibatches = split_into_minibatches(to_examples(rollouts, advantages_B, before, job), job, step)
            if not minibatches:
                training.journal.event(FAULT, step=step + 1, what=nothing_learned(drawn, rollouts))
            for update, minibatch in enumerate(minibatches, first_update):
                training.learn(update)
                compute_gradient(training.model, minibatch, job, engine.micro_tokens, measures)
                measures.norms.append(training.take_step(update))
            if training.reference is not None and spec.reference_every and (step + 1) % spec.reference_every == 0:
                training.move_reference()
            ended = time.perf_counter()

            figures = figures_of(finished, shown, job) | measures.figures(spec.loss.kl)
            figures |= {"drawn_batches": drawn.num_batches} if spec.dynamic_sampling else {}
            figures |= {"learning_rate": learning_rate(job, first_update)}
            figures |= {"rollout_seconds": rewarded - started, "update_seconds": ended - rewarded}
            figures["tokens_per_second"] = sum(len(rollout.tokens) for rollout in drawn.rollouts) / (ended - started)
            training.record(step, figures)
        return training.finish()


def of_all(drawn: Drawn, used: Sequence[int], advantages_B: torch.Tensor, job: TrainJob) -> torch.Tensor:
    """Advantages of all that was drawn: 0 for groups that were left out without a signal, NaN for those beyond what the step needed."""
    shown_B = torch.full((len(drawn.rollouts),), torch.nan)
    shown_B[~has_signal(drawn.rewards(), job.grpo.samples).repeat_interleave(job.grpo.samples)] = 0.0
    shown_B[list(used)] = advantages_B
    return shown_B


def updates_taken(training: Training) -> int:
    """Optimiser steps that the weights have taken, those before a resume included."""
    return next((int(state["step"]) for state in training.optimizer.adamw.state.values()), 0)


def nothing_learned(drawn: Drawn, rollouts: Sequence[Rollout]) -> str:
    """Why a step takes no optimiser step, in words."""
    if rollouts:
        return "every completion was cut at the limit, and those are masked; no optimiser step"
    return f"no group of the {drawn.num_batches} batches drawn has rewards that differ; no optimiser step"
