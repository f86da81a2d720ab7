"""The gate's decisions: what passes, what fails, what is too little, over one task and over several."""

import json
import math
from dataclasses import replace

import fakes_gate
import numpy as np
import pytest
from fakes_gate import LEVEL_RUN, better, worse
from fakes_runs import make_sample, make_tally
from scipy import stats

from r1bench.harness.errors import ProtocolError, UsageError
from r1bench.harness.records import Noise
from r1bench.leaderboards.gate import text as gate_json
from r1bench.leaderboards.gate import text as gate_text
from r1bench.leaderboards.gate import verdict as gate
from r1bench.leaderboards.gate.rules import Rule, Rules


def judge(candidate, baseline, **options):
    return fakes_gate.judge(make_tally(candidate, name="new"), make_tally(baseline, name="old"), **{"guards": (), **options})


def pair(candidate, baseline, task="arithmetic", noise=None):
    tallies = [make_tally(scores, name=name, task=task) for scores, name in ((candidate, "new"), (baseline, "old"))]
    return tuple(replace(tally, noise=noise) for tally in tallies)


def test_a_better_candidate_passes_and_is_called_an_improvement():
    verdict = judge(better(LEVEL_RUN, 60), LEVEL_RUN)
    assert (verdict.decision, verdict.exit_code, verdict.tasks[0].is_improvement) == ("PASS", 0, True)
    assert verdict.tasks[0].needs.samples_needed is verdict.tasks[0].needs.problems_needed is None


def test_a_worse_candidate_fails_with_exit_code_1():
    verdict = judge(worse(LEVEL_RUN, 60), LEVEL_RUN)
    assert (verdict.decision, verdict.exit_code, verdict.tasks[0].is_improvement) == ("FAIL", 1, False)


def test_a_loss_that_is_surely_within_the_margin_passes_even_where_it_is_shown():
    verdict = judge(worse([[1, 1, 1, 1]] * 250, 5), [[1, 1, 1, 1]] * 250, margin=5)
    assert verdict.decision == "PASS"
    assert verdict.tasks[0].upper < 0


def test_too_little_evidence_has_its_own_exit_code_and_says_what_is_needed():
    verdict = judge([[1, 0]] * 20 + [[1, 1]] * 10, [[0, 1]] * 10 + [[1, 1]] * 10 + [[1, 0]] * 10)
    assert (verdict.decision, verdict.exit_code) == ("INSUFFICIENT_EVIDENCE", 3)
    assert verdict.tasks[0].needs.samples_needed > 2
    assert verdict.tasks[0].needs.detectable > 0.02


@pytest.mark.parametrize(
    ("mean", "margin", "decision"),
    [(0.0, 5, "PASS"), (-0.01, 3, "PASS"), (-0.03, 2, "FAIL"), (-0.03, 5, "PASS"), (-0.015, 2, "INSUFFICIENT_EVIDENCE")],
)
def test_the_decision_follows_both_bounds(mean, margin, decision):
    found = gate.Estimate(mean, 0.01, 1e6, "within", 0.01)
    assert gate.decide(found, Rule(margin), 0.05, found.p_below(0.0)) == decision


@pytest.mark.parametrize(("mean", "decision"), [(0.06, "PASS"), (0.04, "INSUFFICIENT_EVIDENCE"), (0.01, "FAIL"), (-0.5, "FAIL")])
def test_a_gain_that_was_asked_for_passes_above_it_and_fails_below_it(mean, decision):
    found = gate.Estimate(mean, 0.01, 1e6, "within", 0.01)
    rule = Rule(2.0, 4.0)
    assert gate.decide(found, rule, 0.05, found.p_below(rule.failing)) == decision


def test_bounds_and_p_values_are_those_of_students_t():
    found = gate.Estimate(0.03, 0.02, 12.5, "within", 0.02)
    half = stats.t.ppf(0.95, 12.5) * 0.02
    assert (found.lower(0.05), found.upper(0.05)) == pytest.approx((0.03 - half, 0.03 + half), abs=1e-5)
    assert found.p_below(0.01) == pytest.approx(stats.t.cdf(1.0, 12.5), abs=1e-4)
    assert found.p_above(0.0) == pytest.approx(stats.t.sf(1.5, 12.5), abs=1e-4)


