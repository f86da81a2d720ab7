"""The board as a file: the same numbers in every format, marked kinds, and names that would like to be formulas or markup."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from fakes_folders import store_run
from fakes_runs import make_tally

from r1bench.harness.cli import main
from r1bench.harness.errors import StorageError, UsageError
from r1bench.leaderboards.board import exports, external, papers
from r1bench.leaderboards.board import ranking as board
from r1bench.leaderboards.board.entry import Entry
from r1bench.leaderboards.measures import MEASURES

SCORES = [[1, 1, 0, 1], [0, 0, 0, 1], [1, 1, 1, 1]] * 4
IMPORTED = {"name": "m", "task": "gsm8k", "our_task": "gsm8k", "metric": "acc", "filter": "none", "value": 0.5, "error": 0.01, "n": 100}
IMPORTED |= {
    "harness": "lm-eval",
    "source": "results.json",
    "unit": "fraction",
    "version": "3",
    "num_fewshot": "5",
    "limit": "",
    "date": "",
}


def entries(*names: str, **changes) -> list[Entry]:
    return board.entries(make_tally(SCORES, name=name, **changes) for name in names)


def written(path: Path, rows: list[Entry], **others) -> Path:
    exports.write(path, rows, ranked=board.ranks(rows), **others)
    return path


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype={"task_version": str}, keep_default_na=True)
    return pd.read_json(path, dtype=False) if path.suffix == ".json" else pd.read_parquet(path)


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_every_format_has_the_same_lines_and_numbers(tmp_path: Path, suffix: str) -> None:
    (row,) = rows = entries("zero", stage="grpo")
    table = read(written(tmp_path / f"board{suffix}", rows, imported=[IMPORTED], printed=papers.rows(["aime25"])))
    assert list(table.columns) == list(exports.COLUMNS)
    first = table.iloc[0]
    assert (first["kind"], first["name"], first["metric"], first["rank"]) == ("measured", "zero", "pass@1", 1)
    assert [first[key] for key in ("value", "low", "high")] == pytest.approx([row.score, row.low, row.high], abs=1e-12)
    assert sorted(set(table["kind"])) == sorted(["measured", external.MARK, papers.MARK])


def test_what_several_samples_say_is_a_line_each_with_its_interval(tmp_path: Path) -> None:
    rows = entries("zero")
    table = pd.read_parquet(written(tmp_path / "board.parquet", rows)).set_index("metric")
    assert table.index.is_unique
    for metric in ("pass@2", "pass@4"):
        assert table.loc[metric, "value"] == pytest.approx(rows[0].several[metric]["value"])
        assert table.loc[metric, "low"] <= table.loc[metric, "value"] <= table.loc[metric, "high"]


def test_every_measure_of_the_table_is_a_line_with_the_number_of_the_row(tmp_path: Path) -> None:
    rows = entries("zero")
    table = pd.read_parquet(written(tmp_path / "board.parquet", rows)).set_index("metric")
    for key, measure in MEASURES.items():
        found, line = rows[0].measures[key], table.loc["pass@1" if key == "score" else key]
        assert [line[name] for name in ("value", "low", "high")] == [found[name] for name in ("value", "low", "high")]
        assert (line["interval_method"], line["unit"]) == (found["method"], "fraction" if measure.unit == "points" else measure.unit)


def test_only_measured_rows_have_a_rank_and_unknown_is_empty(tmp_path: Path) -> None:
    table = pd.read_parquet(written(tmp_path / "b.parquet", entries("a"), imported=[IMPORTED], printed=papers.rows(["math500"])))
    assert set(table[table["rank"].notna()]["kind"]) == {"measured"}
    assert table[table["kind"] != "measured"]["run"].isna().all()
    assert table["seconds"].isna().all()


HOSTILE = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\n=1",
    " =1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(A1)",
    "a|b\nc",
    "<script>alert(1)</script>",
    "[x](http://e)",
    '"quoted",',
    "\ud800",
    "a\x1b[2J",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_in_csv_is_text_to_a_spreadsheet(tmp_path: Path, name: str) -> None:
    table = read(written(tmp_path / "board.csv", entries(name, stage=name)))
    for column in ("name", "stage"):
        assert not str(table.iloc[0][column]).startswith(exports.FORMULA)
        assert str(table.iloc[0][column]).removeprefix("'") == name.encode("utf-8", "replace").decode()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_in_parquet_and_json_is_kept_and_in_markdown_is_only_text(tmp_path: Path, name: str) -> None:
    rows = entries(name)
    kept = name.encode("utf-8", "replace").decode()
    assert {read(written(tmp_path / f"b{suffix}", rows)).iloc[0]["name"] for suffix in (".json", ".parquet")} == {kept}
    text = written(tmp_path / "b.md", rows).read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("| 1 |")]
    bare = re.sub(r"\\.", "", line)  # without what is escaped
    assert bare.count("|") == 10
    assert not any(part in bare for part in ("<script", "](", "\x1b"))


def test_markdown_groups_by_protocol_and_marks_what_is_not_ranked(tmp_path: Path) -> None:
    rows = entries("a") + entries("b", sampling={"temperature": 0.5})
    text = written(tmp_path / "b.md", rows, imported=[IMPORTED], printed=papers.rows(["aime25"])).read_text()
    assert text.count("| 1 |") == 2
    assert f"## Not ranked: {external.MARK}" in text
    assert f"## Not ranked: {papers.MARK}" in text
    assert "50.0 ± 1.0" in text


def test_an_unknown_ending_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    for path, named in (
        (tmp_path / "board.xlsx", "no ending"),
        (tmp_path / "folder.csv", "is a folder"),
        (tmp_path / "none" / "board.csv", "there is no folder"),
    ):
        with pytest.raises(UsageError, match=named):
            exports.check_target(path)


def test_a_file_that_cannot_be_written_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "board.csv").symlink_to(tmp_path / "none" / "board.csv")
    with pytest.raises(StorageError, match=r"board\.csv: .*; choose another file with --export"):
        written(tmp_path / "board.csv", entries("a"))
    assert [path.name for path in tmp_path.iterdir()] == ["board.csv"]


def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(tmp_path / "target")
    for names in (["a"], ["a", "b"]):
        written(tmp_path / "link.csv", entries(*names))
        assert (tmp_path / "link.csv").is_symlink()
        assert set(pd.read_csv(tmp_path / "target")["name"]) == set(names)


def test_an_empty_board_is_an_empty_table(tmp_path: Path) -> None:
    assert len(pd.read_parquet(written(tmp_path / "b.parquet", []))) == 0


def test_the_command_writes_what_it_shows(tmp_path: Path) -> None:
    for name, task in (("a", "one"), ("b", "one"), ("c", "two")):
        store_run(tmp_path / "runs", name=name, task=task)
    arguments = ["leaderboard", "--runs", tmp_path / "runs", "--task", "one", "--match", "b", "--export", tmp_path / "b.json", "--json"]
    done = CliRunner().invoke(main, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    assert (
        {row["name"] for row in json.loads((tmp_path / "b.json").read_text())} == {"b"} == {row["name"] for row in json.loads(done.stdout)}
    )
