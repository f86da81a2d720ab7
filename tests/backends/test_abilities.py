"""What each backend can, asked of ours and of another package's."""

import subprocess
import sys
from pathlib import Path

import pytest
from packages import install

from r1bench.backends import abilities
from r1bench.backends.abilities import VARIANTS, differing, missing, names, ready
from r1bench.backends.losses import PRESETS

FAKE = """
from r1bench.backends.contract import Backend
from r1bench.backends.job import Support

class Fake(Backend):
    def probe(self, python=""):
        return "the fake engine is not installed; pip install fake-engine"

    def versions(self, python=""):
        return {"fake-engine": "", "torch": "9.9"}

    def supports(self, job):
        if job.lora:
            return Support(kind="refused", reason="it has no adapters")
        if job.algorithm.kind == "grpo" and job.algorithm.loss.preset == "gspo":
            return Support(kind="approximate", deviations=("ratios are of tokens", "no clip"))
        if job.algorithm.kind == "sft":
            raise RuntimeError("boom")
        return Support(kind="exact") if job.algorithm.kind == "grpo" else "yes"
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    install(tmp_path, "fake_backend", FAKE, "r1bench.backends", "fake = fake_backend:Fake")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "fake_backend", raising=False)
    return "fake"


def kinds(backend: str) -> dict[str, str]:
    return {ability.variant.name: ability.support.kind for ability in abilities.abilities(backend)}


def test_every_preset_and_algorithm_is_asked_about_with_and_without_adapters() -> None:
    asked = {variant.name for variant in VARIANTS}
    assert {f"loss {name}" for name in PRESETS} <= asked
    assert {variant.algorithm for variant in VARIANTS} == {"grpo", "sft", "reward_model"}
    assert {f"{variant.name}, LoRA" for variant in VARIANTS if not variant.beside} <= asked


def test_the_answers_are_the_backends_own(fake: str) -> None:
    found = kinds(fake)
    assert (found["loss grpo"], found["loss gspo"], found["loss grpo, LoRA"]) == ("exact", "approximate", "refused")
    assert kinds("custom")["loss grpo"] == "exact"
    assert kinds("custom")["top-p 0.95"] == "approximate"


def test_a_backend_that_fails_is_a_refusal_with_its_reason(fake: str) -> None:
    supports = {ability.variant.name: ability.support for ability in abilities.abilities(fake)}
    assert supports["fine-tuning"].reason == "its supports() failed (RuntimeError: boom); mend or update its package"
    assert "it returned no Support" in supports["pairwise"].reason


def test_another_packages_backend_is_listed_with_what_it_lacks(fake: str) -> None:
    assert names()[-1] == fake
    found = ready(fake)
    assert found.missing == "the fake engine is not installed; pip install fake-engine"
    assert found.versions == {"fake-engine": "", "torch": "9.9"}
    assert found.whose == "fake_backend 1.0"


def test_a_backend_that_cannot_be_loaded_is_listed_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "broken_backend", "import nothing_of_that_name\n", "r1bench.backends", "broken = broken_backend:Broken")
    monkeypatch.syspath_prepend(tmp_path)
    assert "nothing_of_that_name" in missing("broken")
    assert set(kinds("broken").values()) == {"refused"}


def test_a_row_with_adapters_is_shown_only_where_it_is_answered_otherwise(fake: str) -> None:
    alike = abilities.abilities("custom")[0].support
    found = {"alike": [abilities.Ability(variant, alike) for variant in VARIANTS]}
    assert not any(VARIANTS[place].beside for place in differing(found))
    assert "loss grpo, LoRA" in {VARIANTS[place].name for place in differing({**found, fake: abilities.abilities(fake)})}


def test_a_python_that_does_not_run_is_missing() -> None:
    assert "does not run" in ready("custom", "/nowhere/python").missing


def test_asking_loads_no_training_library() -> None:
    code = "import sys; from r1bench.backends.abilities import abilities; abilities('custom'); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
