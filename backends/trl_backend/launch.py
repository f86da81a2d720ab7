"""The process or the processes that train: the command, accelerate's configuration, and what keeps none of them behind.

    python -m r1bench.backends JOB PARENT                                # local
    python -m r1bench.backends.trl_backend.launch JOB PARENT             # accelerate, torchrun

The second is the launcher itself, in the process that `r1bench train` waits for and that ends with it. It starts the workers, each of them
`python -m r1bench.backends JOB LAUNCHER`, which end with it: kill -9 of any leaves none. Limit: one machine.
"""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CalledProcessError
from typing import TYPE_CHECKING, Any

from r1bench.backends.contract import Plan, end_with_parent, python_of
from r1bench.backends.job import Grpo, Sft, TrainJob, engine_of, read_job
from r1bench.backends.trl_backend import arguments, reward_model, sft

if TYPE_CHECKING:
    from r1bench.backends.trl_backend import Engine

CONFIGURATION, ARGUMENTS, DEEPSPEED = (f"{arguments.FOLDER}/{name}" for name in ("accelerate.yaml", "arguments.json", "deepspeed.json"))
WORKER = "r1bench.backends"
"""The module that every process of a training runs."""
QUIET = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
"""Everything is on this disk, and TRL tells nobody of it."""


def plan(job: TrainJob, job_file: Path, engine: "Engine") -> Plan:
    """How the job is trained."""
    module = WORKER if engine.launcher == "local" else "r1bench.backends.trl_backend.launch"
    files = {ARGUMENTS: json.dumps(settings(job, engine), indent=1) + "\n"}
    if engine.launcher == "accelerate":
        files[CONFIGURATION] = yaml_of(accelerate_configuration(job, engine))
    if engine.distributed == "deepspeed":
        files[DEEPSPEED] = json.dumps(deepspeed_configuration(job, engine), indent=1) + "\n"
    return Plan([python_of(job), "-m", module, str(job_file), str(os.getpid())], environment(job, engine), files, notes(job, engine))


def settings(job: TrainJob, engine: "Engine") -> dict[str, Any]:
    """Everything that TRL's configuration is given."""
    shared = arguments.common(job, engine)
    if isinstance(job.algorithm, Grpo):
        from r1bench.backends.trl_backend import loss

        return shared | loss.settings(job, engine)
    return shared | (sft if isinstance(job.algorithm, Sft) else reward_model).settings(job, engine)


