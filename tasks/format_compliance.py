"""format_compliance: does a checkpoint keep to the tags that the R1-Zero prompt asks for? Generated, nothing to download.

The questions are the sums of `arithmetic` (of their own random stream, of the test split), easy on purpose: what is graded is the form
alone, rule by rule (grading/format.py), whatever the answer. Their golds are kept, so `r1bench grade integer` can judge the answers too.
Left out: longer conversations, other formats than `<think>...</think> <answer>...</answer>`.

    r1bench eval ckpt/ --tasks format_compliance
"""

from dataclasses import replace

from r1bench.harness.records import Problem, Sampling
from r1bench.tasks import arithmetic
from r1bench.tasks.task import Task

STYLE = "think-answer"
NUM_PROBLEMS = 100


def problems(split: str = "test", num_problems: int = NUM_PROBLEMS, seed: int | str = 0) -> list[Problem]:
    """Distinct problems of a split, in English and Chinese, of all five levels.

    Raises:
        ValueError: the split is neither 'train' nor 'test'.
    """

    def draw(own: arithmetic.Split, index: int) -> Problem:
        problem, _ = arithmetic.draw_problem(own, f"format:{seed}", index)
        return replace(problem, id=f"format-{split}-{seed}-{index}", options={"style": STYLE})

    return arithmetic.distinct(split, num_problems, draw)


TASK = Task(
    name="format_compliance",
    version="1",
    summary="whether completions keep to the tags of the R1-Zero prompt",
    grader="format",
    template="r1-zero",
    sampling=Sampling(n=4, temperature=0.6, top_p=0.95, max_tokens=1024),
    num_problems=NUM_PROBLEMS,
    generate=problems,
)
