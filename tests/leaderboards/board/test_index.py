"""The index of a runs folder: rows are computed once, filters, and every fault of file and process is named and cured."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes_folders import flag_unknown, left_out, shown, start_python, store_many, store_run

from r1bench.harness.cli import main
from r1bench.harness.errors import StorageError
from r1bench.harness.records import ENDS_WITH, Noise
from r1bench.harness.store.disk import write_whole
from r1bench.harness.store.listed import MANIFEST, SAMPLES
from r1bench.harness.store.runs import NOISE
from r1bench.leaderboards.board import index
from r1bench.leaderboards.board import ranking as board
from r1bench.leaderboards.board.cache import NAME
from r1bench.leaderboards.board.indexing import COUNTED_BY, examine, fingerprint
from r1bench.leaderboards.measures.reading import read


def test_the_rows_are_those_that_the_folders_give(tmp_path: Path) -> None:
    folders = [store_run(tmp_path, name=name) for name in ("a", "b")]
    expected = board.to_json(board.entries(map(read, folders)))
    found = index.refresh(tmp_path)
    rows = board.to_json(found.entries())
    assert all(row["date"].startswith("20") for row in rows)
    assert [{**row, "date": ""} for row in rows] == expected


def test_only_what_changed_is_computed_again(tmp_path: Path) -> None:
    store_many(tmp_path, 3)
    found = index.refresh(tmp_path)
    assert found.update(num_workers=1) == 0
    store_run(tmp_path, [[1, 0, 1]] * 3, name="model-1")
    assert found.update(num_workers=1) == 1
    assert {row.name: row.n for row in found.entries()} == {"model-0": 2, "model-1": 3, "model-2": 2}


def test_measured_noise_makes_the_row_new(tmp_path: Path) -> None:
    folder = store_run(tmp_path)
    before = fingerprint(folder)
    write_whole(folder / NOISE, json.dumps(Noise(2, 4, 3, 1, 0.25, 0.01).to_json()))
    assert fingerprint(folder) != before
    found = index.refresh(tmp_path)
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


LOADED = """
import sys
from pathlib import Path
from r1bench.leaderboards.board.indexing import examine
assert examine(Path(sys.argv[1])).entry
print(*(module.__file__ for name, module in sorted(sys.modules.items()) if name.startswith("r1bench.") and module.__file__), sep="\\n")
"""


def test_every_module_that_computes_a_row_makes_rows_new_when_it_changes(tmp_path: Path) -> None:
    out, err = start_python(LOADED, store_run(tmp_path)).communicate()
    root = Path(index.__file__).resolve().parents[2]
    loaded = {Path(line).resolve() for line in out.splitlines()}
    assert len(loaded) > 20, err
    assert loaded - {path for pattern in COUNTED_BY for path in root.glob(pattern)} == set()


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
    found = index.refresh(tmp_path)
    assert (len(found.entries()), found.cache.is_stored, len(found.notes())) == (1, False, 1)
    assert "kept in memory" in found.notes()[0]


def test_a_half_written_last_line_is_named_with_its_bytes_and_the_command(tmp_path: Path) -> None:
    folder = store_run(tmp_path, command="r1bench eval tiny-base --tasks arithmetic")
    path = folder / SAMPLES
    path.write_bytes(path.read_bytes()[:-10])
    size = len(path.read_bytes().rpartition(b"\n")[2])
    (line,) = left_out(tmp_path)
    assert f"{size} bytes left out" in line
    assert line.endswith("goes on from there: r1bench eval tiny-base --tasks arithmetic")
    found = index.refresh(tmp_path)
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
    found = index.refresh(tmp_path)
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
    assert (found.entry, found.mark) == (None, "")
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


@pytest.mark.parametrize("command", [[], ["rebuild"], ["--no-refresh"]])
def test_what_is_odd_about_a_run_that_is_ranked_is_a_note_and_not_left_out(tmp_path: Path, command: list[str]) -> None:
    folder = flag_unknown(store_run(tmp_path, environment={ENDS_WITH: "nothing"}), "<scratchpad>")
    assert (shown(tmp_path), left_out(tmp_path)) == (["tiny"], [])
    result = CliRunner().invoke(main, ["leaderboard", "--runs", str(tmp_path), *command])
    assert f"Note: {folder.name}: its checkpoint names no token that ends a completion" in result.stderr
    assert f"Note: {folder.name}: 1 sample has a mark" in result.stderr
    assert "Left out" not in result.stderr
