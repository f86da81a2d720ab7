"""Small trainings of the custom backend on made-up sums, without a user's file before them."""

import shutil
from pathlib import Path
from random import Random
from typing import Any

import torch

from r1bench.backends.custom import Custom
from r1bench.backends.examples import EXAMPLES, Example, write_examples
from r1bench.backends.job import TrainJob, make_job
from r1bench.harness.checkpoints import find_checkpoint
from r1bench.harness.models.tokenizer import load_tokenizer

END = 0
NUM_EXAMPLES = 32


def sums(count: int = NUM_EXAMPLES, *, kind: str = "sft") -> list[Example]:
    """Sums with their right answers; of pairs with an evasion as the rejected one; of labels with either."""
    tokenizer, source = load_tokenizer(find_checkpoint("tiny-base")), Random(0)
    found = []
    for number in range(count):
        left, right = source.randrange(50), source.randrange(50)
        texts = (f"What is {left} + {right}?\n", f"<answer>{left + right}</answer>", "I would rather not say.")
        prompt, good, bad = (tokenizer(text)["input_ids"] for text in texts)
        better, worse = [*prompt, *good, END], [*prompt, *bad, END]
        row = Example(str(number), better, len(prompt))
        if kind == "pairwise":
            row = row._replace(rejected=worse, num_rejected_prompt=len(prompt))
        elif kind == "pointwise":
            row = row._replace(tokens=better if number % 2 else worse, label=float(number % 2))
        found.append(row)
    return found


def training(out: Path, **changes: Any) -> TrainJob:
    """A job of six steps from tiny-base, written down with its examples."""
    base = find_checkpoint("tiny-base")
    algorithm = changes.get("algorithm", {"kind": "sft"})
    values: dict[str, Any] = {"name": "small", "stage": "made-up", "backend": "custom", "recipe": "none"}
    values |= {"model": base.path, "model_digest": base.digest, "out": str(out), "steps": 6, "batch_size": 8, "save_every": 2}
    values |= {
        "data": {"num_examples": NUM_EXAMPLES},
        "optimizer": {"learning_rate": 1e-3},
        "algorithm": algorithm,
        "engine": {"threads": 1},
    }
    job = make_job(values | changes)
    out.mkdir(parents=True, exist_ok=True)
    kind = algorithm.get("loss", "pairwise") if algorithm["kind"] == "reward_model" else "sft"
    write_examples(out / EXAMPLES, sums(kind=kind))
    (out / "job.json").write_text(job.model_dump_json(), encoding="utf-8")
    return job


def train(job: TrainJob) -> Path:
    """Train a job to its end in this process, and leave PyTorch as it was; returns the result."""
    threads = torch.get_num_threads()
    try:
        Custom().train(job, None)
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_num_threads(threads)
    return Path(job.out) / "final"


def forget(job: TrainJob, step: int) -> None:
    """Take a finished training back to the checkpoint of a step."""
    out = Path(job.out)
    for folder in (out / "final", out / "adapter", *(out / "checkpoints").glob("step-*")):
        if folder.name != f"step-{step:06d}":
            shutil.rmtree(folder, ignore_errors=True)
