"""A job as TRL's settings, the command that trains it, and what is refused before: everything that needs no TRL."""

import json
import os
import sys
import tomllib
from math import fsum
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from trl_trainings import TWO, job_of

from r1bench.backends import get_backend
from r1bench.backends.examples import places_of
from r1bench.backends.job import TrainJob
from r1bench.backends.trl_backend import TESTED, Engine, Trl, arguments, launch, number
from r1bench.backends.trl_backend.arguments import accumulation_of, is_due, micro_batch_of, resumption
from r1bench.backends.trl_backend.batches import passes_of
from r1bench.harness.errors import UsageError

GPUS = {"launcher": "accelerate", "processes": 2}


def job(kind: str = "sft", **changes: Any) -> TrainJob:
    return job_of(Path("/nowhere"), kind, **changes)


def refused(**changes: Any) -> str:
    answer = Trl().supports(job(**changes))
    assert answer.kind == "refused"
    return answer.reason


def files_of(asked: TrainJob) -> dict[str, str]:
    return Trl().plan(asked, Path("/nowhere/job.json")).files


def test_a_python_without_trl_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"trl": "", "transformers": "5.15.0", "accelerate": "1.15.0", "peft": "0.21.2", "r1bench": "0.1.0"}
    monkeypatch.setattr("r1bench.backends.trl_backend.versions_in", lambda python, names: found)
    assert "pip install 'r1bench[trl]'" in Trl().probe()
    found["trl"] = "1.17.2"
    assert Trl().probe() == "trl 1.17.2 is not in the tested range, 1.16 to before 1.17; pip install 'r1bench[trl]'"
    found["trl"] = "1.16.3"
    assert Trl().probe() == ""
    found["r1bench"] = "0.0.9"
    assert "/x/python -m pip install" in Trl().probe("/x/python")
    assert "r1bench is 0.0.9 in /x/python" in Trl().probe("/x/python")


def test_the_extra_installs_what_is_tested() -> None:
    extra = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]["optional-dependencies"]["trl"]
    assert set(extra) == {f"{package}>={first},<{end}" for package, (first, end) in TESTED.items()}


def test_versions_are_compared_as_numbers() -> None:
    assert number("1.9.2") < number("1.16") < number("1.16.0.dev1") < number("1.17")
    assert number("2.13.0+cpu") == (2, 13, 0)


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(UsageError, match="micro_tokens"):
        Trl().supports(job(engine={"micro_tokens": 8}))


@pytest.mark.parametrize(
    ("setting", "value"),
    [("attention", "foo"), ("vllm_memory", 0), ("vllm_memory", 1.1), ("vllm_port", 70_000), ("vllm_timeout", -1), ("vllm_host", "")],
)
def test_a_setting_of_the_engine_that_cannot_be_is_named_before_anything_starts(setting: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"engine settings of trl: {setting}: must"):
        Trl().supports(job(engine={setting: value}))


def test_what_needs_a_gpu_or_another_number_of_processes_is_refused() -> None:
    assert "needs a GPU" in refused(engine={"attention": "flash_attention_2"})
    spec = {"rewards": [{"name": "accuracy"}], "loss": {}, "rollout": {}, "samples": 2}
    for engine, why in (({"vllm_tensor_parallel": 2}, "does not divide"), ({"vllm_max_length": 1}, "no room for a prompt")):
        assert why in refused(kind="grpo", algorithm=spec, engine={"generation": "vllm-colocate", **engine})


def test_the_algorithms_are_answered_for() -> None:
    assert Trl().supports(job()).kind == "exact"
    assert Trl().supports(job("reward_model")).kind == "exact"
    assert "pairs" in refused(kind="reward_model", algorithm={"loss": "pointwise"})
    assert "autocast" in Trl().supports(job(dtype="bfloat16")).deviations[0]


