"""The report: the data of its runs and of its trainings, and the command.

Left out: how the page looks and behaves (test_report_browser.py). Run: make test PYTEST_ARGS=tests/leaderboards/report/test_report.py
"""

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fakes_folders import flag_unknown
from fakes_report import HOSTILE, boot_of, data_of, report, store_pair, store_run, write_training
from fakes_runs import make_run, make_sample
from hypothesis import given
from hypothesis import strategies as st

from r1bench.backends import journal
from r1bench.harness import thinking
from r1bench.harness.checkpoints import folder_digest, seal
from r1bench.harness.cli import main
from r1bench.harness.cli import report as cli_report
from r1bench.harness.errors import StorageError, UnknownNameError
from r1bench.harness.records import RenderedPrompt, Sample
from r1bench.harness.store.listed import MANIFEST, run_folders
from r1bench.harness.store.prompts import digest_of_prompts, write_prompts
from r1bench.harness.store.runs import read_run
from r1bench.harness.thinking import Span
from r1bench.leaderboards.measures import MEASURES
from r1bench.leaderboards.report import payload, rollouts, sources, spans, training
from r1bench.tasks.grading import behaviour

ASKED_STATES = ("closed", "prefilled", "unfinished", "absent", "malformed")


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
    assert utf16(row["text"], [0, row["cut"]["at"]]) == text[: payload.LONGEST_TEXT * 3 // 5]


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


def test_a_sample_is_shown_with_what_the_model_read_where_that_is_stored(tmp_path: Path, assets: Path) -> None:
    folder = store_run(tmp_path / "runs", make_run([[1], [0]]))
    prompts = [RenderedPrompt(name, f"<user>What is {name}?<assistant>", 5) for name in ("p0000", "p0001")]
    write_prompts(folder, prompts)
    path = folder / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), "prompts_digest": digest_of_prompts(prompts), "rendering": "chat"}))
    store_run(tmp_path / "runs", make_run([[1], [0]], name="before"))
    report(tmp_path / "runs", tmp_path / "site", assets)
    shown = {row["read"] for name in run_folders(tmp_path / "runs") for row in data_of(tmp_path / "site", f"run/{name.name}/problems-0")}
    assert shown == {None, *(prompt.text for prompt in prompts)}


def test_samples_are_chosen_evenly() -> None:
    samples = [make_sample("p", index, 0) for index in range(10)]
    assert [sample.index for sample in payload.chosen(samples, 4)] == [0, 2, 5, 7]


def test_boot_leaves_to_the_page_of_a_run_what_only_it_shows(tmp_path: Path, assets: Path) -> None:
    _, child = store_pair(tmp_path / "runs")
    report(tmp_path / "runs", tmp_path / "site", assets)
    entry = boot_of(tmp_path / "site")["entries"][0]
    whole = data_of(tmp_path / "site", f"run/{child}/entry")
    assert "versions" not in entry
    assert list(entry["measures"]) == [key for key in MEASURES if key in entry["measures"]]
    assert whole["entry"]["versions"] == {"sampler": "scripted", "device": "cpu", "torch": "2.9.0"}
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
    assert not {"tokens", "reasoning_tokens"} & entry["measures"].keys()
    assert (entry["generated_tokens"], entry["num_published"]) == (None, 4)
    assert data_of(tmp_path / "site", f"run/{folder.name}/samples-0")[0]["published"] is True


@pytest.mark.parametrize(
    ("is_good", "keys"),
    [
        (True, ("score", "format", "think_answer", "rule:think_once")),
        (False, ("truncated", "mixed", "loop", "repeated_passages")),
        (None, ("tokens", "reasoning_tokens", "han", "answers", "reflection_r1_per_1000")),
    ],
)
def test_the_data_say_whether_more_of_a_measure_is_better(is_good: bool | None, keys: tuple[str, ...]) -> None:
    assert [sources.described(key)["is_good"] for key in keys] == [is_good] * len(keys)


def test_a_rate_is_named_with_the_unit_that_it_is_of_and_a_rule_without_its_prefix() -> None:
    assert sources.described("reflection_r1_per_1000", "words")["label"] == "reflection r1 per 1,000 words"
    assert sources.described("rule:think_once") == {"label": "think_once", "unit": "points", "is_good": True, "group": "rule"}


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


def test_note_on_a_run_is_not_among_what_is_left_out(tmp_path: Path, assets: Path) -> None:
    _, child = store_pair(tmp_path / "runs")
    flag_unknown(tmp_path / "runs" / child, "<scratchpad>")
    result, boot = report(tmp_path / "runs", tmp_path / "site", assets), boot_of(tmp_path / "site")
    assert (result.left_out, boot["left_out"]) == ([], [])
    assert [line.startswith(f"{child}: 1 sample has a mark") for line in (*result.notes, *boot["notes"])] == [True, True]


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


# ---- trainings


def story_of(folder: Path, **options: Any) -> rollouts.Story:
    """What a training's completions say, with their lengths in place of reflection words."""
    read = journal.read_rollouts(folder, **options)
    assert read is not None
    story = rollouts.tell(*read, len)
    assert story is not None
    return story


def test_training_of_a_checkpoint_is_found_and_drawn(tmp_path: Path, assets: Path) -> None:
    folder = write_training(tmp_path / "trained", 3)
    seal(folder / "final", lambda new: (new / "config.json").write_text("{}"), {})
    told = {"checkpoint": str(folder / "final"), "checkpoint_digest": folder_digest(folder / "final")}
    run = store_run(tmp_path / "runs", make_run([[0, 1]]), **told)
    report(tmp_path / "runs", tmp_path / "site", assets, count=lambda text: text.count("wait"))
    found = boot_of(tmp_path / "site")["trainings"][0]
    value = data_of(tmp_path / "site", f"training/{found['id']}")
    assert (found["name"], found["steps"], found["runs"]) == ("trained", 3, [run.name])
    assert value["columns"] == {"step": [1, 2, 3], "reward": [0.333333, 0.666667, 1.0], "kl/k3": [None, 0.1, 0.1]}
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


def test_checkpoint_of_a_step_belongs_to_the_training_above(tmp_path: Path) -> None:
    folder, runs = write_training(tmp_path / "trained", 3), tmp_path / "build" / "runs"
    named = ("trained/checkpoints/step-000002", "trained/final", f"{folder}/final", "trained/model", "final")
    for name in named[:2]:
        seal(folder.parent / name, lambda new: (new / "config.json").write_text("{}"), {})
    digest = folder_digest(folder / "final")
    found = training.find(journal, [], [(name, name, digest) for name in named], runs)
    assert [(each.folder, each.runs) for each in found] == [(folder, named[:3])]
    assert training.find(journal, [], [(name, name, "another checkpoint") for name in named], runs) == []


@pytest.mark.parametrize("checkpoint", ["tiny-base", "", "a\0b", "x" * 5_000, "/", "org/model", "final"])
def test_checkpoint_that_is_no_path_has_no_training(tmp_path: Path, checkpoint: str) -> None:
    assert training.find(journal, [], [("run", checkpoint, "")], tmp_path) == []


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
