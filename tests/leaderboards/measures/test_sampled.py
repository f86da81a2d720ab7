"""Metrics of several samples over a run: against the estimators, brute force, and small runs whose values are plain to see."""

import itertools
import json
import random

import pytest
from fakes_runs import make_sample, make_tally

from r1bench.harness import statistics
from r1bench.harness.errors import ProtocolError, UsageError
from r1bench.harness.records import Completion, Grade
from r1bench.harness.statistics.ratios import ratio_interval
from r1bench.leaderboards.measures import sampled
from r1bench.leaderboards.measures.reading import answer_of
from r1bench.leaderboards.measures.sampled import accuracy_at_completed, budget_curve, default_budgets

MIXED = [[1, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 1], [0, 1, 0, 0]]


def answered(problem, index, extracted, *, right=False, canonical=None, tokens=12, finish="stop", grader="integer"):
    """A sample with this answer; None was not parsed, and 'cut' ran out of tokens."""
    outcome = "correct" if right else "unparsed" if extracted is None else "truncated" if extracted == "cut" else "wrong"
    details = {} if canonical is None else {"canonical": canonical}
    grade = Grade(outcome, float(right), extracted, "", grader, "1", details=details)
    return make_sample(problem, index, float(right), grade=grade, completion=Completion("text", finish, tokens))


def voting_run(*problems, **changes):
    """Each problem is a list of answers; 'right' is graded correct."""
    samples = [
        answered(f"p{number:04d}", index, text, right=text == "right", finish="length" if text == "cut" else "stop")
        for number, texts in enumerate(problems)
        for index, text in enumerate(texts)
    ]
    return make_tally([[0.0] * len(texts) for texts in problems], samples=samples, **changes)


def test_pass_at_k_is_the_mean_over_problems_of_the_share_of_subsets():
    tally = make_tally(MIXED)
    for k in range(1, 5):
        subsets = [list(itertools.combinations(row, k)) for row in MIXED]
        best = sum(sum(map(any, drawn)) / len(drawn) for drawn in subsets) / len(MIXED)
        worst = sum(sum(map(all, drawn)) / len(drawn) for drawn in subsets) / len(MIXED)
        assert (sampled.at_k(tally, "pass@", k).value, sampled.at_k(tally, "pass^", k).value) == pytest.approx((best, worst))


@pytest.mark.parametrize("scores", [MIXED, [[1, 0]] * 12, [[1, 0, 1], [0, 0, 1]] * 9, [[1], [0], [1]]])
def test_pass_at_1_is_the_score_of_the_board_with_its_interval(scores):
    found = sampled.at_k(make_tally(scores), "pass@", 1)
    assert found.value == pytest.approx(statistics.pass_at_1(scores))
    assert found[1:3] == pytest.approx(tuple(statistics.interval(scores))[:2])
    assert (found.num_problems, found.num_samples) == (len(scores), sum(map(len, scores)))


def test_other_metrics_have_the_interval_of_one_value_per_problem():
    values = [sum(map(any, drawn)) / 6 for drawn in (list(itertools.combinations(row, 2)) for row in MIXED)]
    assert sampled.at_k(make_tally(MIXED), "pass@", 2)[1:4] == pytest.approx(tuple(statistics.mean_interval(values)))


def test_more_draws_than_samples_are_refused_with_run_and_cure():
    tally = make_tally(MIXED)
    for metric in (*sampled.OF_COUNTS, *sampled.OF_SCORES, sampled.VOTE):
        with pytest.raises(UsageError, match=r"from 4 samples per problem \(run run-tiny\); draw at least 5 samples: .*--samples 5"):
            sampled.at_k(tally, metric, 5)
        with pytest.raises(UsageError, match="k of 1 or more"):
            sampled.at_k(tally, metric, 0)


def test_imported_runs_are_told_to_import_more_because_they_cannot_draw():
    with pytest.raises(UsageError, match="import a file with at least 8 completions"):
        sampled.at_k(make_tally(MIXED, sampler="import"), "pass@", 8)


def test_incomplete_and_empty_runs_are_refused():
    for tally in (make_tally([[1, 0], [1]]), make_tally([])):
        for metric in (sampled.summary, sampled.outcome_shares, budget_curve, accuracy_at_completed):
            with pytest.raises(ProtocolError, match="is incomplete"):
                metric(tally)


def test_a_vote_takes_the_most_frequent_answer_of_each_problem():
    tally = voting_run(["right", "right", "7", "8"], ["right", "7", "7", None], ["right", "7", "cut", None], [None, "cut", None, None])
    assert sampled.at_k(tally, "cons@", 4).value == pytest.approx((1 + 0 + 0.5 + 0) / 4)


def test_cons_at_1_is_the_mean_score():
    tally = voting_run(["right", "right", "7", "8"], ["right", "7", "7", None])
    assert sampled.at_k(tally, "cons@", 1).value == pytest.approx(sampled.at_k(tally, "pass@", 1).value)


