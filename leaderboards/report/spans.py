r"""Where the reasoning of a completion and the answer that was found in it stand, for a page that folds the one and marks the other.

    reasoning_span("<think>so</think>4", "closed")                  ->  Span(start=7, end=9)
    answer_span("4 is \\boxed{4}", "4", Span(0, 12))                ->  Span(start=12, end=13)

The state of a reasoning comes with the sample; its place follows from that and the marks in the text, which are those of
r1bench.harness.thinking. Left out: judging anything.
"""

import re
from typing import NamedTuple

from r1bench.harness.records import ThinkingState

MARK = re.compile(
    r"<(?:(?P<opening>think(?:ing)?>|\|begin_of_thought\|>)|(?P<closing>/think(?:ing)?>|\|end_of_thought\|>)|"
    r"(?P<solution>\|begin_of_solution\|>)|(?P<toggle>\|special_token\|>))|(?P<bare_toggle>\|special_token\|)",
    re.IGNORECASE | re.ASCII,
)
TURN = re.compile(r"^[ \t]{0,8}(?:User|Human)[ \t]{0,8}[:：]|(?<=</answer>)\s{0,8}(?:User|Human):", re.MULTILINE)
LONGEST_MARKED = 2_000
"""Characters of an answer that is looked for in its text; a longer one is a program or a whole completion."""
MOST_PLACES = 100
OPENINGS = ("\\boxed{", "\\fbox{", "<answer>")


class Span(NamedTuple):
    """A part of a text, as Python slices it."""

    start: int
    end: int


class Parts(NamedTuple):
    """A completion in two: None where there is no reasoning, an empty answer part where it was never closed."""

    reasoning: Span | None
    answer: Span


def first_turn(text: str, prefill: str = "") -> int:
    """Where the model takes up the user's part, as graders see it (flag 'next_turn'); the length of the text where it does not."""
    answered, begun = text.rfind("Assistant:"), len(text) - len(text.lstrip())
    is_open, num_toggles = _before(prefill)
    marks = _marks(text, is_open=is_open, num_toggles=num_toggles)
    is_inside, passed = is_open or (bool(marks) and marks[0][0] == "c"), 0
    for turn in TURN.finditer(text, 0, max(answered, 0)):
        while passed < len(marks) and marks[passed][1].start() < turn.start():
            is_inside = marks[passed][0] == "o"
            passed += 1
        if turn.start() > begun and not is_inside:
            return turn.start()
    return len(text)


def _before(prefill: str) -> tuple[bool, int]:
    """Whether a prefill ends inside the reasoning, and how many marks it has that open and close in turn."""
    marks = _marks(prefill, is_open=False)
    return bool(marks) and marks[-1][0] == "o", sum("toggle" in str(found.lastgroup) for _, found in marks)


def parts(text: str, state: ThinkingState, prefill: str = "") -> Parts:
    """The reasoning and what follows it. `prefill` says whether the text begins inside the reasoning."""
    if state == "absent":
        return Parts(None, Span(0, len(text)))
    is_open, num_toggles = _before(prefill)
    marks = _marks(text, is_open=is_open, num_toggles=num_toggles)
    starts_inside = is_open or not marks or marks[0][0] != "o"
    start = 0 if starts_inside else marks[0][1].end()
    closings = [number for number, (kind, _) in enumerate(marks) if kind != "o"]
    if not closings:
        return Parts(Span(start, len(text)), Span(len(text), len(text)))
    last = closings[-1]
    end = marks[last + 1][1].start() if last + 1 < len(marks) else len(text)
    return Parts(Span(start, marks[last][1].start()), Span(marks[last][1].end(), end))


def _marks(text: str, *, is_open: bool, num_toggles: int = 0) -> list[tuple[str, re.Match[str]]]:
    """Every mark that opens (o) or closes (c) a reasoning; the beginning of a solution closes one that stands open."""
    if "<" not in text and "|" not in text:
        return []
    marks: list[tuple[str, re.Match[str]]] = []
    for found in MARK.finditer(text):
        group = found.lastgroup
        if group == "solution":
            if not (marks[-1][0] == "o" if marks else is_open):
                continue
            kind = "c"
        elif group in ("toggle", "bare_toggle"):
            kind = "co"[num_toggles % 2 == 0]
            num_toggles += 1
        else:
            kind = "o" if group == "opening" else "c"
        marks.append((kind, found))
    return marks


def answer_span(text: str, extracted: str | None, answer: Span) -> Span | None:
    """The last place of the extracted answer in the answer part, or else in the whole text; None where it is not there as it stands.

    A place in a box or in answer tags goes before one that stands free, and that before one inside another word or number. At most
    MOST_PLACES places are looked at, from the end.
    """
    if not extracted or len(extracted) > LONGEST_MARKED or not extracted.strip():
        return None
    for part in (answer, Span(0, len(text))):
        found = _best_place(text, extracted, part)
        if found is not None:
            return Span(found, found + len(extracted))
    return None


def _best_place(text: str, extracted: str, part: Span) -> int | None:
    """Where the answer begins, by the order of `answer_span`."""
    free = anywhere = None
    place, size = text.rfind(extracted, part.start, part.end), len(extracted)
    for _ in range(MOST_PLACES):
        if place < 0:
            break
        if text[max(0, place - 24) : place].rstrip().lower().endswith(OPENINGS):
            return place
        anywhere = place if anywhere is None else anywhere
        if (
            free is None
            and not _joins(text[max(0, place - 1) : place], extracted[0])
            and not _joins(extracted[-1], text[place + size : place + size + 1])
        ):
            free = place
        place = text.rfind(extracted, part.start, place + size - 1)
    return anywhere if free is None else free


def _joins(left: str, right: str) -> bool:
    """Whether two neighbouring characters belong to one word or number."""
    return (left.isalnum() or left in ("_", ".", "-")) and (right.isalnum() or right == "_") if left and right else False


def in_utf16(text: str, span: Span | None) -> list[int] | None:
    """The span in UTF-16 code units, in which JavaScript counts; a character beyond U+FFFF has two."""
    if span is None:
        return None
    start = num_units(text[: span.start])
    return [start, start + num_units(text[span.start : span.end])]


def num_units(text: str) -> int:
    """Length in UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
