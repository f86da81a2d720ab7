"""The journal: what is written is what is read, a resume cuts it back, and no line of a file can harm its reader."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from r1bench.backends.journal import (
    EVENTS,
    FAULT,
    FIGURES,
    HELD_OUT,
    JOB,
    ROLLOUTS,
    Journal,
    RolloutRow,
    about,
    home_of,
    read_held_out,
    read_rollouts,
    read_steps,
    read_troubles,
)

DOCS = Path(__file__).parents[2] / "docs" / "backends.md"


def row(step: int, **fields: Any) -> RolloutRow:
    known: dict[str, Any] = {"problem_id": "p", "prompt": "1 + 1", "gold": ["2"], "text": "2", "finish_reason": "stop", "tokens": 1}
    graded: dict[str, Any] = {"rewards": {"accuracy": 1.0}, "reward": 1.0, "outcome": "correct", "advantage": 0.5}
    return RolloutRow(step=step, **known | graded | fields)


def rows_in(folder: Path, **options: Any) -> list[RolloutRow]:
    found = read_rollouts(folder, **options)
    assert found is not None
    return list(found.rows)


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    with Journal(tmp_path, 2) as journal:
        journal.rollouts([row(1), row(1, text="等等\u2028\x00", prompt=[{"role": "user", "content": "?"}])])
        journal.step(1, {"reward": 0.5, "kl": math.nan})
    assert rows_in(tmp_path) == [row(1), row(1, text="等等\u2028\x00", prompt=[{"role": "user", "content": "?"}])]
    assert read_steps(tmp_path) == ({1: {"reward": 0.5}}, [])


def test_a_resume_cuts_the_files_back_to_the_checkpoint(tmp_path: Path) -> None:
    with Journal(tmp_path, 3) as journal:
        journal.step(1, {"reward": 0.1})
        journal.rollouts([row(1)])
        offsets = journal.offsets()
        journal.step(2, {"reward": 0.9})
        journal.rollouts([row(2)])
    with Journal(tmp_path, 3, 1, offsets) as journal:
        journal.step(2, {"reward": 0.2})
    assert read_steps(tmp_path).figures == {1: {"reward": 0.1}, 2: {"reward": 0.2}}
    assert rows_in(tmp_path) == [row(1)]


def test_a_training_that_begins_again_leaves_nothing_of_before(tmp_path: Path) -> None:
    for _ in range(2):
        with Journal(tmp_path, 1) as journal:
            journal.step(1, {"reward": 0.1})
    assert [json.loads(line)["event"] for line in (tmp_path / EVENTS).read_text().splitlines()] == ["start", "step"]


HOSTILE = [
    "[1]",
    "null",
    "{",
    "[" * 100_000,
    '{"event": "step"',
    '{"step": 1, "text": 5}',
    '{"step": true, "text": "x"}',
    "9" * 5_000,
    "\x00",
]


@pytest.mark.parametrize("line", [*HOSTILE, "x" * 3_000_000], ids=range(len(HOSTILE) + 1))
def test_a_strange_line_is_left_out(tmp_path: Path, line: str) -> None:
    with Journal(tmp_path, 2) as journal:
        journal.step(1, {"reward": 0.1})
        journal.rollouts([row(1)])
    for name in (EVENTS, ROLLOUTS):
        good = (tmp_path / name).read_text().splitlines()[-1]
        (tmp_path / name).write_text(f"{line}\n{good}\n{line}")
    assert read_steps(tmp_path) == ({1: {"reward": 0.1}}, [])
    assert rows_in(tmp_path) == [row(1)]


def test_strange_values_of_a_completion_are_left_out(tmp_path: Path) -> None:
    strange = {"step": 1, "text": "x", "tokens": "many", "rewards": {"a": 1, "b": None, "c": "1"}, "reward": 1e999, "outcome": 5}
    (tmp_path / ROLLOUTS).write_text(json.dumps(strange) + "\n" + '{"step": 1, "text": "y", "rewards": 5}\n')
    first, second = rows_in(tmp_path)
    assert (first.tokens, first.rewards, first.reward, first.outcome) == (0, {"a": 1}, None, "")
    assert (second.rewards, second.advantage, second.problem_id) == ({}, None, "")


def test_a_step_that_is_not_a_number_is_told(tmp_path: Path) -> None:
    (tmp_path / EVENTS).write_text('{"event": "step", "step": 2}\n{"event": "step", "step": -1}\n{"event": "step", "step": "a"}\n')
    assert read_steps(tmp_path) == ({2: {}}, ["2 lines of events.jsonl with a step that is none (-1, 'a')"])


def test_steps_come_in_order_and_the_last_value_of_each_counts(tmp_path: Path) -> None:
    lines = [{"event": "step", "step": step, "reward": place} for place, step in enumerate([3, 1, 2, 1])]
    (tmp_path / EVENTS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert list(read_steps(tmp_path).figures.items()) == [(1, {"reward": 3}), (2, {"reward": 2}), (3, {"reward": 0})]


def test_a_large_file_is_read_in_stretches_over_all_of_it(tmp_path: Path) -> None:
    with Journal(tmp_path, 4_000) as journal:
        journal.rollouts(row(step) for step in range(4_000))
    size = (tmp_path / ROLLOUTS).stat().st_size
    steps = [each.step for each in rows_in(tmp_path, most_bytes=size // 5)]
    assert steps == sorted(set(steps))
    assert 0.15 * 4_000 < len(steps) < 0.5 * 4_000
    assert steps[0] == 0
    assert steps[-1] > 3_900


def test_a_folder_without_files_says_nothing(tmp_path: Path) -> None:
    assert read_rollouts(tmp_path) is None
    assert home_of(tmp_path / "final") is None
    assert about(tmp_path) == {"name": "", "stage": "", "backend": "", "algorithm": "", "loss": "", "deviations": []}


def test_a_small_figure_keeps_its_digits_and_a_count_stays_whole(tmp_path: Path) -> None:
    with Journal(tmp_path, 1) as journal:
        journal.step(1, {"learning_rate": 1.25e-6, "mismatch/mean": 3.21283123e-7, "tokens": 12_345_678})
    assert read_steps(tmp_path).figures[1] == {"learning_rate": 1.25e-6, "mismatch/mean": 3.21283e-7, "tokens": 12_345_678}


def test_the_page_names_every_figure_as_the_schema_does() -> None:
    journal = DOCS.read_text(encoding="utf-8").partition("## The journal")[2]
    table = [line.strip("| ").split(" | ", 1) for line in journal.splitlines() if line.startswith("| `")]
    assert FIGURES.items() <= {name.strip("`"): meaning for name, meaning in table}.items()


def test_a_huge_line_is_passed_over_whole_whatever_its_pieces_say(tmp_path: Path) -> None:
    event = '{"event": "step", "step": 7, "reward": 9}'
    (tmp_path / EVENTS).write_text("x" * 1_000_000 + event + "\n" + event.replace("7", "8") + "\n")
    assert list(read_steps(tmp_path).figures) == [8]


def test_gaps_and_faults_are_read_each_text_once_with_its_steps(tmp_path: Path) -> None:
    with Journal(tmp_path, 9, gaps=["no log-probabilities"]) as journal:
        for step in (2, 3, 7):
            journal.event(FAULT, step=step, what="accuracy took longer than 10 s")
        journal.event(FAULT, step=7, what="format raised")
    gaps, faults, num_more, _ = read_troubles(tmp_path)
    assert (gaps, num_more) == (["no log-probabilities"], 0)
    assert faults == [("accuracy took longer than 10 s", 3, 2, 7), ("format raised", 1, 7, 7)]


def test_strange_gaps_and_faults_are_bounded(tmp_path: Path) -> None:
    with Journal(tmp_path, 9) as journal:
        journal.event("start", gaps={"a": 1})
        journal.event("start", gaps=["g" * 5_000, 7, *map(str, range(100, 900))])
        for number in range(900):
            journal.event(FAULT, step=str(number), what={"number": number, "x": "x" * 5_000})
    gaps, faults, num_more, _ = read_troubles(tmp_path)
    assert (len(gaps), len(faults), num_more) == (20, 20, 880)
    assert max(len(text) for text in (*gaps, *(fault.what for fault in faults))) == 300
    assert {(fault.first, fault.last) for fault in faults} == {(None, None)}


@pytest.mark.parametrize(
    ("job", "algorithm", "loss"),
    [
        ({"algorithm": {"kind": "grpo", "loss": {"preset": "dapo", "clip_high": 0.3}}}, "grpo", "dapo, clip_high 0.3"),
        ({"algorithm": {"kind": "reward_model", "loss": "pairwise"}}, "reward_model", "pairwise"),
        ({"batch": {"prompts": 2}, "loss": {"clip_low": 0.1}}, "grpo", "grpo, clip_low 0.1"),
        ({"batch": 7}, "", ""),
        ({"algorithm": {"kind": "grpo", "loss": {"preset": ["dapo"]}}, "deviations": 3}, "grpo", ""),
        ({"algorithm": [1]}, "", ""),
    ],
)
def test_a_job_says_its_algorithm_and_loss_whatever_its_layout(tmp_path: Path, job: dict[str, Any], algorithm: str, loss: str) -> None:
    (tmp_path / JOB).write_text(json.dumps({"name": "n", **job}))
    said = about(tmp_path)
    assert (said["algorithm"], said["loss"], said["deviations"]) == (algorithm, loss, [])


def test_how_a_training_was_resumed_is_read_once(tmp_path: Path) -> None:
    with Journal(tmp_path, 9) as journal:
        for said in ("", "exact", "exact", 7):
            journal.event("start", resumption=said)
    assert read_troubles(tmp_path).resumptions == ["exact", "7"]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('{"measure": "nll", "n": 3, "value": 0.5, "low": null, "versions": {}}', {"measure": "nll", "n": 3, "value": 0.5}),
        ('{"measure": "nll", "value": "0.5"}', {}),
        ('{"measure": "nll", "value": NaN}', {}),
        ('{"meas', {}),
    ],
)
def test_what_was_held_out_is_read_as_far_as_it_is_there(tmp_path: Path, text: str, read: dict[str, Any]) -> None:
    assert read_held_out(tmp_path) == {}
    (tmp_path / HELD_OUT).write_text(text)
    assert read_held_out(tmp_path) == read


def test_a_training_that_goes_on_says_from_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Journal(tmp_path, 4):
        assert capsys.readouterr().err == ""
    with Journal(tmp_path, 40, step=20):
        assert capsys.readouterr().err == "goes on after step 20 (step-000020)\n"
