"""Several runs, or checkpoints on all their tasks, each against the first: many comparisons at once, with Holm over all of them.

    found = compare_names(Path("runs"), ["base", "sft", "zero"])
    print(many_text.render(found))

A name is a run's folder, its id, or a checkpoint's name, which stands for all its runs: every task and protocol that all names have is
compared. Left out: text (many_text.py), the single comparison (comparison.py).
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from r1bench.harness.errors import ProtocolError, UsageError
from r1bench.harness.statistics.evidence import Questions
from r1bench.harness.statistics.multiplicity import holm
from r1bench.harness.store import runs as store
from r1bench.harness.store.names import Named, runs_of
from r1bench.leaderboards.board.entry import entry
from r1bench.leaderboards.compare import comparison
from r1bench.leaderboards.compare.comparison import Comparison
from r1bench.leaderboards.measures import reading
from r1bench.leaderboards.protocol import check_comparable


class Line(NamedTuple):
    """A comparison, where its two runs lie, and its p value among all the others."""

    comparison: Comparison
    folder_a: Path
    folder_b: Path
    adjusted_p: float
    """Holm's, over everything that was compared; the raw one where this is the only comparison."""


@dataclass(frozen=True)
class Several:
    """Everything that was compared, in order of task, protocol and the names given."""

    lines: tuple[Line, ...]
    left_out: tuple[str, ...] = ()
    """Tasks that were not compared, and why."""


def groups(sides: Sequence[Sequence[Named]]) -> tuple[list[list[Named]], list[str]]:
    """One list per task and protocol that all sides have, with one run of each side; and what was left out.

    Raises:
        UsageError: a side has several runs of one task and protocol.
    """
    if all(len(side) == 1 for side in sides):
        return [[side[0] for side in sides]], []
    found, left_out = [], []
    for task in sorted({each.manifest.task for side in sides for each in side}):
        here = [[each for each in side if each.manifest.task == task] for side in sides]
        if not all(here):
            lacking = " and ".join(repr(side[0].name) for side, held in zip(sides, here, strict=True) if not held)
            left_out.append(f"{task}: no run of {lacking}")
            continue
        by_protocol = [{each.manifest.protocol() for each in held} for held in here]
        shared = sorted(set.intersection(*by_protocol))
        if not shared:
            found.append([one_of(held) for held in here])  # whose differences the comparison then names
        found += [[one_of([each for each in held if each.manifest.protocol() == protocol]) for held in here] for protocol in shared]
    if not found:
        raise UsageError(f"no task has runs of all: {'; '.join(left_out)}")
    return found, left_out


def one_of(held: Sequence[Named]) -> Named:
    """The only run of a name on a task."""
    if len(held) > 1:
        ids = ", ".join(each.folder.name for each in held)
        raise UsageError(f"{held[0].name!r} has {len(held)} runs of task {held[0].manifest.task!r}: {ids}; give one of these instead")
    return held[0]


def compare_names(
    root: Path, names: Sequence[str], *, task: str | None = None, level: float = 0.95, questions: Questions = "random"
) -> Several:
    """Each of the names against the first, on every task that all have.

    A task whose runs cannot be compared is left out with its reason, unless it is the only one.

    Raises:
        UsageError, StorageError, ProtocolError.
    """
    chosen, left_out = groups([runs_of(root, name, [task] if task else ()) for name in names])
    found: list[Line] = []
    first_error: ProtocolError | None = None
    for group in chosen:
        try:
            found += compare_group(group, level=level, questions=questions)
        except ProtocolError as error:
            first_error = first_error or error
            left_out.append(f"{group[0].manifest.task}: {error}")
    if first_error and not found:
        raise first_error
    adjusted = holm([line.comparison.p_value for line in found])
    lines = tuple(line._replace(adjusted_p=p_value) for line, p_value in zip(found, adjusted, strict=True))
    return Several(lines, tuple(left_out))


def compare_group(group: Sequence[Named], *, level: float, questions: Questions) -> list[Line]:
    """Runs of one task against the first of them, which is read once."""
    a, entry_a, found = reading.read(group[0].folder), None, []
    for other in group[1:]:
        b = reading.read(other.folder)
        check_comparable(a, b)
        entry_a = entry_a or entry(a)
        compared = comparison.compare(a, b, level=level, questions=questions, entry_a=entry_a)
        found.append(Line(compared, group[0].folder, other.folder, compared.p_value))
    return found


def is_shown(adjusted_p: float, level: float) -> bool:
    """Whether a p value that was adjusted for all comparisons shows a difference."""
    return adjusted_p <= 1 - level + 1e-12


def sample_lines(folder: Path, n: int) -> dict[str, list[int]]:
    """Problem -> the line numbers of its samples in samples.jsonl, counted from 1, in order of index; repeated samples once."""
    found: dict[str, dict[int, int]] = defaultdict(dict)
    with (folder / store.SAMPLES).open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break
            value = json.loads(line.decode("utf-8", "surrogatepass"))
            if value["index"] < n:
                found[value["problem_id"]][value["index"]] = number
    return {problem: [lines[index] for index in sorted(lines)] for problem, lines in found.items()}


def to_json(found: Several) -> dict[str, Any]:
    """Plain JSON values, fractions not points; each problem with links 'folder/samples.jsonl:LINE' to its samples.

    The fields of the comparison itself where there is only one; otherwise 'comparisons', a list of such.
    """
    if len(found.lines) == 1:
        return {**line_json(found.lines[0]), "left_out": list(found.left_out)}
    return {"comparisons": [line_json(line) for line in found.lines], "left_out": list(found.left_out)}


def line_json(line: Line) -> dict[str, Any]:
    """One comparison, with the links to its samples."""
    value = {**comparison.to_json(line.comparison), "adjusted_p_value": line.adjusted_p}
    for side, folder, row in (("a", line.folder_a, line.comparison.a), ("b", line.folder_b, line.comparison.b)):
        lines, path = sample_lines(folder, row.n), folder / store.SAMPLES
        for problem in value["problems"]:
            problem[f"samples_{side}"] = [f"{path}:{number}" for number in lines[problem["id"]]]
    return value
