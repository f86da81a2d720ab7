"""Which prompts a training step gets. Decided here for every backend, so that two backends train on the same prompts in the same order."""

from collections.abc import Sequence

from r1bench.backends.examples import shuffled
from r1bench.backends.job import TrainJob
from r1bench.harness.records import Problem
from r1bench.tasks import get_task


def draw_problems(job: TrainJob, step: int, source: Sequence[Problem] | None) -> list[Problem]:
    """The prompts of a step: fresh ones where the task generates them, otherwise the given ones in an order shuffled for each epoch."""
    if source is None:
        generate = get_task(job.data.task).generate
        assert generate is not None, "a task without data generates"
        return generate(split=job.data.split, num_problems=job.batch_size, seed=f"{job.seed}:{step}")
    positions = range(step * job.batch_size, (step + 1) * job.batch_size)
    orders = {epoch: shuffled(len(source), f"epoch:{job.seed}:{epoch}") for epoch in {position // len(source) for position in positions}}
    return [source[orders[position // len(source)][position % len(source)]] for position in positions]
