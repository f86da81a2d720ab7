"""The gate and its baseline files."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from r1bench.harness.cli.options import DATA, JSON, MAP, RUNS, SANDBOX, WORKERS, example, questions_option, sampler_options, show
from r1bench.harness.errors import NoEvidenceError, R1benchError, UsageError, printable, quoted


def names(text: str) -> list[str]:
    """Names of tasks, separated by commas, each of which exists."""
    from r1bench.tasks import get_task

    found = list(dict.fromkeys(get_task(name.strip()).name for name in text.split(",") if name.strip()))
    if text and not found:
        raise UsageError(f"{quoted(text)} names no task; give for example gsm8k,math500, or leave the option out for all tasks")
    return found


def file_option(*flags: str, text: str) -> Any:
    """A file that is written."""
    return click.option(*flags, type=click.Path(dir_okay=False, path_type=Path), help=text)


class Gate(click.Command):
    """The command whose files tell of an error in the command line too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's."""
        words = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.ClickException as error:
            from r1bench.leaderboards.gate.files import Files

            files, inputs = Files.of_words(words)
            with suppress(R1benchError):  # files that cannot be written: what is wrong with the words comes first
                files.check(inputs)
                files.write_error(error)
            raise


@click.command(
    cls=Gate,
    short_help="Worse than the baseline? By exit code.",
    epilog=example(
        "r1bench gate tiny-base-zero --baseline tiny-base --margin 2.0\n"
        "r1bench gate ckpt/ --baseline board:main --tasks gsm8k,math500 --margin gsm8k=1.5 --junit gate.xml --markdown gate.md\n"
        "r1bench gate ckpt/ --baseline baselines/main.json --adaptive --max-samples 64"
    ),
)
@click.argument("checkpoint_or_run")
@click.option("--baseline", required=True, help="What to hold it against: a run, a baseline file, or board:NAME for all runs of NAME.")
@click.option("--tasks", "task_names", default="", help="Only these tasks of the baseline, separated by commas.")
@click.option("--margin", "margins", multiple=True, help="Points that may be lost [default: 2.0], or TASK=1.5; may be repeated.")
@click.option("--at-least", "gains", multiple=True, help="Points that must be gained instead: +3, or TASK=+3; may be repeated.")
@click.option("--alpha", type=float, default=0.05, show_default=True, help="Most chance of a wrong PASS, and of a wrong FAIL.")
@questions_option("fixed", "random", text="About these very questions, or about questions like these.")
@click.option(
    "--guard", "guards", multiple=True, help="NAME=LIMIT: format=2, length=25, loop=1, rule:think_once=1, task:NAME=1; repeatable."
)
@click.option("--no-guards", is_flag=True, help="Without the default guards: format, truncated and mixed 2 points, length 25 %.")
@click.option("--allow-failed", is_flag=True, help="Judge as if samples that failed were like the others, whichever side has more.")
@click.option("--adaptive", "is_adaptive", is_flag=True, help="Draw samples in rounds and stop as soon as the verdict is certain.")
@click.option("--max-samples", "most_samples", type=click.IntRange(min=1), help="Most samples per problem of --adaptive.")
@file_option("--junit", text="Write the verdict as JUnit XML.")
@file_option("--markdown", text="Write a summary for a pull request.")
@file_option("--out", "--report", "out", text="Write everything as JSON.")
@sampler_options
@DATA
@MAP
@WORKERS
@SANDBOX
@RUNS
@JSON
@click.pass_context
def gate(ctx: click.Context, checkpoint_or_run: str, baseline: str, task_names: str, as_json: bool, **options: Any) -> None:
    """Has it become worse than the baseline? Exit code 0 PASS, 1 FAIL, 3 INSUFFICIENT EVIDENCE, 2 usage error.

    A checkpoint is first evaluated as the baseline was: same problems, template, sampling, sampler. Several tasks: PASS needs every one.
    """
    from r1bench.leaderboards.gate import text as gate_text
    from r1bench.leaderboards.gate.files import Files, without_figures
    from r1bench.leaderboards.gate.text import to_json
    from r1bench.leaderboards.gate.verdict import EXIT_CODES

    files = Files(options.pop("junit"), options.pop("markdown"), options.pop("out"))
    files.check({"--baseline": baseline, "--data": options["data"]})
    try:
        with files.kept_true():
            verdict = judged(checkpoint_or_run, baseline, task_names, options)
            files.write(verdict)
    except NoEvidenceError as error:
        code = EXIT_CODES["INSUFFICIENT_EVIDENCE"]
        show(as_json, without_figures(str(error), code), f"INSUFFICIENT EVIDENCE: {error}")
        ctx.exit(code)
    show(as_json, to_json(verdict), gate_text.render(verdict))
    ctx.exit(verdict.exit_code)


