"""`r1bench grade` and `r1bench regrade`: rows in, graded rows out, wrong rows named; runs replayed."""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from r1bench.harness.cli import main

ROWS: list[Any] = [
    {"response": "so \\boxed{25}", "gold": "025"},
    {"response": "\\boxed{4}", "gold": ["5", "4"], "id": "several golds"},
    {"response": "<think>25", "gold": "25", "finish_reason": "length"},
    {"response": "25", "gold": "25", "prefilled_think": True, "id": 7},
]
BAD = [
    ({"gold": "1"}, "'response' is missing"),
    ({"response": 5, "gold": "1"}, "'response' is a number"),
    ({"response": "x"}, "'gold' is missing"),
    ({"response": "x", "gold": 5}, "'gold' is a number, or holds it"),
    ({"response": "x", "gold": []}, "'gold' is empty"),
    ({"response": "x", "gold": "many"}, "'many' is not a number"),
    (
        {"response": "x", "gold": "1", "finish_reason": "weird"},
        "the finish reason 'weird' (column 'finish_reason') is not known; write stop, length",
    ),
    ({"response": None, "gold": "1"}, "'response' is null"),
    ({"response": "x", "gold": "1", "prefilled_think": 1}, "'prefilled_think' is 1"),
    ({"response": "x", "gold": "1", "options": []}, "'options' is a list"),
    ({"response": "x", "gold": "1", "options": {"percents": "unit"}}, "'options': "),
    ({"response": "x", "gold": "1", "id": [1]}, "'id' is a list"),
    ("{", "is not JSON"),
    ("[1]", "is a JSON list and not an object"),
    ('{"response": NaN, "gold": "1"}', "'response' is a number"),
    ('{"response": "x", "gold": "1", "x": NaN}', "holds a value that JSON has not"),
]


def lines_of(rows: list[Any]) -> str:
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


def call(*arguments: object, text: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=text, prog_name="r1bench")


def graded(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_rows_are_graded_in_their_order(tmp_path: Path) -> None:
    result = call("grade", "integer", "-", "-o", tmp_path / "out.jsonl", text=lines_of(ROWS))
    found = [(row["id"], row["outcome"], row["score"]) for row in graded(tmp_path / "out.jsonl")]
    assert found == [(1, "correct", 1.0), ("several golds", "correct", 1.0), (3, "truncated", 0.0), (7, "unparsed", 0.0)]
    assert result.exit_code == 0


def test_rows_that_other_engines_wrote_end_as_they_say() -> None:
    ends = [{"finish_reason": "eos"}, {"stop_reason": "max_tokens"}, {"stop_reason": "error"}, {"finish_reason": {"type": "length"}}]
    rows = [{"response": "<think>25", "gold": "25", **end} for end in ends]
    rows += [{"response": None, "gold": "25", "finish_reason": "error"}, {"gold": "25", "error": "timed out"}]
    found = json.loads(call("grade", "integer", "-", "--json", text=lines_of(rows)).stdout)
    assert [row["outcome"] for row in found["rows"]] == ["unparsed", "truncated", "failed", "truncated", "failed", "failed"]


def test_a_graded_row_says_by_whom_and_why() -> None:
    result = call("grade", "integer", "-", "--json", text=lines_of(ROWS[:1]))
    row = json.loads(result.stdout)["rows"][0]
    assert {"id", "outcome", "score", "extracted", "reason", "grader", "version", "microseconds"} <= set(row)
    assert (row["extracted"], row["grader"]) == ("25", "integer")


@pytest.mark.parametrize(("row", "reason"), BAD, ids=[str(row)[:50] for row, _ in BAD])
def test_a_wrong_row_is_named_and_the_others_are_graded(row: Any, reason: str) -> None:
    result = call("grade", "integer", "-", text=lines_of([ROWS[0], row, ROWS[1]]))
    assert result.exit_code == 2
    assert [line for line in result.stderr.splitlines() if line.startswith("Error: standard input:2: ") and reason in line]
    assert "2 rows: 2 correct" in result.stdout


def test_a_binary_file_is_refused_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b"\x7fELF\xff\x00\n" + lines_of(ROWS[:1]).encode())
    result = call("grade", "integer", tmp_path / "rows.jsonl")
    assert result.exit_code == 2
    assert "rows.jsonl:1: is not UTF-8" in result.stderr
    assert "1 rows: 1 correct" in result.stdout


def test_an_unknown_grader_comes_with_the_nearest() -> None:
    assert "did you mean 'math'" in call("grade", "maths", "-", text="").stderr


