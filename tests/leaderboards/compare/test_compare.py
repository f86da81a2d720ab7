"""Comparisons: what is refused, what is paired, what is said."""

import dataclasses
import json

import numpy as np
import pytest
from fakes_runs import make_run, make_sample, make_tally
from scipy import stats

from r1bench.harness import tables
from r1bench.harness.errors import ProtocolError, UsageError
from r1bench.harness.records import Completion, Noise
from r1bench.harness.tables import display_width
from r1bench.leaderboards import protocol
from r1bench.leaderboards.board.entry import entry
from r1bench.leaderboards.compare import comparison as compare
from r1bench.leaderboards.compare import text
from r1bench.leaderboards.measures.reading import of_run

LOW, HIGH = [[0, 1, 0, 0]] * 200 + [[1, 1, 0, 0]] * 50, [[1, 1, 1, 0]] * 150 + [[0, 1, 0, 0]] * 100


def rendered(found):
    """What the terminal shows of a comparison, but for the single problems."""
    return f"{text.render_measures(found)}\n\n{tables.paragraph(text.verdict(found))}"


def compared(scores_a=LOW, scores_b=HIGH, **options):
    return compare.compare(make_tally(scores_a, name="base"), make_tally(scores_b, name="zero"), **options)


def test_the_difference_is_b_minus_a_paired_by_problem():
    found = compared([[0], [1], [1]], [[1], [1], [1]])
    assert found.difference.mean == pytest.approx(1 / 3)
    assert (found.difference.wins, found.difference.losses, found.difference.ties) == (1, 0, 2)
    assert (found.a.name, found.b.name) == ("base", "zero")


def test_problems_are_paired_by_id_and_not_by_their_order_in_the_run():
    run = make_run([[0], [1]])
    turned = make_tally([[0], [1]], name="other", samples=run.samples[::-1])
    assert compare.compare(of_run(run), turned).difference.ties == 2


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"task": "gsm8k"}, "task 'arithmetic' / 'gsm8k', choose two runs of one task"),
        ({"task_version": "2"}, "task version '1' / '2', evaluate the older one again"),
        ({"problems_digest": "else"}, "problems 'problems-2' / 'else', evaluate both with the same problems"),
        ({"template": "boxed", "template_hash": "ff"}, r"template 'r1-zero \(0123456789abcdef\)' / 'boxed \(ff\)'"),
        ({"sampling": {"temperature": 0.6}}, "temperature 1.0 / 0.6, evaluate both with the same temperature"),
        ({"sampling": {"max_tokens": 64}}, "max_tokens 512 / 64"),
        ({"sampling": {"stop": ("User:",)}}, r"stop \[\] / \('User:',\)"),
        ({"grader": "mathematics"}, "grader 'integer' / 'mathematics', grade both with one grader"),
        ({"grader_version": "2"}, "grader version '1' / '2', grade the older run again; .*run: r1bench regrade run-tiny --write$"),
    ],
)
def test_a_difference_of_protocol_is_refused_with_both_values_and_a_cure(changes, named):
    with pytest.raises(ProtocolError, match=named):
        compare.compare(make_tally([[1], [0]]), make_tally([[1], [0]], **changes))


def test_everything_that_differs_is_named_at_once_in_one_line():
    other = make_tally([[1]], task_version="2", sampling={"top_p": 0.9, "top_k": 5})
    with pytest.raises(ProtocolError) as caught:
        compare.compare(make_tally([[1]]), other)
    assert all(name in str(caught.value) for name in ("task version", "top_p", "top_k"))
    assert "\n" not in str(caught.value)


def test_two_runs_without_disagreement_have_one_protocol_digest():
    run, other = make_tally([[1, 0]]).manifest, make_tally([[1]], name="other", sampling={"seed": 9}).manifest
    assert protocol.disagreements(run, other) == []
    assert run.protocol() == other.protocol()


