"""What a user of the training commands reads: plans, answers, refusals, and texts that models wrote."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from packages import install

from r1bench.backends.losses import PRESETS
from r1bench.harness.cli import main
from r1bench.harness.cli.train import results
from r1bench.harness.training.judged import Trained
from r1bench.harness.training.stages import STAGES

SMALL = ("steps=2", "batch_size=2", "algorithm.samples=2", "algorithm.minibatches=1", "algorithm.rollout.max_tokens=16")
SET = [word for setting in SMALL for word in ("--set", setting)]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="r1bench")


def train(out: Path, *arguments: object) -> Result:
    return call("train", "--out", out, "--device", "cpu", "--threads", 1, *SET, *arguments)


def test_a_plan_is_shown_and_nothing_is_written(tmp_path: Path) -> None:
    done = train(tmp_path / "out", "--runs", tmp_path / "runs", "--dry-run", "--set", "loss.preset=dapo")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("trains     stage zero (grpo, loss dapo) with custom: 2 steps of 2")
    assert "none: the backend trains exactly what the job says" in done.stdout
    assert "nothing was written" in done.stdout
    assert max(map(len, done.stdout.split("command\n")[0].splitlines())) <= 80
    assert list(tmp_path.iterdir()) == []


def test_a_plan_as_json_has_the_texts_of_its_files(tmp_path: Path) -> None:
    found = json.loads(train(tmp_path / "out", "--dry-run", "--json", "--set", "rollout.top_p=0.9").stdout)
    assert json.loads(found["files"]["job.json"]) == found["job"]
    assert found["memory"]["peak"] > found["memory"]["weights"] > 0
    assert found["deviations"] == ["ratios use the probabilities before the top-p cut"]
    assert (found["steps"], found["optimiser_steps"], found["tokens_per_step"]) == (2, 2, 2 * 2 * 16)


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_exact_refuses_what_is_only_approximate(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = train(tmp_path / "out", "--exact", "--set", "rollout.top_p=0.9", *words)
    assert done.exit_code == 2
    assert "only approximate here, and --exact was given: ratios use the probabilities before the top-p cut" in done.output
    assert not (tmp_path / "out").exists()


def test_deviations_are_told_before_the_first_step_and_with_the_result(tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["train", "--out", out, "--no-eval", "--device", "cpu", "--threads", "1", *SET, "--set", "rollout.top_p=0.9"]
    done = subprocess.run([sys.executable, "-m", "r1bench.harness.cli", *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    deviation = "ratios use the probabilities before the top-p cut"
    assert done.stderr.index(f"note: custom deviates from the job: {deviation}") < done.stderr.index("step 1/2")
    assert f"approximate: {deviation}" in done.stdout
    assert f"checkpoint: {out / 'final'}" in done.stdout


def test_the_help_of_train_names_every_stage() -> None:
    assert all(stage in call("train", "--help").output for stage in STAGES)


def test_only_what_was_given_is_put_into_the_engine(tmp_path: Path) -> None:
    found = json.loads(train(tmp_path / "out", "--dry-run", "--json").stdout)
    assert set(found["job"]["engine"]) == {"threads", "micro_tokens"}
    assert "launcher" in train(tmp_path / "out", "--dry-run", "--json", "--launcher", "torchrun").output


def test_backends_are_listed_with_an_answer_for_every_preset() -> None:
    text = call("backends").stdout
    assert text.startswith("custom: ready; ")
    rows = {words[-2]: words[-1] for line in text.splitlines() if (words := line.replace("zero", "").split()[:3])[:1] == ["loss"]}
    assert set(PRESETS) <= set(rows)
    assert rows["grpo"] == "exact"
    assert "] custom: ratios use the probabilities before the top-p cut" in text


def test_backends_as_json_say_how_each_variant_is_asked_for() -> None:
    (custom,) = json.loads(call("backends", "--backend", "custom", "--json").stdout)
    found = {each["variant"]: each for each in custom["abilities"]}
    assert found["loss dapo"]["settings"] == {"algorithm.loss": {"preset": "dapo"}}
    assert (found["loss dapo"]["stages"], found["fine-tuning"]["stages"]) == (["zero"], ["cold-start"])
    assert (custom["ready"], custom["missing"]) == (True, "")


def test_a_strangers_words_steer_no_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "from r1bench.backends.contract import Backend\nfrom r1bench.backends.job import Support\n"
        "class Odd(Backend):\n def versions(self, python=''):\n  return {'odd': '\\x1b[2J'}\n"
        " def supports(self, job):\n  return Support(kind='refused', reason='\\x1b[31m::error::no')\n"
    )
    install(tmp_path, "odd_backend", code, "r1bench.backends", "odd = odd_backend:Odd")
    monkeypatch.syspath_prepend(tmp_path)
    text = call("backends", "--explain").stdout
    assert "odd: ready" in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--backend", "custon"), "did you mean 'custom'?"),
        (("--python", "/nowhere/python"), "--python '/nowhere/python' does not run"),
        (("--python", "/bin/ls"), "--python '/bin/ls' runs, and is not a Python"),
        (("--python", "/bin/echo"), "--python '/bin/echo' runs, and is not a Python"),
    ],
)
def test_a_wrong_name_of_a_backend_or_a_python_is_one_line(words: tuple[str, ...], named: str) -> None:
    done = call("backends", *words)
    assert (done.exit_code, len(done.output.splitlines())) == (2, 1)
    assert named in done.output


class HeldOutFake:
    """A measure on examples that were kept aside."""

    def lines(self) -> list[str]:
        return ["held out (n=20): better"]

    def to_json(self) -> dict[str, int]:
        return {"n": 20}


def test_what_was_kept_aside_answers_where_no_task_judges(tmp_path: Path) -> None:
    text, values = results(Trained(tmp_path / "final", ("rounded",), [], HeldOutFake()), "cold-start")
    assert text == f"held out (n=20): better\napproximate: rounded\ncheckpoint: {tmp_path / 'final'}"
    assert (values["held_out"], values["deviations"], values["entries"]) == ({"n": 20}, ["rounded"], [])


def row(step: int, **more: Any) -> str:
    values = {"step": step, "problem_id": "p-1", "prompt": "What?", "gold": ["1"], "text": "42", "finish_reason": "stop", "tokens": 2}
    return json.dumps({**values, "rewards": {"accuracy": 1.0}, "reward": 1.0, "outcome": "correct", "advantage": 0.5, **more}) + "\n"


def folder(place: Path, *rows: str) -> Path:
    (place / "rollouts.jsonl").write_text("".join(rows))
    (place / "events.jsonl").write_text('{"event": "start", "step": 0, "gaps": ["token ids"]}\n')
    (place / "job.json").write_text('{"name": "mine", "stage": "zero", "backend": "custom"}')
    return place


def test_the_last_step_is_shown_with_its_table_and_two_texts(tmp_path: Path) -> None:
    rows = row(1), row(2, text="bad", reward=0.0, advantage=-1.0), row(2, text="good", policy=4, logprobs=[-0.5, -1.5], sample=1)
    text = call("rollouts", folder(tmp_path, *rows)).stdout
    assert text.startswith("mine (stage zero), backend custom, step 2 of 2 so far: 2 completions of 1\n")
    assert "not told by this backend: token ids" in text
    assert text.index("best: step 2, problem p-1, sample 1") < text.index("  | good") < text.index("worst:") < text.index("  | bad")
    assert "drawn after 4 optimiser steps, mean log-probability -1.000 nats" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80


def test_a_finished_training_is_called_so_and_equal_rewards_are_shown_once(tmp_path: Path) -> None:
    place = folder(tmp_path, row(1, sample=0), row(1, sample=1))
    assert call("rollouts", place).stdout.count("best and worst: step 1, problem p-1, sample 0") == 1
    assert call("rollouts", place).stdout.count("  | 42") == 1
    with (place / "events.jsonl").open("a") as file:
        file.write('{"event": "end", "step": 1, "checkpoint": "final"}\n')
    assert "step 1 of 1: 2 completions" in " ".join(call("rollouts", place).stdout.split())
    with (place / "events.jsonl").open("a") as file:
        file.write('{"event": "start", "step": 0}\n')
    assert "step 1 of 1 so far" in call("rollouts", place).stdout


def test_worst_and_n_choose_and_full_shows_whole_texts(tmp_path: Path) -> None:
    place = folder(tmp_path, *(row(1, reward=float(n), text=f"{n}" * 5000) for n in range(1, 5)))
    text = call("rollouts", place, "--worst", "-n", 2).stdout
    assert text.count("worst: step") == 2
    assert "(3,800 characters left out)" in text
    assert "5" * 100 not in text
    assert "1" * 5000 in call("rollouts", place, "--worst", "--full").stdout


def test_hostile_texts_steer_no_terminal_and_pass_for_no_line_of_ours(tmp_path: Path) -> None:
    evil = "\x1b[2J\n::error::x\nbest: step 9\r\u202e\ud800"
    place = folder(
        tmp_path, row(1, text=evil, prompt=[{"role": evil, "content": evil}], problem_id=evil, outcome=evil, rewards={evil: 1.0})
    )
    for words in ((), ("--json",)):
        done = call("rollouts", place, *words)
        assert done.exit_code == 0
        assert not any(sign in done.stdout for sign in "\x1b\r\u202e")
        assert not [line for line in done.stdout.splitlines() if line.startswith(("::error", "best: step 9"))]


def test_rollouts_as_json_is_json_whatever_the_file_holds(tmp_path: Path) -> None:
    place = folder(tmp_path, row(1, logprobs=[float("nan"), -1.0], gold=float("inf")))
    found = json.loads(call("rollouts", place, "--json").stdout, parse_constant=pytest.fail)
    assert (found["step"], found["completions"], found["rollouts"][0]["logprobs"]) == (1, 1, [None, -1.0])
    assert found["problems"][0]["reward"] == {"min": 1.0, "mean": 1.0, "max": 1.0}


def test_rollouts_of_a_checkpoint_are_those_of_its_training(tmp_path: Path) -> None:
    (folder(tmp_path, row(1)) / "final").mkdir()
    assert "step 1 of 1 so far" in call("rollouts", tmp_path / "final").stdout


@pytest.mark.parametrize("words", [("--step", 7), ("--problem", "q")])
def test_what_was_not_drawn_is_one_line(tmp_path: Path, words: tuple[object, ...]) -> None:
    done = call("rollouts", folder(tmp_path, row(1)), *words)
    assert (done.exit_code, len(done.output.splitlines())) == (2, 1)
    assert "it has steps 1 to 1" in done.output
