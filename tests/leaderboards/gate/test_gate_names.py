"""What the gate holds against what: names of runs, checkpoints and files; a checkpoint is evaluated as the baseline was."""

import json
import os
import re
import shutil
from pathlib import Path

import fakes_gate
import pytest
from click.testing import CliRunner, Result

from r1bench.harness import samplers
from r1bench.harness.cli import main
from r1bench.harness.errors import UsageError
from r1bench.harness.evaluation.drawing import Drawing
from r1bench.harness.store.names import run_of
from r1bench.harness.store.runs import read_run
from r1bench.leaderboards.gate.judging import parse_points
from r1bench.leaderboards.gate.references import find_baseline, find_candidate


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs of `old` on two tasks, and the checkpoints old, new and bad."""
    folder = tmp_path_factory.mktemp("made")
    for name, chance in (("old", 0.5), ("new", 0.95), ("bad", 0.05)):
        fakes_gate.make_checkpoint(folder / name, chance)
    for task in ("arithmetic", "gsm8k"):
        fakes_gate.make_stored(folder / "runs", folder / "old", n=4, task=task)
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that, as the current folder."""
    monkeypatch.setitem(samplers.SAMPLERS, fakes_gate.NAME, fakes_gate.WHERE)
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    fakes_gate.DRAWN.clear()
    return tmp_path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="r1bench")


def gate(*arguments: object) -> tuple[int, dict]:
    done = call("gate", *arguments, "--json")
    assert done.exit_code in (0, 1, 3), done.output
    return done.exit_code, json.loads(done.stdout)


@pytest.mark.parametrize(("name", "code", "decision"), [("new", 0, "PASS"), ("bad", 1, "FAIL"), ("old", 0, "PASS")])
def test_a_checkpoint_is_judged_on_all_tasks_of_a_name_on_the_board(place: Path, name: str, code: int, decision: str) -> None:
    found, verdict = gate(name, "--baseline", "board:old")
    assert (found, verdict["decision"]) == (code, decision)
    assert [each["task"] for each in verdict["tasks"]] == ["arithmetic", "gsm8k"]
    assert len(fakes_gate.DRAWN) == (0 if name == "old" else 2 * 24 * 4)


def test_a_checkpoint_is_evaluated_in_the_way_of_the_baseline(place: Path) -> None:
    gate("new", "--baseline", "board:old", "--tasks", "arithmetic")
    made, held = (run_of(place / "runs", name, ["arithmetic"]).manifest for name in ("new", "old"))
    assert made.protocol() == held.protocol()
    assert (made.sampler, made.batch_size, made.n, made.sampling["seed"]) == (held.sampler, held.batch_size, held.n, held.sampling["seed"])
    with pytest.raises(UsageError, match="has no run of task 'gsm8k'"):
        run_of(place / "runs", "new", ["gsm8k"])


def test_the_same_gate_again_draws_nothing(place: Path) -> None:
    first = gate("new", "--baseline", "board:old")
    fakes_gate.DRAWN.clear()
    assert gate("new", "--baseline", "board:old") == first
    assert fakes_gate.DRAWN == []


def test_a_file_stands_in_for_the_runs_and_asks_the_same_problems(place: Path) -> None:
    assert call("baseline", "save", "old", "-o", "b/old.json").exit_code == 0
    problems = [problem.to_json() for problem in fakes_gate.problems()]
    rows = [{"id": each["id"], "question": each["prompt"], "answer": f"#### {each['gold'][0]}"} for each in problems]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    _, by_runs = gate("new", "--baseline", "board:old", "--tasks", "gsm8k")
    shutil.rmtree("runs")
    _, by_file = gate("new", "--baseline", "b/old.json", "--tasks", "gsm8k", "--data", "rows.jsonl")
    assert by_file["tasks"][0]["difference"] == by_runs["tasks"][0]["difference"]
    done = call("gate", "bad", "--baseline", "b/old.json", "--tasks", "arithmetic")
    assert (done.exit_code, "not the problems that b/old.json" in done.output) == (2, True)


