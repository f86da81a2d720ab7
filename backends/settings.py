"""Settings as records: frozen, strict about names, and with one line in plain words for what is wrong in them."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from r1bench.harness.errors import UsageError, quoted

Positive = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
MOST_NAMES = 20
"""Settings that a message lists."""


class Part(BaseModel):
    """Frozen, and strict about names: a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


SHORT = ("loss", "rollout", "rewards")
"""Groups of `algorithm` that `--set` knows without it: `loss.preset=dapo`."""
TAGS = ("grpo", "sft", "reward_model")
"""Of the kinds of algorithm: pydantic puts them into the place of an error, and no user writes them."""
ALLOWED = {
    "missing": "is missing",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be above {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be below {lt}",
    "literal_error": "must be {expected}",
    "finite_number": "must be a finite number",
    "string_type": "must be a text",
    "string_too_short": "must not be empty",
    "too_long": "must have at most {max_length} values",
}
"""Complaints of pydantic in plain words; what stands in braces is its own."""
KINDS = {
    "int": "must be a whole number",
    "float": "must be a number",
    "bool": "must be true or false",
    "tuple": "must be a list",
    "list": "must be a list",
    "dict": "must be a group of settings",
    "model": "must be a group of settings",
}
"""By the beginning of its name of a complaint, where that is about the type of a value."""


def first_reason(error: ValidationError, kind: type[Part] | None = None) -> str:
    """The first complaint of pydantic in plain words, with the key it is about.

    Args:
        kind: the record that was to be made; then an unknown key is answered with the nearest one that it knows.
    """
    detail = error.errors()[0]
    place = [part for part in detail["loc"] if part not in TAGS]
    key = ".".join(str(part) for part in place)
    if detail["type"] == "extra_forbidden":
        return f"{key:.200}: there is no such setting{nearest(kind, place, detail['loc']) if kind else ''}"
    words = ALLOWED.get(detail["type"]) or KINDS.get(detail["type"].partition("_")[0])
    text = words.format_map(detail.get("ctx", {})) if words else detail["msg"].removeprefix("Value error, ")
    given = "" if detail["type"] in ("missing", "value_error") else f" (given: {quoted(detail['input'])})"
    return f"{f'{key:.200}: ' if key else ''}{text:.500}{given}"


def nearest(kind: type[Part], place: Sequence[int | str], loc: Sequence[int | str]) -> str:
    """'; did you mean ...?' for a key that a record does not know: one that is spelt like it, one of that name elsewhere, or its group."""
    known = keys_of(kind, [str(part) for part in loc if part in TAGS])
    group, name = ".".join(str(part) for part in place[:-1]), str(place[-1])[:200]
    beside = [key.rpartition(".")[2] for key in known if key.rpartition(".")[0] == group]
    beside += [name for name in SHORT if not group and f"algorithm.{name}" in known]
    elsewhere = [key for key in known if key.rpartition(".")[2] == name]
    if f"{group}.{name}" in keys_of(kind):
        return "; it belongs to another algorithm"
    near = difflib.get_close_matches(name, beside, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {quoted(f'{group}.{near[0]}'.strip('.'))}?"
    if elsewhere or (elsewhere := difflib.get_close_matches(f"{group}.{name}".strip("."), known, n=1, cutoff=0.8)):
        return f"; did you mean {quoted(elsewhere[0])}?"
    more = ", ..." if len(beside) > MOST_NAMES else ""
    return f"; known: {', '.join(beside[:MOST_NAMES])}{more}" if beside else "; none can be given here"


def keys_of(kind: type[Part], tags: Sequence[str] = (), group: str = "") -> list[str]:
    """Every key of a record and of the records in it, with dots; of several kinds in one place those of the tag, or all."""
    found: list[str] = []
    for name, field in kind.model_fields.items():
        if name == "kind":  # follows from the stage
            continue
        found.append(f"{group}.{name}".strip("."))
        inner = parts_in(field.annotation)
        tagged = [part for part in inner if "kind" in part.model_fields and part.model_fields["kind"].default in tags]
        found += [key for part in tagged or inner for key in keys_of(part, tags, f"{group}.{name}".strip("."))]
    return list(dict.fromkeys(found))


def parts_in(annotation: Any) -> list[type[Part]]:
    """The records that a type speaks of: `Lora` in `Lora | None`."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return [annotation]
    return [part for argument in get_args(annotation) for part in parts_in(argument)]


Settings = TypeVar("Settings", bound=Part)


def checked(kind: type[Settings], values: Mapping[str, Any], what: str) -> Settings:
    """The values as a record. Raises UsageError that names the first key that is wrong."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"{what}: {first_reason(error, kind)}; correct the recipe or the --set option") from error
