"""Plain values as bytes, and back: what crosses between a program and those who judge it.

Plain are None, bool, int, float, complex, str, bytes, bytearray, list, tuple, set, frozenset, dict and range, of each other, and what
kinds.py knows of the standard library. An object of a subclass (a named tuple, a class with an `__eq__` of its own) crosses as the exact
value of its base; a numpy scalar as its Python number. Anything else is refused, or handed to the caller's `refer`, which names it by
a number.

The form is JSON without objects: null, true, false, small integers, finite floats and strings stand for themselves, everything else is a
list that begins with a letter. Decoding trusts nothing: it makes only plain values, bounds depth, parts, digits and the entries of sets
and dicts, refuses those whose hashes were chosen to make a table quadratic, and raises CodecError for all that is not of this form.

Left out: pickle and marshal, which can do anything; shared and cyclic structure.
"""

import json
import math
import reprlib
from collections.abc import Callable
from itertools import accumulate
from typing import Any

from r1bench.harness.sandbox import kinds

MAX_DEPTH = 100
MAX_BITS = 1 << 20
MAX_HASHED = 400_000
"""Keys, values of dicts and members of sets in one value together."""
MAX_ALIKE = 100
"""Keys of one hash."""
FEW = 5000
"""Keys that no choice of hashes makes slow."""
MAX_SEARCHES = 60
"""Places that are tried for a key, on average; honest keys need 3, some 30 where they are floats with few digits."""
SMALL = 1 << 63
MAX_PARTS = 1_000_000
PART_BYTES = 64
"""What a part takes in memory, about, beside its own letters: a float 32, a tuple of two 72, an empty set 216."""
LETTERS: tuple[tuple[Any, str], ...] = ((list, "l"), (tuple, "t"), (set, "s"), (frozenset, "z"))
NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))

Refer = Callable[[Any], int]
Resolve = Callable[[int], Any]


class CodecError(ValueError):
    """A value that is not plain, or bytes that stand for none."""


class TooLargeError(CodecError):
    """A value of too many parts."""


def refuse(value: Any) -> int:
    """The default of `encode`: only plain values."""
    raise CodecError(f"a {type(value).__name__}, which is no plain value")


def encode(value: Any, refer: Refer = refuse) -> bytes:
    """The bytes of a value; CodecError if it is not plain, or too deep. `refer` gives the number of an object that is not plain."""
    return json.dumps(pack(value, refer, MAX_DEPTH), ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")


def pack(value: Any, refer: Refer, depth: int) -> Any:
    """A value in the form that JSON can write. Base methods are called by name: a subclass may have replaced its own."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, int | float | complex):
        return pack_number(value)
    if isinstance(value, str):
        return str.__str__(value)
    if depth == 0:
        raise CodecError(f"a value nested deeper than {MAX_DEPTH}")
    if (parts := kinds.apart(value)) is not None:
        return ["o", *[pack(part, refer, depth - 1) for part in parts]]
    for kind, letter in LETTERS:
        if isinstance(value, kind):
            return [letter, *[pack(part, refer, depth - 1) for part in kind.__iter__(value)]]
    if isinstance(value, dict):
        return ["d", *[pack(part, refer, depth - 1) for entry in dict.items(value) for part in entry]]
    return pack_rare(value, refer, depth)


def pack_number(value: complex) -> Any:
    """An int, a float or a complex number."""
    if isinstance(value, int):
        exact = int.__int__(value)
        if -SMALL < exact < SMALL:
            return exact
        if exact.bit_length() > MAX_BITS:
            raise CodecError(f"an int of more than {MAX_BITS} bits")
        return ["i", hex(exact)]
    if isinstance(value, float):
        number = float.__float__(value)
        return number if math.isfinite(number) else ["f", repr(number)]
    exact_complex = complex.__complex__(value)
    return ["c", pack_number(exact_complex.real), pack_number(exact_complex.imag)]


def pack_rare(value: Any, refer: Refer, depth: int) -> Any:
    """Bytes, ranges, numpy's scalars, and what is not plain."""
    if isinstance(value, bytes):
        return ["b", bytes.hex(value)]
    if isinstance(value, bytearray):
        return ["a", bytearray.hex(value)]
    if isinstance(value, range):
        return ["r", *[pack_number(part) for part in (value.start, value.stop, value.step)]]
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == () and hasattr(value, "item"):
        number = value.item()
        if isinstance(number, bool | int | float | complex | str | bytes):
            return pack(number, refer, depth - 1)
    return ["h", refer(value)]


def outside_strings(data: bytes) -> bytes:
    """JSON without its strings, in linear time. Right up to where it ceases to be JSON, which is as far as anyone reads it."""
    return b"".join(data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])


