"""The rates at which our own backend learns."""

from pathlib import Path

import pytest

from r1bench.backends.custom.optimizer import learning_rate
from r1bench.backends.job import OptimizerSpec, read_job

FLAT_JOB = Path(__file__).parents[2] / "cases" / "flat_job.json"


@pytest.mark.parametrize(("decay", "halfway", "end"), [("constant", 1.0, 1.0), ("linear", 0.55, 0.1), ("cosine", 0.55, 0.1)])
def test_the_learning_rate_falls_to_its_share(decay: str, halfway: float, end: float) -> None:
    job = read_job(FLAT_JOB)
    job = job.model_copy(update={"optimizer": OptimizerSpec(learning_rate=1.0, decay=decay, decay_to=0.1)})  # type: ignore[arg-type]
    updates = job.num_steps() * job.grpo.minibatches
    rates = [learning_rate(job, update) for update in (0, updates // 2, updates)]
    assert rates == pytest.approx([1.0, halfway, end])
