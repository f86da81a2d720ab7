"""Plain-text pieces of the reports: points, counts, columns, paragraphs. At most 80 columns, on any terminal.

Left out: colour, and everything about what the numbers mean. Names come from files that others wrote: what steers a terminal or a CI
runner is replaced before it reaches one.
"""

import textwrap
import unicodedata
from collections.abc import Mapping, Sequence

from r1bench.harness.errors import harmless
from r1bench.harness.records import OUTCOMES

WIDTH = 80
UNKNOWN = "-"


def plain(text: str) -> str:
    """The text with every control character, line break and direction mark shown as '?', and so what a CI runner would obey."""
    return harmless("".join("?" if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") else letter for letter in text))


def display_width(text: str) -> int:
    """Columns on a terminal: Chinese characters take two, combining marks none."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(unicodedata.combining(letter) > 0 for letter in text)


def left(text: str, width: int) -> str:
    """Padded on the right to `width` columns; a longer text stays whole."""
    return text + " " * (width - display_width(text))


def right(text: str, width: int) -> str:
    """Padded on the left to `width` columns; a longer text stays whole."""
    return " " * (width - display_width(text)) + text


def shortened(text: str, width: int) -> str:
    """At most `width` columns, with an ellipsis where something was left out."""
    return text if display_width(text) <= width else _cut(text, width - 1)[0] + "…"


def number(value: float | None, decimals: int = 1) -> str:
    """A figure with fixed decimals and no '-0.0'; '-' where it is unknown."""
    if value is None:
        return UNKNOWN
    return f"{round(value, decimals) + 0.0:.{decimals}f}"


def points(fraction: float | None) -> str:
    """0.4123 -> '41.2'."""
    return UNKNOWN if fraction is None else number(100 * fraction)


def signed_points(fraction: float | None) -> str:
    """0.4123 -> '+41.2'; what rounds to nothing has no sign: '0.0'."""
    text = points(fraction)
    return f"+{text}" if fraction is not None and float(text) > 0 else text


def between(low: float | None, high: float | None) -> str:
    """'[36.0, 46.4]' in points, or nothing."""
    return "" if low is None or high is None else f"[{points(low)}, {points(high)}]"


def plus_minus(value: float | None, low: float | None, high: float | None, decimals: int = 1) -> str:
    """'45.9±1.4': a value with the larger half of its interval; the value alone where that is unknown."""
    text = number(value, decimals)
    return text if value is None or low is None or high is None else f"{text}±{number(max(high - value, value - low), decimals)}"


def measure(unit: str, value: float | None, low: float | None = None, high: float | None = None, decimals: int = 1) -> str:
    """A value with the larger half of its interval, in points where the unit says so."""
    scaled = [None if each is None else each * (100 if unit == "points" else 1) for each in (value, low, high)]
    return plus_minus(scaled[0], scaled[1], scaled[2], decimals)


def interval(unit: str, value: float | None, low: float | None = None, high: float | None = None) -> str:
    """'41.2 [36.0, 46.4]', in points where the unit says so."""
    texts = [number(None if each is None else each * (100 if unit == "points" else 1)) for each in (value, low, high)]
    return texts[0] if low is None or high is None else f"{texts[0]} [{texts[1]}, {texts[2]}]"


def outcome_counts(outcomes: Mapping[str, int]) -> str:
    """'612/300/50/38/0': correct, wrong, unparsed, truncated, failed."""
    return "/".join(str(outcomes[outcome]) for outcome in OUTCOMES)


def paragraph(text: str, *, indent: str = "") -> str:
    """The text wrapped to 80 columns."""
    lines = textwrap.wrap(text, WIDTH - len(indent), break_long_words=False, break_on_hyphens=False)
    return "\n".join(indent + piece for line in lines for piece in _cut(line, WIDTH - len(indent)))


def _cut(line: str, width: int) -> list[str]:
    """A line in pieces that fit: for wide characters and words without a space."""
    pieces, piece = [], ""
    for letter in line:
        if display_width(piece + letter) > width:
            pieces.append(piece)
            piece = ""
        piece += letter
    return [*pieces, piece]


def columns(cells: Sequence[str], widths: Sequence[int]) -> str:
    """One row: a negative width aligns left, a positive one right; one space between columns."""
    aligned = (left(cell, -width) if width < 0 else right(cell, width) for cell, width in zip(cells, widths, strict=True))
    return " ".join(aligned).rstrip()
