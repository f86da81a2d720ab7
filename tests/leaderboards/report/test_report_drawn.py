"""Completions of a training side by side: which of them are chosen, what is said of them, and that a report with them stays small.

Left out: how the page shows them (test_report_training_browser.py).
"""

import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from fakes_report import HOSTILE, boot_of, data_of, report, write_training

from r1bench.backends.journal import HELD_OUT, JOB, ROLLOUTS, RolloutRow
from r1bench.leaderboards.report import drawn, training


def row(step: int, reward: float | None = 1.0, problem: str = "p", **fields: Any) -> RolloutRow:
    known: dict[str, Any] = {"prompt": "How many?", "gold": ["2"], "text": f"{step} {reward}", "finish_reason": "stop", "tokens": 3}
    graded: dict[str, Any] = {"rewards": {"accuracy": reward}, "outcome": "correct", "advantage": 0.5}
    return RolloutRow(step=step, problem_id=problem, reward=reward, **known | graded | fields)


def table_of(rows: Iterable[RolloutRow]) -> dict[str, Any]:
    watched = drawn.Drawn()
    passed = sum(1 for _ in watched.passed(rows))
    table = watched.table()
    assert table is not None
    assert passed
    return table


def texts(column: dict[str, Any]) -> list[str | None]:
    return [each and each["text"] for each in column["rows"]]


def test_best_median_and_worst_of_a_step_are_shown_with_how_many_there_are() -> None:
    column = table_of(row(1, reward) for reward in (0.5, 2.0, 0.0, 1.0, 0.25))["columns"][0]
    assert texts(column) == ["1 2.0", "1 0.5", "1 0.0"]
    assert (column["step"], column["size"], column["mean"]) == (1, 5, 0.75)


def test_one_completion_is_not_shown_three_times() -> None:
    assert texts(table_of([row(1, 1.0)])["columns"][0]) == ["1 1.0", None, None]
    assert texts(table_of([row(1, 1.0, text="a"), row(1, 1.0, text="b")])["columns"][0]) == ["b", None, "a"]


def test_completion_without_a_reward_comes_last_and_counts_in_no_mean() -> None:
    column = table_of([row(1, None), row(1, 0.5), row(1, None)])["columns"][0]
    assert (texts(column)[0], column["mean"]) == ("1 0.5", 0.5)
    assert table_of([row(1, None)])["columns"][0]["mean"] is None


