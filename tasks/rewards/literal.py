"""Rewards as others have them, defects included, under names of their own: for comparison and for the audit, not for training.

S000, S001 and S003 are the documents that r1bench was started from; open_r1 is huggingface/open-r1 at 1416fa0. Each docstring says what
differs from ours and why ours departs. What these look at is what their sources look at: the completion without its prefill, in
characters. The regular expressions of the formats are written out by hand where as printed they take quadratic time; the verdicts are the
same. Left out: S001's repetition penalty as it stands (it returns a function), open-r1's graders that need a service.
"""

import re
from collections.abc import Sequence

from r1bench.tasks.rewards.lengths import cosine_value, length_value
from r1bench.tasks.rewards.literal_accuracy import verdicts
from r1bench.tasks.rewards.reward import Count, Judged, Penalty, Values
from r1bench.tasks.rewards.wording import repetition_share

BETWEEN = re.compile(r"</think>\s*<answer>")
END_OF_LINE = re.compile(r"</answer>$", re.MULTILINE)
OPEN_R1_BETWEEN = re.compile(r"\n</think>\n<answer>\n")
OPEN_R1_END = re.compile(r"\n</answer>$", re.MULTILINE)
STEPS = r"Step \d+:|^\d+\.|\n-|\n\*|First,|Second,|Next,|Finally,"
OPEN_R1_TAGS = ("<think>\n", "\n</think>\n", "\n<answer>\n", "\n</answer>")


def accuracy_s000(judged: Sequence[Judged]) -> Values:
    """1 where the whole completion is the gold, so that a completion with reasoning never is (000-7)."""
    return [float(each.completion.text in each.problem.gold) if each.problem.gold else None for each in judged]


def accuracy_s003(judged: Sequence[Judged]) -> Values:
    """1 where the gold stands anywhere in prompt and completion, so that an echo of the prompt will do (003-4; its "4" for any gold)."""
    texts = [each.problem.prompt + each.completion.text for each in judged]
    pairs = [(text, each.problem.gold) for text, each in zip(texts, judged, strict=True)]
    return [float(any(gold in text for gold in golds)) if golds else None for text, golds in pairs]


def accuracy_s001(judged: Sequence[Judged]) -> Values:
    """Math-Verify on the whole completion with gold and answer swapped, 0.5 where the gold does not parse (001-11).

    So a box inside unfinished reasoning counts, several boxes become a set, an interval's condition passes for the interval, and a bare
    word as gold pays 0.5 for anything.
    """
    found = zip(judged, verdicts(judged, "s001"), strict=True)
    return [(0.5 if each.problem.gold else None) if verdict is None else verdict for each, verdict in found]


def accuracy_open_r1(judged: Sequence[Judged]) -> Values:
    """As S001's with gold and answer in their order, and None where the gold does not parse: such problems never train."""
    return list(verdicts(judged, "open_r1"))


def binary_code_open_r1(judged: Sequence[Judged]) -> Values:
    """1 for more than 0.99 of the tests: 199 of 200 are enough."""
    fractions = [each.grade.details.get("fraction", 0.0) if each.grade.grader == "code" else None for each in judged]
    return [None if fraction is None else float(fraction > 0.99) for fraction in fractions]


def format_s000(judged: Sequence[Judged]) -> Values:
    """^<think>.*?</think><answer>.*?</answer>$ without DOTALL on the stripped text: any new line, or white space between the two, is 0."""

    def matches(text: str) -> bool:
        middle = text.find("</think><answer>", len("<think>"))
        is_framed = text.startswith("<think>") and text.endswith("</answer>") and "\n" not in text
        return is_framed and middle >= 0 and middle + len("</think><answer>") <= len(text) - len("</answer>")

    return [float(matches(each.completion.text.strip())) for each in judged]


def format_s001(judged: Sequence[Judged]) -> Values:
    r"""^<think>.*?</think>\s*<answer>.*?</answer>$ with DOTALL and MULTILINE: text after a new line following the answer, nested or
    repeated tags and empty blocks all pass; a leading space fails."""
    return [_framed(each.completion.text, "<think>", BETWEEN, END_OF_LINE) for each in judged]


