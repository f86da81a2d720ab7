"""Tasks as tables and pages."""

from typing import Any


def describe_task(name: str) -> dict[str, Any]:
    """Everything about a task as plain values.

    Raises:
        UnknownNameError: no such task, with the nearest name.
    """
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


def list_tasks() -> list[dict[str, Any]]:
    """Every task, by name."""
    from r1bench.tasks import TASKS

    return [describe_task(name) for name in TASKS]


def protocol(sampling: dict[str, Any]) -> str:
    """Sampling in a few words."""
    top = "".join(f" {key} {sampling[key]}" for key in ("top_p", "top_k") if sampling[key] not in (1.0, 0))
    return f"n {sampling['n']} T {sampling['temperature']}{top} max {sampling['max_tokens']}"


def tasks_table() -> str:
    """A line per task, within 80 columns."""
    rows = list_tasks()
    width = max(len(row["name"]) for row in rows) + 1
    lines = [f"{'task':{width}}{'version':>7}{'problems':>9}  {'grader':9}default protocol"]
    lines += [f"{row['name']:{width}}{row['version']:>7}{row['problems']:>9}  {row['grader']:9}{protocol(row['sampling'])}" for row in rows]
    return "\n".join([*lines, "", "more: r1bench tasks show NAME; data check: r1bench tasks check NAME --data FILE"])


def task_page(name: str) -> str:
    """Everything about a task as text."""
    found = describe_task(name)
    lines = [
        f"{found['name']} (version {found['version']}): {found['summary']}",
        f"problems   {found['problems']}",
        f"source     {found['source']}",
        f"grader     {found['grader']} (version {found['grader_version']})",
        f"protocol   {protocol(found['sampling'])}",
        f"template   {found['template']} ({found['template_hash']})",
    ]
    return "\n".join([*lines, *(f"  | {line}" for line in found["template_text"].split("\n"))])
