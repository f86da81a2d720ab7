"""What is measured: the table of tasks. One file per task; the table is literal and sorted, nothing registers itself.

task = get_task("gsm8k")
problems = load_problems(task, Path("gsm8k_test.jsonl"))     # r1bench.tasks.loading
"""

from r1bench.harness.errors import UnknownNameError
from r1bench.tasks import aime, amc23, arithmetic, gsm8k, math500
from r1bench.tasks.task import Task

TASKS: dict[str, Task] = {
    "aime24": aime.AIME24,
    "aime25": aime.AIME25,
    "amc23": amc23.TASK,
    "arithmetic": arithmetic.TASK,
    "gsm8k": gsm8k.TASK,
    "math500": math500.TASK,
}


def get_task(name: str) -> Task:
    """The task of that name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in TASKS:
        raise UnknownNameError("task", name, TASKS, "r1bench tasks")
    return TASKS[name]
