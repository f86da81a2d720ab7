"""The report: what goes into a page is safe, complete, resumable, and what the board and the comparisons say.

Left out: how the page looks and behaves (test_report_page.py). Run: make test PYTEST_ARGS=tests/leaderboards/report/test_report.py
"""

import json
import math
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fakes_runs import make_run, make_sample
from hypothesis import given
from hypothesis import strategies as st

from r1bench.backends import journal
from r1bench.harness import thinking
from r1bench.harness.canonical import digest_of
from r1bench.harness.cli import main
from r1bench.harness.cli import report as cli_report
from r1bench.harness.errors import ProtocolError, StorageError, UnknownNameError, UsageError
from r1bench.harness.records import Problem, Run, Sample
from r1bench.harness.store.runs import open_run, read_run
from r1bench.harness.thinking import Span
from r1bench.leaderboards.compare import comparison as compare
from r1bench.leaderboards.report import compose, escape, output, page, pairs, payload, rollouts, skeleton, sources, spans, training
from r1bench.tasks.grading import behaviour

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!-- <script> -->",
    "line\u2028and\u2029paragraph",
    "half \ud83d of a character, and the other \ude00",
    "NUL \x00 bell \x07 delete \x7f next line \x85",
    "\u202eright to left\u202c \u2066isolated\u2069 \u200bnothing\ufeff",
    '"; alert(1); //',
    "'\\\"`${alert(1)}",
    "]]>&lt;&amp;",
    "x" * 300_000,
)
ASKED_STATES = ("closed", "prefilled", "unfinished", "absent", "malformed")


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    """A page that shows nothing, so that these tests do not depend on its look."""
    folder = tmp_path / "assets"
    folder.mkdir()
    (folder / "page.html").write_text(
        "<title>{{ title }}</title><style>{{ style }}</style>"
        '<script type="application/json" id="boot">{{ boot }}</script>{% for script in scripts %}<script>{{ script }}</script>{% endfor %}'
    )
    (folder / "style.css").write_text("body { margin: 0 }")
    (folder / "scripts.txt").write_text("one.js\n")
    (folder / "one.js").write_text("const one = 1 < 2;")
    return folder


def store_run(runs: Path, run: Run, **changes: Any) -> Path:
    """The run as a folder; returns the folder."""
    names = dict.fromkeys(sample.problem_id for sample in run.samples)
    problems = [Problem(name, f"What is {name}?", ("1",)) for name in names]
    digest = digest_of([problem.digest() for problem in problems])
    manifest = replace(run.manifest, **{"problems_digest": digest, "num_problems": len(problems), **changes})
    with open_run(runs, manifest, problems) as writer:
        for sample in run.samples:
            writer.append(sample)
        return writer.folder


def store_pair(runs: Path) -> tuple[str, str]:
    """A checkpoint and what was trained from it; returns the ids of their runs."""
    parent = make_run([[0, 1], [0, 0], [1, 0]], name="base", checkpoint_digest="d0")
    child = make_run([[1, 1], [0, 1], [1, 1]], name="zero", checkpoint_digest="d1", parent="d0", stage="zero")
    return store_run(runs, parent).name, store_run(runs, child).name


def boot_of(out: Path) -> dict[str, Any]:
    """The boot data as a browser reads them."""
    boot = json.loads(re.search(r'id="boot">(.*?)</script>', (out / "index.html").read_text(), re.DOTALL)[1])  # type: ignore[index]
    return {**boot, "runs": dict(boot["runs"])}


def data_of(out: Path, key: str) -> Any:
    """The value of a data file."""
    text = (out / "data" / f"{key}.js").read_text()
    head = f'r1bench.receive("{key}",'
    assert text.startswith(head)
    assert text.endswith(");\n")
    return json.loads(text[len(head) : -3])


def files_of(out: Path) -> dict[str, int]:
    """Data file -> when it was written."""
    return {str(path.relative_to(out)): path.stat().st_mtime_ns for path in (out / "data").rglob("*.js")}


def report(runs: Path, out: Path, assets: Path, **options: Any) -> compose.Result:
    """A report in this process."""
    return compose.build(runs, out, compose.Options(workers=1, reader=journal, **options), assets=assets)


# ---- escaping


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_cannot_leave_its_place_in_a_script(text: str) -> None:
    shown = escape.script_json({"text": text})
    assert not set(shown) & set("<>&\u2028\u2029\u202e\u2066\u200b\ufeff\x00\x07\x7f\x85")
    assert shown.encode()  # no half characters
    assert json.loads(shown)["text"] == re.sub("[\ud800-\udfff]", "\ufffd", text)


@given(st.recursive(st.text(st.characters(codec=None), max_size=20) | st.integers() | st.booleans() | st.none(), st.lists, max_leaves=8))
def test_any_value_comes_back_from_its_escaped_form(value: Any) -> None:
    shown = escape.script_json(value)
    assert re.search("[<>&\u2028\u2029\ud800-\udfff]", shown) is None
    assert json.loads(shown) == json.loads(re.sub("[\ud800-\udfff]", "\ufffd", json.dumps(value, ensure_ascii=False)))


def test_numbers_that_json_lacks_become_null() -> None:
    assert json.loads(escape.script_json([math.nan, math.inf, {"a": -math.inf}, 1.5])) == [None, None, {"a": None}, 1.5]


def test_key_that_would_set_a_prototype_is_another_key() -> None:
    text = escape.script_json({"__proto__": {"x": 1}, "said": ',"__proto__":'})
    assert json.loads(text) == {"__proto__ ": {"x": 1}, "said": ',"__proto__":'}


