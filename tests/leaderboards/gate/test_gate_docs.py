"""docs/ci.md: the workflow is one, and its steps and the shell recipe do what the page says. `make slow` really runs them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

PAGE = (Path(__file__).parents[3] / "docs/ci.md").read_text()
BLOCKS = re.findall(r"^```(sh|yaml)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
ONCE, SCRIPT = (next(text for kind, text in BLOCKS if kind == "sh" and mark in text) for mark in ("baseline save", "#!/bin/sh"))
JOB = yaml.safe_load(next(text for kind, text in BLOCKS if kind == "yaml"))["jobs"]["gate"]
STEPS = {step["name"]: step["run"] for step in JOB["steps"] if "run" in step}


def shell(command: list[str] | str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it as a CI system would: bash stops at the first error, r1bench is on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    words = ["bash", "-e", "-c", command] if isinstance(command, str) else command
    held = {**os.environ, "PATH": path, **environment}
    return subprocess.run(words, cwd=folder, env=held, capture_output=True, text=True, check=False)


def test_workflow_installs_judges_and_reports_in_this_order() -> None:
    assert list(STEPS) == ["Install", "Gate", "Summary"]
    assert STEPS["Install"] == 'python -m pip install "$R1BENCH"'
    assert {"CHECKPOINT", "BASELINE", "R1BENCH"} <= set(JOB["env"])
    assert next(step["uses"].partition("@")[0] for step in JOB["steps"] if "uses" in step) == "actions/checkout"


def test_shell_recipe_is_one_that_a_plain_shell_reads(tmp_path: Path) -> None:
    (tmp_path / "gate.sh").write_text(SCRIPT)
    assert shell(["sh", "-n", "gate.sh"], tmp_path).returncode == 0


@pytest.mark.slow
def test_the_steps_of_the_workflow_and_the_shell_recipe_do_what_the_page_says(tmp_path: Path) -> None:
    done = shell(ONCE, tmp_path)
    assert done.returncode == 0, done.stderr
    (tmp_path / "runs").rename(tmp_path / "elsewhere")  # the file is all that the workflow gets
    environment = {key: JOB["env"][key] for key in ("CHECKPOINT", "BASELINE")} | {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    done = shell(STEPS["Gate"], tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert shell(STEPS["Summary"], tmp_path, **environment).returncode == 0
    assert (tmp_path / "summary.md").read_text() == (tmp_path / "reports/gate.md").read_text()
    assert ElementTree.parse(tmp_path / "reports/gate.xml").getroot().tag == "testsuites"
    assert json.loads((tmp_path / "reports/gate.json").read_text())["decision"] == "PASS"
    (tmp_path / "gate.sh").write_text(SCRIPT)
    done = shell(["sh", "gate.sh", "tiny-base"], tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "gate: PASS")
    done = shell(["sh", "gate.sh", "./nowhere"], tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (2, "gate: not judged")
    assert json.loads((tmp_path / "reports/gate.json").read_text())["decision"] == "NOT_JUDGED"
    assert ElementTree.parse(tmp_path / "reports/gate.xml").getroot().find(".//testcase/error") is not None
    assert shell(STEPS["Summary"], tmp_path, **environment).returncode == 0
    assert "NOT JUDGED" in (tmp_path / "summary.md").read_text()


def test_recipe_and_workflow_replace_the_reports_of_an_earlier_gate_when_nothing_is_judged(tmp_path: Path) -> None:
    (tmp_path / "gate.sh").write_text(SCRIPT)
    (tmp_path / "reports").mkdir()
    for command in (["sh", "gate.sh", "./nowhere"], STEPS["Gate"]):
        for name in ("gate.xml", "gate.md", "gate.json"):
            (tmp_path / "reports" / name).write_text("PASS")
        assert shell(command, tmp_path, CHECKPOINT="./nowhere", BASELINE="baselines/main.json").returncode == 2
        assert [path.name for path in (tmp_path / "reports").iterdir() if "PASS" in path.read_text()] == []
    assert "NOT JUDGED" in PAGE.replace("\n", " ")


@pytest.mark.slow
def test_a_worse_checkpoint_ends_the_recipe_with_its_exit_code(tmp_path: Path) -> None:
    made = "from r1bench.harness.checkpoints import find_checkpoint as f; import shutil; shutil.copytree(f('tiny-base').path, 'noise')"
    spoil = "from safetensors.torch import load_file as l, save_file as s; t = l('noise/model.safetensors')"
    done = shell([sys.executable, "-c", f"{made}; {spoil}; s({{k: v * 0.1 for k, v in t.items()}}, 'noise/model.safetensors')"], tmp_path)
    assert done.returncode == 0, done.stderr
    shell(ONCE, tmp_path)
    (tmp_path / "gate.sh").write_text(SCRIPT)
    done = shell(["sh", "gate.sh", "noise"], tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "gate: FAIL"), done.stderr
    assert json.loads((tmp_path / "reports/gate.json").read_text())["exit_code"] == 1
