"""What goes into a grader and what comes out of it, before the pool adds the grader's name, version and time (`Grade`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from r1bench.harness.records import Completion, FinishReason, Outcome, Problem


class GradeRequest(NamedTuple):
    """One completion to judge."""

    text: str
    """As generated, without the prefill."""
    gold: tuple[str, ...] = ()
    """Acceptable answers; equal to any of them is correct. For code: reference solutions, which no verdict depends on."""
    finish_reason: FinishReason = "stop"
    prefill: str = ""
    prompt: str = ""
    """The problem's text; for code that is completed, the text it completes."""
    tests: Mapping[str, Any] | None = None
    """What a program is run on (programs/tests.py)."""
    options: Mapping[str, Any] = {}
    """Conventions of the row or task: each grader says which it knows."""
    language: str = "en"
    """The language that the reasoning should be in (BCP 47)."""


@dataclass(frozen=True)
class Judgement:
    """A verdict without the name of who gave it."""

    outcome: Outcome
    score: float
    """0 ... 1."""
    extracted: str | None = None
    reason: str = ""
    flags: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    """The grader's own fields, plain JSON values."""
    microseconds: int = 0
    """Time that the verdict took, where the grader measures it itself."""


def request_of(problem: Problem, completion: Completion) -> GradeRequest:
    """The request that judges a completion of a problem."""
    text, finish_reason, prefill = completion.text, completion.finish_reason, completion.prefill
    return GradeRequest(text, problem.gold, finish_reason, prefill, problem.prompt, problem.tests, problem.options, problem.language)
