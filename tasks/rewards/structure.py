"""Rewards for the outer form of a completion: format, tag_count, reasoning_steps. They say nothing about the answer.

Tags count whole, prefill included: a chat template that opens `<think>` in the prompt must not cost the reward (open-r1 issues 395 and
489). Left out: what the reasoning is worth. All patterns are of linear time.
"""

import re
from collections.abc import Sequence
from typing import Literal

from r1bench.harness.thinking import split
from r1bench.tasks.grading.format import rules
from r1bench.tasks.rewards.reward import Judged, Values

TAGS = ("<think>", "</think>", "<answer>", "</answer>")
ANY_TAG = re.compile(r"<(/?)(?:think(?:ing)?|answer)>", re.IGNORECASE | re.ASCII)
STEP = re.compile(
    r"^[ \t]*(?:\d{1,3}[.)]|[-*•])(?=\s)"
    r"|step[ \t]*\d{1,3}[ \t]*:|\b(?:first|second|next|finally),"
    r"|第[一二三四五六七八九十\d]{1,3}步[，,：:]|(?:首先|其次|接着|最后)[，,]",
    re.IGNORECASE | re.MULTILINE,
)
ENOUGH_STEPS = 3


def format_reward(judged: Sequence[Judged], *, style: Literal["think-answer", "think-only", "boxed"] = "think-answer") -> Values:
    """1 where all rules of a style hold (`r1bench.tasks.grading.format`), 0 otherwise. By default: exactly one <think>...</think> followed
    by exactly one <answer>...</answer>, neither empty, and nothing else.

    DeepSeek-R1 (2.2.2) names the tags and not the value. Departures from the regular expressions in use: new lines may stand anywhere
    between and inside the tags (S000 allows none, open-r1 wants exactly its own), text after the answer fails (S001 lets it pass after a
    new line), and so do nested tags, empty reasoning and empty answers.
    """
    return [float(all(rules(each.completion.text, each.completion.prefill, style).values())) for each in judged]


def tag_count(judged: Sequence[Judged]) -> Values:
    """A quarter for each of <think>, </think>, <answer>, </answer> that is there exactly once and in its place.

    In its place: after the tags before it that count; a closing tag also needs something other than white space between it and the tag
    before it. open-r1's form wants a new line beside each tag and asks for neither order nor content, so that four bare tags earn it whole.
    """
    return [_tags_in_place(each.completion.prefill + each.completion.text) / len(TAGS) for each in judged]


def reasoning_steps(judged: Sequence[Judged]) -> Values:
    """min(1, steps / 3), where a step is announced by "Step 2:", "2.", "-" or "*" at the start of a line, "First,", "Second,", "Next,",
    "Finally," or the Chinese for these.

    Counted in the reasoning, or in the whole text where none is marked. A step that is followed by nothing, or says what an earlier one
    said, is none, and a list may begin on the first line; both differ from S001's and open-r1's form (open-r1 also lost MULTILINE, so that
    "1." counts on the first line only). It remains a count of words: "First, so. Next, fine. Finally, done." earns it whole.
    """
    return [min(1.0, _num_steps(each) / ENOUGH_STEPS) for each in judged]


def _tags_in_place(text: str) -> int:
    found: dict[str, list[re.Match[str]]] = {tag: [] for tag in TAGS}
    has_content: dict[int, bool] = {}
    last = 0
    for tag in ANY_TAG.finditer(text):
        found[tag[0].lower().replace("thinking", "think")].append(tag)
        has_content[tag.start()] = bool(text[last : tag.start()].strip())
        last = tag.end()
    earned, behind = 0, -1
    for name in TAGS:
        places = found[name]
        if len(places) != 1 or places[0][0] != name or places[0].start() < behind:
            continue
        if places[0][1] and not has_content[places[0].start()]:
            continue
        earned, behind = earned + 1, places[0].end()
    return earned


def _num_steps(judged: Judged) -> int:
    thinking = split(judged.completion.text, judged.completion.prefill)
    text = judged.completion.text if thinking.state == "absent" else thinking.reasoning
    marks = list(STEP.finditer(text))
    starts = [mark.start() for mark in marks] + [len(text)]
    contents = {" ".join(text[mark.end() : end].casefold().split()) for mark, end in zip(marks, starts[1:], strict=True)}
    return sum(any(letter.isalnum() for letter in content) for content in contents)
