"""What a step was like: means over its rollouts (rewards, lengths, languages), and its completions as rows of the journal."""

import math
from collections.abc import Iterable, Iterator

import torch

from r1bench.backends.custom.rollout import Drawn
from r1bench.backends.job import TrainJob
from r1bench.backends.journal import RolloutRow
from r1bench.tasks.grading.languages.grader import primary, words_by_language


def mean_of(values: Iterable[float]) -> float:
    """The mean, or NaN of nothing: a reward that applied to no completion of a step was not 0."""
    known = list(values)
    return math.fsum(known) / len(known) if known else math.nan


def figures_of(drawn: Drawn, advantages_B: torch.Tensor, job: TrainJob) -> dict[str, float]:
    """Figures of all that was drawn for a step, by their names in the journal."""
    rollouts, scores, rewards = drawn.rollouts, drawn.scores, drawn.rewards()
    figures = {
        "reward": float(rewards.nanmean()),
        "reward_std": float(rewards[~rewards.isnan()].std(correction=0)) if bool((~rewards.isnan()).any()) else 0.0,
    }
    for reward in job.grpo.rewards:
        values = [scored.parts[reward.name] for scored in scores]
        figures[f"rewards/{reward.name}"] = mean_of(value for value in values if value is not None and math.isfinite(value))
    figures["length"] = mean_of(len(rollout.tokens) for rollout in rollouts)
    figures["truncated"] = mean_of(rollout.completion.finish_reason == "length" for rollout in rollouts)
    figures["zero_signal_groups"] = float((advantages_B.view(-1, job.grpo.samples) == 0).all(dim=1).double().mean())
    targets = [primary(rollout.problem.language) for rollout in rollouts]
    words = [words_by_language(rollout.completion.text, target) for rollout, target in zip(rollouts, targets, strict=True)]
    num_target_words = sum(counts.get(target, 0) for counts, target in zip(words, targets, strict=True))
    figures["target_language_share"] = num_target_words / max(sum(sum(counts.values()) for counts in words), 1)
    if job.grpo.dynamic_sampling:
        figures["drawn_batches"] = drawn.num_batches
    return figures


def rows_of(step: int, drawn: Drawn, advantages_B: torch.Tensor, policy: int) -> Iterator[RolloutRow]:
    """The completions of a step for the journal; an advantage that is NaN is of a group beyond those that the step needed."""
    for rollout, scored, advantage in zip(drawn.rollouts, drawn.scores, advantages_B.tolist(), strict=True):
        yield RolloutRow(
            step=step,
            problem_id=rollout.problem.id,
            prompt=rollout.problem.prompt,
            gold=rollout.problem.gold,
            text=rollout.completion.text,
            finish_reason=rollout.completion.finish_reason,
            tokens=rollout.completion.num_tokens,
            rewards=scored.parts,
            reward=scored.total,
            outcome=scored.grade.outcome,
            advantage=round(advantage, 6),
            sample=rollout.sample,
            prompt_ids=rollout.prompt_tokens,
            token_ids=rollout.tokens,
            logprobs=[round(logprob, 6) for logprob in rollout.logprobs],
            policy=policy,
        )
