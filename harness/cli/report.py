"""The static report: run folders as a page that opens from a file."""

from pathlib import Path
from typing import Any

import click

from r1bench.harness.cli.options import JSON, PATH, RUNS, example, show
from r1bench.harness.errors import UsageError


def parse_samples(ctx: click.Context, param: click.Parameter, value: str) -> int | None:
    """'all' as None, 'none' as 0, a number as itself."""
    named = {"all": None, "none": 0}
    if value not in named and not (value.isascii() and value.isdecimal() and len(value) < 10):
        raise click.BadParameter("give all, none, or the most samples of each run")
    return named[value] if value in named else int(value)


def parse_pairs(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """'A,B' as a pair."""
    pairs = [tuple(name.strip() for name in text.split(",")) for text in value]
    if any(len(pair) != 2 or not all(pair) for pair in pairs):
        raise click.BadParameter("give two runs separated by a comma, for example tiny-base,tiny-base-zero")
    return tuple((pair[0], pair[1]) for pair in pairs)


@click.command(
    short_help="A page of everything, for a browser.",
    epilog=example(
        "r1bench report -o site/\n"
        "r1bench report -o site/ --runs build/demo/runs --training build/demo/tiny-base-zero --compare tiny-base,tiny-base-zero"
    ),
)
@click.option("-o", "--out", type=PATH, required=True, help="Folder that the page is written into.")
@RUNS
@click.option("--task", "task_names", multiple=True, help="Only this task; may be given more than once.")
@click.option("--match", "names", default="", metavar="GLOB", help="Only checkpoints or runs of this name, with * and ?.")
@click.option("--training", "trainings", multiple=True, type=PATH, help="Folder of a training to draw too.")
@click.option("--compare", "asked", multiple=True, metavar="A,B", callback=parse_pairs, help="Two runs to compare besides the usual ones.")
@click.option(
    "--samples", default="all", show_default=True, metavar="all|N|none", callback=parse_samples, help="Samples of each run to show."
)
@click.option("--title", default="r1bench report", show_default=True, help="Heading of the page.")
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Processes, with one run in memory each.")
@JSON
def report(out: Path, runs: Path, asked: tuple[tuple[str, str], ...], as_json: bool, **options: Any) -> None:
    """Write a page with the board, stages, training curves, comparisons and samples.

    It opens from a file, without a server or a network. The folder --out is this command's own: an existing one that holds other files is
    refused. What is there already from unchanged runs is kept, so that the same command is quick, and goes on after it was stopped.
    """
    from r1bench.leaderboards.report import compose

    result = compose.build(runs, out, chosen(runs, asked, **options))
    show(as_json, compose.to_json(result), compose.render(result))


def chosen(
    runs: Path, asked: tuple[tuple[str, str], ...], *, task_names: tuple[str, ...], names: str, samples: int | None, **rest: Any
) -> Any:
    """The options of a report, every name looked up."""
    from r1bench.backends import journal
    from r1bench.harness.store.names import readable, run_of
    from r1bench.leaderboards.report import compose
    from r1bench.tasks import get_task

    for name in set(task_names) - {held.task for _, held in readable(runs)}:
        get_task(name)  # tells the nearest name
    pairs = tuple((run_of(runs, first).folder.name, run_of(runs, second).folder.name) for first, second in asked)
    if twice := [first for first, second in pairs if first == second]:
        raise UsageError(f"--compare names one run twice ({twice[0]}); give two runs")
    return compose.Options(
        choice=compose.Choice(task_names, names),
        limits=compose.Limits(samples),
        asked=pairs,
        count=count_reflections,
        reader=journal,
        **rest,
    )


def count_reflections(text: str) -> int:
    """Reflection words of DeepSeek-R1's list and of the Chinese one, in a whole completion."""
    from r1bench.tasks.grading import behaviour

    line = text.encode("ascii", "replace").decode("ascii").lower().replace("\n", " ")
    english = sum(behaviour.count_word(line, word) for word in behaviour.R1_WORDS)
    return english + (0 if text.isascii() else sum(map(text.count, behaviour.ZH_WORDS)))
