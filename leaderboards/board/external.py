"""Rows of another harness beside ours: results of lm-eval 0.4, imported, marked, never ranked with what r1bench measured.

    r1bench import-lm-eval results/ --name my-model

What is kept is a file of its own in the runs folder (RUNS/external/<digest>.json), so that the index can be thrown away. lm-eval's standard
error is taken as it is: over the questions (or a bootstrap of them), whatever was sampled. Left out: its single samples, from which only
the number of questions is taken where the results do not say it.
"""

import datetime
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from r1bench.harness import tables
from r1bench.harness.canonical import digest_of
from r1bench.harness.errors import DataError, StorageError, quoted
from r1bench.harness.records import is_count, is_number
from r1bench.harness.store.disk import is_regular, read_json, refusals, write_whole

FOLDER, FORMAT, HARNESS = "external", 1, "lm-eval"
MARK = "lm-eval, other protocol"
MOST_BYTES = 200_000_000
LONGEST_NAME = 200
STDERR = "_stderr"
OURS = {
    "aime24": ("aime24",),
    "aime25": ("aime25",),
    "gpqa_diamond": tuple(
        f"gpqa_diamond_{way}" for way in ("zeroshot", "n_shot", "cot_zeroshot", "cot_n_shot", "generative_zeroshot", "generative_n_shot")
    ),
    "gsm8k": ("gsm8k", *(f"gsm8k_cot{way}" for way in ("", "_llama", "_self_consistency", "_zeroshot"))),
    "humaneval": ("humaneval", "humaneval_instruct", "humaneval_64", "humaneval_64_instruct"),
    "humaneval_plus": ("humaneval_plus", "humaneval_plus_instruct"),
    "math500": ("hendrycks_math500", "minerva_math500"),
    "mbpp": ("mbpp", "mbpp_instruct"),
    "mbpp_plus": ("mbpp_plus", "mbpp_plus_instruct"),
}
"""Our task -> the tasks of lm-eval on the same questions, by their whole names: gsm8k_platinum and humaneval_infilling ask others."""
NOT_SHARES = ("perplexity", "ppl", "bits_per_byte", "bleu", "chrf", "ter", "rouge", "loglikelihood", "brier", "nll")
"""Metrics whose values are no fractions even where they lie between 0 and 1."""
WIDTHS = (-24, -24, 22, 7)


class Imported(NamedTuple):
    """What was taken from a results file."""

    path: Path
    """Where it is kept."""
    rows: list[dict[str, Any]]
    notes: list[str]
    """What was left out, a line each."""


def our_task(name: str) -> str:
    """The task of ours that asks the questions of one of lm-eval's; '' where there is none."""
    return next((ours for ours, theirs in OURS.items() if name in theirs), "")


def results_files(source: Path) -> list[Path]:
    """The results files of a folder that lm-eval wrote (below it a folder per model), or the one that was named.

    Raises:
        DataError: there is none.
    """
    if source.exists() and not source.is_dir():
        return [source]
    if not source.is_dir():
        raise DataError(str(source), "does not exist", "give the folder of lm-eval's --output_path, or a results_*.json")
    found = sorted({*source.glob("results_*.json"), *source.glob("*/results_*.json"), *source.glob("*/*/results_*.json")})
    if not found:
        raise DataError(str(source), "has no results_*.json", "give the folder of lm-eval's --output_path")
    return found


def read_results(path: Path) -> dict[str, Any]:
    """A results file as JSON. Raises DataError where it cannot be one of lm-eval 0.4."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(str(path), f"is larger than {MOST_BYTES // 1_000_000} MB", "give a results_*.json, not samples")
        found = read_json(path)
    except OSError as error:
        raise DataError(str(path), f"cannot be read ({error.strerror or error})", "give a results_*.json of lm-eval 0.4") from error
    except ValueError as error:
        raise DataError(str(path), f"is no JSON that can be read ({error!s:.200})", "copy it again from where lm-eval wrote it") from error
    if not isinstance(found, dict) or not isinstance(found.get("results"), dict) or not found["results"]:
        raise DataError(str(path), "has no 'results'", "give a results_*.json of lm-eval 0.4")
    return found


def _dictionary(value: Any, key: str) -> dict[str, Any]:
    """A part that is a dictionary, or an empty one."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _number(value: Any) -> float | None:
    """A number that can be, or None: lm-eval writes 'N/A' and NaN for what it does not know."""
    return float(value) if is_number(value) else None


