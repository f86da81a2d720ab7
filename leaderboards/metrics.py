"""What a run says besides its score: format, length, languages, behaviour, and whether it is complete. Functions over one `Run`.

Left out: standard errors (r1bench.harness.statistics) and tables. Tokens, words and counts are those that the run recorded when it was
graded (`Sample.behaviour`, keys in tasks/grading/behaviour.py); what was not recorded is None or missing, never 0.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from r1bench.harness import statistics
from r1bench.harness.records import OUTCOMES, Run, Sample

MIXED_WORDS = 2
"""Fewer words than this in other languages are a name or a quotation, not mixing."""
MIXED_SHARE = 0.1
"""The least share that words in other languages have of a mixed reasoning."""
STYLE, RULE, PER_1000 = "style:", "rule:", "_per_1000"
ASKED_BY = {"boxed": "boxed"}
"""Template -> the style of format that it asks for; the others ask for, or are measured by, think-answer."""
REFLECTIONS = ("reflection_r1", "reflection_dr_grpo", "reflection_zh")
SHARES = ("truncated", "empty_reasoning", "loop", "counting_loop", "repeated", "repeated_passages", "code_share")
"""What is recorded between 0 and 1; all else are counts."""
NOT_AVERAGED = ("loop_period", "loop_repeats")
"""Of no meaning over completions most of which have no loop."""


class Mean(NamedTuple):
    """A mean per problem and its standard error over questions and samples; None where unknown."""

    value: float | None
    error: float | None


class Measure(NamedTuple):
    """A mean per problem with its standard error and interval, both over questions and samples; None where unknown."""

    value: float | None
    error: float | None
    low: float | None
    high: float | None


class Strictness(NamedTuple):
    """What keeping to a format costs: the score as graded, the score of what also keeps the format, and their difference."""

    style: str
    lenient: float
    strict: float
    strict_error: float | None
    strict_low: float
    strict_high: float
    tax: float
    """lenient - strict: the score of what is right and breaks the format. Never negative."""
    tax_error: float | None
    tax_low: float
    tax_high: float


def shortfall(run: Run) -> str:
    """'' for a complete run, otherwise 'incomplete 512/1000': samples received and asked for."""
    if run.is_complete:
        return ""
    counts = [len(samples) for samples in run.samples_by_problem().values()]
    n, num_problems = run.manifest.n, run.manifest.num_problems
    return f"incomplete {sum(min(count, n) for count in counts)}/{num_problems * n}"


def rows(run: Run, value: Callable[[Sample], float]) -> list[list[float]]:
    """One row per problem, in order of problem id, with the value of each of its samples."""
    return [[value(sample) for sample in samples] for _, samples in sorted(run.samples_by_problem().items())]


def outcome_counts(run: Run) -> dict[str, int]:
    """Samples by outcome; all five are always there."""
    outcomes = [sample.grade.outcome for sample in run.samples]
    return {outcome: outcomes.count(outcome) for outcome in OUTCOMES}


def mean_tokens(run: Run, tokens: Callable[[Sample], int]) -> Mean:
    """Mean over problems of a token count, over the samples whose completion has one (imported text has none)."""
    counted = [
        [float(tokens(sample)) for sample in samples if sample.completion.num_tokens > 0] for samples in run.samples_by_problem().values()
    ]
    known = [row for row in counted if row]
    if not known:
        return Mean(None, None)
    return Mean(math.fsum(statistics.question_means(known)) / len(known), statistics.total_error(known))


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
    counts = words_by_language(sample).values()
    foreign = sum(counts) - max(counts, default=0)
    return foreign >= MIXED_WORDS and foreign >= MIXED_SHARE * sum(counts)


def mixed_share(run: Run) -> float | None:
    """Share of samples whose reasoning is mixed; None where no words were counted."""
    if han_share(run) is None:
        return None
    return sum(is_mixed(sample) for sample in run.samples) / len(run.samples)


def asked_style(run: Run) -> str:
    """The style of format that a run's template asks for."""
    return ASKED_BY.get(run.manifest.template, "think-answer")


def recorded(run: Run, prefix: str) -> list[str]:
    """What stands behind a prefix in the behaviour of every sample, in the order of the first."""
    first = run.samples[0].behaviour if run.samples else {}
    return [key.removeprefix(prefix) for key in first if key.startswith(prefix) and all(key in sample.behaviour for sample in run.samples)]


