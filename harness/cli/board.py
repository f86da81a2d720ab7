"""The commands about the board: leaderboard, and importing rows of other harnesses."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from r1bench.harness.cli.options import JSON, PATH, RUNS, TASKS, example, runs_option, show
from r1bench.harness.errors import UsageError, error_line, printable

if TYPE_CHECKING:
    from r1bench.leaderboards.board.index import Index

READERS = click.option(
    "--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Processes that read runs which changed."
)
SORT_KEYS = ("score", "name", "tokens", "seconds", "format", "date")


def check_tasks(names: tuple[str, ...], index: "Index") -> None:
    """Refuse a task that neither has a run nor exists."""
    if unknown := set(names) - {row.task for row in index.entries()}:
        from r1bench.tasks import get_task

        for name in sorted(unknown):
            get_task(name)


def tell(notes: Iterable[str], left_out: Iterable[str]) -> None:
    """What a reader of the board should know, and what it does not show, on stderr."""
    for note in notes:
        click.echo(f"Note: {printable(note)}", err=True)
    for fault in left_out:
        click.echo(f"Left out: {printable(fault)}", err=True)


@click.group(
    short_help="Every run with score and interval.",
    invoke_without_command=True,
    epilog=example(
        "r1bench leaderboard --task arithmetic\n"
        "r1bench leaderboard --match 'tiny-*' --sort tokens --cost --lineage\n"
        "r1bench leaderboard --published --export board.csv"
    ),
)
@TASKS
@click.option("--match", "name", default="", metavar="GLOB", help="Only checkpoints whose name fits; * and ? stand for any letters.")
@click.option("--stage", default="", help="Only checkpoints of this stage.")
@click.option("--sort", type=click.Choice(SORT_KEYS), default="score", show_default=True, help="Order within each protocol; ranks stay.")
@click.option("--reverse", is_flag=True, help="The other way round.")
@click.option("--lineage", "with_lineage", is_flag=True, help="Each checkpoint below its parent, with what it added or lost.")
@click.option("--published", "with_published", is_flag=True, help="Numbers that papers printed, below; never ranked.")
@click.option("--cost", "with_cost", is_flag=True, help="Tokens, seconds and the backend's noise of each run.")
@click.option("--export", "target", type=PATH, help="Write one flat table: .md, .csv, .json, .parquet.")
@click.option("--no-refresh", is_flag=True, help="The index as it is, without looking at the run folders.")
@READERS
@RUNS
@JSON
@click.pass_context
def leaderboard(ctx: click.Context, runs: Path, as_json: bool, target: Path | None, no_refresh: bool, workers: int, **choice: Any) -> None:
    """Every run: score with interval, n, outcomes, tokens, protocol. Different protocols are never ranked together."""
    if ctx.invoked_subcommand is not None:
        return
    from r1bench.leaderboards.board import index, overview

    if target is not None:
        from r1bench.leaderboards.board import exports

        exports.check_target(target)
    found = index.as_it_is(runs) if no_refresh else index.refresh(runs, num_workers=workers)
    check_tasks(choice["tasks"], found)
    shown = overview.gather(found, overview.Choice(**choice), num_workers=workers)
    tell(found.notes(), shown.left_out)
    if as_json and shown.imported and not (choice["with_lineage"] or choice["with_published"]):
        click.echo(f"Note: imported rows not in this list: {len(shown.imported)}; --published or --lineage has them", err=True)
    if target is not None:
        exports.write(target, shown.entries, imported=shown.imported, printed=shown.printed, ranked=shown.ranked)
    show(as_json, overview.to_json(shown) if as_json else None, "" if as_json else overview.render(shown))


@leaderboard.command("rebuild", epilog=example("r1bench leaderboard rebuild"))
@READERS
@runs_option("--runs", text="Folder of runs [default: that of the leaderboard].")
@click.pass_context
def rebuild(ctx: click.Context, runs: Path, workers: int) -> None:
    """Throw the index (leaderboard.jsonl) away and make it again from the run folders, which are the truth."""
    from r1bench.leaderboards.board import index

    if ctx.get_parameter_source("runs") is click.core.ParameterSource.DEFAULT and ctx.parent is not None:
        runs = ctx.parent.params["runs"]
    found = index.rebuild(runs, num_workers=workers)
    tell(found.notes(), found.left_out())
    click.echo(f"{len(found.entries())} runs are in the index of {printable(str(runs))}")


@click.command(
    "import-lm-eval", short_help="Rows of lm-eval beside ours.", epilog=example("r1bench import-lm-eval results/ --name my-model")
)
@click.argument("results", type=PATH)
@click.option("--name", default="", help="What tables call the model [default: lm-eval's name of it].")
@RUNS
@JSON
@click.pass_context
def import_lm_eval(ctx: click.Context, results: Path, name: str, runs: Path, as_json: bool) -> None:
    """Take results of lm-eval 0.4 (a results_*.json, or the folder of its --output_path) as rows beside the board, never ranked.

    The results are copied into the runs folder (external/); the same results again change nothing. Of a folder, files that cannot be taken
    are named, and the exit code is 2.
    """
    from r1bench.leaderboards.board import external

    files = external.results_files(results)
    if not runs.parent.is_dir():
        raise UsageError(f"{runs} has no parent folder; name an existing place with --runs")
    taken, faults = external.import_all(files, runs, name=name)
    tell((), (note for each in taken for note in each.notes))
    rows = [row for each in taken for row in each.rows]
    if taken:
        show(as_json, rows, external.render(rows))
    for fault in faults:
        click.echo(error_line(fault), err=True)
    if faults:
        ctx.exit(2)
