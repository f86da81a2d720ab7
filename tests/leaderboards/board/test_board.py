"""The leaderboard: what a row holds, what is never printed, what is never ranked together."""

import json
import random
from dataclasses import replace

import pytest
from fakes_runs import make_sample, make_tally

from r1bench.harness import statistics, tables
from r1bench.harness.records import Noise
from r1bench.leaderboards.board import ranking as board
from r1bench.leaderboards.board.entry import Entry, entry, least_seconds
from r1bench.leaderboards.measures import is_mixed

SCORES = [[1, 1, 0, 1], [0, 0, 0, 1], [1, 1, 1, 1]] * 6


def row(scores=SCORES, **changes):
    return entry(make_tally(scores, **changes))


def sample_run(*samples):
    """One problem for each sample."""
    made = [make_sample(f"p{index:04d}", 0, 1, **changes) for index, changes in enumerate(samples)]
    return make_tally([[1]] * len(made), samples=made)


def test_a_row_has_score_interval_and_three_errors():
    found = row()
    assert found.score == pytest.approx(2 / 3)
    assert (found.low, found.high, found.method) == statistics.interval(SCORES)
    assert found.total_error**2 == pytest.approx(found.resampling_error**2 + found.question_error**2)


def test_a_row_says_whose_it_is_and_how_it_was_made():
    found = row(stage="grpo", name="zero")
    assert (found.name, found.stage, found.run, found.checkpoint_digest) == (
        "zero",
        "grpo",
        "run-zero",
        "digest-of-zero",
    )
    assert (found.num_problems, found.n, found.num_samples) == (18, 4, 72)
    assert found.protocol == make_tally(SCORES).manifest.protocol()


def test_an_incomplete_run_has_a_note_and_no_number():
    found = entry(make_tally([[1, 1], [1, 1]], samples=[make_sample("p0000", 0, 1)]))
    assert (found.note, found.is_complete, found.num_samples) == ("incomplete 1/4", False, 1)
    assert {found.score, found.low, found.total_error} == {None}
    assert (found.measures, found.several) == ({}, {})


def test_an_incomplete_run_prints_no_score_and_has_no_rank():
    text = board.render([entry(make_tally([[1, 1], [1, 1]], samples=[make_sample("p0000", 0, 1)]))])
    assert "incomplete 1/4" in text
    assert "100.0" not in text
    assert "  1 tiny" not in text


def test_the_right_number_of_samples_on_the_wrong_problems_is_incomplete():
    uneven = [make_sample("p0000", index, 1) for index in range(3)] + [make_sample("p0001", 0, 1)]
    assert entry(make_tally([[1, 1], [1, 1]], samples=uneven)).note == "incomplete 3/4"


def test_a_run_without_problems_has_no_score():
    assert (row([]).note, row([]).score) == ("incomplete 0/0", None)


def test_outcomes_are_counted_apart_and_sum_to_the_samples():
    run = sample_run({}, {"grade": make_sample("x", 0, 0, outcome="truncated").grade}, {"grade": make_sample("x", 0, 0).grade})
    counts = entry(run).outcomes
    assert counts == {"correct": 1, "wrong": 1, "unparsed": 0, "truncated": 1, "failed": 0}
    assert tables.outcome_counts(counts) == "1/1/0/1/0"


def values(found, *keys):
    """The values of some measures of a row; None where one is not known."""
    return tuple(found.measures.get(key, {}).get("value") for key in keys)


def test_format_has_an_interval_of_its_own():
    found = entry(sample_run({}, {"format_ok": False}, {}, {})).measures["format"]
    assert found["value"] == 0.75
    assert (found["low"], found["high"]) == statistics.wilson_interval(3, 4)[:2]


def test_token_means_have_an_error_over_problems():
    found = entry(sample_run({"num_tokens": 10}, {"num_tokens": 14})).measures
    assert (found["tokens"]["value"], found["tokens"]["error"]) == (12, 2)
    assert (found["reasoning_tokens"]["value"], found["reasoning_tokens"]["error"]) == (8, 0)


def test_unknown_token_counts_are_left_out_and_not_counted_as_zero():
    found = entry(sample_run({"num_tokens": 0}, {"num_tokens": 14}))
    assert (values(found, "tokens"), found.measures["tokens"]["num_samples"]) == ((14,), 1)
    assert values(entry(sample_run({"num_tokens": 0})), "tokens", "reasoning_tokens", "truncated") == (None, None, None)


def test_the_format_is_the_one_that_the_template_asks_for():
    behaviour = {"style:boxed": 1, "style:think-answer": 0}
    boxed, plain = (
        entry(make_tally([[1]], samples=[make_sample("p0000", 0, 1, format_ok=False, behaviour=behaviour)], template=template))
        for template in ("boxed", "plain")
    )
    assert (values(boxed, "format", "think_answer"), values(plain, "format", "think_answer")) == ((1, 0), (0, 0))
    assert (boxed.style, plain.style) == ("boxed", "think-answer")


