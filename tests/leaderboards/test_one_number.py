"""One number everywhere: whatever shows a measure of a run, or of a pair of runs, shows the same to the last printed digit.

What is expected is computed from `measured` and `compare` and rounded here by decimal arithmetic, not by the code that prints. Of
the page both its data and what a browser shows of them are read (the latter is skipped where there is none). Left out: how the numbers
come about (measures/, compare/).
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner
from fakes_report import boot_of, data_of, store_run, write_training
from fakes_runs import make_run, make_sample

from r1bench.harness.checkpoints import folder_digest, seal
from r1bench.harness.cli import main
from r1bench.harness.records import Completion, Sample
from r1bench.harness.store.listed import run_folders
from r1bench.harness.tally import Tally
from r1bench.leaderboards.compare.comparison import compare
from r1bench.leaderboards.measures import MEASURES, measured, reading

PAIR = "zero - base"
NAMES = ("base", "zero")
Shown = dict[tuple[str, str], dict[str, str]]
"""(run or pair, measure) -> what is shown of it: 'value', 'low', 'high', 'half' as text with one decimal."""


# ---- runs


def drawn(name: str, num_problems: int, n: int, *, is_imported: bool = False) -> list[Sample]:
    """Completions of which some are cut, mix languages, break a form, or are right; imported ones without tokens."""
    draw, chance = Random(f"{name} {num_problems} {n}"), {"base": 0.3, "zero": 0.6}[name]
    samples = []
    for problem in range(num_problems):
        for index in range(n):
            boxed, tags, once = (float(draw.random() < share) for share in (chance, 0.1, 0.8))
            tokens = 0 if is_imported else draw.randint(5, 400)
            finish = "length" if tokens > 320 else "stop"
            recorded = {"style:boxed": boxed, "style:think-answer": tags, "rule:think_once": once, "loop": float(tokens > 350)}
            counted = {"reflection_r1": float(draw.randint(0, 3)), "reasoning_words": float(draw.randint(1, 90))}
            fields = {"behaviour": recorded | counted, "format_ok": bool(tags), "reasoning_tokens": tokens // 2}
            languages = {"en": draw.randint(0, 40), "zh": draw.randint(0, 4)}
            done = Completion(f"{name} {problem} {index}", finish, tokens)
            made = make_sample(f"p{problem:04d}", index, draw.random() < chance, completion=done, languages=languages, **fields)
            samples.append(made)
    return samples


def tied(name: str) -> list[Sample]:
    """16 problems x 4: what happens to 4 or 12 of the 64 prints as 6.25 or 18.75, which lie between two."""
    few = 4 if name == "base" else 12
    samples = []
    for place in range(64):
        is_one = place < few
        done = Completion(f"{name} {place}", "length" if is_one else "stop", 12 + 4 * (is_one and name == "base") + (place % 4 == 0))
        recorded = {"style:think-answer": float(is_one)}
        made = make_sample(f"p{place // 4:04d}", place % 4, is_one, completion=done, behaviour=recorded, format_ok=is_one)
        samples.append(made)
    return samples


def some_failed(name: str) -> list[Sample]:
    """Every ninth sample failed, and all of one problem."""
    samples = drawn(name, 20, 4)
    lost = [number for number, each in enumerate(samples) if number % 9 == 0 or each.problem_id == "p0003"]
    return [make_sample(*each.key, None, completion=each.completion) if i in lost else each for i, each in enumerate(samples)]


CASES: dict[str, tuple[Callable[[str], list[Sample]], dict[str, Any]]] = {
    "n 4, think-answer": (lambda name: drawn(name, 30, 4), {}),
    "n 1, boxed": (lambda name: drawn(name, 33, 1), {"template": "boxed"}),
    "n 3, boxed": (lambda name: drawn(name, 7, 3), {"template": "boxed"}),
    "imported": (
        lambda name: drawn(name, 40, 1, is_imported=True),
        {"template": "imported", "sampler": "import", "sampling": {"max_tokens": 0}},
    ),
    "ties": (tied, {}),
    "some failed": (some_failed, {}),
}


@pytest.fixture(scope="module", params=list(CASES))
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs of one protocol, and a report of it beside."""
    root = tmp_path_factory.mktemp("made") / "runs"
    make, changes = CASES[request.param]
    for name, lineage in (("base", {}), ("zero", {"parent": "digest-of-base", "stage": "zero"})):
        samples = make(name)
        n = 1 + max(sample.index for sample in samples)
        sampling = dict(changes.get("sampling", {}))
        store_run(root, make_run([[0] * n], samples=samples, name=name, **{**changes, **lineage, "sampling": sampling}))
    call("report", "--out", root.parent / "site", "--runs", root)
    return root


