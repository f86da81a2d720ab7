"""Samples for a gate, drawn as a manifest says; what cannot be repeated so is refused first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1bench.harness.canonical import digest_of
from r1bench.harness.errors import DataError, ProtocolError, UsageError
from r1bench.harness.records import Checkpoint, Manifest, Problem, Run, Sampling, Template
from r1bench.harness.store.runs import read_problems

if TYPE_CHECKING:
    from r1bench.harness.samplers import Choice, Sampler

IMPORTED = "import"


@dataclass
class Drawing:
    """Draws samples of checkpoints, in the way that a manifest says. A checkpoint is loaded once."""

    runs: Path
    sampler_options: Mapping[str, Any] = field(default_factory=dict)
    """What was asked for, instead of what the manifest says; the options of a machine are never taken from a manifest."""
    workers: int = 1
    sandbox: str = "auto"
    data: Path | None = None
    """Problems for a baseline file, for tasks that do not make their own."""
    columns: dict[str, str] = field(default_factory=dict)
    samplers: dict[str, "Sampler"] = field(default_factory=dict)

    def choice(self, held: Manifest, *, is_top_up: bool = False) -> "Choice":
        """The sampler that made the held run, with its options.

        Args:
            is_top_up: the samples become part of the held run, so that nothing that could make it another run is changed.

        Raises:
            UsageError: it is not installed, or does not have these options.
        """
        from r1bench.harness.samplers import choose
        from r1bench.harness.samplers.options import by_scope

        asked, as_held = dict(self.sampler_options), options_as_held(held)
        if is_top_up:
            machine = by_scope(choose(held.sampler, {**as_held, **asked}).options).get("machine", {})
            asked = {name: value for name, value in asked.items() if name in machine}
            if machine.get("device") == "auto" and held.environment.get("device", "").startswith("cpu"):
                asked["device"] = "cpu"
        return choose(held.sampler, {**as_held, **asked})

    def find(self, place: str, held: Manifest) -> Checkpoint:
        """The checkpoint of that name. Raises CheckpointError."""
        return self.choice(held).find(place)

    def place(self, run: Run) -> Path | None:
        """The folder of runs, where this one lies in it; for the commands that messages give."""
        return self.runs if (self.runs / run.id).is_dir() else None

    def check(self, place: str, asked: Sequence[tuple[Manifest, Sequence[Problem]]]) -> None:
        """Refuse, before anything is drawn, what the checkpoint at `place` cannot be asked as these runs were: a broken chat template.

        Raises CheckpointError, DataError.
        """
        from r1bench.harness.evaluation.evaluate import pairs_of
        from r1bench.tasks.templates import TEMPLATES

        together: dict[str, list[tuple[Template, list[tuple[str, str]]]]] = {}
        choices = {str(choice): choice for choice in (self.choice(held) for held, _ in asked)}
        for held, problems in asked:
            together.setdefault(str(self.choice(held)), []).append((TEMPLATES[held.template], pairs_of(problems)))
        for key, choice in choices.items():
            choice.check(choice.find(place), together[key])

    def draw(self, place: str, held: Manifest, problems: Sequence[Problem], *, n: int, name: str = "", is_top_up: bool = False) -> Run:
        """Evaluate the checkpoint at `place` as the held run was made, with n samples; those that are stored are not drawn again.

        Raises UsageError: how the held run was sampled is not known.
        """
        from r1bench.harness.evaluation.evaluate import evaluate
        from r1bench.tasks import get_task
        from r1bench.tasks.templates import TEMPLATES

        check_drawable(held)
        choice = self.choice(held, is_top_up=is_top_up)
        checkpoint = choice.find(place)
        key = f"{choice} {checkpoint.digest}"
        if key not in self.samplers:
            self.samplers[key] = choice.load(checkpoint)
        sampling, template = replace(Sampling.from_json(held.sampling), n=n), TEMPLATES[held.template]
        how: dict[str, Any] = {"name": name, "source": place, "grading_workers": self.workers, "sandbox": self.sandbox}
        return evaluate(get_task(held.task), problems, checkpoint, self.samplers[key], sampling, template, self.runs, **how)

    def problems(self, held: Manifest, folder: Path | None, asked: Sequence[str], what: str) -> list[Problem]:
        """What a run was asked: from its folder, or where there is none (`what` says what there is) from the data at hand.

        Args:
            asked: ids of its problems.

        Raises:
            DataError: the data at hand are others.
        """
        from r1bench.tasks import get_task
        from r1bench.tasks.data.loading import load_problems

        if folder:
            return read_problems(folder)
        task = get_task(held.task)
        found = load_problems(task, None if task.generate else self.data, self.columns)[: held.num_problems]
        if digest_of([problem.digest() for problem in found]) != held.problems_digest:
            where = "the task's own problems" if task.generate or self.data is None else str(self.data)
            is_same = sorted(problem.id for problem in found) == sorted(asked)
            how = "have the ids of the problems, and stand in another order or say something else" if is_same else "are not the problems"
            raise DataError(where, f"{how} that {what} was asked", "give the same file with --data")
        return found


def options_as_held(held: Manifest) -> dict[str, Any]:
    """The sampler options of a run, as they came out: where 'auto' became 'float32', the latter."""
    given = {**held.sampler_options.get("sample", {}), **held.sampler_options.get("run", {})}
    if not held.sampler_options and held.batch_size:  # a folder of before
        given = {"batch_size": held.batch_size, "dtype": "auto"}
    return {name: held.environment.get(name, value) if value == "auto" else value for name, value in given.items()}


def check_drawable(held: Manifest) -> None:
    """Refuse, before anything is drawn, what could not be held against the baseline afterwards.

    Raises:
        UsageError: an imported run, whose sampling cannot be repeated.
        ProtocolError: the baseline's task, grader or template has another version here.
    """
    from r1bench.tasks import get_task
    from r1bench.tasks.grading import GRADERS
    from r1bench.tasks.templates import TEMPLATES

    what = f"baseline {held.name} on {held.task}"
    if held.sampler == IMPORTED or held.template not in TEMPLATES:
        raise UsageError(f"{what} was imported: how it was sampled is not known; give a run instead of a checkpoint")
    task = get_task(held.task)
    versions = (
        ("task version", held.task_version, task.version, "evaluate the baseline again"),
        ("grader", held.grader, task.grader, "evaluate the baseline again"),
        ("grader version", held.grader_version, GRADERS[task.grader].version, "grade the baseline again: r1bench regrade RUN --write"),
        ("template", held.template_hash, TEMPLATES[held.template].hash, "evaluate the baseline again"),
    )
    for name, then, now, cure in versions:
        if then != now:
            raise ProtocolError(f"{what} has {name} {then}, and this r1bench {now}: a candidate could not be held against it; {cure}")
