"""How long a board over many stored samples takes to build, how much memory, and how fast a filter answers.

    scripts/bench board                                  # 1,000,000 samples in 200 runs (2.6 GB, made in a temporary folder)
    scripts/bench board --runs 20 --samples 5000 --keep build/bench-board

The samples are what `r1bench eval` stores (every field, behaviour measured on the text), with texts of 600 to 1,000 characters: copies of
400 of them that differ in problem and index. Builds run in a fresh process with an empty index; its memory is the sum over its
processes. Left out: the disk (the files are in its cache), generation, grading.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

TEXT = (
    "so we let the number be x and then add both sides wait check again because first divide by three which gives the sum of all terms "
    "therefore it must equal twice the difference but however if n is even we can write this as a product of two factors and compare"
)
SHAPES, PROBLEMS = 400, 500


def shapes(draw: random.Random) -> list[tuple[bool, list[bytes]]]:
    """Stored lines as the pieces before, between and behind index and problem; and whether each is a right answer."""
    from r1bench.harness.canonical import canonical_json
    from r1bench.harness.evaluation.grading import judge
    from r1bench.harness.records import Completion, Grade, Problem

    problem = Problem("PROBLEM", "What is it?", ("17",))
    found = []
    for number in range(SHAPES):
        length, is_right = draw.randint(540, 940), number % 2 == 0
        reasoning = " ".join(draw.choice(TEXT.split()) for _ in range(400))[:length]
        text = f"<think>{reasoning}</think>\n<answer>{17 if is_right else draw.randint(18, 99)}</answer>"
        completion = Completion(text, "stop", len(text) // 4, 61, round(draw.uniform(1, 9), 4))
        outcome = "correct" if is_right else "wrong"
        details = {"canonical": text[-20:-9], "layer": "number", "status": "read"}
        extracted = text.split("<answer>")[1].split("<")[0]
        grade = Grade(
            outcome, float(is_right), extracted, "equal" if is_right else "differs", "integer", "2", 190, ("answer_tag",), details
        )
        sample = judge(problem, completion, 999_999, grade, lambda part: len(part) // 4)
        line = canonical_json(sample.to_json()).encode() + b"\n"
        before, after = line.split(b'"index":999999', 1)
        between, behind = after.split(b'"PROBLEM"', 1)
        found.append((is_right, [before + b'"index":', between + b'"problem-', b'"' + behind]))
    return found


def make_runs(root: Path, num_runs: int, num_samples: int) -> int:
    """Write the run folders; returns the bytes of their samples."""
    from r1bench.harness.canonical import canonical_json, digest_of
    from r1bench.harness.records import Manifest, Problem, Sampling
    from r1bench.harness.store.runs import run_id

    draw = random.Random("bench:board")
    made = shapes(draw)
    right, wrong = ([pieces for is_right, pieces in made if is_right is kind] for kind in (True, False))
    problems = [Problem(f"problem-{number}", f"Question {number}: what is it?", ("17",)) for number in range(min(PROBLEMS, num_samples))]
    digest, n, size = digest_of([problem.digest() for problem in problems]), num_samples // len(problems), 0
    for number in range(num_runs):
        manifest = Manifest(
            *(f"task-{number % 8}", "1", digest, len(problems), f"checkpoints/model-{number}", f"digest-{number:03}", f"model-{number}"),
            *("transformers", "plain", "0123456789abcdef", Sampling(n=n, max_tokens=512).to_json(), "integer", "2"),
            *({"device": "cuda", "torch": "2.13.0"}, "r1bench eval", (n,), 128, "grpo", f"digest-{number - 8:03}"),
        )
        folder = root / run_id(manifest)
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(json.dumps(manifest.to_json()))
        (folder / "problems.jsonl").write_text("".join(canonical_json(problem.to_json()) + "\n" for problem in problems))
        lines = []
        for place, difficulty in enumerate(draw.random() for _ in problems):
            for index in range(n):
                first, second, third = draw.choice(right if draw.random() < difficulty else wrong)
                lines.append(b"%b%d%b%d%b" % (first, index, second, place, third))
        (folder / "samples.jsonl").write_bytes(b"".join(lines))
        size += sum(map(len, lines))
    return size


class Build(NamedTuple):
    """A build in a fresh process."""

    seconds: float
    computing: float
    """Seconds of processor time of all its processes: what stays the same on a machine that others use too."""
    gigabytes: float
    """Most memory at a time."""


def build(runs: Path, workers: int) -> Build:
    """Build the index anew."""
    import psutil

    program = "import sys; from pathlib import Path; from r1bench.leaderboards.board import index\n"
    program += "if __name__ == '__main__': index.rebuild(Path(sys.argv[1]), num_workers=int(sys.argv[2]))"
    started, computed, peak = time.perf_counter(), children_seconds(), 0.0
    running = subprocess.Popen([sys.executable, "-c", program, str(runs), str(workers)])
    while running.poll() is None:
        peak = max(peak, resident(psutil, running.pid))
        time.sleep(0.1)
    if running.returncode:
        sys.exit("the build failed")
    return Build(time.perf_counter() - started, children_seconds() - computed, peak / 1e9)


def children_seconds() -> float:
    """Processor time of the processes that ended."""
    used = os.times()
    return used.children_user + used.children_system


def resident(psutil: object, pid: int) -> float:
    """Bytes that a process and its children hold; what they share is counted twice."""
    try:
        parent = psutil.Process(pid)  # type: ignore[attr-defined]
        return sum(process.memory_info().rss for process in [parent, *parent.children(recursive=True)])
    except psutil.Error:  # type: ignore[attr-defined]
        return 0.0


def median_milliseconds(call: Callable[[], object], rounds: int) -> str:
    """The median of some rounds with their range."""
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        seconds.append(1000 * (time.perf_counter() - started))
    return f"{statistics.median(seconds):.0f} ms (median of {rounds}, {min(seconds):.0f} to {max(seconds):.0f})"


def measure(runs: Path, workers: int) -> None:
    """Print the table."""
    from r1bench.leaderboards.board import index

    done = build(runs, workers)
    print(
        f"build with {workers} processes: {done.seconds:.1f} s ({done.computing:.1f} s of processor time), {done.gigabytes:.2f} GB at most"
    )
    found = index.refresh(runs)
    query = median_milliseconds(lambda: found.entries(["task-3"], name="model-1*"), 20)
    print(f"a filter in a process that has the index open: {query}, {len(found.entries(['task-3'], name='model-1*'))} rows")
    print(f"all rows, likewise: {median_milliseconds(found.entries, 20)}, {len(found.entries())} rows")
    print(f"refresh where nothing changed: {median_milliseconds(lambda: index.refresh(runs), 20)}")
    command = [sys.executable, "-m", "r1bench.harness.cli", "leaderboard", "--runs", str(runs), "--task", "task-3", "--match", "model-1*"]
    for extra in ([], ["--no-refresh"]):
        call = median_milliseconds(lambda extra=extra: subprocess.run([*command, *extra], check=True, capture_output=True), 9)
        print(f"the whole command, filtered{' with --no-refresh' if extra else ''}: {call}")


def main(arguments: list[str]) -> None:
    """Make the runs, or use those of an earlier call, and measure."""
    parser = argparse.ArgumentParser(prog="scripts/bench board", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--samples", type=int, default=5000, help="of each run")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder for the runs, which stay; used again if it is there")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        runs = given.keep or Path(temporary)
        if not any(runs.glob("*/manifest.json")):
            started = time.perf_counter()
            size = make_runs(runs, given.runs, given.samples)
            print(f"made {given.runs} runs of {given.samples} samples, {size / 1e9:.2f} GB, in {time.perf_counter() - started:.0f} s")
        measure(runs, given.workers)
