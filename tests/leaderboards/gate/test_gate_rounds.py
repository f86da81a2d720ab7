"""The adaptive gate: rounds of samples, the same looks when resumed, runs topped up, budgets, refusals."""

import json
import shutil
from pathlib import Path

import fakes_gate
import numpy as np
import pytest
from click.testing import CliRunner, Result
from fakes_runs import make_tally

from r1bench.harness import samplers
from r1bench.harness.cli import main
from r1bench.harness.statistics.sequential import Design
from r1bench.harness.store.listed import run_folders
from r1bench.harness.store.runs import read_manifest
from r1bench.harness.tally import Tally
from r1bench.leaderboards.gate import rounds as gate_rounds
from r1bench.leaderboards.gate.rules import Rule
from r1bench.leaderboards.gate.verdict import decide_course

MARGIN = ("--adaptive", "--margin", "12")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of `old` with 3 samples, and checkpoints that are better, worse and equal."""
    monkeypatch.setitem(samplers.SAMPLERS, fakes_gate.NAME, fakes_gate.WHERE)
    monkeypatch.chdir(tmp_path)
    for name, chance in (("old", 0.5), ("better", 0.8), ("worse", 0.2), ("equal", 0.5001)):
        fakes_gate.make_checkpoint(tmp_path / name, chance)
    fakes_gate.make_stored(tmp_path / "runs", tmp_path / "old", n=3)
    fakes_gate.DRAWN.clear()
    return tmp_path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["gate", *(str(argument) for argument in arguments)], prog_name="r1bench")


def verdict(*arguments: object) -> dict:
    done = call(*arguments, "--json")
    assert done.exit_code in (0, 1, 3), done.output
    return json.loads(done.stdout)


def sizes(place: Path) -> dict[str, tuple[int, ...]]:
    return {read_manifest(folder).name: read_manifest(folder).rounds for folder in run_folders(place / "runs")}


@pytest.mark.parametrize(("name", "decision"), [("better", "PASS"), ("worse", "FAIL")])
def test_a_clear_case_ends_after_a_fraction_of_the_fixed_design(place: Path, name: str, decision: str) -> None:
    found = verdict(name, "--baseline", "old", *MARGIN)["tasks"][0]
    last = found["adaptive"]["rounds"][-1]
    assert (found["decision"], last["share"] < 0.5) == (decision, True)
    assert last["samples"] == last["samples_baseline"] == found["candidate"]["n"]


def test_both_runs_are_topped_up_round_by_round(place: Path) -> None:
    rounds = verdict("equal", "--baseline", "old", *MARGIN, "--batch-size", 16)["tasks"][0]["adaptive"]["rounds"]
    assert len(rounds) > 1
    drawn = tuple(each["samples"] for each in rounds)
    assert sizes(place) == {"equal": drawn, "old": (3, *(n for n in drawn if n > 3))}
    assert len(fakes_gate.DRAWN) == 24 * (2 * drawn[-1] - 3)


def test_the_same_command_again_looks_at_the_same_and_draws_nothing(place: Path) -> None:
    first = verdict("equal", "--baseline", "old", *MARGIN)
    fakes_gate.DRAWN.clear()
    assert verdict("equal", "--baseline", "old", *MARGIN) == first
    assert fakes_gate.DRAWN == []


def test_an_interrupted_gate_ends_as_an_uninterrupted_one(place: Path) -> None:
    shutil.copytree(place / "runs", place / "others")
    whole = verdict("equal", "--baseline", "old", *MARGIN)
    verdict("equal", "--baseline", "old", *MARGIN, "--max-samples", 10, "--runs", "others")
    for folder in run_folders(place / "others"):
        lines = (folder / "samples.jsonl").read_text().splitlines(keepends=True)
        (folder / "samples.jsonl").write_text("".join(lines[:-7]) + lines[-7][:20])
    resumed = verdict("equal", "--baseline", "old", *MARGIN, "--runs", "others")
    assert resumed["tasks"][0]["adaptive"] == whole["tasks"][0]["adaptive"]


def test_more_stored_samples_than_a_round_needs_are_not_looked_at(place: Path) -> None:
    shutil.copytree(place / "runs", place / "others")
    for name in ("better", "old"):
        fakes_gate.make_stored(place / "others", place / name, n=24)
    few, many = (verdict("better", "--baseline", "old", *MARGIN, "--runs", runs)["tasks"][0] for runs in ("runs", "others"))
    assert few["adaptive"] == many["adaptive"]
    assert (few["difference"], few["candidate"]["n"]) == (many["difference"], many["candidate"]["n"])


def test_a_baseline_file_is_never_topped_up(place: Path) -> None:
    fakes_gate.make_stored(place / "runs", place / "old", n=30)
    stored = fakes_gate.make_stored(place / "runs", place / "worse", n=2)
    CliRunner().invoke(main, ["baseline", "save", "old", "-o", "old.json"])
    found = verdict(stored.id, "--baseline", "old.json", "--runs", "runs", *MARGIN)["tasks"][0]["adaptive"]
    assert found["is_baseline_fixed"]
    assert {each["samples_baseline"] for each in found["rounds"]} == {30}
    assert sizes(place)["old"] == (3, 30)


def test_a_budget_ends_the_rounds_with_too_little_evidence(place: Path) -> None:
    done = call("equal", "--baseline", "old", *MARGIN, "--max-samples", 4)
    assert done.exit_code == 3, done.output
    assert "The samples ended (n " in done.stdout
    assert done.stderr.count("arithmetic: n ") == done.stdout.count(" go on")
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_same_checkpoint_again_ends_at_the_first_round(place: Path) -> None:
    found = verdict("old", "--baseline", "old", *MARGIN)["tasks"][0]
    assert (found["decision"], found["method"], len(found["adaptive"]["rounds"])) == ("PASS", "identical", 1)
    assert verdict("old", "--baseline", "old", *MARGIN, "--at-least", "3")["decision"] == "FAIL"


def test_several_tasks_have_their_own_rounds_and_share_alpha(place: Path) -> None:
    fakes_gate.make_stored(place / "runs", place / "old", n=3, task="gsm8k")
    found = verdict("better", "--baseline", "board:old", *MARGIN, "--no-guards")
    assert [each["adaptive"]["design"]["alpha_below"] for each in found["tasks"]] == [0.025, 0.025]
    assert found["is_adaptive"]
    assert gate_rounds.alpha_below(0.05, 2, has_guards=True) == pytest.approx(0.02)


def test_a_stored_candidate_without_its_checkpoint_is_used_as_far_as_it_goes(place: Path) -> None:
    fakes_gate.make_stored(place / "runs", place / "equal", n=4)
    shutil.rmtree("equal")
    found = verdict("equal", "--baseline", "old", *MARGIN)["tasks"][0]
    assert (found["decision"], found["candidate"]["n"]) == (
        "INSUFFICIENT_EVIDENCE",
        max(n for n in found["adaptive"]["design"]["rounds"] if n <= 4),
    )


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        (("--questions", "random"), "drop --questions random"),
        (("--margin", "0"), "margin above 0"),
        (("--baseline", "single"), "one sample for some problem"),
        (("--baseline", "greedy"), "all of them would be the same"),
    ],
)
def test_what_cannot_be_sampled_in_rounds_is_refused(place: Path, extra: tuple[str, ...], named: str) -> None:
    fakes_gate.make_stored(place / "runs", fakes_gate.make_checkpoint(place / "single", 0.6), n=1)
    fakes_gate.make_stored(place / "runs", fakes_gate.make_checkpoint(place / "greedy", 0.7), n=1, temperature=0)
    fakes_gate.DRAWN.clear()
    done = call("better", "--baseline", "old", "--adaptive", *extra)
    assert (done.exit_code, named in done.output, fakes_gate.DRAWN) == (2, True, []), done.output


def test_imported_runs_are_refused(place: Path) -> None:
    folder = next(iter(run_folders(place / "runs")))
    (folder / "manifest.json").write_text((folder / "manifest.json").read_text().replace('"scripted"', '"import"', 1))
    done = call("better", "--baseline", "old", "--adaptive")
    assert (done.exit_code, "was imported" in done.output) == (2, True)


@pytest.mark.parametrize(
    ("stop", "upper", "at_least", "decision"),
    [
        ("above", 0.1, None, "PASS"),
        ("below", 0.0, None, "FAIL"),
        ("below", 0.03, 2.0, "INSUFFICIENT_EVIDENCE"),
        ("below", 0.01, 2.0, "FAIL"),
    ],
)
def test_a_gain_fails_only_where_less_than_it_is_shown(stop: str, upper: float, at_least: float | None, decision: str) -> None:
    last = gate_rounds.Round(4, 4, 0.0, 0.01, 9.0, -0.1, upper, 1.0, None, 1.0, stop)
    plan = Design(0.0, 0.02, 0.05, 0.05, (4,), 4, (1.0,), 0.0, 1.0, 1.0)
    assert decide_course(gate_rounds.Course(plan, (last,), False), Rule(2.0, at_least)) == decision


def tallies(generator: np.random.Generator, chances: np.ndarray, n: int, name: str) -> list[Tally]:
    drawn = make_tally((generator.random((len(chances), n)) < chances[:, None]).astype(float).tolist(), name=name)
    return [drawn.first(first) for first in range(2, n + 1)]


@pytest.mark.slow
def test_an_equal_candidate_seldom_fails_and_one_at_the_margin_seldom_passes() -> None:
    generator, stops, spent = np.random.default_rng(1), {0.0: [], 0.15: []}, []
    for loss, found in stops.items():
        for _ in range(40):
            chances = generator.uniform(0.3, 0.7, 20)
            old, new = tallies(generator, chances, 30, "old"), tallies(generator, chances - loss, 30, "new")
            plan = gate_rounds.design(old[1], Rule(15.0), alpha=0.05, alpha_below=0.05, is_baseline_fixed=False)
            course = gate_rounds.Course(plan, (), False)
            for n in [n for n in plan.rounds if n <= 30]:
                course = gate_rounds.look(course, new[n - 2], old[n - 2])
                if course.last.stop != "go on":
                    break
            found.append(course.last.stop)
            spent.append(course.last.share)
    assert stops[0.0].count("below") <= 6
    assert stops[0.15].count("above") <= 6
    assert np.mean(spent) < 0.8
