"""Samples that failed get another try by the same command: drawn again where generating broke off, graded again where grading did."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from r1bench.harness.cli import main
from r1bench.harness.errors import UsageError
from r1bench.harness.evaluation.evaluate import evaluate, render_failed
from r1bench.harness.evaluation.regrade import regrade
from r1bench.harness.evaluation.repeat import noise_of
from r1bench.harness.records import Checkpoint, Completion, Problem, Run, Sample, Sampling
from r1bench.harness.samplers import Request, Requests
from r1bench.harness.samplers.scripted import ScriptedSampler
from r1bench.harness.store.listed import SAMPLES
from r1bench.harness.store.runs import read_run
from r1bench.tasks import get_task
from r1bench.tasks.templates import TEMPLATES

PROBLEMS = [Problem(f"p{number}", f"What is {number} + 1?", (str(number + 1),)) for number in range(4)]
RIGHT = "<think>so</think><answer>{}</answer>"


class Breaking(ScriptedSampler):
    """Right always; generating the samples of one index breaks off."""

    def __init__(self, broken: int | None) -> None:
        super().__init__(lambda problem_id, index: RIGHT.format(int(problem_id[1:]) + 1))
        self.broken = broken

    def generate(self, requests: Requests, sampling: Sampling) -> Iterator[tuple[Request, Completion]]:
        for request, completion in super().generate(requests, sampling):
            yield request, replace(completion, finish_reason="error") if request.index == self.broken else completion


def run(root: Path, sampler: ScriptedSampler, n: int = 3) -> Run:
    checkpoint, sampling = Checkpoint("scripted", "nowhere", "digest"), Sampling(n=n, max_tokens=64)
    return evaluate(get_task("arithmetic"), PROBLEMS, checkpoint, sampler, sampling, TEMPLATES["plain"], root)


def spoil(root: Path, run: Run, **grade: Any) -> Path:
    """Write the last sample of a run again, with a grade that failed; returns the file."""
    path = root / run.id / SAMPLES
    lines = path.read_text().splitlines()
    last = json.loads(lines[-1])
    last["grade"] |= {"outcome": "failed", "score": 0.0, "reason": "time bound", **grade}
    path.write_text("\n".join([*lines[:-1], json.dumps(last)]) + "\n")
    return path


def test_what_the_engine_broke_off_is_drawn_again_and_nothing_else_is(tmp_path: Path) -> None:
    first, again = run(tmp_path, Breaking(1)), Breaking(None)
    assert (first.num_failed, first.is_complete) == (4, True)
    second = run(tmp_path, again)
    assert (again.num_generated, second.num_failed, second.left_out) == (4, 0, ())
    assert second.scores_by_problem() == {problem.id: [1.0, 1.0, 1.0] for problem in PROBLEMS}


def test_what_fails_again_is_not_stored_again(tmp_path: Path) -> None:
    first = run(tmp_path, Breaking(1))
    size = (tmp_path / first.id / SAMPLES).stat().st_size
    assert run(tmp_path, Breaking(1)).num_failed == 4
    assert (tmp_path / first.id / SAMPLES).stat().st_size == size


def test_what_grading_broke_off_is_graded_again_without_being_drawn(tmp_path: Path) -> None:
    path, again = spoil(tmp_path, run(tmp_path, Breaking(None))), Breaking(None)
    found = run(tmp_path, again)
    assert (again.num_generated, found.num_failed) == (0, 0)
    assert len(path.read_text().splitlines()) == 13


def test_a_run_that_is_topped_up_tries_again_too(tmp_path: Path) -> None:
    run(tmp_path, Breaking(1))
    more = Breaking(None)
    assert run(tmp_path, more, n=4).num_failed == 0
    assert more.num_generated == 4 + 4


def test_regrading_has_no_score_of_what_failed(tmp_path: Path) -> None:
    found = regrade(tmp_path / run(tmp_path, Breaking(1)).id)
    assert (found.before["score"], found.after["score"], found.flips) == (1.0, 1.0, ())
    assert "4 of 12 samples failed and have no score" in found.render()
    assert "n = 8 samples of 4 problems" in found.render()
    assert (found.before["num_samples"], found.after["num_samples"], found.num_samples) == (8, 8, 12)


def test_regrading_says_both_sizes_where_a_sample_has_a_score_now(tmp_path: Path) -> None:
    path = spoil(tmp_path, run(tmp_path, Breaking(1)))
    assert "n = 7 -> 8 samples of 4 problems" in regrade(path.parent).render().replace("samples of 4 problems -> ", "-> ")


def test_an_evaluation_says_why_samples_have_no_score_and_what_gives_them_one(tmp_path: Path) -> None:
    path = spoil(tmp_path, run(tmp_path, Breaking(1)))
    found = read_run(path.parent)
    said = "of 5 samples that failed, 4 broke off in generating and 1 in grading (because of: time bound); the same command again"
    assert said in render_failed(found)
    assert render_failed(replace(found, samples=tuple(each for each in found.samples if not each.has_failed))) == ""


def test_noise_is_that_of_samples_which_failed_neither_time(tmp_path: Path) -> None:
    first = run(tmp_path, Breaking(1))
    second = {sample.key: ("other", 0.0) for sample in first.samples}
    found = noise_of(first, second, {})
    assert (found.num_samples, found.num_flips) == (8, 8)
    with pytest.raises(UsageError, match="nothing to compare"):
        noise_of(first, {}, {})


def rows(path: Path) -> Path:
    """A file of completions, two of which came with an error of the engine."""
    ends = {("p0", 1): "error", ("p2", 0): "error"}
    listed = [
        {"problem": each.prompt, "finish_reason": ends.get((each.id, index), "stop"), "is_correct": True}
        | {"response": RIGHT.format(each.gold[0])}
        for each in PROBLEMS
        for index in range(2)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in listed))
    return path


def test_an_import_says_how_many_have_no_score_in_its_summary_and_on_the_board(tmp_path: Path) -> None:
    data = tmp_path / "problems.jsonl"
    data.write_text("".join(json.dumps({"question": each.prompt, "answer": f"So. #### {each.gold[0]}"}) + "\n" for each in PROBLEMS))
    words = ["import", "gsm8k", rows(tmp_path / "rows.jsonl"), "--name", "theirs", "--data", data, "--runs", tmp_path / "runs"]
    shown = [CliRunner().invoke(main, [*map(str, words), *more]) for more in ([], ["--json"])]
    text, found = " ".join(shown[0].stdout.split()), json.loads(shown[1].stdout)
    assert "2 of 8 completions have no score and are part of no number: 2 came with finish_reason error" in text
    assert "2 of 8 samples failed" in text
    assert (found["failed"], found["differences"]) == ({"generating": 2, "grading": 0}, [])
    assert (found["entries"][0]["score"], found["entries"][0]["num_published"]) == (1.0, 6)


def test_a_sample_has_failed_by_its_grade_or_by_its_end(tmp_path: Path) -> None:
    def has_failed(sample: Sample, outcome: Any, reason: Any) -> bool:
        done, grade = replace(sample.completion, finish_reason=reason), replace(sample.grade, outcome=outcome)
        return replace(sample, completion=done, grade=grade).has_failed

    [sample, *_] = run(tmp_path, Breaking(None)).samples
    found = [has_failed(sample, *pair) for pair in (("wrong", "stop"), ("failed", "stop"), ("wrong", "error"), ("truncated", "length"))]
    assert found == [False, True, True, False]
