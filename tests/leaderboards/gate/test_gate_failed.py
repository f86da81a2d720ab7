"""The gate where samples failed: what one side has more of them must not decide, unless that is allowed by name."""

import json
import random
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from fakes_folders import store_run
from fakes_gate import judge
from fakes_runs import make_sample, make_tally
from scipy import stats

from r1bench.harness.canonical import digest_of
from r1bench.harness.cli import main
from r1bench.harness.errors import StorageError
from r1bench.harness.statistics.sequential import Design
from r1bench.leaderboards.gate import baselines, junit, text
from r1bench.leaderboards.gate.failures import Failures, binomial_tail
from r1bench.leaderboards.gate.guards import Guard
from r1bench.leaderboards.gate.rounds import Course, Round
from r1bench.leaderboards.gate.rules import Rule
from r1bench.leaderboards.gate.verdict import decide_course


def drawn(seed: int, *, chance: float = 0.8, problems: int = 500, n: int = 4) -> list[list[float | None]]:
    """Problems of one chance, as far from the margin of 2 points as 2,000 samples can show."""
    draw = random.Random(seed)
    return [[float(draw.random() < chance) for _ in range(n)] for _ in range(problems)]


def with_failed(scores: list[list[float | None]], share: float, *, of_wrong: bool = False) -> list[list[float | None]]:
    """The same where a share of all samples failed, of those that are wrong alone if asked."""
    places = [(row, i) for row in scores for i in range(len(row)) if not (of_wrong and row[i])]
    lost = set(random.Random(1).sample(range(len(places)), round(share * sum(map(len, scores)))))
    chosen = {(id(row), i) for number, (row, i) in enumerate(places) if number in lost}
    return [[None if (id(row), i) in chosen else value for i, value in enumerate(row)] for row in scores]


BASE = drawn(0)
OPEN = ("INSUFFICIENT_EVIDENCE", "PASS")


def test_failures_on_one_side_are_no_loss_and_no_pass_either() -> None:
    other = drawn(0, chance=0.81)
    verdict = judge(make_tally(with_failed(other, 0.03), name="b"), make_tally(BASE, name="a"))
    [task] = verdict.tasks
    assert (verdict.decision, task.without_failed, verdict.exit_code) == (*OPEN, 3)
    said = " ".join(text.render(verdict).split())
    assert "60 of 2,000 of the candidate, 0 of 2,000 of the baseline" in said
    assert "draw them again with the same evaluation" in said
    assert "--allow-failed" in said


def test_what_is_allowed_by_name_decides_and_stands_in_every_report() -> None:
    tallies = make_tally(with_failed(drawn(0, chance=0.81), 0.03), name="b"), make_tally(BASE, name="a")
    verdict = judge(*tallies, allow_failed=True)
    assert verdict.decision == "PASS"
    assert "--allow-failed: that one side has 3.0 % more" in " ".join(text.render(verdict).split())
    assert text.to_json(verdict)["allow_failed"] is True
    properties = ElementTree.fromstring(junit.render(verdict, timestamp="")).findall(".//property")
    assert {each.get("name"): each.get("value") for each in properties}["allow-failed"] == "true"


def test_failures_that_are_as_many_on_both_sides_leave_the_verdict_and_say_what_the_worst_would_be() -> None:
    tallies = [make_tally(with_failed(scores, 0.03), name=name) for scores, name in ((drawn(0, chance=0.81), "b"), (BASE, "a"))]
    [task] = judge(*tallies).tasks
    assert (task.decision, task.failed.excess, task.at_worst) == ("PASS", pytest.approx(0, abs=0.01), "INSUFFICIENT_EVIDENCE")
    assert "the verdict would be INSUFFICIENT EVIDENCE" in " ".join(text.remarks(task, judge(*tallies).rules))


def test_a_candidate_that_loses_its_wrong_samples_does_not_pass() -> None:
    candidate = make_tally(with_failed(drawn(3, chance=0.77), 0.04, of_wrong=True), name="b")
    verdict = judge(candidate, make_tally(BASE, name="a"))
    assert (verdict.decision, verdict.tasks[0].without_failed) == OPEN


def test_a_loss_beyond_all_that_failed_is_a_fail() -> None:
    candidate = make_tally(with_failed(drawn(3, chance=0.6), 0.03), name="b")
    [task] = judge(candidate, make_tally(BASE, name="a")).tasks
    assert (task.decision, task.at_worst, task.failed_decide) == ("FAIL", "FAIL", False)


def test_a_few_that_failed_do_not_block_a_pass_that_holds_without_them() -> None:
    candidate = make_tally(with_failed(drawn(3, chance=0.85), 0.001), name="b")
    [task] = judge(candidate, make_tally(BASE, name="a")).tasks
    assert (task.decision, task.at_worst, task.failed.num_candidate) == ("PASS", "PASS", 2)


