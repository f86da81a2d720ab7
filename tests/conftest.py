"""Fixtures for all tests: where the published benchmark files are, if they are there."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# how fast a machine is must not decide whether a test passes
settings.register_profile("r1bench", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("r1bench")

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
