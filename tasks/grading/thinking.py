r"""Splits a completion into its reasoning and its answer part. A grader looks for an answer in the answer part only.

Left out: any other markup (`<answer>` is extraction.py's, the strict format is format.py's). Tags are `<think>` and `<thinking>` in
any case. A prompt that ends in `<think>` (R1's chat template) says so in `prefill`; the completion then carries only `</think>`.

| tags, in order                                          | state      | answer part                                         |
|---------------------------------------------------------|------------|-----------------------------------------------------|
| none, none open in the prefill                          | absent     | everything                                          |
| `<think>a</think>b`, nothing but white space before     | closed     | b                                                   |
| `a</think>b`, whether or not a prefill is known         | prefilled  | b                                                   |
| opened (here or in the prefill), closed nowhere         | unfinished | empty                                               |
| anything else: nested, repeated, reversed, text before  | malformed  | after the last `</think>`, up to a `<think>` beyond |

One pass of a fixed pattern: linear time on any input.
"""

import re

from r1bench.harness.records import Thinking

TAG = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE | re.ASCII)


def ends_in_thinking(prefill: str) -> bool:
    """Whether the last thinking tag of a prefill opens: the completion then begins inside the reasoning."""
    tags = TAG.findall(prefill)
    return bool(tags) and tags[-1] == ""


def split(text: str, prefill: str = "") -> Thinking:
    """The completion `text` split by the rules of the table above.

    Args:
        text: the completion as generated, without the prefill.
        prefill: what the prompt ended in that belongs to the answer.
    """
    is_open = ends_in_thinking(prefill)
    tags = list(TAG.finditer(text))
    closings = [tag for tag in tags if tag[1]]
    if not tags and not is_open:
        return Thinking("absent", "", text)
    if not closings:
        start = 0 if is_open or not tags else tags[0].end()
        return Thinking("unfinished", text[start:], "")
    kinds = "".join("c" if tag[1] else "o" for tag in tags)
    last = closings[-1]
    if kinds == "c":
        return Thinking("prefilled", text[: last.start()], text[last.end() :])
    if kinds == "oc" and not is_open and not text[: tags[0].start()].strip():
        return Thinking("closed", text[tags[0].end() : last.start()], text[last.end() :])
    reopened = tags[kinds.rindex("c") + 1 :]
    after = reopened[0].start() if reopened else len(text)
    start = tags[0].end() if not tags[0][1] and not is_open else 0
    return Thinking("malformed", text[start : last.start()], text[last.end() : after])
