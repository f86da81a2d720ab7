"""Files of rows -> rows, each with the place it stands at. Left out: what the columns mean (rows.py).

Read: .jsonl (also .jsonl.txt), .json (a list, {"data": [...]} or a table of rows), .parquet, .csv, .tsv; text also as .gz. A row that
cannot be read becomes a Finding, and reading goes on; a file that cannot be read raises DataError. Text must be UTF-8.
"""

import csv
import gzip
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from r1bench.harness.canonical import parse_json
from r1bench.harness.errors import DataError
from r1bench.harness.store.disk import open_regular

MAX_BYTES = 2 * 2**30
AT_ONCE = 100
"""Rows of a Parquet file in memory twice."""
SUFFIXES = (".jsonl", ".jsonl.txt", ".json", ".parquet", ".csv", ".tsv", ".jsonl.gz", ".json.gz", ".csv.gz", ".tsv.gz")


class Finding(NamedTuple):
    """Something that is wrong with a row or a file, and what to do."""

    where: str
    """file:row, from 1; in text files the line."""
    problem: str
    cure: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}; {self.cure}"


class Row(NamedTuple):
    """One row as it stands in the file."""

    where: str
    fields: dict[str, Any]


def is_readable(path: Path) -> bool:
    """Whether the name of a file says that it holds rows."""
    return path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")


def read_file(path: Path, has_header: bool = True) -> Iterator[Row | Finding]:
    """The rows of a file, in order.

    Args:
        has_header: whether the first line of a .csv or .tsv names the columns; otherwise they are called '1', '2', ...

    Raises:
        DataError: the file is missing, too large, damaged, or of no known kind.
    """
    kind = path.name.lower().removesuffix(".gz").removesuffix(".txt").rpartition(".")[2]
    try:
        if not is_readable(path):
            raise DataError(str(path), "is of no kind that can be read", f"use one of {', '.join(SUFFIXES)}")
        if path.stat().st_size > MAX_BYTES:
            raise DataError(str(path), "is larger than 2 GiB", "split it")
        if kind == "parquet":
            yield from _read_parquet(path)
            return
        content = _read_bytes(path)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(str(path), f"cannot be read ({error})", "check the path and the file") from error
    if kind == "jsonl":
        yield from _read_lines(path, content)
    elif kind == "json":
        yield from _read_json(path, content)
    else:
        yield from _read_table(path, content, "\t" if kind == "tsv" else ",", has_header)


def _read_bytes(path: Path) -> bytes:
    if path.name.lower().endswith(".gz"):
        with open_regular(path) as packed, gzip.open(packed) as stream:
            content = stream.read(MAX_BYTES + 1)
    else:
        with open_regular(path) as file:
            content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise DataError(str(path), "is larger than 2 GiB when unpacked", "split it")
    return content.removeprefix(b"\xef\xbb\xbf")


def _read_lines(path: Path, content: bytes) -> Iterator[Row | Finding]:
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.strip():
            yield parse_line(f"{path}:{number}", line)


def parse_line(where: str, line: bytes) -> Row | Finding:
    """One JSON object that stands at `where`."""
    try:
        return _as_row(where, parse_json(line.decode("utf-8"), _unique))
    except UnicodeDecodeError as error:
        return Finding(where, f"is not UTF-8 (byte {error.start + 1})", "save the file as UTF-8")
    except ValueError as error:
        return Finding(where, f"is not JSON that can be read ({error})", "every line must be one JSON object of a few levels")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, unless a name stands in it twice: one of the two values would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the name {name!r:.40} stands twice in one object")
    return found


def _as_row(where: str, value: Any) -> Row | Finding:
    if isinstance(value, dict):
        return Row(where, value)
    return Finding(where, f"is a JSON {type(value).__name__} and not an object", "every row must be an object with named columns")


def _read_json(path: Path, content: bytes) -> Iterator[Row | Finding]:
    try:
        value = parse_json(_decoded(path, content), _unique)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            yield from _read_lines(path, content)
            return
        raise DataError(f"{path}:{error.lineno}", f"is not JSON ({error.msg})", "repair the file") from error
    except ValueError as error:
        raise DataError(str(path), f"is not JSON that can be read ({error})", "repair the file") from error
    if isinstance(value, dict):
        lists = [value[name] for name in ("data", "rows", "problems") if isinstance(value.get(name), list)]
        value = lists[0] if lists else [value] if any(not isinstance(row, dict) for row in value.values()) else list(value.values())
    if not isinstance(value, list):
        raise DataError(str(path), f"holds a single {type(value).__name__}", "it must hold a list of objects")
    for number, row in enumerate(value, start=1):
        yield _as_row(f"{path}:{number}", row)


def _decoded(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}:{line}", "is not UTF-8", "save the file as UTF-8") from error


def _read_table(path: Path, content: bytes, delimiter: str, has_header: bool) -> Iterator[Row | Finding]:
    csv.field_size_limit(MAX_BYTES)  # the default is 131,072 characters, and a long reasoning has more
    reader = csv.reader(io.StringIO(_decoded(path, content), newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    line = 1
    try:
        for values in reader:
            where, line = f"{path}:{line}", reader.line_num + 1
            if not values:
                continue
            if header is None:
                header = values if has_header else [str(number) for number in range(1, len(values) + 1)]
                check_header(where, header)
                if has_header:
                    continue
            if len(values) != len(header):
                yield Finding(where, f"has {len(values)} fields instead of {len(header)}", "quote fields that hold the delimiter")
                continue
            yield Row(where, dict(zip(header, values, strict=True)))
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}", f"is not a table ({error})", "repair the quotes, or use JSON lines") from error


def check_header(where: str, names: list[str]) -> None:
    """Raise DataError where two columns have one name."""
    if len(set(names)) < len(names):
        raise DataError(where, f"has two columns of one name ({', '.join(names):.80})", "rename one of them")


def _read_parquet(path: Path) -> Iterator[Row | Finding]:
    import pyarrow
    import pyarrow.parquet

    size, numbers = 0, count(1)
    try:
        with open_regular(path) as file:
            parquet = pyarrow.parquet.ParquetFile(file)
            check_header(str(path), parquet.schema_arrow.names)
            for batch in parquet.iter_batches(AT_ONCE):
                size += batch.nbytes
                if size > MAX_BYTES:
                    raise DataError(str(path), "is larger than 2 GiB when unpacked", "split it")
                yield from (Row(f"{path}:{next(numbers)}", row) for row in batch.to_pylist())
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise DataError(str(path), f"is not a Parquet file that can be read ({error!s:.200})", "fetch it again") from error
