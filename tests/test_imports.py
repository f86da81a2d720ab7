"""The shape of the package: which folder may import which, what an import may load, what the wheel must list.

The arrows are those of docs/development.md. Left out: scripts and tests, which may import anything of r1bench.
Run: make test PYTEST_ARGS=tests/test_imports.py
"""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("backends", "harness", "leaderboards", "tasks")
MODULES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))

GROUND = tuple(f"r1bench.harness.{name}" for name in ("__version__", "canonical", "errors", "records", "store.disk", "tally", "thinking"))
HARNESS = (
    *(
        "r1bench.harness.checkpoints",
        "r1bench.harness.models",
        "r1bench.harness.plugins",
        "r1bench.harness.progress",
        "r1bench.harness.tables",
    ),
    *("r1bench.harness.samplers", "r1bench.harness.sandbox", "r1bench.harness.statistics", "r1bench.harness.store", *GROUND),
)
"""Of the harness what its upper rooms, the backends and the leaderboards stand on."""
ROOMS = ("r1bench.harness.evaluation", "r1bench.harness.training", "r1bench.harness.datasets")
ALLOWED = {
    "harness/cli": ("r1bench",),
    **{room.removeprefix("r1bench.").replace(".", "/"): (*HARNESS, *ROOMS, "r1bench.tasks", "r1bench.backends") for room in ROOMS},
    **{f"harness/{name}": (*GROUND, f"r1bench.harness.{name}") for name in ("sandbox", "statistics")},
    "harness/store": (*GROUND, "r1bench.harness.store"),
    "harness/samplers": (*GROUND, *(f"r1bench.harness.{name}" for name in ("checkpoints", "models", "plugins", "samplers"))),
    "harness/models": (*GROUND, *(f"r1bench.harness.{name}" for name in ("checkpoints", "models"))),
    "harness/checkpoints.py": (*GROUND, "r1bench.harness.store"),
    "harness": GROUND,
    "tasks/rewards/reward_model.py": (*GROUND, "r1bench.harness.models", "r1bench.tasks"),
    "tasks": (*GROUND, "r1bench.harness.plugins", "r1bench.harness.sandbox", "r1bench.tasks"),
    "backends": (*HARNESS, "r1bench.tasks", "r1bench.backends"),
    "leaderboards/gate": (*HARNESS, "r1bench.harness.evaluation", "r1bench.leaderboards"),
    "leaderboards": (*HARNESS, "r1bench.leaderboards"),
}
"""Folder -> what may be imported below it, inside functions and for type checkers too; the first that fits a module counts."""
MOST_FILES = 16
"""Of a folder."""
HEAVY = ("torch", "transformers", "pandas", "datasets", "sympy", "math_verify", "numpy", "pyarrow", "tensorboard")
MOST_MODULES = 130
"""Modules that an import may add to a bare interpreter: click adds about 40, numpy about 100 more, torch over 1,000."""

SHADOWS_ALLOWED = {
    "harness/statistics": "the design names it; never launched by path, only imported as r1bench.harness.statistics",
}


class Import(NamedTuple):
    """One imported name."""

    target: str
    line: int


def imports_of(tree: ast.AST) -> Iterator[Import]:
    """Every import in a tree, wherever it stands. `from r1bench.tasks import arithmetic` counts as r1bench.tasks.arithmetic."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (Import(f"{module}.{alias.name}", node.lineno) for alias in node.names)


def is_below(target: str, names: tuple[str, ...]) -> bool:
    return any(target == name or target.startswith(f"{name}.") for name in names)


def wrong_imports(source: str, place: str) -> list[str]:
    """The imports in a module, named by its place below the root, that go against the arrows."""
    folder = next(folder for folder in ALLOWED if place == folder or place.startswith(f"{folder}/"))
    return [
        f"line {imported.line}: {folder} must not import {imported.target}"
        for imported in imports_of(ast.parse(source))
        if imported.target.startswith(("r1bench", ".", *FOLDERS)) and not is_below(imported.target, ALLOWED[folder])
    ]


class Loaded(NamedTuple):
    """What a statement adds to a fresh interpreter, and how long it takes."""

    modules: set[str]
    seconds: float


def loaded_by(statement: str) -> Loaded:
    """Run a statement in a fresh interpreter, from a folder that holds no package."""
    program = (
        "import json, sys, time; before = set(sys.modules); start = time.perf_counter()\n"
        f"{statement}\n"
        "seconds = time.perf_counter() - start\n"
        "print(json.dumps([sorted(set(sys.modules) - before), seconds]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT / "tests")
    assert done.returncode == 0, done.stderr
    modules, seconds = json.loads(done.stdout)
    return Loaded(set(modules), seconds)


def dependency_names() -> set[str]:
    """What the dependencies of every extra are imported as, as far as it can be told from their names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    names = {re.split(r"[<>=!~\[; ]", requirement)[0].lower().replace("-", "_") for requirement in requirements}
    return names | {"yaml", "ray", "tokenizers", "huggingface_hub", "sympy"}


