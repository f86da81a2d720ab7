"""Strict and lenient scores, rates of format rules, and behaviour averaged over a run; the block of a board that shows them."""

import json
import math
import random

import pytest
from fakes_runs import make_sample, make_tally

from r1bench.harness import statistics, tables
from r1bench.harness.records import Grade
from r1bench.leaderboards import measures
from r1bench.leaderboards.board import ranking as board
from r1bench.leaderboards.measures import measured
from r1bench.tasks.grading.behaviour import measure
from r1bench.tasks.grading.format import RULES, STYLES

GOOD, BARE = "<think>Wait, check: 2+2=4.</think><answer>4</answer>", "It is \\boxed{4}."


def sample_of(problem, index, text, score, num_tokens=12):
    """A sample whose behaviour is measured as an evaluation does."""
    behaviour = measure(text, "", "stop", num_tokens)
    length = round(behaviour.get("reasoning_tokens", 0))
    return make_sample(problem, index, score, text=text, num_tokens=num_tokens, behaviour=behaviour, reasoning_tokens=length)


def run_of(*problems, num_tokens=12, **changes):
    """A run; each problem is a list of (text, score)."""
    samples = [
        sample_of(f"p{number:04d}", index, text, score, num_tokens)
        for number, rows in enumerate(problems)
        for index, (text, score) in enumerate(rows)
    ]
    return make_tally([[score for _, score in rows] for rows in problems], samples=samples, **changes)


def recorded(tally):
    """What was recorded beside the measures of the table."""
    return {key: value for key, value in measures.measures(tally).items() if key not in measures.MEASURES}


def random_run(num_problems=40, n=4, seed=0):
    draw = random.Random(seed)
    texts = (GOOD, BARE, "<think>but but</think><answer>5</answer>", "so " * 300)
    return run_of(*[[(draw.choice(texts), float(draw.random() < 0.6)) for _ in range(n)] for _ in range(num_problems)])


def test_the_tax_is_the_score_of_what_is_right_and_breaks_the_format():
    found = measures.strictness(run_of([(GOOD, 1), (BARE, 1)], [(GOOD, 0), (BARE, 0)], [(GOOD, 1), (GOOD, 1)]), "think-answer")
    assert (found.lenient, found.strict, found.tax) == pytest.approx((4 / 6, 3 / 6, 1 / 6))


def test_lenient_is_strict_and_tax_together_and_the_graded_score():
    tally = random_run()
    for style in STYLES:
        found = measures.strictness(tally, style)
        assert found.lenient == pytest.approx(statistics.pass_at_1(tally.rows("score")))
        assert found.lenient == pytest.approx(found.strict + found.tax)
        assert found.tax_low <= found.tax <= found.tax_high


def test_the_error_of_the_tax_is_that_of_paired_differences():
    tally = random_run()
    found = measures.strictness(tally, "think-answer")
    lenient = tally.rows("score")
    rows = zip(lenient, tally.rows("style:think-answer"), strict=True)
    strict = [[score * keeps for score, keeps in zip(*row, strict=True)] for row in rows]
    paired = statistics.paired_difference(strict, lenient)
    assert (found.tax, found.tax_error) == pytest.approx((paired.mean, paired.total_error))
    unpaired = math.hypot(statistics.total_error(strict), statistics.total_error(lenient))
    assert found.tax_error < unpaired


def test_each_style_has_a_tax_of_its_own():
    tally = run_of([(BARE, 1)], [("<think>a</think>4", 1)])
    assert [measures.strictness(tally, style).tax for style in STYLES] == [1.0, 0.5, 0.5]


def test_old_runs_have_a_tax_by_format_ok_and_none_for_other_styles():
    samples = [make_sample("p0000", 0, 1, format_ok=False), make_sample("p0001", 0, 1)]
    tally = make_tally([[1], [1]], samples=samples)
    assert measures.strictness(tally, "think-answer").tax == 0.5
    assert measures.strictness(tally, "boxed") is None
    assert (recorded(tally), measures.length_unit(tally)) == ({}, "tokens")


def test_every_rule_has_a_rate_with_its_error():
    tally = run_of([(GOOD, 1), (BARE, 1)], [(BARE, 1), (BARE, 1)])
    assert measures.recorded(tally, measures.RULE) == list(RULES)
    found = measured(tally, "rule:think_open")
    assert found[:5] == (0.25, statistics.total_error([[1, 0], [0, 0]]), *statistics.mean_interval([0.5, 0]))
    assert measured(tally, "rule:box_closed")[:2] == (1.0, 0.0)


