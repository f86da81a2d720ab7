"""Guards: what they are given, when they fail, and that a guard that shows nothing does not block."""

import math

import fakes_gate
import numpy as np
import pytest
from fakes_runs import make_run, make_sample, make_tally

from r1bench.harness import statistics
from r1bench.harness.errors import UsageError
from r1bench.harness.statistics import evidence
from r1bench.leaderboards.gate import guards as gate_guards
from r1bench.leaderboards.gate import verdict as gate
from r1bench.leaderboards.gate.estimate import IDENTICAL, estimate, moments_of
from r1bench.leaderboards.gate.guards import DEFAULTS, Guard, parse
from r1bench.leaderboards.gate.rules import Rule, Rules
from r1bench.leaderboards.measures import MEASURES, measured
from r1bench.leaderboards.measures.reading import of_run

SIZE = 200


def told(name, share=0.0, *, tokens=10, score=0.5, task="arithmetic", **changes):
    """A run of 200 problems x 4 in which this share of samples has the changes."""
    samples = []
    for number in range(4 * SIZE):
        has = (number * 37) % 100 < 100 * share
        behaviour = {"loop": float(has), "rule:think_once": float(not has), "answers": 2.0}
        fields = {key: value for key, value in changes.items() if has}
        right = float((number * 13) % 100 < 100 * score)
        samples.append(
            make_sample(f"p{number // 4:04d}", number % 4, right, behaviour=behaviour, reasoning_tokens=tokens, num_tokens=tokens, **fields)
        )
    return make_run([[1] * 4] * SIZE, name=name, samples=samples, task=task)


def guards_of(candidate, baseline, guards=DEFAULTS, **options):
    verdict = fakes_gate.judge(of_run(candidate), of_run(baseline), guards=guards, **options)
    return {guard.guard.name: guard for guard in verdict.guards}, verdict


def test_all_guards_pass_where_nothing_has_changed():
    seen, verdict = guards_of(told("new", tokens=11), told("old"))
    assert {name: guard.decision for name, guard in seen.items()} == dict.fromkeys(("format", "mixed", "truncated", "length"), "PASS")
    assert verdict.decision == "INSUFFICIENT_EVIDENCE"


@pytest.mark.parametrize(("name", "changes"), [("format", {"format_ok": False}), ("mixed", {"languages": {"en": 5, "zh": 5}})])
def test_a_guard_fails_the_gate_where_a_worsening_beyond_its_limit_is_shown(name, changes):
    seen, verdict = guards_of(told("new", 0.2, **changes), told("old"), margin=20)
    assert {key for key, guard in seen.items() if guard.decision == "FAIL"} == {name}
    assert seen[name].worsening == pytest.approx(0.2)
    assert (verdict.tasks[0].decision, verdict.decision) == ("PASS", "FAIL")


def test_a_worsening_that_may_lie_within_the_limit_does_not_block():
    seen, verdict = guards_of(told("new", 0.02, format_ok=False), told("old"), margin=20)
    assert seen["format"].decision == "NOT SHOWN"
    assert seen["format"].low < 0.02 < seen["format"].high
    assert verdict.decision == "PASS"


def test_named_shares_and_rules_are_watched_in_their_own_direction():
    guards = parse(["loop=1", "rule:think_once=1"], has_defaults=False)
    worse, _ = guards_of(told("new", 0.2), told("old"), guards)
    better, _ = guards_of(told("new"), told("old", 0.2), guards)
    assert {name: (guard.decision, better[name].decision) for name, guard in worse.items()} == {
        "loop": ("FAIL", "PASS"),
        "rule:think_once": ("FAIL", "PASS"),
    }


def test_length_may_grow_by_a_quarter_and_beyond_it_only_if_the_score_rises():
    def decision(tokens, score, guards=DEFAULTS):
        candidate = told("new", tokens=tokens, score=score)
        return guards_of(candidate, told("old"), guards)[0]["length"].decision

    assert [decision(12, 0.5), decision(13, 0.5), decision(13, 0.9)] == ["PASS", "FAIL", "OFFSET"]
    assert decision(13, 0.9, parse(["length=25"])) == "FAIL"
    assert decision(13, 0.9, parse(["length=40"])) == "PASS"
    assert decision(12, 0.5, parse(["length=20"])) == "NOT SHOWN"


