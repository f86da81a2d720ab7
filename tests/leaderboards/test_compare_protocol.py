"""Refused comparisons: the command in the refusal is one that the command line accepts, and makes the runs equal."""

import dataclasses
import json
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fakes_runs import make_sample, make_tally

from r1bench.harness.cli import main
from r1bench.harness.errors import ProtocolError
from r1bench.harness.store.listed import MANIFEST, SAMPLES
from r1bench.harness.tally import Tally
from r1bench.leaderboards.compare import comparison as compare
from r1bench.leaderboards.protocol import again_command, check_complete


def refusal(a: Tally, b: Tally) -> str:
    with pytest.raises(ProtocolError) as caught:
        compare.compare(a, b)
    return str(caught.value)


def cures(a: Tally, b: Tally) -> list[list[str]]:
    """The commands of a refusal, each of which the command line must accept."""
    commands = [shlex.split(command) for command in refusal(a, b).partition(" run: ")[2].split(" && ")]
    for words in commands:
        main.commands[words[1]].make_context(words[1], words[2:])
    return commands


def test_the_cure_of_another_protocol_is_the_command_that_evaluates_b_as_a_was():
    a = make_tally([[1, 0]], command="r1bench eval x --tasks arithmetic --data 'my problems.jsonl' --limit=1", sampling={"max_tokens": 64})
    b = make_tally([[1, 0]], name="zero", command="r1bench eval y --device cpu --limit 9 --runs elsewhere", sampling={"temperature": 0.6})
    [words] = cures(a, b)
    assert words[:5] == ["r1bench", "eval", "checkpoints/zero", "--tasks", "arithmetic"]
    given = dict(zip(words[3::2], words[4::2], strict=True))
    assert (given["--temperature"], given["--max-tokens"], given["--template"]) == ("1.0", "64", "r1-zero")
    assert (given["--data"], given["--limit"], given["--device"]) == ("my problems.jsonl", "1", "cpu")
    assert "--runs" not in given, "where the run was made once says nothing of where it lies"


def test_the_cure_names_the_sampler_and_its_options_where_the_command_of_a_run_did_not():
    options = {"sample": {"style": "my own", "times": 2}, "run": {"batch_size": 8}, "machine": {"device": "cuda:3"}}
    b = make_tally([[1]], name="zero", sampler="echo", sampler_options=options, batch_size=8, sampling={"temperature": 0.6})
    named = make_tally([[1]], name="zero", command="r1bench eval y --sampler echo --sampler-set times=2", sampler_options=options)
    [words] = cures(make_tally([[1]]), b)
    assert words[words.index("--sampler") :] == [
        *("--sampler", "echo", "--sampler-set", "batch_size=8"),
        *("--sampler-set", "style=my own", "--sampler-set", "times=2"),
    ]
    assert again_command(named.manifest, named.manifest).count("times=2") == 1


def test_the_data_of_a_training_are_not_taken_for_the_data_of_its_evaluation():
    b = make_tally([[1]], name="zero", command="r1bench train --data train.jsonl --out trained --device cpu", sampling={"temperature": 0.6})
    [words] = cures(make_tally([[1]]), b)
    assert not {"--data", "--out"} & set(words)


def test_an_older_grader_of_the_reference_is_cured_too():
    a, b = make_tally([[1]], name="old"), make_tally([[1]], grader_version="2", sampling={"temperature": 0.6})
    assert [words[1] for words in cures(a, b)] == ["regrade", "eval"]
    assert [words[1] for words in cures(b, a)] == ["eval"], "evaluating the older one again grades it with today's"


def test_a_cure_quotes_what_files_say():
    b = make_tally([[1]], name="x; rm -rf ~", command="r1bench eval 'unfinished", sampling={"temperature": 0.6})
    [words] = cures(make_tally([[1]]), b)
    assert "checkpoints/x; rm -rf ~" in words


def test_imported_completions_cannot_be_drawn_again_and_no_command_says_so():
    imported = make_tally([[1]], sampler="import", template="imported", template_hash="imported", sampling={"max_tokens": 0})
    assert refusal(make_tally([[1]]), imported).endswith(
        "B was imported and cannot be drawn again; import both from files of one protocol and with the same --data"
    )


