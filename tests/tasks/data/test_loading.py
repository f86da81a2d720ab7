"""Loading problems: every kind of file, every column name, and what is wrong with a row."""

import gzip
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from r1bench.harness.errors import DataError, UnknownNameError, UsageError
from r1bench.harness.records import Completion
from r1bench.tasks import TASKS, get_task
from r1bench.tasks.data.loading import inspect, load_problems, read_rows
from r1bench.tasks.grading import GradingPool, request_of

GSM8K, AIME24, MATH500 = TASKS["gsm8k"], TASKS["aime24"], TASKS["math500"]
ROWS = [{"question": "one?", "answer": "1"}, {"question": "two?", "answer": "2"}]
OFFLINE = "from r1bench.tasks import TASKS; from r1bench.tasks.data.loading import load_problems; load_problems(TASKS['gsm8k'])"


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    return path


def load_one(tmp_path: Path, row: dict[str, Any], task: Any = GSM8K, columns: dict[str, str] | None = None) -> Any:
    return load_problems(task, write(tmp_path / "rows.jsonl", [row]), columns)[0]


def test_an_unknown_task_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'gsm8k'"):
        get_task("gsm8")


def test_the_table_is_sorted_and_keyed_by_name() -> None:
    assert list(TASKS) == sorted(TASKS) == [task.name for task in TASKS.values()]


def test_importing_tasks_imports_nothing_heavy() -> None:
    heavy = "('torch', 'transformers', 'datasets', 'pandas', 'pyarrow', 'math_verify', 'sympy')"
    code = f"import sys, r1bench.tasks, r1bench.tasks.data.loading; sys.exit([name for name in {heavy} if name in sys.modules] != [])"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_generated_task_needs_no_data() -> None:
    assert len(load_problems(TASKS["arithmetic"])) == 250


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.txt", "a.json", "a.jsonl.gz", "a.csv", "a.tsv", "a.parquet"])
def test_every_kind_of_file_gives_the_same_problems(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    lines = "\n".join(json.dumps(row) for row in ROWS)
    if name.endswith(".parquet"):
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    elif name.endswith(".gz"):
        path.write_bytes(gzip.compress(lines.encode()))
    elif name.endswith((".csv", ".tsv")):
        mark = "," if name.endswith(".csv") else "\t"
        path.write_text(f"question{mark}answer\none?{mark}1\ntwo?{mark}2\n", encoding="utf-8")
    else:
        path.write_text(json.dumps(ROWS) if name.endswith(".json") else lines, encoding="utf-8")
    assert [(problem.prompt, problem.gold) for problem in load_problems(GSM8K, path)] == [("one?", ("1",)), ("two?", ("2",))]


@pytest.mark.parametrize("value", [{"data": ROWS}, {"a": ROWS[0], "b": ROWS[1]}])
def test_json_may_hold_its_rows_in_an_object(tmp_path: Path, value: Any) -> None:
    (tmp_path / "a.json").write_text(json.dumps(value), encoding="utf-8")
    assert len(load_problems(GSM8K, tmp_path / "a.json")) == 2


def test_a_table_without_a_header_is_read_by_position(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("one?\t1\n", encoding="utf-8")
    assert load_problems(GSM8K, tmp_path / "a.tsv", {"problem": "1", "gold": "2"})[0].gold == ("1",)


@pytest.mark.parametrize(
    ("row", "gold"),
    [
        ({"question": "q", "answer": "work\n#### 1,000"}, ("1,000",)),
        ({"problem": "q", "answer": 27.0}, ("27",)),
        ({"problem": "q", "expected_answer": 70}, ("70",)),
        ({"problem": "q", "gold": ["5", 6]}, ("5", "6")),
        ({"problem": "q", "answer": None, "final_answer": 0.5}, ("0.5",)),
        ({"problem": "q", "solution": "so \\boxed{3}"}, ("3",)),
        ({"Question": "q", "Answer": " 4 "}, ("4",)),
    ],
)
def test_gold_answers_are_found_and_become_text(tmp_path: Path, row: dict[str, Any], gold: tuple[str, ...]) -> None:
    assert load_one(tmp_path, row).gold == gold


@pytest.mark.parametrize(("role", "text"), [("role", "content"), ("from", "value")])
def test_a_conversation_gives_its_last_user_turn(tmp_path: Path, role: str, text: str) -> None:
    turns = [{role: "system", text: "s"}, {role: "user", text: "first"}, {role: "user", text: "q"}]
    assert load_one(tmp_path, {"prompt": turns, "answer": 1}).prompt == "q"


def test_a_trailing_instruction_is_taken_off_and_recorded(tmp_path: Path) -> None:
    instruction = "Please reason step by step, and put your final answer within \\boxed{}."
    problem = load_one(tmp_path, {"prompt": f"q\n{instruction}", "answer": 1})
    assert (problem.prompt, problem.metadata) == ("q", {"stripped_instruction": instruction})


def test_the_users_own_columns_come_first_and_may_be_nested(tmp_path: Path) -> None:
    row = {"question": "no", "query": "q", "reward": {"truth": "7"}, "key": "k-1"}
    problem = load_one(tmp_path, row, columns={"problem": "query", "gold": "reward.truth", "id": "key"})
    assert (problem.prompt, problem.gold, problem.id) == ("q", ("7",), "k-1")


def test_a_role_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="roles are problem, gold"):
        load_one(tmp_path, ROWS[0], columns={"golds": "answer"})


def test_rows_of_other_years_are_not_the_tasks_problems(tmp_path: Path) -> None:
    rows = [{"question": f"q{year}", "answer": 1, "year": year} for year in (2023, "2024")]
    found = inspect(AIME24, write(tmp_path / "a.jsonl", rows))
    assert ([problem.prompt for problem in found.problems], found.num_other_years) == (["q2024"], 1)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"question": "q"}, "has no column for the gold"),
        ({"answer": 1}, "has no column for the problem"),
        ({"question": 3, "answer": 1}, "the problem is a int"),
        ({"question": " ", "answer": 1}, "the problem is empty"),
        ({"question": "q", "answer": " "}, "the gold answer is empty"),
        ({"question": "q", "answer": []}, "the gold answer is empty"),
        ({"question": "q", "answer": True}, "the gold answer is a bool"),
        ({"question": "q", "answer": "many"}, "the gold answer 'many' is not a number"),
        ({"question": "q", "answer": "work\nno mark"}, "the gold answer has no '####'"),
        ({"question": "one?", "answer": "1.0"}, "repeats the problem of"),
        ({"question": " one? ", "answer": "2"}, "has another gold answer than"),
        (["question"], "is a JSON list"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path, row: Any, problem: str) -> None:
    path = write(tmp_path / "a.jsonl", [ROWS[0], row])
    found = inspect(GSM8K, path)
    assert (found.findings[0].where, len(found.problems)) == (f"{path}:2", 1)
    assert problem in found.findings[0].problem


