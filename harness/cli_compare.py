"""The commands about evidence between runs: compare, power, metrics. cli.py adds them to the command line."""

from pathlib import Path

import click

from r1bench.harness.options import JSON, RUNS, example, show


@click.command(short_help="The paired difference of two runs.", epilog=example("r1bench compare tiny-base tiny-base-zero"))
@click.argument("run_a")
@click.argument("run_b")
@RUNS
@JSON
def compare(run_a: str, run_b: str, runs: Path, as_json: bool) -> None:
    """The difference of two runs, B minus A, paired by problem. A run is a folder, an id, or a checkpoint's name."""
    from r1bench.harness.store import find_run, read_run
    from r1bench.leaderboards import compare as comparing

    found = comparing.compare(read_run(find_run(runs, run_a)), read_run(find_run(runs, run_b)))
    show(as_json, comparing.to_json(found), comparing.render(found))


COMMANDS: tuple[click.Command, ...] = (compare,)