def test_n_and_seed_may_differ():
    other = make_tally([[1, 0, 1]] * 12, name="other", sampling={"seed": 9})
    found = compare.compare(make_tally([[1]] * 12), other)
    assert (found.a.n, found.b.n, found.difference.resampling_error) == (1, 3, None)


def test_an_incomplete_run_is_refused_whichever_side_it_is_on():
    whole, half = make_tally([[1], [0]]), make_tally([[1], [0]], samples=[make_sample("p0000", 0, 1)])
    for pair in ((whole, half), (half, whole)):
        with pytest.raises(ProtocolError, match="incomplete 1/2 samples; finish it by"):
            compare.compare(*pair)


def test_runs_that_share_no_problem_are_refused():
    other = make_tally([[1]], samples=[make_sample("else", 0, 1)])
    with pytest.raises(ProtocolError, match="only 0 of 1 problems are in both"):
        compare.compare(make_tally([[1]]), other)


def test_runs_without_problems_are_refused():
    with pytest.raises(ProtocolError, match="incomplete 0/0"):
        compare.compare(make_tally([]), make_tally([]))


def test_an_impossible_level_is_refused():
    with pytest.raises(UsageError, match="between 0 and 1"):
        compared(level=95)


def test_the_verdict_names_direction_size_interval_and_number_of_problems():
    difference = compared().difference
    ends = f"[{100 * difference.low:.1f}, {100 * difference.high:.1f}]"
    assert text.verdict(compared()) == f"B is better by 25.0 points {ends}, 95 % paired over 250 problems."
    assert text.verdict(compared(HIGH, LOW)) == f"B is worse by 25.0 points {ends}, 95 % paired over 250 problems."


def test_the_verdict_claims_no_difference_that_the_interval_does_not_show():
    found = text.verdict(compared([[0, 1]] * 20, [[1, 1]] + [[0, 1]] * 19))
    assert found.startswith("No difference is shown: B - A is +2.5 points [-")


def test_a_wider_level_gives_a_wider_interval():
    narrow, wide = compared(level=0.9).difference, compared(level=0.99).difference
    assert wide.low < narrow.low < narrow.high < wide.high


def test_the_same_evaluation_twice_is_called_identical():
    found = compare.compare(make_tally(LOW), make_tally(LOW))
    assert (found.difference.low, found.difference.high, found.difference.method) == (0.0, 0.0, "identical")
    assert "same evaluation" in text.verdict(found)


def test_another_checkpoint_with_equal_scores_is_not_identical():
    found = compared([[1]] * 30, [[1]] * 30)
    assert found.difference.method == "t"
    assert found.difference.low < 0 < found.difference.high


def test_one_checkpoint_sampled_twice_is_noise_and_says_so():
    found = compare.compare(make_tally([[1], [0]]), make_tally([[0], [1]]))
    assert found.difference.method == "t"
    assert found.notes == ("A and B are one checkpoint: the difference is noise",)


def test_other_versions_and_devices_are_a_note_and_no_reason_to_refuse():
    other = make_tally([[1]], name="other", environment={"device": "cuda", "torch": "2.9.0"}, batch_size=8)
    note = compare.compare(make_tally([[1]]), other).notes[0]
    assert note.endswith("batch size 0 / 8, device cpu / cuda")


def test_lengths_format_and_languages_stand_side_by_side():
    long = [make_sample("p0000", 0, 1, num_tokens=30, reasoning_tokens=20, format_ok=False, languages={"latin": 4, "han": 4})]
    found = compare.compare(make_tally([[1]]), make_tally([[1]], name="other", samples=long))
    sides = {key: (each.a, each.b) for key, each in found.measures.items()}
    assert (sides["tokens"], sides["reasoning_tokens"]) == ((12, 30), (8, 20))
    assert (sides["format"], sides["mixed"]) == ((1, 0), (0, 1))
    assert "-100.0" in rendered(found)


