"""What k of n samples would say: each estimator against every subset of k, closed forms, scipy, and lighteval's own cases."""

import itertools
import json
import math
import random
from collections import Counter

import pytest

from r1bench.harness.errors import UsageError
from r1bench.harness.statistics import estimators

# why our expectation is another one than lighteval's; all its other cases are met as they are
DIFFERENCES = {
    "Maj at K - No Majority": (1 / 3, "three answers tie; lighteval takes the first, which happens to be right, we give each a third"),
    "Avg at K - Multiple Correct": (
        1.0,
        "all three answers are gold; lighteval compares them with the first gold only",
    ),
}


def subsets(samples, k):
    """The mean over all ways to draw k of the samples, of what a function says of them."""
    drawn = list(itertools.combinations(samples, k))
    return lambda says: math.fsum(says(each) for each in drawn) / len(drawn)


def plurality(answers):
    """Credit of a vote: 'right' among the most frequent answers; None is no answer."""
    counts = Counter(answer for answer in answers if answer is not None)
    first = [answer for answer, count in counts.items() if count == max(counts.values())]
    return ("right" in first) / len(first) if first else 0.0


def answers_of(num_correct, wrong_classes, num_unparsed):
    wrong = [f"wrong {number}" for number, count in enumerate(wrong_classes) for _ in range(count)]
    return ["right"] * num_correct + wrong + [None] * num_unparsed


def test_pass_hat_k_is_the_share_of_subsets_that_are_right_throughout():
    for right, k in itertools.product(range(7), range(1, 7)):
        mean = subsets([1] * right + [0] * (6 - right), k)
        assert estimators.pass_hat_k(6, right, k) == pytest.approx(mean(all))
        assert estimators.pass_at_k(6, right, k) == pytest.approx(mean(any))


def test_g_pass_at_k_is_the_share_of_subsets_with_enough_right():
    for right, k, threshold in itertools.product(range(8), range(1, 8), (0.1, 0.25, 0.5, 0.6, 0.75, 1.0)):
        mean = subsets([1] * right + [0] * (7 - right), k)
        enough = mean(lambda drawn, least=threshold * k: sum(drawn) >= least)
        assert estimators.g_pass_at_k(7, right, k, threshold) == pytest.approx(enough)


def test_g_pass_at_k_agrees_with_the_hypergeometric_distribution():
    from scipy.stats import hypergeom

    for n, right, k, least in ((48, 31, 16, 12), (64, 5, 16, 1), (128, 100, 64, 48)):
        assert estimators.g_pass_at_k(n, right, k, least / k) == pytest.approx(hypergeom.sf(least - 1, n, right, k))


def test_thresholds_are_counted_as_readers_count_them():
    assert estimators.g_pass_at_k(25, 7, 25, 0.28) == 1.0  # 0.28 * 25 is above 7 in floating point


def test_g_pass_at_k_lies_between_pass_hat_k_and_pass_at_k():
    for right in range(17):
        ends = estimators.g_pass_at_k(16, right, 8, 1 / 8), estimators.g_pass_at_k(16, right, 8, 1.0)
        assert ends == pytest.approx((estimators.pass_at_k(16, right, 8), estimators.pass_hat_k(16, right, 8)))


def test_mean_g_pass_at_k_is_twice_the_area_above_one_half():
    for right, k in itertools.product((0, 5, 9, 12), (1, 2, 5, 8)):
        grid = [0.5 + (index + 0.5) / 8000 for index in range(4000)]
        area = sum(estimators.g_pass_at_k(12, right, k, threshold) for threshold in grid) / 8000
        assert estimators.mean_g_pass_at_k(12, right, k) == pytest.approx(2 * area, abs=1e-3)


def test_mean_g_pass_at_k_is_the_papers_sum_for_even_k():
    papers = 2 / 8 * sum(estimators.g_pass_at_k(16, 11, 8, step / 8) for step in range(5, 9))
    assert estimators.mean_g_pass_at_k(16, 11, 8) == pytest.approx(papers)


def test_who_is_always_right_has_a_mean_g_pass_of_one_for_odd_k_too():
    assert [estimators.mean_g_pass_at_k(9, 9, k) for k in (1, 2, 3, 5, 9)] == pytest.approx([1.0] * 5)


@pytest.mark.parametrize("seed", range(25))
def test_majority_is_the_mean_vote_over_all_subsets(seed):
    draw = random.Random(seed)
    counts = draw.randrange(5), [draw.randint(1, 3) for _ in range(draw.randrange(4))], draw.randrange(3)
    answers = answers_of(*counts)
    for k in range(1, len(answers) + 1):
        assert estimators.majority_at_k(*counts, k) == pytest.approx(subsets(answers, k)(plurality)), (counts, k)


def test_majority_agrees_with_voting_on_many_drawn_subsets():
    counts, draw = (20, [18, 12, 5, 1, 1, 1], 6), random.Random(1)
    answers = answers_of(*counts)
    votes = [plurality(draw.sample(answers, 15)) for _ in range(20_000)]
    assert estimators.majority_at_k(*counts, 15) == pytest.approx(sum(votes) / len(votes), abs=0.012)


def test_a_vote_over_all_samples_is_the_vote_itself():
    assert estimators.majority_at_k(3, [2, 2], 5, 12) == 1.0
    assert estimators.majority_at_k(3, [3, 1], 0, 7) == 0.5
    assert estimators.majority_at_k(2, [3], 0, 5) == 0.0


