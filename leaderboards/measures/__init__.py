"""What a run says, measure by measure. ONE table: how each is read from a sample, called, shown and guarded; and its value with interval.

    found = measured(tally, "format")      # Value(value, error, low, high, method, num_problems, num_samples); None where it is not known
    everything = measures(tally)           # key -> Value: the table's, then whatever else the samples recorded of how they reason

Samples that failed are part of none of them. Board, comparison, gate, page and export show these and compute none of their own. What the
graders recorded beside (`Sample.behaviour`: rules of the format, loops, reflection words, ...) is a measure under its own key.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from r1bench.harness import statistics, tables
from r1bench.harness.records import OUTCOMES, Sample
from r1bench.harness.statistics.ratios import ratio_interval
from r1bench.harness.statistics.spread import variance
from r1bench.harness.tally import Rows, Tally

LEVEL = 0.95
NAN = math.nan
MOST_NAMED = 5
"""Problems that a line names."""
STYLE, RULE, PER_1000 = "style:", "rule:", "_per_1000"
THINK_ANSWER = "think-answer"
ASKED_BY = {"boxed": "boxed"}
"""Template -> the form that it asks for; the others ask for think-answer, or are held against it."""
MIXED_WORDS = 2
"""Fewer words than this in other languages are a name or a quotation, not mixing."""
MIXED_SHARE = 0.1
"""The least share that words in other languages have of a mixed reasoning."""


class Measure(NamedTuple):
    """A row of the table."""

    key: str
    title: str
    """As tables call it."""
    unit: Literal["points", "tokens", "count"]
    """points: a fraction that is printed in points of 100; the others are means of what is never negative."""
    read: Callable[[Sample, str], float] = lambda sample, style: NAN
    """The value of a sample whose template asks for this style of format; NaN where it is not known."""
    is_good: bool = False
    """Whether more of it is better, for a guard of the gate."""
    limit: float | None = None
    """What it may worsen by before the gate's default guard fails: points, or per cent of a length; None without such a guard."""
    guard: str = ""
    """The guard's name where that is not the key."""
    whole: str = ""
    """What it is a share of, where both are summed over the whole run: words of all words."""


def words_by_language(sample: Sample) -> dict[str, int]:
    """Language -> number of the reasoning's words.

    Run folders of before counted scripts: their Latin letters are one kind here, and their 'other' (mostly symbols) is left out.
    """
    found = sample.languages
    if "latin" in found or "han" in found:
        return {"latin": found.get("latin", 0), "zh": found.get("han", 0)}
    return found


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


def keeps_form(sample: Sample, style: str) -> float:
    """Whether a completion keeps to a style of format; what was not recorded of another style than think-answer is not known."""
    return float(sample.behaviour.get(STYLE + style, sample.format_ok if style == THINK_ANSWER else NAN))


def _length(of: Callable[[Sample], int]) -> Callable[[Sample, str], float]:
    """A number of tokens, of completions whose tokens are known (imported text has none)."""
    return lambda sample, style: float(of(sample)) if sample.completion.num_tokens > 0 else NAN


MEASURES: dict[str, Measure] = {
    each.key: each
    for each in (
        Measure("score", "score", "points", lambda sample, style: sample.grade.score, is_good=True),
        Measure("format", "format %", "points", keeps_form, is_good=True, limit=2.0),
        Measure("think_answer", "think-answer %", "points", lambda sample, style: keeps_form(sample, THINK_ANSWER), is_good=True),
        Measure("truncated", "cut %", "points", lambda sample, style: float(sample.completion.finish_reason == "length"), limit=2.0),
        Measure("mixed", "mixed %", "points", lambda sample, style: float(is_mixed(sample)), limit=2.0),
        Measure("tokens", "tokens", "tokens", _length(lambda sample: sample.completion.num_tokens)),
        Measure("reasoning_tokens", "reasoning", "tokens", _length(lambda sample: sample.reasoning_tokens), limit=25.0, guard="length"),
        Measure("han", "han words %", "points", lambda sample, style: float(words_by_language(sample).get("zh", 0)), whole="words"),
    )
}
REFLECTIONS = ("reflection_r1", "reflection_dr_grpo", "reflection_zh")
SHARES = ("empty_reasoning", "loop", "counting_loop", "repeated", "repeated_passages", "code_share")
"""What graders record between 0 and 1 and less is better of; all else but rules and styles are counts."""
NOT_AVERAGED = ("loop_period", "loop_repeats", "reasoning_tokens", "truncated")
"""Of what graders record: of no meaning over completions most of which have no loop; or a measure of the table by the same name."""


class Value(NamedTuple):
    """A measure of a run: its mean over problems with standard error and interval, both over questions and samples; None is unknown."""

    value: float
    error: float | None
    low: float | None
    high: float | None
    method: str
    """How the interval was made; '' where there is none."""
    num_problems: int
    num_samples: int
    """Of which it is known."""


def measure_of(key: str) -> Measure:
    """The table's row of a key, or what is known of a measure that graders recorded under that name."""
    if key in MEASURES:
        return MEASURES[key]
    if key.startswith((RULE, STYLE)):
        return Measure(key, key, "points", is_good=True)
    title = key.removesuffix(PER_1000).replace("_", " ")
    return Measure(key, title, "points" if key in SHARES else "count")