def test_the_form_that_the_template_asks_for_is_compared_and_think_answer_under_its_own_name():
    boxed = [make_sample("p0000", 0, 1, format_ok=False, behaviour={"style:boxed": 1.0, "style:think-answer": 0.0})]
    a, b = (make_tally([[1]], name=name, template="boxed", samples=boxed) for name in "ab")
    found = compare.compare(a, b).measures
    assert (found["format"].a, found["think_answer"].a) == (1, 0)
    assert "think_answer" not in compared().measures


def test_a_measure_that_one_run_lacks_is_shown_of_the_other_and_has_no_difference():
    a, b = runs_with([[10], [20]], [[0], [0]], "num_tokens")
    found = compare.compare(a, b)
    assert (found.measures["tokens"].a, found.measures["tokens"].b, found.measures["tokens"].mean) == (15, None, None)
    [line] = [line.split() for line in rendered(found).splitlines() if line.startswith("tokens")]
    assert line[2:] == ["-", "-"]


@pytest.mark.parametrize("scores", [([[1]], [[0]]), (LOW, HIGH), ([[1] * 16] * 1319, [[0] * 16] * 1319)])
def test_text_fits_80_columns_and_ends_with_the_verdict(scores):
    found = compared(*scores)
    said = rendered(found)
    assert max(map(display_width, said.splitlines())) <= 80
    assert " ".join(said.split()).endswith(text.verdict(found))


def test_json_holds_plain_values_and_names_the_parts_of_the_difference():
    again = json.loads(json.dumps(compare.to_json(compared([[1]], [[0]])), allow_nan=False))
    assert again["difference"]["mean"] == -1.0
    assert again["difference"]["resampling_error"] is None
    assert again["a"]["score"] == 1.0


def test_every_measure_has_a_paired_difference_with_an_interval_around_it():
    found = compared(LOW[:60], HIGH[:60]).measures
    assert list(found) == ["score", "format", "truncated", "mixed", "tokens", "reasoning_tokens", "han"]
    assert all(each.low <= each.mean <= each.high for each in found.values())
    assert found["score"].mean == pytest.approx(found["score"].b - found["score"].a)


def test_the_measure_of_the_score_is_the_difference_itself():
    found = compared()
    score = found.measures["score"]
    assert (score.mean, score.low, score.high) == found.difference[:3]
    assert (score.a, score.b) == (found.a.score, found.b.score)


def runs_with(values_a, values_b, field):
    """Two runs whose samples have these values of one field, a row per problem."""

    def made(rows, name):
        samples = [make_sample(f"p{i:04d}", j, 1, **{field: value}) for i, row in enumerate(rows) for j, value in enumerate(row)]
        return make_tally([[1] * len(row) for row in rows], samples=samples, name=name)

    return made(values_a, "base"), made(values_b, "zero")


def test_the_interval_of_tokens_is_the_paired_t_interval():
    a, b = [[10, 14], [20, 22], [31, 29], [8, 12]], [[15, 15], [30, 20], [40, 36], [9, 13]]
    found = compare.compare(*runs_with(a, b, "num_tokens")).measures["tokens"]
    differences = [sum(y) / 2 - sum(x) / 2 for x, y in zip(a, b, strict=True)]
    low, high = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert (found.mean, found.low, found.high) == pytest.approx((sum(differences) / 4, low, high))


def test_tokens_over_fixed_questions_vary_only_within_problems():
    pair = runs_with([[10, 12], [1000, 1002]], [[20, 22], [2000, 2002]], "num_tokens")
    fixed, random = (compare.compare(*pair, questions=questions).measures["tokens"] for questions in ("fixed", "random"))
    assert fixed.error == pytest.approx((4 * (2 / 2) / 4) ** 0.5)
    assert random.error > 100 * fixed.error


def test_tokens_that_nobody_counted_have_no_difference():
    found = compare.compare(*runs_with([[0], [0]], [[5], [0]], "num_tokens")).measures["tokens"]
    assert (found.mean, found.low, found.num_problems) == (None, None, 0)


