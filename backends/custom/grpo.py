"""The loop: draw rollouts, reward them, compare each with its siblings, take optimiser steps, keep checkpoints. Read it top to bottom.

On one CPU with the same threads, a training that was killed and started again ends in the very same weights.
"""

import copy
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.tensorboard import SummaryWriter

from r1bench.backends import contract
from r1bench.backends.custom import Engine, state
from r1bench.backends.custom.advantage import group_advantages
from r1bench.backends.custom.figures import figures_of, rows_of
from r1bench.backends.custom.rollout import draw_rollouts, reward_rollouts, total_rewards
from r1bench.backends.custom.update import Sums, compute_gradient, learning_rate, split_into_minibatches, to_examples
from r1bench.backends.job import TrainJob
from r1bench.backends.journal import Journal
from r1bench.backends.prompts import draw_problems
from r1bench.harness.checkpoints import find_checkpoint
from r1bench.harness.models.saving import read_base, write_model
from r1bench.harness.models.tokenizer import load_tokenizer
from r1bench.harness.models.turns import end_tokens_of, endless
from r1bench.harness.models.weights import load_model
from r1bench.harness.progress import note
from r1bench.harness.records import Checkpoint, Problem
from r1bench.tasks import get_task
from r1bench.tasks.grading import GradingPool


def load_reference(base: Checkpoint, job: TrainJob) -> Any:
    """The model that the policy shall not leave too far behind, frozen; None where the loss has no such term."""
    if job.grpo.loss.kl == "none" or job.grpo.loss.kl_coefficient == 0:
        return None
    return load_model(base, job.device, "float32").requires_grad_(False)


def make_optimizer(model: Any, job: TrainJob) -> torch.optim.Optimizer:
    """AdamW over all weights."""
    spec = job.optimizer
    return torch.optim.AdamW(model.parameters(), lr=spec.learning_rate, betas=spec.betas, weight_decay=spec.weight_decay)


def train(job: TrainJob, problems: Sequence[Problem] | None, engine: Engine) -> Path:
    """Train a job to its end, going on from its newest whole checkpoint, and return the sealed result."""
    torch.set_num_threads(engine.threads)
    torch.use_deterministic_algorithms(True, warn_only=job.device != "cpu")
    spec, num_steps, out, start = job.grpo, job.num_steps(), Path(job.out), contract.resume(job)
    base = find_checkpoint(job.model)
    tokenizer, kept = load_tokenizer(base), read_base(base)
    model = load_model(find_checkpoint(str(start.checkpoint)) if start.checkpoint else base, job.device, "float32")
    reference, optimizer = load_reference(base, job), make_optimizer(model, job)
    end_tokens = end_tokens_of(model, tokenizer)
    if not end_tokens:
        note(endless(base.path))
    if start.checkpoint:
        state.restore(start.checkpoint, optimizer, reference)
    contract.rehearse(job, lambda folder: write_model(folder, model, kept, is_rehearsal=True))
    board = SummaryWriter(log_dir=str(out / "tensorboard"), purge_step=start.step + 1)
    with Journal(out, num_steps, start.step, start.offsets, board) as journal, GradingPool(get_task(job.data.task).grader) as pool:
        for step in range(start.step, num_steps):
            started = time.perf_counter()
            asked = draw_problems(job, step, problems)
            rollouts = draw_rollouts(model, tokenizer, asked, job, step, end_tokens=end_tokens, at_once=engine.decode_at_once)
            scores = reward_rollouts(rollouts, pool, spec.rewards)
            drawn = time.perf_counter()

            advantages_B = group_advantages(total_rewards(scores), spec.samples, spec.loss).to(job.device)
            examples = to_examples(model, reference, rollouts, advantages_B, job, engine.micro_tokens)
            sums = Sums()
            for number, minibatch in enumerate(split_into_minibatches(examples, job, step)):
                optimizer.param_groups[0]["lr"] = learning_rate(job, step * spec.minibatches + number)
                optimizer.zero_grad(set_to_none=True)
                sums += compute_gradient(model, minibatch, job, engine.micro_tokens)
                optimizer.step()
            if reference is not None and spec.reference_every and (step + 1) % spec.reference_every == 0:
                reference = copy.deepcopy(model).requires_grad_(False)
            finished = time.perf_counter()

            journal.rollouts(rows_of(step + 1, rollouts, scores, advantages_B))
            figures = figures_of(rollouts, scores, advantages_B, job) | sums.figures(spec.minibatches)
            figures |= {"learning_rate": learning_rate(job, step * spec.minibatches)}
            figures |= {"rollout_seconds": drawn - started, "update_seconds": finished - drawn}
            figures["tokens_per_second"] = sum(len(rollout.tokens) for rollout in rollouts) / (finished - started)
            journal.step(step + 1, figures)
            if (step + 1) % job.save_every == 0 and step + 1 < num_steps:
                has_moved = spec.reference_every and step + 1 >= spec.reference_every
                write = state.writer(model, kept, optimizer, reference if has_moved else None)
                contract.save(job, step + 1, write, journal)
        return contract.finish(job, lambda folder: write_model(folder, model, kept), journal)