def call(*words: object, codes: tuple[int, ...] = (0,)) -> str:
    """What a command prints."""
    made = CliRunner().invoke(main, [str(word) for word in words])
    assert made.exit_code in codes, made.output
    return made.stdout


def tallies_of(runs: Path) -> dict[str, Tally]:
    read = map(reading.read, run_folders(runs))
    return {tally.manifest.name: tally for tally in read}


# ---- what is expected


def rounded(number: float) -> str:
    """With one decimal; what lies exactly between two goes to the even one, and nothing has no sign."""
    text = str(Decimal(number).quantize(Decimal("0.1"), ROUND_HALF_EVEN))
    return text.removeprefix("-") if text == "-0.0" else text


def shown(unit: str, value: float | None, low: float | None, high: float | None) -> dict[str, str]:
    """A measure as it is to be shown, in every way in which one of its numbers may be; nothing where it is not known."""
    if value is None or low is None or high is None:
        return {}
    value, low, high = (each * (100 if unit == "points" else 1) for each in (value, low, high))
    return {"value": rounded(value), "low": rounded(low), "high": rounded(high), "half": rounded(max(high - value, value - low))}


def expected_of(runs: Path) -> Shown:
    """Every measure of the table, of both runs and of their difference."""
    tallies, found = tallies_of(runs), {}
    for name, tally in tallies.items():
        for key, measure in MEASURES.items():
            value = measured(tally, key)
            found[name, key] = shown(measure.unit, *value[:1], *value[2:4]) if value else {}
    for key, each in compare(tallies["base"], tallies["zero"]).measures.items():
        found[PAIR, key] = shown(each.unit, each.mean, each.low, each.high)
    return found


# ---- what is shown


NUMBER = r"[+-]?[\d,]+\.\d"
CELL = re.compile(rf"(?P<value>{NUMBER})(?:±(?P<half>{NUMBER})| \[(?P<low>{NUMBER}), (?P<high>{NUMBER})\])?")


def cells(line: str) -> list[dict[str, str]]:
    """The numbers of a line of text, each with its interval; '-' alone is one that is not known."""
    found = re.finditer(rf"{CELL.pattern}|(?<= )-(?= |$)", line)
    return [{part: text.lstrip("+") for part, text in each.groupdict().items() if text} for each in found]


def of_json(values: Mapping[str, Any], unit: str, *ends: str) -> dict[str, str]:
    return shown(unit, *(values.get(end) for end in ends or ("value", "low", "high")))


def board_text(runs: Path) -> Shown:
    lines = [line.split() for line in call("leaderboard", "--runs", runs).splitlines()]
    found = Shown()
    for words, below in pairwise(lines):
        if len(words) > 2 and words[1] in NAMES and words[0].isdigit():  # '1 zero 72.7 [55.8, 84.9] 33 x 1 -/-/7.9'
            found[words[1], "score"] = cells(" ".join(words[2:]))[0]
            keys = ("format", "tokens", "reasoning_tokens", "han", "mixed")  # '- 24/9/0/0/0 60.6±16.9 204.2±37.6 ...'
            found |= {(words[1], key): cells(f" {word}")[0] for key, word in zip(keys, below[2:], strict=True)}
        elif len(words) == 5 and words[0] in NAMES:  # 'zero 45.5±16.6 ...', then '102±19 - 12.1±15.2 21.2±16.5 - - -'
            found[words[0], "truncated"] = cells(f" {below[3]}")[0]
    return found


