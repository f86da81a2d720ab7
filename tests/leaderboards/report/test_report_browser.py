"""The report in a headless Chromium, opened from a file with the network off: it opens, sorts, filters, finds, and shows text as text.

Skipped where there is no browser; R1BENCH_REQUIRE_BROWSER=1 makes that a failure. Left out: what the data hold (test_report.py).
"""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

pytest.importorskip("playwright", reason="playwright is not installed; pip install -e .[dev]")

from browser_support import HOSTILE, PHRASE, Site, Visit, browser, make_site, store, training_event, visit
from fakes_runs import make_run
from playwright.sync_api import Browser, expect

from r1bench.backends import journal
from r1bench.harness import tables
from r1bench.leaderboards.report import compose

pytestmark = pytest.mark.browser
ROUTES = ("#/", "#/stages", "#/training", "#/compare", "#/run/{zero}", "#/samples/{zero}", "#/sample/{zero}/p0000/0", "#/no-such-view")
CONTRAST = """names => {
  const probe = document.body.appendChild(document.createElement("i"));
  const parts = name => { probe.style.color = `var(--${name})`; return getComputedStyle(probe).color.match(/[\\d.]+/g).map(Number); };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const against = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  return Object.fromEntries(names.map(name => [name, against(light(parts(name)), light(parts("paper")))]));
}"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for all tests here."""
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """One report for all tests here."""
    return make_site(tmp_path_factory.mktemp("report"))


@pytest.fixture
def board(chromium: Browser, site: Site) -> Iterator[Visit]:
    """The board, freshly opened; a test fails if the page's console says anything."""
    with visit(chromium, site.url()) as seen:
        yield seen
    assert seen.said == []


@pytest.fixture
def samples(chromium: Browser, site: Site) -> Iterator[Visit]:
    """The samples of the trained checkpoint, half of them wrong."""
    with visit(chromium, site.url(f"#/samples/{site.zero}")) as seen:
        yield seen
    assert seen.said == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_view_opens_from_a_file_without_network_or_console_message(chromium: Browser, site: Site, theme: str) -> None:
    for route in ROUTES:
        started = time.monotonic()
        with visit(chromium, site.url(route.format(zero=site.zero)), theme=theme) as seen:
            seen.page.wait_for_selector("main:not([aria-busy])")
            print(f"{route} opened in {time.monotonic() - started:.2f} s")
            seen.page.wait_for_timeout(60)  # charts are drawn when their box has a width
        assert seen.said == []
        assert all(url.startswith(("file:", "data:")) for url in seen.requested)


def test_a_score_stands_with_its_interval_and_n(board: Visit) -> None:
    row = board.page.locator("tr", has_text="tiny-zero")
    expect(row.locator("td.score")).to_have_text(re.compile(r"49\.2 \[\d\d\.\d, \d\d\.\d\]"))
    expect(row.locator("td.number").first).to_have_text("30 × 4")
    expect(row.locator("svg.track")).to_have_attribute("aria-label", re.compile("30 problems, 120 samples"))


def test_an_unfinished_run_has_a_note_and_no_score(board: Visit) -> None:
    row = board.page.locator("tr.incomplete")
    expect(row).to_contain_text("incomplete 2/3")
    expect(row.locator("td.score")).to_have_text("no score yet")


def test_a_click_on_a_column_sorts_and_says_so(board: Visit) -> None:
    table = board.page.locator("table.board").first
    names = table.locator("tbody .who .name")
    assert names.all_inner_texts() == ["tiny-base", "tiny-zero"]
    table.locator("th.score button").click()
    assert names.all_inner_texts() == ["tiny-zero", "tiny-base"]
    expect(table.locator("th.score")).to_have_attribute("aria-sort", "ascending")


def test_a_filter_stays_in_the_address(board: Visit) -> None:
    rows = board.page.locator("table.board tbody tr:visible")
    board.page.fill("input.search", "zero")
    expect(rows).to_have_count(1)
    board.page.reload()
    expect(rows).to_have_count(1)
    expect(board.page.locator("#live")).to_have_text("1 of 3 runs")


def test_ranks_do_not_change_under_a_filter(board: Visit) -> None:
    board.page.fill("input.search", "zero")
    expect(board.page.locator("table.board tbody tr:visible td.rank")).to_have_text("2")


