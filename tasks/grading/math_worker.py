"""The process that Math-Verify runs in: reads requests from standard input, one JSON object per line, and answers on standard output.

Started by workers.py as `python -m r1bench.tasks.grading.math_worker`; of no use by hand. Its bounds: the memory of the process,
processor time anew for each request (at the bound the kernel ends the process), and the life of the process that started it.
No timer and no signal handler is used, so that the verdict does not depend on how busy the machine is.

Request  {"gold": LaTeX, "answer": LaTeX or null, "cpu_seconds": 5.0}
Reply    {"outcome": "correct" | "wrong" | "unparsed" | "gold" | "failed", "reason": ..., "microseconds": ...}; "gold" means that the
gold does not parse; an answer of null asks for just that. {"fault": traceback} is a fault of ours.
"""

import ctypes
import json
import logging
import math
import os
import resource
import signal
import sys
import time
import traceback
from typing import Any, BinaryIO

MEMORY_BYTES = 4 * 2**30
PR_SET_PDEATHSIG = 1
EXACT_DIGITS = 30


def main() -> None:
    """Serve until standard input ends."""
    parent = int(sys.argv[1])
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get among the replies
    logging.disable(logging.CRITICAL)
    expressions("1")  # imports happen here, so that the first request has as much time as the others
    serve(sys.stdin.buffer, replies)


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer each line of `requests` with one line on `replies`."""
    for line in requests:
        request = json.loads(line)
        renew_cpu_bound(request["cpu_seconds"])
        started = time.perf_counter_ns()
        try:
            outcome, reason = judge(request["gold"], request["answer"])
            reply: dict[str, Any] = {"outcome": outcome, "reason": reason}
        except (MemoryError, RecursionError, OverflowError) as error:
            reply = {"outcome": "failed", "reason": f"{type(error).__name__} while comparing"}
        except Exception:  # reported to the parent, which raises GraderError
            reply = {"fault": traceback.format_exc(limit=-5)}
        reply["microseconds"] = (time.perf_counter_ns() - started) // 1000
        replies.write(json.dumps(reply).encode() + b"\n")
        replies.flush()


def renew_cpu_bound(cpu_seconds: float) -> None:
    """Let this process use at least `cpu_seconds` more of processor time, and less than two seconds beyond."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    bound = math.ceil(used.ru_utime + used.ru_stime + cpu_seconds) + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (bound if hard == resource.RLIM_INFINITY else min(bound, hard), hard))


def judge(gold: str, answer: str | None) -> tuple[str, str]:
    """Outcome and reason. Only the LaTeX as a whole is parsed: no falling back on a number somewhere inside it."""
    from math_verify import verify

    golds = expressions(gold)
    if not golds:
        return "gold", "the gold answer does not parse"
    answers = golds if answer is None else expressions(answer)
    if not answers:
        return "unparsed", "the answer does not parse"
    try:
        is_equal = verify(golds, answers, allow_set_relation_comp=True, timeout_seconds=None, raise_on_error=True)
    except Exception as error:  # whatever sympy meets in a model's formula is an outcome of its own, neither a fault of ours nor a 0
        return "failed", f"{type(error).__name__} while comparing"
    if not is_equal:
        return "wrong", "differs"
    if not all(is_close(left, right) for left, right in zip(golds, answers, strict=False)):
        return "wrong", "differs by little"
    return "correct", "equal"


def expressions(latex: str) -> list[Any]:
    """What Math-Verify makes of one LaTeX formula; empty if it does not parse."""
    from latex2sympy2_extended.latex2sympy2 import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse

    normalization = NormalizationConfig(basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="all")
    config = LatexExtractionConfig(normalization_config=normalization)
    found = parse(f"${latex}$", [config], fallback_mode="no_fallback", parsing_timeout=None)
    return [expression for expression in found if not isinstance(expression, str)]


def is_close(gold: Any, answer: Any) -> bool:
    """False for two constants that differ relative to their size, which Math-Verify takes for equal when both are small (its
    issue 14: 2^-99 and 2^-98). Constants with a float in them are left to its rounding to six decimals."""
    from sympy import Expr, Float

    for expression in (gold, answer):
        if not isinstance(expression, Expr) or expression.free_symbols or expression.has(Float):
            return True
    difference, size = (gold - answer).evalf(EXACT_DIGITS), gold.evalf(EXACT_DIGITS)
    if not (difference.is_number and size.is_number and difference.is_finite and size.is_finite):
        return True
    return bool(abs(difference) <= abs(size) * 10 ** (5 - EXACT_DIGITS))


if __name__ == "__main__":
    main()