def test_more_failures_on_one_side_than_chance_gives_block_a_pass_however_clear() -> None:
    candidate = make_tally(with_failed(drawn(3, chance=0.95), 0.004), name="b")
    [task] = judge(candidate, make_tally(BASE, name="a")).tasks
    assert (task.failed.num_candidate, task.failed.is_shown, task.at_worst) == (8, True, "PASS")
    assert (task.decision, task.without_failed) == OPEN
    assert "more of them than chance gives" in text.sentence(task, judge(candidate, make_tally(BASE, name="a")).rules)
    assert judge(candidate, make_tally(BASE, name="a"), allow_failed=True).decision == "PASS"


def test_failures_that_block_a_pass_are_told_where_the_bounds_are_too_wide_as_well() -> None:
    scores = drawn(3, problems=40)
    verdict = judge(make_tally(with_failed(scores, 0.1), name="b"), make_tally(drawn(3, problems=40), name="a"))
    [task] = verdict.tasks
    assert (task.decision, task.without_failed, task.failed_decide) == ("INSUFFICIENT_EVIDENCE", "INSUFFICIENT_EVIDENCE", False)
    said = " ".join(text.failed_texts(task))
    assert "The candidate has more of them than chance gives, which blocks a PASS by itself." in said
    assert "Of the candidate, draw them again with the same evaluation" in said
    assert "--allow-failed" in said
    [allowed] = judge(task.candidate, task.baseline, allow_failed=True).tasks
    assert "blocks a PASS" not in " ".join(text.failed_texts(allowed))


@pytest.mark.parametrize(
    ("counts", "samples"), [((5, 0), (100, 100)), ((6, 0), (100, 100)), ((30, 10), (400, 100)), ((0, 300), (10, 4000))]
)
def test_what_chance_gives_is_that_of_scipy(counts: tuple[int, int], samples: tuple[int, int]) -> None:
    found = Failures(0.1, 0.1, *counts, *samples, (), False)
    share = samples[0] / sum(samples)
    tails = stats.binom.sf(counts[0] - 1, sum(counts), share), stats.binom.cdf(counts[0], sum(counts), share)
    assert found.is_shown == (2 * min(tails) <= 0.05)
    assert binomial_tail(counts[0], sum(counts), share) == pytest.approx(tails[0], abs=1e-9)


def test_a_problem_that_is_lost_on_one_side_is_out_of_both_and_named() -> None:
    lost = [[None] * 4, *BASE[1:]]
    [task] = judge(make_tally(lost, name="b"), make_tally(BASE, name="a")).tasks
    assert (task.num_problems, task.estimate.mean) == (499, 0)
    assert "Nothing is left of problem p0000 on one side" in " ".join(text.failed_texts(task))


def test_the_same_run_passes_though_samples_of_it_failed() -> None:
    same = make_tally(with_failed(BASE, 0.03), name="a")
    assert judge(same, same).decision == "PASS"


@pytest.mark.parametrize(("share", "decision"), [(0.0, "FAIL"), (0.05, "NOT SHOWN")])
def test_a_guard_fails_only_if_what_failed_could_not_have_saved_it(share: float, decision: str) -> None:
    def tally(name: str, good: float, scores: list[list[float | None]]) -> Any:
        draw = random.Random(name)
        samples = [
            make_sample(f"p{number:04d}", index, score, format_ok=draw.random() < good)
            for number, row in enumerate(scores)
            for index, score in enumerate(row)
        ]
        return make_tally(scores, samples=samples, name=name)

    verdict = judge(tally("b", 0.92, with_failed(BASE, share)), tally("a", 0.98, BASE), guards=(Guard("format", 2),))
    assert [guard.decision for guard in verdict.guards] == [decision]


def course(stop: Any, lower: float, upper: float) -> Course:
    design = Design(-0.02, 0.0, 0.05, 0.05, (2,), 4, (1.0,), -0.01, 1.0, 0.1)
    last = Round(2, 2, 0.0, 0.01, 9.0, lower, upper, 1.0, None, 0.5, stop)
    return Course(design, (last,), False)


@pytest.mark.parametrize(
    ("stop", "lower", "upper", "slack", "decision"),
    [
        ("above", -0.02, 0.03, 0.0, "PASS"),
        ("above", -0.02, 0.03, 0.01, "INSUFFICIENT_EVIDENCE"),
        ("above", -0.005, 0.03, 0.01, "PASS"),
        ("below", -0.05, 0.0, 0.0, "FAIL"),
        ("below", -0.05, 0.0, 0.01, "INSUFFICIENT_EVIDENCE"),
        ("below", -0.05, -0.02, 0.01, "FAIL"),
    ],
)
def test_an_adaptive_gate_must_clear_its_thresholds_too(stop: str, lower: float, upper: float, slack: float, decision: str) -> None:
    assert decide_course(course(stop, lower, upper), Rule(2.0), slack) == decision