def test_samples_are_filtered_by_outcome(samples: Visit) -> None:
    samples.page.click("button.chip:has-text('unparsed')")
    expect(samples.page.locator(".result")).to_have_text("1 sample of 120")
    expect(samples.page.locator("table.samples tbody tr")).to_contain_text("p0002 #1")
    samples.page.click("button.chip:has-text('wrong')")
    expect(samples.page.locator(".result")).to_have_text("60 samples of 120")
    samples.page.click("button.chip:has-text('not correct')")
    expect(samples.page.locator(".result")).to_have_text("61 samples of 120")


def test_a_sample_is_found_by_its_answer_and_by_its_problem(samples: Visit) -> None:
    samples.page.fill("input.search", "1103")
    expect(samples.page.locator(".result")).to_have_text("1 sample of 120")
    expect(samples.page.locator("table.samples .row-link")).to_have_text("p0025 #3")
    samples.page.fill("input.search", "p0004")
    expect(samples.page.locator("table.samples tbody tr")).to_have_count(4)


def test_a_search_reads_the_texts(samples: Visit) -> None:
    samples.page.fill("input.search", PHRASE)
    expect(samples.page.locator(".empty")).to_have_text("No sample matches.")
    samples.page.click("button.in-text")
    expect(samples.page.locator(".result")).to_have_text("1 sample of 120 in the texts")
    expect(samples.page.locator("table.samples .row-link")).to_have_text("p0001 #3")
    assert "in=text" in samples.page.url


def test_pages_of_samples_go_on_where_the_last_ended(samples: Visit) -> None:
    samples.page.click("nav.pager button:has-text('Next')")
    expect(samples.page.locator("table.samples .row-link").first).to_have_text("p0012 #2")
    expect(samples.page.locator(".pager span")).to_have_text("page 2 of 3")


@pytest.mark.parametrize("hint", ["", "?at=7", "?at=90", "?at=nonsense"])
def test_a_permalink_opens_its_sample_folded_with_the_answer_marked(chromium: Browser, site: Site, hint: str) -> None:
    with visit(chromium, site.url(f"#/sample/{site.zero}/p0001/3{hint}")) as seen:
        expect(seen.page.locator("h1")).to_have_text("p0001 #3")
        expect(seen.page.locator("mark")).to_have_text("1007")
        expect(seen.page.locator("details.reasoning pre")).to_be_hidden()
        seen.page.keyboard.press("r")
        expect(seen.page.locator("details.reasoning pre")).to_contain_text(PHRASE)
        assert seen.said == []


def test_keys_walk_from_sample_to_sample(chromium: Browser, site: Site) -> None:
    with visit(chromium, site.url(f"#/sample/{site.base}/p0000/1")) as seen:
        for key, title in (("j", "p0000 #2"), ("k", "p0000 #1"), ("n", "p0001 #0"), ("p", "p0000 #0")):
            expect(seen.page.locator("nav.steps")).to_be_visible()
            seen.page.keyboard.press(key)
            expect(seen.page.locator("h1")).to_have_text(title)
        seen.page.keyboard.press("u")
        expect(seen.page.locator("h1")).to_contain_text("Samples of")


def test_a_sample_is_reached_without_a_mouse(board: Visit, site: Site) -> None:
    keys = board.page.keyboard
    for key in ("Tab", "Enter", "/"):  # the first stop is the skip link
        keys.press(key)
    keys.type("zero")
    for key in ("ArrowDown", "Enter"):
        keys.press(key)
    expect(board.page.locator("h1")).to_contain_text("tiny-zero on arithmetic")
    board.page.goto(site.url(f"#/samples/{site.zero}"))
    expect(board.page.locator("table.samples")).to_be_visible()
    for key in ("j", "ArrowDown", "ArrowDown", "k", "Enter"):
        keys.press(key)
    expect(board.page.locator("h1")).to_have_text("p0000 #1")


def test_a_step_back_returns_to_the_same_page_and_place_of_the_list(samples: Visit) -> None:
    samples.page.click("nav.pager button:has-text('Next')")
    expect(samples.page.locator("table.samples .row-link").first).to_have_text("p0012 #2")
    samples.page.locator("table.samples .row-link").nth(40).click()
    expect(samples.page.locator("h1")).to_have_text("p0022 #2")
    samples.page.go_back()
    expect(samples.page.locator("table.samples .row-link").first).to_have_text("p0012 #2")
    samples.page.wait_for_function("window.scrollY > 200")


def test_escape_clears_the_search(board: Visit) -> None:
    board.page.keyboard.press("/")
    board.page.keyboard.type("nothing like it")
    expect(board.page.locator(".empty")).to_be_visible()
    board.page.keyboard.press("Escape")
    expect(board.page.locator("table.board tbody tr:visible")).to_have_count(3)


