"""What is measured: the table of tasks. One file per task; the table is literal and sorted, nothing registers itself.

task = get_task("gsm8k")
problems = load_problems(task, Path("gsm8k_test.jsonl"))     # r1bench.tasks.data.loading
"""

from r1bench.harness.errors import UnknownNameError
from r1bench.tasks import (
    aime,
    amc23,
    arithmetic,
    codeforces,
    format_compliance,
    gpqa,
    gsm8k,
    humaneval,
    language_mixing,
    livecodebench,
    math500,
    mbpp,
)
from r1bench.tasks.task import Task

TASKS: dict[str, Task] = {
    "aime24": aime.AIME24,
    "aime25": aime.AIME25,
    "amc23": amc23.TASK,
    "arithmetic": arithmetic.TASK,
    "code_contests": codeforces.CODE_CONTESTS,
    "codeforces": codeforces.CODEFORCES,
    "format_compliance": format_compliance.TASK,
    "gpqa_diamond": gpqa.TASK,
    "gsm8k": gsm8k.TASK,
    "humaneval": humaneval.HUMANEVAL,
    "humaneval_plus": humaneval.HUMANEVAL_PLUS,
    "language_mixing": language_mixing.TASK,
    "livecodebench": livecodebench.TASK,
    "math500": math500.TASK,
    "mbpp": mbpp.MBPP,
    "mbpp_plus": mbpp.MBPP_PLUS,
    "mbpp_sanitized": mbpp.MBPP_SANITIZED,
}


def get_task(name: str) -> Task:
    """The task of that name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in TASKS:
        raise UnknownNameError("task", name, TASKS, "r1bench tasks")
    return TASKS[name]
