"""The completions of a step, drawn and rewarded, whichever backend did it: what the step was like, and its rows of the journal."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from r1bench.backends.job import TrainJob
from r1bench.backends.journal import RolloutRow
from r1bench.harness.records import Completion, Problem
from r1bench.tasks.grading.languages.grader import primary, words_by_language
from r1bench.tasks.rewards import Scored


class Finished(NamedTuple):
    """One completion with all that is known of it."""

    problem: Problem
    sample: int
    """Which of its group it is, from 0."""
    completion: Completion
    prompt_ids: Sequence[int]
    token_ids: Sequence[int]
    """Of the completion, the token that ended it included."""
    logprobs: Sequence[float] | None
    """Of those tokens under the policy that drew them, nats; None where the backend cannot tell."""
    scored: Scored


def mean_of(values: Iterable[float]) -> float:
    """The mean of what is a number, or NaN of nothing: a reward that applied to no completion of a step was not 0."""
    known = [value for value in values if math.isfinite(value)]
    return math.fsum(known) / len(known) if known else math.nan


def figures_of(finished: Sequence[Finished], advantages: Sequence[float], job: TrainJob) -> dict[str, float]:
    """Figures of all that was drawn for a step, groups side by side, by their names in the journal."""
    totals, size = [each.scored.total for each in finished], job.grpo.samples
    mean = mean_of(totals)
    figures = {"reward": mean, "reward_std": 0.0 if math.isnan(mean) else math.sqrt(mean_of((total - mean) ** 2 for total in totals))}
    for reward in job.grpo.rewards:
        values = (each.scored.parts[reward.name] for each in finished)
        figures[f"rewards/{reward.name}"] = mean_of(value for value in values if value is not None)
    figures["length"] = mean_of(len(each.token_ids) for each in finished)
    figures["truncated"] = mean_of(each.completion.finish_reason == "length" for each in finished)
    groups = [advantages[start : start + size] for start in range(0, len(advantages), size)]
    figures["zero_signal_groups"] = mean_of(all(advantage == 0 for advantage in group) for group in groups)
    targets = [primary(each.problem.language) for each in finished]
    words = [words_by_language(each.completion.text, target) for each, target in zip(finished, targets, strict=True)]
    num_target_words = sum(counts.get(target, 0) for counts, target in zip(words, targets, strict=True))
    figures["target_language_share"] = num_target_words / max(sum(sum(counts.values()) for counts in words), 1)
    return figures


def rows_of(step: int, finished: Sequence[Finished], advantages: Sequence[float], policy: int) -> Iterator[RolloutRow]:
    """The completions of a step for the journal.

    Args:
        advantages: NaN for a completion of a group beyond those that the step needed.
        policy: optimiser steps that the weights had taken that drew them.
    """
    for each, advantage in zip(finished, advantages, strict=True):
        yield RolloutRow(
            step=step,
            problem_id=each.problem.id,
            prompt=each.problem.prompt,
            gold=each.problem.gold,
            text=each.completion.text,
            finish_reason=each.completion.finish_reason,
            tokens=each.completion.num_tokens,
            rewards=each.scored.parts,
            reward=each.scored.total,
            outcome=each.scored.grade.outcome,
            advantage=round(advantage, 6),
            sample=each.sample,
            prompt_ids=each.prompt_ids,
            token_ids=each.token_ids,
            logprobs=None if each.logprobs is None else [round(logprob, 6) for logprob in each.logprobs],
            policy=policy,
        )
