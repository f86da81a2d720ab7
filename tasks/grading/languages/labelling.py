"""Gives each word of a text its language.

The script decides where it stands for one language. Words in Latin letters are told apart by lists of frequent words (vocabulary.py), Han
characters by the kana and the simplified characters near them; both are smoothed over the text, since languages are sticky: a name, a
cognate or an unknown word follows what stands around it. The numbers below were set on one half of the labelled texts of
scripts/bench language and measured on the other (docs/measured/language.md).

Left out: languages that share a script with another and have no list: Ukrainian counts as Russian, Persian as Arabic. Where most
words of a language are in no list (Dutch, Indonesian, letters at random), they are 'other'.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from itertools import groupby

from r1bench.tasks.grading.languages import vocabulary
from r1bench.tasks.grading.languages.masking import Word

LEAVE = 4.0
"""What it costs (nats) to leave the language that most of the text is in, or to change to a third one,"""
RETURN = 2.0
"""and to come back to it; evidence for the other language must outweigh both."""
HINTED = 3.0
"""Evidence that the expected language has beforehand of being what most of the text is in."""
TELLING, TELLING_NAME = 2.0, 6.0
"""Evidence that makes a word in small letters, or one with a capital, more than a name: among another script only these are foreign."""
NAME_WORDS = 3
"""Latin words between words of another script that can be a name, if none is telling."""
FOREIGN_WORDS = 10
"""Of so many different lower-case words or more that were given to a language"""
LISTED_SHARE = 0.6
"""at least this share must stand in its list, or they are 'other': a language without a list, or no language at all."""
KANA = 3.0
"""Evidence of a run of kana for Japanese."""
SIMPLIFIED = 3.0
"""Evidence of a character for Chinese, if Japanese standards have no such character."""
SHINJITAI = 1.0
"""Evidence of a character for Japanese, if the simplified standard of Chinese has no such character (traditional Chinese may)."""
LONG_HAN = 0.2
"""Evidence of any Han character for Chinese: Japanese seldom has many in a row."""

Evidence = Callable[[str], tuple[float, ...]]


def label(words: Sequence[Word], hint: str | None = None, evidence: Evidence = vocabulary.evidence) -> list[str]:
    """The language of each word; `evidence` says how well each language of vocabulary.LATIN explains a word in Latin letters."""
    labels = [word.script for word in words]
    texts = [word.text for word in words]
    scripts = set(labels)
    if "latin" in scripts:
        places = [place for place, script in enumerate(labels) if script == "latin"]
        prior = [HINTED * (language == (hint or "en")) for language in vocabulary.LATIN]
        _label(texts, labels, places, vocabulary.LATIN, evidence, prior)
        _disown(texts, labels)
    if "kana" in scripts:
        places = [place for place, script in enumerate(labels) if script in ("han", "kana")]
        _label(texts, labels, places, ("zh", "ja"), _han_evidence, (0.0, 0.0))
    elif "han" in scripts:
        labels = ["zh" if each == "han" else each for each in labels]
    if "latin" in scripts and len(scripts) > 1:
        _follow_neighbours(words, labels, evidence)
    return labels


def _label(
    texts: Sequence[str], labels: list[str], places: Sequence[int], languages: Sequence[str], evidence: Evidence, prior: Sequence[float]
) -> None:
    """Give the words at some places the most likely sequence of languages."""
    chosen = texts if len(places) == len(texts) else [texts[place] for place in places]
    weights = [(count, evidence(text)) for text, count in Counter(chosen).items()]
    totals = [prior[state] + sum(count * each[state] for count, each in weights) for state in range(len(languages))]
    path = most_likely(chosen, evidence, base=totals.index(max(totals)))
    if len(places) == len(texts):
        labels[:] = [languages[state] for state in path]
        return
    for place, state in zip(places, path, strict=True):
        labels[place] = languages[state]


def most_likely(texts: Sequence[str], evidence: Evidence, base: int) -> list[int]:
    """The state of each text with the highest sum of evidence less the costs of changes: LEAVE, or RETURN to `base` (Viterbi's path).

    A text that repeats the one before it adds no evidence. Exact, and fast where the base prevails: a departure from it that pays lies
    where the running sum of what any other state could gain stays above 0, and that sum comes to exceed the costs.
    """
    gains = {}
    for text in set(texts):
        weights = evidence(text)
        gains[text] = max(weight for state, weight in enumerate(weights) if state != base) - weights[base]
    path = [base] * len(texts)
    running, highest, first, previous = 0.0, 0.0, 0, ""
    for place, text in enumerate(texts):
        if text != previous:
            running += gains[text]
            previous = text
        if running > highest:
            highest = running
        elif running < 0 or (running == 0 and first):  # what has no evidence at the very start may belong to what follows
            if highest > LEAVE + RETURN:
                path[first:place] = _best_path(texts[first:place], evidence, base)
            running, highest, first = 0.0, 0.0, place + 1
    if highest > LEAVE + RETURN:
        path[first:] = _best_path(texts[first:], evidence, base)
    return path


def _best_path(texts: Sequence[str], evidence: Evidence, base: int) -> list[int]:
    """The best states between two texts of the base."""
    costs = [RETURN if state == base else LEAVE for state in range(len(evidence(texts[0])))]
    entered = [0.0 if state == base else -LEAVE for state in range(len(costs))]
    came_from: list[list[int]] = []
    previous = ""
    for text in texts:
        scores = entered if text == previous else [score + weight for score, weight in zip(entered, evidence(text), strict=True)]
        highest = max(scores)
        best = scores.index(highest)
        from_best = [highest - cost for cost in costs]
        came_from.append([best if enter > stay else state for state, (stay, enter) in enumerate(zip(scores, from_best, strict=True))])
        entered = [max(stay, enter) for stay, enter in zip(scores, from_best, strict=True)]
        previous = text
    ends = [score - RETURN * (state != base) for state, score in enumerate(scores)]
    path = [ends.index(max(ends))]
    for row in reversed(came_from[:-1]):
        path.append(row[path[-1]])
    return path[::-1]


def _disown(texts: Sequence[str], labels: list[str]) -> None:
    """Call 'other' what was given to a language for want of a better one, although its list has few of the words."""
    pairs = set(zip(labels, texts, strict=True))
    given = {name: [text for each, text in pairs if each == name and text[0].islower()] for name in vocabulary.LATIN if name in set(labels)}
    few = {name for name, texts in given.items() if len(texts) < FOREIGN_WORDS}
    listed = {name: sum(vocabulary.stands_in(text, name) for text in given[name]) for name in given.keys() - few}
    unlisted = {name for name, count in listed.items() if count / len(given[name]) < LISTED_SHARE}
    if unlisted:
        labels[:] = ["other" if each in unlisted | few else each for each in labels]


def _follow_neighbours(words: Sequence[Word], labels: list[str], evidence: Evidence) -> None:
    """Give few Latin words among words of another script, of which none is telling, the language of their neighbours: they are names."""
    place = 0
    for is_latin, group in groupby(word.script == "latin" for word in words):
        length = sum(1 for _ in group)
        texts = [word.text for word in words[place : place + length]] if is_latin else []
        num_names = sum(text.lower() not in vocabulary.NEUTRAL for text in texts)
        if is_latin and num_names <= NAME_WORDS and not any(_is_telling(text, evidence) for text in texts):
            neighbour = labels[place - 1] if place else labels[length]
            labels[place : place + length] = [neighbour] * length
        place += length


def _is_telling(text: str, evidence: Evidence) -> bool:
    return min(evidence(text.lower())) <= -(TELLING if text[0].islower() else TELLING_NAME)


def _han_evidence(text: str) -> tuple[float, ...]:
    """Evidence for Chinese and for Japanese of a run of Han characters or of kana."""
    if "\u3041" <= text[0] <= "\u30ff" or "\uff66" <= text[0] <= "\uff9f":
        return (0.0, KANA)
    simplified, shinjitai = _han_sets()
    chinese = sum(SIMPLIFIED for letter in text if letter in simplified) + LONG_HAN * len(text)
    return (chinese, sum(SHINJITAI for letter in text if letter in shinjitai))


@cache
def _han_sets() -> tuple[frozenset[str], frozenset[str]]:
    """Characters of the simplified Chinese standard (GB 2312) alone, and of the Japanese one (JIS X 0208) alone."""
    chinese, japanese = _characters("gb2312"), _characters("euc_jp")
    return chinese - japanese, japanese - chinese


def _characters(encoding: str) -> frozenset[str]:
    """The Han characters that a two-byte encoding has."""
    pairs = (bytes((high, low)) for high in range(0xB0, 0xF8) for low in range(0xA1, 0xFF))
    return frozenset(letter for pair in pairs if "\u4e00" <= (letter := pair.decode(encoding, "ignore")) <= "\u9fff")
