"""The command line: parse, one call, print. Results go to stdout, progress and errors to stderr.

Exit codes: 0 done; 1 the gate says FAIL, or `tasks check` found something; 2 wrong usage or input; 3 the gate says INSUFFICIENT EVIDENCE;
4 a fault of r1bench itself (with a traceback); 130 interrupted.
"""

import sys
from pathlib import Path
from typing import Any

import click

from r1bench.harness import __version__, cli_board, cli_compare, cli_gate, cli_grading, cli_metrics, cli_report
from r1bench.harness.errors import printable
from r1bench.harness.options import DATA, DEVICE, JSON, MAP, OUT_RUNS, PICKLE, RUNS, SANDBOX, WORKERS, OneLineErrors, example, show

REPEAT_DEFAULT = 0
"""What `--repeat-check` without a number becomes: as many as `repeat.py` takes."""


def repeat_size(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """A number of problems from 1 on; `REPEAT_DEFAULT` for the option alone, None without it."""
    if value is None:
        return None
    return REPEAT_DEFAULT if value == "" else click.IntRange(min=1)(value, param, ctx)


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="r1bench")
def main() -> None:
    """Did this training stage make the model better, by how much, and how sure are we?"""


@main.group(
    short_help="List, show and check tasks.",
    invoke_without_command=True,
    epilog=example("r1bench tasks\nr1bench tasks show gsm8k\nr1bench tasks check gsm8k --data gsm8k_test.jsonl"),
)
@JSON
@click.pass_context
def tasks(ctx: click.Context, as_json: bool) -> None:
    """List the tasks: name, version, problems, grader, default protocol."""
    if ctx.invoked_subcommand is None:
        from r1bench.harness.listing import list_tasks, tasks_table

        show(as_json, list_tasks(), tasks_table())


@tasks.command("show", epilog=example("r1bench tasks show math500"))
@click.argument("name")
@JSON
def tasks_show(name: str, as_json: bool) -> None:
    """Everything about one task."""
    from r1bench.harness.listing import describe_task, task_page

    show(as_json, describe_task(name), task_page(name))


@tasks.command(
    "check", epilog=example("r1bench tasks check aime24 --data aime24.jsonl\nr1bench tasks check aime24 --data one.jsonl --data two.json")
)
@click.argument("name")
@click.option("--data", multiple=True, type=click.Path(path_type=Path), help="File or folder; several copies are held against each other.")
@MAP
@JSON
@click.pass_context
def tasks_check(ctx: click.Context, name: str, data: tuple[Path, ...], columns: dict[str, str], as_json: bool) -> None:
    """Look for duplicates, conflicts and bad rows, and grade every gold as if it were an answer: all must be correct.

    Several --data are copies of one benchmark: golds that contradict each other are named. Exit code 1 where something was found.
    """
    from r1bench.tasks import get_task
    from r1bench.tasks.check import check_copies

    report = check_copies(get_task(name), data or (None,), columns)
    show(as_json, report.to_json(), report.render())
    ctx.exit(0 if report.is_ok else 1)


