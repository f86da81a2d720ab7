"""What is odd about a run stands below every number of it: marks of reasoning that are not known, a checkpoint without an end."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fakes_folders import flag_unknown, store_run

from r1bench.harness.cli import main
from r1bench.harness.records import ENDS_WITH
from r1bench.leaderboards.gate import baselines
from r1bench.leaderboards.measures.reading import read

MARKS = "<scratchpad>", "[ANALYSIS]", "<scratchpad>"
SAID = "3 samples have a mark that looks like one of a reasoning and is not known, such as <scratchpad>"
COMMANDS: list[list[str]] = [["metrics", "b"], ["compare", "a", "b"], ["compare", "a", "b", "c"], ["gate", "b", "--baseline", "board:a"]]


def asked(runs: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--runs", str(runs)])


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    store_run(tmp_path, name="a")
    flag_unknown(store_run(tmp_path, name="b", environment={ENDS_WITH: "nothing"}), *MARKS)
    store_run(tmp_path, name="c")
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_text_with_a_verdict_says_what_is_odd_about_a_run_once(runs: Path, command: list[str]) -> None:
    text = " ".join(asked(runs, *command).stdout.split())
    assert (text.count(SAID), text.count("names no token that ends a completion")) == (1, 1)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_json_with_a_verdict_holds_it_as_remarks(runs: Path, command: list[str]) -> None:
    found = json.loads(asked(runs, *command, "--json").stdout)
    remarks = (found.get("comparisons") or found.get("tasks") or [found])[0]["remarks"]
    assert len([remark for remark in remarks if SAID in remark]) == 1


def test_a_run_of_which_nothing_is_odd_has_no_remarks(runs: Path) -> None:
    assert json.loads(asked(runs, "compare", "a", "c", "--json").stdout)["remarks"] == []
    assert "Note: " not in asked(runs, "metrics", "a").stdout


def test_a_baseline_file_holds_the_notes_and_says_them(runs: Path, tmp_path: Path) -> None:
    file = tmp_path / "b.json"
    saved = CliRunner().invoke(main, ["baseline", "save", "b", "-o", str(file), "--runs", str(runs)])
    assert SAID in " ".join(saved.stdout.split())
    assert SAID in " ".join(asked(runs, "gate", "c", "--baseline", str(file)).stdout.split())


@pytest.mark.parametrize("notes", ["odd", [1], {"odd": 1}, None])
def test_notes_of_a_baseline_that_are_no_texts_are_refused(runs: Path, notes: object) -> None:
    whole = baselines.to_json(read(next(runs.glob("*--b--*"))))
    with pytest.raises(baselines.Impossible, match="a note is not a text"):
        baselines.from_json({**whole, "notes": notes}, "file", baselines.VERSION)


def test_importing_and_regrading_say_marks_that_are_not_known(tmp_path: Path) -> None:
    rows = [
        {"id": str(i), "question": f"What is {i} + 1?", "answer": str(i + 1), "response": f"<scratchpad>so\n\n{i + 1}"} for i in range(3)
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    imported = asked(tmp_path / "runs", "import", "gsm8k", str(file), "--name", "other")
    assert (imported.exit_code, imported.stderr.count(SAID)) == (0, 1)
    [folder] = [path for path in (tmp_path / "runs").iterdir() if path.is_dir()]
    assert SAID in CliRunner().invoke(main, ["regrade", str(folder)]).stdout
