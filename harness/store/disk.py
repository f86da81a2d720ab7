"""What a disk refuses, in one line; files replaced whole; folders held by one process."""

import errno
import fcntl
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from r1bench.harness.canonical import parse_json
from r1bench.harness.errors import StorageError

LOCK = ".lock"


@contextmanager
def refusals(path: Path, elsewhere: str = "choose another folder with --out or --runs") -> Iterator[None]:
    """Turn what a disk refuses into one line that names the path and the cure, which is to go elsewhere unless the disk is full."""
    try:
        yield
    except OSError as error:
        cure = "free space on that disk" if error.errno in (errno.ENOSPC, errno.EDQUOT) else elsewhere
        raise StorageError(f"cannot write {path}: {error.strerror or error}; {cure}") from error


def is_regular(path: Path) -> bool:
    """Whether there is a file, itself or behind links, that can be looked at: no pipe, no device, no folder."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read its bytes. Raises OSError where it is none: reading from a pipe or a device might never end."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no regular file, but a folder, a pipe or a device", str(path))
    return os.fdopen(handle, "rb")


def open_any(path: Path, seconds: float = 10.0) -> BinaryIO:
    """Open a file, or a pipe that another process writes, to read its bytes.

    Raises OSError: it is neither, or a pipe that nobody has opened to write for so many seconds.
    """
    if stat.S_ISFIFO(path.stat().st_mode):
        return os.fdopen(_open_pipe(path, seconds), "rb")
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not (stat.S_ISREG(os.fstat(handle).st_mode) or os.isatty(handle) or os.path.realpath(path) == os.devnull):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is a folder or a device", str(path))
    os.set_blocking(handle, True)
    return os.fdopen(handle, "rb")


def _open_pipe(path: Path, seconds: float) -> int:
    """A pipe once a writer is there, who may take any time to write. Raises OSError: none came."""
    opened: list[int] = []
    waiting = threading.Thread(target=lambda: opened.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC)), daemon=True)
    waiting.start()
    waiting.join(seconds)
    if waiting.is_alive():
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))  # a writer for a moment: the thread ends
        waiting.join()
        os.close(opened[0])
        raise OSError(errno.EINVAL, "it is a pipe that nobody writes to", str(path))
    return opened[0]


def open_to_append(path: Path) -> TextIO:
    """Open a file, or a pipe or a device, to write lines behind what is there. Raises OSError: a folder, or a pipe that nobody reads."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    os.set_blocking(handle, True)
    return os.fdopen(handle, "a", encoding="utf-8")


def read_json(path: Path) -> Any:
    """The value in a JSON file. Raises OSError: it is no file that can be read; ValueError: it is no text, or as `parse_json`."""
    with open_regular(path) as file:
        return parse_json(file.read().decode("utf-8-sig", "surrogatepass"))


def write_whole(path: Path, text: str) -> None:
    """Replace a file so that a reader sees the old text or the new one; links and what is no file as in `replacing`."""
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8", "surrogatepass"))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A place for a file's content, which takes the place of the file when all went well; a link stays, and its target is replaced.

    What is there and is no file, such as a device or a pipe that another process reads, cannot be replaced: the content is written into it.

    Raises OSError: the path is a folder, a pipe that nobody reads, or cannot be written.
    """
    if is_special(path):
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder, path.name)
            _pour(Path(folder, path.name), path)
        return
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def is_special(path: Path) -> bool:
    """Whether there is something that is no file. Raises IsADirectoryError where it is a folder."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    return not stat.S_ISREG(mode)


def _pour(source: Path, path: Path) -> None:
    """Write a file's bytes into a device or a pipe."""
    handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # of a pipe without a reader this says so, and waits for none
    os.set_blocking(handle, True)
    with source.open("rb") as file, os.fdopen(handle, "wb") as target:
        shutil.copyfileobj(file, target)


@contextmanager
def only_writer(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder for this process alone; it is made where it is missing.

    Raises StorageError: it cannot be written, or another process holds it.
    """
    with refusals(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise StorageError(f"{what} is being written by another process; wait for it to end") from error
    finally:
        os.close(lock)


def check_writable(root: Path) -> None:
    """Refuse, before anything is computed, a folder that could not be written; nothing is left behind.

    Raises StorageError: naming the folder.
    """
    there = next(place for place in (root.absolute(), *root.absolute().parents) if place.exists())
    with refusals(root):
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        with tempfile.TemporaryFile(dir=there):
            pass
