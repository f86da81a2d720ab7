"""What the commands share: options, how results are shown, and how errors end. Left out: the commands (cli.py)."""

import json
import sys
import traceback
from pathlib import Path
from typing import Any

import click

from r1bench.harness.errors import R1benchError, printable


class OneLineErrors(click.Group):
    """A group in which what a user can cure is one line and exit code 2, not a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except R1benchError as error:
            raise click.UsageError(printable(str(error))) from error
        except KeyboardInterrupt:
            click.echo("stopped; the same command goes on from here", err=True)
            ctx.exit(130)

    def main(self, *args: Any, **extra: Any) -> Any:
        """As click's, but a fault of ours does not end with the exit code of a failed gate."""
        try:
            return super().main(*args, **extra)
        except Exception:
            if not extra.get("standalone_mode", True):
                raise
            traceback.print_exc()
            sys.exit(4)


def example(text: str) -> str:
    """An epilog that click leaves as it is."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in text.strip().split("\n"))


def show(as_json: bool, value: Any, text: str) -> None:
    """Print one or the other."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False) if as_json else text)


def parse_map(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    """`problem=question,gold=answer` as a dictionary."""
    pairs = [pair for text in value for pair in text.split(",") if pair]
    if any(len(pair.split("=")) != 2 for pair in pairs):
        raise click.BadParameter("give NAME=COLUMN pairs, for example problem=question,gold=answer")
    return {name: column for name, _, column in (pair.partition("=") for pair in pairs)}


JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
RUNS = click.option(
    "--runs",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    envvar="R1BENCH_RUNS",
    help="Folder of runs.",
)
OUT_RUNS = click.option(
    "--out",
    "--runs",
    "runs",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    envvar="R1BENCH_RUNS",
    help="Folder that the run is written into.",
)
DATA = click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=None,
    help="File or folder with the problems (JSONL, JSON, Parquet, CSV) instead of the hub.",
)
MAP = click.option(
    "--map",
    "columns",
    multiple=True,
    callback=parse_map,
    help="Names of columns that are not recognised: problem=question,gold=answer.",
)
DEVICE = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:0, ...")
PICKLE = click.option(
    "--allow-pickle",
    is_flag=True,
    help="Load weights from pickle files, which can run code: only from people you trust.",
)
