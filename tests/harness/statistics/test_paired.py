"""The paired difference, its tests and Holm: against closed forms, brute force, scipy and simulation."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from r1bench.harness import statistics
from r1bench.harness.errors import UsageError
from r1bench.harness.statistics import multiplicity, paired
from r1bench.harness.statistics.evidence import Evidence, evidence, moments, moments_of_counts, tail_p
from r1bench.harness.statistics.ratios import ratio_difference
from r1bench.harness.statistics.student import normal_equivalent, t_quantile, upper_tail


def simulate(num_problems: int, n: int, seed: int, *, easy: float = 0.3, hard: float = 0.7) -> list[list[float]]:
    generator = np.random.default_rng(seed)
    chances = generator.beta(easy, hard, num_problems)
    return (generator.random((num_problems, n)) < chances[:, None]).astype(float).tolist()


def draw_pair(num_problems: int, n: int, num_gates: int, *, loss: float = 0.0, is_fixed: bool = True, seed: int = 0):
    """Tallies of A and B over the same problems; B's chances are a share `loss` lower."""
    generator = np.random.default_rng(seed)
    chances = generator.beta(0.5, 0.5, num_problems if is_fixed else (num_gates, num_problems))
    counts = [generator.binomial(n, share * chances, (num_gates, num_problems)) for share in (1, 1 - loss)]
    return *(moments_of_counts(count, n) for count in counts), -loss * (chances.mean() if is_fixed else 0.5)


def test_students_tail_and_quantile_agree_with_scipy():
    for degrees in (3, 4.5, 7.3, 30, 1e5):
        t = np.array([-4.0, -1.0, 0.0, 0.5, 2.0, 5.0])
        assert upper_tail(t, degrees) == pytest.approx(stats.t.sf(t, degrees), rel=2e-3)
        for probability in (0.05, 0.9, 0.975, 0.999):
            assert t_quantile(probability, degrees) == pytest.approx(stats.t.ppf(probability, degrees), rel=2e-3)


def test_students_quantile_takes_arrays_and_turns_the_normal_equivalent_around():
    degrees = np.array([2.5, 10.0, 400.0])
    z = normal_equivalent(t_quantile(0.95, degrees), degrees)
    assert z == pytest.approx([1.644854] * 3, abs=1e-6)
    assert normal_equivalent(-2.0, 5.0) == -normal_equivalent(2.0, 5.0)


def test_students_tail_and_quantile_are_exact_for_numbers_however_few_the_degrees_of_freedom():
    for degrees in (1, 1.3, 2, 2.9, 3, 15, 1999.5):
        for t in (-3.0, 0.0, 2.0, 40.0):
            assert upper_tail(t, degrees) == pytest.approx(stats.t.sf(t, degrees), rel=1e-9)
        for probability in (0.025, 0.9, 0.975, 0.999):
            assert t_quantile(probability, degrees) == pytest.approx(stats.t.ppf(probability, degrees), rel=1e-9)
            assert upper_tail(t_quantile(probability, degrees), degrees) == pytest.approx(1 - probability, rel=1e-9)


def test_arrays_with_few_degrees_of_freedom_agree_with_scipy():
    degrees, t = np.array([1.0, 1.5, 2.0, 5.0]), np.array([12.0, -3.0, 0.0, 2.0])
    assert t_quantile(0.975, degrees) == pytest.approx(stats.t.ppf(0.975, degrees), rel=2e-3)
    assert upper_tail(t, degrees) == pytest.approx(stats.t.sf(t, degrees), rel=2e-3)
    assert stats.norm.cdf(normal_equivalent(t, degrees)) == pytest.approx(stats.t.cdf(t, degrees), rel=2e-3)


def test_fewer_than_one_degree_of_freedom_count_as_one():
    assert t_quantile(0.975, 0.2) == t_quantile(0.975, 1)
    assert upper_tail(2.0, 0.2) == upper_tail(2.0, 1)
    assert t_quantile(0.975, np.array([0.2, 9.0]))[0] == pytest.approx(12.706, abs=1e-3)


def test_two_problems_have_the_interval_of_one_degree_of_freedom():
    found = statistics.paired_difference([[1, 0, 0, 0], [0, 0, 0, 0]], [[1, 1, 0, 0], [1, 0, 0, 0]])
    assert found.degrees == 1
    assert found.high - found.mean == pytest.approx(min(1 - found.mean, 12.7062 * found.interval_error), rel=1e-4)


