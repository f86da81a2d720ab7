"""Comparisons with their wins and losses as text of at most 80 columns. Left out: what is compared (many.py)."""

from collections.abc import Sequence
from itertools import groupby

from r1bench.harness import tables
from r1bench.harness.store.listed import SAMPLES
from r1bench.leaderboards.compare import text as compare_text
from r1bench.leaderboards.compare.differences import ProblemDifference
from r1bench.leaderboards.compare.many import Line, Several, is_shown, sample_lines

FEW = 10
"""Wins, and as many losses, that are listed unless all are asked for."""
LINKS = 3
"""Samples of a problem and a side that are linked in the text; the JSON has all."""
NAME_WIDTH = 18
COLUMNS = (-NAME_WIDTH, 3, -20, -21, 5, 6)
PROBLEM_COLUMNS = (7, -20, 6, -18, 6, -18)


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
    blocks = [f"A: {line.folder_a / SAMPLES}", f"B: {line.folder_b / SAMPLES}"]
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