def environment(job: TrainJob, engine: "Engine") -> dict[str, str]:
    """Set for the processes. One process sees one GPU: transformers would spread its batches over all that it sees."""
    if job.device == "cpu":
        return {**QUIET, "CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "true"}
    if engine.processes > 1:
        return dict(QUIET)
    seen = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    number = int(job.device.partition(":")[2] or 0)
    return {**QUIET, "CUDA_VISIBLE_DEVICES": seen[number] if number < len(seen) else str(number)}


def notes(job: TrainJob, engine: "Engine") -> tuple[str, ...]:
    """What a user should know before it starts."""
    shape = f"{arguments.micro_batch_of(job, engine)} sequences x {arguments.accumulation_of(job, engine)} passes"
    found = [f"a step of {arguments.sequences_of(job)} sequences is {shape} x {engine.processes} processes"]
    found.append(f"TRL's settings, all of them: {ARGUMENTS}")
    if engine.distributed in ("fsdp", "deepspeed"):
        found.append(f"{engine.distributed} is configured and checked against accelerate's reader; r1bench's own tests have not run it")
    return tuple(found)


def accelerate_configuration(job: TrainJob, engine: "Engine") -> dict[str, Any]:
    """What `accelerate launch --config_file` reads."""
    kinds = {"single": "NO", "ddp": "MULTI_GPU", "fsdp": "FSDP", "deepspeed": "DEEPSPEED"}
    found: dict[str, Any] = {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": kinds[engine.distributed],
        "debug": False,
        "downcast_bf16": "no",
        "dynamo_config": {},
        "machine_rank": 0,
        "main_training_function": "main",
        "main_process_port": 0,
        "mixed_precision": "bf16" if job.dtype == "bfloat16" else "no",
        "num_machines": 1,
        "num_processes": engine.processes,
        "rdzv_backend": "static",
        "same_network": True,
        "use_cpu": job.device == "cpu",
    }
    if engine.distributed == "fsdp":
        found["fsdp_config"] = {
            "fsdp_version": 2,
            "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
            "fsdp_reshard_after_forward": True,
            "fsdp_cpu_ram_efficient_loading": False,
            "fsdp_state_dict_type": "FULL_STATE_DICT",
            "fsdp_offload_params": False,
            "fsdp_activation_checkpointing": False,
        }
    if engine.distributed == "deepspeed":
        found["deepspeed_config"] = {
            "deepspeed_config_file": str(Path(job.out) / DEEPSPEED),
            "deepspeed_multinode_launcher": "standard",
            "zero3_init_flag": False,
        }
    return found


def deepspeed_configuration(job: TrainJob, engine: "Engine") -> dict[str, Any]:
    """What DeepSpeed reads: ZeRO of the stage, everything else as the job says."""
    micro, passes = arguments.micro_batch_of(job, engine), arguments.accumulation_of(job, engine)
    stage: dict[str, Any] = {"stage": engine.zero_stage, "overlap_comm": True, "contiguous_gradients": True}
    if engine.zero_stage == 3:
        stage["stage3_gather_16bit_weights_on_model_save"] = True
    return {
        "zero_optimization": stage,
        "bf16": {"enabled": job.dtype == "bfloat16"},
        "fp16": {"enabled": False},
        "gradient_clipping": job.optimizer.max_grad_norm,
        "train_micro_batch_size_per_gpu": micro,
        "gradient_accumulation_steps": passes,
        "train_batch_size": micro * passes * engine.processes,
        "zero_allow_untested_optimizer": True,
        "steps_per_print": 1_000_000,
    }


def yaml_of(values: dict[str, Any]) -> str:
    """A mapping as YAML."""
    import yaml

    return yaml.safe_dump(values, sort_keys=False)


def main(job_file: Path, parent: int) -> int:
    """Be the launcher of a job's processes; their exit code is this one's."""
    end_with_parent(parent)
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # a process that fails has said why
    job = read_job(job_file)
    from r1bench.backends.trl_backend import Engine

    engine = engine_of(job, Engine)
    worker = ["-m", WORKER, str(job_file), str(os.getpid())]
    try:
        if engine.launcher == "torchrun":
            torchrun(engine.processes, worker)
        else:
            accelerate(Path(job.out) / CONFIGURATION, worker)
    except CalledProcessError as error:
        return error.returncode
    except KeyboardInterrupt:
        return 130
    return 0


def torchrun(processes: int, worker: list[str]) -> None:
    """`torchrun --standalone`. Raises CalledProcessError: a process has failed."""
    from torch.distributed import run

    with failures(worker):
        run.run(run.parse_args(["--standalone", "--nproc-per-node", str(processes), *worker]))


def accelerate(configuration: Path, worker: list[str]) -> None:
    """`accelerate launch`. Raises CalledProcessError: a process has failed."""
    from accelerate.commands.launch import launch_command, launch_command_parser

    with failures(worker):
        launch_command(launch_command_parser().parse_args(["--config_file", str(configuration), *worker]))


@contextmanager
def failures(worker: list[str]) -> Iterator[None]:
    """What PyTorch's launcher raises, as a process's exit code or the interruption that it was."""
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    try:
        yield
    except ChildFailedError as error:
        raise CalledProcessError(error.get_first_failure()[1].exitcode, worker) from error
    except SignalException as error:
        raise KeyboardInterrupt from error


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