def board_json(runs: Path) -> Shown:
    rows = json.loads(call("leaderboard", "--json", "--runs", runs))
    found = {(row["name"], key): of_json(row["measures"].get(key, {}), each.unit) for row in rows for key, each in MEASURES.items()}
    assert all(of_json(row, "points", "score", "low", "high") == found[row["name"], "score"] for row in rows)
    return found


def metrics_json(runs: Path) -> Shown:
    told = {name: json.loads(call("metrics", name, "--json", "--runs", runs))["measures"] for name in NAMES}
    return {(name, key): of_json(each[key], MEASURES[key].unit) for name, each in told.items() for key in MEASURES if key in each}


def export_of(lines: list[dict[str, Any]]) -> Shown:
    numbers = [{end: float(line[end]) for end in ("value", "low", "high") if line[end] not in ("", None)} for line in lines]
    named = [(line["name"], {"pass@1": "score"}.get(line["metric"], line["metric"])) for line in lines]
    units = {"fraction": "points"}
    return {
        name: of_json(row, units.get(line["unit"], line["unit"]))
        for name, row, line in zip(named, numbers, lines, strict=True)
        if name[1] in MEASURES
    }


def export_csv(runs: Path) -> Shown:
    call("leaderboard", "--runs", runs, "--export", runs.parent / "board.csv")
    return export_of(list(csv.DictReader((runs.parent / "board.csv").read_text().splitlines())))


def export_json(runs: Path) -> Shown:
    call("leaderboard", "--runs", runs, "--export", runs.parent / "board.json")
    return export_of(json.loads((runs.parent / "board.json").read_text()))


def compare_text(runs: Path) -> Shown:
    lines, found = call("compare", "base", "zero", "--runs", runs).splitlines(), Shown()
    for key, measure in MEASURES.items():
        for line in (line for line in lines if line.startswith(f"{measure.title} ")):
            if len(row := cells(line.removeprefix(measure.title))) == 3:
                found |= {("base", key): row[0], ("zero", key): row[1], (PAIR, key): row[2]}
    return found


def pair_of(measures: Iterable[Mapping[str, Any]]) -> Shown:
    found = Shown()
    for row in measures:
        for name, ends in (("base", ("a", "a_low", "a_high")), ("zero", ("b", "b_low", "b_high")), (PAIR, ("mean", "low", "high"))):
            found[name, row["key"]] = of_json(row, row["unit"], *ends)
    return found


def compare_json(runs: Path) -> Shown:
    return pair_of(json.loads(call("compare", "base", "zero", "--json", "--runs", runs))["measures"].values())


def gate(runs: Path, *options: object) -> str:
    return call("gate", "zero", "--baseline", "base", "--runs", runs, *options, codes=(0, 1, 3))


GUARDS = {measure.guard or key: key for key, measure in MEASURES.items()}


def gate_json(runs: Path) -> Shown:
    told, found = json.loads(gate(runs, "--json")), Shown()
    for name, side in (("base", "baseline"), ("zero", "candidate")):
        row = told["tasks"][0][side]
        found |= {(name, key): of_json(row["measures"].get(key, {}), measure.unit) for key, measure in MEASURES.items()}
        assert of_json(row, "points", "score", "low", "high") == found[name, "score"]
        for guard in (guard for guard in told["guards"] if guard[side] is not None):
            scale = 100 if MEASURES[GUARDS[guard["name"]]].unit == "points" else 1
            assert rounded(scale * guard[side]) == found[name, GUARDS[guard["name"]]]["value"], guard["name"]
    return found


def gate_text(runs: Path) -> Shown:
    found = Shown()
    for words, line in ((line.split(), line) for line in gate(runs).splitlines()):
        if words[:2] in (["baseline", "base"], ["candidate", "zero"]):
            found[words[1], "score"] = cells(line)[0]
        elif words and words[0] in GUARDS and len(row := cells(line)) >= 2:
            found |= {("base", GUARDS[words[0]]): row[0], ("zero", GUARDS[words[0]]): row[1]}
    return found


