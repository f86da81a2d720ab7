"""The commands about evidence between runs: compare, and power before there are any."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from r1bench.harness.cli.options import JSON, RUNS, example, level_option, questions_option, show
from r1bench.harness.errors import UsageError

if TYPE_CHECKING:
    from r1bench.leaderboards.compare.power import Forecast


@click.command(
    short_help="Paired differences of runs or checkpoints.",
    epilog=example(
        "r1bench compare tiny-base tiny-base-zero\n"
        "r1bench compare tiny-base tiny-base-zero --task arithmetic --questions fixed --level 0.9 --problems\n"
        "r1bench compare base sft zero --runs runs --json"
    ),
)
@click.argument("names", metavar="A B [C ...]", nargs=-1, required=True)
@click.option("--task", help="Only this task [default: every task that all have].")
@questions_option("random", "fixed", text="Intervals about questions like these, or about these very questions sampled again.")
@level_option("Of the intervals, and of all comparisons together.")
@click.option("--problems", "all_problems", is_flag=True, help="List every problem that is won or lost, not the first ten of each.")
@RUNS
@JSON
def compare(names: tuple[str, ...], runs: Path, all_problems: bool, as_json: bool, **options: Any) -> None:
    """The difference of each run to A, paired by problem, with the problems that are won and lost.

    A run is a folder, an id, or a checkpoint's name, which stands for its runs of all tasks. With more than one comparison p values are
    also adjusted for their number (Holm).
    """
    from r1bench.leaderboards.compare import many as compare_many

    if len(names) < 2:
        raise click.UsageError("give two runs or more: A is held against each of the others")
    found = compare_many.compare_names(runs, names, **options)
    text = "" if as_json else compare_many.render(found, all_problems=all_problems)
    show(as_json, compare_many.to_json(found) if as_json else None, text)


@click.command(
    short_help="What could be detected, and its cost.",
    epilog=example(
        "r1bench power --task aime24 --samples 16\n"
        "r1bench power --task gsm8k --problems 200 --pass-rate 0.9 --margin 1.0 --alpha 0.01 --power 0.9\n"
        "r1bench power --baseline tiny-base --samples 16 --baseline-samples 4 --questions random"
    ),
)
@click.option("--task", help="Name of the task [default: the baseline's].")
@click.option("--samples", type=click.IntRange(1, 100_000), help="Per problem [default: the baseline's, or the task's].")
@click.option("--problems", type=click.IntRange(min=2), help="How many [default: the baseline's, or the published set].")
@click.option("--baseline", help="A run to measure variance and tokens on: a folder, an id, or a checkpoint's name.")
@click.option("--baseline-samples", type=click.IntRange(1, 100_000), help="Per problem, of the baseline [default: --samples].")
@click.option("--pass-rate", type=click.FloatRange(0, 1), help="Expected score, where no run says how scores vary.")
@click.option("--margin", type=click.FloatRange(0, 100, min_open=True), default=2.0, show_default=True, help="Points to be detected.")
@click.option("--alpha", type=click.FloatRange(0, 0.5, min_open=True, max_open=True), default=0.05, show_default=True, help="One-sided.")
@click.option("--power", type=click.FloatRange(0.5, 1, max_open=True), default=0.8, show_default=True, help="Chance to detect it.")
@questions_option("fixed", "random", text="What the margin is about: these very questions, or questions like these.")
@RUNS
@JSON
def power(runs: Path, as_json: bool, **options: Any) -> None:
    """What could be detected with so many samples and what it costs, before anything is spent. Loads no data and no model."""
    from r1bench.leaderboards.compare.power import render, to_json

    found = plan_comparison(runs, **options)
    show(as_json, to_json(found), render(found))


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
    **goal: Any,
) -> "Forecast":
    """What a comparison of this size could show. A baseline's own figures come before planning values; options come before both.

    Args:
        margin: in points.
        goal: alpha, power and questions, as of `forecast`.

    Raises:
        UsageError, StorageError: neither a task nor a baseline, or two that do not fit. ProtocolError: an incomplete baseline.
    """
    from r1bench.harness.store.names import run_of
    from r1bench.leaderboards.compare import power as planning
    from r1bench.leaderboards.measures import reading
    from r1bench.tasks import get_task

    run = reading.read(run_of(runs, baseline, [task] if task else (), otherwise=", or its --task").folder) if baseline else None
    if run is None and task is None:
        raise UsageError("say what is to be compared: --task NAME, or --baseline RUN; see: r1bench tasks")
    manifest = run.manifest if run else None
    name = manifest.task if manifest else get_task(task or "").name
    spread, tokens = planning.of_baseline(run) if run else (None, None)
    if pass_rate is not None or spread is None:
        spread = planning.planning(name, pass_rate)
    most_tokens = int(manifest.sampling["max_tokens"]) if manifest else 0  # imported runs say nothing of it
    return planning.forecast(
        spread,
        task=name,
        num_problems=problems or (manifest.num_problems if manifest else get_task(name).num_problems),
        samples=samples or (manifest.n if manifest else get_task(name).sampling.n),
        tokens=tokens or planning.ceiling(most_tokens or get_task(name).sampling.max_tokens, has_baseline=run is not None),
        samples_baseline=baseline_samples or (manifest.n if manifest else None),
        margin=margin / 100,
        noise=planning.Noise(run.noise.error, run.manifest.n, run.manifest.num_problems) if run and run.noise else None,
        **goal,
    )
