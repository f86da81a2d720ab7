"""No text of a file becomes a line that a CI runner obeys: every command, over run folders whose every name, id and answer tries to.

GitHub's runner obeys '::name' at the start of a line, after any blanks, and '##[name' anywhere; GitLab's folds at 'section_start:' with
control characters behind it. A line ends for them wherever some reader may end it.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fakes_folders import store_run

from r1bench.harness.cli import main
from r1bench.harness.cli.options import show
from r1bench.harness.errors import error_line, harmless, printable
from r1bench.harness.tables import plain

OBEYED = re.compile(r"\s*::|.*##\w*\[|.*section_start:\d+:\w+\r\x1b|.*[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
EVIL = ("::stop-commands::x", "x \r::error::x\n##[group]x\v::error::x\u2028 \u3000::error::x section_start:1:x\r\x1b[0K")
LM_EVAL = {"acc,none": 0.5, "acc_stderr,none": "N/A", "::error::m,none": 0.5}


def evil_run(root: Path, text: str, name: str, score: float = 1.0) -> str:
    """A run in which every text is this one; returns its id, which is that text too where a folder can be called so."""
    folder = store_run(root, [[score, 1]] * 12, name=name)
    held = json.loads((folder / "manifest.json").read_text())
    told = dict.fromkeys(("checkpoint", "stage", "template", "command", "sampler", "grader_version"), text)
    held |= told | {"name": text + name, "environment": {text: text, "device": text}, "parent": text}
    (folder / "manifest.json").write_text(json.dumps(held))
    for file in ("problems.jsonl", "samples.jsonl"):
        rows = [json.loads(line) for line in (folder / file).read_text().splitlines()]
        for row in rows:
            if "grade" in row:
                row["grade"] |= {"reason": text, "extracted": text, "flags": [text], "version": text}
                row["completion"]["text"] = f"\\boxed{{0}} {text}"
        (folder / file).write_text("".join(json.dumps(row).replace('"p0', json.dumps(text)[:-1] + "p0") + "\n" for row in rows))
    rewritten = [json.loads(line) for line in (folder / "problems.jsonl").read_text().splitlines()]
    held["problems_digest"] = digest(rewritten)
    (folder / "manifest.json").write_text(json.dumps(held))
    return folder.rename(folder.with_name(f"{text}{name}")).name


def digest(problems: list[dict[str, Any]]) -> str:
    from r1bench.harness.canonical import digest_of
    from r1bench.harness.records import Problem

    return digest_of([Problem.from_json(problem).digest() for problem in problems])


def inputs(folder: Path, text: str) -> dict[str, Path]:
    """Files that commands read, with this text wherever one may stand."""
    place = folder / text
    place.mkdir()
    rows = [{"id": text, "response": text, "gold": "5"}, {"id": text, "response": text, "gold": text}, {"id": {text: text}, text: text}]
    data = [{"id": text, "question": text, "answer": "1"}, {"id": text, "question": f"{text} b", "answer": text}, {text: text}]
    results = {"results": {text: LM_EVAL, f"{text}/b": LM_EVAL, "c": text}, "model_name": text, "versions": {text: text}}
    for name, lines in (("rows", rows), ("data", data), ("one", data[:1]), ("said", [{"question": text, "response": text, "score": 1}])):
        (place / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (place / "results_x.json").write_text(json.dumps(results))
    (place / "recipe.yaml").write_text(json.dumps({"zero": {"judged_by": [text], text: text}}))
    return {
        name: place / name for name in ("rows.jsonl", "data.jsonl", "one.jsonl", "said.jsonl", "results_x.json", "recipe.yaml", "b.json")
    }


def commands(runs: Path, a: str, b: str, at: dict[str, Path], text: str) -> list[tuple[object, ...]]:
    """Every command that prints what files say, as it ends well and as it ends in an error."""
    files = ("--junit", runs / "gate.xml", "--markdown", runs / "gate.md", "--out", runs / "gate.json")
    return [
        *(
            ("grade", "math", at["rows.jsonl"], *options)
            for options in ((), ("--json",), ("-o", at["rows.jsonl"].with_name("graded.jsonl")))
        ),
        *(("regrade", a), ("regrade", text), ("regrade", a, "--json")),
        *(("metrics", a), ("metrics", text), ("metrics", a, "--json")),
        *(("leaderboard", "--cost", "--lineage"), ("leaderboard", "--json"), ("leaderboard", "--export", runs / "board.md")),
        *(("leaderboard", "rebuild"), ("leaderboard", "--task", text), ("leaderboard", "--match", f"*{text}*")),
        *(("compare", a, b, "--problems"), ("compare", a, b, "--json"), ("compare", a, text), ("compare", a, b, "--task", text)),
        *(("gate", b, "--baseline", a, *files), ("gate", text, "--baseline", a, *files), ("gate", b, "--baseline", a, "--guard", text)),
        *(("gate", b, "--baseline", f"board:{text}"), ("gate", b, "--baseline", a, "--margin", text)),
        *(("power", "--baseline", a, "--margin", 50), ("power", "--baseline", text), ("power", "--task", text)),
        *(("baseline", "save", a, "-o", at["b.json"]), ("baseline", "show", at["b.json"]), ("baseline", "show", at["rows.jsonl"])),
        *(
            ("import", "gsm8k", at["said.jsonl"], "--name", text, "--data", at["one.jsonl"]),
            ("import", "gsm8k", at["rows.jsonl"], "--name", text),
        ),
        *(("import-lm-eval", at["results_x.json"]), ("import-lm-eval", at["rows.jsonl"]), ("leaderboard",)),
        *(("report", "-o", runs / text), ("report", "-o", runs / text, "--compare", f"{a},{b}")),
        *(("tasks", "show", text), ("tasks", "check", "gsm8k", "--data", at["data.jsonl"], "--data", at["one.jsonl"])),
        *(("train", "--recipe", at["recipe.yaml"]), ("train", "--set", text), ("train", "--stage", text), ("train", "--backend", text)),
        *(("eval", text, "--tasks", "arithmetic"), ("eval", "tiny-base", "--tasks", text), ("audit-rewards", text), (text,)),
    ]


@pytest.mark.parametrize("text", EVIL)
def test_no_command_writes_a_line_that_a_ci_runner_obeys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    runs = tmp_path / "runs"
    a, b, at = evil_run(runs, text, "a"), evil_run(runs, text, "b", 0.0), inputs(tmp_path, text)
    monkeypatch.setenv("R1BENCH_RUNS", str(runs))
    for command in commands(runs, a, b, at, text):
        done = CliRunner().invoke(main, [str(word) for word in command], prog_name="r1bench")
        files = "".join(path.read_text() for name in ("gate.xml", "gate.md", "gate.json", "board.md") if (path := runs / name).is_file())
        obeyed = [line for line in (done.stdout + done.stderr + files).split("\n") if OBEYED.match(line)]
        assert (obeyed, done.exit_code in (0, 1, 2, 3)) == ([], True), (command, done.output)


@pytest.mark.parametrize(
    "text", [f"{blank}{sign}" for blank in ("", " ", "\t", "\u00a0", "\u3000") for sign in ("::error::x", "##[x]", "##vso[x]")]
)
def test_what_becomes_a_line_is_harmless(text: str) -> None:
    for line in (harmless(f"a\n{text}\n{text}"), printable(text), plain(text), error_line(text)):
        assert not any(re.match(r"\s*::|.*##\w*\[", each) for each in line.split("\n"))


def test_json_that_a_runner_would_obey_says_the_same(capsys) -> None:
    show(True, {"a": ["##[group]x", "::error::x", "## [x]"]}, "")
    said = capsys.readouterr().out
    assert "##[" not in said
    assert json.loads(said) == {"a": ["##[group]x", "::error::x", "## [x]"]}


def test_what_no_runner_obeys_stays_as_it_is() -> None:
    text = "a::b std::string\n  : :x ## [1] #[x] ### title\nx ::y"
    assert harmless(text) == text
