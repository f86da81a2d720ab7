"""Lengths and their quantiles, and the interval of a ratio: against numpy, simulation, and runs that are plain to see."""

import math
import random

import numpy as np
import pytest
from fakes_runs import make_sample, make_tally

from r1bench.harness import statistics
from r1bench.harness.errors import UsageError
from r1bench.harness.records import Completion
from r1bench.harness.statistics.ratios import ratio_interval
from r1bench.leaderboards.measures import lengths, measured


def run_of(*problems, max_tokens=10_000, **changes):
    """Each problem is a list of token counts; reasoning is half of them, and what reaches the budget was cut."""
    samples = [
        make_sample(
            f"p{number:04d}",
            index,
            1.0,
            completion=Completion("text", "length" if tokens == max_tokens else "stop", tokens),
            reasoning_tokens=tokens // 2,
            behaviour={"reasoning_words": tokens},
        )
        for number, row in enumerate(problems)
        for index, tokens in enumerate(row)
    ]
    return make_tally([[1.0] * len(row) for row in problems], samples=samples, **changes)


def skewed(num_problems, n, draw):
    """Lengths that cluster by problem."""
    middles = [draw.gauss(5, 0.7) for _ in range(num_problems)]
    return [sorted(math.exp(draw.gauss(middle, 0.5)) for _ in range(n)) for middle in middles]


def quantile_of(rows, share):
    return lengths.quantile(rows, sorted({value for row in rows for value in row}), share)


def test_quantiles_are_those_of_numpy_where_problems_have_the_same_n():
    rows = skewed(40, 5, random.Random(0))
    for share in (0.1, 0.5, 0.9, 0.99):
        assert quantile_of(rows, share).value == np.quantile(np.concatenate(rows), share, method="inverted_cdf")


@pytest.mark.parametrize(("share", "num_problems", "n"), [(0.5, 40, 4), (0.9, 60, 4)])
def test_the_interval_of_a_quantile_covers_it_although_lengths_cluster(share, num_problems, n):
    draw, z = random.Random(1), statistics.normal_quantile(share)
    truth = math.exp(5 + z * math.hypot(0.7, 0.5))
    found = [quantile_of(skewed(num_problems, n, draw), share) for _ in range(250)]
    assert sum(each.low <= truth <= (each.high or math.inf) for each in found) / 250 >= 0.91


def test_quantiles_need_samples_beyond_them():
    assert quantile_of([[1.0], [2.0], [3.0]], 0.9) == (None, None, None)
    assert quantile_of([[float(number)] for number in range(10)], 0.9).value == 8.0
    assert quantile_of([[float(number)] for number in range(99)], 0.99).value is None


def test_an_upper_end_beyond_all_that_was_drawn_is_not_known():
    found = quantile_of([[float(number)] for number in range(20)], 0.9)
    assert found.low < found.value == 17.0
    assert found.high is None


def test_lengths_of_completion_and_reasoning_with_n_and_what_was_cut():
    completion, reasoning = lengths.lengths(run_of([10, 20, 30, 400], [10, 10, 400, 400], max_tokens=400))
    assert (completion.of, completion.unit, completion.num_problems, completion.num_samples, completion.num_cut) == (
        "completion", "tokens", 2, 8, 3,
    )  # fmt: skip
    assert completion.mean == pytest.approx((115 + 205) / 2)
    assert (completion.quantiles["median"].value, completion.longest, reasoning.longest) == (20, 400, 200)
    assert completion.quantiles["p90"] == (None, None, None)


def test_the_mean_length_is_that_of_the_board():
    tally = run_of(*[[random.Random(index).randrange(5, 900) for _ in range(4)] for index in range(30)])
    mean = measured(tally, "tokens")
    found = lengths.lengths(tally)[0]
    assert found.mean == pytest.approx(mean.value)
    assert found.high - found.mean == pytest.approx(statistics.student_t(0.95, 29) * mean.error)


def test_words_stand_in_where_no_tokens_are_known():
    samples = [make_sample("p0000", 0, 1, num_tokens=0, behaviour={"reasoning_words": 7})]
    (found,) = lengths.lengths(make_tally([[1]], samples=samples))
    assert (found.of, found.unit, found.mean, found.low) == ("reasoning", "words", 7, None)
    assert lengths.lengths(make_tally([[1]], samples=[make_sample("p0000", 0, 1, num_tokens=0)])) == []


def test_a_ratio_with_equal_counts_has_the_interval_of_the_mean():
    draw = random.Random(2)
    sums = [float(sum(draw.random() < chance for _ in range(8))) for chance in (draw.random() for _ in range(80))]
    found = ratio_interval(sums, [8] * 80)
    assert found[:2] == pytest.approx(statistics.mean_interval([one / 8 for one in sums])[:2], abs=0.005)


def test_a_ratio_of_all_or_none_has_an_interval_of_one_trial_per_problem():
    assert ratio_interval([0.0] * 20, [4] * 20)[:2] == pytest.approx(statistics.wilson_interval(0, 20)[:2])
    assert ratio_interval([4.0] * 20, [4] * 20)[:2] == pytest.approx(statistics.wilson_interval(20, 20)[:2])
    assert ratio_interval([1.0], [1])[:2] == pytest.approx(statistics.wilson_interval(1, 1)[:2])


def test_a_ratio_has_the_trials_that_its_linearised_error_is_worth():
    sums, counts = np.array([60.0, *[0.0, 1.0] * 10]), np.array([80.0, *[1.0] * 20])
    value = sums.sum() / counts.sum()
    variance = ((sums - value * counts) ** 2).sum() * 21 / 20 / counts.sum() ** 2
    trials = value * (1 - value) / variance * (statistics.normal_quantile(0.975) / statistics.student_t(0.95, 20)) ** 2
    expected = statistics.wilson_interval(value * trials, trials)
    assert ratio_interval(sums.tolist(), counts.tolist())[:2] == pytest.approx(expected[:2])


def test_a_ratio_that_is_the_same_everywhere_has_the_interval_of_such_a_mean():
    found = ratio_interval([2.0] * 12, [10] * 12)
    assert found[:2] == pytest.approx(statistics.mean_interval([0.2] * 12)[:2])
    capped = ratio_interval([2.0] * 12, [10] * 12, most_trials=20)
    assert capped[:2] == pytest.approx(statistics.wilson_interval(4, 20)[:2])


def test_problems_without_a_count_do_not_count():
    assert ratio_interval([1.0, 0.0, 2.0], [2, 0, 2]) == ratio_interval([1.0, 2.0], [2, 2])
    with pytest.raises(UsageError, match="a count above 0"):
        ratio_interval([0.0], [0])


def test_shares_of_languages_have_intervals_over_problems():
    mixed, plain = {"en": 5, "zh": 5}, {"en": 10}
    samples = [make_sample(f"p{number:04d}", 0, 1, languages=mixed if number < 5 else plain) for number in range(20)]
    tally = make_tally([[1]] * 20, samples=samples)
    mixing, chinese = measured(tally, "mixed"), measured(tally, "han")
    assert (mixing.value, chinese.value) == (0.25, 0.125)
    assert mixing[2:4] == pytest.approx(statistics.wilson_interval(5, 20)[:2])
    assert 0 < chinese.low < 0.125 < chinese.high < 0.4
    assert (measured(make_tally([]), "mixed"), measured(make_tally([]), "han")) == (None, None)
