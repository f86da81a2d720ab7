"""A report built from fake runs, and a headless Chromium to open it with. Needs playwright (a development dependency) and a browser.

    with browser() as chromium: page = Visit(chromium, site)

Left out: what is tested (test_report_browser.py).
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fakes_runs import make_run, make_sample
from playwright.sync_api import Browser, Page, sync_playwright

from r1bench.backends import journal
from r1bench.harness.canonical import digest_of
from r1bench.harness.records import Problem, Run, Sample
from r1bench.harness.store.runs import open_run
from r1bench.leaderboards.report import compose

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
HOSTILE = "<script>hacked=1</script><img src=x onerror=hacked=1>"
PHRASE = "the ferryman waits"
NUM_PROBLEMS, N = 30, 4


class Site(NamedTuple):
    """A report and the ids of its runs."""

    folder: Path
    base: str
    zero: str
    unfinished: str

    def url(self, route: str = "#/") -> str:
        """The address of a view."""
        return f"{(self.folder / 'index.html').as_uri()}{route}"


class Visit(NamedTuple):
    """An open page, what its console said and what it asked for."""

    page: Page
    said: list[str]
    requested: list[str]


@contextmanager
def browser() -> Iterator[Browser]:
    """The first Chromium on PATH; skips where there is none, and fails there where R1BENCH_REQUIRE_BROWSER is set."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        reason = f"no browser: none of {', '.join(NAMES)} is on PATH"
        if os.environ.get("R1BENCH_REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    arguments = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=arguments)
        yield chromium
        chromium.close()


@contextmanager
def visit(chromium: Browser, url: str, *, width: int = 1280, theme: str = "light") -> Iterator[Visit]:
    """The page at a file address, in a profile of its own, without a network."""
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=theme, offline=True)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(8_000)
    seen = Visit(page, [], [])
    page.on("console", lambda message: seen.said.append(message.text))
    page.on("pageerror", lambda error: seen.said.append(str(error)))
    page.on("request", lambda request: seen.requested.append(request.url))
    page.goto(url)
    page.wait_for_selector("main h1")
    yield seen
    context.close()


def table_rows(page: Page, selector: str) -> list[dict[str, str]]:
    """The rows of the tables that are shown: each cell by its column's title, the row's name under ''. With the terminal's minus signs."""
    name = "(row.querySelector('th .name') ?? row.querySelector('th').firstChild).textContent"
    cells = f"[['', {name}], ...[...row.querySelectorAll('td')].map(cell => [cell.dataset.title, cell.textContent])]"
    rows = page.evaluate(f"selector => [...document.querySelectorAll(`${{selector}} tbody tr`)].map(row => {cells})", selector)
    return [{title: text.replace("−", "-").replace("–", "-") for title, text in row} for row in rows]


def make_site(folder: Path) -> Site:
    """A checkpoint, what was trained from it, an unfinished run with a hostile name, and a training."""
    runs = folder / "runs"
    parent = store(runs, _run("tiny-base", 4, checkpoint_digest="d0"))
    child = store(runs, _run("tiny-zero", 2, checkpoint_digest="d1", parent="d0", stage="zero"))
    hostile = make_run([[0.0]] * 3, name=HOSTILE, task="other", stage=HOSTILE)
    unfinished = store(runs, replace(hostile, samples=hostile.samples[:2]), HOSTILE)
    training = folder / "training"
    training.mkdir()
    (training / "events.jsonl").write_text("\n".join(training_event(step) for step in range(1, 41)) + "\n")
    compose.build(runs, folder / "site", compose.Options(trainings=(training,), workers=1, reader=journal))
    return Site(folder / "site", parent, child, unfinished)


def training_event(step: int) -> str:
    """A line of a training's events."""
    return f'{{"event": "step", "step": {step}, "reward": {step / 40}, "length": {20 + step}, "rewards/accuracy": {step / 50}, "kl": 0.01}}'


def _run(name: str, wrong_every: int, **changes: Any) -> Run:
    """Samples of which every so many is wrong, the first hostile, the seventh with a phrase of its own, the ninth unparsed."""
    samples = [_sample(place, wrong_every, name) for place in range(NUM_PROBLEMS * N)]
    return make_run([[1.0] * N] * NUM_PROBLEMS, samples=samples, name=name, **changes)


def _sample(place: int, wrong_every: int, name: str) -> Sample:
    extra = HOSTILE if place == 0 else PHRASE if place == 7 else "step by step"
    is_right = place % wrong_every != 0
    answer = f"{1000 + place}"
    sample = make_sample(
        f"p{place // N:04d}", place % N, float(is_right), text=f"<think>{extra} {name}</think><answer>{answer}</answer>{extra}"
    )
    grade = replace(sample.grade, extracted=HOSTILE if place == 0 else answer)
    if place == 9:
        grade = replace(grade, outcome="unparsed", score=0.0, extracted=None)
    return replace(sample, grade=grade)


def store(runs: Path, run: Run, prompt: str = "How many?") -> str:
    """The run as a folder; returns its id."""
    names = [f"p{place:04d}" for place in range(run.manifest.num_problems)]
    problems = [Problem(name, f"{prompt} {name}", ("1001",)) for name in names]
    manifest = replace(run.manifest, problems_digest=digest_of([problem.digest() for problem in problems]))
    with open_run(runs, manifest, problems) as writer:
        for sample in run.samples:
            writer.append(sample)
        return writer.folder.name
