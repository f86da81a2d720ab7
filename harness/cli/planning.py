"""`r1bench power`: from names of a task and a run to what a comparison of them could show. Loads no data and no model.

Left out: the forecast itself (r1bench.leaderboards.compare.power).
"""

from pathlib import Path
from typing import TYPE_CHECKING

from r1bench.harness.errors import UsageError
from r1bench.harness.store.names import run_of
from r1bench.harness.tally import Tally

if TYPE_CHECKING:
    from r1bench.leaderboards.compare.power import Forecast


def plan_comparison(
    runs: Path,
    *,
    task: str | None,
    samples: int | None,
    problems: int | None,
    baseline: str | None,
    baseline_samples: int | None,
    pass_rate: float | None,
    margin: float,
    alpha: float,
    power: float,
    questions: str,
) -> "Forecast":
    """What a comparison of this size could show. A baseline's own figures come before planning values; options come before both.

    Args:
        margin: in points.

    Raises:
        UsageError, StorageError: neither a task nor a baseline, or two that do not fit. ProtocolError: an incomplete baseline.
    """
    from r1bench.leaderboards.compare import power as planning
    from r1bench.leaderboards.measures import reading
    from r1bench.tasks import get_task

    folder = run_of(runs, baseline, [task] if task else (), otherwise=", or its --task").folder if baseline else None
    run = reading.read(folder) if folder else None
    name = task_of(task, run)
    spread, tokens = planning.of_baseline(run) if run else (None, None)
    if pass_rate is not None or spread is None:
        spread = planning.planning(name, pass_rate)
    manifest = run.manifest if run else None
    return planning.forecast(
        spread,
        task=name,
        num_problems=problems or (manifest.num_problems if manifest else get_task(name).num_problems),
        samples=samples or (manifest.n if manifest else get_task(name).sampling.n),
        tokens=tokens or planning.ceiling(most_tokens(name, run), has_baseline=run is not None),
        samples_baseline=baseline_samples or (manifest.n if manifest else None),
        margin=margin / 100,
        alpha=alpha,
        power=power,
        questions=questions,
        noise=planning.Noise(run.noise.error, run.manifest.n, run.manifest.num_problems) if run and run.noise else None,
    )


def task_of(task: str | None, run: Tally | None) -> str:
    """The task's name, which a baseline may stand for."""
    from r1bench.tasks import get_task

    if run is None:
        if task is None:
            raise UsageError("say what is to be compared: --task NAME, or --baseline RUN; see: r1bench tasks")
        return get_task(task).name
    return run.manifest.task


def most_tokens(task: str, run: Tally | None) -> int:
    """What a completion may cost at most, by the run's sampling or the task's protocol. Imported runs say nothing of it."""
    from r1bench.tasks import get_task

    allowed = int(run.manifest.sampling["max_tokens"]) if run else 0
    return allowed or get_task(task).sampling.max_tokens
