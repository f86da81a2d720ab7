"""The same benchmark from several publishers: which problems they share, and where their gold answers contradict each other.

A gold that is wrong parses as well as a right one; only another copy can show it. Copies differ in spacing, dollar signs and LaTeX, and
different problems of a benchmark can differ in one sign, so two texts are one problem only if words, digits and order of signs agree.
Left out: which of two copies is right.
"""

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import chain, combinations, islice
from typing import NamedTuple

from r1bench.harness.records import Problem
from r1bench.tasks.data.loading import Findings
from r1bench.tasks.grading import GradeRequest, GradingPool
from r1bench.tasks.task import Task

WORD = re.compile(r"[^\W\d_]{2,}")
DRAWN, DRAWN_END = re.compile(r"[\[<]asy[\]>]"), re.compile(r"[\[<]/asy[\]>]")
"""Around the source text of a figure, which some copies have and others leave out."""
DRESS = re.compile(r"\\(?:left|right|[dt]?frac|text|mathrm|,|;|!|\s)|[\s${}\\~]")
"""What copies of a text differ in."""
COMMON_WORDS, COMMON_SIGNS = 0.5, 0.9
"""Least share of common words (Jaccard), and least similarity of the undressed texts (difflib's ratio), of one problem in two copies."""
MANY_DIGITS, REWORDED_SIGNS = 6, 0.6
"""With so many digits in common a reworded text is recognised too, from this similarity on."""


MOST_CANDIDATES, MOST_SIGNS = 200, 2000
"""Texts that one is held against, and signs of each that are looked at: the time of both grows with their square."""


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
    text = without_drawings(problem.prompt.lower())
    return Text(problem, frozenset(WORD.findall(text)), Counter(filter(str.isdecimal, text)), DRESS.sub("", text))


def without_drawings(text: str) -> str:
    """A text without its figures; one that does not end stays. One pattern for both marks would take the square of their number."""
    kept, at = [], 0
    while (begun := DRAWN.search(text, at)) and (ended := DRAWN_END.search(text, begun.end())):
        kept.append(text[at : begun.start()])
        at = ended.end()
    return "".join([*kept, text[at:]])


def likeness(one: Text, other: Text) -> float:
    """0 for different problems, otherwise the similarity of their undressed texts, up to 1."""
    if one.digits != other.digits or len(one.words & other.words) < COMMON_WORDS * len(one.words | other.words):
        return 0.0
    enough = REWORDED_SIGNS if one.digits.total() >= MANY_DIGITS else COMMON_SIGNS
    matcher = SequenceMatcher(None, one.signs[:MOST_SIGNS], other.signs[:MOST_SIGNS], autojunk=False)
    if matcher.real_quick_ratio() < enough or matcher.quick_ratio() < enough:
        return 0.0
    ratio = matcher.ratio()
    return ratio if ratio >= enough else 0.0


class Candidates:
    """The texts of a source, found by what a text like them must share: a thousand times the problems take a thousand times as long."""

    def __init__(self, texts: Sequence[Text]) -> None:
        self.by_digits: dict[frozenset[tuple[str, int]], list[Text]] = {}
        self.by_word: dict[tuple[frozenset[tuple[str, int]], str], list[Text]] = {}
        for text in texts:
            digits = frozenset(text.digits.items())
            self.by_digits.setdefault(digits, []).append(text)
            for word in text.words:
                self.by_word.setdefault((digits, word), []).append(text)

    def of(self, own: Text) -> Sequence[Text]:
        """All with the same digits, or where these are too many those that share the rarest words with it, MOST_CANDIDATES at most."""
        digits = frozenset(own.digits.items())
        found = self.by_digits.get(digits, [])
        if len(found) > MOST_CANDIDATES:
            rarest = sorted((self.by_word.get((digits, word), []) for word in own.words), key=len)
            return list(islice(chain.from_iterable(rarest), MOST_CANDIDATES))
        return found


def match(first: Sequence[Problem], second: Sequence[Problem]) -> list[tuple[Problem, Problem]]:
    """Each problem of the first source with the one like it in the second."""
    texts = [prepare(problem) for problem in second]
    by_signs, candidates = {text.signs: text for text in texts}, Candidates(texts)
    found = []
    for problem in first:
        own = prepare(problem)
        best = by_signs.get(own.signs) or max(candidates.of(own), key=lambda text: likeness(own, text), default=None)
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
