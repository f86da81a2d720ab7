"""The gate: three decisions, their exit codes, and what more evidence would take."""

import json
import math

import numpy as np
import pytest
from fakes_runs import make_run

from r1bench.harness.errors import ProtocolError, UsageError
from r1bench.leaderboards import gate
from r1bench.leaderboards.tables import display_width

LEVEL_RUN = [[1, 0, 1, 0]] * 100 + [[1, 1, 1, 0]] * 75 + [[0, 0, 0, 1]] * 75


def better(scores, gained):
    return [[1] * len(row) if index < gained else row for index, row in enumerate(scores)]


def worse(scores, lost):
    return [[0] * len(row) if index < lost else row for index, row in enumerate(scores)]


def judge(candidate, baseline, **options):
    return gate.judge(make_run(candidate, name="new"), make_run(baseline, name="old"), **options)


def test_a_better_candidate_passes_and_is_called_an_improvement():
    verdict = judge(better(LEVEL_RUN, 60), LEVEL_RUN)
    assert (verdict.decision, verdict.exit_code, verdict.is_improvement) == ("PASS", 0, True)
    assert verdict.problems_needed is verdict.samples_needed is None


def test_a_worse_candidate_fails_with_exit_code_1():
    verdict = judge(worse(LEVEL_RUN, 60), LEVEL_RUN)
    assert (verdict.decision, verdict.exit_code, verdict.is_improvement) == ("FAIL", 1, False)


def test_a_loss_that_is_surely_within_the_margin_passes_without_being_an_improvement():
    verdict = judge(worse(LEVEL_RUN, 10), LEVEL_RUN, margin=5)
    assert (verdict.decision, verdict.is_improvement) == ("PASS", False)
    assert verdict.comparison.difference.mean == pytest.approx(-0.02)


def test_too_little_evidence_has_its_own_exit_code_and_says_what_is_needed():
    verdict = judge([[1, 0]] * 20 + [[1, 1]] * 10, [[0, 1]] * 10 + [[1, 1]] * 10 + [[1, 0]] * 10)
    assert (verdict.decision, verdict.exit_code) == ("INSUFFICIENT_EVIDENCE", 3)
    assert verdict.problems_needed > 30
    assert verdict.detectable > 0.02


def judge_again(verdict, margin):
    difference = verdict.comparison.difference
    return gate._decide(difference.low, difference.high, margin / 100)


def test_the_decision_follows_the_one_sided_bounds():
    verdict = judge([[1, 0, 0, 1]] * 50 + [[0, 0, 1, 1]] * 50 + [[1, 1, 1, 1]] * 50, [[1, 1, 0, 1]] * 100 + [[0, 0, 1, 1]] * 50)
    difference = verdict.comparison.difference
    half = 1.6551 * difference.interval_error
    assert (difference.low, difference.high) == pytest.approx((difference.mean - half, difference.mean + half), abs=1e-4)
    assert judge_again(verdict, 100 * -difference.low + 0.1) == "PASS"
    assert judge_again(verdict, 100 * -difference.low - 0.1) != "PASS"


@pytest.mark.parametrize(
    ("low", "high", "decision"),
    [
        (-0.01, 0.5, "PASS"),
        (-0.02, 0.5, "INSUFFICIENT_EVIDENCE"),
        (-0.5, -0.021, "FAIL"),
        (-0.5, -0.02, "INSUFFICIENT_EVIDENCE"),
    ],
)
def test_a_bound_on_the_margin_decides_nothing(low, high, decision):
    assert gate._decide(low, high, 0.02) == decision


@pytest.mark.parametrize("scores", [[[1]], [[0]], [[1, 0]], LEVEL_RUN])
def test_identical_evaluations_of_one_checkpoint_pass_any_positive_margin(scores):
    verdict = gate.judge(make_run(scores), make_run(scores), margin=0.1)
    assert (verdict.decision, verdict.detectable, verdict.is_improvement) == ("PASS", 0.0, False)
    assert "same evaluation" in gate.sentence(verdict)


def test_all_correct_in_both_passes_only_with_enough_problems():
    assert judge([[1]] * 30, [[1]] * 30).decision == "INSUFFICIENT_EVIDENCE"
    assert judge([[1]] * 300, [[1]] * 300).decision == "PASS"


