"""The values that arithmetic works on, what can go wrong with them, and the measure of work.

A value is a Decimal, or a Complex where its imaginary part is not zero. Left out: operations (arithmetic.py).
"""

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import NamedTuple

from r1bench.tasks.grading.mathematics.symbolic.nodes import TooComplex

MAX_FACTORIAL = 3_000
MAX_WORK = 80_000
"""In units of about one addition of 30 digits; this much takes a fifth of a second."""


class Undefined(Exception):
    """The expression has no value here, or none that is real in the real mode."""


class OutOfRange(Exception):
    """The value is too large, or too near to zero, to be written down."""


class Complex(NamedTuple):
    """A value that is not real."""

    real: Decimal
    imaginary: Decimal


Value = Decimal | Complex
ZERO = Decimal(0)


class Work:
    """Counts the work of one comparison, independently of the clock."""

    def __init__(self, limit: int = MAX_WORK) -> None:
        self.left = limit

    def spend(self, units: int) -> None:
        """Note work done.

        Raises:
            TooComplex: more than any answer needs.
        """
        self.left -= units
        if self.left < 0:
            raise TooComplex("takes more work than any answer")


def parts(value: Value) -> tuple[Decimal, Decimal]:
    """Real and imaginary part."""
    return (value, ZERO) if isinstance(value, Decimal) else (value.real, value.imaginary)


def whole(real: Decimal, imaginary: Decimal) -> Value:
    """The value with these parts."""
    return Complex(real, imaginary) if imaginary else real


@lru_cache(maxsize=64)
def pi(digits: int) -> Decimal:
    """Pi to `digits` digits: 16 arctan(1/5) - 4 arctan(1/239), in whole numbers."""
    scale = 10 ** (digits + 10)

    def inverse_tangent(inverse: int) -> int:
        power = result = scale // inverse
        order, sign = 1, 1
        while power:
            power //= inverse * inverse
            order, sign = order + 2, -sign
            result += sign * (power // order)
        return result

    value = 16 * inverse_tangent(5) - 4 * inverse_tangent(239)
    return Decimal(value).scaleb(-(digits + 10), Context(prec=digits + 20))


def is_whole(value: Decimal) -> bool:
    """Whether a value is a whole number, exactly."""
    return value == value.to_integral_value(ROUND_HALF_EVEN)


def factorial(value: int) -> int:
    """n!, or OutOfRange for one that no answer holds."""
    if value > MAX_FACTORIAL:
        raise OutOfRange
    return math.factorial(value)