@pytest.mark.parametrize("line", [b"{", b'{"question": "\xff"}', b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"])
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(json.dumps(ROWS[0]).encode() + b"\n" + line)
    with pytest.raises(DataError, match=r"a\.jsonl:2"):
        load_problems(GSM8K, tmp_path / "a.jsonl")


def test_two_rows_with_one_id_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has the id '7'"):
        load_problems(GSM8K, write(tmp_path / "a.jsonl", [{**row, "id": 7} for row in ROWS]))


def test_the_error_says_how_many_more_there_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"and 1 more: r1bench tasks check gsm8k"):
        load_problems(GSM8K, write(tmp_path / "a.jsonl", [{"question": "q"}] * 2))


def test_a_gold_that_the_math_grader_cannot_parse_is_a_load_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not understood"):
        load_one(tmp_path, {"problem": "q", "answer": "\\frac{"}, MATH500)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.parquet", b"no"),
        ("a.json", b"{"),
        ("a.json", b"\xff"),
        ("a.json", b"3"),
        ("a.jsonl.gz", b"no"),
        ("a.csv", b'a\n"b'),
        ("a.doc", b""),
        ("a.jsonl", b""),
    ],
)
def test_a_damaged_file_is_a_clear_error(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=name):
        load_problems(GSM8K, tmp_path / name)


def test_a_path_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: does not exist"):
        load_problems(GSM8K, tmp_path / "nowhere")


def test_a_folder_gives_the_file_named_after_the_task_and_split(tmp_path: Path) -> None:
    for name in ("gsm8k_test.jsonl", "gsm8k_train.jsonl", "other.jsonl"):
        write(tmp_path / name, ROWS)
    assert inspect(GSM8K, tmp_path).source.endswith("gsm8k_test.jsonl")


def test_a_folder_with_shards_is_read_as_one(tmp_path: Path) -> None:
    for shard in range(2):
        write(tmp_path / f"test-0000{shard}-of-00002.jsonl", ROWS[shard : shard + 1])
    assert len(load_problems(GSM8K, tmp_path)) == 2


def test_a_folder_with_several_candidates_lists_them(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        write(tmp_path / name, ROWS)
    with pytest.raises(DataError, match=r"a\.jsonl, b\.jsonl"):
        load_problems(GSM8K, tmp_path)


def test_no_network_is_an_error_that_names_the_cure(tmp_path: Path) -> None:
    environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PATH": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", OFFLINE], env=environment, capture_output=True, text=True, check=False)
    assert "DataError" in done.stderr.splitlines()[-1]
    assert "--data" in done.stderr.splitlines()[-1]


def test_rows_of_responses_are_read_with_their_place(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [ROWS[0], 3])
    rows = read_rows(path)
    assert next(rows) == (f"{path}:1", ROWS[0])
    with pytest.raises(DataError, match=r"a\.jsonl:2"):
        next(rows)


def test_a_tasks_conventions_are_those_of_its_problems(tmp_path: Path) -> None:
    task = replace(MATH500, options={"percent": "fraction"})
    problem = load_one(tmp_path, {"problem": "q", "answer": "1/2"}, task)
    with GradingPool("math") as pool:
        grades = pool.grade([request_of(problem, Completion("\\boxed{50\\%}", "stop", 5))])
    assert (problem.options, grades[0].outcome) == ({"percent": "fraction"}, "correct")