def test_languages_that_nobody_counted_have_no_difference():
    found = compare.compare(*runs_with([[{}], [{}]], [[{"en": 4}], [{}]], "languages"))
    assert found.measures["mixed"].mean is None
    assert rendered(found)


def test_truncation_is_compared_too_also_where_the_answer_stood_before_the_cut():
    whole, cut = Completion("so 4", "stop", 12), Completion("so 4", "length", 12)
    found = compare.compare(*runs_with([[whole] * 2] * 9, [[cut] * 2] * 9, "completion")).measures["truncated"]
    assert (found.a, found.b, found.mean) == (0, 1, 1)
    assert found.low > 0.5


def test_problems_come_with_both_means_and_the_largest_wins_first():
    found = compared([[0, 0], [1, 1], [0, 1], [1, 0]], [[0, 1], [0, 0], [1, 0], [1, 1]])
    assert [problem.id for problem in found.problems] == ["p0000", "p0003", "p0002", "p0001"]
    assert [problem.id for problem in found.wins] == ["p0000", "p0003"]
    assert found.losses[0] == ("p0001", 1.0, 0.0, 2, 2)


def test_an_interval_about_these_very_questions_leaves_their_choice_out():
    scores_a, scores_b = [[1, 1, 1, 0]] * 20 + [[0, 0, 0, 1]] * 20, [[0, 0, 1, 0]] * 20 + [[1, 1, 0, 1]] * 20
    fixed, random = (compared(scores_a, scores_b, questions=questions) for questions in ("fixed", "random"))
    assert fixed.difference.high - fixed.difference.low < 0.7 * (random.difference.high - random.difference.low)
    assert "paired over these very 40 problems" in text.verdict(fixed)


@pytest.mark.parametrize("questions", ["fixed", "random"])
def test_the_p_value_is_small_where_the_interval_shows_a_difference(questions):
    shown, open_ = compared(questions=questions), compared([[0, 1]] * 20, [[1, 1]] + [[0, 1]] * 19, questions=questions)
    assert shown.p_value < 0.05 < open_.p_value


def test_the_noise_of_a_backend_widens_the_interval_where_it_is_larger():
    noise = Noise(32, 128, 90, 20, 0.0, 0.2)
    noisy = compare.compare(dataclasses.replace(make_tally(LOW), noise=noise), make_tally(HIGH, name="zero"))
    assert noisy.difference.interval_error == pytest.approx(0.2)
    assert compared().difference.interval_error < 0.05


def test_one_sample_per_problem_says_how_to_learn_the_spread_within():
    note = compared([[1], [0]], [[0], [1]], questions="fixed").notes[-1]
    assert "r1bench eval checkpoints/base --tasks arithmetic --samples 4" in note
    assert not compared([[1], [0]], [[0], [1]]).notes


def test_rows_that_are_known_are_not_computed_again():
    a, b = make_tally(LOW, name="base"), make_tally(HIGH, name="zero")
    row_a, row_b = entry(a), entry(b)
    found = compare.compare(a, b, entry_a=row_a, entry_b=row_b)
    assert found.a is row_a
    assert found.b is row_b


def test_the_p_value_about_these_very_questions_is_one_minus_the_level_whose_interval_ends_at_nothing():
    scores_a, scores_b = [[0, 1, 0, 0]] * 30, [[0, 1, 0, 1]] * 15 + [[0, 1, 0, 0]] * 15
    p_value = compared(scores_a, scores_b, questions="fixed").p_value
    assert 0.001 < p_value < 0.2
    assert compared(scores_a, scores_b, questions="fixed", level=1 - p_value).difference.low == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("questions", ["fixed", "random"])
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_the_p_value_is_at_most_one_minus_the_level_exactly_where_the_interval_leaves_nothing_out(questions, noise):
    backend = Noise(32, 128, 90, 20, 0.0, noise)
    for wins in range(0, 40, 3):
        rows = [[0, 1, 0, 0]] * 40, [[0, 1, 0, 1]] * wins + [[0, 1, 0, 0]] * (40 - wins)
        a, b = (dataclasses.replace(make_tally(scores, name=name), noise=backend) for scores, name in zip(rows, "ab", strict=True))
        found = compare.compare(a, b, questions=questions)
        assert (found.p_value <= 0.05) == (found.difference.low >= 0)


