"""Recipes: the settings of each stage as YAML, and the settings that a user changes on the command line.

A recipe maps stages to settings of a `TrainJob` (its `engine` by backend, since only a backend understands its own), with `model`, the
checkpoint to start from, and `judged_by`, the tasks that judge the result.
"""

import copy
from importlib.resources import files
from pathlib import Path
from typing import Any

from r1bench.harness.errors import UnknownNameError, UsageError

RECIPES = ("paper", "single-gpu", "tiny")
FOLLOWS = ("name", "stage", "backend", "recipe", "model", "model_digest", "out", "device", "threads", "versions", "judged_by")
"""Keys of a job that `--set` cannot change: options of their own, or what follows from them."""


def read_recipe(name: str, stage: str, backend: str) -> dict[str, Any]:
    """A stage's settings for a backend, from a recipe that ships or from a YAML file of the user's.

    Raises UnknownNameError, UsageError: no such recipe, not YAML, or it does not have the stage.
    """
    import yaml

    place = files("r1bench.harness") / "recipes" / f"{name}.yaml" if name in RECIPES else Path(name)
    if not place.is_file():
        raise UnknownNameError("recipe", name, RECIPES, "r1bench train --help (a YAML file will do as well)")
    try:
        recipe = yaml.safe_load(place.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"recipe {name} cannot be read as text: {error}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"recipe {name} is not YAML: {str(error).splitlines()[0]}") from error
    settings = recipe.get(stage) if isinstance(recipe, dict) else None
    if not isinstance(settings, dict):
        raise UsageError(f"recipe {name} has no stage {stage!r}; it must be a mapping of stages to settings")
    judges = settings.setdefault("judged_by", [])
    if not isinstance(judges, list) or not all(isinstance(judge, str) for judge in judges):
        raise UsageError(f"recipe {name}: judged_by must be a list of tasks, and is {judges!r}")
    if not isinstance(settings.get("model", ""), str):
        raise UsageError(f"recipe {name}: model must be a folder or a hub id, and is {settings['model']!r}")
    engines = settings.pop("engine", None) or {}
    if not isinstance(engines, dict) or not all(isinstance(engine, dict) for engine in engines.values()):
        raise UsageError(f"recipe {name}: engine must be a mapping of backends to their settings, and is {engines!r}")
    return settings | {"engine": engines.get(backend, {})}


def apply_settings(values: dict[str, Any], settings: tuple[str, ...]) -> dict[str, Any]:
    """`optimizer.decay=linear` and the like, put into nested settings. Values are read as YAML."""
    import yaml

    found = copy.deepcopy(values)
    for setting in settings:
        key, sign, text = setting.partition("=")
        if not sign or not key:
            raise UsageError(f"--set {setting!r} is not KEY=VALUE; for example --set optimizer.learning_rate=1e-5")
        if key in (*FOLLOWS, "engine.threads", "algorithm.kind"):
            raise UsageError(f"--set {setting!r}: {key} is an option of its own (r1bench train --help) or follows from others")
        *path, last = key.split(".")
        place = found
        for part in path:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise UsageError(f"--set {setting!r}: {part!r} is not a group of settings")
        try:
            place[last] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UsageError(f"--set {setting!r}: the value is not YAML") from error
    return found
