"""Rewards by name, made of the graders that judge an evaluation: what trains a model and what measures it are the same code.

    REWARDS["cosine"](judged, max_len=2000)                # one number per completion, None where it does not apply
    score(pool, problems, completions, job.rewards)        # grade, reward, and sum by weight

A training uses `r1bench.tasks.rewards.pool.RewardPool` instead of `score`: there a reward that fails costs a sample and not the training.
Another package brings a reward of its own by an entry point in the group `r1bench.rewards`; see docs/rewards.md. Plain Python values in
and out, so that any backend can use them. Left out: advantages, and rewards that need a service.
"""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from r1bench.harness import plugins
from r1bench.harness.errors import UsageError, quoted
from r1bench.harness.records import Completion, Grade, Problem
from r1bench.tasks.grading import GradingPool, request_of
from r1bench.tasks.rewards import controls, correctness, lengths, literal, reward_model, structure, wording
from r1bench.tasks.rewards.reward import Judged, Outcome, Reward, adopt, computed

__all__ = ["REWARDS", "Judged", "Reward", "RewardChoice", "Scored", "check_rewards", "combine", "get_reward", "score"]

R1 = "DeepSeek-R1 Eq. 4"
OPEN_R1 = "open-r1"

OURS = (
    Reward("accuracy", correctness.accuracy, "right by the task's own grader", R1),
    Reward("binary_code", correctness.binary_code, "passes all its tests", OPEN_R1, grader="code"),
    Reward("code", correctness.code, "share of its tests that a program passes", OPEN_R1, grader="code"),
    Reward("constant", controls.constant, "control: the same for everything", "arXiv 2506.10947"),
    Reward("cosine", lengths.cosine, "right and short is best, wrong and short worst", "arXiv 2502.03373"),
    Reward("format", structure.format_reward, "reasoning and answer in their tags, nothing else", R1),
    Reward("language_consistency", wording.language_consistency, "share of words in the problem's language", "DeepSeek-R1 Eq. 7"),
    Reward("length", lengths.length, "shorter than the others of its problem", "Kimi k1.5", unit="group"),
    Reward("random", controls.random_reward, "control: a coin", "arXiv 2506.10947", unit="group"),
    Reward("reasoning_steps", structure.reasoning_steps, "announces three steps", OPEN_R1),
    Reward("repetition_penalty", wording.repetition_penalty, "share of n-grams that repeat", "arXiv 2502.03373"),
    Reward("reward_model", reward_model.reward_model, "what a trained reward model says", "DeepSeek-R1 3.1", in_trainer=True),
    Reward("soft_overlong", lengths.soft_overlong, "falls off near the end of the budget", "DAPO Eq. 13"),
    Reward("tag_count", structure.tag_count, "a quarter for each tag in its place", OPEN_R1),
)
LITERAL = (
    Reward("accuracy_open_r1", literal.accuracy_open_r1, "Math-Verify on all of the text", OPEN_R1, "accuracy", unit="batch"),
    Reward("accuracy_s000", literal.accuracy_s000, "the whole completion is the gold", "000-7", "accuracy"),
    Reward("accuracy_s001", literal.accuracy_s001, "Math-Verify, swapped; 0.5 for a gold that is none", "001-11", "accuracy", unit="batch"),
    Reward("accuracy_s003", literal.accuracy_s003, "the gold stands somewhere in prompt or text", "003-4", "accuracy"),
    Reward("binary_code_open_r1", literal.binary_code_open_r1, "more than 0.99 of the tests", OPEN_R1, "binary_code", "code"),
    Reward("cosine_open_r1", literal.cosine_open_r1, "characters, not clamped", OPEN_R1, "cosine", unit="batch"),
    Reward("cosine_s001", literal.cosine_s001, "characters, not clamped", "001-14", "cosine", unit="batch"),
    Reward("format_open_r1", literal.format_open_r1, "exactly its new lines", OPEN_R1, "format"),
    Reward("format_s000", literal.format_s000, "no new lines at all", "000-5", "format"),
    Reward("format_s001", literal.format_s001, "anything after a new line passes", "001-12", "format"),
    Reward("format_s003", literal.format_s003, "0.5 for both tags, in any order", "003-5", "format"),
    Reward("length_open_r1", literal.length_open_r1, "across problems, in characters", OPEN_R1, "length", unit="batch"),
    Reward("reasoning_steps_open_r1", literal.reasoning_steps_open_r1, "lists count on the first line only", OPEN_R1, "reasoning_steps"),
    Reward("reasoning_steps_s001", literal.reasoning_steps_s001, "bare words count", "001-13", "reasoning_steps"),
    Reward("repetition_penalty_s001", literal.repetition_penalty_s001, "words between spaces", "001-15", "repetition_penalty"),
    Reward("tag_count_open_r1", literal.tag_count_open_r1, "tags beside new lines, in any order", OPEN_R1, "tag_count"),
)
REWARDS: dict[str, Reward] = {reward.name: reward for reward in (*OURS, *LITERAL)}


