"""The grader 'choice': the letter of a multiple-choice answer. Also shuffles options and writes them out, so that task and grader agree.

The options of a row: `choices`, the options' texts in the order of their letters. With them an answer may be an option's text, and a letter
beyond them is 'unparsed'; without them the letters are A ... J. Two letters in one answer ("A or B") are wrong, whatever the gold is.
Where an answer stands in a completion: letters.py. Left out: questions with several right options.

    r1bench grade choice rows.jsonl     # {"response": "... ANSWER: C", "gold": "C", "options": {"choices": ["1", "2", "3", "4"]}}
"""

import random
import re
import string
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from r1bench.harness.errors import GraderError, quoted
from r1bench.tasks.grading.finding.answer import find_answer
from r1bench.tasks.grading.request import GradeRequest, Judgement

NUM_LETTERS = 10
"""Letters of a question whose options are not given: A ... J."""
GOLD = re.compile(r"\(?([A-Za-z])\)?\.?")


class Shuffled(NamedTuple):
    """Options in a new order."""

    choices: tuple[str, ...]
    gold: str
    """The letter of the right one."""


def judge(request: GradeRequest) -> Judgement:
    """Whether the letter that a completion gives is a gold letter.

    Raises:
        GraderError: there is no gold letter, or it is beyond the choices, or `choices` is not a list of two or more texts.
    """
    letters = _letters(request)
    golds = [_gold_letter(gold) for gold in request.gold]
    unusable = [gold for gold, letter in zip(request.gold, golds, strict=True) if letter is None or letter not in letters]
    if unusable or not golds:
        known = f"{letters[0]} ... {letters[-1]}"
        raise GraderError(f"grader 'choice' cannot judge by {quoted(request.gold)}: the gold must be a letter {known}; check the problems")
    found = find_answer(request, "choice")
    extracted = found.answer or None
    if found.outcome is not None:
        return Judgement(found.outcome, 0.0, extracted, found.reason, found.flags)
    given = found.answer.split(", ")
    if any(letter not in letters for letter in given):
        return Judgement("unparsed", 0.0, extracted, f"not one of the {len(letters)} choices", found.flags)
    if len(given) > 1:
        return Judgement("wrong", 0.0, extracted, "more than one choice", found.flags)
    is_right = given[0] in golds
    return Judgement("correct" if is_right else "wrong", float(is_right), extracted, "equal" if is_right else "differs", found.flags)


def check_gold(gold: str) -> str | None:
    """Why a gold answer cannot be judged by, or None if it can."""
    letter = _gold_letter(gold)
    if letter is None or letter not in string.ascii_uppercase[:NUM_LETTERS]:
        return f"is not a letter A ... {string.ascii_uppercase[NUM_LETTERS - 1]}"
    return None


def check_options(options: Mapping[str, Any]) -> str | None:
    """Why these options cannot be: the texts of the choices are no list, or one stands there twice."""
    choices = options.get("choices", ["A", "B"])
    if not isinstance(choices, list) or len(choices) < 2 or not all(isinstance(choice, str) for choice in choices):
        return "'choices' must be a list of at least two texts"
    return "'choices' holds a text twice" if len(set(choices)) < len(choices) else None


def shuffled(right: str, wrong: Sequence[str], problem_id: str, seed: int = 0, name: str = "gpqa") -> Shuffled:
    """The options in an order that depends on nothing but the task's name, the problem and the seed, and the letter of the right one."""
    choices = [right, *wrong]
    order = list(range(len(choices)))
    random.Random(f"{name}:{problem_id}:{seed}").shuffle(order)
    return Shuffled(tuple(choices[index] for index in order), string.ascii_uppercase[order.index(0)])


def lettered(choices: Sequence[str]) -> str:
    """The options as a prompt shows them, one per line: `A) first`."""
    return "\n".join(f"{letter}) {choice}" for letter, choice in zip(string.ascii_uppercase, choices, strict=False))


def _letters(request: GradeRequest) -> str:
    choices = request.options.get("choices")
    if choices is None:
        return string.ascii_uppercase[:NUM_LETTERS]
    is_list = isinstance(choices, list | tuple) and all(isinstance(choice, str) for choice in choices)
    if not is_list or not 2 <= len(choices) <= NUM_LETTERS:
        raise GraderError(f"grader 'choice' cannot read the option 'choices' {choices!r:.80}: give a list of 2 to {NUM_LETTERS} texts")
    return string.ascii_uppercase[: len(choices)]


def _gold_letter(gold: str) -> str | None:
    found = GOLD.fullmatch(gold.strip())
    return found[1].upper() if found else None
