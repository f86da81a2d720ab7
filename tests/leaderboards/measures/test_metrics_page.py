"""`r1bench metrics`: the page of one run as text and JSON, its refusals, hostile names."""

import json
import random
import re

import pytest
from click.testing import CliRunner
from fakes_runs import make_run, make_sample, make_tally

from r1bench.harness import tables
from r1bench.harness.canonical import digest_of
from r1bench.harness.cli import metrics as cli_metrics
from r1bench.harness.errors import ProtocolError, StorageError
from r1bench.harness.records import Completion, Grade, Problem
from r1bench.harness.store import runs as store
from r1bench.leaderboards.measures import page as metrics_page
from r1bench.leaderboards.measures.reading import read
from r1bench.tasks.grading.behaviour import measure


def long_run(num_problems=30, n=8, **changes):
    """Mixed outcomes, large token counts, behaviour of real texts."""
    draw, samples = random.Random(0), []
    for number in range(num_problems):
        for index in range(n):
            tokens, outcome = draw.randrange(1, 32_769), draw.choice(["correct", "wrong", "unparsed", "truncated", "failed"])
            text = "<think>wait, but 你好 再见</think><answer>4</answer>"
            score = float(outcome == "correct")
            grade = Grade(outcome, score, str(draw.randrange(5)), "", "integer", "1")
            done = Completion(text, "length" if outcome == "truncated" else "stop", tokens)
            behaviour = measure(text, "", done.finish_reason, tokens)
            languages = {"en": 2, "zh": 4}
            fields = {"grade": grade, "completion": done, "behaviour": behaviour, "languages": languages, "reasoning_tokens": tokens}
            samples.append(make_sample(f"p{number:04d}", index, score, **fields))
    return make_tally([[0.0] * n] * num_problems, samples=samples, sampling={"max_tokens": 32_768}, **changes)


def test_the_page_fits_80_columns_with_long_names_and_large_numbers():
    runs = [long_run(name="小模型" * 20), make_tally([[1.0] * 4] * 5000), make_tally([[0.25, 1.0]] * 3, grader="language", name="x" * 200)]
    for run in runs:
        text = metrics_page.render(metrics_page.measure(run))
        assert max(map(tables.display_width, text.splitlines())) <= 80


def test_the_page_says_every_number_with_interval_and_n():
    text = metrics_page.render(metrics_page.measure(make_tally([[1, 1, 0, 0], [1, 0, 0, 0]] * 10)))
    assert "20 problems x 4" in text
    lines = text.splitlines()
    assert next(line for line in lines if line.startswith("   4 ")).split()[:3] == ["4", "100.0", "[83.9,"]
    assert next(line for line in lines if line.startswith("correct")).split()[-3:] == ["30", "of", "80"]


def test_100_is_written_with_its_decimal_and_fits():
    text = metrics_page.render(metrics_page.measure(make_tally([[1] * 4] * 2000)))
    assert re.search(r"^   4 +100\.0 \[99\.\d, 100\.0\] +100\.0 \[99\.\d, 100\.0\]", text, re.MULTILINE)
    assert max(map(len, text.splitlines())) <= 80


def test_control_characters_of_names_do_not_reach_the_terminal():
    text = metrics_page.render(metrics_page.measure(long_run(2, 2, name="a\x1b[31mb", task="t\n")))
    assert "\x1b" not in text
    assert "a?[31mb on t?" in text


def test_json_is_plain_and_has_what_the_text_has():
    found = metrics_page.measure(long_run())
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert {"several", "outcomes", "lengths", "measures", "strictness", "targets", "length_unit", "style"} <= set(found)
    assert metrics_page.render(json.loads(json.dumps(found))) == metrics_page.render(found)


def test_a_run_of_one_problem_and_one_sample_has_a_page_without_nan():
    text = metrics_page.render(metrics_page.measure(make_tally([[1]])))
    assert "nan" not in text
    assert "pass@k" in text


def test_an_incomplete_run_has_no_page():
    with pytest.raises(ProtocolError, match="incomplete 3/4"):
        metrics_page.measure(make_tally([[1, 0], [1]]))