@pytest.mark.parametrize("key", ["", "a b", "../a", "a/..", 'a")', "a//b", "/a", "a\n"])
def test_data_file_refuses_a_key_that_is_not_safe(key: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        escape.data_file(key, 1)


def test_floats_keep_six_digits() -> None:
    assert escape.rounded({"a": [1 / 3, 1_234_567.8, 7, True, math.nan]}) == {"a": [0.333333, 1234570.0, 7, True, None]}


def test_title_is_text(tmp_path: Path, assets: Path) -> None:
    shown = page.render({}, "</title><script>alert(1)</script>", assets)
    assert shown.startswith("<title>&lt;/title&gt;&lt;script&gt;")


def test_script_that_would_end_its_element_is_refused(assets: Path) -> None:
    (assets / "one.js").write_text('const text = "</script>";')
    with pytest.raises(StorageError, match=r"one\.js contains </script"):
        page.render({}, "title", assets)


# ---- where reasoning and answer stand


MARKS = (
    "<think>",
    "</think>",
    "<|begin_of_thought|>",
    "<|end_of_thought|>",
    "<|begin_of_solution|>",
    "<|end_of_solution|>",
    "|special_token|",
)
TEXTS = st.lists(st.sampled_from((*MARKS, "so ", "\n", "𝔸", "\nUser:", "\nAssistant:", "</answer>")), max_size=10).map("".join)
CASES = json.loads((Path(__file__).parents[2] / "cases" / "thinking.json").read_text(encoding="utf-8"))


def check_page_and_grader(text: str, prefill: str, flags: tuple[str, ...] = ()) -> None:
    """The page folds what a grader sets aside as reasoning, and marks an answer that is the whole answer part just there."""
    own = thinking.first_turn(text, prefill) if flags else text
    cut, sample = thinking.split(own, prefill), make_sample("p", 0, 1)
    done, grade = replace(sample.completion, text=text, prefill=prefill), replace(sample.grade, extracted=cut.answer_part, flags=flags)
    row = payload.sample_row(replace(sample, completion=done, grade=grade), "file")
    assert ("" if row["reasoning"] is None else utf16(text, row["reasoning"])) == cut.reasoning
    assert (row["reasoning"] is None) == (cut.state == "absent")
    assert (utf16(text, row["marked"]) if row["marked"] else "") == (cut.answer_part if cut.answer_part.strip() else "")
    answer = thinking.parts(own, prefill).answer
    assert not cut.answer_part.strip() or row["marked"][0] == len(text[: answer.start].encode("utf-16-le")) // 2


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_page_folds_the_reasoning_of_every_case_as_the_grader_cuts_it(case: dict[str, Any]) -> None:
    check_page_and_grader(case["text"], case["prefill"])


@given(TEXTS, st.sampled_from(["", "<think>\n", "|special_token|", "</think>"]), st.sampled_from([(), ("next_turn",)]))
def test_reasoning_and_answer_part_of_any_text_stand_where_the_grader_cut(text: str, prefill: str, flags: tuple[str, ...]) -> None:
    check_page_and_grader(text, prefill, flags)


def test_answer_is_marked_before_an_invented_next_turn() -> None:
    sample = with_extracted(make_sample("p", 0, 1, text="It is 7\nUser: Why?\nAssistant: as 7 is", thinking_state="absent"), "7")
    sample = replace(sample, grade=replace(sample.grade, flags=("next_turn",)))
    assert payload.sample_row(sample, "file")["marked"] == [6, 7]


def utf16(text: str, place: list[int] | None) -> str:
    """The slice as JavaScript takes it."""
    assert place is not None
    return text.encode("utf-16-le")[2 * place[0] : 2 * place[1]].decode("utf-16-le")


def test_offsets_are_those_of_javascript_with_characters_beyond_the_first_plane() -> None:
    text = "<think>𝔸𝔹 so 🙂</think>🙂 The answer is \\boxed{𝔸2}. 𝔸2"
    row = payload.sample_row(with_extracted(make_sample("p", 0, 1, text=text), "𝔸2"), "file")
    assert utf16(text, row["reasoning"]) == "𝔸𝔹 so 🙂"
    assert utf16(text, row["marked"]) == "𝔸2"
    assert utf16(text, [row["marked"][0] - 7, row["marked"][0]]) == "\\boxed{"


def with_extracted(sample: Sample, extracted: str | None) -> Sample:
    return replace(sample, grade=replace(sample.grade, extracted=extracted))


@pytest.mark.parametrize(
    ("text", "extracted", "expected"),
    [
        ("It is 3. So 3, not 13", "3", 12),
        (r"\boxed{3} as 3 was asked", "3", 7),
        ("<answer> 3 </answer> 3", "3", 9),
        ("only within 13", "3", 13),
        ("nothing", "3", None),
        ("nothing", None, None),
        ("   ", " ", None),
        ("x=-3", "3", 3),
    ],
)
def test_last_and_clearest_place_of_the_answer_is_marked(text: str, extracted: str | None, expected: int | None) -> None:
    found = spans.answer_span(text, extracted, Span(0, len(text)))
    assert (found and found.start) == expected


def test_answer_within_the_reasoning_is_marked_only_where_the_answer_part_lacks_it() -> None:
    text = "<think>7</think>seven, or 7"
    part = thinking.parts(text).answer
    assert spans.answer_span(text, "7", part) == Span(26, 27)
    assert spans.answer_span(text.replace("or 7", "or 8"), "7", part) == Span(7, 8)


def test_long_text_is_cut_in_its_middle_and_its_places_move() -> None:
    text = "<think>" + "🙂" * 150_000 + "</think>\\boxed{42}"
    row = payload.sample_row(with_extracted(make_sample("p", 0, 1, text=text), "42"), "run/samples.jsonl")
    assert len(row["text"]) == payload.LONGEST_TEXT
    assert row["cut"]["characters"] == len(text) - payload.LONGEST_TEXT
    assert utf16(row["text"], row["marked"]) == "42"
    assert utf16(row["text"], row["reasoning"]).count("🙂") == payload.LONGEST_TEXT - len("<think></think>\\boxed{42}")
    assert utf16(row["text"], [0, row["cut"]["at"]]) == text[: payload.HEAD]


# ---- the data of a run


def test_report_holds_board_stages_comparison_and_samples(tmp_path: Path, assets: Path) -> None:
    parent, child = store_pair(tmp_path / "runs")
    result = report(tmp_path / "runs", tmp_path / "site", assets, title="A & B")
    boot = boot_of(tmp_path / "site")
    assert [entry["run"] for entry in boot["entries"]] == [child, parent]
    assert [(stage["parent_run"], stage["run"]) for stage in boot["stages"]] == [(parent, child)]
    assert [(row["run_a"], row["run_b"]) for row in boot["comparisons"]] == [(parent, child)]
    assert boot["runs"][child] | {"num_samples": 6, "sample_shards": 1} == boot["runs"][child]
    assert (result.num_runs, result.num_samples, result.num_comparisons) == (2, 12, 1)


def test_index_problems_and_samples_of_a_run_fit_together(tmp_path: Path, assets: Path) -> None:
    _, child = store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    index, problems, samples = (data_of(tmp_path / "site", f"run/{child}/{name}-0") for name in ("index", "problems", "samples"))
    stored = read_run(tmp_path / "runs" / child).samples
    assert [problems[number]["id"] for number in index["problem"]] == [sample.problem_id for sample in stored]
    assert [sample["text"] for sample in samples] == [sample.completion.text for sample in stored]
    assert index["score"] == [sample.grade.score for sample in stored]
    assert [problem["score"] for problem in problems] == [1.0, 0.5, 1.0]
    assert all(len(column) == len(stored) for name, column in index.items() if name != "first")


def test_samples_fall_into_shards_by_their_ordinal(tmp_path: Path, assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "LARGEST_SHARD", 12)
    monkeypatch.setattr(payload, "INDEX_SHARD", 20)
    folder = store_run(tmp_path / "runs", make_run([[0, 1, 1]] * 17))
    report(tmp_path / "runs", tmp_path / "site", assets)
    facts = boot_of(tmp_path / "site")["runs"][folder.name]
    assert (facts["shard_size"], facts["sample_shards"], facts["index_shards"]) == (12, 5, 3)
    found = [sample for number in range(5) for sample in data_of(tmp_path / "site", f"run/{folder.name}/samples-{number}")]
    assert [(sample["problem"], sample["index"]) for sample in found] == [(f"p{i // 3:04d}", i % 3) for i in range(51)]
    assert data_of(tmp_path / "site", f"run/{folder.name}/index-1")["first"] == 20


def test_long_samples_make_small_shards() -> None:
    long = make_sample("p", 0, 1, text="x" * 90_000)
    assert payload.shard_size([long] * 5) == 21
    assert payload.shard_size([make_sample("p", 0, 1)]) == payload.LARGEST_SHARD
    assert payload.shard_size([]) == payload.LARGEST_SHARD


@pytest.mark.parametrize(("samples", "shown"), [(None, 12), (5, 5), (0, 0)])
def test_only_so_many_samples_are_shown_as_were_asked_for(tmp_path: Path, assets: Path, samples: int | None, shown: int) -> None:
    folder = store_run(tmp_path / "runs", make_run([[0, 1]] * 6))
    report(tmp_path / "runs", tmp_path / "site", assets, limits=payload.Limits(samples))
    facts = boot_of(tmp_path / "site")["runs"][folder.name]
    assert (facts["num_samples"], facts["samples_left_out"], facts["truncated_for_size"]) == (shown, 12 - shown, shown < 12)
    assert len(data_of(tmp_path / "site", f"run/{folder.name}/problems-0")) == 6


def test_samples_are_chosen_evenly() -> None:
    samples = [make_sample("p", index, 0) for index in range(10)]
    assert [sample.index for sample in payload.chosen(samples, 4)] == [0, 2, 5, 7]


def test_boot_leaves_to_the_page_of_a_run_what_only_it_shows(tmp_path: Path, assets: Path) -> None:
    _, child = store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    entry = boot_of(tmp_path / "site")["entries"][0]
    whole = data_of(tmp_path / "site", f"run/{child}/entry")
    assert "behaviour" not in entry
    assert whole["entry"]["versions"] == {"device": "cpu", "torch": "2.9.0"}
    assert whole["manifest"]["command"] == "r1bench eval"


def test_incomplete_run_is_on_the_board_without_a_number_and_in_no_comparison(tmp_path: Path, assets: Path) -> None:
    store_pair(tmp_path / "runs")
    folder = store_run(tmp_path / "runs", make_run([[1, 1], [1], [0, 1]], name="begun"))
    report(tmp_path / "runs", tmp_path / "site", assets)
    boot = boot_of(tmp_path / "site")
    entry = next(entry for entry in boot["entries"] if entry["run"] == folder.name)
    assert (entry["score"], entry["note"]) == (None, "incomplete 5/6")
    assert len(boot["comparisons"]) == 1
    assert len(data_of(tmp_path / "site", f"run/{folder.name}/samples-0")) == 5


def test_imported_run_without_tokens_is_shown_with_unknown_lengths(tmp_path: Path, assets: Path) -> None:
    rows = [make_sample(f"p{i:04d}", 0, i % 2, num_tokens=0, reasoning_tokens=0, published=True) for i in range(4)]
    folder = store_run(tmp_path / "runs", make_run([[0]] * 4, samples=rows, sampler="import"))
    report(tmp_path / "runs", tmp_path / "site", assets)
    entry = boot_of(tmp_path / "site")["entries"][0]
    assert (entry["mean_tokens"], entry["generated_tokens"], entry["num_published"]) == (None, None, 4)
    assert data_of(tmp_path / "site", f"run/{folder.name}/samples-0")[0]["published"] is True


def test_empty_runs_folder_makes_a_page_that_says_so(tmp_path: Path, assets: Path) -> None:
    (tmp_path / "runs").mkdir()
    report(tmp_path / "runs", tmp_path / "site", assets)
    assert "r1bench eval" in boot_of(tmp_path / "site")["empty_reason"]


def test_runs_folder_that_is_not_there_is_an_error(tmp_path: Path, assets: Path) -> None:
    with pytest.raises(StorageError, match="no runs in"):
        report(tmp_path / "runs", tmp_path / "site", assets)


def test_run_that_cannot_be_read_is_left_out_and_named(tmp_path: Path, assets: Path) -> None:
    parent, child = store_pair(tmp_path / "runs")
    with (tmp_path / "runs" / child / "samples.jsonl").open("a") as file:
        file.write("no sample\n")
    result = report(tmp_path / "runs", tmp_path / "site", assets)
    assert [entry["run"] for entry in boot_of(tmp_path / "site")["entries"]] == [parent]
    assert "samples.jsonl:7 is no sample" in result.left_out[0]


def test_half_written_line_is_named_and_the_rest_is_shown(tmp_path: Path, assets: Path) -> None:
    _, child = store_pair(tmp_path / "runs")
    with (tmp_path / "runs" / child / "samples.jsonl").open("a") as file:
        file.write('{"problem_id": "p0')
    result = report(tmp_path / "runs", tmp_path / "site", assets)
    assert (result.num_runs, result.num_samples) == (2, 12)
    assert "half-written" in result.left_out[0]


def test_hostile_run_ends_up_as_text(tmp_path: Path, assets: Path) -> None:
    texts = [make_sample("</script>", i, 0, text=text, languages={"__proto__": 3}) for i, text in enumerate(HOSTILE)]
    store_run(tmp_path / "runs", make_run([[0] * len(HOSTILE)], samples=texts, name="<img src=x onerror=alert(1)>\u202e"))
    report(tmp_path / "runs", tmp_path / "site", assets)
    written = [path.read_text() for path in (tmp_path / "site").rglob("*") if path.suffix in (".js", ".html")]
    assert all("<img" not in text and "</script><script>alert" not in text and '"__proto__"' not in text for text in written)
    assert boot_of(tmp_path / "site")["entries"][0]["name"].startswith("<img src=x")


@pytest.mark.parametrize("name", ["a b", "..", ".hidden", "ü", "a/../b", "x" * 300, "<b>", "a\nb", "", "-a", "a."])
def test_hostile_run_id_becomes_a_safe_folder(name: str) -> None:
    made = sources.safe_names([name])[name]
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9]", made)
    assert len(made) < 100