def test_answers_that_are_spelled_differently_vote_together_where_the_grader_says_so():
    samples = [answered("p0000", 0, "1/2", canonical="1/2"), answered("p0000", 1, "0.5", canonical="1/2")]
    samples += [answered("p0000", 2, "\\boxed{3}", right=True, canonical="3"), answered("p0000", 3, "3.0", right=True, canonical="3")]
    assert len({answer_of(sample) for sample in samples}) == 2
    assert sampled.at_k(make_tally([[0] * 4], samples=samples), "cons@", 4).value == 0.5


def test_answers_without_a_canonical_form_are_compared_but_for_case_and_space():
    forms = {answer_of(answered("p", 0, text, grader="choice")) for text in ("B", " b ", "Ｂ")}
    assert len(forms) == 1
    assert answer_of(answered("p", 0, "A, B")) not in forms


def test_a_wrong_answer_never_votes_with_the_right_ones():
    right, wrong = answered("p", 0, "x", right=True, canonical=""), answered("p", 1, "x", canonical="")
    assert answer_of(right) != answer_of(wrong)


def test_what_was_not_parsed_or_cut_or_failed_has_no_vote():
    failed = Grade("failed", 0.0, "7", "", "integer", "1", details={"canonical": "7"})
    samples = [answered("p", 0, None), answered("p", 0, "cut"), make_sample("p", 0, 0.0, grade=failed)]
    assert [answer_of(sample) for sample in samples] == [None] * 3


def test_programs_cannot_be_voted_on():
    tally = make_tally(MIXED, grader="code")
    with pytest.raises(UsageError, match="grader 'code' finds none"):
        sampled.at_k(tally, "cons@", 4)
    assert "pass@4" in sampled.summary(tally)
    assert not [name for name in sampled.summary(tally) if name.startswith("cons")]


def test_shares_are_refused_where_right_ones_are_counted_and_have_best_and_worst():
    tally = make_tally([[0.25, 0.75], [0.5, 0.5]], grader="language")
    with pytest.raises(UsageError, match="ask for best-of-2 or worst-of-2"):
        sampled.at_k(tally, "pass@", 2)
    found = sampled.summary(tally)
    assert {name: round(found[name]["value"], 6) for name in ("best-of-1", "best-of-2", "worst-of-2")} == {
        "best-of-1": 0.5,
        "best-of-2": 0.625,
        "worst-of-2": 0.375,
    }


def test_best_of_n_by_a_perfect_judge_is_pass_at_k_and_by_the_worst_one_pass_hat_k():
    tally = make_tally(MIXED)
    assert sampled.at_k(tally, "best-of-", 4).value == pytest.approx(sampled.at_k(tally, "pass@", 4).value)
    assert sampled.at_k(tally, "worst-of-", 4).value == pytest.approx(sampled.at_k(tally, "pass^", 4).value)


def cut_run():
    """Two problems: tokens 10 (right), 100 (right), 400 (cut) and 10 (wrong), 200 (right), 400 (cut)."""
    rows = [[(10, 1.0), (100, 1.0), (400, 0.0)], [(10, 0.0), (200, 1.0), (400, 0.0)]]
    samples = [
        answered(
            f"p{number:04d}",
            index,
            "cut" if tokens == 400 else "7",
            right=bool(score),
            tokens=tokens,
            finish="length" if tokens == 400 else "stop",
        )
        for number, row in enumerate(rows)
        for index, (tokens, score) in enumerate(row)
    ]
    return make_tally([[0] * 3] * 2, samples=samples, sampling={"max_tokens": 400})


def test_a_budget_counts_what_had_ended_within_it():
    points = budget_curve(cut_run(), [9, 10, 150, 400])
    assert [round(point.value * 6, 6) for point in points] == [0, 1, 2, 3]
    assert [round(point.ended * 6, 6) for point in points] == [0, 2, 3, 4]
    assert [point.tokens for point in points] == [9, 10, 150, 400]


def test_the_whole_budget_is_pass_at_1_and_the_curve_never_falls():
    points = budget_curve(cut_run())
    values = [point.value for point in points]
    assert values == sorted(values)
    assert points[-1][1:5] == pytest.approx(sampled.at_k(cut_run(), "pass@", 1)[:4])


def test_default_budgets_are_powers_of_two_up_to_the_runs_own():
    assert default_budgets(400) == [4, 8, 16, 32, 64, 128, 256, 400][-8:]
    assert default_budgets(32_768) == [256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768]
    assert (default_budgets(1), default_budgets(2)) == ([1], [1, 2])


def test_budgets_beyond_the_run_and_unknown_tokens_are_refused():
    with pytest.raises(UsageError, match=r"had at most 400; give 1 \.\.\. 400, or draw with more: .*--max-tokens 800"):
        budget_curve(cut_run(), [100, 800])
    with pytest.raises(UsageError, match="within 0 tokens is not known"):
        budget_curve(cut_run(), [0])
    imported = make_tally([[1]], samples=[make_sample("p0000", 0, 1, num_tokens=0)], sampling={"max_tokens": 0})
    with pytest.raises(UsageError, match="needs the tokens of every completion"):
        budget_curve(imported, [100])
    assert "budgets" not in sampled.summary(imported)


