"""What can go wrong for a user, as a tree. Each message says what was wrong, what was given, and what to do.

R1benchError              exit code 2 at the command line, one line, no traceback
├── UsageError            an option or a name that cannot be
│   └── UnknownNameError  ... with the nearest name that exists
├── DataError             a file of problems, responses or samples: names file and row
├── CheckpointError       a model folder that is missing, incomplete or unsafe
├── ContextError          prompt + max_tokens do not fit the model
├── StorageError          a folder that cannot be written, a full disk, a run folder of another shape
├── ProtocolError         two runs that must not be compared
├── GraderError           our own grader failed: never a score of 0
├── RewardError           rewards that give a training nothing to learn from
├── SandboxError          no isolation can be had, or the sandbox itself failed: never a verdict
└── BackendError          a training process that failed or refused
"""

import difflib
import re
import reprlib
from collections.abc import Iterable
from typing import Any

MOST_QUOTED = 200
"""Characters of a value that a message quotes."""
LONGEST_LINE = 2000
"""Characters of an error's line."""
MOST_NAMES = 40
"""Known names that a message lists."""
COMMAND = re.compile(r"^([^\S\n]*):(?=:)|#(?=\w*\[)(?<=##)", re.MULTILINE)
"""What a CI runner takes for a command: '::name' at the start of a line, after blanks too, and '##[name' or '##vso[name' anywhere."""


def harmless(text: str, sign: str = "?") -> str:
    """The same lines with a sign in the place of a letter that would make a CI runner obey (`::error::`, `##[add-mask]`).

    Lines must end in '\\n': other line breaks are for the caller to escape.
    """
    return COMMAND.sub(lambda found: (found[1] or "") + sign, text)


def printable(text: str) -> str:
    """One line without control characters: what a file says must steer neither a terminal nor a CI runner."""
    return harmless("".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in " ".join(text.split())))


def error_line(message: str) -> str:
    """'Error: ...' as one line. Of a very long message the middle is left out: its start says what is wrong, its end what to do."""
    half = LONGEST_LINE // 2
    return f"Error: {printable(message if len(message) <= LONGEST_LINE else f'{message[:half]} ... {message[-half:]}')}"


def quoted(value: Any) -> str:
    """A value that somebody gave, as `repr` writes it, of at most MOST_QUOTED characters; a large one costs no more than a small one."""
    short = reprlib.Repr()
    short.maxother = short.maxlong = 60
    try:
        text = repr(value[:MOST_QUOTED]) if isinstance(value, str) else short.repr(value)
    except ValueError:  # an integer of so many digits that Python writes none of them
        return "a number of very many digits"
    is_whole = len(text) <= MOST_QUOTED and not (isinstance(value, str) and len(value) > MOST_QUOTED)
    return text if is_whole else f"{text[: MOST_QUOTED - 3]}..."


class R1benchError(Exception):
    """Base of every error that a user can cause or cure."""


class UsageError(R1benchError):
    """An option or a combination of options that cannot be."""


class UnknownNameError(UsageError):
    """A name that is not in a table; the message offers the nearest."""

    def __init__(self, kind: str, given: str, known: Iterable[str], see: str) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(given[:MOST_QUOTED], names, n=1, cutoff=0.5)
        more = ", ..." if len(names) > MOST_NAMES else ""
        hint = (
            f"did you mean {quoted(near[0])}?" if near else f"known: {', '.join(name[:MOST_QUOTED] for name in names[:MOST_NAMES])}{more}."
        )
        super().__init__(f"unknown {kind} {quoted(given)}; {hint} See: {see}")


class DataError(R1benchError):
    """A row or a file that cannot be used; nothing is silently dropped."""

    def __init__(self, where: str, problem: str, cure: str) -> None:
        super().__init__(f"{where}: {problem}; {cure}")


class CheckpointError(R1benchError):
    """A model folder that is missing, incomplete or unsafe."""


class ContextError(R1benchError):
    """Prompt and completion together do not fit the model's context."""


class StorageError(R1benchError):
    """The disk refused, or a folder is not what it should be."""


class ProtocolError(R1benchError):
    """Runs that were not made in the same way and must not be compared."""


class NoEvidenceError(ProtocolError):
    """Runs of which so much failed that no score is left to compare: no verdict of a gate is possible, and none is excluded."""


class GraderError(R1benchError):
    """A fault in a grader itself; it stops the work instead of becoming a score."""


class RewardError(R1benchError):
    """No completion of a step has a reward: the training stops before hours are spent."""


class SandboxError(R1benchError):
    """No isolation can be had, or the sandbox itself failed: never a verdict."""


class BackendError(R1benchError):
    """A training process that failed, or a job that a backend refuses."""
