"""What a disk refuses, in one line; files replaced whole; folders held by one process. Left out: what the files say (store.py)."""

import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from r1bench.harness.errors import StorageError

LOCK = ".lock"


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn what a disk refuses into one line that names the folder and the cure."""
    try:
        yield
    except OSError as error:
        cure = "free space on that disk" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "choose another folder with --out or --runs"
        raise StorageError(f"cannot write {path}: {error.strerror or error}; {cure}") from error


def write_whole(path: Path, text: str) -> None:
    """Replace a file so that a reader sees the old text or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def only_writer(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder for this process alone; it is made where it is missing.

    Raises:
        StorageError: it cannot be written, or another process holds it.
    """
    with refusals(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise StorageError(f"{what} is being written by another process; wait for it to end") from error
    finally:
        os.close(lock)


def check_writable(root: Path) -> None:
    """Refuse, before anything is computed, a folder that could not be written; nothing is left behind.

    Raises:
        StorageError: naming the folder.
    """
    there = next(place for place in (root.absolute(), *root.absolute().parents) if place.exists())
    with refusals(root):
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        with tempfile.TemporaryFile(dir=there):
            pass
