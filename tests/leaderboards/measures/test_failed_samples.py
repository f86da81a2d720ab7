"""Samples that failed are missing, not wrong: in no measure, in no n, counted on their own, and said wherever a run is shown."""

import random
from dataclasses import replace

import pytest
from fakes_runs import make_run, make_sample, make_tally

from r1bench.harness.errors import ProtocolError, UsageError
from r1bench.harness.records import Completion, Sample
from r1bench.harness.tally import Tally
from r1bench.leaderboards.board import ranking
from r1bench.leaderboards.board.entry import entry
from r1bench.leaderboards.compare.comparison import compare
from r1bench.leaderboards.measures import measured, measures, outcome_counts, page, sampled
from r1bench.leaderboards.measures.reading import of_run
from r1bench.leaderboards.protocol import check_complete

SOME = [[1, 0, None, 1], [1, 1, 1, 1], [None, 0, 0, None]]


def various(num_problems: int = 12, n: int = 4) -> list[Sample]:
    """Samples that differ in every measure, a fifth of which failed."""
    draw, samples = random.Random(5), []
    for problem in range(num_problems):
        for index in range(n):
            score = None if draw.random() < 0.2 else float(draw.random() < 0.5)
            done = Completion(f"{draw.random()}", draw.choice(["stop", "length"]), draw.randrange(1, 400))
            recorded = {"style:think-answer": float(draw.random() < 0.5), "loop": float(draw.random() < 0.3), "reflection_r1": 3.0}
            fields = {"behaviour": recorded, "reasoning_tokens": draw.randrange(100), "languages": {"en": draw.randrange(30), "zh": 3}}
            samples.append(make_sample(f"p{problem:04d}", index, score, completion=done, **fields))
    return samples


def test_a_sample_that_failed_leaves_numerator_and_denominator() -> None:
    found = measured(make_tally(SOME), "score")
    assert found is not None
    assert (found.value, found.num_problems, found.num_samples) == (pytest.approx((2 / 3 + 1 + 0) / 3), 3, 9)


def test_every_measure_is_that_of_the_samples_that_did_not_fail() -> None:
    samples = various()
    kept = [each for each in samples if not each.has_failed]
    assert len(kept) < len(samples)
    assert measures(make_tally([[1] * 4] * 12, samples=samples)) == measures(make_tally([[1] * 4] * 12, samples=kept))


def test_an_error_of_the_engine_is_a_failure_whatever_the_grader_said_of_its_text() -> None:
    broken = make_sample("p0000", 1, 0, completion=Completion("so", "error", 3))
    tally = make_tally([[1, 1]], samples=[make_sample("p0000", 0, 1), broken])
    assert (tally.mean("score"), tally.counts) == (1, (1,))
    assert outcome_counts(tally) == {"correct": 1, "wrong": 0, "unparsed": 0, "truncated": 0, "failed": 1}


def test_the_share_that_failed_is_shown_on_its_own_and_the_others_add_up_to_one() -> None:
    found = sampled.outcome_shares(make_tally(SOME))
    assert found["failed"].value == pytest.approx((1 / 4 + 0 + 1 / 2) / 3)
    assert found["failed"].num_samples == 12
    assert sum(share.value for outcome, share in found.items() if outcome != "failed") == pytest.approx(1)


def test_more_samples_than_every_problem_has_left_are_refused_by_name_and_with_the_cure() -> None:
    tally = make_tally(SOME)
    assert sampled.at_k(tally, "pass@", 2).value == pytest.approx((1 + 1 + 0) / 3)
    assert "pass@4" not in sampled.summary(tally)
    with pytest.raises(UsageError, match=r"pass@3 cannot be .* from 2 samples .*where 3 failed\); draw those that failed again"):
        sampled.at_k(tally, "pass@", 3)


def test_a_problem_all_of_whose_samples_failed_is_named_and_in_no_number() -> None:
    tally = make_tally([[1, 0], [None, None], [1, 1]])
    assert (tally.lost, tally.problems, tally.shortfall, tally.size) == (("p0001",), ("p0000", "p0002"), "", "2 x 2")
    assert tally.mean("score") == 0.75
    for text in (ranking.render([entry(tally)]), page.render(page.measure(tally))):
        assert "2 of 6 samples failed" in " ".join(text.split())
        assert "problem p0001" in " ".join(text.split())


def test_the_n_that_is_shown_is_the_n_that_counted() -> None:
    row = entry(make_tally(SOME))
    assert (row.size, row.n, row.num_samples, row.outcomes["failed"]) == ("3 x 2-4", 4, 9, 3)
    assert " 3 x 2-4 " in ranking.render([row])
    assert "3 problems x 2-4" in page.render(page.measure(make_tally(SOME)))


def test_a_run_all_of_which_failed_has_no_number_and_one_line_says_so() -> None:
    tally = make_tally([[None, None], [None, None]])
    row = entry(tally)
    assert (row.score, row.measures, row.is_complete, row.note) == (None, {}, False, "all 4 failed")
    assert "all 4 failed" in ranking.render([row])
    with pytest.raises(ProtocolError, match=r"has no score: all of its 4 samples failed; draw them again"):
        check_complete(tally)


def test_samples_that_are_missing_are_not_taken_for_failed_ones() -> None:
    run = make_run([[1, None], [None, None]])
    assert of_run(replace(run, samples=run.samples[:3])).shortfall == "incomplete 3/4"


def test_the_first_samples_have_the_failures_among_them() -> None:
    first = make_tally(SOME).first(2)
    assert [each.key for each in first.failed] == [("p0002", 0)]
    assert (first.rows("score"), first.shortfall) == ([[1, 0], [1, 1], [0]], "")


def test_what_failed_was_paid_for() -> None:
    samples = [make_sample("p0000", index, score, num_tokens=100) for index, score in enumerate((1, None))]
    assert entry(make_tally([[1, 1]], samples=samples)).generated_tokens == 200


def test_a_problem_that_is_lost_on_one_side_is_out_of_the_difference_and_of_no_side() -> None:
    a = make_tally([[1, 1], [0, 0], [1, 0]], name="a", problems_digest="same")
    b = make_tally([[1, 1], [None, None], [0, 0]], name="b", problems_digest="same")
    found = compare(a, b)
    assert (found.difference.num_problems, found.difference.mean, found.measures["score"].a) == (2, -0.25, pytest.approx(0.5))
    assert [each.id for each in found.problems] == ["p0000", "p0002"]
    assert any(note.startswith("problem p0001 is out of B - A") for note in found.notes)


def test_runs_without_a_problem_in_common_that_did_not_fail_are_refused() -> None:
    a, b = make_tally([[1], [None]], name="a"), make_tally([[None], [1]], name="b")
    with pytest.raises(ProtocolError, match="no problem has a sample in both that did not fail"):
        compare(a, b)


def test_the_samples_of_some_problems_are_a_tally_of_their_own() -> None:
    tally: Tally = make_tally(SOME).only(["p0000", "p0002"])
    assert (tally.rows("score"), [each.problem for each in tally.failed]) == ([[1, 0, 1], [0, 0]], ["p0000", "p0002", "p0002"])
