"""What other packages bring along: an entry point in the group `r1bench.samplers`, `r1bench.backends`, ... stands beside our own rows.

    [project.entry-points."r1bench.samplers"]
    echo = "their_package.echo:EchoSampler"

Our own tables are literal; a stranger's name must not be one of ours. Nothing is imported until it is asked for.
"""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from r1bench.harness.errors import UnknownNameError, UsageError, quoted


def strangers(kind: str) -> dict[str, EntryPoint]:
    """Name -> entry point of the group `r1bench.<kind>s`; of two packages that bring one name, the first by package."""
    found = sorted(
        entry_points(group=f"r1bench.{kind}s"), key=lambda point: (point.dist.name if point.dist else "", point.name), reverse=True
    )
    return {point.name: point for point in found}


def names(kind: str, ours: Mapping[str, str]) -> list[str]:
    """Every name that may be given, ours first."""
    return [*ours, *sorted(strangers(kind).keys() - ours.keys())]


def load(kind: str, name: str, ours: Mapping[str, str], see: str) -> Any:
    """What a name stands for. `ours`: name -> 'module' or 'module:attribute'.

    Raises:
        UnknownNameError: neither we nor an installed package have it; `see` is where the names are listed.
        UsageError: a stranger's package cannot be imported, or has one of our names.
    """
    others = strangers(kind)
    if name in ours:
        if name in others:
            raise UsageError(
                f"{whose(others[name])} brings a {kind} {quoted(name)}, which is a name of r1bench; rename it there, or uninstall it"
            )
        module, _, attribute = ours[name].partition(":")
        found = import_module(module)
        return getattr(found, attribute) if attribute else found
    if name not in others:
        raise UnknownNameError(kind, name, names(kind, ours), see)
    try:
        return others[name].load()
    except (Exception, SystemExit) as error:  # a stranger's code may fail in any way
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(
            f"{kind} {quoted(name)} of {whose(others[name])} cannot be loaded ({reason}); mend or update that package"
        ) from error


def whose(point: EntryPoint) -> str:
    """'package 1.2'."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
