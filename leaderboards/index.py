"""The board of a runs folder, without computing anything twice.

    with index.refresh(Path("runs")) as board: board.entries(tasks=["math500"], name="tiny-*")

`refresh` looks at every run folder and computes the rows of those that changed since; it commits each, so that a killed one goes on where
it was. Left out: how a row is computed (indexing.py), how it is stored (index_file.py), how it is shown (board.py).
"""

import fcntl
import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Self

from r1bench.harness.errors import StorageError
from r1bench.harness.progress import Progress
from r1bench.harness.store import MANIFEST, not_runs, run_folders
from r1bench.leaderboards import board
from r1bench.leaderboards.board import Entry
from r1bench.leaderboards.index_file import NAME, IndexFile, checksum, is_broken
from r1bench.leaderboards.indexing import Examined, examine, fingerprint, in_processes, samples_size

LOCK = ".leaderboard.lock"
LONG_WORK = 30_000_000
"""Bytes of samples from which on progress is shown; a quarter of it is worth other processes."""
PATIENCE_SECONDS = 600.0
"""How long to wait for another process that builds the same index, before building beside it."""


class Index:
    """The rows of a runs folder as they were when it was last refreshed. A context manager."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self.file = IndexFile(runs)
        self._passing: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()

    def entries(self, tasks: Sequence[str] = (), *, name: str = "", stage: str = "") -> list[Entry]:
        """The rows of the board: by task and protocol, then by score, as `board.entries`.

        `name` is a pattern (`tiny-*`, `*zero?`); an empty filter lets all pass.
        """
        wanted, values = ["entry != ''"], list[str]()
        if tasks:
            wanted.append(f"task IN ({', '.join('?' * len(tasks))})")
            values += tasks
        for column, text, operator in (("name", name, "GLOB"), ("stage", stage, "=")):
            if text:
                wanted.append(f"{column} {operator} ?")
                values.append(text)
        found = self.file.connection.execute(f"SELECT entry FROM runs WHERE {' AND '.join(wanted)}", values)
        return sorted((Entry.from_json(json.loads(entry)) for (entry,) in found), key=board.order)

    def tasks(self) -> set[str]:
        """The tasks that have a row."""
        return {task for (task,) in self.file.connection.execute("SELECT DISTINCT task FROM runs WHERE entry != ''")}

    def left_out(self) -> list[str]:
        """What the rows do not show, a line each with its cure: runs that cannot be read, half-written lines, folders that are no runs."""
        rows = list(self.file.connection.execute("SELECT fault, remarks FROM runs ORDER BY folder"))
        faults = [fault for fault, _ in rows if fault]
        return [*faults, *(remark for _, remarks in rows for remark in json.loads(remarks)), *not_runs(self.runs), *self._passing]

    def notes(self) -> list[str]:
        """What became of the index file itself: moved aside, in memory only."""
        return list(self.file.notes)

    def update(self, *, num_workers: int) -> int:
        """Make the rows agree with the folders; returns how many were computed."""
        gone = [folder for folder in self.file.fingerprints() if not (self.runs / folder / MANIFEST).is_file()]
        self.file.forget(gone)
        if not self._stale():
            return 0
        with _only_builder(self.runs) if self.file.is_stored else nullcontext():
            stale = self._stale()  # another process may have done the work meanwhile
            self._passing = []
            for row in _examined(stale, num_workers):
                if row.is_gone:
                    self._passing.append(row.fault)
                else:
                    self.file.store(row)
        return len(stale)

    def _stale(self) -> list[Path]:
        """Runs whose row is missing or was computed from other files, the largest first."""
        known = self.file.fingerprints()
        stale = [folder for folder in run_folders(self.runs) if known.get(folder.name) != fingerprint(folder)]
        return sorted(stale, key=samples_size, reverse=True)

    def stored_difference(self, parent: str, child: str) -> dict[str, Any] | None:
        """What `store_difference` stored of two runs, unless one of them changed since."""
        row = self.file.connection.execute(
            "SELECT fingerprint, difference, checksum FROM differences WHERE parent = ? AND child = ?", (parent, child)
        ).fetchone()
        if row is None or row[0] != self._mark(parent, child) or checksum(row[0], row[1]) != row[2]:
            return None
        return json.loads(row[1])

    def store_difference(self, parent: str, child: str, difference: dict[str, Any]) -> None:
        """Keep the paired difference of two runs, by their folders."""
        mark, text = self._mark(parent, child), json.dumps(difference, allow_nan=False)
        statement = "INSERT OR REPLACE INTO differences VALUES (?, ?, ?, ?, ?)"
        self.file.change([(statement, (parent, child, mark, text, checksum(mark, text)))])

    def _mark(self, parent: str, child: str) -> str:
        """The fingerprints of the rows of two runs."""
        query = "SELECT fingerprint FROM runs WHERE folder = ?"
        return " ".join(str(self.file.connection.execute(query, (folder,)).fetchone()) for folder in (parent, child))


def _examined(stale: list[Path], num_workers: int) -> Iterator[Examined]:
    """Rows as they are ready, with progress on stderr where it takes long."""
    size = sum(map(samples_size, stale))
    workers = num_workers if size >= LONG_WORK / 4 else 1
    with Progress("reading runs", len(stale)) if size >= LONG_WORK else nullcontext() as progress:
        for row in in_processes(examine, stale, num_workers=workers):
            yield row
            if progress:
                progress.advance()


@contextmanager
def _only_builder(runs: Path) -> Iterator[None]:
    """Wait while another process builds the index of the same folder: its rows need not be computed twice.

    The kernel lets go of the lock when its holder dies. Where there can be no lock, or after ten minutes, both build: that costs time only.
    """
    try:
        lock = os.open(runs / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError:
        yield
        return
    try:
        until, is_told = time.monotonic() + PATIENCE_SECONDS, False
        while not _is_locked(lock) and time.monotonic() < until:
            if not is_told:
                print(f"another process is reading {runs}; waiting for it", file=sys.stderr, flush=True)
            is_told = True
            time.sleep(0.05)
        yield
    finally:
        os.close(lock)


def _is_locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _check_folder(runs: Path) -> None:
    if not runs.is_dir():
        raise StorageError(f"no runs in {runs}; make one with: r1bench eval tiny-base --tasks arithmetic")


def refresh(runs: Path, *, num_workers: int = 2) -> Index:
    """The index of a runs folder, brought up to date. Only runs that changed are read, in `num_workers` processes.

    Raises:
        StorageError: the folder is not there, or a process that read runs died.
    """
    _check_folder(runs)
    found = Index(runs)
    try:
        found.update(num_workers=num_workers)
    except sqlite3.Error as error:
        found.close()
        if not is_broken(error):
            raise StorageError(f"{runs / NAME} cannot be used ({error}); try again, or: r1bench leaderboard rebuild") from error
        found.file.move_aside(f"is broken ({error})")
        notes, found = found.notes(), Index(runs)
        found.file.notes[:0] = notes
        found.update(num_workers=num_workers)
    except BaseException:
        found.close()
        raise
    return found


def as_it_is(runs: Path) -> Index:
    """The index as it was last refreshed, without looking at the run folders.

    Raises:
        StorageError: there is none.
    """
    _check_folder(runs)
    if not (runs / NAME).is_file():
        raise StorageError(f"no index in {runs} yet; leave out --no-refresh")
    return Index(runs)


def rebuild(runs: Path, *, num_workers: int = 2) -> Index:
    """Throw the index away and compute every row from the run folders.

    Raises:
        StorageError: the folder is not there, or the index cannot be removed.
    """
    _check_folder(runs)
    for name in (NAME, f"{NAME}-journal", f"{NAME}-wal", f"{NAME}-shm"):
        try:
            (runs / name).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{runs / name} cannot be removed ({error.strerror}); remove it by hand") from error
    return refresh(runs, num_workers=num_workers)
