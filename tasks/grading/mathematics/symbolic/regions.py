r"""Sets of real numbers that answers describe: intervals, inequalities in one variable, unions, finite sets, all but some numbers.

    region(parse("x < 2 \\text{ or } x > 3"))    # the same as of (-\infty, 2) \cup (3, \infty)

Inequalities that a comma or "and" joins must hold together, unless nothing satisfies both (`x < 2, x > 3`): then they are alternatives.
The absolute value of a line is solved (`|x - 1| < 2`). Left out: other inequalities that would have to be solved, and ends with
variables in them; there is no region of those.
"""

from decimal import Context, Decimal
from fractions import Fraction
from typing import NamedTuple

from r1bench.tasks.grading.mathematics.symbolic.arithmetic import Numeric, OutOfRange, Undefined, Work
from r1bench.tasks.grading.mathematics.symbolic.claims import items_of
from r1bench.tasks.grading.mathematics.symbolic.equality import WIDE
from r1bench.tasks.grading.mathematics.symbolic.evaluation import evaluate, rational
from r1bench.tasks.grading.mathematics.symbolic.nodes import INFINITY, Node, contains, free_symbols, negative

DIGITS = 70
NEAR = Decimal("1e-45")
PRECISE = Context(prec=80)
INEQUALITIES = frozenset({"<", ">", "<=", ">=", "!="})
FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "!=": "!=", "=": "="}
BENT_HEADS = ("abs", "floor", "ceil", "min", "max", "^", "call")
LEAST, MOST = Decimal("-Infinity"), Decimal("Infinity")


class Piece(NamedTuple):
    """An interval; a single number is one that is closed and has no length."""

    low: Decimal
    has_low: bool
    high: Decimal
    has_high: bool


class Region(NamedTuple):
    """Separate intervals in ascending order, and the variable that they are for, if it is named."""

    pieces: tuple[Piece, ...]
    variable: str | None = None


class Line(NamedTuple):
    """slope x + offset, which stands in an absolute value."""

    name: str
    slope: Fraction
    offset: Fraction

    def solved(self, piece: Piece) -> Piece:
        """The values of x for which the line is in an interval."""
        ends = []
        for end in (piece.low, piece.high):
            moved = PRECISE.subtract(end, PRECISE.divide(Decimal(self.offset.numerator), Decimal(self.offset.denominator)))
            if moved.is_finite() and moved.copy_abs() < PRECISE.multiply(NEAR, end.copy_abs()):  # rounding, where the ends cancel
                moved = Decimal(0)
            ends.append(PRECISE.divide(PRECISE.multiply(moved, Decimal(self.slope.denominator)), Decimal(self.slope.numerator)))
        if self.slope > 0:
            return Piece(ends[0], piece.has_low, ends[1], piece.has_high)
        return Piece(ends[1], piece.has_high, ends[0], piece.has_low)


EVERYTHING = Piece(LEAST, False, MOST, False)


def is_region(node: Node) -> bool:
    """Whether a tree can only be meant as a set of numbers (which `(1,2)` and `\\{1,2\\}` need not be)."""
    head, args = node
    if head == "chain":
        return args[0] == ("in",) or bool(INEQUALITIES.intersection(args[0]))
    if head == "list":
        return all(item.head == "chain" for item in args[1][:1]) and any(is_region(item) for item in args[1])
    return head in ("cup", "cap", "setminus", "builder") or node in (Node("symbol", ("set R",)), Node("symbol", ("emptyset",)))


def region(node: Node, work: Work) -> Region | None:
    """The numbers that a tree describes, or None where it describes none or they would have to be worked out."""
    head, args = node
    if head == "tuple" and len(args[2]) == 2:
        low, high = (_end(item, work) for item in args[2])
        return None if low is None or high is None else Region(_merged([Piece(low, args[0] == "[", high, args[1] == "]")]))
    if head == "set":
        ends = [_end(item, work) for item in items_of(node) or ()]
        numbers = [end for end in ends if end is not None]
        return Region(_merged([Piece(end, True, end, True) for end in numbers])) if len(numbers) == len(ends) else None
    if head == "symbol" and args[0] in ("set R", "emptyset"):
        return Region((EVERYTHING,) if args[0] == "set R" else ())
    if head == "builder":
        return region(args[1], work)
    if head in ("cup", "cap", "setminus"):
        left, right = region(args[0], work), region(args[1], work)
        if left is None or right is None:
            return None
        if head == "cup":
            return Region(_merged([*left.pieces, *right.pieces]))
        return Region(_common(left.pieces, right.pieces if head == "cap" else _complement(right.pieces)))
    if head == "chain":
        return _of_chain(node, work)
    return _of_list(args[0], args[1], work) if head == "list" else None


def same_region(left: Region, right: Region) -> bool:
    """Whether two regions hold the same numbers, of the same variable where both name one."""
    if left.variable and right.variable and left.variable != right.variable:
        return False
    if len(left.pieces) != len(right.pieces):
        return False
    return all(
        _is_near(one.low, other.low) and _is_near(one.high, other.high) and (one.has_low, one.has_high) == (other.has_low, other.has_high)
        for one, other in zip(left.pieces, right.pieces, strict=True)
    )