class RewardChoice(Protocol):
    """A reward as a job names it (`r1bench.backends.job.RewardSpec`)."""

    @property
    def name(self) -> str: ...
    @property
    def weight(self) -> float: ...
    @property
    def parameters(self) -> Mapping[str, Any]: ...


class Scored(NamedTuple):
    """What one completion earned."""

    total: float
    """Weighted sum of the rewards that apply; NaN where none does, where one of them is no number, or where grading broke off: such a
    sample must not look bad."""
    parts: dict[str, float | None]
    grade: Grade


@lru_cache(maxsize=256)
def get_reward(name: str) -> Reward:
    """The reward of that name, ours or another package's. Raises UnknownNameError, UsageError: there is none, or it cannot be used."""
    others = plugins.strangers("reward")
    if name in REWARDS and name not in others:
        return REWARDS[name]
    found = plugins.load("reward", name, dict.fromkeys(REWARDS, __name__), "docs/rewards.md")
    return adopt(name, found, plugins.whose(others[name]))


def check_rewards(choices: Sequence[RewardChoice], grader: str = "") -> list[dict[str, Any]]:
    """Refuse, before anything is trained, what would fail or say nothing later.

    Args:
        grader: the name of the task's grader, if it is known.

    Returns:
        For each choice all its parameters, defaults included.

    Raises:
        UnknownNameError, UsageError, CheckpointError: an unknown reward or parameter, a value that is not allowed, a model that cannot be
            used, another package's reward that fails when it is asked about no completions, or one that never applies to what this
            grader judges.
    """
    resolved = []
    for choice in choices:
        reward = get_reward(choice.name)
        resolved.append(reward.resolve(choice.parameters))
        if choice.name in REWARDS:
            reward([], **choice.parameters)
        else:
            _try_out(reward, resolved[-1])
        if grader and reward.grader not in ("", grader):
            raise UsageError(
                f"reward {choice.name!r} needs a task that is graded by {reward.grader!r}, and this one is graded by {grader!r}; "
                "choose another reward or another task"
            )
    return resolved


def _try_out(reward: Reward, options: Mapping[str, Any]) -> None:
    """Have another package's reward computed of no completions, where it can neither hang nor end this process. Raises UsageError."""
    from r1bench.tasks.rewards.workers import RewardWorker

    if reward.in_trainer:
        found = computed(reward, [], options)
    else:
        with RewardWorker() as worker:
            found = worker.compute(reward.name, options, [[]])[0]
    if isinstance(found, Outcome):
        origin = plugins.whose(plugins.strangers("reward")[reward.name])
        what = f"{found.fault} ({found.detail})" if found.detail else found.fault
        raise UsageError(f"reward {quoted(reward.name)} of {origin} {what} when given no completions; it must return []; mend that package")


def score(
    pool: GradingPool, problems: Sequence[Problem], completions: Sequence[Completion], choices: Sequence[RewardChoice]
) -> list[Scored]:
    """Grade completions, each of the problem in the same place, and reward them."""
    pairs = list(zip(problems, completions, strict=True))
    grades = pool.grade([request_of(problem, completion) for problem, completion in pairs])
    return combine([Judged(*pair, grade) for pair, grade in zip(pairs, grades, strict=True)], choices)


def combine(judged: Sequence[Judged], choices: Sequence[RewardChoice]) -> list[Scored]:
    """Reward completions that are graded."""
    return sum_up(judged, choices, [get_reward(choice.name)(judged, **choice.parameters) for choice in choices])


def sum_up(judged: Sequence[Judged], choices: Sequence[RewardChoice], columns: Sequence[Sequence[float | None]]) -> list[Scored]:
    """Totals of the values of each reward; summed in float64 without loss, so that no order of rewards matters."""
    weights = {choice.name: choice.weight for choice in choices}
    rows = [dict(zip(weights, values, strict=True)) for values in zip(*columns, strict=True)]
    return [Scored(_total(parts, weights, each.grade), parts, each.grade) for parts, each in zip(rows, judged, strict=True)]


def _total(parts: Mapping[str, float | None], weights: Mapping[str, float], grade: Grade) -> float:
    applying = [weights[name] * value for name, value in parts.items() if value is not None]
    if grade.outcome == "failed" or not applying or not all(map(math.isfinite, applying)):
        return math.nan
    return math.fsum(applying)
