"""Baseline files: what the gate needs of runs, in one small JSON file that can be committed. No prompts, completions or answers.

    save(Path("baselines/main.json"), map(reading.read, folders))
    tally = read(Path("baselines/main.json"))["gsm8k"]

One line per problem: its id, then a cell for each measure, with the values of its samples in order of index; one value alone where all
samples have it, null where it is not known, as of a sample that failed, which has no score. A digest over the content is checked when the
file is read: a file that was edited by hand, or in which a merge went wrong, is refused, and so is one that says what no samples can say.
Files of version 1, which hold sums and sums of squares, are read too: values of the same mean and variance stand for them. Left out: the
samples.
"""

import hashlib
import json
import math
import textwrap
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from r1bench.harness import tables
from r1bench.harness.canonical import digest_of
from r1bench.harness.errors import StorageError, UsageError, quoted
from r1bench.harness.records import LARGEST, Manifest, Noise, is_number
from r1bench.harness.store.disk import read_json, refusals, write_whole
from r1bench.harness.store.runs import read_run
from r1bench.harness.tally import Failed, Rows, Tally
from r1bench.leaderboards.gate.text import side_json
from r1bench.leaderboards.measures import MEASURES, NAN, RULE, SHARES, failed_text, measure_of, remark_lines, shares

KIND, VERSION = "r1bench baseline", 2
NOT_KEPT = ("command", "format")
"""Of the manifest: what says nothing of how the samples were made, and may name folders of one machine."""
KEPT = [key for key, measure in MEASURES.items() if not measure.whole]
SQUARES = " squared"
"""After the name of a column: what version 1 adds where a measure is more than yes and no."""
MOST_VALUES = 10_000_000
"""Of one measure, over all problems."""
ROUNDING = 1e-9


class Impossible(Exception):
    """What a file says and no samples can."""


def to_json(tally: Tally) -> dict[str, Any]:
    """One task of a baseline file: JSON values only."""
    names = [key for key in (*KEPT, *shares(tally)) if tally.known(key)]
    cells = [map(_cell, with_failed(tally, name)) for name in names]
    manifest = {key: value for key, value in tally.manifest.to_json().items() if key not in NOT_KEPT}
    return {
        "run": tally.id,
        "manifest": {**manifest, "rounds": list(manifest["rounds"])},
        "samples_digest": tally.samples_digest,
        "noise": tally.noise.to_json() if tally.noise else None,
        **({"notes": list(tally.notes)} if tally.notes else {}),
        "columns": ["id", *names],
        "problems": [list(row) for row in zip(tally.drawn, *cells, strict=True)],
    }


def with_failed(tally: Tally, measure: str) -> Rows:
    """Problem by problem the values of all samples in order of index, NaN where they failed."""
    failed: dict[str, list[tuple[float, float]]] = {}
    for problem, index in (each.key for each in tally.failed):
        failed.setdefault(problem, []).append((index, NAN))
    counted = dict(zip(tally.problems, zip(tally.rows("index"), tally.rows(measure), strict=True), strict=True))
    if not failed:
        return tally.rows(measure)
    pairs = ([*zip(*counted.get(problem, ((), ())), strict=True), *failed.get(problem, [])] for problem in tally.drawn)
    return [[value for _, value in sorted(row, key=lambda pair: pair[0])] for row in pairs]


def _cell(row: list[float]) -> list[float | None] | float | None:
    """Values of samples as they stand in a file: whole numbers without a decimal point, null where they are not known."""
    values = [None if value != value else int(value) if value == int(value) else value for value in row]
    return values[0] if values.count(values[0]) == len(values) else values


