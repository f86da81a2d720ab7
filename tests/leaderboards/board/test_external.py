"""Results of lm-eval 0.4 as rows beside the board: what is taken over, what is left out, and files that are none."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from fakes_folders import store_run

from r1bench.harness.cli import main
from r1bench.harness.errors import DataError
from r1bench.harness.tables import display_width
from r1bench.leaderboards.board import external

STAMP = "2026-11-01T10-00-00.000001"
RESULTS = {
    "results": {
        "gsm8k": {
            "alias": "gsm8k",
            "sample_len": 1319,
            "exact_match,strict-match": 0.5,
            "exact_match_stderr,strict-match": 0.0138,
            "exact_match,flexible-extract": 0.62,
            "exact_match_stderr,flexible-extract": "N/A",
        },
        "wikitext": {"alias": "wikitext", "word_perplexity,none": 12.3, "word_perplexity_stderr,none": "N/A"},
    },
    "configs": {"gsm8k": {"task": "gsm8k", "num_fewshot": 5}},
    "versions": {"gsm8k": 3.0, "wikitext": 2.0},
    "n-shot": {"gsm8k": 5, "wikitext": 0},
    "n-samples": {"gsm8k": {"original": 1319, "effective": 1319}},
    "config": {"model": "hf", "model_args": "pretrained=org/model,dtype=bfloat16", "limit": None},
    "git_hash": "abc1234",
    "date": 1762000000.5,
}


def write(folder: Path, found: object = RESULTS) -> Path:
    path = folder / "org__model" / f"results_{STAMP}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(found if isinstance(found, str) else json.dumps(found))
    return path


def call(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return done.exit_code, done.output


def test_every_metric_and_filter_is_a_row_with_error_n_and_version(tmp_path: Path) -> None:
    external.import_results(write(tmp_path), tmp_path / "runs")
    flexible, strict, perplexity = external.rows(tmp_path / "runs")
    assert (strict["name"], strict["metric"], strict["filter"], strict["value"]) == ("org/model", "exact_match", "strict-match", 0.5)
    assert (strict["error"], strict["n"], strict["version"], strict["num_fewshot"]) == (0.0138, 1319, "3.0", "5")
    assert (strict["our_task"], strict["date"], strict["harness"]) == ("gsm8k", "2025-11-01T12:26:40Z", "lm-eval")
    assert (flexible["error"], perplexity["unit"], strict["unit"]) == (None, "as given", "fraction")


def test_the_same_results_again_change_nothing_and_another_name_is_another_model(tmp_path: Path) -> None:
    path, runs = write(tmp_path), tmp_path / "runs"
    first, again = external.import_results(path, runs), external.import_results(path, runs)
    assert (first.path, len(external.rows(runs))) == (again.path, 3)
    external.import_results(path, runs, name="mine")
    assert {row["name"] for row in external.rows(runs)} == {"mine", "org/model"}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"model_args": {"pretrained": "a/b"}}, "a/b"),
        ({"model_args": "peft=c/d,pretrained=a/b"}, "c/d"),
        ({"model": "vllm", "model_args": ""}, "vllm"),
        ({}, "org__model"),
        (None, "org__model"),
    ],
)
def test_the_model_is_called_as_it_was_loaded(tmp_path: Path, config: object, expected: str) -> None:
    path = write(tmp_path, {**RESULTS, "config": config})
    assert external.import_results(path, tmp_path / "runs").rows[0]["name"] == expected


def test_n_comes_from_the_samples_where_the_results_do_not_say_it(tmp_path: Path) -> None:
    path = write(tmp_path, {**RESULTS, "n-samples": {}})
    lines = [json.dumps({"doc_id": number, "filter": kept}) for number in range(7) for kept in ("strict-match", "flexible-extract")]
    path.with_name(f"samples_gsm8k_{STAMP}.jsonl").write_text("\n".join(lines))
    assert {row["task"]: row["n"] for row in external.import_results(path, tmp_path / "runs").rows} == {"gsm8k": 7, "wikitext": None}


def test_broken_samples_leave_n_unknown(tmp_path: Path) -> None:
    path = write(tmp_path, {**RESULTS, "n-samples": {}})
    path.with_name(f"samples_gsm8k_{STAMP}.jsonl").write_text('{"doc_id": 1}\n{')
    assert external.import_results(path, tmp_path / "runs").rows[0]["n"] is None


def test_what_is_no_number_is_left_out_and_named(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps({**RESULTS, "results": {"t": {"acc,none": float("nan"), "f1,none": 0.5}, "u": 3}}))
    taken = external.import_results(path, tmp_path / "runs")
    assert [row["metric"] for row in taken.rows] == ["f1"]
    assert ["acc,none is no number" in taken.notes[0], "no metrics" in taken.notes[1]] == [True, True]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"results": 3}',
        '{"results": {}}',
        '{"results": {"t": {"acc": 0.5}}}',
        "[" * 100_000,
        '{"results": {"t": {"acc,none": 1e308}}}',
        '{"results": {"t": {"acc,none": 1' + "0" * 400 + "}}}",
        '{"results": {"t": []}}',
    ],
)
def test_what_is_no_results_file_is_one_line(tmp_path: Path, content: str) -> None:
    code, output = call("import-lm-eval", write(tmp_path, content), "--runs", tmp_path / "runs")
    assert (code, len(output.strip().splitlines())) == (2, 1)
    assert output.startswith("Error: ")
    assert not (tmp_path / "runs").exists()


def test_a_folder_without_results_and_a_path_to_nothing_are_named(tmp_path: Path) -> None:
    for path, named in ((tmp_path, "has no results_"), (tmp_path / "none", "does not exist")):
        with pytest.raises(DataError, match=named):
            external.results_files(path)


def test_a_stored_file_that_was_damaged_is_named_and_the_others_are_shown(tmp_path: Path) -> None:
    store_run(tmp_path / "runs")
    external.import_results(write(tmp_path), tmp_path / "runs")
    (tmp_path / "runs" / external.FOLDER / "broken.json").write_text('{"format": 1, "rows": [{"name": 3}]}')
    (tmp_path / "runs" / external.FOLDER / "other.json").write_text('{"format": 2}')
    code, output = call("leaderboard", "--runs", tmp_path / "runs")
    assert code == 0
    assert "broken.json holds no imported rows (KeyError); delete it" in output
    assert "other.json is of format 2" in output
    assert external.MARK in output


def test_rows_stand_below_the_board_without_a_rank_and_fit_80_columns(tmp_path: Path) -> None:
    store_run(tmp_path / "runs", task="gsm8k")
    hostile = {"results": {"gsm8k\x1b[2J": {"acc,none\u202e": 0.5}}, "model_name": "m\n" * 200}
    external.import_results(write(tmp_path), tmp_path / "runs")
    external.import_results(write(tmp_path / "second", hostile), tmp_path / "runs")
    code, output = call("leaderboard", "--runs", tmp_path / "runs")
    assert code == 0
    assert output.index("  1 tiny") < output.index(external.MARK)
    assert max(map(display_width, output.splitlines())) <= 80
    assert not any(letter in output for letter in "\x1b\u202e")


def test_rows_of_one_metric_with_two_filters_are_told_apart_in_every_view(tmp_path: Path) -> None:
    store_run(tmp_path / "runs", task="gsm8k")
    external.import_results(write(tmp_path), tmp_path / "runs")
    called = {"exact_match, strict-match", "exact_match, flexible-extract"}
    for suffix in (".csv", ".json", ".md"):
        assert call("leaderboard", "--runs", tmp_path / "runs", "--export", tmp_path / f"b{suffix}")[0] == 0
    assert called <= set(pd.read_csv(tmp_path / "b.csv")["metric"])
    assert called <= {row["metric"] for row in json.loads((tmp_path / "b.json").read_text())}
    plain = (tmp_path / "b.md").read_text().replace("\\", ""), call("leaderboard", "--runs", tmp_path / "runs")[1]
    assert [sum(name in text for name in called) for text in plain] == [2, 2]
    whole = json.loads(call("leaderboard", "--runs", tmp_path / "runs", "--json", "--lineage")[1])
    assert {"strict-match", "flexible-extract"} <= {row["filter"] for row in whole["imported"]}


def test_rows_are_filtered_by_our_task_and_by_name(tmp_path: Path) -> None:
    external.import_results(write(tmp_path), tmp_path / "runs")
    rows = external.rows(tmp_path / "runs")
    assert {row["task"] for row in external.chosen(rows, ["gsm8k"])} == {"gsm8k"}
    assert external.chosen(rows, [], name="other*") == []
    assert [external.our_task(name) for name in ("gsm8k_cot", "gsm8kx", "minerva_math500", "humaneval_plus")] == [
        "gsm8k",
        "",
        "math500",
        "humaneval_plus",
    ]


def test_importing_shows_the_rows_and_json_has_them_all(tmp_path: Path) -> None:
    write(tmp_path)
    code, output = call("import-lm-eval", tmp_path, "--runs", tmp_path / "runs", "--json")
    assert (code, len(json.loads(output))) == (0, 3)
    assert "50.0 (se 1.4)" in call("import-lm-eval", tmp_path, "--runs", tmp_path / "runs")[1]


@pytest.mark.parametrize("n", [-5, 10**400, 1e308, "many", float("nan")])
@pytest.mark.parametrize("error", [-0.1, 10**400, 1e308])
def test_counts_and_errors_that_cannot_be_are_left_out_with_a_line_each(tmp_path: Path, n: object, error: object) -> None:
    strange = {"results": {"t": {"acc,none": 0.5, "acc_stderr,none": error}}, "n-samples": {"t": {"effective": n}}, "date": 10**400}
    taken = external.import_results(write(tmp_path, strange), tmp_path / "runs")
    assert [(row["n"], row["error"], row["date"], row["value"]) for row in taken.rows] == [(None, None, "", 0.5)]
    assert ["n of t is" in taken.notes[0], "standard error of t, acc,none cannot be" in taken.notes[1]] == [True, True]


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(external.import_results(path, tmp_path / "runs").rows) == 3


def test_arguments_that_hold_what_is_no_json_are_taken_as_text(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps({**RESULTS, "config": {"model_args": {"x": float("nan"), "y": [float("inf")]}}}))
    assert len(external.import_results(path, tmp_path / "runs").rows) == 3


def test_of_a_folder_the_good_files_are_taken_and_the_bad_ones_named(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.with_name("results_bad.json").write_text("{")
    os.mkfifo(path.with_name("results_pipe.json"))
    done = CliRunner().invoke(main, ["import-lm-eval", str(tmp_path), "--runs", str(tmp_path / "runs"), "--json"])
    assert (done.exit_code, len(json.loads(done.stdout))) == (2, 3)
    bad, pipe = done.stderr.splitlines()
    assert ["results_bad.json: is no JSON" in bad, "results_pipe.json: cannot be read" in pipe] == [True, True]


@pytest.mark.parametrize(("field", "value"), [("value", 10**400), ("value", 1e308), ("n", -1), ("n", 10**30), ("error", -1), ("date", 5)])
def test_a_stored_row_that_cannot_be_is_named_and_breaks_no_export(tmp_path: Path, field: str, value: object) -> None:
    store_run(tmp_path / "runs")
    kept = external.import_results(write(tmp_path), tmp_path / "runs").path
    content = json.loads(kept.read_text())
    content["rows"][0][field] = value
    kept.write_text(json.dumps(content))
    code, output = call("leaderboard", "--runs", tmp_path / "runs", "--export", tmp_path / "b.parquet")
    assert (code, (tmp_path / "b.parquet").exists()) == (0, True)
    assert f"{kept} holds no imported rows" in output


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_stored_file_that_is_none_is_named_and_not_waited_for(tmp_path: Path, make) -> None:
    (tmp_path / external.FOLDER).mkdir()
    make(tmp_path / external.FOLDER / "x.json")
    assert ["x.json holds no imported rows" in line for line in external.read(tmp_path)[1]] == [True]


def test_large_values_fit_their_column(tmp_path: Path) -> None:
    rows = external.import_results(write(tmp_path, {"results": {"t": {"ppl,none": 9e15, "ppl_stderr,none": 1e14}}}), tmp_path).rows
    assert max(map(display_width, external.render(rows).splitlines())) <= 80


OTHERS = ("gsm8k_platinum", "gsm8k_platinum_cot", "gsm8k-ko", "humaneval_infilling", "humaneval_single_line_infilling", "mbpp_plus_x")


@pytest.mark.parametrize("name", [*OTHERS, "gsm8kx", "aime", "aime24_nofigures", "gpqa_main_zeroshot", "hendrycks_math", "", "GSM8K"])
def test_other_questions_are_not_shown_as_those_of_our_task(name: str) -> None:
    assert external.our_task(name) == ""


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        *((f"gsm8k{way}", "gsm8k") for way in ("", "_cot", "_cot_zeroshot", "_cot_llama", "_cot_self_consistency")),
        *(("gpqa_diamond_cot_zeroshot", "gpqa_diamond"), ("humaneval_64_instruct", "humaneval"), ("hendrycks_math500", "math500")),
        *(("humaneval_plus", "humaneval_plus"), ("mbpp_instruct", "mbpp"), ("mbpp_plus", "mbpp_plus"), ("aime25", "aime25")),
    ],
)
def test_the_same_questions_asked_in_another_way_are_those_of_our_task(name: str, ours: str) -> None:
    assert external.our_task(name) == ours


@pytest.mark.parametrize("task", ["a/b", "/etc/passwd", "../../x", "a\0b", "..", "x" * 5000, "::error::x", "a\nb"])
def test_a_task_of_any_name_is_imported(tmp_path: Path, task: str) -> None:
    code, output = call("import-lm-eval", write(tmp_path, {"results": {task: {"acc,none": 0.5}}}), "--runs", tmp_path / "runs")
    assert (code, len(output.splitlines())) == (0, 9)
    assert [row["n"] for row in external.rows(tmp_path / "runs")] == [None]


@pytest.mark.parametrize("value", ["[" * 200_000 + "]" * 200_000, "[" * 300 + "]" * 300, "1" * 5000])
def test_results_that_no_program_writes_are_one_short_line(tmp_path: Path, value: str) -> None:
    path = write(tmp_path, f'{{"results": {{"a": {{"acc,none": 0.5}}}}, "x": {value}}}')
    code, output = call("import-lm-eval", path, "--runs", tmp_path / "runs")
    assert (code, output.count("\n"), "is no JSON that can be read" in output) == (2, 1, True)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path)])
def test_results_that_are_no_file_are_named_and_not_waited_for(tmp_path: Path, make) -> None:
    make(tmp_path / "results_1.json")
    code, output = call("import-lm-eval", tmp_path, "--runs", tmp_path / "runs")
    assert (code, "cannot be read" in output) == (2, True)
