"""A sampler's own options: a frozen dataclass of texts, numbers and booleans, given as `--sampler-set KEY=VALUE`.

    @dataclass(frozen=True)
    class EchoOptions:
        times: int = 1
        seconds: float = field(default=0.0, metadata={"scope": "machine"})

All of them are written into the manifest, so none may be a secret: keys belong into the environment. The scope of a field says what for:

| scope | can it move a sample? | part of the run's identity | taken over where a gate draws as a manifest says |
|---|---|---|---|
| sample, the default | yes | yes | yes |
| run | no, or the manifest says elsewhere what became of it | no | yes |
| machine | no, it says where and how the work is done | no | no |
"""

from collections.abc import Mapping
from dataclasses import fields
from inspect import formatannotation
from typing import Any, get_type_hints

from r1bench.harness.errors import UnknownNameError, UsageError
from r1bench.harness.records import is_option


def make_options(kind: type, given: Mapping[str, Any], sampler: str) -> Any:
    """The options from texts of a command line or values of a manifest; what is not given has its default.

    Raises UsageError: naming a key that the sampler does not have, a value that it cannot have, or a key that it needs.
    """
    from pydantic import TypeAdapter, ValidationError

    hints = get_type_hints(kind)
    known = {field.name: formatannotation(hints[field.name]) for field in fields(kind)}
    if given and not known:
        raise UsageError(f"sampler {sampler!r} has no options, and was given {', '.join(given)}")
    for key in given:
        if key not in known:
            has = ", ".join(f"{name} ({hint})" for name, hint in known.items())
            raise UnknownNameError(f"{sampler} option", key, known, f"docs/samplers.md; its options: {has}")
    try:
        options: Any = TypeAdapter(kind).validate_python(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        key = next(map(str, first["loc"]), "")
        how = repr(given[key]) if key in given else "left out" if key else "so"
        raise UsageError(
            f"option {key or 'values'} of sampler {sampler!r} cannot be {how}: {first['msg']}; see docs/samplers.md"
        ) from error
    if strange := [name for name in known if not is_option(getattr(options, name))]:
        raise UsageError(f"option {strange[0]} of sampler {sampler!r} must be a text, a number or a boolean to stand in a manifest")
    return options


def by_scope(options: Any) -> dict[str, dict[str, Any]]:
    """The values as a manifest holds them; a scope without options is left out."""
    found: dict[str, dict[str, Any]] = {}
    for field in fields(options):
        found.setdefault(field.metadata.get("scope", "sample"), {})[field.name] = getattr(options, field.name)
    return found
