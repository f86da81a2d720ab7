"""Baseline files: the same gate as the runs themselves, readable, of both versions, and refused when they were changed."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes_folders import make_problems
from fakes_runs import make_run, make_sample, make_tally

from r1bench.harness.canonical import digest_of
from r1bench.harness.errors import StorageError, UsageError
from r1bench.harness.records import Noise, Run
from r1bench.harness.store.runs import open_run
from r1bench.harness.tables import display_width
from r1bench.harness.tally import Tally
from r1bench.leaderboards.gate import baselines
from r1bench.leaderboards.gate.rules import Rules
from r1bench.leaderboards.gate.text import side_json
from r1bench.leaderboards.gate.verdict import judge_tasks
from r1bench.leaderboards.measures.reading import of_run, read
from r1bench.leaderboards.protocol import is_same_evaluation

SECRETS = ("the-prompt", "the-completion", "the-answer")
VERSION_1 = Path(__file__).parents[2] / "cases/baseline_version_1.json"
"""Of `some_run()`, written by r1bench 0.1.0 before version 2."""


def some_run(name="old", task="arithmetic", score=0.5):
    samples = []
    for number in range(120):
        behaviour = {"loop": number % 3 / 2, "rule:think_once": 1.0, "reasoning_tokens": 5}
        text = f"the-prompt the-completion {number}"
        made = make_sample(
            f"p{number // 4:03d}", number % 4, number % 10 < 10 * score, behaviour=behaviour, text=text, num_tokens=number + 1
        )
        samples.append(made)
    run = make_run([[1] * 4] * 30, name=name, task=task, samples=samples, command="r1bench eval /home/me/the-prompt")
    return Run(run.id, run.manifest, run.samples, Noise(3, 3, 2, 1, 0.1, 0.003, {"device": "cpu"}))


def tally(*args, **options):
    return of_run(some_run(*args, **options))


def stored(root: Path, run: Run) -> Tally:
    """The tally of a run that lies in a folder."""
    problems = [replace(problem, id=f"p{number:03d}") for number, problem in enumerate(make_problems(30))]
    manifest = replace(run.manifest, problems_digest=digest_of([problem.digest() for problem in problems]))
    with open_run(root, manifest, problems) as writer:
        for sample in run.samples:
            writer.append(sample)
    return read(writer.folder)


def saved(folder: Path, version: int) -> Path:
    """A baseline file of the run `tally()`."""
    if version == 1:
        return VERSION_1
    baselines.save(folder / "b.json", [tally()])
    return folder / "b.json"


def test_what_is_read_is_what_was_saved(tmp_path):
    held = [tally(), tally(task="gsm8k")]
    baselines.save(tmp_path / "deep" / "b.json", held)
    found = baselines.read(tmp_path / "deep" / "b.json")
    assert list(found) == ["arithmetic", "gsm8k"]
    for before, after in zip(held, found.values(), strict=True):
        assert {name: after.rows(name) for name in after.values} == {name: before.rows(name) for name in after.values}
        assert {"score", "tokens", "loop", "rule:think_once", "index"} <= after.values.keys()
        assert (after.counts, after.problems, after.noise, after.samples_digest, after.is_ordered) == (
            *(before.counts, before.problems, before.noise, before.samples_digest),
            True,
        )
        assert after.manifest.protocol() == before.manifest.protocol()
    assert baselines.summary(tmp_path / "deep" / "b.json")["digest"] in (tmp_path / "deep" / "b.json").read_text()


def test_what_is_not_known_of_a_sample_is_not_known_in_the_file(tmp_path):
    samples = [make_sample("p0000", index, 1, num_tokens=7 * index) for index in range(3)]
    held = make_tally([[1, 1, 1]], samples=samples)
    baselines.save(tmp_path / "b.json", [held])
    after = baselines.read(tmp_path / "b.json")["arithmetic"]
    assert str(after.rows("tokens")) == str(held.rows("tokens")) == "[[nan, 7.0, 14.0]]"
    assert '["p0000", 1, 1, 1, 0, 0, [null, 7, 14], [null, 8, 8]]' in (tmp_path / "b.json").read_text()


@pytest.mark.parametrize("version", [1, 2])
def test_the_gate_says_the_same_by_file_and_by_run(tmp_path, version):
    candidate, held = tally("new", score=0.7), tally()
    by_run, by_file = (judge_tasks([(candidate, each)], Rules()) for each in (held, baselines.read(saved(tmp_path, version))["arithmetic"]))
    error = 1e-9 if version == 1 else 0
    assert by_file.tasks[0].estimate[:3] == pytest.approx(by_run.tasks[0].estimate[:3], rel=error, abs=error)
    for one, other in zip(by_run.guards, by_file.guards, strict=True):
        numbers = [(each.baseline, each.candidate, each.worsening, each.low, each.high, each.p_value) for each in (one, other)]
        assert numbers[1] == pytest.approx(numbers[0], rel=error, abs=error)
        assert one.decision == other.decision


@pytest.mark.parametrize("version", [1, 2])
def test_a_candidate_that_is_the_baseline_itself_is_recognised(tmp_path, version):
    held = baselines.read(saved(tmp_path, version))["arithmetic"]
    found = [
        baselines.recognised(stored(tmp_path / name, some_run(name, score=score)), held) for name, score in (("old", 0.5), ("new", 0.5))
    ]
    found += [baselines.recognised(stored(tmp_path / "other", some_run(score=0.6)), held)]
    assert [is_same_evaluation(each, held) for each in found] == [True, False, False]


def test_a_file_and_its_run_are_described_alike(tmp_path):
    by_run, by_file, by_old = map(side_json, (tally(), *(baselines.read(saved(tmp_path, version))["arithmetic"] for version in (2, 1))))
    assert {key for key in by_run if by_run[key] != by_file[key]} == {"id", "measures"}
    assert {key for key in by_run["measures"] if by_run["measures"][key] != by_file["measures"].get(key)} == {"han"}
    assert [by_old[key] for key in ("score", "low", "high", "method", "noise")] == [
        by_run[key] for key in ("score", "low", "high", "method", "noise")
    ]


def test_values_that_stand_for_sums_have_the_mean_and_variance_of_the_samples():
    old, held = baselines.read(VERSION_1)["arithmetic"], tally()
    assert not old.is_ordered
    assert old.rows("score") == [sorted(row, reverse=True) for row in held.rows("score")]
    for measure in ("format", "tokens", "loop"):
        for stand_ins, row in zip(old.rows(measure), held.rows(measure), strict=True):
            assert (np.mean(stand_ins), np.var(stand_ins, ddof=1)) == pytest.approx((np.mean(row), np.var(row, ddof=1)))


def test_neither_prompts_nor_completions_nor_folders_are_in_the_file(tmp_path):
    baselines.save(tmp_path / "b.json", [tally()])
    text = (tmp_path / "b.json").read_text()
    assert [secret for secret in (*SECRETS, "/home/me") if secret in text] == []


def test_one_problem_is_one_line_and_the_same_runs_give_the_same_text():
    text = baselines.text_of([tally(task="gsm8k"), tally()])
    assert text == baselines.text_of([tally(), tally(task="gsm8k")])
    assert sum('["p0' in line for line in text.splitlines()) == 60
    assert text.isascii()


@pytest.mark.parametrize(
    ("old", "new"), [('["p003", [1, 1', '["p003", [0, 1'), ('"score"', '"skore"'), ('"n": 4', '"n": 5'), ('"name": "old"', '"name": "odd"')]
)
def test_a_file_that_was_changed_is_refused_by_its_name(tmp_path, old, new):
    baselines.save(tmp_path / "b.json", [tally()])
    text = (tmp_path / "b.json").read_text()
    (tmp_path / "b.json").write_text(text.replace(old, new))
    assert old in text
    with pytest.raises(StorageError, match=r"b\.json was changed after it was written"):
        baselines.read(tmp_path / "b.json")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"kind": "else"}', "<<<<<<< ours", "[" * 100_000, '{"kind": "r1bench baseline", "version": 1}']
)
def test_what_is_no_baseline_file_is_refused_by_its_name(tmp_path, text):
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(StorageError, match=r"b\.json is not a baseline file"):
        baselines.read(tmp_path / "b.json")


def test_a_file_of_another_version_and_a_missing_one_are_named(tmp_path):
    baselines.save(tmp_path / "b.json", [tally()])
    (tmp_path / "b.json").write_text((tmp_path / "b.json").read_text().replace('"version": 2,', '"version": 3,', 1))
    with pytest.raises(StorageError, match="is of version 3, and this r1bench reads versions 1 to 2"):
        baselines.read(tmp_path / "b.json")
    with pytest.raises(StorageError, match=r"none.json cannot be read"):
        baselines.read(tmp_path / "none.json")


def spoilt(path, version, change):
    """The file with another content and the digest that belongs to it."""
    value = json.loads(saved(path.parent, version).read_text())
    change(value["tasks"]["arithmetic"])
    path.write_text(json.dumps({**value, "digest": digest_of([version, value["tasks"]])}))


def put(column, cell):
    """Another value in the first problem."""
    return lambda task: task["problems"][0].__setitem__(task["columns"].index(column), cell)


def added(column):
    return lambda task: (task["columns"].append(column), [row.append(1) for row in task["problems"]])


OF_BOTH = {
    r"'p000' has score 9 in 4 samples": put("score", 9),
    r"'p000' has score -1 in": put("score", -1),
    r"has a whole number of 1329 bits": put("score", 10**400),
    r"column 'skore' is not one": added("skore"),
    r"column 'score' is there twice": added("score"),
    r"29 problems are listed, and the manifest says 30": lambda task: task["problems"].pop(),
    r"problem 'p000' is there twice": lambda task: task["problems"][1].__setitem__(0, "p000"),
    r"is not in its place by name": lambda task: task["problems"].reverse(),
    r"row 1 of its problems does not fit": lambda task: task["problems"][0].pop(),
    r"has samples of gsm8k under the name arithmetic": lambda task: task["manifest"].__setitem__("task", "gsm8k"),
    r"1000000 samples of 30 problems are more than a file can hold": lambda task: task["manifest"].__setitem__("rounds", [10**6]),
}
OF_VERSION_1 = {
    r"'p000' has score 0.5 in": put("score", 0.5),
    r"'p000' has no number as score": put("score", True),
    r"'p000' has tokens .* \(squared 1\)": put("tokens squared", 1),
    r"'p000' has loop .* \(squared 4\)": put("loop squared", 4),
    r"'p000' has 0 samples": put("samples", 0),
    r"'p000' has 4.5 samples": put("samples", 4.5),
}
OF_VERSION_2 = {
    r"'p000' has score \[0, 1, 1\] in 4 samples": put("score", [0, 1, 1]),
    r"'p000' has score \[0, 1, 1, None\]": put("score", [0, 1, 1, None]),
    r"'p000' has score \[0, 1, 1, True\]": put("score", [0, 1, 1, True]),
    r"'p000' has score None": put("score", None),
    r"'p000' has loop \[0, 1, 2, 0\]": put("loop", [0, 1, 2, 0]),
    r"'p000' has tokens \[1, -2, 3, 4\]": put("tokens", [1, -2, 3, 4]),
    r"column 'tokens squared' is not one": added("tokens squared"),
}
IMPOSSIBLE = [(version, named) for version, own in ((1, OF_VERSION_1), (2, OF_VERSION_2)) for named in (*OF_BOTH, *own)]


@pytest.mark.parametrize(("version", "named"), IMPOSSIBLE)
def test_content_that_no_samples_can_have_is_refused_though_its_digest_fits(tmp_path, version, named):
    spoilt(tmp_path / "b.json", version, {**OF_BOTH, **OF_VERSION_1, **OF_VERSION_2}[named])
    with pytest.raises(StorageError, match=named) as found:
        baselines.read(tmp_path / "b.json")
    assert str(found.value).startswith(f"baseline {tmp_path / 'b.json'} ")
    assert "\n" not in str(found.value)


def test_two_runs_of_one_task_are_refused():
    with pytest.raises(UsageError, match="arithmetic has run-a, run-b"):
        baselines.text_of([tally("a"), tally("b")])


def test_hostile_names_stay_text(tmp_path):
    name = '"],\n "digest": "\x00\x1b[31m\u202e'
    baselines.save(tmp_path / "b.json", [make_tally([[1, 0]] * 3, name=name)])
    assert baselines.read(tmp_path / "b.json")["arithmetic"].manifest.name == name
    shown = baselines.render(baselines.summary(tmp_path / "b.json"))
    assert max(map(display_width, shown.splitlines())) <= 80
    assert "\x1b" not in shown
    assert json.dumps(baselines.summary(tmp_path / "b.json"), allow_nan=False)
