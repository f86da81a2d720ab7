"""The tally of each run on the page, kept beside the report so that no run is read twice: the measures that comparisons need.

    write(site_folder, directory, tally)
    tally = read(site_folder, directory, place=runs)

Left out: what is compared (leaderboards/compare/).
"""

import json
from array import array
from pathlib import Path

from r1bench.harness.errors import StorageError
from r1bench.harness.records import Manifest, Noise
from r1bench.harness.store.disk import read_json
from r1bench.harness.tally import Failed, Tally
from r1bench.leaderboards.measures import MEASURES
from r1bench.leaderboards.report import output

KEPT = (*MEASURES, *filter(None, (measure.whole for measure in MEASURES.values())), "index")


def path_of(site_folder: Path, directory: str) -> Path:
    """Where a run's tally is kept."""
    return site_folder / output.CACHE / "run" / f"{directory}.tally.json"


def write(site_folder: Path, directory: str, tally: Tally) -> int:
    """Keep a tally; returns its bytes. What is not known is written as NaN, which only Python reads."""
    held = {
        "id": tally.id,
        "manifest": tally.manifest.to_json(),
        "noise": tally.noise.to_json() if tally.noise else None,
        "samples_digest": tally.samples_digest,
        "problems": tally.problems,
        "counts": tally.counts,
        "failed": [each.key for each in tally.failed],
        "values": {key: tally.values[key].tolist() for key in KEPT if key in tally.values},
    }
    return output.write(path_of(site_folder, directory), json.dumps(held, separators=(",", ":")))


def read(site_folder: Path, directory: str, *, place: Path | None = None) -> Tally:
    """The tally as it was kept; `place` is the folder of runs.

    Raises:
        StorageError: it is not there or damaged.
    """
    path = path_of(site_folder, directory)
    try:
        held = read_json(path)
        return Tally(
            id=held["id"],
            manifest=Manifest.from_json(held["manifest"]),
            problems=tuple(held["problems"]),
            counts=tuple(held["counts"]),
            values={key: array("d", values) for key, values in held["values"].items()},
            recorded=(),
            samples_digest=held["samples_digest"],
            noise=Noise.from_json(held["noise"]) if held["noise"] else None,
            place=place,
            failed=tuple(Failed(*key) for key in held["failed"]),
        )
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        cure = f"remove {site_folder / output.CACHE} and repeat the command"
        raise StorageError(f"{path} cannot be read ({type(error).__name__}); {cure}") from error
