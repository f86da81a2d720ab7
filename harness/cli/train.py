"""The command that trains."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from r1bench.harness import tables
from r1bench.harness.cli.options import DEVICE, JSON, MAP, PATH, PYTHON, RUNS, example, show
from r1bench.harness.training.stages import STAGES

if TYPE_CHECKING:
    from r1bench.harness.records import Run
    from r1bench.harness.training.judged import Trained
    from r1bench.harness.training.plan import TrainingPlan

LAUNCHERS = ("local", "accelerate", "torchrun")
DATA_HELP = "File or folder (JSONL, JSON, Parquet, CSV): problems (zero), traces (cold-start), pairs or labels (reward-model)."
STAGE_HELP = f"Stage of the R1 recipe: {', '.join(f'{name} ({stage.algorithm})' for name, stage in STAGES.items())}."


@click.command(
    short_help="Train one stage of the R1 recipe.",
    epilog=example(
        "r1bench train --backend custom --stage zero\n"
        "r1bench train --stage zero --model ckpt/ --recipe single-gpu --data gsm8k_train.jsonl --set steps=100\n"
        "r1bench train --stage zero --set loss.preset=dapo --exact --dry-run\n"
        "r1bench train --stage cold-start --model ckpt/ --data traces.jsonl\n"
        "r1bench train --stage reward-model --model ckpt/ --data pairs.jsonl\n"
        "r1bench train --backend trl --launcher accelerate --python venv/bin/python --stage zero --recipe single-gpu --data train.jsonl"
    ),
)
@click.option("--backend", default="custom", show_default=True, help="Who trains; r1bench backends lists them, and what each can.")
@click.option("--stage", default="zero", show_default=True, help=STAGE_HELP)
@click.option("--model", help="Checkpoint to start from [default: the recipe's].")
@click.option("--recipe", default="tiny", show_default=True, help="tiny, single-gpu, paper, or a YAML file.")
@click.option("--set", "settings", multiple=True, help="Change one setting: KEY=VALUE, for example optimizer.learning_rate=1e-5.")
@click.option("--out", type=PATH, help="Folder of the training [default: checkpoints/NAME].")
@click.option("--name", help="What tables will call the result [default: MODEL-STAGE].")
@click.option("--data", type=PATH, help=DATA_HELP)
@MAP
@DEVICE
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads [default: all cores].")
@click.option("--launcher", type=click.Choice(LAUNCHERS), help="What starts the processes that train [default: the backend's, local].")
@PYTHON
@click.option("--dry-run", is_flag=True, help="Check everything and show the plan: command, files, deviations, memory. Writes nothing.")
@click.option("--exact", "is_exact", is_flag=True, help="Refuse where the backend would not train exactly what the job says.")
@click.option("--eval/--no-eval", "is_judged", default=True, show_default=True, help="Measure base and result: on the recipe's tasks.")
@RUNS
@JSON
def train(
    runs: Path, is_judged: bool, is_exact: bool, dry_run: bool, launcher: str | None, python: str | None, as_json: bool, **options: Any
) -> None:
    """Train one stage of the R1 recipe, in a process of its own, and measure what comes out.

    The same command again goes on from the last checkpoint.
    """
    from r1bench.harness.training.judged import check_exact, train_stage
    from r1bench.harness.training.plan import plan_training

    options["engine"] = {key: value for key, value in (("launcher", launcher), ("python", python)) if value}
    if dry_run:
        plan = plan_training(runs if is_judged else None, **options)
        if is_exact:
            check_exact(plan.job)
        show(as_json, plan_json(plan), plan_text(plan))
        return
    trained = train_stage(runs=runs, is_judged=is_judged, is_exact=is_exact, **options)
    text, values = results(trained, str(options["stage"]))
    show(as_json, values, text)


def results(trained: "Trained", stage: str) -> tuple[str, dict[str, Any]]:
    """Whether it got better, then the rows; as text and as JSON."""
    from r1bench.leaderboards.board import ranking as board
    from r1bench.leaderboards.measures.reading import of_run

    entries = board.entries(map(of_run, trained.runs))
    verdicts = [verdict_of(base, result) for base, result in pairs(trained.runs)]
    held_out = list(trained.held_out.lines()) if trained.held_out is not None else []
    unjudged = f"not evaluated yet: r1bench eval {trained.checkpoint} --tasks ..." if STAGES[stage].algorithm != "reward_model" else ""
    deviations = [f"approximate: {each}" for each in trained.deviations]
    answer = filter(None, [*([*verdicts, *held_out] or [unjudged]), *deviations, f"checkpoint: {trained.checkpoint}"])
    text = "\n".join(answer) + (f"\n\n{board.render(entries)}" if entries else "")
    values: dict[str, Any] = {"checkpoint": str(trained.checkpoint), "verdicts": verdicts, "deviations": list(trained.deviations)}
    if trained.held_out is not None:
        values |= {"held_out": trained.held_out.to_json()}
    return text, {**values, "entries": board.to_json(entries)}


def pairs(runs: Sequence["Run"]) -> list[tuple["Run", "Run"]]:
    """Base and result of each task: all of the base's come first."""
    half = len(runs) // 2
    return list(zip(runs[:half], runs[half:], strict=True))