def test_accuracy_at_completed_leaves_out_what_was_cut_and_says_of_how_many():
    found = accuracy_at_completed(cut_run())
    assert (found.value, found.num_problems, found.num_samples) == (3 / 4, 2, 4)
    assert 0 <= found.low < 3 / 4 < found.high <= 1


def test_accuracy_at_completed_is_pass_at_1_where_nothing_was_cut():
    draw = random.Random(0)
    tally = make_tally([[float(draw.random() < chance) for _ in range(8)] for chance in (draw.random() for _ in range(60))])
    completed, plain = accuracy_at_completed(tally), sampled.at_k(tally, "pass@", 1)
    assert completed.value == pytest.approx(plain.value)
    assert completed[1:3] == pytest.approx(plain[1:3], abs=0.01)


def test_accuracy_at_completed_of_shares_is_as_sure_as_their_mean():
    tally = make_tally([[0.25, 0.3, 0.35], [0.4, 0.35, 0.3], [0.2, 0.3, 0.4], [0.35, 0.3, 0.25]], grader="language")
    completed, plain = accuracy_at_completed(tally), sampled.at_k(tally, "best-of-", 1)
    assert completed[:3] == pytest.approx(plain[:3], abs=0.04)


def test_unfinished_reasoning_is_not_completed_although_nobody_says_that_it_was_cut():
    samples = [answered("p0000", 0, "right", right=True), answered("p0000", 1, "cut", finish="stop")]
    assert accuracy_at_completed(make_tally([[1, 0]], samples=samples)).num_samples == 1


def test_accuracy_at_completed_is_none_where_nothing_ended():
    assert accuracy_at_completed(voting_run(["cut", "cut"])) is None
    assert "accuracy@completed" not in sampled.summary(voting_run(["cut", "cut"]))


def test_accuracy_at_completed_covers_the_truth_where_hard_problems_are_cut_more_often():
    draw, hits = random.Random(1), 0
    for _ in range(400):
        rows = [[draw.random() < 0.3 + 0.6 * easy for _ in range(8)] for easy in (number % 2 for number in range(40))]
        sums, counts = [], []
        for number, row in enumerate(rows):
            ended = [right for right in row if draw.random() < (0.9 if number % 2 else 0.4)]
            sums.append(float(sum(ended)))
            counts.append(len(ended))
        low, high, _ = ratio_interval(sums, counts)
        hits += low <= (0.9 * 0.9 + 0.4 * 0.3) / 1.3 <= high
    assert hits / 400 >= 0.93


def test_one_problem_with_most_of_the_samples_counts_as_little_more_than_one():
    uneven = ratio_interval([60.0, *[0.0] * 19], [80, *[1] * 19])
    independent = statistics.wilson_interval(60, 99)
    assert uneven.high - uneven.low > 2 * (independent.high - independent.low)


def test_outcome_shares_add_up_to_one_and_have_an_interval_at_zero():
    found = sampled.outcome_shares(voting_run(["right", "7", None, "cut"], ["right", "right", "7", "8"]))
    assert {outcome: share.value for outcome, share in found.items()} == {
        "correct": 3 / 8,
        "wrong": 3 / 8,
        "unparsed": 1 / 8,
        "truncated": 1 / 8,
        "failed": 0.0,
    }
    assert found["failed"].low == 0.0 < found["failed"].high


def test_the_summary_has_powers_of_two_and_n_and_is_plain_json():
    found = sampled.summary(voting_run(*[["right", "7", "7", None, "right", "right"]] * 3))
    assert [name for name in found if name.startswith("pass@")] == ["pass@1", "pass@2", "pass@4", "pass@6"]
    assert {"pass^6", "mg-pass@6", "cons@6", "accuracy@completed", "outcome:failed", "budgets"} <= set(found)
    assert set(found["cons@6"]) == {"value", "low", "high", "method", "num_problems", "num_samples"}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_summary_gives_what_each_function_gives():
    tally = voting_run(["right", "7", "7", None], ["right", "right", "7", "8"], ["right"] * 4)
    found = sampled.summary(tally, ks=[3], level=0.9)
    assert found["pass@3"] == sampled.at_k(tally, "pass@", 3, level=0.9)._asdict()
    assert found["cons@3"] == sampled.at_k(tally, "cons@", 3, level=0.9)._asdict()
    assert found["mg-pass@3"] == sampled.at_k(tally, "mg-pass@", 3, level=0.9)._asdict()
    assert found["budgets"] == [point._asdict() for point in budget_curve(tally, level=0.9)]


def test_a_run_with_one_sample_has_pass_at_1_and_no_more():
    found = sampled.summary(make_tally([[1], [0], [1]]))
    assert [name for name in found if "@" in name or "^" in name] == ["pass@1", "accuracy@completed"]


def test_every_interval_holds_its_value():
    draw = random.Random(3)
    rows = [[draw.choice(["right", "7", "8", None, "cut"]) for _ in range(8)] for _ in range(25)]
    for name, each in sampled.summary(voting_run(*rows)).items():
        for point in each if name == "budgets" else [each]:
            assert 0 <= point["low"] <= point["value"] <= point["high"] <= 1, name
            assert point["low"] < point["high"], name