def format_s003(judged: Sequence[Judged]) -> Values:
    """0.5 where both <think> and </think> occur, in whatever order (003-5)."""
    return [0.5 * ("<think>" in each.completion.text and "</think>" in each.completion.text) for each in judged]


def format_open_r1(judged: Sequence[Judged]) -> Values:
    r"""^<think>\n.*?\n</think>\n<answer>\n.*?\n</answer>$ with DOTALL and MULTILINE: exactly these new lines or 0; otherwise as S001's."""
    return [_framed(each.completion.text, "<think>\n", OPEN_R1_BETWEEN, OPEN_R1_END) for each in judged]


def _framed(text: str, opening: str, between: re.Pattern[str], end: re.Pattern[str]) -> float:
    """1 for a text that begins so, with the two patterns somewhere behind it in this order; else 0."""
    middle = between.search(text, len(opening)) if text.startswith(opening) else None
    return float(middle is not None and end.search(text, middle.end()) is not None)


def tag_count_open_r1(judged: Sequence[Judged]) -> Values:
    """A quarter for each tag that occurs exactly once beside its new lines; neither order nor content matters."""
    return [sum(0.25 for tag in OPEN_R1_TAGS if each.completion.text.count(tag) == 1) for each in judged]


def reasoning_steps_s001(judged: Sequence[Judged]) -> Values:
    """min(1, marks / 3) over the whole text (001-13): words alone, with nothing after them, are enough; "-" on the first line is missed."""
    return [min(1.0, len(re.findall(STEPS, each.completion.text, re.MULTILINE)) / 3) for each in judged]


def reasoning_steps_open_r1(judged: Sequence[Judged]) -> Values:
    """S001's without MULTILINE, so that "1." counts at the very beginning only."""
    return [min(1.0, len(re.findall(STEPS, each.completion.text)) / 3) for each in judged]


def cosine_s001(
    judged: Sequence[Judged],
    *,
    min_value_wrong: float = -0.5,
    max_value_wrong: float = -0.1,
    min_value_correct: float = 0.8,
    max_value_correct: float = 1.0,
    max_len: Count = 1000,
) -> Values:
    """By characters and not clamped (001-14): at twice max_len the value is that of length 0. Correct by its own accuracy."""
    values = (min_value_wrong, max_value_wrong, min_value_correct, max_value_correct)
    pairs = zip(judged, accuracy_s001(judged), strict=True)
    return [cosine_value(len(each.completion.text) / max_len, verdict == 1, *values) for each, verdict in pairs]


def cosine_open_r1(
    judged: Sequence[Judged],
    *,
    min_value_wrong: float = -1.0,
    max_value_wrong: float = -0.5,
    min_value_correct: float = 0.5,
    max_value_correct: float = 1.0,
    max_len: Count = 1000,
) -> Values:
    """As S001's, but 1 where the gold does not parse. Defaults of open-r1's function; its script has 0.0 and -0.5 for wrong ones."""
    values = (min_value_wrong, max_value_wrong, min_value_correct, max_value_correct)
    pairs = zip(judged, verdicts(judged, "s001"), strict=True)  # gold and answer stand swapped in this one, unlike in its accuracy
    found = [(verdict, cosine_value(len(each.completion.text) / max_len, verdict == 1, *values)) for each, verdict in pairs]
    return [1.0 if verdict is None else value for verdict, value in found]


def repetition_penalty_s001(judged: Sequence[Judged], *, ngram_size: Count = 3, max_penalty: Penalty = -0.1) -> Values:
    """Words are what stands between spaces (001-15, with the call that it lacks; open-r1's is the same with -1, and jieba for Chinese):
    a loop without spaces is one word and costs nothing, and so is a Chinese sentence."""
    return [max_penalty * repetition_share(each.completion.text.lower().split(), ngram_size) for each in judged]


def length_open_r1(judged: Sequence[Judged]) -> Values:
    """Kimi k1.5's formula over the whole batch, whatever the problems, in characters."""
    sizes = [len(each.completion.text) for each in judged]
    span = (min(sizes, default=0), max(sizes, default=0))
    pairs = zip(judged, sizes, strict=True)
    return [length_value(size, *span, is_correct=each.grade.outcome == "correct") for each, size in pairs]
