"""The process that Math-Verify runs in: reads requests from standard input, one JSON object per line, and answers on standard output.

Started by workers.py as `python -m r1bench.tasks.grading.mathematics.math_worker`; of no use by hand. It imports Math-Verify once and
compares each pair in a child of its own, a fork that takes milliseconds: no pair finds what another left in a cache, and one that
reaches its bound on time costs no new start. At that bound the kernel ends the child (SIGPROF with its default action, after so much
processor time of its own): no handler runs, so nothing in a library can catch it, and time that the machine spends on others does not
count. Also bounded: memory, and the life of both processes by that of the process that started them.
"""

import ctypes
import json
import logging
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
WARMING = (("\\frac{1}{2}+x", "x+0.5"), ("\\frac{n(n+1)}{2}", "\\sum_{k=1}^{n} k"), ("\\frac12", "\\int_0^1 x dx"))
EXHAUSTED: list[str] = []


def main() -> None:
    """Serve until standard input ends."""
    parent = int(sys.argv[1])
    end_with_parent()
    if os.getppid() != parent:
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get among the replies
    logging.disable(logging.CRITICAL)
    note_exhaustion()
    for gold, answer in WARMING:  # imports happen here, so that no request pays for them
        judge(gold, answer)
    serve(sys.stdin.buffer, replies)


def end_with_parent() -> None:
    """Have the kernel end this process when the one that started it ends (Linux; elsewhere the end of standard input does)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer each line of `requests` with one line on `replies`."""
    for line in requests:
        request = json.loads(line)
        started = time.perf_counter_ns()
        lost: dict[str, Any] = {"outcome": "failed", "reason": "ended by a signal from outside"}
        reply = in_child(request) or in_child(request) or lost  # one that was ended from outside is asked once more
        reply["microseconds"] = (time.perf_counter_ns() - started) // 1000
        replies.write(json.dumps(reply).encode() + b"\n")
        replies.flush()


def in_child(request: dict[str, Any]) -> dict[str, Any] | None:
    """The reply to a request, worked out in a child within its bound on time; None if something else ended the child."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            end_with_parent()
            signal.setitimer(signal.ITIMER_PROF, request["cpu_seconds"])
            os.write(writing, json.dumps(answered(request)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        reply = pipe.read()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return {"outcome": "failed", "reason": "time bound"} if os.WTERMSIG(status) == signal.SIGPROF else None
    return json.loads(reply) if reply else None


def answered(request: dict[str, Any]) -> dict[str, Any]:
    """The reply to a request, without its time."""
    try:
        outcome, reason = judge(request["gold"], request["answer"])
        return {"outcome": outcome, "reason": reason}
    except (MemoryError, RecursionError, OverflowError) as error:
        return {"outcome": "failed", "reason": f"{type(error).__name__} while comparing"}
    except Exception:  # reported to the parent, which raises GraderError
        return {"fault": traceback.format_exc(limit=-5)}


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
        return ("failed", f"{EXHAUSTED[0]} while comparing") if EXHAUSTED else ("wrong", "differs")
    if not all(is_close(left, right) for left, right in zip(golds, answers, strict=False)):
        return "wrong", "differs by little"
    return "correct", "equal"


def note_exhaustion() -> None:
    """Have Math-Verify's simplification note in EXHAUSTED when memory or the stack ended: Math-Verify itself takes that for 'not equal'."""
    from math_verify import grader

    simplify = grader.simplify

    def noting(*arguments: Any, **options: Any) -> Any:
        try:
            return simplify(*arguments, **options)
        except (MemoryError, RecursionError, OverflowError) as error:
            EXHAUSTED.append(type(error).__name__)
            raise

    grader.simplify = noting


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