def asked_style(template: str) -> str:
    """The style of format that a template asks for."""
    return ASKED_BY.get(template, THINK_ANSWER)


def recorded(tally: Tally, prefix: str = "") -> list[str]:
    """What stands behind a prefix in the recorded measures of a run, in the order in which they were recorded."""
    return [key.removeprefix(prefix) for key in tally.recorded if key.startswith(prefix)]


def shares(tally: Tally) -> list[str]:
    """The recorded shares of a run, by the names that a guard may give them."""
    return [key for key in tally.recorded if key in SHARES or key.startswith(RULE)]


def mean_and_error(values: list[float]) -> tuple[float, float | None]:
    """The mean of one value per problem and its standard error (the central limit theorem); None for one problem."""
    if len(values) < 2:
        return values[0], None
    if min(values) == max(values):  # so it is for many a rule and count
        return values[0], 0.0
    return math.fsum(values) / len(values), math.sqrt(variance(values) / len(values))


def of_shares(rows: Rows, level: float = LEVEL, *, by_problem: bool = False) -> Value:
    """A mean of values between 0 and 1, with `statistics.interval`, or `statistics.mean_interval` of the problems' means alone.

    Neither is ever of zero width.
    """
    if min(map(min, rows)) < 0 or max(map(max, rows)) > 1:  # a file may say what it likes
        rows = [[min(max(value, 0.0), 1.0) for value in row] for row in rows]
    means = statistics.question_means(rows)
    interval = statistics.mean_interval(means, level) if by_problem else statistics.interval(rows, level)
    value, error = mean_and_error(means)
    return Value(value, error, *interval, len(rows), sum(map(len, rows)))


def of_counts(rows: Rows, level: float = LEVEL) -> Value:
    """A mean of what is never negative, with its t interval; no interval for one problem."""
    return _counted(*mean_and_error(statistics.question_means(rows)), len(rows), sum(map(len, rows)), level)


def _counted(value: float, error: float | None, size: int, num_samples: int, level: float) -> Value:
    """The t interval of a mean over `size` problems.

    Where it never happened that would have no width: the upper end is then what a Poisson count can hide in this many problems, one trial
    each (Garwood 1936). Where all problems have the same mean above 0 it has no width.
    """
    if error is None:
        return Value(value, None, None, None, "", size, num_samples)
    if value == 0:
        return Value(value, error, 0.0, -math.log((1 - level) / 2) / size, "poisson", size, num_samples)
    half = statistics.student_t(level, size - 1) * error
    return Value(value, error, max(0.0, value - half), value + half, "t", size, num_samples)


def of_ratio(parts: Rows, wholes: Rows, level: float = LEVEL) -> Value | None:
    """All of one over all of another that it is a part of (`ratio_interval`); None without any whole. Its error is not given."""
    sums, totals = [math.fsum(row) for row in parts], [math.fsum(row) for row in wholes]
    if not sum(totals):
        return None
    interval = ratio_interval(sums, totals, level)
    return Value(math.fsum(sums) / math.fsum(totals), None, *interval, len(sums), sum(map(len, parts)))


def of_rate(counts: Rows, lengths: Rows, level: float = LEVEL) -> Value | None:
    """A count per 1,000 of a length, all of one over all of the other: a long reasoning weighs more than a short one.

    Ratio of means over problems with its linearised standard error (Cochran 1977, section 6.4), without the finite-population factor.
    None without any length; the error is None for one problem.
    """
    each, lengths_of = statistics.question_means(counts), statistics.question_means(lengths)
    total, size, num_samples = math.fsum(lengths_of), len(counts), sum(map(len, counts))
    if not total:
        return None
    share = math.fsum(each) / total
    if not share:
        found = _counted(0.0, 0.0 if size > 1 else None, size, num_samples, level)
        return found if found.high is None else found._replace(high=1000 * found.high * size / total)
    squares = math.fsum((count - share * length) ** 2 for count, length in zip(each, lengths_of, strict=True))
    error = 1000 * math.sqrt(squares * size / (size - 1)) / total if size > 1 else None
    return _counted(1000 * share, error, size, num_samples, level)


def length_unit(tally: Tally) -> str:
    """'tokens' if every sample's reasoning is counted in tokens, otherwise 'words'; '' where neither is known."""
    return "tokens" if tally.has("reasoning_tokens") else "words" if tally.has("reasoning_words") else ""


def measured(tally: Tally, key: str, level: float = LEVEL) -> Value | None:
    """One measure of a run; None where it is not known.

    A mean over problems of the mean over samples, over the samples of which it is known; 'han' is a share of all words of the run, and
    '..._per_1000' a rate over the length of all its reasonings (`length_unit`).
    """
    measure = measure_of(key)
    if measure.whole:
        return of_ratio(tally.rows(key), tally.rows(measure.whole), level) if tally.has(key, measure.whole) else None
    if key.endswith(PER_1000):
        counted, unit = key.removesuffix(PER_1000), length_unit(tally)
        return of_rate(tally.rows(counted), tally.rows(f"reasoning_{unit}"), level) if unit and tally.has(counted) else None
    rows = tally.known(key)
    if not rows or measure.unit != "points":
        return of_counts(rows, level) if rows else None
    return of_shares(rows, level, by_problem=key not in MEASURES)


