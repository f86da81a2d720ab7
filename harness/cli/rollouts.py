"""The command that shows what a training drew, rewarded and learned from."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from r1bench.harness import tables
from r1bench.harness.cli.options import JSON, PATH, example, show

if TYPE_CHECKING:
    from r1bench.backends.inspection import Group, Inspection
    from r1bench.backends.journal import RolloutRow

MOST_ROWS = 20
"""Problems in the table."""
PROMPT, TEXT = 200, 1_200
"""Characters of a prompt's end, and of a completion, that are shown without --full."""
COLUMNS = (-25, 4, 7, 7, 7, 9, 9, 4)


@click.command(
    short_help="What a training drew, rewarded and learned from.",
    epilog=example(
        "r1bench rollouts checkpoints/tiny-base-zero\n"
        "r1bench rollouts checkpoints/tiny-base-zero --step 20 --worst -n 3 --full\n"
        "r1bench rollouts checkpoints/tiny-base-zero --problem arithmetic-17 --json"
    ),
)
@click.argument("out", type=PATH)
@click.option("--step", type=click.IntRange(min=0), help="Of this step [default: the last; with --problem, of all].")
@click.option("--worst", is_flag=True, help="Show the completions with the lowest rewards.")
@click.option("--best", is_flag=True, help="Show the completions with the highest rewards.")
@click.option("-n", "most", type=click.IntRange(1, 1000), default=5, show_default=True, help="How many of them.")
@click.option("--problem", "problem_id", help="Only what was drawn for this problem.")
@click.option("--full", is_flag=True, help="Whole prompts and texts, not their ends.")
@JSON
def rollouts(out: Path, step: int | None, worst: bool, best: bool, most: int, problem_id: str | None, full: bool, as_json: bool) -> None:
    """What a training drew, what it was rewarded with, and what it learned from, while it runs or afterwards.

    OUT is the training's folder. Without options: the last step by problem, its best and its worst completion.
    """
    from r1bench.backends.inspection import inspect
    from r1bench.backends.journal import home_of

    is_overview = not (worst or best)
    found = inspect(home_of(out) or out, step=step, problem_id=problem_id, most=1 if is_overview else most)
    highest, lowest = found.best if best or is_overview else [], found.worst if worst or is_overview else []
    both = {id(row) for row in highest} & {id(row) for row in lowest}  # all there are, or all have one reward
    chosen = [("best and worst" if id(row) in both else "best", row) for row in highest]
    chosen += [("worst", row) for row in lowest if id(row) not in both]
    parts = [header(found), *([table(found)] if is_overview else []), *(rollout_text(word, row, full=full) for word, row in chosen)]
    show(as_json, to_json(found, [row for _, row in chosen]), "\n\n".join(parts))


def header(found: "Inspection") -> str:
    """Which training and step, how many completions, what is not known, and what went wrong."""
    about = " ".join(filter(None, (found.about["name"], found.about["stage"] and f"(stage {found.about['stage']})")))
    where = "all steps" if found.step is None else f"step {found.step} of {found.last_step}{'' if found.is_finished else ' so far'}"
    who = f", backend {found.about['backend']}" if found.about["backend"] else ""
    groups = len(found.groups)
    cut = sum(group.num_cut for group in found.groups.values())
    counted = f"{found.num_completions:,} completions of {groups:,} problem{'s' * (groups != 1)}, {cut:,} cut at the limit"
    silent = found.num_without_signal
    signal = f", {silent:,} group{'s' * (silent != 1)} without a signal" if found.step is not None else ""
    mismatch = [f"{name.removeprefix('mismatch/')} {value:.4g}" for name, value in found.figures.items() if name.startswith("mismatch/")]
    lines = [f"{tables.plain(about) or 'a training'}{tables.plain(who)}, {where}: {counted}{signal}"]
    lines += [f"mismatch of sampling and training log-probabilities, nats: {', '.join(mismatch)}"] if mismatch else []
    lines += [f"not told by this backend: {tables.plain(gap)}" for gap in found.gaps]
    lines += [f"fault: {tables.plain(fault)}" for fault in found.faults]
    lines += [f"{found.num_superseded:,} completions were cut off by a resume (superseded.jsonl)"] if found.num_superseded else []
    return "\n".join(map(tables.paragraph, lines))


