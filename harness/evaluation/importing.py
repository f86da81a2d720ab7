"""Completions that somebody else generated, graded as a run like any other.

One row (JSON, one per line, or a JSON list) holds one or several completions of one problem. Recognised names: the completion under
`response`, `responses`, `completion`, `completions`, `generation`, `output`, `code`; the problem under `problem_id`, or found by its
text under `problem`, `question`, `prompt`, or by the row's own `id`/`idx`/`unique_id` where that is a problem's id; why it ended under
`finish_reason`, `stop_reason`, ... (finish_reasons.py). Others by --map, with dots for what is inside a column. Verdicts that came with
them (`score`, `is_correct`, ...) are kept beside ours, and every difference is listed.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1bench.harness import __version__
from r1bench.harness.canonical import digest_of
from r1bench.harness.errors import DataError, printable, quoted
from r1bench.harness.evaluation.finish_reasons import BadReason, endings
from r1bench.harness.evaluation.grading import Drawn, grade_and_store
from r1bench.harness.records import Completion, FinishReason, Manifest, Problem, Run, Sampling
from r1bench.harness.store.runs import open_run, read_run

if TYPE_CHECKING:
    from r1bench.tasks.data.reading import Row

RESPONSE_NAMES = ("response", "responses", "completion", "completions", "generation", "output", "code")
VERDICT_NAMES = ("score", "is_correct", "correct", "graded_list")
PROBLEM_TEXT_NAMES = ("problem", "question", "prompt")
PROBLEM_ID_NAMES = ("problem_id", "unique_id", "id", "idx", "task_id")
RESPONSE_ROLES = ("response", "problem_id", "finish_reason")
"""Roles of --map that only a file of responses has."""
PROBLEM_ROLES = ("problem", "gold", "id", "year")
"""Those that a file of problems has; the first may be in both."""
SHOWN = 80
"""Characters of a question that a message shows."""


def normal(text: str) -> str:
    """A problem's text without differences of white space."""
    return " ".join(text.split())


def find_problem(
    row: dict[str, Any], columns: dict[str, str], by_id: dict[str, Problem], by_text: dict[str, Problem], where: str
) -> Problem:
    """The problem that a row answers.

    Raises:
        DataError: neither its id nor its text is one of the task's. A row whose text is there and fits no problem is not
            matched by a running number, which may count something else.
    """
    from r1bench.tasks.data.rows import value_at

    names = [columns["problem"]] if "problem" in columns else PROBLEM_TEXT_NAMES
    texts = {name: normal(text) for name in names if isinstance(text := value_at(row, name), str)}
    for text in texts.values():
        if text in by_text:
            return by_text[text]
    mapped = [columns[role] for role in ("problem_id", "id") if role in columns][:1]
    ids = mapped or (("problem_id", "unique_id") if texts else PROBLEM_ID_NAMES)
    own_ids = {name: own_id for name in ids if isinstance(own_id := value_at(row, name), str | int)}
    for own_id in own_ids.values():
        if str(own_id) in by_id:
            return by_id[str(own_id)]
    raise no_problem(row, texts, own_ids, where)


def no_problem(row: dict[str, Any], texts: dict[str, str], ids: dict[str, str | int], where: str) -> DataError:
    """What to say of a row that answers none of the problems, by the questions and the ids in its columns."""
    from r1bench.tasks.data.rows import columns_text

    cure = "give the problems that were asked with --data, or name the column of"
    if texts:
        name, text = next(iter(texts.items()))
        there = f"none has the question {quoted(f'{text[:SHOWN]}...' if len(text) > SHOWN else text)} (column {quoted(name)})"
        cure += " their ids with --map problem_id=COLUMN"
    elif ids:
        name, own_id = next(iter(ids.items()))
        there = f"none has the id {quoted(own_id)} (column {quoted(name)})"
        cure += " their texts with --map problem=COLUMN"
    else:
        there = f"its columns are {columns_text(row)}"
        cure += " their texts or ids with --map problem=COLUMN or --map problem_id=COLUMN"
    return DataError(where, f"answers no problem of this task; {there}", cure)


