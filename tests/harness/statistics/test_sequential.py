"""The test that may stop early: its chances against simulation and theory, its verdicts against its bounds."""

import math

import numpy as np
import pytest

from r1bench.harness.errors import UsageError
from r1bench.harness.statistics import power, sequential
from r1bench.harness.statistics.evidence import evidence, moments_of_counts
from r1bench.harness.statistics.recursion import crossing
from r1bench.harness.statistics.sequential import Look

AIME = {"variance": 0.13, "num_problems": 30}
DESIGN = sequential.design(-0.05, 0.0, **AIME)


def walk(information, drift, num_paths=40_000, seed=0):
    """Scores of many tests at each look."""
    steps = np.diff(information, prepend=0.0)
    return np.cumsum(np.random.default_rng(seed).normal(drift * steps, np.sqrt(steps), (num_paths, len(steps))), axis=1)


def looks_at(difference, num_looks, design=DESIGN):
    """What a test sees whose estimate is always `difference`."""
    return [Look(difference, value**-0.5, 1e6) for value in design.information[:num_looks]]


def play(found, chances, num_gates, *, loss, seed, baseline=None):
    """Directions of the stops and samples used, of real right-or-wrong samples."""
    generator = np.random.default_rng(seed)
    pair = (chances, chances * (1 - loss / chances.mean()))
    shape, looks, before = (num_gates, len(chances)), [], 0
    right = [generator.binomial(baseline or 0, pair[0], shape), np.zeros(shape)]
    for now in found.rounds:
        steps = 0 if baseline else now - before, now - before
        right = [have + generator.binomial(step, p, shape) for have, step, p in zip(right, steps, pair, strict=True)]
        sides = [moments_of_counts(have, n) for have, n in zip(right, (baseline or now, now), strict=True)]
        looks.append(sequential.look_at(found, evidence(*sides, questions="fixed")))
        before = now
    place, direction = sequential.stops(found, looks)
    return direction, np.array(found.rounds)[place]


@pytest.mark.parametrize("drift", [-0.5, 0.0, 0.8])
def test_chances_of_stopping_agree_with_simulated_paths(drift):
    information, widths = np.array([1.0, 3.0, 4.0, 8.0]), np.array([2.5, 2.0, 1.5, 0.0])
    found, scores = crossing(information, widths, drift=drift), walk(information, drift)
    first = (np.abs(scores) >= widths).argmax(axis=1)
    is_up = np.take_along_axis(scores, first[:, None], 1)[:, 0] > 0
    for look in range(4):
        assert found.up[look] == pytest.approx(np.mean(is_up & (first == look)), abs=0.008)
        assert found.down[look] == pytest.approx(np.mean(~is_up & (first == look)), abs=0.008)


def test_a_last_look_that_is_split_ends_every_path():
    found = crossing([1.0, 3.0, 4.0], [2.5, 2.0, 1.5], drift=0.3, last=0.7)
    assert sum(found.up) + sum(found.down) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("alphas", [(0.05, 0.05), (0.1, 0.1), (0.05, 0.2), (0.1, 0.025)])
@pytest.mark.parametrize("num_looks", [5, 20])
def test_a_design_has_both_error_rates(alphas, num_looks):
    found = sequential.design(-0.03, 0.01, **AIME, alpha_above=alphas[0], alpha_below=alphas[1], num_looks=num_looks)
    assert sequential.foresee(found, -0.03).above == pytest.approx(alphas[0], abs=1e-3)
    assert sequential.foresee(found, 0.01).below == pytest.approx(alphas[1], abs=4e-3)


def test_samples_spent_come_near_to_the_bound_of_the_sequential_probability_ratio_test():
    bound = 2 * 0.9 * math.log(19) / (2 * 1.644854) ** 2
    found = sequential.design(-0.005, 0.0, **AIME, num_looks=100)
    share = sequential.foresee(found, 0.0).mean_samples / found.fixed_samples
    assert bound == pytest.approx(0.49, abs=0.001)
    assert bound < share < bound + 0.03


