"""What every backend is, and what none of them has to write: its process, how that goes on where it stopped, and its checkpoints.

A backend is a class with two methods, `supports` and `train`, named in `r1bench.backends.BACKENDS` or by an entry point of another package.
`r1bench train` writes OUT/job.json and runs `python -m r1bench.backends OUT/job.json PARENT`, which calls `train`. That process ends with
its parent, whatever ends that; the same command goes on from the newest checkpoint that is whole. docs/backends.md has an example.
"""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from r1bench.backends import get_backend
from r1bench.backends.job import Support, TrainJob, read_job
from r1bench.backends.journal import CHECKPOINTS, END, FINAL, JOB, PROMPTS, Journal, step_name
from r1bench.harness.canonical import parse_json
from r1bench.harness.checkpoints import is_sealed, seal
from r1bench.harness.errors import BackendError, CheckpointError, R1benchError, error_line, printable, quoted
from r1bench.harness.models.tokenizer import TEMPLATE
from r1bench.harness.models.weights import UNREADABLE, one_line
from r1bench.harness.records import Problem
from r1bench.harness.store.disk import only_writer, open_regular, read_json, write_whole

STATE = "trainer/state.json"
"""Of a checkpoint: its step and how much of the journal belongs to it. A backend keeps what else it needs beside it, in trainer/."""
PR_SET_PDEATHSIG = 1


class Plan(NamedTuple):
    """How a backend would train a job."""

    command: list[str]
    environment: dict[str, str] = {}  # noqa: RUF012 - a NamedTuple's default, and nobody changes it
    """Set for the command, beside what is set already."""
    files: dict[str, str] = {}  # noqa: RUF012
    """Texts that the command reads, by their path within the job's folder; written before it starts."""
    notes: tuple[str, ...] = ()
    """What a user should know, a line each."""


class Backend:
    """Who trains. `supports` and `train` are a backend's own; the others have a default."""

    def probe(self, python: str = sys.executable) -> str:
        """'' if that Python can train on this machine, otherwise what is missing or of a wrong version, and how to get it.

        Imports nothing heavy; another Python than this one is asked in a process.
        """
        return ""

    def versions(self, python: str = sys.executable) -> dict[str, str]:
        """Versions of what trains, by package; '' for one that is missing."""
        return versions_in(python, ("torch", "transformers"))

    def supports(self, job: TrainJob) -> Support:
        """Exact, approximate with every deviation named, or refused with a reason: by the algorithm and what it says, not by the stage.

        Imports nothing of what trains, and looks at no file.
        """
        raise NotImplementedError

    def plan(self, job: TrainJob, job_file: Path) -> Plan:
        """The command that trains the job in a file, with what it needs. Writes nothing."""
        return Plan([python_of(job), "-m", "r1bench.backends", str(job_file), str(os.getpid())])

    def train(self, job: TrainJob, problems: Sequence[Problem] | None) -> None:
        """Train a job to its end, from where it stopped, and `finish` it. In the process of `plan`.

        Args:
            problems: the prompts of GRPO, or None where the task generates them (`r1bench.backends.prompts.draw_problems` knows both).
                Examples and pairs stand in the job's folder (`r1bench.backends.examples`).
        """
        raise NotImplementedError


def python_of(job: TrainJob) -> str:
    """The Python that trains: `--python`, or this one."""
    return str(job.engine.get("python") or sys.executable)


ASK = "import json,sys;from importlib import metadata as m\nfound={}\nfor n in sys.argv[1:]:\n try: found[n]=m.version(n)\n except m.PackageNotFoundError: found[n]=''\nprint(json.dumps(found))"  # noqa: E501


@lru_cache(maxsize=32)
def _versions_in(python: str, packages: tuple[str, ...]) -> str:
    command, cure = [python, "-P", "-c", ASK, *packages], "give the Python of an environment, such as venv/bin/python"
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
        if not isinstance(json.loads(said), dict):
            raise ValueError("another answer than was asked for")
        return said
    except (subprocess.CalledProcessError, ValueError) as error:
        raise BackendError(f"--python {quoted(python)} runs, and is not a Python of version 3.11 or later; {cure}") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise BackendError(f"--python {quoted(python)} does not run ({type(error).__name__}); {cure}") from error


def versions_in(python: str, packages: tuple[str, ...]) -> dict[str, str]:
    """Versions of packages in the environment of a Python; '' for one that is missing. Raises BackendError: it does not run."""
    return json.loads(_versions_in(python, packages))


# In the process that trains.


class Start(NamedTuple):
    """Where a training goes on."""

    checkpoint: Path | None
    """The newest whole checkpoint, or None at the beginning."""
    step: int
    offsets: dict[str, int]
    """Bytes of the journal's files up to there."""


def resume(job: TrainJob) -> Start:
    """Where a job's training goes on; a damaged checkpoint is passed over."""
    newest = next((folder for folder in reversed(checkpoints_of(Path(job.out))) if is_sealed(folder)), None)
    if newest is None:
        return Start(None, 0, {})
    try:
        state = read_json(newest / STATE)
        return Start(newest, state["step"], state["offsets"])
    except (OSError, ValueError, TypeError, LookupError) as error:
        cure = "remove that folder to go on from the one before"
        raise BackendError(f"{newest / STATE} does not say where the training stood ({type(error).__name__}); {cure}") from error


def resumption(job: TrainJob) -> str:
    """How a training that is gone on with compares with one that was never interrupted, where all that is drawn follows from its seed."""
    if job.device != "cpu":
        return "approximate: a GPU does not add up in the same order twice"
    return "exact, bit by bit, with as many processes and threads"


