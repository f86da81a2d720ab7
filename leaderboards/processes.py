"""The same work on many things, in several processes: rows of the board, payloads and comparisons of a report.

    for row in in_processes(examine, folders, num_workers=2): ...

Left out: threads, and a function that the processes could not import.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from r1bench.harness.errors import StorageError

if TYPE_CHECKING:
    from concurrent.futures import Executor

Given = TypeVar("Given")
Made = TypeVar("Made")


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