@pytest.mark.parametrize("truth", [0.0, -0.025, -0.05, -0.1])
def test_samples_spent_at_any_loss_are_fewer_than_the_fixed_design_needs(truth):
    most = {0.0: 0.56, -0.025: 0.76, -0.05: 0.56, -0.1: 0.3}[truth]
    seen = sequential.foresee(DESIGN, truth)
    assert seen.mean_samples < most * DESIGN.fixed_samples
    assert seen.most_samples < 2.2 * DESIGN.fixed_samples


def test_fixed_samples_are_those_of_the_plan_with_the_same_error_rates():
    assert DESIGN.fixed_samples == power.samples_needed(0.13, 30, 0.05, alpha=0.05, power=0.95)


def test_rounds_rise_from_two_samples_beyond_the_information_at_the_end():
    for margin, num_problems in ((0.02, 30), (0.05, 500), (0.02, 1319)):
        found = sequential.design(-margin, 0.0, variance=0.1, num_problems=num_problems)
        assert found.rounds[0] >= 2
        assert list(found.rounds) == sorted(set(found.rounds))
        assert found.information[-1] > found.intercept / found.slope


def test_a_baseline_that_cannot_be_topped_up_keeps_the_error_rates_or_is_refused():
    found = sequential.design(-0.05, 0.0, **AIME, samples_baseline=64)
    assert found.fixed_samples == power.samples_needed(0.13, 30, 0.05, samples_a=64, power=0.95)
    assert sequential.foresee(found, -0.05).above == pytest.approx(0.05, abs=1e-3)
    with pytest.raises(UsageError, match="4 samples per problem of the baseline cannot tell"):
        sequential.design(-0.05, 0.0, **AIME, samples_baseline=4)


def test_a_budget_ends_the_rounds_and_may_leave_the_question_open():
    found = sequential.design(-0.05, 0.0, **AIME, most_samples=20)
    seen = sequential.foresee(found, -0.025)
    assert found.rounds[-1] == seen.most_samples == 20
    assert seen.above + seen.below < 0.6
    assert sequential.foresee(found, -0.05).above <= 0.0501


@pytest.mark.parametrize(("given", "options"), [((0.0, 0.0), {}), ((0.0, -0.02), {}), ((-0.02, 0.0), {"most_samples": 1})])
def test_designs_that_make_no_sense_are_refused(given, options):
    with pytest.raises(UsageError, match="no test"):
        sequential.design(*given, **AIME, **options)


@pytest.mark.parametrize("alpha", [0.05, 0.1])
def test_error_rates_hold_for_real_samples_whose_variance_is_estimated(alpha):
    chances = np.random.default_rng(1).beta(0.5, 0.5, 30)
    variance = float(np.mean(chances * (1 - chances)))
    found = sequential.design(-0.07, 0.0, variance=variance, num_problems=30, alpha_above=alpha, alpha_below=alpha)
    alarms, spent = play(found, chances, 5000, loss=0.0, seed=2)
    passes, _ = play(found, chances, 5000, loss=0.07, seed=3)
    assert np.mean(alarms < 0) < alpha + 0.008
    assert np.mean(passes > 0) < alpha + 0.008
    assert np.mean(spent) < (0.58 if alpha == 0.05 else 0.62) * found.fixed_samples


@pytest.mark.parametrize(("chance", "baseline"), [(0.995, None), (0.99, 16)])
def test_luck_near_saturation_does_not_end_the_test(chance, baseline):
    chances, variance = np.full(250, chance), chance * (1 - chance)
    found = sequential.design(-0.02, 0.0, variance=variance, num_problems=250, samples_baseline=baseline, score=chance)
    assert np.mean(play(found, chances, 1500, loss=0.02, seed=6, baseline=baseline)[0] > 0) < 0.062


def test_a_score_near_saturation_plans_by_the_variance_at_threshold_and_alternative():
    given = {"variance": 0.005, "num_problems": 250}
    bare, known = (sequential.design(-0.02, 0.0, **given, **more) for more in ({}, {"score": 0.995}))
    lost = 0.005 * 0.995 + 0.975 * 0.025
    assert known.fixed_samples > bare.fixed_samples
    assert known.information[0] == pytest.approx(1 / (lost / 500 + 2 / 500**2), rel=0.05)


