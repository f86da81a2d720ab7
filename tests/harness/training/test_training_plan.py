"""A training planned and not started: the truth of the plan, and nothing on the disk."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from fakes_backend import instead

from r1bench.backends.custom import Custom
from r1bench.harness import __version__
from r1bench.harness.errors import R1benchError
from r1bench.harness.training.jobs import prepare
from r1bench.harness.training.plan import plan_training

SMALL = ("steps=6", "save_every=2", "batch_size=4", "algorithm.samples=4", "algorithm.minibatches=2", "algorithm.rollout.max_tokens=48")


def options(out: Path, *settings: str, **more: Any) -> dict[str, Any]:
    given = {"stage": "zero", "backend": "custom", "recipe": "tiny", "out": out, "settings": instead(SMALL, settings)}
    return {**given, "device": "cpu", "threads": 1, **more}


def write_data(path: Path) -> Path:
    path.write_text("".join(json.dumps({"question": f"What is {n} + 1?", "answer": f"so #### {n + 1}"}) + "\n" for n in range(8)))
    return path


def test_a_plan_writes_nothing(tmp_path: Path) -> None:
    plan = plan_training(tmp_path / "runs", **options(tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []
    assert (plan.job.num_updates, plan.tokens_per_step, plan.start) == (12, 4 * 4 * 48, "at the beginning")


def test_the_files_of_a_plan_are_those_that_a_start_writes(tmp_path: Path) -> None:
    given = options(tmp_path / "out", "data.task=gsm8k", data=write_data(tmp_path / "data.jsonl"))
    plan = plan_training(**given)
    prepare(**given)
    written = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert plan.files == written
    assert set(written) == {"job.json", "prompts.jsonl"}


def test_the_command_is_the_backends_with_the_shells_own_process(tmp_path: Path) -> None:
    plan = plan_training(**options(tmp_path / "an out"))
    assert plan.command.endswith(f" -m r1bench.backends '{tmp_path / 'an out' / 'job.json'}' $$")
    assert str(os.getpid()) not in plan.plan.command


def test_a_training_that_is_there_is_gone_on_with_and_not_touched(tmp_path: Path) -> None:
    prepare(**options(tmp_path / "out"))
    before = (tmp_path / "out" / "job.json").stat().st_mtime_ns
    assert plan_training(**options(tmp_path / "out")).start == "at the beginning"
    assert (tmp_path / "out" / "job.json").stat().st_mtime_ns == before
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["job.json"]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (("steps=3", "algorithm.samples=8"), "holds another training"),
        (("algorithm.minibatches=7",), "does not divide"),
        (("rollout.max_tokens=100000",), "exceeds the model's context"),
        (("stepz=1",), "did you mean 'steps'"),
    ],
)
def test_a_plan_is_refused_as_a_start_is(tmp_path: Path, settings: tuple[str, ...], named: str) -> None:
    prepare(**options(tmp_path / "out"))
    messages = []
    for start in (plan_training, prepare):
        with pytest.raises(R1benchError, match=named) as caught:
            start(**options(tmp_path / "out", *settings))
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_a_plan_without_room_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1})())
    with pytest.raises(R1benchError, match="0 MB free, and the checkpoints of this training need"):
        plan_training(**options(tmp_path / "out"))


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(R1benchError, match="Not a directory"):
        plan_training(**options(tmp_path / "file" / "out"))


def test_a_job_has_the_versions_of_the_python_that_trains(tmp_path: Path) -> None:
    versions = plan_training(**options(tmp_path / "out")).job.versions
    assert versions == {"r1bench": __version__, **{name: version for name, version in Custom().versions().items() if version}}
    assert {"torch", "transformers"} < set(versions)


def test_more_memory_than_there_is_is_a_note(tmp_path: Path) -> None:
    asked = ("batch_size=100000", "engine.micro_tokens=100000000")  # and of so many prompts only a few are drawn
    assert any("GB are needed, and cpu has" in note for note in plan_training(**options(tmp_path / "out", *asked)).notes)
    assert not [note for note in plan_training(**options(tmp_path / "out")).notes if "memory" in note]


@pytest.mark.parametrize(
    ("answer", "settings", "named"),
    [
        ({"answer": "so #### 0.5"}, (), "--set data.task=gsm8k"),
        ({}, (), "--set data.task=gsm8k"),
        ({"answer": "1"}, ("data.task=gsm",), "--set data.task=NAME"),
        ({"answer": "1"}, ("data.task=[1]",), "--set data.task=NAME"),
    ],
)
def test_problems_of_another_task_are_told_how_to_say_so(
    tmp_path: Path, answer: dict[str, str], settings: tuple[str, ...], named: str
) -> None:
    (tmp_path / "data.jsonl").write_text(json.dumps({"question": "What?", **answer}) + "\n")
    with pytest.raises(R1benchError, match=named):
        plan_training(**options(tmp_path / "out", *settings, data=tmp_path / "data.jsonl"))
