"""The file that graded rows are written to: whole or not there, and taken over by the same command after an interruption.

Rows are appended to FILE.part as they are graded; when all are, FILE is replaced by them in the order of the input. A target that is no
regular file (a pipe, /dev/null) is written to directly.
"""

import fcntl
import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1bench.harness.canonical import parse_json
from r1bench.harness.errors import StorageError, UsageError
from r1bench.harness.records import OUTCOMES
from r1bench.harness.store.disk import check_writable, open_to_append, refusals, write_whole

if TYPE_CHECKING:
    from r1bench.harness.evaluation.rows import GradedRows


class Output:
    """Where graded rows go: into the report and, with an output file, onto the disk. Use as a context manager.

    Args:
        out: the file; None writes none.
        source: what is read, which must never be written over.

    Raises:
        UsageError: the file is what is read, or holds something else than graded rows.
        StorageError: it cannot be written, or another process is writing it.
    """

    def __init__(self, out: Path | None, source: str, found: "GradedRows") -> None:
        self.found = found
        self.out = None if out is None else out.resolve()
        self.is_direct = self.out is not None and self.out.exists() and not self.out.is_file()
        self.part = self.out.with_name(self.out.name + ".part") if self.out and not self.is_direct else None
        self.kept: dict[str, dict[str, Any]] = {}
        self.written: list[str] = []
        if self.out is None:
            return
        for path in (self.out, self.part):
            if path and source != "-" and path.exists() and Path(source).exists() and path.samefile(source):
                raise UsageError(f"{source} would be overwritten while it is read; name another output file")
        if self.out.is_dir():
            raise UsageError(f"{self.out} is a folder; name a file in it")
        if self.part is not None:
            check_writable(self.out.parent)
            if self.part.exists() and not self.part.is_file():
                raise UsageError(f"{self.part} is no file, and rows are kept there until all are graded; remove it, or name another file")
            self._refuse_foreign(self.out)

    def __enter__(self) -> "Output":
        if self.out is None:
            return self
        with refusals(self.out):
            self.file = open_to_append(self.part or self.out)
            if self.part is not None:
                try:
                    fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    self.file.close()
                    raise StorageError(f"{self.out} is being written by another process; wait for it, or name another file") from error
                self.kept = {**self._stored(self.out), **self._stored(self.part)}
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
        if self.out is None:
            return
        with refusals(self.out):
            if self.part is not None:
                if kind is None:
                    write_whole(self.out, "".join(self.written))
                if kind is None or not os.fstat(self.file.fileno()).st_size:
                    self.part.unlink(missing_ok=True)
            self.file.close()

    def _refuse_foreign(self, path: Path) -> None:
        """An output file that holds anything but graded rows is somebody's work, or a slip of the hand."""
        if not path.is_file() or not path.stat().st_size:
            return
        with path.open("rb") as stream:
            first = stream.readline(10_000_000)
        try:
            is_graded = {"outcome", "grader", "version", "row"} <= set(parse_json(first.decode()))
        except (ValueError, TypeError):
            is_graded = False
        if not is_graded:
            raise UsageError(f"{path} holds something else than graded rows; remove it, or name another output file")

    def _stored(self, path: Path) -> dict[str, dict[str, Any]]:
        """Graded rows of this grader and version in a file, by the digest of what was graded.

        What is no such row is passed over, and so is what failed: it is graded again.
        """
        found = {}
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n") if path.is_file() else ():
            try:
                row = parse_json(line)
                if (row["grader"], row["version"]) == (self.found.grader, self.found.version) and is_whole(row):
                    found[str(row["row"])] = row
            except (ValueError, TypeError, LookupError):
                continue
        return found


def is_whole(row: dict[str, Any]) -> bool:
    """Whether a stored row has all that a graded row has, with values that it can have."""
    texts = (row["reason"], row["row"])
    is_text = all(isinstance(text, str) for text in texts) and isinstance(row["extracted"], str | None)
    is_scored = isinstance(row["score"], float | int) and math.isfinite(row["score"]) and 0 <= row["score"] <= 1
    return is_text and is_scored and row["outcome"] in OUTCOMES and isinstance(row["id"], str | int)