def test_run_ids_that_collide_get_folders_of_their_own() -> None:
    names = ["a b", "a?b", "a-b", "Run--x", "run--x", "a\u00a0b"]
    made = sources.safe_names(names)
    assert len({name.casefold() for name in made.values()}) == len(names)
    assert made["a-b"] == "a-b"


def test_two_folders_whose_names_collide_are_both_shown(tmp_path: Path, assets: Path) -> None:
    first = store_run(tmp_path / "runs", make_run([[0, 1]], name="x"))
    for seed, name in enumerate(("a?b", "a b"), 1):
        other = store_run(tmp_path / "runs", make_run([[0, 1]], name="x", sampling={"seed": seed}))
        other.rename(other.with_name(name))
    report(tmp_path / "runs", tmp_path / "site", assets)
    facts = boot_of(tmp_path / "site")["runs"]
    assert len({facts[name]["dir"] for name in ("a?b", "a b", first.name)}) == 3
    assert all(len(data_of(tmp_path / "site", f"run/{each['dir']}/samples-0")) == 2 for each in facts.values())


# ---- comparisons


def test_comparison_of_the_page_is_that_of_the_command(tmp_path: Path, assets: Path) -> None:
    parent, child = store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    expected = compare.compare(*(read_run(tmp_path / "runs" / name) for name in (parent, child)))
    boot = boot_of(tmp_path / "site")
    row = boot["comparisons"][0]
    assert row["verdict"] == compare.verdict(expected)
    assert [row[key] for key in ("mean", "low", "high")] == pytest.approx(expected.difference[:3], rel=1e-5)
    score = next(each for each in boot["stages"][0]["measures"] if each["key"] == "score")
    assert score["mean"] == pytest.approx(expected.measures["score"].mean, rel=1e-5)


