"""The gate as a whole: what is missing of the candidate is drawn as the baseline was made, then judged. Prints nothing.

    references = find_baseline("board:main", runs, ["gsm8k", "math500"])
    verdict = gate("ckpt/", references, rules, Drawing(runs))

Left out: names (gating_names.py), decisions (leaderboards/gate.py), the adaptive gate's rounds (gating_rounds.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1bench.harness.canonical import digest_of
from r1bench.harness.errors import DataError, ProtocolError, UsageError
from r1bench.harness.gating_names import Reference, find_candidate
from r1bench.harness.records import Manifest, Problem, Run, Sampling
from r1bench.harness.store import read_problems

if TYPE_CHECKING:
    from r1bench.harness.checkpoints import Checkpoint
    from r1bench.harness.samplers import Sampler
    from r1bench.leaderboards.gate import Rules, Verdict

IMPORTED = "import"
BATCH_SIZE = 128


@dataclass
class Drawing:
    """Draws samples of checkpoints, in the way that a manifest says. A checkpoint is loaded once."""

    runs: Path
    device: str = "auto"
    batch_size: int | None = None
    """Sequences at once; None: as many as the manifest says."""
    allow_pickle: bool = False
    workers: int = 1
    sandbox: str = "auto"
    data: Path | None = None
    """Problems for a baseline file, for tasks that do not make their own."""
    columns: dict[str, str] = field(default_factory=dict)
    samplers: dict[tuple[Any, ...], "Sampler"] = field(default_factory=dict)

    def find(self, place: str) -> "Checkpoint":
        """The checkpoint of that name. Raises CheckpointError."""
        from r1bench.harness.checkpoints import find_checkpoint

        return find_checkpoint(place, allow_pickle=self.allow_pickle)

    def place(self, run: Run) -> Path | None:
        """The folder of runs, where this one lies in it; for the commands that messages give."""
        return self.runs if (self.runs / run.id).is_dir() else None

    def sampler(self, checkpoint: "Checkpoint", held: Manifest, device: str) -> "Sampler":
        """The sampler that made the held run, for this checkpoint."""
        from r1bench.harness.samplers import make_sampler

        options = {
            "device": device,
            "dtype": held.environment.get("dtype", "auto"),
            "batch_size": self.batch_size or held.batch_size or BATCH_SIZE,
            "allow_pickle": self.allow_pickle,
        }
        key = (held.sampler, checkpoint.digest, *options.values())
        if key not in self.samplers:
            self.samplers[key] = make_sampler(held.sampler, checkpoint, **options)
        return self.samplers[key]

    def draw(self, place: str, held: Manifest, problems: Sequence[Problem], *, n: int, name: str = "", device: str = "") -> Run:
        """Evaluate the checkpoint at `place` as the held run was made, with n samples; those that are stored are not drawn again.

        Raises:
            UsageError: how the held run was sampled is not known.
        """
        from r1bench.harness.evaluate import evaluate
        from r1bench.tasks import get_task
        from r1bench.tasks.templates import TEMPLATES

        check_drawable(held)
        checkpoint = self.find(place)
        sampler = self.sampler(checkpoint, held, device or self.device)
        sampling, template = replace(Sampling.from_json(held.sampling), n=n), TEMPLATES[held.template]
        how: dict[str, Any] = {"name": name, "source": place, "grading_workers": self.workers, "sandbox": self.sandbox}
        return evaluate(get_task(held.task), problems, checkpoint, sampler, sampling, template, self.runs, **how)

    def problems(self, reference: Reference) -> list[Problem]:
        """What the baseline was asked.

        Raises:
            DataError: the data at hand are others.
        """
        from r1bench.tasks import get_task
        from r1bench.tasks.loading import load_problems

        if reference.folder:
            return read_problems(reference.folder)
        held = reference.ledger.manifest
        task = get_task(held.task)
        found = load_problems(task, None if task.generate else self.data, self.columns)[: held.num_problems]
        if digest_of([problem.digest() for problem in found]) != held.problems_digest:
            where = "the task's own problems" if task.generate or self.data is None else str(self.data)
            is_same = sorted(problem.id for problem in found) == sorted(reference.ledger.problems)
            how = "have the ids of the problems, and stand in another order or say something else" if is_same else "are not the problems"
            raise DataError(where, f"{how} that {reference.ledger.id} was asked", "give the same file with --data")
        return found


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


def gate(
    name: str,
    references: Sequence[Reference],
    rules: "Rules",
    drawing: Drawing,
    *,
    is_adaptive: bool = False,
    most_samples: int | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> "Verdict":
    """The verdict on the candidate of this name; what is missing of it is drawn first. `report` is told each adaptive round.

    Raises:
        any R1benchError: before anything is drawn where that can be known.
    """
    from r1bench.harness.gating_rounds import follow
    from r1bench.leaderboards import gate as gating
    from r1bench.leaderboards.compare_protocol import place_of
    from r1bench.leaderboards.gate_guards import check_recorded, recorded_names
    from r1bench.leaderboards.gate_ledger import check_protocol, of_run

    rules.check()
    judged = gating.check_tasks([each.task for each in references], rules)
    if most_samples is not None and not is_adaptive:
        raise UsageError("--max-samples is for --adaptive; without it the candidate gets as many samples as the baseline has")
    stored = find_candidate(name, references, drawing.runs)
    for each in references:
        check_recorded(each.ledger, rules.guards)
        if each.task in stored:
            places = place_of(each.folder) if each.folder else None, drawing.place(stored[each.task])
            check_protocol(stored[each.task].id, stored[each.task].manifest, each.ledger, places=places)
        else:
            check_drawable(each.ledger.manifest)
    courses, pairs, also = {}, [], recorded_names(rules.guards)
    for each in references:
        if is_adaptive and each.task in judged:
            pair, courses[each.task] = follow(each, name, stored.get(each.task), rules, drawing, len(judged), most_samples, report)
            pairs.append(pair)
            continue
        run = stored.get(each.task) or drawing.draw(name, each.ledger.manifest, drawing.problems(each), n=each.ledger.manifest.n)
        pairs.append((of_run(run, also=also, place=drawing.place(run)), each.ledger))
    verdict = gating.judge_tasks(pairs, rules, courses or None)
    return replace(verdict, chosen=tuple(each.choice for each in references if each.choice))


def parse_points(texts: Sequence[str], option: str) -> tuple[float | None, Mapping[str, float]]:
    """`("2", "gsm8k=1.5")` as the value for all tasks (None where not given) and those of some.

    Raises:
        UsageError: no number, or one given twice.
    """
    found: dict[str, float] = {}
    for text in texts:
        task, is_named, value = text.rpartition("=")
        try:
            points = float(value)
        except ValueError as error:
            raise UsageError(f"{option} {text!r} is no number of points; give {option} 2.0 or {option} TASK=1.5") from error
        if task in found or (is_named and not task):
            raise UsageError(f"{option} {text!r}: give one value for each task, and one for all others")
        found[task] = points
    return found.pop("", None), found