def from_json(value: dict[str, Any], where: str, version: int) -> Tally:
    """The reverse. Raises Impossible, LookupError, TypeError or ValueError for what cannot be a task of a baseline file."""
    check_numbers(value, "it")
    manifest = Manifest.from_json({**value["manifest"], "command": ""})
    manifest.check()
    columns, rows, n = value["columns"], value["problems"], manifest.n
    names = check_columns(columns, ["id", "samples"] if version == 1 else ["id"])
    if len(rows) != manifest.num_problems or not rows:
        raise Impossible(f"{len(rows)} problems are listed, and the manifest says {manifest.num_problems}")
    if n * len(rows) > MOST_VALUES:
        raise Impossible(f"{n} samples of {len(rows)} problems are more than a file can hold")
    values, unfold = {name: array("d") for name in names}, _stand_ins if version == 1 else _values
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list) or len(row) != len(columns) or not isinstance(row[0], str):
            raise Impossible(f"row {number} of its problems does not fit its columns")
        cells = dict(zip(columns, row, strict=True))
        of_row = {name: unfold(cells, name, n) for name in names}
        check_failed(cells, of_row)
        for name in names:
            values[name].extend(of_row[name])
    problems = tuple(row[0] for row in rows)
    for earlier, later in pairwise(problems):
        if earlier >= later:
            raise Impossible(
                f"problem {quoted(later)} is there twice" if earlier == later else f"problem {quoted(later)} is not in its place by name"
            )
    notes = value.get("notes", [])
    if not isinstance(notes, list) or not all(isinstance(text, str) for text in (value["run"], value["samples_digest"], *notes)):
        raise Impossible("a name, a digest or a note is not a text")
    values["index"] = array("d", chain.from_iterable([range(n)] * len(rows)))
    keys = ((problem, index) for problem in problems for index in range(n))
    has_score = [score == score for score in values["score"]]
    whole = Tally(
        id=f"{where}, run {value['run']}",
        manifest=manifest,
        problems=problems,
        counts=(n,) * len(rows),
        values=values,
        recorded=tuple(name for name in names if name not in MEASURES),
        samples_digest=value["samples_digest"],
        noise=None if value["noise"] is None else Noise.from_json(value["noise"]),
        notes=tuple(notes),
        is_ordered=version > 1,
    )
    if all(has_score):
        return whole
    if not any(has_score):
        raise Impossible("all of its samples failed")
    return replace(whole.where(has_score), failed=tuple(Failed(*key) for key, has in zip(keys, has_score, strict=True) if not has))


def check_numbers(value: Any, where: str) -> None:
    """Every number is finite, and every whole one within 2**53."""
    if isinstance(value, dict):
        for key, each in value.items():
            check_numbers(each, str(key))
    elif isinstance(value, list):
        for each in value:
            check_numbers(each, where)
    elif isinstance(value, int) and abs(value) > LARGEST:
        raise Impossible(f"{where} has a whole number of {value.bit_length()} bits")
    elif isinstance(value, float) and not math.isfinite(value):
        raise Impossible(f"{where} has a number that is not finite")


def check_columns(columns: list[str], beginning: list[str]) -> list[str]:
    """The measures among the columns: known, each once, the score among them; squares follow what they are of."""
    rest = columns[len(beginning) :]
    if columns[: len(beginning)] != beginning or "score" not in rest:
        raise Impossible(f"its columns do not begin with {' and '.join(beginning)}, or the score is missing")
    if doubled := [name for name, count in Counter(columns).items() if count > 1]:
        raise Impossible(f"column {quoted(doubled[0])} is there twice")
    names = [name for name in rest if name in KEPT or name in SHARES or name.startswith(RULE)]
    squares = [name + SQUARES for name in names] if "samples" in beginning else []
    if unknown := [name for name in rest if name not in names and name not in squares]:
        raise Impossible(f"column {quoted(unknown[0])} is not one of a baseline")
    return names


def check_failed(cells: dict[str, Any], values: dict[str, list[float]]) -> None:
    """A sample without a score failed, and nothing else is known of it either."""
    has_score = [score == score for score in values["score"]]
    for name, row in values.items():
        if any(value == value and not has for value, has in zip(row, has_score, strict=True)):
            raise Impossible(
                f"problem {cells['id']!r} has score {cells['score']!s:.80} in {len(row)} samples, and {name} where it has none"
            )


