"""Progress of long work: one moving line on a terminal, a plain line every few seconds elsewhere.

It goes to stderr; results go to stdout.
"""

import shutil
import sys
import time

from r1bench.harness.errors import printable

QUIET_SECONDS = 10.0
"""Least time between two lines where the output is not a terminal."""


def note(text: str) -> None:
    """A line about the work that is no result."""
    print(f"note: {printable(text)}", file=sys.stderr, flush=True)


class Progress:
    """Says how far a piece of work is. Use as a context manager."""

    def __init__(self, label: str, total: int, *, done: int = 0) -> None:
        self.label, self.total, self.done = printable(label), total, done
        self.start_done, self.started = done, time.monotonic()
        self.last_shown, self.shown = 0.0, -1
        self.is_terminal = sys.stderr.isatty()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.show(is_last=True)

    def advance(self, count: int = 1, note: str = "") -> None:
        """`count` more are done."""
        self.done += count
        wait = 0.2 if self.is_terminal else QUIET_SECONDS
        if time.monotonic() - self.last_shown >= wait:
            self.show(note)

    def show(self, note: str = "", *, is_last: bool = False) -> None:
        if is_last and not self.is_terminal and self.shown == self.done:
            return
        self.last_shown = now = time.monotonic()
        self.shown = self.done
        elapsed = max(now - self.started, 1e-9)
        rate = (self.done - self.start_done) / elapsed
        left = f", {(self.total - self.done) / rate:.0f} s left" if rate > 0 and self.done < self.total else f", {elapsed:.0f} s"
        line = f"{self.label}: {self.done}/{self.total}{left}{', ' + printable(note) if note else ''}"
        if self.is_terminal:
            print(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}", end="\n" if is_last else "", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)
