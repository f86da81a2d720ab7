"""A place in a row of tokens, and the small things that are read there without recursion: subscripts, primes, units.

Left out: expressions (grammar.py).
"""

from r1bench.tasks.grading.mathematics.symbolic import vocabulary
from r1bench.tasks.grading.mathematics.symbolic.nodes import NotUnderstood, TooComplex
from r1bench.tasks.grading.mathematics.symbolic.tokens import END, Token

MAX_NESTING = 24
MAX_TEXT_WORDS = 4
ENDING_SIGNS = frozenset({",", ";", "and", "or", ")", "]", "}", "\\}", "&", "\\\\", "=", "<", ">", "<=", ">=", "!=", "~", "mid", "in", ""})


class Cursor:
    """Tokens, and how far they have been read."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.nesting = 0
        self.num_bars = 0
        """Of absolute values that are open in the innermost bracket."""
        self.is_in_set = False
        """The innermost bracket is one of a set, where `|` may mean "such that"."""

    @property
    def next(self) -> Token:
        return self.tokens[self.position] if self.position < len(self.tokens) else END

    def ahead(self, distance: int) -> Token:
        """The token that stands `distance` after the next one."""
        return self.tokens[self.position + distance] if self.position + distance < len(self.tokens) else END

    def sees(self, *signs: str) -> bool:
        """Whether the next token is one of the signs."""
        return self.next.kind == "sign" and self.next.value in signs

    def take(self, sign: str) -> None:
        """Pass over a sign that must stand here."""
        if not self.sees(sign):
            raise NotUnderstood(f"{self.next.value[:20]!r} where {sign!r} was expected")
        self.position += 1

    def descend(self) -> None:
        """Note that reading goes one level deeper, which every recursion of this grammar passes through."""
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise TooComplex("nested deeper than any answer")

    def prime(self) -> int:
        """How many tokens a prime takes up here, as in `f'`, `f^\\prime` and `f^{\\prime}`; 0 if there is none."""
        if self.sees("'"):
            return 1
        if not self.sees("^") or "'" not in (self.ahead(1).value, self.ahead(2).value):
            return 0
        return 2 if self.ahead(1).value == "'" else 4 if (self.ahead(1).value, self.ahead(3).value) == ("{", "}") else 0

    def subscript(self) -> str:
        """A subscript, as text."""
        if not self.sees("{"):
            token = self.next
            self.position += 1
            if token.kind not in ("symbol", "number", "text"):
                raise NotUnderstood("a subscript")
            return token.value
        parts: list[str] = []
        depth = 0
        while True:
            depth += self.sees("{") - self.sees("}")
            if self.next is END or len(parts) > 10:
                raise NotUnderstood("a subscript")
            if not self.sees("{", "}"):
                parts.append(self.next.value)
            self.position += 1
            if depth == 0:
                return "".join(parts)

    def unit(self) -> str:
        """The words after a value, which must be the end of an answer."""
        words: list[str] = []
        while self.next.kind == "text":
            words += self.next.value.split()
            self.position += 1
            if self.sees("^"):
                self.position += 1
                words[-1] += f"^{self.subscript()}"
            if self.sees("/", "*") and self.ahead(1).kind == "text":
                words.append("per" if self.next.value == "/" else "*")
                self.position += 1
        if len(words) > MAX_TEXT_WORDS or vocabulary.NOT_UNITS.intersection(words):
            raise NotUnderstood("a sentence")
        if not (self.next is END or self.sees(*ENDING_SIGNS)):
            raise NotUnderstood("words between formulas")
        return " ".join(words)
