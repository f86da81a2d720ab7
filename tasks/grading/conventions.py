"""Conventions on which graders of mathematics contradict each other: options of a task or of a row, each with its default.

| option | values | meaning |
|---|---|---|
| percent | `unit` (default), `fraction`, `either` | 50% equals 50; equals 0.5; equals both (with another percentage it is compared as is) |
| tolerance | 0 (default) ... 0.5 | how far a number may be from the gold, relative to it; at 0 a rounded decimal is not the fraction |
| order | `any` (default), `fixed` | whether the items of a list or set may come in any order; coordinates never may |
| units | `ignore` (default), `require` | whether the unit after a value is dropped, or must be the gold's |
| unreduced_fractions | `accept` (default), `reject` | whether 3/6 is right where the gold is 1/2 |
| base_subscripts | `optional` (default), `require`, `ignore` | whether 4210_7 may lack its base; must have it; may have any |
| inequality_as_interval | `accept` (default), `reject` | whether `m >= 2` equals `[2, oo)` |

The defaults are what MATH-style golds need: units and percent signs are decoration there, and lists are sets of solutions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, get_args, get_type_hints

from r1bench.harness.errors import quoted

MAX_TOLERANCE = 0.5
OF_OTHER_GRADERS = frozenset({"choices", "style", "target", "time_limit", "memory_limit", "float_tolerance"})
"""Options that a row may have for another grader that judges it too."""


@dataclass(frozen=True)
class Conventions:
    """One value for each option."""

    percent: Literal["unit", "fraction", "either"] = "unit"
    tolerance: Fraction = Fraction(0)
    order: Literal["any", "fixed"] = "any"
    units: Literal["ignore", "require"] = "ignore"
    unreduced_fractions: Literal["accept", "reject"] = "accept"
    base_subscripts: Literal["optional", "require", "ignore"] = "optional"
    inequality_as_interval: Literal["accept", "reject"] = "accept"


DEFAULTS = Conventions()


def conventions_of(options: Mapping[str, Any]) -> Conventions:
    """The conventions that a row's options state.

    Raises:
        ValueError: an option or a value of one that does not exist; the message names it and what there is.
    """
    if not options:
        return DEFAULTS
    kinds = get_type_hints(Conventions)
    chosen: dict[str, Any] = {}
    for name, value in options.items():
        if name in OF_OTHER_GRADERS:
            continue
        if name not in kinds:
            raise ValueError(f"unknown option {quoted(name)}; mathematics knows: {', '.join(sorted(kinds))}")
        chosen[name] = _tolerance(value) if name == "tolerance" else _choice(name, value, get_args(kinds[name]))
    return Conventions(**chosen)


def _choice(name: str, value: Any, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(f"option {quoted(name)} is {quoted(value)}; it can be: {', '.join(known)}")
    return value


def _tolerance(value: Any) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= MAX_TOLERANCE:
        raise ValueError(f"option 'tolerance' is {quoted(value)}; it can be a number from 0 to {MAX_TOLERANCE}")
    return Fraction(str(value))
