"""What the commands do, between the command line and the library: names become tasks, checkpoints and runs. Prints nothing."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1bench.harness.errors import DataError, StorageError, UnknownNameError, UsageError
from r1bench.harness.records import Problem, Run, Sampling
from r1bench.harness.store.disk import check_writable
from r1bench.harness.store.listed import run_folders
from r1bench.harness.store.runs import read_run

if TYPE_CHECKING:
    from r1bench.harness.evaluation.repeat import Again
    from r1bench.tasks.task import Task


def all_runs(runs: Path) -> tuple[list[Run], list[str]]:
    """Every run in a folder, oldest first, and what is wrong with those that cannot be read.

    Raises:
        StorageError: the folder is not there.
    """
    if not runs.is_dir():
        raise StorageError(f"no runs in {runs}; make one with: r1bench eval tiny-base --tasks arithmetic")
    found, broken = [], []
    for folder in run_folders(runs):
        try:
            found.append(read_run(folder))
        except StorageError as error:
            broken.append(str(error))
    return found, broken


def chosen_tasks(names: str) -> list["Task"]:
    """Tasks from names separated by commas."""
    from r1bench.tasks import get_task

    given = [name.strip() for name in names.split(",") if name.strip()]
    if not given:
        raise UsageError("--tasks names no task; see: r1bench tasks")
    return [get_task(name) for name in dict.fromkeys(given)]


def sampling_of(task: "Task", *, samples: int | None, seed: int, **changes: Any) -> Sampling:
    """The task's default protocol with the changes that were asked for."""
    given = {key: value for key, value in {"n": samples, **changes}.items() if value is not None}
    return replace(task.sampling, seed=seed, **given)


def samplings_of(chosen: list["Task"], *, samples: int | None, seed: int, **changes: Any) -> list[Sampling]:
    """The protocol of each task, checked. Raises UsageError for values that no sampler can honour."""
    from r1bench.harness.evaluation.evaluate import check_sampling

    found = [sampling_of(task, samples=samples, seed=seed, **changes) for task in chosen]
    for sampling in found:
        check_sampling(sampling)
    return found


def problems_of(chosen: list["Task"], data: Path | None, columns: dict[str, str] | None, limit: int | None) -> list[list[Problem]]:
    """The problems of each task. Data are for the tasks that do not make their own, if there are any."""
    from r1bench.tasks.data.loading import load_problems

    is_mixed = any(task.generate is None for task in chosen)
    return [load_problems(task, None if is_mixed and task.generate else data, columns)[:limit] for task in chosen]


def again_of(num_problems: int | None, batch_size: int | None) -> "Again | None":
    """What `--repeat-check` asks for. Raises UsageError for a batch size without it."""
    from r1bench.harness.evaluation.repeat import Again

    if batch_size is not None and num_problems is None:
        raise UsageError("--repeat-batch-size is about asking again; give --repeat-check too")
    return None if num_problems is None else Again(num_problems or None, batch_size)


def evaluate_checkpoint(
    checkpoint: str,
    task_names: str,
    runs: Path,
    *,
    data: Path | None = None,
    columns: dict[str, str] | None = None,
    limit: int | None = None,
    template: str | None = None,
    name: str = "",
    sampler_name: str = "transformers",
    batch_size: int = 128,
    device: str = "auto",
    dtype: str = "auto",
    allow_pickle: bool = False,
    workers: int = 1,
    sandbox: str = "auto",
    samples: int | None = None,
    seed: int = 0,
    repeat_check: int | None = None,
    repeat_batch_size: int | None = None,
    **changes: Any,
) -> list[Run]:
    """Evaluate a checkpoint on tasks, all of which are loaded and checked before the model is.

    repeat_check: problems that are asked again when a run is complete (`repeat.py`); 0: its default number, None: no repetition.
    """
    from r1bench.harness.checkpoints import find_checkpoint
    from r1bench.harness.evaluation.evaluate import evaluate
    from r1bench.harness.evaluation.repeat import repeat_check as ask_again
    from r1bench.harness.samplers import make_sampler
    from r1bench.tasks.templates import TEMPLATES

    again, chosen = again_of(repeat_check, repeat_batch_size), chosen_tasks(task_names)
    samplings = samplings_of(chosen, samples=samples, seed=seed, **changes)
    if template is not None and template not in TEMPLATES:
        raise UnknownNameError("template", template, TEMPLATES, "docs/tasks.md")
    found = find_checkpoint(checkpoint, allow_pickle=allow_pickle)
    problems = problems_of(chosen, data, columns, limit)
    check_writable(runs)
    sampler = make_sampler(sampler_name, found, device=device, dtype=dtype, batch_size=batch_size, allow_pickle=allow_pickle)
    grading: dict[str, Any] = {"grading_workers": workers, "sandbox": sandbox}
    finished = []
    for task, questions, sampling in zip(chosen, problems, samplings, strict=True):
        filled = TEMPLATES[template or task.template]
        run = evaluate(task, questions, found, sampler, sampling, filled, runs, name=name, source=checkpoint, **grading)
        if again:
            run = replace(run, noise=ask_again(run, runs / run.id, questions, sampler, filled, again, **grading))
        finished.append(run)
    return finished


def import_responses(
    task: str,
    responses: Path,
    *,
    name: str,
    data: Path | None,
    columns: dict[str, str],
    runs: Path,
    workers: int = 1,
    sandbox: str = "auto",
) -> Run:
    """Grade a file of completions. Without --data the responses file itself may carry problems and golds."""
    from r1bench.harness.evaluation.importing import import_run
    from r1bench.tasks import get_task
    from r1bench.tasks.data.loading import load_problems, read_rows

    chosen = get_task(task)
    if not responses.exists():
        raise DataError(str(responses), "does not exist", "give the file with the completions")
    known = {key: value for key, value in columns.items() if key in ("problem", "gold")}
    problems = load_problems(chosen, data or (None if chosen.generate else responses), known)
    rows = read_rows(responses)
    return import_run(chosen, problems, rows, responses, runs, name=name, columns=columns, grading_workers=workers, sandbox=sandbox)


def train_stage(
    runs: Path, is_judged: bool, *, backend: str, stage: str, recipe: str, device: str = "auto", **options: Any
) -> tuple[Path, list[Run]]:
    """Train a stage and evaluate base and result on the tasks that judge it; runs that exist are not repeated."""
    from r1bench.backends.contract import run
    from r1bench.harness.training.jobs import prepare

    if is_judged:
        check_writable(runs)
    job, judges = prepare(stage, backend, recipe, device=device, **options)
    checkpoint = run(job)
    if not is_judged or not judges or (options.get("data") and not all_generated(judges)):
        return checkpoint, []
    judged = []
    for place in (str(job.model), str(checkpoint)):
        name = job.name if place == str(checkpoint) else ""
        judged += evaluate_checkpoint(base_name(place), ",".join(judges), runs, name=name, device=device)
    return checkpoint, judged


def all_generated(judges: list[str]) -> bool:
    """Whether every judging task makes its own problems (the others need --data of their own, with `r1bench eval`)."""
    return all(task.generate is not None for task in chosen_tasks(",".join(judges)))


def base_name(place: str) -> str:
    """The embedded base by its name again, so that its runs are found."""
    from r1bench.harness.checkpoints import EMBEDDED, find_checkpoint

    return EMBEDDED if Path(place).resolve() == Path(find_checkpoint(EMBEDDED).path).resolve() else place
