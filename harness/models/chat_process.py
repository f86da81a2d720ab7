"""The process that renders a chat template: Jinja's sandbox, bounds on time and memory that the kernel keeps, nothing else imported.

    python -P chat_process.py < request.json      # template, variables, questions, date, cpu_seconds, memory, longest, largest

Answers {"texts": [...]}, or {"fault": "why", "number": of the question, -1 where it is no question's}. Conversations instead of questions
are rendered as they are, and what fails of them is null; of `turns`, conversations of a user's, the first that fails is named. The
environment is that of transformers' `apply_chat_template`, except that `strftime_now` has a fixed date and what Jinja draws at random is
drawn alike each time.
Limit: a template that reaches a bound ends this process without an answer, and its exit status is all there is.
"""

import datetime
import json
import random
import resource
import sys
from collections.abc import Callable
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

PROBE = "Is \"2 < 3\" & 4 > '1' so?\nÜber {x} \\boxed{}\t№ 5, " + "Abc xyz. " * 60 + "In one word, which?"
"""A question with what a template might alter: quotes, marks, line breaks, capitals, braces, letters of others, length."""


class Refused(Exception):
    """Why a template cannot be used, and for which question (-1: for any)."""

    def __init__(self, fault: str, number: int = -1) -> None:
        super().__init__(fault)
        self.fault, self.number = fault, number


class Generation(Extension):
    """`{% generation %}`, which marks what an assistant said: its content, in a scope of its own."""

    tags = {"generation"}  # noqa: RUF012  # as Jinja has it

    def parse(self, parser: Any) -> Any:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_said"), [], [], body).set_lineno(line)

    def _said(self, caller: Callable[[], str]) -> str:
        return caller()


def environment(date: str) -> jinja2.Environment:
    """Where templates are compiled; `date` in ISO form is what `strftime_now` says."""
    today = datetime.datetime.fromisoformat(date)

    def raise_exception(message: Any) -> None:
        raise jinja2.TemplateError(message)

    def tojson(value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    made.filters["tojson"] = tojson
    made.globals |= {"raise_exception": raise_exception, "strftime_now": today.strftime}
    return made


def fault_of(error: Exception) -> str:
    """What went wrong, in one short line."""
    if isinstance(error, MemoryError):
        return "it needs too much memory"
    line = f", line {error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
    said = (str(error).strip().splitlines() or [""])[0][:300]
    is_own = isinstance(error, jinja2.TemplateError)
    return f"{said}{line}" if is_own and said else ": ".join(filter(None, (type(error).__name__, said)))


class Chat:
    """A compiled template."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.variables, self.longest = request["variables"], request["longest"]
        try:
            self.template = environment(request["date"]).from_string(request["template"])
        except Exception as error:
            raise Refused(fault_of(error)) from error

    def render(self, question: str, number: int, *, is_parts: bool) -> str:
        """The whole text with the question as the user's turn, given as a text or as a list of parts."""
        content = [{"type": "text", "text": question}] if is_parts else question
        messages = [{"role": "user", "content": content}]
        return self.render_messages(messages, number, self.longest + len(question), add_generation_prompt=True)

    def render_messages(self, messages: list[dict[str, Any]], number: int, longest: int, *, add_generation_prompt: bool) -> str:
        """The text of a whole conversation. Raises Refused."""
        random.seed(0)
        pieces, length = [], 0
        try:
            told = {"tools": None, "documents": None, "add_generation_prompt": add_generation_prompt, **self.variables}
            told["messages"] = messages
            for piece in self.template.generate(**told):
                pieces.append(piece)
                length += len(piece)
                if length > longest:
                    raise Refused(f"it makes more than {self.longest:,} characters around a question", number)
        except Refused:
            raise
        except Exception as error:
            raise Refused(fault_of(error), number) from error
        return "".join(pieces)

    def takes_parts(self) -> bool:
        """Whether the template wants the question as a list of parts. Raises Refused: it keeps the question in neither form."""
        faults = []
        for is_parts in (False, True):
            try:
                check_held(self.render(PROBE, -1, is_parts=is_parts), PROBE, -1)
                return is_parts
            except Refused as refused:
                faults.append(refused)
        raise faults[0]


def check_held(text: str, question: str, number: int) -> None:
    """Raises Refused unless the question stands in the text, white space around it left aside; the probe stands there once."""
    count = text.count(question.strip())
    if count == 0:
        raise Refused("it does not put the question into the prompt as it was asked", number)
    if number < 0 and count > 1:
        raise Refused(f"it puts the question into the prompt {count} times", number)


def converse(request: dict[str, Any]) -> list[str | None]:
    """The texts of conversations; None for each that the template refuses. Raises Refused: it refuses them all."""
    chat = Chat(request)
    texts: list[str | None] = []
    for messages in request["conversations"]:
        try:
            texts.append(chat.render_messages(messages, -1, request["longest"], add_generation_prompt=False))
        except Refused:
            texts.append(None)
    return texts


def speak(request: dict[str, Any]) -> list[str]:
    """The texts of a user's conversations, up to where the next answer begins where `is_asked`. Raises Refused: one is refused, or not
    every word of a user or a system stands in its text."""
    chat = Chat(request)
    is_parts = chat.takes_parts()
    texts = []
    for number, messages in enumerate(request["turns"]):
        longest = request["longest"] + sum(len(message["content"]) for message in messages)
        written = [{**each, "content": [{"type": "text", "text": each["content"]}]} if is_parts else each for each in messages]
        text = chat.render_messages(written, number, longest, add_generation_prompt=request["is_asked"])
        for message in messages:
            if message["role"] != "assistant" and message["content"].strip() not in text:
                raise Refused(f"it does not put what the {message['role']} says into the text as it stands", number)
        texts.append(text)
    return texts


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The texts of all questions, or the first fault."""
    try:
        if "turns" in request:
            return {"texts": speak(request)}
        if "conversations" in request:
            return {"texts": converse(request)}
        chat = Chat(request)
        is_parts = chat.takes_parts()
        texts, added = [], 0
        for number, question in enumerate(request["questions"]):
            texts.append(chat.render(question, number, is_parts=is_parts))
            check_held(texts[-1], question, number)
            added += len(texts[-1]) - len(question)
            if added > request["largest"]:
                raise Refused(f"it makes more than {request['largest']:,} characters around {number + 1} questions")
    except Refused as refused:
        return {"fault": refused.fault, "number": refused.number}
    return {"texts": texts}


def main() -> None:
    """Read a request, bound this process, answer."""
    request = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (request["cpu_seconds"], request["cpu_seconds"] + 1))
    resource.setrlimit(resource.RLIMIT_AS, (request["memory"], request["memory"]))
    json.dump(answer(request), sys.stdout)


if __name__ == "__main__":
    main()
