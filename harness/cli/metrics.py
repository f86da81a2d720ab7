"""The command that prints every metric of a run."""

from pathlib import Path

import click

from r1bench.harness.cli.options import JSON, RUNS, example, level_option, show


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
    epilog=example(
        "r1bench metrics tiny-base-zero\n"
        "r1bench metrics tiny-base-zero --task arithmetic --level 0.9\n"
        "r1bench metrics tiny-base-zero --k 1,4 --budget 32,64,128 --json"
    ),
)
@click.argument("run")
@click.option("--k", "ks", callback=numbers, help="Samples that are drawn, such as 1,4,16 [default: powers of two up to n, and n].")
@click.option("--budget", "budgets", callback=numbers, help="Token budgets, such as 256,512 [default: powers of two up to the run's].")
@click.option("--task", help="Only this task [default: every task that the checkpoint has a run of].")
@level_option("Of the intervals.")
@RUNS
@JSON
def metrics(run: str, ks: list[int] | None, budgets: list[int] | None, task: str | None, level: float, runs: Path, as_json: bool) -> None:
    """Every metric of RUN with n and interval: pass@k, pass^k, majority, budgets, outcomes, length, format, languages, reasoning.

    RUN is a folder, an id, or a checkpoint's name, which stands for its runs of all tasks, one after the other; with --json these are a
    list under 'runs'. What a run has too few samples for is refused.
    """
    from r1bench.harness.store.names import runs_of
    from r1bench.leaderboards.measures import page, reading

    tallies = (reading.read(named.folder) for named in runs_of(runs, run, [task] if task else ()))
    found = [page.measure(tally, ks=ks, budgets=budgets, level=level) for tally in tallies]
    show(as_json, found[0] if len(found) == 1 else {"runs": found}, "\n\n\n".join(map(page.render, found)))
