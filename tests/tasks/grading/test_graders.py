"""The table of graders: what its rows say is so."""

import pytest

from r1bench.leaderboards.measures.reading import VOTING
from r1bench.tasks.grading import GRADERS, Grader, check_options
from r1bench.tasks.grading.rows import READERS

ROWS = pytest.mark.parametrize("row", GRADERS.values(), ids=GRADERS)


@ROWS
def test_module_of_a_grader_judges_one_by_one_or_opens_an_engine(row: Grader) -> None:
    module = row.load()
    assert callable(getattr(module, "open_engine", None) or module.judge)


@ROWS
def test_everything_that_a_grader_needs_of_a_row_is_read(row: Grader) -> None:
    assert {name for name in (row.needs, row.column) if name} <= READERS.keys()


@ROWS
def test_unknown_option_is_refused_and_none_at_all_is_not(row: Grader) -> None:
    assert check_options(row.name, {}) is None
    assert "unknown option 'colour'" in str(check_options(row.name, {"colour": "red"}))


def test_samples_vote_on_the_answers_of_the_graders_that_have_some() -> None:
    assert {name for name, row in GRADERS.items() if row.has_votes} == set(VOTING)
