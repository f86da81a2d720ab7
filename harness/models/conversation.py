r"""Examples as token numbers: what fine-tuning learns from, and what a reward model reads.

An answer that is trained stands behind the very tokens that evaluation puts to the model for its question (prompts.py), as its own text,
and the token that ends it follows:

    prompt of make_prompts | answer | end                                   a question
    prompt of the chat template up to the answer | answer | end             messages, and so for each answer in them

A chat template never writes the answer that is trained, since some leave its reasoning out. What the prompt already says of an answer
(`<think>\n`) is not said twice. A conversation is one sequence as far as the prompt of its next answer begins with all that was before;
where the template has written something before otherwise, a new sequence begins: every answer is learned behind what would be asked.

A reward model reads the whole conversation as its chat template writes it, with the response in its place as it is; without a chat
template the prompt, an empty line and the response. Training and scoring both read it here.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from r1bench.harness.errors import CheckpointError, DataError
from r1bench.harness.models.chat import no_template, place_of, render_turns, template_of, whence
from r1bench.harness.models.prompts import encode, ending_of, make_prompts, prefill_of
from r1bench.harness.models.turns import ANSWER
from r1bench.harness.records import Template
from r1bench.harness.thinking import split

Message = dict[str, str]
"""`role` (system, user, assistant) and `content`."""
CHAT, WHOLE = Template("chat", "{problem}", "chat"), Template("none", "{problem}", "plain")
OPENING, CLOSING = "<answer>", "</answer>"


class Answered(NamedTuple):
    """A question with the answer to learn; the whole of a text where the question is empty and the template None."""

    where: str
    """What a message calls it."""
    template: Template | None
    """How the question is asked."""
    question: str
    answer: str


class Dialogue(NamedTuple):
    """Messages, of which every assistant's from `start` on is an answer to learn."""

    where: str
    messages: list[Message]
    start: int = 0


class Learned(NamedTuple):
    """Token numbers to learn from."""

    tokens: list[int]
    num_prompt: int
    """Of its first answer."""
    spans: list[int]
    """(start, end) places of the answers, flat."""
    text: str
    """What the tokens say."""
    prefill: str = ""
    """What its last prompt already says of the answer."""
    answer: str = ""
    """Its last answer, as trained."""


class Valued(NamedTuple):
    """What a reward model reads."""

    tokens: list[int]
    num_prompt: int
    """Tokens that stand before the response."""
    text: str


def learn(tokenizer: Any, rows: Sequence[Answered | Dialogue], end: str) -> list[list[Learned]]:
    """The sequences of each row, one but for conversations that the chat template writes otherwise as they grow.

    Args:
        end: the token that ends an answer, as text.

    Raises:
        CheckpointError: messages, and no chat template that can be used.
        DataError: naming the row: it cannot become tokens.
    """
    asked = ask(tokenizer, rows)
    answers = [list(answers_of(row)) for row in rows]
    prefills = {template: ending_of(tokenizer, template) for template in {template for prompts in asked for template, *_ in prompts}}
    found = []
    for row, prompts, said in zip(rows, asked, answers, strict=True):
        parts = []
        for (template, text, tokens), answer in zip(prompts, said, strict=True):
            prefill = prefill_of(text, prefills[template]) if tokens else ""
            parts.append((text, tokens, prefill, without(answer, prefill, end)))
        found.append(chained(tokenizer, row, parts, end))
    return found


class Asked(NamedTuple):
    """What stands before an answer."""

    template: Template
    text: str
    tokens: list[int]


def answers_of(row: Answered | Dialogue) -> list[str]:
    """The answers of a row, in order."""
    if isinstance(row, Answered):
        return [row.answer]
    return [row.messages[place]["content"] for place in answer_places(row)]


def answer_places(row: Dialogue) -> list[int]:
    """Where the answers of a conversation stand."""
    return [place for place, message in enumerate(row.messages) if place >= row.start and message["role"] == "assistant"]


def ask(tokenizer: Any, rows: Sequence[Answered | Dialogue]) -> list[list[Asked]]:
    """The prompts of each row, one for each of its answers."""
    found: list[list[Asked]] = [[] for _ in rows]
    for template in {row.template for row in rows if isinstance(row, Answered) and row.template is not None}:
        places = [place for place, row in enumerate(rows) if isinstance(row, Answered) and row.template == template]
        read = make_prompts(tokenizer, template, [(row.where, row.question) for row in map(rows.__getitem__, places)])  # type: ignore[union-attr]
        for place, each in zip(places, read, strict=True):
            found[place] = [Asked(template, *each)]
    talks = [(place, end) for place, row in enumerate(rows) if isinstance(row, Dialogue) for end in answer_places(row)]
    before = [rows[place].messages[:end] for place, end in talks]  # type: ignore[union-attr]
    texts = render_turns(tokenizer, before, [rows[place].where for place, _ in talks], is_asked=True) if talks else []
    for (place, _), text in zip(talks, texts, strict=True):
        found[place].append(Asked(CHAT, text, encode(tokenizer, CHAT, text)))
    return [prompts or [Asked(WHOLE, "", [])] for prompts in found]


