"""The commands that grade without sampling: grade, regrade, audit-rewards."""

from pathlib import Path

import click

from r1bench.harness.cli.options import JSON, PATH, RUNS, SANDBOX, WORKERS, example, show
from r1bench.harness.errors import error_line


@click.command(
    short_help="Grade rows of completions.",
    epilog=example("r1bench grade math rows.jsonl -o graded.jsonl\ncat rows.jsonl | r1bench grade code - --workers 2 -o graded.jsonl"),
)
@click.argument("grader")
@click.argument("rows")
@click.option("-o", "--out", type=PATH, help="File for the graded rows, one JSON object per line.")
@WORKERS
@SANDBOX
@JSON
@click.pass_context
def grade(ctx: click.Context, grader: str, rows: str, out: Path | None, workers: int, sandbox: str, as_json: bool) -> None:
    """Grade completions with one GRADER: math, integer, choice, code, format, language or behaviour.

    ROWS has one JSON object per line (- reads standard input): response, and what the grader needs: gold, tests, target or style.
    A wrong row is an error with its line number; the others are graded, and the exit code is 2. The same command goes on after an
    interruption.
    """
    from r1bench.harness.evaluation.rows import grade_rows

    found = grade_rows(grader, rows, out, num_workers=workers, sandbox=sandbox)
    show(as_json, found.to_json(), found.render())
    for line in found.error_lines():
        click.echo(error_line(line), err=True)
    ctx.exit(2 if found.errors else 0)


@click.command(
    short_help="Replay stored samples through today's graders.",
    epilog=example("r1bench regrade tiny-base\nr1bench regrade runs/arithmetic--tiny-base--1a2b3c4d --write"),
)
@click.argument("run")
@click.option("--write", is_flag=True, help="Also store the replayed samples as a run of today's grader version.")
@WORKERS
@SANDBOX
@RUNS
@JSON
def regrade(run: str, write: bool, workers: int, sandbox: str, runs: Path, as_json: bool) -> None:
    """Grade every stored sample of RUN again and list each verdict that flips. The run itself stays as it is."""
    from r1bench.harness.evaluation.regrade import regrade as replay
    from r1bench.harness.store.names import run_of

    found = replay(run_of(runs, run).folder, write_to=runs if write else None, num_workers=workers, sandbox=sandbox)
    show(as_json, found.to_json(), found.render())


@click.command(
    "audit-rewards",
    short_help="Which known hacks do rewards fall for?",
    epilog=example("r1bench audit-rewards\nr1bench audit-rewards format cosine --set cosine.max_len=2048 --json"),
)
@click.argument("rewards", nargs=-1)
@click.option("--set", "settings", multiple=True, help="A parameter: REWARD.NAME=VALUE, for example reward_model.model=ckpt/.")
@SANDBOX
@JSON
def audit_rewards(rewards: tuple[str, ...], settings: tuple[str, ...], sandbox: str, as_json: bool) -> None:
    """Run known reward hacks through REWARDS (all of them by default) and say which each falls for."""
    from r1bench.harness.training.recipes import apply_settings
    from r1bench.tasks.rewards.audit import audit

    report = audit(rewards, apply_settings({}, settings), sandbox=sandbox)
    show(as_json, report.to_json(), report.render())
