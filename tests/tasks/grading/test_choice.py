"""The 'choice' grader, its shuffling, and the task gpqa_diamond (on invented questions: the real ones must not be published)."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1bench.harness.errors import GraderError
from r1bench.tasks import get_task
from r1bench.tasks.data.check import check_copies
from r1bench.tasks.data.loading import inspect, load_problems
from r1bench.tasks.grading import GradeRequest, GradingPool
from r1bench.tasks.grading.choice import judge, lettered, shuffled

CASES = json.loads((Path(__file__).parents[2] / "cases" / "choice.json").read_text(encoding="utf-8"))
GPQA = get_task("gpqa_diamond")
STATEMENTS = ("ANSWER: {}", "The answer is ({}).", "\\boxed{{{}}}", "**{}**", "I choose {}.", "答案是{}", "<answer>{}</answer>")
PIECES = (
    "Answer: ",
    "A",
    "b",
    "(",
    ")",
    "\\boxed{",
    "}",
    "\\text{",
    " or ",
    " not ",
    "**",
    "\n",
    "is ",
    "correct",
    "选",
    "$",
    "x",
    "<answer>",
)
SOUP = st.lists(st.sampled_from(PIECES), max_size=15).map("".join)


def request(text: str, gold: str = "C", choices: Any = None, finish_reason: Any = "stop") -> GradeRequest:
    return GradeRequest(text, (gold,), finish_reason, options={} if choices is None else {"choices": choices})


def row(number: int = 1, **changes: Any) -> dict[str, Any]:
    wrong = {f"Incorrect Answer {index}": f"{number + index} eV" for index in (1, 2, 3)}
    return {"Record ID": f"r{number}", "Question": f"Which is {number}?", "Correct Answer": f"{number} eV\n", **wrong, **changes}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['why']}: {case['text'][:20]!r}")
def test_a_completion_is_judged_as_its_case_says(case: dict[str, Any]) -> None:
    found = judge(request(case["text"], case["gold"], case.get("choices"), case.get("finish_reason", "stop")))
    assert (found.outcome, found.extracted) == (case["outcome"], case["extracted"])


@settings(deadline=None)
@given(st.sampled_from(STATEMENTS), st.sampled_from("ABCDEFGHJ"), st.text("abcxyz ", max_size=30))
def test_every_statement_of_a_letter_is_understood(statement: str, letter: str, before: str) -> None:
    assert judge(request(f"{before}.\n\n{statement.format(letter)}", letter)).outcome == "correct"


@settings(deadline=None)
@given(SOUP, st.sampled_from(("A", "B", "C")))
def test_any_text_is_judged_the_same_by_every_gold_it_does_not_give(text: str, gold: str) -> None:
    found = judge(request(text, gold, ["1", "2", "3"]))
    assert (found.outcome == "correct") == (found.extracted == gold)
    assert (found.outcome == "unparsed") == (found.extracted not in ("A", "B", "C") and "," not in (found.extracted or ""))


def test_the_pool_grades_letters() -> None:
    with GradingPool("choice") as pool:
        grade = pool.grade([request("ANSWER: C")])[0]
    assert (grade.outcome, grade.score, grade.grader) == ("correct", 1.0, "choice")


@pytest.mark.parametrize(
    ("gold", "reason"), [("C", None), ("(c)", None), ("J", None), ("K", "is not a letter"), ("12", "is not"), ("", "is not")]
)
def test_a_gold_must_be_a_letter(gold: str, reason: str | None) -> None:
    (found,) = GradingPool("choice").check_golds([gold])
    assert found is None if reason is None else reason in str(found)


@pytest.mark.parametrize(("gold", "choices"), [("E", ["1", "2", "3", "4"]), ("five", None), ("A", ["1"]), ("A", "1234"), ("A", [1, 2])])
def test_a_question_that_cannot_be_judged_is_never_a_score(gold: str, choices: Any) -> None:
    with pytest.raises(GraderError, match="grader 'choice' cannot"):
        judge(request("ANSWER: A", gold, choices))


def test_options_are_shuffled_by_problem_and_seed_alone() -> None:
    orders = {shuffled("right", ["x", "y", "z"], f"r{number}", seed) for number in range(10) for seed in range(10)}
    assert shuffled("right", ["x", "y", "z"], "r1", 0) == shuffled("right", ["x", "y", "z"], "r1", 0)
    assert len(orders) > 15


def test_every_letter_is_right_equally_often() -> None:
    counts = Counter(shuffled("right", ["x", "y", "z"], f"r{number}").gold for number in range(2000))
    assert set(counts) == set("ABCD")
    assert all(430 < count < 570 for count in counts.values())  # 3.6 standard deviations


@settings(deadline=None)
@given(st.lists(st.text(min_size=1), min_size=4, max_size=4, unique=True), st.text(max_size=5))
def test_the_letter_follows_the_right_option(texts: list[str], problem_id: str) -> None:
    options = shuffled(texts[0], texts[1:], problem_id)
    assert options.choices["ABCD".index(options.gold)] == texts[0]
    assert sorted(options.choices) == sorted(texts)


def test_a_row_becomes_a_question_with_lettered_options(tmp_path: Path) -> None:
    problem = load_problems(GPQA, write(tmp_path / "a.jsonl", [row(**{"High-level domain": "Physics"})]))[0]
    assert problem.prompt == "Which is 1?\n\n" + lettered(problem.options["choices"])
    assert problem.options["choices"]["ABCD".index(problem.gold[0])] == "1 eV"
    assert (problem.id, problem.metadata) == ("r1", {"subject": "Physics"})


def test_the_order_of_options_does_not_depend_on_the_place_in_the_file(tmp_path: Path) -> None:
    rows = [row(number) for number in range(5)]
    one, other = (load_problems(GPQA, write(tmp_path / f"{name}.jsonl", each)) for name, each in (("a", rows), ("b", rows[::-1])))
    assert {problem.id: problem.gold for problem in one} == {problem.id: problem.gold for problem in other}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"Question": " "}, "has no text in column 'Question'"),
        ({"Incorrect Answer 3": None}, "has no text in column 'Incorrect Answer 3'"),
        ({"Correct Answer": ["1 eV"]}, "has no text in column 'Correct Answer'"),
        ({"Incorrect Answer 1": "1 eV "}, "has two options that are the same"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    found = inspect(GPQA, write(tmp_path / "a.jsonl", [row(2), row(1, **changes)]))
    assert (len(found.problems), found.findings[0].where) == (1, f"{tmp_path / 'a.jsonl'}:2")
    assert problem in found.findings[0].problem


def test_a_local_copy_of_the_task_passes_its_check(tmp_path: Path) -> None:
    report = check_copies(GPQA, [write(tmp_path / "gpqa_diamond.jsonl", [row(number) for number in range(198)])]).copies[0]
    assert (report.verdict(), report.num_correct) == ("ok", 198)
