"""Fixtures for all tests: where the published benchmark files are, if they are there."""

import os
from pathlib import Path

import pytest

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
