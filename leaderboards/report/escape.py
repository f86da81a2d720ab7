r"""The one door through which values go into pages: JSON that is safe inside HTML, inside a script, and as a script.

    script_json({"text": "</script>"})        ->  {"text":"\u003c/script\u003e"}
    data_file("run/a/samples-0", [...])       ->  r1bench.receive("run/a/samples-0", [...]);

Completions, prompts and names are written by models and strangers. What could end a script element, begin a comment, end a line of
JavaScript, turn the direction of writing, or be no text at all is written as an escape or replaced. Left out: HTML text itself, which
jinja2 escapes in the page's template.
"""

import json
import math
import re
from typing import Any

KEY = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")
UNSAFE = re.compile(r"[<>&\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
"""Marks of HTML, ends of lines to JavaScript, control characters, and what is invisible or turns the direction of writing."""
HALVES = re.compile("[\ud800-\udfff]")
"""Half a character: no text, and no UTF-8."""
PROTOTYPE = re.compile(r'([{,]"__proto__)":')
"""As a key of a JavaScript literal it would set the object's prototype. A quote inside a text is written \\", so that this is a key."""


def script_json(value: Any) -> str:
    """A value as JSON that may stand in a script element, in an attribute's quotes, or in a JavaScript file.

    Numbers that JSON does not have (NaN, infinities) become null; half characters become U+FFFD; the key '__proto__' gets a blank.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        text = json.dumps(finite(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if "__proto__" in text:
        text = PROTOTYPE.sub(r'\1 ":', text)
    if not text.isascii():
        text = HALVES.sub("\ufffd", text)
    return UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def finite(value: Any) -> Any:
    """The value with null for every number that is none."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def rounded(value: Any) -> Any:
    """The value with its floats at 6 significant digits: what a page can show, and half of the bytes."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value


def data_file(key: str, value: Any) -> str:
    """The text of a data file: one call that hands the value to the page."""
    if not KEY.fullmatch(key) or ".." in key:
        raise ValueError(f"{key!r} is no key of a data file")
    return f'r1bench.receive("{key}",{script_json(value)});\n'
