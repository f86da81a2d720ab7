"""The R1 stages: what each needs, what it makes, and what judges it. A recipe and a stage become a job; a backend trains it as a process.

Left out, until they are built: cold-start SFT, reasoning RL, rejection sampling, SFT-2, RL for all scenarios, distillation.
"""

import copy
import json
import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1bench.harness import __version__
from r1bench.harness.canonical import canonical_json, digest_of
from r1bench.harness.checkpoints import find_checkpoint, is_sealed
from r1bench.harness.errors import BackendError, ContextError, StorageError, UnknownNameError, UsageError
from r1bench.harness.models import check_device, context_length_of, encode, load_tokenizer, render
from r1bench.harness.records import Checkpoint
from r1bench.harness.store.disk import LOCK, only_writer, refusals, write_whole

if TYPE_CHECKING:
    from r1bench.backends.job import TrainJob

JOB, PROMPTS, FINAL = "job.json", "prompts.jsonl", "final"


@dataclass(frozen=True)
class Stage:
    """One step of the R1 recipe."""

    name: str
    algorithm: str
    summary: str
    source: str


STAGES: dict[str, Stage] = {
    "zero": Stage(
        "zero",
        "grpo",
        "reinforcement learning straight from a base model, with rewards from rules only",
        "arXiv 2501.12948, 2.2",
    ),
}
GIVEN_ELSEWHERE = ("name", "stage", "backend", "recipe", "model", "model_digest", "out", "device", "threads", "versions", "judged_by")
MAY_DIFFER = ("out", "threads", "versions", "device", "model")
"""Of a job that is gone on with: a folder may be moved, a package updated. The checkpoint's digest still has to agree."""
RECIPES = ("paper", "single-gpu", "tiny")


def read_recipe(name: str, stage: str) -> dict[str, Any]:
    """A stage's settings from a recipe that ships, or from a YAML file of the user's.

    Raises:
        UnknownNameError, UsageError: no such recipe, not YAML, or it does not have the stage.
    """
    import yaml

    if name in RECIPES:
        text = (files("r1bench.harness") / "recipes" / f"{name}.yaml").read_text(encoding="utf-8")
    elif Path(name).is_file():
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"recipe {name} cannot be read as text: {error}") from error
    else:
        raise UnknownNameError("recipe", name, RECIPES, "r1bench train --help (a YAML file will do as well)")
    try:
        recipe = yaml.safe_load(text)
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
    return settings


def apply_settings(values: dict[str, Any], settings: tuple[str, ...]) -> dict[str, Any]:
    """`batch.prompts=8` and the like, put into nested settings. Values are read as YAML."""
    import yaml

    found = copy.deepcopy(values)
    for setting in settings:
        key, sign, text = setting.partition("=")
        if not sign or not key:
            raise UsageError(f"--set {setting!r} is not KEY=VALUE; for example --set optimizer.learning_rate=1e-5")
        if key in GIVEN_ELSEWHERE:
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


def prepare(
    stage: str,
    backend: str,
    recipe: str,
    *,
    model: str | None = None,
    out: Path | None = None,
    name: str | None = None,
    data: Path | None = None,
    columns: dict[str, str] | None = None,
    settings: tuple[str, ...] = (),
    device: str = "auto",
    threads: int | None = None,
) -> tuple["TrainJob", list[str]]:
    """Resolve and write a job; returns it with the tasks that judge it.

    Raises:
        UnknownNameError, UsageError, CheckpointError, DataError, StorageError: before anything is trained.
    """
    from r1bench.backends import check_support, get_backend
    from r1bench.backends.job import make_job
    from r1bench.tasks import get_task
    from r1bench.tasks.templates import TEMPLATES

    if stage not in STAGES:
        raise UnknownNameError("stage", stage, STAGES, "r1bench train --help")
    get_backend(backend)
    values = apply_settings(read_recipe(recipe, stage), settings)
    judges, default = values.pop("judged_by"), values.pop("model", None)
    if not (model or default):
        raise UsageError(f"recipe {recipe} names no model; give one with --model")
    base = find_checkpoint(model or default)
    title = name or f"{base.name}-{stage}"
    source, place = values.get("data"), (out or Path("checkpoints") / title).absolute()
    task = get_task(source.get("task", "") if isinstance(source, dict) else "")
    prompts = training_prompts(task, data, columns)
    values["data"] = {**(source or {}), "prompts_digest": digest_of([problem.digest() for problem in prompts]) if prompts else ""}
    values |= {"name": title, "stage": stage, "backend": backend, "recipe": recipe, "out": str(place), "versions": versions()}
    values |= {"model": str(Path(base.path).absolute()), "model_digest": base.digest}
    job = make_job({**values, "device": check_device(device), "threads": threads or num_cores()})
    check_support(job)
    job = resolve_rewards(job, task.grader)
    if job.data.template not in TEMPLATES:
        raise UnknownNameError("template", job.data.template, TEMPLATES, "docs/tasks.md")
    chosen = [get_task(judge) for judge in judges]
    check_lengths(job, prompts, base)
    write_job(job, prompts, place)
    return job, [judge.name for judge in chosen]