def test_means_are_over_problems_with_their_error():
    tally = run_of([(GOOD, 1), (GOOD, 1)], [("<think>so</think>4", 1)])
    error = statistics.total_error([[2, 2], [0]])
    assert measured(tally, "reflection_r1")[:4] == (1.0, error, 0.0, pytest.approx(1 + statistics.student_t(0.95, 1) * error))
    assert "loop_period" not in recorded(tally)


@pytest.mark.parametrize("values", [[0.0] * 7, [1.0] * 7, [1.0], [0.0], [0.5] * 7, [0.5, 1.0, 0.0], [-3.0, 0.5, 9.0]])
def test_a_share_has_mean_error_and_interval_of_its_problems(values):
    found, within = measures.of_shares([[value] for value in values]), [[min(max(value, 0.0), 1.0)] for value in values]
    assert found.value == pytest.approx(statistics.pass_at_1(within))
    assert found.error == (None if len(values) == 1 else pytest.approx(statistics.total_error(within)))
    assert found[2:5] == tuple(statistics.interval(within))


def test_a_count_of_nothing_has_the_interval_of_a_poisson_count_with_one_trial_per_problem():
    tally = run_of(*[[(GOOD, 1), (GOOD, 1)]] * 20)
    blocks, words = measured(tally, "code_blocks"), measured(tally, "reflection_dr_grpo_per_1000")
    assert blocks[:3] == (0.0, 0.0, 0.0)
    assert math.exp(-20 * blocks.high) == pytest.approx(0.025)
    assert words.high * measured(tally, "reasoning_tokens").value / 1000 == pytest.approx(blocks.high)


def test_what_some_samples_lack_is_not_averaged():
    full, lacking = make_sample("p0000", 0, 1, behaviour={"loop": 0, "answers": 1}), make_sample("p0001", 0, 1, behaviour={"answers": 2})
    for samples in ([full, lacking], [lacking, full]):
        assert list(recorded(make_tally([[1], [1]], samples=samples))) == ["answers"]


def test_a_share_of_nothing_has_an_interval_of_more_than_nothing():
    assert measured(run_of(*[[(GOOD, 1)]] * 20), "loop")[:4] == (0.0, 0.0, *statistics.wilson_interval(0, 20)[:2])


def test_reflection_per_1000_is_of_all_words_so_that_short_texts_weigh_less():
    long = "<think>" + "so " * 997 + "wait</think>4"
    found = measures.measures(run_of([(long, 1)], [("<think>wait but</think>4", 1)], num_tokens=0))
    assert found["reflection_r1_per_1000"].value == pytest.approx(3.0)
    assert found["reasoning_words"].value == 500
    assert "reasoning_tokens" not in found


def test_the_error_per_1000_agrees_with_the_jackknife():
    texts = [f"<think>{'so ' * random.Random(index).randrange(20, 200)}{'wait ' * (index % 5)}</think>4" for index in range(60)]
    tally = run_of(*[[(text, 1)] for text in texts], num_tokens=0)
    counts, lengths = (tally.values[key] for key in ("reflection_r1", "reasoning_words"))
    left_out = [1000 * (sum(counts) - one) / (sum(lengths) - other) for one, other in zip(counts, lengths, strict=True)]
    jackknife = math.sqrt(59 / 60 * sum((value - sum(left_out) / 60) ** 2 for value in left_out))
    assert measured(tally, "reflection_r1_per_1000").error == pytest.approx(jackknife, rel=0.05)


def test_the_error_per_1000_of_equal_lengths_is_that_of_the_mean():
    texts = [f"<think>{'wait ' * number}{'so ' * (10 - number)}</think>4" for number in (0, 1, 4)]
    found = measured(run_of(*[[(text, 1)] for text in texts], num_tokens=0), "reflection_r1_per_1000")
    assert found.error == pytest.approx(100 * statistics.total_error([[0], [1], [4]]))


