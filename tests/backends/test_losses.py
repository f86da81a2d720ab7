"""The published losses: what the page says of them, and that a preset is the paper's."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from r1bench.backends.losses import PRESETS, LossSpec, settled

DOCS = Path(__file__).parents[2] / "docs" / "training.md"


def rows_of_page() -> list[list[str]]:
    lines = DOCS.read_text(encoding="utf-8").partition("\n## The loss\n")[2].partition("\n## ")[0].splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("| `")]


def test_the_page_has_every_preset_with_its_source_and_note() -> None:
    rows = {row[0].strip("`"): row[2:] for row in rows_of_page() if len(row) == 4}
    assert list(rows) == list(PRESETS)
    assert all(rows[name][0] == preset.source for name, preset in PRESETS.items())
    assert all(rows[name][1] == preset.note for name, preset in PRESETS.items() if preset.note)


def test_the_page_explains_every_field_of_a_loss() -> None:
    keys = [key.strip("`") for row in rows_of_page() if len(row) == 3 for key in row[0].split(", ")]
    assert sorted(keys) == sorted(set(LossSpec.model_fields) - {"preset"})


@pytest.mark.parametrize(
    ("preset", "fields"),
    [
        ("grpo", {"aggregation": "seq_mean_token_mean", "kl": "k3", "kl_coefficient": 0.001, "clip_high": 0.2}),
        ("dapo", {"aggregation": "token_mean", "clip_low": 0.2, "clip_high": 0.28, "kl": "none"}),
        ("dr_grpo", {"scale": "none", "aggregation": "const_length", "kl": "none"}),
        ("gspo", {"ratio": "sequence", "clip_low": 3e-4, "clip_high": 4e-4, "kl": "none"}),
        ("cispo", {"surrogate": "cispo", "aggregation": "token_mean", "clip_low": 1.0, "clip_high": 4.0}),
        ("rloo", {"centre": "leave_one_out", "scale": "none", "surrogate": "reinforce", "kl": "k1", "kl_place": "reward"}),
        ("reinforce_plus_plus_baseline", {"centre": "group", "scale": "none", "whiten": True, "aggregation": "token_mean", "kl": "k2"}),
    ],
)
def test_a_preset_is_what_its_paper_says(preset: str, fields: dict[str, object]) -> None:
    assert fields.items() <= LossSpec(preset=preset).model_dump().items()


VAIN: list[tuple[dict[str, object], str]] = [
    ({"kl": "none", "kl_coefficient": 0.1}, "set loss.kl_coefficient=0"),
    ({"kl": "none", "kl_weighted": True}, "set loss.kl_weighted=false"),
    ({"kl_place": "reward", "kl_weighted": True}, "set loss.kl_weighted=false"),
    ({"clip_low": 1.5}, "set loss.clip_low=1"),
    ({"surrogate": "reinforce", "dual_clip": 3.0}, "set loss.dual_clip=null"),
    ({"surrogate": "reinforce", "ratio": "sequence"}, "set loss.ratio=token"),
]


@pytest.mark.parametrize(("fields", "cure"), VAIN)
def test_a_setting_that_would_change_nothing_is_refused_with_its_cure_and_read_where_it_is_stored(
    fields: dict[str, object], cure: str
) -> None:
    with pytest.raises(ValidationError, match=cure):
        LossSpec.model_validate(fields)
    stored = LossSpec().model_dump() | fields
    assert LossSpec.model_validate(settled(stored)).model_dump().keys() == stored.keys()


def test_no_divergence_needs_no_coefficient_and_a_preset_without_one_needs_it() -> None:
    assert LossSpec(kl="none").kl_coefficient == 0
    assert LossSpec(kl_coefficient=0).kl == "k3"
    with pytest.raises(ValidationError, match=r"give loss\.kl_coefficient too"):
        LossSpec(preset="dapo", kl="k3")


def test_what_is_no_loss_is_left_for_its_check() -> None:
    assert settled({"clip_low": "x"}) == {"clip_low": "x"}
