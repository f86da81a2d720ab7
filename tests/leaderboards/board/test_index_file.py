"""Damage to the index file: rows that were changed, broken pages, other kinds of files; with and without a refresh."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fakes_folders import change, left_out, shown, start_python, store_many, store_run

from r1bench.harness.errors import StorageError
from r1bench.harness.store.listed import MANIFEST
from r1bench.leaderboards.board import index
from r1bench.leaderboards.board.index_file import NAME, VERSION

GHOST = "INSERT INTO runs SELECT 'gone', fingerprint, identity, entry, fault, remarks, checksum FROM runs"


def test_rebuild_forgets_what_only_the_index_says(tmp_path: Path) -> None:
    store_run(tmp_path)
    assert len(shown(tmp_path)) == 1
    shutil.copytree(next(tmp_path.glob("*tiny*")), tmp_path / "gone", ignore=shutil.ignore_patterns(MANIFEST))
    change(tmp_path, GHOST)
    with index.rebuild(tmp_path) as found:
        assert len(found.file.folders()) == 1


def test_the_damaged_row_of_a_folder_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    store_run(tmp_path)
    assert len(shown(tmp_path)) == 1
    change(tmp_path, GHOST)
    with index.refresh(tmp_path) as found:
        assert (len(found.entries()), len(found.file.folders())) == (1, 1)


@pytest.mark.parametrize("column", ["folder", "fingerprint", "identity", "entry", "fault", "remarks"])
def test_without_refresh_a_damaged_row_is_refused_with_its_cure(tmp_path: Path, column: str) -> None:
    store_many(tmp_path, 2)
    assert len(shown(tmp_path)) == 2
    change(tmp_path, f"UPDATE runs SET {column} = {column} || ' ' WHERE folder LIKE '%model-0%'")
    with pytest.raises(StorageError, match=r"1 damaged row.*; leave out --no-refresh"):
        index.as_it_is(tmp_path)
    assert len(shown(tmp_path)) == 2


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"", b"SQLite format 3\0" + b"\xff" * 5000])
def test_without_refresh_a_broken_index_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    store_run(tmp_path)
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(StorageError, match="leave out --no-refresh"):
        index.as_it_is(tmp_path)
    assert (tmp_path / NAME).read_bytes() == content
    assert [path.name for path in tmp_path.glob(f"{NAME}*")] == [NAME]


def test_pages_that_are_damaged_are_made_again_wherever_they_are_read(tmp_path: Path) -> None:
    store_many(tmp_path, 6)
    index.refresh(tmp_path).close()
    content = bytearray((tmp_path / NAME).read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    (tmp_path / NAME).write_bytes(content)
    with index.Index(tmp_path) as found:
        assert (found.left_out(), found.stored_difference("a", "b"), len(found.entries())) == ([], None, 6)
        assert f"moved to {NAME}.old-1" in found.notes()[0]


def test_a_copy_of_a_run_is_named_and_shown_once(tmp_path: Path) -> None:
    folder, _ = store_run(tmp_path, name="a"), store_run(tmp_path, name="b")
    shutil.copytree(folder, tmp_path / "a-copy")
    assert shown(tmp_path) == ["a", "b"]
    assert left_out(tmp_path) == [f"{tmp_path / 'a-copy'} is the same run as {folder}, which is shown; remove one of the two"]
    shutil.rmtree(folder)
    assert (shown(tmp_path), left_out(tmp_path)) == (["a", "b"], [])


@pytest.mark.parametrize("ending", ["", "-journal"])
def test_an_index_that_is_a_pipe_is_named_and_not_waited_for(tmp_path: Path, ending: str) -> None:
    store_run(tmp_path)
    os.mkfifo(tmp_path / f"{NAME}{ending}")
    command = [sys.executable, "-m", "r1bench.harness.cli", "leaderboard", "--runs", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "  1 tiny" in done.stdout
    assert f"{NAME}{ending} is no regular file" in done.stderr


def test_a_folder_name_that_is_no_text_is_computed_once(tmp_path: Path) -> None:
    store_run(tmp_path).rename(tmp_path / "half\udc80")
    with index.refresh(tmp_path) as found:
        assert (len(found.entries()), found.update(num_workers=1)) == (1, 0)


READ_ONLY = """
import os, sys
from pathlib import Path
from r1bench.leaderboards.board import index
with index.refresh(Path(sys.argv[1])) as found:
    found.entries()
os.seteuid(65534)
with index.refresh(Path(sys.argv[2])) as found:
    print(len(found.entries()), found.file.is_stored, *found.notes())
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("is_broken", [True, False], ids=["broken", "other version"])
def test_an_unusable_index_in_a_folder_that_cannot_be_written_is_replaced_in_memory(tmp_path: Path, is_broken: bool) -> None:
    runs, warm = tmp_path / "runs", tmp_path / "warm"
    store_run(warm)
    store_run(runs)
    if is_broken:
        (runs / NAME).write_bytes(b"no database at all" * 100)
    else:
        index.refresh(runs).close()
        change(runs, f"PRAGMA user_version = {VERSION + 1}")
    for place in (runs, *runs.parents[:-2]):
        place.chmod(0o755)
    out, err = start_python(READ_ONLY, warm, runs).communicate(timeout=60)
    assert out.startswith("1 False"), err
    assert "cannot be moved aside: the index is kept in memory" in out
    assert [path.name for path in runs.glob(f"{NAME}*")] == [NAME]