def judged(name: str, baseline: str, task_names: str, options: dict[str, Any]) -> Any:
    """The verdict that the options ask for; rounds are told on stderr."""
    from r1bench.harness.evaluation.drawing import Drawing
    from r1bench.leaderboards.gate import judging as gating
    from r1bench.leaderboards.gate.references import find_baseline

    rules, rounds = rules_of(options), {key: options.pop(key) for key in ("is_adaptive", "most_samples")}
    drawing = Drawing(**options)
    references = find_baseline(baseline, drawing.runs, names(task_names), is_adaptive=rounds["is_adaptive"])
    return gating.gate(name, references, rules, drawing, report=lambda line: click.echo(printable(line), err=True), **rounds)


def rules_of(options: dict[str, Any]) -> Any:
    """The rules from the options about them, which are taken out."""
    from r1bench.leaderboards.gate.guards import parse
    from r1bench.leaderboards.gate.judging import parse_points
    from r1bench.leaderboards.gate.rules import Rule, Rules

    margin, margins = parse_points(options.pop("margins"), "--margin")
    gain, gains = parse_points(options.pop("gains"), "--at-least")
    rule = Rule(2.0 if margin is None else margin, gain)
    tasks = {task: Rule(margins.get(task, rule.margin), gains.get(task, gain)) for task in {**margins, **gains}}
    guards = parse(options.pop("guards"), has_defaults=not options.pop("no_guards"))
    found = Rules(
        rule, tasks, alpha=options.pop("alpha"), questions=options.pop("questions"), guards=guards, allow_failed=options.pop("allow_failed")
    )
    found.check()
    return found


@click.group(short_help="Baseline files for the gate.", epilog=example("r1bench baseline save tiny-base -o baselines/tiny-base.json"))
def baseline() -> None:
    """What the gate needs of runs, in one small file that can be committed: no prompts, completions or answers."""


@baseline.command(
    "save",
    epilog=example(
        "r1bench baseline save tiny-base -o baselines/tiny-base.json\nr1bench baseline save main --task gsm8k -o baselines/main.json"
    ),
)
@click.argument("run_or_name")
@click.option("--task", "task_names", default="", help="Only these tasks, separated by commas.")
@click.option(
    "-o", "--out", "out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file, such as baselines/main.json."
)
@RUNS
@JSON
def baseline_save(run_or_name: str, task_names: str, out: Path, runs: Path, as_json: bool) -> None:
    """Write the newest complete run of each task of a checkpoint's name, or one run, as a baseline file."""
    from r1bench.harness import tables
    from r1bench.leaderboards.gate.baselines import render, summary
    from r1bench.leaderboards.gate.references import save_baseline

    chosen = save_baseline(run_or_name, out, runs, names(task_names))
    found = {**summary(out), "chosen": [each._asdict() for each in chosen]}
    show(as_json, found, "\n".join([render(found), *(tables.paragraph(tables.plain(each.sentence())) for each in chosen)]))


@baseline.command("show", epilog=example("r1bench baseline show baselines/tiny-base.json"))
@click.argument("file", type=click.Path(path_type=Path))
@JSON
def baseline_show(file: Path, as_json: bool) -> None:
    """What a baseline file holds, after its digest was checked."""
    from r1bench.leaderboards.gate.baselines import render, summary

    found = summary(file)
    show(as_json, found, render(found))
