"""Who trains. A backend translates a `TrainJob`, runs as a process of its own, and speaks through files.

BACKENDS names a module for each, loaded on demand, so that no training library is imported here. The module has two functions:
`supports(job) -> Support` says whether the backend trains exactly this job, and `plan(job_file) -> argv` how.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from r1bench.harness.errors import BackendError, UnknownNameError

if TYPE_CHECKING:
    from r1bench.backends.job import Support, TrainJob

BACKENDS: dict[str, str] = {
    "custom": "r1bench.backends.custom.launch",
}


class Backend(Protocol):
    """What the module of a backend offers."""

    def supports(self, job: "TrainJob") -> "Support":
        """Exact, approximate with every deviation named, or refused with a reason."""
        ...

    def plan(self, job_file: Path) -> list[str]:
        """The command that trains the job in a file."""
        ...


def get_backend(name: str) -> Backend:
    """The backend of that name.

    Raises:
        UnknownNameError: no such backend.
    """
    if name not in BACKENDS:
        raise UnknownNameError("backend", name, BACKENDS, "r1bench train --help")
    return import_module(BACKENDS[name])


def check_support(job: "TrainJob") -> "Support":
    """The backend's answer to a job.

    Raises:
        BackendError: it refuses, with its reason.
    """
    support = get_backend(job.backend).supports(job)
    if support.kind == "refused":
        raise BackendError(f"backend {job.backend!r} does not train this job: {support.reason}")
    return support