def test_steps_are_spread_from_the_first_to_the_last() -> None:
    for last in (1, 2, 25, 26, 1_000):
        steps = [column["step"] for column in table_of(row(step) for step in range(1, last + 1))["columns"]]
        assert (steps[0], steps[-1]) == (1, last)
        gaps = {after - before for before, after in pairwise(steps[:-1])}
        assert len(gaps) <= 1
        assert min(last, drawn.MOST_STEPS // 2) <= len(steps) <= drawn.MOST_STEPS + 1


def test_step_that_stands_in_two_places_is_shown_once_from_the_larger() -> None:
    columns = table_of([row(1), row(1), row(2), row(1, 0.0)])["columns"]
    assert [(column["step"], column["size"]) for column in columns] == [(1, 2), (2, 1)]


def test_problem_that_is_met_again_is_followed_from_step_to_step() -> None:
    rows = [row(step, reward, f"p{(2 * step + place) % 6}") for step in range(1, 13) for place in (0, 1) for reward in (0.0, 1.0)]
    problems = {each["id"]: each["columns"] for each in table_of(rows)["problems"]}
    assert [column["step"] for column in problems["p2"]] == [1, 4, 7, 10]
    assert [column["size"] for column in problems["p2"]] == [2] * 4
    assert {each["problem"] for column in problems["p2"] for each in column["rows"] if each} == {"p2"}


def test_problems_that_never_come_again_are_not_offered() -> None:
    assert table_of(row(step, 1.0, f"p{step}") for step in range(50))["problems"] == []


def test_reasoning_is_found_in_units_of_javascript_and_behind_an_open_prompt() -> None:
    closed, opened = table_of([row(1, text="<think>𝔸 so</think>2"), row(2, text="𝔸 so", prompt="User: 1 + 1\nAssistant: <think>\n")])[
        "columns"
    ]
    assert closed["rows"][0]["reasoning"] == [7, 12]
    assert opened["rows"][0]["reasoning"] == [0, 5]
    assert table_of([row(1, text="<b> 2")])["columns"][0]["rows"][0]["reasoning"] is None


def test_long_text_loses_its_middle_and_names_its_file() -> None:
    shown = table_of([row(1, text="a" * 20_000 + "b")])["columns"][0]["rows"][0]
    assert len(shown["text"]) == drawn.LONGEST_TEXT
    assert shown["text"].endswith("ab")
    assert shown["cut"] == {"characters": 20_001 - drawn.LONGEST_TEXT, "at": 3_600, "file": ROLLOUTS}


def test_what_is_shown_does_not_grow_with_the_file() -> None:
    def size(num_steps: int) -> int:
        rows = (row(step, place / 8, f"p{place}", text="x" * 9_000) for step in range(num_steps) for place in range(8))
        return len(json.dumps(table_of(rows)))

    assert size(2_000) < 1.5 * size(100) < 2_500_000


def test_report_holds_every_field_of_a_completion_but_no_token_ids(tmp_path: Path, assets: Path) -> None:
    ids = {"prompt_ids": [777_001], "token_ids": [777_002, 777_003], "logprobs": [-0.777, -0.5]}
    folder = write_training(tmp_path / "trained", 1)
    completion = row(1, 0.5, advantage=-0.25, sample=3, policy=8, outcome="wrong", prompt=[{"role": "user", "content": "1 + 1"}], **ids)
    (folder / ROLLOUTS).write_text(json.dumps(completion._asdict()) + "\n")
    (tmp_path / "runs").mkdir()
    report(tmp_path / "runs", tmp_path / "site", assets, trainings=(folder,))
    shown = data_of(tmp_path / "site", f"training/{training.name_of(folder)}/samples")["columns"][0]["rows"][0]
    expected = {"problem": "p", "prompt": "user: 1 + 1", "gold": "2", "text": "1 0.5", "outcome": "wrong", "rewards": {"accuracy": 0.5}}
    assert {**shown, **expected, "reward": 0.5, "advantage": -0.25, "tokens": 3, "sample": 3, "policy": 8, "finish_reason": "stop"} == shown
    assert not [path for path in (tmp_path / "site").rglob("*") if path.is_file() and "777" in path.read_text()]


def test_hostile_completions_are_data(tmp_path: Path, assets: Path) -> None:
    folder = write_training(tmp_path / "trained", 1)
    rows = [row(1, 1.0, text, text=text, prompt=text, gold=text, rewards={text[:50]: 1.0}, finish_reason=text) for text in HOSTILE]
    (folder / ROLLOUTS).write_text("".join(json.dumps(each._asdict()) + "\n" for each in rows))
    (tmp_path / "runs").mkdir()
    report(tmp_path / "runs", tmp_path / "site", assets, trainings=(folder,))
    path = next((tmp_path / "site" / "data" / "training").glob("*/samples.js"))
    assert not {"<", ">", "\u2028", "\u202e", "\x7f"} & {*path.read_text()}


def test_training_without_completions_has_curves_alone(tmp_path: Path, assets: Path) -> None:
    folder = write_training(tmp_path / "trained", 3, accuracy=0.5, loss=1.0)
    (folder / ROLLOUTS).unlink()
    (tmp_path / "runs").mkdir()
    report(tmp_path / "runs", tmp_path / "site", assets, trainings=(folder,))
    name = training.name_of(folder)
    assert data_of(tmp_path / "site", f"training/{name}")["has_samples"] is False
    assert not (tmp_path / "site" / "data" / "training" / name).exists()
    assert boot_of(tmp_path / "site")["figures"] == ["reward", "accuracy", "loss", "kl/k3"]


def test_samples_that_are_gone_are_written_again_and_go_with_their_training(tmp_path: Path, assets: Path) -> None:
    folder, site = write_training(tmp_path / "trained", 3), tmp_path / "site"
    (tmp_path / "runs").mkdir()
    report(tmp_path / "runs", site, assets, trainings=(folder,))
    path = site / "data" / "training" / training.name_of(folder) / "samples.js"
    path.unlink()
    report(tmp_path / "runs", site, assets, trainings=(folder,))
    assert path.is_file()
    report(tmp_path / "runs", site, assets)
    assert not path.parent.exists()


def test_head_says_loss_what_was_held_out_deviations_gaps_and_faults(tmp_path: Path, assets: Path) -> None:
    ending = '{"event": "start", "step": 2, "gaps": ["no log-probabilities"], "resumption": "exact"}\n'
    ending += '{"event": "fault", "step": 2, "what": "format raised"}\n'
    folder = write_training(tmp_path / "trained", 3, ending=ending)
    job = {"name": "zero", "algorithm": {"kind": "grpo", "loss": {"preset": "gspo"}}, "deviations": ["no top_p"]}
    (folder / JOB).write_text(json.dumps(job))
    (folder / HELD_OUT).write_text('{"measure": "nll", "value": 0.5}')
    (tmp_path / "runs").mkdir()
    report(tmp_path / "runs", tmp_path / "site", assets, trainings=(folder,))
    head = data_of(tmp_path / "site", f"training/{training.name_of(folder)}")["head"]
    assert head == {
        **{"algorithm": "grpo", "loss": "gspo", "deviations": ["no top_p"], "gaps": ["no log-probabilities"], "more_faults": 0},
        **{"resumptions": ["exact"], "held_out": {"measure": "nll", "value": 0.5}},
        "faults": [{"what": "format raised", "count": 1, "first": 2, "last": 2}],
    }
