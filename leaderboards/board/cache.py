"""What was computed before, in a file of lines beside the runs, so that nothing is computed twice. The truth is the run folders alone.

    cache = Cache(runs / NAME)
    if cache.get(key, mark) is None: cache.put(key, mark, value)

Each value is a line [key, mark, value], appended as soon as it is there, so a killed process loses none; the last line of a key counts.
Several processes may append; computing the same value twice costs time only. Any fault of the file (a line that is not one of ours, a link,
a pipe, a folder) means that nothing of it is taken and it is made anew; where it cannot be written, values are in memory.
"""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from r1bench.harness.store.disk import write_whole

NAME = "leaderboard.jsonl"
MOST_BYTES = 1_000_000_000
"""Of a file that is read: 50,000 runs have less."""


class Cache:
    """Key -> (mark, value): a value counts for as long as what it was computed from has the same mark."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, tuple[str, Any]] = {}
        self.fault = ""
        """Why the file, or a line of it, is not one of ours; otherwise empty."""
        self.notes: list[str] = []
        """What a user should know about the file, a line each."""
        self.is_stored = True
        """False from where the file could not be written: values are in memory then."""
        self._num_lines, self._is_cut = 0, False
        try:
            self._read()
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, RecursionError) as error:
            self.refuse(str(error)[:200] or type(error).__name__)

    def _read(self) -> None:
        """Take the lines; a last one whose writer was killed, or is still writing, is left out."""
        state = self.path.lstat()
        if not stat.S_ISREG(state.st_mode) or state.st_size > MOST_BYTES:  # reading might never end, and writing might reach elsewhere
            raise OSError("it is a link, a pipe, a folder or too large")
        with self.path.open("rb") as file:
            for line in file:
                self._is_cut = not line.endswith(b"\n")
                if self._is_cut:
                    return
                key, mark, value = json.loads(line)
                if type(key) is not str:
                    raise TypeError("a line without a key")
                self.rows[key] = mark, value
                self._num_lines += 1

    def refuse(self, why: str) -> None:
        """Take nothing from the file, which is not one of ours."""
        self.fault = why
        self.rows.clear()

    def get(self, key: str, mark: str) -> Any:
        """A value, unless what it was computed from has another mark now; None without one."""
        held, value = self.rows.get(key, ("", None))
        return value if held == mark else None

    def put(self, key: str, mark: str, value: Any) -> None:
        """Keep a value."""
        self.rows[key] = mark, value
        if self.is_stored:
            try:
                with self.path.open("ab", buffering=0) as file:
                    file.write(self._line(key).encode())
            except OSError as error:
                self._go_on_without(error)

    def clean(self, is_wanted: Callable[[str], bool]) -> None:
        """Forget what is not wanted; a file that is at fault, cut off, or has most lines for nothing is made anew."""
        wanted, fault = {key: row for key, row in self.rows.items() if is_wanted(key)}, self.fault
        if fault or self._is_cut or wanted.keys() != self.rows.keys() or self._num_lines > 2 * len(wanted):
            self.replace(wanted)
        if fault and self.is_stored:
            self.notes.append(f"{self.path} was not an index ({fault}): it is made again from the run folders")

    def replace(self, rows: dict[str, tuple[str, Any]]) -> None:
        """Have these values and no others."""
        self.rows, self._num_lines, self._is_cut = rows, len(rows), False
        try:
            if self.fault:
                self.path.unlink(missing_ok=True)
            write_whole(self.path, "".join(map(self._line, rows)))
            self.fault = ""
        except OSError as error:
            self._go_on_without(error)

    def _line(self, key: str) -> str:
        return json.dumps([key, *self.rows[key]]) + "\n"

    def _go_on_without(self, error: OSError) -> None:
        if self.is_stored:
            why = error.strerror or error
            cure = "remove what stands there, or use --runs with a folder of your own"
            self.notes.append(f"{self.path} cannot be written ({why}): rows are kept in memory; {cure}")
        self.is_stored = False
