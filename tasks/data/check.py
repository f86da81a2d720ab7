"""Checks that a task can be scored: its data are sound and every gold answer, given as an answer, is graded correct.

A grader that fails its own gold answers loses points that no model can win back. `r1bench tasks check NAME` prints this report.
The golds of a task about programs are reference solutions: each is run on the tests of its problem, in the sandbox.
Left out: whether the published answers are true.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1bench.harness.records import Problem
from r1bench.tasks.data.loading import Findings, inspect
from r1bench.tasks.data.sources import Overlap, overlaps
from r1bench.tasks.grading import GradeRequest, GradingPool, get_grader
from r1bench.tasks.task import Task

GOLDS = "gold answers"


@dataclass(frozen=True)
class CheckReport:
    """What was found in one copy of a task's data."""

    task: str
    source: str
    num_problems: int
    """Problems that can be used."""
    num_published: int
    """Problems of the published set."""
    num_golds: int
    num_correct: int
    """Gold answers that were graded correct when given as an answer."""
    num_other_years: int
    findings: tuple[str, ...]
    """'file:row: problem; cure' for everything wrong with the data."""
    misgraded: tuple[str, ...]
    """A sentence for each gold answer that was not graded correct."""
    what: str = GOLDS
    """What the golds are; a task about programs can do without its 'reference solutions', one about form or language without any."""

    @property
    def is_ok(self) -> bool:
        """Whether the data are sound and complete and every gold answer is graded correct."""
        is_complete = self.num_problems == self.num_published
        is_graded = self.num_correct == self.num_golds and (self.num_golds > 0 or self.what != GOLDS)
        return is_complete and is_graded and not self.findings and not self.misgraded

    def verdict(self) -> str:
        """'ok', or what is not."""
        faults = [
            (self.num_problems != self.num_published, f"{self.num_problems} problems instead of {self.num_published}"),
            (bool(self.findings), f"{len(self.findings)} finding{'s' * (len(self.findings) != 1)} in the data"),
            (self.num_correct < self.num_golds, f"{self.num_golds - self.num_correct} {self.what} not graded correct"),
        ]
        return "ok" if self.is_ok else "NOT OK: " + ", ".join(text for is_so, text in faults if is_so)

    def to_json(self) -> dict[str, Any]:
        return {**self.__dict__, "findings": list(self.findings), "misgraded": list(self.misgraded), "is_ok": self.is_ok}

    def render(self) -> str:
        """The report as text for a terminal."""
        count = f"{self.task}: {self.num_problems} problems from {self.source}"
        if self.num_problems != self.num_published:
            count += f" (the published set has {self.num_published})"
        if self.num_other_years:
            count += f"; {self.num_other_years} rows of other years or splits left out"
        golds = f"{self.num_correct} of {self.num_golds} {self.what} are graded correct"
        if not self.num_golds:
            golds = f"there are no {self.what} to try" if self.what else "its grader needs no gold answers"
        return "\n".join([count, golds, *self.findings, *self.misgraded, self.verdict()])


@dataclass(frozen=True)
class CopiesReport:
    """What `check_copies` found."""

    copies: tuple[CheckReport, ...]
    overlaps: tuple[Overlap, ...]
    """Every two copies held against each other."""

    @property
    def contradictions(self) -> tuple[str, ...]:
        """A sentence for each problem on which two copies disagree."""
        return tuple(sentence for overlap in self.overlaps for sentence in overlap.contradictions)

    @property
    def is_ok(self) -> bool:
        """Whether every copy is, and no two contradict each other."""
        return all(report.is_ok for report in self.copies) and not self.contradictions

    def to_json(self) -> dict[str, Any]:
        copies = [report.to_json() for report in self.copies]
        return {"copies": copies, "overlaps": [overlap._asdict() for overlap in self.overlaps], "is_ok": self.is_ok}

    def render(self) -> str:
        """The report as text for a terminal."""
        texts = [report.render() for report in self.copies]
        for overlap in self.overlaps:
            one, other = overlap.sources
            count = f"{overlap.num_shared} problems are in both {one} and {other}; {len(overlap.contradictions)} with contradicting golds"
            texts.append("\n".join([count, *overlap.contradictions]))
        return "\n\n".join(texts)


def check_copies(task: Task, sources: Sequence[Path | None], columns: Mapping[str, str] | None = None) -> CopiesReport:
    """Read each copy of a task's data, grade its golds as `report_on` does, and hold the copies against each other.

    Args:
        sources: files or folders; None: the task's own source.

    Raises:
        DataError: the data cannot be read at all.
        UsageError: a role in `columns` that does not exist.
    """
    found = [inspect(task, data, columns) for data in sources]
    return CopiesReport(tuple(report_on(task, each) for each in found), overlaps(task, found))


def report_on(task: Task, found: Findings) -> CheckReport:
    """Grade every gold of problems that were read: gold answers as the response `\\boxed{gold}`, reference solutions as a fenced block."""
    needs = get_grader(task.grader).needs
    has_tests = needs == "tests"
    pairs = [(problem, gold) for problem in found.problems for gold in problem.gold] if needs else []
    with GradingPool(task.grader, num_workers=min(os.cpu_count() or 1, 8) if has_tests else 1) as pool:
        grades = pool.grade([as_response(problem, gold) for problem, gold in pairs])
    what = "the reference solution" if has_tests else "the gold answer"
    misgraded = tuple(
        f"{problem.id}: {what}{'' if has_tests else f' {gold!r:.80}'} given as an answer is {grade.outcome} ({grade.reason})"
        for (problem, gold), grade in zip(pairs, grades, strict=True)
        if grade.outcome != "correct"
    )
    return CheckReport(
        task=task.name,
        source=found.source,
        num_problems=len(found.problems),
        num_published=task.num_problems,
        num_golds=len(pairs),
        num_correct=len(pairs) - len(misgraded),
        num_other_years=found.num_other_years,
        findings=tuple(str(finding) for finding in found.findings),
        misgraded=misgraded,
        what={"gold": GOLDS, "tests": "reference solutions"}.get(needs, ""),
    )


def as_response(problem: Problem, gold: str) -> GradeRequest:
    """A gold as a model would answer with it."""
    if problem.tests is None:
        return GradeRequest(f"\\boxed{{{gold}}}", (gold,))
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`{3,}", gold))])
    return GradeRequest(f"{fence}python\n{gold}\n{fence}", tests=problem.tests, options=problem.options, prompt=problem.prompt)