def resolve_rewards(job: "TrainJob", grader: str) -> "TrainJob":
    """The job with every parameter of its rewards written down, defaults included. Errors as `check_rewards`."""
    from r1bench.tasks.rewards import check_rewards

    parameters = check_rewards(job.rewards, grader)
    rewards = [reward.model_copy(update={"parameters": each}) for reward, each in zip(job.rewards, parameters, strict=True)]
    return job.model_copy(update={"rewards": tuple(rewards)})


def check_lengths(job: "TrainJob", prompts: list[Any] | None, base: Checkpoint) -> None:
    """Refuse, before anything is trained, prompts and completions that do not fit the model's context.

    Raises:
        ContextError: naming the longest prompt and the budget that fits.
    """
    from transformers import AutoConfig

    from r1bench.backends.prompts import draw_problems
    from r1bench.tasks.templates import TEMPLATES

    tokenizer, template = load_tokenizer(base), TEMPLATES[job.data.template]
    context = context_length_of(AutoConfig.from_pretrained(base.path, trust_remote_code=False, local_files_only=True))
    lengths = {
        problem.id: len(encode(tokenizer, template, render(tokenizer, template, problem.prompt)))
        for problem in (prompts or draw_problems(job, 0, None))
    }
    longest = max(lengths, key=lambda problem_id: lengths[problem_id])
    if lengths[longest] + job.rollout.max_tokens > context:
        raise ContextError(
            f"prompt {longest!r} has {lengths[longest]} tokens; with rollout.max_tokens={job.rollout.max_tokens} that exceeds the model's "
            f"context of {context}; use --set rollout.max_tokens={max(context - lengths[longest], 1)} or less"
        )


def num_cores() -> int:
    """Cores that this process may use, at most 16 (small matrices gain nothing from more)."""
    return min(16, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def versions() -> dict[str, str]:
    """Versions of what trains."""
    from importlib.metadata import version

    return {"r1bench": __version__, **{package: version(package) for package in ("torch", "transformers")}}


def training_prompts(task: Any, data: Path | None, columns: dict[str, str] | None) -> list[Any] | None:
    """The prompts of a task with data, or None where the task generates fresh ones for each step."""
    from r1bench.tasks.data.loading import load_problems

    if data is None and task.generate is not None:
        return None
    if data is None:
        raise UsageError(f"training on {task.name} needs its training problems; give them with --data FILE (never the test split)")
    return load_problems(task, data, columns)


def read_stored(path: Path) -> dict[str, Any]:
    """The job of a folder as plain values.

    Raises:
        UsageError: the file is broken.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path} is broken ({type(error).__name__}); choose another --out (what it said also stands in checkpoints/*/r1bench.json)"
        ) from error
    return value if isinstance(value, dict) else {}


def write_job(job: "TrainJob", problems: list[Any] | None, out: Path) -> None:
    """Write job.json, unless the folder already holds this very job.

    Raises:
        UsageError: the folder holds another job; naming what differs.
    """
    path = out / JOB
    if path.is_file():
        stored, new = read_stored(path), job.model_dump(mode="json")
        differing = sorted(key for key in new if key not in MAY_DIFFER and stored.get(key) != new[key])
        if differing:
            raise UsageError(
                f"{out} holds another training ({differing[0]} was {stored.get(differing[0])!r} and is now {new[differing[0]]!r}); "
                "choose another --out, or the same settings to go on"
            )
        with refusals(out):
            write_whole(path, job.model_dump_json(indent=1) + "\n")
        return
    if out.exists() and (not out.is_dir() or any(entry.name not in (LOCK, PROMPTS) for entry in out.iterdir())):
        raise StorageError(f"{out} exists and is no training folder; choose another --out")
    with refusals(out):
        out.mkdir(parents=True, exist_ok=True)
        if problems is not None:
            write_whole(out / PROMPTS, "".join(canonical_json(problem.to_json()) + "\n" for problem in problems))
        write_whole(path, job.model_dump_json(indent=1) + "\n")


def run_job(job: "TrainJob") -> Path:
    """Train a job in a process of its own, going on from where it stopped; returns the sealed checkpoint.

    Raises:
        BackendError: the process failed; the same command goes on from its last checkpoint.
    """
    out = Path(job.out)
    final = out / FINAL
    if is_sealed(final):
        return final
    with only_writer(out, f"training {out}"):
        train_in_process(job)
    return final


def train_in_process(job: "TrainJob") -> None:
    """Start the backend and wait for it.

    Raises:
        BackendError: it failed; without a message where it has told why.
    """
    from r1bench.backends import get_backend

    out = Path(job.out)
    environment = {**os.environ, "OMP_NUM_THREADS": str(job.threads), "TOKENIZERS_PARALLELISM": "false"}
    process = subprocess.Popen(get_backend(job.backend).plan(out / JOB), env=environment)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)  # a terminal has told both of us
        raise
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if code == 2:
        raise BackendError("")
    if code:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        raise BackendError(f"training {job.name} with {job.backend} {how}; see above, and run the same command again to go on from {out}")
