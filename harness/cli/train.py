"""The command that trains."""

from pathlib import Path
from typing import Any

import click

from r1bench.harness.cli.options import DATA, DEVICE, JSON, MAP, PATH, RUNS, example, show


@click.command(
    short_help="Train one stage of the R1 recipe.",
    epilog=example(
        "r1bench train --backend custom --stage zero\n"
        "r1bench train --stage zero --model ckpt/ --recipe single-gpu --data gsm8k_train.jsonl --set steps=100"
    ),
)
@click.option("--backend", default="custom", show_default=True, help="Who trains; r1bench doctor lists them.")
@click.option("--stage", default="zero", show_default=True, help="Stage of the R1 recipe: zero.")
@click.option("--model", help="Checkpoint to start from [default: the recipe's].")
@click.option("--recipe", default="tiny", show_default=True, help="tiny, single-gpu, paper, or a YAML file.")
@click.option("--set", "settings", multiple=True, help="Change one setting: KEY=VALUE, for example optimizer.learning_rate=1e-5.")
@click.option("--out", type=PATH, help="Folder of the training [default: checkpoints/NAME].")
@click.option("--name", help="What tables will call the result [default: MODEL-STAGE].")
@DATA
@MAP
@DEVICE
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads [default: all cores].")
@click.option("--eval/--no-eval", "is_judged", default=True, show_default=True, help="Evaluate the result on the recipe's tasks.")
@RUNS
@JSON
def train(runs: Path, is_judged: bool, as_json: bool, **options: Any) -> None:
    """Train one stage of the R1 recipe, in a process of its own, and evaluate what comes out.

    The same command again goes on from the last checkpoint.
    """
    from r1bench.harness.training.judged import train_stage
    from r1bench.leaderboards.board import ranking as board
    from r1bench.leaderboards.measures.reading import of_run

    checkpoint, judged = train_stage(runs=runs, is_judged=is_judged, **options)
    entries = board.entries(map(of_run, judged))
    unjudged = f"not evaluated yet: r1bench eval {checkpoint} --tasks ..."
    text = f"checkpoint: {checkpoint}\n\n" + (board.render(entries) if entries else unjudged)
    show(as_json, {"checkpoint": str(checkpoint), "entries": board.to_json(entries)}, text)
