"""Checks that a task can be scored: its data are sound and every gold answer, given as an answer, is graded correct.

A grader that fails its own gold answers loses points that no model can win back. `r1bench tasks check NAME` prints this report.
Left out: whether the published answers are true.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1bench.tasks.grading import GradeRequest, GradingPool
from r1bench.tasks.loading import inspect
from r1bench.tasks.task import Task


@dataclass(frozen=True)
class CheckReport:
    """What `check_task` found."""

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

    @property
    def is_ok(self) -> bool:
        """Whether the data are sound and complete and every gold answer is graded correct."""
        is_complete = self.num_problems == self.num_published
        return is_complete and not self.findings and not self.misgraded and self.num_correct == self.num_golds > 0

    def to_json(self) -> dict[str, Any]:
        return {**self.__dict__, "findings": list(self.findings), "misgraded": list(self.misgraded), "is_ok": self.is_ok}

    def render(self) -> str:
        """The report as text for a terminal."""
        count = f"{self.task}: {self.num_problems} problems from {self.source}"
        if self.num_problems != self.num_published:
            count += f" (the published set has {self.num_published})"
        if self.num_other_years:
            count += f"; {self.num_other_years} rows of other years left out"
        golds = f"{self.num_correct} of {self.num_golds} gold answers are graded correct"
        return "\n".join([count, golds, *self.findings, *self.misgraded, "ok" if self.is_ok else "NOT OK"])


def check_task(task: Task, data: Path | None = None, columns: Mapping[str, str] | None = None) -> CheckReport:
    """Read a task's problems and grade each gold answer as the response `\\boxed{gold}`.

    Raises:
        DataError: the data cannot be read at all.
        UsageError: a role in `columns` that does not exist.
    """
    found = inspect(task, data, columns)
    pairs = [(problem, gold) for problem in found.problems for gold in problem.gold]
    with GradingPool(task.grader) as pool:
        grades = pool.grade([GradeRequest(f"\\boxed{{{gold}}}", (gold,), "stop") for _, gold in pairs])
    misgraded = tuple(
        f"{problem.id}: gold answer {gold!r:.80} given as an answer is {grade.outcome} ({grade.reason})"
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
    )
