"""A stage trained, and its base and its result measured: on the tasks that judge it, or on the examples that were kept aside."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from r1bench.backends.contract import run
from r1bench.backends.journal import HELD_OUT
from r1bench.harness.checkpoints import EMBEDDED, find_checkpoint
from r1bench.harness.errors import BackendError
from r1bench.harness.evaluation.checkpoint import evaluate_checkpoint
from r1bench.harness.progress import note
from r1bench.harness.records import Run
from r1bench.harness.store.disk import check_writable, refusals, write_whole
from r1bench.harness.training.held_out import HeldOut, measure
from r1bench.harness.training.jobs import resolve, write
from r1bench.harness.training.plan import memory_of, shortage
from r1bench.tasks import get_task

if TYPE_CHECKING:
    from r1bench.backends.job import TrainJob


class Trained(NamedTuple):
    """What came out, and how good it is."""

    checkpoint: Path
    deviations: tuple[str, ...]
    """What the backend did not do as the job says."""
    runs: list[Run]
    """Base and result on each judging task; empty where there is none, or it needs data of its own."""
    held_out: HeldOut | None
    """The measure of base and result on what was kept aside of the examples; None where nothing was."""


def train_stage(runs: Path, is_judged: bool, *, is_exact: bool = False, device: str = "auto", **options: Any) -> Trained:
    """Train a stage and measure base and result; runs that exist are not repeated. What is odd or deviates is noted before the first step.

    Args:
        is_exact: refuse a training that the backend does not do exactly as the job says.
        options: of `resolve`.
    """
    if is_judged:
        check_writable(runs)
    found = resolve(device=device, **options)
    job = found.job
    if is_exact:
        check_exact(job)
    write(found)
    deviations = (f"{job.backend} deviates from the job: {each}" for each in job.deviations)
    for text in [*deviations, *map(str, found.warnings), *shortage(job, memory_of(found))]:
        note(text)
    checkpoint = run(job)
    held_out = measured(job) if is_judged else None
    are_generated = all(task.generate is not None for task in map(get_task, found.judges))
    if not is_judged or (options.get("data") and not are_generated):  # the others need --data of their own: `r1bench eval`
        return Trained(checkpoint, job.deviations, [], held_out)
    embedded, judged = Path(find_checkpoint(EMBEDDED).path).resolve(), []
    for place in (str(job.model), str(checkpoint)) if found.judges else ():
        name = job.name if place == str(checkpoint) else ""
        word = EMBEDDED if Path(place).resolve() == embedded else place  # its name again, so that its runs are found
        judged += evaluate_checkpoint(word, ",".join(found.judges), runs, name=name, sampler_options={"device": device})
    return Trained(checkpoint, job.deviations, judged, held_out)


def check_exact(job: "TrainJob") -> None:
    """Raise BackendError, naming the deviations, where the backend does not train exactly what the job says."""
    if job.deviations:
        raise BackendError(
            f"backend {job.backend!r} is only approximate here, and --exact was given: {'; '.join(job.deviations)}; "
            "change what it names with --set, take another --backend (r1bench backends), or leave --exact out"
        )


def measured(job: "TrainJob") -> HeldOut | None:
    """Measure a supervised training on what was kept aside, and keep that beside it; None where nothing was."""
    found = measure(job)
    if found is not None:
        with refusals(Path(job.out)):
            write_whole(Path(job.out) / HELD_OUT, json.dumps(found.to_json(), ensure_ascii=False) + "\n")
    return found
