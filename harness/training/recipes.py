"""Recipes: the settings of each stage as YAML, and the settings that a user changes on the command line.

A recipe maps stages to settings of a `TrainJob` (its `engine` by backend, since only a backend understands its own), with `model`, the
checkpoint to start from, and `judged_by`, the tasks that judge the result. Anchors and aliases may be used; what a text of YAML stands for
is counted before it is built, since a few lines of aliases can stand for more than there is memory.
"""

import copy
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from r1bench.backends.settings import SHORT, keys_of
from r1bench.harness.canonical import DEEPEST
from r1bench.harness.errors import UnknownNameError, UsageError, quoted

if TYPE_CHECKING:
    import yaml

RECIPES = ("paper", "single-gpu", "tiny")
FOLLOWS = ("name", "stage", "backend", "recipe", "model", "model_digest", "out", "device", "threads", "versions", "deviations", "judged_by")
"""Keys of a job that `--set` cannot change: options of their own, or what follows from them."""
OPTIONS = ("engine.threads", "engine.launcher", "engine.python", "algorithm.kind")
"""Such keys that stand in groups."""
LONGEST, MOST_VALUES, LARGEST = 200_000, 10_000, 2**63
"""Bytes of a recipe, values that it may stand for, and the size of a whole number in it."""


class Extent(NamedTuple):
    """What a part of YAML stands for once its aliases are followed."""

    values: int
    levels: int


def extent(node: "yaml.Node", known: dict[int, Extent | None]) -> Extent:
    """Counted without following an alias twice. Raises ValueError: too much, a name twice, or an alias within what it stands for."""
    if id(node) in known:
        if (found := known[id(node)]) is None:
            raise ValueError("an alias refers to what it stands in")
        return found
    known[id(node)] = None
    parts = [] if isinstance(node.value, str) else [each for part in node.value for each in (part if isinstance(part, tuple) else (part,))]
    names = Counter(pair[0].value for pair in node.value if isinstance(pair, tuple) and isinstance(pair[0].value, str))
    if (name := next((name for name, count in names.items() if count > 1), None)) is not None:
        raise ValueError(f"the name {quoted(name)} stands twice")
    inner = [extent(part, known) for part in parts]
    found = Extent(1 + sum(each.values for each in inner), 1 + max((each.levels for each in inner), default=0))
    if found.values > MOST_VALUES or found.levels > DEEPEST:
        raise ValueError(f"it stands for more than {MOST_VALUES} values, or has more than {DEEPEST} levels")
    known[id(node)] = found
    return found


def read_yaml(text: str) -> Any:
    """Texts, finite numbers, booleans, nulls, lists and mappings by text. Raises ValueError: it is no YAML, or has something else."""
    import yaml

    try:
        loader = yaml.SafeLoader(text)
        if (node := loader.get_single_node()) is None:
            return None
        extent(node, {})
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ValueError(f"it is not YAML: {error.problem or error.context:.200}, line {line}") from error
    except yaml.YAMLError as error:
        raise ValueError(f"it is not YAML: {str(error).splitlines()[0]:.200}") from error
    except RecursionError as error:
        raise ValueError(f"it has more than {DEEPEST} levels") from error
    try:
        value = loader.construct_document(node)
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError) as error:  # the library checks no tag's text
        raise ValueError(f"it has a value that is not what its tag or form says ({type(error).__name__})") from error
    check_plain(value)
    return value


def check_plain(value: Any) -> None:
    """Raise ValueError where a job could not hold a value: a date, bytes, an infinity, a number of more than 64 bits."""
    if isinstance(value, dict | list):
        for each in [*value, *value.values()] if isinstance(value, dict) else value:
            check_plain(each)
        if isinstance(value, dict) and not all(isinstance(key, str) for key in value):
            raise ValueError(f"{quoted(next(key for key in value if not isinstance(key, str)))} is a name, and no text; put it in quotes")
    elif not (value is None or isinstance(value, str) or (isinstance(value, int | float) and -LARGEST < value < LARGEST)):
        raise ValueError(f"{quoted(value)} is no text, and no number that can be; put it in quotes if it is a text")


