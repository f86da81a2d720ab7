"""A run without its texts: rows, what is known of them, the first samples, and what is missing."""

import math
from array import array

import pytest
from fakes_runs import make_run

from r1bench.harness.records import Noise
from r1bench.harness.tally import Tally

NAN = math.nan


def tally_of(*problems: list[float], measure: str = "score", n: int | None = None, **fields) -> Tally:
    """One measure of some problems; the indices count up."""
    manifest = make_run([[1] * (n or max(map(len, problems), default=1))] * len(problems)).manifest
    return Tally(
        id="run",
        manifest=manifest,
        problems=tuple(f"p{number}" for number in range(len(problems))),
        counts=tuple(map(len, problems)),
        values={
            measure: array("d", [value for row in problems for value in row]),
            "index": array("d", [index for row in problems for index in range(len(row))]),
        },
        recorded=(),
        samples_digest="digest",
        **fields,
    )


def test_rows_are_the_values_problem_by_problem() -> None:
    tally = tally_of([1, 0, 1], [0], [0.5, 0.25])
    assert tally.rows("score") == [[1, 0, 1], [0], [0.5, 0.25]]
    assert (tally.num_samples, tally.n) == (6, 1)
    with pytest.raises(KeyError):
        tally.rows("tokens")


def test_what_is_not_known_is_left_out_and_a_problem_of_which_nothing_is_known_too() -> None:
    tally = tally_of([1, NAN], [NAN, NAN], [0, 0])
    assert tally.known("score") == [[1], [0, 0]]
    assert tally.known("tokens") == []


def test_a_run_has_a_measure_only_where_every_sample_has() -> None:
    assert tally_of([1, 0], [0, 0]).has("score", "index")
    assert not tally_of([1, NAN], [0, 0]).has("score")
    assert not tally_of([1], [0]).has("score", "tokens")


def test_means_and_sums_are_of_all_or_not_known() -> None:
    tally, partly = tally_of([1, 0, 0, 0], [1]), tally_of([1, NAN], [0, 0])
    assert (tally.mean("score"), tally.total("score")) == ((0.25 + 1) / 2, 2)
    assert (partly.mean("score"), partly.total("score"), partly.mean("tokens")) == (None, None, None)
    assert (tally_of().mean("score"), tally_of().total("score"), tally_of().n) == (None, 0, 0)


def test_the_first_samples_are_those_of_the_lowest_index() -> None:
    tally = tally_of([1, 0, 1, 1], [0, 1, 0, 0])
    first = tally.first(2)
    assert (first.rows("score"), first.rows("index")) == ([[1, 0], [0, 1]], [[0, 1], [0, 1]])
    assert (first.n, first.num_samples, first.manifest.n, first.shortfall) == (2, 4, 2, "")
    assert tally.rows("score") == [[1, 0, 1, 1], [0, 1, 0, 0]]
    assert tally.first(4) is tally.first(9) is tally


def test_a_problem_without_first_samples_is_missing_from_them() -> None:
    values = {"score": array("d", [1, 0, 1]), "index": array("d", [0, 1, 3])}
    tally = Tally("run", make_run([[1] * 4] * 2).manifest, ("a", "b"), (2, 1), values, (), "")
    first = tally.first(2)
    assert (first.problems, first.counts, first.rows("score")) == (("a",), (2,), [[1, 0]])
    assert first.shortfall == "incomplete 2/4"


@pytest.mark.parametrize(
    ("problems", "n", "expected"),
    [
        ([[1, 0], [0, 0]], 2, ""),
        ([[1, 0], [0]], 2, "incomplete 3/4"),
        ([[1, 0, 1], [0]], 2, "incomplete 3/4"),
        ([[1], [0]], 3, "incomplete 2/6"),
        ([], 1, "incomplete 0/0"),
    ],
)
def test_what_is_missing_is_told_in_samples_of_those_that_were_asked_for(problems: list[list[float]], n: int, expected: str) -> None:
    assert tally_of(*problems, n=n).shortfall == expected


def test_noise_that_was_not_measured_is_no_error() -> None:
    assert tally_of([1]).noise_error == 0
    assert tally_of([1], noise=Noise(2, 4, 3, 1, 0.25, 0.01)).noise_error == 0.01
