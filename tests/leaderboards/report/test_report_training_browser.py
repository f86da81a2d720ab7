"""The page of a training in a headless Chromium: its head, curves of several trainings in one picture, completions side by side.

Skipped where there is no browser; R1BENCH_REQUIRE_BROWSER=1 makes that a failure. Left out: what the data hold (test_report_drawn.py).
"""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="playwright is not installed; pip install -e .[dev]")

from browser_support import HOSTILE, Site, Visit, browser, visit
from playwright.sync_api import Browser, expect

from r1bench.backends import journal
from r1bench.leaderboards.report import compose, training

pytestmark = pytest.mark.browser
NUM_STEPS, NUM_PROBLEMS = 40, 5
LIKELIHOOD = {"measure": "nll", "n": 40, "value": 0.9, "low": -0.4, "high": -0.2, "base": 1.2, "difference": -0.3}
PAIRS = {"measure": "pair_accuracy", "n": 1000, "value": 0.85, "low": 0.8, "high": 0.9, "margin": 1.5}
FAULT = {"event": journal.FAULT, "what": f"reward accuracy raised {HOSTILE}"}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for all tests here."""
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of the same job on two backends, and of a fine-tuning."""
    place = tmp_path_factory.mktemp("trainings")
    (place / "runs").mkdir()
    loss = {"preset": "dapo", "clip_high": 0.3}
    write(place / "a", {"backend": "custom", "loss": loss}, reward=0.5, entropy=1.0, drawn=True)
    write(place / "b", {"backend": "trl", "loss": loss, "deviations": [f"top_p {HOSTILE}"]}, reward=0.25, gaps=["no log-probabilities"])
    write(place / "sft", {"backend": "custom", "stage": "cold-start", "name": HOSTILE, "kind": "sft"}, loss=2.0, accuracy=0.5, length=30)
    trainings = tuple(place / name for name in ("a", "b", "sft"))
    compose.build(place / "runs", place / "site", compose.Options(trainings=trainings, workers=1, reader=journal, count=len))
    return place


def write(folder: Path, job: dict[str, Any], gaps: list[str] | None = None, drawn: bool = False, **figures: float) -> None:
    """A training: figures that fall with the step, faults, and completions of problems that come again where it has drawn any."""
    folder.mkdir()
    algorithm = {"kind": job.pop("kind", "grpo"), "loss": job.pop("loss", None)}
    (folder / "job.json").write_text(json.dumps({"name": "tiny-zero", "stage": "zero", **job, "algorithm": algorithm}))
    steps = range(1, NUM_STEPS + 1)
    events = [{"event": "start", "step": 0, "gaps": gaps or []}, *({**FAULT, "step": step} for step in (3, 9))]
    events += [{"event": "step", "step": step, **{name: value / step for name, value in figures.items()}} for step in steps]
    (folder / "events.jsonl").write_text("".join(json.dumps(each) + "\n" for each in events))
    if drawn:
        rows = [completion(step, sample) for step in steps for sample in range(4)]
        (folder / "rollouts.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))


def completion(step: int, sample: int) -> dict[str, Any]:
    """One of four of a step's problem; the last is the best, and the first step's is hostile."""
    said = HOSTILE if step == 1 else f"step {step} says"
    text = f"<think>{said}</think>\n<answer>{sample}</answer>{HOSTILE}\u202e"
    rewards = {"accuracy": sample / 4, HOSTILE: 1.0}
    graded = {"rewards": rewards, "reward": sample / 4, "outcome": "correct" if sample == 3 else "wrong", "advantage": sample - 1.5}
    asked = {"problem_id": f"p{step % NUM_PROBLEMS}", "prompt": f"{HOSTILE} of p{step % NUM_PROBLEMS}", "gold": ["3"]}
    return {"step": step, **asked, "text": text, "finish_reason": "stop", "tokens": 17, **graded, "sample": sample, "policy": 2 * step}


def address(folder: Path, name: str, query: str = "") -> str:
    """The page of one of the trainings."""
    return Site(folder / "site", "", "", "").url(f"#/training/{training.name_of((folder / name).resolve())}{query}")


@pytest.fixture
def page(chromium: Browser, folder: Path) -> Iterator[Visit]:
    """The training with completions, freshly opened; a test fails if the page's console says anything."""
    with visit(chromium, address(folder, "a")) as seen:
        seen.page.wait_for_selector("table.side-by-side")
        yield seen
    assert seen.said == []


def test_head_says_what_was_set_what_is_missing_and_what_went_wrong(chromium: Browser, folder: Path) -> None:
    with visit(chromium, address(folder, "b")) as seen:
        head = seen.page.locator(".training-head")
        expect(head).to_contain_text("lossdapo, clip_high 0.3")
        expect(head).to_contain_text(f"not as the job saystop_p {HOSTILE}")
        expect(head).to_contain_text("not recordedno log-probabilities")
        expect(head).to_contain_text(f"faultsreward accuracy raised {HOSTILE} (2 times, steps 3 to 9)")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (LIKELIHOOD, "1.200 → 0.900 nats per trained token, difference −0.300 [−0.400, −0.200], n 40"),
        (PAIRS, "85.0 % of pairs [80.0, 90.0], n 1,000, mean margin 1.50"),
        ({"measure": HOSTILE, "value": 2}, f"2.000 {HOSTILE.replace('/', ': ')}"),
    ],
)
def test_head_says_what_examples_say_that_were_kept_aside(page: Visit, folder: Path, found: dict[str, Any], said: str) -> None:
    name = training.name_of((folder / "a").resolve())
    page.page.evaluate("([name, found]) => r1bench.kept(`training/${name}`).then(data => (data.head.held_out = found))", [name, found])
    page.page.evaluate("location.hash += '?'")
    expect(page.page.locator(".training-head")).to_contain_text(f"held out{said}")


