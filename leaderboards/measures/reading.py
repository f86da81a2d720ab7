"""A run becomes a tally: every measure of every sample, as numbers; the texts are left behind.

    tally = read(Path("runs/gsm8k--my-model--1a2b3c4d"))
    tally = of_run(run)                    # of one that is in memory

Beside the table's measures and what graders recorded there are numbers that other statistics start from: 'outcome' (its place in OUTCOMES),
'vote' (0: right, 1, 2, ...: a wrong answer of the problem, NaN: none), 'ended' (by itself, as far as is known), 'published' (the verdict
that an imported completion came with), 'words', 'prompt_tokens', 'seconds', and for the language grader 'target:<language>' (that was asked
for), 'called_mixed' and 'switches_per_1000_words'. Of samples that failed there is no value: they stand in `Tally.failed`.
"""

import math
import unicodedata
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

from r1bench.harness.records import OUTCOMES, Run, Sample, sample_digest
from r1bench.harness.store.runs import read_run
from r1bench.harness.tally import Failed, Tally, digest_of_samples
from r1bench.leaderboards.measures import MEASURES, NAN, NOT_AVERAGED, asked_style, words_by_language

VOTING = ("choice", "integer", "math")
"""Graders that find an answer which can be voted on; programs, languages and formats cannot."""
RIGHT = ""


def place_of(folder: Path) -> Path:
    """The folder of runs that a run's folder lies in, as the user wrote it where that says so."""
    return folder.parent if folder.name not in ("", "..") else folder.resolve().parent


def read(folder: Path) -> Tally:
    """The tally of a run folder. Raises StorageError as `read_run` does."""
    return of_run(read_run(folder, keep_texts=False), place=place_of(folder))


def of_run(run: Run, *, place: Path | None = None) -> Tally:
    """The tally of a run. `place`: the folder of runs that it lies in."""
    drawn = sorted(run.samples, key=lambda sample: sample.key)
    samples, failed = [each for each in drawn if not each.has_failed], [each for each in drawn if each.has_failed]
    problems = [(name, len(list(members))) for name, members in groupby(samples, key=lambda sample: sample.problem_id)]
    style = asked_style(run.manifest.template)
    values = {name: array("d", [value(sample, style) for sample in samples]) for name, value in _readers(samples).items()}
    if run.manifest.grader in VOTING:
        values["vote"] = array("d", _votes(samples))
    recorded = tuple(key for key in _shared_keys(samples) if key not in NOT_AVERAGED[-2:])
    told = array("d")  # sample by sample, since going through all of them for each key takes twice the time
    for sample in samples:
        told.extend([sample.behaviour[key] for key in recorded])
    values = {**{key: told[place :: len(recorded)] for place, key in enumerate(recorded)}, **values}

    def digest(sample: Sample) -> int:
        return int(sample_digest(sample) if run.has_texts else sample.completion.text, 16)

    return Tally(
        id=run.id,
        manifest=run.manifest,
        problems=tuple(name for name, _ in problems),
        counts=tuple(count for _, count in problems),
        values=values,
        recorded=recorded,
        samples_digest=digest_of_samples(map(digest, drawn)),
        digests=array("Q", map(digest, samples)),
        noise=run.noise,
        left_out=run.left_out,
        notes=run.notes,
        place=place,
        failed=tuple(_failed(each, digest(each)) for each in failed),
    )


def _failed(sample: Sample, digest: int) -> Failed:
    """A sample that failed, with its cost."""
    done = sample.completion
    return Failed(*sample.key, digest, done.num_tokens or NAN, done.num_prompt_tokens, done.seconds)


def _readers(samples: Sequence[Sample]) -> dict[str, Callable[[Sample, str], float]]:
    """Measure -> its value of a sample whose template asks for a style of format. What is known of no sample is missing."""
    found = {key: measure.read for key, measure in MEASURES.items()}
    if not any(sample.completion.finish_reason == "length" or sample.completion.num_tokens > 0 for sample in samples):
        del found["truncated"]
    if not any(any(sample.languages.values()) for sample in samples):
        del found["mixed"]
    found |= {
        "index": lambda sample, style: sample.index,
        "outcome": lambda sample, style: OUTCOMES.index(sample.grade.outcome),
        "ended": lambda sample, style: sample.completion.finish_reason == "stop" and sample.grade.outcome != "truncated",
        "published": lambda sample, style: NAN if sample.published is None else sample.published,
        "words": lambda sample, style: sum(words_by_language(sample).values()),
        "prompt_tokens": lambda sample, style: sample.completion.num_prompt_tokens,
        "seconds": lambda sample, style: sample.completion.seconds,
    }
    targets = {str(sample.grade.details["target"]) for sample in samples if "switches_per_1000_words" in sample.grade.details}
    for target in sorted(targets):
        found[f"target:{target}"] = partial(_asks_for, target)
    if targets:
        found["called_mixed"] = lambda sample, style: bool(sample.grade.details.get("mixed"))
        found["switches_per_1000_words"] = lambda sample, style: _or_nan(sample.grade.details.get("switches_per_1000_words"))
    return found


def _asks_for(target: str, sample: Sample, style: str) -> bool:
    return sample.grade.details.get("target") == target


def _or_nan(value: object) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else NAN


def _shared_keys(samples: Sequence[Sample]) -> list[str]:
    """The keys that every sample's behaviour has, in the order of the first."""
    if not samples:
        return []
    first = samples[0].behaviour.keys()
    shared = set(first).intersection(*(sample.behaviour for sample in samples if sample.behaviour.keys() != first))
    return [key for key in first if key in shared]


def answer_of(sample: Sample) -> str | None:
    """The answer that a sample votes for: RIGHT, or the text of a wrong one; None where it has none (unparsed, truncated, failed).

    Samples graded correct vote alike, with the gold, also where a problem accepts several golds. Wrong ones are equal if the grader's
    canonical form is (`details["canonical"]` of 'integer' and 'math'), otherwise if their text is but for case and white space. So one
    wrong expression may split its votes over spellings that the grader cannot read, which helps the right answer.
    """
    grade = sample.grade
    if grade.outcome == "correct":
        return RIGHT
    if grade.outcome != "wrong" or grade.extracted is None:
        return None
    canonical = grade.details.get("canonical")
    if isinstance(canonical, str):
        return f"canonical {canonical}"
    return f"text {' '.join(unicodedata.normalize('NFKC', grade.extracted).casefold().split())}"


def _votes(samples: Sequence[Sample]) -> Iterator[float]:
    """The answers of each problem, numbered as they come; samples are sorted by problem."""
    for _, members in groupby(samples, key=lambda sample: sample.problem_id):
        numbers = {RIGHT: 0.0}
        for answer in map(answer_of, members):
            yield NAN if answer is None else numbers.setdefault(answer, float(len(numbers)))
