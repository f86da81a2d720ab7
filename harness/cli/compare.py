"""The commands about evidence between runs: compare, and power before there are any."""

from pathlib import Path
from typing import Any

import click

from r1bench.harness.cli.options import JSON, LEVEL, RUNS, example, show


@click.command(
    short_help="Paired differences of runs or checkpoints.",
    epilog=example(
        "r1bench compare tiny-base tiny-base-zero\n"
        "r1bench compare tiny-base tiny-base-zero --task arithmetic --questions fixed --level 0.9 --problems\n"
        "r1bench compare base sft zero --runs runs --json"
    ),
)
@click.argument("names", metavar="A B [C ...]", nargs=-1, required=True)
@click.option("--task", default=None, help="Only this task [default: every task that all have].")
@click.option(
    "--questions",
    type=click.Choice(["random", "fixed"]),
    default="random",
    show_default=True,
    help="Intervals about questions like these, or about these very questions sampled again.",
)
@click.option("--level", type=LEVEL, default=0.95, show_default=True, help="Of the intervals, and of all comparisons together.")
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
    if as_json:
        show(True, compare_many.to_json(found), "")
    else:
        show(False, None, compare_many.render(found, all_problems=all_problems))


@click.command(
    short_help="What could be detected, and its cost.",
    epilog=example(
        "r1bench power --task aime24 --samples 16\n"
        "r1bench power --task gsm8k --problems 200 --pass-rate 0.9 --margin 1.0 --alpha 0.01 --power 0.9\n"
        "r1bench power --baseline tiny-base --samples 16 --baseline-samples 4 --questions random"
    ),
)
@click.option("--task", default=None, help="Name of the task [default: the baseline's].")
@click.option("--samples", type=click.IntRange(1, 100_000), default=None, help="Per problem [default: the baseline's, or the task's].")
@click.option("--problems", type=click.IntRange(min=2), default=None, help="How many [default: the baseline's, or the published set].")
@click.option("--baseline", default=None, help="A run to measure variance and tokens on: a folder, an id, or a checkpoint's name.")
@click.option(
    "--baseline-samples", type=click.IntRange(1, 100_000), default=None, help="Per problem, of the baseline [default: --samples]."
)
@click.option("--pass-rate", type=click.FloatRange(0, 1), default=None, help="Expected score, where no run says how scores vary.")
@click.option("--margin", type=click.FloatRange(0, 100, min_open=True), default=2.0, show_default=True, help="Points to be detected.")
@click.option("--alpha", type=click.FloatRange(0, 0.5, min_open=True, max_open=True), default=0.05, show_default=True, help="One-sided.")
@click.option("--power", type=click.FloatRange(0.5, 1, max_open=True), default=0.8, show_default=True, help="Chance to detect it.")
@click.option(
    "--questions",
    type=click.Choice(["fixed", "random"]),
    default="fixed",
    show_default=True,
    help="What the margin is about: these very questions, or questions like these.",
)
@RUNS
@JSON
def power(runs: Path, as_json: bool, **options: Any) -> None:
    """What could be detected with so many samples and what it costs, before anything is spent. Loads no data and no model."""
    from r1bench.harness.cli.planning import plan_comparison
    from r1bench.leaderboards.compare.power import render, to_json

    found = plan_comparison(runs, **options)
    show(as_json, to_json(found), render(found))


COMMANDS: tuple[click.Command, ...] = (compare, power)
