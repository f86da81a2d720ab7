"""Several processes and one index: builders at once, killed, interrupted, dead workers, folders of another user."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from fakes_folders import start_python, store_many, store_run

from r1bench.harness.errors import StorageError
from r1bench.harness.store.listed import MANIFEST
from r1bench.leaderboards.board import index
from r1bench.leaderboards.board.cache import NAME
from r1bench.leaderboards.board.indexing import examine
from r1bench.leaderboards.processes import in_processes

REFRESH = """
import sys
from pathlib import Path
from r1bench.leaderboards.board import index
if __name__ == "__main__":
    found = index.refresh(Path(sys.argv[1]), num_workers=int(sys.argv[2]))
    print(len(found.entries()), found.cache.is_stored)
    print(*found.notes(), *found.left_out(), sep="\\n")
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("has_index", [False, True])
def test_a_folder_that_belongs_to_others_is_read_with_an_index_in_memory(tmp_path: Path, has_index: bool) -> None:
    runs, warm = tmp_path / "runs", tmp_path / "warm"
    store_run(warm)
    store_run(runs, name="a")
    if has_index:
        index.refresh(runs)
        store_run(runs, name="b")
    for place in (runs, *runs.parents[:-2]):
        place.chmod(0o755)
    imported = REFRESH.replace("sys.argv[1]", "sys.argv[3]") + "    import os; os.setuid(65534)"  # who cannot read our interpreter
    out, err = start_python(f"{imported}\n{REFRESH}", runs, 1, warm).communicate()
    out = out.partition("1 True\n\n")[2]
    assert out.startswith(f"{1 + has_index} False\n"), err
    assert "kept in memory" in out
    assert [path.name for path in runs.glob(f"*{NAME}*")] == [NAME] * has_index


def test_two_processes_at_once_build_one_sound_index(tmp_path: Path) -> None:
    store_many(tmp_path, 12)
    started = [start_python(REFRESH, tmp_path, 1) for _ in range(3)]
    outcomes = [process.communicate() for process in started]
    assert [out.splitlines()[0] for out, _ in outcomes] == ["12 True"] * 3, outcomes
    found = index.Index(tmp_path)
    assert (found.cache.fault, found.update(num_workers=1), found.notes()) == ("", 0, [])


def rows_stored(runs: Path) -> int:
    """Rows in the file, as another process sees them."""
    return (runs / NAME).read_bytes().count(b"\n") if (runs / NAME).exists() else 0


def large(runs: Path, count: int) -> None:
    """Runs that take a while to read: copies of one with other names."""
    first = store_run(runs, [[1, 0] * 8] * 200, name="model-0")
    for number in range(1, count):
        copy = Path(shutil.copytree(first, runs / f"{first.name[:-1]}{number:03}"))
        text = (copy / MANIFEST).read_text()
        (copy / MANIFEST).write_text(text.replace('"model-0"', f'"model-{number}"'))


def test_a_killed_build_loses_nothing_and_leaves_no_process(tmp_path: Path) -> None:
    large(tmp_path, 30)
    running = start_python(REFRESH, tmp_path, 2)
    until = time.monotonic() + 60
    while rows_stored(tmp_path) < 2 and running.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    children = psutil.Process(running.pid).children(recursive=True)
    running.kill()
    _, alive = psutil.wait_procs(children, timeout=20)
    for child in alive:
        child.kill()
    running.communicate()
    stored = rows_stored(tmp_path)
    assert (2 <= stored < 30, alive) == (True, [])
    found = index.Index(tmp_path)
    assert found.update(num_workers=1) == 30 - stored
    assert len(found.entries()) == 30


def test_an_interrupted_build_says_that_the_command_goes_on(tmp_path: Path) -> None:
    large(tmp_path, 90)
    command = [sys.executable, "-m", "r1bench.harness.cli", "leaderboard", "--runs", str(tmp_path)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    until = time.monotonic() + 60
    while rows_stored(tmp_path) < 1 and running.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    os.killpg(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert running.returncode == 130, err
    assert "the same command goes on" in err
    assert "Traceback" not in err
    assert 1 <= rows_stored(tmp_path) < 90


def test_a_process_that_dies_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="died"):
        list(in_processes(os._exit, [3, 3], num_workers=2))


def test_several_processes_give_the_same_rows_as_one(tmp_path: Path) -> None:
    store_many(tmp_path, 4)
    folders = sorted(tmp_path.glob("*model*"))
    assert sorted(in_processes(examine, folders, num_workers=2)) == [examine(folder) for folder in folders]
