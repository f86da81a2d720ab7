"""Arithmetic on numbers that may be irrational or complex, to a stated number of digits, with the standard library's decimals.

Nothing global is used, so it works the same in threads and processes; work is counted, and exponents are bounded, so `9^{9^{9^9}}` is an
OutOfRange in microseconds. In the real mode a root of a negative number is an Undefined and an odd root of a negative number is real; in
the complex mode powers have their principal value.

Formulas: sine, cosine and arc tangent are Taylor series after reduction of the argument, pi is Machin's formula; the others come from
decimal's exp, ln, sqrt and power. `gap` says how many digits apart the operands of a sum were at most, which tells whether
something was lost in it. Left out: functions that no answer needs (gamma, zeta, elliptic ...).

The operators `-x` and `abs(x)` of Decimal round to the thread's own context; only methods are used here.
"""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow, Underflow
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from r1bench.tasks.grading.mathematics.symbolic.nodes import NotUnderstood, TooComplex

MAX_EXPONENT = 10**15
MAX_FACTORIAL = 3_000
MAX_WORK = 80_000
"""In units of about one addition of 30 digits; this much takes a fifth of a second."""
GUARD_DIGITS = 8
ZERO, ONE, TWO, TENTH = Decimal(0), Decimal(1), Decimal(2), Decimal("0.1")


class Undefined(Exception):
    """The expression has no value here, or none that is real in the real mode."""


class OutOfRange(Exception):
    """The value is too large, or too near to zero, to be written down."""


class Complex(NamedTuple):
    """A value that is not real."""

    real: Decimal
    imaginary: Decimal


Value = Decimal | Complex
"""A value is a Decimal, or a Complex where its imaginary part is not zero."""


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


def combinatorial(head: str, arguments: list[Fraction]) -> int:
    """The value of factorial, binomial, gcd or lcm at whole numbers; of others, of which there is none, Undefined."""
    if any(argument.denominator != 1 for argument in arguments):
        raise Undefined
    whole_numbers = [int(argument) for argument in arguments]
    if head in ("gcd", "lcm"):
        return math.gcd(*whole_numbers) if head == "gcd" else math.lcm(*whole_numbers)
    if whole_numbers[0] < 0 or (head == "binomial" and (len(whole_numbers) != 2 or whole_numbers[1] < 0)):
        raise Undefined
    if head == "factorial":
        if whole_numbers[0] > MAX_FACTORIAL:
            raise OutOfRange
        return math.factorial(whole_numbers[0])
    upper, lower = whole_numbers[0], min(whole_numbers[1], max(whole_numbers[0] - whole_numbers[1], 0))
    if whole_numbers[1] > upper:
        return 0
    if lower * upper.bit_length() > 30_000:
        raise OutOfRange
    return math.comb(upper, lower)