def test_the_length_is_in_tokens_only_where_all_are_known():
    one, other = sample_of("p0000", 0, GOOD, 1), sample_of("p0000", 1, GOOD, 1, num_tokens=0)
    assert measures.length_unit(make_tally([[1]], samples=[one])) == "tokens"
    assert measures.length_unit(make_tally([[1, 1]], samples=[one, other])) == "words"
    assert measured(make_tally([[1, 1]], samples=[one, other]), "reasoning_tokens").num_samples == 1


def test_a_row_of_the_board_has_form_and_behaviour_and_survives_json():
    found = board.entry(random_run())
    again = board.Entry.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))
    assert again == found
    assert set(found.strictness) == set(STYLES)
    assert found.measures["answer_switches"]["error"] >= 0


def test_the_style_is_the_one_that_the_template_asks_for():
    styles = [board.entry(run_of([(BARE, 1)], template=template)) for template in ("r1-zero", "boxed", "plain")]
    assert [row.style for row in styles] == ["think-answer", "boxed", "think-answer"]
    assert [row.strictness[row.style]["tax"] for row in styles] == [1.0, 0.0, 1.0]


def test_the_block_shows_strict_score_tax_and_length_beside_reflection():
    text = board.render([board.entry(run_of(*[[(GOOD, 1), (BARE, 1)]] * 10))])
    block = text[text.index("form: think-answer") :].splitlines()
    assert block[3].split()[:3] == ["tiny", "50.0±20.1", "50.0±20.1"]
    assert block[4].split()[0] == "8.0±0.0"
    assert "tax: what the score loses" in " ".join(text.split())


def test_words_are_marked_where_tokens_are_not_known():
    assert "3.0±0.0w" in board.render([board.entry(run_of(*[[(GOOD, 1)]] * 10, num_tokens=0))])


def test_a_board_without_recorded_behaviour_has_no_block():
    text = board.render([board.entry(make_tally([[1, 0], [1, 1]]))])
    assert "form:" not in text
    assert "tax" not in text


def test_the_block_fits_80_columns_with_long_texts_and_names():
    texts = [f"<think>{'wait but ' * 20_000}</think>4", "<think>a</think><answer>4</answer>"]
    rows = [board.entry(run_of(*[[(text, 1)] for text in texts * 6], name=name, num_tokens=300_000)) for name in ("小模型" * 20, "x" * 90)]
    assert max(map(tables.display_width, board.render(rows).splitlines())) <= 80


def test_one_problem_has_values_without_errors():
    row = board.entry(run_of([(GOOD, 1)]))
    unknown = dict.fromkeys(("error", "low", "high"), None)
    assert row.measures["reflection_r1"] == {"value": 2.0, **unknown, "method": "", "num_problems": 1, "num_samples": 1}
    assert row.measures["reflection_r1_per_1000"]["error"] is None
    assert "nan" not in board.render([row])


def test_an_incomplete_run_has_no_form_and_no_behaviour():
    row = board.entry(make_tally([[1, 1]], samples=[sample_of("p0000", 0, GOOD, 1)]))
    assert (row.strictness, row.measures, row.targets) == ({}, {}, {})


def language_run(*targets):
    """One problem for each (target, shares of its samples, whether these are mixed)."""
    samples = [
        make_sample(
            f"p{number:04d}",
            index,
            share,
            grade=Grade(
                "wrong", share, None, "", "language", "1", details={"target": target, "mixed": mixed, "switches_per_1000_words": 5.0}
            ),
        )
        for number, (target, shares, mixed) in enumerate(targets)
        for index, share in enumerate(shares)
    ]
    return make_tally([shares for _, shares, _ in targets], samples=samples)


def test_language_consistency_is_told_for_each_language_that_was_asked_for():
    found = measures.by_target(language_run(("en", [1.0, 0.8], False), ("zh", [0.5, 0.1], True), ("zh", [0.3, 0.3], False)))
    assert {target: (round(row["share"], 6), row["num_problems"], row["mixed"]) for target, row in found.items()} == {
        "en": (0.9, 1, 0.0),
        "zh": (0.3, 2, 0.5),
    }


def test_runs_of_other_graders_have_no_language_that_was_asked_for():
    assert measures.by_target(make_tally([[1, 0]])) == {}


def test_lines_about_languages_fit_80_columns():
    entry = board.entries([language_run(*[("zh", [1.0, 0.9], True)] * 120)])[0]
    lines = board._target_lines(entry)
    assert lines
    assert max(map(len, lines)) <= 80