def test_focus_can_be_seen(board: Visit) -> None:
    board.page.keyboard.press("Tab")
    board.page.keyboard.press("Tab")
    assert board.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_no_view_scrolls_sideways_on_a_phone(chromium: Browser, site: Site) -> None:
    with visit(chromium, site.url(), width=375) as seen:
        for route in [*ROUTES, _first_comparison(seen)]:
            seen.page.goto(site.url(route.format(zero=site.zero)))
            seen.page.wait_for_selector("main:not([aria-busy])")
            seen.page.wait_for_timeout(60)
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= 375, route


def test_a_choice_of_theme_is_kept(board: Visit) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    light = board.page.evaluate(paper)
    board.page.click("#theme-button")
    board.page.click("#theme-button")
    board.page.reload()
    expect(board.page.locator("#theme-button")).to_have_text("Theme: dark")
    assert board.page.evaluate(paper) != light


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_drawings_have_enough_contrast(chromium: Browser, site: Site, theme: str) -> None:
    words, drawings = ["ink", "soft", "accent", "lost", "added"], ["correct", "wrong", "unparsed", "truncated", "failed", "second", "third"]
    with visit(chromium, site.url(), theme=theme) as seen:
        found = seen.page.evaluate(CONTRAST, words + drawings)
    assert {name: ratio for name, ratio in found.items() if ratio < (4.5 if name in words else 3)} == {}


def test_hostile_text_stays_text(chromium: Browser, site: Site) -> None:
    for route in (
        "#/",
        f"#/sample/{site.zero}/p0000/0",
        f"#/samples/{site.zero}",
        f"#/run/{site.unfinished}",
        f"#/samples/{site.unfinished}",
    ):
        with visit(chromium, site.url(route)) as seen:
            seen.page.wait_for_selector("main:not([aria-busy])")
            assert seen.page.evaluate("window.hacked") is None
            assert seen.page.locator("main img, main script").count() == 0
            assert HOSTILE in seen.page.locator("main").text_content()  # type: ignore[operator]


def test_a_run_folder_of_any_name_opens_and_its_name_hides_nothing(chromium: Browser, site: Site, tmp_path: Path) -> None:
    run = make_run([[1.0, 0.0]] * 2, name="x\u202eevil\u2028\x1b")
    name = store(tmp_path / "runs", run)
    (tmp_path / "runs" / name).rename(tmp_path / "runs" / "__proto__")
    compose.build(tmp_path / "runs", tmp_path / "site", compose.Options(workers=1))
    odd = Site(tmp_path / "site", "", "", "")
    for route in ("#/run/__proto__", "#/samples/__proto__", "#/sample/__proto__/p0000/1"):
        with visit(chromium, odd.url(route)) as seen:
            expect(seen.page.locator("main .problem")).to_have_count(0)
            expect(seen.page.locator("h1")).to_contain_text("p0000" if "sample/" in route else "x\\u202eevil\\u2028\\u001b")
            shown = seen.page.evaluate("document.title + document.documentElement.innerText + document.querySelector('main').textContent")
            assert not {"\u202e", "\u2028", "\x1b"} & {*shown}
        assert seen.said == []


@pytest.mark.parametrize("ending", ["", "/p0000", "/p0000/x"])
def test_an_address_with_too_few_parts_says_what_is_missing(chromium: Browser, site: Site, ending: str) -> None:
    with visit(chromium, site.url(f"#/sample/{site.zero}{ending}")) as seen:
        expect(seen.page.locator("main .problem")).to_contain_text("names no sample: behind the run it needs a problem and the number")


def test_a_training_of_which_a_part_was_read_says_so(chromium: Browser, site: Site, tmp_path: Path) -> None:
    shutil.copytree(site.folder, tmp_path / "site")
    path = next((tmp_path / "site" / "data" / "training").glob("*.js"))
    path.write_text(path.read_text().replace('"notes":[]', '"notes":["Read are 25 % of it"]'))
    with visit(chromium, Site(tmp_path / "site", "", "", "").url("#/training")) as seen:
        expect(seen.page.locator("main")).to_contain_text("Read are 25 % of it")


def test_a_comparison_leads_to_the_samples_of_both_sides(board: Visit) -> None:
    board.page.goto(board.page.url.split("#")[0] + _first_comparison(board))
    expect(board.page.locator("p.verdict")).to_contain_text("points [")
    board.page.locator("table.narrow a").first.click()
    expect(board.page.locator(".result").last).to_have_text("4 samples of 120")


