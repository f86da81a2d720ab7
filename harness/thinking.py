r"""Splits a completion into its reasoning and its answer part. A grader looks for an answer in the answer part only.

Marks that open and close a reasoning:
- `<think>`, `<thinking>` and their closings, in any case;
- `<|begin_of_thought|>` and `<|end_of_thought|>`; `<|begin_of_solution|>` closes a reasoning that still stands open;
- `|special_token|`, also `<|special_token|>` (R1's cold start, arXiv 2501.12948 section 2.3.1): the first opens, the next closes ...
A prompt that ends inside the reasoning (R1's chat template ends in `<think>`) says so in `prefill`; the completion then carries only
the closing. With o for an opening and c for a closing:

| marks, in order                                             | state      | answer part                                   |
|-------------------------------------------------------------|------------|-----------------------------------------------|
| none, and the prefill leaves nothing open                   | absent     | everything                                    |
| `o reasoning c answer`, nothing but white space before      | closed     | what follows the closing                      |
| `reasoning c answer`, whether or not a prefill is known     | prefilled  | what follows the closing                      |
| opened (here or in the prefill), closed nowhere             | unfinished | empty                                         |
| anything else: nested, repeated, reversed, text before the  | malformed  | what follows the last closing, up to the next |
| opening, closed by `<|begin_of_solution|>` alone            |            | opening if there is one                       |

If the answer part holds `<|begin_of_solution|>`, the answer part is what follows the last one, up to `<|end_of_solution|>`.
The text itself is never changed: reasoning and answer part are slices of it. One pass of a fixed pattern: linear time on any input.

Left out: any other markup, such as `<answer>`; how strictly a format was kept.
"""

import re
from typing import NamedTuple

from r1bench.harness.records import Thinking, ThinkingState

MARK = re.compile(
    r"<(?:(?P<opening>think(?:ing)?>|\|begin_of_thought\|>)|(?P<closing>/think(?:ing)?>|\|end_of_thought\|>)|"
    r"(?P<solution>\|begin_of_solution\|>)|(?P<toggle>\|special_token\|>))|(?P<bare_toggle>\|special_token\|)",
    re.IGNORECASE | re.ASCII,
)
SOLUTION = re.compile(r"<\|(begin|end)_of_solution\|>", re.IGNORECASE | re.ASCII)
TURN = re.compile(r"^[ \t]{0,8}(?:User|Human)[ \t]{0,8}[:：]|(?<=</answer>)\s{0,8}(?:User|Human):", re.MULTILINE)


class Span(NamedTuple):
    """A part of a text, as Python slices it."""

    start: int
    end: int


class Parts(NamedTuple):
    """Where the parts of a completion stand in its text."""

    state: ThinkingState
    reasoning: Span
    """Empty where no reasoning is marked."""
    answer: Span


class Marks(NamedTuple):
    """The marks of a text, in order."""

    kinds: str
    """A letter for each. o: opens; c: closes; s: a solution begins where the reasoning was never closed."""
    places: list[re.Match[str]]
    is_open: bool
    """Whether the text begins inside the reasoning."""


def split(text: str, prefill: str = "") -> Thinking:
    """The completion `text` split by the rules of the table above.

    Args:
        text: the completion as generated, without the prefill.
        prefill: what the prompt ended in that belongs to the answer.
    """
    state, reasoning, answer = parts(text, prefill)
    return Thinking(state, text[slice(*reasoning)], text[slice(*answer)])


def parts(text: str, prefill: str = "") -> Parts:
    """As `split`, but where the parts stand instead of what they say."""
    kinds, places, is_open = _marks(text, prefill)
    if not kinds and not is_open:
        return Parts("absent", Span(0, 0), _solution(text, 0, len(text)))
    last = max(kinds.rfind("c"), kinds.rfind("s"))
    if last < 0:
        return Parts("unfinished", Span(0 if is_open else places[0].end(), len(text)), Span(len(text), len(text)))
    reasoning = Span(places[0].end() if kinds[0] == "o" and not is_open else 0, places[last].start())
    answer = _solution(text, places[last].end(), places[last + 1].start() if last + 1 < len(places) else len(text))
    if kinds == "c":
        return Parts("prefilled", reasoning, answer)
    is_closed = kinds == "oc" and not is_open and not text[: places[0].start()].strip()
    return Parts("closed" if is_closed else "malformed", reasoning, answer)


def first_turn(text: str, prefill: str = "") -> str:
    """The text up to where the model takes up the user's part: `User:` at the beginning of a line, or right after `</answer>`.

    Base models that go on after their answer invent the next question of the dialogue and answer that too. Inside the reasoning,
    before anything was said, and where no `Assistant:` follows, such a line is ordinary text.
    """
    answered = text.rfind("Assistant:")
    turns = list(TURN.finditer(text, 0, answered)) if answered >= 0 else []
    if not turns:
        return text
    kinds, places, is_open = _marks(text, prefill)
    is_inside = is_open or kinds.startswith(("c", "s"))
    begun = len(text) - len(text.lstrip())
    passed = 0
    for turn in turns:
        while passed < len(kinds) and places[passed].start() < turn.start():
            is_inside = kinds[passed] == "o"
            passed += 1
        if not is_inside and turn.start() > begun:
            return text[: turn.start()]
    return text


def _marks(text: str, prefill: str = "") -> Marks:
    """Every mark of a text that goes on from a prefill."""
    before = _marks(prefill) if prefill else Marks("", [], False)
    is_open, num_toggles = before.kinds.endswith("o"), sum("toggle" in str(found.lastgroup) for found in before.places)
    kinds: list[str] = []
    places: list[re.Match[str]] = []
    for found in MARK.finditer(text) if "<" in text or "|" in text else ():
        group = found.lastgroup
        if group == "solution":
            if not (kinds[-1] == "o" if kinds else is_open):
                continue
            kinds.append("s")
        elif group in ("toggle", "bare_toggle"):
            kinds.append("co"[num_toggles % 2 == 0])
            num_toggles += 1
        else:
            kinds.append("c" if group == "closing" else "o")
        places.append(found)
    return Marks("".join(kinds), places, is_open)


def _solution(text: str, start: int, end: int) -> Span:
    """The part of a text between two places, or what the marks of a solution leave of it."""
    marks = list(SOLUTION.finditer(text, start, end))
    start = max((mark.end() for mark in marks if mark[1].lower() == "begin"), default=start)
    return Span(start, min((mark.start() for mark in marks if mark[1].lower() == "end" and mark.start() >= start), default=end))
