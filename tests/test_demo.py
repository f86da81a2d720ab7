"""The main job from end to end, as `make demo` runs it, at full size."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from r1bench.harness.store.names import run_of
from r1bench.leaderboards.compare.comparison import compare
from r1bench.leaderboards.measures.reading import read

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_stage_zero_is_shown_to_be_better_by_at_least_20_points(tmp_path: Path) -> None:
    threads = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, ROOT / "scripts/demo", tmp_path], capture_output=True, text=True, check=False, env=threads)
    assert done.returncode == 0, done.stderr[-2000:]
    base, trained = (read(run_of(tmp_path / "runs", name).folder) for name in ("tiny-base", "tiny-base-zero"))
    found = compare(base, trained)
    assert found.difference.mean >= 0.20
    assert found.difference.low > 0
    assert found.b.measures["format"]["value"] > 0.9
    assert "PASS" in done.stdout
    events = [json.loads(line) for line in (tmp_path / "tiny-base-zero" / "events.jsonl").read_text().splitlines()]
    assert events[-1]["event"] == "end"
