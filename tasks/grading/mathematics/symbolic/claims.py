"""What an answer claims: the value that an equation ends in, and of what; the items of a list; both signs of `±`.

claim_of(parse("x = 2/3 \\\\approx 0.667"))    # value 2/3, label x
claim_of(parse("x + y = 3"))                  # an equation, value x + y - 3
"""

import re
from typing import NamedTuple

from r1bench.tasks.grading.mathematics.symbolic.nodes import (
    CONSTANTS,
    Node,
    contains,
    difference,
    free_symbols,
    inner_nodes,
    mapped,
    negative,
    show,
)

INTEGERS = Node("symbol", ("set Z",))
PARAMETER = Node("symbol", ("n of the integers",))
NO_NAMES = CONSTANTS | {"set R", "set Z", "set N", "set Q", "set C", "emptyset"}


class Claim(NamedTuple):
    """The value that an answer states."""

    value: Node
    """Of an equation that only states how variables are related, its left minus its right side."""
    label: Node | None = None
    """What the value is of: x in `x = 5`, f(x) in `f(x) = 2x`."""
    is_equation: bool = False
    right: Node | None = None
    """Of an equation, its right side."""


def claim_of(node: Node) -> Claim:
    """The claim of one item."""
    if node.head != "chain" or not set(node.args[0]) <= {"=", "~"}:
        return Claim(node)
    relations, operands = node.args
    if "~" in relations:  # what is only approximately so is left out, unless there is nothing else
        end = relations.index("~") + 1
        if end == 1 and is_name(operands[0]):
            end = 2
        operands = operands[:end]
    if len(operands) == 1:
        return Claim(operands[0])
    first, last = operands[0], operands[-1]
    if first.head == "call" or (is_name(first) and not free_symbols(first) & free_symbols(last)):  # f(x) = 2x, x = 5
        return Claim(last, first)
    if len(operands) == 2 and is_name(last) and not free_symbols(first) & free_symbols(last):
        return Claim(first, last)
    if len(operands) > 2 or not free_symbols(node):
        return Claim(last)
    return Claim(difference(first, last), None, True, last)


def approximation(node: Node) -> Node | None:
    """What a chain says that its value is approximately, such as 0.67 in `2/3 \\approx 0.67`."""
    return node.args[1][-1] if node.head == "chain" and node.args[0][-1] == "~" and len(node.args[1]) > 1 else None


def without_membership(node: Node) -> Node:
    """What `x \\in S` says that x is in, unless that is a set of numbers as such (`k \\in \\mathbb{Z}`)."""
    if node.head == "chain" and node.args[0] == ("in",) and is_name(node.args[1][0]) and node.args[1][1].head != "symbol":
        return node.args[1][1]
    return node


def with_named_parameter(node: Node) -> Node:
    """The tree with one fixed name for the parameter of `\\frac{\\pi}{2} + k\\pi, k \\in \\mathbb{Z}`, whose letter means nothing."""
    if node.head not in ("list", "builder", "set"):
        return node
    memberships = (inner.args[1] for inner in inner_nodes(node) if inner.head == "chain" and inner.args[0] == ("in",))
    parameters = {name for name, numbers in memberships if numbers == INTEGERS and name.head == "symbol"}
    if len(parameters) != 1:
        return node
    return mapped(node, lambda inner: PARAMETER if inner in parameters else inner)


def items_of(node: Node) -> tuple[Node, ...] | None:
    """The items of a list or set, or of what `±` stands for; None for anything else."""
    if node.head in ("list", "set"):
        return tuple(inner for item in node.args[-1] for inner in (_both_signs(item) or (item,)))
    if node.head == "chain" and node.args[0] == ("=",):
        inner_items = items_of(node.args[1][1])
        if inner_items:
            return tuple(Node("chain", (("=",), (node.args[1][0], item))) for item in inner_items)
    return _both_signs(node)


def kind_of_name(label: Node) -> str:
    """A label without its number: of `x_1` and `x_2` both x."""
    return re.sub(r"_\d+$", "", show(label))


def is_name(node: Node) -> bool:
    """Whether a tree names something rather than states a value: `x`, `f(x)`, `AB`, `(x, y)`, `|z|`."""
    head, args = node
    if head == "symbol":
        return args[0] not in NO_NAMES
    if head == "call":
        return True
    if head == "*":
        if args[0] == Node("symbol", ("Delta",)):
            return len(args) == 2 and is_name(args[1])
        return all(part.head == "symbol" and (part.args[0].isupper() or part.args[0] in ("angle", "triangle")) for part in args)
    if head == "tuple":
        return all(part.head == "symbol" and is_name(part) for part in args[2])
    return head == "abs" and is_name(args[0])


def same_label(left: Node, right: Node) -> bool:
    """Whether two labels name one thing; `y` and `f(x)` do."""
    if show(left) == show(right):
        return True
    variable, function = (left, right) if right.head == "call" else (right, left)
    return variable == Node("symbol", ("y",)) and function.head == "call" and function.args[1:] == (Node("symbol", ("x",)),)


def with_argument_of(label: Node, claim: Claim) -> Claim:
    """A claim about `f(t)` as one about the `f(x)` of a label, where both are one function of one variable."""
    own = claim.label
    if own is None or not (own.head == label.head == "call" and own.args[0] == label.args[0] and len(own.args) == len(label.args) == 2):
        return claim
    old, new = own.args[1], label.args[1]
    if old.head != "symbol" or new.head != "symbol" or new.args[0] in free_symbols(claim.value):
        return claim
    return claim._replace(label=label, value=mapped(claim.value, lambda inner: new if inner == old else inner))


def _both_signs(node: Node) -> tuple[Node, Node] | None:
    """The two values of an expression with `±`; every `±` in it has the same sign, every `∓` the other."""
    if not contains(node, "pm", "mp"):
        return None

    def with_sign(positive: str) -> Node:
        def change(inner: Node) -> Node:
            if inner.head not in ("pm", "mp"):
                return inner
            return inner.args[0] if inner.head == positive else negative(inner.args[0])

        return mapped(node, change)

    return with_sign("pm"), with_sign("mp")