def test_a_baseline_file_keeps_what_failed(tmp_path: Path) -> None:
    tally = make_tally([[None, None], *with_failed(drawn(2, problems=20, n=2), 0.2)], name="a")
    baselines.save(tmp_path / "b.json", [tally])
    found = baselines.read(tmp_path / "b.json")["arithmetic"]
    assert (found.problems, found.counts, found.rows("score")) == (tally.problems, tally.counts, tally.rows("score"))
    assert ([each.key for each in found.failed], found.shortfall) == ([each.key for each in tally.failed], "")
    assert found.rows("tokens") == tally.rows("tokens")
    assert judge(tally, found).decision == "PASS"


def test_saving_and_showing_a_baseline_says_how_many_samples_failed(tmp_path: Path) -> None:
    store_run(tmp_path / "runs", [[None, None], [1, None], [1, 0]], name="a")
    file = str(tmp_path / "b.json")
    commands = ["save", "a", "-o", file, "--runs", str(tmp_path / "runs")], ["show", file]
    said = "3 of 6 samples failed and have no score; left without any, and out of every number: problem p0000"
    for command in commands:
        assert said in " ".join(CliRunner().invoke(main, ["baseline", *command]).stdout.split())


@pytest.mark.parametrize(("format_ok", "said"), [(1, "format where it has none"), (None, "all of its samples failed")])
def test_a_baseline_file_of_which_nothing_is_left_or_that_contradicts_itself_is_refused(tmp_path: Path, format_ok: Any, said: str) -> None:
    task = baselines.to_json(make_tally([[1, 1]], name="a"))
    columns = task["columns"]
    task["problems"] = [["p0000", *(format_ok if name == "format" else None for name in columns[1:])]]
    head = {"kind": baselines.KIND, "version": 2, "tasks": {"arithmetic": task}}
    (tmp_path / "b.json").write_text(json.dumps({**head, "digest": digest_of([2, head["tasks"]])}))
    with pytest.raises(StorageError, match=said):
        baselines.read(tmp_path / "b.json")


def test_the_command_judges_with_failed_samples_only_where_told(tmp_path: Path) -> None:
    store_run(tmp_path, BASE, name="a")
    store_run(tmp_path, with_failed(drawn(0, chance=0.81), 0.03), name="b")
    words = ["gate", "b", "--baseline", "a", "--runs", str(tmp_path), "--json"]
    found = [CliRunner().invoke(main, [*words, *more]) for more in ([], ["--allow-failed"])]
    assert [each.exit_code for each in found] == [3, 0]
    [task] = json.loads(found[0].stdout)["tasks"]
    assert (task["failed"]["num_candidate"], task["failed_decide"], task["decision_without_failed"]) == (60, True, "PASS")


@pytest.mark.parametrize(
    ("candidate", "baseline", "said"),
    [
        ([[None, None], [None, None]], [[1, 0], [1, 1]], "has no score: all of its 4 samples failed; draw them again"),
        ([[None, None], [1, 0]], [[1, 0], [None, None]], "no problem has a sample in both that did not fail; draw them again"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--json"], ["--allow-failed"]])
def test_where_nothing_is_left_to_judge_the_evidence_is_insufficient(
    tmp_path: Path, candidate: list[list[float | None]], baseline: list[list[float | None]], said: str, more: list[str]
) -> None:
    store_run(tmp_path / "runs", baseline, name="a")
    store_run(tmp_path / "runs", candidate, name="b")
    files = {name: tmp_path / name for name in ("junit", "markdown", "out")}
    words = ["gate", "b", "--baseline", "a", "--runs", tmp_path / "runs", *more, *(f"--{name}={path}" for name, path in files.items())]
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert (result.exit_code, result.stderr, said in result.stdout) == (3, "", True)
    told = json.loads(files["out"].read_text())
    assert (told["decision"], told["exit_code"], said in told["error"]) == ("INSUFFICIENT_EVIDENCE", 3, True)
    assert json.loads(result.stdout) == told if more == ["--json"] else result.stdout.startswith("INSUFFICIENT EVIDENCE: run")
    assert files["markdown"].read_text().startswith("## ⚠️ r1bench gate: INSUFFICIENT EVIDENCE\n")
    assert ElementTree.parse(files["junit"]).getroot().find(".//testcase/error").get("type") == "INSUFFICIENT EVIDENCE"  # type: ignore[union-attr]