def test_first_and_last_step_stand_beside_others_with_best_median_and_worst(page: Visit) -> None:
    steps = page.page.locator("table.side-by-side thead select")
    assert steps.evaluate_all("all => all.map(each => Number(each.value))") == [1, 15, 27, 40]
    expect(page.page.locator("tr.role")).to_have_text(["best", "median", "worst"])
    answers = page.page.locator("table.side-by-side .of-answer pre")
    assert [text[8] for text in answers.all_inner_texts()] == ["3"] * 4 + ["2"] * 4 + ["0"] * 4


def test_a_completion_stands_with_its_reasoning_told_apart_and_what_is_known_of_it(page: Visit) -> None:
    cell = page.page.locator("table.side-by-side td").nth(1)
    expect(cell.locator(".of-reasoning pre")).to_have_text("<think>step 15 says</think>")
    expect(cell.locator(".drawn-line")).to_have_text("reward 0.75correct")
    expect(cell.locator(".drawn-facts")).to_contain_text("accuracy0.75")
    expect(cell.locator(".drawn-facts")).to_contain_text("advantage+1.50tokens17ended bystoppolicyafter 30 updates")
    expect(cell.locator("summary")).to_have_text("p0 #3")


def test_another_step_is_chosen_and_stays_in_the_address(page: Visit) -> None:
    page.page.locator("table.side-by-side thead select").nth(1).select_option("5")
    said = page.page.locator("table.side-by-side td").nth(1).locator(".of-reasoning")
    expect(said).to_contain_text("step 5 says")
    assert page.page.evaluate("document.activeElement.value") == "5"
    page.page.reload()
    expect(said).to_contain_text("step 5 says")


def test_a_problem_that_came_again_is_shown_in_its_steps(page: Visit) -> None:
    page.page.get_by_label("Problem").select_option("p2")
    steps = page.page.locator("table.side-by-side thead select")
    assert {int(step) % NUM_PROBLEMS for step in steps.evaluate_all("all => all.map(each => each.value)")} == {2}
    expect(page.page.locator(".what-was-drawn > .prompt")).to_have_text(f"{HOSTILE} of p2")
    expect(page.page.locator(".what-was-drawn details")).to_have_count(0)


