"""A checkpoint on tasks, by the words of a user: names become tasks, problems, protocols, a sampler. Prints nothing."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1bench.harness.errors import UnknownNameError, UsageError
from r1bench.harness.records import Problem, Run, Sampling
from r1bench.harness.store.disk import check_writable

if TYPE_CHECKING:
    from r1bench.tasks.task import Task


def chosen_tasks(names: str) -> list["Task"]:
    """Tasks from names separated by commas."""
    from r1bench.tasks import get_task

    given = [name.strip() for name in names.split(",") if name.strip()]
    if not given:
        raise UsageError("--tasks names no task; see: r1bench tasks")
    return [get_task(name) for name in dict.fromkeys(given)]


def samplings_of(chosen: list["Task"], *, samples: int | None, seed: int, **changes: Any) -> list[Sampling]:
    """The default protocol of each task with the changes that were asked for. Raises UsageError for values that no sampler can honour."""
    from r1bench.harness.evaluation.evaluate import check_sampling

    given = {key: value for key, value in {"n": samples, **changes}.items() if value is not None}
    found = [replace(task.sampling, seed=seed, **given) for task in chosen]
    for sampling in found:
        check_sampling(sampling)
    return found


def problems_of(chosen: list["Task"], data: Path | None, columns: dict[str, str] | None, limit: int | None) -> list[list[Problem]]:
    """The problems of each task. Data are for the tasks that do not make their own, if there are any."""
    from r1bench.tasks.data.loading import load_problems

    is_mixed = any(task.generate is None for task in chosen)
    return [load_problems(task, None if is_mixed and task.generate else data, columns)[:limit] for task in chosen]


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
    sampler_options: Mapping[str, Any] | None = None,
    workers: int = 1,
    sandbox: str = "auto",
    samples: int | None = None,
    seed: int = 0,
    repeat_check: int | None = None,
    repeat_batch_size: int | None = None,
    **changes: Any,
) -> list[Run]:
    """Evaluate a checkpoint on tasks, all of which are loaded and checked before the model is.

    Args:
        repeat_check: problems that are asked again when a run is complete (repeat.py); 0: its default number, None: no repetition.
        changes: of the tasks' sampling.
    """
    from r1bench.harness.evaluation import repeat
    from r1bench.harness.evaluation.evaluate import evaluate, pairs_of
    from r1bench.harness.samplers import choose
    from r1bench.tasks.templates import TEMPLATES

    choice, chosen = choose(sampler_name, sampler_options or {}), chosen_tasks(task_names)
    again = repeat.asked(repeat_check, repeat_batch_size, choice)
    samplings = samplings_of(chosen, samples=samples, seed=seed, **changes)
    if template is not None and template not in TEMPLATES:
        raise UnknownNameError("template", template, TEMPLATES, "docs/tasks.md")
    found = choice.find(checkpoint)
    problems = problems_of(chosen, data, columns, limit)
    check_writable(runs)
    templates = [TEMPLATES[template or task.template] for task in chosen]
    choice.check(found, [(filled, pairs_of(questions)) for filled, questions in zip(templates, problems, strict=True)])
    sampler = choice.load(found)
    grading: dict[str, Any] = {"grading_workers": workers, "sandbox": sandbox}
    finished = []
    for task, questions, sampling, filled in zip(chosen, problems, samplings, templates, strict=True):
        run = evaluate(task, questions, found, sampler, sampling, filled, runs, name=name, source=checkpoint, **grading)
        if again:
            run = replace(run, noise=repeat.repeat_check(run, runs / run.id, questions, sampler, filled, again, **grading))
        finished.append(run)
    return finished