def _of_chain(node: Node, work: Work) -> Region | None:
    """The numbers of `a < x <= b`, `x \\ne c`, `x = c` or `x \\in S`."""
    relations, operands = node.args
    if relations == ("in",):
        inner = region(operands[1], work)
        return inner._replace(variable=_name(operands[0])) if inner else None
    subjects = [index for index, operand in enumerate(operands) if free_symbols(operand)]
    if len(subjects) != 1 or not set(relations) <= set(FLIPPED):
        return None
    subject = subjects[0]
    line = _line_in(operands[subject], work)
    name = line.name if line else _name(operands[subject])
    if name is None:
        return None
    pieces: tuple[Piece, ...] = (EVERYTHING,)
    for index, relation in enumerate(relations):
        if subject not in (index, index + 1):
            continue
        end = _end(operands[index + 1 if index == subject else index], work)
        if end is None:
            return None
        relation = relation if index == subject else FLIPPED[relation]
        pieces = _common(pieces, _half_of_size(relation, end) if line else _half(relation, end))
    return Region(_merged([line.solved(piece) for piece in pieces]) if line else pieces, name)


def _of_list(connective: str, items: tuple[Node, ...], work: Work) -> Region | None:
    regions: list[Region] = []
    for item in items:
        if item.head != "chain" and items[0].head == "chain" and items[0].args[0] == ("!=",):  # x \ne 1, 2
            item = Node("chain", (("!=",), (items[0].args[1][0], item)))
        found = region(item, work) if item.head == "chain" else None
        if found is None:
            return None
        regions.append(found)
    names = {found.variable for found in regions}
    if len(names) > 1:
        return None
    common = regions[0].pieces
    for found in regions[1:]:
        common = _common(common, found.pieces)
    if connective == "or" or not common:
        common = _merged([piece for found in regions for piece in found.pieces])
    return Region(common, names.pop())


def _line_in(node: Node, work: Work) -> Line | None:
    """The line in an absolute value, `x - 1` in `|x - 1|`; of a z, which may be complex, there is none."""
    names = sorted(free_symbols(node))
    if node.head != "abs" or len(names) != 1 or names[0] == "z" or contains(node.args[0], *BENT_HEADS):
        return None
    values = [rational(node.args[0], {names[0]: Fraction(point)}, work) for point in (0, 1, 2, 5)]
    if None in values:
        return None
    offset, one, two, five = (value or Fraction(0) for value in values)
    slope = one - offset
    return Line(names[0], slope, offset) if slope and (two, five) == (offset + 2 * slope, offset + 5 * slope) else None


def _half_of_size(relation: str, end: Decimal) -> tuple[Piece, ...]:
    """The numbers whose absolute value stands in a relation to an end."""
    positive, negated = _half(relation, end), _half(FLIPPED[relation], end.copy_negate())
    if relation == "=":
        return _merged([*positive, *negated]) if end >= 0 else ()
    return _merged([*positive, *negated]) if relation in (">", ">=") else _common(positive, negated)


def _half(relation: str, end: Decimal) -> tuple[Piece, ...]:
    """The numbers that stand in a relation to an end."""
    closed = relation in ("<=", ">=", "=")
    if relation == "=":
        return (Piece(end, True, end, True),)
    if relation == "!=":
        return (Piece(LEAST, False, end, False), Piece(end, False, MOST, False))
    return (Piece(LEAST, False, end, closed),) if relation in ("<", "<=") else (Piece(end, closed, MOST, False),)


def _end(node: Node, work: Work) -> Decimal | None:
    """The real number that a tree stands for, or plus or minus infinity."""
    if node in (INFINITY, negative(INFINITY)):
        return MOST if node == INFINITY else LEAST
    if free_symbols(node) or contains(node, "pm", "mp"):
        return None
    try:
        value = evaluate(node, {}, Numeric(DIGITS, real=True, work=work))
    except (Undefined, OutOfRange):
        return None
    return value if isinstance(value, Decimal) else None


def _name(node: Node) -> str | None:
    """The variable that a tree is, such as x, x_1 or f(x)."""
    if node.head == "symbol":
        return node.args[0]
    return f"{node.args[0]}()" if node.head == "call" else None


def _is_near(left: Decimal, right: Decimal) -> bool:
    if left == right:
        return True
    if not (left.is_finite() and right.is_finite()):
        return False
    return WIDE.subtract(left, right).copy_abs() <= WIDE.multiply(NEAR, max(left.copy_abs(), right.copy_abs()))


def _merged(pieces: list[Piece]) -> tuple[Piece, ...]:
    """The same numbers as separate intervals in ascending order; intervals that hold nothing are left out."""
    filled = [piece for piece in pieces if piece.low < piece.high or (piece.low == piece.high and piece.has_low and piece.has_high)]
    merged: list[Piece] = []
    for piece in sorted(filled, key=lambda each: (each.low, not each.has_low)):
        last = merged[-1] if merged else None
        if last is None or last.high < piece.low or (last.high == piece.low and not (last.has_high or piece.has_low)):
            merged.append(piece)
            continue
        high, has_high = max((last.high, last.has_high), (piece.high, piece.has_high))
        merged[-1] = Piece(last.low, last.has_low, high, has_high)
    return tuple(merged)


def _common(left: tuple[Piece, ...], right: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """What two regions have in common."""
    found: list[Piece] = []
    for one in left:
        for other in right:
            low, lacks_low = max((one.low, not one.has_low), (other.low, not other.has_low))
            high, has_high = min((one.high, one.has_high), (other.high, other.has_high))
            found.append(Piece(low, not lacks_low, high, has_high))
    return _merged(found)


def _complement(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    rest: tuple[Piece, ...] = (EVERYTHING,)
    for piece in pieces:
        outside = [Piece(LEAST, False, piece.low, not piece.has_low), Piece(piece.high, not piece.has_high, MOST, False)]
        rest = _common(rest, _merged([each for each in outside if each.low < each.high]))
    return rest