def test_tallies_of_counts_are_those_of_the_rows():
    scores = [[1, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]]
    rows, counts = moments(scores), moments_of_counts([3, 0, 4], 4)
    for one, other in zip(rows, counts, strict=True):
        assert one == pytest.approx(other)
    assert np.isnan(moments_of_counts([1], 1).variance).all()


def test_random_questions_have_the_t_interval_but_for_the_imaginary_samples():
    scores_a, scores_b = simulate(50, 4, seed=6), simulate(50, 4, seed=7)
    differences = np.mean(scores_b, axis=1) - np.mean(scores_a, axis=1)
    found = statistics.paired_difference(scores_a, scores_b)
    plain = differences.std(ddof=1) / math.sqrt(50)
    assert (found.method, found.questions) == ("t", "random")
    assert (found.mean, found.total_error) == pytest.approx((differences.mean(), plain))
    assert found.interval_error == pytest.approx(math.sqrt(plain**2 + 2 / 200**2))
    assert (found.high - found.low) / 2 == pytest.approx(stats.t.ppf(0.975, found.degrees) * found.interval_error)


def test_fixed_questions_have_the_spread_of_samples_within_problems():
    scores_a, scores_b = simulate(50, 4, seed=6), simulate(50, 8, seed=6)
    found = statistics.paired_difference(scores_a, scores_b, questions="fixed")
    within = math.hypot(statistics.resampling_error(scores_a), statistics.resampling_error(scores_b))
    assert (found.method, found.resampling_error) == ("satterthwaite", pytest.approx(within))
    assert found.interval_error == pytest.approx(math.sqrt(within**2 + 1 / 200**2 + 1 / 400**2))


def test_fixed_questions_do_not_pay_for_the_choice_of_questions():
    scores_a = [[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0]] * 20
    scores_b = [[0.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0]] * 20
    fixed, drawn = (statistics.paired_difference(scores_a, scores_b, questions=kind) for kind in ("fixed", "random"))
    assert fixed.interval_error < 0.4 * drawn.interval_error
    assert fixed.total_error == drawn.total_error
    assert fixed.resampling_error == drawn.resampling_error


def test_fixed_questions_with_a_single_sample_fall_back_to_the_differences_over_problems():
    scores = [[1.0, 0.0], [1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0], [0.0, 1.0]]
    fixed, drawn = (statistics.paired_difference(*scores, questions=kind) for kind in ("fixed", "random"))
    assert fixed.interval_error == drawn.interval_error
    assert (fixed.degrees, fixed.method) == (drawn.degrees, "t")


def test_the_error_is_never_below_the_noise_of_the_backend():
    scores = [[1.0, 1.0]] * 200
    assert statistics.paired_difference(scores, scores, questions="fixed").interval_error < 0.004
    assert statistics.paired_difference(scores, scores, questions="fixed", noise_error=0.01).interval_error == 0.01


@pytest.mark.parametrize("questions", ["random", "fixed"])
@pytest.mark.parametrize("scores", [([[0]] * 30, [[1]] * 30), ([[1, 0]] * 30, [[1, 0]] * 30), ([[1] * 4] * 500, [[1] * 4] * 500)])
def test_saturated_runs_never_have_an_interval_of_zero_width(scores, questions):
    found = statistics.paired_difference(*scores, questions=questions)
    assert -1 <= found.low <= found.mean <= found.high <= 1
    assert found.high - found.low > 0.003


def test_one_problem_that_was_drawn_says_nothing_of_others():
    found = statistics.paired_difference([[0, 1]], [[1, 1]])
    assert (found.low, found.high, found.degrees, found.total_error) == (-1, 1, 0, None)
    assert tail_p(evidence(moments([[0, 1]]), moments([[1, 1]]), questions="random"), -0.9, side="above") == 1


def test_paired_difference_counts_wins_losses_and_ties_of_b():
    found = statistics.paired_difference([[0, 0], [1, 1], [1, 0], [1, 0]], [[1, 0], [0, 0], [0, 1], [1, 1]])
    assert (found.wins, found.losses, found.ties, found.num_problems) == (2, 1, 1, 4)


