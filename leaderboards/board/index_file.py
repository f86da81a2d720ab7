"""leaderboard.sqlite beside the runs: rows computed before, so that nothing is computed twice. Never the truth: that is the run folders.

A file that is broken or of another version is moved aside and named; where that cannot be done, or the folder cannot be written, the
index is in memory. Several processes may use one file: every change is one short transaction that waits its turn, so a killed process
loses at most the row that it was about to store. Left out: what is stored (indexing.py), who asks (index.py).
"""

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from r1bench.harness.errors import StorageError
from r1bench.harness.store.disk import is_regular
from r1bench.leaderboards.board.indexing import Examined

NAME = "leaderboard.sqlite"
BESIDE = ("", "-journal", "-wal", "-shm")
"""Endings of the files that SQLite makes."""
VERSION = 2
WAIT_SECONDS = 60.0
"""How long to wait for another process's transaction, each of which takes milliseconds."""
TABLES = (
    """CREATE TABLE IF NOT EXISTS runs (folder TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, identity TEXT NOT NULL,
    entry TEXT NOT NULL, fault TEXT NOT NULL, remarks TEXT NOT NULL, checksum INTEGER NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS differences (parent TEXT NOT NULL, child TEXT NOT NULL, fingerprint TEXT NOT NULL,
    difference TEXT NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (parent, child))""",
)
BROKEN = ("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_SCHEMA", "SQLITE_MISMATCH", "SQLITE_ERROR", "SQLITE_FORMAT")
BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")


class Row(NamedTuple):
    """A row of `runs`, without its checksum."""

    folder: str
    fingerprint: str
    identity: str
    """Which run it is: two folders that share it are one run and its copy."""
    entry: str
    fault: str
    remarks: str


def reason(error: sqlite3.Error) -> str:
    """'SQLITE_CORRUPT' and the like, without what follows."""
    return "_".join(getattr(error, "sqlite_errorname", "SQLITE_ERROR").split("_")[:2])


def is_broken(error: sqlite3.Error) -> bool:
    """Whether the file is no index of ours, as against one that cannot be had now."""
    return reason(error) in BROKEN


def checksum(*texts: Any) -> int:
    """To tell a damaged row from a sound one."""
    return zlib.crc32("\0".join(map(str, texts)).encode("utf-8", "surrogatepass"))


