"""`r1bench compare` over run folders: which runs names stand for, Holm over all of them, links to samples."""

import dataclasses
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fakes_runs import make_run

from r1bench.harness.canonical import digest_of
from r1bench.harness.cli import main
from r1bench.harness.errors import ProtocolError, UsageError
from r1bench.harness.records import Problem, Run
from r1bench.harness.statistics import multiplicity
from r1bench.harness.store.listed import SAMPLES
from r1bench.harness.store.runs import open_run
from r1bench.harness.tables import display_width
from r1bench.leaderboards.compare import many as compare_many

LOW, HIGH = [[0, 1]] * 30 + [[0, 0]] * 10, [[1, 1]] * 30 + [[0, 1]] * 10


def stored(root: Path, run: Run) -> Path:
    """The run as a folder on disk, its samples in another order than the record's."""
    problems = [Problem(problem, "?", ("1",)) for problem in dict.fromkeys(sample.problem_id for sample in run.samples)]
    manifest = dataclasses.replace(run.manifest, problems_digest=digest_of([problem.digest() for problem in problems]))
    with open_run(root, manifest, problems) as writer:
        for sample in reversed(run.samples):
            writer.append(sample)
        return writer.folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """base, sft and zero on two tasks; zero has a third."""
    for task in ("arithmetic", "gsm8k"):
        for name, scores in (("base", LOW), ("sft", LOW[::-1]), ("zero", HIGH)):
            stored(tmp_path, make_run(scores, name=name, task=task))
    stored(tmp_path, make_run(HIGH, name="zero", task="math500"))
    return tmp_path


def call(runs: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["compare", *arguments, "--runs", str(runs)], prog_name="r1bench")


def test_names_stand_for_all_tasks_that_all_of_them_have(runs: Path) -> None:
    found = compare_many.compare_names(runs, ["base", "sft", "zero"])
    assert [(line.comparison.b.task, line.comparison.b.name) for line in found.lines] == [
        (task, name) for task in ("arithmetic", "gsm8k") for name in ("sft", "zero")
    ]
    assert all(line.comparison.a.name == "base" for line in found.lines)
    assert found.left_out == ("math500: no run of 'base' and 'sft'",)


def test_p_values_are_adjusted_for_everything_that_was_compared(runs: Path) -> None:
    found = compare_many.compare_names(runs, ["base", "sft", "zero"])
    raw = [line.comparison.p_value for line in found.lines]
    assert [line.adjusted_p for line in found.lines] == multiplicity.holm(raw)
    assert found.lines[1].adjusted_p > raw[1]


def test_one_task_may_be_chosen(runs: Path) -> None:
    found = compare_many.compare_names(runs, ["base", "zero"], task="gsm8k")
    assert [line.comparison.a.task for line in found.lines] == ["gsm8k"]
    with pytest.raises(UsageError, match="'base' has no run of task 'math500'; it has arithmetic, gsm8k"):
        compare_many.compare_names(runs, ["base", "zero"], task="math500")


def test_runs_of_one_name_under_several_protocols_pair_with_the_same_protocol(runs: Path) -> None:
    stored(runs, make_run(HIGH, name="base", sampling={"temperature": 0.6}))
    stored(runs, make_run(LOW, name="zero", sampling={"temperature": 0.6}))
    found = compare_many.compare_names(runs, ["base", "zero"], task="arithmetic")
    assert len(found.lines) == 2
    assert all(line.comparison.a.protocol == line.comparison.b.protocol for line in found.lines)


def test_two_runs_of_one_name_and_protocol_must_be_told_apart(runs: Path) -> None:
    other = stored(runs, make_run(HIGH, name="base", sampling={"seed": 7}))
    with pytest.raises(UsageError, match=f"'base' has 2 runs of task 'arithmetic': .*{other.name}.*give one of these"):
        compare_many.compare_names(runs, ["base", "zero"])


def test_a_task_of_other_protocols_is_left_out_with_what_differs(runs: Path) -> None:
    for name, temperature in (("base", 1.0), ("zero", 0.6)):
        stored(runs, make_run(LOW, name=name, task="aime24", sampling={"temperature": temperature}))
    found = compare_many.compare_names(runs, ["base", "zero"])
    assert len(found.lines) == 2
    assert "temperature 1.0 / 0.6" in found.left_out[-1]
    with pytest.raises(ProtocolError, match="temperature"):
        compare_many.compare_names(runs, ["base", "zero"], task="aime24")


def test_names_without_a_common_task_are_refused(tmp_path: Path) -> None:
    for name, tasks in (("base", ("gsm8k", "aime24")), ("zero", ("math500", "amc23"))):
        for task in tasks:
            stored(tmp_path, make_run(LOW, name=name, task=task))
    with pytest.raises(UsageError, match="no task has runs of all"):
        compare_many.compare_names(tmp_path, ["base", "zero"])


def test_links_lead_to_the_samples_of_the_problem(runs: Path) -> None:
    found = json.loads(call(runs, "base", "zero", "--task", "gsm8k", "--json").stdout)
    for problem in found["problems"]:
        for side in ("a", "b"):
            for index, link in enumerate(problem[f"samples_{side}"]):
                path, _, line = link.rpartition(":")
                sample = json.loads(Path(path).read_text().splitlines()[int(line) - 1])
                assert (sample["problem_id"], sample["index"]) == (problem["id"], index)


def test_a_repeated_and_a_half_written_line_do_not_mislead_links(runs: Path) -> None:
    folder = next(path for path in runs.iterdir() if path.name.startswith("gsm8k--base"))
    lines = (folder / SAMPLES).read_text().splitlines(keepends=True)
    (folder / SAMPLES).write_text("".join([lines[0], *lines, lines[3][:20]]))
    found = compare_many.sample_lines(folder, 2)
    assert sorted(number for numbers in found.values() for number in numbers) == list(range(2, len(lines) + 2))