def test_problems_of_a_comparison_rise_by_their_difference(tmp_path: Path, assets: Path) -> None:
    for name, scores in (("one", [[0, 1], [1, 1], [0, 0]]), ("two", [[0, 0], [1, 1], [1, 1]])):
        store_run(tmp_path / "runs", make_run(scores, name=name))
    report(tmp_path / "runs", tmp_path / "site", assets)
    key = boot_of(tmp_path / "site")["comparisons"][0]["id"]
    problems = data_of(tmp_path / "site", f"comparison/{key}")["problems"]
    assert [(problem["id"], problem["b"] - problem["a"]) for problem in problems] == [("p0000", -0.5), ("p0001", 0.0), ("p0002", 1.0)]
    assert {problem["n_a"] for problem in problems} == {2}


def make_sources(count: int, **changes: Any) -> list[pairs.Source]:
    """Runs of one protocol, each better than the one before."""
    runs = [make_run([[0, 1]] * 3, name=f"m{number}") for number in range(count)]
    entries = [compose.board.entry(replace(run, id=f"run-{number}")) for number, run in enumerate(runs)]
    entries = [replace(entry, score=number / count, **changes) for number, entry in enumerate(entries)]
    return [pairs.Source(entry, f"d{number}", "mark", number) for number, entry in enumerate(entries)]


