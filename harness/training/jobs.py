"""From a stage, a recipe and what the user asked for to OUT/job.json, everything checked before anything is trained."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from r1bench.harness import __version__
from r1bench.harness.canonical import canonical_json, digest_of
from r1bench.harness.checkpoints import find_checkpoint, safe_name
from r1bench.harness.errors import ContextError, DataError, StorageError, UnknownNameError, UsageError, quoted
from r1bench.harness.evaluation.shown_prompt import end_tokens
from r1bench.harness.models.chat import LARGEST
from r1bench.harness.models.config import context_length_of
from r1bench.harness.models.prompts import make_prompts
from r1bench.harness.models.saving import BYTES_OF_BFLOAT16, BYTES_OF_FLOAT32, num_weights
from r1bench.harness.models.tokenizer import load_tokenizer
from r1bench.harness.models.turns import endless
from r1bench.harness.models.weights import check_device, check_weights, load_config
from r1bench.harness.progress import note
from r1bench.harness.records import Checkpoint
from r1bench.harness.store.disk import LOCK, open_regular, refusals, replacing, write_whole
from r1bench.harness.training.encoding import Encoded, encode_examples, end_of
from r1bench.harness.training.lint import Remark, lint
from r1bench.harness.training.recipes import apply_settings, read_recipe
from r1bench.harness.training.stages import STAGES

if TYPE_CHECKING:
    from r1bench.backends.job import TrainJob

MOST_LOOKED_AT = 512
"""Prompts that a task generates, before a training."""
MAY_DIFFER = ("out", "engine", "versions", "device", "model", "deviations")
"""Of a job that is gone on with: a folder may be moved, a package updated. The checkpoint's digest still has to agree."""


class Prepared(NamedTuple):
    """A job that is resolved and checked, and not written yet."""

    job: "TrainJob"
    judges: list[str]
    """The tasks that judge the result."""
    prompts: list[Any] | None
    """The problems of a task with data, or None."""
    base: Checkpoint
    warnings: tuple[Remark, ...] = ()
    """What is odd about its texts, and stops nothing."""
    encoded: Encoded | None = None
    """The examples of supervised training, as token numbers."""
    longest_prompt: int = 0
    """Tokens of it, among the prompts of GRPO that were looked at."""


def prepare(stage: str, backend: str, recipe: str, **options: Any) -> tuple["TrainJob", list[str]]:
    """Resolve and write a job; returns it with the tasks that judge it. Options and errors: `resolve`, and StorageError."""
    found = resolve(stage, backend, recipe, **options)
    for warning in found.warnings:
        note(str(warning))
    write(found)
    return found.job, found.judges


def write(found: Prepared) -> None:
    """Write a resolved job. Raises UsageError, StorageError: its folder holds something else, or the disk has no room."""
    check_space(found.job, found.base, len(found.prompts or ()))
    write_job(found.job, found.prompts, Path(found.job.out), found.encoded)


