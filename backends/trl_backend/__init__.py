"""TRL behind the contract: GRPO, fine-tuning and reward models by its trainers, in a Python environment of its own (`--python`).

Read arguments first (a job as TRL's settings), then session (what the three trainings share: model, journal, checkpoints, going on), then
sft, reward_model and grpo (each one trainer), and launch (several processes). docs/backends/trl.md says how to install it, what is exact
and what is not. Nothing here imports TRL, accelerate or peft but the process that trains. Left out: quantised bases, several machines.
"""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from r1bench.backends.contract import Backend, Plan, versions_in
from r1bench.backends.job import Grpo, Sft, Support, TrainJob, engine_of
from r1bench.backends.settings import Count, Part, Positive
from r1bench.harness import __version__
from r1bench.harness.errors import R1benchError
from r1bench.harness.records import Problem

TESTED = {"trl": ("1.16", "1.17"), "transformers": ("5.15", "5.16"), "accelerate": ("1.15", "1.16"), "peft": ("0.21", "0.22")}
"""From the first version that is known to train as docs/backends/trl.md says, to the first that is not."""
SECONDS_TO_SPEAK = 10
"""What goes wrong in every process is said by the first one, whose end ends the others; after so many seconds each speaks for itself."""
VERSIONS = ("torch", "transformers", "trl", "accelerate", "peft", "datasets")


class Engine(Part):
    """What is memory and speed, not mathematics."""

    python: str = ""
    """The Python that has TRL; '': this one."""
    threads: Positive = 1
    micro_batch: Count = 0
    """Sequences (pairs of a reward model) per process in a forward pass; 0: the most that divide a step, at most 8."""
    gradient_checkpointing: bool = False
    """Compute activations again instead of keeping them."""
    attention: Literal["", "eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention"] = "sdpa"
    """How transformers computes attention; '': as it chooses for the model."""
    launcher: Literal["local", "accelerate", "torchrun"] = "local"
    processes: Positive = 1
    distributed: Literal["single", "ddp", "fsdp", "deepspeed"] = "single"
    zero_stage: Literal[2, 3] = 2
    """Of deepspeed: what is spread over the processes, gradients and optimiser, or the weights too."""
    generation: Literal["transformers", "vllm-colocate", "vllm-server"] = "transformers"
    """Of GRPO: what draws the completions."""
    vllm_memory: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Share of the GPU's memory that vLLM takes (colocate)."""
    vllm_tensor_parallel: Positive = 1
    vllm_sleep: bool = False
    """Whether vLLM gives its memory back while weights are updated (colocate)."""
    vllm_max_length: Count = 0
    """Tokens of prompt and completion that vLLM makes room for; 0: the model's context."""
    vllm_host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Of `trl vllm-serve` (server)."""
    vllm_port: Annotated[int, Field(ge=1, le=65_535)] = 8000
    vllm_timeout: Annotated[float, Field(gt=0)] = 240.0
    """Seconds to wait for the server."""


class Trl(Backend):
    """The backend of this folder. Loads TRL only to train."""

    def probe(self, python: str = sys.executable) -> str:
        """'' if that Python has TRL and what it needs in versions that are known to train as they should."""
        found = versions_in(python, (*TESTED, "r1bench"))
        where = "" if python == sys.executable else f" in {python}"
        cure = f"{python} -m pip install 'r1bench[trl]'" if where else "pip install 'r1bench[trl]'"
        for package, (first, end) in TESTED.items():
            if not found[package]:
                return f"{package} is not installed{where}; {cure}, or name the Python that has it with --python"
            if not number(first) <= number(found[package]) < number(end):
                return f"{package} {found[package]}{where} is not in the tested range, {first} to before {end}; {cure}"
        if found["r1bench"] != __version__:
            what = f"is {found['r1bench']}" if found["r1bench"] else "is not installed"
            return f"r1bench {what}{where} and {__version__} here; install the same there: {cure}"
        return ""

    def versions(self, python: str = sys.executable) -> dict[str, str]:
        """Versions of what trains."""
        return versions_in(python, VERSIONS)

    def supports(self, job: TrainJob) -> Support:
        """By the algorithm and what it says: `loss.support` of GRPO, `sft.support`, `reward_model.support`; and by the shape of a step."""
        from r1bench.backends.trl_backend import arguments, reward_model, sft

        if misfit := arguments.misfit(job, engine_of(job, Engine)):
            return Support(kind="refused", reason=misfit)
        if isinstance(job.algorithm, Grpo):
            from r1bench.backends.trl_backend import loss

            answer = loss.support(job)
        else:
            answer = sft.support(job) if isinstance(job.algorithm, Sft) else reward_model.support(job)
        if answer.kind == "refused":
            return answer
        deviations = (*answer.deviations, *arguments.deviations(job, engine_of(job, Engine)))
        return Support(kind="approximate", deviations=deviations) if deviations else answer

    def plan(self, job: TrainJob, job_file: Path) -> Plan:
        """The command that trains, accelerate's configuration where it is the launcher, and TRL's settings to be read by the user."""
        from r1bench.backends.trl_backend import launch

        return launch.plan(job, job_file, engine_of(job, Engine))

    def train(self, job: TrainJob, problems: Sequence[Problem] | None) -> None:
        """Train a job to its end, going on from its newest whole checkpoint. Every process of a launcher comes here."""
        try:
            self._train(job, problems, engine_of(job, Engine))
        except R1benchError:
            if os.environ.get("RANK", "0") != "0":
                time.sleep(SECONDS_TO_SPEAK)
            raise

    def _train(self, job: TrainJob, problems: Sequence[Problem] | None, engine: Engine) -> None:
        if isinstance(job.algorithm, Grpo):
            from r1bench.backends.trl_backend import grpo

            grpo.train(job, problems, engine)
        elif isinstance(job.algorithm, Sft):
            from r1bench.backends.trl_backend import sft

            sft.train(job, engine)
        else:
            from r1bench.backends.trl_backend import reward_model

            reward_model.train(job, engine)


def number(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with."""
    parts = version.split("+")[0].split(".")
    return tuple(int(part) for part in parts[: next((n for n, part in enumerate(parts) if not part.isdigit()), len(parts))])
