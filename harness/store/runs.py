"""Run folders: the truth. One folder per run, one JSON line per sample, appended and flushed as it finishes.

    runs/<task>--<name>--<identity>/
        manifest.json     frozen before the first token; only `rounds` grows
        problems.jsonl    what was asked, with the golds
    prompts.jsonl     what the model read (prompts.py)
        samples.jsonl     one line per sample, append-only

`kill -9` at any moment loses at most what was in flight: a half-written last line is cut off when the run is opened again. Folders can be
copied between machines.
"""

import errno
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from r1bench.harness.canonical import canonical_json, digest_of, parse_json
from r1bench.harness.errors import StorageError, quoted
from r1bench.harness.records import ENDS_WITH, TASK_NAME, Manifest, Noise, Problem, RenderedPrompt, Run, Sample
from r1bench.harness.store.disk import LOCK, is_regular, only_writer, open_regular, read_json, refusals, write_whole
from r1bench.harness.store.listed import MANIFEST, SAMPLES
from r1bench.harness.store.prompts import PROMPTS, keep_prompts, write_prompts
from r1bench.harness.store.sample_lines import FAULTS as LINE_FAULTS
from r1bench.harness.store.sample_lines import parse_samples, why
from r1bench.harness.thinking import unknown_markings

PROBLEMS, NOISE = "problems.jsonl", "noise.json"
FAULTS = (OSError, *LINE_FAULTS)
"""What reading a broken file can raise."""


def folder_title(name: str) -> str:
    """What the folders of a checkpoint's runs call it."""
    return (re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "run")[:60]


def run_id(manifest: Manifest) -> str:
    """The folder's name: readable, and unique by the run's identity. Raises StorageError: the task's name could lead out of the runs."""
    if not TASK_NAME.fullmatch(manifest.task):
        raise StorageError(f"a task cannot be called {quoted(manifest.task)}; its name must have letters, digits and - _ . + alone")
    return f"{manifest.task}--{folder_title(manifest.name)}--{manifest.identity()[:8]}"


class RunWriter:
    """The one writer of a run folder. Open it with `open_run`."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest
        self.path = folder / SAMPLES
        stored = {sample.key: sample for sample in repair(self.path)}
        self.failed = {key: sample for key, sample in stored.items() if sample.has_failed}
        """Those that failed: they may be stored again, and the last line counts."""
        self.keys = stored.keys() - self.failed.keys()
        """Those that have a score."""
        self.file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    @property
    def num_samples(self) -> int:
        """Those that are stored."""
        return len(self.keys) + len(self.failed)

    def append(self, sample: Sample) -> None:
        """Store a sample; one that is there already is left as it is, unless that failed and this one did not.

        Raises StorageError: the disk is full; the file then ends with the last whole line.
        """
        if sample.key in self.keys or (sample.has_failed and sample.key in self.failed):
            return
        line = (canonical_json(sample.to_json()) + "\n").encode("utf-8", "surrogatepass")
        with refusals(self.folder):
            before = os.fstat(self.file).st_size
            try:
                if os.write(self.file, line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                os.ftruncate(self.file, before)
                raise
        if sample.has_failed:
            self.failed[sample.key] = sample
        else:
            self.failed.pop(sample.key, None)
            self.keys.add(sample.key)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.file)


@contextmanager
def open_run(root: Path, manifest: Manifest, problems: Iterable[Problem], prompts: Sequence[RenderedPrompt] = ()) -> Iterator[RunWriter]:
    """Create a run folder, or go on with the one that has the same identity.

    A larger n than the folder's opens another round; a smaller one leaves it as it is. The folder may be a link, to another disk; its
    files may not, since a runs folder that came from elsewhere must not say what is written over.

    Raises StorageError: the folder cannot be written, another process is writing it, or its prompts were others.
    """
    folder = root / run_id(manifest)
    with only_writer(folder, f"run {folder.name}"), refusals(folder):
        refuse_links(folder)
        try:
            manifest = extend(folder, manifest, problems, prompts)
        except OSError:
            discard(folder)
            raise
        with closing(RunWriter(folder, manifest)) as writer:
            yield writer


def refuse_links(folder: Path) -> None:
    """Raise StorageError where a file of a run is a link: what would be written is elsewhere."""
    for path in (folder / name for name in (MANIFEST, PROBLEMS, PROMPTS, SAMPLES, NOISE)):
        if path.is_symlink():
            raise StorageError(
                f"{path} is a link to {os.readlink(path)}, and a run is written into files of its own; put that file in its place"
            )


def discard(folder: Path) -> None:
    """Remove a folder that could not be begun; one that has a manifest or samples stays."""
    if (folder / MANIFEST).exists() or (folder / SAMPLES).exists():
        return
    for name in (PROBLEMS, PROMPTS, LOCK):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):  # something of somebody else's is in it
        folder.rmdir()


def extend(folder: Path, manifest: Manifest, problems: Iterable[Problem], prompts: Sequence[RenderedPrompt] = ()) -> Manifest:
    """Write a new manifest, or the stored one with another round if more samples are asked for."""
    if not is_regular(folder / MANIFEST):
        write_whole(folder / PROBLEMS, "".join(canonical_json(problem.to_json()) + "\n" for problem in problems))
        if prompts:
            write_prompts(folder, prompts)
        write_whole(folder / MANIFEST, json.dumps(manifest.to_json(), indent=1, ensure_ascii=False) + "\n")
        return manifest
    stored = read_manifest(folder)
    keep_prompts(folder, stored, prompts)
    if manifest.n > stored.n:
        stored = Manifest.from_json({**stored.to_json(), "rounds": (*stored.rounds, manifest.n)})
        write_whole(folder / MANIFEST, json.dumps(stored.to_json(), indent=1, ensure_ascii=False) + "\n")
    return stored


def _content(path: Path) -> str:
    """The text of a file. Raises OSError where it is none, ValueError where it is no text."""
    with open_regular(path) as file:
        return file.read().decode("utf-8", "surrogatepass")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a run folder. Raises StorageError: it is missing, unreadable, or of another version of r1bench."""
    path = folder / MANIFEST
    try:
        value = read_json(path)
        if value.get("format") != 1:
            cure = "read it with the version that wrote it, or install that version here"
            raise StorageError(f"{path} is of run-folder format {quoted(value.get('format'))}; this r1bench reads format 1; {cure}")
        manifest = Manifest.from_json(value)
        manifest.check()
        return manifest
    except FileNotFoundError as error:
        raise StorageError(f"{path} is not there; restore it from a copy of the run, or remove the folder") from error
    except FAULTS as error:
        raise StorageError(f"{path} is no manifest of a run ({why(error)}); restore it or remove the folder") from error


