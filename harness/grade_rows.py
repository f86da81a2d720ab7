"""`r1bench grade`: rows of completions from a file or a pipe -> graded rows, in the order of the input.

A row that cannot be graded is an error with its line number; the others are graded all the same. With an output file the work can be
interrupted: rows are written beside it as they are done and taken over by the same command, if they, the grader and its version are
unchanged. Left out: what a row must hold (tasks/grading/rows.py), evaluation runs (evaluate.py).
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from r1bench.harness import __version__, statistics
from r1bench.harness.errors import DataError, GraderError, UsageError, printable
from r1bench.harness.progress import Progress
from r1bench.harness.records import OUTCOMES, Grade, digest_of
from r1bench.harness.store import check_writable, refusals, write_whole

if TYPE_CHECKING:
    from r1bench.tasks.grading import GradeRequest, GradingPool

AT_ONCE = 64
"""Rows that are graded together,"""
SHOWN_ROWS = 20
"""rows of the table on a terminal,"""
SHOWN_ERRORS = 20
"""and errors."""


class BadRow(NamedTuple):
    """A row that was not graded."""

    line: int
    where: str
    problem: str


class GoodRow(NamedTuple):
    """A row that can be graded."""

    line: int
    where: str
    id: str | int
    digest: str
    """Of everything in the row."""
    request: "GradeRequest"


@dataclass
class GradedRows:
    """What `grade_rows` did."""

    grader: str
    version: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    errors: list[BadRow] = field(default_factory=list)
    num_kept: int = 0
    """Rows taken over from an earlier, interrupted run of the same command."""
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return {"summary": self.summary(), "rows": self.rows, "errors": [error._asdict() for error in self.errors]}

    def summary(self) -> dict[str, Any]:
        """Counts, mean score with its 95 % interval (rows taken as independent), versions."""
        counts = Counter(row["outcome"] for row in self.rows)
        found: dict[str, Any] = {"grader": self.grader, "version": self.version, "r1bench": __version__, "n": len(self.rows)}
        found |= {"errors": len(self.errors), "outcomes": {outcome: counts[outcome] for outcome in OUTCOMES}}
        if self.rows:
            scores = [[float(row["score"])] for row in self.rows]
            interval = statistics.interval(scores)
            found |= {"score": statistics.pass_at_1(scores), "low": interval.low, "high": interval.high, "interval": interval.method}
        return {**found, "seconds": round(self.seconds, 3), "kept": self.num_kept}

    def render(self) -> str:
        """A table of the first rows and a summary."""
        shown = [f"{'id':16} {'outcome':10}{'score':>5}  extracted / reason"] if self.rows else []
        for row in self.rows[:SHOWN_ROWS]:
            said = (
                f"{printable(str(row['extracted']))[:28]!s} / {printable(row['reason'])}" if row["extracted"] is not None else row["reason"]
            )
            shown.append(f"{printable(str(row['id']))[:16]:16} {row['outcome']:10}{row['score']:5.2f}  {said[:46]}")
        if len(self.rows) > SHOWN_ROWS:
            shown.append(f"... and {len(self.rows) - SHOWN_ROWS} more; all of them with -o FILE or --json")
        return "\n".join([*shown, *([""] if shown else []), *self.summary_lines()])

    def summary_lines(self) -> list[str]:
        """The summary as text."""
        found = self.summary()
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in found["outcomes"].items() if count) or "none graded"
        lines = [f"{found['n']} rows: {outcomes}"]
        if self.rows:
            low, high = 100 * found["low"], 100 * found["high"]
            lines.append(f"mean score {100 * found['score']:.1f} [{low:.1f}, {high:.1f}] (95 %, {found['interval']}, n = {found['n']})")
        kept = f", {self.num_kept} of them taken over" if self.num_kept else ""
        lines.append(f"grader {self.grader} version {self.version}, r1bench {__version__}, {self.seconds:.1f} s{kept}")
        return lines

    def error_lines(self) -> list[str]:
        """The rows that were not graded, the first of them."""
        lines = [f"{error.where}: {error.problem}" for error in self.errors[:SHOWN_ERRORS]]
        more = len(self.errors) - SHOWN_ERRORS
        return lines + ([f"... and {more} more rows that could not be graded"] if more > 0 else [])


def read_lines(source: str) -> Iterator[tuple[int, str, bytes]]:
    """(line number, place, line) of a file or of standard input ('-'); empty lines are passed over.

    Raises:
        DataError: there is no such file, or it cannot be read.
    """
    if source != "-" and not Path(source).is_file():
        raise DataError(source, "is no file", "give a file with one JSON object per line, or - for standard input")
    name = "standard input" if source == "-" else source
    try:
        with sys.stdin.buffer if source == "-" else Path(source).open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield number, f"{name}:{number}", line
    except OSError as error:
        raise DataError(name, f"cannot be read ({error.strerror or error})", "check the path and the file") from error


def parse_row(grader: str, number: int, where: str, line: bytes) -> GoodRow | BadRow:
    """One line as a row to grade, or why it cannot be."""
    from r1bench.tasks.grading.rows import BadRequest, to_request
    from r1bench.tasks.reading import Finding, parse_line

    row = parse_line(where, line)
    if isinstance(row, Finding):
        return BadRow(number, where, f"{row.problem}; {row.cure}")
    own_id = row.fields.get("id", number)
    if isinstance(own_id, bool) or not isinstance(own_id, str | int):
        return BadRow(number, where, f"'id' is a {type(own_id).__name__}; it must be text or a whole number")
    try:
        request = to_request(grader, row.fields)
        return GoodRow(number, where, own_id, digest_of(row.fields), request)
    except BadRequest as error:
        return BadRow(number, where, str(error))
    except ValueError as error:  # NaN or a lone surrogate where canonical JSON has neither
        return BadRow(number, where, f"holds a value that JSON has not ({error})")


def grade_rows(
    grader: str,
    source: str,
    out: Path | None = None,
    *,
    num_workers: int = 1,
    sandbox: str = "auto",
) -> GradedRows:
    """Grade every row of a file, or of standard input ('-').

    Args:
        out: where graded rows go, one JSON object per line; it appears when all are done.

    Raises:
        UnknownNameError: no such grader. DataError: no such file. StorageError: `out` cannot be written.
        SandboxError: programs are to be run and nothing isolates them.
    """
    from r1bench.tasks.grading import GradingPool, get_grader

    if out is not None and source != "-" and out.exists() and Path(source).exists() and out.samefile(source):
        raise UsageError(f"{out} would be overwritten while it is read; name another output file")
    found = GradedRows(grader, get_grader(grader).version)
    if out is not None:
        check_writable(out.absolute().parent)
    lines = read_lines(source)
    first = next(lines, None)  # a missing file is told before anything is started
    started = time.monotonic()
    with (
        GradingPool(grader, num_workers=num_workers, sandbox=sandbox).prepare() as pool,
        Output(out, found) as output,
        Progress("graded", 0) as progress,
    ):
        rest = chain([first] if first else [], lines)
        while batch := list(islice(rest, AT_ONCE)):
            parsed = [parse_row(grader, *line) for line in batch]
            rows = [row for row in parsed if isinstance(row, GoodRow)]
            found.errors += [row for row in parsed if isinstance(row, BadRow)]
            missing = [row for row in rows if row.digest not in output.kept]
            usable = _with_good_golds(pool, missing, found)
            graded = dict(zip([row.line for row in usable], _grade(pool, usable, found), strict=True))
            for row in rows:
                grade = graded.get(row.line)
                if grade is not None:
                    output.write(_graded(row, grade))
                elif row.digest in output.kept:
                    output.write({**output.kept[row.digest], "id": row.id})
            progress.total += len(batch)
            progress.advance(len(batch))
    found.errors.sort()
    found.seconds = time.monotonic() - started
    return found


def _with_good_golds(pool: "GradingPool", rows: Sequence[GoodRow], found: GradedRows) -> list[GoodRow]:
    """The rows whose gold answers can be judged by; the others become errors."""
    if pool.grader.needs != "gold":
        return list(rows)
    golds = list(dict.fromkeys(gold for row in rows for gold in row.request.gold))
    reasons = dict(zip(golds, pool.check_golds(golds), strict=True))
    usable = []
    for row in rows:
        bad = [gold for gold in row.request.gold if reasons[gold]]
        if bad:
            found.errors.append(BadRow(row.line, row.where, f"the gold answer {bad[0]!r:.80} {reasons[bad[0]]}; correct it"))
        else:
            usable.append(row)
    return usable


def _grade(pool: "GradingPool", rows: Sequence[GoodRow], found: GradedRows) -> list[Grade | None]:
    """A grade for each row; None, and an error, for one that a fault of the grader came with."""
    try:
        return list(pool.grade([row.request for row in rows]))
    except GraderError as error:
        if len(rows) == 1:
            found.errors.append(BadRow(rows[0].line, rows[0].where, f"{error}; please report this"))
            return [None]
    return [grade for row in rows for grade in _grade(pool, [row], found)]


def _graded(row: GoodRow, grade: Grade) -> dict[str, Any]:
    """A graded row as it is written: the verdict, then the grader's own fields."""
    own = {name: value for name, value in grade.to_json().items() if name not in ("details", "flags")}
    return {"id": row.id, **own, "flags": list(grade.flags), **grade.details, "row": row.digest}


