"""Whether two expressions are equal: exactly where they are rational, otherwise by their digits, at several points if they have variables.

Digits are compared at two precisions at least. A difference that keeps its size shows that the values differ, however small both are;
one that shrinks with the precision is rounding. Where the operands of a sum were further apart than the digits in use, more digits
are tried, so `1 - e^{-1000}` is not 1. Real values decide where there are any (so that `x\\sqrt{x}` equals `\\sqrt{x^3}` and `\\sqrt{x^2}`
does not equal `x`), complex ones otherwise. Expressions with factorials, binomials or floors are compared at whole numbers. The
points are fixed: the verdict on a pair is the same everywhere.

Left out: proof. Two different expressions that agree to 90 digits, or at every point, are called equal.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

from r1bench.tasks.grading.symbolic.arithmetic import MAX_EXPONENT
from r1bench.tasks.grading.symbolic.evaluation import Exact, Inexact, Numeric, evaluate
from r1bench.tasks.grading.symbolic.nodes import (
    CONSTANTS,
    INFINITY,
    ZERO,
    Node,
    TooComplex,
    contains,
    free_symbols,
    inner_nodes,
    negative,
    show,
)
from r1bench.tasks.grading.symbolic.values import OutOfRange, Undefined, Work

DIGITS = (30, 70, 150, 310, 630, 1270, 2550)
MAX_NAMES = 20
WHOLE_NUMBER_HEADS = ("factorial", "binomial", "floor", "ceil", "gcd", "lcm")
RANGES = ((1, 3), (0, 1), (3, 12), (-2, 2), (-3, 0), (0, 1), (10, 100))
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
    def sides(calculator: Any, values: Values) -> tuple[Any, Any]:
        found: list[Any] = []
        for node in (gold, answer):
            try:
                found.append(evaluate(node, values, calculator))
            except OutOfRange:
                found.append(None)
        if found == [None, None]:
            raise OutOfRange
        if None in found:
            raise Apart
        return found[0], found[1]

    tried = points(sorted(free_symbols(gold) | free_symbols(answer)), (gold, answer))
    for real in (True, False) if not _has_imaginary(gold, answer) else (False,):
        verdicts = list(_verdicts(sides, tried, real, work, tolerance, log_base))
        if False in verdicts or True in verdicts:
            return False not in verdicts
    if show(gold) == show(answer):
        return True
    return None if _is_defined(gold, tried, work) == _is_defined(answer, tried, work) else False


def proportional(gold: Node, answer: Node, work: Work) -> bool | None:
    """Whether one expression is the other times a constant that is not zero; None where that cannot be told."""
    names = sorted(free_symbols(gold) | free_symbols(answer))
    if not names:
        return None
    for real in (True, False) if not _has_imaginary(gold, answer) else (False,):
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


def points(names: list[str], trees: tuple[Node, ...]) -> list[dict[str, Fraction]]:
    """Values to try for the variables: in several ranges, rational, or whole where only whole numbers make sense."""
    if len(names) > MAX_NAMES:
        raise TooComplex("has more variables than any answer")
    if not names:
        return [{}]
    if any(contains(tree, *WHOLE_NUMBER_HEADS) or _alternates(tree) for tree in trees):
        rows = [[_whole_number(row, column) for column in range(len(names))] for row in range(7)]
    else:
        rows = [[_rational(row, column) for column in range(len(names))] for row in range(len(RANGES))]
    return [dict(zip(names, row, strict=True)) for row in rows]


def _verdicts(
    sides: Sides, tried: list[dict[str, Fraction]], real: bool, work: Work, tolerance: Fraction = Fraction(0), log_base: int = 0
) -> Iterator[bool]:
    """The verdict at each point where there is one, up to the first False."""
    for values in tried:
        try:
            verdict = _verdict(sides, values, real, work, tolerance, log_base)
        except Undefined:
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


def _has_imaginary(*trees: Node) -> bool:
    return any(inner == Node("symbol", ("i",)) for tree in trees for inner in inner_nodes(tree))


def _alternates(tree: Node) -> bool:
    """Whether a negative number is raised to a variable power, as in (-1)^n."""
    for inner in inner_nodes(tree):
        if inner.head == "^" and free_symbols(inner.args[1]) - CONSTANTS:
            base = inner.args[0]
            if base.head == "neg" or (base.head == "number" and base.args[0] < 0):
                return True
    return False


def _rational(row: int, column: int) -> Fraction:
    low, high = RANGES[row]
    return low + (high - low) * Fraction((column * 61 + 17 * (row + 1)) % 96 + 1, 97)


def _whole_number(row: int, column: int) -> Fraction:
    rules = (3 + 2 * column, 4 + 3 * column, 13 - 2 * column, 12 - 3 * column, 6 + column, 9 + 5 * column, 5 + 7 * column % 4)
    return Fraction(max(rules[row], 1))
