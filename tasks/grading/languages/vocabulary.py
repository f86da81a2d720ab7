"""How much a word in Latin letters speaks for each language: the logarithm of its frequency, from lists of the most frequent words.

The lists of English, Spanish, German, French, Italian and Portuguese are wordfreq's small ones (about 30,000 words each, 1e-6 and more);
wordfreq has no Swahili, whose commonest words stand in languages.json by rough frequency, and whose other words are told by their
shape: syllables that end in a vowel, with the few clusters of consonants that the language allows. docs/measured/language.md says how
this was chosen and what it misses. Left out: context (labelling.py), other scripts.
"""

import math
import re
from functools import cache, lru_cache

from r1bench.tasks.data.tables import read_table

LATIN = ("en", "es", "de", "fr", "it", "pt", "sw")
FLOOR = 1e-6
"""Frequency of a word that is not in a list: what the rarest words of the lists have."""
CAPITALISED = 0.25
"""Weight of a word that begins with a capital: it may be a name."""
SHAPED = 4.0
"""Evidence for Swahili of a word of its shape that no list knows, against every other language."""
REMEMBERED, REMEMBERED_LENGTH = 50_000, 40
"""Words whose evidence is kept, and letters of the longest; the texts of one run share most of theirs."""

TABLES = read_table(__package__, "languages.json")
NEUTRAL = frozenset(TABLES["neutral"])
"""Names of functions, letters and units, and products of variables: of every language and none."""

SYLLABLE = r"(?:m|n|ng'|[mn]?[bcdfghjkprstvzl]?[hwy]?[wy]?)?[aeiou]"
SHAPE = re.compile(rf"(?=[a-z']{{4,}}$)m?(?:{SYLLABLE}){{2,12}}$")


@cache
def frequencies() -> tuple[dict[str, float], ...]:
    """For each language of LATIN: word -> frequency. Reads the lists once per process (about 0.2 s, 40 MB)."""
    import wordfreq

    swahili = {word: float(frequency) for frequency, words in TABLES["swahili"].items() for word in words}
    return tuple(swahili if language == "sw" else wordfreq.get_frequency_dict(language, "small") for language in LATIN)


def evidence(word: str) -> tuple[float, ...]:
    """For each language of LATIN how well it explains a word, in nats: 0 for the best, less for the others; all 0 if nothing is known."""
    return _weigh(word) if len(word) <= REMEMBERED_LENGTH else _weigh.__wrapped__(word)


def stands_in(word: str, language: str) -> bool:
    """Whether a language of LATIN has a word, as far as its list goes; for Swahili its shape is enough."""
    lower = word.lower()
    table = frequencies()[LATIN.index(language)]
    is_listed = lower in table or lower in NEUTRAL or lower.partition("'")[0] in table
    return is_listed or (language == "sw" and SHAPE.match(lower) is not None)


@lru_cache(maxsize=REMEMBERED)
def _weigh(word: str) -> tuple[float, ...]:
    lower = word.lower()
    if lower in NEUTRAL:
        return (0.0,) * len(LATIN)
    known = [table.get(lower, 0.0) for table in frequencies()]
    if not any(known) and "'" in lower:
        lower = lower.partition("'")[0]
        known = [table.get(lower, 0.0) for table in frequencies()]
    weight = CAPITALISED if word[0].isupper() else 1.0
    if not any(known):
        is_shaped = SHAPE.match(lower) is not None
        return tuple(0.0 if not is_shaped or language == "sw" else -SHAPED * weight for language in LATIN)
    logarithms = [math.log(max(frequency, FLOOR)) for frequency in known]
    best = max(logarithms)
    return tuple((value - best) * weight for value in logarithms)
