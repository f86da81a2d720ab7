"""What a comparison of a given size could show: against printed tables, simulation and the definition."""

import math

import numpy as np
import pytest
from scipy import stats

from r1bench.harness.errors import UsageError
from r1bench.harness.statistics import power
from r1bench.harness.statistics.evidence import evidence, moments_of_counts, tail_p


@pytest.mark.parametrize(
    ("variance", "num_problems", "samples", "points"),
    [
        (0.13, 30, 16, 5.8),
        (0.13, 30, 64, 2.9),
        (0.06, 500, 1, 3.9),
        (0.06, 500, 4, 1.9),
        (0.13, 198, 4, 4.5),
        (0.13, 198, 16, 2.3),
        (0.05, 1319, 1, 2.2),
        (0.05, 1319, 4, 1.1),
    ],
)
def test_detectable_differences_are_those_of_the_table_for_r1_sets(variance, num_problems, samples, points):
    assert round(100 * power.plan(variance, num_problems, samples).detectable, 1) == points


def test_error_is_the_one_that_the_evidence_has_on_average():
    generator = np.random.default_rng(0)
    chances = generator.beta(0.5, 0.5, 30)
    sides = [moments_of_counts(generator.binomial(n, chances, (4000, 30)), n) for n in (16, 4)]
    found = evidence(*sides, questions="fixed")
    planned = power.plan(float(np.mean(chances * (1 - chances))), 30, 16, 4)
    assert planned.error == pytest.approx(math.sqrt(np.mean(found.error**2)), rel=0.01)
    assert planned.degrees == pytest.approx(np.median(found.degrees), rel=0.2)


@pytest.mark.parametrize(("num_problems", "n", "alpha"), [(30, 2, 0.05), (30, 16, 0.1), (200, 1, 0.05), (200, 4, 0.05)])
def test_an_equal_candidate_passes_the_detectable_margin_as_often_as_promised(num_problems, n, alpha):
    generator = np.random.default_rng(n)
    chances = generator.beta(0.5, 0.5, num_problems)
    sides = [moments_of_counts(generator.binomial(n, chances, (8000, num_problems)), n) for _ in "ab"]
    variance, score = float(np.mean(chances * (1 - chances))), float(chances.mean())
    planned = power.plan(variance, num_problems, n, alpha=alpha, power=0.8, score=score)
    passed = np.mean(tail_p(evidence(*sides, questions="fixed"), -planned.detectable, side="above") < alpha)
    assert passed == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize(("chance", "sizes"), [(0.98, (16, 2)), (0.98, (2, 2)), (0.995, (16, 2))])
def test_power_near_saturation_is_as_promised_where_the_score_is_given(chance, sizes):
    generator = np.random.default_rng(9)
    sides = [moments_of_counts(generator.binomial(n, chance, (6000, 250)), n) for n in sizes]
    promised = power.power_of(power.plan(chance * (1 - chance), 250, *sizes, score=chance), 0.0, -0.02)
    passed = np.mean(tail_p(evidence(*sides, questions="fixed"), -0.02, side="above") < 0.05)
    assert passed == pytest.approx(promised, abs=0.03)


def test_power_over_random_questions_is_as_promised():
    generator = np.random.default_rng(5)
    a = generator.beta(0.5, 0.5, (8000, 40))
    b = a + generator.choice([-1, 1], a.shape) * a * (1 - a)
    found = evidence(*(moments_of_counts(generator.binomial(16, chances), 16) for chances in (a, b)), questions="random")
    within = float(np.mean(a * (1 - a) + b * (1 - b)) / 2)
    planned = power.plan(within, 40, 16, question_variance=float(np.mean((b - a) ** 2)))
    assert np.mean(tail_p(found, -planned.detectable, side="above") < 0.05) == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("degrees", [4, 10, 29, 500])
def test_the_approximated_noncentral_t_is_within_a_point_of_scipys(degrees):
    planned = power.plan(0.1, 30, 4)._replace(error=1.0, spread=1.0, degrees=degrees)
    for distance in (0.0, 1.5, 2.5, 3.5):
        exact = stats.nct.sf(stats.t.ppf(0.95, degrees), degrees, distance) if distance else 0.05
        assert power.power_of(planned, distance, 0.0) == pytest.approx(exact, abs=0.01)


def test_power_of_is_the_planned_power_at_the_detectable_difference_and_alpha_at_the_threshold():
    planned = power.plan(0.13, 30, 16, alpha=0.1, power=0.9)
    assert power.power_of(planned, 0.0, -planned.detectable) == pytest.approx(0.9)
    assert power.power_of(planned, 0.03, 0.03) == pytest.approx(0.1, abs=0.005)
    assert power.power_of(planned, 0.2, 0.0) > 0.999


def test_more_of_anything_detects_less():
    base = power.plan(0.13, 30, 4).detectable
    assert power.plan(0.13, 30, 8).detectable < base
    assert power.plan(0.13, 60, 4).detectable < base
    assert power.plan(0.13, 30, 4, 64).detectable < base
    assert power.plan(0.13, 30, 4, question_variance=0.01).detectable > base
    assert power.plan(0.0, 30, 4).detectable > 0


def test_samples_needed_are_the_least_that_detect_the_margin():
    for margin in (0.01, 0.02, 0.05, 0.1):
        needed = power.samples_needed(0.13, 30, margin)
        found = [power.plan(0.13, 30, samples).detectable <= margin for samples in (needed - 1, needed)]
        assert found == [False, True]


def test_a_baseline_that_is_given_takes_more_samples_or_makes_it_impossible():
    assert power.samples_needed(0.13, 30, 0.02, samples_a=1000) > 70
    assert power.samples_needed(0.13, 30, 0.02, samples_a=120) > power.samples_needed(0.13, 30, 0.02)
    assert power.samples_needed(0.13, 30, 0.02, samples_a=16) is None
    assert power.samples_needed(0.13, 30, 0.02, question_variance=0.05) is None


@pytest.mark.parametrize(
    ("given", "options"),
    [((0.1, 1, 4), {}), ((0.1, 30, 0), {}), ((-0.1, 30, 4), {}), ((0.1, 30, 4), {"alpha": 0.6}), ((0.1, 30, 4), {"power": 0.01})],
)
def test_impossible_plans_are_refused(given, options):
    with pytest.raises(UsageError):
        power.plan(*given, **options)
