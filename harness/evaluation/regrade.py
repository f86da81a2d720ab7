"""`r1bench regrade`: replays the stored samples of a run through today's graders and lists every verdict that flips.

The run itself is never changed. With `write` the replayed samples become a run of their own, beside it, under today's grader version:
so that a run made with an older grader can be compared with one made today. Left out: why a verdict flipped (see its text and reason).
"""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from r1bench.harness import tables
from r1bench.harness.errors import printable
from r1bench.harness.evaluation.grading import Drawn, graded, judge, summary
from r1bench.harness.progress import Progress
from r1bench.harness.records import Grade, Manifest, Problem, RenderedPrompt, Run, Sample
from r1bench.harness.store.prompts import read_prompts
from r1bench.harness.store.runs import open_run, read_problems, read_run
from r1bench.harness.thinking import unknown_markings


@dataclass(frozen=True)
class Flip:
    """A sample whose verdict is another one now."""

    problem_id: str
    index: int
    before: Grade
    after: Grade

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "before": _verdict(self.before), "after": _verdict(self.after)}


@dataclass(frozen=True)
class Regraded:
    """What `regrade` found."""

    run: str
    task: str
    grader: str
    old_version: str
    new_version: str
    num_samples: int
    num_problems: int
    before: dict[str, Any]
    """Mean score over problems with its interval, and how many problems and samples it rests on: those that did not fail."""
    after: dict[str, Any]
    """Those numbers with today's verdicts."""
    flips: tuple[Flip, ...]
    written: str = ""
    """Folder of the new run; '' where none was asked for, or none written."""
    remark: str = ""
    """What else is to be known: an incomplete run, marks of reasoning that are not known, why nothing was written."""

    def to_json(self) -> dict[str, Any]:
        return {**self.__dict__, "flips": [flip.to_json() for flip in self.flips]}

    def render(self) -> str:
        """A line for each flip, and what they add up to."""
        kinds = Counter(f"{flip.before.outcome} -> {flip.after.outcome}" for flip in self.flips)
        lines = [
            f"  {printable(flip.problem_id)} #{flip.index}: {flip.before.outcome} -> {flip.after.outcome} "
            f"({printable(flip.before.reason)} -> {printable(flip.after.reason)}); extracted {flip.after.extracted!r:.60}"
            for flip in self.flips
        ]
        versions = f"grader {self.grader}, version {self.old_version} -> {self.new_version}"
        count = f"{len(self.flips)} of {self.num_samples} verdicts flip ({versions})"
        shares = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
        sizes = dict.fromkeys(f"{found['num_samples']} samples of {found['num_problems']} problems" for found in (self.before, self.after))
        size = f"95 %, n = {' -> '.join(sizes)}"
        before, after = (tables.interval("points", *map(found.get, ("score", "low", "high"))) for found in (self.before, self.after))
        means = f"score {before} -> {after} ({size})"
        closing = [text for text in (f"written: {self.written}" if self.written else "", self.remark) if text]
        return "\n".join([count + (f": {shares}" if shares else ""), *lines, means, *closing])


def regrade(folder: Path, *, write_to: Path | None = None, num_workers: int = 1, sandbox: str = "auto") -> Regraded:
    """Grade every stored sample of a run again.

    Args:
        write_to: the folder of runs that the replayed run is written into; None writes nothing.

    Raises:
        StorageError: the run cannot be read. SandboxError: it is about programs, and nothing isolates them, or the sandbox failed.
    """
    from r1bench.tasks.grading import GradingPool

    run, problems = read_run(folder), read_problems(folder)
    by_id = {problem.id: problem for problem in problems}
    after: list[Sample] = []
    with (
        GradingPool(run.manifest.grader, num_workers=num_workers, sandbox=sandbox).prepare() as pool,
        Progress(f"regraded {run.id}", len(run.samples)) as progress,
    ):
        drawn = [Drawn(*sample.key, sample.completion) for sample in run.samples]
        for sample, (_, grade) in zip(run.samples, graded(pool, by_id, drawn), strict=True):
            after.append(replayed(sample, grade, by_id[sample.problem_id]))
            progress.advance()
        version = pool.grader.version
    flips = tuple(
        Flip(old.problem_id, old.index, old.grade, new.grade)
        for old, new in zip(run.samples, after, strict=True)
        if (old.grade.outcome, old.grade.score) != (new.grade.outcome, new.grade.score)
    )
    replayed_run = replace(run, samples=tuple(after))
    remarks = [f"{run.shortfall}: the run is not whole" if run.shortfall else ""]
    if num_failed := replayed_run.num_failed:
        remarks.append(f"{num_failed} of {len(after)} samples failed and have no score (before: {run.num_failed})")
    remarks.append(unknown_markings((sample.grade.unknown_mark for sample in after), "sample"))
    if write_to and version == run.manifest.grader_version:
        remarks.append("not written: the run was graded by this version already, and a run is never changed")
        write_to = None
    return Regraded(
        run=run.id,
        task=run.manifest.task,
        grader=run.manifest.grader,
        old_version=run.manifest.grader_version,
        new_version=version,
        num_samples=len(run.samples),
        num_problems=len({sample.problem_id for sample in run.samples}),
        before=_score(run),
        after=_score(replayed_run),
        flips=flips,
        written=str(write_run(write_to, run, problems, read_prompts(folder, run.manifest), after, version)) if write_to else "",
        remark="; ".join(filter(None, remarks)),
    )


def replayed(sample: Sample, grade: Grade, problem: Problem) -> Sample:
    """The sample with today's grade and today's remarks. Its reasoning keeps the number of tokens that the model's tokenizer gave it."""
    today = judge(problem, sample.completion, sample.index, grade, lambda text: sample.reasoning_tokens)
    return replace(today, published=sample.published)


def write_run(root: Path, run: Run, problems: list[Problem], prompts: list[RenderedPrompt], samples: list[Sample], version: str) -> Path:
    """The replayed samples as a run of today's grader version; one that is there already is completed."""
    values = {**run.manifest.to_json(), "grader_version": version, "command": f"r1bench regrade {run.id}"}
    with open_run(root, Manifest.from_json(values), problems, prompts) as writer:
        for sample in samples:
            writer.append(sample)
        return writer.folder


def _score(run: Run) -> dict[str, Any]:
    rows = list(run.scores_by_problem().values())
    return {**summary(rows), "num_samples": sum(map(len, rows)), "num_problems": len(rows)}


def _verdict(grade: Grade) -> dict[str, Any]:
    return {"outcome": grade.outcome, "score": grade.score, "extracted": grade.extracted, "reason": grade.reason, "version": grade.version}
