"""`r1bench grade` over files that somebody made to harm: nothing waits for ever, is held whole without bound, or is written elsewhere."""

import json
import os
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from r1bench.harness.cli import main
from r1bench.harness.evaluation import rows
from r1bench.harness.store.disk import open_any, open_to_append

ROW = json.dumps({"id": "a", "response": "\\boxed{5}", "gold": "5"}) + "\n"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="r1bench")


def told(result: Result) -> str:
    assert result.exit_code == 2, result.output
    [line] = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    return line


def test_a_pipe_that_nobody_writes_to_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="a pipe that nobody writes to"):
        open_any(tmp_path / "pipe", seconds=0.05)


def test_a_pipe_whose_writer_comes_later_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Timer(0.2, lambda: (tmp_path / "pipe").write_text(ROW))
    writer.start()
    assert call("grade", "integer", tmp_path / "pipe").exit_code == 0
    writer.join()


def test_a_writer_may_take_its_time(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    writer = threading.Timer(0.3, lambda: (os.write(writing, ROW.encode()), os.close(writing)))
    writer.start()
    with open_any(Path(f"/dev/fd/{reading}"), seconds=0.1) as file:
        assert file.read() == ROW.encode()
    os.close(reading)


def test_a_device_is_not_read_without_end(tmp_path: Path) -> None:
    assert "it is a folder or a device" in told(call("grade", "integer", "/dev/zero"))
    assert call("grade", "integer", "/dev/null").exit_code == 0


def test_a_pipe_that_nobody_reads_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(ROW)
    os.mkfifo(tmp_path / "out.jsonl")
    assert "cannot write" in told(call("grade", "integer", tmp_path / "rows.jsonl", "-o", tmp_path / "out.jsonl"))
    with pytest.raises(OSError, match="No such device"):
        open_to_append(tmp_path / "out.jsonl")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/full", path)])
def test_the_place_where_rows_are_kept_must_be_a_file(tmp_path: Path, make) -> None:
    (tmp_path / "rows.jsonl").write_text(ROW)
    make(tmp_path / "out.jsonl.part")
    assert "out.jsonl.part is no file" in told(call("grade", "integer", tmp_path / "rows.jsonl", "-o", tmp_path / "out.jsonl"))


def test_a_row_without_an_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MOST_BYTES", 1 << 20)
    (tmp_path / "rows.jsonl").write_text(ROW + "x" * (1 << 20))
    assert "rows.jsonl:2: is longer than 1 MiB" in told(call("grade", "integer", tmp_path / "rows.jsonl"))


@pytest.mark.parametrize("value", ["[" * 200_000 + "]" * 200_000, "[" * 300 + "]" * 300, "1" * 5000])
def test_a_row_that_no_program_writes_is_one_short_line(tmp_path: Path, value: str) -> None:
    (tmp_path / "rows.jsonl").write_text(f'{{"response": "5", "gold": "5", "options": {value}}}\n{ROW}')
    done = call("grade", "integer", tmp_path / "rows.jsonl", "-o", tmp_path / "out.jsonl")
    assert len(told(done)) < 400
    assert json.loads((tmp_path / "out.jsonl").read_text())["id"] == "a"


def test_graded_rows_that_are_nested_deeply_are_graded_again(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(ROW)
    (tmp_path / "out.jsonl.part").write_text("[" * 200_000 + "]" * 200_000 + "\n")
    assert call("grade", "integer", tmp_path / "rows.jsonl", "-o", tmp_path / "out.jsonl").exit_code == 0
