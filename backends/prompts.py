"""Which prompts a training step gets. Decided here for every backend, so that two backends train on the same prompts in the same order."""

from collections.abc import Sequence

from r1bench.backends.examples import shuffled
from r1bench.backends.job import TrainJob
from r1bench.harness.records import Problem
from r1bench.tasks import get_task


def draw_problems(job: TrainJob, step: int, source: Sequence[Problem] | None, batch: int = 0) -> list[Problem]:
    """The prompts of a step: fresh ones where the task generates them, otherwise the given ones in an order shuffled for each epoch.

    Args:
        batch: which of the batches that a step draws with dynamic sampling, from 0. Further ones depend on the step alone, not on how
            many the steps before have drawn, and repeat no prompt of the step while there are others.
    """
    if source is None:
        generate = get_task(job.data.task).generate
        assert generate is not None, "a task without data generates"
        seed = f"{job.seed}:{step}:{batch}" if batch else f"{job.seed}:{step}"
        return generate(split=job.data.split, num_problems=job.batch_size, seed=seed)
    first = first_places(job, step, len(source))
    if not batch:
        return [source[place] for place in first]
    taken = set(first)
    others = [place for place in shuffled(len(source), f"further:{job.seed}:{step}") if place not in taken] or first
    return [source[others[number % len(others)]] for number in range((batch - 1) * job.batch_size, batch * job.batch_size)]


def first_places(job: TrainJob, step: int, count: int) -> list[int]:
    """Places among so many problems that a step takes: each epoch takes all of them."""
    positions = range(step * job.batch_size, (step + 1) * job.batch_size)
    orders = {epoch: shuffled(count, f"epoch:{job.seed}:{epoch}") for epoch in {position // count for position in positions}}
    return [orders[position // count][position % count] for position in positions]