def test_stages_show_each_difference_with_its_interval(board: Visit) -> None:
    board.page.click("nav >> text=Stages")
    row = board.page.locator("article.step tr", has_text="score")
    expect(row.locator("b")).to_have_text("−25.0")
    expect(row.locator(".score .interval")).to_have_text(re.compile(r"\[−\d+\.\d, −\d+\.\d\]"))
    expect(row.locator(".verdict-sign")).to_have_attribute("aria-label", "worse")
    expect(board.page.locator("article.step tr", has_text="cut")).to_contain_text("0.0")


def test_training_curves_follow_the_pointer(board: Visit) -> None:
    board.page.click("nav >> text=Training")
    charts = board.page.locator("figure.small")
    expect(charts.locator("svg").first).to_be_visible()
    charts.locator("svg").first.hover()
    expect(charts.locator(".now").last).to_contain_text("step ")


def test_ticks_of_a_short_training_are_whole_steps_each_once(chromium: Browser, tmp_path: Path) -> None:
    for folder in ("runs", "short"):
        (tmp_path / folder).mkdir()
    (tmp_path / "short" / "events.jsonl").write_text(f"{training_event(1)}\n{training_event(2)}\n")
    compose.build(tmp_path / "runs", tmp_path / "site", compose.Options(trainings=(tmp_path / "short",), workers=1, reader=journal))
    with visit(chromium, Site(tmp_path / "site", "", "", "").url("#/training")) as seen:
        axis = seen.page.locator("figure.small").first.locator("g:not([text-anchor]) > text")
        expect(axis).to_have_text(["1", "2"])


# ---- one number everywhere


def test_a_number_is_written_as_the_terminal_writes_it(board: Visit) -> None:
    ties = [sign * k / parts for parts in (8, 16, 40, 80, 160, 2000) for k in range(400) for sign in (1, -1)]
    draw = Random("numbers of the page")
    values = [*ties, *(draw.uniform(-1, 1) * 10 ** draw.randint(-7, 15) for _ in range(4000)), 0.0, -0.0, 1e-300, 2.5e15, 1e20]
    written = board.page.evaluate("values => values.map(v => [0, 1, 2, 4].map(d => r1bench.words.number(v, d)))", values)
    assert written == [[tables.number(value, digits).replace("-", "−") for digits in (0, 1, 2, 4)] for value in values]
    ends = [[draw.choice(ties), draw.choice(ties)] for _ in range(2000)]
    shown = "ends => ends.map(([low, high]) => [r1bench.words.pointsBetween(low, high), r1bench.words.signed(100 * low)])"
    expected = [[tables.between(*pair), tables.signed_points(pair[0])] for pair in ends]
    assert board.page.evaluate(shown, ends) == [[text.replace("-", "−") for text in pair] for pair in expected]


def test_a_measure_with_its_plus_minus_is_written_as_the_terminal_writes_it(board: Visit) -> None:
    draw = Random("halves of the page")
    ties = [k / parts for parts in (16, 40, 80, 160, 2000) for k in range(parts + 1)]
    ends = [sorted(draw.choices(ties, k=3)) for _ in range(4000)] + [sorted(draw.random() for _ in range(3)) for _ in range(1000)]
    found = [{"value": value, "low": low, "high": high} for low, value, high in ends]
    for unit in ("points", "tokens"):
        shown = f"words.number(words.scaled('{unit}', one.value)) + words.half(one, '{unit}')"
        written = board.page.evaluate(f"found => {{ const {{ words }} = r1bench; return found.map(one => {shown}); }}", found)
        assert written == [tables.measure(unit, **one) for one in found]


def test_plus_minus_is_the_larger_half(board: Visit) -> None:
    found = {"value": 0.9, "low": 0.8, "high": 0.9125}
    assert board.page.evaluate("found => r1bench.words.half(found, 'points')", found) == "±10.0"
    assert board.page.evaluate("found => r1bench.words.half(found, '', 3)", found) == "±0.100"
    assert board.page.evaluate("found => r1bench.words.half({...found, low: null})", found) == ""


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([0.5, 0.25, 12], "0.500 [0.250, 12.000]"),
        ([12.25, None, 13], "12.2 [–, 13.0]"),
        ([4321.5, 999.5, 1e6], "4,322 [1,000, 1,000,000]"),
    ],
)
def test_a_count_is_written_as_the_metrics_command_writes_it(board: Visit, numbers: list[float], text: str) -> None:
    written = board.page.evaluate("([value, low, high]) => r1bench.words.counted({value, low, high}).join(' ')", numbers)
    assert written == text