def test_the_bounds_of_a_length_are_about_the_ratio():
    generator = np.random.default_rng(1)
    drawn = [told("new", tokens=1), told("old", tokens=1)]
    lengths = [generator.integers(80, 200, 4 * SIZE), generator.integers(60, 140, 4 * SIZE)]
    runs = []
    for run, values in zip(drawn, lengths, strict=True):
        samples = [make_sample(s.problem_id, s.index, 1, reasoning_tokens=int(v)) for s, v in zip(run.samples, values, strict=True)]
        runs.append(make_run([[1] * 4] * SIZE, name=run.manifest.name, samples=samples))
    seen = guards_of(*runs)[0]["length"]
    ratios = [np.mean(generator.choice(lengths[0], 800)) / np.mean(generator.choice(lengths[1], 800)) - 1 for _ in range(2000)]
    assert (seen.low, seen.high) == pytest.approx(tuple(np.quantile(ratios, [0.05, 0.95])), abs=0.01)


def test_a_multiple_of_the_baseline_has_the_multiple_of_its_error():
    generator = np.random.default_rng(3)
    new, old = (generator.random((40, 5)) for _ in range(2))
    found = estimate(make_tally(new.tolist(), name="new"), make_tally(old.tolist(), name="old"), "score", scale=3)
    squares = (new.var(axis=1, ddof=1) + 9 * old.var(axis=1, ddof=1)).sum() / 5 / 40**2
    assert found.mean == pytest.approx(new.mean() - 3 * old.mean())
    assert found.error == pytest.approx(math.sqrt(squares + 2 / 200**2))


def test_a_task_can_be_a_guard_and_is_then_judged_by_its_limit_only():
    pairs = [(of_run(told("new", task="gsm8k")), of_run(told("old", task="gsm8k")))]
    pairs += [(of_run(told("new", score=0.3, task="safe")), of_run(told("old", score=0.9, task="safe")))]
    verdict = gate.judge_tasks(pairs, Rules(Rule(20.0), guards=parse(["task:safe=5"], has_defaults=False)))
    assert ([each.task for each in verdict.tasks], [guard.decision for guard in verdict.guards]) == (["gsm8k"], ["FAIL"])
    assert (verdict.tasks[0].decision, verdict.decision) == ("PASS", "FAIL")


def test_false_alarms_of_all_guards_together_are_rare():
    generator, alarms = np.random.default_rng(5), 0
    for _ in range(60):
        runs = []
        for name in ("new", "old"):
            behaviour = [{f"rule:{k}": float(generator.random() < 0.5) for k in range(8)} for _ in range(60)]
            samples = [make_sample(f"p{i // 2:04d}", i % 2, 1, behaviour=each) for i, each in enumerate(behaviour)]
            runs.append(make_run([[1, 1]] * 30, name=name, samples=samples))
        alarms += guards_of(*runs, tuple(Guard(f"rule:{k}", 0.0) for k in range(8)))[1].decision == "FAIL"
    assert alarms <= 8


def test_what_was_not_recorded_is_not_known_and_refused_where_it_was_asked_for():
    silent = make_run(
        [[1, 0]] * 9, name="new", samples=[make_sample(f"p{i:04d}", j, 1, num_tokens=0, languages={}) for i in range(9) for j in (0, 1)]
    )
    seen, _ = guards_of(silent, make_run([[1, 0]] * 9, name="old"))
    assert {name for name, guard in seen.items() if guard.decision == "NOT KNOWN"} == {"mixed", "truncated", "length"}
    with pytest.raises(UsageError, match="guard 'length' cannot be measured on arithmetic: run-new has no such record"):
        guards_of(silent, make_run([[1, 0]] * 9, name="old"), parse(["length=10"]))


