"""A word that a user typed becomes runs: the one rule of every command that takes a run or a checkpoint's name.

    runs_of(Path("runs"), "tiny-base")                # every run of that checkpoint, oldest first
    runs_of(Path("runs"), "tiny-base", ["gsm8k"])     # those of one task
    run_of(Path("runs"), "gsm8k--tiny-base--1a2b")    # the one run that it stands for

A word is the first of these that fits: a run's folder; a run's id; the name of a checkpoint, or the checkpoint as it was typed when it was
evaluated, which stands for all of its runs; the beginning or the end of the id of one run.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from r1bench.harness.errors import StorageError, UnknownNameError, UsageError, quoted
from r1bench.harness.records import Manifest
from r1bench.harness.store.disk import is_regular
from r1bench.harness.store.listed import MANIFEST, run_folders
from r1bench.harness.store.runs import folder_title, read_manifest


class Named(NamedTuple):
    """A run that a word stands for."""

    name: str
    """The word."""
    folder: Path
    manifest: Manifest


def readable(root: Path, called: str = "") -> list[tuple[Path, Manifest]]:
    """Every run with a manifest that can be read, oldest first. A broken one is no business of the others.

    Raises StorageError: it is that of a folder that is `called` so, a regular expression.
    """
    found = []
    for folder in run_folders(root):
        try:
            found.append((folder, read_manifest(folder)))
        except StorageError:
            if re.fullmatch(called, folder.name):
                raise
    return found


def _of_checkpoint(root: Path, name: str, tasks: Sequence[str]) -> list[Named]:
    """The runs of a checkpoint, of all tasks. Raises StorageError where one of these tasks has a broken manifest."""
    task, title = "|".join(map(re.escape, tasks)) or ".*", re.escape(folder_title(name))
    listed = readable(root, f"(?:{task})--{title}--[0-9a-f]+")
    return [Named(name, folder, held) for folder, held in listed if name in (held.name, held.checkpoint)]


def runs_of_checkpoint(root: Path, name: str, tasks: Sequence[str] = ()) -> list[Named]:
    """The runs of a checkpoint, of these tasks or of all, oldest first; never none.

    Raises UsageError: nothing was evaluated under that name, or not these tasks. StorageError: a run of that name cannot be read.
    """
    return _of_tasks(_of_checkpoint(root, name, tasks), name, tasks, root=root, kind="checkpoint on the board")


def runs_of(root: Path, word: str, tasks: Sequence[str] = ()) -> list[Named]:
    """The runs that a word stands for, of these tasks or of all, oldest first; never none.

    Raises:
        UsageError: nothing fits, with the nearest name; or nothing of these tasks; or a part of several ids.
        StorageError: a run that is meant cannot be read.
    """
    if not word.strip():
        raise UsageError(f"an empty word names no run; give a folder, an id or a checkpoint's name: r1bench leaderboard --runs {root}")
    exact = [folder for folder in (Path(word), root / word) if is_regular(folder / MANIFEST)][:1]
    exact = [folder.resolve() if folder.name in ("", "..") else folder for folder in exact]
    found = [Named(word, folder, read_manifest(folder)) for folder in exact]
    return _of_tasks(found or _of_checkpoint(root, word, tasks) or _of_part(root, word), word, tasks, root=root, kind="run")


def _of_tasks(found: Sequence[Named], word: str, tasks: Sequence[str], *, root: Path, kind: str) -> list[Named]:
    """Those of these tasks. Raises UsageError where there are none, or none at all."""
    if fitting := [each for each in found if not tasks or each.manifest.task in tasks]:
        return fitting
    if found:
        have = ", ".join(sorted({each.manifest.task for each in found}))
        raise UsageError(f"{quoted(word)} has no run of task {' or '.join(map(quoted, tasks))}; it has {have}")
    if not (folders := run_folders(root)):
        raise UsageError(f"no runs in {root}; make one with r1bench eval, or name the folder with --runs")
    known = {held.name for _, held in readable(root)} | ({folder.name for folder in folders} if kind == "run" else set())
    raise UnknownNameError(kind, word, known, f"r1bench leaderboard --runs {root}")


def run_of(root: Path, word: str, tasks: Sequence[str] = (), *, otherwise: str = "") -> Named:
    """The one run that a word stands for. Raises as `runs_of`, and UsageError where there are several; `otherwise`: how else to choose."""
    found = runs_of(root, word, tasks)
    if len(found) > 1:
        raise _several(word, [each.folder for each in found], otherwise)
    return found[0]


def _several(word: str, folders: Sequence[Path], otherwise: str = "") -> UsageError:
    ids = ", ".join(folder.name for folder in folders)
    return UsageError(f"{quoted(word)} fits {len(folders)} runs: {ids}; give one of these{otherwise}")


def _of_part(root: Path, word: str) -> list[Named]:
    """The run whose id begins or ends so, if there is one. Raises UsageError where there are several."""
    fitting = [folder for folder in run_folders(root) if folder.name.startswith(word) or folder.name.endswith(word)]
    if len(fitting) > 1:
        raise _several(word, fitting)
    return [Named(word, folder, read_manifest(folder)) for folder in fitting]
