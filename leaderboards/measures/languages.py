"""Which languages a run's reasonings are in, and whether they mix them. Functions over one `Run`.

Words are those counted when the run was graded (`Sample.languages`, and the language grader's details). Left out: telling languages apart
(tasks/grading/languages/grader.py).
"""

import math

from r1bench.harness import statistics
from r1bench.harness.records import Run, Sample
from r1bench.harness.statistics.ratios import ratio_interval
from r1bench.leaderboards.measures.means import Measure, share_measure

MIXED_WORDS = 2
"""Fewer words than this in other languages are a name or a quotation, not mixing."""
MIXED_SHARE = 0.1
"""The least share that words in other languages have of a mixed reasoning."""


def words_by_language(sample: Sample) -> dict[str, int]:
    """Language -> number of the reasoning's words.

    Run folders of version 0.1 counted scripts: their Latin letters are one kind here, and their 'other' (mostly symbols) is left out.
    """
    found = sample.languages
    if "latin" in found or "han" in found:
        return {"latin": found.get("latin", 0), "zh": found.get("han", 0)}
    return found


def han_share(run: Run) -> float | None:
    """Share of Chinese words among the words of all reasonings, each Han character being one; None without any word."""
    counts = [words_by_language(sample) for sample in run.samples]
    total = sum(sum(count.values()) for count in counts)
    return sum(count.get("zh", 0) for count in counts) / total if total else None


def is_mixed(sample: Sample) -> bool:
    """Whether a reasoning mixes languages: those other than its most frequent one have 2 words or more and 10 % of all words or more.

    The criterion is ours, and that of the language grader. DeepSeek-R1 names language mixing (arXiv 2501.12948) and rewards the share
    of target-language words, without a threshold.
    """
    if len(sample.languages) < 2:
        return False
    counts = words_by_language(sample).values()
    total = sum(counts)
    foreign = total - max(counts, default=0)
    return foreign >= MIXED_WORDS and foreign >= MIXED_SHARE * total


def mixed_share(run: Run) -> float | None:
    """Share of samples whose reasoning is mixed; None where no words were counted."""
    if not any(any(sample.languages.values()) for sample in run.samples):
        return None
    return sum(map(is_mixed, run.samples)) / len(run.samples)


def mixing(run: Run, level: float = 0.95) -> Measure | None:
    """Share of mixed reasonings as a mean over problems, with `statistics.mean_interval`; None where no words were counted."""
    if mixed_share(run) is None:
        return None
    return share_measure([sum(map(is_mixed, samples)) / len(samples) for samples in run.samples_by_problem().values()], level)


def chinese(run: Run, level: float = 0.95) -> Measure | None:
    """`han_share` with an interval over problems, of the ratio (`ratio_interval`); None without any word. Its error is not given."""
    problems = [[words_by_language(sample) for sample in samples] for samples in run.samples_by_problem().values()]
    words = [sum(sum(count.values()) for count in counts) for counts in problems]
    if not sum(words):
        return None
    found = [sum(count.get("zh", 0) for count in counts) for counts in problems]
    low, high, _ = ratio_interval(found, words, level)
    return Measure(sum(found) / sum(words), None, low, high)


def by_target(run: Run, level: float = 0.95) -> dict[str, dict[str, float | int | None]]:
    """Language that was asked for -> how much of the reasoning is in it, for runs that the language grader judged; else nothing.

    share is the mean over problems of the share of words in that language, with `statistics.interval`; mixed the share of samples whose
    reasoning mixes languages, with `statistics.mean_interval` over problems; switches_per_1000_words the mean over samples that have words.
    """
    members: dict[str, dict[str, list[Sample]]] = {}
    for sample in run.samples:
        if "target" in sample.grade.details and "switches_per_1000_words" in sample.grade.details:
            members.setdefault(str(sample.grade.details["target"]), {}).setdefault(sample.problem_id, []).append(sample)
    found: dict[str, dict[str, float | int | None]] = {}
    for target, problems in sorted(members.items()):
        scores = [[sample.grade.score for sample in samples] for samples in problems.values()]
        samples = [sample for group in problems.values() for sample in group]
        switches = [sample.grade.details["switches_per_1000_words"] for sample in samples]
        known = [float(value) for value in switches if value is not None]
        low, high, _ = statistics.interval(scores, level)
        mixed = share_measure([sum(map(_is_called_mixed, group)) / len(group) for group in problems.values()], level)
        found[target] = {
            "num_problems": len(problems),
            "num_samples": len(samples),
            "share": statistics.pass_at_1(scores),
            "low": low,
            "high": high,
            "mixed": sum(map(_is_called_mixed, samples)) / len(samples),
            "mixed_low": mixed.low,
            "mixed_high": mixed.high,
            "switches_per_1000_words": math.fsum(known) / len(known) if known else None,
        }
    return found


def _is_called_mixed(sample: Sample) -> bool:
    """What the language grader said of a sample."""
    return bool(sample.grade.details.get("mixed"))
