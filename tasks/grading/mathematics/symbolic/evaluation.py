"""The value of a tree, where its variables have given values: exactly, as a Fraction, or to a number of digits.

    evaluate(node, {"x": Fraction(7, 5)}, Exact(work))

An unknown function `f(x)` stands for a fixed odd polynomial of its own, so that `f(x) + f(-x)` is not mistaken for 0. Left out: which
values to try, and what follows from them (equality.py).
"""

import hashlib
import math
from collections.abc import Mapping
from decimal import DivisionByZero, InvalidOperation, Overflow, Underflow
from fractions import Fraction
from typing import Any

from r1bench.tasks.grading.mathematics.symbolic.arithmetic import OutOfRange, Undefined, Work, combinatorial
from r1bench.tasks.grading.mathematics.symbolic.nodes import CONSTANTS, Node, NotUnderstood

MAX_BITS = 60_000


class Inexact(Exception):
    """The value is not rational, or too long to be worked out exactly."""


class Exact:
    """Operations on fractions, without rounding."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def number(self, value: Fraction) -> Fraction:
        return value

    def constant(self, name: str) -> Fraction:
        raise Inexact(name)

    def add(self, left: Fraction, right: Fraction) -> Fraction:
        return self._bounded(left + right)

    def negative(self, value: Fraction) -> Fraction:
        return -value

    def multiply(self, left: Fraction, right: Fraction) -> Fraction:
        return self._bounded(left * right)

    def inverse(self, value: Fraction) -> Fraction:
        if not value:
            raise Undefined
        return 1 / value

    def power(self, base: Fraction, exponent: Fraction, exact: Fraction | None) -> Fraction:
        if exponent.denominator != 1:
            raise Inexact("a root")
        if not base and exponent <= 0:
            raise Undefined
        if base in (0, 1, -1):
            return base if exponent % 2 else abs(base)
        if (base.numerator.bit_length() + base.denominator.bit_length()) * abs(exponent) > MAX_BITS:
            raise Inexact("too long")
        return self._bounded(base ** int(exponent))

    def function(self, head: str, arguments: list[Fraction]) -> Fraction:
        first = arguments[0]
        if head == "abs":
            return abs(first)
        if head in ("floor", "ceil"):
            return Fraction(math.floor(first) if head == "floor" else math.ceil(first))
        if head in ("min", "max"):
            return min(arguments) if head == "min" else max(arguments)
        if head == "sqrt" and first >= 0:
            above, below = math.isqrt(first.numerator), math.isqrt(first.denominator)
            if above * above == first.numerator and below * below == first.denominator:
                return Fraction(above, below)
        if head in ("factorial", "binomial", "gcd", "lcm"):
            return self._bounded(Fraction(combinatorial(head, arguments)))
        raise Inexact(head)

    def _bounded(self, value: Fraction) -> Fraction:
        bits = value.numerator.bit_length() + value.denominator.bit_length()
        self.work.spend(1 + bits // 100)
        if bits > MAX_BITS:
            raise Inexact("too long")
        return value


def evaluate(node: Node, values: Mapping[str, Fraction], calculator: Any) -> Any:
    """The value of a tree: a Fraction from an Exact calculator, a Value from a Numeric one (arithmetic.py).

    Raises:
        Undefined, OutOfRange: there is none.
        Inexact: the calculator is exact and the value is not rational.
        NotUnderstood: the tree is not an expression.
    """
    try:
        return _evaluate(node, values, calculator)
    except (Overflow, Underflow):
        raise OutOfRange from None
    except (InvalidOperation, DivisionByZero):
        raise Undefined from None


def _evaluate(node: Node, values: Mapping[str, Fraction], calculator: Any) -> Any:
    head, args = node
    if head == "number":
        return calculator.number(args[0])
    if head == "symbol":
        if args[0] == "infinity":
            raise Undefined
        return calculator.constant(args[0]) if args[0] in CONSTANTS else calculator.number(values[args[0]])
    if head in ("+", "*"):
        combine = calculator.add if head == "+" else calculator.multiply
        result = _evaluate(args[0], values, calculator)
        for part in args[1:]:
            result = combine(result, _evaluate(part, values, calculator))
        return result
    if head == "neg":
        return calculator.negative(_evaluate(args[0], values, calculator))
    if head == "inverse":
        return calculator.inverse(_evaluate(args[0], values, calculator))
    if head == "^":
        if args[0] == Node("symbol", ("e",)):
            return calculator.function("exp", [_evaluate(args[1], values, calculator)])
        base, exponent = (_evaluate(part, values, calculator) for part in args)
        return calculator.power(base, exponent, rational(args[1], values, calculator.work))
    if head in ("percent", "degree", "unit"):
        return _evaluate(args[0], values, calculator)
    if head == "call":
        return _unknown(args[0], [_evaluate(part, values, calculator) for part in args[1:]], calculator)
    if any(not isinstance(part, Node) for part in args) or not args:
        raise NotUnderstood(f"a {head} where a number was expected")
    return calculator.function(head, [_evaluate(part, values, calculator) for part in args])


def rational(node: Node, values: Mapping[str, Fraction], work: Work) -> Fraction | None:
    """The exact value of a tree, if it is rational and defined."""
    if node.head == "number":
        return node.args[0]
    try:
        return _evaluate(node, values, Exact(work))
    except (Inexact, Undefined, OutOfRange):
        return None


def _unknown(name: str, arguments: list[Any], calculator: Any) -> Any:
    """An unknown function: c0 + c1 x + c2 x^3 with coefficients that its name decides."""
    coefficients = [Fraction(byte + 1, 97) for byte in hashlib.sha256(name.encode(errors="replace")).digest()]
    result = calculator.number(coefficients[0])
    for index, argument in enumerate(arguments[:8]):
        cube = calculator.multiply(argument, calculator.multiply(argument, argument))
        for coefficient, power in ((coefficients[2 * index + 1], argument), (coefficients[2 * index + 2], cube)):
            result = calculator.add(result, calculator.multiply(calculator.number(coefficient), power))
    return result