def checkpoints_of(out: Path) -> list[Path]:
    """Intermediate checkpoints, oldest first, finished or not."""
    return sorted((out / CHECKPOINTS).glob("step-*"))


def rehearse(job: TrainJob, write: Callable[[Path], None]) -> None:
    """Write a checkpoint and delete it again, before the first step, so that a training does not die at its first save.

    Args:
        write: fills a folder as `finish` will be given it, without the bulk of the weights.

    Raises:
        StorageError: the disk refuses.
        CheckpointError: the model is of a kind that cannot be saved.
    """
    from huggingface_hub.errors import StrictDataclassError

    folder = Path(job.out) / CHECKPOINTS / "rehearsal"
    try:
        seal(folder, write, lineage(job, 0))
    except (*UNREADABLE, RuntimeError, StrictDataclassError) as error:
        raise CheckpointError(f"what is trained from {job.model} could not be saved: {one_line(error)}; nothing was trained") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def save(job: TrainJob, step: int, write: Callable[[Path], None], journal: Journal) -> Path:
    """Seal a checkpoint from which the training can go on, and drop the oldest ones beyond `job.keep`.

    Args:
        write: fills a folder with a Hugging Face model, and `trainer/` in it with what goes on.
    """

    def write_all(folder: Path) -> None:
        write_with_template(job, write, folder)
        (folder / STATE).parent.mkdir(exist_ok=True)
        (folder / STATE).write_text(json.dumps({"step": step, "offsets": journal.offsets()}) + "\n", encoding="utf-8")

    folder = seal(Path(job.out) / CHECKPOINTS / step_name(step), write_all, lineage(job, step))
    for old in checkpoints_of(Path(job.out))[: -job.keep]:
        shutil.rmtree(old)
    return folder


def finish(job: TrainJob, write: Callable[[Path], None], journal: Journal) -> Path:
    """Seal the result."""
    final = seal(Path(job.out) / FINAL, lambda folder: write_with_template(job, write, folder), lineage(job, journal.num_steps))
    journal.event(END, step=journal.num_steps, checkpoint=final.name)
    return final


def write_with_template(job: TrainJob, write: Callable[[Path], None], folder: Path) -> None:
    """Fill a folder, and give it the chat template that the job trains with, so that the result is asked as it was taught."""
    write(folder)
    if job.chat.template:
        (folder / TEMPLATE).write_text(job.chat.template, encoding="utf-8")


def lineage(job: TrainJob, step: int) -> dict[str, Any]:
    """Where a checkpoint comes from, for its seal."""
    return {
        **{key: getattr(job, key) for key in ("name", "stage", "backend", "recipe", "versions")},
        "parent": job.model_digest,
        "step": step,
        "job": job.model_dump(mode="json", exclude={"out", "model"}),
    }


def end_with_parent(parent: int) -> None:
    """On Linux, be ended when the process that started this one dies, `kill -9` included."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit("the process that started this training has ended")


def read_prompts(path: Path) -> list[Problem]:
    """The problems that a training draws its prompts from. Raises BackendError: the file is broken."""
    try:
        with open_regular(path) as file:
            problems = [Problem.from_json(parse_json(line)) for line in file.read().decode("utf-8", "surrogatepass").split("\n") if line]
        for problem in problems:
            problem.check()
        return problems
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise BackendError(f"{path} cannot be read ({type(error).__name__}); remove the training's folder and begin it again") from error


def main(job_file: Path, parent: int | None = None) -> int:
    """Train the job in a file; exit code 0, 2 with one line that says why, or 130 where it was interrupted."""
    threading.excepthook = lambda _: None  # a library's thread and ours meet the same full disk; ours says so
    if parent is not None:
        end_with_parent(parent)
    try:
        job, prompts = read_job(job_file), job_file.with_name(PROMPTS)
        get_backend(job.backend).train(job, read_prompts(prompts) if prompts.exists() else None)
    except R1benchError as error:
        print(error_line(str(error)), file=sys.stderr)
        return 2
    except OSError as error:
        place = printable(str(job_file.parent))
        print(f"Error: cannot write {place}: {error.strerror or error}; free space, and run it again", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    return 0


# In the process that waits for it.


def run(job: TrainJob) -> Path:
    """Train a job in a process of its own, going on from where it stopped; returns the sealed checkpoint.

    Raises:
        BackendError: the process failed (without a message where it has told why); the same command goes on from its last checkpoint.
        StorageError: another process is training in that folder.
    """
    out = Path(job.out)
    if is_sealed(out / FINAL):
        return out / FINAL
    with only_writer(out, f"training {out}"):
        plan = get_backend(job.backend).plan(job, out / JOB)
        for name, text in plan.files.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            write_whole(out / name, text)
        code = wait_for(plan, job.engine.get("threads", 1))
    if code == 2:
        raise BackendError("")
    if code or not is_sealed(out / FINAL):
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}" if code else "ended without a result"
        raise BackendError(f"training {job.name} with {job.backend} {how}; see above, and run the same command again to go on from {out}")
    return out / FINAL


def wait_for(plan: Plan, threads: object) -> int:
    """Run a plan's command to its end, and end it where this process is interrupted; returns its exit code."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false", **plan.environment}
    process = subprocess.Popen(plan.command, env=environment)
    try:
        return process.wait()
    except KeyboardInterrupt:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)  # a terminal has told both of us
        raise
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