def test_error_rates_do_not_depend_on_the_planned_variance():
    chances = np.random.default_rng(1).beta(0.5, 0.5, 30)
    for factor in (0.5, 2.0):
        found = sequential.design(-0.1, 0.0, variance=factor * float(np.mean(chances * (1 - chances))), num_problems=30)
        assert np.mean(play(found, chances, 3000, loss=0.0, seed=4)[0] < 0) < 0.06
        assert np.mean(play(found, chances, 3000, loss=0.1, seed=5)[0] > 0) < 0.06


def test_bounds_after_a_stop_hold_the_truth_as_often_as_they_say():
    generator, ranks = np.random.default_rng(6), []
    for _ in range(600):
        scores = walk(DESIGN.information, -0.01 - DESIGN.middle, 1, generator)[0]
        looks = [Look(DESIGN.middle + s / i, i**-0.5, 1e6) for s, i in zip(scores, DESIGN.information, strict=True)]
        ranks.append(sequential.stagewise_p(DESIGN, looks, -0.01))
    assert np.mean(np.array(ranks) < 0.05) == pytest.approx(0.05, abs=0.025)
    assert np.mean(np.array(ranks) > 0.95) == pytest.approx(0.05, abs=0.025)


@pytest.mark.parametrize(("estimate", "stop"), [(0.02, "above"), (-0.09, "below"), (-0.025, "go on")])
def test_bounds_and_p_values_agree_with_the_stop(estimate, stop):
    found = sequential.standing(DESIGN, looks_at(estimate, 6))
    assert found.stop == stop
    assert (found.lower >= DESIGN.threshold) == (stop == "above") == (found.p_above <= DESIGN.alpha_above)
    assert (found.upper <= DESIGN.alternative) == (stop == "below") == (found.p_below <= DESIGN.alpha_below)
    assert found.lower < estimate < found.upper


def test_the_bounds_are_where_the_stagewise_p_value_is_alpha():
    looks = looks_at(-0.03, 3)
    found = sequential.standing(DESIGN, looks)
    assert sequential.stagewise_p(DESIGN, looks, found.lower) == pytest.approx(0.05, abs=1e-6)
    assert sequential.stagewise_p(DESIGN, looks, found.upper) == pytest.approx(0.95, abs=1e-6)


def test_a_single_look_has_the_bounds_of_a_plain_interval():
    found = sequential.standing(DESIGN, [Look(-0.01, 0.02, 1e6)])
    assert (found.lower, found.upper) == pytest.approx((-0.01 - 1.644854 * 0.02, -0.01 + 1.644854 * 0.02), abs=1e-5)


def test_looks_after_the_stop_are_left_aside():
    early = looks_at(0.05, 4)
    stopped = sequential.standing(DESIGN, early)
    late = [*early, *looks_at(-0.2, 8)[4:]]
    assert sequential.standing(DESIGN, late) == stopped
    assert stopped.stop == "above"


def test_the_test_ends_at_the_planned_information():
    looks = looks_at(DESIGN.middle + 0.0005, len(DESIGN.information))
    found = sequential.standing(DESIGN, looks)
    assert found.stop == "above"
    assert 0.8 < found.information < 1.2


def test_an_error_with_few_degrees_of_freedom_does_not_stop_the_test_so_soon():
    known, guessed = (Look(-0.0126, 0.02, degrees) for degrees in (1e6, 3.0))
    assert sequential.standing(DESIGN, [known]).stop == "above"
    assert sequential.standing(DESIGN, [guessed]).stop == "go on"


def test_information_that_falls_between_looks_is_survived():
    looks = [Look(-0.02, 0.03, 50.0), Look(-0.021, 0.031, 60.0), Look(-0.02, 0.0299, 70.0), Look(-0.01, 0.02, 90.0)]
    found = sequential.standing(DESIGN, looks)
    plain = sequential.standing(DESIGN, [looks[0], looks[-1]])
    assert (found.lower, found.upper) == pytest.approx((plain.lower, plain.upper), abs=1e-3)


def test_no_looks_are_refused():
    with pytest.raises(UsageError, match="first round"):
        sequential.standing(DESIGN, [])
