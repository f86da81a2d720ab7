"""Jobs: one algorithm each, the layout of the first jobs, what a backend takes."""

import json
from pathlib import Path
from typing import Any

import pytest

from r1bench.backends import check_support
from r1bench.backends.job import TrainJob, make_job, modern, read_job
from r1bench.harness.errors import UsageError

FLAT_JOB = Path(__file__).parents[1] / "cases" / "flat_job.json"


@pytest.fixture
def values() -> dict[str, Any]:
    """A job's values as they are written today."""
    return read_job(FLAT_JOB).model_dump(mode="json")


def test_a_flat_job_is_read_and_loses_nothing() -> None:
    job, flat = read_job(FLAT_JOB), json.loads(FLAT_JOB.read_text())
    assert (job.batch_size, job.steps, job.save_every) == (4, 6, 2)
    assert job.engine == {"threads": 1, "micro_tokens": 3000, "decode_at_once": 512}
    assert (job.grpo.samples, job.grpo.minibatches, job.grpo.reference_every) == (4, 2, 0)
    dumped = job.grpo.model_dump(mode="json")
    assert {key: dumped[key] for key in ("rollout", "rewards")} == {key: flat[key] for key in ("rollout", "rewards")}
    assert {key: dumped["loss"][key] for key in flat["loss"]} == flat["loss"]


def test_a_stored_loss_without_a_divergence_is_read_and_is_the_job_that_is_asked_for_today(values: dict[str, Any], tmp_path: Path) -> None:
    job = make_job(values | {"algorithm": values["algorithm"] | {"loss": {"kl": "none"}}})
    stored = job.model_dump(mode="json")
    stored["algorithm"]["loss"]["kl_coefficient"] = 0.001  # as r1bench wrote it once
    (tmp_path / "job.json").write_text(json.dumps(stored))
    assert read_job(tmp_path / "job.json") == job


def test_a_job_of_today_is_read_as_it_is(values: dict[str, Any], tmp_path: Path) -> None:
    job = make_job(values)
    (tmp_path / "job.json").write_text(job.model_dump_json())
    assert modern(values) is values
    assert read_job(tmp_path / "job.json") == job


@pytest.mark.parametrize("text", ["{", "[]", "7", '{"batch": 4}', '{"batch": []}', "\x00"])
def test_a_broken_job_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "job.json").write_text(text)
    with pytest.raises(UsageError, match=r"job\.json is broken"):
        read_job(tmp_path / "job.json")


def supervised(values: dict[str, Any], kind: str) -> TrainJob:
    return make_job(values | {"steps": None, "epochs": 2.5, "algorithm": {"kind": kind}})


@pytest.mark.parametrize("kind", ["sft", "reward_model"])
def test_the_custom_backend_trains_every_algorithm_as_the_job_says(values: dict[str, Any], kind: str) -> None:
    assert check_support(supervised(values, kind)).kind == "exact"


def test_support_does_not_depend_on_the_stage(values: dict[str, Any]) -> None:
    assert check_support(make_job(values | {"stage": "reasoning"})).kind == "exact"


def test_epochs_are_counted_over_the_examples(values: dict[str, Any]) -> None:
    assert supervised(values, "sft").num_steps(10) == 7


def test_a_setting_of_another_algorithm_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"algorithm\.samples: there is no such setting; it belongs to another algorithm"):
        make_job(values | {"algorithm": {"kind": "sft", "samples": 4}})
