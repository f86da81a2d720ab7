"""Evaluation and its run folder: resume, top-up, refusals, kill -9."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from r1bench.harness.errors import ContextError, GraderError, SandboxError, StorageError, UsageError
from r1bench.harness.evaluation.evaluate import all_requests, evaluate
from r1bench.harness.evaluation.grading import Drawn, grade_and_store
from r1bench.harness.records import Checkpoint, Completion, Grade, Problem, Run, Sampling
from r1bench.harness.samplers import Prompt, Request, Requests
from r1bench.harness.samplers.hf import plan_batches
from r1bench.harness.samplers.scripted import ScriptedSampler
from r1bench.harness.store.listed import SAMPLES, run_folders
from r1bench.harness.store.names import run_of
from r1bench.harness.store.runs import open_run, read_problems, read_run
from r1bench.tasks import get_task
from r1bench.tasks.grading import GradeRequest, GradingPool
from r1bench.tasks.templates import TEMPLATES

PROBLEMS = [Problem(f"p{number}", f"What is {number} + 1?", (str(number + 1),)) for number in range(6)]
CHECKPOINT = Checkpoint("scripted", "nowhere", "digest")


def right_when_even(problem_id: str, index: int) -> str:
    number = int(problem_id[1:])
    return f"<think>so</think><answer>{number + 1 + index % 2}</answer>"


def run(root: Path, sampler: ScriptedSampler, n: int = 4, **changes: object) -> Run:
    sampling = Sampling(n=n, max_tokens=64, **changes)  # type: ignore[arg-type]
    return evaluate(get_task("arithmetic"), PROBLEMS, CHECKPOINT, sampler, sampling, TEMPLATES["plain"], root)


def test_every_problem_gets_n_graded_samples(tmp_path: Path) -> None:
    found = run(tmp_path, ScriptedSampler(right_when_even))
    assert found.is_complete
    assert all(scores == [1.0, 0.0, 1.0, 0.0] for scores in found.scores_by_problem().values())


def test_a_finished_run_generates_nothing_more(tmp_path: Path) -> None:
    run(tmp_path, ScriptedSampler(right_when_even))
    again = ScriptedSampler(right_when_even)
    run(tmp_path, again)
    assert again.num_generated == 0


def test_topping_up_draws_only_the_new_samples(tmp_path: Path) -> None:
    first = run(tmp_path, ScriptedSampler(right_when_even), n=4)
    more = ScriptedSampler(right_when_even)
    topped = run(tmp_path, more, n=16)
    assert more.num_generated == 12 * len(PROBLEMS)
    assert topped.manifest.rounds == (4, 16)
    assert topped.is_complete
    assert [sample for sample in topped.samples if sample.index < 4] == list(first.samples)


def test_asking_for_fewer_samples_keeps_what_is_there(tmp_path: Path) -> None:
    run(tmp_path, ScriptedSampler(right_when_even), n=4)
    assert run(tmp_path, ScriptedSampler(right_when_even), n=2).manifest.n == 4


def test_other_settings_make_another_run(tmp_path: Path) -> None:
    for changes in ({}, {"temperature": 0.5}, {"seed": 1}, {"top_p": 0.9}):
        run(tmp_path, ScriptedSampler(right_when_even), **changes)
    assert len(run_folders(tmp_path)) == 4


def test_a_half_written_last_line_is_drawn_again(tmp_path: Path) -> None:
    whole = run(tmp_path, ScriptedSampler(right_when_even))
    path = tmp_path / whole.id / SAMPLES
    content = path.read_bytes()
    path.write_bytes(content[:-40])
    assert not read_run(tmp_path / whole.id).is_complete
    again = ScriptedSampler(right_when_even)
    restored = run(tmp_path, again)
    assert [(s.key, s.completion.text) for s in restored.samples] == [(s.key, s.completion.text) for s in whole.samples]


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    whole = run(tmp_path, ScriptedSampler(right_when_even))
    path = tmp_path / whole.id / SAMPLES
    lines = path.read_text().split("\n")
    path.write_text("\n".join([lines[0], "{broken", *lines[2:]]))
    with pytest.raises(StorageError, match=r"samples\.jsonl:2"):
        read_run(tmp_path / whole.id)


def test_a_prompt_that_does_not_fit_is_refused_before_generation(tmp_path: Path) -> None:
    sampler = ScriptedSampler(right_when_even, context_length=70)
    with pytest.raises(ContextError, match=r"--max-tokens 6\d or less"):
        run(tmp_path, sampler)
    assert sampler.num_generated == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"n": 0}, "--samples"),
        ({"n": 2, "temperature": 0.0}, "greedy"),
        ({"temperature": -1.0}, "--temperature"),
        ({"top_p": 0.0}, "--top-p"),
    ],
)
def test_impossible_sampling_is_refused(tmp_path: Path, changes: dict[str, float], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        run(tmp_path, ScriptedSampler(right_when_even), **changes)  # type: ignore[arg-type]


def test_a_truncated_thought_is_truncated_and_not_wrong(tmp_path: Path) -> None:
    found = run(tmp_path, ScriptedSampler(lambda problem, index: "<think>" + " 1" * 200), n=1)
    assert {sample.grade.outcome for sample in found.samples} == {"truncated"}
    assert {sample.thinking_state for sample in found.samples} == {"unfinished"}


def test_batches_hold_every_request_once_and_do_not_depend_on_what_is_stored() -> None:
    prompts = [Prompt(f"p{number}", "", num_tokens=number % 5) for number in range(7)]
    batches = plan_batches(all_requests(prompts, (2, 5)), 4)
    keys = [request.key for batch in batches for request in batch]
    assert sorted(keys) == sorted((f"p{number}", index) for number in range(7) for index in range(5))
    assert max(map(len, batches)) == 4
    assert {index for _, index in keys[:14]} == {0, 1}


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    def nested(problem_id: str, index: int) -> str:
        with pytest.raises(StorageError, match="another process"):
            run(tmp_path, ScriptedSampler(right_when_even))
        return "1"

    assert run(tmp_path, ScriptedSampler(nested), n=1).is_complete


COMMAND = ["eval", "tiny-base", "--tasks", "arithmetic", "--limit", "60", "--samples", "8", "--batch-size", "24", "--device", "cpu"]


def r1bench(root: Path) -> list[str]:
    return [sys.executable, "-m", "r1bench.harness.cli", *COMMAND, "--runs", str(root)]


def drawn(folder: Path) -> list[tuple[object, ...]]:
    return [
        (s.key, s.completion.text, s.completion.num_tokens, s.completion.finish_reason, s.grade.outcome) for s in read_run(folder).samples
    ]


def test_kill_9_and_the_same_command_give_the_samples_of_an_uninterrupted_run(tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(r1bench(tmp_path / "killed"), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not any(path.stat().st_size > 20_000 for path in tmp_path.glob(f"killed/*/{SAMPLES}")):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    folder = run_folders(tmp_path / "killed")[0]
    assert 0 < len((folder / SAMPLES).read_bytes().split(b"\n")) - 1 < 480
    for root in ("killed", "whole"):
        subprocess.run(r1bench(tmp_path / root), env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert read_run(folder).is_complete
    assert drawn(folder) == drawn(run_of(tmp_path / "whole", folder.name).folder)


def test_the_manifest_says_what_made_the_samples(tmp_path: Path) -> None:
    found = run(tmp_path, ScriptedSampler(right_when_even))
    manifest = json.loads((tmp_path / found.id / "manifest.json").read_text())
    assert {"r1bench", "python"} <= set(manifest["environment"])
    assert manifest["template_hash"] == TEMPLATES["plain"].hash
    assert manifest["sampling"]["max_tokens"] == 64


@pytest.mark.parametrize(
    "broken",
    [{"rounds": []}, {"rounds": ["a"]}, {"sampling": {}}, {"name": 5}, {"environment": None}, {"format": 2}, {"unknown": 1}],
)
def test_a_manifest_that_cannot_be_one_is_named(tmp_path: Path, broken: dict[str, object]) -> None:
    found = run(tmp_path, ScriptedSampler(right_when_even), n=1)
    path = tmp_path / found.id / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **broken}))
    with pytest.raises(StorageError, match=r"manifest\.json"):
        read_run(tmp_path / found.id)


@pytest.mark.parametrize("broken", [{"index": "a"}, {"index": -1}, {"thinking_state": "odd"}, {"problem_id": None}])
def test_a_sample_that_cannot_be_one_is_named(tmp_path: Path, broken: dict[str, object]) -> None:
    found = run(tmp_path, ScriptedSampler(right_when_even), n=1)
    path = tmp_path / found.id / SAMPLES
    lines = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps({**json.loads(lines[0]), **broken}), *lines[1:], ""]))
    with pytest.raises(StorageError, match=r"samples\.jsonl:1"):
        read_run(tmp_path / found.id)


def test_what_had_finished_is_stored_when_the_sampler_breaks_off(tmp_path: Path) -> None:
    def break_off(problem_id: str, index: int) -> str:
        if problem_id == "p3":
            raise KeyboardInterrupt
        return "1"

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, ScriptedSampler(break_off), n=1)
    assert len(read_run(run_folders(tmp_path)[0]).samples) == 3


def test_a_completion_is_stored_while_the_next_one_is_drawn(tmp_path: Path) -> None:
    def when_the_last_is_stored(problem_id: str, index: int) -> str:
        deadline = time.monotonic() + 60
        while sum(path.read_bytes().count(b"\n") for path in tmp_path.glob(f"*/{SAMPLES}")) < sampler.num_generated:
            assert time.monotonic() < deadline, "it waits for its neighbours"
            time.sleep(0.001)
        return "1"

    sampler = ScriptedSampler(when_the_last_is_stored)
    assert run(tmp_path, sampler, n=2).is_complete


def test_a_fault_of_the_grader_ends_the_drawing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[Grade]:
        raise GraderError("a fault")

    monkeypatch.setattr(GradingPool, "grade", broken)
    sampler = ScriptedSampler(right_when_even)
    with pytest.raises(GraderError, match="a fault"):
        run(tmp_path, sampler, n=200)
    assert sampler.num_generated < 200 * len(PROBLEMS)


class Unknowing(ScriptedSampler):
    """A sampler that knows no lengths."""

    def __init__(self) -> None:
        super().__init__(lambda *_: "<think>so it is</think>1")
        self.context_length = None

    def count_tokens(self, text: str) -> None:  # type: ignore[override]
        return None


def test_an_unknown_context_is_noted_and_unknown_lengths_are_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(tmp_path, Unknowing(), n=1)
    assert {sample.reasoning_tokens for sample in found.samples} == {0}
    assert "note: sampler scripted does not know how long" in capsys.readouterr().err


def test_a_sample_that_comes_twice_is_stored_once(tmp_path: Path) -> None:
    class Twice(ScriptedSampler):
        def generate(self, requests: Requests, sampling: Sampling) -> Iterator[tuple[Request, Completion]]:
            return super().generate(Requests([[*requests, *requests]]), sampling)

    found = run(tmp_path, Twice(right_when_even))
    assert len((tmp_path / found.id / SAMPLES).read_text().splitlines()) == len(found.samples) == 24


def test_a_run_is_found_by_the_name_of_its_checkpoint(tmp_path: Path) -> None:
    sampling = Sampling(n=1, max_tokens=64)
    for name in ("org--model-1.5B", "x" * 70):
        sampler = ScriptedSampler(right_when_even)
        evaluate(get_task("arithmetic"), PROBLEMS, Checkpoint(name, "", name), sampler, sampling, TEMPLATES["plain"], tmp_path)
        assert read_run(run_of(tmp_path, name).folder).manifest.name == name


def test_a_problem_with_braces_is_asked_as_it_is() -> None:
    assert TEMPLATES["boxed"].fill(r"What is \frac{{}}{2}{problem}?").startswith(r"What is \frac{{}}{2}{problem}?")
    assert TEMPLATES["boxed"].fill("x").endswith(r"\boxed{}.")


class BrokenSandbox:
    """A pool whose sandbox fails on every second program."""

    def grade(self, requests: Sequence[GradeRequest]) -> list[Grade]:
        failed = Grade("failed", 0.0, None, "it said nothing", "code", "1", details={"status": "sandbox_error"})
        return [failed if number % 2 else Grade("correct", 1.0, "", "", "code", "1") for number in range(len(requests))]


def test_a_program_that_the_sandbox_could_not_run_is_no_sample_and_no_score(tmp_path: Path) -> None:
    stored = run(tmp_path, ScriptedSampler(right_when_even), n=1)
    problems = read_problems(tmp_path / stored.id)
    with open_run(tmp_path, replace(stored.manifest, name="code", checkpoint_digest="other"), problems) as writer:
        drawn = [Drawn(problem.id, 0, Completion("x", "stop", 1)) for problem in problems]
        by_id = {problem.id: problem for problem in problems}
        with pytest.raises(SandboxError, match="the same command goes on"):
            grade_and_store(BrokenSandbox(), writer, by_id, drawn, len)  # type: ignore[arg-type]
        assert len(writer.keys) == (len(problems) + 1) // 2


class Faulty(ScriptedSampler):
    """Gives what a rule makes of each request and completion."""

    def __init__(self, rule: Callable[[Request, Completion], list[tuple[Request, Any]]]) -> None:
        super().__init__(right_when_even)
        self.rule = rule

    def generate(self, requests: Requests, sampling: Sampling) -> Iterator[tuple[Request, Completion]]:
        for request, completion in super().generate(requests, sampling):
            yield from self.rule(request, completion)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda request, done: [(request, replace(done, finish_reason="weird"))], "finish_reason 'weird' is none of"),
        (lambda request, done: [(request, replace(done, num_tokens=None))], "num_tokens is None and must be a whole number"),
        (lambda request, done: [(request, None)], "it gave NoneType instead of a completion"),
        (lambda request, done: [(replace(request, index=99), done)], "it was not asked for that"),
        (lambda request, done: [] if request.index else [(request, done)], "left out 18 of 24 samples"),
    ],
)
def test_what_a_sampler_may_not_give_is_refused_and_the_run_goes_on_with_a_sound_one(tmp_path, rule, message) -> None:
    with pytest.raises(UsageError, match=f"sampler 'scripted'.*{message}"):
        run(tmp_path, Faulty(rule))
    assert run(tmp_path, ScriptedSampler(right_when_even)).is_complete
