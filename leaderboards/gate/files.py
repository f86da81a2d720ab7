"""The files that the gate writes: JUnit XML, Markdown, JSON. Whatever becomes of the gate, none of them tells of an earlier one.

    files = Files(junit, markdown, out)
    files.check({"--baseline": baseline})       # before anything else: two files at one place, an input in the way, no place to write
    with files.kept_true(): ...; files.write(verdict)

A gate that was not judged says so in each file. Where an older file stands, it says so from the beginning, so that a gate that was killed
leaves no verdict of another one behind.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

import click

from r1bench.harness.errors import NoEvidenceError, R1benchError, StorageError, UsageError, error_line, harmless
from r1bench.harness.store.disk import check_writable, refusals, write_whole
from r1bench.leaderboards.gate import junit as gate_junit
from r1bench.leaderboards.gate import markdown as gate_markdown
from r1bench.leaderboards.gate.text import to_json
from r1bench.leaderboards.gate.verdict import EXIT_CODES, Verdict

BEGUN = "the gate was begun and has not ended"
OPTIONS = {"junit": ("--junit",), "markdown": ("--markdown",), "out": ("--out", "--report")}


@contextmanager
def naming(option: str, path: Path) -> Iterator[None]:
    """One line that names the file and the option that it came from, for what a disk refuses."""
    with refusals(path, f"give another file with {option}"):
        try:
            yield
        except StorageError as error:  # what somebody else said of the folder: the option that it came from is known here
            if isinstance(error.__cause__, OSError):
                raise error.__cause__ from None
            raise


def is_same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file, through links too."""
    with suppress(OSError):
        return os.path.samefile(one, other)
    return os.path.realpath(one) == os.path.realpath(other)


class Files(NamedTuple):
    """Where to write what; None for what is not wanted."""

    junit: Path | None = None
    markdown: Path | None = None
    out: Path | None = None

    @classmethod
    def of_words(cls, words: Sequence[str]) -> tuple[Self, dict[str, str]]:
        """The files, and the inputs by option, in a command line that could not be read as a whole."""
        given = {}
        for word, following in zip(words, [*words[1:], ""], strict=True):
            option, is_joined, value = word.partition("=")
            given[option] = value if is_joined else following
        found = {name: next((given[option] for option in options if given.get(option)), None) for name, options in OPTIONS.items()}
        inputs = {option: given[option] for option in ("--baseline", "--data") if given.get(option)}
        return cls(**{name: Path(path) if path else None for name, path in found.items()}), inputs

    def named(self) -> list[tuple[str, Path]]:
        """(option, file) of those that are wanted."""
        return [(f"--{name}", path) for name, path in self._asdict().items() if path]

    def check(self, inputs: Mapping[str, str | Path | None]) -> None:
        """Refuse, before anything is written, files that would overwrite each other or what the gate reads. `inputs`: option -> file.

        Raises:
            UsageError: two of them are one file.
            StorageError: there is no place for one of them.
        """
        wanted = self.named()
        for number, (option, path) in enumerate(wanted):
            others = [*wanted[:number], *((name, Path(given)) for name, given in inputs.items() if given)]
            for other, there in others:
                if is_same(path, there):
                    raise UsageError(f"{option} and {other} are one file, {path}; give {option} another")
        for option, path in wanted:
            with naming(option, path):
                if path.is_dir():
                    raise IsADirectoryError(0, "it is a folder")
                if not path.exists():
                    check_writable(path.parent)

    @contextmanager
    def kept_true(self) -> Iterator[None]:
        """An older report becomes one of a gate that has not ended; where this one ends in an error, each file says in which."""
        for option, path in self.named():
            if path.is_file():
                self._say(option, path, BEGUN, None)
        try:
            yield
        except BaseException as error:
            self.write_error(error)
            raise

    def write(self, verdict: Verdict) -> None:
        """The verdict, each file whole or not at all. Raises StorageError, naming the file and its option."""
        text = harmless(json.dumps(to_json(verdict), indent=1), r"\u0023") + "\n"
        self._put(self.named(), gate_junit.render(verdict, timestamp=now()), gate_markdown.render(verdict), text)

    def write_error(self, error: BaseException) -> None:
        """NOT JUDGED or INSUFFICIENT EVIDENCE, and why, in every file that can be written; the error itself is for the caller to raise."""
        code = 2 if isinstance(error, R1benchError | click.ClickException | OSError) else 130 if isinstance(error, KeyboardInterrupt) else 4
        code = EXIT_CODES["INSUFFICIENT_EVIDENCE"] if isinstance(error, NoEvidenceError) else code
        said = error.format_message() if isinstance(error, click.ClickException) else str(error)
        for option, path in self.named():
            with suppress(StorageError):
                self._say(option, path, error_line(said).removeprefix("Error: ") or type(error).__name__, code)

    def _say(self, option: str, path: Path, message: str, code: int | None) -> None:
        """Make a file say that there is no verdict, or no evidence for one, and why."""
        told = without_figures(message, code)
        text, decision = json.dumps(told, indent=1) + "\n", told["decision"]
        reports = gate_junit.without_figures(decision, message, timestamp=now()), gate_markdown.without_figures(decision, message)
        self._put([(option, path)], *reports, text)

    def _put(self, wanted: Sequence[tuple[str, Path]], *texts: str) -> None:
        """Write each of the files with its text: of JUnit, Markdown, JSON."""
        for option, path in wanted:
            with naming(option, path):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, dict(zip(OPTIONS, texts, strict=True))[option.removeprefix("--")])


def without_figures(message: str, code: int | None) -> dict[str, Any]:
    """What JSON says of a gate that ended before there was a figure. `code`: of its exit; None where it has not ended."""
    is_open = code == EXIT_CODES["INSUFFICIENT_EVIDENCE"]
    return {"decision": "INSUFFICIENT_EVIDENCE" if is_open else "NOT_JUDGED", "exit_code": code, "error": message}


def now() -> str:
    """ISO 8601 to the second, without a zone: UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
