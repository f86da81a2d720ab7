"""The command about tasks: list them, show one, check its data."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from r1bench.harness.cli.options import DATA, JSON, MAP, PATH, example, show
from r1bench.harness.errors import UsageError


def describe_task(name: str) -> dict[str, Any]:
    """Everything about a task as plain values. Raises UnknownNameError: no such task, with the nearest name."""
    from r1bench.tasks import get_task
    from r1bench.tasks.grading import GRADERS
    from r1bench.tasks.templates import TEMPLATES

    task = get_task(name)
    template = TEMPLATES[task.template]
    source = "generated" if task.generate else "a file or folder, given with --data"
    return {
        "name": task.name,
        "version": task.version,
        "summary": task.summary,
        "problems": task.num_problems,
        "grader": task.grader,
        "grader_version": GRADERS[task.grader].version,
        "template": template.name,
        "template_text": template.fill("{problem}"),
        "template_hash": template.hash,
        "sampling": task.sampling.to_json(),
        "source": f"{task.hub.repository}@{task.hub.revision}" if task.hub else source,
    }


def protocol(sampling: dict[str, Any]) -> str:
    """Sampling in a few words."""
    top = "".join(f" {key} {sampling[key]}" for key in ("top_p", "top_k") if sampling[key] not in (1.0, 0))
    return f"n {sampling['n']} T {sampling['temperature']}{top} max {sampling['max_tokens']}"


def tasks_table(rows: list[dict[str, Any]]) -> str:
    """A line per task, within 80 columns."""
    width = max(len(row["name"]) for row in rows) + 1
    lines = [f"{'task':{width}}{'version':>7}{'problems':>9}  {'grader':9}default protocol"]
    lines += [f"{row['name']:{width}}{row['version']:>7}{row['problems']:>9}  {row['grader']:9}{protocol(row['sampling'])}" for row in rows]
    return "\n".join([*lines, "", "more: r1bench tasks show NAME; data check: r1bench tasks check NAME --data FILE"])


def task_page(found: dict[str, Any]) -> str:
    """Everything about a task as text."""
    lines = [
        f"{found['name']} (version {found['version']}): {found['summary']}",
        f"problems   {found['problems']}",
        f"source     {found['source']}",
        f"grader     {found['grader']} (version {found['grader_version']})",
        f"protocol   {protocol(found['sampling'])}",
        f"template   {found['template']} ({found['template_hash']})",
    ]
    return "\n".join([*lines, *(f"  | {line}" for line in found["template_text"].split("\n"))])


@click.group(
    short_help="List, show and check tasks.",
    invoke_without_command=True,
    epilog=example("r1bench tasks\nr1bench tasks show gsm8k\nr1bench tasks check gsm8k --data gsm8k_test.jsonl"),
)
@JSON
@click.pass_context
def tasks(ctx: click.Context, as_json: bool) -> None:
    """List the tasks: name, version, problems, grader, default protocol."""
    if ctx.invoked_subcommand is None:
        from r1bench.tasks import TASKS

        rows = [describe_task(name) for name in TASKS]
        show(as_json, rows, tasks_table(rows))


SHOWN = "r1bench tasks show math500\nr1bench tasks show arithmetic --checkpoint tiny-base --problem test-0-7"


@tasks.command("show", epilog=example(SHOWN))
@click.argument("name")
@click.option("--checkpoint", help="Show what this checkpoint reads of a problem: every token, and those that end a completion.")
@click.option("--template", help="Another prompt template than the task's.")
@click.option("--problem", help="Id of the problem [default: the first].")
@DATA
@MAP
@JSON
def tasks_show(
    name: str,
    checkpoint: str | None,
    template: str | None,
    problem: str | None,
    data: Path | None,
    columns: dict[str, str],
    as_json: bool,
) -> None:
    """Everything about one task; with --checkpoint one prompt of it, token by token.

    White space is shown as signs, tokens are kept apart by colours on a terminal and by dots elsewhere, special tokens stand in brackets.
    """
    if checkpoint is None:
        if template or problem or data or columns:
            raise UsageError("--template, --problem, --data and --map say which prompt to show; give --checkpoint too")
        found = describe_task(name)
        show(as_json, found, task_page(found))
        return
    from r1bench.harness.evaluation.shown_prompt import show_prompt

    shown = show_prompt(name, checkpoint, template=template, problem=problem, data=data, columns=columns)
    if not as_json and sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        click.echo(shown.render(in_colour=True))  # `show` would escape the colours; `render` has escaped everything else
    else:
        show(as_json, shown.to_json() if as_json else None, "" if as_json else shown.render())


@tasks.command(
    "check", epilog=example("r1bench tasks check aime24 --data aime24.jsonl\nr1bench tasks check aime24 --data one.jsonl --data two.json")
)
@click.argument("name")
@click.option("--data", multiple=True, type=PATH, help="File or folder; several copies are held against each other.")
@MAP
@JSON
@click.pass_context
def tasks_check(ctx: click.Context, name: str, data: tuple[Path, ...], columns: dict[str, str], as_json: bool) -> None:
    """Look for duplicates, conflicts and bad rows, and grade every gold as if it were an answer: all must be correct.

    Several --data are copies of one benchmark: golds that contradict each other are named. Exit code 1 where something was found.
    """
    from r1bench.tasks import get_task
    from r1bench.tasks.data.check import check_copies

    report = check_copies(get_task(name), data or (None,), columns)
    show(as_json, report.to_json(), report.render())
    ctx.exit(0 if report.is_ok else 1)
