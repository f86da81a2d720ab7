"""What the commands share: options, how results are shown, and how errors end."""

import json
import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from r1bench.harness.errors import R1benchError, error_line, harmless, quoted


class OneLineErrors(click.Group):
    """A group in which what a user can cure is one line and exit code 2, not a traceback."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """As click's, with one line for every error of the user's and an exit code of its own for a fault of ours."""
        if not standalone_mode:
            return super().main(*args, standalone_mode=False, **extra)  # type: ignore[call-overload]
        try:
            code = super().main(*args, standalone_mode=False, **extra)  # type: ignore[call-overload]
            sys.stdout.flush()
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            code = error.exit_code
        except click.ClickException as error:
            code = told(error.format_message(), error.exit_code)
        except R1benchError as error:
            code = told(str(error), 2)
        except (click.Abort, KeyboardInterrupt):
            click.echo("stopped; the same command goes on from here", err=True)
            code = 130
        except OSError as error:
            code = told(f"{error.filename or 'the output'} cannot be used: {error.strerror or error}; check the path and the disk", 2)
        except Exception:  # a fault of ours: shown whole, and told apart from a failed gate (1) by its exit code
            click.echo(harmless(escaped(traceback.format_exc(), repr)), err=True, nl=False)
            code = 4
        sys.exit(code if isinstance(code, int) else 0)


def told(message: str, code: int) -> int:
    """Print an error in one line, unless a process that we started has told it already; returns the exit code."""
    if message:
        click.echo(error_line(message), err=True)
    return code


def example(text: str) -> str:
    """An epilog that click leaves as it is."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in text.strip().split("\n"))


COLOURS = {"PASS": "green", "better": "green", "FAIL": "red", "worse": "red", "INSUFFICIENT EVIDENCE": "yellow"}
VERDICT = re.compile(r"^(?:PASS|FAIL|INSUFFICIENT EVIDENCE)(?=:| )|(?<=^B is )(?:better|worse)\b|(?<= )(?:PASS|FAIL)$", re.MULTILINE)


def coloured(text: str) -> str:
    """The words of a verdict in colour: at the start of a line, at the end of a table's row, in the sentence of a comparison.

    click takes colours out again where the output is no terminal; NO_COLOR (https://no-color.org) leaves them out altogether.
    """
    if os.environ.get("NO_COLOR"):
        return text
    return VERDICT.sub(lambda found: click.style(found[0], fg=COLOURS[found[0]], bold=True), text)


def escaped(text: str, escape: Callable[[str], str]) -> str:
    """The same lines with an escape for every letter that is not printable: controls, direction marks, half characters."""
    lines = (line if line.isprintable() else "".join(x if x.isprintable() else escape(x)[1:-1] for x in line) for line in text.split("\n"))
    return "\n".join(lines)


def show(as_json: bool, value: Any, text: str) -> None:
    """Print one or the other. What files brought into the text must steer neither a terminal nor a CI runner."""
    if as_json:
        shown = harmless(escaped(json.dumps(value, indent=1, ensure_ascii=False), json.dumps), r"\u0023")
    else:
        shown = coloured(harmless(escaped(text, repr)))
    click.echo(shown.encode("utf-8", "backslashreplace").decode("utf-8"))  # half a character is no text, and stays an escape


ROLES = (
    *("problem", "gold", "id", "year", "problem_id", "response", "finish_reason"),
    *("messages", "prompt", "completion", "reasoning", "chosen", "rejected", "label"),
)
"""What --map may give a column for: of problems, of responses, and of examples to train on."""


