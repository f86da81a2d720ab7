"""Metrics of several samples on completions that real models wrote: three recorded files, imported and graded here.

Compared with the verdicts and answers that came with the files, counted in this module by listing subsets, wherever these agree with our
grader. Verdicts on which they do not agree are adjudicated in the grader's own tests.
"""

import itertools
import json
import math
from collections import Counter
from dataclasses import replace

import pytest

from r1bench.harness.errors import UsageError
from r1bench.harness.evaluation.importing import import_responses
from r1bench.harness.records import Run
from r1bench.harness.statistics import estimators
from r1bench.leaderboards.board import ranking as board
from r1bench.leaderboards.measures import page as metrics_page
from r1bench.leaderboards.measures import sampled
from r1bench.leaderboards.measures.reading import of_run

pytestmark = pytest.mark.shared_data


def rows_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def imported(folder, rows, problems, **columns):
    """A run of these rows, which are written as the importer reads them."""
    for name, some in (("rows", rows), ("problems", problems)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some), encoding="utf-8")
    return import_responses("math500", folder / "rows.jsonl", name="recorded", data=folder / "problems.jsonl", columns=columns, runs=folder)


@pytest.fixture(scope="module")
def qwen(shared_data, tmp_path_factory):
    """30 problems x 8 of Qwen2.5-Math, with its rows: `score` and `pred` of each completion, and a reward model's `pred_score`."""
    rows = rows_of(shared_data / "model_outputs/qwen_math_cot_30x8.jsonl")
    return imported(tmp_path_factory.mktemp("qwen"), rows, rows), rows


@pytest.fixture(scope="module")
def nemo(shared_data, tmp_path_factory):
    """50 problems, sampled three times, a file for each time."""
    files = [rows_of(shared_data / f"model_outputs/nemo_output-rs{seed}.jsonl.test") for seed in range(3)]
    rows = [
        {"problem_id": row["id"], "response": row["generation"], "is_correct": row["symbolic_correct"]} for file in files for row in file
    ]
    problems = [{"id": row["id"], "problem": row["problem"], "answer": row["expected_answer"]} for row in files[0]]
    return imported(tmp_path_factory.mktemp("nemo"), rows, problems)


def agreed(run: Run) -> Run:
    """The problems of a run on which our verdicts are those that came with it."""
    problems = run.samples_by_problem.values()
    kept = [samples for samples in problems if all(sample.published == (sample.grade.outcome == "correct") for sample in samples)]
    samples = tuple(sample for each in kept for sample in each)
    return replace(run, samples=samples, manifest=replace(run.manifest, num_problems=len(kept)))


def by_subsets(rows, k, says):
    """Mean over problems and over all ways to draw k, of what a function says of those drawn."""
    drawn = [list(itertools.combinations(row, k)) for row in rows]
    return math.fsum(sum(map(says, each)) / len(each) for each in drawn) / len(drawn)


def vote(drawn):
    """Credit of the most frequent of (is right, answer)."""
    counts = Counter("right" if right else answer for right, answer in drawn)
    first = [answer for answer, count in counts.items() if count == max(counts.values())]
    return ("right" in first) / len(first)


def test_two_files_have_several_samples_per_problem_and_are_graded_as_published_but_for_few(qwen, nemo):
    assert [(run.manifest.num_problems, run.manifest.n) for run in (qwen[0], nemo)] == [(30, 8), (50, 3)]
    assert [agreed(run).manifest.num_problems for run in (qwen[0], nemo)] == [29, 41]


def test_pass_at_k_of_qwen_is_that_of_its_published_verdicts(qwen):
    run, rows = agreed(qwen[0]), [row["score"] for row in qwen[1] if row["idx"] != 3]  # 3: '4:30 p.m.', which Qwen's grader cannot read
    for k in (1, 2, 4, 8):
        assert sampled.at_k(of_run(run), "pass@", k).value == pytest.approx(by_subsets(rows, k, any))
        assert sampled.at_k(of_run(run), "pass^", k).value == pytest.approx(by_subsets(rows, k, all))


def test_cons_at_k_of_qwen_is_the_vote_of_its_published_answers(qwen):
    rows = [list(zip(row["score"], row["pred"], strict=True)) for row in qwen[1] if row["idx"] != 3]
    for k in (1, 2, 4, 8):
        assert sampled.at_k(of_run(agreed(qwen[0])), "cons@", k).value == pytest.approx(by_subsets(rows, k, vote))