def shadowing_modules() -> set[str]:
    """Modules and packages named like the standard library or a dependency, relative to the root."""
    taken = set(sys.stdlib_module_names) | dependency_names()
    packages = [path.parent for path in MODULES if path.name == "__init__.py" and path.parent.parent != ROOT]
    return {str(path.relative_to(ROOT)) for path in MODULES + packages if path.stem in taken}


@pytest.mark.parametrize("path", MODULES, ids=[str(path.relative_to(ROOT)) for path in MODULES])
def test_module_keeps_to_the_arrows(path: Path) -> None:
    assert wrong_imports(path.read_text(), path.relative_to(ROOT).as_posix()) == []


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("tasks/gsm8k.py", "from r1bench.harness.store.runs import open_run"),
        ("tasks/gsm8k.py", "def check():\n    import r1bench.harness.store.runs"),
        ("tasks/gsm8k.py", "from r1bench.harness.store import runs as store"),
        ("leaderboards/board/entry.py", "from r1bench.tasks import TASKS"),
        ("leaderboards/board/entry.py", "def tasks():\n    from r1bench.backends.journal import read"),
        ("leaderboards/board/entry.py", "from r1bench.harness.cli.options import show"),
        ("backends/job.py", "import r1bench.leaderboards.board"),
        ("backends/job.py", "import r1bench.harness.training.stages"),
        ("harness/tally.py", "from r1bench.tasks import TASKS"),
        ("harness/tally.py", "if TYPE_CHECKING:\n    from r1bench.tasks.task import Task"),
        ("harness/store/names.py", "from r1bench.harness.evaluation import evaluate"),
        ("harness/evaluation/rows.py", "from r1bench.leaderboards import protocol"),
        ("harness/evaluation/rows.py", "from r1bench.harness.cli import options"),
        ("harness/records.py", "import tasks"),
        ("harness/tally.py", "from r1bench.harness.store.runs import read_run"),
        ("harness/models/weights.py", "from r1bench.harness.samplers.decoding import decode"),
        ("harness/statistics/paired.py", "from r1bench.harness.store.runs import read_run"),
        ("leaderboards/board/entry.py", "from r1bench.harness.evaluation import evaluate"),
        ("harness/records.py", "from .canonical import Record"),
    ],
)
def test_import_against_the_arrows_is_noticed(place: str, source: str) -> None:
    assert len(wrong_imports(source, place)) == 1


def test_the_rooms_of_the_harness_reach_tasks_and_the_roof_reaches_all() -> None:
    source = "from r1bench.tasks import TASKS\nfrom r1bench.backends import BACKENDS"
    assert wrong_imports(source, "harness/evaluation/evaluate.py") == []
    assert wrong_imports(source + "\nimport r1bench.leaderboards.gate", "harness/cli/gate.py") == []


def tracked_files() -> list[Path]:
    """Every file of the repository, as git has it."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout: there is no list of the files")
    return [Path(name) for name in listed.stdout.split("\0") if name]


def test_no_folder_is_wide() -> None:
    counts = Counter(path.parent.as_posix() for path in tracked_files())
    assert {folder: count for folder, count in counts.items() if count > MOST_FILES} == {}


@pytest.mark.parametrize("name", ["harness", "harness.cli", "tasks", "backends", "leaderboards"])
def test_import_stays_light(name: str) -> None:
    loaded = loaded_by(f"import r1bench.{name}")
    print(f"import r1bench.{name}: {len(loaded.modules)} modules in {loaded.seconds:.2f} s")
    assert {module.split(".")[0] for module in loaded.modules} & set(HEAVY) == set()
    assert len(loaded.modules) <= MOST_MODULES


def test_heavy_module_would_be_noticed() -> None:
    assert "numpy" in loaded_by("import click, numpy").modules


def test_packages_in_pyproject_are_the_folders_that_hold_an_init_file() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {path.parent.relative_to(ROOT) for path in MODULES if path.name == "__init__.py"}
    assert set(setuptools["packages"]) == {".".join(("r1bench", *folder.parts)) for folder in folders}
    assert setuptools["package-dir"] == {f"r1bench.{folder}": folder for folder in FOLDERS}


def test_every_folder_with_modules_has_an_init_file() -> None:
    without = {str(path.parent.relative_to(ROOT)) for path in MODULES if not (path.parent / "__init__.py").is_file()}
    assert without == set()


def test_no_init_file_stands_at_the_root_or_in_tests() -> None:
    assert [
        *ROOT.glob("__init__.py"),
        *(ROOT / "tests").glob("__init__.py"),
        *(ROOT / "scripts").rglob("__init__.py"),
    ] == []


def test_no_module_is_named_like_the_standard_library_or_a_dependency() -> None:
    assert shadowing_modules() - set(SHADOWS_ALLOWED) == set()


def test_file_names_of_tests_are_unique() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(names) == len(set(names))
