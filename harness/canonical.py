"""Records as JSON: one text for one value, a digest of it, and back."""

import dataclasses
import hashlib
import json
from typing import Any, ClassVar, Self


def canonical_json(value: Any) -> str:
    """One text for one value: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of(value: Any) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()[:16]


class Record:
    """Conversion to and from plain JSON values."""

    tuples: ClassVar[tuple[str, ...]] = ()
    """Fields that are lists in JSON."""

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        return cls(**{**value, **{name: tuple(value[name]) for name in cls.tuples}})
