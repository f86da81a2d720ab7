r"""Splits a completion into its reasoning and its answer part. A grader looks for an answer in the answer part only.

Marks that open and close a reasoning, in any case where nothing else is said:

| opens                                | closes                               | written by                                          |
|--------------------------------------|--------------------------------------|-----------------------------------------------------|
| `<think>`, `<thinking>`              | `</think>`, `</thinking>`            | DeepSeek-R1, Qwen3, GLM, Phi-4, Nemotron, Kimi-K2,  |
|                                      |                                      | Hunyuan, Granite 3.3, ERNIE, Reflection, ...        |
| `<thought>`, `<reasoning>`           | `</thought>`, `</reasoning>`         | EXAONE Deep, Marco-o1; LLaVA-CoT, GRPO tutorials    |
| `<seed:think>`, `<longcat_think>`    | `</seed:think>`, `</longcat_think>`  | Seed-OSS (its `<seed:cot_budget_reflect>` is text   |
|                                      |                                      | of the reasoning), LongCat                          |
| `[THINK]` (capitals)                 | `[/THINK]` (capitals)                | Magistral, Ministral                                |
| `◁think▷`                            | `◁/think▷`                           | Kimi-VL, Kimi-k1.5                                  |
| `<|begin_of_thought|>`               | `<|end_of_thought|>`                 | Sky-T1, Bespoke-Stratos, OpenThinker                |
| `<|START_THINKING|>`                 | `<|END_THINKING|>`                   | Command-A reasoning                                 |
| `<|inner_prefix|>`                   | `<|inner_suffix|>`                   | Apertus                                             |
| `<|think|>`, `<|think:start|>`       | `<|content|>`, `<|think:end|>`       | Solar Open                                          |
| `<|channel|>analysis<|message|>`,    | `<|channel|>final<|message|>`, with  | gpt-oss; several such messages are one reasoning    |
| `commentary` too                     | `<|end|><|start|>assistant` before   |                                                     |
| `<|channel>thought`                  | `<channel|>`                         | Gemma 4                                             |
| `<|im_start|>think`                  | `<|im_start|>answer`                 | s1                                                  |
| `Here is my thought process:` (1)    | `Here is my response:` (1)           | Granite 3.2                                         |
| `Here are my reasoning steps:` (1)   | `[BEGIN FINAL RESPONSE]`             | Apriel                                              |
| `analysis` (1), capital letter after | `assistantfinal` (1)                 | gpt-oss, decoded without its special tokens         |
| `|special_token|`                    | `|special_token|`: every other one   | R1's cold start (arXiv 2501.12948 section 2.3.1);   |
|                                      |                                      | also `<|special_token|>`                            |

(1) opens at the very beginning only, and closes only what was opened so: elsewhere these are words.
Any opening goes with any closing; an opening tag may have attributes. `<|begin_of_solution|>` and `<|START_RESPONSE|>` close a reasoning
that still stands open. A prompt that ends inside the reasoning (R1's chat template ends in `<think>`) says so in `prefill`; the completion
then carries only the closing. With o for an opening and c for a closing:

| marks, in order                                             | state      | answer part                                   |
|-------------------------------------------------------------|------------|-----------------------------------------------|
| none, and the prefill leaves nothing open                   | absent     | everything                                    |
| `o reasoning c answer`, nothing spoken before               | closed     | what follows the closing                      |
| `reasoning c answer`, whether or not a prefill is known     | prefilled  | what follows the closing                      |
| opened (here or in the prefill), closed nowhere             | unfinished | empty                                         |
| anything else: nested, repeated, reversed, text before the  | malformed  | what follows the last closing, up to the next |
| opening, closed by the beginning of a solution alone        |            | opening if there is one                       |

If the answer part says where the answer begins (`<|begin_of_solution|>`, `<|START_RESPONSE|>`, a closing of gpt-oss, s1 or Apriel again;
`<response>` or `<output>` right behind the reasoning, if nothing follows their end), it is what follows the last such mark, up to its end
(`<|end_of_solution|>`, `<|END_RESPONSE|>`, `[END FINAL RESPONSE]`, `</response>`). Special tokens at the very end (`<|im_end|>`) are not
part of it.
The text itself is never changed: reasoning and answer part are slices of it. Fixed patterns, each passed over the text once: linear time
on any input. A mark that looks like one of a reasoning and is none of these is for `unknown_marking` to find; nothing is set aside for it.

A mark that is spoken of is text: quoted on both sides (`'<think>'`), or, outside a reasoning, inside a line of a fenced block of code.
`<think>`, `<thinking>`, `<|begin_of_thought|>` and R1's token open in the middle of a sentence too. The other tags, tokens and brackets
open where they stand apart (they begin a line, follow the end of a sentence, a label or another mark) or where a closing follows; glued to
a word (`vector<Thought>`, `arr[THINK]`) tags and brackets never do.

Reasons behind the answer are no part of either: a last `<reasoning>` or `<thought>` with nothing behind it, where `</answer>`, a box or a
block of code stands before it, is left out, and so is not the reasoning that the state speaks of.

Left out: any other markup, such as `<answer>`; how strictly a format was kept.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from r1bench.harness.records import UNKNOWN_MARKING, Thinking, ThinkingState

CASELESS = re.IGNORECASE | re.ASCII | re.VERBOSE
TAG_NAMES = r"(?:seed:|longcat_)?(?:think(?:ing)?|thought|reasoning)"
ATTRIBUTES = r"""(?:\s{1,3}[\w:-]{1,30}=(?:"[^"<>]{0,60}"|'[^'<>]{0,60}'|[\w.-]{1,40})){1,4}\s?"""
NEXT_MESSAGE = r"(?:\|end\|>\s{0,2}<)?(?:\|(?:start|begin)\|>assistant<)?"
"""What gpt-oss and Solar write between two messages of one turn."""
SOLUTION_BEGINS = r"\|(?:begin_of_solution|START_RESPONSE)\|>"
HEADER_REST = r"(?:[^<]{0,60}<\|constrain\|>)?[^<]{0,60}<\|message\|>"
"""What gpt-oss may write behind the name of a channel: to whom, and in what format."""
FINAL = rf"(?:{NEXT_MESSAGE}\|channel\|>final{HEADER_REST} | \|im_start\|>answer\b)"
FINAL_IN_BRACKETS = r"BEGIN\ FINAL\ RESPONSE\]"
MARKS = rf"""
    (?<=<)(?: (?P<opening> {TAG_NAMES}(?:{ATTRIBUTES})?>
            | \|(?:begin_of_thought|START_THINKING|inner_prefix|think(?::start)?)\|> | \|im_start\|>think\b
            | \|channel>thought\b )
        | (?P<closing> /{TAG_NAMES}> | \|(?:end_of_thought|END_THINKING|inner_suffix|think:end|/think)\|> | channel\|> )
        | (?P<channel> (?:\|start\|>assistant<)?\|channel\|>(?:analysis|commentary){HEADER_REST} )
        | (?P<solution> {SOLUTION_BEGINS} )
        | (?P<answering> {FINAL} | {NEXT_MESSAGE}\|content\|> )
        | (?P<toggle> \|special_token\|> ) )
    | (?<=\|)(?P<toggle_bare> special_token\| )
    | (?<=\[)(?: (?P<opening_in_brackets> (?-i:THINK\]) ) | (?P<closing_in_brackets> (?-i:/THINK\]) )
        | (?P<answering_in_brackets> {FINAL_IN_BRACKETS} ) )
    | (?<=◁)(?: (?P<opening_in_arrows> think▷ ) | (?P<closing_in_arrows> /think▷ ) )
"""
"""Marks behind their first character; a group is named for what its marks do, up to the first underscore."""
MARK = re.compile(rf"[<\[◁|](?: {MARKS} )", CASELESS)
"""This and the other patterns begin with the characters that they can begin with: a search then skips all others quickly."""
MARK_IN_WORDS = re.compile(rf"[<\[◁|Ha](?: {MARKS} | (?P<said> ere(?:\ is|['’]s)\ my\ response: | (?<=a)(?-i:ssistantfinal) ))", CASELESS)
OPENING_IN_WORDS = re.compile(
    r"Here(?: is|['’]s) my thought process:|Here are my reasoning steps:|(?-i:analysis)(?=(?-i:[A-Z])[a-z']*[ ,][a-z0-9])",
    re.IGNORECASE | re.ASCII,
)
SOLUTION = re.compile(
    rf"[<\[](?: (?<=<)(?:(?P<begin> {SOLUTION_BEGINS} | {FINAL} ) | \|(?:end_of_solution|END_RESPONSE)\|>)"
    rf" | (?<=\[)(?:(?P<begin_in_brackets> {FINAL_IN_BRACKETS} ) | END\ FINAL\ RESPONSE\]) )",
    CASELESS,
)
ENVELOPE = re.compile(r"\s*<(?:response|output)>", re.IGNORECASE | re.ASCII)
ENVELOPE_END = re.compile(r"</(?:response|output)>", re.IGNORECASE | re.ASCII)
SPECIAL = re.compile(
    r"[<\[](?:(?<=<)(?:[|｜](?=[^|｜]{0,40}[A-Za-z]{3})[\w▁:/.]{3,40}[|｜]>|/?s>|(?:eos|bos|pad|unk)>|seed:(?:eos|bos|pad)>"
    r"|(?:start|end)_of_turn>|\|turn>|turn\|>|(?:extra_id_|unused|reserved_|SPECIAL_)\d{1,4}>|end_of_sentence>)"
    r"|(?<=\[)(?:\|[\w/]{3,40}\|\]|/?INST\]))"
)
"""What tokenizers write for their special tokens; `|x - 1|` between `<` and `>` is mathematics."""
LONGEST_SPECIAL = 64
TURNS = tuple(
    (re.compile(line, re.MULTILINE), re.compile(answered, re.MULTILINE))
    for line, answered in (
        (r"^[ \t]{0,8}(?:\*\*)?(?:User|Human)(?:\*\*)?[ \t]{0,8}[:：]|(?<=</answer>)\s{0,8}(?:User|Human):", r"Assistant(?:\*\*)?\s?[:：]"),
        (r"^[ \t]{0,8}(?:\*\*)?(?:USER|HUMAN)(?:\*\*)?[ \t]{0,8}[:：]", r"ASSISTANT(?:\*\*)?\s?[:：]"),
        (r"^[ \t]{0,8}(?:\*\*)?(?:用户|人类)(?:\*\*)?[ \t]{0,8}[:：]", r"(?:助手|助理)(?:\*\*)?\s?[:：]"),
        (r"^#{2,4}[ \t]?(?:Instruction|Human|User):", r"### "),
        (r"(?:^|(?<=[.!?。})$*]))user\n\n?(?=[^\n]{0,400}[ ?？\d])", r"(?:^|(?<=[^\w\s]))(?:assistant|model)\n"),
    )
)
"""Lines with which a model takes up the user's part, and what must come after for the line to be one. The last is ChatML's, Llama 3's and
Gemma's header without its special tokens: a word alone, with a sentence behind it."""
USER = r"(?:user|human|system|tool|ipython|environment|observation)\b"
END_OF_TURN = re.compile(
    rf"[<\[](?:(?<=<)(?:\|(?:im_start|start_header_id|start_of_role|start|begin)\|>{USER}|(?:start_of_turn|\|turn|seed:bos|extra_id_1)>{USER}"
    r"|[|｜](?:hy_|im_)?(?:user|human|prompter|observation)(?:_token)?[|｜]>"
    r"|[|｜](?:im_end|endoftext|end_of_text|eot_id|eom_id|eot|eom|eos|return|call|end▁of▁sentence|end_of_turn|end_of_turn_token|endofturn"
    r"|assistant_end)[|｜]>|\|end\|>(?!\s{0,2}<\|(?:start|begin)\|>assistant)|end_of_turn>|turn\|>|end_of_sentence>|eos>|seed:eos>|/s>)"
    r"|(?<=\[)(?:\|(?:user|human|endofturn)\|\]|INST\]))",
    re.IGNORECASE,
)
"""Special tokens with which a turn is over or the user's begins."""
IN_SENTENCE = re.compile(r"(?:[a-z]|,) </s> [a-z]", re.IGNORECASE)
"""An end of text in HTML for struck text, spoken of: `In HTML, </s> closes it`."""

LOOKS_ALIKE = re.compile(
    r"[<\[◁][|｜]?\s?(?P<ends>/)?\s?(?P<name>[A-Za-z][A-Za-z0-9_:.▁/-]{2,48}(?: [a-z]{2,20})?)\s?(?:[|｜]?>|\](?![(\[:])|▷)", re.ASCII
)
ENCLOSED = re.compile(
    r"(?:[\[{【⟨〈《]|&lt;|<(?!\s?/?\s?[A-Za-z]))\s?(?P<ends>/)?\s?(?P<name>[A-Za-z_]{3,30}|(?:思考|思维|推理|分析)(?:过程)?)"
    r"\s?(?:[\]}>】⟩〉》]|&gt;)"
)
"""Names in other brackets, which are marks of a reasoning only in pairs."""
STEMS = (
    *("think", "thought", "reasoning", "rationale", "scratchpad", "monolog", "deliberat", "contemplat", "introspect", "chain_of"),
    *("思考", "思维", "推理", "分析"),
)
WORDS = frozenset(
    ("reason", "reasons", "analysis", "analyze", "analyse", "scratch", "reflect", "reflection", "ponder", "cot", "brainstorm", "planning")
)
"""What names of marks of a reasoning hold, and words of which they consist."""
OF_ANY_PLACE = re.compile(r"<(?:think(?:ing)?[\s>]|\|begin_of_thought\|>)", re.IGNORECASE | re.ASCII)
"""Openings that count in the middle of a sentence too; others must stand apart, or be closed somewhere."""
RATIONALE = re.compile(r"<(?:thought|reasoning)[\s>]", re.IGNORECASE | re.ASCII)
SAID = re.compile(r"</answer>|\\(?:boxed|fbox)\b|```", re.IGNORECASE)
"""What says that an answer was given."""
SPECIAL_IN_BRACKETS = re.compile(r"\[/[A-Z_]{3,40}\]$")
"""What Mistral's templates write before the model's part, such as `[/INST]`."""
APART = ("\n", ":", "：", ".", "!", "?", "。", "！", "？", ">", "]", "】", "▷", ")")
QUOTES = {"`": "`", "'": "'", '"': '"', "“": "”", "‘": "’", "「": "」"}
FENCE = "```"
LONGEST_INDENT = 200
"""Characters before a mark that are looked at for whether it begins its line."""
MOST_SHOWN = 40
"""Letters of a mark in a note."""
BRACKET = re.compile(r"[<\[{【⟨◁]\S")
SPEAKER = re.compile(r"Assistant\s?:|ASSISTANT\s?:|### |\[/INST\]|<[|｜]|<start_of_turn>")
"""What begins the model's part of a prompt: a mark before it stands in the user's."""


class Span(NamedTuple):
    """A part of a text, as Python slices it."""

    start: int
    end: int


class Parts(NamedTuple):
    """Where the parts of a completion stand in its text."""

    state: ThinkingState
    reasoning: Span
    """Empty where no reasoning is marked."""
    answer: Span


class Marks(NamedTuple):
    """The marks of a text, in order."""

    kinds: str
    """A letter for each. o: opens; c: closes; s: a solution begins where the reasoning was never closed."""
    places: list[re.Match[str]]
    is_open: bool
    """Whether the text begins inside the reasoning."""


def split(text: str, prefill: str = "") -> Thinking:
    """The completion `text` split by the rules of the table above.

    Args:
        text: the completion as generated, without the prefill.
        prefill: what the prompt ended in that belongs to the answer.
    """
    state, reasoning, answer = parts(text, prefill)
    return Thinking(state, text[slice(*reasoning)], text[slice(*answer)])


def parts(text: str, prefill: str = "") -> Parts:
    """As `split`, but where the parts stand instead of what they say."""
    kinds, places, is_open = _marks(text, prefill)
    end = len(text)
    if _is_rationale(text, kinds, places, is_open=is_open):
        end, kinds, places = places[-2].start(), kinds[:-2], places[:-2]
    if not kinds and not is_open:
        return Parts("absent", Span(0, 0), _solution(text, 0, end))
    last = max(kinds.rfind("c"), kinds.rfind("s"))
    if last < 0:
        return Parts("unfinished", Span(0 if is_open else places[0].end(), len(text)), Span(len(text), len(text)))
    reasoning = Span(places[0].end() if kinds[0] == "o" and not is_open else 0, places[last].start())
    answer = _solution(text, places[last].end(), places[last + 1].start() if last + 1 < len(places) else end, is_behind=True)
    if kinds == "c":
        return Parts("prefilled", reasoning, answer)
    is_closed = kinds == "oc" and not is_open and not without_specials(text[: places[0].start()]).strip()
    return Parts("closed" if is_closed else "malformed", reasoning, answer)


def opening_of(ending: str) -> str:
    """The end of a prompt that belongs to the answer: from the mark that leaves the reasoning open, or ''.

    Args:
        ending: what the prompt says behind the question. A mark in the middle of its sentence, as instructions have it, opens nothing.
    """
    said = list(OPENING_IN_WORDS.finditer(ending))
    if said and _stands_apart(ending, said[-1].start()) and _marks(ending[said[-1].start() :]).kinds.endswith("o"):
        found: re.Match[str] | None = said[-1]
    elif kinds := (marks := _marks(ending)).kinds:
        found = marks.places[-1] if kinds.endswith("o") else None
    else:
        found = max(_alike(ending, LOOKS_ALIKE, ENCLOSED), key=lambda mark: mark.start(), default=None)
        found = found if found and not _ends(found) and not BRACKET.search(ending, found.end()) else None
    is_used = found and _stands_apart(ending, found.start()) and not SPEAKER.search(ending, found.end())
    return ending[found.start() :] if found and is_used else ""


def unknown_marking(text: str, prefill: str = "") -> str:
    """A mark in what is taken for the answer that looks like one of a reasoning and is none that we know, or ''.

    A name of a reasoning (`<scratchpad>`, `[ANALYSIS]`, `<|begin_of_reasoning|>`) in brackets that stand apart, or whose beginning the text
    does not have; in other brackets (`[think]`, `【思考】`, `{think}`) if its end with a slash follows; and a known opening in the middle
    of a sentence that no closing follows. Code between fences, and what is quoted or glued to a word, is ordinary text.
    """
    given = next((mark for mark in _alike(prefill, LOOKS_ALIKE, ENCLOSED) if mark.start() == 0), None)
    if given:
        return given[0]
    answer = text[slice(*parts(text, prefill).answer)]
    mentioned = set()
    for mark in _alike(answer, LOOKS_ALIKE):
        is_special = mark[0][0] == "◁" or mark[0][1] in "|｜"
        is_used = _bare_name(mark) not in mentioned if _ends(mark) else _stands_apart(answer, mark.start())
        if not _follows_quote(mark) and (is_special or is_used):
            return mark[0]
        mentioned.add(_bare_name(mark))
    return _pair(answer) or _left_open(answer)


def _left_open(answer: str) -> str:
    """A mark of the table that opened nothing, because it stands in the middle of a sentence, and is not glued to a word; or ''."""
    num_fences, last = 0, 0
    for mark in MARK.finditer(answer):
        num_fences += answer.count(FENCE, last, mark.start())
        last = mark.start()
        is_text = num_fences % 2 or _follows_quote(mark) or (answer[last - 1 : last].isalnum() and answer[last - 1 : last].isascii())
        if _kind(mark) == "opening" and not is_text:
            return mark[0]
    return ""


def _pair(text: str) -> str:
    """The opening of the first pair of marks in other brackets, or ''."""
    opened: dict[str, re.Match[str]] = {}
    for mark in _alike(text, ENCLOSED):
        name = mark["name"].lower()
        if not mark["ends"] and not _follows_quote(mark):
            opened.setdefault(name, mark)
        opening = opened.pop(name, None) if mark["ends"] else None
        if opening and (_stands_apart(text, opening.start()) or "\n" in text[opening.end() : mark.start()]):
            return opening[0]
    return ""


def _alike(text: str, *patterns: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """What looks like a mark of a reasoning by one of these patterns, outside blocks of code."""
    for pattern in patterns:
        num_fences, last = 0, 0
        for mark in pattern.finditer(text):
            num_fences += text.count(FENCE, last, mark.start())
            last = mark.start()
            if num_fences % 2 == 0 and _names_reasoning(mark):
                yield mark


def unknown_markings(marks: Iterable[str | None], what: str) -> str:
    """A sentence about the samples or rows that have one, with that which most have; '' where all are None."""
    found = Counter(mark for mark in marks if mark is not None)
    if not found:
        return ""
    count, mark = found.total(), found.most_common(1)[0][0].strip()[:MOST_SHOWN]
    told = f"{count} {what}{'s have' if count > 1 else ' has'} a mark that looks like one of a reasoning and is not known"
    named = f", such as {mark}" if mark else ""
    return f"{told}{named}: what it marks was graded with the answer (flag {UNKNOWN_MARKING})"


def without_specials(text: str) -> str:
    """The text as a reader sees it: without what tokenizers write for special tokens."""
    return SPECIAL.sub("", text) if "<" in text or "[" in text else text


def first_turn(text: str, prefill: str = "") -> str:
    """The text up to where its turn is over: at a special token that ends it or begins the user's (END_OF_TURN), or where the model takes
    up the user's part in words (TURNS), such as `User:` at the beginning of a line or right after `</answer>`.

    Base models that go on after their answer invent the next question of the dialogue and answer that too. Inside the reasoning,
    before anything was said, and where nothing follows (no `Assistant:` after `User:`), such a line is ordinary text.
    """
    turns = _turns(text)
    if not turns:
        return text
    kinds, places, is_open = _marks(text, prefill)
    is_inside = is_open or kinds.startswith(("c", "s"))
    begun = len(text) - len(text.lstrip())
    passed = 0
    for turn in turns:
        while passed < len(kinds) and places[passed].start() < turn:
            is_inside = kinds[passed] == "o"
            passed += 1
        if not is_inside and turn > begun:
            return text[:turn]
    return text


def _turns(text: str) -> list[int]:
    """Where the first turn of a text could be over, in order."""
    found: list[int] = []
    for line, answered in TURNS:
        if begun := next(line.finditer(text), None):
            last = max((part.start() for part in answered.finditer(text, begun.end())), default=0)
            found += [turn.start() for turn in line.finditer(text, begun.start(), last)]
    spoken = _spoken_end(text, 0, len(text))
    struck = text.find("<s>") if "</s>" in text else -1
    for turn in END_OF_TURN.finditer(text, 0, len(text)) if "<" in text or "[" in text else ():
        if turn.start() >= spoken:
            break
        is_struck = turn[0] == "</s>" and (
            0 <= struck < turn.start() or IN_SENTENCE.search(text[max(0, turn.start() - 3) : turn.end() + 2])
        )
        if not is_struck and not _is_quoted(turn):
            found.append(turn.start())
    return sorted(found)


def _marks(text: str, prefill: str = "") -> Marks:
    """Every mark of a text that goes on from a prefill."""
    before = _marks(prefill) if prefill else Marks("", [], False)
    is_open, num_toggles = before.kinds.endswith("o"), sum(_kind(found) == "toggle" for found in before.places)
    kinds: list[str] = []
    places: list[re.Match[str]] = []
    said = None if prefill else OPENING_IN_WORDS.match(text, len(text) - len(text.lstrip()))
    if said:
        kinds, places = ["o"], [said]
    spoken = _Spoken(text)
    pattern = MARK_IN_WORDS if said or OPENING_IN_WORDS.match(prefill) else MARK
    marks = list(pattern.finditer(text, said.end() if said else 0)) if said or any(map(text.__contains__, "<|[◁H")) else []
    last_closing = max((found.start() for found in marks if _kind(found) in ("closing", "answering") and not _is_quoted(found)), default=-1)
    for found in marks:
        group, stands_open = _kind(found), kinds[-1] == "o" if kinds else is_open
        if group in ("opening", "closing") and spoken.includes(found, is_opening=group == "opening", stands_open=stands_open):
            continue
        if group == "opening" and not _opens_here(text, found, is_closed=found.end() <= last_closing):
            continue
        if group == "toggle":
            kinds.append("co"[num_toggles % 2 == 0])
            num_toggles += 1
        elif group in ("opening", "closing"):
            kinds.append("co"[group == "opening"])
        elif group == "channel" and not stands_open:
            kinds.append("o")
        elif group == "solution" and stands_open:
            kinds.append("s")
        elif group in ("answering", "said") and (stands_open or (group != "said" and not kinds and text[: found.start()].strip())):
            kinds.append("c")
        else:
            continue
        spoken.pass_over(found.end())
        places.append(found)
    return Marks("".join(kinds), places, is_open)


class _Spoken:
    """Which marks of a text are spoken of: asked in their order, so that fences are counted once."""

    def __init__(self, text: str) -> None:
        self.text, self.num_fences, self.counted, self.of_fence = text, 0, 0, 0

    def includes(self, mark: re.Match[str], *, is_opening: bool, stands_open: bool) -> bool:
        """Whether a mark is quoted, or opens a reasoning inside a line of code, or closes what was so opened in the same block.

        A closing alone counts in a block too: a block that was begun in the reasoning may never have been finished.
        """
        start = mark.start()
        if _is_quoted(mark):
            return True
        self.num_fences += self.text.count(FENCE, self.counted, start)
        self.counted = start
        line = self.text[max(0, start - LONGEST_INDENT) : start].rpartition("\n")[2]
        if stands_open or self.num_fences % 2 == 0 or not line.strip():
            return False
        if is_opening:
            self.of_fence = self.num_fences
        return self.of_fence == self.num_fences

    def pass_over(self, place: int) -> None:
        """A mark that counts ends here: fences before it are over."""
        self.num_fences, self.counted, self.of_fence = 0, place, 0


def _is_quoted(mark: re.Match[str]) -> bool:
    """Whether a mark stands between quotes."""
    (start, end), text = mark.span(), mark.string
    return start > 0 and QUOTES.get(text[start - 1], "no quote") == text[end : end + 1]


def _opens_here(text: str, mark: re.Match[str], *, is_closed: bool) -> bool:
    """Whether a mark with the form of an opening is one, and not a type or an index in code, or spoken of.

    Args:
        is_closed: a closing follows somewhere.
    """
    if OF_ANY_PLACE.match(mark[0]):
        return True
    before = text[max(0, mark.start() - LONGEST_SPECIAL) : mark.start()]
    if mark[0][0] == "[" and before[-1:] in (")", "]") and not SPECIAL_IN_BRACKETS.search(before):
        return False
    if mark[0][1] not in "|｜" and mark[0][0] != "◁" and re.match(r"\w", before[-1:], re.ASCII):
        return False
    return is_closed or _stands_apart(text, mark.start())


def _is_rationale(text: str, kinds: str, places: list[re.Match[str]], *, is_open: bool) -> bool:
    """Whether the last block of a text gives reasons for the answer before it: in a marking that is used so, and nothing follows it."""
    if not kinds.endswith("oc") or (kinds[-3] == "o" if len(kinds) > 2 else is_open) or not RATIONALE.match(places[-2][0]):
        return False
    begin = places[-3].end() if len(kinds) > 2 else 0
    return bool(SAID.search(text, begin, places[-2].start())) and not without_specials(text[places[-1].end() :]).strip()


def _kind(mark: re.Match[str]) -> str:
    """What a mark does: the name of its group up to the first underscore."""
    return (mark.lastgroup or "").partition("_")[0]


def _solution(text: str, start: int, end: int, *, is_behind: bool = False) -> Span:
    """The part of a text between two places, or what the marks of a solution leave of it.

    Args:
        is_behind: a reasoning stands before it.
    """
    marks = list(SOLUTION.finditer(text, start, end))
    start = max((mark.end() for mark in marks if mark.lastgroup), default=start)
    end = min((mark.start() for mark in marks if not mark.lastgroup and mark.start() >= start), default=end)
    if is_behind and (envelope := ENVELOPE.match(text, start, end)):
        closings = list(ENVELOPE_END.finditer(text, envelope.end(), end))
        if not closings:
            start = envelope.end()
        elif not text[closings[-1].end() : _spoken_end(text, closings[-1].end(), end)].strip():
            start, end = envelope.end(), closings[-1].start()
    return Span(start, _spoken_end(text, start, end))


def _spoken_end(text: str, start: int, end: int) -> int:
    """Where a part of a text ends if special tokens at its end are left out."""
    while True:
        first = max(start, end - LONGEST_SPECIAL)
        ending = text[first:end].rstrip()
        opened = max(ending.rfind("<"), ending.rfind("["))
        if opened < 0 or not SPECIAL.fullmatch(ending, opened) or ((mark := LOOKS_ALIKE.match(ending, opened)) and _names_reasoning(mark)):
            return end
        end = first + opened


def _stands_apart(text: str, place: int) -> bool:
    """Whether a mark begins a line, or follows the end of a sentence, a label, another mark or a role: it is used and not spoken of."""
    before = text[max(0, place - 16) : place]
    if before.endswith(">assistant"):
        return True
    before = before.rstrip(" \t")
    return before[-1:] in APART if before else place <= 16


def _names_reasoning(mark: re.Match[str]) -> bool:
    """Whether a mark's name says that a reasoning begins or ends with it."""
    name = mark["name"].lower()
    is_named = any(stem in name for stem in STEMS) or not WORDS.isdisjoint(re.split(r"[_:.▁/ -]", name))
    is_known = mark[0][1] not in "|｜" and MARK.fullmatch(mark[0])
    return is_named and not is_known and (mark.re is ENCLOSED or mark[0][0] != "[" or mark["name"].isupper())


def _ends(mark: re.Match[str]) -> bool:
    """Whether what looks like a mark ends something: by a slash, or by its name (`end_of_thinking`, `cot_end`)."""
    return bool(mark["ends"]) or mark["name"].lower().startswith("end") or mark["name"].lower().endswith("end")


def _bare_name(mark: re.Match[str]) -> str:
    """The name that a mark's beginning and end have in common."""
    return re.sub(r"begin|start|end|of|[^a-z]", "", mark["name"].lower())


def _follows_quote(mark: re.Match[str]) -> bool:
    """Whether a quote stands before a mark."""
    return mark.start() > 0 and mark.string[mark.start() - 1] in QUOTES
