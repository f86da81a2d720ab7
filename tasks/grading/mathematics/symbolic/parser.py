r"""Reads an answer: lists, tuples, intervals, sets, matrices, equations and inequalities made of the expressions of grammar.py.

    parse("x = 1 \\text{ or } x = 2")    # list(or, chain(x = 1), chain(x = 2))

Separators of a list, also inside brackets, are `,`, `;`, "and", "or" (also 或, 和). Nothing is decided about meaning: `(1,2)` is a
tuple here, and comparison.py takes it for a point or an interval. Left out: sums with bounds, integrals, limits, cases, determinants.
"""

from functools import lru_cache

from r1bench.tasks.grading.mathematics.symbolic.grammar import ExpressionParser
from r1bench.tasks.grading.mathematics.symbolic.nodes import STRUCTURES, Node, NotUnderstood, TooComplex
from r1bench.tasks.grading.mathematics.symbolic.tokens import END, Token, tokenize

SEPARATORS = frozenset({",", ";", "and", "or"})
RELATIONS = frozenset({"=", "<", ">", "<=", ">=", "!=", "~", "in"})
CLOSING = {"(": (")", "]"), "[": ("]", ")"), "{": ("}",), "\\{": ("\\}",), "<<": (">>",)}
MAX_ITEMS = 60


class Parser(ExpressionParser):
    """Reads a whole answer."""

    def answer(self) -> Node:
        """All of the tokens, as one tree."""
        if not self.tokens:
            raise NotUnderstood("nothing")
        node = self.listing()
        if self.next is not END:
            raise NotUnderstood(f"{self.next.value[:20]!r} after the answer")
        return node

    def listing(self) -> Node:
        """Relations with separators between them."""
        items = [self.relation()]
        connectives = set()
        while self.next.kind == "sign" and self.next.value in SEPARATORS:
            while self.next.kind == "sign" and self.next.value in SEPARATORS:
                connectives.add(self.next.value)
                self.position += 1
            items.append(self.relation())
            if len(items) > MAX_ITEMS:
                raise TooComplex("has more items than any answer")
        if len(items) == 1:
            return items[0]
        connective = "or" if "or" in connectives else "and" if "and" in connectives else ","
        return Node("list", (connective, tuple(items)))

    def relation(self) -> Node:
        """Unions with relations between them."""
        operands, relations = [self._name() or self.union()], []
        while self.next.kind == "sign" and self.next.value in RELATIONS:
            relations.append(self.next.value)
            self.position += 1
            operands.append(self.union())
        return Node("chain", (tuple(relations), tuple(operands))) if relations else operands[0]

    def union(self) -> Node:
        """Sums with set operations between them."""
        node = self.sum()
        while self.sees("cup", "cap", "setminus"):
            head = self.next.value
            self.position += 1
            node = Node(head, (node, self.sum()))
            self.nesting += 1  # unions nest to the left; this bounds how many there are
            if self.nesting > MAX_ITEMS:
                raise TooComplex("has more parts than any answer")
        return node

    def bracket(self) -> Node:
        """What stands in brackets: a group, or a tuple, interval or set."""
        opening = self.next.value
        outer = self.num_bars, self.is_in_set
        self.num_bars, self.is_in_set = 0, opening == "\\{"
        self.position += 1
        if opening == "\\{" and self.sees("\\}"):
            self.position += 1
            self.num_bars, self.is_in_set = outer
            return Node("set", ((),))
        node = self.listing()
        if opening == "\\{" and self.sees("mid", ":", "|"):
            self.position += 1
            node = Node("builder", (node, self.listing()))
        if self.next.kind != "sign" or self.next.value not in CLOSING[opening]:
            raise NotUnderstood(f"{self.next.value[:20]!r} where a bracket should close")
        closing = self.next.value
        self.position += 1
        self.num_bars, self.is_in_set = outer
        items = node.args[1] if node.head == "list" else (node,)
        if opening == "\\{":
            return node if node.head == "builder" else Node("set", (items,))
        if opening == "{" or len(items) == 1:
            if node.head == "chain" and opening == "{":
                raise NotUnderstood("a relation in braces")
            return node
        return Node("tuple", ("(" if opening == "<<" else opening, ")" if closing == ">>" else closing, items))

    def matrix(self) -> Node:
        """Rows of entries between begin and end."""
        name = self.next.value
        self.position += 1
        rows: list[list[Node]] = [[]]
        while self.next.kind != "end":
            rows[-1].append(self.sum())
            if self.sees("&"):
                self.position += 1
            elif self.sees("\\\\"):
                self.position += 1
                if self.next.kind != "end":
                    rows.append([])
            elif self.next.kind != "end":
                raise NotUnderstood(f"{self.next.value[:20]!r} in a matrix")
        if self.next.value != name or len({len(row) for row in rows}) > 1 or not rows[0]:
            raise NotUnderstood("a matrix without a shape")
        self.position += 1
        if any(entry.head in STRUCTURES for row in rows for entry in row):
            raise NotUnderstood("a matrix of something that is no number")
        return Node("matrix", (tuple(tuple(row) for row in rows),))

    def _name(self) -> Node | None:
        """What an equation begins with, where it only names its right side: `f(x) =`, `P(A) =`, `Area =`, `m \\angle A =`."""
        tokens, start = self.tokens, self.position
        if self.next.kind == "text" and len(self.next.value) > 1:
            end = start
            while end < len(tokens) and tokens[end].kind in ("text", "symbol") and end < start + 5:
                end += 1
        elif self.next.kind == "symbol" and "(" in (self.ahead(1).value, self._after_index().value):
            end = start + 2
            while tokens[end - 1].value != "(":
                end += 1
            while end < len(tokens) and (tokens[end].kind in ("symbol", "number") or tokens[end].value == ","):
                end += 1
            end += 1 if end < len(tokens) and tokens[end].value == ")" else len(tokens)
        else:
            return None
        if end >= len(tokens) or tokens[end].kind != "sign" or tokens[end].value not in ("=", "~"):
            return None
        self.position = end
        names = [token.value for token in tokens[start:end]]
        if "(" in names and all(token.kind == "symbol" for token in tokens[start + names.index("(") + 1 : end - 1 : 2]):
            bracket = names.index("(")
            function = "".join(name for name in names[:bracket] if name not in "{}")
            return Node("call", (function, *(Node("symbol", (name,)) for name in names[bracket + 1 : -1 : 2])))
        return Node("symbol", ("".join(token.value for token in tokens[start:end]),))

    def _after_index(self) -> Token:
        """The token after the subscript of the next one."""
        if self.ahead(1).value != "_":
            return self.ahead(1)
        return self.ahead(5 if self.ahead(2).value == "{" and self.ahead(4).value == "}" else 3)


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """The tree of an answer; the same text gives the same tree in every process and thread.

    Raises:
        NotUnderstood: the text is not in the language of this parser.
        TooComplex: it is longer or nested deeper than any answer.
    """
    return Parser(_without_signs(tokenize(text))).answer()


def _without_signs(tokens: list[Token]) -> list[Token]:
    """The tokens without the separators and relations that an answer may begin or end with (`= 5`, `5,`)."""
    start, end = 0, len(tokens)
    while start < end and tokens[start].kind == "sign" and tokens[start].value in ("=", "~", ",", ";", ":"):
        start += 1
    while end > start and tokens[end - 1].kind == "sign" and tokens[end - 1].value in (",", ";", ":", "and", "or"):
        end -= 1
    return tokens[start:end]