def page_entries(entries: Iterable[Mapping[str, Any]]) -> Shown:
    found = {(row["name"], key): of_json(each, each["unit"]) for row in entries for key, each in row["measures"].items() if key in MEASURES}
    assert all(of_json(row, "points", "score", "low", "high") == found[row["name"], "score"] for row in entries)
    return found


def page_board(runs: Path) -> Shown:
    return page_entries(boot_of(runs.parent / "site")["entries"])


def page_run(runs: Path) -> Shown:
    site = runs.parent / "site"
    return page_entries([data_of(site, f"run/{facts['dir']}/entry")["entry"] for facts in boot_of(site)["runs"].values()])


def page_stage(runs: Path) -> Shown:
    [stage] = boot_of(runs.parent / "site")["stages"]
    return pair_of(stage["measures"])


def page_pair(runs: Path) -> Shown:
    [row] = boot_of(runs.parent / "site")["comparisons"]
    return pair_of(data_of(runs.parent / "site", f"comparison/{row['id']}")["measures"])


LABELS = {"pass@1": "score", **{measure.title.removesuffix(" %"): key for key, measure in MEASURES.items()}}


@cache
def views(site: Path) -> dict[str, list[dict[str, str]]]:
    """The tables that a browser shows: 'board', 'stages', 'pair', and of each run under its name."""
    pytest.importorskip("playwright", reason="playwright is not installed; pip install -e .[dev]")
    from browser_support import browser, table_rows, visit

    boot, address = boot_of(site), (site / "index.html").as_uri()
    routes = {row["name"]: (f"#/run/{row['run']}", "table.metrics") for row in boot["entries"]}
    pair = f"#/compare/{boot['comparisons'][0]['id']}"
    routes |= {"board": ("#/", "table.board"), "stages": ("#/stages", "table.pairs"), "pair": (pair, "table.pairs")}
    found = {}
    with browser() as chromium:
        for view, (route, table) in routes.items():
            with visit(chromium, address + route) as seen:
                seen.page.wait_for_selector("main:not([aria-busy])")
                found[view] = table_rows(seen.page, table)
    return found


def seen_board(runs: Path) -> Shown:
    listed = [(row[""], title.removesuffix(" %"), text) for row in views(runs.parent / "site")["board"] for title, text in row.items()]
    return {(name, LABELS[label]): cells(f" {text}")[0] for name, label, text in listed if label in LABELS}


def seen_run(runs: Path) -> Shown:
    rows = [(name, row[""].partition(",")[0], row) for name in NAMES for row in views(runs.parent / "site")[name]]
    return {(name, LABELS[label]): cells(row.get("points", row.get("value", "")))[0] for name, label, row in rows if label in LABELS}


def seen_pair(runs: Path, view: str = "pair") -> Shown:
    titles, found = {"A": "base", "B": "zero", "B − A": PAIR}, Shown()
    for row in views(runs.parent / "site")[view]:
        found |= {(name, LABELS[row[""]]): cells(row[title])[0] for title, name in titles.items()}
    return found


def seen_stage(runs: Path) -> Shown:
    return seen_pair(runs, "stages")


OF_A_RUN = frozenset(MEASURES)
LISTED: dict[Callable[[Path], Shown], frozenset[str]] = {
    board_text: frozenset(("score", "format", "tokens", "reasoning_tokens", "han", "mixed")),
    board_json: OF_A_RUN,
    metrics_json: OF_A_RUN,
    export_csv: OF_A_RUN,
    export_json: OF_A_RUN,
    compare_text: OF_A_RUN - {"think_answer"},
    compare_json: OF_A_RUN - {"think_answer"},
    gate_text: frozenset(("score", "format", "mixed", "truncated", "reasoning_tokens")),
    gate_json: OF_A_RUN,
    page_board: OF_A_RUN,
    page_run: OF_A_RUN,
    page_stage: OF_A_RUN - {"think_answer"},
    page_pair: OF_A_RUN - {"think_answer"},
    seen_board: frozenset(("score", "format", "truncated", "tokens")),
    seen_run: OF_A_RUN - {"think_answer"},
    seen_stage: OF_A_RUN - {"think_answer"},
    seen_pair: OF_A_RUN - {"think_answer"},
}
"""Where numbers stand -> the measures that must be among them; think-answer is left out where it is the form that is asked for."""


