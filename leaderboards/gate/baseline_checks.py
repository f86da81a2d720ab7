"""Whether a baseline file says what samples can say. A digest tells an accident; this tells content that no run can have.

    check_task(value)      # Impossible, naming the place

Left out: the file and its digest (baselines.py), the fields of the manifest (Manifest.check).
"""

import math
from itertools import pairwise
from typing import Any

from r1bench.leaderboards.gate.ledger import ALWAYS
from r1bench.leaderboards.measures import metrics

SQUARES = " squared"
MOST_SAMPLES = 100_000
"""Of one problem."""
LARGEST = 2**53
"""Beyond it a whole number is no count of ours, and not exact as a float."""
TOKENS = ("tokens", "reasoning_tokens")
"""Measures that are counts; all others are shares of one."""
ROUNDING = 1e-9


class Impossible(Exception):
    """What a file says and no samples can."""


def check_task(value: dict[str, Any]) -> None:
    """Raises Impossible for numbers that cannot be; LookupError or TypeError where the shape is another one."""
    check_numbers(value, "it")
    columns, rows, manifest = value["columns"], value["problems"], value["manifest"]
    check_columns(columns)
    if len(rows) != manifest["num_problems"] or not rows:
        raise Impossible(f"{len(rows)} problems are listed, and the manifest says {manifest['num_problems']}")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list) or len(row) != len(columns) or not isinstance(row[0], str):
            raise Impossible(f"row {number} of its problems does not fit its columns")
        check_row(dict(zip(columns, row, strict=True)), manifest["rounds"][-1])
    for earlier, later in pairwise(row[0] for row in rows):
        if earlier >= later:
            raise Impossible(f"problem {later!r} is there twice" if earlier == later else f"problem {later!r} is not in its place by name")
    if not all(isinstance(text, str) for text in (value["run"], value["samples_digest"], *manifest["environment"].values())):
        raise Impossible("a name, a digest or a version is no text")


def check_numbers(value: Any, where: str) -> None:
    """Every number is finite, and every whole one within 2**53."""
    if isinstance(value, dict):
        for key, item in value.items():
            check_numbers(item, str(key))
    elif isinstance(value, list):
        for item in value:
            check_numbers(item, where)
    elif isinstance(value, int) and abs(value) > LARGEST:
        raise Impossible(f"{where} has a whole number of {value.bit_length()} bits")
    elif isinstance(value, float) and not math.isfinite(value):
        raise Impossible(f"{where} has a number that is not finite")


def check_columns(columns: list[str]) -> None:
    """Known, each once, `id`, `samples` and the score among them; squares follow what they are of."""
    if columns[:2] != ["id", "samples"] or "score" not in columns[2:]:
        raise Impossible("its columns do not begin with id and samples, or the score is missing")
    if doubled := [name for name in columns if columns.count(name) > 1]:
        raise Impossible(f"column {doubled[0]!r} is there twice")
    for name in columns[2:]:
        measure = name.removesuffix(SQUARES)
        is_known = measure in ALWAYS or measure in metrics.SHARES or measure.startswith(metrics.RULE)
        if not is_known or measure not in columns[2:]:
            raise Impossible(f"column {name!r} is none of a baseline")


def check_row(cells: dict[str, Any], n: int) -> None:
    """One problem: its number of samples, and sums that so many samples can have."""
    name, count = cells["id"], cells["samples"]
    if type(count) is not int or not 1 <= count <= MOST_SAMPLES or count != n:
        raise Impossible(f"problem {name!r} has {count!r} samples, and the run {n!r} of each")
    for column, total in cells.items():
        if column in ("id", "samples") or column.endswith(SQUARES):
            continue
        square = cells.get(column + SQUARES)
        if type(total) not in (int, float) or (square is not None and type(square) not in (int, float)):
            raise Impossible(f"problem {name!r} has no number as {column}")
        if not can_be(total, square, count, is_share=column not in TOKENS):
            told = f"{total}" if square is None else f"{total} (squared {square})"
            raise Impossible(f"problem {name!r} has {column} {told} in {count} samples")


def can_be(total: float, square: float | None, count: int, *, is_share: bool) -> bool:
    """Whether so many values, from 0 on and for a share up to 1, can have this sum and this sum of squares.

    Without the latter the values are 0 and 1. By the inequality of Cauchy and Schwarz squares sum up to total**2 / count or more; to at
    most the total where no value exceeds 1, and to at most total**2 where none is negative.
    """
    if total < 0 or (is_share and total > count * (1 + ROUNDING)):
        return False
    if square is None:
        return total == int(total) and total <= count
    most = total if is_share else total**2
    slack = ROUNDING * max(1.0, most)
    return total**2 / count - slack <= square <= most + slack
