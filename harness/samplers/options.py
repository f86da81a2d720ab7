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
from dataclasses import MISSING, fields
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from r1bench.harness.errors import UnknownNameError, UsageError
from r1bench.harness.records import is_option


def make_options(kind: type, given: Mapping[str, Any], sampler: str) -> Any:
    """The options from texts of a command line or values of a manifest; what is not given has its default.

    Raises:
        UsageError: naming a key that the sampler does not have, a value of the wrong type, or a key that it needs.
    """
    from pydantic import TypeAdapter, ValidationError

    hints, known = get_type_hints(kind, include_extras=True), {field.name: field for field in fields(kind)}
    if given and not known:
        raise UsageError(f"sampler {sampler!r} has no options, and was given {', '.join(given)}")
    values = {}
    for key, value in given.items():
        if key not in known:
            has = ", ".join(f"{name} ({_type(hints[name])})" for name in known)
            raise UnknownNameError(f"{sampler} option", key, known, f"docs/samplers.md; its options: {has}")
        adapter: TypeAdapter[Any] = TypeAdapter(hints[key])
        try:
            values[key] = adapter.validate_strings(value) if isinstance(value, str) else adapter.validate_python(value, strict=True)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise UsageError(f"option {key} of sampler {sampler!r} is {_type(hints[key])}, and {value!r} is not: {reason}") from error
    needed = [name for name, field in known.items() if field.default is MISSING and field.default_factory is MISSING]
    if missing := [name for name in needed if name not in values]:
        raise UsageError(f"sampler {sampler!r} needs its option {missing[0]}; give --sampler-set {missing[0]}=VALUE")
    try:
        options = kind(**values)
    except ValueError as error:
        raise UsageError(f"sampler {sampler!r} refuses its options: {error}") from error
    if strange := [name for name in known if not is_option(getattr(options, name))]:
        raise UsageError(f"option {strange[0]} of sampler {sampler!r} must be a text, a number or a boolean to stand in a manifest")
    return options


def _type(hint: Any) -> str:
    """A type as a reader knows it: int, 'auto' or 'float32', str | None."""
    if get_origin(hint) is Literal:
        return " or ".join(map(repr, get_args(hint)))
    plain = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return plain.__name__ if isinstance(plain, type) else str(plain)


def by_scope(options: Any) -> dict[str, dict[str, Any]]:
    """The values as a manifest holds them; a scope without options is left out."""
    found: dict[str, dict[str, Any]] = {}
    for field in fields(options):
        found.setdefault(field.metadata.get("scope", "sample"), {})[field.name] = getattr(options, field.name)
    return found
