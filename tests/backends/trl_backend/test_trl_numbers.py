"""TRL's own arithmetic against the custom backend's, on the same numbers: what is called exact is exact. Runs in .venv-engines."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from trl_trainings import engines_python

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def numbers() -> dict[str, dict[str, Any]]:
    command = [engines_python(), str(ROOT / "tests/support/trl_loss_probe.py"), str(ROOT / "harness/tiny_base")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_losses_and_gradients_that_are_called_exact_are_those_of_our_formula(numbers: dict[str, dict[str, Any]]) -> None:
    assert len(numbers["losses"]) > 10
    for name, case in numbers["losses"].items():
        assert case["support"] == "exact", name
        assert case["gradient"] > 1e-3, name
        assert case["difference"] < 1e-7, name
        assert case["by_gradient"] or case["trl"] == pytest.approx(case["ours"], abs=1e-6), name


@pytest.mark.parametrize("scale", ["group", "none", "batch", "leave one out"])
def test_advantages_are_those_of_our_formula_with_unknown_rewards_too(numbers: dict[str, dict[str, Any]], scale: str) -> None:
    case = numbers["advantages"][scale]
    assert case["trl"] == pytest.approx(case["ours"], rel=1e-4, abs=1e-5)
    assert any(case["trl"][8:12])  # the siblings of an unknown reward
    assert not any(case["trl"][12:20])  # nothing to compare with
    assert scale == "batch" or not any(case["trl"][4:8])  # equal rewards
