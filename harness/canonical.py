"""Records as JSON: one text for one value, a digest of it, and back; and JSON that others wrote, of few levels."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from typing import Any, ClassVar, Self

DEEPEST = 100
"""Levels of JSON that is read: no file that people or programs write has so many, and what copies or writes a value goes down with each."""


def canonical_json(value: Any) -> str:
    """One text for one value: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of(value: Any) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def parse_json(text: str, pairs: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """The value of a JSON text that somebody else wrote. `pairs` makes an object of its names and values.

    Raises ValueError: it is no JSON, has more than DEEPEST levels, or a number of very many digits.
    """
    try:
        value = json.loads(text, object_pairs_hook=pairs)
    except RecursionError as error:
        raise ValueError(f"it is nested more than {DEEPEST} levels deep") from error
    except ValueError as error:
        if "int_max_str_digits" in str(error):
            raise ValueError("it has a number of thousands of digits") from error
        raise
    if text.count("[") + text.count("{") > DEEPEST:  # fewer signs cannot be more levels
        check_depth(value)
    return value


def check_depth(value: Any) -> None:
    """Raise ValueError for a value of more than DEEPEST levels."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [each for held in level if isinstance(held, dict | list) for each in (held.values() if isinstance(held, dict) else held)]
        if not level:
            return
    raise ValueError(f"it is nested more than {DEEPEST} levels deep")


class Record:
    """Conversion to and from plain JSON values."""

    tuples: ClassVar[tuple[str, ...]] = ()
    """Fields that are lists in JSON."""

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        return cls(**{**value, **{name: tuple(value[name]) for name in cls.tuples}})
