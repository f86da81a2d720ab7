"""`r1bench power`: published figures come back, a baseline's own figures come first, and nothing is loaded or spent."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes_runs import make_sample, make_tally

from r1bench.harness.cli import main
from r1bench.harness.cli.compare import plan_comparison
from r1bench.harness.errors import ProtocolError, UsageError
from r1bench.harness.tables import display_width
from r1bench.leaderboards.compare import power

ASKED = {
    "task": None,
    "samples": None,
    "problems": None,
    "baseline": None,
    "baseline_samples": None,
    "pass_rate": None,
    "margin": 2.0,
    "alpha": 0.05,
    "power": 0.8,
    "questions": "fixed",
}
PUBLISHED = {  # (task, samples): what evaluation.md 2 computed without imaginary samples and with normal quantiles
    ("aime24", 16): 5.8,
    ("aime24", 64): 2.9,
    ("math500", 1): 3.9,
    ("math500", 4): 1.9,
    ("gpqa_diamond", 4): 4.5,
    ("gpqa_diamond", 16): 2.3,
    ("gsm8k", 1): 2.2,
    ("gsm8k", 4): 1.1,
}


def asked(tmp_path, **changes):
    return plan_comparison(tmp_path, **{**ASKED, **changes})


@pytest.mark.parametrize(("task", "samples"), PUBLISHED)
def test_detectable_differences_are_those_of_the_facts_table(tmp_path, task, samples):
    found = asked(tmp_path, task=task, samples=samples)
    assert 100 * found.asked.fixed == pytest.approx(PUBLISHED[task, samples], abs=0.06)


def test_with_one_sample_each_thirty_problems_detect_less_than_a_normal_quantile_says(tmp_path):
    found = asked(tmp_path, task="aime24", samples=1)
    assert 0.231 < found.asked.fixed < 0.28, "29 degrees of freedom and two imaginary samples"


@pytest.mark.parametrize(("task", "samples", "error"), [("aime24", 1, 9.1), ("aime24", 16, 6.5), ("math500", 4, 1.3), ("gsm8k", 1, 0.9)])
def test_planning_values_give_the_published_errors_of_one_run(task, samples, error):
    within, between, _, _ = power.planning(task)
    sizes = {"aime24": 30, "math500": 500, "gsm8k": 1319}
    assert 100 * math.sqrt((between + within / samples) / sizes[task]) == pytest.approx(error, abs=0.06)


def test_random_questions_detect_less_and_more_samples_do_not_help_without_end(tmp_path):
    found = asked(tmp_path, task="aime24", questions="random")
    assert all(row.random > row.fixed for row in found.rows)
    assert found.rows[-1].random > 0.15
    assert found.samples_needed is None
    assert found.problems_needed > 30


def test_the_samples_it_advises_are_the_fewest_that_detect_the_margin(tmp_path):
    needed = asked(tmp_path, task="aime24", samples=16).samples_needed
    assert needed == 135
    assert (
        asked(tmp_path, task="aime24", samples=needed).asked.fixed <= 0.02 < asked(tmp_path, task="aime24", samples=needed - 1).asked.fixed
    )


def test_the_adaptive_gate_is_expected_to_need_about_half_of_the_fixed_size(tmp_path):
    found = asked(tmp_path, task="aime24").adaptive
    assert 0.5 < found.mean_samples / found.fixed_samples < 0.6


def test_a_task_without_planning_values_gets_the_most_that_scores_can_vary(tmp_path):
    found = asked(tmp_path, task="livecodebench", samples=4)
    assert found.spread.within == 0.25
    assert "no planning value for livecodebench" in found.spread.source
    assert asked(tmp_path, task="livecodebench", pass_rate=0.9).spread.within == pytest.approx(0.09)


def test_without_a_run_the_cost_is_the_most_that_the_protocol_allows(tmp_path):
    found = asked(tmp_path, task="aime24", samples=16)
    assert found.asked.tokens == 30 * 16 * 32768
    assert "the most that the protocol allows" in power.render(found)


def test_a_baseline_gives_its_own_variance_and_tokens():
    rows = [[1, 0, 1, 1], [0, 0, 1, 0], [1, 1, 1, 1]]
    spread, tokens = power.of_baseline(
        make_tally(rows, samples=[make_sample(f"p000{i}", j, rows[i][j], num_tokens=10 + i) for i in range(3) for j in range(4)])
    )
    assert spread.within == pytest.approx((0.25 + 0.25 + 0) / 3)
    means = [0.75, 0.25, 1.0]
    assert spread.between == pytest.approx(sum((m - 2 / 3) ** 2 for m in means) / 2 - spread.within / 4)
    assert tokens.per_completion == pytest.approx(11)


def test_a_baseline_with_one_sample_is_planned_by_its_pass_rate_and_the_text_does_not_ask_for_a_baseline():
    spread, _ = power.of_baseline(make_tally([[1]] * 9 + [[0]], sampler="import"))
    assert spread.within == pytest.approx(0.09)
    assert "pass rate 0.9 over 10 problems x 1 of run run-tiny" in spread.source
    assert "--baseline" not in power.ceiling(100, has_baseline=True).source


def test_an_incomplete_baseline_is_refused():
    with pytest.raises(ProtocolError, match=r"incomplete 1/2 samples; finish it .*: r1bench eval checkpoints/tiny .* --runs here$"):
        power.of_baseline(replace(make_tally([[1], [0]], samples=[make_sample("p0000", 0, 1)]), place=Path("here")))


def test_a_baseline_that_stays_small_is_told_apart_from_one_that_is_topped_up(tmp_path):
    found = asked(tmp_path, task="aime24", samples=64, baseline_samples=16, margin=3.0)
    assert found.samples_needed is None
    assert found.samples_needed_both == 60
    assert "60 of both runs do" in " ".join(power.render(found).split())


SIZES = {"task": "x", "num_problems": 100, "samples": 4, "tokens": power.ceiling(10)}


def test_a_baseline_of_fixed_size_stays_what_it_is_also_where_the_candidate_gets_as_many():
    spread = power.planning("aime24")
    kept = power.forecast(spread, **SIZES, samples_baseline=4)
    both = power.forecast(spread, **SIZES)
    assert kept.asked == both.asked
    assert (kept.samples_needed, both.samples_needed) == (None, kept.samples_needed_both)
    said = " ".join(power.render(kept).split())
    assert "Against 4 samples of the baseline no number detects 2 points" in said
    assert f"{both.samples_needed} of both runs do" in said
    found = power.to_json(kept)
    assert (found["baseline_samples"], found["samples_needed"], found["samples_needed_both"]) == (4, None, both.samples_needed)


def test_a_noisy_backend_is_in_the_headline_the_table_and_the_samples_needed():
    spread, noise = power.planning("aime24"), power.Noise(0.05, 4, 100)
    quiet, noisy = power.forecast(spread, margin=0.05, **SIZES), power.forecast(spread, margin=0.05, noise=noise, **SIZES)
    assert noisy.noise_floor == pytest.approx(2**0.5 * 0.05)
    assert noisy.asked.fixed == pytest.approx(2**0.5 * 0.05 * (1.645 + 0.842), rel=0.02)
    assert all(row.fixed > before.fixed for row, before in zip(noisy.rows, quiet.rows, strict=True))
    assert noisy.samples_needed == pytest.approx(4 * (noisy.asked.fixed / 0.05) ** 2, rel=0.05)
    assert noisy.samples_needed > 5 * quiet.samples_needed
    assert noisy.adaptive.mean_samples > 5 * quiet.adaptive.mean_samples
    said = " ".join(power.render(noisy).split())
    assert "a standard error of 5.00 points with 4 samples" in said
    assert "any size" not in said


def test_noise_below_the_sampling_error_changes_nothing():
    found = power.forecast(power.planning("aime24"), noise=power.Noise(1e-4, 4, 100), **SIZES)
    assert found.asked == power.forecast(power.planning("aime24"), **SIZES).asked


def test_a_small_margin_and_a_single_sample_are_written_as_they_are(tmp_path):
    said = " ".join(power.render(asked(tmp_path, task="aime24", samples=1, margin=0.01)).split())
    assert "0.01 points" in said
    assert "1 sample each" in said


def test_neither_task_nor_baseline_is_an_error_that_names_both(tmp_path):
    with pytest.raises(UsageError, match="--task NAME, or --baseline RUN"):
        asked(tmp_path)


DOCUMENTED = {"AIME 2024": "aime24", "MATH-500": "math500", "GPQA Diamond": "gpqa_diamond", "GSM8K": "gsm8k"}


@pytest.mark.parametrize("title", DOCUMENTED)
def test_the_documented_table_is_what_the_command_says(tmp_path, title):
    text = (Path(__file__).parents[3] / "docs/judging.md").read_text().partition("## Power")[2]
    row = next(line for line in text.splitlines() if line.startswith(f"| {title}"))
    samples, fixed, random = (cell.replace("points", "").split("/") for cell in row.split("|")[2:5])
    for n, detected, beyond in zip(samples, fixed, random, strict=True):
        found = asked(tmp_path, task=DOCUMENTED[title], samples=int(n)).asked
        assert (100 * found.fixed, 100 * found.random) == pytest.approx((float(detected), float(beyond)), rel=0.02, abs=0.051)


@pytest.mark.parametrize("task", ["aime24", "gsm8k", "language_mixing", "mbpp_plus"])
@pytest.mark.parametrize("questions", ["fixed", "random"])
def test_text_fits_80_columns(tmp_path, task, questions):
    text = power.render(asked(tmp_path, task=task, samples=64, questions=questions))
    assert max(map(display_width, text.splitlines())) <= 80


def test_the_command_prints_json_and_touches_nothing(tmp_path):
    made = CliRunner().invoke(main, ["power", "--task", "math500", "--samples", "4", "--runs", str(tmp_path / "none"), "--json"])
    found = json.loads(made.output)
    assert found["num_problems"] == 500
    assert found["asked"]["fixed"] == pytest.approx(0.0194, abs=5e-4)
    assert not list(tmp_path.iterdir())
