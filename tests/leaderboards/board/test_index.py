"""The index of a runs folder: rows are computed once, filters, and every fault of file and process is named and cured."""

import json
import shutil
from pathlib import Path

import pytest
from fakes_folders import change, left_out, shown, store_many, store_run

from r1bench.harness.errors import StorageError
from r1bench.harness.records import Noise
from r1bench.harness.store.disk import write_whole
from r1bench.harness.store.listed import MANIFEST, SAMPLES
from r1bench.harness.store.runs import NOISE, read_run
from r1bench.leaderboards.board import index
from r1bench.leaderboards.board import ranking as board
from r1bench.leaderboards.board.index_file import NAME, VERSION
from r1bench.leaderboards.board.indexing import examine, fingerprint


def test_the_rows_are_those_that_the_folders_give(tmp_path: Path) -> None:
    folders = [store_run(tmp_path, name=name) for name in ("a", "b")]
    expected = board.to_json(board.entries(map(read_run, folders)))
    with index.refresh(tmp_path) as found:
        rows = board.to_json(found.entries())
    assert all(row["date"].startswith("20") for row in rows)
    assert [{**row, "date": ""} for row in rows] == expected


def test_only_what_changed_is_computed_again(tmp_path: Path) -> None:
    store_many(tmp_path, 3)
    with index.refresh(tmp_path) as found:
        assert found.update(num_workers=1) == 0
        store_run(tmp_path, [[1, 0, 1]] * 3, name="model-1")
        assert found.update(num_workers=1) == 1
        assert {row.name: row.n for row in found.entries()} == {"model-0": 2, "model-1": 3, "model-2": 2}


def test_measured_noise_makes_the_row_new(tmp_path: Path) -> None:
    folder = store_run(tmp_path)
    before = fingerprint(folder)
    write_whole(folder / NOISE, json.dumps(Noise(2, 4, 3, 1, 0.25, 0.01).to_json()))
    assert fingerprint(folder) != before
    with index.refresh(tmp_path) as found:
        assert found.entries()[0].noise["error"] == 0.01


def test_a_run_that_was_removed_leaves_the_board(tmp_path: Path) -> None:
    store_many(tmp_path, 2)
    assert shown(tmp_path) == ["model-0", "model-1"]
    shutil.rmtree(next(tmp_path.glob("*model-0*")))
    assert shown(tmp_path) == ["model-1"]


def test_filters_by_task_name_and_stage(tmp_path: Path) -> None:
    for name, task, stage in (("tiny-a", "one", "zero"), ("tiny-b", "two", "sft"), ("Big", "one", "sft")):
        store_run(tmp_path, name=name, task=task, stage=stage)
    assert sorted(shown(tmp_path, tasks=["one"])) == ["Big", "tiny-a"]
    assert sorted(shown(tmp_path, name="tiny-*")) == ["tiny-a", "tiny-b"]
    assert shown(tmp_path, stage="sft", tasks=["two"]) == ["tiny-b"]
    assert shown(tmp_path, name="' OR 1=1 --") == []


def test_a_filter_takes_names_as_values_and_not_as_sql(tmp_path: Path) -> None:
    store_run(tmp_path, name="x'); DROP TABLE runs; --")
    assert shown(tmp_path, name="x'); DROP*") == ["x'); DROP TABLE runs; --"]
    assert shown(tmp_path) == ["x'); DROP TABLE runs; --"]


