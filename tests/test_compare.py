"""Comparisons: what is refused, what is paired, what is said."""

import dataclasses
import json

import pytest
from fakes_runs import make_run, make_sample

from r1bench.harness.errors import ProtocolError, UsageError
from r1bench.leaderboards import compare
from r1bench.leaderboards.tables import display_width

LOW, HIGH = [[0, 1, 0, 0]] * 200 + [[1, 1, 0, 0]] * 50, [[1, 1, 1, 0]] * 150 + [[0, 1, 0, 0]] * 100


def compared(scores_a=LOW, scores_b=HIGH, **options):
    return compare.compare(make_run(scores_a, name="base"), make_run(scores_b, name="zero"), **options)


def test_the_difference_is_b_minus_a_paired_by_problem():
    found = compared([[0], [1], [1]], [[1], [1], [1]])
    assert found.difference.mean == pytest.approx(1 / 3)
    assert (found.difference.wins, found.difference.losses, found.difference.ties) == (1, 0, 2)
    assert (found.a.name, found.b.name) == ("base", "zero")


def test_problems_are_paired_by_id_and_not_by_their_order_in_the_run():
    run = make_run([[0], [1]])
    turned = dataclasses.replace(make_run([[0], [1]], name="other"), samples=run.samples[::-1])
    assert compare.compare(run, turned).difference.ties == 2


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"task": "gsm8k"}, "task 'arithmetic' / 'gsm8k', choose two runs of one task"),
        ({"task_version": "2"}, "task version '1' / '2', evaluate the older one again"),
        ({"problems_digest": "else"}, "problems 'problems-2' / 'else', evaluate both with the same problems"),
        ({"template": "boxed", "template_hash": "ff"}, r"template 'r1-zero \(0123456789abcdef\)' / 'boxed \(ff\)'"),
        ({"sampling": {"temperature": 0.6}}, "temperature 1.0 / 0.6, evaluate both with the same temperature"),
        ({"sampling": {"max_tokens": 64}}, "max_tokens 512 / 64"),
        ({"sampling": {"stop": ("User:",)}}, r"stop \(\) / \('User:',\)"),
        ({"grader": "mathematics"}, "grader 'integer' / 'mathematics', grade both with one grader"),
        ({"grader_version": "2"}, "grader version '1' / '2', grade the older run again"),
    ],
)
def test_a_difference_of_protocol_is_refused_with_both_values_and_a_cure(changes, named):
    with pytest.raises(ProtocolError, match=named):
        compare.compare(make_run([[1], [0]]), make_run([[1], [0]], **changes))


def test_everything_that_differs_is_named_at_once_in_one_line():
    other = make_run([[1]], task_version="2", sampling={"top_p": 0.9, "top_k": 5})
    with pytest.raises(ProtocolError) as caught:
        compare.compare(make_run([[1]]), other)
    assert all(name in str(caught.value) for name in ("task version", "top_p", "top_k"))
    assert "\n" not in str(caught.value)


def test_two_runs_without_disagreement_have_one_protocol_digest():
    run, other = make_run([[1, 0]]).manifest, make_run([[1]], name="other", sampling={"seed": 9}).manifest
    assert compare.disagreements(run, other) == []
    assert run.protocol() == other.protocol()


def test_n_and_seed_may_differ():
    other = make_run([[1, 0, 1]] * 12, name="other", sampling={"seed": 9})
    found = compare.compare(make_run([[1]] * 12), other)
    assert (found.a.n, found.b.n, found.difference.resampling_error) == (1, 3, None)


def test_an_incomplete_run_is_refused_whichever_side_it_is_on():
    whole, half = make_run([[1], [0]]), make_run([[1], [0]], samples=[make_sample("p0000", 0, 1)])
    for pair in ((whole, half), (half, whole)):
        with pytest.raises(ProtocolError, match="incomplete 1/2 samples; finish it by"):
            compare.compare(*pair)


