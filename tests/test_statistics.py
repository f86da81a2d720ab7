"""Every estimator against a second way of computing it: closed form, brute force, or simulation."""

import itertools
import math
import random

import numpy as np
import pytest

from r1bench.harness import statistics
from r1bench.harness.errors import UsageError
from r1bench.harness.statistics import intervals

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
        assert statistics.pass_at_k(5, num_correct, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


def test_pass_at_k_refuses_more_than_was_sampled_and_names_the_cure():
    with pytest.raises(UsageError, match="draw at least 64 samples"):
        statistics.pass_at_k(8, 3, 64)


@pytest.mark.parametrize(("correct", "k"), [(-1, 1), (9, 1), (3, 0)])
def test_pass_at_k_refuses_impossible_counts(correct, k):
    with pytest.raises(UsageError):
        statistics.pass_at_k(8, correct, k)


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


@pytest.mark.parametrize(
    ("level", "degrees", "expected"),
    [(0.95, 1, 12.7062), (0.95, 2, 4.3027), (0.9, 5, 2.0150), (0.99, 30, 2.7500), (0.95, 1318, 1.9618)],
)
def test_student_t_agrees_with_printed_tables(level, degrees, expected):
    assert statistics.student_t(level, degrees) == pytest.approx(expected, abs=1e-4)


def test_wilson_agrees_with_the_roots_of_its_defining_equation():
    z = statistics.normal_quantile(0.975)
    for successes, trials in ((0, 1), (1, 1), (3, 10), (0, 30), (29, 30), (499, 500)):
        share = successes / trials
        roots = np.roots([trials + z**2, -(2 * successes + z**2), trials * share**2])
        found = statistics.wilson_interval(successes, trials)
        assert (found.low, found.high) == pytest.approx(sorted(roots.real), abs=1e-6)


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


@pytest.mark.parametrize("num_problems", [10, 61])
def test_bootstrap_agrees_with_the_t_interval_on_symmetric_values(num_problems):
    values = np.linspace(0.2, 0.8, num_problems).tolist()
    half = statistics.student_t(0.95, num_problems - 1) * np.std(values, ddof=1) / math.sqrt(num_problems)
    low, high, _ = statistics.bootstrap_interval(values)
    assert (low, high) == pytest.approx((0.5 - half, 0.5 + half), abs=0.006)


def test_bootstrap_is_the_same_every_time_and_in_any_order():
    values = [sum(row) / len(row) for row in simulate(30, 4, seed=4)]
    shuffled = random.Random(0).sample(values, len(values))
    assert statistics.bootstrap_interval(values) == statistics.bootstrap_interval(shuffled)
    assert statistics.bootstrap_interval(values, seed=1) != statistics.bootstrap_interval(values, seed=2)


def test_bootstrap_in_several_chunks_draws_as_many_means(monkeypatch):
    monkeypatch.setattr(intervals, "CHUNK", 1000)
    assert sum(intervals.chunks(10_000, 30)) == 10_000
    assert statistics.bootstrap_interval([0.0, 0.5, 1.0] * 10).method == "bootstrap"


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_bootstrap_of_equal_values_has_a_width(value):
    low, high, method = statistics.bootstrap_interval([value] * 30)
    assert low <= value <= high
    assert high - low > 0.05
    assert method == "wilson-problems"


def test_bootstrap_of_nothing_is_refused():
    with pytest.raises(UsageError, match="no problems"):
        statistics.bootstrap_interval([])


@pytest.mark.parametrize(
    ("num_problems", "n", "method"),
    [(30, 1, "wilson"), (5, 4, "wilson-problems"), (30, 4, "bootstrap"), (100, 4, "t"), (1, 1, "wilson")],
)
def test_the_rule_of_which_interval_is_used(num_problems, n, method):
    assert statistics.interval(simulate(num_problems, n, seed=5)).method == method


@pytest.mark.parametrize("score", [0.0, 1.0])
@pytest.mark.parametrize(("num_problems", "n"), [(1, 1), (1, 64), (30, 4), (500, 4)])
def test_a_perfect_or_zero_score_still_has_an_interval_with_width(score, num_problems, n):
    low, high, _ = statistics.interval([[score] * n] * num_problems)
    assert 0 <= low <= score <= high <= 1
    assert high - low > 0.001


def test_interval_is_cut_at_one_for_a_nearly_perfect_score():
    assert statistics.interval([[1.0, 1.0]] * 150 + [[1.0, 0.0]]).high == 1.0


def test_interval_widens_when_answers_cluster_in_problems():
    clustered = statistics.interval([[1.0] * 4] * 25 + [[0.0] * 4] * 25)
    spread = statistics.interval([[1.0, 0.0, 1.0, 0.0]] * 25 + [[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0]] * 12 + [[0.0] * 4])
    assert clustered.high - clustered.low > 3 * (spread.high - spread.low)


@pytest.mark.parametrize(("num_problems", "n"), [(30, 1), (30, 4), (120, 4)])
def test_intervals_cover_the_truth_about_as_often_as_they_say(num_problems, n):
    found = [statistics.interval(simulate(num_problems, n, seed)) for seed in range(100)]
    covered = sum(one.low <= 0.3 <= one.high for one in found)
    assert 88 <= covered <= 100


def test_paired_difference_agrees_with_numpy():
    scores_a, scores_b = simulate(50, 4, seed=6), simulate(50, 4, seed=7)
    differences = np.mean(scores_b, axis=1) - np.mean(scores_a, axis=1)
    found = statistics.paired_difference(scores_a, scores_b)
    error = differences.std(ddof=1) / math.sqrt(50)
    assert found.method == "t"
    assert (found.mean, found.total_error) == pytest.approx((differences.mean(), error))
    assert found.high - found.low == pytest.approx(2 * 2.00958 * error, rel=1e-4)


def test_paired_difference_counts_wins_losses_and_ties_of_b():
    found = statistics.paired_difference([[0, 0], [1, 1], [1, 0], [1, 0]], [[1, 0], [0, 0], [0, 1], [1, 1]])
    assert (found.wins, found.losses, found.ties, found.num_problems) == (2, 1, 1, 4)


def test_pairing_narrows_the_interval_when_problems_share_their_difficulty():
    scores_a = [[1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]] * 20
    scores_b = [[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]] * 10
    errors = [statistics.total_error(scores) for scores in (scores_a, scores_b)]
    assert statistics.paired_difference(scores_a, scores_b).interval_error < math.hypot(*errors) / 2


def test_reversing_a_paired_difference_reverses_its_interval():
    for scores in ((simulate(50, 4, 8), simulate(50, 4, 9)), ([[1], [0], [1]], [[1], [1], [1]])):
        forth, back = statistics.paired_difference(*scores), statistics.paired_difference(*reversed(scores))
        assert (back.mean, back.low, back.high) == pytest.approx((-forth.mean, -forth.high, -forth.low))
        assert back.p_value == forth.p_value


def test_resampling_error_of_a_difference_needs_two_samples_in_both():
    assert statistics.paired_difference([[1, 0]], [[1]]).resampling_error is None
    assert statistics.paired_difference([[1, 0]], [[1, 0]]).resampling_error == pytest.approx(math.sqrt(0.5))


@pytest.mark.parametrize("scores", [([[1]], [[1]]), ([[0]] * 30, [[1]] * 30), ([[1, 0]] * 30, [[1, 0]] * 30)])
def test_equal_differences_never_have_an_interval_of_zero_width(scores):
    found = statistics.paired_difference(*scores)
    assert found.method == "adjusted"
    assert -1 <= found.low <= found.mean <= found.high <= 1
    assert found.high - found.low > 0.05


def test_adjusted_interval_is_the_formula_of_bonett_and_price_but_for_the_degrees_of_freedom():
    found = statistics.paired_difference([[1]] * 3 + [[0]] * 47, [[0]] * 2 + [[1]] * 5 + [[0]] * 43)
    won, lost = (4 + 1) / 52, (2 + 1) / 52
    error = math.sqrt((won + lost - (won - lost) ** 2) / 52)
    assert found.interval_error == pytest.approx(error * math.sqrt(52 / 51))
    assert (found.low + found.high) / 2 == pytest.approx(won - lost)


@pytest.mark.parametrize(("num_problems", "n", "easy"), [(30, 1, 0.3), (60, 4, 0.3), (250, 1, 20.0)])
def test_paired_intervals_cover_no_difference_about_as_often_as_they_say(num_problems, n, easy):
    pairs = (simulate(num_problems, 2 * n, seed, easy=easy, hard=0.3) for seed in range(60))
    found = [statistics.paired_difference([row[:n] for row in rows], [row[n:] for row in rows]) for rows in pairs]
    assert sum(one.low <= 0 <= one.high for one in found) >= 52


def test_sign_flip_p_value_agrees_with_trying_every_sign():
    differences = [0.5, -0.25, 0.75, 0.25, 0.0, 1.0]
    sums = [sum(s * d for s, d in zip(signs, differences, strict=True)) for signs in itertools.product((1, -1), repeat=6)]
    expected = np.mean(np.abs(sums) >= 2.25 - 1e-9)
    assert statistics.sign_flip_p_value(differences) == pytest.approx(expected)


def test_sign_flip_p_value_by_draws_agrees_with_the_sign_test():
    tail = sum(math.comb(20, k) for k in range(15, 21)) / 2**20
    assert statistics.sign_flip_p_value([1.0] * 15 + [-1.0] * 5) == pytest.approx(2 * tail, abs=0.005)


def test_sign_flip_p_value_is_one_without_differences_and_never_zero():
    assert statistics.sign_flip_p_value([0.0] * 5) == 1.0
    assert statistics.sign_flip_p_value([1.0] * 300) == pytest.approx(1 / 10_001)


def test_problems_that_do_not_match_are_refused():
    with pytest.raises(UsageError, match="2 and 1 problems"):
        statistics.paired_difference([[1], [0]], [[1]])
    with pytest.raises(UsageError, match="nothing to average"):
        statistics.paired_difference([], [])
