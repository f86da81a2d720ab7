r"""Reads answers into small trees and compares those, in this process, within bounds on length, nesting and work.

    judge("\\frac{\\pi}{2}", "pi/2")    # Decision(True, "equal expressions")

A text is tokenised (tokens.py), parsed (parser.py) into a tree (nodes.py), and two trees are compared (comparison.py,
claims.py, regions.py, equality.py) by what they evaluate to (evaluation.py, arithmetic.py). The language is a whitelist: what is not
in it raises NotUnderstood and nothing is guessed. No text is executed, nothing depends on the clock, the thread or the process. Uses the
standard library only. Left out: words (words.py), anything with a bound variable (sums, integrals, limits).
"""

import math
from fractions import Fraction
from typing import NamedTuple

from r1bench.tasks.grading.conventions import DEFAULTS, Conventions
from r1bench.tasks.grading.mathematics.symbolic.arithmetic import Work
from r1bench.tasks.grading.mathematics.symbolic.claims import approximation, claim_of
from r1bench.tasks.grading.mathematics.symbolic.comparison import Comparison
from r1bench.tasks.grading.mathematics.symbolic.evaluation import rational
from r1bench.tasks.grading.mathematics.symbolic.nodes import Node, NotUnderstood, TooComplex, inner_nodes, mapped, number, show
from r1bench.tasks.grading.mathematics.symbolic.parser import parse

__all__ = ["Decision", "NotUnderstood", "TooComplex", "canonical", "is_unreduced", "judge", "parse"]

MAX_SHOWN_BITS = 400


class Decision(NamedTuple):
    """What comparing two trees gave."""

    is_equal: bool | None
    """None: it cannot be told."""
    reason: str


def judge(gold: str, answer: str, conventions: Conventions = DEFAULTS) -> Decision:
    """Whether an answer states what the gold states.

    Raises:
        NotUnderstood: one of the texts is not in the language of the parser.
        TooComplex: one is longer, or nested deeper, or takes more work than any answer; nobody should try.
    """
    expected, given = parse(gold), parse(answer)
    if conventions.unreduced_fractions == "reject" and is_unreduced(given) and not is_unreduced(expected):
        return Decision(False, "a fraction that is not in lowest terms")
    verdict = Comparison(conventions).verdict(expected, given)
    if verdict is False and (rounded := approximation(expected)) is not None:  # what a gold states twice may be answered either way
        verdict = Comparison(conventions).verdict(rounded, given)
    return Decision(verdict, "equal expressions" if verdict else "expressions differ" if verdict is False else "equality cannot be told")


def canonical(text: str) -> str | None:
    """An answer as one line in a fixed form, the same for answers that differ in spelling only; None if it is not understood."""
    try:
        node = parse(text)
        claim = claim_of(node)
        value = node if claim.is_equation else claim.value
        return show(mapped(value.args[0] if value.head in ("unit", "degree") else value, _folded))
    except (NotUnderstood, TooComplex):
        return None


def is_unreduced(node: Node) -> bool:
    """Whether a tree has a fraction of whole numbers that is not in lowest terms."""
    for inner in inner_nodes(node):
        if inner.head != "*":
            continue
        above = [part.args[0] for part in inner.args if part.head == "number"]
        below = [part.args[0].args[0] for part in inner.args if part.head == "inverse" and part.args[0].head == "number"]
        if below and math.gcd(*(_integers(above))) and math.gcd(math.prod(_integers(above)), math.prod(_integers(below))) > 1:
            return True
        if below and math.prod(below) == 1:
            return True
    return False


def _integers(values: list[Fraction]) -> list[int]:
    return [int(value) for value in values if value.denominator == 1]


def _folded(node: Node) -> Node:
    """A tree over numbers alone as the number that it is."""
    if node.head not in ("+", "*", "neg", "inverse", "^", "sqrt", "factorial", "abs"):
        return node
    if not all(isinstance(part, Node) and part.head == "number" for part in node.args):
        return node
    value = rational(node, {}, Work())
    if value is None or value.numerator.bit_length() + value.denominator.bit_length() > MAX_SHOWN_BITS:
        return node
    return number(value)
