"""Why a completion ended, as other engines and services say it -> `stop`, `length` or `error`. `import` and `grade` read rows with it.

Upper and lower case, '-' for '_' and the name of an enumeration before it ('FinishReason.STOP') make no difference. What nobody said is
`stop`: nothing tells of a completion that was cut off. A name that is not known is refused, since a guess would move a score.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from r1bench.harness.errors import quoted
from r1bench.harness.records import FinishReason

ENDED = """stop eos eos_token end_of_text end_of_sequence endoftext stop_sequence stop_token stop_str stop_string end_turn eot word
tool_calls tool_call tool_use function_call finished finish complete completed done success"""
"""The model ended its turn, by an end token, a text to stop at, or a call of a tool."""
CUT = """length max_tokens max_token max_length max_new_tokens max_output_tokens max_completion_tokens token_limit length_limit limit
context_length model_length model_context_window_exceeded truncated"""
"""Tokens ran out."""
BROKEN = """error abort aborted cancel canceled cancelled failed failure timeout content_filter content_filtered filtered safety recitation
blocklist prohibited_content spii guardrail_intervened refusal malformed_function_call other"""
"""Somebody else ended it: the server, its filter, a person."""
REASONS: dict[str, FinishReason] = {
    **dict.fromkeys(ENDED.split(), "stop"),
    **dict.fromkeys(CUT.split(), "length"),
    **dict.fromkeys(BROKEN.split(), "error"),
}
COLUMNS = (
    *("finish_reason", "finish_reasons", "finishReason", "finishReasons", "finish", "stop_reason", "stop_reasons", "stopReason"),
    *("stopReasons", "done_reason", "doneReason", "completion_reason", "completionReason", "stop_type"),
)
"""Where a row says it; the first that says something counts."""
STOPPED_AT = ("stop_reason", "stop_reasons")
"""Of these the columns in which vLLM gives the number of the token that it stopped at."""
ERRORS = ("error", "error_message", "exception")
"""Where a row says what broke off."""


class BadReason(Exception):
    """Reasons that cannot be read: what is wrong and what to do."""

    def __init__(self, problem: str, cure: str) -> None:
        super().__init__(f"{problem}; {cure}")
        self.problem, self.cure = problem, cure


def reason_of(value: Any, column: str) -> FinishReason:
    """Ours for one of theirs; of an object ({"type": "stop", "matched": 2} of SGLang) its `type`. Raises BadReason: it is not known."""
    told = value.get("type", value) if isinstance(value, Mapping) else value
    if told is None or told == "" or (type(told) is int and column in STOPPED_AT):
        return "stop"
    name = told.strip().lower().rpartition(".")[2].replace("-", "_").replace(" ", "_") if isinstance(told, str) else ""
    if name not in REASONS:
        raise BadReason(
            f"the finish reason {quoted(value)} (column {quoted(column)}) is not known",
            "write stop, length (tokens ran out) or error in its place",
        )
    return REASONS[name]


def endings(row: Mapping[str, Any], texts: Sequence[Any], column: str = "") -> list[tuple[Any, FinishReason]]:
    """The completions of a row, each with why it ended; '' for one without a text where the row says that it was not made.

    The row says so by its reason, or by a field for an error that is not empty (which beside a text says nothing).

    Args:
        column: where the reasons are, a list with one for each completion or one for all; else the first of COLUMNS that says something.

    Raises:
        BadReason: another number of them, or as `reason_of`.
    """
    from r1bench.tasks.data.rows import value_at

    given = [(name, value_at(row, name)) for name in ([column] if column else COLUMNS)]
    name, why = next(((name, value) for name, value in given if value not in (None, "")), ("", None))
    reasons = why if isinstance(why, list) else [why] * len(texts)
    if len(reasons) != len(texts):
        raise BadReason(f"has {len(texts)} completions and {len(reasons)} finish reasons", "give one for each, or one for all")
    said = next((row[name] for name in ERRORS if row.get(name)), None)
    errors = said if isinstance(said, list) and len(said) == len(texts) else [said] * len(texts)
    found: list[tuple[Any, FinishReason]] = []
    for text, reason, error in zip(texts, reasons, errors, strict=True):
        ended = "error" if error and text in (None, "") else reason_of(reason, name)
        found.append(("" if text is None and ended == "error" else text, ended))
    return found
