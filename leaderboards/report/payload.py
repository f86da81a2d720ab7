"""One run as the page's data: an index of its samples, its problems, and the samples themselves in shards that are loaded when opened.

    written = payload.write_run(Job(folder, site_folder, directory, Limits()))      # in any process; remembers what it did

Keys, below run/<directory>/: problems-<k>, index-<k>, samples-<k> (docs/report.md). Left out: the row on the board (compose.py).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from r1bench.harness import thinking
from r1bench.harness.canonical import digest_of
from r1bench.harness.errors import R1benchError
from r1bench.harness.records import OUTCOMES, THINKING_STATES, Problem, Run, Sample
from r1bench.harness.store import runs as store
from r1bench.harness.store.prompts import read_prompts
from r1bench.harness.thinking import Span
from r1bench.leaderboards.board import indexing
from r1bench.leaderboards.measures.reading import of_run
from r1bench.leaderboards.report import escape, output, spans, tallies

ENTRY = "entry.js"
"""Written by the one who knows the row of the board."""
INDEX_SHARD, PROBLEM_SHARD = 20_000, 250
SHARD_CHARACTERS, SMALLEST_SHARD, LARGEST_SHARD = 2_000_000, 10, 250
LONGEST_TEXT = 100_000
LONGEST_DETAIL, LONGEST_LINE, LONGEST_ANSWER, MOST_GOLDS = 300, 2_000, 20_000, 50


@dataclass(frozen=True)
class Limits:
    """How much of a run goes into the page."""

    samples: int | None = None
    """The most samples of a run, taken evenly; None for all."""


class Written(NamedTuple):
    """What a run became."""

    facts: dict[str, Any]
    """Its entry in `runs` of the page's boot data."""
    size: int
    """Bytes written now; 0 where everything was there already."""
    fingerprint: str
    """Of what the data were made from."""
    fault: str = ""
    """Why the run cannot be read; nothing is written then."""


class Job(NamedTuple):
    """What a process needs to write a run."""

    folder: Path
    site: Path
    directory: str
    """Of the run's data, below data/run."""
    limits: Limits


def fingerprint(folder: Path, limits: Limits) -> str:
    """Changes when the run's files or the way its data are made do; costs no reading of samples."""
    return digest_of([indexing.fingerprint(folder), limits.samples])


def write_run(job: Job) -> Written:
    """Write a run's data files, or leave them where they were made from the very same files.

    Raises:
        StorageError: the report cannot be written.
    """
    name = f"run/{job.directory}"
    try:
        mark = fingerprint(job.folder, job.limits)  # before reading: what is written meanwhile is read the next time
        held = output.remembered(job.site, name, mark)
        if held is not None:
            return Written(held, 0, mark)
        run, problems = store.read_run(job.folder), store.read_problems(job.folder)
        prompts = {prompt.problem_id: prompt.text for prompt in read_prompts(job.folder, run.manifest)}
    except R1benchError as error:
        return Written({}, 0, "", str(error))
    output.forget(job.site, name)
    files = Files(job.site, name)
    facts = _write(files, run, problems, prompts, job.limits) | {"dir": job.directory}
    files.drop_others()
    kept = tallies.path_of(Path(), job.directory)
    sizes = {**files.sizes, str(kept): tallies.write(job.site, job.directory, of_run(run))}
    output.remember(job.site, name, mark, facts, sizes)
    return Written(facts, files.size, mark)


