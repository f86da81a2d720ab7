r"""Whether an answer states what the gold states, where both are trees: values, lists, tuples, intervals, matrices, equations.

Policies, beyond the options of conventions.py:
- `x = 5`, `5 = x` and `5` are equal; `x = 5` and `y = 5` are not. Where an answer is a chain (`x = 10/2 = 5`), its last value counts;
  after an exact value an approximate one does not (`2/3 \approx 0.667`).
- Equations are equal up to a constant factor (`x + y = 1`, `2x + 2y = 2`), inequalities up to a positive one.
- Degrees are converted only where the other side has a pi in it: `180^\circ` equals 180 and `\pi`, `\pi^\circ` equals neither.
- Lists are compared with multiplicities (`1, 1, 2` is not `1, 2`, nor `-2, -2` just `-2`), sets in braces without. A list of one kind
  of name drops it (`x = 1 or x = 2` is `1, 2`); with different names it is compared by name, and to a tuple by position.
- `(1,2)` is a point or an open interval, as the other side demands; `[1,2]` is an interval. A column or row and a tuple with the same
  entries are equal, a column and a row are not.

Left out: solving, simplifying, deciding whether an answer has the form that the problem asked for.
"""

from collections.abc import Sequence
from fractions import Fraction

from r1bench.tasks.grading.conventions import Conventions
from r1bench.tasks.grading.mathematics.symbolic.arithmetic import OutOfRange, Work
from r1bench.tasks.grading.mathematics.symbolic.claims import (
    Claim,
    claim_of,
    items_of,
    kind_of_name,
    same_label,
    with_argument_of,
    with_named_parameter,
    without_membership,
)
from r1bench.tasks.grading.mathematics.symbolic.equality import equal, proportional, sign_at_points
from r1bench.tasks.grading.mathematics.symbolic.nodes import (
    STRUCTURES,
    Node,
    contains,
    coordinates,
    difference,
    free_symbols,
    in_radians,
    inner_nodes,
    mapped,
    mentions,
    number,
    product,
    show,
)
from r1bench.tasks.grading.mathematics.symbolic.regions import FLIPPED, INEQUALITIES, is_region, region, same_region
from r1bench.tasks.grading.mathematics.symbolic.vocabulary import unit_name


