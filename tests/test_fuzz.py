"""Mutated completions through every text grader (scripts/fuzz); the long run is made by hand."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[1] / "scripts" / "fuzz"


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "2"])
def test_mutated_completions_crash_nothing_and_leave_nothing_behind(seed: str) -> None:
    done = subprocess.run([sys.executable, str(FUZZ), "--count", "2000", "--seed", seed], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "0 crashes, 0 over 2.0 s, 0 processes left" in done.stdout
