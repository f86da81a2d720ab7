"""The file that rows are kept in: whatever is wrong with it, the board is the same, and the file is made anew or done without."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fakes_folders import append, left_out, shown, start_python, store_many, store_run

from r1bench.harness.errors import StorageError
from r1bench.leaderboards.board import index
from r1bench.leaderboards.board.cache import NAME, Cache

BROKEN = {
    "text": b"no index at all\n" * 100,
    "bytes": b"SQLite format 3\0" + b"\xff" * 5000 + b"\n",
    "half": b'["run/x", "mark", [null, "", [], ',
    "deep": b"[" * 100_000 + b"\n",
    "list": b'[["run/x"], "mark", 3]\n',
    "number": b"3\n",
    "key": b'[3, "mark", 3]\n',
    "row": b'["run/x", "mark", 3]\n',
    "entry": b'["run/x", "mark", [{"name": "ghost"}, "", [], "x"]]\n',
    "nan": b'["run/x", "mark", NaN]\n',
    "long": b'["run/x", "mark", ' + b"9" * 10_000 + b"]\n",
}


def test_a_value_counts_for_as_long_as_its_mark_is_the_same(tmp_path: Path) -> None:
    cache = Cache(tmp_path / NAME)
    for value in ({"a": 0.1}, [1, None, "\udc80"]):
        cache.put("key", "mark", value)
    for found in (cache, Cache(tmp_path / NAME)):
        assert (found.get("key", "mark"), found.get("key", "other"), found.get("other", "mark")) == ([1, None, "\udc80"], None, None)


def test_a_line_that_its_writer_did_not_finish_is_left_out_and_breaks_nothing(tmp_path: Path) -> None:
    Cache(tmp_path / NAME).put("a", "mark", 1)
    content = (tmp_path / NAME).read_bytes()
    for size in range(len(content), 2 * len(content)):
        (tmp_path / NAME).write_bytes((content + content.replace(b"a", b"b", 1))[:size])
        found = Cache(tmp_path / NAME)
        assert (found.fault, found.rows) == ("", {"a": ("mark", 1)})
        found.clean(lambda key: True)
        assert ((tmp_path / NAME).read_bytes(), found.notes) == (content, [])


def test_a_file_of_lines_that_count_no_more_is_made_anew(tmp_path: Path) -> None:
    for number in range(7):
        Cache(tmp_path / NAME).put("a", str(number), number)
    cache = Cache(tmp_path / NAME)
    cache.clean(lambda key: True)
    assert json.loads((tmp_path / NAME).read_text()) == ["a", "6", 6]
    assert (cache.get("a", "6"), cache.notes) == (6, [])


@pytest.mark.parametrize("content", [content for name, content in BROKEN.items() if name != "half"], ids=lambda content: str(content[:20]))
def test_a_broken_index_is_named_and_made_again(tmp_path: Path, content: bytes) -> None:
    store_many(tmp_path, 2)
    (tmp_path / NAME).write_bytes(content.replace(b"run/x", f"run/{next(tmp_path.iterdir()).name}".encode()))
    found = index.refresh(tmp_path)
    assert (len(found.entries()), len(found.notes())) == (2, 1)
    assert "made again from the run folders" in found.notes()[0]
    assert [path.name for path in tmp_path.glob(f"*{NAME}*")] == [NAME]
    found = index.Index(tmp_path)
    assert (found.update(num_workers=1), found.notes(), len(found.entries())) == (0, [], 2)


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_without_refresh_a_broken_index_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    store_run(tmp_path)
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(StorageError, match="leave out --no-refresh"):
        index.as_it_is(tmp_path)
    assert (tmp_path / NAME).read_bytes() == content
    assert [path.name for path in tmp_path.glob(f"*{NAME}*")] == [NAME]


def test_nothing_is_taken_from_a_file_with_a_broken_line(tmp_path: Path) -> None:
    store_many(tmp_path, 2)
    index.refresh(tmp_path)
    append(tmp_path, '["run/', "[]")
    found = index.Index(tmp_path)
    assert (found.update(num_workers=1), len(found.entries()), len(found.notes())) == (2, 2, 1)


def test_rebuild_computes_every_row_again(tmp_path: Path) -> None:
    store_run(tmp_path)
    index.refresh(tmp_path)
    text = (tmp_path / NAME).read_text()
    (tmp_path / NAME).write_text(text.replace('"score": 0.5', '"score": 1.0'))
    assert index.refresh(tmp_path).entries()[0].score == 1.0
    assert index.rebuild(tmp_path).entries()[0].score == 0.5
    assert (tmp_path / NAME).read_text() == text


def test_an_index_that_came_with_copied_runs_counts_for_nothing(tmp_path: Path) -> None:
    store_run(tmp_path / "a")
    index.refresh(tmp_path / "a")
    text = (tmp_path / "a" / NAME).read_text()
    (tmp_path / "a" / NAME).write_text(text.replace('"score": 0.5', '"score": 1.0'))
    shutil.copytree(tmp_path / "a", tmp_path / "b")  # with the times of the files
    assert index.refresh(tmp_path / "b").entries()[0].score == 0.5


def test_a_copy_of_a_run_is_named_and_shown_once(tmp_path: Path) -> None:
    folder, _ = store_run(tmp_path, name="a"), store_run(tmp_path, name="b")
    shutil.copytree(folder, tmp_path / "a-copy")
    assert shown(tmp_path) == ["a", "b"]
    assert left_out(tmp_path) == [f"{tmp_path / 'a-copy'} is the same run as {folder}, which is shown; remove one of the two"]
    shutil.rmtree(folder)
    assert (shown(tmp_path), left_out(tmp_path)) == (["a", "b"], [])


def link_to_elsewhere(path: Path) -> None:
    path.with_name("elsewhere").write_text("precious\n")
    path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.parametrize("make", [os.mkfifo, link_to_elsewhere])
def test_an_index_that_is_a_pipe_or_a_link_is_replaced_and_not_waited_for(tmp_path: Path, make) -> None:
    store_run(tmp_path)
    make(tmp_path / NAME)
    command = [sys.executable, "-m", "r1bench.harness.cli", "leaderboard", "--runs", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "  1 tiny" in done.stdout
    assert "it is a link, a pipe, a folder or too large" in done.stderr
    assert (tmp_path / NAME).is_file()
    assert not (tmp_path / NAME).is_symlink()
    assert make is os.mkfifo or (tmp_path / "elsewhere").read_text() == "precious\n"


def test_a_folder_name_that_is_no_text_is_computed_once(tmp_path: Path) -> None:
    store_run(tmp_path).rename(tmp_path / "half\udc80")
    assert len(index.refresh(tmp_path).entries()) == 1
    found = index.Index(tmp_path)
    assert (found.update(num_workers=1), len(found.entries())) == (0, 1)


READ_ONLY = """
import os, sys
from pathlib import Path
from r1bench.leaderboards.board import index
index.refresh(Path(sys.argv[1])).entries()
os.seteuid(65534)
found = index.refresh(Path(sys.argv[2]))
print(len(found.entries()), found.cache.is_stored, *found.notes())
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_broken_index_in_a_folder_that_cannot_be_written_is_replaced_in_memory(tmp_path: Path) -> None:
    runs, warm = tmp_path / "runs", tmp_path / "warm"
    store_run(warm)
    store_run(runs)
    (runs / NAME).write_bytes(BROKEN["text"])
    for place in (runs, *runs.parents[:-2]):
        place.chmod(0o755)
    out, err = start_python(READ_ONLY, warm, runs).communicate(timeout=60)
    assert out.startswith("1 False"), err
    assert "cannot be written (Permission denied): rows are kept in memory" in out
    assert (runs / NAME).read_bytes() == BROKEN["text"]
