"""Graders: a completion and what it is judged by -> a Grade. The table is GRADERS; the door is GradingPool.

A grader sees the answer part of a completion only (thinking.py) and finds the answer in it. The same pool judges checkpoints and
rewards training. No text of a model is executed here except in the sandbox, no signal is handled and no verdict depends on the clock;
a fault of a grader raises GraderError and never becomes a score.

    with GradingPool("math", num_workers=2) as pool:
        grades = pool.grade([GradeRequest(text, gold=("\\\\frac{1}{2}",), finish_reason="stop")])

Left out: judges that are models.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, runtime_checkable

from r1bench.harness.errors import GraderError, UnknownNameError
from r1bench.harness.records import Grade
from r1bench.tasks.grading.request import GradeRequest, Judgement, request_of

__all__ = ["GRADERS", "GradeRequest", "Grader", "GradingPool", "Judgement", "check_gold", "check_options", "get_grader", "request_of"]


@dataclass(frozen=True)
class Grader:
    """A way to judge completions."""

    name: str
    version: str
    """Raised whenever a verdict could change; part of every score's protocol."""
    needs: Literal["gold", "tests", ""]
    """What a problem must have to be judged by it."""
    what: str


GRADERS: dict[str, Grader] = {
    "behaviour": Grader("behaviour", "1", "", "repetition, reflection, truncation and length of the reasoning"),
    "choice": Grader("choice", "1", "gold", "the letter of a multiple-choice answer"),
    "code": Grader("code", "1", "tests", "programs, run on tests in a sandbox"),
    "format": Grader("format", "2", "", "whether the completion keeps to the tags it was asked for, rule by rule"),
    "integer": Grader("integer", "2", "gold", "exact numbers (integers, decimals, fractions); a bare last number counts"),
    "language": Grader("language", "1", "", "the share of the reasoning's words that are of the target language"),
    "math": Grader("math", "2", "gold", "text, exact numbers, exact expressions; Math-Verify for what these cannot read"),
}


class Engine(Protocol):
    """What does the judging behind one grader's name."""

    def grade(self, requests: Sequence[GradeRequest]) -> list[Judgement]:
        """One judgement per request, in their order."""

    def check_golds(self, golds: Sequence[str]) -> list[str | None]:
        """For each gold answer None, or why it cannot be judged by."""

    def close(self) -> None:
        """End processes."""


@runtime_checkable
class Preparing(Protocol):
    """An engine that can be refused by this machine."""

    def prepare(self) -> None:
        """Start what it needs, or raise."""