def completions_of(row: dict[str, Any], columns: dict[str, str], where: str) -> list[tuple[str, FinishReason]]:
    """The completions of a row, at least one, each with why it ended. One without a text was not made, where the row says so.

    Raises DataError: none, not text, or reasons that cannot be read.
    """
    from r1bench.tasks.data.rows import columns_text, value_at

    name = columns.get("response") or next((name for name in RESPONSE_NAMES if name in row), "")
    value = value_at(row, name) if name else None
    try:
        found = endings(row, (value if isinstance(value, list) else [value]) or [None], columns.get("finish_reason", ""))
    except BadReason as bad:
        raise DataError(where, bad.problem, f"{bad.cure}, or name the column of the reasons with --map finish_reason=COLUMN") from bad
    if not all(isinstance(text, str) for text, _ in found):
        there = f"{quoted(name)} of this row is {quoted(value)}" if name else f"its columns are {columns_text(row)}"
        cure = "name its column with --map response=COLUMN; with dots inside one: --map response=choices.message.content"
        raise DataError(where, f"has no completion (a text, or a list of texts): {there}", cure)
    return found


def columns_of(rows: Sequence["Row"], columns: dict[str, str], source: Path) -> dict[str, str]:
    """The columns of --map that are those of a file of responses; others are of the problems' file.

    Raises DataError: none of the rows has one that only responses have.
    """
    from r1bench.tasks.data.loading import has_column
    from r1bench.tasks.data.rows import columns_text

    found = {role: name for role, name in columns.items() if has_column(rows, name)}
    for role in RESPONSE_ROLES:
        if rows and role in columns and role not in found:
            there = f"no row has a column {quoted(columns[role])}; those of the first are {columns_text(rows[0].fields)}"
            raise DataError(str(source), there, f"name one that is there: --map {role}=COLUMN")
    return found


def verdicts_of(row: dict[str, Any], count: int) -> list[bool | None]:
    """What another grader said of each completion of a row; None where it said nothing that is a yes or a no."""
    value = next((row[name] for name in VERDICT_NAMES if name in row), None)
    given = value if isinstance(value, list) else [value]
    if len(given) != count:
        return [None] * count
    return [bool(verdict) if isinstance(verdict, bool) or verdict in (0, 1) else None for verdict in given]


def read_completions(
    rows: Iterable[tuple[str, dict[str, Any]]], columns: dict[str, str], problems: list[Problem]
) -> tuple[list[Drawn], dict[tuple[str, int], bool]]:
    """Every completion of every row, given as (where, row), and the verdicts that came with them."""
    by_id = {problem.id: problem for problem in problems}
    by_text = {normal(problem.prompt): problem for problem in problems}
    counts = Counter[str]()
    found: list[Drawn] = []
    published: dict[tuple[str, int], bool] = {}
    for where, row in rows:
        problem = find_problem(row, columns, by_id, by_text, where)
        prefill = "<think>\n" if row.get("prefilled_think") is True else ""
        completions = completions_of(row, columns, where)
        for (text, reason), verdict in zip(completions, verdicts_of(row, len(completions)), strict=True):
            index = counts[problem.id]
            counts[problem.id] += 1
            found.append(Drawn(problem.id, index, Completion(text=text, finish_reason=reason, num_tokens=0, prefill=prefill)))
            if verdict is not None:
                published[problem.id, index] = verdict
    return found, published


def check_counts(found: list[Drawn], problems: list[Problem], source: Path) -> int:
    """The number of completions per problem, which must be the same for all.

    Raises DataError: some problem has fewer: a mean over what happens to be there would be a number about nothing.
    """
    if not found:
        raise DataError(str(source), "holds no rows", "name the file with the completions")
    answered = Counter(each.problem_id for each in found)
    counts = {problem.id: answered[problem.id] for problem in problems}
    most = max(counts.values(), default=0)
    short = [problem_id for problem_id, count in counts.items() if count != most]
    if short or not most:
        raise DataError(
            str(source),
            f"{len(short)} of {len(problems)} problems do not have {most} completions (first: {short[0] if short else 'none'})",
            "add what is missing, or give with --data only the problems that were answered",
        )
    return most