def resolve(
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
    engine: dict[str, Any] | None = None,
) -> Prepared:
    """A job with everything decided and checked. Writes nothing.

    Args:
        engine: options of the command line that a backend gets among its engine's settings (`launcher`, `python`).

    Raises UnknownNameError, UsageError, CheckpointError, DataError, BackendError: before anything is trained.
    """
    from r1bench.backends import check_support
    from r1bench.backends.adapters import check_lora
    from r1bench.backends.job import Grpo, make_job
    from r1bench.tasks import get_task

    values, judges, base = settings_of(stage, backend, recipe, settings, model)
    title = name or f"{base.name}-{stage}"
    source, place = values.get("data"), (out or Path("checkpoints") / safe_name(title)).absolute()
    extend(values, "algorithm", kind=(kind := STAGES[stage].algorithm))
    task = task_of(source) if kind == "grpo" else None
    prompts = training_prompts(task, data, columns) if task else None
    extend(values, "data", prompts_digest=digest_of([problem.digest() for problem in prompts]) if prompts else "")
    extend(values, "engine", **{"threads": threads or num_cores(), **(engine or {})})
    values |= {"name": title, "stage": stage, "backend": backend, "recipe": recipe, "out": str(place)}
    values |= {"model": str(Path(base.path).absolute()), "model_digest": base.digest, "device": check_device(device)}
    values.setdefault("dtype", "bfloat16" if values["device"].startswith("cuda") else "float32")
    read_chat_template(values)
    job = make_job(values)
    check_lora(base, job.lora)
    check_names(job, has_task=task is not None)
    chosen = [get_task(judge) for judge in judges]
    if task is None:
        held_out = source.get("held_out") if isinstance(source, dict) else None
        job, encoded = with_examples(job, base, data, columns, held_out)
    else:
        encoded = None
        job = resolve_rewards(job, task.grader)
    deviations = check_support(job).deviations
    job = job.model_copy(update={"deviations": deviations, "versions": versions_of(job)})
    longest = check_grpo(job, prompts, base) if isinstance(job.algorithm, Grpo) else 0
    return Prepared(job, [judge.name for judge in chosen], prompts, base, tuple(lint_texts(job, base, encoded)), encoded, longest)


def settings_of(
    stage: str, backend: str, recipe: str, settings: tuple[str, ...], model: str | None
) -> tuple[dict[str, Any], list[str], Checkpoint]:
    """The recipe's settings as the user changed them, the tasks that judge, and the checkpoint to start from. Errors as `resolve`."""
    from r1bench.backends import get_backend

    if stage not in STAGES:
        raise UnknownNameError("stage", stage, STAGES, "r1bench train --help")
    get_backend(backend)
    values = apply_settings(read_recipe(recipe, stage, backend), settings)
    judges, default = values.pop("judged_by"), values.pop("model", None)
    if not (model or default):
        raise UsageError(f"recipe {recipe} names no model; give one with --model")
    base = find_checkpoint(model or default)
    check_weights(base)
    return values, judges, base


def check_names(job: "TrainJob", *, has_task: bool) -> None:
    """Refuse a template that there is not, and a task where there is none. Raises UnknownNameError, UsageError."""
    from r1bench.tasks.templates import TEMPLATES

    if job.data.template not in TEMPLATES:
        raise UnknownNameError("template", job.data.template, TEMPLATES, "docs/tasks.md")
    if job.data.task and not has_task:
        raise UsageError(
            f"data.task={quoted(job.data.task)}: stage {job.stage} learns from the examples of --data, and has no task; leave it out"
        )


def read_chat_template(values: dict[str, Any]) -> None:
    """Put the text of a file in the place of its name in `chat.template`; a template itself stays. Raises UsageError: no such file."""
    chat = values.get("chat")
    if not isinstance(chat, dict):
        return
    named = chat.get("template")
    if not isinstance(named, str) or not named or "{%" in named or "{{" in named:
        return
    try:
        with open_regular(Path(named)) as file:
            text = file.read(LARGEST + 1).decode("utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise UsageError(
            f"chat.template={quoted(named)} cannot be read ({error!s:.200}); give a file with a chat template in Jinja"
        ) from error
    if not 0 < len(text) <= LARGEST:
        raise UsageError(f"chat.template={quoted(named)} is empty or has more than {LARGEST:,} characters; give a chat template in Jinja")
    values["chat"] = {**chat, "template": text}