def verdict_of(base: "Run", result: "Run") -> str:
    """'arithmetic, A tiny-base, B tiny-base-zero: B is better by ...', paired by problem, or why the two cannot be compared."""
    from r1bench.harness.errors import R1benchError
    from r1bench.leaderboards.compare.comparison import compare
    from r1bench.leaderboards.compare.text import verdict
    from r1bench.leaderboards.measures.reading import of_run

    try:
        sentence = verdict(compare(of_run(base), of_run(result)))
    except R1benchError as error:
        sentence = str(error)
    return f"{result.manifest.task}, A {base.manifest.name}, B {result.manifest.name}: {sentence}"


def size_text(count: int) -> str:
    """'2.1 kB', '3.4 GB'."""
    value, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "bytes" or value >= 100 else f"{value:.1f} {unit}"


def plan_text(plan: "TrainingPlan") -> str:
    """The plan on one screen."""
    job = plan.job
    is_drawing = job.algorithm.kind == "grpo"
    loss = f", loss {job.grpo.loss.preset}" if is_drawing else ""
    steps = job.num_steps(len(plan.found.prompts or ()))
    kind = "completions" if is_drawing else "examples"
    with_lora = f", adapters of rank {job.lora.rank}" if job.lora else ""
    peak = ", ".join(f"{name} {size_text(size)}" for name, size in plan.memory.parts.items() if size)
    deviations = list(job.deviations) or ["none: the backend trains exactly what the job says"]
    rows = [
        ("trains", f"stage {job.stage} ({job.algorithm.kind}{loss}) with {job.backend}: {steps:,} steps of {job.batch_size:,}"),
        ("", f"{job.num_updates:,} optimiser steps, at most {plan.tokens_per_step:,} tokens of {kind} a step"),
        ("from", f"{job.model}"),
        ("", f"{plan.num_weights:,} weights, {job.dtype} on {job.device}{with_lora}"),
        ("into", f"{job.out}"),
        ("starts", plan.start),
        *(("writes" if place == 0 else "", f"{name}: {size_text(size)}") for place, (name, size) in enumerate(plan.sizes.items())),
        ("memory", f"about {size_text(plan.memory.peak)} at its peak, by arithmetic; not all at once: {peak}"),
        (
            "disk",
            f"{size_text(plan.room.needed)} more for checkpoints of {size_text(plan.room.each)}; {size_text(plan.room.free)} are free",
        ),
        *(("deviates" if place == 0 else "", each) for place, each in enumerate(deviations)),
        *(("note", each) for each in plan.notes),
        ("judged by", ", ".join(plan.found.judges) or "no task"),
    ]
    lines = [line for label, text in rows for line in wrapped(label, text)]
    return "\n".join([*lines, "command", f"  {plan.command}", "", "nothing was written; without --dry-run it starts"])


def wrapped(label: str, text: str) -> list[str]:
    """A label and its text within the width of a terminal."""
    indent = " " * 11
    lines = tables.paragraph(text, indent=indent).split("\n") if text else [indent]
    return [tables.left(label, len(indent)) + lines[0].removeprefix(indent), *lines[1:]]


def plan_json(plan: "TrainingPlan") -> dict[str, Any]:
    """Everything of a plan, the texts of its files too."""
    return {
        "job": plan.job.model_dump(mode="json"),
        "start": plan.start,
        "num_weights": plan.num_weights,
        "steps": plan.job.num_steps(len(plan.found.prompts or ())),
        "optimiser_steps": plan.job.num_updates,
        "tokens_per_step": plan.tokens_per_step,
        "command": plan.plan.command,
        "environment": plan.plan.environment,
        "files": plan.files,
        "sizes": plan.sizes,
        "memory": {**plan.memory.parts, "peak": plan.memory.peak},
        "disk": plan.room._asdict(),
        "deviations": list(plan.job.deviations),
        "notes": plan.notes,
        "judged_by": plan.found.judges,
    }