def test_few_runs_are_all_compared_and_many_only_with_parent_and_best() -> None:
    assert len(pairs.choose(make_sources(4), [])) == 6
    chosen = pairs.choose(make_sources(12), [("run-2", "run-3")])
    assert [(pair.a.entry.run, pair.b.entry.run) for pair in chosen[:2]] == [("run-2", "run-3"), ("run-0", "run-11")]
    assert len(chosen) == 12
    assert [pair.is_stage for pair in chosen].count(True) == 1


def test_runs_of_other_protocols_are_not_paired() -> None:
    other = [source._replace(entry=replace(source.entry, protocol="other", run="x")) for source in make_sources(1)]
    assert pairs.choose([*make_sources(1), *other], []) == []


def test_p_values_are_adjusted_for_all_comparisons_of_the_page() -> None:
    rows: list[dict[str, Any]] = [{"p_value": value} for value in (0.04, 0.01, 0.03)]
    pairs.adjust(rows, 0.95)
    assert [row["p_adjusted"] for row in rows] == pytest.approx([0.06, 0.03, 0.06])
    assert [row["shown"] for row in rows] == [False, True, False]


def test_asked_comparison_that_means_nothing_is_refused(tmp_path: Path, assets: Path) -> None:
    parent, _ = store_pair(tmp_path / "runs")
    other = store_run(tmp_path / "runs", make_run([[0, 1]] * 3, name="other", template="boxed", template_hash="x")).name
    with pytest.raises(ProtocolError, match="must not be compared"):
        report(tmp_path / "runs", tmp_path / "site", assets, asked=((parent, other),))


def test_run_without_its_texts_compares_as_the_whole_one(tmp_path: Path) -> None:
    run = make_run([[0, 1], [1, 1], [0, 0]], name="one")
    other = make_run([[1, 1], [1, 0], [1, 0]], name="two")
    for name, each in (("one", run), ("two", other)):
        skeleton.write(tmp_path, name, each)
    kept = [skeleton.read(tmp_path, name) for name in ("one", "two")]
    assert compare.to_json(compare.compare(*kept))["measures"] == compare.to_json(compare.compare(run, other))["measures"]
    assert compare.compare(kept[0], kept[0]).difference.method == "identical"


# ---- the folder


@pytest.mark.parametrize("name", ["thesis.tex", ".git", "index.html"])
def test_folder_with_foreign_files_is_refused_and_left_alone(tmp_path: Path, assets: Path, name: str) -> None:
    store_pair(tmp_path / "runs")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / name).write_text("mine")
    with pytest.raises(StorageError, match="did not write"):
        report(tmp_path / "runs", tmp_path / "site", assets)
    assert [path.name for path in (tmp_path / "site").iterdir()] == [name]


def test_file_in_place_of_the_folder_is_refused(tmp_path: Path, assets: Path) -> None:
    store_pair(tmp_path / "runs")
    (tmp_path / "site").write_text("mine")
    with pytest.raises(StorageError, match="no folder"):
        report(tmp_path / "runs", tmp_path / "site", assets)


def test_second_report_writes_the_page_alone(tmp_path: Path, assets: Path) -> None:
    store_pair(tmp_path / "runs")
    first = report(tmp_path / "runs", tmp_path / "site", assets)
    before = files_of(tmp_path / "site")
    second = report(tmp_path / "runs", tmp_path / "site", assets)
    changed = {name for name, when in files_of(tmp_path / "site").items() if before[name] != when}
    assert (first.num_written, second.num_written) == (2, 0)
    assert {Path(name).name for name in changed} == {"entry.js"}
    assert boot_of(tmp_path / "site")["comparisons"]


def test_changed_run_is_written_again_and_compared_again(tmp_path: Path, assets: Path) -> None:
    _, child = store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    path = tmp_path / "runs" / child / "samples.jsonl"
    path.write_text(path.read_text().replace('"outcome":"correct"', '"outcome":"wrong"').replace('"score":1.0', '"score":0.0'))
    result = report(tmp_path / "runs", tmp_path / "site", assets)
    assert result.num_written == 1
    assert boot_of(tmp_path / "site")["comparisons"][0]["losses"] == 2


def test_report_that_was_killed_goes_on(tmp_path: Path, assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent, child = store_pair(tmp_path / "runs")
    wait = os.fork()
    if wait == 0:
        wrote = output.write_data

        def write_and_die(folder: Path, key: str, value: Any) -> int:
            if key == f"run/{child}/samples-0" or (key == f"run/{parent}/samples-0" and (folder / f"data/run/{child}/index-0.js").exists()):
                os.kill(os.getpid(), 9)
            return wrote(folder, key, value)

        output.write_data = write_and_die
        report(tmp_path / "runs", tmp_path / "site", assets)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(wait, 0)[1]) == -9
    assert not (tmp_path / "site" / "index.html").exists()
    result = report(tmp_path / "runs", tmp_path / "site", assets)
    assert result.num_runs == 2
    assert [len(data_of(tmp_path / "site", f"run/{name}/samples-0")) for name in (parent, child)] == [6, 6]


