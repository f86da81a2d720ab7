"""Run folders: the truth. One folder per run, one JSON line per sample, appended and flushed as it finishes.

    runs/<task>--<name>--<identity>/
        manifest.json     frozen before the first token; only `rounds` grows
        problems.jsonl    what was asked, with the golds
        samples.jsonl     one line per sample, append-only

`kill -9` at any moment loses at most what was in flight: a half-written last line is cut off when the run is opened again. Folders can be
copied between machines. Left out: turning a line into a sample (sample_lines.py), numbers about samples (statistics, leaderboards).
"""

import errno
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from r1bench.harness.canonical import canonical_json, digest_of
from r1bench.harness.disk import LOCK, check_writable, only_writer, refusals, write_whole
from r1bench.harness.errors import StorageError, UnknownNameError
from r1bench.harness.noise import Noise
from r1bench.harness.records import Manifest, Problem, Run, Sample
from r1bench.harness.sample_lines import parse_samples

MANIFEST, PROBLEMS, SAMPLES, NOISE = "manifest.json", "problems.jsonl", "samples.jsonl", "noise.json"
BLOCK = 1 << 16
__all__ = ["LOCK", "check_writable", "only_writer", "refusals", "write_whole"]  # imported from here by the rest


def run_id(manifest: Manifest) -> str:
    """The folder's name: readable, and unique by the run's identity."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", manifest.name).strip("-.") or "run"
    return f"{manifest.task}--{name[:60]}--{manifest.identity()[:8]}"


class RunWriter:
    """The one writer of a run folder. Open it with `open_run`."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest
        self.path = folder / SAMPLES
        self.keys = {sample.key for sample in repair(self.path)}
        self.file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def append(self, sample: Sample) -> None:
        """Store a sample; one that is there already is left as it is.

        Raises:
            StorageError: the disk is full; the file then ends with the last whole line.
        """
        if sample.key in self.keys:
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
        self.keys.add(sample.key)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.file)


@contextmanager
def open_run(root: Path, manifest: Manifest, problems: Iterable[Problem]) -> Iterator[RunWriter]:
    """Create a run folder, or go on with the one that has the same identity.

    A larger n than the folder's opens another round; a smaller one leaves it as it is.

    Raises:
        StorageError: the folder cannot be written, or another process is writing it.
    """
    folder = root / run_id(manifest)
    with only_writer(folder, f"run {folder.name}"), refusals(folder):
        try:
            manifest = extend(folder, manifest, problems)
        except OSError:
            discard(folder)
            raise
        writer = RunWriter(folder, manifest)
        try:
            yield writer
        finally:
            writer.close()


def discard(folder: Path) -> None:
    """Remove a folder that could not be begun; one that has a manifest or samples stays."""
    if (folder / MANIFEST).exists() or (folder / SAMPLES).exists():
        return
    for name in (PROBLEMS, LOCK):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):  # something of somebody else's is in it
        folder.rmdir()


