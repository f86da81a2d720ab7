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
├── SandboxError          no isolation can be had, or the sandbox itself failed: never a verdict
└── BackendError          a training process that failed or refused
"""

import difflib
from collections.abc import Iterable


def printable(text: str) -> str:
    """One line without control characters: what a file says must not steer a terminal."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in " ".join(text.split()))


class R1benchError(Exception):
    """Base of every error that a user can cause or cure."""


class UsageError(R1benchError):
    """An option or a combination of options that cannot be."""


class UnknownNameError(UsageError):
    """A name that is not in a table; the message offers the nearest."""

    def __init__(self, kind: str, given: str, known: Iterable[str], see: str) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}."
        super().__init__(f"unknown {kind} {given!r}; {hint} See: {see}")


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


class GraderError(R1benchError):
    """A fault in a grader itself; it stops the work instead of becoming a score."""


class SandboxError(R1benchError):
    """No isolation can be had, or the sandbox itself failed: never a verdict."""


class BackendError(R1benchError):
    """A training process that failed, or a job that a backend refuses."""