def import_responses(
    task: str,
    responses: Path,
    *,
    name: str,
    data: Path | None,
    columns: dict[str, str],
    runs: Path,
    workers: int = 1,
    sandbox: str = "auto",
) -> Run:
    """Grade a file of foreign completions and store them as a run. Without `data` the file itself may carry problems and golds.

    How they were sampled is not known: the protocol says so, and such a run is compared only with other imported ones.
    """
    from r1bench.harness.evaluation.evaluate import note_unknown, what_was_asked
    from r1bench.tasks import get_task
    from r1bench.tasks.data.loading import load_problems, read_rows
    from r1bench.tasks.grading import GradingPool

    chosen = get_task(task)
    if not responses.exists():
        raise DataError(str(responses), "does not exist", "give the file with the completions")
    has_header = not any(columns[role].isdecimal() for role in columns)
    rows = list(read_rows(responses, has_header))
    own = columns_of(rows, columns, responses)
    known = {role: name for role, name in columns.items() if role in PROBLEM_ROLES}
    problems = load_problems(chosen, data or (None if chosen.generate else responses), known, elsewhere=own if data else ())
    found, published = read_completions(rows, own, problems)
    num_samples = check_counts(found, problems, responses)
    manifest = Manifest(
        **what_was_asked(chosen, problems),
        checkpoint=responses.name,
        checkpoint_digest=digest_of([[*each.key, each.completion.text, *how_it_ended(each.completion)] for each in found]),
        name=name,
        sampler="import",
        template="imported",
        template_hash="imported",
        sampling=Sampling(n=num_samples, max_tokens=0).to_json(),
        environment={"r1bench": __version__},
        command=f"r1bench import {chosen.name} {responses.name} --name {name}",
        rounds=(num_samples,),
    )
    by_id = {problem.id: problem for problem in problems}
    with GradingPool(chosen.grader, num_workers=workers, sandbox=sandbox).prepare() as pool, open_run(runs, manifest, problems) as writer:
        missing = [each for each in found if each.key not in writer.keys]
        grade_and_store(pool, writer, by_id, missing, lambda text: None, published)  # whose tokenizer would the tokens be of?
    run = read_run(writer.folder)
    note_unknown(run)
    return run


def render_failures(found: dict[str, int], total: int) -> str:
    """One line; '' where none failed."""
    if not any(found.values()):
        return ""
    return (
        f"{sum(found.values())} of {total} completions have no score and are part of no number: {found['generating']} came with"
        f" finish_reason error, and grading {found['grading']} broke off (the same command grades these again)."
    )


def how_it_ended(completion: Completion) -> list[str]:
    """What tells a completion from one of the same text, where it did not simply end."""
    ended = [completion.finish_reason, completion.prefill]
    return [] if ended == ["stop", ""] else ended


def differences(run: Run) -> list[dict[str, Any]]:
    """Every sample on which our verdict and that of the file disagree, as plain values. What failed has no verdict of ours."""
    ours, theirs = ("outcome", "extracted", "reason"), ("problem_id", "index", "published")
    return [
        {**{name: getattr(sample, name) for name in theirs}, **{name: getattr(sample.grade, name) for name in ours}}
        for sample in run.samples
        if sample.published is not None and not sample.has_failed and sample.published != bool(sample.grade.score)
    ]


def render_differences(found: list[dict[str, Any]]) -> str:
    """A line for each difference."""
    lines = [
        f"  {printable(row['problem_id'])} #{row['index']}: came with "
        f"{'correct' if row['published'] else 'wrong'}, is {row['outcome']} here "
        f"({row['reason']}); extracted {row['extracted']!r:.60}"
        for row in found
    ]
    return "\n".join([f"{len(found)} verdicts differ from those that came with the completions:", *lines])
