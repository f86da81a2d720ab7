"""`r1bench grade`: rows of completions from a file or a pipe -> graded rows, in the order of the input.

A row that cannot be graded is an error with its line number; the others are graded all the same. With an output file the work can be
interrupted: rows are written beside it as they are done and taken over by the same command, if they, the grader and its version are
unchanged.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from r1bench.harness import __version__, tables
from r1bench.harness.canonical import digest_of
from r1bench.harness.errors import DataError, GraderError, printable
from r1bench.harness.evaluation.finish_reasons import BadReason, endings
from r1bench.harness.evaluation.graded_file import Output
from r1bench.harness.evaluation.grading import summary
from r1bench.harness.progress import Progress
from r1bench.harness.records import OUTCOMES, UNKNOWN_MARKING, Grade
from r1bench.harness.store.disk import open_any
from r1bench.harness.thinking import unknown_markings

if TYPE_CHECKING:
    from r1bench.tasks.grading import GradeRequest, GradingPool

MOST_BYTES = 1 << 28
"""Of a row."""
SHOWN = 20
"""Rows of the table on a terminal, and errors, at most."""


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
        """Counts, versions, and the mean score with its 95 % interval; rows count as independent, those that failed have no score."""
        counts = Counter(row["outcome"] for row in self.rows)
        found: dict[str, Any] = {"grader": self.grader, "version": self.version, "r1bench": __version__, "n": len(self.rows)}
        found |= {"errors": len(self.errors), "outcomes": {outcome: counts[outcome] for outcome in OUTCOMES}}
        found |= summary([[float(row["score"])] for row in self.rows if row["score"] is not None])
        return {**found, "seconds": round(self.seconds, 3), "kept": self.num_kept}

    def render(self) -> str:
        """A table of the first rows and a summary."""
        shown = [f"{'id':16} {'outcome':10}{'score':>5}  extracted / reason"] if self.rows else []
        for row in self.rows[:SHOWN]:
            said = printable(row["reason"]) if row["extracted"] is None else f"{_start(row['extracted'], 28)} / {printable(row['reason'])}"
            score = "    -" if row["score"] is None else f"{row['score']:5.2f}"
            name = tables.left(_start(str(row["id"]), 16), 16)
            shown.append(f"{name} {row['outcome']:10}{score}  {tables.shortened(said, 46)}")
        if len(self.rows) > SHOWN:
            shown.append(f"... and {len(self.rows) - SHOWN} more; all of them with -o FILE or --json")
        return "\n".join([*shown, *([""] if shown else []), *self.summary_lines()])

    def summary_lines(self) -> list[str]:
        """The summary as text."""
        found = self.summary()
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in found["outcomes"].items() if count) or "none graded"
        lines = [f"{found['n']} rows: {outcomes}"]
        if "score" in found:
            score, failed = tables.interval("points", found["score"], found["low"], found["high"]), found["outcomes"]["failed"]
            size = f"n = {found['n'] - failed}" + (f"; {failed} that failed have no score" if failed else "")
            lines.append(f"mean score {score} (95 %, {found['interval']}, {size})")
        unknown = unknown_markings((row.get(UNKNOWN_MARKING, "") for row in self.rows if UNKNOWN_MARKING in row["flags"]), "row")
        lines += [unknown] if unknown else []
        kept = f", {self.num_kept} of them taken over" if self.num_kept else ""
        lines.append(f"grader {self.grader} version {self.version}, r1bench {__version__}, {self.seconds:.1f} s{kept}")
        return lines

    def error_lines(self) -> list[str]:
        """The rows that were not graded, the first of them."""
        lines = [f"{error.where}: {error.problem}" for error in self.errors[:SHOWN]]
        more = len(self.errors) - SHOWN
        return lines + ([f"... and {more} more rows that could not be graded; all of them with --json"] if more > 0 else [])


def read_lines(source: str) -> Iterator[tuple[int, str, bytes]]:
    """(line number, place, line) of a file, of a pipe or of standard input ('-'); empty lines are passed over.

    Raises DataError: there is no such file, or it cannot be read.
    """
    if source == "-" and sys.stdin is None:
        raise DataError("standard input", "is closed", "give a file with one JSON object per line")
    if source != "-" and (not Path(source).exists() or Path(source).is_dir()):
        raise DataError(source, "is no file", "give a file with one JSON object per line, or - for standard input")
    name = "standard input" if source == "-" else source
    try:
        with sys.stdin.buffer if source == "-" else open_any(Path(source)) as stream:
            for number, line in enumerate(iter(partial(stream.readline, MOST_BYTES), b""), start=1):
                if len(line) == MOST_BYTES:
                    raise DataError(f"{name}:{number}", f"is longer than {MOST_BYTES >> 20} MiB", "give one row per line")
                line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                if line.strip():
                    yield number, f"{name}:{number}", line
    except OSError as error:
        raise DataError(name, f"cannot be read ({error.strerror or error})", "check the path and the file") from error


def parse_row(grader: str, sandbox: str, number: int, where: str, line: bytes) -> GoodRow | BadRow:
    """One line as a row to grade, or why it cannot be. What ran without isolation is kept apart from what ran with it."""
    from r1bench.tasks.data.reading import Finding, parse_line
    from r1bench.tasks.grading.rows import BadRequest, kind_of, to_request

    row = parse_line(where, line)
    if isinstance(row, Finding):
        return BadRow(number, where, f"{row.problem}; {row.cure}")
    own_id = row.fields.get("id", number)
    if isinstance(own_id, bool) or not isinstance(own_id, str | int) or own_id == "":
        return BadRow(number, where, f"'id' is {kind_of(own_id)}; it must be text or a whole number")
    try:
        ((response, reason),) = endings(row.fields, [row.fields.get("response")])
        fields = row.fields if response is None else {**row.fields, "response": response}
        request = to_request(grader, fields, reason)
        return GoodRow(number, where, own_id, digest_of([row.fields, grader == "code" and sandbox == "none"]), request)
    except (BadReason, BadRequest) as error:
        return BadRow(number, where, str(error))
    except ValueError as error:  # NaN or a lone surrogate where canonical JSON has neither
        return BadRow(number, where, f"holds a value that JSON has not ({error})")


def grade_rows(grader: str, source: str, out: Path | None = None, *, num_workers: int = 1, sandbox: str = "auto") -> GradedRows:
    """Grade every row of a file, or of standard input ('-').

    Args:
        out: where graded rows go, one JSON object per line; it appears when all are done.

    Raises:
        UnknownNameError: no such grader. DataError: no such file. StorageError: `out` cannot be written.
        SandboxError: programs are to be run and nothing isolates them.
    """
    from r1bench.tasks.grading import GradingPool, get_grader

    found = GradedRows(grader, get_grader(grader).version)
    output = Output(out, source, found)
    lines = read_lines(source)
    first = next(lines, None)  # a missing file is told before anything is started
    started = time.monotonic()
    with GradingPool(grader, num_workers=num_workers, sandbox=sandbox).prepare() as pool, output, Progress("graded", 0) as progress:
        rest = chain([first] if first else [], lines)
        while batch := list(islice(rest, pool.grader.at_once)):
            parsed = [parse_row(grader, sandbox, *line) for line in batch]
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
    grades: list[Grade | None] = []
    for row, grade in zip(rows, pool.grade_each([row.request for row in rows]), strict=True):
        if isinstance(grade, GraderError):
            found.errors.append(BadRow(row.line, row.where, f"{grade}; please report this"))
        grades.append(None if isinstance(grade, GraderError) else grade)
    return grades


def _graded(row: GoodRow, grade: Grade) -> dict[str, Any]:
    """A graded row as it is written: the verdict, then the grader's own fields. What failed has no score: that would be a verdict."""
    own = {name: value for name, value in grade.to_json().items() if name not in ("details", "flags")}
    own["score"] = None if grade.outcome == "failed" else grade.score
    return {"id": row.id, **own, "flags": list(grade.flags), **grade.details, "row": row.digest}


def _start(text: str, width: int) -> str:
    """The beginning of a text that a file brought along, in columns of a terminal."""
    return tables.shortened(printable(text), width)
