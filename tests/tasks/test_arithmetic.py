"""The generated task: splits, levels, answers."""

from random import Random

import pytest

from r1bench.tasks.arithmetic import LARGEST_VALUE, LEVELS, draw_expression, draw_problem, problems


def test_no_expression_of_the_test_split_is_in_the_train_split() -> None:
    test = {problem.metadata["expression"] for problem in problems("test", 1000)}
    train = {problem.metadata["expression"] for problem in problems("train", 4000)}
    assert len(test) > 900
    assert not test & train


def test_the_same_arguments_give_the_same_problem_and_neighbouring_seeds_share_none() -> None:
    assert draw_problem("train", 3, 7) == draw_problem("train", 3, 7)
    first = {problem.prompt for problem in problems("train", 300, seed=1)}
    second = {problem.prompt for problem in problems("train", 300, seed=2)}
    assert not first & second


def test_the_answer_is_what_python_makes_of_the_symbols() -> None:
    for index in range(500):
        problem, expression = draw_problem("test", 0, index)
        value = expression.start[0] * (expression.start[1] if len(expression.start) == 2 else 1)
        value += sum(amount if sign == "+" else -amount for sign, amount in expression.changes)
        assert problem.gold == (str(value),)


@pytest.mark.parametrize("level", LEVELS)
def test_every_running_value_stays_in_range(level: int) -> None:
    random = Random(level)
    values = [value for _ in range(500) for _, value in draw_expression(random, level).steps()]
    assert min(values) >= 1
    assert max(values) <= LARGEST_VALUE


def test_all_levels_and_both_languages_occur() -> None:
    found = problems("test", 250)
    assert {problem.metadata["level"] for problem in found} == set(LEVELS)
    assert {problem.language for problem in found} == {"en", "zh"}


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(ValueError, match="validation"):
        problems("validation")
