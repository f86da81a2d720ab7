"""Several runs, or checkpoints on all their tasks, each against the first: many comparisons at once, with Holm over all of them.

    found = compare_names(Path("runs"), ["base", "sft", "zero"])
    print(many.render(found))

A name is a run's folder, its id, or a checkpoint's name, which stands for all its runs: every task and protocol that all names have is
compared.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from r1bench.harness import tables
from r1bench.harness.errors import ProtocolError, UsageError, quoted
from r1bench.harness.statistics.evidence import Questions
from r1bench.harness.statistics.multiplicity import holm
from r1bench.harness.store import runs as store
from r1bench.harness.store.disk import open_regular
from r1bench.harness.store.names import Named, runs_of
from r1bench.leaderboards.board.entry import entry
from r1bench.leaderboards.compare import comparison
from r1bench.leaderboards.compare import text as compare_text
from r1bench.leaderboards.compare.comparison import Comparison
from r1bench.leaderboards.compare.differences import ProblemDifference
from r1bench.leaderboards.measures import reading, remark_lines
from r1bench.leaderboards.protocol import OWN_TEMPLATES, WITHOUT_TEMPLATE, check_comparable

FEW = 10
"""Wins, and as many losses, that are listed unless all are asked for."""
LINKS = 3
"""Samples of a problem and a side that are linked in the text; the JSON has all."""
NAME_WIDTH = 18
COLUMNS = (-NAME_WIDTH, 3, -20, -21, 5, 6)
PROBLEM_COLUMNS = (7, -20, 6, -18, 6, -18)


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
        raise UsageError(
            f"{quoted(held[0].name)} has {len(held)} runs of task {quoted(held[0].manifest.task)}: {ids}; give one of these instead"
        )
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
    with open_regular(folder / store.SAMPLES) as file:
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


def render(found: Several, *, all_problems: bool = False) -> str:
    """One comparison in full, with its wins and losses; several as a table, with wins and losses where all problems are asked for."""
    if len(found.lines) == 1:
        line = found.lines[0]
        parts = [compare_text.render_measures(line.comparison), problems_text(line, all_problems)]
        last = tables.paragraph(compare_text.verdict(line.comparison))
    else:
        parts = [_group_text(list(members)) for _, members in groupby(found.lines, key=lambda line: line.folder_a)]
        if all_problems:
            parts += [f"{_title(line)}\n{problems_text(line, all_problems)}" for line in found.lines]
        parts.append(_legend(found.lines))
        last = tables.paragraph(tables.plain(conclusion(found)))
    left_out = "\n".join(tables.paragraph(tables.plain(f"Left out: {reason}.")) for reason in found.left_out)
    return "\n\n".join(part for part in (*parts, left_out, last) if part)


def _title(line: Line) -> str:
    """'arithmetic: zero against base'."""
    b, a = line.comparison.b, line.comparison.a
    return tables.paragraph(tables.plain(f"{b.task}: {b.name} (B) against {a.name} (A)"))


def _group_text(lines: list[Line]) -> str:
    """One task under one protocol: A, and all that are held against it."""
    a = lines[0].comparison.a
    problems = compare_text.problems_text(a.num_problems)
    heading = f"{a.task}, version {a.task_version}: {problems}, template {a.template}, {a.sampling}, protocol {a.protocol}"
    rows = [tables.paragraph(tables.plain(heading)), "", tables.columns(("", "n", "score", "- A", "p", "Holm p"), COLUMNS)]
    rows += _row(f"A {a.name}", a.n, compare_text.side(lines[0].comparison.measures["score"], "a"), "", "", "")
    for line in lines:
        b, score = line.comparison.b, line.comparison.measures["score"]
        p_values = short_p(line.comparison.p_value), short_p(line.adjusted_p)
        rows += _row(b.name, b.n, compare_text.side(score, "b"), compare_text.change(score), *p_values)
    noted = {note for line in lines for note in line.comparison.notes}
    rows += [f"Note: {note}." for note in (WITHOUT_TEMPLATE, OWN_TEMPLATES) if note in noted][:1]
    rows += remark_lines(remark for line in lines for remark in line.comparison.remarks)
    return "\n".join(rows)


def _row(name: str, n: int, *cells: str) -> list[str]:
    """A row, or two where the name needs its own."""
    shown, before = tables.plain(name), []
    if tables.display_width(shown) > NAME_WIDTH:
        before, shown = [tables.paragraph(shown)], ""
    return [*before, tables.columns((shown, str(n), *cells), COLUMNS)]


def short_p(value: float) -> str:
    """'0.031' or '<.001'."""
    return "<.001" if value < 0.001 else f"{value:.3f}"


def _legend(lines: Sequence[Line]) -> str:
    """What the columns mean."""
    first = lines[0].comparison
    about = "questions like these" if first.questions == "random" else "these very questions, sampled again"
    return tables.paragraph(
        f"[{100 * first.level:g} % interval], that of the score about questions like these. - A: difference to A in points, paired by"
        f" problem, its interval about {about}. p: two-sided, of that interval; Holm p: adjusted for all {len(lines)} comparisons, so"
        f" that the chance of any false alarm stays at {100 * (1 - first.level):g} % or less (Holm 1979)."
    )


def conclusion(found: Several) -> str:
    """Which differences are shown after the correction."""
    level = found.lines[0].comparison.level
    shown = [line for line in found.lines if is_shown(line.adjusted_p, level)]
    about = f"of {len(found.lines)} comparisons with A, at {100 * level:g} % over all of them"
    if not shown:
        return f"No difference is shown in any {about}."
    protocols: dict[str, set[str]] = {}
    for line in found.lines:
        protocols.setdefault(line.comparison.b.task, set()).add(line.comparison.b.protocol)
    words = []
    for difference, b in ((line.comparison.difference, line.comparison.b) for line in shown):
        protocol = f" (protocol {b.protocol})" if len(protocols[b.task]) > 1 else ""
        words.append(f"{b.name} is {'better' if difference.mean > 0 else 'worse'} on {b.task}{protocol}")
    return f"Shown in {len(shown)} {about}: {'; '.join(words)}."


def problems_text(line: Line, all_problems: bool) -> str:
    """Wins and losses of B with links to the samples of both sides."""
    found = line.comparison
    if not found.wins and not found.losses:
        return ""
    lines = sample_lines(line.folder_a, found.a.n), sample_lines(line.folder_b, found.b.n)
    blocks = [f"A: {line.folder_a / store.SAMPLES}", f"B: {line.folder_b / store.SAMPLES}"]
    for title, problems in (("better", found.wins), ("worse", found.losses)):
        listed = problems if all_problems else problems[:FEW]
        count = f"{len(problems)}" if len(listed) == len(problems) else f"{len(listed)} of {len(problems)}, all with --problems"
        blocks += ["", f"Problems that B answers {title} ({count})"]
        if listed:
            blocks.append(tables.columns(("B - A", "problem", "A", "lines in A", "B", "lines in B"), PROBLEM_COLUMNS))
        blocks += [_problem_row(problem, *lines) for problem in listed]
    return "\n".join(tables.plain(block) for block in blocks)


def _problem_row(problem: ProblemDifference, lines_a: dict[str, list[int]], lines_b: dict[str, list[int]]) -> str:
    """'+75.0 p0012 25.0 :45 :46 :47 ... 100.0 :12 :13 :14 ...'."""
    cells = (
        tables.signed_points(problem.difference),
        tables.shortened(tables.plain(problem.id), 20),
        tables.points(problem.mean_a),
        links(lines_a[problem.id]),
        tables.points(problem.mean_b),
        links(lines_b[problem.id]),
    )
    return tables.columns(cells, PROBLEM_COLUMNS)


def links(numbers: Sequence[int]) -> str:
    """The first lines that hold samples: ':45 :46 …'."""
    words, width = [f":{number}" for number in numbers], PROBLEM_COLUMNS[3]
    shown = words[:LINKS]
    while shown and len(" ".join(shown)) + (2 if len(shown) < len(words) else 0) > -width:
        shown.pop()
    return " ".join([*shown, "…"] if len(shown) < len(words) else shown)