def parse_map(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    """`problem=question,gold=answer` as a dictionary."""
    pairs = [pair for text in value for pair in text.split(",") if pair]
    named = [pair.split("=") for pair in pairs]
    if any(len(parts) != 2 or not all(parts) for parts in named):
        raise click.BadParameter("give NAME=COLUMN pairs, for example problem=question,gold=answer")
    roles = [name for name, _ in named]
    for role in roles:
        if role not in ROLES or roles.count(role) > 1:
            raise click.BadParameter(f"{quoted(role)} must be one of {', '.join(ROLES)}, each given once")
    return {parts[0]: parts[1] for parts in named}


def parse_names(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """`--task gsm8k,math500 --task amc23` as names, each once."""
    found = tuple(dict.fromkeys(name.strip() for text in value for name in text.split(",") if name.strip()))
    if value and not found:
        raise click.BadParameter("give names of tasks, for example gsm8k,math500, or leave the option out for all tasks")
    return found


TASKS = click.option("--task", "tasks", multiple=True, callback=parse_names, help="Only these tasks; repeatable, commas allowed.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


PATH = click.Path(path_type=Path)


def runs_option(*names: str, text: str) -> Callable[[Any], Any]:
    """The folder of runs, under one name or two."""
    return click.option(*names, "runs", type=PATH, default=Path("runs"), show_default=True, envvar="R1BENCH_RUNS", help=text)


def questions_option(*choices: str, text: str) -> Callable[[Any], Any]:
    """What an interval or a test is about; the first choice is the default."""
    return click.option("--questions", type=click.Choice(choices), default=choices[0], show_default=True, help=text)


def level_option(text: str) -> Callable[[Any], Any]:
    """Of intervals."""
    return click.option("--level", type=click.FloatRange(0.5, 1, max_open=True), default=0.95, show_default=True, help=text)


RUNS = runs_option("--runs", text="Folder of runs.")
OUT_RUNS = runs_option("--out", "--runs", text="Folder that the run is written into.")
DATA = click.option("--data", type=PATH, help="File or folder with the problems (JSONL, JSON, Parquet, CSV) instead of the hub.")
MAP = click.option(
    "--map",
    "columns",
    multiple=True,
    callback=parse_map,
    help="Names of columns that are not recognised: problem=question,gold=answer; with dots inside one.",
)
DEVICE = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:0, ...")
PYTHON = click.option("--python", metavar="PATH", help="The Python of the environment that trains [default: this one].")
SANDBOX = click.option(
    "--sandbox",
    type=click.Choice(["auto", "bubblewrap", "none"]),
    default="auto",
    show_default=True,
    help="Where programs run that a model wrote; none isolates nothing: only for programs that you trust.",
)
WORKERS = click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Grading processes.")


def gather(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Put what was given among the sampler's options, which the command gets together as `sampler_options`."""
    found = ctx.params.setdefault("sampler_options", {})
    pairs = value if isinstance(value, tuple) else () if value in (None, False) else (f"{param.name}={value}",)
    for pair in pairs:
        key, sign, text = pair.partition("=")
        if not key or not sign:
            raise click.BadParameter(f"{quoted(pair)} is not KEY=VALUE; for example --sampler-set batch_size=64")
        if key in found:
            raise click.BadParameter(f"{key} is given twice")
        found[key] = text


def sampler_options(command: Any) -> Any:
    """The options of a command that samples. Those that many samplers have are spelled out, which is short for --sampler-set."""
    text = "An option of the sampler; repeatable. Which there are: docs/samplers.md."
    pickle = "Load weights from pickle files, which can run code: only from people you trust."
    for name, settings in (  # click lists them from the last to the first
        ("--allow-pickle", {"is_flag": True, "help": pickle}),
        ("--dtype", {"help": "auto, float32, bfloat16, float16 [default: the sampler's]."}),
        ("--device", {"help": "auto, cpu, cuda, cuda:0, ... [default: the sampler's]."}),
        ("--batch-size", {"type": click.IntRange(min=1), "help": "Sequences at once [default: the sampler's]."}),
        ("--sampler-set", {"multiple": True, "metavar": "KEY=VALUE", "help": text}),
    ):
        command = click.option(name, expose_value=False, callback=gather, **settings)(command)
    return command