@pytest.mark.parametrize("source", ["nowhere.jsonl", "."])
def test_what_is_no_file_is_named(source: str) -> None:
    result = call("grade", "math", source)
    assert result.exit_code == 2
    assert f"{source}: is no file" in result.stderr


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.part"])
def test_the_input_is_never_overwritten(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(lines_of(ROWS))
    assert "would be overwritten" in call("grade", "integer", path, "-o", tmp_path / "rows.jsonl").stderr
    assert path.read_text() == lines_of(ROWS)


def test_a_file_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine\n")
    assert "holds something else" in call("grade", "integer", "-", "-o", tmp_path / "notes.txt", text=lines_of(ROWS)).stderr
    assert (tmp_path / "notes.txt").read_text() == "mine\n"


def test_a_link_leads_to_the_file_that_is_written(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "out.jsonl")
    call("grade", "integer", "-", "-o", tmp_path / "link", text=lines_of(ROWS))
    assert (tmp_path / "link").is_symlink()
    assert len(graded(tmp_path / "out.jsonl")) == len(ROWS)


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    call("grade", "integer", "-", "-o", tmp_path / "pipe", text=lines_of(ROWS))
    assert len(os.read(reader, 100_000).splitlines()) == len(ROWS)
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


def test_two_cannot_write_one_file(tmp_path: Path) -> None:
    with (tmp_path / "out.jsonl.part").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        result = call("grade", "integer", "-", "-o", tmp_path / "out.jsonl", text=lines_of(ROWS))
    assert (result.exit_code, "by another process" in result.stderr) == (2, True)


@pytest.mark.parametrize("damage", [{"score": "a"}, {"score": 7}, {"outcome": 5}, {"score": None}, {"id": [1]}])
def test_a_damaged_row_of_the_output_is_graded_again(tmp_path: Path, damage: dict[str, Any]) -> None:
    out = tmp_path / "out.jsonl"
    call("grade", "integer", "-", "-o", out, text=lines_of(ROWS))
    first = graded(out)
    out.write_text(lines_of([{**first[0], **damage}, *first[1:]]))
    result = call("grade", "integer", "-", "-o", out, "--json", text=lines_of(ROWS))
    assert json.loads(result.stdout)["summary"]["kept"] == len(ROWS) - 1


def test_what_failed_has_no_score_and_is_no_part_of_the_mean() -> None:
    rows = [{"response": "\\boxed{1}", "gold": "1"}, {"response": "x", "gold": "1", "finish_reason": "error"}]
    found = json.loads(call("grade", "math", "-", "--json", text=lines_of(rows)).stdout)
    assert (found["rows"][1]["outcome"], found["rows"][1]["score"], found["summary"]["score"]) == ("failed", None, 1.0)


def test_a_byte_order_mark_is_no_part_of_the_first_row() -> None:
    assert call("grade", "integer", "-", text=b"\xef\xbb\xbf" + lines_of(ROWS).encode()).exit_code == 0


def test_text_of_a_file_does_not_steer_the_terminal() -> None:
    result = call("grade", "integer", "-", text=lines_of([{**ROWS[0], "id": "\x1b[31mred"}]))
    assert "\x1b" not in result.output


def test_an_interrupted_grading_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    call("grade", "integer", "-", "-o", out, text=lines_of(ROWS))
    first = graded(out)
    (tmp_path / "out.jsonl.part").write_text(out.read_text()[:-30])  # as a killed process leaves it
    out.unlink()
    result = call("grade", "integer", "-", "-o", out, "--json", text=lines_of(ROWS))
    assert json.loads(result.stdout)["summary"]["kept"] == 3
    assert [row["outcome"] for row in graded(out)] == [row["outcome"] for row in first]
    assert not (tmp_path / "out.jsonl.part").exists()


def test_a_changed_row_is_graded_anew(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    call("grade", "integer", "-", "-o", out, text=lines_of(ROWS[:1]))
    call("grade", "integer", "-", "-o", out, text=lines_of([{**ROWS[0], "gold": "26"}]))
    assert [row["outcome"] for row in graded(out)] == ["wrong"]


def test_no_rows_are_no_score() -> None:
    result = call("grade", "integer", "-", text="")
    assert (result.exit_code, "0 rows: none graded" in result.stdout, "mean" in result.stdout) == (0, True, False)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    call("eval", "tiny-base", "--tasks", "arithmetic", "--runs", tmp_path, "--limit", 4, "--samples", 2, "--device", "cpu")
    return next(path for path in tmp_path.iterdir() if path.is_dir())


def test_replaying_a_run_of_today_flips_nothing(run: Path) -> None:
    result = call("regrade", run, "--json")
    found = json.loads(result.stdout)
    assert (found["flips"], found["num_samples"], found["before"] == found["after"]) == ([], 8, True)


def test_a_verdict_that_flips_is_listed_and_the_run_stays_as_it_is(run: Path) -> None:
    samples = [json.loads(line) for line in (run / "samples.jsonl").read_text().splitlines()]
    samples[0]["grade"] |= {"outcome": "failed", "score": 0.0, "version": "0"}
    text = "".join(json.dumps(sample) + "\n" for sample in samples)
    (run / "samples.jsonl").write_text(text)
    found = json.loads(call("regrade", run, "--json").stdout)
    assert [flip["before"]["outcome"] for flip in found["flips"]] == ["failed"]
    assert (run / "samples.jsonl").read_text() == text


def test_replayed_samples_can_become_a_run_of_todays_version(run: Path, tmp_path: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "grader_version": "0"}))
    run = run.rename(tmp_path / "arithmetic--tiny-base--of-version-0")
    written = Path(json.loads(call("regrade", run, "--write", "--runs", tmp_path, "--json").stdout)["written"])
    assert written != run
    assert json.loads((written / "manifest.json").read_text())["grader_version"] != "0"
    assert len((written / "samples.jsonl").read_text().splitlines()) == 8


def test_a_run_of_todays_version_is_not_written_again(run: Path, tmp_path: Path) -> None:
    found = json.loads(call("regrade", run, "--write", "--runs", tmp_path, "--json").stdout)
    assert (found["written"], "not written" in found["remark"]) == ("", True)


def test_a_run_that_is_not_whole_is_called_so(run: Path) -> None:
    lines = (run / "samples.jsonl").read_text().splitlines(keepends=True)
    (run / "samples.jsonl").write_text("".join(lines[:5]))
    assert "incomplete 5/8" in call("regrade", run).stdout


def test_half_a_character_is_shown_as_an_escape() -> None:
    result = call("grade", "integer", "-", "--json", text='{"response": "\\\\boxed{\\ud800 1}", "gold": "1"}\n')
    assert (result.exit_code, "\\ud800" in result.stdout) == (0, True)
