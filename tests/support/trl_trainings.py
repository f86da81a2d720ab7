"""Small trainings of the TRL backend on made-up sums, by the Python of .venv-engines, without a user's file before them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from r1bench.backends.examples import EXAMPLES, Example, write_examples
from r1bench.backends.job import TrainJob, make_job
from r1bench.backends.journal import read_steps
from r1bench.harness.checkpoints import find_checkpoint
from r1bench.harness.models.tokenizer import load_tokenizer

ENGINES = Path(__file__).resolve().parents[2] / ".venv-engines"
TWO = {"launcher": "torchrun", "processes": 2, "distributed": "ddp"}
NUM_EXAMPLES = 14
START = "from r1bench.backends.contract import run; from r1bench.backends.job import read_job; from pathlib import Path; import sys; "
RUN = START + "print(run(read_job(Path(sys.argv[1]))))"


def engines_python() -> str:
    """The Python that has TRL; skips the test without it, or fails it if R1BENCH_REQUIRE_ENGINES=1."""
    if not (ENGINES / ".installed").is_file():
        if os.environ.get("R1BENCH_REQUIRE_ENGINES") == "1":
            pytest.fail("the engines are not installed: make engines")
        pytest.skip("make engines")
    return str(ENGINES / "bin/python")


def sums(kind: str) -> list[Example]:
    """Sums of different lengths with their answers; of a reward model with an evasion as the rejected one."""
    tokenizer = load_tokenizer(find_checkpoint("tiny-base"))
    found = []
    for number in range(NUM_EXAMPLES):
        texts = (f"User: What is {number} + {3 * number}?\nAssistant: ", f"<answer>{4 * number}</answer>", "no idea " * (1 + number % 4))
        prompt, good, bad = (tokenizer(text)["input_ids"] for text in texts)
        pair = {"rejected": prompt + bad, "num_rejected_prompt": len(prompt)} if kind == "reward_model" else {}
        found.append(Example(str(number), prompt + good, len(prompt), **pair))
    return found


def job_of(out: Path, kind: str = "sft", *, engine: dict[str, Any] | None = None, **changes: Any) -> TrainJob:
    """A job of five steps of four examples from tiny-base."""
    base, algorithm = find_checkpoint("tiny-base"), {"kind": kind} | changes.pop("algorithm", {})
    values: dict[str, Any] = {"name": "small", "stage": "made-up", "backend": "trl", "recipe": "none", "model": base.path}
    values |= {"model_digest": base.digest, "out": str(out), "steps": 5, "batch_size": 4, "save_every": 2, "algorithm": algorithm}
    values |= {"data": {"num_examples": NUM_EXAMPLES}, "optimizer": {"learning_rate": 1e-3}, "engine": {"threads": 1} | (engine or {})}
    return make_job(values | changes)


def write(job: TrainJob) -> Path:
    """Write a job down with its examples; returns its file."""
    out = Path(job.out)
    out.mkdir(parents=True, exist_ok=True)
    write_examples(out / EXAMPLES, sums(job.algorithm.kind))
    (out / "job.json").write_text(job.model_dump_json(), encoding="utf-8")
    return out / "job.json"


def command(job: TrainJob) -> list[str]:
    """What `r1bench train` does with a job that is resolved, as a process."""
    job = job.model_copy(update={"engine": job.engine | {"python": engines_python()}})
    return [sys.executable, "-c", RUN, str(write(job))]


def train(job: TrainJob) -> Path:
    """Train a job to its end; returns its folder."""
    done = subprocess.run(command(job), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return Path(job.out)


def refusal(job: TrainJob) -> list[str]:
    """The lines that begin with 'Error' of a training that fails with exit code 2."""
    done = subprocess.run(command(job), capture_output=True, text=True, check=False)
    assert "BackendError" in done.stderr.splitlines()[-1], done.stderr[-3000:]
    return [line for line in done.stderr.splitlines() if line.startswith("Error")]


def back_to(whole: Path, out: Path, step: int) -> TrainJob:
    """A copy of a finished training that has gone no further than a checkpoint."""
    shutil.copytree(whole, out)
    for folder in (out / "final", out / "adapter", *(out / "checkpoints").glob("step-*")):
        if folder.name != f"step-{step:06d}":
            shutil.rmtree(folder, ignore_errors=True)
    return make_job(json.loads((out / "job.json").read_text()) | {"out": str(out)})


def losses(out: Path) -> list[float]:
    """Of every step."""
    return [figures["loss"] for figures in read_steps(out).figures.values()]


def weights(folder: Path) -> bytes:
    """Of a sealed folder, with their names."""
    return (folder / "model.safetensors").read_bytes()