def test_what_was_not_parsed_never_wins_and_never_ties():
    assert estimators.majority_at_k(1, [], 63, 64) == 1.0
    assert estimators.majority_at_k(0, [], 8, 4) == 0.0


def test_majority_of_two_is_the_mean_where_everybody_answered():
    assert estimators.majority_at_k(5, [2, 1], 0, 2) == pytest.approx(5 / 8)


def test_equal_classes_share_the_credit_by_symmetry_however_many_samples():
    assert estimators.majority_at_k(8, [8] * 7, 0, 32) == pytest.approx(1 / 8)
    assert estimators.majority_at_k(100, [100, 100], 0, 160) == pytest.approx(1 / 3)


def test_best_of_k_is_the_mean_value_of_the_chosen_one_over_all_subsets():
    values, judged = [0.2, 0.9, 0.9, 0.0, 0.5, 1.0], [3.0, 1.0, 2.0, 2.0, -1.0, 2.0]

    def chosen(drawn):
        tied = [value for value, score in drawn if score == max(score for _, score in drawn)]
        return sum(tied) / len(tied)

    for k in range(1, 7):
        mean = subsets(list(zip(values, judged, strict=True)), k)
        assert estimators.best_of_k(values, k, chosen_by=judged) == pytest.approx(mean(chosen))


def test_best_and_worst_are_the_mean_maximum_and_minimum():
    values = [0.2, 0.9, 0.9, 0.0, 0.5]
    for k in range(1, 6):
        mean = subsets(values, k)
        assert (estimators.best_of_k(values, k), estimators.worst_of_k(values, k)) == pytest.approx((mean(max), mean(min)))


def test_best_and_worst_of_zeros_and_ones_are_pass_at_k_and_pass_hat_k():
    values = [1.0] * 5 + [0.0] * 7
    for k in range(1, 13):
        assert estimators.best_of_k(values, k) == pytest.approx(estimators.pass_at_k(12, 5, k))
        assert estimators.worst_of_k(values, k) == pytest.approx(estimators.pass_hat_k(12, 5, k))


def test_a_judge_that_sees_no_difference_chooses_at_random():
    assert estimators.best_of_k([1.0, 0.0, 0.0, 1.0], 3, chosen_by=[7.0] * 4) == pytest.approx(0.5)


def test_one_draw_is_the_mean_score_for_all_of_them():
    found = [estimators.pass_at_k(8, 3, 1), estimators.pass_hat_k(8, 3, 1), estimators.g_pass_at_k(8, 3, 1, 0.5)]
    found += [estimators.mean_g_pass_at_k(8, 3, 1), estimators.majority_at_k(3, [4, 1], 0, 1)]
    assert found == pytest.approx([3 / 8] * 5)


@pytest.mark.parametrize(
    "metric",
    [
        lambda k: estimators.pass_at_k(8, 3, k),
        lambda k: estimators.pass_hat_k(8, 3, k),
        lambda k: estimators.g_pass_at_k(8, 3, k, 0.5),
        lambda k: estimators.mean_g_pass_at_k(8, 3, k),
        lambda k: estimators.majority_at_k(3, [4, 1], 0, k),
        lambda k: estimators.best_of_k([0.5] * 8, k),
        lambda k: estimators.worst_of_k([0.5] * 8, k),
    ],
)
def test_more_draws_than_samples_are_refused_with_the_cure(metric):
    with pytest.raises(UsageError, match=r"draw at least 9 samples: r1bench eval \.\.\. --samples 9"):
        metric(9)
    with pytest.raises(UsageError, match="k of 1 or more"):
        metric(0)


def test_impossible_questions_are_refused():
    for wrong in (lambda: estimators.g_pass_at_k(8, 3, 4, 0.0), lambda: estimators.majority_at_k(1, [0, 2], 0, 1)):
        with pytest.raises(UsageError):
            wrong()
    for scores in ([1.0, math.nan], [1.0]):
        with pytest.raises(UsageError, match="one score, a number, for each"):
            estimators.best_of_k([1.0, 0.0], 1, chosen_by=scores)


def golden(shared_data, name):
    for case in json.loads((shared_data / f"grader_pairs/{name}.json").read_text(encoding="utf-8"))["test_cases"]:
        index = case["doc"]["gold_index"]
        gold = {case["doc"]["choices"][number] for number in (index if isinstance(index, list) else [index])}
        (expected,) = case["expected_output"].values()
        expected, _ = DIFFERENCES.get(case["name"], (expected, ""))
        yield case, [text in gold for text in case["model_response"]["text"]], expected


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["pass_at_k", "pass_at_k_math"])
def test_lightevals_cases_of_pass_at_k(shared_data, name):
    for case, right, expected in golden(shared_data, name):
        n, k = case["metric_params"]["n"], case["metric_params"]["k"]
        assert estimators.pass_at_k(n, sum(right[:n]), k) == pytest.approx(expected, abs=0.01), case["name"]


@pytest.mark.shared_data
def test_lightevals_cases_of_maj_at_k(shared_data):
    for case, right, expected in golden(shared_data, "maj_at_k"):
        wrong = Counter(text for text, is_right in zip(case["model_response"]["text"], right, strict=True) if not is_right)
        found = estimators.majority_at_k(sum(right), list(wrong.values()), 0, case["metric_params"]["k"])
        assert found == pytest.approx(expected, abs=0.01), case["name"]
