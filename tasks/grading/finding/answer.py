"""From a request to the answer that its completion ends with: reasoning is set aside first, then the answer part is searched.

Outcomes that are settled here: 'failed' where generation broke off in an error; 'truncated' where the budget ended a completion before
an answer was there, 'unparsed' where the model ended it without one. The reasons: 'the reasoning does not end', 'unterminated_box' (a box
was begun and not finished), 'no answer found', 'the answer is too long'.
"""

from typing import Literal, NamedTuple

from r1bench.harness import thinking
from r1bench.harness.records import Outcome
from r1bench.tasks.grading.finding import extraction, letters
from r1bench.tasks.grading.request import GradeRequest

Kind = Literal["number", "expression", "choice"]
MAX_LENGTH = 2_000
"""Longer answers are not looked at: no published answer is longer than a tenth of this."""


class Found(NamedTuple):
    """What the answer part of a request holds: an answer, or already the outcome."""

    answer: str
    flags: tuple[str, ...]
    outcome: Outcome | None
    reason: str


def find_answer(request: GradeRequest, kind: Kind) -> Found:
    """The answer that a completion ends with, or why it has none.

    Args:
        kind: what the grader can judge; 'choice' reads the options' texts from `request.options["choices"]` if they are there.
    """
    if request.finish_reason == "error":
        return Found("", (), "failed", "generation ended in an error")
    was_cut = request.finish_reason == "length"
    without: Outcome = "truncated" if was_cut else "unparsed"
    own = thinking.first_turn(request.text, request.prefill)
    part = thinking.split(own, request.prefill)
    if part.state == "unfinished":
        return Found("", (), without, "the reasoning does not end")
    answer_part = thinking.without_specials(part.answer_part)
    complete = not was_cut or len(own) < len(request.text)
    if kind == "choice":
        extracted, flags = letters.find_letter(answer_part, request.options.get("choices", ()), complete)
    else:
        extracted, flags = extraction.extract(answer_part, kind == "number", complete)
    if len(own) < len(request.text):
        flags = (*flags, "next_turn")
    if extracted is None or not extracted.strip():
        return Found("", flags, without, "unterminated_box" if "unterminated_box" in flags else "no answer found")
    if len(extracted) > MAX_LENGTH:
        return Found(extracted[:200], (*flags, "too_long"), "unparsed", "the answer is too long")
    return Found(extracted, flags, None, "")
