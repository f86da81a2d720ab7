"""Who trains. A backend translates a `TrainJob`, runs as a process of its own, and speaks through files.

BACKENDS names, for each, a function `plan(job_file) -> argv`; it is loaded on demand, so that no training library is imported here.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from r1bench.harness.errors import UnknownNameError

BACKENDS: dict[str, str] = {
    "custom": "r1bench.backends.custom.launch:plan",
}


def get_plan(name: str) -> Callable[[Path], list[str]]:
    """The function that turns a job file into the command that trains it.

    Raises:
        UnknownNameError: no such backend.
    """
    if name not in BACKENDS:
        raise UnknownNameError("backend", name, BACKENDS, "r1bench doctor")
    module, _, attribute = BACKENDS[name].partition(":")
    return getattr(import_module(module), attribute)