def test_pass_at_k_of_nemo_is_that_of_its_published_verdicts(nemo):
    run = agreed(nemo)
    rows = [[sample.published for sample in samples] for samples in run.samples_by_problem.values()]
    for k in (1, 2, 3):
        assert sampled.at_k(of_run(run), "pass@", k).value == pytest.approx(by_subsets(rows, k, any))
        assert sampled.at_k(of_run(run), "pass^", k).value == pytest.approx(by_subsets(rows, k, all))


def chosen(drawn):
    """The verdict on the one that the reward model likes best; those it likes as much have equal chances."""
    best = [right for opinion, right in drawn if opinion == max(opinion for opinion, _ in drawn)]
    return sum(best) / len(best)


def test_a_reward_models_choice_among_qwens_samples_is_that_of_all_subsets(qwen):
    pairs = [
        [(score, right) for (score,), right in zip(row["pred_score"], row["score"], strict=True)] for row in qwen[1] if row["idx"] != 3
    ]
    for k in (1, 4, 8):
        found = [estimators.best_of_k([right for _, right in row], k, chosen_by=[score for score, _ in row]) for row in pairs]
        assert sum(found) / len(found) == pytest.approx(by_subsets(pairs, k, chosen))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("qwen", {"pass@1": 93.8, "pass@8": 100.0, "pass^8": 90.0, "cons@8": 96.7}),
        ("nemo", {"pass@1": 77.3, "pass@3": 92.0, "pass^3": 62.0, "cons@3": 87.7}),
    ],
)
def test_the_figures_of_the_recorded_runs(name, expected, request):
    run = request.getfixturevalue(name)
    found = sampled.summary(of_run(run[0] if name == "qwen" else run))
    assert {metric: round(100 * found[metric]["value"], 1) for metric in expected} == expected
    assert all(found[metric]["low"] < found[metric]["value"] <= found[metric]["high"] for metric in expected)


def test_pass_at_1_is_the_score_of_the_board(nemo):
    row, found = board.entries([of_run(nemo)])[0], sampled.summary(of_run(nemo))["pass@1"]
    assert (row.score, row.low, row.high) == pytest.approx((found["value"], found["low"], found["high"]))


def test_the_interval_of_a_recorded_run_is_about_that_of_drawing_its_problems_again(nemo):
    import numpy as np

    values = np.array([max(scores) for scores in nemo.scores_by_problem().values()])
    means = values[np.random.default_rng(0).integers(0, 50, (20_000, 50))].mean(axis=1)
    found, (low, high) = sampled.at_k(of_run(nemo), "pass@", 3), np.quantile(means, [0.025, 0.975])
    assert found.high - found.low == pytest.approx(high - low, rel=0.25)


def test_the_page_of_a_recorded_run_fits_80_columns_and_has_no_budget_curve(qwen):
    text = metrics_page.render(metrics_page.measure(of_run(qwen[0])))
    assert max(map(len, text.splitlines())) <= 80
    assert "budget in tokens" not in text
    with pytest.raises(UsageError, match="needs the tokens of every completion"):
        metrics_page.measure(of_run(qwen[0]), budgets=[1024])


def test_the_column_of_golds_decides_the_one_problem_on_which_verdicts_differ(shared_data, tmp_path):
    rows = rows_of(shared_data / "model_outputs/qwen_math_cot_30x8.jsonl")
    run = imported(tmp_path, rows, rows, gold="gt")
    assert round(100 * sampled.at_k(of_run(run), "pass@", 1).value, 1) == 90.4
    assert agreed(run).manifest.num_problems == 30
    assert [row["idx"] for row in rows if row["gt"] == "4:30p.." and row["answer"] == "\\text{4:30 p.m.}"] == [3]


def test_r1_traces_have_one_sample_per_problem_and_so_no_pass_at_2(shared_data, tmp_path):
    rows = rows_of(shared_data / "model_outputs/r1_distill_math_traces.jsonl")
    assert {row["seed"] for row in rows} == {0}
    problems = [{"id": str(row["problem_id"]), "problem": row["problem"], "answer": row["gt_answer"]} for row in rows]
    texts = [{"problem_id": str(row["problem_id"]), "response": row["solution"]} for row in rows]
    run = imported(tmp_path, texts, problems)
    assert round(100 * sampled.at_k(of_run(run), "pass@", 1).value, 1) == 89.2
    with pytest.raises(UsageError, match=r"from 1 sample per problem .* import a file with at least 2 completions"):
        sampled.at_k(of_run(run), "pass@", 2)
