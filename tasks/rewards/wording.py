"""Rewards for the words of a completion: repetition_penalty and language_consistency.

Left out: whether the words are true. Chinese and Japanese are counted by characters, because a split at spaces would take a whole sentence
for one word.
"""

import re
from collections.abc import Sequence

from r1bench.harness.errors import UsageError
from r1bench.tasks.grading import request_of
from r1bench.tasks.grading.languages import grader as language
from r1bench.tasks.rewards.reward import Count, Judged, Penalty, Values

INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]+"
)
WIDE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
PIECE = re.compile(rf"[{WIDE}]|[^\W_{WIDE}]{{1,16}}|[^\w\s]|_")


def pieces_of(text: str) -> list[str]:
    """The words of a text in lower case, in pieces of 16 letters; each Han character and kana, and each sign, is one. Invisible characters
    are passed over."""
    return PIECE.findall(INVISIBLE.sub("", text).lower())


def repetition_share(pieces: Sequence[str], ngram_size: int) -> float:
    """1 - different n-grams / n-grams; 0 for a text that is too short to have any."""
    grams = list(zip(*(pieces[start:] for start in range(ngram_size)), strict=False))
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def repetition_penalty(judged: Sequence[Judged], *, ngram_size: Count = 3, max_penalty: Penalty = -1.0) -> Values:
    """max_penalty times the share of n-grams that repeat an earlier one; 0 for a text of fewer than n words.

    Formula: open-r1 and TRL after arXiv 2502.03373 (max -1; S001: -0.1). Departures: words are found by their letters and signs count, so
    that "!!!!" or a loop without spaces is seen (a split at spaces takes it for one word); Han characters one by one. S001's own returns
    the function instead of calling it and cannot be used at all. An empty text has no penalty: use it beside accuracy.
    """
    return [max_penalty * repetition_share(pieces_of(each.completion.text), ngram_size) for each in judged]


def language_consistency(judged: Sequence[Judged], *, target: str = "") -> Values:
    """The share of the reasoning's words that are of the target language: the problem's own, or `target` (BCP 47) for all.

    Formula: DeepSeek-R1, arXiv 2501.12948 v2, Eq. 7; how words are told apart, which it does not say, is the language grader's affair, so
    that reward and metric are one. Reasoning without any word earns 0, where Eq. 7 is undefined. None for a problem in a language that
    the grader does not know.

    Raises:
        UsageError: `target` is such a language.
    """
    if target and (reason := language.check_target(target)):
        raise UsageError(f"reward 'language_consistency': target: {reason}")
    requests = [request_of(each.problem, each.completion) for each in judged]
    if target:
        requests = [request._replace(options={**request.options, "target": target}) for request in requests]
    return [
        None if language.check_target(str(request.options.get("target") or request.language)) else language.judge(request).score
        for request in requests
    ]