def extend(folder: Path, manifest: Manifest, problems: Iterable[Problem]) -> Manifest:
    """Write a new manifest, or the stored one with another round if more samples are asked for."""
    if not (folder / MANIFEST).is_file():
        write_whole(folder / PROBLEMS, "".join(canonical_json(problem.to_json()) + "\n" for problem in problems))
        write_whole(folder / MANIFEST, json.dumps(manifest.to_json(), indent=1, ensure_ascii=False) + "\n")
        return manifest
    stored = read_manifest(folder)
    if manifest.n > stored.n:
        stored = Manifest.from_json({**stored.to_json(), "rounds": (*stored.rounds, manifest.n)})
        write_whole(folder / MANIFEST, json.dumps(stored.to_json(), indent=1, ensure_ascii=False) + "\n")
    return stored


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a run folder.

    Raises:
        StorageError: it is missing, unreadable, or of another version of r1bench.
    """
    path = folder / MANIFEST
    try:
        value = json.loads(path.read_bytes().decode("utf-8", "surrogatepass"))
        if value.get("format") != 1:
            cure = "read it with the version that wrote it, or install that version here"
            raise StorageError(f"{path} is of run-folder format {value.get('format')!r}; this r1bench reads format 1; {cure}")
        manifest = Manifest.from_json(value)
        manifest.check()
        return manifest
    except FileNotFoundError as error:
        raise StorageError(f"{path} is not there; restore it from a copy of the run, or remove the folder") from error
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise StorageError(f"{path} is no manifest of a run ({type(error).__name__}); restore it or remove the folder") from error


def repair(path: Path) -> list[Sample]:
    """The stored samples; cuts a half-written last line off the file."""
    found, end = [], 0
    for sample, end in parse_samples(path):  # noqa: B007
        found.append(sample)
    if path.is_file() and path.stat().st_size > end:
        with refusals(path):
            os.truncate(path, end)
    return found


def read_run(folder: Path, *, keep_texts: bool = True) -> Run:
    """A run as it stands on disk, each sample once, sorted by problem and index.

    Without `keep_texts` every completion's text is checked and then dropped: what numbers are computed from needs a tenth of the memory.
    """
    manifest = read_manifest(folder)
    samples = {sample.key: sample for sample, _ in parse_samples(folder / SAMPLES, keep_texts=keep_texts)}
    problems = read_problems(folder)
    if digest_of([problem.digest() for problem in problems]) != manifest.problems_digest:
        raise StorageError(f"{folder / PROBLEMS} is not what this run was asked; restore it from a copy of the run")
    order = {problem.id: number for number, problem in enumerate(problems)}
    ranked = sorted(samples.values(), key=lambda sample: (order.get(sample.problem_id, len(order)), sample.index))
    return Run(folder.name, manifest, tuple(sample for sample in ranked if sample.index < manifest.n), read_noise(folder))


def read_noise(folder: Path) -> Noise | None:
    """What `eval --repeat-check` measured of a run; None where it was not done."""
    path = folder / NOISE
    if not path.is_file():
        return None
    try:
        return Noise.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise StorageError(
            f"{path} cannot be read ({type(error).__name__}); delete it and repeat: r1bench eval ... --repeat-check"
        ) from error


def read_problems(folder: Path) -> list[Problem]:
    """The problems of a run."""
    path, number = folder / PROBLEMS, 0
    try:
        found = []
        for number, line in enumerate(path.read_bytes().decode("utf-8", "surrogatepass").split("\n"), 1):  # noqa: B007
            if line:
                found.append(Problem.from_json(json.loads(line)))
        return found
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        where = f"{path}:{number}" if number else str(path)
        raise StorageError(f"{where} cannot be read ({type(error).__name__}); restore it from a copy of the run") from error


def _written_at(folder: Path) -> float:
    """When a run began; 0 where it was removed meanwhile."""
    try:
        return (folder / MANIFEST).stat().st_mtime
    except OSError:
        return 0.0


def _below(root: Path) -> list[Path]:
    """What lies in a folder, by name; nothing where it cannot be read."""
    try:
        return sorted(root.iterdir())
    except OSError:
        return []


def run_folders(root: Path) -> list[Path]:
    """Every run folder below a root, oldest first. A folder that is there twice, by a link, counts once."""
    found: dict[Path, Path] = {}
    for path in sorted(_below(root), key=lambda path: (path.is_symlink(), path.name)):
        if (path / MANIFEST).is_file():
            found.setdefault(path.resolve(), path)
    return sorted(found.values(), key=lambda path: (_written_at(path), path.name))


def not_runs(root: Path) -> list[str]:
    """What looks like a run in a folder and is none, a line each with its cure: lost manifests, links to nothing, links to listed runs."""
    listed = {path.resolve(): path for path in run_folders(root)}
    found = []
    for path in _below(root):
        if path.is_symlink() and not path.exists():
            found.append(f"{path} is a link to {os.readlink(path)}, which is not there; restore that, or remove the link")
        elif path.is_symlink() and listed.get(path.resolve(), path) != path:
            found.append(f"{path} is a link to run {listed[path.resolve()].name}, which is listed already; remove the link")
        elif (path / SAMPLES).is_file() and not (path / MANIFEST).is_file():
            found.append(f"{path} has samples and no {MANIFEST}; restore it from a copy of the run")
    return found


def half_line(path: Path) -> int:
    """Bytes behind the last line break of a file: what a killed writer left of a line. 0 where there is no such file."""
    try:
        with path.open("rb") as file:
            end = start = file.seek(0, os.SEEK_END)
            while start > 0:
                start = max(0, start - BLOCK)
                file.seek(start)
                if (at := file.read(BLOCK).rfind(b"\n")) >= 0:
                    return end - (start + at + 1)
            return end
    except OSError:
        return 0


def title_of(folder: Path) -> str:
    """What a run calls its checkpoint; the folder's name where its manifest is broken, which is no business of other runs."""
    try:
        return read_manifest(folder).name
    except StorageError:
        return folder.name


def find_run(root: Path, name: str) -> Path:
    """The run that a user named: a folder, its id, or a part of the id (a checkpoint's name) that fits one run only.

    Raises:
        UnknownNameError: nothing fits, with the nearest id.
        StorageError: several fit.
    """
    if (Path(name) / MANIFEST).is_file():
        return Path(name)
    folders = {path.name: path for path in run_folders(root)}
    if name in folders:
        return folders[name]
    titles = {folder: title_of(path) for folder, path in folders.items()}
    fitting = [folder for folder in folders if titles[folder] == name or folder.startswith(name) or folder.endswith(name)]
    if len(fitting) == 1:
        return folders[fitting[0]]
    if fitting:
        raise StorageError(f"run {name!r} fits {len(fitting)} runs: {', '.join(fitting)}; give one of these")
    if not folders:
        raise StorageError(f"no runs in {root}; make one with r1bench eval, or name the folder with --runs")
    raise UnknownNameError("run", name, {*folders, *titles.values()}, f"r1bench leaderboard --runs {root}")
