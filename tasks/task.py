"""What a task is. One file per task in this folder; the table of all of them is `TASKS` in `__init__.py`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from r1bench.harness.records import Problem, Sampling


@dataclass(frozen=True)
class HubSource:
    """Where a benchmark is published on the Hugging Face hub, at one fixed state."""

    repository: str
    revision: str
    """A commit, so that the problems cannot change under a score."""
    split: str
    config: str | None = None


@dataclass(frozen=True)
class Task:
    """Problems, how they are put to a model, and how an answer is judged."""

    name: str
    version: str
    """Raised whenever a score could move: problems, template, grader choice."""
    summary: str
    grader: str
    """A name in `r1bench.tasks.grading.GRADERS`."""
    template: str
    """A name in `r1bench.tasks.templates.TEMPLATES`."""
    sampling: Sampling
    """The default protocol."""
    num_problems: int
    """How many problems the published set has; another number is reported by `tasks check`."""
    hub: HubSource | None = None
    generate: Callable[..., list[Problem]] | None = None
    """Makes the problems of a task that has no data to load."""
    answer_mark: str | None = None
    """In a gold that is a worked solution, the mark that its final answer follows ('####')."""
    read_row: Callable[[dict[str, Any], int], Problem] | None = None
    """Reads the fields of a row (and its number) that is not simply a question and its answer; raises `rows.BadRow`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Conventions of the grader for every problem, such as {"percent": "either"}; a problem's own come first."""
    filter_year: int | None = None
    """Keep only rows of this year from a file that holds several."""
