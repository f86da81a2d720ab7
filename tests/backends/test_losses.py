"""The published losses: what the page says of them, and that a preset is the paper's."""

from pathlib import Path

import pytest

from r1bench.backends.losses import PRESETS, LossSpec

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


def test_a_divergence_in_the_reward_is_not_weighted_by_a_ratio() -> None:
    with pytest.raises(ValueError, match="kl_weighted multiplies by the ratio"):
        LossSpec(kl_weighted=True, kl_place="reward")
    assert LossSpec(kl_weighted=True, surrogate="reinforce").kl_weighted


def test_no_divergence_has_no_coefficient() -> None:
    assert LossSpec(kl="none").kl_coefficient == LossSpec(kl="none", kl_coefficient=0.5).kl_coefficient == 0.0
