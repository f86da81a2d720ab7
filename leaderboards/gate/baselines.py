"""Baseline files: what the gate needs of runs, in one small JSON file that can be committed. No prompts, completions or answers.

    baselines.save(Path("baselines/main.json"), [of_run(run) for run in runs])
    ledger = baselines.read(Path("baselines/main.json"))          # task -> Ledger

One line per problem: its id, its number of samples, and the sum of each measure over them; where a measure is more than yes and no, the sum
of its squares follows. A digest over the content is checked when the file is read: a file that was edited by hand, or in which a merge went
wrong, is refused, and so is one that says what no samples can say (baseline_checks.py). Left out: the verdict (gate.py), and the samples
themselves, which stay in the run folder.
"""

import json
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from r1bench.harness import tables
from r1bench.harness.canonical import digest_of
from r1bench.harness.errors import StorageError, UsageError
from r1bench.harness.records import Manifest, Noise
from r1bench.harness.store.disk import open_regular, refusals, write_whole
from r1bench.leaderboards.gate.baseline_checks import SQUARES, Impossible, check_task
from r1bench.leaderboards.gate.ledger import Ledger, Sums

KIND, VERSION = "r1bench baseline", 1
NOT_KEPT = ("command", "format")
"""Of the manifest: what says nothing of how the samples were made, and may name folders of one machine."""


def _number(value: float) -> float | int:
    """Whole numbers without a decimal point."""
    return int(value) if value == int(value) else value


def to_json(ledger: Ledger) -> dict[str, Any]:
    """One task of a baseline file: JSON values only."""
    columns, cells = ["id", "samples"], [list(ledger.problems), list(ledger.counts)]
    for name, (totals, squares) in ledger.measures.items():
        columns.append(name)
        cells.append([_number(total) for total in totals])
        if totals != squares:
            columns.append(name + SQUARES)
            cells.append([_number(square) for square in squares])
    manifest = {key: value for key, value in ledger.manifest.to_json().items() if key not in NOT_KEPT}
    return {
        "run": ledger.id,
        "manifest": {**manifest, "rounds": list(manifest["rounds"])},
        "samples_digest": ledger.samples_digest,
        "noise": ledger.noise.to_json() if ledger.noise else None,
        "columns": columns,
        "problems": [list(row) for row in zip(*cells, strict=True)],
    }


def from_json(value: dict[str, Any], where: str) -> Ledger:
    """The reverse. Raises Impossible, LookupError, TypeError or ValueError for what cannot be a task of a baseline file."""
    check_task(value)
    columns = value["columns"]
    cells = dict(zip(columns, zip(*value["problems"], strict=True), strict=True))
    manifest = Manifest.from_json({**value["manifest"], "command": ""})
    manifest.check()
    names = [name for name in columns[2:] if not name.endswith(SQUARES)]
    pairs = {name: (name, name + SQUARES if name + SQUARES in cells else name) for name in names}
    measures = {name: Sums(*(tuple(map(float, cells[key])) for key in pair)) for name, pair in pairs.items()}
    return Ledger(
        id=f"{where}, run {value['run']}",
        manifest=manifest,
        problems=tuple(map(str, cells["id"])),
        counts=tuple(map(int, cells["samples"])),
        measures=measures,
        samples_digest=str(value["samples_digest"]),
        noise=None if value["noise"] is None else Noise.from_json(value["noise"]),
    )


def text_of(ledger: Iterable[Ledger]) -> str:
    """The file: the same text for the same runs, one line per problem, so that a change is a readable diff.

    Raises:
        UsageError: two runs of one task.
    """
    ordered = sorted(ledger, key=lambda each: each.manifest.task)
    names = [each.manifest.task for each in ordered]
    if doubled := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        runs = ", ".join(each.id for each in ordered if each.manifest.task == doubled[0])
        raise UsageError(f"a baseline has one run per task, and {doubled[0]} has {runs}; name the run, or restrict it with --task")
    tasks = {each.manifest.task: to_json(each) for each in ordered}
    head = json.dumps({"kind": KIND, "version": VERSION, "digest": digest_of([VERSION, tasks])}, indent=1)
    body = ",\n".join(f"{json.dumps(name)}: {_task_text(task)}" for name, task in tasks.items())
    return head.removesuffix("\n}") + ',\n "tasks": {\n' + textwrap.indent(body, "  ") + "\n }\n}\n"