def test_fixed_questions_pay_only_for_the_spread_within_them():
    old, new = [[1, 0, 1, 0]] * 50, [[1, 1, 1, 1]] * 25 + [[0, 0, 0, 0]] * 25
    fixed, random = (judge(new, old, questions=kind).tasks[0].estimate for kind in ("fixed", "random"))
    assert fixed.error == pytest.approx(math.sqrt(50 * (1 / 3) / 4 / 50**2 + 2 / 200**2))
    assert random.error == pytest.approx(math.sqrt(0.25 / 49 + 2 / 200**2), rel=1e-3)


@pytest.mark.parametrize("scores", [[[1]], [[0]], [[1, 0]], LEVEL_RUN])
def test_identical_evaluations_of_one_checkpoint_pass_any_positive_margin(scores):
    verdict = fakes_gate.judge(make_tally(scores), make_tally(scores), margin=0.1)
    assert (verdict.decision, verdict.tasks[0].needs.detectable, verdict.tasks[0].is_improvement) == ("PASS", 0.0, False)
    assert "same evaluation" in gate_text.sentence(verdict.tasks[0], verdict.rules)


def test_all_correct_in_both_passes_only_with_enough_samples():
    assert judge([[1]] * 30, [[1]] * 30).decision == "INSUFFICIENT_EVIDENCE"
    assert judge([[1]] * 300, [[1]] * 300).decision == "PASS"


def test_one_problem_with_one_sample_is_never_enough_for_two_checkpoints():
    for new, old in ((1, 1), (1, 0), (0, 1), (0, 0)):
        verdict = judge([[new]], [[old]])
        assert verdict.decision == "INSUFFICIENT_EVIDENCE"
        assert json.dumps(gate_json.to_json(verdict), allow_nan=False)


def test_margin_zero_is_never_reached_by_an_equal_candidate_and_the_text_says_so():
    verdict = judge([[1, 0]] * 9, [[0, 1]] * 9, margin=0).tasks[0]
    assert verdict.needs.problems_needed is verdict.needs.samples_needed is None
    assert "choose a margin above 0" in gate_text.needs(verdict)


@pytest.mark.parametrize(
    "options", [{"margin": -1}, {"margin": 101}, {"margin": math.nan}, {"alpha": 0.5}, {"alpha": 0}, {"at_least": -1}, {"alpha": math.nan}]
)
def test_impossible_options_are_refused(options):
    with pytest.raises(UsageError, match="give one between"):
        judge([[1]], [[1]], **options)


def test_what_compare_refuses_the_gate_refuses():
    with pytest.raises(ProtocolError, match="template"):
        fakes_gate.judge(make_tally([[1]], template_hash="another"), make_tally([[1]]))
    with pytest.raises(ProtocolError, match="incomplete 1/2"):
        fakes_gate.judge(make_tally([[1, 1]], samples=[make_sample("p0000", 0, 1)]), make_tally([[1]]))


def simulated(seed, loss, n=4, **options):
    generator = np.random.default_rng(seed)
    chances = generator.beta(2, 1, 60)
    old = generator.random((60, n)) < chances[:, None]
    new = generator.random((60, n)) < np.clip(chances - loss, 0, 1)[:, None]
    return judge(new.astype(float).tolist(), old.astype(float).tolist(), margin=10, **options)


def test_a_candidate_at_the_margin_seldom_passes_and_an_equal_one_seldom_fails():
    assert [simulated(seed, 0.12).decision for seed in range(80)].count("PASS") <= 9
    assert [simulated(seed, 0.0).decision for seed in range(80)].count("FAIL") <= 9


