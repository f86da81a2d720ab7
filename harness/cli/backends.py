"""The command that lists who trains, and what each of them can."""

import sys
from typing import TYPE_CHECKING, Any

import click

from r1bench.harness import tables
from r1bench.harness.cli.options import JSON, PYTHON, example, show
from r1bench.harness.errors import UnknownNameError
from r1bench.harness.training.stages import STAGES

if TYPE_CHECKING:
    from r1bench.backends.abilities import Ability, Ready
    from r1bench.backends.job import Support

WORDS = {"exact": "exact", "approximate": "approx.", "refused": "no"}
LEGEND = "exact: as the job says; approx.: but for what is named; no: refused. In full: --explain"


def state(name: str, found: "Ready") -> str:
    """'custom: ready, torch 2.9.1', or what is missing."""
    versions = ", ".join(f"{package} {version or 'missing'}" for package, version in found.versions.items())
    parts = [f"not ready: {found.missing}" if found.missing else "ready", versions, f"of {found.whose}" if found.whose else ""]
    return f"{name}: {'; '.join(filter(None, parts))}"


def stages_of(algorithm: str) -> str:
    """The stages that an algorithm trains."""
    return ", ".join(stage for stage, each in STAGES.items() if each.algorithm == algorithm)


def texts_of(support: "Support") -> tuple[str, ...]:
    """What is to be said of an answer."""
    return support.deviations if support.kind == "approximate" else (support.reason,) if support.kind == "refused" else ()


def table(found: dict[str, list["Ability"]], *, is_whole: bool) -> str:
    """A row per variant, a column per backend; deviations and reasons are numbered, and listed below."""
    from r1bench.backends.abilities import VARIANTS, differing

    numbers: dict[tuple[str, str], int] = {}
    rows: list[tuple[str, ...]] = []
    stage = ""
    for place in range(len(VARIANTS)) if is_whole else differing(found):
        variant, before, stage = VARIANTS[place], stage, stages_of(VARIANTS[place].algorithm)
        cells = []
        for name, answers in found.items():
            support = answers[place].support
            marks = [f"[{numbers.setdefault((name, text), len(numbers) + 1)}]" for text in texts_of(support)]
            cells.append(f"{WORDS[support.kind]} {''.join(marks)}".strip())
        rows.append(("" if stage == before else stage, variant.name, *cells))
    header = ("stage", "variant", *found)
    widths = [-max(tables.display_width(row[column]) for row in (header, *rows)) - 1 for column in range(len(header))]
    lines = [tables.columns(header, widths), "-" * min(tables.WIDTH, sum(-width + 1 for width in widths))]
    notes = [f"[{number}] {name}: {text}" for (name, text), number in numbers.items()]
    below = [tables.paragraph(note if is_whole else tables.shortened(note, 2 * tables.WIDTH), indent="    ").strip() for note in notes]
    return "\n".join([*lines, *(tables.columns(row, widths) for row in rows), *([""] if below else []), *below])


def to_json(name: str, found: "Ready", answers: list["Ability"]) -> dict[str, Any]:
    """A backend with all its answers."""
    stated = [
        {
            "algorithm": ability.variant.algorithm,
            "stages": [stage for stage, each in STAGES.items() if each.algorithm == ability.variant.algorithm],
            "variant": ability.variant.name,
            "settings": ability.variant.settings,
            **ability.support.model_dump(mode="json"),
        }
        for ability in answers
    ]
    return {"backend": name, "ready": not found.missing, **found._asdict(), "abilities": stated}


@click.command(
    short_help="Who trains, installed or not, and what each can do exactly, approximately or not.",
    epilog=example("r1bench backends\nr1bench backends --backend custom --explain\nr1bench backends --python venv/bin/python"),
)
@click.option("--backend", "only", help="Only this one.")
@PYTHON
@click.option("--explain", is_flag=True, help="Every variant, with each deviation and each reason in full.")
@JSON
def backends(only: str | None, python: str | None, explain: bool, as_json: bool) -> None:
    """Who trains: installed or not, in which versions, and what each can do exactly, approximately or not, by stage and variant.

    The answers are the backends' own, to jobs like those of recipe tiny; --dry-run of r1bench train asks about your job.
    """
    from r1bench.backends.abilities import abilities, names, ready
    from r1bench.backends.contract import versions_in

    if only is not None and only not in names():
        raise UnknownNameError("backend", only, names(), "r1bench backends")
    if python:
        versions_in(python, ())
    chosen = [only] if only is not None else names()
    states = {name: ready(name, python or sys.executable) for name in chosen}
    found = {name: abilities(name) for name in chosen}
    more = "" if explain else f"\n\n{LEGEND}"
    heads = "\n".join(tables.paragraph(state(name, each)) for name, each in states.items())
    text = f"{heads}\n\n{table(found, is_whole=explain or only is not None)}{more}"
    show(as_json, [to_json(name, states[name], found[name]) for name in chosen], text)