class IndexFile:
    """The stored rows of one runs folder."""

    def __init__(self, runs: Path, *, is_frozen: bool = False) -> None:
        """With `is_frozen` the file is read and left as it is. Raises sqlite3.Error or StorageError where that cannot be."""
        self.path = runs / NAME
        self.notes: list[str] = []
        """What a user should know about the file, a line each."""
        self.is_stored = not is_frozen
        """False where the rows are in memory only."""
        self.connection = self._copied() if is_frozen else self._opened()

    def _opened(self) -> sqlite3.Connection:
        if odd := self._odd():
            return self._in_memory(f"cannot be used ({odd} is no regular file)", with_rows=False)
        for _ in range(3):
            try:
                return self._connect()
            except sqlite3.Error as error:
                if not is_broken(error):
                    return self._in_memory(_told(self.path, error))
                why = f"is broken ({error})"
            except StorageError as error:
                why = str(error)
            if not self.move_aside(why):
                return self._in_memory(f"{why}, and cannot be moved aside", with_rows=False)
        return self._in_memory("cannot be made", with_rows=False)

    def _odd(self) -> str:
        """Name of a file of the index that is a pipe or a device, which SQLite would wait for; '' where there is none."""
        places = [self.path.with_name(f"{NAME}{ending}") for ending in BESIDE]
        return next((place.name for place in places if place.exists() and not place.is_dir() and not is_regular(place)), "")

    def _connect(self) -> sqlite3.Connection:
        """The file, with its tables. Raises StorageError, saying so, where it is of another version."""
        connection = sqlite3.connect(self.path, timeout=WAIT_SECONDS, isolation_level=None)
        try:
            is_empty = not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if not is_empty:
                _check_version(connection)
            else:
                _create(connection)
            return connection
        except BaseException:
            connection.close()
            raise

    def _copied(self, how: str = "mode=ro") -> sqlite3.Connection:
        """A copy of the file in memory. Raises sqlite3.Error where it is broken, StorageError where it is of another version."""
        if odd := self._odd():
            raise StorageError(f"cannot be used ({odd} is no regular file)")
        connection = sqlite3.connect(":memory:", isolation_level=None)
        try:
            with closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?{how}", uri=True, timeout=WAIT_SECONDS)) as stored:
                _check_version(stored)
                stored.backup(connection)
            if (found := connection.execute("PRAGMA quick_check").fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(" ".join(found.split())[:200])
            _create(connection)
            return connection
        except BaseException:
            connection.close()
            raise

    def _in_memory(self, why: str, *, with_rows: bool = True) -> sqlite3.Connection:
        """Rows in memory, begun with those of the file if it can be read."""
        self.notes.append(f"{self.path} {why}: the index is kept in memory; use --runs with a folder of your own")
        self.is_stored = False
        if with_rows:
            with suppress(sqlite3.Error, StorageError):
                return self._copied("mode=ro&immutable=1")
        connection = sqlite3.connect(":memory:", isolation_level=None)
        _create(connection)
        return connection

    def begin_again(self, why: str) -> None:
        """Go on with an empty index, after moving a broken one aside; in memory where that cannot be done."""
        self.connection.close()
        if self.is_stored and self.move_aside(why):
            self.connection = self._opened()
        else:
            self.connection = self._in_memory(why, with_rows=False)

    def move_aside(self, why: str) -> bool:
        """Rename the file so that another can be begun; False where the folder does not let it."""
        number = next(number for number in range(1, 10_000) if not self.path.with_name(f"{NAME}.old-{number}").exists())
        aside = self.path.with_name(f"{NAME}.old-{number}")
        try:
            with suppress(FileNotFoundError):  # another process was quicker
                self.path.rename(aside)
                with suppress(FileNotFoundError):
                    self.path.with_name(f"{NAME}-journal").rename(aside.with_name(f"{aside.name}-journal"))
        except OSError:
            return False
        self.notes.append(f"{self.path} {why}: moved to {aside.name}, and made again from the run folders; delete it")
        return True

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
            held, self.connection = self.connection, self._in_memory(_told(self.path, error))
            held.close()
            self.change(listed)

    def store(self, row: Examined) -> None:
        """Put a run's row in the place of an older one."""
        stored = Row(storable(row.folder), row.fingerprint, row.identity, row.entry, storable(row.fault), json.dumps(row.remarks))
        self.change([("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)", (*stored, checksum(*stored)))])

    def forget(self, folders: Iterable[Any]) -> None:
        """Remove the rows of runs that are no longer there."""
        gone = [(folder,) for folder in folders]
        statements = ("DELETE FROM runs WHERE folder IS ?", "DELETE FROM differences WHERE ? IN (parent, child)")
        if gone:
            self.change((statement, folder) for folder in gone for statement in statements)

    def folders(self) -> list[Any]:
        """The folders of all rows, sound or not."""
        return [folder for (folder,) in self.connection.execute("SELECT folder FROM runs")]

    def rows(self) -> list[Row]:
        """The rows that are sound, by folder."""
        columns = ", ".join(Row._fields)
        found = self.connection.execute(f"SELECT {columns}, checksum FROM runs ORDER BY folder")
        return [Row(*row) for *row, held in found if checksum(*row) == held]

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()


def _told(path: Path, error: sqlite3.Error) -> str:
    """Why an index is in memory. Raises StorageError where another process holds it."""
    if reason(error) in BUSY:
        raise StorageError(f"{path} is held by another process for {WAIT_SECONDS:g} s; try again when it has ended") from error
    return f"cannot be written ({error})"


def _check_version(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != VERSION:
        raise StorageError(f"is an index of version {version}, and this r1bench uses {VERSION}")


def storable(value: str) -> str:
    """Half characters, which names from files may have, cannot be stored; JSON text escapes them."""
    return value.encode("utf-8", "replace").decode()


def _create(connection: sqlite3.Connection) -> None:
    """The tables, if they are not there."""
    connection.execute("BEGIN IMMEDIATE")
    for table in TABLES:
        connection.execute(table)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
