"""The commands that make runs: eval, and import of what someone else generated."""

from pathlib import Path
from typing import Any

import click

from r1bench.harness.cli.options import DATA, JSON, MAP, OUT_RUNS, PATH, SANDBOX, WORKERS, example, sampler_options, show
from r1bench.harness.errors import harmless, printable


def repeat_size(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """A number of problems from 1 on; 0, as many as `repeat.py` takes, for the option alone; None without it."""
    if value is None:
        return None
    return click.IntRange(min=1)(value, param, ctx) if value else 0


@click.command(
    "eval",
    short_help="Sample a checkpoint and grade it.",
    epilog=example(
        "r1bench eval tiny-base --tasks arithmetic\n"
        "r1bench eval ckpt/ --tasks gsm8k,math500 --data problems/ --samples 4 --limit 100 --max-tokens 2048\n"
        "r1bench eval tiny-base --tasks arithmetic --repeat-check 32 --repeat-batch-size 16"
    ),
)
@click.argument("checkpoint")
@click.option("--tasks", "task_names", required=True, help="Names of tasks, separated by commas.")
@DATA
@MAP
@click.option("--samples", type=int, help="Completions per problem [default: the task's].")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many problems.")
@click.option("--sampler", "sampler_name", default="transformers", show_default=True, help="Who generates; r1bench doctor lists them.")
@click.option("--temperature", type=float, help="0 is greedy [default: the task's].")
@click.option("--top-p", type=float, help="[default: the task's]")
@click.option("--top-k", type=int, help="0 means no limit [default: the task's].")
@click.option("--max-tokens", type=int, help="Most tokens of a completion [default: the task's].")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the sampling; another seed is another run.")
@click.option("--template", help="Prompt template [default: the task's].")
@click.option("--name", default="", help="What tables call the checkpoint [default: its folder's name].")
@sampler_options
@click.option(
    "--repeat-check",
    callback=repeat_size,
    is_flag=False,
    flag_value="",
    metavar="[N]",
    help="Then ask N problems again, same seeds and batches, and store what comes out differently [N: 32, fewer beyond 512 samples].",
)
@click.option("--repeat-batch-size", type=click.IntRange(min=1), help="Sequences at once in that [default: the same].")
@WORKERS
@SANDBOX
@OUT_RUNS
@JSON
def evaluate_command(runs: Path, as_json: bool, **options: Any) -> None:
    """Sample CHECKPOINT (a folder, a hub id, or tiny-base), grade what it says, keep every sample.

    The same command again goes on where it was interrupted, and gives samples that failed another try; with more --samples it draws only
    the new ones.
    """
    from r1bench.harness import tables
    from r1bench.harness.evaluation import repeat
    from r1bench.harness.evaluation.checkpoint import evaluate_checkpoint
    from r1bench.harness.evaluation.evaluate import render_failed
    from r1bench.leaderboards.board import ranking as board
    from r1bench.leaderboards.measures.reading import of_run

    finished = evaluate_checkpoint(runs=runs, **options)
    entries = board.entries(map(of_run, finished))
    show(as_json, board.to_json(entries), board.render(entries))
    for text in filter(None, map(render_failed, finished)):
        click.echo(harmless(tables.paragraph(printable(text))), err=as_json)
    if options["repeat_check"] is not None:
        for run in finished:
            click.echo(harmless(tables.paragraph(printable(repeat.render(run)))), err=as_json)


@click.command(
    "import",
    short_help="Grade what someone else generated.",
    epilog=example("r1bench import math500 responses.jsonl --name gemma-2-27b-it --data math500_test.jsonl"),
)
@click.argument("task")
@click.argument("responses", type=PATH)
@click.option("--name", required=True, help="What tables call the model that wrote them.")
@DATA
@MAP
@WORKERS
@SANDBOX
@OUT_RUNS
@JSON
def import_command(task: str, responses: Path, as_json: bool, **options: Any) -> None:
    """Grade completions that someone else generated, as a run like any other.

    RESPONSES has one row per problem (or per completion). Columns are recognised, or named with --map response=...,problem=...; with dots
    for what is inside: response=choices.message.content,finish_reason=choices.finish_reason.
    """
    from r1bench.harness import tables
    from r1bench.harness.evaluation.grading import failures
    from r1bench.harness.evaluation.importing import differences, import_responses, render_differences, render_failures
    from r1bench.leaderboards.board import ranking as board
    from r1bench.leaderboards.measures.reading import of_run

    run = import_responses(task, responses, **options)
    entries, differing, failed = board.entries([of_run(run)]), differences(run), failures(run)
    said = [tables.paragraph(render_failures(failed, len(run.samples))), render_differences(differing) if differing else ""]
    text = "\n\n".join(filter(None, [board.render(entries), *said]))
    show(as_json, {"entries": board.to_json(entries), "failed": failed, "differences": differing}, text)
