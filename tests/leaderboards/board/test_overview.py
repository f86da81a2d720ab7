"""`r1bench leaderboard` at the command line: what it shows together, what it says on stderr, wrong calls."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fakes_folders import store_run

from r1bench.harness.cli import main
from r1bench.harness.tables import display_width
from r1bench.leaderboards.board import external, papers
from r1bench.leaderboards.board.cache import NAME


def call(runs: Path, *arguments: object) -> Result:
    return CliRunner().invoke(main, ["leaderboard", "--runs", str(runs), *map(str, arguments)])


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    store_run(folder, [[1, 0], [0, 0], [0, 1]], name="base", task="aime24")
    store_run(folder, [[1, 1], [1, 0], [0, 1]], name="zero", task="aime24", stage="zero", parent="digest-of-base")
    store_run(folder, name="other", task="gsm8k")
    return folder


def test_everything_together_fits_80_columns_and_measured_rows_come_first(runs: Path) -> None:
    done = call(runs, "--lineage", "--published", "--cost", "--task", "aime24")
    assert (done.exit_code, done.stderr) == (0, "")
    assert max(map(display_width, done.stdout.splitlines())) <= 80
    places = [done.stdout.index(part) for part in ("  1 zero", "generated", "└─ zero  zero", papers.MARK)]
    assert places == sorted(places)
    assert "gsm8k" not in done.stdout


def test_json_is_a_list_and_with_lineage_or_published_an_object(runs: Path) -> None:
    plain = json.loads(call(runs, "--json").stdout)
    assert [row["name"] for row in plain] == ["zero", "base", "other"]
    whole = json.loads(call(runs, "--json", "--lineage", "--published", "--match", "zero").stdout)
    assert [len(whole[key]) for key in ("entries", "imported", "lineage")] == [1, 0, 1]
    assert whole["published"] == papers.rows()
    assert (whole["lineage"][0]["parent_name"], whole["lineage"][0]["mean"]) == ("base", pytest.approx(1 / 3))


def test_a_filtered_row_keeps_the_rank_it_has_among_all(runs: Path) -> None:
    assert "  2 base" in call(runs, "--match", "b*").stdout
    assert "no run fits the filters" in call(runs, "--match", "nobody").stdout


def test_a_task_without_runs_is_empty_and_one_that_does_not_exist_is_refused(runs: Path) -> None:
    assert "no run fits the filters" in call(runs, "--task", "math500").stdout
    done = call(runs, "--task", "maths500")
    assert (done.exit_code, "did you mean 'math500'" in done.stderr) == (2, True)


def test_tasks_may_be_given_with_commas_and_more_than_once(runs: Path) -> None:
    for arguments in (["--task", "gsm8k,aime24"], ["--task", "gsm8k", "--task", "aime24, gsm8k"]):
        assert [row["name"] for row in json.loads(call(runs, "--json", *arguments).stdout)] == ["zero", "base", "other"]
    assert [row["name"] for row in json.loads(call(runs, "--json", "--task", "gsm8k").stdout)] == ["other"]
    assert "give names of tasks" in call(runs, "--task", ",").stderr


def test_no_refresh_shows_the_index_as_it_is(runs: Path) -> None:
    assert "leave out --no-refresh" in call(runs, "--no-refresh").stderr
    assert call(runs).exit_code == 0
    store_run(runs, name="newcomer", task="gsm8k")
    assert "newcomer" not in call(runs, "--no-refresh").stdout
    assert "newcomer" in call(runs).stdout


@pytest.mark.parametrize("is_before", [True, False])
def test_rebuild_makes_the_index_again(runs: Path, is_before: bool) -> None:
    (runs / NAME).write_text("broken")
    arguments = ["--runs", str(runs), "rebuild"] if is_before else ["rebuild", "--runs", str(runs)]
    done = CliRunner().invoke(main, ["leaderboard", *arguments])
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"3 runs are in the index of {runs}\n"
    assert call(runs).stderr == ""


def test_faults_and_notes_go_to_stderr_in_one_line_each(runs: Path) -> None:
    (runs / NAME).write_text("broken\n")
    (next(runs.glob("*other*")) / "manifest.json").write_text("{\x1b[2J")
    done = call(runs)
    assert done.exit_code == 0
    note, fault = done.stderr.splitlines()
    assert note.startswith("Note: ")
    assert fault.startswith("Left out: ")
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("target", ["board.xls", "none/board.csv"])
def test_an_export_that_cannot_be_is_refused_before_anything_is_computed(runs: Path, target: str) -> None:
    done = call(runs, "--export", runs.parent / target)
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert not (runs / NAME).exists()


def test_json_rows_have_ranks_and_imported_rows_are_not_hidden_silently(runs: Path) -> None:
    store_run(runs, [[1, 0]], name="begun", task="gsm8k", samples=[])
    results = runs.parent / "results_1.json"
    results.write_text(json.dumps({"results": {"gsm8k": {"acc,none": 0.5}}}))
    external.import_results(results, runs)
    done = call(runs, "--json")
    assert {row["name"]: row["rank"] for row in json.loads(done.stdout)} == {"zero": 1, "base": 2, "other": 1, "begun": None}
    assert "Note: imported rows not in this list: 1; --published or --lineage" in done.stderr
    assert "Note" not in call(runs, "--json", "--lineage").stderr


def test_a_lost_samples_file_is_said_on_stderr(runs: Path) -> None:
    (next(runs.glob("*other*")) / "samples.jsonl").unlink()
    done = call(runs)
    assert ("incomplete 0/6" in done.stdout, "samples.jsonl is not there; restore it" in done.stderr) == (True, True)


def test_no_refresh_refuses_a_broken_index_with_a_cure(runs: Path) -> None:
    (runs / NAME).write_text("broken")
    done = call(runs, "--no-refresh")
    assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "leave out --no-refresh" in done.stderr
