"""Arithmetic of matrices and coordinate tuples, entry by entry, done while an answer is read. Left out: products of matrices."""

from collections.abc import Callable

from r1bench.tasks.grading.mathematics.symbolic.nodes import STRUCTURES, Node, NotUnderstood, negative, product, total


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