def test_an_incomplete_run_is_cured_by_its_own_command():
    half = make_tally([[1, 1], [0, 0]], samples=[make_sample("p0000", 0, 1)], name="half")
    assert "finish it by running the same evaluation again: r1bench eval checkpoints/half --tasks arithmetic --samples 2" in refusal(
        half, half
    )


def test_an_older_task_is_evaluated_again_whichever_side_it_is_on():
    old, today = make_tally([[1]], name="old"), make_tally([[1]], task_version="2")
    for pair in ((old, today), (today, old)):
        assert [words[2] for words in cures(*pair)] == ["checkpoints/old"]


def test_another_place_to_stop_is_no_option():
    assert "is the task's and no option" in refusal(make_tally([[1]]), make_tally([[1]], sampling={"stop": ("User:",)}))


def call(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with one run of a real model, whose command names another folder."""
    root = tmp_path_factory.mktemp("made") / "elsewhere"
    words = ["eval", "tiny-base", "--tasks", "arithmetic", "--limit", "3", "--samples", "2", "--max-tokens", "8", "--device", "cpu"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["r1bench", *words, "--out", str(root)])  # what the manifest keeps
        assert call(*words, "--out", root).exit_code == 0
    return root


def moved(evaluated: Path, tmp_path: Path) -> Path:
    """The same run in another folder than its command says."""
    shutil.copytree(evaluated, tmp_path / "my runs")
    return next(path for path in (tmp_path / "my runs").iterdir() if (path / SAMPLES).is_file())


def typed(error: str) -> None:
    """Carry out what a message says after its last colon."""
    made = call(*shlex.split(error.strip().rpartition(": ")[2])[1:])
    assert made.exit_code == 0, made.output


def cut_short(folder: Path) -> None:
    lines = (folder / SAMPLES).read_text().splitlines(keepends=True)
    (folder / SAMPLES).write_text("".join(lines[:-2]))


@pytest.mark.parametrize("command", [["compare"], ["metrics"], ["power", "--baseline"]])
def test_typing_the_cure_of_an_unfinished_run_finishes_it_where_it_lies(command: list[str], evaluated: Path, tmp_path: Path) -> None:
    folder = moved(evaluated, tmp_path)
    cut_short(folder)
    words = [*command, folder, *([folder] if command == ["compare"] else []), "--runs", tmp_path]
    refused = call(*words)
    assert refused.exit_code == 2
    typed(refused.stderr)
    assert call(*words).exit_code == 0


def test_typing_the_cure_of_an_older_grader_makes_the_runs_comparable(evaluated: Path, tmp_path: Path) -> None:
    folder = moved(evaluated, tmp_path)
    old = tmp_path / "old" / "arithmetic--tiny-base--00000000"
    shutil.copytree(folder, old)
    manifest = json.loads((old / MANIFEST).read_text())
    (old / MANIFEST).write_text(json.dumps({**manifest, "grader_version": "0", "command": "r1bench eval tiny-base"}))
    refused = call("compare", old, folder)
    typed(refused.stderr)
    [again] = [path for path in old.parent.iterdir() if path != old]
    assert call("compare", again, folder).exit_code == 0


def test_the_top_up_of_single_samples_goes_into_the_folder_that_the_run_lies_in() -> None:
    a, b = make_tally([[1], [0]], name="base"), make_tally([[0], [1]], name="zero")
    a, b = dataclasses.replace(a, place=Path("one")), dataclasses.replace(b, place=Path("the other"))
    note = compare.compare(a, b, questions="fixed").notes[-1]
    assert "--runs one and r1bench eval checkpoints/zero" in note
    assert note.endswith("--runs 'the other'")


def test_an_unfinished_import_is_cured_by_importing_again_into_its_folder() -> None:
    half = make_tally(
        [[1], [0]], samples=[make_sample("p0000", 0, 1)], sampler="import", command="r1bench import math500 x.jsonl --out a --name b"
    )
    with pytest.raises(ProtocolError, match=r"importing its file again: r1bench import math500 x.jsonl --name b --runs here$"):
        check_complete(dataclasses.replace(half, place=Path("here")))
    silent = dataclasses.replace(half, manifest=dataclasses.replace(half.manifest, command="unknown"))
    assert refusal(silent, silent).endswith("importing its file again")
