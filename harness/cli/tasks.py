"""The command about tasks: list them, show one, check its data."""

from pathlib import Path
from typing import Any

import click

from r1bench.harness.cli.options import JSON, MAP, PATH, example, show


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


@tasks.command("show", epilog=example("r1bench tasks show math500"))
@click.argument("name")
@JSON
def tasks_show(name: str, as_json: bool) -> None:
    """Everything about one task."""
    found = describe_task(name)
    show(as_json, found, task_page(found))


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
