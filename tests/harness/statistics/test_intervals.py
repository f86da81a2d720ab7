"""Intervals against scipy, closed forms and simulation; the quantiles under them against scipy."""

import math

import numpy as np
import pytest
from scipy import stats

from r1bench.harness import statistics
from r1bench.harness.errors import UsageError
from r1bench.harness.statistics import distributions, intervals

HALF_HARD = [[1.0] * 4] * 25 + [[0.0] * 4] * 25


def simulate(num_problems: int, n: int, seed: int, *, easy: float = 0.3, hard: float = 0.7) -> list[list[float]]:
    generator = np.random.default_rng(seed)
    chances = generator.beta(easy, hard, num_problems)
    return (generator.random((num_problems, n)) < chances[:, None]).astype(float).tolist()


def width(found: intervals.Interval) -> float:
    return found.high - found.low


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (1, 1), (0.5, 1000), (200, 0.5), (7, 24), (300, 701)])
def test_beta_probability_agrees_with_scipy(a, b):
    for x in (0.0, 1e-4, 0.1, 0.3, 0.5, 0.99, 0.9999, 1.0):
        assert distributions.beta_probability(x, a, b) == pytest.approx(stats.beta.cdf(x, a, b), abs=1e-10)


@pytest.mark.parametrize("degrees", [0.7, 1, 2, 2.5, 5, 30, 1318, 1999.5])
def test_student_t_agrees_with_scipy_for_whole_and_broken_degrees(degrees):
    for level in (0.5, 0.9, 0.95, 0.99):
        expected = stats.t.ppf((1 + level) / 2, degrees)
        assert statistics.student_t(level, degrees) == pytest.approx(expected, rel=1e-9)
        assert distributions.student_probability(expected, degrees) == pytest.approx(level, abs=1e-10)


def test_student_t_is_normal_for_very_many_degrees():
    assert statistics.student_t(0.95, 5000) == statistics.normal_quantile(0.975)
    assert distributions.student_probability(1.96, 5000) == pytest.approx(1 - 2 * distributions.normal_probability(-1.96))


def test_wilson_agrees_with_scipy():
    for successes, trials in ((0, 1), (1, 1), (3, 10), (0, 30), (29, 30), (499, 500)):
        expected = stats.binomtest(successes, trials).proportion_ci(0.95, "wilson")
        assert statistics.wilson_interval(successes, trials)[:2] == pytest.approx(tuple(expected), abs=1e-9)


def test_wilson_of_broken_trials_has_the_roots_of_its_defining_equation():
    z = statistics.normal_quantile(0.975)
    roots = np.roots([12.5 + z**2, -(2 * 4.25 + z**2), 4.25**2 / 12.5])
    assert statistics.wilson_interval(4.25, 12.5)[:2] == pytest.approx(sorted(roots.real), abs=1e-9)


def test_wilson_contains_the_share_and_stays_within_zero_and_one():
    for trials in (1, 2, 7, 500):
        for successes in range(trials + 1):
            low, high, _ = statistics.wilson_interval(successes, trials)
            assert 0 <= low <= successes / trials <= high <= 1
            assert low < high


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (2, 1), (-1, 5)])
def test_wilson_refuses_what_is_no_proportion(successes, trials):
    with pytest.raises(UsageError, match="no proportion"):
        statistics.wilson_interval(successes, trials)


def test_one_right_or_wrong_sample_per_problem_has_the_interval_of_wilson():
    for num_right in (0, 1, 13, 30):
        scores = [[1]] * num_right + [[0]] * (30 - num_right)
        assert statistics.interval(scores) == pytest.approx(statistics.wilson_interval(num_right, 30))


def test_samples_that_all_agree_within_their_problem_count_as_one():
    assert statistics.interval(HALF_HARD)[:2] == pytest.approx(statistics.wilson_interval(25, 50)[:2])


def test_effective_trials_agree_with_adding_the_imaginary_problems_as_values():
    values = [0.0, 0.25, 0.25, 0.75, 1.0, 1.0, 0.5]
    weights = [1.0] * 7 + [0.375, 0.375]
    mean = np.average([*values, 0, 1], weights=weights)
    spread = np.average((np.array([*values, 0, 1]) - mean) ** 2, weights=weights)
    assert intervals.effective_trials(values) == pytest.approx(7 * mean * (1 - mean) / spread)


def test_effective_trials_of_many_problems_are_the_samples_over_the_design_effect():
    scores = simulate(5000, 4, seed=3)
    found = intervals.effective_trials(statistics.question_means(scores))
    assert found == pytest.approx(sum(statistics.variance_parts(scores)) / statistics.total_error(scores) ** 2, rel=0.005)


def test_equally_hard_problems_are_worth_no_more_than_their_samples():
    scores = [[1.0, 0.0]] * 30
    assert statistics.interval(scores)[:2] == pytest.approx(statistics.wilson_interval(30, 60)[:2])


def test_broken_scores_are_not_held_to_the_number_of_samples():
    assert width(statistics.interval([[0.45], [0.5], [0.55]] * 20)) < width(statistics.wilson_interval(30, 60)) / 4


def test_interval_of_many_problems_is_the_t_interval():
    scores = simulate(2000, 4, seed=5)
    mean, half = statistics.pass_at_1(scores), 1.96 * statistics.total_error(scores)
    assert statistics.interval(scores)[:2] == pytest.approx((mean - half, mean + half), abs=0.0005)


def test_interval_widens_when_answers_cluster_in_problems():
    spread = statistics.interval([[1.0, 0.0, 1.0, 0.0]] * 25 + [[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0]] * 12 + [[0.0] * 4])
    assert width(statistics.interval(HALF_HARD)) > 1.7 * width(spread)


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(("num_problems", "n"), [(1, 1), (1, 64), (30, 4), (500, 4)])
def test_no_spread_still_has_an_interval_with_width(score, num_problems, n):
    low, high, _ = statistics.interval([[score] * n] * num_problems)
    assert 0 <= low <= score <= high <= 1
    assert high - low > 0.001


def test_turning_right_into_wrong_turns_the_interval():
    scores = [row[: 2 + index % 3] for index, row in enumerate(simulate(30, 4, seed=6))]
    found, turned = statistics.interval(scores), statistics.interval([[1 - score for score in row] for row in scores])
    assert (turned.low, turned.high) == pytest.approx((1 - found.high, 1 - found.low))


def test_mean_interval_is_that_of_question_means_and_holds_their_mean():
    scores = simulate(30, 16, seed=7)
    values = statistics.question_means(scores)
    assert statistics.mean_interval(values) == statistics.interval(scores)
    assert statistics.mean_interval([0.0, 1.0, 1.0]).method == "wilson"
    assert statistics.mean_interval(values).method == "wilson-effective"


@pytest.mark.parametrize("values", [[], [1.5], [0.5, -0.1], [math.nan]])
def test_mean_interval_refuses_what_is_no_share(values):
    with pytest.raises(UsageError, match="each 0"):
        statistics.mean_interval(values)


@pytest.mark.parametrize(("num_problems", "n", "easy"), [(30, 1, 0.5), (30, 4, 0.1), (30, 64, 0.1), (120, 4, 0.5), (20, 16, 0.85)])
def test_intervals_cover_the_truth_as_often_as_they_say(num_problems, n, easy):
    found = [statistics.interval(simulate(num_problems, n, seed, easy=easy, hard=1 - easy)) for seed in range(600)]
    covered = sum(one.low <= easy <= one.high for one in found) / 600
    assert 0.93 <= covered <= 0.985
