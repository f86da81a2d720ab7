"""Run folders: the truth. One folder per run, one JSON line per sample, appended and flushed as it finishes.

    runs/<task>--<name>--<identity>/
        manifest.json     frozen before the first token; only `rounds` grows
        problems.jsonl    what was asked, with the golds
        samples.jsonl     one line per sample, append-only

`kill -9` at any moment loses at most what was in flight: a half-written last line is cut off when the run is opened again. Folders can be
copied between machines. Left out: numbers about samples (statistics, leaderboards).
"""

import errno
import fcntl
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from r1bench.harness.errors import StorageError, UnknownNameError
from r1bench.harness.records import Manifest, Noise, Problem, Run, Sample, canonical_json, digest_of

MANIFEST, PROBLEMS, SAMPLES, NOISE, LOCK = "manifest.json", "problems.jsonl", "samples.jsonl", "noise.json", ".lock"


def run_id(manifest: Manifest) -> str:
    """The folder's name: readable, and unique by the run's identity."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", manifest.name).strip("-.") or "run"
    return f"{manifest.task}--{name[:60]}--{manifest.identity()[:8]}"


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn what a disk refuses into one line that names the folder and the cure."""
    try:
        yield
    except OSError as error:
        cure = "free space on that disk" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "choose another folder with --out or --runs"
        raise StorageError(f"cannot write {path}: {error.strerror or error}; {cure}") from error


def write_whole(path: Path, text: str) -> None:
    """Replace a file so that a reader sees the old text or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


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


@contextmanager
def only_writer(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder for this process alone; it is made where it is missing.

    Raises:
        StorageError: it cannot be written, or another process holds it.
    """
    with refusals(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise StorageError(f"{what} is being written by another process; wait for it to end") from error
    finally:
        os.close(lock)


def check_writable(root: Path) -> None:
    """Refuse, before anything is computed, a folder that could not be written; nothing is left behind.

    Raises:
        StorageError: naming the folder.
    """
    there = next(place for place in (root.absolute(), *root.absolute().parents) if place.exists())
    with refusals(root):
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        with tempfile.TemporaryFile(dir=there):
            pass


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
        value = json.loads(path.read_text(encoding="utf-8"))
        if value.get("format") != 1:
            raise StorageError(f"{path} is of run-folder format {value.get('format')!r}; this r1bench reads format 1")
        manifest = Manifest.from_json(value)
        manifest.check()
        return manifest
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise StorageError(f"{path} is no manifest of a run ({type(error).__name__}); restore it or remove the folder") from error


def parse_samples(path: Path) -> Iterator[tuple[Sample, int]]:
    """Each whole line's sample and the offset behind it. A line without its line break, the last one of a killed writer, is left out."""
    if not path.is_file():
        return
    offset = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            offset += len(line)
            try:
                sample = Sample.from_json(json.loads(line.decode("utf-8", "surrogatepass")))
                sample.check()
            except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
                raise StorageError(
                    f"{path}:{number} is no sample ({type(error).__name__}); restore the file, or delete that line to draw it again"
                ) from error
            yield sample, offset


def repair(path: Path) -> list[Sample]:
    """The stored samples; cuts a half-written last line off the file."""
    found, end = [], 0
    for sample, end in parse_samples(path):  # noqa: B007
        found.append(sample)
    if path.is_file() and path.stat().st_size > end:
        with refusals(path):
            os.truncate(path, end)
    return found


def read_run(folder: Path) -> Run:
    """A run as it stands on disk, each sample once, sorted by problem and index."""
    manifest = read_manifest(folder)
    samples = {sample.key: sample for sample, _ in parse_samples(folder / SAMPLES)}
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
    except (OSError, ValueError, TypeError) as error:
        raise StorageError(
            f"{path} cannot be read ({type(error).__name__}); delete it and repeat: r1bench eval ... --repeat-check"
        ) from error


def read_problems(folder: Path) -> list[Problem]:
    """The problems of a run."""
    try:
        lines = (folder / PROBLEMS).read_text(encoding="utf-8", errors="surrogatepass").split("\n")
        return [Problem.from_json(json.loads(line)) for line in lines if line]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StorageError(f"{folder / PROBLEMS} cannot be read ({type(error).__name__}); restore it from a copy of the run") from error


def run_folders(root: Path) -> list[Path]:
    """Every run folder below a root, oldest first."""
    if not root.is_dir():
        return []
    return sorted(
        (path for path in root.iterdir() if (path / MANIFEST).is_file()),
        key=lambda path: ((path / MANIFEST).stat().st_mtime, path.name),
    )


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
