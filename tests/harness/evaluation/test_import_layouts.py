"""Rows of completions as other engines and services write them are read, or refused with what to do."""

import json
from pathlib import Path
from typing import Any

import pytest

from r1bench.harness.errors import DataError
from r1bench.harness.evaluation.importing import import_responses

ASKED, SAID = "What is 1+1?", "so #### 2"
STOP, LENGTH, ERROR = ("stop", "correct"), ("length", "truncated"), ("error", "failed")
NESTED = [{"message": {"content": SAID}, "finish_reason": "stop"}, {"message": {"content": SAID}, "finish_reason": "length"}]


def imported(folder: Path, row: dict[str, Any], data: dict[str, Any] | None = None, **columns: str) -> list[tuple[str, str]]:
    """(Finish reason, outcome) of the completions of one row about one problem."""
    (folder / "rows.jsonl").write_text(json.dumps(row))
    return taken(folder, folder / "rows.jsonl", data, columns)


def taken(folder: Path, rows: Path, data: dict[str, Any] | None, columns: dict[str, str]) -> list[tuple[str, str]]:
    problems = folder / "problems.jsonl"
    problems.write_text(json.dumps(data or {"id": "7", "question": ASKED, "answer": "#### 2"}))
    run = import_responses("gsm8k", rows, name="m", data=problems, columns=columns, runs=folder / "runs")
    return [(sample.completion.finish_reason, sample.grade.outcome) for sample in run.samples]


REASONS = [
    *((reason, STOP) for reason in (None, "", "stop", "eos", "eos_token", "EOS_TOKEN", "FinishReason.STOP", "stop_sequence", "end_turn")),
    *((reason, STOP) for reason in ("tool_calls", "function_call")),
    *((reason, LENGTH) for reason in ("length", "max_tokens", "MAX_TOKENS", "max-new-tokens", "model_length")),
    *((reason, ERROR) for reason in ("error", "abort", "content_filter", "SAFETY", "cancelled")),
    *(({"type": "stop", "matched": 2}, STOP), ({"type": "length", "length": 9}, LENGTH), ({"type": "abort", "message": "x"}, ERROR)),
]


@pytest.mark.parametrize(("reason", "ended"), REASONS)
def test_a_finish_reason_of_another_engine_is_read_as_ours(tmp_path: Path, reason: Any, ended: tuple[str, str]) -> None:
    assert imported(tmp_path, {"question": ASKED, "response": SAID, "finish_reason": reason}) == [ended]


@pytest.mark.parametrize("reason", ["weird", 7, True, {"a": 1}, "x" * 100_000])
def test_a_finish_reason_that_is_not_known_is_refused_with_what_to_do(tmp_path: Path, reason: Any) -> None:
    with pytest.raises(DataError, match=r"is not known; write stop, length .* --map finish_reason=COLUMN") as found:
        imported(tmp_path, {"question": ASKED, "response": SAID, "finish_reason": reason})
    assert len(str(found.value)) < 600


def test_a_row_of_several_completions_has_a_reason_for_each_or_one_for_all(tmp_path: Path) -> None:
    several = {"question": ASKED, "responses": [SAID, SAID]}
    assert imported(tmp_path, {**several, "finish_reason": ["stop", "max_tokens"]}) == [STOP, LENGTH]
    assert imported(tmp_path, {**several, "finish_reasons": ["eos", None]}) == [STOP, STOP]
    assert imported(tmp_path, {**several, "finish_reason": "length"}) == [LENGTH, LENGTH]
    with pytest.raises(DataError, match="2 completions and 1 finish reasons; give one for each, or one for all"):
        imported(tmp_path, {**several, "finish_reason": ["stop"]})


def test_dots_reach_inside_a_column(tmp_path: Path) -> None:
    assert imported(tmp_path, {"question": ASKED, "output": {"text": SAID}}, response="output.text") == [STOP]
    assert imported(tmp_path, {"meta": {"q": ASKED}, "response": SAID}, problem="meta.q") == [STOP]
    row = {"question": ASKED, "choices": NESTED}
    assert imported(tmp_path, row, response="choices.message.content", finish_reason="choices.finish_reason") == [STOP, LENGTH]
    assert imported(tmp_path, row, response="choices.1.message.content") == [STOP]
    assert imported(tmp_path, {"question": ASKED, "a.b": SAID, "a": {"b": "no"}}, response="a.b") == [STOP]


@pytest.mark.parametrize(
    ("row", "columns", "told"),
    [
        ({"output": {"text": SAID}}, {}, "'output' of this row is {'text'.*--map response=choices.message.content"),
        (
            {"output": {"text": SAID}},
            {"response": "output.txt"},
            "no row has a column 'output.txt'; those of the first are question, output",
        ),
        ({"said": SAID}, {}, "its columns are question, said; name its column with --map response=COLUMN"),
        ({"response": None}, {}, "'response' of this row is None"),
        ({"response": []}, {}, "has no completion"),
        ({"response": SAID}, {"problem_id": "pid"}, "no row has a column 'pid'.*--map problem_id=COLUMN"),
    ],
)
def test_what_cannot_be_read_is_named_with_what_to_do(tmp_path: Path, row: dict[str, Any], columns: dict[str, str], told: str) -> None:
    with pytest.raises(DataError, match=told):
        imported(tmp_path, {"question": ASKED, **row}, **columns)