def test_report_that_failed_half_way_is_not_taken_for_an_earlier_one(tmp_path: Path, assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, child = store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    with monkeypatch.context() as patched:
        patched.setattr(skeleton, "write", disk_is_full)
        with pytest.raises(StorageError, match="full"):
            report(tmp_path / "runs", tmp_path / "site", assets, limits=payload.Limits(1))
    report(tmp_path / "runs", tmp_path / "site", assets)
    assert len(data_of(tmp_path / "site", f"run/{child}/samples-0")) == 6


def disk_is_full(*_: Any) -> None:
    raise StorageError("the disk is full")


def test_data_of_runs_that_are_gone_are_removed_and_other_files_stay(tmp_path: Path, assets: Path) -> None:
    parent, child = store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    (tmp_path / "site" / "CNAME").write_text("example.org")
    (tmp_path / "site" / "data" / "run" / child / "notes.txt").write_text("mine")
    leftovers = [tmp_path / "site" / place for place in (f"data/run/{child}/.samples-0.js.1234", ".index.html.1234", "data/run/.x.js.12")]
    for path in leftovers:
        path.write_text("half")
    shutil.rmtree(tmp_path / "runs" / child)
    result = report(tmp_path / "runs", tmp_path / "site", assets)
    left = sorted(path.name for path in (tmp_path / "site" / "data" / "run" / child).iterdir())
    assert (result.removed > 3, left, (tmp_path / "site" / "CNAME").exists()) == (True, ["notes.txt"], True)
    assert not list((tmp_path / "site" / "data" / "comparison").iterdir())
    assert not any(path.exists() for path in leftovers)
    assert boot_of(tmp_path / "site")["runs"].keys() == {parent}


def test_links_in_the_data_folder_are_not_followed_when_it_is_cleaned(tmp_path: Path, assets: Path) -> None:
    store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.js").write_text("mine")
    (tmp_path / "site" / "data" / "run" / "gone").symlink_to(tmp_path / "other")
    report(tmp_path / "runs", tmp_path / "site", assets)
    assert (tmp_path / "other" / "mine.js").read_text() == "mine"


def test_fewer_shards_than_before_leave_no_old_ones(tmp_path: Path, assets: Path) -> None:
    folder = store_run(tmp_path / "runs", make_run([[0, 1]] * 200))
    report(tmp_path / "runs", tmp_path / "site", assets)
    assert (tmp_path / "site" / "data" / "run" / folder.name / "samples-1.js").exists()
    report(tmp_path / "runs", tmp_path / "site", assets, limits=payload.Limits(10))
    assert not (tmp_path / "site" / "data" / "run" / folder.name / "samples-1.js").exists()


def test_damaged_memory_of_an_earlier_report_is_made_again(tmp_path: Path, assets: Path) -> None:
    store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    for path in (tmp_path / "site" / ".cache" / "run").glob("*--????????.json"):
        path.write_text("{")
    assert report(tmp_path / "runs", tmp_path / "site", assets).num_written == 2


@pytest.mark.parametrize("kind", ["run", "comparison", "training"])
def test_data_that_were_deleted_by_hand_are_written_again(tmp_path: Path, assets: Path, kind: str) -> None:
    store_pair(tmp_path / "runs")
    folder = write_training(tmp_path / "trained", 3)
    report(tmp_path / "runs", tmp_path / "site", assets, trainings=(folder,))
    before = set(files_of(tmp_path / "site"))
    shutil.rmtree(tmp_path / "site" / "data" / kind)
    report(tmp_path / "runs", tmp_path / "site", assets, trainings=(folder,))
    assert set(files_of(tmp_path / "site")) == before


@pytest.mark.parametrize("kind", ["run", "comparison", "training"])
def test_data_file_that_was_cut_is_written_again(tmp_path: Path, assets: Path, kind: str) -> None:
    store_pair(tmp_path / "runs")
    folder, site = write_training(tmp_path / "trained", 3), tmp_path / "site"
    report(tmp_path / "runs", site, assets, trainings=(folder,))
    for path in (site / "data" / kind).rglob("*.js"):
        before = path.read_text()
        for damaged in ("", before[:-9]):
            path.write_text(damaged)
            report(tmp_path / "runs", site, assets, trainings=(folder,))
            assert path.read_text() == before, path


def test_damaged_skeleton_of_a_run_is_made_again_where_a_new_comparison_needs_it(tmp_path: Path, assets: Path) -> None:
    store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    for path in (tmp_path / "site" / ".cache" / "run").glob("*.samples.json"):
        path.write_text(path.read_text()[:40])
    store_run(tmp_path / "runs", make_run([[1, 1], [0, 0], [1, 1]], name="third"))
    assert report(tmp_path / "runs", tmp_path / "site", assets).num_comparisons == 3


def test_asked_comparison_that_means_nothing_is_refused_before_any_work(tmp_path: Path, assets: Path) -> None:
    parent, child = store_pair(tmp_path / "runs")
    other = store_run(tmp_path / "runs", make_run([[0, 1]], name="other", template="other", template_hash="1"))
    with pytest.raises(ProtocolError, match=f"template.* --runs {tmp_path}/runs"):
        report(tmp_path / "runs", tmp_path / "site", assets, asked=((parent, other.name),))
    with pytest.raises(UsageError, match=f"--compare names {parent}, which is not on the page"):
        report(tmp_path / "runs", tmp_path / "site", assets, asked=((parent, child),), choice=sources.Choice(names="zero"))
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("name", ["data", ".cache", "data/run"])
def test_link_in_place_of_our_folders_is_refused_and_nothing_removed_behind_it(tmp_path: Path, assets: Path, name: str) -> None:
    store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    (tmp_path / "site" / name).rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "mine.js").write_text("mine")
    (tmp_path / "site" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match=f"site/{name} is a link to .*; remove the link"):
        report(tmp_path / "runs", tmp_path / "site", assets)
    assert (tmp_path / "elsewhere" / "mine.js").exists()