@pytest.mark.parametrize(
    ("engine", "sizes", "cure"),
    [
        (TWO | {"processes": 3}, "batch_size=4 of a step are not divided by 3 processes", "engine.processes=1"),
        ({"processes": 2}, "engine.processes=2", "--launcher torchrun"),
        ({"processes": 2, "launcher": "torchrun"}, "'single'", "engine.distributed=ddp"),
        (GPUS | {"distributed": "ddp"}, "mpirun", "--launcher torchrun"),
        (GPUS | {"distributed": "fsdp"}, "needs GPUs", "engine.distributed=ddp"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_sizes_and_a_cure(engine: dict[str, Any], sizes: str, cure: str) -> None:
    reason = refused(engine=engine)
    assert sizes in reason
    assert cure in reason


def test_a_step_of_grpo_counts_its_samples() -> None:
    reward = {"rewards": [{"name": "accuracy"}], "loss": {}, "rollout": {}, "samples": 6, "minibatches": 4}
    asked = job("grpo", algorithm=reward, engine={"micro_batch": 4})
    misfit = arguments.misfit_of_batch(asked, Engine(processes=4, launcher="torchrun", distributed="ddp"))
    assert misfit.startswith("4 prompts x 6 samples / 4 minibatches = 6 sequences")
    assert arguments.updates_per_step(asked) == 4


@pytest.mark.parametrize(("most", "taken"), [(0, 6), (4, 4), (5, 4), (7, 6), (12, 12), (48, 12), (1, 1)])
def test_a_forward_pass_takes_the_most_sequences_that_divide_a_step_up_to_what_is_allowed(most: int, taken: int) -> None:
    assert micro_batch_of(job(batch_size=12), Engine(micro_batch=most)) == taken


@given(st.integers(1, 64), st.integers(1, 4), st.integers(0, 9))
def test_what_is_not_refused_adds_up_to_the_job(batch: int, processes: int, micro: int) -> None:
    asked, engine = job(batch_size=batch), Engine(processes=processes, micro_batch=micro, launcher="torchrun", distributed="ddp")
    if arguments.misfit(asked, engine) == "":
        assert micro_batch_of(asked, engine) * accumulation_of(asked, engine) * processes == batch
    else:
        assert batch % (processes * max(micro, 1))


@given(st.integers(1, 4), st.integers(1, 3), st.integers(2, 9))
def test_passes_take_every_example_of_a_step_once_and_their_shares_make_its_mean(processes: int, micro: int, batch: int) -> None:
    asked = job(steps=None, epochs=1, batch_size=batch)
    passes = [passes_of(asked, micro, processes, process) for process in range(processes)]
    assert len({len(each) for each in passes}) == 1
    for step in range(asked.num_steps()):
        mine = [[each for each in one if each.step == step] for one in passes]
        taken = [place for one in mine for each in one if each.share for place in each.places]
        assert sorted(taken) == sorted(places_of(asked, step))
        means = [each.share * fsum(each.places) / len(each.places) for one in mine for each in one]
        assert fsum(means) / len(means) == pytest.approx(fsum(taken) / len(taken))


def test_checkpoints_are_kept_at_the_ends_of_windows_only() -> None:
    asked = job(steps=20, save_every=3)
    assert [update for update in range(21) if is_due(asked, update, 1)] == [3, 6, 9, 12, 15, 18]
    assert [update for update in range(21) if is_due(asked, update, 4)] == [4, 8, 12, 16]


def test_it_is_said_beforehand_how_exactly_a_training_goes_on() -> None:
    assert resumption(job(), Engine()).startswith("exact")
    assert resumption(job(device="cuda"), Engine()).startswith("approximate: a GPU")


def test_every_setting_can_be_read_before_it_trains() -> None:
    settings = json.loads(files_of(job("reward_model", algorithm={"centring": 0.01}))["trl/arguments.json"])
    assert settings["center_rewards_coefficient"] == 0.01
    assert (settings["adam_beta2"], settings["max_steps"], settings["per_device_train_batch_size"]) == (0.95, 5, 4)
    assert (settings["use_cpu"], settings["bf16"], settings["save_strategy"]) == (True, False, "no")


def test_each_launcher_has_its_command() -> None:
    plan = Trl().plan(job(), Path("/nowhere/job.json"))
    assert plan.command == [sys.executable, "-m", "r1bench.backends", "/nowhere/job.json", str(os.getpid())]
    assert plan.environment["CUDA_VISIBLE_DEVICES"] == ""
    plan = Trl().plan(job(engine=TWO | {"python": "/x/python"}), Path("/nowhere/job.json"))
    assert plan.command[:3] == ["/x/python", "-m", "r1bench.backends.trl_backend.launch"]


def test_one_process_sees_one_gpu_and_several_see_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    assert launch.environment(job(device="cuda:1"), Engine())["CUDA_VISIBLE_DEVICES"] == "6"
    assert "CUDA_VISIBLE_DEVICES" not in launch.environment(job(device="cuda"), Engine(processes=2))


@pytest.mark.parametrize(("distributed", "kind"), [("ddp", "MULTI_GPU"), ("fsdp", "FSDP"), ("deepspeed", "DEEPSPEED")])
def test_accelerate_is_configured_for_each_way_to_spread(distributed: str, kind: str) -> None:
    asked = job(device="cuda", engine=GPUS | {"distributed": distributed, "zero_stage": 3})
    files = files_of(asked)
    configuration = yaml.safe_load(files["trl/accelerate.yaml"])
    assert (configuration["distributed_type"], configuration["num_processes"]) == (kind, 2)
    if distributed == "deepspeed":
        zero = json.loads(files["trl/deepspeed.json"])
        assert (zero["zero_optimization"]["stage"], zero["train_batch_size"]) == (3, 4)


def test_the_backend_is_known_by_its_name() -> None:
    assert isinstance(get_backend("trl"), Trl)


@pytest.mark.parametrize(
    ("name", "value"), [("attention", "foo"), ("vllm_memory", 7), ("vllm_memory", 0), ("vllm_port", 70_000), ("vllm_timeout", 0)]
)
def test_a_setting_that_cannot_be_is_refused_before_anything_starts(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=rf"{name}: must be"):
        Trl().supports(job(engine={name: value}))