class Output:
    """Where graded rows go: kept for the report and, with an output file, appended to `out`.part until all are done."""

    def __init__(self, out: Path | None, found: GradedRows) -> None:
        self.out, self.found = out, found
        self.part = out.with_name(out.name + ".part") if out else None
        self.kept: dict[str, dict[str, Any]] = {}
        self.written: list[str] = []

    def __enter__(self) -> "Output":
        if self.out is not None and self.part is not None:
            with refusals(self.out):
                self.kept = {**self._stored(self.out), **self._stored(self.part)}
                self.file = self.part.open("a", encoding="utf-8")
                if self.file.tell():
                    self.file.write("\n")  # ends a line that was cut off
        return self

    def write(self, row: dict[str, Any]) -> None:
        """Add one graded row."""
        is_kept = row["row"] in self.kept
        self.found.num_kept += is_kept
        self.found.rows.append({name: value for name, value in row.items() if name != "row"})
        if self.out is not None:
            self.written.append(json.dumps(row) + "\n")
            if not is_kept:
                with refusals(self.out):
                    self.file.write(self.written[-1])
                    self.file.flush()

    def __exit__(self, kind: type[BaseException] | None, *unused: object) -> None:
        if self.out is None or self.part is None:
            return
        with refusals(self.out):
            self.file.close()
            if kind is None:
                write_whole(self.out, "".join(self.written))
            if kind is None or not self.part.stat().st_size:
                self.part.unlink()

    def _stored(self, path: Path) -> dict[str, dict[str, Any]]:
        """Graded rows of this grader and version in a file, by the digest of what was graded; a line that is no such row is passed over."""
        found = {}
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n") if path.is_file() else ():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(row, dict) and (row.get("grader"), row.get("version")) == (self.found.grader, self.found.version):
                found[str(row.get("row", ""))] = row
        found.pop("", None)
        return found