def test_page_that_is_a_link_stays_one(tmp_path: Path, assets: Path) -> None:
    store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    (tmp_path / "site" / "index.html").rename(tmp_path / "page.html")
    (tmp_path / "site" / "index.html").symlink_to(tmp_path / "page.html")
    report(tmp_path / "runs", tmp_path / "site", assets, title="again")
    assert (tmp_path / "site" / "index.html").is_symlink()
    assert "<title>again" in (tmp_path / "page.html").read_text()


def test_comparison_that_is_left_out_says_a_cure_with_the_folder_of_runs(tmp_path: Path) -> None:
    runs, site, half = tmp_path / "runs", tmp_path / "site", make_run([[1, 1]], name="half")
    store_run(runs, make_run([[0, 1]], name="whole"))
    store_run(runs, replace(half, samples=half.samples[:1]))
    written = compose.write_runs(sources.collect(runs, sources.Choice()), site, compose.Options(workers=1)).sources
    row = pairs.work_out(pairs.Job(pairs.Pair(written[0], written[1], False, False), site, 0.95, runs))
    assert f"--runs {runs}" in row["refused"]


def test_sample_that_is_nested_too_deeply_is_a_fault_and_no_crash(tmp_path: Path) -> None:
    _, child = store_pair(tmp_path / "runs")
    path = tmp_path / "runs" / child / "samples.jsonl"
    text, faults = path.read_text(), []
    for depth in (500, *range(880, 1_000, 4)):
        path.write_text(text.replace('"details":{}', '"details":{"x":' + "[" * depth + "]" * depth + "}", 1))
        faults.append(payload.write_run(payload.Job(path.parent, tmp_path / "site", "a", payload.Limits())).fault)
    assert faults[0] == ""
    assert "is no sample" in faults[-1]


def test_two_reports_into_one_folder_do_not_mix(tmp_path: Path, assets: Path) -> None:
    store_pair(tmp_path / "runs")
    with output.open_site(tmp_path / "site"), pytest.raises(StorageError, match="another process"):
        report(tmp_path / "runs", tmp_path / "site", assets)


def test_disk_that_refuses_is_named_in_one_line(tmp_path: Path, assets: Path) -> None:
    store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    shutil.rmtree(tmp_path / "site" / "data" / "run")
    shutil.rmtree(tmp_path / "site" / ".cache")
    (tmp_path / "site" / "data" / "run").write_text("in the way")
    with pytest.raises(StorageError, match="cannot write"):
        report(tmp_path / "runs", tmp_path / "site", assets)


def test_several_processes_write_the_same_as_one(tmp_path: Path, assets: Path) -> None:
    for number in range(6):
        store_run(tmp_path / "runs", make_run([[0, 1], [1, number % 2]], name=f"m{number}"))
    one = report(tmp_path / "runs", tmp_path / "one", assets)
    two = compose.build(tmp_path / "runs", tmp_path / "two", compose.Options(workers=2), assets=assets)
    made = [{key: value for key, value in boot_of(tmp_path / name).items() if key != "made_at"} for name in ("one", "two")]
    assert made[0] == made[1]
    assert (one.num_written, two.num_written) == (6, 6)
    assert [sorted(files_of(tmp_path / "one"))] == [sorted(files_of(tmp_path / "two"))]


# ---- trainings


def story_of(folder: Path, **options: Any) -> rollouts.Story:
    """What a training's completions say, with their lengths in place of reflection words."""
    read = journal.read_rollouts(folder, **options)
    assert read is not None
    story = rollouts.tell(*read, len)
    assert story is not None
    return story


def write_training(folder: Path, steps: int, *, ending: str = "", **figures: Any) -> Path:
    """A training's events and two completions per step."""
    folder.mkdir(parents=True, exist_ok=True)
    events = [{"event": "start", "step": 0}] + [
        {"event": "step", "step": step, "reward": step / steps, "kl": None if step == 1 else 0.1, **figures} for step in range(1, steps + 1)
    ]
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events) + ending)
    row = {"tokens": 10, "outcome": "correct", "rewards": {"format": 1.0}}
    said = [{"step": step, "text": text, **row} for step in range(1, steps + 1) for text in ("wait, so", "so")]
    (folder / "rollouts.jsonl").write_text("".join(json.dumps(each) + "\n" for each in said) + ending)
    return folder


def test_training_of_a_checkpoint_is_found_and_drawn(tmp_path: Path, assets: Path) -> None:
    folder = write_training(tmp_path / "trained", 3)
    run = store_run(tmp_path / "runs", make_run([[0, 1]]), checkpoint=str(folder / "final"))
    report(tmp_path / "runs", tmp_path / "site", assets, count=lambda text: text.count("wait"))
    found = boot_of(tmp_path / "site")["trainings"][0]
    value = data_of(tmp_path / "site", f"training/{found['id']}")
    assert (found["name"], found["steps"], found["runs"]) == ("trained", 3, [run.name])
    assert value["columns"] == {"step": [1, 2, 3], "reward": [0.333333, 0.666667, 1.0], "kl": [None, 0.1, 0.1]}
    assert value["reflection"]["per_1000"] == [50.0, 50.0, 50.0]


def test_half_lines_and_strange_lines_of_a_training_are_left_out(tmp_path: Path) -> None:
    folder = write_training(tmp_path / "t", 2, ending='[1]\n{"event": "step", "step": 3, "reward": "high"}\n{"event": "step", "st')
    curves = training.curves(*journal.read_steps(folder))
    assert curves.columns["reward"] == [0.5, 1.0, None]
    assert story_of(folder).rows["samples"] == [2, 2]


