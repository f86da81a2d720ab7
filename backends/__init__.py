"""Who trains. A backend answers to a `TrainJob`, trains it in a process of its own, and speaks through files.

BACKENDS names a class for each (`r1bench.backends.contract.Backend` says what it offers), loaded on demand, so that no training library is
imported here. Another package brings its own by an entry point in the group `r1bench.backends`; see docs/backends.md.
"""

from typing import TYPE_CHECKING

from r1bench.harness import plugins
from r1bench.harness.errors import BackendError, UsageError

if TYPE_CHECKING:
    from r1bench.backends.contract import Backend
    from r1bench.backends.job import Support, TrainJob

BACKENDS: dict[str, str] = {"custom": "r1bench.backends.custom:Custom", "trl": "r1bench.backends.trl_backend:Trl"}


def get_backend(name: str) -> "Backend":
    """The backend of that name. Raises UnknownNameError, UsageError: no such backend, or another package's that cannot be used."""
    from r1bench.backends.contract import Backend

    kind = plugins.load("backend", name, BACKENDS, "r1bench backends")
    if not (isinstance(kind, type) and issubclass(kind, Backend)):
        raise UsageError(
            f"backend {name!r} is {kind!r} and not a subclass of r1bench.backends.contract.Backend; mend or update its package"
        )
    return kind()


def check_support(job: "TrainJob") -> "Support":
    """The backend's answer to a job. Raises BackendError: it cannot train here, or refuses the job, with its reason."""
    from r1bench.backends.contract import python_of

    backend = get_backend(job.backend)
    if missing := backend.probe(python_of(job)):
        raise BackendError(f"backend {job.backend!r} cannot train here: {missing}")
    support = backend.supports(job)
    if support.kind == "refused":
        raise BackendError(f"backend {job.backend!r} does not train this job: {support.reason}")
    return support
