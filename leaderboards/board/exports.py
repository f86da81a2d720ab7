"""The board as a file: one flat table as CSV, JSON or Parquet through pandas, or as Markdown for people.

    exports.write(Path("board.csv"), entries, imported=external.rows(runs), printed=papers.rows())

One line per run and metric: pass@1 with everything else that is known of the run, below it every other measure of the table (format,
truncated, tokens, ...), then what several samples say (pass@k, cons@k, ...). Numbers are fractions unless `unit` says otherwise. `kind`
tells measured rows from imported and published ones, which have no rank. Left out: per-rule and per-language detail, which
`r1bench leaderboard --json` has.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1bench.harness import tables
from r1bench.harness.errors import UsageError
from r1bench.harness.store.disk import refusals, replacing
from r1bench.leaderboards.board import external, papers
from r1bench.leaderboards.board.entry import Entry
from r1bench.leaderboards.measures import MEASURES

if TYPE_CHECKING:
    import pandas

SUFFIXES = (".md", ".csv", ".json", ".parquet")
MEASURED = "measured"
TEXT, FRACTION, COUNT = "string", "Float64", "Int64"
COLUMNS = {
    **dict.fromkeys(("kind", "task", "task_version", "name", "stage", "metric", "unit"), TEXT),
    **dict.fromkeys(("rank",), COUNT),
    **dict.fromkeys(("value", "low", "high"), FRACTION),
    **dict.fromkeys(("interval_method", "note"), TEXT),
    **dict.fromkeys(("total_error", "resampling_error", "question_error", "noise_error"), FRACTION),
    **dict.fromkeys(("num_problems", "n", "num_samples", "correct", "wrong", "unparsed", "truncated", "failed"), COUNT),
    **dict.fromkeys(("generated_tokens", "prompt_tokens"), COUNT),
    **dict.fromkeys(("seconds", "latency"), FRACTION),
    **dict.fromkeys(("device", "date", "protocol", "template", "sampling", "grader", "grader_version"), TEXT),
    **dict.fromkeys(("run", "checkpoint", "checkpoint_digest", "parent", "source", "trust"), TEXT),
}
"""Column -> its type, in order. None is unknown."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula."""
WHOSE = ("task", "task_version", "name", "stage", "protocol", "template", "grader", "grader_version", "run", "checkpoint")


def check_target(path: Path) -> None:
    """Refuse, before anything is computed, a file that could not be written. Raises UsageError."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--export {path} has no ending that says its format; give one of {', '.join(SUFFIXES)}")
    if path.is_dir():
        raise UsageError(f"--export {path} is a folder; give a file")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"--export {path}: there is no folder {path.absolute().parent}; make it first")


def measured_lines(row: Entry, rank: int | None) -> list[dict[str, Any]]:
    """A run as lines: pass@1 with all that is known, then one for each metric over several samples."""
    values = row.to_json()
    names = [*WHOSE, "sampling", "checkpoint_digest", "parent", "device", "date"]
    shared = {"kind": MEASURED, "unit": "fraction", **{name: values[name] for name in names}}
    first = {name: values[name] for name in COLUMNS if name in values}
    first |= {**shared, **row.outcomes, "metric": "pass@1", "rank": rank, "value": row.score, "interval_method": row.method}
    first["num_problems"] = row.num_problems - len(row.lost)
    first["noise_error"] = (row.noise or {}).get("error")
    units = {key: "fraction" if measure.unit == "points" else measure.unit for key, measure in MEASURES.items() if key != "score"}
    listed: dict[str, Mapping[str, Any]] = {key: found for key, found in row.measures.items() if key in units}
    listed |= {key: found for key, found in row.several.items() if key != "pass@1" and isinstance(found, Mapping)}
    return [first, *(shared | _line(row, metric, found, units.get(metric, "fraction")) for metric, found in listed.items())]


def _line(row: Entry, metric: str, found: Mapping[str, Any], unit: str) -> dict[str, Any]:
    """What one metric of a run adds to the columns that all of its lines share."""
    numbers = {key: found.get(key) for key in ("value", "low", "high", "num_problems", "num_samples")}
    return {**numbers, "unit": unit, "n": row.n, "metric": metric, "total_error": found.get("error"), "interval_method": found["method"]}


def imported_line(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of another harness as a line; its n is of questions."""
    same = {key: row[key] for key in ("task", "name", "value", "unit", "date", "source")}
    same |= {"kind": external.MARK, "metric": external.metric_name(row), "total_error": row["error"], "num_problems": row["n"]}
    return {**same, "note": f"{row['num_fewshot']} examples in the prompt" if row["num_fewshot"] else ""}


def printed_line(row: Mapping[str, Any]) -> dict[str, Any]:
    """A published number as a line."""
    same = {key: row[key] for key in ("stage", "metric", "value", "unit", "date", "source", "trust", "note")}
    return {**same, "kind": papers.MARK, "task": row["task"] or row["benchmark"], "name": row["model"], "sampling": row["protocol"]}


