"""The commands about the board: leaderboard, and importing rows of other harnesses. cli.py adds them to the command line."""

from pathlib import Path

import click

from r1bench.harness.errors import printable
from r1bench.harness.options import JSON, RUNS, example, show


@click.command(short_help="Every run with score and interval.", epilog=example("r1bench leaderboard --task arithmetic"))
@click.option("--task", "task_names", multiple=True, help="Only this task; may be given more than once.")
@RUNS
@JSON
def leaderboard(task_names: tuple[str, ...], runs: Path, as_json: bool) -> None:
    """Every run: score with interval, n, outcomes, tokens, protocol. Different protocols are never ranked together."""
    from r1bench.harness.commands import all_runs
    from r1bench.leaderboards import board
    from r1bench.tasks import get_task

    for name in task_names:
        get_task(name)
    found, broken = all_runs(runs)
    for reason in broken:
        click.echo(f"Left out: {printable(reason)}", err=True)
    entries = board.entries(run for run in found if not task_names or run.manifest.task in task_names)
    show(as_json, board.to_json(entries), board.render(entries))


COMMANDS: tuple[click.Command, ...] = (leaderboard,)
