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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Self, TypeVar

from r1bench.harness.errors import StorageError
from r1bench.harness.progress import Progress
from r1bench.harness.store.listed import not_runs, run_folders
from r1bench.leaderboards.board import ranking as board
from r1bench.leaderboards.board.index_file import BESIDE, NAME, IndexFile, Row, checksum, is_broken, storable
from r1bench.leaderboards.board.indexing import Examined, examine, fingerprint, in_processes, samples_size
from r1bench.leaderboards.board.ranking import Entry

LOCK = ".leaderboard.lock"
LONG_WORK = 30_000_000
"""Bytes of samples from which on progress is shown; a quarter of it is worth other processes."""
PATIENCE_SECONDS = 600.0
"""How long to wait for another process that builds the same index, before building beside it."""
Made = TypeVar("Made")


class Index:
    """The rows of a runs folder as they were when it was last refreshed. A context manager."""

    def __init__(self, runs: Path, *, num_workers: int = 2, is_frozen: bool = False) -> None:
        self.runs, self.num_workers = runs, num_workers
        self.file = IndexFile(runs, is_frozen=is_frozen)
        self._passing: list[str] = []
        self._known: dict[str, Entry] | None = None

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
        if self._known is None:
            self._known = self.mended(self._read)
        listed = [row for row in self._known.values() if (not tasks or row.task in tasks) and (not stage or row.stage == stage)]
        return sorted((row for row in listed if not name or fnmatchcase(row.name, name)), key=board.order)

    def _read(self) -> dict[str, Entry]:
        """Folder -> row of every run that can be shown."""
        rows = self.file.rows()
        hidden = self._copies(rows)
        return {row.folder: Entry.from_json(json.loads(row.entry)) for row in rows if row.entry and row.folder not in hidden}

    def _copies(self, rows: list[Row]) -> dict[str, str]:
        """Folder -> the folder it is a copy of. The one that is called as the run is shown, or else the first by name."""
        first: dict[str, str] = {}
        readable = [row for row in rows if row.entry]
        for row in sorted(readable, key=lambda row: (row.folder != row.identity, row.folder)):
            first.setdefault(row.identity, row.folder)
        return {row.folder: first[row.identity] for row in readable if first[row.identity] != row.folder}

    def tasks(self) -> set[str]:
        """The tasks that have a row."""
        return {row.task for row in self.entries()}

    def left_out(self) -> list[str]:
        """What the rows do not show, a line each with its cure: runs that cannot be read, half-written lines, folders that are no runs."""
        rows = self.mended(self.file.rows)
        faults = [row.fault for row in rows if row.fault]
        copies = [
            f"{self.runs / folder} is the same run as {self.runs / shown}, which is shown; remove one of the two"
            for folder, shown in self._copies(rows).items()
        ]
        remarks = [remark for row in rows for remark in json.loads(row.remarks)]
        return [*faults, *copies, *remarks, *not_runs(self.runs), *self._passing]

    def notes(self) -> list[str]:
        """What became of the index file itself: moved aside, in memory only."""
        return list(self.file.notes)

    def mended(self, work: Callable[[], Made]) -> Made:
        """What some work with the file gives; where the file is broken, it is made again from the run folders before.

        Raises:
            StorageError: it cannot be had now, or it is broken again.
        """
        try:
            return work()
        except sqlite3.Error as error:
            if not is_broken(error):
                raise StorageError(f"{self.file.path} cannot be used ({error}); try again, or: r1bench leaderboard rebuild") from error
            self.file.begin_again(f"is broken ({error})")
        try:
            self.update(num_workers=self.num_workers)
            return work()
        except sqlite3.Error as error:
            raise StorageError(f"{self.file.path} was made again and is broken again ({error}); check the disk") from error

    def update(self, *, num_workers: int) -> int:
        """Make the rows agree with the folders; returns how many were computed."""
        self._known = None
        there = {storable(folder.name) for folder in run_folders(self.runs)}
        self.file.forget([folder for folder in self.file.folders() if folder not in there])
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
        known = {row.folder: row.fingerprint for row in self.file.rows()}
        stale = [folder for folder in run_folders(self.runs) if known.get(storable(folder.name)) != fingerprint(folder)]
        return sorted(stale, key=samples_size, reverse=True)

    def stored_difference(self, parent: str, child: str) -> dict[str, Any] | None:
        """What `store_difference` stored of two runs, unless one of them changed since."""
        query = "SELECT fingerprint, difference, checksum FROM differences WHERE parent = ? AND child = ?"
        row = self.mended(lambda: self.file.connection.execute(query, (parent, child)).fetchone())
        if row is None or row[0] != self._mark(parent, child) or checksum(parent, child, row[0], row[1]) != row[2]:
            return None
        return json.loads(row[1])

    def store_difference(self, parent: str, child: str, difference: dict[str, Any]) -> None:
        """Keep the paired difference of two runs, by their folders."""
        mark, text = self._mark(parent, child), json.dumps(difference, allow_nan=False)
        values = (parent, child, mark, text, checksum(parent, child, mark, text))
        self.mended(lambda: self.file.change([("INSERT OR REPLACE INTO differences VALUES (?, ?, ?, ?, ?)", values)]))

    def _mark(self, parent: str, child: str) -> str:
        """The fingerprints of the rows of two runs."""
        query = "SELECT fingerprint FROM runs WHERE folder = ?"
        return self.mended(lambda: " ".join(str(self.file.connection.execute(query, (run,)).fetchone()) for run in (parent, child)))


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
    found = Index(runs, num_workers=num_workers)
    try:
        found.mended(lambda: found.update(num_workers=num_workers))
        found.entries()
    except BaseException:
        found.close()
        raise
    return found


def as_it_is(runs: Path) -> Index:
    """The index as it was last refreshed, without looking at the run folders.

    Raises:
        StorageError: there is none, or it cannot be used as it is.
    """
    _check_folder(runs)
    path, cure = runs / NAME, "leave out --no-refresh, and it is brought in order"
    if not path.exists():
        raise StorageError(f"no index in {runs} yet; leave out --no-refresh")
    try:
        found = Index(runs, is_frozen=True)
    except sqlite3.Error as error:
        raise StorageError(f"{path} cannot be used ({error}); {cure}") from error
    except StorageError as error:
        raise StorageError(f"{path} {error}; {cure}") from error
    try:
        if damaged := len(found.file.folders()) - len(found.file.rows()):
            raise ValueError(f"{damaged} damaged row{'s' if damaged > 1 else ''}")
        found.entries()
    except (sqlite3.Error, ValueError, TypeError, LookupError, AttributeError) as error:
        found.close()
        raise StorageError(f"{path} cannot be used ({error}); {cure}") from error
    return found


def rebuild(runs: Path, *, num_workers: int = 2) -> Index:
    """Throw the index away and compute every row from the run folders.

    Raises:
        StorageError: the folder is not there, or the index cannot be removed.
    """
    _check_folder(runs)
    for name in (f"{NAME}{ending}" for ending in BESIDE):
        try:
            (runs / name).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{runs / name} cannot be removed ({error.strerror}); remove it by hand") from error
    return refresh(runs, num_workers=num_workers)
