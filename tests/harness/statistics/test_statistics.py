"""Every estimator against a second way of computing it: closed form, brute force, or simulation."""

import itertools
import math

import numpy as np
import pytest

from r1bench.harness import statistics
from r1bench.harness.errors import UsageError
from r1bench.harness.statistics import estimators

MIXED = [[1, 0, 1], [0, 0], [1, 1, 1, 0], [1, 1]]


def simulate(num_problems: int, n: int, seed: int, *, easy: float = 0.3, hard: float = 0.7) -> list[list[float]]:
    generator = np.random.default_rng(seed)
    chances = generator.beta(easy, hard, num_problems)
    return (generator.random((num_problems, n)) < chances[:, None]).astype(float).tolist()


def test_pass_at_1_weighs_problems_equally_whatever_their_n():
    assert statistics.pass_at_1(MIXED) == pytest.approx((2 / 3 + 0 + 3 / 4 + 1) / 4)


def test_pass_at_1_of_nothing_is_refused_instead_of_being_zero():
    for scores in ([], [[1.0], []]):
        with pytest.raises(UsageError, match="nothing to average"):
            statistics.pass_at_1(scores)


def test_pass_at_k_agrees_with_drawing_every_subset():
    for num_correct, k in itertools.product(range(6), range(1, 6)):
        samples = [1] * num_correct + [0] * (5 - num_correct)
        subsets = list(itertools.combinations(samples, k))
        assert estimators.pass_at_k(5, num_correct, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


def test_pass_at_k_refuses_more_than_was_sampled_and_names_the_cure():
    with pytest.raises(UsageError, match="draw at least 64 samples"):
        estimators.pass_at_k(8, 3, 64)


@pytest.mark.parametrize(("correct", "k"), [(-1, 1), (9, 1), (3, 0)])
def test_pass_at_k_refuses_impossible_counts(correct, k):
    with pytest.raises(UsageError):
        estimators.pass_at_k(8, correct, k)


def test_total_error_with_one_sample_is_the_binomial_error():
    scores = [[1.0]] * 12 + [[0.0]] * 18
    assert statistics.total_error(scores) == pytest.approx(math.sqrt(0.4 * 0.6 / 29))


def test_resampling_error_agrees_with_numpy_on_rows_of_different_length():
    parts = [np.var(row, ddof=1) / len(row) for row in MIXED]
    assert statistics.resampling_error(MIXED) == pytest.approx(math.sqrt(sum(parts)) / 4)


def test_what_cannot_be_known_is_none_and_not_zero():
    assert statistics.resampling_error([[1.0], [0.0, 1.0]]) is None
    assert statistics.question_error([[1.0], [0.0, 1.0]]) is None
    assert statistics.total_error([[1.0, 0.0]]) is None
    assert statistics.question_error([[1.0, 0.0]]) is None


def test_squares_of_question_and_resampling_errors_add_up_to_the_total():
    scores = simulate(40, 8, seed=1)
    parts = statistics.question_error(scores), statistics.resampling_error(scores)
    assert math.hypot(*parts) == pytest.approx(statistics.total_error(scores))


def test_question_error_is_floored_at_zero_for_alike_questions():
    assert statistics.question_error([[1.0, 0.0], [0.0, 1.0]]) == 0.0


def test_resampling_error_is_the_spread_over_new_samples_of_the_same_questions():
    generator = np.random.default_rng(2)
    chances = generator.beta(0.3, 0.7, 30)
    drawn = (generator.random((1000, 30, 4)) < chances[:, None]).astype(float)
    errors = [statistics.resampling_error(scores) ** 2 for scores in drawn[:300].tolist()]
    assert math.sqrt(np.mean(errors)) == pytest.approx(drawn.mean(axis=(1, 2)).std(), rel=0.1)


def test_total_and_question_errors_are_the_spread_over_new_questions():
    generator = np.random.default_rng(3)
    chances = generator.beta(0.3, 0.7, (1000, 30))
    drawn = (generator.random((1000, 30, 4)) < chances[:, :, None]).astype(float)
    total = math.sqrt(np.mean([statistics.total_error(scores) ** 2 for scores in drawn[:300].tolist()]))
    question = math.sqrt(np.mean([statistics.question_error(scores) ** 2 for scores in drawn[:300].tolist()]))
    assert total == pytest.approx(drawn.mean(axis=(1, 2)).std(), rel=0.1)
    assert question == pytest.approx(chances.mean(axis=1).std(), rel=0.1)


def test_variance_parts_are_those_of_the_classical_analysis_of_variance():
    scores = np.array(simulate(40, 8, seed=11))
    within = ((scores - scores.mean(axis=1, keepdims=True)) ** 2).sum() / (40 * 7)
    between = (8 * ((scores.mean(axis=1) - scores.mean()) ** 2).sum() / 39 - within) / 8
    found = statistics.variance_parts(scores.tolist())
    assert found == pytest.approx((within, between))


def test_variance_parts_and_standard_errors_have_the_design_effect_of_kish():
    scores = simulate(40, 8, seed=11)
    within, between = statistics.variance_parts(scores)
    alone, design_effect = math.sqrt((within + between) / 320), 1 + 7 * between / (within + between)
    assert statistics.total_error(scores) / alone == pytest.approx(math.sqrt(design_effect))


def test_variance_parts_of_rows_of_different_length_find_what_was_put_in():
    generator = np.random.default_rng(12)
    rows = [(generator.random(2 + index % 5) < chance).tolist() for index, chance in enumerate(generator.beta(0.5, 0.5, 20_000))]
    found = statistics.variance_parts(rows)
    assert found == pytest.approx((0.125, 0.125), rel=0.03)
    assert found.between == pytest.approx(20_000 * statistics.question_error(rows) ** 2)


@pytest.mark.parametrize(
    ("scores", "known"),
    [([[1, 0], [1]], ()), ([[1, 0]], ("within",)), ([[1, 1], [1, 1]], ("within", "between")), ([[1], [0]], ())],
)
def test_variance_parts_that_cannot_be_known_are_none(scores, known):
    found = statistics.variance_parts(scores)._asdict()
    assert [name for name, value in found.items() if value is not None] == list(known)


def test_alike_questions_have_no_variance_between_them():
    assert statistics.variance_parts([[1, 0], [0, 1]]) == (0.5, 0.0)