def measures(tally: Tally, level: float = LEVEL) -> dict[str, Value]:
    """Every measure that is known of a run: the table's, then what the graders recorded, then reflection words per 1,000 of the length."""
    plain = [key for key in tally.recorded if not key.startswith(STYLE) and not key.endswith(PER_1000) and key not in NOT_AVERAGED]
    rates = [key + PER_1000 for key in REFLECTIONS if key in tally.values]
    found = {key: measured(tally, key, level) for key in (*MEASURES, *plain, *rates)}
    return {key: value for key, value in found.items() if value is not None}


def outcome_counts(tally: Tally) -> dict[str, int]:
    """Samples by outcome; all five are always there. Those that failed are among no others, whatever a grader said of them."""
    counts = Counter(tally.values["outcome"])
    return {**{outcome: counts[place] for place, outcome in enumerate(OUTCOMES)}, "failed": len(tally.failed)}


def failed_text(num_failed: int, num_samples: int, lost: Sequence[str]) -> str:
    """'12 of 1,000 samples failed and have no score; left without any, and out of every number: problems p3, p7'; '' where none failed.

    Args:
        num_samples: those that count.
    """
    if not num_failed:
        return ""
    total = num_failed + num_samples
    text = f"{num_failed:,} of {total:,} sample{'s' * (total != 1)} failed and {'have' if num_failed != 1 else 'has'} no score"
    return text + (f"; left without any, and out of every number: {listed(lost)}" if lost else "")


def remark_lines(remarks: Iterable[str]) -> list[str]:
    """What belongs below numbers of runs (`Tally.remarks`), a paragraph each, none twice."""
    return [tables.paragraph(tables.plain(f"Note: {remark}")) for remark in dict.fromkeys(remarks)]


def listed(problems: Sequence[str]) -> str:
    """'problems p3, p7', the first five of many."""
    more = f" and {len(problems) - MOST_NAMED} more" if len(problems) > MOST_NAMED else ""
    return f"problem{'s' * (len(problems) != 1)} {', '.join(problems[:MOST_NAMED])}{more}"


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


def strictness(tally: Tally, style: str, level: float = LEVEL) -> Strictness | None:
    """Strict and lenient score and the format tax; None where it was not recorded whether the completions keep this style.

    strict counts a sample's score only if it keeps the format, the tax only if it does not: both are taken within each sample, so their
    intervals (`statistics.interval`) are of paired differences, and lenient = strict + tax exactly.
    """
    key = "think_answer" if style == THINK_ANSWER else STYLE + style
    if not tally.counts or not tally.has(key):
        return None
    pairs = [list(zip(*both, strict=True)) for both in zip(tally.rows("score"), tally.rows(key), strict=True)]
    strict = of_shares([[score * keeps for score, keeps in row] for row in pairs], level)
    tax = of_shares([[score * (1 - keeps) for score, keeps in row] for row in pairs], level)
    return Strictness(style, strict.value + tax.value, *strict[:4], *tax[:4])  # type: ignore[arg-type]  # shares have an interval


def strictnesses(tally: Tally, level: float = LEVEL) -> dict[str, Strictness]:
    """Style -> what keeping to it costs: the style that is asked for first, think-answer, and every other that was recorded."""
    styles = dict.fromkeys([asked_style(tally.manifest.template), THINK_ANSWER, *recorded(tally, STYLE)])
    found = {style: strictness(tally, style, level) for style in styles}
    return {style: each for style, each in found.items() if each is not None}


def by_target(tally: Tally, level: float = LEVEL) -> dict[str, dict[str, float | int | None]]:
    """Language that was asked for -> how much of the reasoning is in it, for runs that the language grader judged; else nothing.

    share is the mean over problems of the share of words in that language, mixed that of reasonings that mix languages, both with
    `statistics.interval`; switches_per_1000_words the mean over samples that have words.
    """
    found: dict[str, dict[str, float | int | None]] = {}
    for key in sorted(key for key in tally.values if key.startswith("target:")):
        asked = tally.rows(key)

        def kept(measure: str, asked: Rows = asked) -> Rows:
            rows = ([value for value, is_it in zip(*both, strict=True) if is_it] for both in zip(tally.rows(measure), asked, strict=True))
            return [row for row in rows if row]

        share, mixed = of_shares(kept("score"), level), of_shares(kept("called_mixed"), level, by_problem=True)
        switches = [value for row in kept("switches_per_1000_words") for value in row if value == value]
        found[key.removeprefix("target:")] = {
            "num_problems": share.num_problems,
            "num_samples": share.num_samples,
            "share": share.value,
            "low": share.low,
            "high": share.high,
            "mixed": mixed.value,
            "mixed_low": mixed.low,
            "mixed_high": mixed.high,
            "switches_per_1000_words": math.fsum(switches) / len(switches) if switches else None,
        }
    return found
