"""The value of a tree, where its variables have given values: exactly, as a Fraction, or to a number of digits.

    evaluate(node, {"x": Fraction(7, 5)}, Exact(work))

An unknown function `f(x)` stands for a fixed odd polynomial of its own, so that `f(x) + f(-x)` is not mistaken for 0. Left out: which
values to try, and what follows from them (equality.py).
"""

import hashlib
import math
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, DivisionByZero, InvalidOperation, Overflow, Underflow
from fractions import Fraction
from typing import Any

from r1bench.tasks.grading.mathematics.symbolic.arithmetic import GUARD_DIGITS, Arithmetic
from r1bench.tasks.grading.mathematics.symbolic.nodes import CONSTANTS, Node, NotUnderstood
from r1bench.tasks.grading.mathematics.symbolic.values import Complex, OutOfRange, Undefined, Value, Work, factorial, is_whole, pi, whole

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
            return self._bounded(Fraction(_combinatorial(head, arguments)))
        raise Inexact(head)

    def _bounded(self, value: Fraction) -> Fraction:
        bits = value.numerator.bit_length() + value.denominator.bit_length()
        self.work.spend(1 + bits // 100)
        if bits > MAX_BITS:
            raise Inexact("too long")
        return value


class Numeric(Arithmetic):
    """Operations to a number of digits, with the functions of vocabulary.py."""

    def function(self, head: str, arguments: list[Value]) -> Value:
        """The value of a named function."""
        first = arguments[0]
        if head in ("sqrt", "exp", "abs"):
            return self.sqrt(first) if head == "sqrt" else self.exp(first) if head == "exp" else self.absolute(first)
        if head in ("ln", "log", "log10"):
            base = arguments[1] if len(arguments) > 1 else Decimal(10 if head == "log10" else self.log_base if head == "log" else 0)
            return self.multiply(self.ln(first), self.inverse(self.ln(base))) if base else self.ln(first)
        if head == "root":
            return self.root(first, arguments[1])
        if head in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh"):
            return self._circular(head, first)
        reals = [argument for argument in arguments if isinstance(argument, Decimal)]
        if len(reals) < len(arguments):
            raise Undefined
        if head in ("min", "max"):
            return min(reals) if head == "min" else max(reals)
        if head in ("floor", "ceil"):
            nearest = reals[0].to_integral_value(ROUND_HALF_EVEN)
            is_near = self.context.subtract(reals[0], nearest).adjusted() < max(nearest.adjusted(), 0) - self.digits + 2 * GUARD_DIGITS
            rounding = ROUND_FLOOR if head == "floor" else ROUND_CEILING
            return nearest if is_near else reals[0].to_integral_value(rounding)
        if head in ("factorial", "binomial", "gcd", "lcm"):
            if not all(is_whole(real) and real.adjusted() < 10 for real in reals):
                raise OutOfRange if all(real.adjusted() >= 10 for real in reals) else Undefined
            self.work.spend(100)
            return self.number(Fraction(_combinatorial(head, [Fraction(int(real)) for real in reals])))
        return self._inverse_circular(head, reals[0])

    def _circular(self, head: str, value: Value) -> Value:
        if head in ("sec", "csc", "cot"):
            return self.inverse(self._circular({"sec": "cos", "csc": "sin", "cot": "tan"}[head], value))
        if head in ("tan", "tanh"):
            above, below = ("sin", "cos") if head == "tan" else ("sinh", "cosh")
            return self.multiply(self._circular(above, value), self.inverse(self._circular(below, value)))
        if head in ("sinh", "cosh"):
            growing = self.exp(value)
            shrinking = self.inverse(growing)
            both = self.add(growing, self.negative(shrinking) if head == "sinh" else shrinking)
            return self.multiply(both, Decimal("0.5"))
        if isinstance(value, Decimal):
            return self.sine_cosine(value)[head == "cos"]
        sine, cosine = self.sine_cosine(value.real)
        hyperbolic = [self._circular(name, value.imaginary) for name in ("sinh", "cosh")]
        assert isinstance(hyperbolic[0], Decimal)
        assert isinstance(hyperbolic[1], Decimal)
        times = self.context.multiply
        if head == "sin":
            return whole(times(sine, hyperbolic[1]), times(cosine, hyperbolic[0]))
        return whole(times(cosine, hyperbolic[1]), times(sine, hyperbolic[0]).copy_negate())

    def _inverse_circular(self, head: str, value: Decimal) -> Value:
        if head in ("arcsin", "arccos"):
            other = self.sqrt(self.context.multiply(self.context.subtract(Decimal(1), value), self.context.add(Decimal(1), value)))
            if isinstance(other, Complex):
                raise Undefined
            return self.angle(value, other) if head == "arcsin" else self.angle(other, value)
        if head in ("arctan", "arccot"):
            slope = self.arctan(value)
            return slope if head == "arctan" else self.context.subtract(self.context.divide(pi(self.digits), Decimal(2)), slope)
        raise NotUnderstood(f"the function {head}")


def evaluate(node: Node, values: Mapping[str, Fraction], calculator: Any) -> Any:
    """The value of a tree: a Fraction from an Exact calculator, a Value from a Numeric one.

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


def _combinatorial(head: str, arguments: list[Fraction]) -> int:
    if any(argument.denominator != 1 for argument in arguments):
        raise Undefined
    whole_numbers = [int(argument) for argument in arguments]
    if head in ("gcd", "lcm"):
        return math.gcd(*whole_numbers) if head == "gcd" else math.lcm(*whole_numbers)
    if whole_numbers[0] < 0 or (head == "binomial" and (len(whole_numbers) != 2 or whole_numbers[1] < 0)):
        raise Undefined
    if head == "factorial":
        return factorial(whole_numbers[0])
    upper, lower = whole_numbers[0], min(whole_numbers[1], max(whole_numbers[0] - whole_numbers[1], 0))
    if whole_numbers[1] > upper:
        return 0
    if lower * upper.bit_length() > 30_000:
        raise OutOfRange
    return math.comb(upper, lower)