def _task_text(task: dict[str, Any]) -> str:
    """One task, a line for each problem."""
    problems = ",\n".join(f"  {json.dumps(row)}" for row in task["problems"])
    rest = json.dumps({key: value for key, value in task.items() if key != "problems"}, indent=1)
    return rest.removesuffix("\n}") + ',\n "problems": [\n' + problems + "\n ]\n}"


def save(path: Path, ledger: Iterable[Ledger]) -> str:
    """Write the file, whole or not at all; returns its digest.

    Raises:
        UsageError: two runs of one task.
        StorageError: it cannot be written.
    """
    text = text_of(ledger)
    with refusals(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    return str(json.loads(text)["digest"])


def read(path: Path) -> dict[str, Ledger]:
    """Task -> ledger, of a baseline file.

    Raises:
        StorageError: it cannot be read, is no baseline file, is of another version, or was changed after it was written.
    """
    again = f"write it again with: r1bench baseline save RUN -o {path}"
    try:
        with open_regular(path) as file:
            value = json.loads(file.read())
        if value["kind"] != KIND:
            raise ValueError(f"kind is {value['kind']!r}")
        if value["version"] != VERSION:
            raise StorageError(f"baseline {path} is of version {value['version']!r}, and this r1bench reads version {VERSION}; {again}")
        if not value["tasks"]:
            raise Impossible("holds no task")
        if value["digest"] != digest_of([VERSION, value["tasks"]]):
            raise StorageError(f"baseline {path} was changed after it was written: its digest does not fit its content; {again}")
        return {name: _task(name, task, path) for name, task in sorted(value["tasks"].items())}
    except Impossible as error:
        raise StorageError(f"baseline {path} {error}; {again}") from error
    except OSError as error:
        raise StorageError(f"baseline {path} cannot be read ({error.strerror or error}); {again}") from error
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise StorageError(f"{path} is no baseline file ({type(error).__name__}); {again}") from error


def _task(name: str, value: dict[str, Any], path: Path) -> Ledger:
    try:
        found = from_json(value, str(path))
    except Impossible as error:
        raise Impossible(f"cannot be, on {name}: {error}") from error
    if found.manifest.task != name:
        raise Impossible(f"has samples of {found.manifest.task} under the name {name}")
    return found


def summary(path: Path) -> dict[str, Any]:
    """What a baseline file holds, without its problems: JSON values only."""
    tasks = {name: {**held.to_json(), "measures": list(held.measures)} for name, held in read(path).items()}
    return {"file": str(path), "digest": json.loads(path.read_text(encoding="utf-8"))["digest"], "tasks": tasks}


def render(found: dict[str, Any]) -> str:
    """The summary as text of at most 80 columns."""
    lines = [tables.paragraph(tables.plain(f"{found['file']}, digest {found['digest']}")), ""]
    for name, task in found["tasks"].items():
        score = f"{tables.points(task['score'])} {tables.between(task['low'], task['high'])}"
        noise = "not measured" if task["noise"] is None else f"{tables.points(task['noise'])} points"
        versions = ", ".join(f"{key} {value}" for key, value in sorted(task["versions"].items()))
        text = (
            f"{name}: {task['name']} ({task['checkpoint_digest']}), score {score}, 95 %, {task['num_problems']} problems x {task['n']},"
            f" format {tables.points(task['format'])} %, {tables.number(task['mean_tokens'])} tokens per completion, protocol"
            f" {task['protocol']}, noise floor {noise}; made with {versions}"
        )
        lines.append(tables.paragraph(tables.plain(text)))
    return "\n".join(lines)
