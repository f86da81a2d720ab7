"""A sampler of another package: the one of docs/samplers.md, installed outside of the repository, with the commands a user would type."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from r1bench.harness.store.listed import SAMPLES, run_folders
from r1bench.harness.store.runs import read_manifest, read_run

PAGE = (Path(__file__).parents[3] / "docs/samplers.md").read_text(encoding="utf-8").partition("## Write a sampler")[2]
SOURCE, POINTS = (re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)[1] for kind in ("python", "toml"))  # type: ignore[index]
COMMAND = ["eval", "tiny-base", "--tasks", "arithmetic", "--limit", "12", "--sampler", "echo"]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The folder of an installed package: its module, its name and its entry point."""
    folder = tmp_path / "elsewhere"
    described = folder / "echo_sampler-1.2.dist-info"
    described.mkdir(parents=True)
    (folder / "echo_sampler.py").write_text(SOURCE)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: echo-sampler\nVersion: 1.2\n")
    (described / "entry_points.txt").write_text(
        POINTS.replace('project.entry-points."r1bench.samplers"', "r1bench.samplers").replace('"', "")
    )
    return folder


def start(package: Path, *arguments: object) -> "subprocess.Popen[str]":
    """r1bench as a user of that package would start it, from its folder."""
    places = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, "PYTHONPATH": places, "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "r1bench.harness.cli", *map(str, arguments)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=package)


def call(package: Path, *arguments: object) -> tuple[int, str, str]:
    process = start(package, *arguments)
    out, err = process.communicate()
    return process.returncode, out, err


def test_the_sampler_of_the_docs_is_a_whole_file_under_40_lines() -> None:
    assert len(SOURCE.splitlines()) < 40


def test_it_draws_a_run_and_its_options_stand_in_the_manifest(package: Path, tmp_path: Path) -> None:
    code, _, err = call(package, *COMMAND, "--samples", 2, "--sampler-set", "times=2", "--runs", tmp_path / "runs")
    assert (code, "sampler echo does not know how long" in err) == (0, True), err
    run = read_run(run_folders(tmp_path / "runs")[0])
    assert (run.is_complete, run.manifest.sampler) == (True, "echo")
    assert run.manifest.sampler_options == {"sample": {"times": 2}, "machine": {"seconds": 0.0}}
    assert {(s.completion.num_tokens, s.completion.num_prompt_tokens, s.reasoning_tokens) for s in run.samples} == {(0, 0, 0)}


def test_only_an_option_that_can_move_a_sample_makes_another_run(package: Path, tmp_path: Path) -> None:
    for setting in ("times=1", "seconds=0.001", "times=2"):
        assert call(package, *COMMAND, "--samples", 1, "--sampler-set", setting, "--runs", tmp_path / "runs")[0] == 0
    assert [read_manifest(folder).sampler_options["sample"]["times"] for folder in run_folders(tmp_path / "runs")] == [1, 2]


def test_kill_9_and_the_same_command_draw_only_what_is_missing(package: Path, tmp_path: Path) -> None:
    words = [*COMMAND, "--samples", 4, "--runs", tmp_path / "runs", "--sampler-set"]
    process = start(package, *words, "seconds=0.2")
    while not any(path.stat().st_size for path in tmp_path.glob(f"runs/*/{SAMPLES}")):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    path = run_folders(tmp_path / "runs")[0] / SAMPLES
    stored = path.read_text().rpartition("\n")[0]
    assert 0 < len(stored.splitlines()) < 48
    assert call(package, *words, "seconds=0")[0] == 0
    assert path.read_text().startswith(stored)
    assert (len(path.read_text().splitlines()), read_run(path.parent).is_complete) == (48, True)


def test_the_gate_draws_a_candidate_as_the_baseline_s_options_say(package: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    call(package, *COMMAND, "--samples", 4, "--sampler-set", "times=3", "--name", "old", "--runs", runs)
    other = tmp_path / "new"
    other.mkdir()
    for name in ("config.json", "model.safetensors"):
        (other / name).write_bytes(b"{}")
    code, out, err = call(package, "gate", other, "--baseline", "old", "--no-guards", "--runs", runs)
    assert code in (0, 3), out + err
    assert [read_manifest(folder).sampler_options["sample"]["times"] for folder in run_folders(runs)] == [3, 3]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--sampler-set", "time=2"], "did you mean 'times'? See: docs/samplers.md; its options: times (int), seconds (float)"),
        (["--sampler-set", "times=two"], "option times of sampler 'echo' cannot be 'two': Input should be a valid integer"),
        (["--sampler-set", "times"], "is not KEY=VALUE"),
        (["--device", "cpu"], "unknown echo option 'device'"),
    ],
)
def test_options_that_it_does_not_have_are_refused(package: Path, tmp_path: Path, options: list[str], said: str) -> None:
    code, _, err = call(package, *COMMAND, *options, "--runs", tmp_path / "runs")
    assert (code, said in err, (tmp_path / "runs").exists()) == (2, True, False), err


def test_doctor_names_the_package_that_brings_it(package: Path) -> None:
    found = json.loads(call(package, "doctor", "--json")[1])
    assert [each["detail"] for each in found if each["name"] == "echo"] == ["for r1bench eval --sampler, of echo-sampler 1.2"]


def test_a_package_that_cannot_be_imported_is_named(package: Path, tmp_path: Path) -> None:
    (package / "echo_sampler.py").write_text("import what_is_not_there")
    code, _, err = call(package, *COMMAND, "--runs", tmp_path / "runs")
    assert (code, "'echo' of echo-sampler 1.2 cannot be loaded (ModuleNotFoundError" in err) == (2, True), err


def test_an_evaluation_of_which_samples_failed_ends_with_their_causes_and_the_cure(package: Path, tmp_path: Path) -> None:
    whole = 'reason = "stop" if len(words) <= sampling.max_tokens else "length"'
    assert whole in SOURCE
    (package / "echo_sampler.py").write_text(SOURCE.replace(whole, 'reason = "error" if request.index else "stop"'))
    code, out, err = call(package, *COMMAND, "--samples", 2, "--runs", tmp_path / "runs")
    said = "of 12 samples that failed, 12 broke off in generating and 0 in grading; the same command again gives them another try."
    assert (code, said in " ".join(out.split())) == (0, True), err
    code, out, err = call(package, *COMMAND, "--samples", 2, "--runs", tmp_path / "runs", "--json")
    assert (json.loads(out)[0]["outcomes"]["failed"], said in " ".join(err.split())) == (12, True)