SEEN = (seen_board, seen_run, seen_stage, seen_pair)
PLACES = [pytest.param(place, id=place.__name__, marks=[pytest.mark.browser] if place in SEEN else []) for place in LISTED]


@pytest.mark.parametrize("place", PLACES)
def test_every_number_is_that_of_the_measure_wherever_it_stands(runs: Path, place: Callable[[Path], Shown]) -> None:
    expected, told = expected_of(runs), place(runs)
    for (name, key), parts in told.items():
        assert parts.items() <= expected[name, key].items(), f"{key} of {name}"
        assert parts or not expected[name, key], f"{key} of {name} is known and not shown"
    known = {(name, key) for name in NAMES for key in LISTED[place] if expected[name, key]}
    assert known <= told.keys()


# ---- faults that there were, one by one


def store_samples(runs: Path, name: str, samples: list[Sample], **changes: Any) -> None:
    """A run of these samples, one of each problem."""
    store_run(runs, make_run([[0]], samples=samples, name=name, **changes))


def site_of(runs: Path, *options: object) -> Path:
    """A report of a folder of runs."""
    call("report", "--out", runs.parent / "site", "--runs", runs, *options)
    return runs.parent / "site"


def test_the_form_that_a_boxed_run_keeps_is_100_percent_on_the_board_in_the_gate_and_on_the_page(tmp_path: Path) -> None:
    recorded = {"behaviour": {"style:boxed": 1.0, "style:think-answer": 0.0}, "format_ok": False}
    for name in NAMES:
        samples = [make_sample(f"p{i:04d}", 0, 1, text=f"{name}{i}", **recorded) for i in range(9)]
        store_samples(tmp_path / "runs", name, samples, template="boxed")
    site_of(tmp_path / "runs")
    for place in (board_text, compare_text, page_board, page_pair, gate_text, gate_json):
        told = place(tmp_path / "runs")
        assert told["zero", "format"]["value"] == "100.0", place.__name__
        assert told.get(("zero", "think_answer"), {"value": "0.0"})["value"] == "0.0", place.__name__


def test_one_completion_in_a_hundred_that_was_cut_is_on_the_page_with_the_interval_of_the_terminal(tmp_path: Path) -> None:
    for name, num_cut in (("base", 0), ("zero", 2)):
        ends = ["length"] * num_cut + ["stop"] * (200 - num_cut)
        samples = [make_sample(f"p{i:04d}", 0, 1, completion=Completion(name, end, 9)) for i, end in enumerate(ends)]
        store_samples(tmp_path / "runs", name, samples)
    site_of(tmp_path / "runs")
    told = [place(tmp_path / "runs")["zero", "truncated"] for place in (compare_text, page_pair, page_board)]
    assert all(parts.items() >= {"value": "1.0", "low": told[0]["low"], "high": told[0]["high"]}.items() for parts in told)
    assert float(told[0]["low"]) > 0


def test_plus_minus_is_the_larger_half_in_every_text(tmp_path: Path) -> None:
    draw = Random("lengths")
    for name in NAMES:
        samples = [make_sample(f"p{i:04d}", 0, 1, text=f"{name}{i}", format_ok=i == 0, num_tokens=draw.choice((1, 400))) for i in range(40)]
        store_samples(tmp_path / "runs", name, samples)
    found = measured(tallies_of(tmp_path / "runs")["zero"], "format")
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    halves = found.value - found.low, found.high - found.value
    assert halves[1] > 2 * halves[0]
    assert board_text(tmp_path / "runs")["zero", "format"]["half"] == rounded(100 * halves[1])


def test_a_number_is_rounded_once_where_it_is_printed(tmp_path: Path) -> None:
    share = 0.06250004  # 6.250004 points print as 6.3; rounded to six digits before they lie between two, and print as 6.2
    for name in NAMES:
        store_samples(tmp_path / "runs", name, [make_sample(f"p{i:04d}", 0, share, text=f"{name}{i}") for i in range(4)])
    site_of(tmp_path / "runs")
    for place in (board_text, compare_text, export_csv, page_board, page_run, page_pair):
        assert place(tmp_path / "runs")["zero", "score"]["value"] == "6.3", place.__name__


