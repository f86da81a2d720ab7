"""Math-Verify as S001 and open-r1 call it, in a process with a bound on processor time: accuracy's literal forms, for comparison only.

Their calls look at the whole completion, reasoning included. Math-Verify's own time-outs are signals that work on a main thread only; here
the kernel ends the process instead, and the completion it was at counts as not equal, which is what a time-out does there. Golds of
our tasks are bare answers where theirs are worked solutions: one with a digit or a command in it is put into a box, any other goes in as
it stands, and then does not parse. Run by itself as `python -m r1bench.tasks.rewards.literal_accuracy`; of no use by hand.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Literal

from r1bench.harness.errors import GraderError
from r1bench.tasks.rewards.reward import Judged

Dialect = Literal["s001", "open_r1"]
CPU_SECONDS = 2
MEMORY_BYTES = 4 * 2**30
MAX_REMEMBERED = 10_000
REMEMBERED: dict[str, float | None] = {}
"""Request -> verdict: accuracy and cosine ask the same."""
LATEX = re.compile(r"[\d\\]")


def verdicts(judged: Sequence[Judged], dialect: Dialect) -> list[float | None]:
    """1 for equal, 0 for not, None for a gold that does not parse or is not there; the first gold of a problem counts.

    Raises:
        GraderError: the process does not start.
    """
    golds = [gold_text(each.problem.gold[0]) if each.problem.gold else "" for each in judged]
    lines = [json.dumps([dialect, gold, each.completion.text]) for gold, each in zip(golds, judged, strict=True)]
    if len(REMEMBERED) > MAX_REMEMBERED:
        REMEMBERED.clear()
    new = [line for line in dict.fromkeys(lines) if line not in REMEMBERED]
    REMEMBERED.update(zip(new, ask(new), strict=True))
    return [REMEMBERED[line] for line in lines]


def ask(lines: Sequence[str]) -> list[float | None]:
    """One verdict per request, from a process that is started anew whenever one of them ends it."""
    found: list[float | None] = []
    while len(found) < len(lines):
        done = subprocess.run(
            [sys.executable, "-P", "-m", __name__],
            input="\n".join(lines[len(found) :]) + "\n",
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": "0"},
            check=False,
        )
        found += [json.loads(line) for line in done.stdout.splitlines()]
        if done.returncode > 0:
            raise GraderError(f"Math-Verify's literal form broke: {done.stderr[-500:]}; please report this")
        if len(found) < len(lines):
            found.append(0.0)  # ended by the kernel at its bound
    return found


def gold_text(gold: str) -> str:
    """A bare gold as a data set of worked solutions would hold it."""
    return f"\\boxed{{{gold}}}" if LATEX.search(gold) and "boxed" not in gold and "$" not in gold else gold


def compare(dialect: Dialect, gold: str, text: str) -> float | None:
    """One comparison with the sources' own settings; without the time-outs."""
    from latex2sympy2_extended import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse, verify

    normalization = NormalizationConfig(nits=False, malformed_operators=False, basic_latex=True, equations=True, boxed="all", units=True)
    config = LatexExtractionConfig(normalization_config=normalization, boxed_match_priority=0, try_extract_without_anchor=False)
    options: dict[str, Any] = {"extraction_mode": "first_match", "parsing_timeout": None}
    golds = parse(gold, extraction_config=[LatexExtractionConfig()], **options)
    if not golds:
        return None
    answers = parse(text, extraction_config=[config], **options)
    pair = (answers, golds) if dialect == "s001" else (golds, answers)
    return float(verify(*pair, timeout_seconds=None))


def main() -> None:
    """Answer each line of standard input with one line on standard output."""
    import logging
    import resource

    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    compare("open_r1", "$1$", "$1$")
    for line in sys.stdin:
        used = resource.getrusage(resource.RUSAGE_SELF)
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + CPU_SECONDS + 1, hard))
        try:
            verdict = compare(*json.loads(line))
        except Exception:  # the sources count whatever goes wrong as not equal
            verdict = 0.0
        print(json.dumps(verdict), flush=True)


if __name__ == "__main__":
    main()
