"""A sampler's own options: texts and stored values become a dataclass, and what cannot be is named."""

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from pydantic import PositiveInt

from r1bench.harness.errors import UsageError
from r1bench.harness.samplers.options import by_scope, make_options


@dataclass(frozen=True)
class Options:
    url: str
    style: Literal["short", "long"] = "short"
    at_once: PositiveInt = field(default=8, metadata={"scope": "machine"})
    warmth: float = field(default=0.5, metadata={"scope": "run"})
    is_loud: bool = False
    voice: str | None = None

    def __post_init__(self) -> None:
        if self.is_loud and not self.voice:
            raise ValueError("nobody is loud without a voice")


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({"at_once": "16", "warmth": "1e-3", "is_loud": "false", "voice": "alto"}, (16, 0.001, False, "alto")),
        ({"at_once": 16, "warmth": 1, "is_loud": True, "voice": "alto"}, (16, 1.0, True, "alto")),
        ({}, (8, 0.5, False, None)),
    ],
)
def test_texts_and_stored_values_get_the_types_of_the_dataclass(given: dict[str, Any], values: tuple[Any, ...]) -> None:
    found = make_options(Options, {"url": "here", **given}, "choir")
    assert (found.at_once, found.warmth, found.is_loud, found.voice) == values


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"stile": "long"},
            r"unknown choir option 'stile'; did you mean 'style'\? .*url \(str\), style \(Literal\['short', 'long'\]\)",
        ),
        ({"style": "loud"}, "option style of sampler 'choir' cannot be 'loud': Input should be 'short' or 'long'"),
        ({"at_once": "0"}, "option at_once of sampler 'choir' cannot be '0': Input should be greater than 0"),
        ({"at_once": 1.5}, "Input should be a valid integer"),
        ({"warmth": "nan"}, "option warmth of sampler 'choir' must be a text, a number or a boolean"),
        ({"is_loud": "yes"}, "option values of sampler 'choir' cannot be so: .*nobody is loud without a voice"),
    ],
)
def test_what_cannot_be_an_option_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make_options(Options, {"url": "here", **given}, "choir")


def test_an_option_without_a_default_is_asked_for() -> None:
    with pytest.raises(UsageError, match="option url of sampler 'choir' cannot be left out: Field required"):
        make_options(Options, {}, "choir")


def test_a_sampler_without_options_has_none() -> None:
    @dataclass(frozen=True)
    class Nothing:
        pass

    with pytest.raises(UsageError, match="sampler 'choir' has no options, and was given url"):
        make_options(Nothing, {"url": "x"}, "choir")


def test_a_manifest_holds_every_option_by_its_scope() -> None:
    assert by_scope(Options("here", at_once=2)) == {
        "sample": {"url": "here", "style": "short", "is_loud": False, "voice": None},
        "machine": {"at_once": 2},
        "run": {"warmth": 0.5},
    }