def test_a_baseline_file_is_shown_and_refused_once_it_was_edited(place: Path) -> None:
    call("baseline", "save", "old", "--task", "gsm8k", "-o", "b.json")
    shown = call("baseline", "show", "b.json")
    assert (shown.exit_code, "gsm8k: old" in shown.output, "arithmetic" in shown.output) == (0, True, False)
    Path("b.json").write_text(Path("b.json").read_text().replace('"n": 4', '"n": 3'))
    assert call("gate", "new", "--baseline", "b.json").exit_code == 2


def test_one_run_of_a_name_is_found_by_its_task(place: Path) -> None:
    assert [each.task for each in find_baseline("old", place / "runs", ["gsm8k"])] == ["gsm8k"]


def test_the_newest_complete_run_of_a_name_is_taken(place: Path) -> None:
    newer = fakes_gate.make_stored(place / "runs", place / "old", n=2, seed=1)
    assert [each.tally.id for each in find_baseline("board:old", place / "runs", ["arithmetic"])] == [newer.id]
    samples = place / "runs" / newer.id / "samples.jsonl"
    samples.write_text("".join(samples.read_text().splitlines(keepends=True)[:-1]))
    assert find_baseline("board:old", place / "runs", ["arithmetic"])[0].tally.n == 4


def test_of_several_protocols_of_a_name_the_newest_is_taken_and_named(place: Path) -> None:
    older = run_of(place / "runs", "old", ["arithmetic"]).folder.name
    other = fakes_gate.make_stored(place / "runs", place / "old", n=2, temperature=0.5)
    first, second = find_baseline("board:old", place / "runs")
    assert first.choice is not None
    assert (first.choice.run, first.choice.others, first.choice.num_protocols, second.choice) == (other.id, (older,), 2, None)
    _, verdict = gate("new", "--baseline", "board:old", "--tasks", "arithmetic")
    assert verdict["chosen"] == [{**first.choice._asdict(), "others": list(first.choice.others)}]
    assert f"{other.id}, the newest complete run" in " ".join(call("gate", "new", "--baseline", "board:old").stdout.split())


def test_of_two_checkpoints_of_a_name_the_newest_complete_run_is_taken(place: Path) -> None:
    fakes_gate.make_checkpoint(place / "more" / "old", 0.7)
    newer = fakes_gate.make_stored(place / "runs", place / "more" / "old", n=4)
    taken = find_baseline("board:old", place / "runs", ["arithmetic"])[0]
    assert taken.choice is not None
    assert (taken.tally.id, taken.choice.num_checkpoints) == (newer.id, 2)


