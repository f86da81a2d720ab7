"""Runs whose prompts differ: refused where the template leaves no room for it, said wherever each has its own chat template."""

from pathlib import Path
from typing import Any

import pytest
from fakes_folders import store_run
from fakes_runs import make_tally

from r1bench.harness.errors import ProtocolError
from r1bench.harness.tally import Tally
from r1bench.leaderboards.board import ranking
from r1bench.leaderboards.board.entry import entry
from r1bench.leaderboards.compare import many
from r1bench.leaderboards.compare.comparison import compare, to_json
from r1bench.leaderboards.compare.text import render_measures
from r1bench.leaderboards.gate import markdown
from r1bench.leaderboards.gate import text as gate_text
from r1bench.leaderboards.gate.rules import Rule, Rules
from r1bench.leaderboards.gate.verdict import judge_tasks
from r1bench.leaderboards.protocol import OWN_TEMPLATES, WITHOUT_TEMPLATE

SCORES = [[1, 0], [1, 1], [0, 0], [1, 0]]


def tally(name: str, digest: str = "", rendering: str = "chat", **changes: Any) -> Tally:
    return make_tally(SCORES, name=name, prompts_digest=digest, rendering=rendering if digest else "", **changes)


@pytest.mark.parametrize("rendering", ["template", "sampler"])
def test_runs_of_a_plain_template_with_other_prompts_are_not_compared(rendering: str) -> None:
    with pytest.raises(ProtocolError, match=r"prompts 'x' / 'y'.*evaluate both with one sampler"):
        compare(tally("a", "x", rendering), tally("b", "y", "sampler"))


def test_what_a_sampler_makes_of_a_template_is_a_protocol_of_its_own() -> None:
    protocols = [tally("a", digest, rendering).manifest.protocol() for digest, rendering in (("x", "sampler"), ("y", "sampler"), ("", ""))]
    assert len(set(protocols)) == 3
    assert tally("a", "x", "chat").manifest.protocol() == tally("a", "y", "template").manifest.protocol() == protocols[2]


def test_a_comparison_says_that_each_was_asked_in_its_own_chat_template() -> None:
    found = compare(tally("a", "x"), tally("b", "y"))
    assert f"Note: {OWN_TEMPLATES}." in render_measures(found)
    assert OWN_TEMPLATES in to_json(found)["notes"]


def test_a_comparison_says_that_a_checkpoint_without_a_chat_template_was_asked_in_plain_text() -> None:
    found = compare(tally("a", "x", "plain"), tally("b", "y"))
    assert f"Note: {WITHOUT_TEMPLATE}." in " ".join(render_measures(found).split())


@pytest.mark.parametrize("digests", [("x", "x"), ("", "y"), ("", "")])
def test_nothing_is_said_of_prompts_that_are_the_same_or_not_known(digests: tuple[str, str]) -> None:
    found = compare(tally("a", digests[0]), tally("b", digests[1]))
    assert OWN_TEMPLATES not in render_measures(found)
    assert "prompts" not in ranking.render(ranking.entries([tally("a", digests[0]), tally("b", digests[1])])).partition("score:")[0]


def test_a_gate_says_it_with_its_verdict() -> None:
    verdict = judge_tasks([(tally("new", "x"), tally("old", "y"))], Rules(Rule(margin=2.0)))
    said = OWN_TEMPLATES.capitalize()
    assert said in " ".join(gate_text.render(verdict).split())
    assert f"{said}." in gate_text.to_json(verdict)["tasks"][0]["remarks"]
    assert said in markdown.render(verdict)


def test_the_board_says_it_of_a_group() -> None:
    rows = ranking.entries([tally("a", "x"), tally("b", "y")])
    assert f"Note: {OWN_TEMPLATES}." in ranking.render(rows)
    assert [row["prompts_digest"] for row in ranking.to_json(rows)] == ["x", "y"]
    assert entry(tally("a", "x")).rendering == "chat"


def test_several_comparisons_say_it_below_their_table(tmp_path: Path) -> None:
    for name, digest in (("a", "x"), ("b", "y"), ("c", "y")):
        store_run(tmp_path, name=name, prompts_digest=digest, rendering="chat")
    found = many.compare_names(tmp_path, ["a", "b", "c"])
    assert many.render(found).count(f"Note: {OWN_TEMPLATES}.") == 1