def _values(cells: dict[str, Any], measure: str, n: int) -> list[float]:
    """The n values that a cell holds: from 0 on, and for a share up to 1. A sample without a score failed."""
    cell, most = cells[measure], LARGEST if measure_of(measure).unit == "tokens" else 1
    values = cell if isinstance(cell, list) else [cell] * n

    def can_be(value: Any) -> bool:
        return value is None or (is_number(value, least=0) and value <= most)

    if len(values) != n or not all(map(can_be, values)):
        raise Impossible(f"problem {quoted(cells['id'])} has {measure} {cell!s:.80} in {n} samples")
    return [NAN if value is None else float(value) for value in values]


def _stand_ins(cells: dict[str, Any], measure: str, n: int) -> list[float]:
    """n values that have the sum and the sum of squares that a file of version 1 holds, and so their mean and variance.

    Those of 0 and 1 are the samples' own, in another order; for others two values stand.
    """
    total, square = cells[measure], cells.get(measure + SQUARES)
    if type(cells["samples"]) is not int or cells["samples"] != n:
        raise Impossible(f"problem {quoted(cells['id'])} has {quoted(cells['samples'])} samples, and the run {n} of each")
    if not is_number(total) or not (square is None or is_number(square)):
        raise Impossible(f"problem {quoted(cells['id'])} has no number as {measure}")
    if not can_be(total, square, n, is_share=measure_of(measure).unit != "tokens"):
        told = f"{total}" if square is None else f"{total} (squared {square})"
        raise Impossible(f"problem {quoted(cells['id'])} has {measure} {told} in {n} samples")
    if square is None:
        return [1.0] * int(total) + [0.0] * (n - int(total))
    mean, spread = total / n, max(0.0, square - total**2 / n)
    if n == 1 or spread <= 1e-12 * max(1.0, square):
        return [mean] * n
    above, below = n // 2, n - n // 2
    step = math.sqrt(spread / (above * n * below))
    return [mean + step * below] * above + [mean - step * above] * below


def can_be(total: float, square: float | None, count: int, *, is_share: bool) -> bool:
    """Whether so many values, from 0 on and for a share up to 1, can have this sum and this sum of squares.

    Without the latter the values are 0 and 1. By the inequality of Cauchy and Schwarz squares sum up to total**2 / count or more; to at
    most the total where no value exceeds 1, and to at most total**2 where none is negative.
    """
    if total < 0 or (is_share and total > count * (1 + ROUNDING)):
        return False
    if square is None:
        return total == int(total) and total <= count
    most = total if is_share else total**2
    slack = ROUNDING * max(1.0, most)
    return total**2 / count - slack <= square <= most + slack


def recognised(candidate: Tally, baseline: Tally) -> Tally:
    """The candidate; with the baseline's digest of samples where that is of a file of version 1, which took it otherwise, and of them."""
    is_new = baseline.is_ordered or candidate.manifest.checkpoint_digest != baseline.manifest.checkpoint_digest
    if is_new or candidate.folder is None:
        return candidate
    run = read_run(candidate.folder)
    samples = sorted((sample for sample in run.samples if sample.index < candidate.manifest.n), key=lambda sample: sample.key)
    told = (repr((sample.problem_id, sample.index, sample.completion.text, sample.grade.score)) for sample in samples)
    digest = hashlib.sha256("".join(told).encode("utf-8", "backslashreplace")).hexdigest()[:16]
    return replace(candidate, samples_digest=digest) if digest == baseline.samples_digest else candidate


def text_of(tallies: Iterable[Tally]) -> str:
    """The file: the same text for the same runs, one line per problem, so that a change is a readable diff.

    Raises:
        UsageError: two runs of one task.
    """
    ordered = sorted(tallies, key=lambda each: each.task)
    names = [each.task for each in ordered]
    if doubled := [name for name, count in Counter(names).items() if count > 1]:
        runs = ", ".join(each.id for each in ordered if each.task == doubled[0])
        raise UsageError(f"a baseline has one run per task, and {doubled[0]} has {runs}; name the run, or restrict it with --task")
    tasks = {each.task: to_json(each) for each in ordered}
    head = json.dumps({"kind": KIND, "version": VERSION, "digest": digest_of([VERSION, tasks])}, indent=1)
    body = ",\n".join(f"{json.dumps(name)}: {_task_text(task)}" for name, task in tasks.items())
    return head.removesuffix("\n}") + ',\n "tasks": {\n' + textwrap.indent(body, "  ") + "\n }\n}\n"