def with_examples(
    job: "TrainJob", base: Checkpoint, data: Path | None, columns: dict[str, str] | None, held_out: int | None
) -> tuple["TrainJob", Encoded]:
    """The job of supervised training with its examples counted and digested, and these. Errors as `encode_examples` and `end_of`."""
    from r1bench.backends import check_support
    from r1bench.backends.job import Sft

    if data is None:
        what = "examples (messages, or prompt and completion)" if isinstance(job.algorithm, Sft) else "pairs (prompt, chosen, rejected)"
        raise UsageError(f"stage {job.stage} learns from {what}; give them with --data FILE")
    check_support(job)  # what a backend refuses is said before a large file is read
    tokenizer, context = load_tokenizer(base, job.chat.template), context_length_of(load_config(base))
    if isinstance(job.algorithm, Sft):
        end = end_of(tokenizer, job.chat.end, end_tokens(base, tokenizer), base.path)
        job = job.model_copy(update={"chat": job.chat.model_copy(update={"end": end})})
    elif job.chat.end:
        raise UsageError(f"chat.end={quoted(job.chat.end)}: a reward model reads what its chat template writes, and nothing behind it")
    longest = min(job.algorithm.max_length, context)  # type: ignore[union-attr]
    job = job.model_copy(update={"algorithm": job.algorithm.model_copy(update={"max_length": longest})})
    encoded = encode_examples(job, tokenizer, data, columns, held_out)
    if job.batch_size > encoded.num_examples:
        count = f"the {encoded.num_examples} examples to train on ({encoded.num_held_out} are held out, {encoded.num_left_out} too long)"
        raise UsageError(f"batch_size={job.batch_size} is more than {count}; use --set batch_size={encoded.num_examples} or less")
    counts = {"prompts_digest": encoded.digest, "num_examples": encoded.num_examples, "held_out": encoded.num_held_out}
    return job.model_copy(update={"data": job.data.model_copy(update=counts)}), encoded


def lint_texts(job: "TrainJob", base: Checkpoint, encoded: Encoded | None) -> list[Remark]:
    """What is odd about the examples, or about prompts and the model that answers them."""
    from r1bench.backends.job import Grpo
    from r1bench.tasks.templates import TEMPLATES

    tokenizer = load_tokenizer(base, job.chat.template)
    is_endless = isinstance(job.algorithm, Grpo) and not end_tokens(base, tokenizer)
    endless_too = [Remark("end", endless(base.path))] if is_endless else []
    return [*lint(job, tokenizer, TEMPLATES[job.data.template], encoded), *endless_too]


def extend(values: dict[str, Any], key: str, **more: Any) -> None:
    """Add to a group of settings; what is not a group is left for the job's check to name."""
    group = values.get(key) or {}
    values[key] = group | more if isinstance(group, dict) else group


def resolve_rewards(job: "TrainJob", grader: str) -> "TrainJob":
    """The job with every parameter of its rewards written down, defaults included. Errors as `check_rewards`."""
    from r1bench.tasks.rewards import check_rewards

    parameters = check_rewards(job.grpo.rewards, grader)
    rewards = [reward.model_copy(update={"parameters": each}) for reward, each in zip(job.grpo.rewards, parameters, strict=True)]
    return job.model_copy(update={"algorithm": job.grpo.model_copy(update={"rewards": tuple(rewards)})})


def check_budget(job: "TrainJob") -> None:
    """Refuse a punishment of long completions that none can ever earn. Raises UsageError."""
    budget = job.grpo.rollout.max_tokens
    for reward in job.grpo.rewards:
        if reward.name == "soft_overlong":
            longest, cache = (int(reward.parameters[key]) for key in ("max_completion_len", "soft_punish_cache"))
            if budget <= longest - cache:
                raise UsageError(
                    f"reward 'soft_overlong' begins beyond {longest - cache} tokens, and algorithm.rollout.max_tokens={budget} lets no "
                    f"completion get there; set its max_completion_len to {budget} and soft_punish_cache below that"
                )


