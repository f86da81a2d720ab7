"""Programs that try to break out, and honest ones that are often mistreated: cases/sandbox_attacks.json, each with its source and why.

A program of the first kind prints or returns ESCAPED where it thinks that it got somewhere. What it thinks is not all that is looked at:
after each one the same container must still stand, with the same processes in it and nothing left behind, and run an honest program.
The tests need bubblewrap and user namespaces; they are skipped, with the reason, where there are none.
"""

import collections
import json
import os
import platform
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest

from r1bench.harness.errors import SandboxError
from r1bench.harness.sandbox import Calls, Ended, Examined, Job, Limits, Sandbox, Script, open_sandbox

CASES = json.loads((Path(__file__).parents[2] / "cases/sandbox_attacks.json").read_text(encoding="utf-8"))
SHORT = Limits(cpu_seconds=8.0)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    os.environ["R1BENCH_TEST_SECRET"] = "never to be seen"
    try:
        opened = open_sandbox("bubblewrap")
    except SandboxError as error:
        if os.environ.get("R1BENCH_REQUIRE_SANDBOX") == "1":
            raise
        pytest.skip(str(error))
    with opened:
        yield opened
    del os.environ["R1BENCH_TEST_SECRET"]


def job_of(case: dict[str, Any]) -> Job:
    """The job that a case describes."""
    program, limits = "\n".join(case["program"]) + "\n", SHORT._replace(**case.get("limits", {}))
    if case["kind"] == "script":
        piece, times = case.get("stdin_times", ["", 0])
        return Script(program, case.get("stdin", piece * times), limits)
    if case["kind"] == "calls":
        return Calls(program, case["entry_point"], arguments_of(case), limits)
    return Examined(program, "\n".join(case["tests"]), limits, case.get("entry_point", ""), tuple(case.get("names", ())))


def arguments_of(case: dict[str, Any]) -> tuple[tuple[Any, ...], ...]:
    """The arguments of each call; what JSON cannot write stands there as Python."""
    calls = eval(case["calls_python"]) if "calls_python" in case else case["calls"]
    return tuple(tuple(arguments) for arguments in calls)


def check(ended: Ended, must: dict[str, Any], case: dict[str, Any]) -> None:
    """Whether a job ended as it must."""
    assert ended.status in must["status"], ended
    assert "ESCAPED" not in ended.stdout + repr(ended.values), ended
    assert must.get("reason", "") in ended.reason
    assert ended.passed is must.get("passed", False)
    assert ended.stdout == must.get("stdout", ended.stdout)
    assert ended.stderr == must.get("stderr", ended.stderr)
    assert must.get("stderr_has", "") in ended.stderr
    assert len(ended.stdout) == must.get("output_length", len(ended.stdout))
    assert len(ended.stdout) + len(ended.stderr) < must.get("output_below", 1 << 62)
    assert ended.cpu_seconds < must.get("cpu_below", 60)
    assert ended.memory_bytes < must.get("memory_below", 1 << 62)
    values = [result.value for result in ended.values]
    wanted = eval(must["values_python"], vars(collections).copy()) if "values_python" in must else must.get("values", must.get("held"))
    assert wanted is None or repr(values) == repr(wanted)
    assert [result.status for result in ended.values] == must.get("statuses", [result.status for result in ended.values])
    if must.get("echo"):
        assert repr(values) == repr([arguments[0] for arguments in arguments_of(case)])


def skip_where_it_cannot_be(case: dict[str, Any]) -> None:
    if case.get("machine", platform.machine()) != platform.machine():
        pytest.skip(f"speaks {case['machine']}")
    if tuple(case.get("until", (9, 9))) <= sys.version_info:
        pytest.skip(f"before Python {case['until']}")
    if "needs" in case and find_spec(case["needs"]) is None:
        pytest.skip(f"needs {case['needs']}")


def inhabitants() -> set[int]:
    """The processes below this one."""
    return {process.pid for process in psutil.Process().children(recursive=True)}


@pytest.mark.parametrize("case", CASES["attacks"], ids=lambda case: case["name"])
def test_attack_gets_nowhere(case: dict[str, Any], sandbox: Sandbox) -> None:
    skip_where_it_cannot_be(case)
    before = inhabitants()
    sandbox.run([Script(program) for program in case.get("before", [])])
    ended, honest = sandbox.run([job_of(case), Script("print(6 * 7)")])
    check(ended, case["must"], case)
    assert (honest.status, honest.stdout) == ("finished", "42\n")
    assert inhabitants() == before


@pytest.mark.parametrize("case", CASES["honest"], ids=lambda case: case["name"])
def test_honest_program_is_treated_as_it_deserves(case: dict[str, Any], sandbox: Sandbox) -> None:
    skip_where_it_cannot_be(case)
    check(sandbox.run([job_of(case)])[0], case["must"], case)


@pytest.mark.parametrize("case", [case for case in CASES["honest"] if "differs" in case["must"]], ids=lambda case: case["name"])
def test_two_runs_are_as_alike_as_they_should_be(case: dict[str, Any], sandbox: Sandbox) -> None:
    first, second = sandbox.run([job_of(case), job_of(case)])
    assert (first.stdout != second.stdout) is case["must"]["differs"]


def test_every_case_says_where_it_comes_from_and_why() -> None:
    cases = [*CASES["attacks"], *CASES["honest"]]
    assert all(case["source"] and "why" in case for case in cases)
    assert len({case["name"] for case in cases}) == len(cases)
