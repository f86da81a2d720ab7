"""One run folder becomes one row of the index: when it must be computed again, and computing it.

row = examine(Path("runs/gsm8k--my-model--1a2b3c4d"))
"""

import datetime
import gc
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from r1bench.harness import __version__
from r1bench.harness.canonical import digest_of
from r1bench.harness.errors import R1benchError
from r1bench.harness.store.listed import MANIFEST, SAMPLES, half_line
from r1bench.harness.store.prompts import PROMPTS
from r1bench.harness.store.runs import NOISE, PROBLEMS, run_id
from r1bench.leaderboards.board.entry import Entry, entry
from r1bench.leaderboards.measures.reading import read

WATCHED = (MANIFEST, PROBLEMS, PROMPTS, SAMPLES, NOISE)
"""Files of a run that decide its row and its pages."""
COUNTED_BY = ("harness/*.py", "harness/statistics/*.py", "harness/store/*.py", "leaderboards/**/*.py")
"""Source files that decide it too: after a change of any of them, every row is computed again."""


class Row(NamedTuple):
    """What the index knows of a run folder."""

    folder: str
    mark: str
    """Its `fingerprint`; empty where it was removed meanwhile, and nothing is to be kept."""
    entry: Entry | None
    """The row of the board; None where the run cannot be read."""
    fault: str = ""
    """Why it cannot be read, and what to do; otherwise empty."""
    left_out: tuple[str, ...] = ()
    """What of its files is not in the row, such as a half-written line."""
    identity: str = ""
    """Which run it is, see `run_id`: two folders that share it are one run and its copy."""
    notes: tuple[str, ...] = ()
    """What a reader of the row should know."""

    def to_json(self) -> list[Any]:
        """JSON values of all but folder and mark."""
        return [self.entry and self.entry.to_json(), self.fault, self.left_out, self.identity, *self.notes]

    @classmethod
    def from_json(cls, folder: str, mark: str, value: Any) -> "Row":
        """Raises ValueError, TypeError, LookupError or AttributeError where it is not a row."""
        found, fault, left_out, identity, *notes = value
        texts = tuple(map(str, left_out)), str(identity), tuple(map(str, notes))
        return cls(folder, mark, Entry.from_json(found) if found else None, str(fault), *texts)


@cache
def code_digest() -> str:
    """Changes with the version of r1bench and with the source of whatever computes a row."""
    root, found = Path(__file__).resolve().parents[2], hashlib.sha256(__version__.encode())
    for pattern in COUNTED_BY:
        for path in sorted(root.glob(pattern)):
            found.update(path.read_bytes())
    return found.hexdigest()[:16]


def fingerprint(folder: Path) -> str:
    """Changes when a file of the run, or the way a row is computed, does: sizes and times of writing and of any change, not contents.

    Nobody can set the time of any change: an index that came from elsewhere with its run folders counts for nothing.
    """
    states: list[Any] = [code_digest()]
    for name in WATCHED:
        try:
            state = (folder / name).stat()
            states.append([name, state.st_size, state.st_mtime_ns, state.st_ctime_ns])
        except OSError:
            states.append([name])
    return digest_of(states)


def samples_size(folder: Path) -> int:
    """Bytes of its samples; 0 where there are none."""
    try:
        return (folder / SAMPLES).stat().st_size
    except OSError:
        return 0


def written_at(folder: Path) -> str:
    """When a run's last sample was stored, in UTC; empty where there is none."""
    try:
        seconds = (folder / SAMPLES).stat().st_mtime
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OSError, ValueError, OverflowError):
        return ""


@contextmanager
def without_collector() -> Iterator[None]:
    """A million records without cycles are counted, not searched for garbage: a fifth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@without_collector()
def examine(folder: Path) -> Row:
    """Read a run and compute its row. What is wrong with it is part of the answer and never an exception."""
    mark = fingerprint(folder)  # before reading: what is written meanwhile makes the row stale, never wrong
    try:
        tally = read(folder)
        row = json.loads(json.dumps({**entry(tally).to_json(), "date": written_at(folder)}, allow_nan=False))
    except R1benchError as error:
        if not folder.is_dir():
            return Row(folder.name, "", None, f"run {folder.name} was removed while it was read; it is left out")
        return Row(folder.name, mark, None, str(error))
    except (OSError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
        fault = f"{folder} cannot be counted ({type(error).__name__}: {error}); restore it; if it is whole, this is a fault of r1bench"
        return Row(folder.name, mark, None, fault)
    left_out = (*_half_written(folder, tally.manifest.command), *tally.left_out)
    return Row(folder.name, mark, Entry.from_json(row), "", left_out, run_id(tally.manifest), tally.notes)


def _half_written(folder: Path, command: str) -> tuple[str, ...]:
    """One line about a half-written last line, or nothing."""
    left = half_line(folder / SAMPLES)
    if not left:
        return ()
    bytes_left = f"{left} byte{'s' if left > 1 else ''}"
    return (
        f"{folder / SAMPLES} ends in a half-written line ({bytes_left} left out: its writer was killed, or is still writing);"
        f" the same command goes on from there: {command}",
    )
