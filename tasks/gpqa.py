"""gpqa_diamond: 198 graduate-level questions of physics, chemistry and biology with four options. Source: Rein et al., arXiv 2311.12022.

R1's protocol (arXiv 2501.12948 v2, appendix): 64 samples, temperature 0.6, top-p 0.95, 32,768 tokens, last line "ANSWER: $LETTER" (its
Table 29). The data name the right answer and three wrong ones; here they are shuffled once per problem, by the problem's id and SEED, so
that every run and every sample sees the same order. The order moves scores (arXiv 2506.04734): another SEED is another version.

The dataset on the hub is gated: accept its terms there and log in, or give a local copy with --data. Its authors ask that its text be
kept out of what crawlers read, so nothing of it stands in this repository.
"""

from collections.abc import Mapping
from typing import Any

from r1bench.harness.records import Problem, Sampling
from r1bench.tasks.data.rows import BadRow, columns_text
from r1bench.tasks.grading.choice import lettered, shuffled
from r1bench.tasks.task import HubSource, Task

NAME = "gpqa_diamond"
SEED = 0
RIGHT = "Correct Answer"
WRONG = ("Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")
KEPT_COLUMNS = {"High-level domain": "subject", "Subdomain": "subdomain"}


def read_row(fields: dict[str, Any], number: int) -> Problem:
    """A row of GPQA: the question with its lettered options, and the letter of the right one.

    Raises:
        BadRow: a column is missing, empty or no text, or two options are the same.
    """
    question, right, *wrong = (_text(fields, column) for column in ("Question", RIGHT, *WRONG))
    if len({right, *wrong}) < 1 + len(WRONG):
        raise BadRow("has two options that are the same", "correct the options or remove the row")
    own_id = fields.get("Record ID") or fields.get("id")
    problem_id = str(own_id) if own_id else f"{NAME}-{number}"
    options = shuffled(right, wrong, problem_id, SEED)
    return Problem(
        id=problem_id,
        prompt=f"{question}\n\n{lettered(options.choices)}",
        gold=(options.gold,),
        metadata={name: fields[column] for column, name in KEPT_COLUMNS.items() if isinstance(fields.get(column), str)},
        options={"choices": list(options.choices)},
    )


def _text(fields: Mapping[str, Any], column: str) -> str:
    value = fields.get(column)
    if value is None or isinstance(value, list | dict | bool) or not str(value).strip():
        raise BadRow(f"has no text in column {column!r}; its columns are {columns_text(fields)}", "use the columns of Idavidrein/gpqa")
    return str(value).strip()


TASK = Task(
    name=NAME,
    version="1",
    summary="graduate-level science questions with four options",
    grader="choice",
    template="choice",
    sampling=Sampling(n=64, temperature=0.6, top_p=0.95, max_tokens=32768),
    num_problems=198,
    hub=HubSource("Idavidrein/gpqa", "633f5ee89ab8ad4522a9f850766b73f62147ffdd", "train", NAME),
    read_row=read_row,
)
