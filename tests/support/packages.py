"""Packages of strangers: a module and its entry point as pip would install them, in a folder for PYTHONPATH."""

import os
import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def code_of(page: str, beginning: str) -> str:
    """The Python block of a page of the documentation that begins so."""
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return next(block for block in blocks if block.startswith(beginning))


def install(folder: Path, module: str, code: str, group: str, entry: str) -> dict[str, str]:
    """Install a package of one module; returns the environment of a process that can import it."""
    about = folder / f"{module}-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / f"{module}.py").write_text(code, encoding="utf-8")
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(f"[{group}]\n{entry}\n", encoding="utf-8")
    paths = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([*paths, str(folder)])}
