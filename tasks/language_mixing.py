"""language_mixing: does a checkpoint reason in the language it is asked in? Generated stories in seven languages, nothing to download.

The same kinds of sums in English, Chinese, Spanish, German, French, Japanese and Russian, each asking for an explanation in its own
language and holding no word of another; what is graded is the language of the reasoning alone (grading/language.py), whatever the
answer. The golds are kept, so `r1bench grade integer` can judge the answers too. The score is the mean share of words in the language
of the prompt: R1's language consistency (arXiv 2501.12948, Eq. 7). Numbers and splits are those of `arithmetic`, the stories are not.
Left out: prompts in two languages, prompts that ask for another language than their own.

    r1bench eval ckpt/ --tasks language_mixing
"""

from random import Random
from typing import NamedTuple, get_args

from r1bench.harness.records import Problem, Sampling
from r1bench.tasks import arithmetic
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
    "en": (
        Story(
            "A library has {} books on loan.",
            "A library lends {} schools {} books each.",
            "It lends {} more.",
            "{} are returned.",
            "How many books are on loan now? Explain how you find it.",
        ),
        Story(
            "{} cars stand in a garage.",
            "A garage has {} rows of {} cars.",
            "{} cars drive in.",
            "{} cars drive out.",
            "How many cars stand there now? Explain step by step.",
        ),
        Story(
            "A farmer has {} eggs.",
            "A farmer has {} baskets with {} eggs each.",
            "The hens lay {} more.",
            "He sells {} of them.",
            "How many eggs are left? Explain your reasoning.",
        ),
    ),
    "zh": (
        Story(
            "图书馆借出了 {} 本书。",
            "图书馆借给 {} 所学校各 {} 本书。",
            "又借出 {} 本。",
            "还回来 {} 本。",
            "现在一共借出多少本书？请说明你的思路。",
        ),
        Story(
            "车库里停着 {} 辆车。",
            "车库里有 {} 排车，每排 {} 辆。",
            "开进来 {} 辆。",
            "开出去 {} 辆。",
            "现在车库里有多少辆车？请一步一步说明。",
        ),
        Story(
            "农民有 {} 个鸡蛋。",
            "农民有 {} 篮鸡蛋，每篮 {} 个。",
            "母鸡又下了 {} 个。",
            "他卖掉 {} 个。",
            "还剩多少个鸡蛋？请解释你的推理。",
        ),
    ),
    "es": (
        Story(
            "Una biblioteca tiene prestados {} libros.",
            "Una biblioteca presta a {} escuelas {} libros a cada una.",
            "Presta {} más.",
            "Le devuelven {}.",
            "¿Cuántos libros hay prestados ahora? Explica cómo lo averiguas.",
        ),
        Story(
            "En un garaje hay {} coches.",
            "Un garaje tiene {} filas de {} coches.",
            "Entran {} coches.",
            "Salen {} coches.",
            "¿Cuántos coches hay ahora? Explícalo paso a paso.",
        ),
        Story(
            "Un granjero tiene {} huevos.",
            "Un granjero tiene {} cestas con {} huevos cada una.",
            "Las gallinas ponen {} más.",
            "Vende {} de ellos.",
            "¿Cuántos huevos quedan? Explica tu razonamiento.",
        ),
    ),
    "de": (
        Story(
            "Eine Bücherei hat {} Bücher verliehen.",
            "Eine Bücherei verleiht an {} Schulen je {} Bücher.",
            "Sie verleiht {} weitere.",
            "{} werden zurückgegeben.",
            "Wie viele Bücher sind jetzt verliehen? Erkläre, wie du darauf kommst.",
        ),
        Story(
            "In einer Garage stehen {} Wagen.",
            "Eine Garage hat {} Reihen mit je {} Wagen.",
            "{} Wagen fahren hinein.",
            "{} Wagen fahren hinaus.",
            "Wie viele Wagen stehen jetzt dort? Erkläre es Schritt für Schritt.",
        ),
        Story(
            "Ein Bauer hat {} Eier.",
            "Ein Bauer hat {} Körbe mit je {} Eiern.",
            "Die Hühner legen {} weitere.",
            "Er verkauft {} davon.",
            "Wie viele Eier bleiben übrig? Erkläre deinen Gedankengang.",
        ),
    ),
    "fr": (
        Story(
            "Une bibliothèque a prêté {} livres.",
            "Une bibliothèque prête à {} écoles {} livres chacune.",
            "Elle en prête {} de plus.",
            "On lui en rend {}.",
            "Combien de livres sont prêtés maintenant ? Explique comment tu le trouves.",
        ),
        Story(
            "Il y a {} voitures dans un garage.",
            "Un garage a {} rangées de {} voitures.",
            "{} voitures entrent.",
            "{} voitures sortent.",
            "Combien de voitures y a-t-il maintenant ? Explique étape par étape.",
        ),
        Story(
            "Un fermier a {} œufs.",
            "Un fermier a {} paniers de {} œufs chacun.",
            "Les poules en pondent {} de plus.",
            "Il en vend {}.",
            "Combien d'œufs reste-t-il ? Explique ton raisonnement.",
        ),
    ),
    "ja": (
        Story(
            "図書館は本を {} 冊貸し出しています。",
            "図書館は {} 校の学校に本を {} 冊ずつ貸し出しました。",
            "さらに {} 冊貸し出します。",
            "{} 冊返ってきます。",
            "いま貸し出している本は何冊ですか。求め方を説明してください。",
        ),
        Story(
            "車庫に車が {} 台あります。",
            "車庫に車が {} 列、{} 台ずつ並んでいます。",
            "{} 台入ってきます。",
            "{} 台出ていきます。",
            "いま車は何台ありますか。順を追って説明してください。",
        ),
        Story(
            "農家に卵が {} 個あります。",
            "農家に卵が {} かご、{} 個ずつあります。",
            "にわとりがさらに {} 個産みます。",
            "そのうち {} 個を売ります。",
            "卵は何個残りますか。考え方を説明してください。",
        ),
    ),
    "ru": (
        Story(
            "Число книг, выданных библиотекой: {}.",
            "Число школ, которым библиотека выдала книги: {}, книг для каждой: {}.",
            "Потом выдали ещё: {}.",
            "Потом вернули: {}.",
            "Сколько книг выдано теперь? Объясни, как ты это находишь.",
        ),
        Story(
            "Число машин в гараже: {}.",
            "Число рядов в гараже: {}, машин в каждом ряду: {}.",
            "Въехало машин: {}.",
            "Выехало машин: {}.",
            "Сколько машин теперь в гараже? Объясни по шагам.",
        ),
        Story(
            "Число яиц у фермера: {}.",
            "Число корзин у фермера: {}, яиц в каждой: {}.",
            "Куры снесли ещё: {}.",
            "Он продал: {}.",
            "Сколько яиц осталось? Объясни ход рассуждения.",
        ),
    ),
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
    if split not in get_args(arithmetic.Split):
        raise ValueError(f"split {split!r} is none of {get_args(arithmetic.Split)}")
    found: dict[str, Problem] = {}
    index = 0
    while len(found) < num_problems:
        problem = draw_problem(split, seed, index)  # type: ignore[arg-type]
        found.setdefault(problem.prompt, problem)
        index += 1
    return list(found.values())


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
