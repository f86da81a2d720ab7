"""samples.jsonl, line by line: bytes become checked samples.

    for sample, offset in parse_samples(folder / "samples.jsonl"): ...

A million lines are read in a minute, so what r1bench writes today (every field there, none else) goes a short way past the constructors;
whatever else a line may be goes through `Sample.from_json`. Both ways end in the same checks.
"""

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from r1bench.harness.canonical import DEEPEST, check_depth
from r1bench.harness.errors import StorageError
from r1bench.harness.records import LARGEST, LONGEST, MOST, Completion, Grade, Sample, WrongField, is_count, require, sample_digest
from r1bench.harness.store.disk import open_regular

SAMPLE, COMPLETION, GRADE = (frozenset(field.name for field in fields(record)) for record in (Sample, Completion, Grade))
NUMBERS = frozenset((int, float, bool))
FAULTS = (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError)
"""What taking a broken line apart can raise."""


def why(error: Exception) -> str:
    """What a message says of such a fault: the field and its value, where a record named them, else only its kind."""
    return str(error) if isinstance(error, WrongField) else type(error).__name__


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


_decode = json.JSONDecoder(parse_constant=_no_number).decode


def parse_samples(path: Path, *, keep_texts: bool = True) -> Iterator[tuple[Sample, int]]:
    """Each whole line's sample and the offset behind it. A line without its line break, the last one of a killed writer, is left out.

    No file has no sample: a run begins so.

    Raises StorageError: naming file and line.
    """
    offset = number = 0
    try:
        with open_regular(path) as file:
            for number, line in enumerate(file, 1):  # noqa: B007
                if not line.endswith(b"\n"):
                    return
                offset += len(line)
                yield parse_line(line, keep_text=keep_texts), offset
    except FAULTS as error:
        raise StorageError(
            f"{path}:{number} is no sample ({why(error)}); restore the file, or delete that line to draw it again"
        ) from error
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"{path} cannot be read ({error.strerror or error}); make it readable, or restore it") from error


def parse_line(line: bytes, *, keep_text: bool = True) -> Sample:
    """One line as a sample, with its digest in the place of its text unless that is kept. Raises one of FAULTS where it is none."""
    value = _decode(line.decode("utf-8", "surrogatepass"))
    if line.count(b"[") + line.count(b"{") > DEEPEST:
        check_depth(value)
    sample = _as_written(value) if value.keys() == SAMPLE else Sample.from_json(value)
    sample.check()
    check_measures(sample)
    if not keep_text:
        sample.completion.__dict__["text"] = sample_digest(sample)
    return sample


def _as_written(value: dict[str, Any]) -> Sample:
    """As `Sample.from_json`, four times as fast, for a line with exactly the fields of a sample."""
    completion, grade = value["completion"], value["grade"]
    if completion.keys() != COMPLETION or grade.keys() != GRADE:
        return Sample.from_json(value)
    grade["flags"] = tuple(grade["flags"])
    value["completion"], value["grade"] = _filled(Completion, completion), _filled(Grade, grade)
    return _filled(Sample, value)


def _filled(record: Any, values: dict[str, Any]) -> Any:
    """A frozen record with these fields, which must be all of its fields."""
    made = object.__new__(record)
    made.__dict__.update(values)
    return made


def check_measures(sample: Sample) -> None:
    """Raise WrongField or AttributeError where something that is averaged is no number, or something that is compared no text."""
    done, grade = sample.completion, sample.grade
    is_timed = type(done.seconds) in NUMBERS and 0 <= done.seconds <= LONGEST
    counted = {"num_tokens": type(done.num_tokens) is int, "num_prompt_tokens": is_count(done.num_prompt_tokens)}
    require(done, "completion.", **counted, seconds=is_timed, prefill=type(done.prefill) is str)
    is_text = grade.extracted is None or type(grade.extracted) is str
    require(grade, "grade.", score=type(grade.score) in NUMBERS, extracted=is_text, details=type(grade.details) is dict)
    measured = sample.behaviour.values()
    is_measured = NUMBERS.issuperset(map(type, measured)) and (not measured or (max(measured) <= LARGEST and min(measured) >= -LARGEST))
    is_counted = all(type(count) is int and 0 <= count <= MOST for count in sample.languages.values())
    require(sample, reasoning_tokens=is_count(sample.reasoning_tokens), languages=is_counted, behaviour=is_measured)
    is_judged = sample.published is None or type(sample.published) is bool
    require(sample, format_ok=type(sample.format_ok) is bool, published=is_judged)
