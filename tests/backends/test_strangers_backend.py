"""The backend of docs/backends.md as another package's: found by its entry point, killed with kill -9, gone on with."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from fakes_backend import instead
from packages import code_of, install
from processes import kill_once_there

from r1bench.backends.journal import RolloutRow, read_rollouts, read_steps
from r1bench.harness.checkpoints import find_checkpoint, is_sealed, read_seal

TOY = code_of("backends.md", '"""A toy backend')
SMALL = ("steps=6", "save_every=2", "batch_size=2", "algorithm.samples=2", "algorithm.minibatches=1")


class Site(NamedTuple):
    """A folder with the toy's package installed."""

    folder: Path
    environment: dict[str, str]

    def command(self, out: str, *settings: str) -> list[str]:
        options = ["--backend", "toy", "--out", str(self.folder / out), "--no-eval", "--device", "cpu", "--threads", "1"]
        words = [word for setting in instead(SMALL, settings) for word in ("--set", setting)]
        return [sys.executable, "-m", "r1bench.harness.cli", "train", *options, *words]

    def train(self, out: str, *settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(out, *settings), capture_output=True, text=True, check=False, env=self.environment)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("stranger")
    return Site(folder, install(folder / "site", "toy_backend", TOY, "r1bench.backends", "toy = toy_backend:Toy"))


@pytest.fixture(scope="module")
def whole(site: Site) -> Path:
    done = site.train("whole")
    assert done.returncode == 0, done.stderr
    return site.folder / "whole"


def test_a_whole_backend_takes_less_than_100_lines() -> None:
    assert TOY.count("\n") < 100


def test_a_strangers_training_is_sealed_with_its_lineage(whole: Path) -> None:
    assert is_sealed(whole / "final")
    seal = read_seal(whole / "final")
    assert (seal["stage"], seal["backend"], seal["parent"]) == ("zero", "toy", find_checkpoint("tiny-base").digest)
    assert sorted(path.name for path in (whole / "checkpoints").iterdir()) == ["step-000002", "step-000004"]


def test_a_strangers_journal_is_read_as_ours(whole: Path) -> None:
    assert [figures["length"] for figures in read_steps(whole).figures.values()] == [1.0] * 6
    rollouts = read_rollouts(whole)
    assert rollouts is not None
    rows = list(rollouts.rows)
    assert len(rows) == 6 * 2 * 2
    assert {type(row) for row in rows} == {RolloutRow}


def test_a_strangers_training_goes_on_after_kill_9(site: Site, whole: Path) -> None:
    out = site.folder / "killed"
    awaited = out / "checkpoints" / "step-000004" / "COMPLETE"
    kill_once_there(site.command("killed", "engine.pause=0.5"), site.environment, awaited, out)
    assert not (out / "final").exists()
    done = site.train("killed")
    assert done.returncode == 0, done.stderr
    assert "step 4/6" not in done.stderr, "it began again"
    assert json.loads((out / "final" / "trainer" / "number.json").read_text()) == 6
    assert read_steps(out) == read_steps(whole)
    assert (out / "rollouts.jsonl").read_text() == (whole / "rollouts.jsonl").read_text()


def test_what_a_stranger_brings_is_named_where_it_cannot_be_used(tmp_path: Path) -> None:
    site = Site(tmp_path, install(tmp_path / "site", "toy_backend", "Toy = 17\n", "r1bench.backends", "toy = toy_backend:Toy"))
    done = site.train("out")
    assert done.returncode == 2
    assert "backend 'toy' is 17 and not a subclass" in done.stderr
    assert not (tmp_path / "out").exists()