def store_run(root, **changes):
    """A run on disk; returns its folder."""
    problems = [Problem(f"p{number:04d}", f"question {number}", ("1",)) for number in range(6)]
    run = make_run([[1, 0, 1, 1]] * 6, problems_digest=digest_of([problem.digest() for problem in problems]), **changes)
    with store.open_run(root, run.manifest, problems) as writer:
        for sample in run.samples:
            writer.append(sample)
        return writer.folder


@pytest.fixture
def stored(tmp_path):
    """A run on disk, and a way to call the command on it."""
    store_run(tmp_path)
    return lambda *options: CliRunner().invoke(cli_metrics.metrics, ["tiny", "--runs", str(tmp_path), *options])


def test_the_command_prints_what_was_asked_for(stored):
    found = json.loads(stored("--k", "1,3", "--budget", "8,12", "--json").output)["several"]
    assert [name for name in found if name.startswith("pass@")] == ["pass@1", "pass@3"]
    assert [point["tokens"] for point in found["budgets"]] == [8, 12]
    assert "pass@k" in stored().output


def test_the_command_refuses_more_than_there_is(stored):
    assert "draw at least 16 samples: r1bench eval ... --samples 16" in str(stored("--k", "16").exception)
    assert "it had at most 512" in str(stored("--budget", "1024").exception)


@pytest.mark.parametrize("wrong", ["0", "1,x", "", "1,,2", "-1", "²"])
def test_the_command_refuses_what_is_no_list_of_numbers(stored, wrong):
    assert "give whole numbers above 0" in stored("--k", wrong).output


def test_a_name_stands_for_its_runs_of_all_tasks_one_after_the_other_and_one_may_be_chosen(stored, tmp_path):
    store_run(tmp_path, task="gsm8k")
    found = json.loads(stored("--json").output)["runs"]
    assert [each["task"] for each in found] == ["arithmetic", "gsm8k"]
    assert stored().output.index("tiny on arithmetic") < stored().output.index("tiny on gsm8k")
    assert json.loads(stored("--task", "gsm8k", "--json").output)["task"] == "gsm8k"
    assert "has no run of task 'aime24'" in str(stored("--task", "aime24").exception)


def test_the_level_is_that_of_every_interval(stored):
    narrow, wide = (json.loads(stored("--level", level, "--json").output) for level in ("0.5", "0.99"))
    for place, key in (("measures", "format"), ("several", "pass@1")):
        one, other = narrow[place][key], wide[place][key]
        assert one["high"] - one["low"] < other["high"] - other["low"]
    assert "50 % interval" in stored("--level", "0.5").output


@pytest.mark.parametrize("is_there", [True, False])
def test_a_run_without_samples_is_one_line_with_the_command_that_makes_them(stored, tmp_path, is_there):
    path = next(tmp_path.iterdir()) / store.SAMPLES
    path.write_text("") if is_there else path.unlink()
    assert "is incomplete 0/24 samples; finish it by running the same evaluation again: r1bench eval checkpoints/tiny" in str(
        stored().exception
    )
    assert str(stored().exception).endswith(f"--runs {tmp_path}")
    with pytest.raises(ProtocolError, match="incomplete 0/24"):
        metrics_page.measure(read(path.parent))


IMPOSSIBLE = [
    ("max_tokens", None),
    ("max_tokens", -1),
    ("temperature", "1"),
    ("temperature", None),
    ("top_p", float("nan")),
    ("top_k", 0.5),
]


@pytest.mark.parametrize(("option", "value"), [*IMPOSSIBLE, ("top_k", 0.5), ("n", 0), ("seed", None), ("stop", [1]), ("stop", None)])
def test_a_manifest_with_an_impossible_sampling_is_one_line(tmp_path, option, value):
    path = store_run(tmp_path) / store.MANIFEST
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "sampling": {**manifest["sampling"], option: value}}))
    with pytest.raises(StorageError, match=r"manifest\.json is no manifest of a run"):
        read(path.parent)


def test_what_the_token_limit_cut_is_not_called_as_the_outcome_is():
    rows = [make_sample("p0000", index, 1, behaviour={"truncated": 0.0}) for index in range(2)]
    text = metrics_page.render(metrics_page.measure(make_tally([[1, 1]], samples=rows)))
    lines = [line.split("  ")[0] for line in text.splitlines()]
    assert lines.count("truncated") == 1
    assert "cut by the token limit" in lines
    assert "1 problem x 2" in text