def depth_of(outside: bytes) -> int:
    """How deeply brackets are nested, in linear time."""
    return max(accumulate(1 if byte in b"[{" else -1 for byte in outside.translate(None, NO_BRACKETS)), default=0)


def num_parts(outside: bytes) -> int:
    """How many values JSON holds, at most; and lists are counted twice."""
    return outside.count(b",") + outside.count(b"[")


def weight_of(data: bytes) -> int:
    """About how many bytes of memory the value of these bytes takes."""
    return len(data) + PART_BYTES * num_parts(data if len(data) < PART_BYTES else outside_strings(data))


def decode(data: bytes, resolve: Resolve | None = None, max_hashed: int | None = MAX_HASHED, max_parts: int = MAX_PARTS) -> Any:
    """The value of these bytes; CodecError if they are not of the form, however they were made. `resolve` finds a referred object.

    TooLargeError where it has more than `max_parts` parts, or sets and dicts of more than `max_hashed` entries; None: of any number and
    with any hashes, for processes whose time is limited.
    """
    try:
        if data.count(b"[") + data.count(b"{") + data.count(b",") > MAX_DEPTH:
            outside = outside_strings(data)
            if num_parts(outside) > max_parts:
                raise TooLargeError(f"a value of more than {max_parts} parts")
            if depth_of(outside) > MAX_DEPTH + 2:
                raise CodecError("nested too deeply")
        parsed = json.loads(data.decode("ascii"), parse_constant=no_constant, object_pairs_hook=no_object)
        return Unpacker(resolve, max_hashed).unpack(parsed)
    except CodecError:
        raise
    except (ValueError, TypeError, ArithmeticError, LookupError, RecursionError) as error:
        raise CodecError(f"not the bytes of a value ({type(error).__name__})") from None


def no_constant(name: str) -> None:
    raise CodecError(f"a bare {name}")


def no_object(pairs: list[tuple[str, Any]]) -> None:
    raise CodecError("a JSON object")


class Unpacker:
    """What JSON read, made into values."""

    def __init__(self, resolve: Resolve | None, max_hashed: int | None) -> None:
        self.resolve, self.left = resolve, max_hashed

    def unpack(self, packed: Any) -> Any:
        """One value. Depth is bounded by `depth_of`."""
        if not isinstance(packed, list):
            return packed
        letter, parts = packed[0], packed[1:]
        if letter == "l":
            return [self.unpack(part) for part in parts]
        if letter == "t":
            return tuple([self.unpack(part) for part in parts])
        if letter in ("d", "s", "z"):
            return self.unpack_hashed(letter, parts)
        if letter == "h" and self.resolve is not None and type(parts[0]) is int:
            return self.resolve(parts[0])
        if letter == "o":
            return kinds.whole(*[self.unpack(part) for part in parts])
        return unpack_rare(letter, parts)

    def unpack_hashed(self, letter: str, parts: list[Any]) -> Any:
        """A dict, a set or a frozenset."""
        if self.left is not None:
            self.left -= len(parts)
            if self.left < 0:
                raise TooLargeError("sets and dicts of too many entries")
        values = [self.unpack(part) for part in parts]
        if self.left is not None and is_crowded([hash(value) for value in (values[::2] if letter == "d" else values)], letter != "d"):
            raise CodecError("keys of equal hashes")
        if letter == "d":
            return dict(zip(values[::2], values[1::2], strict=True))
        return set(values) if letter == "s" else frozenset(values)


