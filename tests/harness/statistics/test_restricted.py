"""Hypotheses judged by the error that holds under them: against brute force and simulated runs near saturation."""

import numpy as np
import pytest
from scipy import stats

from r1bench.harness import statistics
from r1bench.harness.statistics.evidence import bound, evidence, moments, moments_of_counts, tail_p
from r1bench.harness.statistics.restricted import restricted_means


@pytest.mark.parametrize(
    ("num_problems", "sizes", "chance", "loss"),
    [
        (250, (16, 2), 0.98, 0.02),
        (250, (16, 2), 0.995, 0.02),
        (100, (64, 4), 1.0, 0.02),
        (30, (64, 16), 1.0, 0.02),
        (250, (16, 1), 0.98, 0.02),
    ],
)
def test_near_saturation_and_with_unequal_samples_a_loss_of_the_margin_seldom_passes(num_problems, sizes, chance, loss):
    generator, truths = np.random.default_rng(7), (chance, chance - loss)
    a, b = (moments_of_counts(generator.binomial(n, p, (6000, num_problems)), n) for n, p in zip(sizes, truths, strict=True))
    assert np.mean(tail_p(evidence(a, b, questions="fixed"), -loss, side="above") < 0.05) < 0.058


def test_with_more_samples_of_the_candidate_an_equal_one_seldom_fails():
    generator = np.random.default_rng(8)
    a, b = (moments_of_counts(generator.binomial(n, 0.98, (6000, 250)), n) for n in (2, 16))
    assert np.mean(tail_p(evidence(a, b, questions="fixed"), 0.0, side="below") < 0.05) < 0.058


@pytest.mark.parametrize("difference", [-0.3, -0.02, 0.0, 0.25])
@pytest.mark.parametrize("means", [(1.0, 1.0), (0.98, 1.0), (0.5, 0.4), (0.0, 0.9)])
def test_restricted_means_are_those_of_greatest_likelihood(means, difference):
    grid = np.linspace(max(0, -difference), min(1, 1 - difference), 200_001)[1:-1]
    likelihood = sum(
        n * (p * np.log(chance) + (1 - p) * np.log1p(-chance))
        for n, p, chance in zip((40, 9), means, (grid, grid + difference), strict=True)
    )
    first, second = restricted_means(*means, 40.0, 9.0, difference)
    assert first == pytest.approx(grid[likelihood.argmax()], abs=2e-5)
    assert second - first == pytest.approx(difference)


def test_lengths_keep_the_error_at_the_estimate():
    a, b = moments([[10, 30], [20, 25]]), moments([[12, 28], [26, 25]])
    found = evidence(a, b, questions="fixed")
    assert found.restricted is None
    assert bound(found, 0.05, side="above") == pytest.approx(found.mean - stats.t.ppf(0.95, found.degrees) * found.error)


def test_two_saturated_runs_are_judged_by_the_rule_of_three():
    found = statistics.paired_difference([[1] * 4] * 500, [[1] * 4] * 500, level=0.9, questions="fixed")
    assert 3 / 2000 < -found.low < 4.5 / 2000