@pytest.mark.parametrize(
    ("latin", "han", "mixed"),
    [(10, 0, False), (0, 10, False), (2, 2, True), (5, 1, False), (18, 2, True), (19, 2, False), (2, 18, True)],
)
def test_mixed_means_two_words_and_a_tenth_of_the_smaller_script(latin, han, mixed):
    assert is_mixed(make_sample("p", 0, 1, languages={"latin": latin, "han": han})) is mixed


def test_language_shares_are_over_words_and_over_samples():
    found = entry(sample_run({"languages": {"latin": 6, "han": 2}}, {"languages": {"latin": 8}}))
    assert values(found, "han", "mixed") == (2 / 16, 0.5)
    assert values(entry(sample_run({"languages": {}})), "han", "mixed") == (None, None)


def test_rows_are_sorted_by_score_within_their_group_and_equal_scores_share_a_rank():
    runs = [make_tally([[s], [1]], name=name) for name, s in (("b", 0), ("c", 1), ("a", 1))]
    assert [found.name for found in board.entries(runs)] == ["a", "c", "b"]
    ranked = [line.split()[:2] for line in board.render(board.entries(runs)).splitlines() if " 2 x 1 " in line]
    assert ranked == [["1", "a"], ["1", "c"], ["3", "b"]]


def shown(rows, among=None, **how):
    """Rank and name of each row, top to bottom."""
    lines = [
        line for line in board.render(board.arranged(rows, **how), among=among).splitlines() if " x " in line and "problems" not in line
    ]
    return [tuple(line.split()[:2]) for line in lines]


COSTLY = [
    row([[1], [1], [0]], name="b", samples=[make_sample(f"p000{i}", 0, i < 2, num_tokens=50) for i in range(3)]),
    row([[1], [1], [1]], name="a", samples=[make_sample(f"p000{i}", 0, 1, num_tokens=90, format_ok=i < 1) for i in range(3)]),
    row([[1], [0], [0]], name="C", samples=[make_sample(f"p000{i}", 0, i < 1, num_tokens=0) for i in range(3)]),
]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({}, "abC"),
        ({"reverse": True}, "Cba"),
        ({"sort": "name"}, "abC"),
        ({"sort": "tokens"}, "baC"),
        ({"sort": "tokens", "reverse": True}, "abC"),
        ({"sort": "format"}, "bCa"),
    ],
)
def test_rows_are_sorted_as_asked_with_the_unknown_last_and_ranks_stay(how, expected):
    found = shown(COSTLY, **how)
    assert "".join(name for _, name in found) == expected
    assert {name: rank for rank, name in found} == {"a": "1", "b": "2", "C": "3"}


def test_dates_are_sorted_the_latest_first():
    rows = [replace(row(name=name), date=date) for name, date in (("old", "2025-01-01"), ("none", ""), ("late", "2026-01-01"))]
    assert [found.name for found in board.arranged(rows, sort="date")] == ["late", "old", "none"]
    assert [found.name for found in board.arranged(rows, sort="date", reverse=True)] == ["old", "late", "none"]


def test_sorting_never_mixes_protocols():
    rows = [row(name=name, sampling={"temperature": heat}) for name, heat in (("a", 0.1), ("b", 0.9), ("c", 0.1), ("d", 0.9))]
    assert "".join(found.name for found in board.arranged(rows, sort="name")) in ("acbd", "bdac")


def test_a_filter_does_not_change_a_rank():
    assert shown(COSTLY[:1], among=COSTLY) == [("2", "b")]


def test_a_filter_that_nothing_passes_is_not_an_empty_board():
    assert board.render([], among=COSTLY) == "no run fits the filters"


def timed(seconds, **changes):
    """A run of one sample per problem with these times."""
    made = [make_sample(f"p{i:04d}", 0, 1) for i in range(len(seconds))]
    made = [
        replace(each, completion=replace(each.completion, seconds=s, num_prompt_tokens=5)) for each, s in zip(made, seconds, strict=True)
    ]
    return make_tally([[1]] * len(seconds), samples=made, **changes)


def test_seconds_are_never_more_than_the_batches_took():
    batches = [[1.0, 2.0], [3.0, 3.0], [0.5]]
    run = timed([s for batch in batches for s in batch], batch_size=2)
    assert least_seconds(run) == pytest.approx(9.5 / 2)
    assert least_seconds(run) <= sum(max(batch) for batch in batches)
    assert least_seconds(timed([7.0, 0.1], batch_size=128)) == 7.0