@pytest.mark.parametrize(
    "content", [b"no database at all" * 100, b"SQLite format 3\0" + bytes(5000), b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_a_broken_index_is_moved_aside_named_and_made_again(tmp_path: Path, content: bytes) -> None:
    store_run(tmp_path)
    (tmp_path / NAME).write_bytes(content)
    with index.refresh(tmp_path) as found:
        assert len(found.entries()) == 1
        assert f"moved to {NAME}.old-1" in found.notes()[0]
    assert (tmp_path / f"{NAME}.old-1").read_bytes() == content
    with index.refresh(tmp_path) as found:
        assert found.notes() == []


def test_an_index_whose_pages_are_damaged_is_made_again(tmp_path: Path) -> None:
    store_many(tmp_path, 6)
    assert len(shown(tmp_path)) == 6
    content = bytearray((tmp_path / NAME).read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    (tmp_path / NAME).write_bytes(content)
    with index.refresh(tmp_path) as found:
        assert (len(found.entries()), len(found.notes())) == (6, 1)


def test_an_index_of_another_version_is_moved_aside_and_named(tmp_path: Path) -> None:
    store_run(tmp_path)
    assert len(shown(tmp_path)) == 1
    change(tmp_path, f"PRAGMA user_version = {VERSION + 1}")
    with index.refresh(tmp_path) as found:
        assert f"is an index of version {VERSION + 1}" in found.notes()[0]
        assert len(found.entries()) == 1


def test_a_row_that_was_changed_in_the_index_is_computed_again(tmp_path: Path) -> None:
    store_run(tmp_path)
    assert len(shown(tmp_path)) == 1
    change(tmp_path, """UPDATE runs SET entry = replace(entry, '"score": 0.5', '"score": 1.0')""")
    with index.refresh(tmp_path) as found:
        assert found.entries()[0].score == 0.5


def test_a_deleted_index_is_made_again(tmp_path: Path) -> None:
    store_many(tmp_path, 2)
    assert len(shown(tmp_path)) == 2
    (tmp_path / NAME).unlink()
    assert len(shown(tmp_path)) == 2


def test_without_refresh_there_must_be_an_index(tmp_path: Path) -> None:
    store_run(tmp_path)
    with pytest.raises(StorageError, match="leave out --no-refresh"):
        index.as_it_is(tmp_path)
    with pytest.raises(StorageError, match="no runs in"):
        index.refresh(tmp_path / "none")


def test_where_no_file_can_be_made_the_index_is_in_memory(tmp_path: Path) -> None:
    store_run(tmp_path)
    (tmp_path / NAME).mkdir()
    with index.refresh(tmp_path) as found:
        assert (len(found.entries()), found.file.is_stored) == (1, False)
        assert "kept in memory" in found.notes()[0]


def test_a_half_written_last_line_is_named_with_its_bytes_and_the_command(tmp_path: Path) -> None:
    folder = store_run(tmp_path, command="r1bench eval tiny-base --tasks arithmetic")
    path = folder / SAMPLES
    path.write_bytes(path.read_bytes()[:-10])
    size = len(path.read_bytes().rpartition(b"\n")[2])
    (line,) = left_out(tmp_path)
    assert f"{size} bytes left out" in line
    assert line.endswith("goes on from there: r1bench eval tiny-base --tasks arithmetic")
    with index.refresh(tmp_path) as found:
        assert found.entries()[0].note == "incomplete 5/6"


@pytest.mark.parametrize(
    ("name", "damage", "named"),
    [
        (
            MANIFEST,
            lambda text: text.replace('"format": 1', '"format": 2'),
            "of run-folder format 2; this r1bench reads format 1; read it with",
        ),
        (MANIFEST, lambda text: text[:50], "no manifest of a run"),
        (MANIFEST, lambda text: "[]", "no manifest of a run"),
        (MANIFEST, lambda text: text.replace('"task_version": "1"', '"task_version": 1'), "no manifest of a run"),
        (MANIFEST, lambda text: text.replace('"format": 1', '"format": true'), "no manifest of a run"),
        (SAMPLES, lambda text: text.replace('"num_tokens":12', '"num_tokens":9223372036854775808', 1), f"{SAMPLES}:1 is no sample"),
        (SAMPLES, lambda text: text.replace('"score":1.0', '"score":0', 1), f"{SAMPLES}:1 is no sample"),
        (SAMPLES, lambda text: text.replace("p0002", "p0009", 1), "problem 'p0009', which is not in problems.jsonl"),
        (SAMPLES, lambda text: text.replace('"score":1.0', '"score":7', 1), f"{SAMPLES}:1 is no sample"),
        (SAMPLES, lambda text: text + "[1]\n", f"{SAMPLES}:7 is no sample"),
        (SAMPLES, lambda text: text.replace('"languages":{', '"languages":{"zh":"many",', 1), f"{SAMPLES}:1 is no sample"),
        ("problems.jsonl", lambda text: text.replace("Question 1?", "Another?"), "is not what this run was asked"),
        ("problems.jsonl", lambda text: text.replace('"p0002"', "p0002"), "problems.jsonl:3 cannot be read"),
        (NOISE, lambda text: "{", "repeat: r1bench eval"),
    ],
)
def test_a_broken_run_is_named_with_its_cure_and_the_others_are_shown(tmp_path: Path, name: str, damage, named: str) -> None:
    folder, _ = store_run(tmp_path, name="broken"), store_run(tmp_path, name="whole")
    path = folder / name
    path.write_text(damage(path.read_text() if path.exists() else ""))
    with index.refresh(tmp_path) as found:
        assert [row.name for row in found.entries()] == ["whole"]
        assert [line for line in found.left_out() if named in line and str(folder) in line]


def test_a_run_that_is_mended_comes_back(tmp_path: Path) -> None:
    path = store_run(tmp_path) / SAMPLES
    whole = path.read_bytes()
    path.write_bytes(b"x\n" + whole)
    assert shown(tmp_path) == []
    path.write_bytes(whole)
    assert (shown(tmp_path), left_out(tmp_path)) == (["tiny"], [])


def test_a_folder_that_is_removed_while_it_is_read_is_named_and_not_stored(tmp_path: Path) -> None:
    found = examine(tmp_path / "gone")
    assert found.is_gone
    assert "removed while it was read" in found.fault


def test_links_are_followed_once_and_dangling_ones_are_named(tmp_path: Path) -> None:
    runs, elsewhere = tmp_path / "runs", tmp_path / "elsewhere"
    runs.mkdir()
    store_run(runs, name="a")
    folder = store_run(elsewhere, name="b")
    (runs / "linked").symlink_to(folder)
    (runs / "again").symlink_to(next(runs.glob("*--a--*")))
    (runs / "lost").symlink_to(tmp_path / "nowhere")
    assert shown(runs) == ["a", "b"]
    assert [line.split(" is a link to ")[0].rpartition("/")[2] for line in left_out(runs)] == ["again", "lost"]


def test_samples_without_a_manifest_are_named(tmp_path: Path) -> None:
    folder = store_run(tmp_path)
    (folder / MANIFEST).unlink()
    assert shown(tmp_path) == []
    assert f"{folder} has samples and no manifest.json" in left_out(tmp_path)[0]
