"""Whether two expressions are equal: exactly where they are rational, otherwise by their digits, at several points if they have variables.

Digits are compared at two precisions at least. A difference that keeps its size shows that the values differ, however small both are;
one that shrinks with the precision is rounding. Where the operands of a sum were further apart than the digits in use, more digits
are tried, so `1 - e^{-1000}` is not 1. Real values decide where there are any (so that `x\\sqrt{x}` equals `\\sqrt{x^3}` and `\\sqrt{x^2}`
does not equal `x`), complex ones otherwise. The values of variables are those of points.py. Where the real values exist counts too:
two expressions differ if each lacks values that the other has, if they share less than half of them, or if an absolute value makes the
difference (`\\ln|x|` and `\\ln x`); otherwise what was simplified may have lost some (`\\sqrt{ab}` and `\\sqrt{a}\\sqrt{b}`).

Left out: proof. Two different expressions that agree to 90 digits, or at every point, are called equal.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

from r1bench.tasks.grading.mathematics.symbolic.arithmetic import MAX_EXPONENT, Numeric, OutOfRange, Undefined, Work
from r1bench.tasks.grading.mathematics.symbolic.evaluation import Exact, Inexact, evaluate
from r1bench.tasks.grading.mathematics.symbolic.nodes import (
    INFINITY,
    ZERO,
    Node,
    contains,
    free_symbols,
    inner_nodes,
    mentions,
    negative,
    show,
)
from r1bench.tasks.grading.mathematics.symbolic.points import BRANCHED_HEADS, points

DIGITS = (30, 70, 150, 310, 630, 1270, 2550)
WIDE = Context(prec=20, Emax=2 * MAX_EXPONENT, Emin=-2 * MAX_EXPONENT, traps=[])
Values = Mapping[str, Fraction]
Sides = Callable[[Any, Values], tuple[Any, Any]]


class Apart(Exception):
    """One side has a value that can be written down, and the other is out of range."""


def equal(gold: Node, answer: Node, work: Work, tolerance: Fraction = Fraction(0)) -> bool | None:
    """Whether two expressions have one value; None where that cannot be told.

    Args:
        tolerance: how far the answer may be from the gold, relative to the gold.

    Raises:
        NotUnderstood: a side is not an expression.
        TooComplex: working it out takes more than any answer needs.
        OutOfRange: both sides are too large to be worked out.
    """
    if gold == answer:
        return True
    if INFINITY in (gold, answer, negative(gold), negative(answer)):
        return False
    verdict = _equal(gold, answer, work, tolerance, 0)
    if verdict is False and any(inner.head == "log" and len(inner.args) == 1 for side in (gold, answer) for inner in inner_nodes(side)):
        return _equal(gold, answer, work, tolerance, 10)
    return verdict


def _equal(gold: Node, answer: Node, work: Work, tolerance: Fraction, log_base: int) -> bool | None:
    lacking: list[int] = []

    def sides(calculator: Any, values: Values) -> tuple[Any, Any]:
        found: list[Any] = []
        undefined: list[int] = []
        for index, node in enumerate((gold, answer)):
            try:
                found.append(evaluate(node, values, calculator))
            except OutOfRange:
                found.append(None)
            except Undefined:
                undefined.append(index)
        if undefined:
            lacking.extend(undefined if len(undefined) == 1 else [])
            raise Undefined
        if found == [None, None]:
            raise OutOfRange
        if None in found:
            raise Apart
        return found[0], found[1]

    names = sorted(free_symbols(gold) | free_symbols(answer))
    tried = points(names, (gold, answer))
    for real in (True, False) if not mentions("i", gold, answer) else (False,):
        verdicts = list(_verdicts(sides, tried, real, work, tolerance, log_base))
        if False in verdicts or True in verdicts:
            is_strict = contains(gold, "abs") != contains(answer, "abs") and len(_inner_symbols(gold) | _inner_symbols(answer)) == 1
            return False not in verdicts and not (real and _domains_differ(lacking, len(verdicts), is_strict))
    if show(gold) == show(answer):
        return True
    return None if _is_defined(gold, tried, work) == _is_defined(answer, tried, work) else False


def proportional(gold: Node, answer: Node, work: Work) -> bool | None:
    """Whether one expression is the other times a constant that is not zero; None where that cannot be told."""
    names = sorted(free_symbols(gold) | free_symbols(answer))
    if not names:
        return None
    for real in (True, False) if not mentions("i", gold, answer) else (False,):
        tried = list(points(names, (gold, answer)))
        for index, start in enumerate(tried):
            zeros = [next(_verdicts(_against_zero(side), [start], real, work), None) for side in (gold, answer)]
            if zeros.count(True) == 1:
                return False
            if zeros != [False, False]:
                continue
            verdicts = list(_verdicts(_crosswise(gold, answer, start), tried[:index] + tried[index + 1 :], real, work))
            if False in verdicts or True in verdicts:
                return False not in verdicts
    return None


def sign_at_points(node: Node, work: Work) -> int:
    """1 or -1 where an expression without zeros at the points has this sign at all of them, else 0."""
    signs = set()
    for values in points(sorted(free_symbols(node)), (node,)):
        try:
            value = evaluate(node, values, Numeric(DIGITS[0], real=True, work=work))
        except (Undefined, OutOfRange):
            continue
        signs.add(0 if not isinstance(value, Decimal) or not value else 1 if value > 0 else -1)
    return signs.pop() if len(signs) == 1 else 0


def _verdicts(
    sides: Sides, tried: list[dict[str, Fraction]], real: bool, work: Work, tolerance: Fraction = Fraction(0), log_base: int = 0
) -> Iterator[bool]:
    """The verdict at each point where there is one, up to the first False."""
    for values in tried:
        try:
            verdict = _verdict(sides, values, real, work, tolerance, log_base)
        except Undefined:
            continue
        except OutOfRange:
            if not values:
                raise
            continue
        except Apart:
            verdict = False
        if verdict is not None:
            yield verdict
        if verdict is False:
            return


def _verdict(sides: Sides, values: Values, real: bool, work: Work, tolerance: Fraction, log_base: int) -> bool | None:
    try:
        gold, answer = sides(Exact(work), values)
        return bool(abs(gold - answer) <= tolerance * abs(gold))
    except Inexact:
        pass
    before: tuple[int, Decimal, int] | None = None
    for digits in DIGITS:
        calculator = Numeric(digits, real=real, work=work, log_base=log_base)
        gold, answer = sides(calculator, values)
        gap = calculator.gap
        size = calculator.absolute(calculator.add(gold, calculator.negative(answer)))
        after = (calculator.digits, size, gap)
        if before is not None:
            if tolerance and size <= calculator.context.multiply(calculator.absolute(gold), Decimal(float(tolerance))):
                return True
            if (verdict := _settled(before, after)) is not None:
                return verdict
        before = after
    return None


def _settled(before: tuple[int, Decimal, int], after: tuple[int, Decimal, int]) -> bool | None:
    """What the difference at two precisions says: False if it stays, True if it shrinks to rounding, None if more digits are needed."""
    (few, larger, _), (many, smaller, gap) = before, after
    if smaller and WIDE.subtract(larger, smaller).copy_abs() < WIDE.multiply(smaller, Decimal("1e-6")):
        return False
    if gap > many + 5 or few - 5 < gap < many - 10:  # a summand that is not zero was lost, now or with fewer digits
        return None
    if smaller < WIDE.multiply(larger, Decimal("1e-20")) or (not smaller and not larger):
        return True
    return None


def _inner_symbols(node: Node) -> frozenset[str]:
    """The variables in functions that do not exist everywhere."""
    return frozenset(name for inner in inner_nodes(node) if inner.head in BRANCHED_HEADS for name in free_symbols(inner))


def _domains_differ(lacking: list[int], num_shared: int, is_strict: bool) -> bool:
    """Whether the points at which only one side has a value are too many. `lacking` holds the side without a value for each."""
    return len(set(lacking)) == 2 or len(lacking) > num_shared or (is_strict and bool(lacking))


def _is_defined(node: Node, tried: list[dict[str, Fraction]], work: Work) -> bool:
    """Whether an expression has a value at any of the points, as `1/0` has not."""
    for values in tried:
        try:
            evaluate(node, values, Numeric(DIGITS[0], real=False, work=work))
        except Undefined:
            continue
        except OutOfRange:
            pass
        return True
    return False


def _against_zero(node: Node) -> Sides:
    return lambda calculator, values: (evaluate(node, values, calculator), evaluate(ZERO, values, calculator))


def _crosswise(gold: Node, answer: Node, start: Values) -> Sides:
    """gold(point) answer(start) and answer(point) gold(start)."""

    def sides(calculator: Any, values: Values) -> tuple[Any, Any]:
        here, there = ([evaluate(node, where, calculator) for node in (gold, answer)] for where in (values, start))
        return calculator.multiply(here[0], there[1]), calculator.multiply(here[1], there[0])

    return sides