def _text(value: Any) -> str:
    """A short text of whatever a file has in a place."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text[:LONGEST_NAME]


def model_name(found: dict[str, Any]) -> str:
    """What lm-eval ran, without the way to it: 'pretrained=org/model,dtype=...' is 'org/model'."""
    config = _dictionary(found, "config")
    arguments = config.get("model_args")
    if isinstance(arguments, str):
        arguments = dict(part.split("=", 1) for part in arguments.split(",") if "=" in part)
    named = arguments if isinstance(arguments, dict) else {}
    places = (found.get("model_name"), named.get("peft"), named.get("pretrained"), named.get("model"), config.get("model"))
    return next((_text(place) for place in places if isinstance(place, str) and place), "")


def _date(found: dict[str, Any]) -> str:
    """Day and time in UTC; '' where it is not known."""
    seconds = _number(found.get("date"))
    if seconds is None or not 0 < seconds < 4e9:
        return ""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def num_questions(path: Path, task: str) -> int | None:
    """Questions in the samples file beside a results file, where --log_samples wrote one that can be read."""
    if "/" in task or "\0" in task:
        return None
    samples = path.with_name(f"samples_{task}{path.stem.removeprefix('results')}.jsonl")
    if not is_regular(samples) or samples.stat().st_size > 10 * MOST_BYTES:
        return None
    seen = set()
    try:
        with samples.open(encoding="utf-8", errors="surrogatepass") as file:
            for line in file:
                seen.add(str(json.loads(line)["doc_id"]))
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return None
    return len(seen) or None


def task_rows(path: Path, found: dict[str, Any], task: str, name: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of one task, one for each metric and filter, and what was left out."""
    measured = found["results"][task]
    if not isinstance(measured, dict):
        return [], [f"{path}: task {quoted(task)} has no metrics"]
    counts, config = _dictionary(_dictionary(found, "n-samples"), task), _dictionary(_dictionary(found, "configs"), task)
    given = counts.get("effective")
    counted = int(given) if is_number(given, least=0) and is_count(int(given)) else None
    rows, notes = [], []
    if given is not None and counted is None:
        notes.append(f"{path}: n of {_text(task)} is no number of questions and is left out")
    shared = {
        "name": name,
        "task": _text(task),
        "our_task": our_task(task),
        "n": num_questions(path, task) if counted is None else counted,
        "harness": HARNESS,
        "source": _text(path.name),
        "version": _text(_dictionary(found, "versions").get(task)),
        "num_fewshot": _text(_dictionary(found, "n-shot").get(task, config.get("num_fewshot"))),
        "limit": _text(limit if isinstance(limit := _dictionary(found, "config").get("limit"), str | int | float) else None),
        "date": _date(found),
    }
    for key, value in measured.items():
        metric, comma, kept = key.rpartition(",")
        if not comma or metric.endswith(STDERR) or metric in ("alias", "sample_len"):
            continue
        number = _number(value)
        if number is None:
            notes.append(f"{path}: {_text(task)}, {_text(key)} is no number that can be and is left out")
            continue
        is_share = 0 <= number <= 1 and not any(word in metric for word in NOT_SHARES)
        spread = measured.get(f"{metric}{STDERR},{kept}")
        error = float(spread) if is_number(spread, least=0) else None
        if error is None and type(spread) in (int, float) and spread == spread:
            notes.append(f"{path}: standard error of {_text(task)}, {_text(key)} cannot be and is left out")
        what = {"metric": _text(metric), "filter": _text(kept), "value": number, "error": error}
        rows.append({**shared, **what, "unit": "fraction" if is_share else "as given"})
    return rows, notes


def import_results(path: Path, runs: Path, *, name: str = "") -> Imported:
    """Take one results file into the runs folder; the same file again changes nothing.

    Raises:
        DataError: it is no results file of lm-eval 0.4, or has no metric.
        StorageError: the runs folder cannot be written.
    """
    found = read_results(path)
    name = name[:LONGEST_NAME] or model_name(found) or path.parent.name
    rows, notes = [], []
    for task in found["results"]:
        taken, left_out = task_rows(path, found, task, name)
        rows += taken
        notes += left_out
    if not rows:
        raise DataError(
            str(path), "has no metric of lm-eval 0.4 ('acc,none', 'exact_match,strict-match', ...)", "give another results_*.json"
        )
    config = _dictionary(found, "config")
    about = {key: _text(config.get(key)) for key in ("model", "model_args", "batch_size", "device", "random_seed")}
    about |= {key: _text(found.get(key)) for key in ("git_hash", "lm_eval_version", "transformers_version", "date")}
    content = {"format": FORMAT, "harness": HARNESS, "name": name, "about": about, "rows": rows}
    digest = digest_of([name, hashlib.sha256(path.read_bytes()).hexdigest()])
    kept = runs / FOLDER / f"{digest}.json"
    with refusals(kept):
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_whole(kept, json.dumps(content, indent=1, ensure_ascii=True, allow_nan=False) + "\n")
    return Imported(kept, rows, notes)