COLUMNS = [
    *(({name: "length"}, LENGTH) for name in ("finishReason", "finish_reasons", "finishReasons", "stop_reason", "stopReason")),
    *(({name: "length"}, LENGTH) for name in ("stop_reasons", "stopReasons", "done_reason", "doneReason", "completionReason")),
    *(({"stop_type": "limit"}, LENGTH), ({"stop_type": "word"}, STOP), ({"stop_reason": 151645}, STOP)),
    *(({"finish_reason": "length", "stop_reason": None}, LENGTH), ({"finish_reason": None, "stop_reason": "max_tokens"}, LENGTH)),
    *(({"finish_reason": "stop", "stop_reason": "</answer>"}, STOP), ({"finish_reason": "stop", "stop_reason": 7}, STOP)),
]


@pytest.mark.parametrize(("columns", "ended"), COLUMNS)
def test_the_reason_is_found_in_the_column_of_another_engine(tmp_path: Path, columns: dict[str, Any], ended: tuple[str, str]) -> None:
    assert imported(tmp_path, {"question": ASKED, "response": SAID, **columns}) == [ended]


def test_a_reason_in_another_engines_column_that_is_not_known_is_refused_with_the_column(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'</answer>' \(column 'stop_reason'\) is not known"):
        imported(tmp_path, {"question": ASKED, "response": SAID, "stop_reason": "</answer>"})


NOT_MADE = [
    *({"response": text, "stop_reason": "error"} for text in ("", None)),
    *({"response": text, "error": {"code": 500}, "finish_reason": reason} for text in ("", None) for reason in (None, "stop")),
    *({"error": "timed out"}, {"response": [], "error": "timed out"}, {"response": "", "exception": "Timeout()"}),
]


@pytest.mark.parametrize("row", NOT_MADE, ids=str)
def test_a_row_without_a_text_that_names_an_error_failed(tmp_path: Path, row: dict[str, Any]) -> None:
    assert imported(tmp_path, {"question": ASKED, **row}) == [ERROR]


@pytest.mark.parametrize("error", [None, "", {}, [], False])
def test_an_empty_error_says_nothing_and_neither_does_one_beside_a_text(tmp_path: Path, error: Any) -> None:
    assert imported(tmp_path, {"question": ASKED, "response": "", "error": error}) == [("stop", "unparsed")]
    assert imported(tmp_path, {"question": ASKED, "response": SAID, "error": error or "retried"}) == [STOP]


def test_of_several_completions_those_with_an_error_failed(tmp_path: Path) -> None:
    assert imported(tmp_path, {"question": ASKED, "responses": [SAID, None], "error": [None, "timed out"]}) == [STOP, ERROR]


def test_a_completion_that_was_never_made_failed(tmp_path: Path) -> None:
    assert imported(tmp_path, {"question": ASKED, "response": None, "finish_reason": "error"}) == [ERROR]


LOST = [
    (
        {"question": "What is\n 1+2?"},
        r"none has the question 'What is 1\+2\?' \(column 'question'\); .* of their ids with --map problem_id=COLUMN",
    ),
    ({"prompt": "why " * 500}, r"none has the question '(why ){20}\.\.\.' \(column 'prompt'\); "),
    ({"idx": 8}, r"none has the id 8 \(column 'idx'\); .* of their texts with --map problem=COLUMN"),
    ({"said": ASKED}, r"its columns are said, response; .* texts or ids with --map problem=COLUMN or --map problem_id=COLUMN"),
]


@pytest.mark.parametrize(("row", "told"), LOST)
def test_a_row_that_answers_no_problem_shows_what_was_looked_for(tmp_path: Path, row: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=f"answers no problem of this task; {told}"):
        imported(tmp_path, {**row, "response": SAID})


def test_one_map_serves_the_responses_and_the_problems(tmp_path: Path) -> None:
    row, data = {"query": ASKED, "response": SAID}, {"query": ASKED, "answer": "2"}
    assert imported(tmp_path, row, data, problem="query") == [STOP]
    assert imported(tmp_path, row, {"question": ASKED, "answer": "2"}, problem="query") == [STOP]
    assert imported(tmp_path, {"question": ASKED, "response": SAID}, data, problem="query") == [STOP]
    assert imported(tmp_path, {"pid": 7, "response": SAID}, {"pid": 7, **data}, problem="query", id="pid") == [STOP]
    with pytest.raises(DataError, match="has no column 'nowhere'"):
        imported(tmp_path, row, data, problem="nowhere")


def test_a_csv_of_long_completions_is_imported(tmp_path: Path) -> None:
    path = tmp_path / "responses.csv"
    path.write_text(f'problem,response\n{ASKED},"<think>{"wait " * 40_000}</think> #### 2"\n')
    assert taken(tmp_path, path, None, {}) == [STOP]
    path.write_text(f'{ASKED},"{"wait " * 40_000} #### 2"\n')
    assert taken(tmp_path, path, None, {"problem": "1", "response": "2"}) == [STOP]


def test_the_same_texts_that_ended_otherwise_are_another_run(tmp_path: Path) -> None:
    assert imported(tmp_path, {"question": ASKED, "response": SAID, "finish_reason": "length"}) == [LENGTH]
    assert imported(tmp_path, {"question": ASKED, "response": SAID}) == [STOP]