class Files:
    """The data files of one run as they are written."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self.folder, self.prefix = folder, prefix
        self.names: set[str] = {ENTRY}
        self.sizes: dict[str, int] = {}

    @property
    def size(self) -> int:
        """Bytes of all that were written."""
        return sum(self.sizes.values())

    def write(self, name: str, value: Any) -> None:
        """Write one of them."""
        self.sizes[f"{output.DATA}/{self.prefix}/{name}.js"] = output.write_data(self.folder, f"{self.prefix}/{name}", value)
        self.names.add(f"{name}.js")

    def drop_others(self) -> None:
        """Remove what an earlier report wrote for this run and this one did not."""
        output.keep_only(self.folder / output.DATA / self.prefix, self.names)


def _write(files: Files, run: Run, problems: Sequence[Problem], prompts: Mapping[str, str], limits: Limits) -> dict[str, Any]:
    """All data files of a run; returns the facts about them."""
    order = {problem.id: number for number, problem in enumerate(problems)}
    means = {problem: math.fsum(scores) / len(scores) for problem, scores in run.scores_by_problem().items()}
    counts = {problem: len(samples) for problem, samples in run.samples_by_problem.items()}
    num_shards = 0
    for first in range(0, len(problems), PROBLEM_SHARD):
        rows = [
            problem_row(each, prompts.get(each.id), counts.get(each.id, 0), means.get(each.id))
            for each in problems[first : first + PROBLEM_SHARD]
        ]
        files.write(f"problems-{num_shards}", rows)
        num_shards += 1
    samples = chosen([sample for sample in run.samples if sample.problem_id in order], limits.samples)
    size = shard_size(samples)
    for first in range(0, len(samples), INDEX_SHARD):
        files.write(f"index-{first // INDEX_SHARD}", index_rows(samples[first : first + INDEX_SHARD], order, first))
    for first in range(0, len(samples), size):
        place = f"{run.id}/{store.SAMPLES}"
        files.write(f"samples-{first // size}", [sample_row(sample, place) for sample in samples[first : first + size]])
    return {
        "name": run.manifest.name,
        "task": run.manifest.task,
        "num_samples": len(samples),
        "samples_left_out": len(run.samples) - len(samples),
        "num_problems": run.manifest.num_problems,
        "n": run.manifest.n,
        "index_shards": -(-len(samples) // INDEX_SHARD),
        "index_shard_size": INDEX_SHARD,
        "sample_shards": -(-len(samples) // size),
        "shard_size": size,
        "problem_shards": num_shards,
        "problem_shard_size": PROBLEM_SHARD,
        "truncated_for_size": len(samples) < len(run.samples),
    }


def chosen(samples: Sequence[Sample], most: int | None) -> list[Sample]:
    """At most so many samples, evenly over the run and in its order."""
    if most is None or len(samples) <= most:
        return list(samples)
    return [samples[number * len(samples) // most] for number in range(most)]


def shard_size(samples: Sequence[Sample]) -> int:
    """Samples per shard, so that one has about 2 million characters: 250 short answers, 20 long reasonings."""
    lengths = [min(len(sample.completion.text), LONGEST_TEXT) + 1_000 for sample in samples]
    mean = sum(lengths) / len(lengths) if lengths else 1.0
    return max(SMALLEST_SHARD, min(LARGEST_SHARD, int(SHARD_CHARACTERS / mean)))


def problem_row(problem: Problem, prompt: str | None, num_samples: int, score: float | None) -> dict[str, Any]:
    """A question with what the model read (None where that is not stored), what was acceptable and how it went."""
    return {
        "id": problem.id,
        "prompt": shortened(problem.prompt, LONGEST_TEXT),
        "read": None if prompt is None else shortened(prompt, LONGEST_TEXT),
        "gold": [shortened(gold, LONGEST_LINE) for gold in problem.gold[:MOST_GOLDS]],
        "language": problem.language,
        "num_samples": num_samples,
        "score": score,
    }


def index_rows(samples: Sequence[Sample], order: dict[str, int], first: int) -> dict[str, Any]:
    """Column by column what filters and lists need of many samples."""
    return {
        "first": first,
        "problem": [order[sample.problem_id] for sample in samples],
        "index": [sample.index for sample in samples],
        "outcome": [OUTCOMES.index(sample.grade.outcome) for sample in samples],
        "score": [sample.grade.score for sample in samples],
        "tokens": [sample.completion.num_tokens for sample in samples],
        "reasoning_tokens": [sample.reasoning_tokens for sample in samples],
        "format": [int(sample.format_ok) for sample in samples],
        "state": [THINKING_STATES.index(sample.thinking_state) for sample in samples],
        "extracted": [None if sample.grade.extracted is None else shortened(sample.grade.extracted, 60) for sample in samples],
    }


def sample_row(sample: Sample, place: str) -> dict[str, Any]:
    """One sample with where its reasoning and its answer stand; `place` is the file that holds the whole of it."""
    done, grade = sample.completion, sample.grade
    graded = thinking.first_turn(done.text, done.prefill) if "next_turn" in grade.flags else done.text
    found = thinking.parts(graded, done.prefill)
    marked = spans.answer_span(graded, grade.extracted, found.answer)
    text, (reasoning, answer), cut = cut_text(done.text, [None if found.state == "absent" else found.reasoning, marked], place)
    behaviour, broken, styles = behaviour_of(sample)
    return {
        "problem": sample.problem_id,
        "index": sample.index,
        "text": text,
        "prefill": shortened(done.prefill, LONGEST_LINE),
        "reasoning": spans.in_utf16(text, reasoning),
        "marked": spans.in_utf16(text, answer),
        "outcome": grade.outcome,
        "score": None if sample.has_failed else grade.score,
        "extracted": None if grade.extracted is None else shortened(grade.extracted, LONGEST_ANSWER),
        "reason": shortened(grade.reason, LONGEST_LINE),
        "flags": list(grade.flags),
        "grader": f"{grade.grader} {grade.version}",
        "details": {key: small(value) for key, value in grade.details.items()},
        "finish_reason": done.finish_reason,
        "num_tokens": done.num_tokens,
        "reasoning_tokens": sample.reasoning_tokens,
        "seconds": done.seconds,
        "languages": sample.languages,
        "behaviour": behaviour,
        "broken_rules": broken,
        "published": sample.published,
        "style": styles,
        **cut,
    }


def behaviour_of(sample: Sample) -> tuple[dict[str, float], list[str], dict[str, float]]:
    """What was counted and is not 0, the rules of the format that are broken, and every style: kept or not."""
    counted, broken, styles = {}, [], {}
    for key, value in sample.behaviour.items():
        kind, colon, name = key.partition(":")
        if not colon:
            if value:
                counted[key] = value
        elif kind == "style":
            styles[name] = value
        elif kind == "rule" and not value:
            broken.append(name)
    return counted, broken, styles


def cut_text(text: str, places: list[Span | None], file: str, most: int = LONGEST_TEXT) -> tuple[str, list[Span | None], dict[str, Any]]:
    """A text over so many characters without its middle, the places moved along, and a note of what was left out."""
    if len(text) <= most:
        return text, places, {}
    head = most * 3 // 5
    left_out = len(text) - most

    def moved(place: int) -> int:
        return place if place <= head else max(head, place - left_out)

    spots = [None if place is None else Span(moved(place.start), moved(place.end)) for place in places]
    shown = text[:head] + text[head + left_out :]
    note = {"characters": left_out, "at": spans.num_units(text[:head]), "file": file}
    return shown, [spot if spot is None or spot.end > spot.start else None for spot in spots], {"cut": note}


def shortened(text: str, most: int) -> str:
    """At most so many characters, with an ellipsis where something was left out."""
    return text if len(text) <= most else text[: most - 1] + "…"


def small(value: Any) -> Any:
    """A grader's own field as it is, or the beginning of its JSON where that is long."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return shortened(value, LONGEST_DETAIL)
    text = escape.script_json(value)
    return value if len(text) <= LONGEST_DETAIL else shortened(text, LONGEST_DETAIL)