def _task_text(task: dict[str, Any]) -> str:
    """One task, a line for each problem."""
    problems = ",\n".join(f"  {json.dumps(row)}" for row in task["problems"])
    rest = json.dumps({key: value for key, value in task.items() if key != "problems"}, indent=1)
    return rest.removesuffix("\n}") + ',\n "problems": [\n' + problems + "\n ]\n}"


def save(path: Path, tallies: Iterable[Tally]) -> None:
    """Write the file, whole or not at all.

    Raises:
        UsageError: two runs of one task.
        StorageError: it cannot be written.
    """
    text = text_of(tallies)
    with refusals(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)


def read(path: Path) -> dict[str, Tally]:
    """Task -> tally, of a baseline file.

    Raises:
        StorageError: it cannot be read, is not a baseline file, is of another version, or was changed after it was written.
    """
    again = f"write it again with: r1bench baseline save RUN -o {path}"
    try:
        value = read_json(path)
        version = value["version"]
        if value["kind"] != KIND:
            raise ValueError(f"kind is {quoted(value['kind'])}")
        if type(version) is not int or not 1 <= version <= VERSION:
            raise StorageError(f"baseline {path} is of version {quoted(version)}, and this r1bench reads versions 1 to {VERSION}; {again}")
        if not value["tasks"]:
            raise Impossible("holds no task")
        if value["digest"] != digest_of([version, value["tasks"]]):
            raise StorageError(f"baseline {path} was changed after it was written: its digest does not fit its content; {again}")
        return {name: _task(name, task, path, version) for name, task in sorted(value["tasks"].items())}
    except Impossible as error:
        raise StorageError(f"baseline {path} {error}; {again}") from error
    except OSError as error:
        raise StorageError(f"baseline {path} cannot be read ({error.strerror or error}); {again}") from error
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise StorageError(f"{path} is not a baseline file ({type(error).__name__}); {again}") from error


def _task(name: str, value: dict[str, Any], path: Path, version: int) -> Tally:
    try:
        found = from_json(value, str(path), version)
    except Impossible as error:
        raise Impossible(f"cannot be, on {quoted(name)}: {error}") from error
    if found.task != name:
        raise Impossible(f"has samples of {found.task} under the name {name:.200}")
    return found


def summary(path: Path) -> dict[str, Any]:
    """What a baseline file holds, without its problems: JSON values only."""
    tasks = {name: side_json(tally) for name, tally in read(path).items()}
    return {"file": str(path), "digest": read_json(path)["digest"], "tasks": tasks}


def render(found: dict[str, Any]) -> str:
    """The summary as text of at most 80 columns."""
    lines = [tables.paragraph(tables.plain(f"{found['file']}, digest {found['digest']}")), ""]
    for name, task in found["tasks"].items():
        score = tables.interval("points", task["score"], task["low"], task["high"])
        failed = failed_text(task["num_failed"], task["num_samples"], task["lost"])
        form, tokens = (task["measures"].get(key, {}).get("value") for key in ("format", "tokens"))
        noise = "not measured" if task["noise"] is None else f"{tables.points(task['noise'])} points"
        versions = ", ".join(f"{key} {value}" for key, value in sorted(task["versions"].items()))
        text = (
            f"{name}: {task['name']} ({task['checkpoint_digest']}), score {score}, 95 %, {task['size'].replace(' x ', ' problems x ')},"
            f" format {tables.points(form)} %, {tables.number(tokens)} tokens per completion, protocol {task['protocol']}, noise floor"
            f" {noise}; {failed}{'; ' if failed else ''}made with {versions}"
        )
        lines += [tables.paragraph(tables.plain(text)), *remark_lines(task["remarks"])]
    return "\n".join(lines)