def test_step_that_is_none_is_left_out_and_named(tmp_path: Path, assets: Path) -> None:
    ending = "".join(f'{{"event": "step", "step": {step}, "reward": 1}}\n' for step in ("1e21", 10**21, -1))
    folder = write_training(tmp_path / "t", 2, ending=ending)
    store_pair(tmp_path / "runs")
    for _ in range(2):  # the second time from memory
        result = report(tmp_path / "runs", tmp_path / "site", assets, trainings=(folder,))
        assert [line for line in result.left_out if "3 lines of events.jsonl with a step that is none (1e+21, 1000" in line]
    assert boot_of(tmp_path / "site")["trainings"][0]["steps"] == 2


def test_page_says_which_share_of_a_large_file_of_rollouts_was_read(tmp_path: Path) -> None:
    folder = write_training(tmp_path / "t", 400)
    size = (folder / "rollouts.jsonl").stat().st_size
    assert rollouts.notes(story_of(folder)) == rollouts.notes(None) == []
    assert "are of 25 % of it" in rollouts.notes(story_of(folder, most_bytes=size // 4 + 1))[0]


def test_step_of_a_resumed_training_counts_as_it_stands_last(tmp_path: Path) -> None:
    folder = write_training(tmp_path / "t", 2, ending='{"event": "step", "step": 2, "reward": 0.25}\n')
    assert training.curves(*journal.read_steps(folder)).columns["reward"] == [0.5, 0.25]


def test_thinning_keeps_ends_and_extremes_of_every_curve() -> None:
    rows = [[math.sin(step / 900), 0.0, None] for step in range(30_000)]
    rows[12_345][1] = 9.0
    rows[23_456][0] = -5.0
    kept = training.thinned(rows, 2_000)
    assert len(kept) <= 2_000
    assert {0, 12_345, 23_456, 29_999} <= set(kept)
    assert kept == sorted(set(kept))


def test_large_file_of_rollouts_is_read_in_even_stretches(tmp_path: Path) -> None:
    folder = write_training(tmp_path / "t", 4_000)
    whole, part = story_of(folder), story_of(folder, most_bytes=(folder / "rollouts.jsonl").stat().st_size // 5)
    assert (whole.share, round(part.share, 2)) == (1.0, 0.2)
    assert 0.15 * 8_000 < sum(part.rows["samples"]) < 0.3 * 8_000
    assert part.rows["step"][-1] > 3_900


def test_named_training_without_events_is_an_error(tmp_path: Path, assets: Path) -> None:
    store_pair(tmp_path / "runs")
    with pytest.raises(StorageError, match="is not a training"):
        report(tmp_path / "runs", tmp_path / "site", assets, trainings=(tmp_path,))


def test_checkpoint_of_a_step_belongs_to_the_training_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_training(tmp_path / "trained", 3)
    monkeypatch.chdir(folder)
    runs = [("step", "trained/checkpoints/step-000002"), ("end", "final"), ("other", "org/model")]
    found = training.find(journal, [], runs, tmp_path)
    assert [(each.folder, each.runs) for each in found] == [(folder, ("step", "end"))]


@pytest.mark.parametrize("checkpoint", ["tiny-base", "", "a\0b", "x" * 5_000, "/", "org/model", "final"])
def test_checkpoint_that_is_no_path_has_no_training(tmp_path: Path, checkpoint: str) -> None:
    assert training.find(journal, [], [("run", checkpoint)], tmp_path) == []


def test_reflection_words_are_those_of_the_graders() -> None:
    text = "Wait, the mistake: 等等, I verify and verify. Mistakes."
    found = behaviour.measure(text)
    assert cli_report.count_reflections(text) == found["reflection_r1"] + found["reflection_zh"] == 5


# ---- the command


def run_command(*words: str) -> Any:
    return CliRunner().invoke(main, ["report", *words])


def test_command_refuses_wrong_values(tmp_path: Path) -> None:
    runs = str(tmp_path / "runs")
    store_pair(tmp_path / "runs")
    assert run_command("-o", "x", "--samples", "few").exit_code == 2
    assert run_command("-o", "x", "--compare", "one").exit_code == 2
    assert isinstance(run_command("-o", "x", "--runs", runs, "--task", "aritmetic").exception, UnknownNameError | SystemExit)
    assert run_command("-o", "x", "--runs", runs, "--compare", "base,base").exit_code != 0
    assert not Path("x").exists()


def test_command_writes_the_page_and_says_what_it_wrote(tmp_path: Path) -> None:
    store_pair(tmp_path / "runs")
    store_run(tmp_path / "runs", make_run([[0, 1]], task="mine"))
    words = (
        "-o",
        str(tmp_path / "site"),
        "--runs",
        str(tmp_path / "runs"),
        "--compare",
        "base,zero",
        "--task",
        "arithmetic",
        "--task",
        "mine",
    )
    told = json.loads(run_command(*words, "--json").stdout)
    assert (told["num_runs"], told["num_written"], told["page"]) == (3, 3, str(tmp_path / "site" / "index.html"))
    assert "file://" in run_command(*words).stdout
    assert [row["asked"] for row in boot_of(tmp_path / "site")["comparisons"]] == [True]


def test_chosen_runs_are_those_of_task_and_name(tmp_path: Path, assets: Path) -> None:
    parent, child = store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets, choice=sources.Choice(("arithmetic",), "z*"))
    assert list(boot_of(tmp_path / "site")["runs"]) == [child]
    report(tmp_path / "runs", tmp_path / "site", assets, choice=sources.Choice(("gsm8k",)))
    assert "task gsm8k" in boot_of(tmp_path / "site")["empty_reason"]
    assert parent
