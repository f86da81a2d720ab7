"""Which run folders there are below a root, and what looks like one and is none."""

import os
from pathlib import Path

from r1bench.harness.store.disk import is_regular, open_regular

MANIFEST, SAMPLES = "manifest.json", "samples.jsonl"
BLOCK = 1 << 16


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
        if is_regular(path / MANIFEST):
            found.setdefault(path.resolve(), path)
    return sorted(found.values(), key=lambda path: (_written_at(path), path.name))


def not_runs(root: Path) -> list[str]:
    """What looks like a run in a folder and is none, a line each with its cure: lost manifests, links to nothing, links to listed runs."""
    listed = {path.resolve(): path for path in run_folders(root)}
    found = []
    for path in _below(root):
        try:
            found += _why_no_run(path, listed)
        except OSError as error:
            found.append(f"{path} cannot be read ({error.strerror or error}); make it readable, or move it elsewhere")
    return found


def _why_no_run(path: Path, listed: dict[Path, Path]) -> list[str]:
    """A line about what looks like a run and is none. Raises OSError where it cannot be looked at."""
    if path.is_symlink() and not path.exists():
        return [f"{path} is a link to {os.readlink(path)}, which is not there; restore that, or remove the link"]
    if path.is_symlink() and listed.get(path.resolve(), path) != path:
        return [f"{path} is a link to run {listed[path.resolve()].name}, which is listed already; remove the link"]
    if (path / MANIFEST).exists() and not is_regular(path / MANIFEST):
        return [f"{path / MANIFEST} is no regular file; restore it from a copy of the run"]
    if (path / SAMPLES).is_file() and not (path / MANIFEST).exists():
        return [f"{path} has samples and no {MANIFEST}; restore it from a copy of the run"]
    return []


def half_line(path: Path) -> int:
    """Bytes behind the last line break of a file: what a killed writer left of a line. 0 where there is no such file."""
    try:
        with open_regular(path) as file:
            end = start = file.seek(0, os.SEEK_END)
            while start > 0:
                start = max(0, start - BLOCK)
                file.seek(start)
                if (at := file.read(BLOCK).rfind(b"\n")) >= 0:
                    return end - (start + at + 1)
            return end
    except OSError:
        return 0