@pytest.mark.browser
def test_a_browser_shows_a_number_rounded_once_and_the_larger_half(tmp_path: Path) -> None:
    for name in NAMES:
        samples = [make_sample(f"p{i:04d}", 0, 0.06250004, text=f"{name}{i}", format_ok=i == 0) for i in range(4)]
        store_samples(tmp_path / "runs", name, samples)
    site_of(tmp_path / "runs")
    expected, told = expected_of(tmp_path / "runs"), seen_board(tmp_path / "runs")
    form = {part: float(text) for part, text in expected["zero", "format"].items()}
    assert form["high"] - form["value"] > 2 * (form["value"] - form["low"])
    assert told["zero", "format"]["half"] == expected["zero", "format"]["half"]
    assert told["zero", "score"]["value"] == seen_pair(tmp_path / "runs")["zero", "score"]["value"] == "6.3"


def test_a_pair_on_the_page_has_the_verdict_of_compare_and_beside_it_what_correction_leaves(tmp_path: Path) -> None:
    for name, lost in (("base", 0), ("other", 0), ("zero", 6)):
        store_samples(tmp_path / "runs", name, [make_sample(f"p{i:04d}", 0, i >= lost, text=f"{name}{i}") for i in range(40)])
    rows = {(row["name_a"], row["name_b"]): row for row in boot_of(site_of(tmp_path / "runs"))["comparisons"]}
    row = rows["base", "zero"]
    told = json.loads(call("compare", "base", "zero", "--json", "--runs", tmp_path / "runs"))
    assert (row["verdict"], row["p_value"]) == (told["verdict"], told["p_value"])
    assert row["verdict"].startswith("B is worse")
    assert row["p_value"] < 0.05 < row["p_adjusted"]
    assert (row["num_comparisons"], row["p_adjusted"], row["shown"]) == (3, pytest.approx(3 * row["p_value"]), False)


def test_two_filters_of_one_metric_of_lm_eval_are_told_apart_wherever_they_stand(tmp_path: Path) -> None:
    runs, results = tmp_path / "runs", tmp_path / "results_2026.json"
    store_samples(runs, "base", [make_sample("p0000", 0, 1)])
    found = {"exact_match,strict-match": 0.5, "exact_match,flexible-extract": 0.6}
    results.write_text(json.dumps({"results": {"gsm8k": found}, "config": {"model": "hf"}}))
    call("import-lm-eval", results, "--runs", runs, "--name", "theirs")
    text = call("leaderboard", "--runs", runs, "--export", tmp_path / "board.json")
    lines = [line["metric"] for line in json.loads((tmp_path / "board.json").read_text()) if line["name"] == "theirs"]
    page = [(row["metric"], row["filter"]) for row in boot_of(site_of(runs))["imported"]]
    for kept in ("strict-match", "flexible-extract"):
        assert f"exact_match, {kept}" in text
        assert f"exact_match, {kept}" in lines
        assert ("exact_match", kept) in page


def test_a_report_says_the_same_from_whatever_folder_it_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    final = write_training(tmp_path / "build" / "trained", 2) / "final"
    seal(final, lambda new: (new / "config.json").write_text("{}"), {})
    runs, boots = tmp_path / "build" / "runs", []
    made_by = {"checkpoint": "build/trained/final", "checkpoint_digest": folder_digest(final)}
    store_samples(runs, "zero", [make_sample("p0000", 0, 1)], **made_by)
    for folder, named in ((tmp_path, "build/runs"), (tmp_path / "build" / "trained", "../runs"), (Path("/"), str(runs))):
        monkeypatch.chdir(folder)
        call("report", "--out", tmp_path / "site", "--runs", named)
        boots.append({key: value for key, value in boot_of(tmp_path / "site").items() if key != "made_at"})
    assert [training["name"] for training in boots[0]["trainings"]] == ["trained"]
    assert boots[0] == boots[1] == boots[2]
