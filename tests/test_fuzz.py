"""Mutated completions through every text grader, generated attacks through the sandbox (scripts/fuzz); the long runs are made by hand."""

import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from r1bench.harness.errors import SandboxError
from r1bench.harness.sandbox.container import start_isolated

SCRIPTS = Path(__file__).parents[1] / "scripts"
NOTHING = "0 escapes, 0 wrong passes, 0 harness faults, 0 left behind"


def fuzz(*arguments: str) -> str:
    """What scripts/fuzz prints; it must have found nothing."""
    done = subprocess.run([sys.executable, str(SCRIPTS / "fuzz"), *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture
def fuzzing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module that runs attacks, where there is a sandbox to attack."""
    try:
        start_isolated(0, ()).close()
    except SandboxError as error:
        pytest.skip(str(error))
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from fuzzing import attacks, trial

    return attacks, trial


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "2"])
def test_mutated_completions_crash_nothing_and_leave_nothing_behind(seed: str) -> None:
    assert "0 crashes, 0 over 2.0 s, 0 processes left" in fuzz("--count", "2000", "--seed", seed)


@pytest.mark.parametrize(("count", "seed"), [("40", "1"), pytest.param("600", "2", marks=pytest.mark.slow)])
def test_generated_attacks_find_no_way_out_and_are_all_judged(count: str, seed: str, fuzzing: Any) -> None:
    assert NOTHING in fuzz("--programs", count, "--seed", seed, "--slow", "60")  # how long they take is measured on a quiet machine


def test_a_generated_attack_is_the_same_again_and_does_not_hold_what_is_expected(fuzzing: Any) -> None:
    attacks, _ = fuzzing
    known = attacks.known_programs()
    some = [attacks.attack(3, number, known) for number in range(50)]
    assert some == [attacks.attack(3, number, known) for number in range(50)]
    assert some != [attacks.attack(4, number, known) for number in range(50)]
    assert not any(each.token in each.source for each in some)


@pytest.mark.parametrize(
    ("source", "kind"), [("print('TOKEN')", "wrong pass"), ("import os\nprint(os.environ.get('X', 'SECRET'))", "escape"), ("pass", "")]
)
def test_the_fuzzing_notices_what_gets_through(source: str, kind: str, fuzzing: Any) -> None:
    attacks, trial = fuzzing
    tests = {"kind": "stdin", "cases": [{"input": "", "output": "TOKEN"}]}
    one = trial.Trial(lambda number: attacks.Attack(number, source, tests, "TOKEN", {}), [0], 1, print)
    one.host.secret = "SECRET"
    one.host.marker.with_name("secret").write_text("SECRET")
    one.run()
    assert kind in {found.kind for found in one.found} or not (kind or one.found)


def test_the_fuzzing_notices_a_marker_and_a_connection(fuzzing: Any) -> None:
    host = fuzzing[1].Host()
    assert host.reached() == ""
    with socket.create_connection(("127.0.0.1", host.port)):
        assert "connection" in host.reached()
    host.marker.symlink_to("/nowhere")
    assert "marker" in host.reached()
    host.close()


@pytest.mark.parametrize("wrong", [("--programs", "-3"), ("--programs", "0"), ("--programs", "1", "--from", "-2"), ("--count", "0")])
def test_a_number_of_programs_that_cannot_be_is_refused(wrong: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, str(SCRIPTS / "fuzz"), *wrong], capture_output=True, text=True)
    assert (done.returncode, f"'{wrong[-1]}' is not a whole number from" in done.stderr) == (2, True)


def test_a_program_is_shown_as_it_is_and_even_a_short_run_tells_its_memory(fuzzing: Any) -> None:
    attacks, _ = fuzzing
    printed = fuzz("--programs", "1", "--from", "7", "--seed", "1", "--show", "--slow", "60")
    assert attacks.attack(1, 7, attacks.known_programs()).source in printed
    assert re.search(r"memory \d+ MiB\n", printed)
