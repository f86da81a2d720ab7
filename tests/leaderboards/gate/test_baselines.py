"""Baseline files: the same gate as the runs themselves, readable, and refused when they were changed."""

import json

import pytest
from fakes_runs import make_run, make_sample

from r1bench.harness.canonical import digest_of
from r1bench.harness.errors import StorageError, UsageError
from r1bench.harness.records import Noise, Run
from r1bench.harness.tables import display_width
from r1bench.leaderboards.gate import baselines
from r1bench.leaderboards.gate import verdict as gate
from r1bench.leaderboards.gate.ledger import of_run, recorded_shares
from r1bench.leaderboards.gate.rules import Rules

SECRETS = ("the-prompt", "the-completion", "the-answer")


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


def ledger(*args, **options):
    run = some_run(*args, **options)
    return of_run(run, also=recorded_shares(run))


def test_what_is_read_is_what_was_saved(tmp_path):
    held = [ledger(), ledger(task="gsm8k")]
    digest = baselines.save(tmp_path / "deep" / "b.json", held)
    found = baselines.read(tmp_path / "deep" / "b.json")
    assert list(found) == ["arithmetic", "gsm8k"]
    for before, after in zip(held, found.values(), strict=True):
        assert (after.measures, after.counts, after.problems, after.noise) == (
            before.measures,
            before.counts,
            before.problems,
            before.noise,
        )
        assert after.manifest.protocol() == before.manifest.protocol()
    assert digest == baselines.summary(tmp_path / "deep" / "b.json")["digest"]


def test_the_gate_says_the_same_by_file_and_by_run(tmp_path):
    baselines.save(tmp_path / "b.json", [ledger()])
    candidate, held = ledger("new", score=0.7), ledger()
    by_run, by_file = (gate.judge_tasks([(candidate, each)], Rules()) for each in (held, baselines.read(tmp_path / "b.json")["arithmetic"]))
    assert by_run.tasks[0].estimate == by_file.tasks[0].estimate
    assert by_run.guards == by_file.guards
    same = gate.judge_tasks([(held, baselines.read(tmp_path / "b.json")["arithmetic"])], Rules())
    assert same.tasks[0].estimate.method == "identical"


def test_neither_prompts_nor_completions_nor_folders_are_in_the_file(tmp_path):
    baselines.save(tmp_path / "b.json", [ledger()])
    text = (tmp_path / "b.json").read_text()
    assert [secret for secret in (*SECRETS, "/home/me") if secret in text] == []


def test_one_problem_is_one_line_and_the_same_runs_give_the_same_text():
    text = baselines.text_of([ledger(task="gsm8k"), ledger()])
    assert text == baselines.text_of([ledger(), ledger(task="gsm8k")])
    assert sum('["p0' in line for line in text.splitlines()) == 60
    assert text.isascii()


@pytest.mark.parametrize(
    ("old", "new"), [('["p003", 4,', '["p003", 5,'), ('"score"', '"skore"'), ('"n": 4', '"n": 5'), ('"name": "old"', '"name": "odd"')]
)
def test_a_file_that_was_changed_is_refused_by_its_name(tmp_path, old, new):
    baselines.save(tmp_path / "b.json", [ledger()])
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
    with pytest.raises(StorageError, match=r"b\.json is no baseline file"):
        baselines.read(tmp_path / "b.json")


def test_a_file_of_another_version_and_a_missing_one_are_named(tmp_path):
    baselines.save(tmp_path / "b.json", [ledger()])
    (tmp_path / "b.json").write_text((tmp_path / "b.json").read_text().replace('"version": 1,', '"version": 2,', 1))
    with pytest.raises(StorageError, match="is of version 2, and this r1bench reads version 1"):
        baselines.read(tmp_path / "b.json")
    with pytest.raises(StorageError, match=r"none.json cannot be read"):
        baselines.read(tmp_path / "none.json")


def spoilt(path, change):
    """The file with another content and the digest that belongs to it."""
    baselines.save(path, [ledger()])
    value = json.loads(path.read_text())
    change(value["tasks"]["arithmetic"])
    path.write_text(json.dumps({**value, "digest": digest_of([1, value["tasks"]])}))


def put(column, cell):
    """Another value in the first problem."""
    return lambda task: task["problems"][0].__setitem__(task["columns"].index(column), cell)


def added(column):
    return lambda task: (task["columns"].append(column), [row.append(1) for row in task["problems"]])


IMPOSSIBLE = {
    r"'p000' has score 9 in 4 samples": put("score", 9),
    r"'p000' has score -1 in": put("score", -1),
    r"'p000' has score 0.5 in": put("score", 0.5),
    r"'p000' has no number as score": put("score", True),
    r"'p000' has tokens .* \(squared 1\)": put("tokens squared", 1),
    r"'p000' has loop .* \(squared 4\)": put("loop squared", 4),
    r"'p000' has 0 samples": put("samples", 0),
    r"'p000' has 4.5 samples": put("samples", 4.5),
    r"has a whole number of 1329 bits": put("score", 10**400),
    r"column 'skore' is none": added("skore"),
    r"column 'score' is there twice": added("score"),
    r"29 problems are listed, and the manifest says 30": lambda task: task["problems"].pop(),
    r"problem 'p000' is there twice": lambda task: task["problems"][1].__setitem__(0, "p000"),
    r"is not in its place by name": lambda task: task["problems"].reverse(),
    r"row 1 of its problems does not fit": lambda task: task["problems"][0].pop(),
    r"has samples of gsm8k under the name arithmetic": lambda task: task["manifest"].__setitem__("task", "gsm8k"),
}


@pytest.mark.parametrize("named", IMPOSSIBLE)
def test_content_that_no_samples_can_have_is_refused_though_its_digest_fits(tmp_path, named):
    spoilt(tmp_path / "b.json", IMPOSSIBLE[named])
    with pytest.raises(StorageError, match=named) as found:
        baselines.read(tmp_path / "b.json")
    assert str(found.value).startswith(f"baseline {tmp_path / 'b.json'} ")
    assert "\n" not in str(found.value)


def test_two_runs_of_one_task_are_refused():
    with pytest.raises(UsageError, match="arithmetic has run-a, run-b"):
        baselines.text_of([ledger("a"), ledger("b")])


def test_hostile_names_stay_text(tmp_path):
    name = '"],\n "digest": "\x00\x1b[31m\u202e'
    baselines.save(tmp_path / "b.json", [of_run(make_run([[1, 0]] * 3, name=name))])
    assert baselines.read(tmp_path / "b.json")["arithmetic"].manifest.name == name
    shown = baselines.render(baselines.summary(tmp_path / "b.json"))
    assert max(map(display_width, shown.splitlines())) <= 80
    assert "\x1b" not in shown
    assert json.dumps(baselines.summary(tmp_path / "b.json"), allow_nan=False)
