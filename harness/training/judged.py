"""A stage trained, and its base and its result evaluated on the tasks that judge it. Prints nothing."""

from pathlib import Path
from typing import Any

from r1bench.backends.contract import run
from r1bench.harness.checkpoints import EMBEDDED, find_checkpoint
from r1bench.harness.evaluation.checkpoint import evaluate_checkpoint
from r1bench.harness.records import Run
from r1bench.harness.store.disk import check_writable
from r1bench.harness.training.jobs import prepare
from r1bench.tasks import get_task


def train_stage(runs: Path, is_judged: bool, *, device: str = "auto", **options: Any) -> tuple[Path, list[Run]]:
    """Train a stage and evaluate base and result on the tasks that judge it; runs that exist are not repeated."""
    if is_judged:
        check_writable(runs)
    job, judges = prepare(device=device, **options)
    checkpoint = run(job)
    are_generated = all(task.generate is not None for task in map(get_task, judges))
    if not is_judged or not judges or (options.get("data") and not are_generated):  # the others need --data of their own: `r1bench eval`
        return checkpoint, []
    embedded, judged = Path(find_checkpoint(EMBEDDED).path).resolve(), []
    for place in (str(job.model), str(checkpoint)):
        name = job.name if place == str(checkpoint) else ""
        word = EMBEDDED if Path(place).resolve() == embedded else place  # its name again, so that its runs are found
        judged += evaluate_checkpoint(word, ",".join(judges), runs, name=name, sampler_options={"device": device})
    return checkpoint, judged
