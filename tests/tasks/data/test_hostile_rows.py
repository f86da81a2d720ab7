"""Files of rows that somebody made to harm, or that are only large: read, or refused at once in one short line."""

import gzip
import json
import os
from pathlib import Path

import pytest

from r1bench.harness.errors import DataError
from r1bench.harness.records import Problem
from r1bench.tasks import get_task
from r1bench.tasks.data import sources
from r1bench.tasks.data.loading import inspect
from r1bench.tasks.data.reading import Finding, Row, read_file
from r1bench.tasks.data.rows import value_at

NESTED = "[" * 200_000 + "]" * 200_000


def read(path: Path, content: str | bytes) -> list[Row | Finding]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_file(path))


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv"])
def test_a_field_of_any_length_is_read(tmp_path: Path, name: str) -> None:
    [row] = read(tmp_path / name, f'response\n"{"wait " * 400_000}"\n')
    assert isinstance(row, Row)
    assert len(row.fields["response"]) == 2_000_000


HOSTILE = {
    "nested": (f'{{"a": {NESTED}}}', "nested more than 100 levels deep"),
    "a little nested": ('{"a": ' + "[" * 300 + "]" * 300 + "}", "nested more than 100 levels deep"),
    "digits": (f'{{"a": {"1" * 5000}}}', "a number of thousands of digits"),
    "a name twice": ("{" + '"a": 1, ' * 200_000 + '"a": 2}', "'a' stands twice"),
    "a long name twice": ('{"' + "a" * 10_000 + '": 1, "' + "a" * 10_000 + '": 2}', "stands twice"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "is not UTF-8"),
    "a NUL": ('{"a": "\0"}', "is not JSON"),
    "a list": ("[1]", "is a JSON list"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_row_is_named_in_one_short_line(tmp_path: Path, case: str) -> None:
    content, told = HOSTILE[case]
    [found] = read(tmp_path / "rows.jsonl", content)
    assert told in str(found)
    assert len(str(found)) < len(str(tmp_path)) + 300


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.csv", "rows.parquet", "rows.jsonl.gz"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    {"pipe": os.mkfifo, "device": lambda path: path.symlink_to("/dev/zero"), "folder": Path.mkdir}[kind](path)
    with pytest.raises(DataError, match="regular file"):
        list(read_file(path))


def test_rows_end_in_any_line_break_and_begin_with_any_mark(tmp_path: Path) -> None:
    assert [row.where[-2:] for row in read(tmp_path / "rows.jsonl", '\ufeff{"a": 1}\r\n\r\n{"a": NaN}\r\n')] == [":1", ":3"]
    assert len(read(tmp_path / "rows.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 3))) == 3


def test_a_table_with_two_columns_of_one_name_is_refused(tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    one = pyarrow.array(["1"])
    parquet.write_table(pyarrow.Table.from_arrays([one, one], names=["a", "a"]), tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="two columns of one name"):
        list(read_file(tmp_path / "rows.parquet"))


def test_a_table_with_a_date_that_no_calendar_has_is_refused(tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"a": pyarrow.array([10**15], pyarrow.timestamp("ms"))}), tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="not a Parquet file that can be read"):
        list(read_file(tmp_path / "rows.parquet"))


def test_names_of_columns_are_quoted_in_part(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_text(json.dumps({f"{'x' * 10_000}{number}": 1 for number in range(30)}))
    [found] = inspect(get_task("gsm8k"), tmp_path / "d.jsonl").findings
    assert len(str(found)) < len(str(tmp_path)) + 900


def test_a_text_is_held_against_a_bounded_number_of_others() -> None:
    texts = [sources.prepare(Problem(str(number), f"how many of them are there {'+' * number}", ("1",))) for number in range(500)]
    assert len(sources.Candidates(texts).of(texts[0])) == sources.MOST_CANDIDATES
    assert len(sources.Candidates(texts[:100]).of(texts[0])) == 100


def test_blanks_in_a_question_stay_and_those_before_an_instruction_go(tmp_path: Path) -> None:
    blanks, instruction = " " * 1_000_000, "Please reason step by step, and put your final answer within \\boxed{}."
    rows = [{"question": f"What is{blanks}1+1?", "answer": "#### 2"}, {"question": f"1+1?{blanks}{instruction}", "answer": "#### 2"}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = inspect(get_task("gsm8k"), tmp_path / "rows.jsonl").problems
    assert [(problem.prompt, problem.metadata) for problem in found] == [
        (f"What is{blanks}1+1?", {}),
        ("1+1?", {"stripped_instruction": instruction}),
    ]


@pytest.mark.parametrize(
    ("text", "left"),
    [("a [asy] x [/asy] b <asy>y</asy> c", "a  b  c"), ("a [/asy] [asy] b", "a [/asy] [asy] b"), ("[asy]" * 400_000, "[asy]" * 400_000)],
    ids=["figures", "without an end", "many"],
)
def test_figures_are_left_out_of_a_text_where_they_end(text: str, left: str) -> None:
    assert sources.without_drawings(text) == left


def test_a_reworded_text_is_found_among_many_with_the_same_digits() -> None:
    texts = [
        Problem(str(n), f"On street {'abcdefghij'[n % 10] * 3}{'klmnopqrst'[n // 10 % 10] * 3}x{'uvwxy'[n // 100] * 3} a fox sits", ("1",))
        for n in range(500)
    ]
    assert [(a.id, b.id) for a, b in sources.match([Problem("q", f"{texts[321].prompt}.", ("1",))], texts)] == [("q", "321")]


def test_dots_lead_through_lists_by_number_and_by_name() -> None:
    row = {"a": [{"b": 1}, {"b": 2}], "c.d": 3, "c": {"d": 4}, "e": [[1]]}
    assert [value_at(row, name) for name in ("a.b", "a.1.b", "a.2.b", "c.d", "e.0.0", "e.x", "a.9999999999999.b", "z")] == [
        *([1, 2], 2, None, 3, 1),
        *(None, None, None),
    ]
