"""The folder of a report: who may write it, how files are replaced, what is taken away. Left out: what the files say.

    site/
      .r1bench-report       says that the folder is ours; without it a folder that holds anything is refused
      index.html            the page, written last
      data/<key>.js         data that the page loads when it needs them
      .cache/<name>.json    what the next report need not compute again, with a fingerprint of what it was computed from

Every file is written beside its place and then moved there: `kill -9` leaves whole files, and the same command goes on.
"""

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from r1bench.harness.errors import StorageError
from r1bench.harness.store.disk import LOCK, only_writer, read_json, refusals, write_whole
from r1bench.leaderboards.report import escape

MARKER, PAGE, DATA, CACHE = ".r1bench-report", "index.html", "data", ".cache"
KINDS = ("run", "comparison", "training")
MARKER_TEXT = "This folder is written by r1bench report, which replaces index.html and data/ in it.\n"


def check_ours(folder: Path) -> None:
    """Raise StorageError for a folder that holds something and is no report of ours."""
    if not folder.exists() and not folder.is_symlink():
        return
    if not folder.is_dir():
        raise StorageError(f"{folder} is no folder; choose another place with --out")
    with refusals(folder):
        found = sorted(path.name for path in folder.iterdir() if path.name != LOCK)
    if found and MARKER not in found:
        named = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
        raise StorageError(
            f"{folder} holds files that r1bench report did not write ({named}); choose an empty or another folder with --out"
        )


def check_no_links(folder: Path) -> None:
    """Raise StorageError where our folders in it lead elsewhere: what is cleaned there would be somebody else's."""
    for name in (DATA, CACHE):
        for path in (folder / name, *(folder / name / kind for kind in KINDS)):
            if path.is_symlink():
                raise StorageError(f"{path} is a link to {os.readlink(path)}, and data are written and removed there; remove the link")


@contextmanager
def open_site(folder: Path) -> Iterator[None]:
    """Hold a report's folder for this process alone.

    Raises:
        StorageError: it is somebody else's, cannot be written, or another process writes it.
    """
    check_ours(folder)
    with only_writer(folder, f"report {folder}"):
        check_ours(folder)
        check_no_links(folder)
        with refusals(folder):
            write(folder / MARKER, MARKER_TEXT)
            for path in folder.iterdir():
                if _is_temporary(path.name, PAGE):
                    path.unlink(missing_ok=True)
        yield


def write(path: Path, text: str) -> int:
    """Replace a file in one step; returns its bytes. The folder is made where it is missing."""
    content = text.encode("utf-8", "replace")
    with refusals(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        except OSError:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
    return len(content)


def write_page(folder: Path, text: str) -> int:
    """Replace the page, or what it is a link to; returns its bytes."""
    with refusals(folder):
        write_whole(folder / PAGE, text.encode("utf-8", "replace").decode("utf-8"))
    return len(text.encode("utf-8", "replace"))


def write_data(folder: Path, key: str, value: Any) -> int:
    """Write one data file; returns its bytes."""
    return write(folder / DATA / f"{key}.js", escape.data_file(key, value))


def remembered(folder: Path, name: str, fingerprint: str) -> Any:
    """What was computed from the very same input before; None where there is nothing, or nothing that can be read.

    None as well where a file that was written then is gone or of another size: it is made again.
    """
    try:
        held = read_json(folder / CACHE / f"{name}.json")
        is_whole = all((folder / path).stat().st_size == size for path, size in held["files"].items())
        return held["value"] if held["fingerprint"] == fingerprint and is_whole else None
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return None


def remember(folder: Path, name: str, fingerprint: str, value: Any, files: Mapping[str, int]) -> None:
    """Keep what was computed, once its files are all there. `files`: path in the folder -> bytes."""
    write(folder / CACHE / f"{name}.json", json.dumps({"fingerprint": fingerprint, "value": value, "files": files}))


def forget(folder: Path, name: str) -> None:
    """Drop what was kept, before its data files are touched."""
    with refusals(folder):
        (folder / CACHE / f"{name}.json").unlink(missing_ok=True)


def keep_only(folder: Path, names: Collection[str], suffix: str = ".js") -> int:
    """Remove the files with this ending and the folders of such files that are not named; returns how many. Anything else stays."""
    removed = 0
    if not folder.is_dir() or folder.is_symlink():
        return 0
    with refusals(folder):
        for path in sorted(folder.iterdir()):
            if path.name in names:
                continue
            if path.is_dir():
                removed += keep_only(path, (), suffix)
                with suppress(OSError):  # something of somebody else's is in it
                    path.rmdir()
            elif path.name.endswith(suffix) or _is_temporary(path.name, suffix):
                path.unlink(missing_ok=True)
                removed += 1
    return removed


def _is_temporary(name: str, suffix: str) -> bool:
    """Whether a killed writer left this file: '.samples-0.js.1234'."""
    stem, _, number = name.rpartition(".")
    return name.startswith(".") and number.isdigit() and stem.endswith(suffix)