def import_all(files: Sequence[Path], runs: Path, *, name: str = "") -> tuple[list[Imported], list[str]]:
    """Take what can be taken; with it, why the others cannot, a line each.

    Raises:
        StorageError: the runs folder cannot be written.
    """
    taken, faults = [], []
    for path in files:
        try:
            taken.append(import_results(path, runs, name=name))
        except DataError as error:
            faults.append(str(error))
    return taken, faults


TEXTS = ("name", "task", "our_task", "metric", "filter", "harness", "source", "unit", "version", "num_fewshot", "limit", "date")


def _checked(path: Path) -> list[dict[str, Any]]:
    """The rows of a stored file. Raises StorageError where it is none of ours."""
    try:
        content = read_json(path)
        if content["format"] != FORMAT:
            cure = "read it with the version of r1bench that wrote it, or import the results again"
            raise StorageError(f"{path} is of format {quoted(content['format'])}; this r1bench reads {FORMAT}; {cure}")
        for row in content["rows"]:
            is_text = all(isinstance(row[key], str) for key in TEXTS)
            is_counted = row["n"] is None or is_count(row["n"])
            is_measured = is_number(row["value"]) and (row["error"] is None or is_number(row["error"], least=0))
            if not (is_text and is_counted and is_measured):
                raise ValueError("a field of the row has a value that it cannot have")
        return content["rows"]
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        cure = "delete it, and import the results again: r1bench import-lm-eval"
        raise StorageError(f"{path} holds no imported rows ({type(error).__name__}); {cure}") from error


def read(runs: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The imported rows of a runs folder, and what is wrong with files that cannot be read."""
    found, faults = [], []
    for path in sorted((runs / FOLDER).glob("*.json")):
        try:
            found += _checked(path)
        except StorageError as error:
            faults.append(str(error))
    return sorted(found, key=lambda row: (row["task"], row["metric"], row["filter"], row["name"])), faults


def rows(runs: Path) -> list[dict[str, Any]]:
    """The imported rows of a runs folder: one for each model, task, metric and filter. Files that cannot be read are left out."""
    return read(runs)[0]


def chosen(listed: Iterable[dict[str, Any]], tasks: Sequence[str], *, name: str = "") -> list[dict[str, Any]]:
    """Those on the questions of the given tasks and of models whose name fits the pattern; an empty filter lets all pass."""
    on_tasks = [row for row in listed if not tasks or row["our_task"] in tasks or row["task"] in tasks]
    return [row for row in on_tasks if not name or fnmatchcase(row["name"], name)]


def metric_name(row: Mapping[str, Any]) -> str:
    """'exact_match, strict-match': a metric with the filter that its answers went through, without which two rows look alike."""
    return row["metric"] if row["filter"] in ("", "none") else f"{row['metric']}, {row['filter']}"


def _value(row: Mapping[str, Any]) -> str:
    """'71.2 (se 1.3)': not as '±', which is half of an interval; in points where it is a fraction."""
    value, error = (None if each is None else each * (100 if row["unit"] == "fraction" else 1) for each in (row["value"], row["error"]))
    text = tables.number(value) + ("" if error is None else f" (se {tables.number(error)})")
    return text if len(text) <= WIDTHS[2] else f"{value:.4g}"


def render(listed: Sequence[dict[str, Any]]) -> str:
    """The rows as text of at most 80 columns; nothing where there are none."""
    if not listed:
        return ""
    lines = [tables.paragraph(f"{MARK}: imported, not ranked with the rows above"), ""]
    lines += [tables.columns(("model, metric", "task", "value (se)", "n"), WIDTHS), "-" * tables.WIDTH]
    for row in listed:
        cells = [tables.shortened(tables.plain(text), -width) for text, width in zip((row["name"], row["task"]), WIDTHS, strict=False)]
        lines.append(tables.columns((*cells, _value(row), str(row["n"] or tables.UNKNOWN)), WIDTHS))
        lines.append(f"    {tables.shortened(tables.plain(metric_name(row)), tables.WIDTH - 4)}")
    legend = "value: in points where it is a fraction; se: lm-eval's own standard error, over questions."
    return "\n".join([*lines, "", tables.paragraph(legend)])