def test_pairing_narrows_the_interval_when_problems_share_their_difficulty():
    scores_a = [[1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]] * 20
    scores_b = [[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]] * 10
    errors = [statistics.total_error(scores) for scores in (scores_a, scores_b)]
    assert statistics.paired_difference(scores_a, scores_b).interval_error < math.hypot(*errors) / 2


@pytest.mark.parametrize("questions", ["random", "fixed"])
def test_reversing_a_paired_difference_reverses_its_interval(questions):
    for scores in ((simulate(50, 4, 8), simulate(50, 4, 9)), ([[1], [0], [1]], [[1], [1], [1]])):
        forth, back = (statistics.paired_difference(*pair, questions=questions) for pair in (scores, scores[::-1]))
        assert (back.mean, back.low, back.high) == pytest.approx((-forth.mean, -forth.high, -forth.low))
        assert back.p_value == forth.p_value


def test_resampling_error_of_a_difference_needs_two_samples_in_both():
    assert statistics.paired_difference([[1, 0]], [[1]]).resampling_error is None
    assert statistics.paired_difference([[1, 0]], [[1, 0]]).resampling_error == pytest.approx(math.sqrt(0.5))


@pytest.mark.parametrize("questions", ["random", "fixed"])
def test_one_sided_p_values_are_alpha_just_at_the_bounds(questions):
    pair = simulate(30, 4, 1), simulate(30, 4, 2)
    interval, found = (
        statistics.paired_difference(*pair, level=0.9, questions=questions),
        evidence(*map(moments, pair), questions=questions),
    )
    assert tail_p(found, interval.low, side="above") == pytest.approx(0.05)
    assert tail_p(found, interval.high, side="below") == pytest.approx(0.05)
    assert tail_p(found, 0.1, side="above") + tail_p(found, 0.1, side="below") == pytest.approx(1)


def test_identical_evaluations_differ_by_exactly_nothing():
    same = paired.identical(statistics.paired_difference([[1, 0]] * 9, [[1, 0]] * 9))
    assert (same.low, same.high, same.p_value, same.method) == (0, 0, 1, "identical")


@pytest.mark.parametrize(("num_problems", "n", "most"), [(30, 2, 0.975), (30, 16, 0.96), (400, 4, 0.96)])
@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_intervals_over_fixed_questions_hold_the_truth_as_often_as_they_say(num_problems, n, most, loss):
    a, b, truth = draw_pair(num_problems, n, 4000, loss=loss)
    found = evidence(a, b, questions="fixed")
    sides = np.minimum(*(tail_p(found, truth, side=side) for side in ("above", "below")))
    assert 0.94 <= np.mean(sides >= 0.025) <= most


@pytest.mark.parametrize(("num_problems", "n", "most"), [(30, 1, 0.985), (30, 4, 0.97), (400, 1, 0.962)])
def test_intervals_over_random_questions_hold_the_truth_as_often_as_they_say(num_problems, n, most):
    a, b, truth = draw_pair(num_problems, n, 4000, loss=0.1, is_fixed=False)
    found = evidence(a, b, questions="random")
    sides = np.minimum(*(tail_p(found, truth, side=side) for side in ("above", "below")))
    assert 0.94 <= np.mean(sides >= 0.025) <= most


def test_false_alarms_stay_at_alpha_without_a_difference():
    for seed, (num_problems, n) in enumerate([(30, 16), (400, 4)]):
        found = evidence(*draw_pair(num_problems, n, 6000, seed=seed)[:2], questions="fixed")
        assert 0.035 < np.mean(tail_p(found, 0.0, side="below") < 0.05) < 0.06


def test_sign_flip_p_value_agrees_with_trying_every_sign():
    differences = [0.5, -0.25, 0.75, 0.25, 0.0, 1.0]
    sums = [sum(s * d for s, d in zip(signs, differences, strict=True)) for signs in itertools.product((1, -1), repeat=6)]
    assert paired.sign_flip_p_value(differences) == pytest.approx(np.mean(np.abs(sums) >= 2.25 - 1e-9))


def test_sign_flip_p_value_by_draws_agrees_with_the_sign_test():
    tail = sum(math.comb(20, k) for k in range(15, 21)) / 2**20
    assert paired.sign_flip_p_value([1.0] * 15 + [-1.0] * 5) == pytest.approx(2 * tail, abs=0.005)


