"""A runs folder that somebody else made: nothing is written out of it, nothing waits for ever, and each fault is one short line."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fakes_folders import store_run

from r1bench.harness.canonical import parse_json
from r1bench.harness.cli import main
from r1bench.harness.errors import StorageError, quoted
from r1bench.harness.store.runs import open_run, read_manifest, read_problems, read_run, run_id

NESTED = "[" * 200_000 + "]" * 200_000
BELOW_THE_LIMIT = "[" * 300 + "]" * 300
DIGITS = "1" * 5000
FILES = ("manifest.json", "samples.jsonl", "problems.jsonl", "noise.json")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="r1bench")


def told(result: Result) -> str:
    """The one line of an error of the user's."""
    assert result.exit_code == 2, result.output
    [line] = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert len(line) < 1000
    return line


def changed(run: Path, **values: Any) -> Path:
    """The run with other values in its manifest."""
    held = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**held, **values}))
    return run


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize(
    "task", ["../../victim/pwned", "/tmp/pwned", "..", ".", "a/b", "a\\b", "a\0b", "a\nb", "", " ", ".hidden", "-o", "x" * 300, "::x"]
)
def test_a_task_whose_name_could_lead_out_of_the_runs_is_no_task(tmp_path: Path, task: str) -> None:
    run = changed(store_run(tmp_path / "home/runs"), task=task, grader_version="0")
    (tmp_path / "victim").mkdir()
    before = everything(tmp_path)
    line = told(call("regrade", run, "--write", "--runs", tmp_path / "home/runs"))
    assert f"is no manifest of a run (task cannot be {quoted(task)})" in line
    assert everything(tmp_path) == before


def test_no_folder_is_named_after_a_task_that_leads_out(tmp_path: Path) -> None:
    held = read_manifest(store_run(tmp_path))
    with pytest.raises(StorageError, match=r"a task cannot be called '\.\./x'"):
        run_id(type(held)(**{**vars(held), "task": "../x"}))


@pytest.mark.parametrize("name", ["../../x", "/tmp/x", "..", "a/../../b", "\0", "~", "x" * 5000, "CON\n"])
def test_a_checkpoint_of_any_name_has_its_runs_in_the_folder_of_runs(tmp_path: Path, name: str) -> None:
    assert store_run(tmp_path / "runs", name=name).parent == tmp_path / "runs"
    assert everything(tmp_path) == {"runs", *(f"runs/{path}" for path in everything(tmp_path / "runs"))}


@pytest.mark.parametrize("name", FILES)
def test_a_run_is_never_written_through_a_link(tmp_path: Path, name: str) -> None:
    run = store_run(tmp_path / "runs")
    held, problems, victim = read_manifest(run), read_problems(run), tmp_path / "victim"
    victim.write_text("without a line break")
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(victim)
    with pytest.raises(StorageError, match=r"is a link to .*victim"), open_run(tmp_path / "runs", held, problems):
        pass
    assert victim.read_text() == "without a line break"


def test_a_lock_that_is_a_link_makes_no_file_elsewhere(tmp_path: Path) -> None:
    run = store_run(tmp_path / "runs")
    held, problems = read_manifest(run), read_problems(run)
    (run / ".lock").unlink()
    (run / ".lock").symlink_to(tmp_path / "victim")
    with pytest.raises(StorageError, match="cannot write"), open_run(tmp_path / "runs", held, problems):
        pass
    assert not (tmp_path / "victim").exists()


def test_a_run_on_another_disk_is_read_and_gone_on_with_through_a_link(tmp_path: Path) -> None:
    run = store_run(tmp_path / "runs")
    held, problems = read_manifest(run), read_problems(run)
    (tmp_path / "disk").mkdir()
    shutil.move(run, tmp_path / "disk")
    run.symlink_to(tmp_path / "disk" / run.name)
    with open_run(tmp_path / "runs", held, problems) as writer:
        assert len(writer.keys) == len(read_run(run).samples) > 0


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [pipe, device, Path.mkdir])
@pytest.mark.parametrize("name", FILES)
def test_a_run_whose_file_is_none_is_refused_at_once(tmp_path: Path, name: str, make: Callable[[Path], None]) -> None:
    run = store_run(tmp_path / "runs")
    (run / name).unlink(missing_ok=True)
    make(run / name)
    assert "runs" in told(call("metrics", run, "--runs", tmp_path / "runs"))
    assert call("leaderboard", "--runs", tmp_path / "runs").exit_code == 0


@pytest.mark.parametrize("value", [NESTED, BELOW_THE_LIMIT, DIGITS, "1e999", "NaN", '"\\ud800', "\ufeff\ufeff{}", "null"])
@pytest.mark.parametrize("name", FILES)
def test_json_that_no_program_writes_is_refused_in_one_short_line(tmp_path: Path, name: str, value: str) -> None:
    run = store_run(tmp_path / "runs")
    text = (run / name).read_text() if (run / name).is_file() else "{}"
    (run / name).write_text(text.rstrip().removesuffix("}") + f', "stage": {value}}}\n')
    assert "cannot be read" in (line := told(call("metrics", run, "--runs", tmp_path / "runs"))) or "is no " in line
    assert call("leaderboard", "--runs", tmp_path / "runs").exit_code == 0


def test_an_index_that_is_nested_deeply_is_made_anew(tmp_path: Path) -> None:
    store_run(tmp_path, name="kept")
    (tmp_path / "leaderboard.jsonl").write_text(f'["x", "y", {NESTED}]\n')
    assert "kept" in call("leaderboard", "--runs", tmp_path).stdout


@pytest.mark.parametrize("text", [NESTED, '{"kind": ' + NESTED + "}", f'{{"version": {DIGITS}}}', '{"kind": "' + "x" * 10_000 + '"}', "\0"])
def test_a_hostile_baseline_file_is_refused_in_one_short_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "b.json").write_text(text)
    assert "is not a baseline file" in told(call("baseline", "show", tmp_path / "b.json"))


@pytest.mark.parametrize("make", [pipe, device, Path.mkdir])
def test_a_baseline_that_is_no_file_is_refused_at_once(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "b.json")
    assert "b.json cannot be read" in told(call("baseline", "show", tmp_path / "b.json"))


def test_a_word_of_any_length_is_quoted_in_part(tmp_path: Path) -> None:
    store_run(tmp_path)
    for command in (("metrics", "x" * 9999), ("regrade", "y\0" * 99), ("compare", "z" * 9999, "z"), ("tasks", "show", "x" * 9999)):
        assert len(told(call(*command, *([] if command[0] == "tasks" else ["--runs", tmp_path])))) < 1000


@pytest.mark.parametrize(
    ("text", "is_read"), [("[" * 100 + "]" * 100, True), ("[" * 101 + "1" + "]" * 101, False), ("[" + "[]," * 999 + "[]]", True)]
)
def test_json_has_at_most_100_levels(text: str, is_read: bool) -> None:
    if is_read:
        assert parse_json(text) == json.loads(text)
    else:
        with pytest.raises(ValueError, match="more than 100 levels"):
            parse_json(text)