def test_runs_that_share_no_problem_are_refused():
    other = make_run([[1]], samples=[make_sample("else", 0, 1)])
    with pytest.raises(ProtocolError, match="only 0 of 1 problems are in both"):
        compare.compare(make_run([[1]]), other)


def test_runs_without_problems_are_refused():
    with pytest.raises(ProtocolError, match="incomplete 0/0"):
        compare.compare(make_run([]), make_run([]))


def test_an_impossible_level_is_refused():
    with pytest.raises(UsageError, match="between 0 and 1"):
        compared(level=95)


def test_the_verdict_names_direction_size_interval_and_number_of_problems():
    difference = compared().difference
    ends = f"[{100 * difference.low:.1f}, {100 * difference.high:.1f}]"
    assert compare.verdict(compared()) == f"B is better by 25.0 points {ends}, 95 % paired over 250 problems."
    assert compare.verdict(compared(HIGH, LOW)) == f"B is worse by 25.0 points {ends}, 95 % paired over 250 problems."


def test_the_verdict_claims_no_difference_that_the_interval_does_not_show():
    found = compare.verdict(compared([[0, 1]] * 20, [[1, 1]] + [[0, 1]] * 19))
    assert found.startswith("No difference is shown: B - A is +2.5 points [-")


def test_a_wider_level_gives_a_wider_interval():
    narrow, wide = compared(level=0.9).difference, compared(level=0.99).difference
    assert wide.low < narrow.low < narrow.high < wide.high


def test_the_same_evaluation_twice_is_called_identical():
    found = compare.compare(make_run(LOW), make_run(LOW))
    assert (found.difference.low, found.difference.high, found.difference.method) == (0.0, 0.0, "identical")
    assert "same evaluation" in compare.verdict(found)


def test_another_checkpoint_with_equal_scores_is_not_identical():
    found = compared([[1]] * 30, [[1]] * 30)
    assert found.difference.method == "adjusted"
    assert found.difference.low < 0 < found.difference.high


def test_one_checkpoint_sampled_twice_is_noise_and_says_so():
    found = compare.compare(make_run([[1], [0]]), make_run([[0], [1]]))
    assert found.difference.method == "adjusted"
    assert found.notes == ("A and B are one checkpoint: the difference is noise",)


def test_other_versions_and_devices_are_a_note_and_no_reason_to_refuse():
    other = make_run([[1]], name="other", environment={"device": "cuda", "torch": "2.9.0"}, batch_size=8)
    note = compare.compare(make_run([[1]]), other).notes[0]
    assert note.endswith("batch size 0 / 8, device cpu / cuda")


def test_lengths_format_and_languages_stand_side_by_side():
    long = [make_sample("p0000", 0, 1, num_tokens=30, reasoning_tokens=20, format_ok=False, languages={"latin": 4, "han": 4})]
    found = compare.compare(make_run([[1]]), make_run([[1]], name="other", samples=long))
    assert (found.a.mean_tokens, found.b.mean_tokens, found.b.mean_reasoning_tokens) == (12, 30, 20)
    assert (found.a.format_rate, found.b.format_rate, found.a.mixed_share, found.b.mixed_share) == (1, 0, 0, 1)
    assert "-100.0" in compare.render(found)


@pytest.mark.parametrize("scores", [([[1]], [[0]]), (LOW, HIGH), ([[1] * 16] * 1319, [[0] * 16] * 1319)])
def test_text_fits_80_columns_and_ends_with_the_verdict(scores):
    found = compared(*scores)
    text = compare.render(found)
    assert max(map(display_width, text.splitlines())) <= 80
    assert " ".join(text.split()).endswith(compare.verdict(found))


def test_json_holds_plain_values_and_names_the_parts_of_the_difference():
    again = json.loads(json.dumps(compare.to_json(compared([[1]], [[0]])), allow_nan=False))
    assert again["difference"]["mean"] == -1.0
    assert again["difference"]["resampling_error"] is None
    assert again["a"]["score"] == 1.0
