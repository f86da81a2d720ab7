"""Lines of samples.jsonl: the short way and the constructors agree, and what cannot be a sample is refused by both."""

import json
import re
from pathlib import Path

import pytest
from fakes_folders import start_python, store_run
from fakes_runs import make_sample
from hypothesis import given
from hypothesis import strategies as st

from r1bench.harness.canonical import canonical_json
from r1bench.harness.errors import StorageError
from r1bench.harness.records import Sample, sample_digest
from r1bench.harness.store.listed import BLOCK, MANIFEST, SAMPLES, half_line, not_runs, run_folders
from r1bench.harness.store.names import run_of
from r1bench.harness.store.runs import read_manifest, read_run
from r1bench.harness.store.sample_lines import FAULTS, parse_line, parse_samples

FULL = make_sample("p", 0, 1, behaviour={"loop": 0, "repeated": 0.25}, languages={"en": 3}).to_json()


def line_of(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


def replaced(path: str, value: object) -> dict:
    """A whole sample with one field changed: 'grade.score'."""
    changed = json.loads(json.dumps(FULL))
    *parents, last = path.split(".")
    place = changed
    for parent in parents:
        place = place[parent]
    place[last] = value
    return changed


@given(st.text(), st.integers(0, 9), st.booleans(), st.dictionaries(st.text(max_size=3), st.floats(-1e15, 1e15)))
def test_the_short_way_gives_what_the_constructors_give(text: str, index: int, ok: bool, behaviour: dict[str, float]) -> None:
    sample = make_sample("p", index, 1, text=text, format_ok=ok, behaviour=behaviour)
    line = canonical_json(sample.to_json()).encode("utf-8", "surrogatepass") + b"\n"
    assert parse_line(line) == Sample.from_json(json.loads(line)) == sample


def test_a_line_of_an_older_folder_has_the_defaults() -> None:
    older = {key: value for key, value in FULL.items() if key not in ("behaviour", "published", "languages")}
    found = parse_line(line_of(older))
    assert (found.behaviour, found.published, found.languages) == ({}, None, {})


WRONG = [
    ("index", -1),
    ("index", True),
    ("index", 10**9),
    ("problem_id", 7),
    ("completion.text", None),
    ("completion.num_tokens", "12"),
    ("completion.num_tokens", 1.5),
    ("completion.num_prompt_tokens", None),
    ("completion.num_tokens", 2**63),
    ("completion.num_prompt_tokens", 10**400),
    ("completion.num_prompt_tokens", -1),
    ("completion.seconds", "1"),
    ("completion.seconds", -0.5),
    ("completion.seconds", 1e26),
    ("completion.seconds", 10**400),
    ("completion.prefill", 3),
    ("completion.finish_reason", "bored"),
    ("reasoning_tokens", [8]),
    ("reasoning_tokens", -8),
    ("reasoning_tokens", 2**63),
    ("grade.score", 1.5),
    ("grade.score", float("nan")),
    ("grade.score", float("inf")),
    ("grade.outcome", "perhaps"),
    ("grade.extracted", 17),
    ("grade.flags", 3),
    ("grade.details", []),
    ("grade", None),
    ("format_ok", "yes"),
    ("published", 1),
    ("thinking_state", "deep"),
    ("languages", {"en": "many"}),
    ("languages", {"en": -1}),
    ("languages", {"en": 10**30}),
    ("languages", ["en"]),
    ("behaviour", {"loop": "often"}),
    ("behaviour", {"loop": float("nan")}),
    ("behaviour", {"loop": None}),
    ("behaviour", {"loop": 1e308}),
    ("behaviour", {"loop": -(10**400)}),
    ("unheard_of", 1),
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=[f"{path}={value}" for path, value in WRONG])
@pytest.mark.parametrize("is_whole", [True, False], ids=["whole", "older"])
def test_a_value_that_a_field_cannot_have_is_refused_by_both_ways(path: str, value: object, is_whole: bool) -> None:
    changed = replaced(path, value)
    if not is_whole and path != "published":
        del changed["published"]
    with pytest.raises(FAULTS):
        parse_line(line_of(changed))


@pytest.mark.parametrize(
    ("outcome", "score", "is_possible"),
    [("correct", 0.0, False), ("correct", 0.9, True), ("wrong", 1.0, False), ("wrong", 0.9, True), ("wrong", 0, True)]
    + [(outcome, score, score == 0) for outcome in ("unparsed", "truncated", "failed") for score in (0, 0.5, 1)],
)
def test_outcome_and_score_must_not_contradict_each_other(outcome: str, score: float, is_possible: bool) -> None:
    changed = replaced("grade.score", score)
    changed["grade"]["outcome"] = outcome
    if is_possible:
        assert parse_line(line_of(changed)).grade.score == score
    else:
        with pytest.raises(ValueError, match="cannot have"):
            parse_line(line_of(changed))


@pytest.mark.parametrize("line", [b"[" * 100_000 + b"\n", b"\xff\xfe\n", b"\n", b"null\n", b"{}\n", line_of(FULL)[:-1] * 2 + b"\n"])
def test_what_is_no_sample_at_all_is_named_by_its_line(tmp_path: Path, line: bytes) -> None:
    (tmp_path / SAMPLES).write_bytes(line_of(FULL) + line)
    with pytest.raises(StorageError, match=r"samples\.jsonl:2 is no sample \(.*delete that line to draw it again"):
        list(parse_samples(tmp_path / SAMPLES))


def test_without_texts_everything_but_the_text_is_the_same(tmp_path: Path) -> None:
    folder = store_run(tmp_path)
    whole, light = read_run(folder), read_run(folder, keep_texts=False)
    assert [sample.completion.text for sample in light.samples] == [sample_digest(sample) for sample in whole.samples]
    assert [sample.grade for sample in light.samples] == [sample.grade for sample in whole.samples]


@pytest.mark.parametrize("size", [0, 1, 57, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
@pytest.mark.parametrize("before", [b"", b"whole\n", b"x" * BLOCK + b"\n"])
def test_the_bytes_of_a_half_written_line_are_counted(tmp_path: Path, size: int, before: bytes) -> None:
    path = tmp_path / SAMPLES
    path.write_bytes(before + b"y" * size)
    assert half_line(path) == size


def test_without_a_file_no_line_is_half_written(tmp_path: Path) -> None:
    assert half_line(tmp_path / SAMPLES) == 0


def test_a_manifest_with_half_a_character_in_its_name_can_be_read(tmp_path: Path) -> None:
    assert read_manifest(store_run(tmp_path, name="half \ud800")).name == "half \ud800"


def test_a_lost_manifest_is_called_lost(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is not there; restore it"):
        read_manifest(tmp_path)


def test_a_run_that_is_there_twice_counts_once_and_can_be_found_by_its_name(tmp_path: Path) -> None:
    folder = store_run(tmp_path, name="zero")
    (tmp_path / "a-link").symlink_to(folder)
    assert run_folders(tmp_path) == [folder]
    assert run_of(tmp_path, "zero").folder == folder
    assert len(not_runs(tmp_path)) == 1


def test_a_run_that_is_just_being_begun_is_no_fault(tmp_path: Path) -> None:
    folder = store_run(tmp_path)
    (folder / MANIFEST).unlink()
    (folder / SAMPLES).unlink()
    assert (run_folders(tmp_path), not_runs(tmp_path)) == ([], [])


def test_a_folder_that_cannot_be_listed_has_no_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert run_folders(tmp_path / "file") == run_folders(tmp_path / "none") == not_runs(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("task", ""),
        ("rounds", [10**400]),
        ("rounds", [True]),
        ("num_problems", 10**30),
        ("batch_size", -1),
        ("sampler_options", []),
        ("sampler_options", {"sample": 1}),
        ("sampler_options", {"sample": {"times": [1]}}),
        ("sampler_options", {"run": {"times": float("nan")}}),
        ("format", True),
        ("format", 1.0),
    ]
    + [("environment", {"device": None}), ("sampling", {"temperature": 10**400}), ("sampling", {"seed": 2**70})]
    + [(name, value) for name in ("task_version", "grader_version", "checkpoint_digest", "parent", "command") for value in (1, None)],
)
def test_a_manifest_with_a_value_that_a_field_cannot_have_is_refused(tmp_path: Path, field: str, value: object) -> None:
    path = store_run(tmp_path) / MANIFEST
    held = json.loads(path.read_text())
    held[field] = {**held[field], **value} if isinstance(value, dict) else value
    path.write_text(json.dumps(held))
    with pytest.raises(StorageError, match=r"manifest\.json is"):
        read_manifest(path.parent)


@pytest.mark.parametrize(("field", "value"), [("id", 7), ("prompt", None), ("gold", [1]), ("metadata", []), ("language", 3)])
def test_a_problem_with_a_value_that_a_field_cannot_have_is_named_by_its_line(tmp_path: Path, field: str, value: object) -> None:
    path = store_run(tmp_path) / "problems.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], json.dumps({**json.loads(lines[1]), field: value}), lines[2]]))
    with pytest.raises(StorageError, match=r"problems\.jsonl:2 cannot be read"):
        read_run(path.parent)


def test_a_sample_of_an_unknown_problem_is_named(tmp_path: Path) -> None:
    folder = store_run(tmp_path)
    with (folder / SAMPLES).open("ab") as file:
        file.write(line_of(make_sample("elsewhere", 0, 1).to_json()))
    with pytest.raises(StorageError, match="a sample of problem 'elsewhere', which is not in problems"):
        read_run(folder)


def test_of_two_lines_of_one_sample_the_last_counts_and_a_difference_is_remarked(tmp_path: Path) -> None:
    folder = store_run(tmp_path, [[1, 0]])
    path = folder / SAMPLES
    first = path.read_bytes().splitlines(keepends=True)[0]
    path.write_bytes(path.read_bytes() + first)
    assert read_run(folder).left_out == ()
    path.write_bytes(path.read_bytes() + line_of(make_sample("p0000", 0, 0).to_json()))
    run = read_run(folder)
    assert [sample.grade.score for sample in run.samples] == [0, 0]
    assert "has 1 sample in lines that differ: the last counts" in run.left_out[0]


def test_lost_samples_are_remarked_with_the_command(tmp_path: Path) -> None:
    folder = store_run(tmp_path, command="r1bench eval tiny-base")
    (folder / SAMPLES).unlink()
    run = read_run(folder)
    assert (run.samples, run.left_out[0].endswith("draw the samples again: r1bench eval tiny-base")) == ((), True)


WRITER = """
import itertools, sys
sys.path.insert(0, "tests/support")
from pathlib import Path
from fakes_folders import make_problems
from fakes_runs import make_run, make_sample
from r1bench.harness.canonical import digest_of
from r1bench.harness.store.runs import open_run
problems = make_problems(1)
run = make_run([[0]], rounds=(10**6,), problems_digest=digest_of([problem.digest() for problem in problems]))
with open_run(Path(sys.argv[1]), run.manifest, problems) as writer:
    print("open", flush=True)
    for index in itertools.islice(itertools.count(), int(sys.argv[2])):
        writer.append(make_sample("p0000", index, 0))
"""


def test_a_second_writer_is_refused_and_a_killed_one_loses_only_what_was_in_flight(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    first = start_python(WRITER, tmp_path, 10**6, cwd=root)
    assert first.stdout is not None
    assert first.stdout.readline() == "open\n"
    out, err = start_python(WRITER, tmp_path, 1, cwd=root).communicate()
    assert (out, "is being written by another process; wait for it to end" in err) == ("", True)
    first.kill()
    first.communicate()
    (folder,) = run_folders(tmp_path)
    stored = [sample.index for sample, _ in parse_samples(folder / SAMPLES)]
    assert stored == list(range(len(stored)))
    assert start_python(WRITER, tmp_path, len(stored) + 10, cwd=root).communicate()[0] == "open\n"
    assert len(read_run(folder).samples) == len(stored) + 10


NAMED = [("completion.finish_reason", "bored"), ("grade.score", 1.5), ("languages", {"en": -1}), ("index", -1), ("thinking_state", "deep")]


@pytest.mark.parametrize(("path", "value"), NAMED)
def test_a_field_that_cannot_be_is_named_with_its_value(path: str, value: object, tmp_path: Path) -> None:
    (tmp_path / SAMPLES).write_bytes(line_of(replaced(path, value)))
    with pytest.raises(StorageError, match=re.escape(f"samples.jsonl:1 is no sample ({path} cannot be {value!r}); restore")):
        list(parse_samples(tmp_path / SAMPLES))


@pytest.mark.parametrize("name", ["task", "rounds", "environment", "num_problems"])
def test_a_field_of_a_manifest_that_cannot_be_is_named(name: str, tmp_path: Path) -> None:
    run = store_run(tmp_path)
    (run / "manifest.json").write_text(json.dumps({**json.loads((run / "manifest.json").read_text()), name: "../x"}))
    with pytest.raises(StorageError, match=rf"is no manifest of a run \({name} cannot be "):
        read_manifest(run)
