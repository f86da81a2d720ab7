"""The problems of a task, from a local file or folder, from the hub, or generated; checked before any token is spent.

Left out: reading files (reading.py), the meaning of columns (rows.py). Nothing is dropped silently: a row that is broken, repeated, in
conflict with another, or whose gold answer the task's grader cannot parse stops `load_problems`, and `inspect` lists all of them.
The one exception are rows that are no problems of the task: of other years than its `filter_year`, of other splits in the same file.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from r1bench.harness.errors import DataError, UsageError, quoted
from r1bench.harness.records import Problem, digest_of
from r1bench.tasks.data.reading import Finding, Row, is_readable, read_file
from r1bench.tasks.data.rows import ROLES, to_problem, value_at
from r1bench.tasks.grading import GradingPool, get_grader, integers
from r1bench.tasks.task import Task

SHARD = re.compile(r"-\d{5}-of-\d{5}")


@dataclass(frozen=True)
class Findings:
    """What a task's data hold."""

    source: str
    """The file, folder or repository that was read."""
    problems: tuple[Problem, ...]
    """Those that can be used."""
    findings: tuple[Finding, ...]
    """Everything that is wrong; empty for good data."""
    num_other_years: int = 0
    """Rows that belong to another year or another split than the task's."""


def load_problems(
    task: Task, data: Path | None = None, columns: Mapping[str, str] | None = None, *, elsewhere: Collection[str] = ()
) -> list[Problem]:
    """The problems of a task, in the order of the data.

    Args:
        data: a file or a folder; without it, the task's own source.
        columns: names of columns that are not known, role -> column, e.g. {"problem": "query", "gold": "target"}.
        elsewhere: roles whose column is one of another file too: where no row here has it, the known names are looked for.

    Raises:
        DataError: the data cannot be read, or something is wrong with a row (the first; `inspect` finds all).
        UsageError: a role in `columns` that does not exist.
    """
    found = inspect(task, data, columns, elsewhere=elsewhere)
    if found.findings:
        first, num_more = found.findings[0], len(found.findings) - 1
        more = f" (and {num_more} more: r1bench tasks check {task.name})" if num_more else ""
        raise DataError(first.where, first.problem, first.cure + more)
    return list(found.problems)


def inspect(task: Task, data: Path | None = None, columns: Mapping[str, str] | None = None, *, elsewhere: Collection[str] = ()) -> Findings:
    """Read everything and collect what is wrong, row by row, then across rows, then gold answers. Arguments as `load_problems`."""
    columns = columns or {}
    unknown = [role for role in columns if role not in ROLES]
    if unknown:
        raise UsageError(f"cannot map a column to {quoted(unknown[0])}; roles are {', '.join(ROLES)}")
    if data is None and task.generate is not None:
        return Findings("generated", tuple(task.generate()), ())
    source, rows = _open(task, data, columns)
    if elsewhere:
        held = list(rows)
        rows, columns = iter(held), {role: name for role, name in columns.items() if role not in elsewhere or has_column(held, name)}
    found: list[tuple[str, Problem]] = []
    findings: list[Finding] = []
    num_other_years = 0
    for number, row in enumerate(rows, start=1):
        if isinstance(row, Finding):
            findings.append(row)
        elif (problem := to_problem(task, row, number, columns)) is None:
            num_other_years += 1
        elif isinstance(problem, Finding):
            findings.append(problem)
        else:
            found.append((row.where, problem))
    if not found and not findings:
        of_year = f" of {task.filter_year}" if num_other_years else ""
        findings.append(Finding(source, f"holds no rows{of_year}", "name another file"))
    bad = _repetitions(found) | _unusable_golds(task, found)
    findings += [bad[index] for index in sorted(bad)]
    usable = tuple(problem for index, (_, problem) in enumerate(found) if index not in bad)
    return Findings(source, usable, tuple(findings), num_other_years)


def has_column(rows: Sequence[Row | Finding], name: str) -> bool:
    """Whether a row has something in this column."""
    return any(isinstance(row, Row) and value_at(row.fields, name) is not None for row in rows)


def read_rows(path: Path, has_header: bool = True) -> Iterator[Row]:
    """The rows of any file that problems can be read from, each as (file:row, fields); DataError at the first that cannot be read."""
    for row in read_file(path, has_header):
        if isinstance(row, Finding):
            raise DataError(*row)
        yield row


