"""The command line with wrong input: one line that names culprit and cure, exit code 2, nothing half-written."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from r1bench.harness.checkpoints import find_checkpoint
from r1bench.harness.cli import main
from r1bench.tasks import TASKS

GOOD_ROWS = [{"question": f"What is {n} + 1?", "answer": f"so #### {n + 1}"} for n in range(4)]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="r1bench")


def refusal(result: Result) -> str:
    """The one line of an error, after checking that it is one and that the exit code is 2."""
    assert result.exit_code == 2, result.output
    lines = [line for line in result.output.splitlines() if line.startswith("Error:")]
    assert len(lines) == 1, result.output
    return lines[0]


def write_rows(path: Path, rows: list[object]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(find_checkpoint("tiny-base").path, tmp_path / "model"))


def evaluate(root: Path, checkpoint: object = "tiny-base", *options: object, tasks: str = "arithmetic") -> Result:
    return call("eval", checkpoint, "--tasks", tasks, "--runs", root / "runs", "--limit", 2, "--device", "cpu", *options)


def test_a_missing_checkpoint_is_named_with_the_cure(tmp_path: Path) -> None:
    assert "'./nowhere' does not exist; give a folder" in refusal(evaluate(tmp_path, "./nowhere"))
    assert not (tmp_path / "runs").exists()


def test_a_folder_without_weights_is_named(tmp_path: Path, folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert "no weights (*.safetensors)" in refusal(evaluate(tmp_path, folder))


def test_damaged_weights_are_named(tmp_path: Path, folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"not weights")
    assert "model.safetensors is not a safetensors file" in refusal(evaluate(tmp_path, folder))
    assert not (tmp_path / "runs").exists()


def test_a_pickled_checkpoint_is_refused_naming_the_flag(tmp_path: Path, folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "--allow-pickle" in refusal(evaluate(tmp_path, folder))


def test_an_unknown_task_comes_with_the_nearest_name(tmp_path: Path) -> None:
    assert "unknown task 'gsm8'; did you mean 'gsm8k'?" in refusal(evaluate(tmp_path, tasks="gsm8"))


@pytest.mark.parametrize("options", [("--samples", 0), ("--max-tokens", 0), ("--temperature", -1), ("--top-p", 2), ("--limit", 0)])
def test_impossible_numbers_name_their_option(tmp_path: Path, options: tuple[str, object]) -> None:
    assert options[0] in refusal(evaluate(tmp_path, "tiny-base", *options))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([*GOOD_ROWS, "{broken"], "rows.jsonl:5"),
        ([*GOOD_ROWS, {"question": "What is 9 + 9?", "answer": "so #### many"}], "'many'"),
        ([*GOOD_ROWS, {"question": "What is 9 + 9?", "answer": ""}], "rows.jsonl:5"),
        ([*GOOD_ROWS, GOOD_ROWS[0]], "repeats the problem"),
        ([*GOOD_ROWS, {**GOOD_ROWS[0], "answer": "#### 77"}], "another gold answer"),
        ([*GOOD_ROWS, [1, 2]], "rows.jsonl:5"),
        ([{"q": "x", "a": "1"}], "--map problem=COLUMN"),
    ],
)
def test_bad_rows_are_named_with_file_row_and_cure(tmp_path: Path, rows: list[object], named: str) -> None:
    path = write_rows(tmp_path / "rows.jsonl", rows)
    assert named in refusal(evaluate(tmp_path, "tiny-base", "--data", path, tasks="gsm8k"))
    assert not (tmp_path / "runs").exists()


def test_a_budget_beyond_the_context_is_refused_with_the_one_that_fits(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", list(GOOD_ROWS))
    message = refusal(evaluate(tmp_path, "tiny-base", "--data", path, tasks="gsm8k"))
    assert "--max-tokens 32768 exceeds the model's context of 2048" in message.replace("that ", "")
    assert not (tmp_path / "runs").exists()


def test_an_output_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("in the way")
    assert "choose another folder with --out" in refusal(evaluate(tmp_path))


def in_namespace(script: str) -> subprocess.CompletedProcess[str]:
    """A shell script as the root of a user and mount namespace of its own: it can mount, and the machine does not notice."""
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine gives no user namespaces (unshare -rm)")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHON": sys.executable}
    return subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, check=False, env=environment)


def test_a_full_disk_ends_in_one_line_and_keeps_whole_samples(tmp_path: Path) -> None:
    command = f"$PYTHON -m r1bench.harness.cli eval tiny-base --tasks arithmetic --device cpu --runs {tmp_path}/disk"
    keep = f"cat {tmp_path}/disk/*/samples.jsonl > {tmp_path}/kept.jsonl"
    done = in_namespace(f"mkdir {tmp_path}/disk; mount -t tmpfs -o size=300k tmpfs {tmp_path}/disk; {command}; echo code $?; {keep}")
    assert "code 2" in done.stdout
    assert [line for line in done.stderr.splitlines() if "No space left on device; free space" in line]
    assert "Traceback" not in done.stderr
    kept = (tmp_path / "kept.jsonl").read_text()
    assert kept.endswith("\n")
    assert all(json.loads(line)["problem_id"] for line in kept.splitlines())


def test_a_disk_that_is_full_from_the_start_leaves_no_run_behind(tmp_path: Path) -> None:
    command = f"$PYTHON -m r1bench.harness.cli eval tiny-base --tasks arithmetic --device cpu --runs {tmp_path}/disk"
    fill = f"dd if=/dev/zero of={tmp_path}/disk/filler bs=1k count=64 2>/dev/null"
    done = in_namespace(
        f"mkdir {tmp_path}/disk; mount -t tmpfs -o size=64k tmpfs {tmp_path}/disk; {fill}; {command}; echo code $?; ls -A {tmp_path}/disk"
    )
    assert "code 2" in done.stdout
    assert "No space left on device" in done.stderr
    assert "manifest" not in done.stdout


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    command = f"$PYTHON -m r1bench.harness.cli eval tiny-base --tasks arithmetic --device cpu --runs {tmp_path}/disk/runs"
    done = in_namespace(f"mkdir {tmp_path}/disk; mount -t tmpfs -o ro tmpfs {tmp_path}/disk; {command}; echo code $?")
    assert "code 2" in done.stdout
    assert "Read-only file system; choose another folder with --out" in done.stderr


def test_unknown_runs_come_with_the_nearest(tmp_path: Path) -> None:
    assert "no runs in" in refusal(call("leaderboard", "--runs", tmp_path / "none"))
    assert evaluate(tmp_path, "tiny-base", "--samples", 1).exit_code == 0
    assert "unknown run 'tiny-bas'" in refusal(call("compare", "tiny-bas", "tiny-base", "--runs", tmp_path / "runs"))


def test_imported_responses_are_a_run_like_any_other(tmp_path: Path) -> None:
    problems = write_rows(tmp_path / "problems.jsonl", list(GOOD_ROWS))
    answers = [{"question": row["question"], "response": f"\\boxed{{{number + (number > 1)}}}"} for number, row in enumerate(GOOD_ROWS, 1)]
    responses = write_rows(tmp_path / "responses.jsonl", list(answers))
    done = call("import", "gsm8k", responses, "--name", "somebody", "--data", problems, "--runs", tmp_path / "runs", "--json")
    assert done.exit_code == 0, done.output
    entry = json.loads(done.output)["entries"][0]
    assert (entry["score"], entry["num_problems"], entry["n"]) == (0.25, 4, 1)


def test_an_answer_to_no_problem_of_the_task_is_refused(tmp_path: Path) -> None:
    problems = write_rows(tmp_path / "problems.jsonl", list(GOOD_ROWS))
    responses = write_rows(tmp_path / "responses.jsonl", [{"question": "Who?", "response": "me"}])
    message = refusal(call("import", "gsm8k", responses, "--name", "x", "--data", problems, "--runs", tmp_path / "runs"))
    assert "responses.jsonl:1: answers no problem of this task" in message


def test_a_problem_without_a_response_is_refused(tmp_path: Path) -> None:
    problems = write_rows(tmp_path / "problems.jsonl", list(GOOD_ROWS))
    responses = write_rows(tmp_path / "responses.jsonl", [{"question": GOOD_ROWS[0]["question"], "response": "2"}])
    message = refusal(call("import", "gsm8k", responses, "--name", "x", "--data", problems, "--runs", tmp_path / "runs"))
    assert "3 of 4 problems do not have 1 completions" in message


def test_the_gate_passes_a_run_against_itself_and_says_so_by_exit_code(tmp_path: Path) -> None:
    evaluate(tmp_path, "tiny-base", "--samples", 2)
    done = call("gate", "tiny-base", "--baseline", "tiny-base", "--runs", tmp_path / "runs")
    assert done.exit_code == 0
    assert "PASS" in done.output


def test_tasks_and_doctor_report_as_text_and_as_json() -> None:
    names = {row["name"] for row in json.loads(call("tasks", "--json").output)}
    assert names == set(TASKS)
    assert all(len(line) <= 80 for line in call("tasks").output.splitlines())
    assert {"torch", "bubblewrap"} <= {row["name"] for row in json.loads(call("doctor", "--json").output)}


@pytest.mark.parametrize(
    "arguments",
    [
        ("eval", "tiny-base", "--tasks", "arithmetic", "--samples", "abc"),
        ("eval", "tiny-base", "--tasks", "arithmetic", "--samples", 999_999_999_999),
        ("eval", "tiny-base", "--tasks", "arithmetic", "--map", "a=b"),
        ("eval", "tiny-base"),
        ("evel",),
        ("eval", "tiny-base", "--task", "arithmetic", "--nonsense"),
        ("gate", "x", "--baseline", "y", "--margin", "-1"),
    ],
)
def test_every_wrong_call_is_one_line(tmp_path: Path, arguments: tuple[object, ...]) -> None:
    result = call(*arguments)
    refusal(result)
    assert len(result.output.strip().splitlines()) == 1


def test_half_a_character_in_a_problem_is_named(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"question": "\\ud800 q", "answer": "5"}\n')
    assert "rows.jsonl:1: the text holds half of a character" in refusal(
        evaluate(tmp_path, "tiny-base", "--data", tmp_path / "rows.jsonl", tasks="gsm8k")
    )


def test_a_column_or_a_name_that_stands_twice_is_named(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("question,question,answer\na,b,3\n")
    assert "two columns of one name" in refusal(evaluate(tmp_path, "tiny-base", "--data", tmp_path / "rows.csv", tasks="gsm8k"))
    (tmp_path / "rows.jsonl").write_text('{"question": "q", "answer": "3", "question": "z"}\n')
    assert "stands twice" in refusal(evaluate(tmp_path, "tiny-base", "--data", tmp_path / "rows.jsonl", tasks="gsm8k"))


def test_a_broken_run_is_named_and_the_others_are_shown(tmp_path: Path) -> None:
    evaluate(tmp_path, "tiny-base", "--samples", 1)
    evaluate(tmp_path, "tiny-base", "--samples", 1, "--seed", 1)
    broken = sorted((tmp_path / "runs").iterdir())[0]
    (broken / "manifest.json").write_text("{")
    shown = call("leaderboard", "--runs", tmp_path / "runs", "--json")
    assert shown.exit_code == 0
    assert "Left out" in shown.stderr
    assert len(json.loads(shown.stdout)) == 1


def test_questions_that_were_changed_afterwards_are_noticed(tmp_path: Path) -> None:
    evaluate(tmp_path, "tiny-base", "--samples", 1)
    path = next((tmp_path / "runs").glob("*/problems.jsonl"))
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
    assert "is not what this run was asked" in refusal(call("compare", "tiny-base", "tiny-base", "--runs", tmp_path / "runs"))


def test_the_gate_judges_the_folder_that_stands_there_and_not_an_old_run_of_its_name(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate(tmp_path, "tiny-base", "--samples", 1)
    evaluate(tmp_path, folder, "--samples", 1, "--name", "model")
    (folder / "model.safetensors").unlink()
    monkeypatch.chdir(tmp_path)
    assert "no weights" in refusal(call("gate", "model", "--baseline", "tiny-base", "--runs", tmp_path / "runs"))


def test_an_unwritable_runs_folder_is_refused_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    message = refusal(call("train", "--runs", tmp_path / "file", "--out", tmp_path / "out", "--device", "cpu"))
    assert "--runs" in message
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_at_the_gate_is_evaluated_as_the_baseline_was(tmp_path: Path, folder: Path) -> None:
    evaluate(tmp_path, "tiny-base", "--samples", 2, "--temperature", 0.5, "--dtype", "bfloat16")
    done = call("gate", folder, "--baseline", "tiny-base", "--runs", tmp_path / "runs", "--device", "cpu", "--json")
    verdict = json.loads(done.stdout)
    task = verdict["tasks"][0]
    assert task["candidate"]["sampling"] == task["baseline"]["sampling"]
    assert task["candidate"]["versions"]["dtype"] == "bfloat16"
    assert done.exit_code in (0, 3)


def test_missing_responses_are_named_as_such(tmp_path: Path) -> None:
    message = refusal(call("import", "gsm8k", tmp_path / "none.jsonl", "--name", "x", "--runs", tmp_path / "runs"))
    assert "none.jsonl: does not exist; give the file with the completions" in message


def test_data_are_for_the_tasks_that_make_no_problems_of_their_own(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "gsm8k.jsonl", list(GOOD_ROWS))
    result = evaluate(tmp_path, "tiny-base", "--data", data, "--samples", 1, "--max-tokens", 8, tasks="arithmetic,gsm8k")
    assert result.exit_code == 0, result.output


def test_names_in_data_do_not_steer_the_terminal(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", [{"que\x1b[31m": "q", "answer": "1"}])
    assert "\x1b" not in call("tasks", "check", "gsm8k", "--data", data).output