def check_grpo(job: "TrainJob", prompts: list[Any] | None, base: Checkpoint) -> int:
    """Refuse, before anything is trained, prompts that cannot be put to the model, or do not fit its context with their completions.

    Of a task that generates them the first MOST_LOOKED_AT of the first step are looked at.

    Returns the tokens of the longest.

    Raises:
        CheckpointError, DataError: the chat template cannot be used, naming the problem where it is about one.
        ContextError: naming the longest prompt and the budget that fits.
        UsageError: a setting that says nothing there.
    """
    from r1bench.backends.prompts import draw_problems
    from r1bench.tasks.templates import TEMPLATES

    check_budget(job)
    if job.chat.end:
        raise UsageError(f"chat.end={quoted(job.chat.end)} is of fine-tuning; a completion ends with the tokens of the checkpoint's own")
    tokenizer, template = load_tokenizer(base, job.chat.template), TEMPLATES[job.data.template]
    few = job.model_copy(update={"batch_size": min(job.batch_size, MOST_LOOKED_AT)})
    asked = [(problem.id, problem.prompt) for problem in (prompts or draw_problems(few, 0, None))]
    read = make_prompts(tokenizer, template, asked)
    context = context_length_of(load_config(base))
    lengths = {problem_id: len(each.tokens) for (problem_id, _), each in zip(asked, read, strict=True)}
    longest = max(lengths, key=lambda problem_id: lengths[problem_id])
    key, budget = "algorithm.rollout.max_tokens", job.grpo.rollout.max_tokens
    if lengths[longest] + budget > context:
        raise ContextError(
            f"prompt {longest!r} has {lengths[longest]} tokens; with {key}={budget} that exceeds the model's context of {context}; "
            f"use --set {key}={max(context - lengths[longest], 1)} or less"
        )
    return lengths[longest]


class Room(NamedTuple):
    """What the checkpoints of a training need, in bytes."""

    each: int
    """A checkpoint from which it can go on."""
    needed: int
    """By all that stand at once, beyond those that are there."""
    free: int
    """On the disk of the training's folder."""


def room_of(job: "TrainJob", base: Checkpoint, num_prompts: int) -> Room:
    """Arithmetic, and a look at the disk: AdamW's two moments beside the weights, and a reference that has moved."""
    from r1bench.backends.job import Grpo
    from r1bench.backends.journal import CHECKPOINTS
    from r1bench.backends.memory import sizes_of

    out, num = Path(job.out), num_weights(base)
    has_reference = isinstance(job.algorithm, Grpo) and job.algorithm.reference_every > 0
    width = BYTES_OF_FLOAT32 if job.dtype == "float32" else BYTES_OF_BFLOAT16
    learned = job.lora.rank * sizes_of(base, job.lora).adapted if job.lora else num
    copies = 0 if width == BYTES_OF_FLOAT32 and not job.lora else learned * BYTES_OF_FLOAT32
    weights = num * width
    moved = (learned * BYTES_OF_FLOAT32 if job.lora else weights) if has_reference else 0
    each = weights + copies + 2 * learned * BYTES_OF_FLOAT32 + moved  # the result, what is learned in float32, AdamW's two moments
    num_saves = max(job.num_steps(num_prompts) - 1, 0) // job.save_every
    needed = max(
        min(num_saves, job.keep + 1) * each, min(num_saves, job.keep) * each + weights
    )  # the new one stands before the oldest goes
    needed -= sum(path.stat().st_size for path in (out / CHECKPOINTS).rglob("*") if path.is_file())
    free = shutil.disk_usage(next(folder for folder in (out, *out.parents) if folder.is_dir())).free
    return Room(each, max(needed, 0), free)


def check_space(job: "TrainJob", base: Checkpoint, num_prompts: int) -> Room:
    """Refuse, before anything is trained, checkpoints that the disk has no room for.

    Raises StorageError: naming what they need and what is free.
    """
    room = room_of(job, base, num_prompts)
    if room.needed > room.free:
        raise StorageError(
            f"{job.out} has {room.free / 1e6:,.0f} MB free, and the checkpoints of this training need {room.needed / 1e6:,.0f} MB more, "
            f"each of them {room.each / 1e6:,.0f} MB; free space, choose another --out, or keep fewer than --set keep={job.keep}"
        )
    return room


