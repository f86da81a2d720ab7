"""Training as a user starts it: its own process, resume after kill -9 to the very same weights, refusals."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fakes_backend import instead
from processes import kill_once_there

from r1bench.backends.contract import resume, run
from r1bench.backends.job import make_job, read_job
from r1bench.backends.losses import LossSpec
from r1bench.harness.checkpoints import file_digest, find_checkpoint, is_sealed, read_seal
from r1bench.harness.errors import R1benchError, UnknownNameError, UsageError
from r1bench.harness.training.jobs import prepare
from r1bench.harness.training.recipes import apply_settings, read_recipe

SMALL = ("steps=6", "save_every=2", "batch_size=4", "algorithm.samples=4", "algorithm.minibatches=2", "algorithm.rollout.max_tokens=48")
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
FLAT_JOB = Path(__file__).parents[2] / "cases" / "flat_job.json"
"""A job as the first version of r1bench wrote it, with the settings of SMALL."""
DOCS = Path(__file__).parents[3] / "docs" / "backends.md"
SMALL_OPTIONS = [word for setting in SMALL for word in ("--set", setting)]


def command(out: Path) -> list[str]:
    options = ["--stage", "zero", "--out", str(out), "--name", "small", "--no-eval", "--device", "cpu", "--threads", "1", *SMALL_OPTIONS]
    return [sys.executable, "-m", "r1bench.harness.cli", "train", *options]


def train(out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(out), check=True, capture_output=True, text=True, env=ONE_THREAD)


def events(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("train") / "whole"
    train(out)
    return out


def test_a_training_leaves_a_sealed_checkpoint_with_its_lineage(whole: Path) -> None:
    assert is_sealed(whole / "final")
    seal = read_seal(whole / "final")
    assert (seal["stage"], seal["backend"], seal["parent"]) == ("zero", "custom", find_checkpoint("tiny-base").digest)
    assert find_checkpoint(str(whole / "final")).name == "small"


def test_every_step_stands_once_in_the_events_with_its_figures(whole: Path) -> None:
    steps = [event for event in events(whole) if event["event"] == "step"]
    assert [event["step"] for event in steps] == list(range(1, 7))
    assert {"reward", "rewards/accuracy", "rewards/format", "length", "kl/k3", "tokens_per_second"} <= set(steps[0])
    assert len((whole / "rollouts.jsonl").read_text().splitlines()) == 6 * 4 * 4
    named = re.findall(r"^\| `(\S+)` \|", DOCS.read_text(encoding="utf-8").partition("## The journal")[2], re.MULTILINE)
    found = {re.sub("kl/.*", "kl/ESTIMATOR", re.sub("rewards/.*", "rewards/NAME", name)) for name in steps[0]} - {"event", "step"}
    assert found <= set(named)
    assert list((whole / "tensorboard").iterdir())


def test_training_moves_the_weights(whole: Path) -> None:
    assert file_digest(whole / "final" / "model.safetensors") != file_digest(Path(find_checkpoint("tiny-base").path) / "model.safetensors")


def test_only_the_newest_checkpoints_are_kept(whole: Path) -> None:
    assert sorted(path.name for path in (whole / "checkpoints").iterdir()) == ["step-000002", "step-000004"]


def test_kill_9_and_the_same_command_end_in_the_very_same_weights(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    kill_once_there(command(out), ONE_THREAD, out / "checkpoints" / "step-000002" / "COMPLETE", out)
    assert not (out / "final").exists()
    train(out)
    assert file_digest(out / "final" / "model.safetensors") == file_digest(whole / "final" / "model.safetensors")
    assert [event["step"] for event in events(out) if event["event"] == "step"] == list(range(1, 7))
    assert (out / "rollouts.jsonl").read_text() == (whole / "rollouts.jsonl").read_text()


def test_a_damaged_checkpoint_is_passed_over(whole: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(whole, tmp_path / "damaged"))
    with (out / "checkpoints" / "step-000004" / "model.safetensors").open("r+b") as file:
        file.truncate(1000)
    job = read_job(out / "job.json").model_copy(update={"out": str(out)})
    assert resume(job)[:2] == (out / "checkpoints" / "step-000002", 2)


def test_a_training_of_the_first_jobs_goes_on_to_the_very_same_weights(whole: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(whole, tmp_path / "first"))
    stored = json.loads(FLAT_JOB.read_text()) | {"model_digest": find_checkpoint("tiny-base").digest}
    (out / "job.json").write_text(json.dumps(stored))
    shutil.rmtree(out / "final")
    done = train(out)
    assert "step 5/6" in done.stderr
    assert "step 4/6" not in done.stderr, "it began again"
    assert file_digest(out / "final" / "model.safetensors") == file_digest(whole / "final" / "model.safetensors")


def test_other_settings_in_the_same_folder_are_refused(whole: Path) -> None:
    with pytest.raises(UsageError, match=r"holds another training \(algorithm\.samples was 4 and is now 8\)"):
        prepare(
            "zero", "custom", "tiny", out=whole, name="small", settings=instead(SMALL, ("algorithm.samples=8",)), device="cpu", threads=1
        )


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (("stepz=3",), "stepz"),
        (("algorithm.samples=1",), r"algorithm\.samples: "),
        (("algorithm.minibatches=7",), r"algorithm\.minibatches=7 does not divide"),
        (("batch.samples=4",), r"batch\.samples is called algorithm\.samples"),
        (("batch.prompts=4",), r"batch\.prompts is called batch_size"),
        (("batch.micro_tokens=4",), r"batch\.micro_tokens is called engine\.micro_tokens"),
        (("loss.preset=dapoo",), r"preset must be one of grpo, dapo"),
        (("loss.clip=4",), r"algorithm\.loss\.clip|loss\.clip"),
        (("engine.micro_token=4",), r"engine settings of custom: micro_token: "),
        (("algorithm.kind=sft",), "option of its own"),
        (("algorithm=4",), "algorithm: "),
        (("steps=null",), "either steps or epochs"),
        (("steps=null", "epochs=2"), "give steps"),
        (("epochs=2",), "give steps"),
        (("steps=3", "epochs=2"), "either steps or epochs"),
        (("lora.targets=", "lora.rank=2"), "lora.targets"),
        (("optimizer.learning_rate=fast",), "learning_rate"),
        (("steps",), "KEY=VALUE"),
        (("algorithm.loss.kl=k9",), r"algorithm\.loss\.kl: "),
        (("optimizer.betas=[2,0.9]",), "betas"),
        (("optimizer.learning_rate=.inf",), "learning_rate"),
        (("algorithm.rollout.max_tokens=40000",), "context"),
        (("threads=7",), "option of its own"),
        (("data.task=gsm8k",), "--data FILE"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_is_written(tmp_path: Path, settings: tuple[str, ...], named: str) -> None:
    with pytest.raises(R1benchError, match=named):
        prepare("zero", "custom", "tiny", out=tmp_path / "out", settings=settings, device="cpu")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("stage", "backend", "recipe", "near"),
    [("zer", "custom", "tiny", "zero"), ("zero", "custm", "tiny", "custom"), ("zero", "custom", "tinny", "tiny")],
)
def test_unknown_names_come_with_the_nearest(tmp_path: Path, stage: str, backend: str, recipe: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"did you mean '{near}'"):
        prepare(stage, backend, recipe, out=tmp_path / "out", device="cpu")


@pytest.mark.parametrize("recipe", ["tiny", "single-gpu", "paper"])
def test_every_recipe_that_ships_makes_a_valid_job(recipe: str) -> None:
    values = read_recipe(recipe, "zero", "custom")
    for key in ("judged_by", "model"):
        values.pop(key)
    values["algorithm"]["kind"] = "grpo"
    given = {"name": "x", "stage": "zero", "backend": "custom", "recipe": recipe, "model": "m", "model_digest": "d", "out": "o"}
    assert make_job({**values, **given}).grpo.loss.kl == "k3"


def test_settings_reach_nested_places_and_numbers_stay_numbers() -> None:
    found = apply_settings({"optimizer": {"learning_rate": 1.0}}, ("optimizer.learning_rate=1e-5", "algorithm.samples=3"))
    assert float(found["optimizer"]["learning_rate"]) == 1e-5
    assert found["algorithm"]["samples"] == 3


def test_other_training_problems_in_the_same_folder_are_refused(tmp_path: Path) -> None:
    files = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for number, file in enumerate(files):
        file.write_text(json.dumps({"question": f"What is {number} + 5?", "answer": f"#### {number + 5}"}) + "\n")
    given = {"out": tmp_path / "out", "settings": ("data.task=gsm8k",), "device": "cpu", "threads": 1}
    job, _ = prepare("zero", "custom", "tiny", data=files[0], **given)  # type: ignore[arg-type]
    assert job.data.prompts_digest
    with pytest.raises(UsageError, match="holds another training"):
        prepare("zero", "custom", "tiny", data=files[1], **given)  # type: ignore[arg-type]


def test_a_moved_or_updated_training_goes_on(whole: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(whole, tmp_path / "moved"))
    settings = tuple(SMALL)
    job, _ = prepare("zero", "custom", "tiny", out=moved, name="small", settings=settings, device="cpu", threads=2)
    assert job.out == str(moved)


@pytest.mark.parametrize("device", ["gpu", "cuda:0"])
def test_a_device_that_is_not_there_is_named(tmp_path: Path, device: str) -> None:
    with pytest.raises(UsageError, match=device):
        prepare("zero", "custom", "tiny", out=tmp_path / "out", device=device)


def test_a_second_training_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    from r1bench.harness.errors import StorageError
    from r1bench.harness.store.disk import only_writer

    job, _ = prepare("zero", "custom", "tiny", out=tmp_path / "out", settings=SMALL, device="cpu", threads=1)
    with only_writer(tmp_path / "out", "it"), pytest.raises(StorageError, match="another process"):
        run(job)


def test_a_job_that_is_broken_is_named(tmp_path: Path) -> None:
    prepare("zero", "custom", "tiny", out=tmp_path / "out", settings=SMALL, device="cpu", threads=1)
    (tmp_path / "out" / "job.json").write_text("{")
    with pytest.raises(UsageError, match=r"job\.json is broken"):
        prepare("zero", "custom", "tiny", out=tmp_path / "out", settings=SMALL, device="cpu", threads=1)


def test_a_result_that_was_damaged_is_made_again(whole: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(whole, tmp_path / "damaged"))
    (out / "final" / "config.json").write_text("")
    train(out)
    assert file_digest(out / "final" / "model.safetensors") == file_digest(whole / "final" / "model.safetensors")
    assert is_sealed(out / "final")


def test_a_preset_takes_the_place_of_the_recipes_loss_and_other_settings_change_it() -> None:
    values = apply_settings(read_recipe("tiny", "zero", "custom"), ("loss.clip_high=0.3", "loss.preset=dapo"))
    loss = LossSpec(**values["algorithm"]["loss"])
    assert (loss.aggregation, loss.kl, loss.changes()) == ("token_mean", "none", {"clip_high": 0.3})


def test_steps_take_the_place_of_the_recipes_epochs() -> None:
    recipe = read_recipe("tiny", "cold-start", "custom")
    assert "epochs" in recipe
    assert apply_settings(recipe, ("steps=6",)).keys() & {"steps", "epochs"} == {"steps"}
    assert apply_settings(recipe, ("batch_size=6",))["epochs"] == recipe["epochs"]
