"""Printed numbers: where they come from, that both of two differing ones are there, and that none is ranked with measured rows."""

import json
from importlib.resources import files

import pytest

from r1bench.harness.errors import StorageError
from r1bench.harness.tables import display_width
from r1bench.leaderboards.board import papers
from r1bench.tasks import TASKS

ROWS = papers.rows()


def value(model: str, benchmark: str, source: str, metric: str = "pass@1") -> float:
    (found,) = [
        row["value"]
        for row in ROWS
        if (row["model"], row["benchmark"], row["metric"]) == (model, benchmark, metric) and source in row["source"]
    ]
    return found


def test_every_number_has_a_source_a_protocol_a_unit_and_a_word_on_trust() -> None:
    assert len(ROWS) > 300
    for row in ROWS:
        assert all(row[key] for key in ("model", "benchmark", "metric", "protocol", "source", "trust", "unit"))
        assert row["unit"] in ("fraction", "percentile", "rating")
        assert 0 <= row["value"] <= {"fraction": 1, "percentile": 100, "rating": 4000}[row["unit"]]


def test_numbers_of_version_2_say_that_they_were_transcribed_by_others() -> None:
    assert {"transcriptions" in row["trust"] for row in ROWS if ", v2" in row["source"]} == {True}
    assert {"transcriptions" in row["trust"] for row in ROWS if ", v1" in row["source"]} == {False}


def test_tasks_that_are_named_are_tasks_of_ours() -> None:
    named = {row["task"] for row in ROWS}
    assert named - {""} <= set(TASKS)
    assert {"aime24", "aime25", "math500", "gpqa_diamond", "livecodebench"} <= named


def test_differing_numbers_of_two_versions_are_both_there() -> None:
    assert (value("DeepSeek-R1-Zero", "AIME 2024", "v1, Table 2"), value("DeepSeek-R1-Zero", "AIME 2024", "v2, Table 3")) == (0.71, 0.779)
    assert (value("QwQ-32B-Preview", "AIME 2024", "Table 5"), value("QwQ-32B-Preview", "AIME 2024", "distilled models")) == (0.5, 0.44)


@pytest.mark.parametrize(
    ("stage", "benchmark", "expected"),
    [("Dev1", "AIME 2024", 0.59), ("Dev3", "Codeforces rating", 1746), ("R1", "MATH-500", 0.973), ("Dev2", "IF-Eval", 0.72)],
)
def test_the_stages_of_the_paper_are_there(stage: str, benchmark: str, expected: float) -> None:
    table = [row for row in ROWS if row["source"].endswith("v2, Table 3")]
    assert len(table) == 21 * 5
    assert [row["value"] for row in table if (row["stage"], row["benchmark"]) == (stage, benchmark)] == [expected]


def test_a_number_that_the_paper_does_not_give_is_missing_and_not_zero() -> None:
    assert [row for row in ROWS if row["model"] == "DeepSeek-R1-Zero-Qwen-32B" and "Codeforces" in row["benchmark"]] == []


def test_rows_can_be_chosen_by_task() -> None:
    assert {row["benchmark"] for row in papers.rows(["aime25"])} == {"AIME 2025"}


def test_text_is_marked_names_its_sources_and_fits_80_columns() -> None:
    text = papers.render(ROWS)
    assert max(map(display_width, text.splitlines())) <= 80
    assert text.startswith(papers.MARK)
    words = " ".join(text.split())
    assert all(row["source"] in words for row in ROWS)
    assert "no numbers" in papers.render([])


TEXT = (files("r1bench.leaderboards") / "published" / "r1-v1-table-2.json").read_text()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda found: found.pop("table"), "table: Field required"),
        (lambda found: found.update(extra=1), "extra"),
        (lambda found: found["lines"][0]["values"].pop(), "has 2 values for 3 models"),
        (lambda found: found["lines"][0]["values"].__setitem__(0, 863), "outside 0"),
        (lambda found: found["lines"][0]["values"].__setitem__(0, "86"), "lines.0.values"),
        (lambda found: found["lines"][0].update(unit="points"), "lines.0.unit"),
    ],
)
def test_a_data_file_of_another_shape_is_refused_with_the_place(change, named: str) -> None:
    found = json.loads(TEXT)
    change(found)
    with pytest.raises(StorageError, match=named):
        papers.read_file(json.dumps(found), "file.json")
