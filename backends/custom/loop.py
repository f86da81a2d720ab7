"""The loop: draw rollouts, compare each with its siblings, take a step, keep a checkpoint. Read it from top to bottom.

Left out: several machines (OpenRLHF, TRL). On one CPU with the same threads, a training that was killed and started again ends in the very
same weights.
"""

import copy
import math
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

from r1bench.backends.custom import state
from r1bench.backends.custom.advantage import group_advantages
from r1bench.backends.custom.journal import Journal
from r1bench.backends.custom.rollout import Rollout, draw_rollouts, rewards_of
from r1bench.backends.custom.update import learning_rate, update
from r1bench.backends.job import TrainJob
from r1bench.backends.prompts import draw_problems
from r1bench.harness.checkpoints import find_checkpoint, seal
from r1bench.harness.models import end_tokens_of, load_model, load_tokenizer
from r1bench.harness.records import Checkpoint, Problem
from r1bench.tasks import get_task
from r1bench.tasks.grading import GradingPool
from r1bench.tasks.grading.languages.grader import primary, words_by_language
from r1bench.tasks.templates import TEMPLATES


def mean_of(values: Iterable[float]) -> float:
    """The mean, or NaN of nothing: a reward that applied to no completion of a step was not 0."""
    known = list(values)
    return math.fsum(known) / len(known) if known else math.nan


def figures_of(rollouts: list[Rollout], advantages_B: torch.Tensor, job: TrainJob) -> dict[str, float]:
    """What a step's rollouts were like: rewards, outcomes, lengths, languages."""
    rewards, count = rewards_of(rollouts), len(rollouts)
    found = {
        "reward": float(rewards.nanmean()),
        "reward_std": float(rewards[~rewards.isnan()].std(correction=0)) if bool((~rewards.isnan()).any()) else 0.0,
    }
    for reward in job.rewards:
        values = [rollout.scored.parts[reward.name] for rollout in rollouts]
        found[f"rewards/{reward.name}"] = mean_of(value for value in values if value is not None and math.isfinite(value))
    found["length"] = sum(len(rollout.tokens) for rollout in rollouts) / count
    found["truncated"] = sum(rollout.completion.finish_reason == "length" for rollout in rollouts) / count
    found["zero_signal_groups"] = float((advantages_B.view(-1, job.batch.samples) == 0).all(dim=1).double().mean())
    targets = [primary(rollout.problem.language) for rollout in rollouts]
    words = [words_by_language(rollout.completion.text, target) for rollout, target in zip(rollouts, targets, strict=True)]
    num_target_words = sum(counts.get(target, 0) for counts, target in zip(words, targets, strict=True))
    found["target_language_share"] = num_target_words / max(sum(sum(counts.values()) for counts in words), 1)
    return found


def load_reference(base: Checkpoint, job: TrainJob) -> Any:
    """The model that the policy shall not leave too far behind, frozen; None where the loss has no such term."""
    if job.loss.kl == "none" or job.loss.kl_coefficient == 0:
        return None
    return load_model(base, job.device, "float32").requires_grad_(False)


def train(job: TrainJob, problems: Sequence[Problem] | None = None) -> Path:
    """Train a job to its end, going on from its newest whole checkpoint, and return the sealed result.

    Args:
        problems: the prompts, or None where the task generates them.
    """
    torch.set_num_threads(job.threads)
    torch.use_deterministic_algorithms(True, warn_only=job.device != "cpu")
    out, newest = Path(job.out), state.newest_sealed(Path(job.out))
    base = find_checkpoint(job.model)
    tokenizer = load_tokenizer(base)
    model = load_model(find_checkpoint(str(newest)) if newest else base, job.device, "float32")
    reference = load_reference(base, job)
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=job.optimizer.learning_rate,
        betas=job.optimizer.betas,
        weight_decay=job.optimizer.weight_decay,
    )
    resumed: dict[str, Any] = state.restore(newest, optimizer, reference) if newest else {"step": 0, "offsets": {}}
    journal = Journal(out, job.steps, resumed["offsets"], resumed["step"])
    journal.event("start", step=resumed["step"], pid=os.getpid())
    end_tokens, template = end_tokens_of(model, tokenizer), TEMPLATES[job.data.template]
    with GradingPool(get_task(job.data.task).grader) as pool:
        for step in range(resumed["step"], job.steps):
            started = time.perf_counter()
            chosen = draw_problems(job, step, problems)
            rollouts = draw_rollouts(model, tokenizer, end_tokens, template, chosen, pool, job, step)
            drawn = time.perf_counter()
            advantages_B = group_advantages(rewards_of(rollouts), job.batch.samples, job.loss).to(job.device)
            figures = figures_of(rollouts, advantages_B, job) | update(model, reference, optimizer, rollouts, advantages_B, job, step)
            if reference is not None and job.reference_every and (step + 1) % job.reference_every == 0:
                reference = copy.deepcopy(model).requires_grad_(False)
            finished = time.perf_counter()
            figures |= {
                "learning_rate": learning_rate(job, step * job.batch.minibatches),
                "rollout_seconds": drawn - started,
                "update_seconds": finished - drawn,
            }
            figures["tokens_per_second"] = sum(len(rollout.tokens) for rollout in rollouts) / (finished - started)
            journal.rollouts(step + 1, rollouts, advantages_B.tolist())
            journal.step(step + 1, figures)
            if (step + 1) % job.save_every == 0 and step + 1 < job.steps:
                state.save(job, step + 1, model, tokenizer, optimizer, reference, journal.offsets())
    final = seal(out / "final", lambda folder: state.save_weights(folder, model, tokenizer), state.lineage(job, job.steps))
    journal.event("end", step=job.steps, checkpoint=str(final.name))
    journal.close()
    return final
