"""Numbers that papers printed, for orientation: never ranked with or against measured rows.

    papers.rows(tasks=["aime24"])

The numbers are data files in published/, each with its source, how far it is to be trusted, and the protocol behind it. Where two versions
of a paper disagree, both are there. Left out: intervals and n, which were not published.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

from r1bench.harness import tables
from r1bench.harness.errors import StorageError

if TYPE_CHECKING:
    from pydantic import BaseModel

MARK = "published, other protocol"
UNITS = {"%": ("fraction", 0.01), "percentile": ("percentile", 1.0), "rating": ("rating", 1.0)}
"""Unit in a file -> unit of a row, and what a value is multiplied by."""


@cache
def _model() -> "type[BaseModel]":
    """What a file must hold; made when one is read, since importing does no work."""
    from pydantic import BaseModel, ConfigDict, Field, model_validator

    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    class Column(Strict):
        model: str = Field(min_length=1)
        stage: str

    class Line(Strict):
        benchmark: str = Field(min_length=1)
        task: str | None
        metric: str = Field(min_length=1)
        unit: Literal["%", "percentile", "rating"]
        values: list[float | None]

    class File(Strict):
        paper: str = Field(min_length=1)
        version: str
        table: str = Field(min_length=1)
        date: str
        trust: str = Field(min_length=1)
        protocol: str = Field(min_length=1)
        note: str
        columns: list[Column] = Field(min_length=1)
        lines: list[Line] = Field(min_length=1)

        @model_validator(mode="after")
        def _check_lines(self) -> "File":
            for line in self.lines:
                if len(line.values) != len(self.columns):
                    raise ValueError(f"{line.benchmark} has {len(line.values)} values for {len(self.columns)} models")
                if line.unit != "rating" and any(value is not None and not 0 <= value <= 100 for value in line.values):
                    raise ValueError(f"{line.benchmark} has a value outside 0 ... 100")
            return self

    return File


def read_file(text: str, name: str) -> list[dict[str, Any]]:
    """The numbers of one data file, a row each: model, stage, benchmark, task, metric, value, unit, protocol, source, date, trust, note.

    stage is that of the R1 recipe, task the one of ours that asks the same questions; both, and the date, are empty where there is none.
    unit is 'fraction', 'percentile' or 'rating'.

    Raises:
        StorageError: it does not have the shape.
    """
    from pydantic import ValidationError

    try:
        found: Any = _model().model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise StorageError(f"published/{name}: {where}: {first['msg']}; correct it, or install r1bench again") from error
    source = ", ".join(part for part in (found.paper, found.version, found.table) if part)
    shared = {"protocol": found.protocol, "source": source, "date": found.date, "trust": found.trust, "note": found.note}
    made = []
    for line in found.lines:
        unit, factor = UNITS[line.unit]
        what = {"benchmark": line.benchmark, "task": line.task or "", "metric": line.metric}
        values = zip(found.columns, line.values, strict=True)
        made += [
            {**column.model_dump(), **what, "value": round(value * factor, 6), "unit": unit, **shared}
            for column, value in values
            if value is not None
        ]
    return made


@cache
def _all_rows() -> tuple[dict[str, Any], ...]:
    folder = files("r1bench.leaderboards") / "published"
    paths = sorted((path for path in folder.iterdir() if path.name.endswith(".json")), key=lambda path: path.name)
    return tuple(row for path in paths for row in read_file(path.read_text(encoding="utf-8"), path.name))


def rows(tasks: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Every printed number, or those on the questions of the given tasks, file by file."""
    wanted = set(tasks)
    return [dict(row) for row in _all_rows() if not wanted or row["task"] in wanted]


def value_text(value: float, unit: str) -> str:
    """In points where it is a fraction."""
    if unit == "fraction":
        return tables.points(value)
    return tables.number(value, 0 if unit == "rating" else 1)


def render(listed: Sequence[Mapping[str, Any]]) -> str:
    """The numbers as text of at most 80 columns: source by source, then the protocols behind them."""
    if not listed:
        return f"{MARK}: no numbers on these tasks"
    lines = [tables.paragraph(f"{MARK}: printed elsewhere, not ranked with measured rows; without n and interval"), ""]
    papers_first = sorted(listed, key=lambda row: (row["source"].startswith("README"), row["source"]))
    protocols: dict[str, int] = {}
    for source, members in groupby(papers_first, key=lambda row: row["source"]):
        rows = list(members)
        number = protocols.setdefault(rows[0]["protocol"], len(protocols) + 1)
        about = "; ".join(part for part in (f"protocol ({number})", rows[0]["trust"], rows[0]["note"]) if part)
        lines += [tables.paragraph(f"{source} ({about})"), *_lines_of(rows), ""]
    lines += [tables.paragraph(f"({number}) {protocol}") for protocol, number in protocols.items()]
    return "\n".join(lines)


def _lines_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A paragraph for each benchmark and metric of one source."""
    found = []
    for benchmark, metric in dict.fromkeys((row["benchmark"], row["metric"]) for row in rows):
        of_it = [row for row in rows if (row["benchmark"], row["metric"]) == (benchmark, metric)]
        unit = "points" if of_it[0]["unit"] == "fraction" else of_it[0]["unit"]
        values = ", ".join(f"{row['model']} {value_text(row['value'], row['unit'])}" for row in of_it)
        found.append(tables.paragraph(f"{benchmark}, {metric} ({unit}): {values}", indent="  "))
    return found