def num_cores() -> int:
    """Cores that this process may use, at most 16 (small matrices gain nothing from more)."""
    return min(16, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def versions_of(job: "TrainJob") -> dict[str, str]:
    """Versions of r1bench and of what trains a job, in the Python that trains it, as far as they are there."""
    from r1bench.backends import get_backend
    from r1bench.backends.contract import python_of

    known = get_backend(job.backend).versions(python_of(job))
    return {"r1bench": __version__, **{str(package): str(version) for package, version in known.items() if version}}


def task_of(source: Any) -> Any:
    """The task that `data.task` names. Raises UsageError: there is none of that name."""
    from r1bench.tasks import get_task

    try:
        return get_task(str(source.get("task", "")) if isinstance(source, dict) else "")
    except UnknownNameError as error:
        raise UsageError(f"{error}; --set data.task=NAME says whose problems are trained on") from error


def training_prompts(task: Any, data: Path | None, columns: dict[str, str] | None) -> list[Any] | None:
    """The prompts of a task with data, or None where the task generates fresh ones for each step."""
    from r1bench.tasks.data.loading import load_problems

    if data is None and task.generate is not None:
        return None
    if data is None:
        raise UsageError(f"training on {task.name} needs its training problems; give them with --data FILE (never the test split)")
    try:
        return load_problems(task, data, columns)
    except DataError as error:
        other = "math500" if task.name == "gsm8k" else "gsm8k"
        raise UsageError(f"{error}; if these are not problems of {task.name}, say whose they are, as in --set data.task={other}") from error


def flat(values: Any, key: str = "") -> dict[str, Any]:
    """Nested settings by their dotted keys."""
    if not isinstance(values, dict):
        return {key: values}
    return {name: each for part, value in values.items() for name, each in flat(value, f"{key}.{part}".strip(".")).items()}


def first_difference(stored: "TrainJob", job: "TrainJob") -> str:
    """The first setting in which two jobs differ that must not, in words; '' where one goes on with the other."""
    old, new = (flat(each.model_dump(mode="json", exclude=set(MAY_DIFFER))) for each in (stored, job))
    differing = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    return f"{differing[0]} was {quoted(old.get(differing[0]))} and is now {quoted(new.get(differing[0]))}" if differing else ""


def check_folder(job: "TrainJob", out: Path) -> bool:
    """Whether a folder holds this very job already. Writes nothing.

    Raises UsageError, StorageError: it holds another job, naming what differs, or something that is no training.
    """
    from r1bench.backends.examples import EXAMPLES, HELD_OUT
    from r1bench.backends.job import read_job
    from r1bench.backends.journal import JOB, PROMPTS

    if (out / JOB).is_file():
        if difference := first_difference(read_job(out / JOB), job):
            raise UsageError(f"{out} holds another training ({difference}); choose another --out, or the same settings to go on")
        return True
    before_a_job = (LOCK, PROMPTS, EXAMPLES, HELD_OUT)
    if out.exists() and (not out.is_dir() or any(entry.name not in before_a_job for entry in out.iterdir())):
        raise StorageError(f"{out} exists and is not a training folder; choose another --out")
    return False


def texts_of(job: "TrainJob", problems: list[Any] | None) -> dict[str, str]:
    """What a job is written as, by the names of its files."""
    from r1bench.backends.journal import JOB, PROMPTS

    prompts = {} if problems is None else {PROMPTS: "".join(canonical_json(problem.to_json()) + "\n" for problem in problems)}
    return {**prompts, JOB: job.model_dump_json(indent=1) + "\n"}


def write_job(job: "TrainJob", problems: list[Any] | None, out: Path, encoded: Encoded | None = None) -> None:
    """Write job.json after prompts or examples, unless the folder holds this very job; then only job.json, whose engine may differ.

    Raises UsageError, StorageError: as `check_folder`.
    """
    from r1bench.backends.examples import EXAMPLES, HELD_OUT

    is_held = check_folder(job, out)
    with refusals(out):
        out.mkdir(parents=True, exist_ok=True)
        for name in (EXAMPLES, HELD_OUT):
            if encoded and not (is_held and (out / name).is_file()):
                with replacing(out / name) as temporary:
                    shutil.copyfile(encoded.folder / name, temporary)
        for name, text in texts_of(job, None if is_held else problems).items():
            write_whole(out / name, text)
