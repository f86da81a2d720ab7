"""The leaderboard: one entry per run, grouped by task and protocol, never ranked across protocols.

    print(render(entries(tallies)))

The text shows points.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from typing import Any, Literal, get_args

from r1bench.harness import tables
from r1bench.harness.tally import Tally
from r1bench.leaderboards.board import details
from r1bench.leaderboards.board.entry import Entry, entry

NAME_WIDTH, STAGE_WIDTH = 25, 10
FIRST_LINE = (3, -NAME_WIDTH, -22, 12, 14)
SECOND_LINE = (3, -STAGE_WIDTH, -19, 10, 10, 10, 5, 5)
SortKey = Literal["score", "name", "tokens", "seconds", "format", "date"]
SORT_KEYS: tuple[SortKey, ...] = get_args(SortKey)
LEGEND = (
    "score: pass@1 (of the language grader: the mean share) in points [95 % interval over questions and samples: Wilson's, with as many"
    " trials as the samples are worth]. r/q/t: standard errors of resampling the same"
    " questions, of the choice of questions beyond that, and of both. c/w/u/t/f: samples correct, wrong, unparsed,"
    " truncated, failed. format: % of samples in the form that the template asks for. tokens, reasoning: means per completion; ±: the"
    " larger half of the 95 % interval. han: %"
    " Chinese words of the reasoning. mixed: % of reasonings with 2 words and 10 % or more in other languages than most. #: rank by score"
    " within the group. Rows with"
    " overlapping intervals may be equal: compare them in pairs. Groups differ in protocol: no ranking across them."
)


def entries(tallies: Iterable[Tally]) -> list[Entry]:
    """All runs as rows: by task and protocol, then by score; incomplete ones last in their group."""
    return sorted(map(entry, tallies), key=order)


def _group(row: Entry) -> tuple[str, str, str]:
    return row.task, row.task_version, row.protocol


def order(row: Entry) -> tuple[Any, ...]:
    """Sorts a board: by task and protocol, then by score; incomplete runs last in their group."""
    return *_group(row), row.score is None, -(row.score or 0.0), row.name, row.run


def to_json(rows: Iterable[Entry]) -> list[dict[str, Any]]:
    """The rows as plain JSON values, fractions not points."""
    return [row.to_json() for row in rows]


def _row_lines(row: Entry, rank: int | None) -> list[str]:
    """Two lines, or three where the name needs its own."""
    score = f"{tables.points(row.score):>5} {tables.between(row.low, row.high)}" if row.is_complete else row.note
    errors = "/".join(tables.points(error) for error in (row.resampling_error, row.question_error, row.total_error))
    counted, name = "" if rank is None else str(rank), tables.plain(row.name)
    lines = []
    if tables.display_width(name) > NAME_WIDTH:
        lines = tables.paragraph(name, indent=" " * 4).splitlines()
        lines[0] = tables.columns((counted, lines[0].strip()), (3, -1))
        counted = name = ""
    lines.append(tables.columns((counted, name, score, f"{row.num_problems} x {row.n}", errors), FIRST_LINE))
    han, mixed = (tables.points(row.measures.get(key, {}).get("value")) for key in ("han", "mixed"))
    means = (details.fitting(row, key, SECOND_LINE[3]) for key in ("format", "tokens", "reasoning_tokens"))
    stage = tables.shortened(tables.plain(row.stage) or tables.UNKNOWN, STAGE_WIDTH)
    lines.append(tables.columns(("", stage, tables.outcome_counts(row.outcomes), *means, han, mixed), SECOND_LINE))
    if row.published_score is not None:
        came = f"came with {tables.points(row.published_score)} by another grader (n {row.num_published})"
        lines.append(f"    {came}; {row.num_differing} verdicts differ")
    return lines


def ranks(rows: Iterable[Entry]) -> dict[str, int]:
    """Run -> rank by score within its group; equal scores share one. Runs without a score have none."""
    scores: dict[tuple[str, str, str], list[float]] = {}
    listed = sorted((row.score, row.run, _group(row)) for row in rows if row.score is not None)
    for score, _, group in listed:
        scores.setdefault(group, []).append(score)
    return {run: 1 + len(scores[group]) - bisect_right(scores[group], score) for score, run, group in listed}


def _group_text(rows: list[Entry], ranked: Mapping[str, int], with_cost: bool) -> str:
    """A group under its heading."""
    first = rows[0]
    heading = (
        f"{first.task}, version {first.task_version}: {first.num_problems} problems, template {first.template},"
        f" {first.sampling}, grader {first.grader} {first.grader_version}, protocol {first.protocol}"
    )
    lines = [tables.paragraph(tables.plain(heading)), ""]
    lines.append(tables.columns(("#", "checkpoint", "score [95 % interval]", "problems x n", "r/q/t"), FIRST_LINE))
    titles = ("", "stage", "c/w/u/t/f", "format", "tokens", "reasoning", "han", "mixed")
    lines += [tables.columns(titles, SECOND_LINE), "-" * tables.WIDTH]
    for row in rows:
        lines += _row_lines(row, ranked.get(row.run))
    below = [details.render(rows), details.render_cost(rows) if with_cost else ""]
    return "\n\n".join(["\n".join(lines), *filter(None, below)])


def _versions_text(rows: list[Entry]) -> str:
    """What produced the samples, one paragraph for each distinct environment."""
    runs: dict[str, list[str]] = {}
    for row in rows:
        text = ", ".join(f"{key} {value}" for key, value in sorted(row.versions.items())) or "versions unknown"
        runs.setdefault(text, []).append(row.run)
    listed = (f"{text} (runs {', '.join(sorted(names))})" for text, names in sorted(runs.items()))
    return "\n".join(tables.paragraph(tables.plain(f"made with: {text}")) for text in listed)


def arranged(rows: Iterable[Entry], *, sort: SortKey = "score", reverse: bool = False) -> list[Entry]:
    """Group by group, and within each by what was asked for: the best score or format first, the fewest tokens or seconds, the latest date.

    What is not known comes last, whatever the direction.
    """
    keys: dict[str, Callable[[Entry], Any]] = {
        "score": lambda row: None if row.score is None else -row.score,
        "name": lambda row: row.name.casefold(),
        "tokens": lambda row: row.measures.get("tokens", {}).get("value"),
        "seconds": lambda row: row.seconds,
        "format": lambda row: -row.measures["format"]["value"] if "format" in row.measures else None,
        "date": lambda row: tuple(-ord(letter) for letter in row.date) or None,
    }
    key = keys[sort]
    found: list[Entry] = []
    for _, members in groupby(sorted(rows, key=order), key=_group):
        listed = list(members)
        known = sorted((row for row in listed if key(row) is not None), key=key, reverse=reverse)
        found += [*known, *(row for row in listed if key(row) is None)]
    return found


def render(rows: Iterable[Entry], *, with_cost: bool = False, among: Iterable[Entry] | None = None) -> str:
    """The rows, group by group as `arranged`, as text of at most 80 columns, with a legend.

    Ranks are those among `among`, where rows were filtered from more: leaving some out makes no other better.
    """
    listed = list(rows)
    if not listed:
        return "no runs yet" if among is None or not list(among) else "no run fits the filters"
    ranked = ranks(listed if among is None else among)
    groups = [_group_text(list(members), ranked, with_cost) for _, members in groupby(listed, key=_group)]
    legends = [LEGEND, details.LEGEND if any(map(details.is_known, listed)) else "", details.COST_LEGEND if with_cost else ""]
    return "\n\n".join([*groups, "\n".join([*map(tables.paragraph, filter(None, legends)), _versions_text(listed)])])