@pytest.mark.parametrize("width", [1280, 1024])
def test_nothing_is_cut_without_a_scroll_bar(chromium: Browser, site: Site, width: int) -> None:
    with visit(chromium, site.url(), width=width) as seen:
        for route in [*ROUTES, _first_comparison(seen)]:
            seen.page.goto(site.url(route.format(zero=site.zero)))
            seen.page.wait_for_selector("main:not([aria-busy])")
            boxes = "[...document.querySelectorAll('main .scroll')].filter(box => box.scrollWidth > box.clientWidth)"
            assert seen.page.evaluate(f"{boxes}.map(box => box.innerText)") == [], route
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= width, route


def test_a_verdict_that_correction_takes_away_is_said_beside_it(board: Visit) -> None:
    board.page.evaluate("Object.assign(r1bench.boot.comparisons[0], {better: 'a', shown: false, p_value: 0.03, p_adjusted: 0.09})")
    said = "worse; not shown after correction for 1 comparison on this page (Holm)"
    for route, place in (("#/compare", "table.comparisons"), ("#/", "ul.verdicts"), ("#/stages", "article.step")):
        board.page.evaluate("route => (location.hash = route)", route)
        expect(board.page.locator(place).first).to_contain_text(said)
    board.page.evaluate("route => (location.hash = route)", _first_comparison(board))
    expect(board.page.locator("p.verdict")).to_contain_text("B is worse by 25.0 points")
    expect(board.page.locator("p.verdict + p")).to_contain_text("Not shown after correction for 1 comparison")


def test_a_pair_shows_the_measures_that_its_data_name_with_the_intervals_of_both_sides(board: Visit) -> None:
    named = {"key": "think_answer", "label": "think-answer", "unit": "points", "b": 1, "mean": 0.9375}
    side = {"a": 0.0625, "a_low": 0.01, "a_high": 0.2}
    text = board.page.evaluate("measure => r1bench.measureTable([measure]).querySelector('tbody').textContent", named | side)
    assert text.startswith("think-answerpoints6.2 [1.0, 20.0]100.0 +93.8 interval unknown")


def test_truncation_stands_on_the_board_and_on_the_page_of_its_run(board: Visit, site: Site) -> None:
    board.page.evaluate(
        "const entry = Object.assign(r1bench.boot.entries[0], {run: 'other'});"
        "Object.assign(entry.measures.truncated, {value: 0.01, low: 0.003, high: 0.02})"
    )
    board.page.evaluate("location.hash = '#/run/other'")
    expect(board.page.locator("table.metrics tr", has_text="cut")).to_contain_text("1.0 [0.3, 2.0]")
    board.page.evaluate("location.hash = '#/'")
    expect(board.page.locator("table.board th", has_text="cut %").first).to_be_visible()
    expect(board.page.locator("table.board td[data-title='cut %']")).to_have_text(["1.0±1.0", re.compile(r"0.0±\d"), "–"])


def test_imported_rows_of_one_metric_are_told_apart_by_their_filter(board: Visit) -> None:
    row = {"name": "m", "task": "gsm8k", "metric": "exact_match", "value": 0.5, "error": 0.01, "n": 10, "harness": "lm-eval", "source": "r"}
    rows = [row | {"filter": "strict-match", "unit": "fraction"}, row | {"filter": "none", "unit": "as given", "value": 12.25}]
    board.page.evaluate("rows => { r1bench.boot.imported = rows; location.hash = '#/?q=' }", rows)
    lines = board.page.locator("table.imported tbody tr")
    expect(lines.first).to_contain_text("exact_match, filter strict-match50.0 (se 1.0)")
    expect(lines.last).to_contain_text("exact_match, as given12.2 (se 0.0)")
    expect(lines.first.locator("svg line.rule")).to_have_count(1)


@pytest.mark.parametrize(("content", "message"), [(None, "is missing"), ("r1bench.receive(", "is damaged")])
def test_a_data_file_that_cannot_be_read_is_named(chromium: Browser, site: Site, tmp_path: Path, content: str | None, message: str) -> None:
    folder = tmp_path / "site"
    shutil.copytree(site.folder, folder)
    for path in folder.glob("data/run/*/index-0.js"):
        path.write_text(content) if content else path.unlink()
    with visit(chromium, site._replace(folder=folder).url(f"#/samples/{site.zero}")) as seen:
        expect(seen.page.locator(".problem")).to_contain_text(message)
        expect(seen.page.locator(".problem")).to_contain_text("index-0.js")


def _first_comparison(seen: Visit) -> str:
    """The route of the first comparison of the report."""
    return "#/compare/" + str(seen.page.evaluate("r1bench.boot.comparisons[0].id"))