def without(answer: str, prefill: str, end: str) -> str:
    """An answer without what its prompt has said already, and without the token that ends it, which follows anyway."""
    if end and answer.endswith(end):
        answer = answer[: -len(end)]
    if prefill and answer.startswith(prefill):
        return answer[len(prefill) :]
    if prefill.strip() and answer.lstrip().startswith(prefill.strip()):
        return answer.lstrip()[len(prefill.strip()) :].lstrip()
    return answer


def chained(tokenizer: Any, row: Answered | Dialogue, parts: Sequence[tuple[str, list[int], str, str]], end: str) -> list[Learned]:
    """The answers of a row behind their prompts, in as few sequences as hold each behind exactly its own."""
    found: list[Learned] = []
    for text, tokens, prefill, answer in parts:
        said = answer_tokens(tokenizer, row, answer + end, is_whole=not tokens)
        last = found[-1] if found else None
        if last and tokens[: len(last.tokens)] == last.tokens:
            num_prompt, spans = last.num_prompt, last.spans
            found.pop()
        else:
            num_prompt, spans = len(tokens), []
        place = [len(tokens), len(tokens) + len(said)]
        found.append(Learned(tokens + said, num_prompt, [*spans, *place], text + answer + end, prefill, answer))
    return found


def answer_tokens(tokenizer: Any, row: Answered | Dialogue, text: str, *, is_whole: bool) -> list[int]:
    """The tokens of an answer, or of a text that stands alone and gets what the tokenizer puts before one."""
    try:
        return encode(tokenizer, WHOLE, text) if is_whole else tokenizer(text, add_special_tokens=False)["input_ids"]
    except (TypeError, UnicodeError) as error:
        raise DataError(row.where, f"its answer cannot become tokens ({type(error).__name__})", "mend its text") from error


# What a reward model reads.


def answer_of(response: str, prefill: str = "") -> str:
    """The part of a response behind its reasoning, without <answer> tags; '' where the reasoning has no end."""
    answer = split(response, prefill).answer_part.strip()
    return answer.removeprefix(OPENING).removesuffix(CLOSING).strip()


def valued(tokenizer: Any, pairs: Sequence[tuple[str | list[Message], str]], names: Sequence[str] | None = None) -> list[Valued]:
    """Prompts with a response each, as a reward model reads them: whole, and no longer than they are.

    Args:
        pairs: the prompt, a question or messages, and the response.
        names: what a message calls each of them.

    Raises CheckpointError: the chat template cannot be used, or there is none and a prompt has several messages.
    """
    called = names or [f"conversation {number}" for number in range(len(pairs))]
    prompts = {key_of(prompt): (messages_of(prompt), name) for (prompt, _), name in zip(pairs, called, strict=True)}
    if template_of(tokenizer):
        talks = [[*messages, {"role": "assistant", "content": ANSWER}] for messages, _ in prompts.values()]
        texts = render_turns(tokenizer, talks, [name for _, name in prompts.values()], is_asked=False)
        if not all(ANSWER in text for text in texts):
            raise CheckpointError(f"the chat template {whence(tokenizer)} leaves the answer out; give another")
        around = {key: text.rpartition(ANSWER)[::2] for key, text in zip(prompts, texts, strict=True)}
    else:
        if any(len(messages) > 1 for messages, _ in prompts.values()):
            raise no_template(place_of(tokenizer))
        around = {key: (f"{messages[0]['content']}\n\n", "") for key, (messages, _) in prompts.items()}
    counts = {key: len(in_tokens(tokenizer, before)) for key, (before, _) in around.items()}
    found = []
    for prompt, response in pairs:
        before, after = around[key := key_of(prompt)]
        text = before + response + after
        tokens = in_tokens(tokenizer, text)
        found.append(Valued(tokens, min(counts[key], len(tokens)), text))
    return found


def key_of(prompt: str | list[Message]) -> str | tuple[tuple[str, str], ...]:
    """The same for the same prompt."""
    return prompt if isinstance(prompt, str) else tuple((message["role"], message["content"]) for message in prompt)


def messages_of(prompt: str | list[Message]) -> list[Message]:
    """A question as the user's message."""
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt


def in_tokens(tokenizer: Any, text: str) -> list[int]:
    """A conversation that a template wrote brings its own special tokens; another text gets those of the tokenizer."""
    return encode(tokenizer, CHAT, text) if template_of(tokenizer) else tokenizer(text)["input_ids"]