def lines_of(
    entries: Iterable[Entry], imported: Iterable[Mapping[str, Any]], printed: Iterable[Mapping[str, Any]], ranked: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Every line of the flat table, measured ones first."""
    measured = [line for row in entries for line in measured_lines(row, ranked.get(row.run))]
    return [*measured, *map(imported_line, imported), *map(printed_line, printed)]


def frame(lines: Sequence[Mapping[str, Any]]) -> "pandas.DataFrame":
    """The lines as a table with all columns, each of its type; half characters, which no format can hold, are replaced."""
    import pandas as pd

    def cell(value: Any) -> Any:
        return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value

    columns = {name: pd.Series([cell(line.get(name)) for line in lines], dtype=kind) for name, kind in COLUMNS.items()}
    return pd.DataFrame(columns)


def harmless(text: str) -> str:
    """What a spreadsheet would run as a formula, as text: with an apostrophe before it."""
    return f"'{text}" if text.startswith(FORMULA) or text.lstrip().startswith(FORMULA) else text


def _markdown_cell(text: str) -> str:
    """A text that cannot leave its cell, begin a link or become HTML."""
    escaped = "".join(f"\\{letter}" if letter in "\\`*_[]|#!" else letter for letter in tables.plain(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _markdown_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table whose last columns are figures."""
    lines = [f"| {' | '.join(titles)} |", f"|{'|'.join('---' for _ in titles)}|"]
    return lines + [f"| {' | '.join(map(_markdown_cell, row))} |" for row in rows]


def _group_markdown(rows: Sequence[Entry], ranked: Mapping[str, int]) -> list[str]:
    """The runs of one protocol."""
    first = rows[0]
    about = f"version {first.task_version}, {first.num_problems} problems, template {first.template}, {first.sampling}"
    graded = f"grader {first.grader} {first.grader_version}, protocol {first.protocol}"
    titles = ("#", "checkpoint", "stage", "score [95 %]", "n", "format [95 %]", "tokens", "generated", "seconds ≥")
    cells = []
    for row in rows:
        score = tables.interval("points", row.score, row.low, row.high) if row.is_complete else row.note
        form, tokens = (row.measures.get(key, {}) for key in ("format", "tokens"))
        shares = tables.interval("points", form.get("value"), form.get("low"), form.get("high"))
        spent = "-" if row.generated_tokens is None else f"{row.generated_tokens:,}"
        size = row.size
        figures = (score, size, shares, tables.number(tokens.get("value")), spent, tables.number(row.seconds))
        cells.append((str(ranked.get(row.run, "-")), row.name, row.stage or "-", *figures))
    return [f"## {_markdown_cell(first.task)}", "", _markdown_cell(f"{about}, {graded}"), "", *_markdown_table(titles, cells), ""]


def markdown(
    entries: Sequence[Entry], imported: Sequence[Mapping[str, Any]], printed: Sequence[Mapping[str, Any]], ranked: Mapping[str, int]
) -> str:
    """The board for people: a table for each protocol, then what others measured, marked."""
    lines = ["# Leaderboard", "", "Scores in points. Ranks hold within a table only: the tables differ in protocol.", ""]
    for _, members in groupby(entries, key=lambda row: (row.task, row.protocol)):
        lines += _group_markdown(list(members), ranked)
    for title, listed, line_of in ((external.MARK, imported, imported_line), (papers.MARK, printed, printed_line)):
        if not listed:
            continue
        cells = []
        for found in map(line_of, listed):
            value = papers.value_text(found["value"], found["unit"])
            error = "" if found.get("total_error") is None else f" ± {papers.value_text(found['total_error'], found['unit'])}"
            n = str(found.get("num_problems") or "-")
            cells.append((found["name"], found.get("stage") or "-", found["task"], found["metric"], value + error, n, found["source"]))
        titles = ("model", "stage", "task", "metric", "value", "n", "source")
        lines += [f"## Not ranked: {title}", "", *_markdown_table(titles, cells), ""]
    return "\n".join(lines)


def write(
    path: Path,
    entries: Sequence[Entry],
    *,
    imported: Sequence[Mapping[str, Any]] = (),
    printed: Sequence[Mapping[str, Any]] = (),
    ranked: Mapping[str, int],
) -> None:
    """Write the rows to a file, whose ending says the format; a file that is there is replaced whole.

    Raises:
        UsageError: no such format. StorageError: it cannot be written.
    """
    check_target(path)
    kind = path.suffix.lower()
    with refusals(path, "choose another file with --export"), replacing(path) as temporary:
        if kind == ".md":
            temporary.write_text(markdown(entries, imported, printed, ranked), encoding="utf-8", errors="replace")
        else:
            _write_table(frame(lines_of(entries, imported, printed, ranked)), temporary, kind)


def _write_table(table: "pandas.DataFrame", path: Path, kind: str) -> None:
    """CSV, JSON or Parquet. Only CSV is opened by spreadsheets, so only there are formulas made harmless."""
    if kind == ".csv":
        texts = [name for name, type_ in COLUMNS.items() if type_ == TEXT]
        table.assign(**{name: table[name].map(harmless, na_action="ignore") for name in texts}).to_csv(path, index=False)
    elif kind == ".json":
        path.write_text(table.to_json(orient="records", indent=1, double_precision=15, force_ascii=False) + "\n", encoding="utf-8")
    else:
        table.to_parquet(path, index=False)
