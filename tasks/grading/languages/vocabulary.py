"""How much a word in Latin letters speaks for each language: the logarithm of its frequency, from lists of the most frequent words.

The lists of English, Spanish, German, French, Italian and Portuguese are wordfreq's small ones (about 30,000 words each, 1e-6 and more);
wordfreq has no Swahili, whose commonest words stand here, and whose other words are told by their shape: syllables that end in a
vowel, with the few clusters of consonants that the language allows. docs/measured/language.md says how this was chosen and what it misses.
Left out: context (labelling.py), other scripts.
"""

import math
import re
from functools import cache, lru_cache

LATIN = ("en", "es", "de", "fr", "it", "pt", "sw")
FLOOR = 1e-6
"""Frequency of a word that is not in a list: what the rarest words of the lists have."""
CAPITALISED = 0.25
"""Weight of a word that begins with a capital: it may be a name."""
SHAPED = 4.0
"""Evidence for Swahili of a word of its shape that no list knows, against every other language."""
REMEMBERED, REMEMBERED_LENGTH = 50_000, 40
"""Words whose evidence is kept, and letters of the longest; the texts of one run share most of theirs."""

SYMBOLS = (
    "sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan log ln exp lim max min mod gcd lcm det deg dim ker sqrt abs arg inf "
    "sup mm cm dm km mg kg ml dl cl lb lbs oz ft mph kmh kph usd eur pi alpha beta gamma delta theta lambda sigma omega phi vs etc "
    "ab abc abcd ac ad bc bd ca cd xy xyz xz yz"
)
NEUTRAL = frozenset(SYMBOLS.split())
"""Names of functions, letters and units, and products of variables: of every language and none."""

SWAHILI = {
    2e-2: ("na ya wa kwa ni katika za la cha kila"),
    3e-3: (
        "vya ili au kama hii huyu hiyo hizi hizo haya hayo huo hilo hili lakini pia sasa basi kwamba ambayo ambao ambaye ambazo "
        "ambalo baada kabla bila zaidi sana tu tena bado hivyo hivi hapa hapo kisha mara moja mbili tatu nne tano sita saba nane tisa "
        "kumi mwa pa ku si yake wake zake lake chake vyake yao wao zao lao yangu wangu yako wako yetu wetu yeye mimi sisi wewe nini "
        "nani gani ngapi"
    ),
    4e-4: (
        "ana ina una wana ilikuwa alikuwa walikuwa yalikuwa zilikuwa kulikuwa kuwa iwe awe ikiwa kwenye kati juu chini ndani nje "
        "mbele nyuma siku wiki mwezi miezi mwaka miaka saa dakika sekunde leo jana kesho asubuhi mchana usiku jioni muda wakati mtu "
        "watu mtoto watoto mwanamke mwanaume rafiki marafiki mama baba dada kaka mwalimu mwanafunzi wanafunzi shule nyumba nyumbani "
        "duka soko gari magari treni barabara chakula maji yai mayai kuku ndizi chungwa machungwa tufaha matufaha kitabu vitabu "
        "kalamu pesa shilingi dola senti bei gharama faida hasara jumla idadi nambari namba hesabu jibu majibu swali maswali kiasi "
        "nusu robo theluthi asilimia wastani urefu upana umbali kasi uzito eneo pembe duara mraba mstari upande pande thamani sawa "
        "kubwa ndogo nyingi mengi wengi kidogo chache wachache yote wote zote vyote lote yoyote mwingine wengine nyingine mengine "
        "kingine hata labda kwani kwanza pili mwisho halafu hatua mfano tofauti sababu ndiyo hapana subiri kweli sahihi vibaya "
        "ishirini thelathini arobaini hamsini sitini sabini themanini tisini mia elfu milioni huu hao ile yule wale ule zile vile "
        "pale huko kule ndio ndivyo mmoja wawili watatu wanne watano minne mitatu miwili manne matatu mawili mbwa paka mti miti mpya "
        "mlo nchi mji kuu kitu vitu kazi jina mpira bustani shamba wakulima zawadi sehemu kundi pamoja mbalimbali"
    ),
}
"""Frequency, roughly -> words."""
SYLLABLE = r"(?:m|n|ng'|[mn]?[bcdfghjkprstvzl]?[hwy]?[wy]?)?[aeiou]"
SHAPE = re.compile(rf"(?=[a-z']{{4,}}$)m?(?:{SYLLABLE}){{2,12}}$")


@cache
def frequencies() -> tuple[dict[str, float], ...]:
    """For each language of LATIN: word -> frequency. Reads the lists once per process (about 0.2 s, 40 MB)."""
    import wordfreq

    swahili = {word: frequency for frequency, words in SWAHILI.items() for word in words.split()}
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
