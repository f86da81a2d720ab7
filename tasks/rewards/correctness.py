"""Rewards for being right, by the verdict of the task's own grader: accuracy, code, binary_code.

Source: DeepSeek-R1, arXiv 2501.12948 v2, Eq. 4 and B.3.1 (a final answer that matches, a program that passes its tests; no neural judge).
"""

from collections.abc import Sequence

from r1bench.tasks.rewards.reward import Judged, Values


def accuracy(judged: Sequence[Judged]) -> Values:
    """The grade's score: 1 for a correct answer, 0 otherwise. None where grading itself broke off, which says nothing about the model.

    Departures from the sources: the answer is looked for in the answer part only, two boxes are not taken for a set, gold and answer are
    compared in this order, and a gold that does not parse is an error when data are loaded, not 0.5 (S001) or 1 (early open-r1) here.
    """
    return [None if each.grade.outcome == "failed" else each.grade.score for each in judged]


def code(judged: Sequence[Judged]) -> Values:
    """The share of a program's tests that it passes, 0 where there is no program; None for what was not judged by running it.

    open-r1's form compares printed lines pairwise and so lets a program pass that prints the first line only; ours compares the whole
    output, outside the sandbox.
    """
    return [_fraction(each) for each in judged]


def binary_code(judged: Sequence[Judged]) -> Values:
    """1 for a program that passes all its tests, 0 otherwise; None as for `code`.

    open-r1's form asks for more than 0.99 of the tests, so that 199 of 200 are enough there.
    """
    return [None if (fraction := _fraction(each)) is None else float(fraction == 1) for each in judged]


def _fraction(judged: Judged) -> float | None:
    if judged.grade.grader != "code" or judged.grade.outcome == "failed":
        return None
    return float(judged.grade.details.get("fraction", 0.0))