def test_two_runs_print_as_they_did_with_the_first_wins_and_losses(runs: Path) -> None:
    text = call(runs, "base", "zero", "--task", "gsm8k").stdout
    assert "Problems that B answers better (10 of 40, all with --problems)" in text
    assert "Problems that B answers worse (0)" in text
    assert text.rstrip().splitlines()[-1].startswith("B is better by 50.0 points")
    assert call(runs, "base", "zero", "--task", "gsm8k", "--problems").stdout.count(" +50.0 p0") == 40


def test_the_conclusion_of_many_rests_on_adjusted_p_values(runs: Path) -> None:
    found = compare_many.compare_names(runs, ["base", "sft", "zero"])
    assert compare_many.conclusion(found) == (
        "Shown in 2 of 4 comparisons with A, at 95 % over all of them: zero is better on arithmetic; zero is better on gsm8k."
    )
    doubtful = dataclasses.replace(found, lines=tuple(line._replace(adjusted_p=0.051) for line in found.lines))
    assert compare_many.conclusion(doubtful).startswith("No difference is shown")


def test_hostile_names_neither_steer_the_terminal_nor_widen_it(tmp_path: Path) -> None:
    names = ["base", "\x1b[31m" + "x" * 90, "z‮" * 20]
    for name in names:
        stored(tmp_path, make_run(LOW if name == "base" else HIGH, name=name))
    text = compare_many.render(compare_many.compare_names(tmp_path, names), all_problems=True)
    assert "\x1b" not in text
    assert "‮" not in text
    assert max(map(display_width, text.splitlines())) <= 80 + len(str(tmp_path)) + 40, "a path is never broken"


@pytest.mark.parametrize("options", [[], ["--problems"], ["--questions", "fixed"], ["--level", "0.9"]])
@pytest.mark.parametrize("names", [["base", "zero"], ["base", "sft", "zero"]])
def test_text_fits_80_columns(runs: Path, names: list[str], options: list[str]) -> None:
    lines = call(runs, *names, "--task", "gsm8k", *options).stdout.splitlines()
    assert max(display_width(line) for line in lines if SAMPLES not in line) <= 80


def test_json_of_many_is_a_list_with_adjusted_p_values(runs: Path) -> None:
    found = json.loads(call(runs, "base", "sft", "zero", "--json").stdout)
    assert [each["adjusted_p_value"] >= each["p_value"] for each in found["comparisons"]] == [True] * 4


def test_two_runs_and_many_runs_answer_alike(tmp_path: Path) -> None:
    rows = [[1, 0, 1, 0]] * 20, [[1, 1, 1, 0]] * 4 + [[1, 0, 1, 0]] * 16
    for name, scores in zip(("base", "zero"), rows, strict=True):
        for task in ("arithmetic", "gsm8k"):
            stored(tmp_path, make_run(scores, name=name, task=task))
    two = compare_many.compare_names(tmp_path, ["base", "zero"], task="gsm8k").lines[0].comparison
    many = compare_many.compare_names(tmp_path, ["base", "zero"])
    assert [line.comparison.p_value for line in many.lines] == [two.p_value] * 2
    assert [line.comparison.difference for line in many.lines] == [two.difference] * 2


def test_the_conclusion_names_the_protocol_where_one_task_occurs_in_two(runs: Path) -> None:
    for name, scores in (("base", LOW), ("zero", HIGH)):
        stored(runs, make_run(scores, name=name, sampling={"temperature": 0.6}))
    found = compare_many.compare_names(runs, ["base", "zero"])
    said = compare_many.conclusion(found)
    for line in found.lines:
        a = line.comparison.a
        assert (f"on {a.task} (protocol {a.protocol})" in said) == (a.task == "arithmetic")


def test_a_run_of_that_name_with_a_broken_manifest_is_an_error_that_names_its_folder(runs: Path) -> None:
    folder = next(path for path in runs.iterdir() if path.name.startswith("gsm8k--base"))
    (folder / "manifest.json").write_text("{")
    for names in (["base", "zero"], [folder.name, "zero"], [str(folder), "zero"]):
        made = call(runs, *names)
        assert made.exit_code == 2
        assert str(folder) in made.stderr
    assert call(runs, "base", "zero", "--task", "arithmetic").exit_code == 0
    assert call(runs, "sft", "zero").exit_code == 0


def test_one_run_alone_is_refused(runs: Path) -> None:
    made = call(runs, "base")
    assert made.exit_code == 2
    assert "give two runs or more" in made.stderr


@pytest.mark.shared_data
def test_two_recorded_models_on_amc23_come_out_as_published(shared_data: Path, tmp_path: Path) -> None:
    names = ("gemma-2-27b-it", "SkyT1-corrupt-0.2-32B")
    for name in names:
        responses, problems = shared_data / f"model_outputs/amc23_{name}.jsonl", shared_data / "contests/amc23_qwen.jsonl"
        made = CliRunner().invoke(main, ["import", "amc23", *map(str, (responses, "--name", name, "--data", problems, "--runs", tmp_path))])
        assert made.exit_code == 0, made.output
    found = json.loads(call(tmp_path, *names, "--json").stdout)
    assert (found["a"]["score"], found["b"]["score"]) == (0.175, 0.825)
    assert found["p_value"] < 0.001
    assert found["measures"]["tokens"]["mean"] is None
    assert "B is better by 65.0 points" in found["verdict"]


def test_samples_beyond_those_that_count_are_not_linked(runs: Path) -> None:
    folder = next(path for path in runs.iterdir() if path.name.startswith("gsm8k--base"))
    assert {len(numbers) for numbers in compare_many.sample_lines(folder, 1).values()} == {1}