def test_the_problems_said_to_be_needed_for_saturated_runs_are_enough():
    needed = judge([[1]] * 30, [[1]] * 30).problems_needed
    assert judge([[1]] * needed, [[1]] * needed).decision == "PASS"
    assert judge([[1]] * (needed // 3), [[1]] * (needed // 3)).decision != "PASS"


def test_one_problem_with_one_sample_is_never_enough_for_two_checkpoints():
    for new, old in ((1, 1), (1, 0), (0, 1), (0, 0)):
        assert judge([[new]], [[old]]).decision == "INSUFFICIENT_EVIDENCE"


def test_margin_zero_is_never_reached_by_an_equal_candidate_and_the_text_says_so():
    verdict = gate.judge(make_run([[1, 0]]), make_run([[1, 0]], name="other"), margin=0)
    assert verdict.problems_needed is verdict.samples_needed is None
    assert "choose a margin above 0" in gate.needs(verdict)


@pytest.mark.parametrize("options", [{"margin": -1}, {"margin": 101}, {"margin": float("nan")}, {"level": 0.5}, {"level": 1}])
def test_impossible_options_are_refused(options):
    with pytest.raises(UsageError, match="give one between"):
        judge([[1]], [[1]], **options)


def test_what_compare_refuses_the_gate_refuses():
    with pytest.raises(ProtocolError, match="template"):
        gate.judge(make_run([[1]], template_hash="another"), make_run([[1]]))


def simulated_decision(seed, loss, n=4):
    generator = np.random.default_rng(seed)
    chances = generator.beta(2, 1, 120)
    old = generator.random((120, n)) < chances[:, None]
    new = generator.random((120, n)) < np.clip(chances - loss, 0, 1)[:, None]
    return judge(new.astype(float).tolist(), old.astype(float).tolist(), margin=10)


def test_a_candidate_exactly_at_the_margin_seldom_passes():
    decisions = [simulated_decision(seed, 0.115).decision for seed in range(60)]
    assert decisions.count("PASS") <= 8


def test_the_detectable_margin_is_passed_with_about_the_promised_chance():
    verdicts = [simulated_decision(seed, 0.0) for seed in range(60)]
    passed = [v.comparison.difference.low > -v.detectable for v in verdicts]
    assert 40 <= sum(passed) <= 58


def test_the_samples_said_to_be_needed_are_the_first_n_whose_error_is_small_enough():
    verdict = simulated_decision(3, 0.0, n=2)
    difference, target = verdict.comparison.difference, 0.04
    question = max(0.0, difference.total_error**2 - difference.resampling_error**2)
    errors = ((n, math.sqrt(question + difference.resampling_error**2 * 2 / n)) for n in range(1, 1000))
    assert gate._samples_needed(difference, target, 2) == next(n for n, error in errors if error <= target)


@pytest.mark.parametrize("pair", [([[1, 0]] * 30, [[1, 1]] * 15 + [[0, 0]] * 15), ([[0]] * 2 + [[1]] * 28, [[1]] * 30)])
def test_as_many_problems_as_said_to_be_needed_make_the_margin_detectable(pair):
    needed = judge(*pair, margin=7).problems_needed
    larger = [(scores * (needed // len(scores) + 1))[:needed] for scores in pair]
    assert judge(*larger, margin=7).detectable == pytest.approx(0.07, rel=0.1)


def test_no_samples_are_promised_where_only_problems_can_help():
    verdict = judge([[1, 1], [0, 0]] * 20, [[0, 0], [1, 1]] * 20)
    assert verdict.samples_needed is None
    assert verdict.problems_needed > 40


@pytest.mark.parametrize("changed", [better(LEVEL_RUN, 60), worse(LEVEL_RUN, 60), worse(LEVEL_RUN, 6)])
def test_text_fits_80_columns_and_states_decision_margin_and_bounds(changed):
    verdict = judge(changed, LEVEL_RUN)
    text = gate.render(verdict)
    assert max(map(display_width, text.splitlines())) <= 80
    assert f"{gate.shown(verdict)}: candidate - baseline is" in text
    assert "accepted -2.0" in text.replace("\n", " ")
    assert "Improvement:" in text


def test_json_holds_plain_values_and_the_exit_code():
    for verdict in (judge([[1]], [[0]]), judge(LEVEL_RUN, LEVEL_RUN)):
        again = json.loads(json.dumps(gate.to_json(verdict), allow_nan=False))
        assert again["exit_code"] == verdict.exit_code
        assert again["lower_bound"] == verdict.comparison.difference.low