def is_crowded(hashes: list[int], is_set: bool) -> bool:
    """Whether a table of keys with these hashes takes long to fill. Many of one hash, or, of many keys, places that are long searched for.

    The search is CPython's own (Objects/dictobject.c, setobject.c), played for each size that the table has while it grows.
    """
    alike = sorted(hashes)
    if any(one == other for one, other in zip(alike, alike[MAX_ALIKE:], strict=False)):
        return True
    if len(hashes) <= FEW:
        return False
    import numpy  # here alone: programs that are judged need not load it

    numbers, left = numpy.array(hashes, numpy.int64), MAX_SEARCHES * len(hashes)
    for size in range(FEW.bit_length(), 64):
        room = (3 << size) // 5 if is_set else (2 << size) // 3
        left -= num_searches(numbers[:room], size, 10 if is_set else 1, left)
        if left <= 0 or room >= len(hashes):
            break
    return left <= 0


def num_searches(hashes: Any, size: int, places: int, enough: int) -> int:
    """How many places are tried until each key has one in an empty table of 2 ** size places; about `enough` where there are more.

    All keys that have no place yet try their next one together, so it takes as many rounds as the longest search.
    """
    import numpy

    owners, perturb, count = numpy.full(1 << size, -1), hashes.view(numpy.uint64), 0
    at = (perturb & numpy.uint64((1 << size) - 1)).astype(numpy.int64)
    while len(at) and count < enough:
        count += len(at)
        for step in range(places):
            slots = numpy.minimum(at + step, len(owners) - 1)
            free = owners[slots] < 0
            keys = numpy.arange(len(at))
            owners[slots[free]] = keys[free]
            is_placed = free & (owners[slots] == keys)
            at, perturb = at[~is_placed], perturb[~is_placed]
        perturb = perturb >> numpy.uint64(5)
        at = (at * 5 + perturb.astype(numpy.int64) + 1) & (len(owners) - 1)
    return count


def unpack_rare(letter: Any, parts: list[Any]) -> Any:
    """Large and special numbers, bytes, ranges."""
    if letter == "i":
        (digits,) = parts
        if not isinstance(digits, str) or len(digits) > MAX_BITS // 4 + 4:
            raise CodecError("an int of too many digits")
        return int(digits, 16)
    if letter == "f":
        return {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[parts[0]]
    if letter == "c":
        real, imaginary = (part if isinstance(part, float) else unpack_rare(*split(part)) for part in parts)
        return complex(real, imaginary)
    if letter in ("b", "a"):
        raw = bytes.fromhex(parts[0])
        return raw if letter == "b" else bytearray(raw)
    if letter == "r":
        start, stop, step = (part if type(part) is int else unpack_rare(*split(part)) for part in parts)
        return range(start, stop, step)
    raise CodecError("an unknown letter")


def split(packed: Any) -> tuple[str, list[Any]]:
    """Letter and parts of a number inside of a number."""
    if not isinstance(packed, list) or packed[0] not in ("i", "f"):
        raise CodecError("not a number")
    return packed[0], packed[1:]


class Bounded(reprlib.Repr):
    """repr() of a plain value, in bounded time."""

    def repr_int(self, x: int, level: int) -> str:
        return repr(x) if x.bit_length() < 512 else f"<an int of {x.bit_length()} bits>"

    def repr_bytes(self, x: bytes, level: int) -> str:
        return repr(x[: self.maxother])

    def repr_bytearray(self, x: bytearray, level: int) -> str:
        return repr(x[: self.maxother])

    def repr_range(self, x: range, level: int) -> str:
        return f"range({', '.join(self.repr1(part, level) for part in (x.start, x.stop, x.step))})"

    def repr_instance(self, x: Any, level: int) -> str:
        """A value of the standard library: its kind and its parts."""
        parts = kinds.apart(x)
        if parts is None:
            return super().repr_instance(x, level)
        return f"{type(x).__name__}({', '.join(self.repr1(part, level - 1) for part in parts[1:] if part is not None)})"

    repr_Counter = repr_OrderedDict = repr_defaultdict = repr_deque = repr_instance  # by the names of the types


def shown(value: Any, limit: int = 200) -> str:
    """A plain value for people, at most `limit` letters; never fails and never takes long, as repr() of a large int would."""
    writer = Bounded()
    writer.maxlist = writer.maxtuple = writer.maxset = writer.maxfrozenset = writer.maxdict = 20
    writer.maxstring = writer.maxother = limit
    text = writer.repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
