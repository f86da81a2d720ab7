"""Trainings that are killed with -9 at random moments and started again end as one that nobody touched: the custom backend ten times, TRL
three times, or as often as R1BENCH_TRL_KILLS says. The moments are drawn anew by every run, and stand in the message where one fails.

Run: make slow PYTEST_ARGS=tests/backends/test_ten_kills.py
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
from processes import processes_of
from trainings import training

from r1bench.backends.job import TrainJob
from r1bench.harness.checkpoints import file_digest, is_sealed

pytestmark = pytest.mark.slow

ENGINES = Path(__file__).resolve().parents[2] / ".venv-engines/bin/python"
GRPO = {
    **{"kind": "grpo", "samples": 4, "minibatches": 2, "reference_every": 3, "rollout": {"max_tokens": 24}, "loss": {}},
    "rewards": [{"name": "accuracy"}, {"name": "format"}],
}
KINDS: dict[str, dict[str, Any]] = {
    "grpo": {"algorithm": GRPO, "data": {"task": "arithmetic"}, "batch_size": 2},
    "sft": {"algorithm": {"kind": "sft"}},
    "reward_model": {"algorithm": {"kind": "reward_model", "loss": "pairwise"}},
}

STEPS = {"grpo": 60, "sft": 160, "reward_model": 160}
"""Enough that ten kills strike before the end."""


def job_of(out: Path, backend: str, kind: str) -> TrainJob:
    return training(out, **{"steps": STEPS[kind], "save_every": 5, "backend": backend, **KINDS[kind]})


def start(job: TrainJob, python: str) -> subprocess.Popen[bytes]:
    command = [python, "-m", "r1bench.backends", str(Path(job.out) / "job.json")]
    with (Path(job.out) / "log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"})


def kill_at_random(job: TrainJob, python: str, times: int, longest: float, source: Random) -> list[str]:
    """Kill a training so often, each time at a random moment of what it does after it has begun, and let it end; returns when it was."""
    moments, out = [], Path(job.out)
    while True:
        before = (out / "events.jsonl").stat().st_size if (out / "events.jsonl").exists() else -1
        process = start(job, python)
        if len(moments) == times:
            assert process.wait(600) == 0, (out / "log").read_text()
            return moments
        while process.poll() is None and not ((out / "events.jsonl").exists() and (out / "events.jsonl").stat().st_size != before):
            time.sleep(0.02)
        wait = source.uniform(0, longest if len(moments) % 2 == 0 else longest / 4)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        assert process.wait() != 0, f"it was done after {len(moments)} kills"
        while processes_of(out):
            time.sleep(0.05)
        moments.append(f"{wait:.2f} s, {len(list((out / 'checkpoints').glob('step-*')))} checkpoints")


def check(tmp_path: Path, backend: str, kind: str, times: int, longest: float, python: str) -> None:
    whole, killed = (job_of(tmp_path / name, backend, kind) for name in ("whole", "killed"))
    assert start(whole, python).wait(600) == 0, (tmp_path / "whole/log").read_text()
    moments = kill_at_random(killed, python, times, longest, Random())
    print(f"{backend} {kind}: killed {len(moments)} times: {'; '.join(moments)}")
    assert is_sealed(tmp_path / "killed/final")
    names = ["final/model.safetensors", *(["rollouts.jsonl"] if kind == "grpo" else [])]
    for name in names:
        assert file_digest(tmp_path / "killed" / name) == file_digest(tmp_path / "whole" / name), (name, moments)
    starts = [json.loads(line) for line in (tmp_path / "killed/events.jsonl").read_text().splitlines() if '"start"' in line]
    assert all(each["resumption"].startswith("exact") for each in starts)


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_custom_backend_killed_ten_times_ends_in_the_very_same_bytes(tmp_path: Path, kind: str) -> None:
    check(tmp_path, "custom", kind, 10, 2.0, sys.executable)


@pytest.mark.parametrize("kind", list(KINDS))
def test_trl_killed_three_times_ends_in_the_very_same_bytes(tmp_path: Path, kind: str) -> None:
    if not ENGINES.exists():
        (pytest.fail if os.environ.get("R1BENCH_REQUIRE_ENGINES") == "1" else pytest.skip)("TRL is not there: make engines")
    check(tmp_path, "trl", kind, int(os.environ.get("R1BENCH_TRL_KILLS", "3")), 3.0, str(ENGINES))
