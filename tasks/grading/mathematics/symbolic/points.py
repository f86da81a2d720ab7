"""The values at which two expressions with variables are compared: fixed ones, so that a verdict is the same everywhere.

Every pair is tried in several ranges. Absolute values, roots, logarithms, minima and trigonometric functions have kinks and branches
that those ranges miss, so there are more points for them: negative and positive, small and large, with the signs of several variables
mixed, and beyond the largest number in the expressions. Expressions with factorials, binomials, floors or (-1)^n are compared at whole
numbers; floors also at large ones, and at rational ones for variables that are not named like an index (i, j, k, m, n, p, q).
Left out: points where a given pair is bound to differ, if it does; a kink between all of the points is not seen.
"""

from fractions import Fraction

from r1bench.tasks.grading.mathematics.symbolic.nodes import CONSTANTS, Node, TooComplex, contains, free_symbols, inner_nodes

MAX_NAMES = 20
ROUNDING_HEADS = ("floor", "ceil", "gcd", "lcm")
WHOLE_NUMBER_HEADS = ("factorial", "binomial", *ROUNDING_HEADS)
BRANCHED_HEADS = (
    "abs", "sqrt", "root", "min", "max", "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "arccot", "ln", "log",
    "log10",
)  # fmt: skip
RANGES = ((1, 3), (0, 1), (3, 12), (-2, 2), (-3, 0), (0, 1), (10, 100))
BRANCHES = tuple(Fraction(value, 97) for value in (-167, 213, -449, 398, -1067, -59, 14551, 761, -5821, 30, -14017))
"""-1.7, 2.2, -4.6, 4.1, -11, -0.6, 150, 7.8, -60, 0.3, -144.5: an odd prime number of them, which `_branch` relies on."""
LARGE_WHOLE_NUMBERS = (97, 1009, 10007)
INDEX_LETTERS = frozenset("ijkmnpq")
MAX_CONSTANT = 10**6


def points(names: list[str], trees: tuple[Node, ...]) -> list[dict[str, Fraction]]:
    """Values to try for the variables."""
    if len(names) > MAX_NAMES:
        raise TooComplex("has more variables than any answer")
    if not names:
        return [{}]
    columns = range(len(names))
    if any(contains(tree, *WHOLE_NUMBER_HEADS) or _alternates(tree) for tree in trees):
        rows = [[_whole_number(row, column) for column in columns] for row in range(8)]
        if any(contains(tree, *ROUNDING_HEADS) for tree in trees) and not any(contains(tree, "factorial", "binomial") for tree in trees):
            steps = {int(size) for size in _sizes(trees) if size.denominator == 1 and size > 12}
            large = [*LARGE_WHOLE_NUMBERS, *(step * factor - 1 for step in sorted(steps)[:4] for factor in (1, 2))]
            rows += [[Fraction(value + 2 * column) for column in columns] for value in large]
            rows += _between_whole_numbers(names) if any(contains(tree, "floor", "ceil") for tree in trees) else []
    else:
        rows = [[_rational(row, column) for column in columns] for row in range(len(RANGES))]
        if any(contains(tree, *BRANCHED_HEADS) or _has_root(tree) for tree in trees):
            rows += [[_branch(row, column) for column in columns] for row in range(len(BRANCHES))]
            far = max(_sizes(trees), default=Fraction(0)) * Fraction(7, 3)
            rows += [[sign * (far + column) for column in columns] for sign in (1, -1)] if far > 150 else []
    return [dict(zip(names, row, strict=True)) for row in rows]


def _between_whole_numbers(names: list[str]) -> list[list[Fraction]]:
    """Rational values for variables that need not be whole."""
    is_index = [name[0] in INDEX_LETTERS and name not in ("pi", "phi", "psi") for name in names]
    if all(is_index):
        return []
    return [
        [_whole_number(row % 7, column) if index else _branch(row, column) for column, index in enumerate(is_index)]
        for row in range(len(BRANCHES))
    ]


def _alternates(tree: Node) -> bool:
    """Whether a negative number is raised to a variable power, as in (-1)^n."""
    for inner in inner_nodes(tree):
        if inner.head == "^" and free_symbols(inner.args[1]) - CONSTANTS:
            base = inner.args[0]
            if base.head == "neg" or (base.head == "number" and base.args[0] < 0):
                return True
    return False


def _has_root(tree: Node) -> bool:
    """Whether something is raised to a power that is no whole number, as in x^{1/2}."""
    exponents = [inner.args[1] for inner in inner_nodes(tree) if inner.head == "^"]
    return any(contains(each, "inverse") or (each.head == "number" and each.args[0].denominator != 1) for each in exponents)


def _sizes(trees: tuple[Node, ...]) -> list[Fraction]:
    """The sizes of the numbers in the trees, without those larger than where a kink would lie."""
    sizes = [abs(inner.args[0]) for tree in trees for inner in inner_nodes(tree) if inner.head == "number"]
    return [size for size in sizes if size <= MAX_CONSTANT]


def _rational(row: int, column: int) -> Fraction:
    low, high = RANGES[row]
    return low + (high - low) * Fraction((column * 61 + 17 * (row + 1)) % 96 + 1, 97)


def _branch(row: int, column: int) -> Fraction:
    """One of BRANCHES; each column has them in an order of its own, and never the same value as another."""
    return BRANCHES[(row * (2 * column + 1) + 3 * column) % len(BRANCHES)] + Fraction(column, 1009)


def _whole_number(row: int, column: int) -> Fraction:
    rules = (3 + 2 * column, 4 + 3 * column, 13 - 2 * column, 12 - 3 * column, 6 + column, 9 + 5 * column, 5 + 7 * column % 4, 1 + column)
    return Fraction(max(rules[row], 1))