def test_counts_of_tokens_are_guarded_in_per_cent_and_the_score_is_not_guarded():
    long, short = told("new", tokens=12), told("old")
    _, verdict = guards_of(long, short, parse(["tokens=1", "reasoning_tokens=1"], has_defaults=False))
    assert {guard.guard.unit for guard in verdict.guards} == {"%"}
    assert [round(guard.worsening, 6) for guard in verdict.guards] == [
        round(ratio(long, short, each.guard.name) - 1, 6) for each in verdict.guards
    ]
    with pytest.raises(UsageError, match="the score is what the gate judges; give --margin"):
        parse(["score=1"])


def ratio(candidate, baseline, measure):
    return of_run(candidate).mean(measure) / of_run(baseline).mean(measure)


def test_the_names_of_guards_that_are_offered_hold_the_recorded_ones():
    run = told("x")
    with pytest.raises(UsageError, match=r"it has format, length, loop, mixed, reasoning_tokens, rule:think_once, think_answer, .*$"):
        gate_guards.check_recorded(of_run(run), parse(["lop=1"]))


@pytest.mark.parametrize("text", ["", "format", "format=", "format=-1", "=2", "format=two", "format=200", "format=nan"])
def test_a_guard_that_is_no_name_and_limit_is_refused(text):
    with pytest.raises(UsageError, match="guard"):
        parse([text])


def test_a_named_guard_replaces_the_default_of_its_name():
    assert parse([]) == DEFAULTS
    assert {guard.name: guard.limit for guard in parse(["format=+3", "length=10%", "loop=1"])} == {
        **{"format": 3, "mixed": 2, "truncated": 2, "length": 10, "loop": 1}
    }
    with pytest.raises(UsageError, match="given twice"):
        parse(["loop=1", "loop=2"])


def test_moments_are_those_of_the_samples():
    run = told("x", 0.3, languages={"en": 5, "zh": 5})
    tally, scores = of_run(run), list(run.scores_by_problem().values())
    for ours, theirs, factor in zip(moments_of(tally, "score", scale=2), evidence.moments(scores), (2, 4, 1), strict=True):
        assert ours == pytest.approx(factor * theirs)
    assert set(gate_guards.watchable(tally)) >= {"loop", "rule:think_once", "mixed", "tokens"}
    assert "answers" not in gate_guards.watchable(tally)


def test_defaults_are_the_limits_of_the_table_of_measures():
    limits = {measure.guard or key: measure.limit for key, measure in MEASURES.items() if measure.limit is not None}
    assert {guard.name: guard.limit for guard in DEFAULTS} == limits == {"format": 2, "mixed": 2, "truncated": 2, "length": 25}
    assert [guard.is_good for guard in DEFAULTS] == [guard.name == "format" for guard in DEFAULTS]


def test_a_table_says_to_the_last_digit_what_the_measures_say():
    runs = told("new", 0.3, format_ok=False), told("old", 0.1, format_ok=False)
    seen, _ = guards_of(*runs)
    for name, key in (("format", "format"), ("length", "reasoning_tokens")):
        assert (seen[name].candidate, seen[name].baseline) == tuple(measured(of_run(run), key).value for run in runs)


def test_the_first_samples_of_each_problem_can_be_read_alone():
    whole, first = make_tally([[1, 0, 1, 1], [0, 0, 0, 1]]), make_tally([[1, 0], [0, 0]])
    assert (whole.first(2).n, whole.first(2).manifest.n, whole.first(2).mean("score")) == (2, 2, 0.25)
    assert estimate(whole.first(2), first, "score").method == IDENTICAL != estimate(whole, first, "score").method


def test_a_fixed_question_error_is_the_spread_of_the_mean_over_new_samples():
    generator, chances = np.random.default_rng(4), np.linspace(0.1, 0.9, 25)

    def drawn(name):
        return make_run((generator.random((25, 6)) < chances[:, None]).astype(float).tolist(), name=name)

    found = [estimate(of_run(drawn("a")), of_run(drawn("b")), "score") for _ in range(150)]
    assert np.mean([each.error for each in found]) == pytest.approx(np.std([each.mean for each in found]), rel=0.2)
    assert statistics.resampling_error(list(drawn("a").scores_by_problem().values())) == pytest.approx(
        found[0].error / math.sqrt(2), rel=0.25
    )