def test_the_samples_said_to_be_needed_pass_an_equal_candidate_with_the_promised_chance():
    needed = next(each.tasks[0].needs.samples_needed for seed in range(9) if (each := simulated(seed, 0.0, n=2)).decision[0] == "I")
    passed = [simulated(seed, 0.0, n=needed).decision == "PASS" for seed in range(80)]
    assert 0.65 <= np.mean(passed) <= 0.95


def test_the_detectable_margin_is_the_one_that_needs_no_more_samples():
    first = simulated(1, 0.0, n=4).tasks[0]
    again = gate.gate_needs.needs(
        first.candidate, first.baseline, first.estimate, 100 * first.needs.detectable * 1.15, Rules(), is_open=True
    )
    assert again.samples_needed is None


def test_tokens_are_counted_for_what_is_still_to_be_drawn():
    verdict = judge([[1, 0]] * 20, [[0, 1]] * 20).tasks[0]
    assert verdict.needs.tokens_needed == 12 * 2 * 20 * (verdict.needs.samples_needed - 2)


def test_several_tasks_pass_only_together_and_one_failure_is_enough():
    good, bad, thin = pair(better(LEVEL_RUN, 60), LEVEL_RUN, "a"), pair(worse(LEVEL_RUN, 60), LEVEL_RUN, "b"), pair([[1, 0]], [[0, 1]], "c")
    rules = Rules(guards=())
    assert gate.judge_tasks([good], rules).decision == "PASS"
    assert gate.judge_tasks([good, thin], rules).decision == "INSUFFICIENT_EVIDENCE"
    assert gate.judge_tasks([good, thin, bad], rules).decision == "FAIL"


def test_a_failure_among_many_tasks_needs_more_than_one_alone():
    slightly = [pair(worse(LEVEL_RUN, 20), LEVEL_RUN, "t")]
    others = [pair(LEVEL_RUN, LEVEL_RUN, f"u{number}") for number in range(6)]
    alone, among = (gate.judge_tasks([*slightly, *more], Rules(guards=())).tasks[0] for more in ([], others))
    assert (alone.decision, among.decision) == ("FAIL", "INSUFFICIENT_EVIDENCE")
    assert among.adjusted_p == pytest.approx(7 * alone.adjusted_p)
    assert "not among all claims" in gate_text.sentence(among, Rules())


def test_each_task_may_have_its_own_margin():
    pairs = [pair(worse(LEVEL_RUN, 5), LEVEL_RUN, task) for task in ("a", "b")]
    verdict = gate.judge_tasks(pairs, Rules(Rule(1.0), {"b": Rule(10.0)}, guards=()))
    assert [each.decision for each in verdict.tasks] == ["INSUFFICIENT_EVIDENCE", "PASS"]
    with pytest.raises(UsageError, match="'x', and the tasks judged are a, b"):
        gate.judge_tasks(pairs, Rules(tasks={"x": Rule()}))


def test_the_noise_floor_holds_a_verdict_back_and_the_text_says_so():
    def judged(error):
        noise = Noise(10, 10, 9, 1, 0.0, error)
        return gate.judge_tasks([pair([[1] * 9] * 99, [[1] * 9] * 99, noise=noise)], Rules(guards=())).tasks[0]

    quiet, loud = judged(0.0001), judged(0.02)
    assert (quiet.decision, loud.decision) == ("PASS", "INSUFFICIENT_EVIDENCE")
    assert (quiet.floor_decides, loud.floor_decides) == (False, True)
    assert loud.estimate.error == pytest.approx(math.hypot(0.02, 0.02))
    assert "another one" in gate_text.floor_text(loud)
    assert gate_text.floor_text(quiet) == ""


def test_json_holds_plain_values_and_the_exit_code():
    for verdict in (judge([[1]], [[0]]), judge(LEVEL_RUN, LEVEL_RUN), fakes_gate.judge(make_tally(LEVEL_RUN), make_tally(LEVEL_RUN))):
        again = json.loads(json.dumps(gate_json.to_json(verdict), allow_nan=False))
        assert again["exit_code"] == verdict.exit_code
        assert again["tasks"][0]["lower_bound"] == verdict.tasks[0].lower