class Comparison:
    """One pair of trees under some conventions."""

    def __init__(self, conventions: Conventions) -> None:
        self.conventions = conventions
        self.work = Work()
        self.is_unsure = False
        """Somewhere equality could not be told, which counted as unequal."""

    def verdict(self, gold: Node, answer: Node) -> bool | None:
        """Whether two answers state the same; None where that cannot be told.

        Raises:
            NotUnderstood: a tree that is no answer. TooComplex: one that takes more work than any answer.
        """
        return self.same(gold, answer) or (None if self.is_unsure else False)

    def same(self, gold: Node, answer: Node) -> bool:
        """Whether two answers state the same."""
        gold, answer = (without_membership(with_named_parameter(node)) for node in (gold, answer))
        if gold == answer:
            return True
        if is_region(gold) or is_region(answer):
            return self._regions(gold, answer)
        expected, given = items_of(gold), items_of(answer)
        if expected is not None and given is not None:
            return self._lists(expected, given, as_sets="set" in (gold.head, answer.head))
        if expected is not None:
            return self._list_and_value(expected, answer, connective=_connective(gold), is_gold=True)
        if given is not None:
            return self._list_and_value(given, gold, connective=_connective(answer), is_gold=False)
        return self._claims(claim_of(gold), claim_of(answer))

    def _regions(self, gold: Node, answer: Node) -> bool:
        if _is_inequality(gold) != _is_inequality(answer) and self.conventions.inequality_as_interval == "reject":
            return False
        expected, given = region(gold, self.work), region(answer, self.work)
        if expected is not None and given is not None:
            return same_region(expected, given)
        if gold.head != answer.head:
            return False
        if gold.head == "chain":
            return self._chains(gold, answer)
        if gold.head == "list":
            return self._unordered(gold.args[1], answer.args[1])
        if gold.head in ("cup", "cap"):
            return self._unordered(_flat(gold), _flat(answer))
        return gold.head in ("setminus", "builder") and self._pairwise(gold.args, answer.args)

    def _chains(self, gold: Node, answer: Node) -> bool:
        """Inequalities and memberships that have no region: operand by operand, or up to a positive factor."""
        relations, operands = answer.args
        turned = tuple(FLIPPED.get(each, each) for each in relations[::-1])
        for candidate, values in ((relations, operands), (turned, operands[::-1])):
            if candidate == gold.args[0] and self._pairwise(gold.args[1], values):
                return True
        if len(relations) != 1 or not {*relations, *gold.args[0]} <= INEQUALITIES or len(gold.args[0]) != 1:
            return False
        (sign, expected), (other_sign, given) = (_against_zero(node) for node in (gold, answer))
        if sign != other_sign or not self._sure(proportional(expected, given, self.work)):
            return False
        return sign == "!=" or sign_at_points(product([expected, given]), self.work) == 1

    def _list_and_value(self, items: Sequence[Node], value: Node, *, connective: str, is_gold: bool) -> bool:
        """A list against something that is none: a tuple by position (`x = 1, y = 2`), anything else if it equals every item."""
        is_repeated = connective == "," and len(set(items)) < len(items)  # `1/2, 0.5` is one number, `-2, -2` are two
        if not is_repeated and all(self.same(item, value) if is_gold else self.same(value, item) for item in items):
            return bool(items)
        entries = coordinates(claim_of(value).value)
        if entries is None or not connective or (value.head == "tuple" and value.args[:2] != ("(", ")") and len(entries) == 2):
            return False
        values = [claim_of(item).value for item in items]
        return self._pairwise(values, entries) if is_gold else self._pairwise(entries, values)

    def _lists(self, expected: Sequence[Node], given: Sequence[Node], *, as_sets: bool) -> bool:
        claims = [claim_of(item) for item in expected], [claim_of(item) for item in given]
        names = [[show(claim.label) for claim in side if claim.label] for side in claims]
        values = [
            [item if claim.is_equation else claim.value for claim, item in zip(side, items, strict=True)]
            for side, items in ((claims[0], expected), (claims[1], given))
        ]
        if not all(names):  # x_1 = 2, x_2 = 1 against 1, 2
            names = [[kind_of_name(claim.label) for claim in side if claim.label] for side in claims]
        is_named = [len(found) == len(side) == len(set(found)) > 1 for found, side in zip(names, claims, strict=True)]
        if all(is_named):
            order = [sorted(range(len(found)), key=found.__getitem__) for found in names]
            one, other = ([side[index] for index in places] for side, places in zip(values, order, strict=True))
            return sorted(names[0]) == sorted(names[1]) and self._pairwise(one, other)
        if any(is_named) or (self.conventions.order == "fixed" and not as_sets):
            return self._pairwise(*values)
        if names[0] and names[1] and not set(names[0]) & set(names[1]):
            return False
        return self._unordered(*values, as_sets=as_sets)

    def _claims(self, gold: Claim, answer: Claim) -> bool:
        if gold.is_equation or answer.is_equation:
            return self._equations(gold, answer)
        if gold.label and answer.label and not same_label(gold.label, answer.label):
            answer = with_argument_of(gold.label, answer)
            if answer.label == gold.label:
                return self.same(gold.value, answer.value)
            return _are_interchanged(gold, answer) and self._equations(gold, answer)
        if gold.label or answer.label:
            return self.same(gold.value, answer.value)
        return self._values(gold.value, answer.value)

    def _equations(self, gold: Claim, answer: Claim) -> bool:
        sides = []
        for claim in (gold, answer):
            if claim.label is not None and claim.label.head in ("symbol", "call"):
                claim = Claim(difference(claim.label, claim.value), None, True)
            sides.append(claim)
        if sides[0].is_equation and sides[1].is_equation:
            pairs = _readings_of(sides[0].value, sides[1].value)
            return any(self._sure(proportional(expected, given, self.work)) for expected, given in pairs)
        if answer.right is None or gold.is_equation or free_symbols(answer.right) or free_symbols(gold.value):
            return False
        return self.same(gold.value, answer.right)  # 70 and m + n = 70

    def _values(self, gold: Node, answer: Node) -> bool:
        gold, answer = _in_one_measure(gold, answer)
        (gold, expected_unit), (answer, given_unit) = _without_unit(gold), _without_unit(answer)
        if self.conventions.units == "require" and expected_unit != given_unit:
            return False
        expected, given = coordinates(gold), coordinates(answer)
        if expected is not None and given is not None:
            return _same_shape(gold, answer) and self._pairwise(expected, given)
        if gold.head == answer.head == "matrix":
            return _same_shape(gold, answer) and all(self._pairwise(*rows) for rows in zip(gold.args[0], answer.args[0], strict=True))
        if gold.head in STRUCTURES or answer.head in STRUCTURES:
            return False
        return any(self._equal(*reading) for reading in self._readings(gold, answer))

    def _readings(self, gold: Node, answer: Node) -> list[tuple[Node, Node]]:
        """The pair with percentages as the convention wants them; it makes no difference where both or none are percentages."""
        is_alike = contains(gold, "percent") == contains(answer, "percent")
        readings = [(gold, answer)] if is_alike or self.conventions.percent != "fraction" else []
        return readings if is_alike or self.conventions.percent == "unit" else [*readings, (_as_fraction(gold), _as_fraction(answer))]

    def _equal(self, gold: Node, answer: Node) -> bool:
        try:
            return self._sure(equal(gold, answer, self.work, self.conventions.tolerance))
        except OutOfRange:
            return self._sure(None)

    def _sure(self, verdict: bool | None) -> bool:
        self.is_unsure |= verdict is None
        return bool(verdict)

    def _pairwise(self, expected: Sequence[Node], given: Sequence[Node]) -> bool:
        """Whether the items are equal one by one."""
        return len(expected) == len(given) and all(self.same(*pair) for pair in zip(expected, given, strict=True))

    def _unordered(self, expected: Sequence[Node], given: Sequence[Node], *, as_sets: bool = False) -> bool:
        """Whether each item has its equal on the other side, one for one unless they are sets."""
        if as_sets:
            return all(any(self.same(item, other) for other in given) for item in expected) and all(
                any(self.same(item, other) for item in expected) for other in given
            )
        left = list(given)
        for item in expected:
            match = next((index for index, other in enumerate(left) if self.same(item, other)), None)
            if match is None:
                return False
            del left[match]
        return not left