def read_recipe(name: str, stage: str, backend: str) -> dict[str, Any]:
    """A stage's settings for a backend, from a recipe that ships or from a YAML file of the user's.

    Raises UnknownNameError, UsageError: no such recipe, not YAML, or it does not have the stage.
    """
    place = files("r1bench.harness") / "recipes" / f"{name}.yaml" if name in RECIPES else Path(name)
    if not place.is_file():
        raise UnknownNameError("recipe", name, RECIPES, "r1bench train --help (a YAML file will do as well)")
    try:
        with place.open("rb") as file:
            text = file.read(LONGEST + 1).decode("utf-8-sig")
        if len(text) > LONGEST:
            raise ValueError(f"it has more than {LONGEST} characters")
        recipe = read_yaml(text)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"recipe {name} cannot be read as text ({error!s:.200}); give a YAML file in UTF-8") from error
    except ValueError as error:
        raise UsageError(f"recipe {name} cannot be read: {error}; mend it") from error
    settings = recipe.get(stage) if isinstance(recipe, dict) else None
    if not isinstance(settings, dict):
        raise UsageError(f"recipe {name} has no stage {quoted(stage)}; it must be a mapping of stages to settings")
    judges = settings.setdefault("judged_by", [])
    if not isinstance(judges, list) or not all(isinstance(judge, str) for judge in judges):
        raise UsageError(f"recipe {name}: judged_by must be a list of tasks, and is {quoted(judges)}")
    if not isinstance(settings.get("model", ""), str):
        raise UsageError(f"recipe {name}: model must be a folder or a hub id, and is {quoted(settings['model'])}")
    engines = settings.pop("engine", None) or {}
    if not isinstance(engines, dict) or not all(isinstance(engine, dict) for engine in engines.values()):
        raise UsageError(f"recipe {name}: engine must be a mapping of backends to their settings, and is {quoted(engines)}")
    return settings | {"engine": engines.get(backend, {})}


def apply_settings(values: dict[str, Any], settings: tuple[str, ...]) -> dict[str, Any]:
    """`optimizer.decay=linear` and the like, put into nested settings. Values are read as YAML; of one key the last counts.

    `loss.preset=NAME` puts that preset in the place of the recipe's loss; other settings of the loss change it, in whatever order. `steps`
    takes the place of the recipe's `epochs`, and `epochs` that of its `steps`. `loss.kl=none` takes the recipe's coefficient away too.
    """
    from r1bench.backends.job import TrainJob

    found = copy.deepcopy(values)
    given = {whole_key(setting.partition("=")[0]) for setting in settings}
    for name, other in (("steps", "epochs"), ("epochs", "steps")):
        if name in given and other not in given:
            found.pop(other, None)
    for setting in sorted(settings, key=lambda setting: not setting.partition("=")[0].endswith("loss.preset")):
        key, sign, text = setting.partition("=")
        if not sign or not key:
            raise UsageError(f"--set {quoted(setting)} is not KEY=VALUE; for example --set optimizer.learning_rate=1e-5")
        if key in (*FOLLOWS, *OPTIONS):
            raise UsageError(f"--set {quoted(setting)}: {key} is an option of its own (r1bench train --help) or follows from others")
        *path, last = whole_key(key).split(".")
        if len(path) > DEEPEST:
            raise UsageError(f"--set {quoted(setting)}: no setting is {len(path)} levels deep; see docs/training.md")
        place = found
        for part in path:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                why = (
                    "it belongs to another algorithm"
                    if whole_key(key) in keys_of(TrainJob)
                    else f"{quoted(part)} is not a group of settings"
                )
                raise UsageError(f"--set {quoted(setting)}: {why}")
        if path == ["algorithm", "loss"] and last == "preset":
            place.clear()
        try:
            place[last] = read_yaml(text)
        except ValueError as error:
            raise UsageError(f"--set {quoted(setting)}: {error}; put the value in quotes if it is a text") from error
        if path == ["algorithm", "loss"] and (last, place[last]) == ("kl", "none") and "algorithm.loss.kl_coefficient" not in given:
            place.pop("kl_coefficient", None)
    return found


def whole_key(key: str) -> str:
    """`algorithm.loss.preset` for `loss.preset`."""
    return f"algorithm.{key}" if key.partition(".")[0] in SHORT else key