def table(found: "Inspection") -> str:
    """A row per problem: rewards, advantages, how many were cut."""
    head = tables.columns(("problem", "n", "min", "mean", "max", "adv. min", "adv. max", "cut"), COLUMNS)
    lines = [head, "-" * tables.display_width(head), *map(row_of_group, list(found.groups.values())[:MOST_ROWS])]
    left = len(found.groups) - MOST_ROWS
    return "\n".join([*lines, *([f"... and {left:,} problems more (--json has all)"] if left > 0 else [])])


def row_of_group(group: "Group") -> str:
    """One problem; '-' for what is unknown."""
    stated = group.to_json()
    reward, advantage = stated["reward"] or {}, stated["advantage"] or {}
    cells = [tables.number(reward.get(key), 2) for key in ("min", "mean", "max")]
    cells += ["no signal", ""] if group.has_no_signal else [tables.number(advantage.get(key), 2) for key in ("min", "max")]
    name = tables.shortened(tables.plain(group.problem_id), -COLUMNS[0])
    return tables.columns((name, str(group.num_completions), *cells, str(group.num_cut)), COLUMNS)


def rollout_text(word: str, row: "RolloutRow", *, full: bool) -> str:
    """One completion: what it was asked, what it said, and what it got for it."""
    rewards = ", ".join(f"{tables.plain(name)[:40]} {value:.3g}" for name, value in list(row.rewards.items())[:20] if value is not None)
    sample = "" if row.sample is None else f", sample {row.sample}"
    facts = [
        f"{word}: step {row.step}, problem {tables.shortened(tables.plain(row.problem_id), 60)}{sample}",
        f"reward {tables.number(row.reward, 3)} ({rewards or 'none applied'}), advantage {tables.number(row.advantage, 3)}, "
        + f"{tables.plain(row.outcome)[:40] or 'not graded'}",
        f"{row.tokens:,.7g} tokens, ended by {tables.plain(row.finish_reason)[:40] or 'what is not known'}"
        + ("" if row.policy is None else f", drawn after {row.policy:,} optimiser steps")
        + (f", mean log-probability {sum(row.logprobs) / len(row.logprobs):.3f} nats" if row.logprobs else ""),
    ]
    gold = "" if row.gold is None else f"gold: {tables.shortened(tables.plain(as_text(row.gold)), 100)}"
    prompt = quote_block(end_of(as_text(row.prompt), PROMPT, full=full))
    text = quote_block(clipped(row.text, TEXT, full=full))
    return "\n".join([*map(tables.paragraph, facts), *filter(None, [gold]), "prompt", prompt, "completion", text])


def as_text(value: Any) -> str:
    """A prompt or a gold answer as text: of messages the contents, otherwise JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(each, dict) and isinstance(each.get("content"), str) for each in value):
        return "\n".join(f"{each.get('role', '')}: {each['content']}" for each in value)
    return json.dumps(value, ensure_ascii=False)


def end_of(text: str, most: int, *, full: bool) -> str:
    """The last characters of a text, with the count of those left out before them."""
    return text if full or len(text) <= most else f"({len(text) - most:,} characters left out) ...{text[-most:]}"


def clipped(text: str, most: int, *, full: bool) -> str:
    """Both ends of a text, with the count of the characters left out in the middle."""
    half = most // 2
    return text if full or len(text) <= most else f"{text[:half]}\n... ({len(text) - 2 * half:,} characters left out) ...\n{text[-half:]}"


def quote_block(text: str) -> str:
    """Every line behind a bar, so that no text can pass for ours."""
    return "\n".join(f"  | {line}" for line in text.replace("\r", "\\r").split("\n"))


def to_json(found: "Inspection", rows: list["RolloutRow"]) -> dict[str, Any]:
    """All that is known of the step, and the completions that were asked for, whole."""
    return {
        **found.about,
        **{"step": found.step, "last_step": found.last_step, "completions": found.num_completions},
        **{"gaps": list(found.gaps), "faults": list(found.faults), "superseded": found.num_superseded, "figures": found.figures},
        "problems": [group.to_json() for group in found.groups.values()],
        "rollouts": [finite(row._asdict()) for row in rows],
    }


def finite(value: Any) -> Any:
    """A value of a line with null for what JSON has no word for: a file may hold NaN all the same."""
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
