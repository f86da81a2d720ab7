"""leaderboard.sqlite beside the runs: rows computed before, so that nothing is computed twice. Never the truth: that is the run folders.

A file that is broken or of another version is moved aside and named; a folder that cannot be written gets an index in memory. Several
processes may use one file: every change is one short transaction that waits its turn, so a killed process loses at most the row that it
was about to store. Left out: what is stored (indexing.py), who asks (index.py).
"""

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from r1bench.harness.errors import StorageError
from r1bench.leaderboards.indexing import Examined

NAME = "leaderboard.sqlite"
VERSION = 1
WAIT_SECONDS = 60.0
"""How long to wait for another process's transaction, each of which takes milliseconds."""
TABLES = (
    """CREATE TABLE IF NOT EXISTS runs (folder TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, task TEXT, name TEXT, stage TEXT,
    entry TEXT NOT NULL, fault TEXT NOT NULL, remarks TEXT NOT NULL, checksum INTEGER NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS differences (parent TEXT NOT NULL, child TEXT NOT NULL, fingerprint TEXT NOT NULL,
    difference TEXT NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (parent, child))""",
)
BROKEN = ("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_SCHEMA", "SQLITE_MISMATCH", "SQLITE_ERROR", "SQLITE_FORMAT")
BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")


def reason(error: sqlite3.Error) -> str:
    """'SQLITE_CORRUPT' and the like, without what follows."""
    return "_".join(getattr(error, "sqlite_errorname", "SQLITE_ERROR").split("_")[:2])


def is_broken(error: sqlite3.Error) -> bool:
    """Whether the file is no index of ours, as against one that cannot be had now."""
    return reason(error) in BROKEN


def checksum(*texts: str) -> int:
    """To tell a damaged row from a sound one."""
    return zlib.crc32("\0".join(texts).encode("utf-8", "surrogatepass"))


class IndexFile:
    """The stored rows of one runs folder."""

    def __init__(self, runs: Path) -> None:
        self.path = runs / NAME
        self.notes: list[str] = []
        """What a user should know about the file, a line each."""
        self.is_stored = True
        """False where the rows are in memory only."""
        self.connection = self._opened()

    def _opened(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except sqlite3.Error as error:
            if not is_broken(error):
                return self._in_memory(error)
            self.move_aside(f"is broken ({error})")
        try:
            return self._connect()
        except sqlite3.Error as error:
            return self._in_memory(error)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=WAIT_SECONDS, isolation_level=None)
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            is_empty = not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if not is_empty and version != VERSION:
                connection.close()
                self.move_aside(f"is an index of version {version}, and this r1bench uses {VERSION}")
                return self._connect()
            if is_empty:
                _create(connection)
            return connection
        except BaseException:
            connection.close()
            raise

    def _in_memory(self, error: sqlite3.Error) -> sqlite3.Connection:
        """Rows in memory, begun with those of the file if it can be read."""
        if reason(error) in BUSY:
            raise StorageError(f"{self.path} is held by another process for {WAIT_SECONDS:g} s; try again when it has ended") from error
        self.notes.append(f"{self.path} cannot be written ({error}): the index is kept in memory; use --runs with a folder of your own")
        self.is_stored = False
        connection = sqlite3.connect(":memory:", isolation_level=None)
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{self.path}?mode=ro&immutable=1", uri=True)) as stored:
            if stored.execute("PRAGMA user_version").fetchone()[0] == VERSION:
                stored.backup(connection)
        _create(connection)
        return connection

    def move_aside(self, why: str) -> None:
        """Rename the file so that another can be begun."""
        number = next(number for number in range(1, 10_000) if not self.path.with_name(f"{NAME}.old-{number}").exists())
        aside = self.path.with_name(f"{NAME}.old-{number}")
        with suppress(FileNotFoundError):  # another process was quicker
            self.path.rename(aside)
            with suppress(FileNotFoundError):
                self.path.with_name(f"{NAME}-journal").rename(aside.with_name(f"{aside.name}-journal"))
        self.notes.append(f"{self.path} {why}: moved to {aside.name}, and made again from the run folders; delete it")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing, one process after the other."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
            self.connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self.connection.execute("ROLLBACK")
            raise

    def change(self, statements: Iterable[tuple[str, tuple[Any, ...]]]) -> None:
        """Make changes in one transaction; in memory from then on where the disk refuses."""
        listed = list(statements)
        try:
            with self.transaction() as connection:
                for statement, values in listed:
                    connection.execute(statement, values)
        except sqlite3.Error as error:
            if is_broken(error) or not self.is_stored:
                raise
            held, self.connection = self.connection, self._in_memory(error)
            held.close()
            self.change(listed)

    def store(self, row: Examined) -> None:
        """Put a run's row in the place of an older one."""
        named = json.loads(row.entry) if row.entry else {}
        texts = (row.folder, row.fingerprint, *(named.get(key) for key in ("task", "name", "stage")), row.entry, row.fault)
        values = [*map(_storable, texts), json.dumps(row.remarks)]
        values.append(checksum(values[1], *values[-3:]))
        self.change([("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", tuple(values))])

    def forget(self, folders: Iterable[str]) -> None:
        """Remove the rows of runs that are no longer there."""
        gone = [(folder,) for folder in folders]
        statements = ("DELETE FROM runs WHERE folder = ?", "DELETE FROM differences WHERE ? IN (parent, child)")
        if gone:
            self.change((statement, folder) for folder in gone for statement in statements)

    def fingerprints(self) -> dict[str, str]:
        """Folder -> fingerprint of the rows that are sound."""
        rows = self.connection.execute("SELECT folder, fingerprint, entry, fault, remarks, checksum FROM runs")
        return {folder: mark for folder, mark, entry, fault, remarks, held in rows if checksum(mark, entry, fault, remarks) == held}

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()


def _storable(value: Any) -> Any:
    """Half characters, which names from files may have, cannot be stored; JSON text escapes them."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _create(connection: sqlite3.Connection) -> None:
    """The tables, if they are not there."""
    connection.execute("BEGIN IMMEDIATE")
    for table in TABLES:
        connection.execute(table)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
