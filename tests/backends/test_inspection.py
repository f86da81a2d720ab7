"""A step of a training found in its file and summed up, whatever else stands in it."""

import io
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from r1bench.backends import inspection
from r1bench.backends.inspection import ends_of, inspect, rows_of_step
from r1bench.harness.errors import R1benchError


def line(step: int, problem: str = "p", reward: float | None = 1.0, **more: Any) -> str:
    row = {"step": step, "problem_id": problem, "prompt": "?", "gold": "1", "text": "1", "finish_reason": "stop", "tokens": 3}
    return json.dumps({**row, "rewards": {"accuracy": reward}, "reward": reward, "outcome": "correct", "advantage": 0.0, **more}) + "\n"


def training(folder: Path, rows: str, events: list[dict[str, Any]] | None = None) -> Path:
    (folder / "rollouts.jsonl").write_text(rows)
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events or []))
    return folder


def test_the_last_step_is_summed_up_by_problem(tmp_path: Path) -> None:
    rows = [line(1), line(2, "a", 0.0, advantage=-1.0), line(2, "a", 2.0, advantage=1.0), line(2, "b", 1.0, finish_reason="length")]
    found = inspect(training(tmp_path, "".join(rows)))
    assert (found.step, found.num_completions, list(found.groups)) == (2, 3, ["a", "b"])
    assert found.groups["a"].to_json()["reward"] == {"min": 0.0, "mean": 1.0, "max": 2.0}
    assert (found.groups["a"].has_no_signal, found.groups["b"].has_no_signal, found.groups["b"].num_cut) == (False, True, 1)
    assert (found.best[0].reward, found.worst[0].reward) == (2.0, 0.0)


def test_the_best_and_the_worst_are_those_of_a_sort(tmp_path: Path) -> None:
    rewards = random.Random(0).sample(range(100), 40)
    found = inspect(training(tmp_path, "".join(line(1, reward=value) for value in rewards)), most=3)
    assert [row.reward for row in found.best] == sorted(rewards)[:-4:-1]
    assert [row.reward for row in found.worst] == sorted(rewards)[:3]


def test_a_completion_without_a_reward_is_neither_best_nor_worst(tmp_path: Path) -> None:
    found = inspect(training(tmp_path, line(1, reward=None) + line(1, reward=0.5) + line(1, reward=None)))
    assert (found.best[0].reward, found.worst[0].reward) == (0.5, 0.5)
    assert found.groups["p"].mean == 0.5


@pytest.mark.parametrize("seed", range(20))
def test_halving_finds_what_reading_everything_finds(seed: int) -> None:
    draw = random.Random(seed)
    steps = sorted(draw.choices(range(1, 12), k=40))
    noise = ("", "\n", "{broken\n", '{"step": "x", "text": "y"}\n', "[" * 500 + "\n")
    texts = [draw.choice(noise) + line(step, text="t" * draw.randrange(300), sample=place) for place, step in enumerate(steps)]
    file = io.BytesIO("".join(texts).encode())
    for step in range(13):
        assert [row.sample for row in rows_of_step(file, step)] == [place for place, each in enumerate(steps) if each == step]
    assert ends_of(file) == (steps[0], steps[-1])


def test_a_step_is_found_without_reading_what_stands_before_it() -> None:
    class Counted(io.BytesIO):
        read_bytes = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            found = super().readline(size)
            self.read_bytes += len(found)
            return found

    file = Counted("".join(line(1 + place // 4, text="t" * 1000) for place in range(4000)).encode())
    assert len(list(rows_of_step(file, 700))) == 4
    assert file.read_bytes < len(file.getvalue()) / 50


def test_a_line_without_an_end_and_a_huge_one_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "LONGEST_LINE", 1000)
    rows = line(1) + line(2, text="t" * 5000) + line(3) + line(4)[:-20]
    found = inspect(training(tmp_path, rows))
    assert (found.step, found.num_completions) == (3, 1)


def test_events_of_the_step_are_told_and_those_of_others_are_not(tmp_path: Path) -> None:
    events = [
        {"event": "start", "step": 0, "gaps": ["sampling log-probabilities"]},
        {"event": "fault", "step": 1, "what": "another"},
        {"event": "step", "step": 2, "mismatch/mean": 0.01, "loss": None},
        {"event": "fault", "step": 2, "what": "reward 'mine' raised"},
    ]
    (tmp_path / "superseded.jsonl").write_text(line(2) * 3)
    found = inspect(training(tmp_path, line(1) + line(2), events))
    assert (found.gaps, found.faults) == (("sampling log-probabilities",), ("reward 'mine' raised",))
    assert (found.figures, found.num_superseded) == ({"mismatch/mean": 0.01}, 3)


def test_a_problem_is_followed_through_all_steps(tmp_path: Path) -> None:
    found = inspect(training(tmp_path, line(1, "a") + line(1, "b") + line(2, "a") + line(3, "b")), problem_id="a")
    assert (found.step, found.num_completions, found.last_step) == (None, 2, 3)
    assert inspect(tmp_path, problem_id="b", step=1).num_completions == 1


@pytest.mark.parametrize(
    ("rows", "options", "named"),
    [
        ("", {}, "no completion"),
        ("{}\n{\n", {}, "no completion"),
        (line(3) + line(5), {"step": 4}, "nothing of step 4; it has steps 3 to 5"),
        (line(3), {"problem_id": "q"}, "nothing of problem 'q'"),
        (line(3), {"problem_id": "q", "step": 3}, "nothing of problem 'q' in step 3"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(tmp_path: Path, rows: str, options: dict[str, Any], named: str) -> None:
    with pytest.raises(R1benchError, match=named):
        inspect(training(tmp_path, rows), **options)


def test_a_folder_that_is_no_training_is_named(tmp_path: Path) -> None:
    with pytest.raises(R1benchError, match="is not the folder of a training"):
        inspect(tmp_path)
    (tmp_path / "events.jsonl").touch()
    with pytest.raises(R1benchError, match="only reinforcement learning draws completions"):
        inspect(tmp_path)


def test_a_training_that_draws_none_is_not_told_to_wait(tmp_path: Path) -> None:
    training(tmp_path, "")
    with pytest.raises(R1benchError, match="no completion yet"):
        inspect(tmp_path)
    (tmp_path / "job.json").write_text('{"algorithm": {"kind": "sft"}}')
    with pytest.raises(R1benchError, match="is a training of sft, and only reinforcement learning draws"):
        inspect(tmp_path)


def test_a_pipe_in_the_place_of_the_completions_is_not_a_file(tmp_path: Path) -> None:
    training(tmp_path, "")
    (tmp_path / "rollouts.jsonl").unlink()
    os.mkfifo(tmp_path / "rollouts.jsonl")
    with pytest.raises(R1benchError, match="is not a file"):
        inspect(tmp_path)
