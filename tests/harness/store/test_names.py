"""Words become runs: a folder, an id, a checkpoint's name, a part of an id, and what is said where nothing fits, or too much."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes_folders import store_run

from r1bench.harness.cli import main
from r1bench.harness.errors import StorageError, UnknownNameError, UsageError
from r1bench.harness.store.listed import MANIFEST
from r1bench.harness.store.names import run_of, runs_of, runs_of_checkpoint


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """base on two tasks, zero on one, oldest first."""
    for age, (name, task) in enumerate((("base", "gsm8k"), ("base", "arithmetic"), ("zero", "arithmetic"))):
        folder = store_run(tmp_path / "runs", name=name, task=task, checkpoint=f"models/{name}")
        os.utime(folder / MANIFEST, (age, age))
    return tmp_path / "runs"


def tasks(found: list) -> list[tuple[str, str]]:
    return [(each.manifest.name, each.manifest.task) for each in found]


def folder_of(runs: Path, start: str) -> Path:
    return next(path for path in runs.iterdir() if path.name.startswith(start))


@pytest.mark.parametrize("word", ["base", "models/base"])
def test_a_checkpoint_is_all_of_its_runs_or_those_of_some_tasks(runs: Path, word: str) -> None:
    assert tasks(runs_of(runs, word)) == [("base", "gsm8k"), ("base", "arithmetic")]
    assert tasks(runs_of(runs, word, ["arithmetic", "math500"])) == [("base", "arithmetic")]
    assert runs_of_checkpoint(runs, word) == runs_of(runs, word)


def test_a_folder_an_id_and_either_end_of_an_id_are_one_run(runs: Path, tmp_path: Path) -> None:
    folder = folder_of(runs, "arithmetic--base")
    for word in (str(folder), folder.name, folder.name[-8:], "arithmetic--base"):
        assert run_of(runs, word).folder.samefile(folder)
    assert run_of(tmp_path / "elsewhere", str(folder)).manifest.name == "base"


def test_the_folder_that_one_is_in_has_its_name(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder_of(runs, "gsm8k--base"))
    assert run_of(runs, ".").folder == Path.cwd()


def test_a_name_comes_before_a_part_of_another_id(runs: Path) -> None:
    store_run(runs, name="gsm8k", task="math500")
    assert tasks(runs_of(runs, "gsm8k")) == [("gsm8k", "math500")]


def test_several_runs_are_refused_where_one_is_asked_for_with_the_way_to_choose(runs: Path) -> None:
    with pytest.raises(UsageError, match=r"'base' fits 2 runs: gsm8k--base--\w+, arithmetic--base--\w+; give one of these, or its --task$"):
        run_of(runs, "base", otherwise=", or its --task")
    with pytest.raises(UsageError, match="'arithmetic--' fits 2 runs"):
        runs_of(runs, "arithmetic--")


def test_what_has_no_run_of_a_task_says_what_it_has(runs: Path) -> None:
    for word in ("base", str(folder_of(runs, "gsm8k--base"))):
        with pytest.raises(UsageError, match=r"has no run of task 'math500'; it has .*gsm8k"):
            runs_of(runs, word, ["math500"])


def test_what_is_not_there_is_told_with_the_nearest_name(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown run 'bsae'; did you mean 'base'"):
        runs_of(runs, "bsae")
    with pytest.raises(UnknownNameError, match="unknown checkpoint on the board 'gsm8k--base'; did you mean 'base'"):
        runs_of_checkpoint(runs, "gsm8k--base")
    with pytest.raises(UsageError, match=r"no runs in .*none; make one with r1bench eval"):
        runs_of(tmp_path / "none", "base")


def test_a_broken_manifest_is_an_error_for_a_word_that_means_it_only(runs: Path) -> None:
    folder = folder_of(runs, "gsm8k--base")
    (folder / MANIFEST).write_text("{")
    for word in ("base", folder.name, str(folder), folder.name[-8:]):
        with pytest.raises(StorageError, match=folder.name):
            runs_of(runs, word)
    assert tasks(runs_of(runs, "zero")) == [("zero", "arithmetic")]
    assert tasks(runs_of(runs, "base", ["arithmetic"])) == [("base", "arithmetic")]


@pytest.mark.parametrize("word", ["bsae", "nowhere/at-all", "arithmetic--"])
@pytest.mark.parametrize(
    "command",
    [
        ("compare", "zero"),
        ("metrics",),
        ("regrade",),
        ("power", "--baseline"),
        ("gate", "zero", "--baseline"),
        ("baseline", "save", "-o", "b.json"),
    ],
)
def test_every_command_refuses_a_word_in_the_same_words(runs: Path, monkeypatch: pytest.MonkeyPatch, command: tuple, word: str) -> None:
    monkeypatch.chdir(runs)
    with pytest.raises(UsageError) as error:
        runs_of(Path("."), word)
    done = CliRunner().invoke(main, [*command, word, "--runs", "."])
    assert (done.exit_code, done.stderr.strip()) == (2, f"Error: {error.value}")


@pytest.mark.parametrize("word", ["", "  "])
def test_an_empty_word_names_no_run_also_where_there_is_only_one(tmp_path, word):
    store_run(tmp_path)
    with pytest.raises(UsageError, match="an empty word names no run"):
        runs_of(tmp_path, word)