class Numeric:
    """Operations and named functions to `digits` digits. Raises Undefined, OutOfRange, and TooComplex when `work` is used up."""

    def __init__(self, digits: int, *, real: bool, work: Work, log_base: int = 0) -> None:
        traps = [InvalidOperation, DivisionByZero, Overflow, Underflow]
        self.digits = digits + GUARD_DIGITS
        self.context = Context(prec=self.digits, rounding=ROUND_HALF_EVEN, Emax=MAX_EXPONENT, Emin=-MAX_EXPONENT, traps=traps)
        self.real = real
        self.work = work
        self.log_base = log_base
        """Of a logarithm written without base; 0 is e."""
        self.gap = 0
        self.cost = 1 + digits // 100

    def number(self, value: Fraction) -> Value:
        """A rational number."""
        if value.denominator == 1:
            return self._long(value.numerator)
        return self.context.divide(self._long(value.numerator), self._long(value.denominator))

    def _long(self, value: int) -> Decimal:
        """An integer of any length, cut to the digits that count (decimal's own conversion is quadratic)."""
        surplus = value.bit_length() - int(self.digits * 3.33) - 20
        if surplus <= 0:
            return Decimal(value)
        return self.context.multiply(Decimal(value >> surplus), self.context.power(TWO, Decimal(surplus)))

    def constant(self, name: str) -> Value:
        """pi, e or i."""
        if name == "i":
            if self.real:
                raise Undefined
            return Complex(ZERO, ONE)
        return self.context.plus(pi(self.digits)) if name == "pi" else self.context.exp(ONE)

    def add(self, left: Value, right: Value) -> Value:
        """left + right."""
        self.work.spend(self.cost)
        if isinstance(left, Decimal) and isinstance(right, Decimal):
            if left and right:
                self.gap = max(self.gap, abs(left.adjusted() - right.adjusted()))
            return self.context.add(left, right)
        (a, b), (c, d) = parts(left), parts(right)
        return whole(self.add(a, c), self.add(b, d))  # type: ignore[arg-type]  # the sum of two reals is real

    def negative(self, value: Value) -> Value:
        """-value."""
        return whole(*(self.context.minus(part) for part in parts(value)))

    def multiply(self, left: Value, right: Value) -> Value:
        """left * right."""
        self.work.spend(self.cost)
        times, plus, minus = self.context.multiply, self.context.add, self.context.subtract
        if isinstance(left, Decimal) and isinstance(right, Decimal):
            return times(left, right)
        (a, b), (c, d) = parts(left), parts(right)
        return whole(minus(times(a, c), times(b, d)), plus(times(a, d), times(b, c)))

    def inverse(self, value: Value) -> Value:
        """1 / value."""
        self.work.spend(self.cost)
        if isinstance(value, Decimal):
            return self.context.divide(ONE, value)
        times, divide = self.context.multiply, self.context.divide
        size = self.context.add(times(value.real, value.real), times(value.imaginary, value.imaginary))
        return whole(divide(value.real, size), divide(self.context.minus(value.imaginary), size))

    def power(self, base: Value, exponent: Value, exact: Fraction | None) -> Value:
        """base ** exponent; `exact` is the exponent if it is a rational number."""
        self.work.spend(10 * self.cost)
        if isinstance(base, Decimal) and isinstance(exponent, Decimal):
            if base > 0 or is_whole(exponent):
                return self.context.power(base, exponent)
            if base == 0:
                if exponent > 0:
                    return ZERO
                raise Undefined
            if self.real and exact is not None and exact.denominator % 2:
                size = self.context.power(base.copy_negate(), exponent)
                return self.context.minus(size) if exact.numerator % 2 else size
            if self.real:
                raise Undefined
        if exact is not None and exact.denominator == 1 and abs(exact) <= 1000:
            return self._integer_power(base, int(exact))
        if base == 0:
            raise Undefined
        return self.exp(self.multiply(exponent, self.ln(base)))

    def _integer_power(self, base: Value, exponent: int) -> Value:
        result: Value = ONE
        for bit in bin(abs(exponent))[2:]:
            result = self.multiply(result, result)
            result = self.multiply(result, base) if bit == "1" else result
        return self.inverse(result) if exponent < 0 else result

    def sqrt(self, value: Value) -> Value:
        """The root with a real part that is not negative."""
        self.work.spend(3 * self.cost)
        value = self._settled(value)
        if isinstance(value, Decimal):
            if value >= 0:
                return self.context.sqrt(value)
            if self.real:
                raise Undefined
            return Complex(ZERO, self.context.sqrt(value.copy_negate()))
        a, b = value
        larger = self.context.sqrt(self.context.divide(self.context.add(self.absolute(value), a.copy_abs()), TWO))
        smaller = self.context.divide(self.context.divide(b, TWO), larger)
        return whole(larger, smaller) if a >= 0 else whole(smaller.copy_abs(), larger.copy_sign(b))

    def root(self, value: Value, index: Value) -> Value:
        """The index-th root, of a negative number the real one if the index is odd."""
        if isinstance(index, Decimal) and is_whole(index) and 0 < index < 1000:
            if isinstance(value, Decimal) and value < 0 and int(index) % 2:
                return self.context.minus(self.context.power(value.copy_negate(), self.context.divide(ONE, index)))
            return self.power(value, self.inverse(index), Fraction(1, int(index)) if int(index) % 2 == 0 else None)
        return self.power(value, self.inverse(index), None)

    def absolute(self, value: Value) -> Decimal:
        """The size of a value."""
        if isinstance(value, Decimal):
            return value.copy_abs()
        times = self.context.multiply
        return self.context.sqrt(self.context.add(times(value.real, value.real), times(value.imaginary, value.imaginary)))

    def exp(self, value: Value) -> Value:
        """e ** value."""
        self.work.spend(15 * self.cost)
        if isinstance(value, Decimal):
            return self.context.exp(value)
        size, (sine, cosine) = self.context.exp(value.real), self.sine_cosine(value.imaginary)
        return whole(self.context.multiply(size, cosine), self.context.multiply(size, sine))

    def ln(self, value: Value) -> Value:
        """The natural logarithm."""
        self.work.spend(30 * self.cost)
        value = self._settled(value)
        if isinstance(value, Decimal):
            if value > 0:
                return self.context.ln(value)
            if self.real or not value:
                raise Undefined
            return Complex(self.context.ln(value.copy_negate()), self.context.plus(pi(self.digits)))
        return whole(self.context.ln(self.absolute(value)), self.angle(value.imaginary, value.real))

    def sine_cosine(self, angle: Decimal) -> tuple[Decimal, Decimal]:
        """Sine and cosine of a real angle."""
        self.work.spend(40 * self.cost)
        if angle.adjusted() > 50:
            raise Undefined
        inner = Context(prec=self.digits + max(angle.adjusted(), 0) + 5)
        half_pi = inner.divide(pi(inner.prec), TWO)
        quarter = inner.divide(angle, half_pi).to_integral_value(ROUND_HALF_EVEN)
        rest = self.context.plus(inner.subtract(angle, inner.multiply(quarter, half_pi)))
        sine = self._series(rest)
        cosine = self.context.sqrt(self.context.subtract(ONE, self.context.multiply(sine, sine)))
        minus_sine, minus_cosine = sine.copy_negate(), cosine.copy_negate()
        return ((sine, cosine), (cosine, minus_sine), (minus_sine, minus_cosine), (minus_cosine, sine))[int(quarter) % 4]

    def _series(self, angle: Decimal) -> Decimal:
        """The Taylor series of sine, for at most a quarter of pi."""
        square, term, result = self.context.multiply(angle, angle).copy_negate(), angle, angle
        for order in range(2, 10 * self.digits, 2):
            term = self.context.divide(self.context.multiply(term, square), Decimal(order * (order + 1)))
            larger = self.context.add(result, term)
            if larger == result:
                break
            result = larger
        return result

    def arctan(self, value: Decimal) -> Decimal:
        """The angle between -pi/2 and pi/2 with this tangent."""
        self.work.spend(40 * self.cost)
        halvings = 0
        while value.copy_abs() > TENTH:
            root = self.context.sqrt(self.context.add(ONE, self.context.multiply(value, value)))
            value, halvings = self.context.divide(value, self.context.add(ONE, root)), halvings + 1
        square, power, result = self.context.multiply(value, value).copy_negate(), value, value
        for order in range(3, 10 * self.digits, 2):
            power = self.context.multiply(power, square)
            larger = self.context.add(result, self.context.divide(power, Decimal(order)))
            if larger == result:
                break
            result = larger
        return self.context.multiply(result, Decimal(2**halvings))

    def angle(self, sine: Decimal, cosine: Decimal) -> Decimal:
        """The angle of the point (cosine, sine), above -pi and at most pi."""
        half_pi = self.context.divide(pi(self.digits), TWO)
        if not cosine:
            if not sine:
                raise Undefined
            return half_pi.copy_sign(sine)
        if sine.copy_abs() > cosine.copy_abs():
            return self.context.subtract(half_pi.copy_sign(sine), self.arctan(self.context.divide(cosine, sine)))
        slope = self.arctan(self.context.divide(sine, cosine))
        if cosine > 0:
            return slope
        return self.context.add(slope, pi(self.digits) if sine >= 0 else pi(self.digits).copy_negate())

    def _settled(self, value: Value) -> Value:
        """A value that is real but for rounding, as real: on a branch cut the sign of an error must not decide."""
        if isinstance(value, Complex) and value.imaginary.adjusted() < value.real.adjusted() - self.digits + GUARD_DIGITS:
            return value.real
        return value

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
            return self.number(Fraction(combinatorial(head, [Fraction(int(real)) for real in reals])))
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
        hyperbolic: list[Any] = [self._circular(name, value.imaginary) for name in ("sinh", "cosh")]  # of a real number: real ones
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
