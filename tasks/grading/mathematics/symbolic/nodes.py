"""What an answer is once it has been read: a small tree of Node, and the reasons for which a text is not read.

    number (Fraction), symbol (name), + (terms), * (factors), inverse (x), neg (x), pm (x), mp (x), ^ (base, exponent),
    call (name, arguments...) for an unknown function, any head in FUNCTIONS of vocabulary.py, percent (x), degree (x), unit (x, text)
    list (connective, items), tuple (opening, closing, items), set (items), matrix (rows), builder (variable, condition),
    chain (relations, operands), cup / cap / setminus (left, right)

Depth and size are bounded by the parser, so that functions over trees may recurse. Sums and multiples of matrices and coordinate tuples
are worked out entry by entry while an answer is read. Left out: products of matrices, what trees mean (evaluation.py, comparison.py).
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

STRUCTURES = frozenset({"list", "tuple", "set", "matrix", "builder", "chain", "cup", "cap", "setminus"})
CONSTANTS = frozenset({"pi", "e", "i", "infinity"})
SHOWN_DIGITS = 60


class NotUnderstood(Exception):
    """The text is not in the language that the parser reads; another reader may try."""


class TooComplex(Exception):
    """The text is longer or nested deeper, or its value takes more work, than any answer needs; nobody should try."""


class Node(NamedTuple):
    """A head and what it stands over: further nodes, or a plain value for 'number' and 'symbol'."""

    head: str
    args: tuple[Any, ...]


ZERO = Node("number", (Fraction(0),))
INFINITY = Node("symbol", ("infinity",))


def number(value: Fraction | int) -> Node:
    """A number as a node."""
    return Node("number", (Fraction(value),))


def negative(node: Node) -> Node:
    """The node with its sign turned, written as simply as possible."""
    if node.head == "number":
        return Node("number", (-node.args[0],))
    return node.args[0] if node.head == "neg" else Node("neg", (node,))


def product(factors: list[Node]) -> Node:
    """The product of nodes, flat."""
    flat = [inner for factor in factors for inner in (factor.args if factor.head == "*" else (factor,))]
    return flat[0] if len(flat) == 1 else Node("*", tuple(flat))


def power(base: Node, exponent: Node) -> Node:
    """The base to the exponent; `C_{10}^3` is a binomial coefficient."""
    upper = base.args[0][2:8] if base.head == "symbol" and base.args[0][:2] == "C_" else ""
    lower = exponent.args[0] if exponent.head == "number" else Fraction(-1)
    if upper.isdecimal() and lower.denominator == 1 and 0 <= lower <= int(upper):
        return Node("binomial", (number(int(upper)), exponent))
    return Node("^", (base, exponent))


def total(terms: list[Node]) -> Node:
    """The sum of nodes, flat."""
    flat = [inner for term in terms for inner in (term.args if term.head == "+" else (term,))]
    return flat[0] if len(flat) == 1 else Node("+", tuple(flat))


def difference(left: Node, right: Node) -> Node:
    """left - right."""
    return total([left, negative(right)])


def entrywise(vector: Node, change: Callable[[Node], Node]) -> Node:
    """A matrix or tuple with `change` applied to each entry."""
    if vector.head == "matrix":
        return Node("matrix", (tuple(tuple(change(entry) for entry in row) for row in vector.args[0]),))
    return Node("tuple", (*vector.args[:2], tuple(change(entry) for entry in vector.args[2])))


def negated(node: Node) -> Node:
    """The node with its sign turned, also of a matrix or tuple."""
    return entrywise(node, negative) if node.head in ("matrix", "tuple") else negative(node)


def scaled(factors: list[Node]) -> Node:
    """A product; one of its factors may be a matrix or a tuple, whose entries are then multiplied."""
    structures = [factor for factor in factors if factor.head in STRUCTURES]
    if len(factors) == 1 or not structures:
        return product(factors)
    vector = structures[0]
    if len(structures) > 1 or vector.head not in ("matrix", "tuple"):
        raise NotUnderstood("a product of something that is no number")
    others = [factor for factor in factors if factor is not vector]
    return entrywise(vector, lambda entry: product([*others, entry])) if others else vector


def summed(terms: list[Node]) -> Node:
    """The sum of numbers, or of matrices or tuples of one shape."""
    if not any(term.head in STRUCTURES for term in terms):
        return total(terms)
    if len({term.head for term in terms}) > 1 or terms[0].head not in ("matrix", "tuple"):
        raise NotUnderstood("a sum of unlike things")
    rows = [term.args[0] if term.head == "matrix" else (term.args[2],) for term in terms]
    if len({(len(row), len(row[0])) for row in rows}) > 1:
        raise NotUnderstood("a sum of unlike things")
    entries = tuple(tuple(total(list(each)) for each in zip(*lines, strict=True)) for lines in zip(*rows, strict=True))
    return Node("matrix", (entries,)) if terms[0].head == "matrix" else Node("tuple", (*terms[0].args[:2], entries[0]))


def transposed(node: Node) -> Node:
    """A matrix with rows and columns exchanged."""
    if node.head != "matrix":
        raise NotUnderstood("a transpose of something that is no matrix")
    return Node("matrix", (tuple(zip(*node.args[0], strict=True)),))


def coordinates(node: Node) -> tuple[Node, ...] | None:
    """The entries of a tuple, of a column or of a row; None for anything else."""
    if node.head == "tuple":
        return node.args[2]
    if node.head == "matrix" and (len(node.args[0]) == 1 or len(node.args[0][0]) == 1):
        return tuple(entry for row in node.args[0] for entry in row)
    return None


def inner_nodes(node: Node) -> Iterator[Node]:
    """The node and all nodes below it."""
    yield node
    for part in node.args:
        if isinstance(part, Node):
            yield from inner_nodes(part)
        elif isinstance(part, tuple):
            for deeper in part:
                if isinstance(deeper, Node):
                    yield from inner_nodes(deeper)
                elif isinstance(deeper, tuple):
                    for entry in deeper:
                        yield from inner_nodes(entry)


def free_symbols(node: Node) -> frozenset[str]:
    """The names of the variables in a tree."""
    return frozenset(inner.args[0] for inner in inner_nodes(node) if inner.head == "symbol" and inner.args[0] not in CONSTANTS)


def mentions(name: str, *trees: Node) -> bool:
    """Whether a symbol stands anywhere in the trees."""
    return any(inner == Node("symbol", (name,)) for tree in trees for inner in inner_nodes(tree))


def contains(node: Node, *heads: str) -> bool:
    """Whether any node of the tree has one of the heads."""
    return any(inner.head in heads for inner in inner_nodes(node))


def mapped(node: Node, change: Any) -> Node:
    """The tree with `change` applied to each node, from the leaves up."""

    def part(value: Any) -> Any:
        if isinstance(value, Node):
            return mapped(value, change)
        return tuple(part(each) for each in value) if isinstance(value, tuple) else value

    changed = Node(node.head, tuple(part(value) for value in node.args))
    return change(changed)


def in_radians(node: Node) -> Node:
    """An angle with its degrees converted."""

    def convert(inner: Node) -> Node:
        if inner.head != "degree":
            return inner
        return product([inner.args[0], Node("symbol", ("pi",)), Node("inverse", (number(180),))])

    return mapped(node, convert)


def show(node: Node) -> str:
    """The tree as one line of text; trees that differ only in the order of terms and factors give the same line."""
    head, args = node
    if head == "number":
        return _shown_number(args[0])
    if head == "symbol":
        return args[0]
    if head == "+":
        return "(" + " + ".join(sorted(show(term) for term in args)) + ")"
    if head == "*":
        return "*".join(sorted(show(factor) for factor in args))
    if head in ("neg", "inverse"):
        return ("-" if head == "neg" else "1/") + _enclosed(args[0])
    if head == "^":
        return f"{_enclosed(args[0])}^{_enclosed(args[1])}"
    if head == "tuple":
        return args[0] + ", ".join(show(item) for item in args[2]) + args[1]
    if head in ("set", "list"):
        items = sorted(show(item) for item in args[-1])
        return "{" + ", ".join(items) + "}" if head == "set" else ", ".join(items)
    if head == "chain":
        pieces = [show(args[1][0])] + [f" {relation} {show(operand)}" for relation, operand in zip(args[0], args[1][1:], strict=True)]
        return "".join(pieces)
    if head == "matrix":
        return "[" + "; ".join(", ".join(show(entry) for entry in row) for row in args[0]) + "]"
    return f"{head}({', '.join(part if isinstance(part, str) else show(part) for part in args)})"


def _enclosed(node: Node) -> str:
    shown = show(node)
    return f"({shown})" if node.head in ("*", "neg", "inverse", "^") or shown[0] == "-" or "/" in shown else shown


def _shown_number(value: Fraction) -> str:
    if value.numerator.bit_length() + value.denominator.bit_length() > 3.3 * SHOWN_DIGITS:
        return f"{value.numerator:x}/{value.denominator:x}h"  # hexadecimal: no quadratic conversion, no limit on digits
    return str(value)