def strictness(run: Run, style: str, level: float = 0.95) -> Strictness | None:
    """Strict and lenient score and the format tax; None where it was not recorded whether the completions keep this style.

    strict counts a sample's score only if it keeps the format, the tax only if it does not: both are taken within each sample, so their
    intervals (`statistics.interval`) are of paired differences, and lenient = strict + tax exactly.
    """
    if not run.samples or (style != "think-answer" and style not in recorded(run, STYLE)):
        return None

    def keeps(sample: Sample) -> float:
        return sample.behaviour.get(STYLE + style, float(sample.format_ok))

    kept = rows(run, lambda sample: sample.grade.score * keeps(sample))
    lost = rows(run, lambda sample: sample.grade.score * (1 - keeps(sample)))
    strict, tax = statistics.pass_at_1(kept), statistics.pass_at_1(lost)
    (strict_low, strict_high, _), (tax_low, tax_high, _) = statistics.interval(kept, level), statistics.interval(lost, level)
    strict_error, tax_error = statistics.total_error(kept), statistics.total_error(lost)
    return Strictness(style, strict + tax, strict, strict_error, strict_low, strict_high, tax, tax_error, tax_low, tax_high)


def mean_of(run: Run, key: str, level: float = 0.95) -> Measure:
    """Mean over problems of something that every sample has in `Sample.behaviour`.

    The interval of a share is Wilson's with one trial per problem (wide on purpose, and never of zero width), that of a count is t.
    """
    values = rows(run, lambda sample: sample.behaviour[key])
    value, error = statistics.pass_at_1(values), statistics.total_error(values)
    if key in SHARES or key.startswith(RULE):
        low, high, _ = statistics.wilson_interval(min(value, 1.0) * len(values), len(values), level)
        return Measure(value, error, low, high)
    return _with_t(value, error, len(values), level)


def _with_t(value: float, error: float | None, size: int, level: float) -> Measure:
    """A mean of something that is never negative, with its t interval."""
    if error is None:
        return Measure(value, None, None, None)
    half = statistics.student_t(level, size - 1) * error
    return Measure(value, error, max(0.0, value - half), value + half)


def rule_rates(run: Run, level: float = 0.95) -> dict[str, Measure]:
    """Format rule -> the share of samples that keep it."""
    return {rule: mean_of(run, RULE + rule, level) for rule in recorded(run, RULE)}


def length_unit(run: Run) -> str:
    """'tokens' if every sample's reasoning is counted in tokens, otherwise 'words'; '' where nothing was recorded."""
    lengths = recorded(run, "reasoning_")
    return "tokens" if "tokens" in lengths else "words" if "words" in lengths else ""


def per_1000(run: Run, key: str, length_key: str, level: float = 0.95) -> Measure:
    """A count per 1,000 of a length, all of one over all of the other: a long reasoning weighs more than a short one.

    Ratio of means over problems with its linearised standard error (Cochran 1977, section 6.4), without the finite-population factor.
    None without any length; the error is None for one problem.
    """
    counts = statistics.question_means(rows(run, lambda sample: sample.behaviour[key]))
    lengths = statistics.question_means(rows(run, lambda sample: sample.behaviour[length_key]))
    total, size = math.fsum(lengths), len(lengths)
    if not total:
        return Measure(None, None, None, None)
    share = math.fsum(counts) / total
    squares = math.fsum((count - share * length) ** 2 for count, length in zip(counts, lengths, strict=True))
    return _with_t(1000 * share, 1000 * math.sqrt(squares * size / (size - 1)) / total if size > 1 else None, size, level)


def behaviours(run: Run, level: float = 0.95) -> dict[str, Measure]:
    """Everything recorded about how the completions reason, averaged; counts of reflection also per 1,000 tokens of reasoning.

    The two kinds of length (`reasoning_words`, `reasoning_tokens`) are among them, as more of anything may only be longer. Per 1,000
    words where not all tokens are known (`length_unit`).
    """
    plain = [key for key in recorded(run, "") if ":" not in key and not key.endswith(PER_1000) and key not in NOT_AVERAGED]
    found = {key: mean_of(run, key, level) for key in plain}
    for key in REFLECTIONS:
        if key in found:
            found[key + PER_1000] = per_1000(run, key, f"reasoning_{length_unit(run)}", level)
    return found


def by_target(run: Run, level: float = 0.95) -> dict[str, dict[str, float | int | None]]:
    """Language that was asked for -> how much of the reasoning is in it, for runs that the language grader judged; else nothing.

    share is the mean over problems of the share of words in that language, with `statistics.interval`; mixed the share of samples whose
    reasoning mixes languages; switches_per_1000_words the mean over samples that have words.
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
        found[target] = {
            "num_problems": len(problems),
            "num_samples": len(samples),
            "share": statistics.pass_at_1(scores),
            "low": low,
            "high": high,
            "mixed": sum(bool(sample.grade.details.get("mixed")) for sample in samples) / len(samples),
            "switches_per_1000_words": math.fsum(known) / len(known) if known else None,
        }
    return found
