"""Values of the standard library's own kinds, taken apart into plainer ones and rebuilt: fractions, decimals, dates, deques and so on.

Only exact types cross: an object of a subclass may have methods of its program's own. A time zone crosses as its offset from UTC, the
default of a `defaultdict` where it is a builtin type. What is rebuilt is made of data alone, checked by type and size.
Left out: numpy's arrays, enumerations, named tuples (which cross as tuples), a signalling NaN (which equals nothing and raises).
"""

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

MAX_FRACTION_BITS = 1 << 16
"""Of each of its two numbers: reducing it takes quadratic time."""
FACTORIES: dict[str, Any] = {each.__name__: each for each in (bool, dict, float, int, list, set, str, tuple)}
NOTHING = type(None)


class Kind(NamedTuple):
    """One kind of value."""

    types: tuple[type, ...]
    """What values of this kind are, exactly."""
    parts: tuple[tuple[type, ...], ...]
    """What each part may be, exactly."""
    apart: Callable[[Any], tuple[Any, ...]]
    whole: Callable[..., Any]
    """From parts; any ValueError, TypeError, OverflowError or ArithmeticError says that they make none."""


def fraction(numerator: int, denominator: int) -> Fraction:
    """A fraction that does not take long to reduce."""
    if max(numerator.bit_length(), denominator.bit_length()) > MAX_FRACTION_BITS:
        raise ValueError("a fraction of too many digits")
    return Fraction(numerator, denominator)


def decimal(text: str) -> Decimal:
    """A decimal number that comparing does not raise for."""
    number = Decimal(text)
    if number.is_snan():
        raise ValueError("a signalling NaN")
    return number


def clock(value: Any) -> tuple[Any, ...]:
    """The time of day, its fold and its offset from UTC."""
    return value.hour, value.minute, value.second, value.microsecond, value.fold, value.utcoffset()


def zone(offset: timedelta | None) -> timezone | None:
    """A time zone by its offset from UTC."""
    return None if offset is None else timezone(offset)


def moment(*parts: Any) -> datetime:
    """A date with a time of day."""
    *numbers, fold, offset = parts
    return datetime(*numbers).replace(tzinfo=zone(offset), fold=fold)


def time_of_day(*parts: Any) -> time:
    """A time of day."""
    *numbers, fold, offset = parts
    return time(*numbers).replace(tzinfo=zone(offset), fold=fold)


def counter(counts: dict[Any, Any]) -> Counter[Any]:
    """A Counter of these counts, whatever they are."""
    made = Counter[Any]()
    dict.update(made, counts)
    return made


def with_default(name: str | None, entries: dict[Any, Any]) -> defaultdict[Any, Any]:
    """A defaultdict whose default is of a builtin type, or that has none any more."""
    return defaultdict(None if name is None else FACTORIES[name], entries)


def name_of_default(found: defaultdict[Any, Any]) -> str | None:
    """The name of a builtin type that makes the defaults; None for anything else."""
    return next((name for name, factory in FACTORIES.items() if factory is found.default_factory), None)


def values(parts: list[Any]) -> Any:
    """The view of a dict's values."""
    return dict(enumerate(parts)).values()


INT, ENTRIES, LIST, OFFSET = (int,), (dict,), (list,), (timedelta, NOTHING)
ORDERED: OrderedDict[Any, Any] = OrderedDict()
KINDS: dict[str, Kind] = {
    "Fraction": Kind((Fraction,), (INT, INT), lambda value: (value.numerator, value.denominator), fraction),
    "Decimal": Kind((Decimal,), ((str,),), lambda value: (str(value),), decimal),
    "date": Kind((date,), (INT,) * 3, lambda value: (value.year, value.month, value.day), date),
    "datetime": Kind((datetime,), ((INT,) * 8 + (OFFSET,)), lambda value: (value.year, value.month, value.day, *clock(value)), moment),
    "time": Kind((time,), ((INT,) * 5 + (OFFSET,)), clock, time_of_day),
    "timedelta": Kind((timedelta,), (INT,) * 3, lambda value: (value.days, value.seconds, value.microseconds), timedelta),
    "timezone": Kind((timezone,), ((timedelta,),), lambda value: (value.utcoffset(None),), timezone),
    "deque": Kind((deque,), (LIST, (int, NOTHING)), lambda value: (list(value), value.maxlen), deque),
    "OrderedDict": Kind((OrderedDict,), (ENTRIES,), lambda value: (dict(value.items()),), OrderedDict),
    "Counter": Kind((Counter,), (ENTRIES,), lambda value: (dict(value.items()),), counter),
    "defaultdict": Kind(
        (defaultdict,), ((str, NOTHING), ENTRIES), lambda value: (name_of_default(value), dict(value.items())), with_default
    ),
    "keys": Kind((type({}.keys()), type(ORDERED.keys())), (ENTRIES,), lambda value: (dict.fromkeys(value),), dict.keys),
    "values": Kind((type({}.values()), type(ORDERED.values())), (LIST,), lambda value: (list(value),), values),
    "items": Kind((type({}.items()), type(ORDERED.items())), (ENTRIES,), lambda value: (dict(value),), dict.items),
}
NAMES: dict[type, str] = {each: name for name, kind in KINDS.items() for each in kind.types}


def apart(value: Any) -> tuple[Any, ...] | None:
    """The name of a value's kind and its parts; None where it is of none."""
    name = NAMES.get(type(value))
    if name is None or (name == "Decimal" and value.is_snan()):
        return None
    return name, *KINDS[name].apart(value)


def whole(name: Any, *parts: Any) -> Any:
    """The value of that kind and these parts; LookupError, ValueError, TypeError, OverflowError or ArithmeticError where there is none."""
    kind = KINDS[name]
    if len(parts) != len(kind.parts) or not all(type(part) in types for part, types in zip(parts, kind.parts, strict=True)):
        raise ValueError(f"not the parts of a {name}")
    return kind.whole(*parts)
