"""The gate and its baseline files. cli.py adds them to the command line."""

from pathlib import Path
from typing import Any

import click

from r1bench.harness.options import DEVICE, JSON, PICKLE, RUNS, SANDBOX, WORKERS, example, show


@click.command(
    short_help="Worse than the baseline? By exit code.", epilog=example("r1bench gate tiny-base-zero --baseline tiny-base --margin 2.0")
)
@click.argument("checkpoint_or_run")
@click.option("--baseline", required=True, help="The run to hold it against: a folder, an id, or a checkpoint's name.")
@click.option("--margin", type=click.FloatRange(min=0), default=2.0, show_default=True, help="Points that may be lost.")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=128,
    show_default=True,
    help="Sequences at once, where a checkpoint is evaluated.",
)
@DEVICE
@PICKLE
@WORKERS
@SANDBOX
@RUNS
@JSON
@click.pass_context
def gate(ctx: click.Context, checkpoint_or_run: str, baseline: str, margin: float, runs: Path, as_json: bool, **options: Any) -> None:
    """Has it become worse than the baseline? Exit code 0 PASS, 1 FAIL, 3 INSUFFICIENT EVIDENCE, 2 usage error.

    A checkpoint is first evaluated as the baseline was: same problems, template, sampling.
    """
    from r1bench.harness.commands import run_for_gate
    from r1bench.harness.store import find_run, read_run
    from r1bench.leaderboards import gate as gating

    reference = find_run(runs, baseline)
    candidate = run_for_gate(checkpoint_or_run, reference, runs, **options)
    verdict = gating.judge(candidate, read_run(reference), margin=margin)
    show(as_json, gating.to_json(verdict), gating.render(verdict))
    ctx.exit(verdict.exit_code)


COMMANDS: tuple[click.Command, ...] = (gate,)
