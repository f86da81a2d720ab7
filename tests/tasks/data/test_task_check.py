"""The check of a task on the published files: every gold answer must be graded correct."""

import json
from pathlib import Path

import pytest

from r1bench.tasks import TASKS, get_task
from r1bench.tasks.data.check import check_copies

PUBLISHED = [
    ("aime24", "contests/aime24_nemo.jsonl.txt"),
    ("aime24", "contests/aime24_orz.json"),
    ("aime24", "contests/aime24_qwen.jsonl"),
    ("aime25", "contests/aime25_nemo.jsonl.txt"),
    ("aime25", "contests/aime25_qwq.jsonl"),
    ("amc23", "contests/amc23_qwen.jsonl"),
    ("gsm8k", "gsm8k"),
    ("math500", "math"),
]


def test_the_generated_task_passes_its_check() -> None:
    assert check_copies(TASKS["arithmetic"], [None]).copies[0].is_ok


@pytest.mark.shared_data
@pytest.mark.parametrize(("name", "path"), PUBLISHED)
def test_every_published_gold_answer_is_graded_correct(shared_data: Path, name: str, path: str) -> None:
    report = check_copies(TASKS[name], [shared_data / path]).copies[0]
    assert report.is_ok, report.render().splitlines()


@pytest.mark.shared_data
def test_a_file_of_several_years_is_found_incomplete(shared_data: Path) -> None:
    report = check_copies(TASKS["aime24"], [shared_data / "contests/aime_2021_2024.jsonl"]).copies[0]
    assert (report.num_problems, report.num_other_years, report.num_correct, report.is_ok) == (14, 89, 14, False)


def test_the_report_lists_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"problem": "q", "answer": 1}\n{"problem": "q", "answer": 2}\n', encoding="utf-8")
    report = check_copies(TASKS["aime25"], [path]).copies[0]
    assert not report.is_ok
    assert any(line.startswith(f"{path}:2: has another gold answer") for line in report.render().splitlines())
    assert "the published set has 30" in report.render()


def test_the_report_is_json(tmp_path: Path) -> None:
    assert json.loads(json.dumps(check_copies(TASKS["arithmetic"], [None]).copies[0].to_json()))["is_ok"] is True


def test_copies_that_contradict_each_other_are_named(tmp_path: Path) -> None:
    rows = [{"question": f"Ann has {n} red pears and buys one more pear. How many?", "answer": f"#### {n + 1}"} for n in range(3)]
    other = [{"question": row["question"].replace("Ann has", "Ann  has $"), "answer": row["answer"]} for row in rows]
    other[1]["answer"] = "#### 480"
    paths = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    for path, content in zip(paths, (rows, other), strict=True):
        path.write_text("".join(json.dumps(row) + "\n" for row in content))
    found = check_copies(get_task("gsm8k"), paths).contradictions
    assert len(found) == 1
    assert "has the gold 2 in" in found[0]
    assert "480 in" in found[0]


@pytest.mark.shared_data
def test_published_copies_of_aime_2024_disagree_about_one_gold(shared_data: Path) -> None:
    names = ("aime24_nemo.jsonl.txt", "aime24_orz.json", "aime24_qwen.jsonl")
    found = check_copies(get_task("aime24"), [shared_data / "contests" / name for name in names]).contradictions
    assert found  # Open-Reasoner-Zero's row 23 against another copy
    assert all("480" in line for line in found)
    assert all("197" in line for line in found)
