"""The same benchmark from several publishers: which problems they share, and where their gold answers contradict each other.

A gold that is wrong parses as well as a right one; only another copy can show it. Copies differ in spacing, dollar signs and LaTeX, and
different problems of a benchmark can differ in one sign, so two texts are one problem only if words, digits and order of signs agree.
Left out: which of two copies is right.
"""

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import combinations
from typing import NamedTuple

from r1bench.harness.records import Problem
from r1bench.tasks.data.loading import Findings
from r1bench.tasks.grading import GradeRequest, GradingPool
from r1bench.tasks.task import Task

WORD = re.compile(r"[^\W\d_]{2,}")
DRAWING = re.compile(r"[\[<]asy[\]>].*?[\[<]/asy[\]>]", re.DOTALL)
"""Source text of a figure, which some copies have and others leave out."""
DRESS = re.compile(r"\\(?:left|right|[dt]?frac|text|mathrm|,|;|!|\s)|[\s${}\\~]")
"""What copies of a text differ in."""
COMMON_WORDS, COMMON_SIGNS = 0.5, 0.9
"""Least share of common words (Jaccard), and least similarity of the undressed texts (difflib's ratio), of one problem in two copies."""
MANY_DIGITS, REWORDED_SIGNS = 6, 0.6
"""With so many digits in common a reworded text is recognised too, from this similarity on."""


class Text(NamedTuple):
    """A problem ready to be compared."""

    problem: Problem
    words: frozenset[str]
    digits: Counter[str]
    signs: str


class Overlap(NamedTuple):
    """What two sources have in common."""

    sources: tuple[str, str]
    num_shared: int
    contradictions: tuple[str, ...]
    """A sentence for each shared problem whose golds are not equal."""


def prepare(problem: Problem) -> Text:
    """Words, digits and undressed text of a problem."""
    text = DRAWING.sub("", problem.prompt.lower())
    return Text(problem, frozenset(WORD.findall(text)), Counter(filter(str.isdecimal, text)), DRESS.sub("", text))


def likeness(one: Text, other: Text) -> float:
    """0 for different problems, otherwise the similarity of their undressed texts, up to 1."""
    if one.digits != other.digits or len(one.words & other.words) < COMMON_WORDS * len(one.words | other.words):
        return 0.0
    ratio = SequenceMatcher(None, one.signs, other.signs, autojunk=False).ratio()
    enough = REWORDED_SIGNS if one.digits.total() >= MANY_DIGITS else COMMON_SIGNS
    return ratio if ratio >= enough else 0.0


def match(first: Sequence[Problem], second: Sequence[Problem]) -> list[tuple[Problem, Problem]]:
    """Each problem of the first source with the one like it in the second."""
    texts = [prepare(problem) for problem in second]
    by_signs = {text.signs: text for text in texts}
    found = []
    for problem in first:
        own = prepare(problem)
        best = by_signs.get(own.signs) or max(texts, key=lambda text: likeness(own, text), default=None)
        if best is not None and likeness(own, best):
            found.append((problem, best.problem))
    return found


def overlaps(task: Task, sources: Sequence[Findings]) -> tuple[Overlap, ...]:
    """Every two sources held against each other; golds are equal if the task's grader says so."""
    found = []
    with GradingPool(task.grader) as pool:
        for one, other in combinations(sources, 2):
            pairs = match(one.problems, other.problems)
            requests = [GradeRequest(f"\\boxed{{{second.gold[0]}}}", first.gold, "stop") for first, second in pairs]
            differing = [pair for pair, grade in zip(pairs, pool.grade(requests), strict=True) if grade.outcome != "correct"]
            sentences = tuple(
                f"{first.id} has the gold {' | '.join(first.gold):.60} in {one.source}, and as {second.id} "
                f"{' | '.join(second.gold):.60} in {other.source}: one is wrong, or the texts only look alike"
                for first, second in differing
            )
            found.append(Overlap((one.source, other.source), len(pairs), sentences))
    return tuple(found)
