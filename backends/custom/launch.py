"""The custom backend as a process: `python -m r1bench.backends.custom.launch JOB.json`. It ends with its parent, whatever ends that."""

import ctypes
import json
import os
import signal
import sys
import threading
from pathlib import Path

from r1bench.backends.job import Support, TrainJob, read_job
from r1bench.harness.errors import R1benchError, printable
from r1bench.harness.records import Problem

PR_SET_PDEATHSIG = 1


def supports(job: TrainJob) -> Support:
    """Exactly what a job says, for the stages that are built."""
    if job.stage != "zero":
        return Support(kind="refused", reason=f"stage {job.stage!r} is not built into it; it trains stage 'zero'")
    if job.rollout.top_p < 1:
        return Support(kind="approximate", deviations=("ratios use the probabilities before the top-p cut",))
    return Support(kind="exact")


def plan(job_file: Path) -> list[str]:
    """The command that trains a job."""
    return [sys.executable, "-m", "r1bench.backends.custom.launch", str(job_file), str(os.getpid())]


def end_with_parent(parent: int) -> None:
    """On Linux, be ended when the process that started this one dies, `kill -9` included."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit("the process that started this training has ended")


def main() -> int:
    """Train the job named on the command line; exit code 0, or 2 with one line that says why."""
    threading.excepthook = lambda _: None  # TensorBoard's thread and ours meet the same full disk; ours says so
    if len(sys.argv) > 2:
        end_with_parent(int(sys.argv[2]))
    try:
        job_file = Path(sys.argv[1])
        job = read_job(job_file)
        prompts = job_file.with_name("prompts.jsonl")
        problems = None
        if prompts.is_file():
            problems = [Problem.from_json(json.loads(line)) for line in prompts.read_text(encoding="utf-8").split("\n") if line]
        from r1bench.backends.custom.loop import train

        train(job, problems)
    except R1benchError as error:
        print(f"Error: {printable(str(error))}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"Error: cannot write {printable(str(job.out))}: {error.strerror or error}; free space, and run it again", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