@main.command(
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
@click.option("--samples", type=int, default=None, help="Completions per problem [default: the task's].")
@click.option("--limit", type=click.IntRange(min=1), default=None, help="Only the first so many problems.")
@click.option("--sampler", "sampler_name", default="transformers", show_default=True, help="Who generates; r1bench doctor lists them.")
@click.option("--temperature", type=float, default=None, help="0 is greedy [default: the task's].")
@click.option("--top-p", type=float, default=None, help="[default: the task's]")
@click.option("--top-k", type=int, default=None, help="0 means no limit [default: the task's].")
@click.option("--max-tokens", type=int, default=None, help="Most tokens of a completion [default: the task's].")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the sampling; another seed is another run.")
@click.option("--template", default=None, help="Prompt template [default: the task's].")
@click.option("--name", default="", help="What tables call the checkpoint [default: its folder's name].")
@click.option("--batch-size", type=click.IntRange(min=1), default=128, show_default=True, help="Sequences at once.")
@DEVICE
@click.option("--dtype", default="auto", show_default=True, help="auto, float32, bfloat16, float16.")
@click.option(
    "--repeat-check",
    callback=repeat_size,
    is_flag=False,
    flag_value="",
    default=None,
    metavar="[N]",
    help="Then ask N problems again, same seeds and batches, and store what comes out differently [N: 32, fewer beyond 512 samples].",
)
@click.option("--repeat-batch-size", type=click.IntRange(min=1), default=None, help="Sequences at once in that [default: the same].")
@PICKLE
@WORKERS
@SANDBOX
@OUT_RUNS
@JSON
def evaluate_command(runs: Path, as_json: bool, **options: Any) -> None:
    """Sample CHECKPOINT (a folder, a hub id, or tiny-base), grade what it says, keep every sample.

    The same command again goes on where it was interrupted; with more --samples it draws only the new ones.
    """
    from r1bench.harness import repeat
    from r1bench.harness.commands import evaluate_checkpoint
    from r1bench.leaderboards import board, tables

    finished = evaluate_checkpoint(runs=runs, **options)
    entries = board.entries(finished)
    show(as_json, board.to_json(entries), board.render(entries))
    if options["repeat_check"] is not None:
        for run in finished:
            click.echo(tables.paragraph(printable(repeat.render(run))), err=as_json)


@main.command(
    "import",
    short_help="Grade what someone else generated.",
    epilog=example("r1bench import math500 responses.jsonl --name gemma-2-27b-it --data math500_test.jsonl"),
)
@click.argument("task")
@click.argument("responses", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="What tables call the model that wrote them.")
@DATA
@MAP
@WORKERS
@SANDBOX
@OUT_RUNS
@JSON
def import_command(task: str, responses: Path, as_json: bool, **options: Any) -> None:
    """Grade completions that someone else generated, as a run like any other.

    RESPONSES has one row per problem (or per completion). Columns are recognised, or named with --map response=...,problem=....
    """
    from r1bench.harness.commands import import_responses
    from r1bench.harness.importing import differences, render_differences
    from r1bench.leaderboards import board

    run = import_responses(task, responses, **options)
    entries, differing = board.entries([run]), differences(run)
    text = board.render(entries) + ("\n\n" + render_differences(differing) if differing else "")
    show(as_json, {"entries": board.to_json(entries), "differences": differing}, text)


@main.command(
    short_help="Train one stage of the R1 recipe.",
    epilog=example(
        "r1bench train --backend custom --stage zero\n"
        "r1bench train --stage zero --model ckpt/ --recipe single-gpu --data gsm8k_train.jsonl --set steps=100"
    ),
)
@click.option("--backend", default="custom", show_default=True, help="Who trains; r1bench doctor lists them.")
@click.option("--stage", default="zero", show_default=True, help="Stage of the R1 recipe: zero.")
@click.option("--model", default=None, help="Checkpoint to start from [default: the recipe's].")
@click.option("--recipe", default="tiny", show_default=True, help="tiny, single-gpu, paper, or a YAML file.")
@click.option("--set", "settings", multiple=True, help="Change one setting: KEY=VALUE, for example optimizer.learning_rate=1e-5.")
@click.option("--out", type=click.Path(path_type=Path), default=None, help="Folder of the training [default: checkpoints/NAME].")
@click.option("--name", default=None, help="What tables will call the result [default: MODEL-STAGE].")
@DATA
@MAP
@DEVICE
@click.option("--threads", type=click.IntRange(min=1), default=None, help="CPU threads [default: all cores].")
@click.option("--eval/--no-eval", "is_judged", default=True, show_default=True, help="Evaluate the result on the recipe's tasks.")
@RUNS
@JSON
def train(runs: Path, is_judged: bool, as_json: bool, **options: Any) -> None:
    """Train one stage of the R1 recipe, in a process of its own, and evaluate what comes out.

    The same command again goes on from the last checkpoint.
    """
    from r1bench.harness.commands import train_stage
    from r1bench.leaderboards import board

    checkpoint, judged = train_stage(runs=runs, is_judged=is_judged, **options)
    entries = board.entries(judged)
    unjudged = f"not evaluated yet: r1bench eval {checkpoint} --tasks ..."
    text = f"checkpoint: {checkpoint}\n\n" + (board.render(entries) if entries else unjudged)
    show(as_json, {"checkpoint": str(checkpoint), "entries": board.to_json(entries)}, text)


@main.command(short_help="What this machine has, and lacks.", epilog=example("r1bench doctor"))
@RUNS
@JSON
def doctor(runs: Path, as_json: bool) -> None:
    """What this machine has, and what to install for what is missing."""
    from r1bench.harness import doctor as examining

    findings = examining.examine(runs)
    show(as_json, examining.to_json(findings), examining.render(findings))


for module in (cli_grading, cli_board, cli_compare, cli_gate, cli_metrics, cli_report):
    for command in module.COMMANDS:
        main.add_command(command)


if __name__ == "__main__":
    sys.exit(main())