def _repetitions(found: Sequence[tuple[str, Problem]]) -> dict[int, Finding]:
    """Position -> finding, for a problem text or an id that stood before. Texts are compared up to white space."""
    first_text: dict[str, int] = {}
    first_id: dict[str, int] = {}
    bad: dict[int, Finding] = {}
    for index, (where, problem) in enumerate(found):
        text = " ".join(problem.prompt.split())  # one question may stand twice with other tests, as in MBPP: two problems
        earlier = first_text.setdefault(text + digest_of(problem.tests) if problem.tests else text, index)
        same_id = first_id.setdefault(problem.id, index)
        place, other = found[earlier]
        if earlier != index and (problem.tests or _gold_key(other) == _gold_key(problem)):  # many programs solve one problem
            bad[index] = Finding(where, f"repeats the problem of {place}", "remove one of the two")
        elif earlier != index:
            golds = f"{' | '.join(problem.gold):.60} here, {' | '.join(other.gold):.60} there"
            bad[index] = Finding(where, f"has another gold answer than {place} for the same problem ({golds})", "correct one of the two")
        elif same_id != index:
            bad[index] = Finding(where, f"has the id {quoted(problem.id)} of {found[same_id][0]}", "give every problem its own id")
    return bad


def _gold_key(problem: Problem) -> frozenset[object]:
    return frozenset(gold if (value := integers.parse(gold)) is None else value for gold in problem.gold)


def _unusable_golds(task: Task, found: Sequence[tuple[str, Problem]]) -> dict[int, Finding]:
    """Position -> finding, for a gold answer that the task's grader cannot judge by."""
    if get_grader(task.grader).needs != "gold":
        return {}
    places = [(index, gold) for index, (_, problem) in enumerate(found) for gold in problem.gold]
    with GradingPool(task.grader) as pool:
        reasons = pool.check_golds([gold for _, gold in places])
    cure = (
        f"correct it, or name the task that it is of (eval: --tasks; train: --set data.task=...): {task.name} is graded by {task.grader!r}"
    )
    return {
        index: Finding(found[index][0], f"the gold answer {gold!r:.80} {reason}", cure)
        for (index, gold), reason in zip(places, reasons, strict=True)
        if reason
    }


def _open(task: Task, data: Path | None, columns: Mapping[str, str]) -> tuple[str, Iterator[Row | Finding]]:
    """The name of the source and its rows."""
    if data is None:
        return _open_hub(task)
    if not data.exists():
        raise DataError(str(data), "does not exist", "give a file or a folder with --data")
    files = _files_of(task, data) if data.is_dir() else [data]
    has_header = not any(column.isdecimal() for column in columns.values())
    return str(data if len(files) > 1 else files[0]), (row for file in files for row in read_file(file, has_header))


def _files_of(task: Task, folder: Path) -> list[Path]:
    """The file of a task in a folder (or its shards): by the task's name, then by the split's, else the only one there is."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and is_readable(path))
    candidates = files
    for word in (task.name, task.hub.split if task.hub else "test"):
        matching = [path for path in candidates if _letters(word) in _letters(path.name)]
        candidates = matching or candidates
    if len(candidates) == 1 or len({SHARD.sub("", str(path)) for path in candidates}) == 1:
        return candidates
    names = ", ".join(str(path.relative_to(folder)) for path in candidates[:8]) or "no data files"
    raise DataError(str(folder), f"no single file is that of task {task.name!r} ({names})", "name the file itself with --data")


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _open_hub(task: Task) -> tuple[str, Iterator[Row | Finding]]:
    """The rows of the task's dataset on the hub, at its pinned revision."""
    if task.hub is None:
        raise DataError(task.name, "has no source of its own", "name a file or a folder with --data")
    import datasets

    hub = task.hub
    source = f"{hub.repository}@{hub.revision[:12]}"
    try:
        rows = datasets.load_dataset(hub.repository, hub.config, split=hub.split, revision=hub.revision)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(source, f"could not be fetched ({type(error).__name__}: {reason})", "name a local copy with --data") from error
    return source, (Row(f"{source}:{number}", dict(row)) for number, row in enumerate(rows, start=1))
