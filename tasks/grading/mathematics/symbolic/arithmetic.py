"""Arithmetic on numbers that may be irrational or complex, to a stated number of digits, with the standard library's decimals.

Nothing global is used, so it works the same in threads and
processes; exponents are bounded, so `9^{9^{9^9}}` is an OutOfRange in microseconds. In the real mode a root of a negative number is
an Undefined and an odd root of a negative number is real; in the complex mode powers have their principal value.

Formulas: sine, cosine and arc tangent are Taylor series after reduction of the argument, pi is Machin's formula; the others come from
decimal's exp, ln, sqrt and power. `gap` says how many digits apart the operands of a sum were at most, which tells whether
something was lost in it. Left out: functions that no answer needs (gamma, zeta, elliptic ...).

The operators `-x` and `abs(x)` of Decimal round to the thread's own context; only methods are used here.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow, Underflow
from fractions import Fraction

from r1bench.tasks.grading.mathematics.symbolic.values import ZERO, Complex, Undefined, Value, Work, is_whole, parts, pi, whole

MAX_EXPONENT = 10**15
GUARD_DIGITS = 8
ONE, TWO, TENTH = Decimal(1), Decimal(2), Decimal("0.1")


class Arithmetic:
    """Operations to `digits` digits. Raises Undefined, OutOfRange, and TooComplex when `work` is used up."""

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
        real, imaginary = self.add(a, c), self.add(b, d)
        assert isinstance(real, Decimal)
        assert isinstance(imaginary, Decimal)
        return whole(real, imaginary)

    def negative(self, value: Value) -> Value:
        """-value."""
        if isinstance(value, Decimal):
            return self.context.minus(value)
        return Complex(self.context.minus(value.real), self.context.minus(value.imaginary))

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
