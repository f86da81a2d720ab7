"""Compares what a program printed or returned with what was expected. Runs outside the sandbox, on text and plain values only.

Printed text, `layout` "lines" (LiveCodeBench's rule, the default): as many lines, each equal once white space at its ends and around
the whole text is gone, or all of its words numbers of equal value (`1.50` is `1.5`). `layout` "tokens" (Codeforces, CodeContests):
the same words in the same order, however they are spaced, numbers by value. With a `tolerance` a number may differ from an expected
one that has a decimal point or exponent by that much, absolutely or relatively, whichever is more.

Texts are read no further than to where they differ, so that a long output takes no more time and memory than it must.

Returned values: `call` tests are JSON, so lists and tuples are one, a key that is no text is compared as JSON would write it, and NaN
is NaN. `asserts` keep Python's `==`, where a tuple is no list and NaN is not NaN. In both 1, 1.0, True and Fraction(1) are equal, as
everywhere in Python and in LiveCodeBench, and a set or a deque is no list.

Left out: problems with several right answers. Those need a checker of their own, and no comparison can stand in for it.
"""

import math
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from r1bench.harness.sandbox.codec import shown

Layout = Literal["lines", "tokens"]
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
WORD = re.compile(r"\S+")
SHOWN = 60
Number = int | float | Fraction | Decimal


class Conventions(NamedTuple):
    """How strictly outputs are compared."""

    layout: Layout = "lines"
    tolerance: float = 0.0
    as_json: bool = True
    """Whether values are compared as JSON and not by Python's `==`."""


def conventions_of(options: Mapping[str, Any]) -> Conventions:
    """The conventions that a row's or task's options state."""
    return Conventions(options.get("layout", "lines"), float(options.get("float_tolerance", 0.0)))


def difference_of_texts(actual: str, expected: str, conventions: Conventions) -> str | None:
    """None if a program printed what was expected, else where it first did not."""
    unit, parts, same = ("word", words_of, same_word) if conventions.layout == "tokens" else ("line", lines_of, same_line)
    wanted, given = list(parts(expected)), parts(actual)
    number = 0
    for number, (other, one) in enumerate(zip(wanted, given, strict=False), start=1):
        if not same(one, other, conventions.tolerance):
            return f"{unit} {number} is {shown(one, SHOWN)} instead of {shown(other, SHOWN)}"
    if number < len(wanted):
        is_empty = not actual or actual.isspace()
        return f"nothing printed instead of {shown(wanted[0], SHOWN)}" if is_empty else f"{number} {unit}s instead of {len(wanted)}"
    return None if next(given, None) is None else f"more than {number} {unit}s"


def words_of(text: str) -> Iterator[str]:
    """The words of a text, one after the other."""
    return (found.group() for found in WORD.finditer(text))


def lines_of(text: str) -> Iterator[str]:
    """The lines without white space at their ends and without empty lines at the ends of the text, one after the other."""
    text, start = text.strip(), 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end].strip()
        start = end + 1
    yield text[start:].strip()


def same_line(actual: str, expected: str, tolerance: float) -> bool:
    """Whether two lines are the same text, or the same numbers."""
    if actual == expected:
        return True
    wanted = expected.split()
    given = actual.split(maxsplit=len(wanted))
    if len(given) != len(wanted) or not all(NUMBER.fullmatch(word) for word in (*given, *wanted)):
        return False
    return all(same_word(one, other, tolerance) for one, other in zip(given, wanted, strict=True))


def same_word(actual: str, expected: str, tolerance: float) -> bool:
    """Whether two words are the same text, or numbers of the same value."""
    if actual == expected:
        return True
    if not (NUMBER.fullmatch(actual) and NUMBER.fullmatch(expected)):
        return False
    given, wanted = Decimal(actual), Decimal(expected)
    if given == wanted:
        return True
    return tolerance > 0 and not expected.strip("+-").isdigit() and is_near(float(given), float(wanted), tolerance)


def is_near(actual: float, expected: float, tolerance: float) -> bool:
    """Whether two numbers differ by no more than the tolerance, absolutely or relatively."""
    if math.isinf(actual) or math.isinf(expected):  # or too large for a float
        return False
    return abs(actual - expected) <= tolerance * max(1.0, abs(expected))


def difference_of_values(actual: Any, expected: Any, conventions: Conventions) -> str | None:
    """None if a program returned what was expected, else what it returned. Values are plain and of any depth."""
    waiting = [(actual, expected)]
    while waiting:
        given, wanted = waiting.pop()
        pairs = parts_of(given, wanted, conventions.as_json)
        if pairs is not None:
            waiting += pairs
        elif not same_scalar(given, wanted, conventions):
            return f"returned {shown(actual, SHOWN)} instead of {shown(expected, SHOWN)}"
    return None


def parts_of(given: Any, wanted: Any, as_json: bool) -> list[tuple[Any, Any]] | None:
    """The pairs that two containers of one kind and size consist of; None if they are scalars or cannot be equal."""
    if isinstance(given, dict) and isinstance(wanted, dict):
        if len(given) != len(wanted):
            return None
        if as_json and given.keys() != wanted.keys():
            given, wanted = ({key_text(key): value for key, value in each.items()} for each in (given, wanted))
        return [(given[key], wanted[key]) for key in wanted] if given.keys() == wanted.keys() else None
    if isinstance(given, list | tuple) and isinstance(wanted, list | tuple) and len(given) == len(wanted):
        return list(zip(given, wanted, strict=True)) if as_json or type(given) is type(wanted) else None
    return None


def key_text(key: Any) -> Any:
    """A key as JSON writes it; keys that JSON cannot have are left alone."""
    if isinstance(key, bool) or key is None:
        return {True: "true", False: "false", None: "null"}[key]
    try:
        return repr(key) if isinstance(key, int | float) else key
    except ValueError:  # an int of more digits than Python writes
        return key


def same_scalar(given: Any, wanted: Any, conventions: Conventions) -> bool:
    """Whether two values that are no pair of equal containers are equal."""
    if isinstance(given, list | tuple | dict) or isinstance(wanted, list | tuple | dict):
        return False
    if is_equal(given, wanted):
        return True
    if isinstance(given, Number) and isinstance(wanted, Number) and not (isinstance(given, int) and isinstance(wanted, int)):
        try:
            given, wanted = float(given), float(wanted)
        except (OverflowError, ValueError):
            return False
        if math.isnan(given) or math.isnan(wanted):
            return conventions.as_json and math.isnan(given) and math.isnan(wanted)
        return conventions.tolerance > 0 and is_near(given, wanted, conventions.tolerance)
    return False


def is_equal(given: Any, wanted: Any) -> bool:
    """Python's `==`; False where it raises (views of a dict whose values have no hash)."""
    try:
        return bool(given == wanted)
    except (TypeError, ValueError, ArithmeticError):
        return False