def _are_interchanged(gold: Claim, answer: Claim) -> bool:
    """Whether each of two claims is solved for a variable that the other one has: `y = x + 1` and `x = y - 1`."""
    labels = gold.label, answer.label
    if any(label is None or label.head != "symbol" for label in labels):
        return False
    return labels[0].args[0] in free_symbols(answer.value) and labels[1].args[0] in free_symbols(gold.value)  # type: ignore[union-attr]


def _readings_of(gold: Node, answer: Node) -> list[tuple[Node, Node]]:
    """Two equations, each against zero, as they are, and times the denominators that hold variables (`y = 1/x`, `xy = 1`)."""
    cleared = _cleared(gold), _cleared(answer)
    return [(gold, answer)] if cleared == (gold, answer) else [(gold, answer), cleared]


def _cleared(node: Node) -> Node:
    """A tree times its denominators with variables."""
    below = {inner.args[0] for inner in inner_nodes(node) if inner.head == "inverse" and free_symbols(inner)}
    return product([node, *sorted(below, key=show)]) if below else node


def _is_inequality(node: Node) -> bool:
    items = node.args[1] if node.head == "list" else (node,)
    return any(item.head == "chain" and INEQUALITIES.intersection(item.args[0]) for item in items)


def _against_zero(node: Node) -> tuple[str, Node]:
    """An inequality as `<`, `<=` or `!=`, and what it says of an expression against zero."""
    relation, (left, right) = node.args[0][0], node.args[1]
    is_turned = ">" in relation
    return relation.replace(">", "<"), difference(right, left) if is_turned else difference(left, right)


def _flat(node: Node) -> list[Node]:
    """The parts of a union of unions."""
    return [inner for part in node.args for inner in (_flat(part) if part.head == node.head else [part])]


def _same_shape(gold: Node, answer: Node) -> bool:
    """Whether two vectors or matrices are written alike, as far as that counts."""
    if gold.head == answer.head == "matrix":
        return len(gold.args[0]) == len(answer.args[0]) and len(gold.args[0][0]) == len(answer.args[0][0])
    tuples = [node for node in (gold, answer) if node.head == "tuple"]
    if len(tuples) == 2:
        return gold.args[:2] == answer.args[:2] or len(gold.args[2]) > 2
    return tuples[0].args[:2] == ("(", ")") or len(tuples[0].args[2]) > 2


def _in_one_measure(gold: Node, answer: Node) -> tuple[Node, Node]:
    """The pair in radians, if one is in degrees and the other a multiple of pi: `30^\\circ` is `\\frac{\\pi}{6}`, but also 30."""
    is_degree = contains(gold, "degree"), contains(answer, "degree")
    if is_degree[0] == is_degree[1] or not mentions("pi", answer if is_degree[0] else gold):
        return gold, answer
    return in_radians(gold), in_radians(answer)


def _connective(node: Node) -> str:
    """What joins the items of a list; of other trees, nothing."""
    return node.args[0] if node.head == "list" else ""


def _without_unit(node: Node) -> tuple[Node, str]:
    if node.head == "unit":
        return node.args[0], unit_name(node.args[1])
    return (node.args[0], "degree") if node.head == "degree" else (node, "")


def _as_fraction(node: Node) -> Node:
    """The tree with each percentage as the fraction that it is."""
    hundredth = number(Fraction(1, 100))
    return mapped(node, lambda inner: product([inner.args[0], hundredth]) if inner.head == "percent" else inner)