def test_what_was_not_measured_has_no_cost():
    found = row()
    assert (found.seconds, found.latency, found.prompt_tokens, found.noise) == (None, None, None, None)
    assert entry(timed([0.0, 0.0], batch_size=2)).seconds is None


def test_cost_is_summed_over_samples_and_latency_averaged():
    found = entry(timed([1.0, 2.0], batch_size=2))
    assert (found.generated_tokens, found.prompt_tokens, found.latency, found.device) == (24, 10, 1.5, "cpu")


def test_an_incomplete_run_has_cost_too():
    found = entry(make_tally([[1, 1], [1, 1]], samples=[make_sample("p0000", 0, 1)]))
    assert (found.generated_tokens, found.score) == (12, None)


def test_cost_is_shown_when_asked_for_and_fits():
    big = replace(COSTLY[0], name="x" * 90, generated_tokens=123456789012, prompt_tokens=99999999, seconds=123456.0, noise={"error": 0.01})
    text = board.render([big], with_cost=True)
    assert "123.5 G" not in board.render([big])
    assert all(part in text for part in ("123.5 G", "99,999,999", "123456", "noise: standard error"))
    assert max(map(tables.display_width, text.splitlines())) <= 80


def test_a_run_knows_its_parent_and_its_noise():
    run = replace(make_tally(SCORES, parent="d0"), noise=Noise(2, 4, 3, 1, 0.25, 0.01))
    assert (entry(run).parent, entry(run).noise["error"]) == ("d0", 0.01)


def test_rows_of_different_protocols_are_in_different_groups_each_with_a_first_rank():
    text = board.render([row(name="cold"), row(name="warm", sampling={"temperature": 0.6})])
    assert [name for name in ("cold", "warm") if f"  1 {name}" in text] == ["cold", "warm"]
    assert text.count("problems x n") == 2
    assert "temperature 0.6" in text


def test_n_and_seed_do_not_split_a_group():
    rows = [row(name="a"), row([[1], [0], [1]] * 6, name="b", sampling={"seed": 3})]
    assert len({found.protocol for found in rows}) == 1


def test_text_fits_80_columns_with_large_counts_and_long_or_chinese_names():
    names = ["DeepSeek-R1-Distill-Qwen-1.5B-with-a-very-long-name-that-goes-on" * 2, "小模型" * 20, "x"]
    rows = [row([[1] * 16] * 1319, name=name, stage="rejection-sampling") for name in names]
    rows.append(entry(make_tally([[1] * 16] * 1319, samples=[make_sample("p0000", 0, 1)])))
    lines = board.render(rows).splitlines()
    assert max(map(tables.display_width, lines)) <= 80
    assert names[0] in "".join(line.strip().removeprefix("1 ") for line in lines)


def test_hostile_names_cannot_reach_the_terminal():
    text = board.render([row(name="a\x1b[2Jb\nc\u202ed", stage="\x07", environment={"torch": "\x1b]0;x"})])
    assert "a?[2Jb?c?d" in text
    assert not any(letter in text for letter in "\x1b\x07\u202e")


def test_the_legend_says_what_the_interval_is_and_which_versions_made_the_samples():
    text = " ".join(board.render([row()]).split())
    assert "95 % interval over questions and samples: Wilson's" in text
    assert "made with: device cpu, sampler scripted, torch 2.9.0 (runs run-tiny)" in text


def test_an_empty_board_says_so():
    assert board.render(board.entries([])) == "no runs yet"


@pytest.mark.parametrize("scores", [[[1]], [[0]], [[1, 0]], [[0.0] * 4] * 2])
def test_the_smallest_runs_give_numbers_without_nan(scores):
    rows = board.entries([make_tally(scores)])
    again = json.loads(json.dumps(board.to_json(rows), allow_nan=False))
    assert again[0]["score"] == statistics.pass_at_1(scores)
    assert "nan" not in board.render(rows)


def test_entries_survive_a_round_trip_through_json():
    found = row()
    assert Entry.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_figures_have_one_decimal_no_negative_zero_and_a_mark_for_unknown():
    assert [tables.points(value) for value in (0.41234, 1, -0.0001, None)] == ["41.2", "100.0", "0.0", "-"]
    assert [tables.signed_points(value) for value in (0.41234, -0.02, 0.0001, None)] == ["+41.2", "-2.0", "0.0", "-"]


def test_ranks_are_one_more_than_the_better_scores():
    draw = random.Random("ranks")
    rows = [replace(row(), run=f"r{n}", score=draw.choice([None, 0.0, 0.25, 0.5, 1.0]), task=draw.choice("ab")) for n in range(60)]
    expected = {
        each.run: 1 + sum(other.task == each.task and (other.score or 0) > each.score for other in rows if other.score is not None)
        for each in rows
        if each.score is not None
    }
    assert board.ranks(rows) == expected
