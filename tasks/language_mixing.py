"""language_mixing: does a checkpoint reason in the language it is asked in? Generated stories in seven languages, nothing to download.

The same kinds of sums in English, Chinese, Spanish, German, French, Japanese and Russian, each asking for an explanation in its own
language and holding no word of another; what is graded is the language of the reasoning alone (grading/languages), whatever the
answer. The golds are kept, so `r1bench grade integer` can judge the answers too. The score is the mean share of words in the language
of the prompt: R1's language consistency (arXiv 2501.12948, Eq. 7). Numbers and splits are those of `arithmetic`, the stories are not
(data/language_mixing.json).
Left out: prompts in two languages, prompts that ask for another language than their own.

    r1bench eval ckpt/ --tasks language_mixing
"""

from random import Random
from typing import NamedTuple

from r1bench.harness.records import Problem, Sampling
from r1bench.tasks import arithmetic
from r1bench.tasks.data.tables import read_table
from r1bench.tasks.task import Task

NUM_PROBLEMS = 140
LEVEL = 4
"""Of `arithmetic`: three changes, or a product and two."""


class Story(NamedTuple):
    """Sentences with a place for each number; they hold for any number from 2 on, whatever its grammatical form."""

    start: str
    product: str
    more: str
    less: str
    question: str


STORIES: dict[str, tuple[Story, ...]] = {
    language: tuple(Story(**story) for story in stories)
    for language, stories in read_table("r1bench.tasks.data", "language_mixing.json").items()
}
LANGUAGES = tuple(STORIES)


def tell(story: Story, expression: arithmetic.Expression, language: str) -> str:
    """The question in words."""
    start = (story.product if len(expression.start) == 2 else story.start).format(*expression.start)
    changes = [(story.more if sign == "+" else story.less).format(amount) for sign, amount in expression.changes]
    return ("" if language in ("zh", "ja") else " ").join([start, *changes, story.question])


def draw_problem(split: arithmetic.Split, seed: int | str, index: int) -> Problem:
    """Problem number `index` of a split: the same for the same arguments on every machine; languages take turns."""
    random = Random(f"language_mixing:{split}:{seed}:{index}")
    language = LANGUAGES[index % len(LANGUAGES)]
    number, story = random.choice(list(enumerate(STORIES[language])))
    while (expression := arithmetic.draw_expression(random, LEVEL)).split() != split:
        pass
    return Problem(
        id=f"{split}-{seed}-{index}-{language}",
        prompt=tell(story, expression, language),
        gold=(str(expression.answer()),),
        language=language,
        metadata={"language": language, "story": number, "expression": expression.symbols()},
    )


def problems(split: str = "test", num_problems: int = NUM_PROBLEMS, seed: int | str = 0) -> list[Problem]:
    """Distinct problems of a split, as many in each language.

    Raises:
        ValueError: the split is neither 'train' nor 'test'.
    """
    return arithmetic.distinct(split, num_problems, lambda own, index: draw_problem(own, seed, index))


TASK = Task(
    name="language_mixing",
    version="1",
    summary="whether the reasoning is in the language of the prompt, in seven languages",
    grader="language",
    template="chat",
    sampling=Sampling(n=4, temperature=0.6, top_p=0.95, max_tokens=1024),
    num_problems=NUM_PROBLEMS,
    generate=problems,
)
