"""The board of a runs folder, without computing anything twice.

    board = index.refresh(Path("runs"))
    board.entries(tasks=["math500"], name="tiny-*")

`refresh` looks at every run folder and computes the rows of those that changed since; each is kept at once, so that a killed one goes on
where it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from r1bench.harness.errors import StorageError
from r1bench.harness.progress import Progress
from r1bench.harness.store.listed import not_runs, run_folders
from r1bench.leaderboards.board.cache import NAME, Cache
from r1bench.leaderboards.board.entry import Entry
from r1bench.leaderboards.board.indexing import Row, examine, fingerprint, samples_size
from r1bench.leaderboards.board.ranking import order
from r1bench.leaderboards.processes import in_processes

RUN, DIFFERENCE = "run", "difference"
"""Kinds of keys in the cache; folders stand behind, each after a stroke, which no name of one has."""
LONG_WORK = 30_000_000
"""Bytes of samples from which on progress is shown; a quarter of it is worth other processes."""


class Index:
    """The rows of a runs folder as they were when it was last refreshed."""

    def __init__(self, runs: Path) -> None:
        """Raises StorageError where the folder is not there."""
        if not runs.is_dir():
            raise StorageError(f"no runs in {runs}; make one with: r1bench eval tiny-base --tasks arithmetic")
        self.runs, self.cache = runs, Cache(runs / NAME)
        try:
            named = ((*key.partition("/"), *row) for key, row in self.cache.rows.items())
            self._rows = {folder: Row.from_json(folder, mark, value) for kind, _, folder, mark, value in named if kind == RUN}
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            self._rows = {}
            self.cache.refuse(f"{type(error).__name__} in a row")

    def entries(self, tasks: Sequence[str] = (), *, name: str = "", stage: str = "") -> list[Entry]:
        """The rows of the board: by task and protocol, then by score, as `ranking.entries`.

        `name` is a pattern (`tiny-*`, `*zero?`); an empty filter lets all pass.
        """
        hidden = self._copies()
        known = [row.entry for row in self._rows.values() if row.entry and row.folder not in hidden]
        listed = [row for row in known if (not tasks or row.task in tasks) and (not stage or row.stage == stage)]
        return sorted((row for row in listed if not name or fnmatchcase(row.name, name)), key=order)

    def _copies(self) -> Mapping[str, str]:
        """Folder -> the folder it is a copy of. The one that is called as the run is shown, or else the first by name."""
        first: dict[str, str] = {}
        readable = sorted((row for row in self._rows.values() if row.entry), key=lambda row: row.folder)
        for row in sorted(readable, key=lambda row: row.folder != row.identity):
            first.setdefault(row.identity, row.folder)
        return {row.folder: first[row.identity] for row in readable if first[row.identity] != row.folder}

    def left_out(self) -> list[str]:
        """What the rows do not show, a line each with its cure: runs that cannot be read, half-written lines, folders that are not runs."""
        rows = sorted(self._rows.values(), key=lambda row: row.folder)
        copies = [
            f"{self.runs / folder} is the same run as {self.runs / shown}, which is shown; remove one of the two"
            for folder, shown in self._copies().items()
        ]
        faults, parts = [row.fault for row in rows if row.fault], [part for row in rows for part in row.left_out]
        return [*faults, *copies, *parts, *not_runs(self.runs)]

    def notes(self) -> list[str]:
        """What became of the file that rows are kept in, and what a reader of the rows should know, a line each that names the run."""
        hidden, rows = self._copies(), sorted(self._rows.values(), key=lambda row: row.folder)
        return [*self.cache.notes, *(f"{row.folder}: {note}" for row in rows if row.folder not in hidden for note in row.notes)]

    def update(self, *, num_workers: int) -> int:
        """Make the rows agree with the folders; returns how many were computed."""
        folders = {folder.name: folder for folder in run_folders(self.runs)}
        self._rows = {name: row for name, row in self._rows.items() if name in folders}
        self.cache.clean(lambda key: folders.keys() >= set(key.split("/")[1:]))
        stale = [folder for name, folder in folders.items() if name not in self._rows or self._rows[name].mark != fingerprint(folder)]
        for row in _examined(stale, num_workers):
            self._rows[row.folder] = row
            if row.mark:
                self.cache.put(f"{RUN}/{row.folder}", row.mark, row.to_json())
        return len(stale)

    def stored_difference(self, parent: str, child: str) -> dict[str, Any] | None:
        """What `store_difference` kept of two runs, unless one of them changed since."""
        return self.cache.get(f"{DIFFERENCE}/{parent}/{child}", self._mark(parent, child))

    def store_difference(self, parent: str, child: str, difference: dict[str, Any]) -> None:
        """Keep the paired difference of two runs, by their folders."""
        self.cache.put(f"{DIFFERENCE}/{parent}/{child}", self._mark(parent, child), difference)

    def _mark(self, parent: str, child: str) -> str:
        return f"{self._rows[parent].mark} {self._rows[child].mark}"


def _examined(stale: list[Path], num_workers: int) -> Iterator[Row]:
    """Rows as they are ready, those of the largest runs first, with progress on stderr where it takes long."""
    sizes = {folder: samples_size(folder) for folder in stale}
    total = sum(sizes.values())
    workers = num_workers if total >= LONG_WORK / 4 else 1
    with Progress("reading runs", len(stale)) if total >= LONG_WORK else nullcontext() as progress:
        for row in in_processes(examine, sorted(stale, key=lambda folder: -sizes[folder]), num_workers=workers):
            yield row
            if progress:
                progress.advance()


def refresh(runs: Path, *, num_workers: int = 2) -> Index:
    """The index of a runs folder, brought up to date. Only runs that changed are read, in `num_workers` processes.

    Raises:
        StorageError: the folder is not there, or a process that read runs died.
    """
    found = Index(runs)
    found.update(num_workers=num_workers)
    return found


def as_it_is(runs: Path) -> Index:
    """The index as it was last refreshed, without looking at the run folders.

    Raises:
        StorageError: there is none, or it is damaged.
    """
    found = Index(runs)
    if found.cache.fault or not found.cache.rows:
        raise StorageError(f"{runs / NAME} {found.cache.fault or 'has no rows yet'}; leave out --no-refresh, and it is made")
    return found


def rebuild(runs: Path, *, num_workers: int = 2) -> Index:
    """Throw the index away and compute every row from the run folders. Raises StorageError as `refresh` does."""
    found = Index(runs)
    found._rows.clear()
    found.cache.replace({})
    found.update(num_workers=num_workers)
    return found
