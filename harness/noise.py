"""The record of a backend's own nondeterminism. Left out: measuring it (repeat.py)."""

from dataclasses import dataclass, field
from typing import Any, Self

from r1bench.harness.canonical import Record


@dataclass(frozen=True)
class Noise(Record):
    """What a backend answers differently when it is asked the very same again: from re-running a slice of a run (`eval --repeat-check`)."""

    num_problems: int
    num_samples: int
    """Samples that were drawn again, with their seeds."""
    num_identical: int
    """Of these, how many came out with the same text, letter by letter."""
    num_flips: int
    """Of these, how many came out with another score."""
    mean_difference: float
    """Mean score of the repetition minus that of the first time."""
    error: float
    """Standard error that this alone gives pass@1 of the whole run; 0 where every score came out the same."""
    environment: dict[str, str] = field(default_factory=dict)
    """Versions and device of the repetition."""

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Raises ValueError or TypeError where a value cannot be what an `eval --repeat-check` found."""
        found = cls(**value)
        counts = (found.num_problems, found.num_samples, found.num_identical, found.num_flips)
        is_counted = all(type(count) is int and 0 <= count <= found.num_samples for count in counts)
        is_measured = all(type(number) in (int, float) for number in (found.mean_difference, found.error))
        is_told = isinstance(found.environment, dict) and all(isinstance(text, str) for text in found.environment.values())
        if not (is_counted and is_measured and is_told and 0 <= found.error <= 1 and abs(found.mean_difference) <= 1):
            raise ValueError("a field of the noise has a value that it cannot have")
        return found