def test_sign_flip_p_value_agrees_with_scipy_on_equal_and_on_unequal_sizes():
    generator = np.random.default_rng(3)
    for values in (generator.choice([-0.5, -0.25, 0.25, 0.5], 40, p=[0.1, 0.25, 0.35, 0.3]), generator.normal(0.25, 1, 40)):
        expected = stats.permutation_test((values,), np.sum, permutation_type="samples", n_resamples=20_000, rng=generator).pvalue
        assert paired.sign_flip_p_value(values.tolist()) == pytest.approx(expected, abs=0.015)


def test_sign_flip_p_value_is_one_without_differences_and_never_zero():
    assert paired.sign_flip_p_value([0.0] * 5) == 1.0
    assert paired.sign_flip_p_value([1.0] * 300) == pytest.approx(1 / 10_001)


def test_problems_that_do_not_match_are_refused():
    with pytest.raises(UsageError, match="2 and 1 problems"):
        statistics.paired_difference([[1], [0]], [[1]])
    with pytest.raises(UsageError, match="nothing to average"):
        statistics.paired_difference([], [])


def test_unknown_kinds_of_questions_and_sides_are_refused():
    with pytest.raises(UsageError, match="'random' or 'fixed'"):
        statistics.paired_difference([[1, 0]], [[1, 0]], questions="some")
    with pytest.raises(UsageError, match="'above' or 'below'"):
        tail_p(Evidence(0.0, 0.1, 3.0), 0.0, side="up")


def test_holm_agrees_with_stepping_down_by_hand():
    assert multiplicity.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert multiplicity.holm([0.6, 0.9]) == [1.0, 1.0]
    assert multiplicity.holm([]) == []


def test_holm_keeps_the_chance_of_any_false_alarm():
    p_values = np.random.default_rng(0).random((5000, 4))
    alarms = np.mean([min(multiplicity.holm(row)) <= 0.1 for row in p_values.tolist()])
    assert alarms == pytest.approx(1 - (1 - 0.1 / 4) ** 4, abs=0.015)


def counted_words(generator, rates, n):
    """One row per problem of (Chinese words, words) of n samples whose length varies too."""
    sizes = generator.integers(20, 80, (len(rates), n))
    return [
        list(zip(row.tolist(), whole.tolist(), strict=True))
        for row, whole in zip(generator.binomial(sizes, rates[:, None]), sizes, strict=True)
    ]


def ratio_of(rows):
    return sum(part for row in rows for part, _ in row) / sum(whole for row in rows for _, whole in row)


def test_the_error_of_a_paired_difference_of_ratios_is_that_of_the_jackknife():
    generator = np.random.default_rng(4)
    rates = generator.beta(2, 2, 80)
    a, b = counted_words(generator, rates, 3), counted_words(generator, np.minimum(1, rates + 0.1), 2)
    found = ratio_difference(a, b).difference
    left_out = [ratio_of(b[:i] + b[i + 1 :]) - ratio_of(a[:i] + a[i + 1 :]) for i in range(80)]
    assert found.mean == pytest.approx(ratio_of(b) - ratio_of(a))
    assert found.error == pytest.approx(math.sqrt(79 * np.var(left_out)), rel=0.03)
    assert (found.high - found.low) / 2 == pytest.approx(stats.t.ppf(0.975, 79) * found.error)


def test_over_fixed_questions_the_error_of_a_difference_of_ratios_is_its_spread_over_new_samples():
    generator = np.random.default_rng(5)
    rates = generator.beta(2, 2, 40)
    found = [
        ratio_difference(counted_words(generator, rates, 4), counted_words(generator, rates, 4), is_fixed=True).difference
        for _ in range(600)
    ]
    errors = math.sqrt(np.mean([each.error**2 for each in found]))
    assert errors == pytest.approx(np.std([each.mean for each in found]), rel=0.1)
    assert {each.method for each in found} == {"t-samples"}


def test_ratios_without_any_part_differ_by_no_more_than_both_intervals_allow():
    none = [[(0, 50)]] * 10
    found = ratio_difference(none, none)
    assert found.difference[:3] == pytest.approx((0, -found.a.high, found.b.high))
    assert ratio_difference(none[:1], none[:1]).difference.low is None