def test_json_has_one_p_value_and_the_permutation_test_under_its_own_name():
    found = compare.to_json(compared())
    assert found["p_value"] == found["difference"]["p_value"]
    assert found["difference"]["permutation_p"] == pytest.approx(1 / 10_001)
    assert compare.to_json(compared(questions="fixed"))["difference"]["permutation_p"] is None
    assert "format_difference" not in found


def test_two_copies_of_one_evaluation_have_a_p_value_of_one():
    run = make_tally(LOW)
    found = compare.compare(run, run)
    assert (found.p_value, found.difference.permutation_p, found.difference.method) == (1.0, 1.0, "identical")


def test_the_intervals_of_both_sides_are_of_the_level_asked_for():
    narrow, wide = compared(level=0.5), compared(level=0.99)
    for key in ("score", "format", "truncated", "mixed"):
        one, other = narrow.measures[key], wide.measures[key]
        assert one.a_high - one.a_low < other.a_high - other.a_low
        assert one.b_high - one.b_low < other.b_high - other.b_low
    usual = compared().measures["score"]
    assert (usual.a_low, usual.a_high) == (compared().a.low, compared().a.high)
    assert f"[{100 * narrow.measures['score'].a_low:.1f}, " in rendered(narrow)
    assert "50 %, about questions like these" in " ".join(rendered(narrow).split())


def test_about_fixed_questions_the_legend_says_whose_interval_is_about_what():
    said = " ".join(rendered(compared(questions="fixed")).split())
    assert "about questions like these for A and B themselves, about these very questions, sampled again, for B - A" in said


def test_one_problem_is_called_one():
    said = " ".join(rendered(compared([[0, 1]], [[1, 1]], questions="fixed")).split())
    assert "this very 1 problem." in said
    assert "1 problems" not in said


def words(zh, en):
    return {"zh": zh, "en": en}


def test_the_difference_of_chinese_words_is_that_of_the_ratios_and_paired():
    generator = np.random.default_rng(0)
    rows_a = [[words(int(zh), 40) for zh in generator.integers(0, 9, 2)] for _ in range(60)]
    rows_b = [[words(each["zh"] + 10, 40) for each in row] for row in rows_a]
    found = compare.compare(*runs_with(rows_a, rows_b, "languages")).measures["han"]
    counts = [[sum(each[key] for row in rows for each in row) for key in ("zh", "en")] for rows in (rows_a, rows_b)]
    a, b = (zh / (zh + en) for zh, en in counts)
    assert (found.a, found.b, found.mean) == pytest.approx((a, b, b - a))
    assert found.high - found.low < 0.5 * (found.a_high - found.a_low), "B has ten words more each time"


def test_no_chinese_word_on_either_side_is_no_sure_difference_of_nothing():
    found = compare.compare(*runs_with([[words(0, 40)]] * 20, [[words(0, 40)]] * 20, "languages")).measures["han"]
    assert (found.mean, found.method) == (0, "newcombe")
    assert found.low < 0 < found.high
    assert compare.compare(*runs_with([[{}]], [[words(0, 4)]], "languages")).measures["han"].mean is None


def test_one_checkpoint_drawn_by_two_samplers_is_not_called_noise_and_their_options_are_named():
    a, b = make_tally([[1]]), make_tally([[0]], sampler="echo", sampler_options={"sample": {"style": "short"}})
    notes = compare.compare(a, b).notes
    assert not any("the difference is noise" in note for note in notes)
    assert "sampler scripted / echo" in notes[0]
    assert "echo style unknown / short" in notes[0]
