"""arithmetic: generated word and symbol problems in English and Chinese, in five levels, with nothing to download.

The task that the embedded `tiny-base` model can do, so that the whole recipe runs on a laptop. It measures nothing about a large model.
Levels 1-3 are symbols with three, four and five numbers; levels 4 and 5 are stories with four and five numbers. Every running
value stays within 1 ... 199. Left out: division, brackets, negative numbers.

Splits are disjoint by construction: the numbers and signs of a problem hash to one split, whatever words surround them.
"""

import hashlib
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Literal, NamedTuple, get_args

from r1bench.harness.records import Problem, Sampling
from r1bench.tasks.data.tables import read_table
from r1bench.tasks.task import Task

Split = Literal["train", "test"]
LEVELS = (1, 2, 3, 4, 5)
LARGEST_VALUE = 199
TEST_SHARE = 8
"""One expression in eight belongs to the test split."""

TEXTS = read_table("r1bench.tasks.data", "arithmetic.json")
"""Language -> questions in symbols; and stories, each with its start, its start as a product, a gain, a loss and its question."""


class Expression(NamedTuple):
    """A sum to be worked out from left to right."""

    start: tuple[int, ...]
    """One number, or two that are multiplied first."""
    changes: tuple[tuple[str, int], ...]
    """What is added or taken away, in order: ('+' or '-', amount)."""

    def steps(self) -> list[tuple[str, int]]:
        """Each intermediate calculation without spaces and its value, e.g. ('23+45', 68)."""
        value, found = self.start[0], []
        if len(self.start) == 2:
            value = self.start[0] * self.start[1]
            found.append((f"{self.start[0]}*{self.start[1]}", value))
        for sign, amount in self.changes:
            after = value + amount if sign == "+" else value - amount
            found.append((f"{value}{sign}{amount}", after))
            value = after
        return found

    def answer(self) -> int:
        return self.steps()[-1][1]

    def symbols(self) -> str:
        return " * ".join(map(str, self.start)) + "".join(f" {sign} {amount}" for sign, amount in self.changes)

    def split(self) -> Split:
        """The split that owns this expression."""
        digest = hashlib.sha256(self.symbols().encode()).digest()
        return "test" if digest[0] % TEST_SHARE == 0 else "train"


def draw_expression(random: Random, level: int) -> Expression:
    """A random expression of a level with every running value within 1 ... LARGEST_VALUE."""
    num_changes = (2, 3, 4, 3, 4)[level - 1]
    if random.random() < 0.25:
        start: tuple[int, ...] = (random.randint(2, 9), random.randint(2, 9))
        value, num_changes = start[0] * start[1], num_changes - 1
    else:
        start = (random.randint(11, 99),)
        value = start[0]
    changes = []
    for _ in range(num_changes):
        can_add, can_take = value + 10 <= LARGEST_VALUE, value > 10
        sign = "+" if can_add and (not can_take or random.random() < 0.5) else "-"
        amount = random.randint(10, min(99, LARGEST_VALUE - value if sign == "+" else value))
        if sign == "-" and amount == value:
            amount -= 1
        value = value + amount if sign == "+" else value - amount
        changes.append((sign, amount))
    return Expression(start, tuple(changes))


def ask(random: Random, expression: Expression, level: int, language: str) -> str:
    """The question in words."""
    if level <= 3:
        return random.choice(TEXTS["symbols"][language]).format(expression.symbols())
    single, product, more, less, question = random.choice(TEXTS["stories"][language])
    story = (product if len(expression.start) == 2 else single).format(*expression.start)
    return story + "".join((more if sign == "+" else less).format(amount) for sign, amount in expression.changes) + question


def draw_problem(split: Split, seed: int | str, index: int, level: int | None = None) -> tuple[Problem, Expression]:
    """Problem number `index` of a split: the same for the same arguments on every machine.

    The random stream is keyed by all of them (never seed + index, which would let neighbouring seeds share problems).
    """
    random = Random(f"arithmetic:{split}:{seed}:{index}")
    level = level or random.choice(LEVELS)
    language = random.choice(("en", "zh"))
    while (expression := draw_expression(random, level)).split() != split:
        pass
    problem = Problem(
        id=f"{split}-{seed}-{index}",
        prompt=ask(random, expression, level, language),
        gold=(str(expression.answer()),),
        language=language,
        metadata={"level": level, "expression": expression.symbols()},
    )
    return problem, expression


def distinct(split: str, num_problems: int, draw: Callable[[Split, int], Problem]) -> list[Problem]:
    """The first problems of a split that ask different questions; `draw` makes the one of each number.

    Raises:
        ValueError: the split is neither 'train' nor 'test'.
    """
    if split not in get_args(Split):
        raise ValueError(f"split {split!r} is none of {get_args(Split)}")
    found: dict[str, Problem] = {}
    for index in count():
        if len(found) >= num_problems:
            break
        problem = draw(split, index)  # type: ignore[arg-type]
        found.setdefault(problem.prompt, problem)
    return list(found.values())


def problems(split: str = "test", num_problems: int = 250, seed: int | str = 0) -> list[Problem]:
    """Distinct problems of a split. Errors as `distinct`."""
    return distinct(split, num_problems, lambda own, index: draw_problem(own, seed, index)[0])


TASK = Task(
    name="arithmetic",
    version="1",
    summary="generated sums in English and Chinese, five levels",
    grader="integer",
    template="plain",
    sampling=Sampling(n=4, temperature=1.0, top_p=1.0, max_tokens=128),
    num_problems=250,
    generate=problems,
)