def repair(path: Path) -> list[Sample]:
    """The stored samples; cuts a half-written last line off the file."""
    found, end = [], 0
    for sample, end in parse_samples(path):  # noqa: B007
        found.append(sample)
    if is_regular(path) and path.stat().st_size > end:
        with refusals(path):
            os.truncate(path, end)
    return found


def read_run(folder: Path, *, keep_texts: bool = True) -> Run:
    """A run as it stands on disk, each sample once (the last of its lines), sorted by problem and index.

    Without `keep_texts` every completion's text is checked and then replaced by a digest: numbers need a tenth of the memory.
    """
    manifest = read_manifest(folder)
    samples, num_differing = _last_lines(folder / SAMPLES, keep_texts)
    problems = read_problems(folder)
    if digest_of([problem.digest() for problem in problems]) != manifest.problems_digest:
        raise StorageError(f"{folder / PROBLEMS} is not what this run was asked; restore it from a copy of the run")
    order = {problem.id: number for number, problem in enumerate(problems)}
    if strange := next((name for name, _ in samples if name not in order), None):
        raise StorageError(f"{folder / SAMPLES} has a sample of problem {strange!r:.80}, which is not in {PROBLEMS}; restore the file")
    ranked = sorted(samples.values(), key=lambda sample: (order[sample.problem_id], sample.index))
    asked = tuple(sample for sample in ranked if sample.index < manifest.n)
    left_out, notes = _left_out(folder, manifest, num_differing), _notes(manifest, asked)
    return Run(folder.name, manifest, asked, read_noise(folder), left_out, notes, keep_texts)


def _last_lines(path: Path, keep_texts: bool) -> tuple[dict[tuple[str, int], Sample], int]:
    """The samples by their keys, and how many of them have a line before that says something else, and had not failed."""
    found: dict[tuple[str, int], Sample] = {}
    differing = set()
    for sample, _ in parse_samples(path, keep_texts=keep_texts):
        key = sample.key
        held = found.setdefault(key, sample)
        if held is not sample and held != sample:
            found[key] = sample
            if not held.has_failed:
                differing.add(key)
    return found, len(differing)


def _left_out(folder: Path, manifest: Manifest, num_differing: int) -> tuple[str, ...]:
    """Samples that are not there, and lines that do not count."""
    path, found = folder / SAMPLES, []
    if not path.exists():
        found.append(f"{path} is not there; restore it from a copy of the run, or draw the samples again: {manifest.command}")
    if num_differing:
        lines = f"{num_differing} sample{'s' if num_differing > 1 else ''} in lines that differ"
        found.append(f"{path} has {lines}: the last counts; delete the others, or restore the file")
    return tuple(found)


def _notes(manifest: Manifest, samples: Sequence[Sample]) -> tuple[str, ...]:
    """What is odd about the samples that count."""
    is_endless = ENDS_WITH in manifest.environment
    endless = "its checkpoint names no token that ends a completion, so that each went on until its budget ended" if is_endless else ""
    return tuple(filter(None, (endless, unknown_markings((sample.grade.unknown_mark for sample in samples), "sample"))))


def read_noise(folder: Path) -> Noise | None:
    """What `eval --repeat-check` measured of a run; None where it was not done."""
    path = folder / NOISE
    try:
        return Noise.from_json(read_json(path))
    except FileNotFoundError:
        return None
    except FAULTS as error:
        raise StorageError(f"{path} cannot be read ({why(error)}); delete it and repeat: r1bench eval ... --repeat-check") from error


def read_problems(folder: Path) -> list[Problem]:
    """The problems of a run."""
    path, number = folder / PROBLEMS, 0
    try:
        found = []
        for number, line in enumerate(_content(path).split("\n"), 1):  # noqa: B007
            if line:
                found.append(Problem.from_json(parse_json(line)))
                found[-1].check()
        return found
    except FAULTS as error:
        where = f"{path}:{number}" if number else str(path)
        raise StorageError(f"{where} cannot be read ({why(error)}); restore it from a copy of the run") from error
