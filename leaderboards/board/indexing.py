"""One run folder becomes one row of the index: when it must be computed again, and computing it, in several processes.

    for row in in_processes(examine, folders, num_workers=2): ...

Left out: where rows are stored (index_file.py) and asked for (index.py).
"""

import datetime
import gc
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from r1bench.harness import __version__
from r1bench.harness.canonical import digest_of
from r1bench.harness.errors import R1benchError, StorageError
from r1bench.harness.store.listed import MANIFEST, SAMPLES, half_line
from r1bench.harness.store.runs import NOISE, PROBLEMS, read_run, run_id
from r1bench.leaderboards.board import ranking as board

if TYPE_CHECKING:
    from concurrent.futures import Executor

WATCHED = (MANIFEST, PROBLEMS, SAMPLES, NOISE)
"""Files of a run that decide its row."""
COUNTED_BY = ("harness/*.py", "harness/statistics/*.py", "harness/store/*.py", "leaderboards/*/*.py")
"""Source files that decide it too: after a change of any of them, every row is computed again."""

Given = TypeVar("Given")
Made = TypeVar("Made")


class Examined(NamedTuple):
    """What the index stores of a run folder."""

    folder: str
    fingerprint: str
    entry: str
    """The row of the board as JSON; empty where the run cannot be read."""
    fault: str
    """Why it cannot be read, and what to do; otherwise empty."""
    remarks: tuple[str, ...]
    """What a reader of the row should know: a half-written line that was left out."""
    is_gone: bool = False
    """Whether the folder was removed meanwhile: then nothing is to be stored."""
    identity: str = ""
    """Which run it is, see `store.run_id`; empty where it cannot be read."""


@cache
def code_digest() -> str:
    """Changes with the version of r1bench and with the source of whatever computes a row."""
    root, found = Path(__file__).resolve().parents[2], hashlib.sha256(__version__.encode())
    for pattern in COUNTED_BY:
        for path in sorted(root.glob(pattern)):
            found.update(path.read_bytes())
    return found.hexdigest()[:16]


def fingerprint(folder: Path) -> str:
    """Changes when a file of the run, or the way a row is computed, does: sizes and times of writing, not contents."""
    states: list[Any] = [code_digest()]
    for name in WATCHED:
        try:
            state = (folder / name).stat()
            states.append([name, state.st_size, state.st_mtime_ns])
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


def examine(folder: Path) -> Examined:
    """Read a run and compute its row. What is wrong with it is part of the answer and never an exception."""
    with without_collector():
        return _examined(folder)


def _examined(folder: Path) -> Examined:
    mark = fingerprint(folder)  # before reading: what is written meanwhile makes the row stale, never wrong
    try:
        run = read_run(folder, keep_texts=False)
        row = {**board.entry(run).to_json(), "date": written_at(folder)}
        entry = json.dumps(row, allow_nan=False)
    except R1benchError as error:
        if not folder.is_dir():
            return Examined(folder.name, mark, "", f"run {folder.name} was removed while it was read; it is left out", (), is_gone=True)
        return Examined(folder.name, mark, "", str(error), ())
    except (OSError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
        fault = f"{folder} cannot be counted ({type(error).__name__}: {error}); restore it; if it is whole, this is a fault of r1bench"
        return Examined(folder.name, mark, "", fault, ())
    remarks = (*_half_written(folder, run.manifest.command), *run.remarks)
    return Examined(folder.name, mark, entry, "", remarks, identity=run_id(run.manifest))


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


def in_processes(function: Callable[[Given], Made], given: Sequence[Given], *, num_workers: int) -> Iterator[Made]:
    """What a function makes of each, as it is ready, in any order. With one worker, in this process.

    Processes end when the caller stops asking, is interrupted or is killed.

    Raises:
        StorageError: a process died (killed, or out of memory); what was ready before has been given.
    """
    if num_workers <= 1 or len(given) <= 1:
        yield from map(function, given)
        return
    import multiprocessing  # here, since a board that is up to date needs none of it
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(min(num_workers, len(given)), multiprocessing.get_context("spawn"), initializer=_live_as_long_as_the_parent)
    try:
        yield from _as_they_come(pool, function, given, num_workers)
        pool.shutdown()
    except BrokenProcessPool as error:
        raise StorageError("a process that was reading runs died (killed, or out of memory); try again with --workers 1") from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()


def _as_they_come(pool: "Executor", function: Callable[[Given], Made], given: Sequence[Given], num_workers: int) -> Iterator[Made]:
    """Hand out work a little ahead of the processes."""
    from concurrent.futures import FIRST_COMPLETED, Future, wait

    waiting: set[Future[Made]] = set()
    ahead = iter(given)
    while True:
        while len(waiting) < 2 * num_workers and (following := next(ahead, None)) is not None:
            waiting.add(pool.submit(function, following))
        if not waiting:
            return
        ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in ready:
            yield future.result()


def _live_as_long_as_the_parent() -> None:
    """In a process of the pool: an interrupt is the parent's business, and its death is ours."""
    import multiprocessing
    import signal
    import threading
    from multiprocessing.connection import wait as wait_for

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinel = parent.sentinel
        threading.Thread(target=lambda: (wait_for([sentinel]), os._exit(1)), daemon=True).start()
