"""A run without its texts: what comparisons need, kept beside the report so that no run is read twice.

    skeleton.write(site_folder, directory, run)
    run = skeleton.read(site_folder, directory)        # texts are digests, everything that is compared is there

Left out: what is compared (leaderboards/compare/comparison.py).
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from r1bench.harness.errors import StorageError
from r1bench.harness.records import Completion, Grade, Manifest, Noise, Run, Sample
from r1bench.leaderboards.measures import metrics
from r1bench.leaderboards.report import output


def path_of(site_folder: Path, directory: str) -> Path:
    """Where a run's skeleton is kept."""
    return site_folder / output.CACHE / "run" / f"{directory}.samples.json"


def digest(text: str) -> str:
    """Stands for a text where it only matters whether two are the same."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def write(site_folder: Path, directory: str, run: Run) -> int:
    """Keep a run, a row of seven values for each sample; returns its bytes."""
    rows: dict[str, list[list[Any]]] = {}
    for sample in run.samples:
        grade, done = sample.grade, sample.completion
        words = metrics.words_by_language(sample)
        row = [sample.index, grade.score, grade.outcome, int(sample.format_ok), done.num_tokens, sample.reasoning_tokens]
        rows.setdefault(sample.problem_id, []).append([*row, words, digest(done.text)])
    held = {"id": run.id, "manifest": run.manifest.to_json(), "noise": run.noise.to_json() if run.noise else None, "samples": rows}
    return output.write(path_of(site_folder, directory), json.dumps(held, separators=(",", ":")))


def read(site_folder: Path, directory: str) -> Run:
    """The run as it was kept.

    Raises:
        StorageError: it is not there or damaged.
    """
    path = path_of(site_folder, directory)
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        samples = [_sample(problem, row) for problem, rows in held["samples"].items() for row in rows]
        noise = Noise.from_json(held["noise"]) if held["noise"] else None
        return Run(held["id"], Manifest.from_json(held["manifest"]), tuple(samples), noise)
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        cure = f"remove {site_folder / output.CACHE} and repeat the command"
        raise StorageError(f"{path} cannot be read ({type(error).__name__}); {cure}") from error


def _sample(problem: str, row: list[Any]) -> Sample:
    index, score, outcome, format_ok, num_tokens, reasoning_tokens, languages, said = row
    grade = Grade(outcome, score, None, "", "", "")
    return Sample(problem, index, Completion(said, "stop", num_tokens), "absent", reasoning_tokens, grade, bool(format_ok), languages)
