"""Rewards that look at how long a completion is: cosine, length, soft_overlong. In tokens, as the budget of a rollout is.

Where tokens are not known (imported text has 0) they do not apply, unless `unit` is "characters". Left out: lengths of the reasoning
alone.
"""

import math
from collections.abc import Sequence
from typing import Literal

from r1bench.harness.errors import UsageError
from r1bench.harness.records import Completion
from r1bench.tasks.rewards.reward import Count, Judged, Values

Unit = Literal["tokens", "characters"]


def length_of(completion: Completion, unit: Unit = "tokens") -> int | None:
    """How long a completion is; None where its tokens were not counted."""
    if unit == "characters":
        return len(completion.text)
    return completion.num_tokens if completion.num_tokens or not completion.text else None


def cosine_value(progress: float, is_correct: bool, min_wrong: float, max_wrong: float, min_correct: float, max_correct: float) -> float:
    """From progress 0 to 1 along half a cosine: falls from the most to the least where correct, else rises. Not clamped."""
    at_start, at_end = (max_correct, min_correct) if is_correct else (min_wrong, max_wrong)
    return at_end + 0.5 * (at_start - at_end) * (1 + math.cos(math.pi * progress))


def cosine(
    judged: Sequence[Judged],
    *,
    min_value_wrong: float = -1.0,
    max_value_wrong: float = -0.5,
    min_value_correct: float = 0.5,
    max_value_correct: float = 1.0,
    max_len: Count = 1000,
    unit: Unit = "tokens",
) -> Values:
    """A correct answer earns max_value_correct at length 0 and min_value_correct from max_len on; any other min_value_wrong at length 0
    and max_value_wrong from max_len on. So a short right answer is best and a short wrong one worst.

    Formula: open-r1 and TRL, after arXiv 2502.03373; the defaults are those of their functions (S001: -0.5, -0.1, 0.8, 1.0). Departures:
    the length is clamped to max_len, without which the value climbs back and at twice max_len is that of length 0 again; tokens instead of
    characters; None where grading broke off (open-r1 pays 1 for a gold that does not parse). Set max_len to the budget of the rollout.
    """
    values = (min_value_wrong, max_value_wrong, min_value_correct, max_value_correct)
    lengths = [None if each.grade.outcome == "failed" else length_of(each.completion, unit) for each in judged]
    return [
        None if size is None else cosine_value(min(size / max_len, 1.0), each.grade.outcome == "correct", *values)
        for each, size in zip(judged, lengths, strict=True)
    ]


def length(judged: Sequence[Judged], *, unit: Unit = "tokens") -> Values:
    """Among the completions of one problem: 0.5 for the shortest down to -0.5 for the longest, and for those that are not correct at most
    0. All 0 where they are equally long.

    Formula: Kimi k1.5, arXiv 2501.12599, 2.3.3. Departures from open-r1: lengths are compared within a problem instead of across the whole
    batch, where another problem's long answers would decide; tokens instead of characters. Completions whose grading broke off are left
    out of the comparison. By its nature a wrong short answer (0) earns more than the longest right one (-0.5): use it beside accuracy.
    """
    lengths = [None if each.grade.outcome == "failed" else length_of(each.completion, unit) for each in judged]
    groups: dict[str, list[int]] = {}
    for each, size in zip(judged, lengths, strict=True):
        if size is not None:
            groups.setdefault(each.problem.id, []).append(size)
    spans = {problem: (min(sizes), max(sizes)) for problem, sizes in groups.items()}
    return [
        None if size is None else length_value(size, *spans[each.problem.id], is_correct=each.grade.outcome == "correct")
        for each, size in zip(judged, lengths, strict=True)
    ]


def length_value(size: int, shortest: int, longest: int, *, is_correct: bool) -> float:
    """Kimi k1.5's formula for one completion of a group."""
    if longest == shortest:
        return 0.0
    value = 0.5 - (size - shortest) / (longest - shortest)
    return value if is_correct else min(0.0, value)


def soft_overlong(judged: Sequence[Judged], *, max_completion_len: Count = 16384, soft_punish_cache: Count = 4096) -> Values:
    """0 up to max_completion_len - soft_punish_cache tokens, then falling straight to -1 at max_completion_len, and -1 beyond.

    Formula: DAPO, arXiv 2503.14476, Eq. 13. Defaults: open-r1's; DAPO's own run has 16,384 tokens free of punishment and 4,096 more, which
    is max_completion_len 20480 here. Set it to the budget of the rollout: a budget below it is never reached.

    Raises:
        UsageError: the cache is longer than the whole.
    """
    if soft_punish_cache > max_completion_len:
        raise UsageError(
            f"reward 'soft_overlong': soft_punish_cache must be at most max_completion_len={max_completion_len}, and is {soft_punish_cache}"
        )
    free = max_completion_len - soft_punish_cache
    sizes = [length_of(each.completion) for each in judged]
    return [None if size is None else -min(max(size - free, 0) / soft_punish_cache, 1.0) for size in sizes]
