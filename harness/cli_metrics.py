"""The command that prints every metric of a run. cli.py adds it to the command line."""

from pathlib import Path

import click

from r1bench.harness.options import JSON, RUNS, example, show


def numbers(ctx: click.Context, param: click.Parameter, value: str | None) -> list[int] | None:
    """`1,4,16` as whole numbers above 0; None where nothing was given."""
    if value is None:
        return None
    parts = [part.strip().replace("_", "") for part in value.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
        raise click.BadParameter("give whole numbers above 0, separated by commas, for example 1,4,16")
    return sorted({int(part) for part in parts})


@click.command(
    short_help="Every metric of one run: pass@k, majority, budgets, lengths.",
    epilog=example("r1bench metrics tiny-base-zero\nr1bench metrics tiny-base-zero --k 1,4 --budget 32,64,128 --json"),
)
@click.argument("run")
@click.option("--k", "ks", callback=numbers, help="Samples that are drawn, such as 1,4,16 [default: powers of two up to n, and n].")
@click.option("--budget", "budgets", callback=numbers, help="Token budgets, such as 256,512 [default: powers of two up to the run's].")
@RUNS
@JSON
def metrics(run: str, ks: list[int] | None, budgets: list[int] | None, runs: Path, as_json: bool) -> None:
    """Every metric of RUN with n and interval: pass@k, pass^k, majority, budgets, outcomes, length, format, languages, reasoning.

    RUN is a folder, an id, or a checkpoint's name. What the run has too few samples for is refused.
    """
    from r1bench.harness.store import find_run, read_run
    from r1bench.leaderboards import metrics_page

    found = metrics_page.measure(read_run(find_run(runs, run)), ks=ks, budgets=budgets)
    show(as_json, found, metrics_page.render(found))


COMMANDS: tuple[click.Command, ...] = (metrics,)