def test_of_two_checkpoints_of_the_candidates_name_none_is_guessed(place: Path) -> None:
    fakes_gate.make_checkpoint(place / "more" / "new", 0.7)
    for folder in ("new", "more/new"):
        fakes_gate.make_stored(place / "runs", place / folder, n=4)
    os.rename("new", "moved")
    with pytest.raises(UsageError, match="'new' fits runs of several protocols or checkpoints on arithmetic"):
        find_candidate("new", find_baseline("board:old", place / "runs", ["arithmetic"]), place / "runs")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("new", "--baseline", "old"), "fits 2 runs: .* or board:old for the newest of each task"),
        (("new", "--baseline", "board:odl"), "did you mean 'old'"),
        (("new", "--baseline", "board:old", "--tasks", "math500"), "has no run of task 'math500'; it has arithmetic, gsm8k"),
        (("new", "--baseline", "board:old", "--tasks", "gsm8"), "did you mean 'gsm8k'"),
        (("nowhere", "--baseline", "board:old"), "unknown run 'nowhere'"),
        (("new", "--baseline", "board:old", "--tasks", ","), "',' names no task"),
        (("new", "--baseline", "board:old", "--guard", "score=1"), "the score is what the gate judges"),
        (("new", "--baseline", "board:old", "--guard", "lop=1"), "'lop' cannot be measured on arithmetic"),
        (("new", "--baseline", "none.json"), "baseline none.json cannot be read"),
        (("new", "--baseline", "board:old", "--margin", "aime24=1"), "given for 'aime24', and the tasks judged are arithmetic, gsm8k"),
        (("new", "--baseline", "board:old", "--margin", "two"), "'two' is not a number of points"),
        (("new", "--baseline", "board:old", "--guard", "loop"), "is not NAME=LIMIT"),
        (("new", "--baseline", "board:old", "--guard", "task:aime24=1"), "not among arithmetic, gsm8k"),
        (("new", "--baseline", "board:old", "--max-samples", "4"), "--max-samples is for --adaptive"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_drawn(place: Path, arguments: tuple[str, ...], named: str) -> None:
    done = call("gate", *arguments)
    lines = done.output.strip().splitlines()
    assert (done.exit_code, len(lines)) == (2, 1), done.output
    assert re.search(named, lines[0])
    assert fakes_gate.DRAWN == []


def test_a_candidate_run_that_covers_too_little_is_refused(place: Path) -> None:
    fakes_gate.make_stored(place / "runs", place / "new", n=4)
    references = find_baseline("board:old", place / "runs")
    os.rename("new", "moved")
    with pytest.raises(UsageError, match="'new' has runs of arithmetic and none of gsm8k"):
        find_candidate("new", references, place / "runs")
    assert set(find_candidate("new", references[:1], place / "runs")) == {"arithmetic"}


def test_a_task_that_guards_is_evaluated_too(place: Path) -> None:
    code, verdict = gate("bad", "--baseline", "board:old", "--guard", "task:gsm8k=5", "--margin", "99")
    assert [each["task"] for each in verdict["tasks"]] == ["arithmetic"]
    assert [(each["name"], each["decision"]) for each in verdict["guards"]][-1] == ("task:gsm8k", "FAIL")
    assert code == 1


def test_reports_are_written_before_the_exit(place: Path) -> None:
    done = call("gate", "bad", "--baseline", "board:old", "--junit", "r/g.xml", "--markdown", "r/g.md", "--out", "r/g.json")
    assert done.exit_code == 1
    assert sorted(path.name for path in Path("r").iterdir()) == ["g.json", "g.md", "g.xml"]
    assert json.loads(Path("r/g.json").read_text())["exit_code"] == 1
    Path("file").write_text("in the way")
    assert call("gate", "bad", "--baseline", "board:old", "--junit", "file/g.xml").exit_code == 2


@pytest.mark.parametrize("field", ["task_version", "grader_version", "template_hash"])
def test_a_baseline_of_another_version_is_refused_before_anything_is_drawn(place: Path, field: str) -> None:
    path = run_of(place / "runs", "old", ["gsm8k"]).folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: "other"}))
    done = call("gate", "new", "--baseline", "board:old")
    assert (done.exit_code, "other, and this r1bench" in done.output, fakes_gate.DRAWN) == (2, True, [])


def test_margins_are_for_all_tasks_or_for_one() -> None:
    assert parse_points(["2", "gsm8k=1.5", "aime24=+3"], "--margin") == (2.0, {"gsm8k": 1.5, "aime24": 3.0})
    assert parse_points([], "--margin") == (None, {})
    for wrong in (["1", "2"], ["a=1", "a=2"], ["=1"]):
        with pytest.raises(UsageError, match="--margin"):
            parse_points(wrong, "--margin")


def test_a_checkpoint_is_loaded_once_for_all_tasks(place: Path) -> None:
    drawing = Drawing(place / "runs")
    for reference in find_baseline("board:old", place / "runs"):
        drawing.draw("new", reference.tally.manifest, reference.asked(drawing), n=4)
    assert len(drawing.samplers) == 1
    assert read_run(run_of(place / "runs", "new", ["gsm8k"]).folder).is_complete