class OneByOne:
    """The engine of a grader that is a pure function of one request."""

    def __init__(self, judge: Callable[[GradeRequest], Judgement], check_gold: Callable[[str], str | None] = lambda gold: None) -> None:
        self.judge, self.check_gold = judge, check_gold

    def grade(self, requests: Sequence[GradeRequest]) -> list[Judgement]:
        return [self._timed(request) for request in requests]

    def _timed(self, request: GradeRequest) -> Judgement:
        begin = time.perf_counter_ns()
        found = self.judge(request)
        return replace(found, microseconds=(time.perf_counter_ns() - begin) // 1000)

    def check_golds(self, golds: Sequence[str]) -> list[str | None]:
        return [self.check_gold(gold) for gold in golds]

    def close(self) -> None:
        pass


def get_grader(name: str) -> Grader:
    """The grader of that name; UnknownNameError if there is none."""
    if name not in GRADERS:
        raise UnknownNameError("grader", name, GRADERS, "r1bench grade --help")
    return GRADERS[name]


def check_options(grader: str, options: Mapping[str, Any]) -> str | None:
    """Why a grader cannot keep these conventions (an unknown name, an impossible value), or None if it can."""
    if grader in ("integer", "math"):
        from r1bench.tasks.grading.conventions import conventions_of

        try:
            conventions_of(options)
        except ValueError as error:
            return str(error)
        return None
    if grader == "code":
        from r1bench.tasks.grading.programs import grader as code

        return code.check_options(options)
    known = {"choice": ("choices",), "language": ("target",), "format": ("style",)}.get(grader, ())
    unknown = [name for name in options if name not in known]
    if unknown:
        return f"unknown option {unknown[0]!r:.40}; grader {grader!r} knows {', '.join(known) or 'none'}"
    choices = options.get("choices", ["A", "B"])
    if not isinstance(choices, list) or len(choices) < 2 or not all(isinstance(choice, str) for choice in choices):
        return "'choices' must be a list of at least two texts"
    if len(set(choices)) < len(choices):
        return "'choices' holds a text twice"
    return None


def open_engine(name: str, num_workers: int, cpu_seconds: float, sandbox: str) -> Engine:
    """The engine behind a grader's name; its modules are imported here, when they are needed."""
    if name in ("integer", "math"):
        from r1bench.tasks.grading.answers import AnswerGrader

        return AnswerGrader(name, num_workers, cpu_seconds)
    if name == "code":
        from r1bench.tasks.grading.programs.grader import CodeGrader

        return CodeGrader(num_workers, sandbox)
    if name == "choice":
        from r1bench.tasks.grading import choice

        return OneByOne(choice.judge, choice.check_gold)
    if name == "format":
        from r1bench.tasks.grading import format as format_grader

        return OneByOne(format_grader.judge)
    if name == "language":
        from r1bench.tasks.grading.languages import grader as language

        return OneByOne(language.judge)
    from r1bench.tasks.grading import behaviour

    return OneByOne(behaviour.judge)


class GradingPool:
    """Grades completions with one grader; worker processes are started only for what needs them.

    Args:
        grader: a name in GRADERS.
        num_workers: processes at most, for the graders that use any.
        cpu_seconds: processor time that one comparison of 'math' may use.
        sandbox: where 'code' runs programs: 'auto', 'bubblewrap' or 'none'.
    """

    def __init__(self, grader: str, num_workers: int = 1, cpu_seconds: float = 0.5, sandbox: str = "auto") -> None:
        self.grader = get_grader(grader)
        self.engine = open_engine(grader, num_workers, cpu_seconds, sandbox)

    def grade(self, requests: Sequence[GradeRequest]) -> list[Grade]:
        """One grade per request, in their order.

        Raises:
            GraderError: a fault of the grader, or a gold answer that it cannot parse.
        """
        begin = time.perf_counter_ns()
        judgements = self.engine.grade(requests)
        shared = (time.perf_counter_ns() - begin) // 1000 // max(len(requests), 1)
        return [self._named(judgement, shared) for judgement in judgements]

    def prepare(self) -> "GradingPool":
        """Start now what could be refused (the sandbox), rather than with the first completion.

        Raises:
            SandboxError: programs are to be run, and nothing isolates them on this machine.
        """
        if isinstance(self.engine, Preparing):
            self.engine.prepare()
        return self

    def check_golds(self, golds: Sequence[str]) -> list[str | None]:
        """For each gold answer None, or the reason why this grader could not judge by it."""
        return self.engine.check_golds(golds)

    def close(self) -> None:
        """End the worker processes."""
        self.engine.close()

    def __enter__(self) -> "GradingPool":
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    def _named(self, found: Judgement, microseconds: int) -> Grade:
        if not 0 <= found.score <= 1:
            raise GraderError(f"grader {self.grader.name!r} gave the score {found.score}; please report this")
        return Grade(
            outcome=found.outcome,
            score=found.score,
            extracted=found.extracted,
            reason=found.reason,
            grader=self.grader.name,
            version=self.grader.version,
            microseconds=found.microseconds or microseconds,
            flags=found.flags,
            details=found.details,
        )


def check_gold(grader: str, gold: str) -> str | None:
    """Why a gold answer cannot be judged by a grader, or None if it can. For many golds use GradingPool.check_golds."""
    with GradingPool(grader) as pool:
        return pool.check_golds([gold])[0]
