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
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("backends", "harness", "leaderboards", "tasks")
MODULES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))

ALLOWED = {
    "tasks": ("r1bench.harness.records", "r1bench.harness.errors", "r1bench.harness.sandbox", "r1bench.tasks"),
    "backends": ("r1bench.harness", "r1bench.tasks", "r1bench.backends"),
    "leaderboards": ("r1bench.harness", "r1bench.leaderboards"),
    "harness": ("r1bench.harness",),
}
ON_DEMAND = {"harness": ("r1bench.tasks", "r1bench.backends", "r1bench.leaderboards")}
"""What a folder may import besides, but only inside a function (or for type checkers alone)."""

HEAVY = ("torch", "transformers", "pandas", "datasets", "sympy", "math_verify", "numpy", "pyarrow", "tensorboard")
MOST_MODULES = 130
"""Modules that an import may add to a bare interpreter: click adds about 40, numpy about 100 more, torch over 1,000."""

SHADOWS_ALLOWED = {
    "tasks/grading/code.py": "the design names it; never launched by path, only imported as r1bench.tasks.grading.code",
    "harness/statistics": "the design names it; never launched by path, only imported as r1bench.harness.statistics",
}


class Import(NamedTuple):
    """One imported name, and whether importing the module that holds it already runs it."""

    target: str
    line: int
    is_on_demand: bool


def is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports_of(node: ast.AST, is_on_demand: bool = False) -> Iterator[Import]:
    """Every import below a node. `from r1bench.tasks import arithmetic` counts as r1bench.tasks.arithmetic."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, is_on_demand) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            module = "." * child.level + (child.module or "")
            yield from (Import(f"{module}.{alias.name}", child.lineno, is_on_demand) for alias in child.names)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from imports_of(child, is_on_demand or inside or is_for_type_checkers(child))


def is_below(target: str, names: tuple[str, ...]) -> bool:
    return any(target == name or target.startswith(f"{name}.") for name in names)


def wrong_imports(source: str, folder: str) -> list[str]:
    """The imports in a module of a folder that go against the arrows."""
    found = []
    for imported in imports_of(ast.parse(source)):
        if not imported.target.startswith(("r1bench", ".", *FOLDERS)):
            continue
        allowed = ALLOWED[folder] + (ON_DEMAND.get(folder, ()) if imported.is_on_demand else ())
        if not is_below(imported.target, allowed):
            found.append(f"line {imported.line}: {folder} must not import {imported.target} here")
    return found


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
def test_module_keeps_to_the_arrows_between_folders(path: Path) -> None:
    assert wrong_imports(path.read_text(), path.relative_to(ROOT).parts[0]) == []


@pytest.mark.parametrize(
    ("folder", "source"),
    [
        ("tasks", "from r1bench.harness.store import open_run"),
        ("tasks", "def check():\n    import r1bench.harness.store"),
        ("tasks", "from r1bench.harness import store"),
        ("leaderboards", "from r1bench.tasks import TASKS"),
        ("backends", "import r1bench.leaderboards.board"),
        ("harness", "from r1bench.tasks import TASKS"),
        ("harness", "class Table:\n    from r1bench.backends import BACKENDS"),
        ("harness", "import tasks"),
        ("harness", "from .records import Problem"),
    ],
)
def test_import_against_the_arrows_is_noticed(folder: str, source: str) -> None:
    assert len(wrong_imports(source, folder)) == 1


def test_harness_reaches_the_tables_on_demand() -> None:
    assert wrong_imports("def tasks():\n    from r1bench.tasks import TASKS\n    return TASKS", "harness") == []


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
