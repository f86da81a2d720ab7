"""What is no regular file is named and not waited for; what is written goes through links, into pipes and never into folders."""

import os
import threading
from pathlib import Path

import pytest
from fakes_folders import store_run

from r1bench.harness.errors import StorageError
from r1bench.harness.store.disk import write_whole
from r1bench.harness.store.listed import MANIFEST, SAMPLES, not_runs, run_folders
from r1bench.harness.store.runs import read_run


def read_all(handle: int) -> bytes:
    with os.fdopen(handle, "rb") as file:
        return file.read()


@pytest.mark.parametrize("name", [SAMPLES, "problems.jsonl", "noise.json"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_regular_file_is_named_and_not_waited_for(tmp_path: Path, name: str, make) -> None:
    folder = store_run(tmp_path)
    (folder / name).unlink(missing_ok=True)
    make(folder / name)
    with pytest.raises(StorageError, match=name):
        read_run(folder)


def test_a_manifest_that_is_no_file_is_named(tmp_path: Path) -> None:
    folder = store_run(tmp_path)
    (folder / MANIFEST).unlink()
    os.mkfifo(folder / MANIFEST)
    assert (run_folders(tmp_path), len(not_runs(tmp_path))) == ([], 1)
    assert "manifest.json is no regular file" in not_runs(tmp_path)[0]


def test_what_is_written_through_a_link_replaces_its_target_and_the_link_stays(tmp_path: Path) -> None:
    target, link = tmp_path / "there" / "target", tmp_path / "link"
    target.parent.mkdir()
    link.symlink_to(target)
    for text in ("first", "second"):
        write_whole(link, text)
        assert (link.is_symlink(), target.read_text(), [path.name for path in target.parent.iterdir()]) == (True, text, ["target"])


def test_a_pipe_receives_what_is_written_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe, received = tmp_path / "pipe", []
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="No such device"):  # nobody reads
        write_whole(pipe, "text")
    handle = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(handle, True)
    reader = threading.Thread(target=lambda: received.append(read_all(handle)))
    write_whole(pipe, "text" * 10)
    reader.start()
    reader.join()
    assert (received, pipe.is_fifo()) == ([b"text" * 10], True)


def test_a_device_is_written_into_and_a_folder_is_refused(tmp_path: Path) -> None:
    write_whole(Path("/dev/null"), "text")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path, "text")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_folder_that_cannot_be_looked_into_is_named(tmp_path: Path) -> None:
    closed, _ = store_run(tmp_path, name="closed"), store_run(tmp_path, name="open")
    for place in tuple(tmp_path.parents)[:-2]:
        place.chmod(0o755)
    tmp_path.chmod(0o755)
    closed.chmod(0)
    os.seteuid(65534)
    try:
        listed, faults = run_folders(tmp_path), not_runs(tmp_path)
    finally:
        os.seteuid(0)
    assert (len(listed), faults) == (1, [f"{closed} cannot be read (Permission denied); make it readable, or move it elsewhere"])