def test_curves_of_two_backends_stand_in_one_picture_with_a_legend(page: Visit) -> None:
    chips = page.page.locator(".in-one .chip")
    expect(chips).to_have_text(["tiny-zerozero, custom", "tiny-zerozero, trl", f"{HOSTILE}cold-start, custom"])
    assert chips.evaluate_all("all => all.map(each => each.ariaPressed)") == ["true", "true", "false"]
    assert colors(page) == ["var(--accent)", "var(--second)"]
    chips.nth(0).click()
    drawn = re.compile("reward of 1 training over steps: tiny-zero · zero, trl")
    expect(page.page.locator(".together")).to_have_attribute("aria-label", drawn)
    page.page.reload()
    assert colors(page) == ["var(--second)"]


def colors(seen: Visit) -> list[str]:
    """Of the thick lines that are drawn."""
    seen.page.wait_for_selector(".together svg")
    lines = seen.page.locator(".together svg [stroke-width='2'][stroke^='var']")
    return lines.evaluate_all("all => all.map(each => each.getAttribute('stroke'))")


def test_another_figure_is_chosen_and_says_who_is_without_it(page: Visit) -> None:
    choice = page.page.get_by_label("Figure")
    offered = ["reward (2 of 3)", *(f"{name} (1 of 3)" for name in ("accuracy of tokens or pairs", "loss", "length", "entropy"))]
    assert choice.locator("option").all_inner_texts() == offered
    choice.select_option("entropy")
    expect(page.page.locator(".in-one .under").last).to_have_text("of the next token, nats; without it: tiny-zero · zero, trl")
    assert "figure=entropy" in page.page.url


def test_fine_tuning_shows_loss_and_accuracy_first_and_nothing_of_completions(chromium: Browser, folder: Path) -> None:
    with visit(chromium, address(folder, "sft")) as seen:
        expect(seen.page.locator("figure.small b")).to_have_text(["accuracy of tokens or pairs", "loss", "length"])
        expect(seen.page.locator(".story, .what-was-drawn")).to_have_count(0)
        expect(seen.page.get_by_label("Figure")).to_have_value("accuracy")
    assert seen.said == []


def test_samples_that_are_missing_leave_the_curves(chromium: Browser, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "site", tmp_path / "site")
    for path in (tmp_path / "site").rglob("samples.js"):
        path.unlink()
    name = training.name_of((folder / "a").resolve())
    with visit(chromium, Site(tmp_path / "site", "", "", "").url(f"#/training/{name}")) as seen:
        expect(seen.page.locator(".problem")).to_contain_text("samples.js is missing")
        expect(seen.page.locator("figure.small").first).to_be_visible()


@pytest.mark.parametrize("name", ["a", "b", "sft"])
def test_hostile_text_of_a_training_stays_text(chromium: Browser, folder: Path, name: str) -> None:
    with visit(chromium, address(folder, name)) as seen:
        seen.page.wait_for_selector("main:not([aria-busy])")
        assert seen.page.evaluate("window.hacked") is None
        assert seen.page.locator("main img, main script").count() == 0
        content = seen.page.locator("main").text_content() or ""
        assert HOSTILE in content
        assert "\u202e" not in content
    assert seen.said == []


@pytest.mark.parametrize("query", ["?steps=x+-1+1e9&problem=nobody&figure=__proto__&with=nobody", "?steps=1+1+1+1+1+1&figure=toString"])
def test_an_address_that_asks_for_what_is_not_there_shows_what_is(chromium: Browser, folder: Path, query: str) -> None:
    with visit(chromium, address(folder, "a", query)) as seen:
        seen.page.wait_for_selector("table.side-by-side")
        expect(seen.page.locator(".together svg").first).to_be_visible()
        expect(seen.page.locator("table.side-by-side thead th")).to_have_count(4)
    assert seen.said == []


@pytest.mark.parametrize("width", [375, 1024, 1280])
def test_a_training_fits_its_window(chromium: Browser, folder: Path, width: int) -> None:
    with visit(chromium, address(folder, "a"), width=width) as seen:
        seen.page.wait_for_selector("table.side-by-side")
        seen.page.wait_for_timeout(60)  # charts are drawn when their box has a width
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
