"""Why a completion ended, as other engines and services say it -> `stop`, `length` or `error`.

Upper and lower case, '-' for '_' and the name of an enumeration before it ('FinishReason.STOP') make no difference. What nobody said is
`stop`: nothing tells of a completion that was cut off. A name that is not known is refused, since a guess would move a score.
"""

from typing import Any

from r1bench.harness.errors import DataError, quoted
from r1bench.harness.records import FinishReason

ENDED = """stop eos eos_token end_of_text end_of_sequence endoftext stop_sequence stop_token stop_str stop_string end_turn eot
tool_calls tool_call tool_use function_call finished finish complete completed done success"""
"""The model ended its turn, by an end token, a text to stop at, or a call of a tool."""
CUT = """length max_tokens max_token max_length max_new_tokens max_output_tokens max_completion_tokens token_limit length_limit
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
COLUMNS = ("finish_reason", "finish_reasons", "finishReason", "finish", "done_reason")


def reason_of(value: Any, where: str) -> FinishReason:
    """Ours for one of theirs. Raises DataError: it is not known."""
    if value is None or value == "":
        return "stop"
    name = value.strip().lower().rpartition(".")[2].replace("-", "_").replace(" ", "_") if isinstance(value, str) else ""
    if name not in REASONS:
        cure = (
            "write stop, length (tokens ran out) or error in its place, or name the column of the reasons with --map finish_reason=COLUMN"
        )
        raise DataError(where, f"the finish reason {quoted(value)} is not known", cure)
    return REASONS[name]


def reasons_of(value: Any, count: int, where: str) -> list[FinishReason]:
    """Of the completions of a row: a list with one for each, or one for all. Raises DataError: another number, or as `reason_of`."""
    given = value if isinstance(value, list) else [value] * count
    if len(given) != count:
        raise DataError(where, f"has {count} completions and {len(given)} finish reasons", "give one for each, or one for all")
    return [reason_of(each, where) for each in given]
