"""Graders: a completion and what it is judged by -> a Grade. The table is GRADERS, one row a grader; the door is GradingPool.

A grader sees the answer part of a completion only (r1bench.harness.thinking) and finds the answer in it. The same pool judges checkpoints
and rewards training. No text of a model is executed here except in the sandbox, no signal is handled and no verdict depends on the clock;
a fault of a grader raises GraderError and never becomes a score.

    with GradingPool("math", num_workers=2) as pool:
        grades = pool.grade([GradeRequest(text, gold=("\\\\frac{1}{2}",), finish_reason="stop")])

Left out: judges that are models.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from types import ModuleType
from typing import Any, Literal

from r1bench.harness.errors import GraderError, R1benchError, UnknownNameError
from r1bench.harness.records import UNKNOWN_MARKING, Grade
from r1bench.harness.thinking import unknown_marking
from r1bench.tasks.grading.request import GradeRequest, Judgement, request_of

__all__ = ["GRADERS", "Engine", "GradeRequest", "Grader", "GradingPool", "Judgement", "check_options", "get_grader", "request_of"]


@dataclass(frozen=True)
class Grader:
    """A way to judge completions, and all that the rest of r1bench needs to know of it."""

    name: str
    version: str
    """Raised whenever a verdict could change; part of every score's protocol."""
    needs: Literal["gold", "tests", ""]
    """What a problem must have to be judged by it."""
    what: str
    module: str
    """Where it is, from here: a module with `judge`, a pure function of one request, or with `open_engine`. It may have `check_gold` and
    `check_options` too, which say why a gold answer or the options of a row cannot be judged by."""
    options: tuple[str, ...] | None = ()
    """Names that the options of a row or task may have; None: `check_options` says."""
    column: Literal["target", "style", ""] = ""
    """What `r1bench grade` reads of a row beside the response and what the grader needs."""
    at_once: int = 64
    """Rows that `r1bench grade` grades, and so stores, together."""
    has_votes: bool = False
    """Whether what it extracts are answers that samples can vote on (cons@k)."""

    def load(self) -> ModuleType:
        """Its module, imported only now: some take long."""
        return import_module(self.module, __name__)


ROWS = (
    Grader("behaviour", "2", "", "repetition, reflection, truncation and length of the reasoning", ".behaviour"),
    Grader("choice", "2", "gold", "the letter of a multiple-choice answer", ".choice", ("choices",), has_votes=True),
    Grader("code", "2", "tests", "programs, run on tests in a sandbox", ".programs.grader", None, at_once=8),
    Grader("format", "3", "", "whether the completion keeps to the tags it was asked for, rule by rule", ".format", ("style",), "style"),
    Grader(
        "integer", "3", "gold", "exact numbers (integers, decimals, fractions); a bare last one counts", ".answers", None, has_votes=True
    ),
    Grader("language", "2", "", "the share of the reasoning's words in the target language", ".languages.grader", ("target",), "target"),
    Grader("math", "3", "gold", "text, exact numbers, exact expressions; else Math-Verify", ".answers", None, has_votes=True),
)
GRADERS: dict[str, Grader] = {row.name: row for row in ROWS}


class Engine:
    """What does the judging behind one grader's name; this one has nothing to prepare, to check or to end."""

    def grade(self, requests: Sequence[GradeRequest]) -> list[Judgement]:
        """One judgement per request, in their order."""
        raise NotImplementedError

    def check_golds(self, golds: Sequence[str]) -> list[str | None]:
        """For each gold answer None, or why it cannot be judged by."""
        return [None] * len(golds)

    def prepare(self) -> None:
        """Start what this machine could refuse, or raise."""

    def close(self) -> None:
        """End processes."""


class OneByOne(Engine):
    """The engine of a grader that is a pure function of one request."""

    def __init__(self, name: str, module: ModuleType) -> None:
        self.name, self.module = name, module

    def grade(self, requests: Sequence[GradeRequest]) -> list[Judgement]:
        return [self._timed(request) for request in requests]

    def _timed(self, request: GradeRequest) -> Judgement:
        begin = time.perf_counter_ns()
        try:
            found = self.module.judge(request)
        except R1benchError:
            raise
        except Exception as error:
            raise GraderError(f"grader {self.name!r} broke on text {request.text[:80]!r}: {error!r:.200}") from error
        return replace(found, microseconds=(time.perf_counter_ns() - begin) // 1000)

    def check_golds(self, golds: Sequence[str]) -> list[str | None]:
        return [self.module.check_gold(gold) if hasattr(self.module, "check_gold") else None for gold in golds]


def get_grader(name: str) -> Grader:
    """The grader of that name; UnknownNameError if there is none."""
    if name not in GRADERS:
        raise UnknownNameError("grader", name, GRADERS, "r1bench grade --help")
    return GRADERS[name]


def check_options(grader: str, options: Mapping[str, Any]) -> str | None:
    """Why a grader cannot keep these conventions (an unknown name, an impossible value), or None if it can."""
    row = get_grader(grader)
    unknown = [name for name in options if row.options is not None and name not in row.options]
    if unknown:
        return f"unknown option {unknown[0]!r:.40}; grader {grader!r} knows {', '.join(row.options or ()) or 'none'}"
    module = row.load()
    return module.check_options(options) if hasattr(module, "check_options") else None


def flagged(request: GradeRequest, found: Judgement) -> Judgement:
    """A judgement with a flag where its text holds a mark that looks like one of a reasoning and is none that we know."""
    mark = unknown_marking(request.text, request.prefill)
    return replace(found, flags=(*found.flags, UNKNOWN_MARKING), details={**found.details, UNKNOWN_MARKING: mark}) if mark else found


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
        module = self.grader.load()
        has_processes = hasattr(module, "open_engine")
        self.engine: Engine = module.open_engine(grader, num_workers, cpu_seconds, sandbox) if has_processes else OneByOne(grader, module)

    def grade(self, requests: Sequence[GradeRequest]) -> list[Grade]:
        """One grade per request, in their order.

        Raises:
            GraderError: a fault of the grader, or a gold answer that it cannot parse.
        """
        begin = time.perf_counter_ns()
        judgements = [flagged(*each) for each in zip(requests, self.engine.grade(requests), strict=True)]
        shared = (time.perf_counter_ns() - begin) // 1000 // max(len(requests), 1)
        return [self._named(judgement, shared) for judgement in judgements]

    def grade_each(self, requests: Sequence[GradeRequest]) -> list[Grade | GraderError]:
        """As `grade`, but what the grader cannot judge costs its own request only: there stands the error, which is no score.

        Raises SandboxError where `grade` does.
        """
        try:
            return list(self.grade(requests))
        except (GraderError, ValueError) as error:
            if len(requests) == 1:
                return [error if isinstance(error, GraderError) else GraderError(str(error))]
        half = len(requests) // 2
        return self.grade_each(requests[:half]) + self.grade_each(requests[half:])

    def prepare(self) -> "GradingPool":
        """Start now what could be refused (the sandbox), rather than with the first completion.

        Raises:
            SandboxError: programs are to be run, and nothing isolates them on this machine.
        """
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
        said = {**vars(found), "microseconds": found.microseconds or microseconds}
        return Grade(grader=self.grader.name, version=self.grader.version, **said)
