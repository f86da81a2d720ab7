"""A recipe that somebody else wrote: what it stands for is counted before it is built, and each fault is one short line."""

from pathlib import Path

import pytest

from r1bench.harness.errors import UsageError
from r1bench.harness.training.recipes import apply_settings, read_recipe


def aliases(count: int, first: str, form: str) -> str:
    """Lines of aliases, each of which stands for nine of the one before."""
    lines = [f"a{number}: &a{number} {form % ','.join([f'*a{number - 1}'] * 9)}" for number in range(1, count)]
    return "\n".join([f"a0: &a0 {first}", *lines, ""])


HOSTILE = {
    "a list of lists": (aliases(7, "[x,x]", "[%s]") + "zero: {judged_by: *a6}", "stands for more than 10000 values"),
    "more than there is memory": (aliases(40, "[x,x]", "[%s]") + "zero: {extra: *a39}", "stands for more than 10000 values"),
    "merges": (aliases(30, "{k: 1}", "{<<: [%s]}") + "zero: *a29", "stands for more than 10000 values"),
    "a chain": ("a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 400)) + "zero: *a399", "more than 100 levels"),
    "itself": ("zero: &a {x: *a}", "an alias refers to what it stands in"),
    "brackets": ("zero: " + "[" * 2000 + "]" * 2000, "more than 100 levels"),
    "levels": ("zero: " + "{a: " * 150 + "1" + "}" * 150, "more than 100 levels"),
    "digits": (f"zero: {{steps: {'9' * 5000}}}", "is not what its tag or form says"),
    "bits": (f"zero: {{steps: 0x{'f' * 50_000}}}", "a number of very many digits is no text"),
    "a date": ("zero: {steps: 2020-01-01}", "put it in quotes"),
    "no date": ("zero: {steps: 2020-99-01}", "is not what its tag or form says"),
    "an infinity": ("zero: {steps: .inf}", "inf is no text"),
    "a tag": ("zero: {steps: !!int ''}", "is not what its tag or form says"),
    "code": ("zero: {steps: !!python/object/apply:os.getcwd []}", "is not what its tag or form says"),
    "a set": ("zero: {steps: !!set {a}}", "is no text"),
    "a name twice": ("zero: {steps: 1, steps: 2}", "'steps' stands twice"),
    "a number as a name": ("zero: {1: 2}", "1 is a name, and no text"),
    "half of a bracket": ("zero: [", "is not YAML"),
    "a control": ("zero: '\0'", "is not YAML"),
    "a size": ("zero: " + "x" * 300_000, "more than 200000 characters"),
    "a long list of tasks": (f"zero: {{judged_by: [{'1, ' * 5000}]}}", "judged_by must be a list of tasks"),
    "a long model": (f"zero: {{model: [{'x, ' * 5000}]}}", "model must be a folder"),
    "a long engine": (f"zero: {{engine: {'y' * 100_000}}}", "engine must be a mapping"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_recipe_is_refused_in_one_short_line(tmp_path: Path, case: str) -> None:
    path, (text, told) = tmp_path / "r.yaml", HOSTILE[case]
    path.write_text(text)
    with pytest.raises(UsageError, match=told) as found:
        read_recipe(str(path), "zero", "custom")
    assert len(str(found.value)) < 600 + len(str(path))


def test_a_recipe_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_bytes("zero: {steps: 1}".encode("utf-16"))
    with pytest.raises(UsageError, match="give a YAML file in UTF-8"):
        read_recipe(str(tmp_path / "r.yaml"), "zero", "custom")


def test_anchors_and_merges_of_an_honest_recipe_are_read(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(
        "\ufeffshared: &shared {steps: 3, save_every: 1}\r\nzero: {<<: *shared, save_every: 2}\r\n", encoding="utf-8"
    )
    assert read_recipe(str(tmp_path / "r.yaml"), "zero", "custom") == {"steps": 3, "save_every": 2, "judged_by": [], "engine": {}}


@pytest.mark.parametrize("setting", ["a=" + "[" * 3000, "a" + ".a" * 5000 + "=1", "steps=2020-01-01", "steps=!!int ''", "=" + "x" * 9999])
def test_a_hostile_setting_is_refused_in_one_short_line(setting: str) -> None:
    with pytest.raises(UsageError, match="--set ") as found:
        apply_settings({}, (setting,))
    assert len(str(found.value)) < 600


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (("engine.launcher=torchrun",), "engine.launcher is an option of its own"),
        (("engine.python=/x/python",), "engine.python is an option of its own"),
    ],
)
def test_what_is_said_in_two_places_is_refused(settings: tuple[str, ...], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        apply_settings({}, settings)


def test_a_group_of_another_algorithm_is_called_so() -> None:
    with pytest.raises(UsageError, match="it belongs to another algorithm"):
        apply_settings({"algorithm": {"loss": "pairwise"}}, ("loss.preset=dapo",))
    with pytest.raises(UsageError, match="'steps' is not a group of settings"):
        apply_settings({"steps": 1}, ("steps.x=1",))


def test_no_divergence_takes_the_recipes_coefficient_away_but_not_a_given_one() -> None:
    recipe = {"algorithm": {"loss": {"kl": "k3", "kl_coefficient": 0.001}}}
    assert apply_settings(recipe, ("loss.kl=none",))["algorithm"]["loss"] == {"kl": "none"}
    given = apply_settings(recipe, ("loss.kl=none", "loss.kl_coefficient=0.1"))
    assert given["algorithm"]["loss"] == {"kl": "none", "kl_coefficient": 0.1}
