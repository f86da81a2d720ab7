r"""Reads an answer from its tokens: lists, tuples, intervals, sets, matrices, equations and inequalities, made of expressions.

    parse("x = 1 \\text{ or } x = 2")    # list(or, chain(x = 1), chain(x = 2))

Separators of a list, also inside brackets, are `,`, `;`, "and", "or" (also 或, 和). Nothing is decided about meaning: `(1,2)` is a
tuple here, and comparison.py takes it for a point or an interval. In expressions, from loose to tight: `+ - ±`, `* / ·` and juxtaposition
(left to right, so `1/2x` is half of x), sign, power, `! % °`. A function without brackets takes the numbers and variables that follow it
(`\sin 2x \cos x`), with its power before or after (`\sin^2 x`). Nesting is bounded by MAX_NESTING, and every other chain is read by a
loop into a flat node, so trees stay shallow. Left out: sums with bounds, integrals, limits, cases, determinants.
"""

from fractions import Fraction
from functools import lru_cache

from r1bench.tasks.grading.mathematics.symbolic import vocabulary
from r1bench.tasks.grading.mathematics.symbolic.nodes import (
    STRUCTURES,
    Node,
    NotUnderstood,
    TooComplex,
    in_radians,
    inner_nodes,
    negated,
    negative,
    number,
    power,
    product,
    scaled,
    summed,
    total,
    transposed,
)
from r1bench.tasks.grading.mathematics.symbolic.tokens import END, Token, tokenize

MAX_NESTING = 24
MAX_TEXT_WORDS = 4
ENDING_SIGNS = frozenset({",", ";", "and", "or", ")", "]", "}", "\\}", "&", "\\\\", "=", "<", ">", "<=", ">=", "!=", "~", "mid", "in", ""})
FACTOR_KINDS = frozenset({"symbol", "function", "argument", "begin"})
OPENING_SIGNS = frozenset({"(", "[", "\\{", "{", "lfloor", "lceil", "lvert", "<<"})
ENCLOSED = {"lfloor": ("rfloor", "floor", 0), "lceil": ("rceil", "ceil", 0), "lvert": ("rvert", "abs", 0), "|": ("|", "abs", 1)}
"""What opens it -> what closes it, the head of its node, and how many absolute values are open in it."""
SEPARATORS = frozenset({",", ";", "and", "or"})
RELATIONS = frozenset({"=", "<", ">", "<=", ">=", "!=", "~", "in"})
CLOSING = {"(": (")", "]"), "[": ("]", ")"), "{": ("}",), "\\{": ("\\}",), "<<": (">>",)}
MAX_ITEMS = 60


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

    def pop(self) -> Token:
        """The next token, which is passed over."""
        token = self.next
        self.position += 1
        return token

    def passes(self, *signs: str) -> bool:
        """Whether the next token is one of the signs, which is then passed over."""
        found = self.sees(*signs)
        self.position += found
        return found

    def take(self, sign: str) -> None:
        """Pass over a sign that must stand here."""
        if not self.passes(sign):
            raise NotUnderstood(f"{self.next.value[:20]!r} where {sign!r} was expected")

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
            token = self.pop()
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
            words += self.pop().value.split()
            if self.passes("^"):
                words[-1] += f"^{self.subscript()}"
            if self.sees("/", "*") and self.ahead(1).kind == "text":
                words.append("per" if self.pop().value == "/" else "*")
        if len(words) > MAX_TEXT_WORDS or vocabulary.NOT_UNITS.intersection(words):
            raise NotUnderstood("a sentence")
        if not (self.next is END or self.sees(*ENDING_SIGNS)):
            raise NotUnderstood("words between formulas")
        return " ".join(words)


class Parser(Cursor):
    """Reads a whole answer, or one expression from `position` on."""

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
        while self.sees(*SEPARATORS):
            while self.sees(*SEPARATORS):
                connectives.add(self.pop().value)
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
        while self.sees(*RELATIONS):
            relations.append(self.pop().value)
            operands.append(self.union())
        return Node("chain", (tuple(relations), tuple(operands))) if relations else operands[0]

    def union(self) -> Node:
        """Sums with set operations between them."""
        node = self.sum()
        while self.sees("cup", "cap", "setminus"):
            node = Node(self.pop().value, (node, self.sum()))
            self.nesting += 1  # unions nest to the left; this bounds how many there are
            if self.nesting > MAX_ITEMS:
                raise TooComplex("has more parts than any answer")
        return node

    def bracket(self) -> Node:
        """What stands in brackets: a group, or a tuple, interval or set."""
        opening = self.pop().value
        outer = self.num_bars, self.is_in_set
        self.num_bars, self.is_in_set = 0, opening == "\\{"
        if opening == "\\{" and self.passes("\\}"):
            self.num_bars, self.is_in_set = outer
            return Node("set", ((),))
        node = self.listing()
        if opening == "\\{" and self.passes("mid", ":", "|"):
            node = Node("builder", (node, self.listing()))
        if not self.sees(*CLOSING[opening]):
            raise NotUnderstood(f"{self.next.value[:20]!r} where a bracket should close")
        closing = self.pop().value
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
        name = self.pop().value
        rows: list[list[Node]] = [[]]
        while self.next.kind != "end":
            rows[-1].append(self.sum())
            if self.passes("\\\\"):
                if self.next.kind != "end":
                    rows.append([])
            elif not self.passes("&") and self.next.kind != "end":
                raise NotUnderstood(f"{self.next.value[:20]!r} in a matrix")
        if self.pop().value != name or len({len(row) for row in rows}) > 1 or not rows[0]:
            raise NotUnderstood("a matrix without a shape")
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
        return Node("symbol", ("".join(names),))

    def _after_index(self) -> Token:
        """The token after the subscript of the next one."""
        if self.ahead(1).value != "_":
            return self.ahead(1)
        return self.ahead(5 if self.ahead(2).value == "{" and self.ahead(4).value == "}" else 3)

    def sum(self) -> Node:
        """Terms with `+`, `-`, `±` between them."""
        terms = [self.product()]
        while self.sees("+", "-", "pm", "mp"):
            sign, term = self.pop().value, self.product()
            terms.append(term if sign == "+" else negated(term) if sign == "-" else Node(sign, (term,)))
        return terms[0] if len(terms) == 1 else summed(terms)

    def product(self) -> Node:
        """Factors, divisors and, at the end, a unit."""
        factors = [self.signed()]
        while True:
            if self.sees("*", "/"):
                divides, factor = self.pop().value == "/", self.signed()
                factors.append(Node("inverse", (factor,)) if divides else factor)
            elif self.next.kind == "text":
                return Node("unit", (scaled(factors), self.unit()))
            elif self._starts_factor():
                factors.append(self.power())
            else:
                return scaled(factors)

    def signed(self) -> Node:
        """A power with signs before it."""
        is_negative, other = False, ""
        while self.sees("+", "-", "pm", "mp"):
            sign = self.pop().value
            is_negative ^= sign == "-"
            other = other or (sign if sign in ("pm", "mp") else "")
        node = self.power()
        if is_negative:
            node = negated(node)
        return Node(other, (node,)) if other else node

    def power(self) -> Node:
        """An atom with what is written behind it: `^`, `!`, `%`, `°`, `'`."""
        node = self.atom()
        has_factorial = False
        while True:
            if not has_factorial and self.passes("!"):
                node, has_factorial = Node("factorial", (node,)), True
            elif self.sees("%", "degree"):
                mark = "percent" if self.pop().value == "%" else "degree"
                node = node if node.head in ("percent", "degree") else Node(mark, (node,))
            elif self.passes("^"):
                node = self._raised(node)
            elif node.head == "^" and node.args[0].head == "symbol" and self.passes("_"):  # v^2_0
                node = power(Node("symbol", (f"{node.args[0].args[0]}_{self.subscript()}",)), node.args[1])
            else:
                return node

    def atom(self) -> Node:
        """A number, a variable, a function with its argument, or something in brackets."""
        self.descend()
        node = self._atom()
        self.nesting -= 1
        return node

    def _atom(self) -> Node:
        token = self.next
        if token.kind == "number":
            return self._number()
        if token.kind == "symbol" or (token.kind == "text" and len(token.value) == 1):
            return self._symbol()
        if token.kind == "function":
            return self._function(self.pop().value)
        if token.kind == "argument":
            return self._command(self.pop().value)
        if token.kind == "begin":
            return self.matrix()
        if self.sees(*ENCLOSED) and not (token.value == "|" and self.num_bars):
            return self._enclosed(*ENCLOSED[token.value])
        if self.sees(*OPENING_SIGNS):
            return self.bracket()
        raise NotUnderstood(f"{token.value[:20]!r} where a value was expected")

    def _number(self) -> Node:
        token = self.pop()
        value = number(Fraction(token.value))
        if self.passes("_"):  # 4210_7: digits in a base
            return Node("symbol", (f"{token.value}_{self.subscript()}",))
        if not token.value.isdigit():
            return value
        ahead = self.next
        if ahead.kind == "argument" and ahead.value == "frac":  # 1\frac{4}{5}
            part = self.power()
            return total([value, part]) if _is_simple_fraction(part) else scaled([value, part])
        if ahead.kind == "number" and ahead.spaced and self.ahead(1).value == "/" and self.ahead(2).kind == "number":  # 1 4/5
            above, below = Fraction(ahead.value), Fraction(self.ahead(2).value)
            self.position += 3
            return total([value, product([number(above), Node("inverse", (number(below),))])])
        return value

    def _symbol(self) -> Node:
        name = self.pop().value
        if self.passes("_"):
            name = f"{name}_{self.subscript()}"
        while length := self.prime():
            self.position += length
            name += "'"
        if self.sees("(") and (name in vocabulary.CALLABLE or "'" in name):
            inner = self.bracket()
            arguments = inner.args[2] if inner.head == "tuple" else (inner,)
            return Node("call", (name, *arguments))
        return Node("symbol", (name,))

    def _raised(self, base: Node) -> Node:
        """The base with the exponent that stands here, which is also how degrees, primes and transposition are written."""
        if self.sees("{") and self.ahead(2).value == "}" and self.ahead(1).value in ("degree", "top"):
            mark = self.ahead(1).value
            self.position += 3
        elif self.sees("degree", "top"):
            mark = self.pop().value
        else:
            exponent = self.argument(allows_sign=True)
            if base.head == "matrix" and exponent == Node("symbol", ("T",)):
                return transposed(base)
            if base.head in STRUCTURES or exponent.head in STRUCTURES:
                raise NotUnderstood("a power of something that is no number")
            return power(base, exponent)
        if mark == "top":
            return transposed(base)
        if self.next.value in ("C", "F") and self.ahead(1) is END:  # Celsius, Fahrenheit
            self.position += 1
        return Node("degree", (base,))

    def argument(self, *, allows_sign: bool = False, splits_digits: bool = False) -> Node:
        """What a command or `^` is applied to: a group in braces, or one atom (of a number, its first digit, where TeX says so)."""
        if allows_sign and self.sees("-", "+"):
            is_negative = self.pop().value == "-"
            node = self.argument(allows_sign=not self.sees("-", "+"))
            return negative(node) if is_negative else node
        token = self.next
        if token.kind == "number":  # not a mixed number
            if splits_digits and len(token.value) > 1 and token.value.isdigit():
                self.tokens[self.position] = Token("number", token.value[1:])
                return number(Fraction(token.value[0]))
            self.position += 1
            node = number(Fraction(token.value))
        else:
            node = self.atom()
        if allows_sign and self.passes("^"):  # 2^3^4
            self.descend()
            node = self._raised(node)
            self.nesting -= 1
        return node

    def _command(self, name: str) -> Node:
        if name == "sqrt":
            index = None
            if self.passes("["):
                index = self.sum()
                self.take("]")
            radicand = self.argument()
            return Node("sqrt", (radicand,)) if index in (None, number(2)) else Node("root", (radicand, index))
        if name == "phantom":
            self.position += self.sees("-", "+") or self.argument(splits_digits=True) is None
            return self.atom()
        first = self.argument(splits_digits=True)
        if name == "plain":
            return first
        if name == "mark":
            return Node("symbol", ("mark " + "".join(str(inner.args[0]) for inner in inner_nodes(first) if inner.head == "symbol"),))
        second = self.argument(splits_digits=True)
        if name == "binom":
            return Node("binomial", (first, second))
        return scaled([first, Node("inverse", (second,))])

    def _function(self, name: str) -> Node:
        exponent, base = None, None
        while self.sees("^", "_"):
            is_power = self.pop().value == "^"
            value = self.argument(allows_sign=True)
            exponent, base = (value, base) if is_power else (exponent, value)
        if self.sees("(", "{", "[", "\\{"):
            inner = self.bracket()
            arguments = inner.args[-1] if inner.head in ("tuple", "set") else (inner,)
        else:
            arguments = (self._bare_argument(),)
        if name in ("sqrt", "cbrt"):
            return Node("sqrt", arguments) if name == "sqrt" else Node("root", (*arguments, number(3)))
        if name in vocabulary.TRIGONOMETRIC:
            if exponent == number(-1) and name in vocabulary.INVERSES:
                name, exponent = vocabulary.INVERSES[name], None
            arguments = tuple(in_radians(argument) for argument in arguments)
        if name == "cis":
            return Node("^", (Node("symbol", ("e",)), product([Node("symbol", ("i",)), *arguments])))
        node = Node(name, (*arguments, base) if base else arguments)
        return Node("^", (node, exponent)) if exponent else node

    def _bare_argument(self) -> Node:
        """The argument of a function without brackets: `2x`, `\\frac{1}{2} \\theta`, `\\pi/6`, `|x|`."""
        factors = [self.signed()]
        while self.next.kind == "symbol" and self.next.value != "i":
            factors.append(self.power())
        if self.sees("/") and self.ahead(1).kind == "number" and any(factor == Node("symbol", ("pi",)) for factor in factors):
            self.position += 1
            factors.append(Node("inverse", (self.power(),)))
        return product(factors)

    def _enclosed(self, closing: str, head: str, num_bars: int) -> Node:
        self.position += 1
        outer, self.num_bars = self.num_bars, num_bars
        inner = self.sum()
        self.take(closing)
        self.num_bars = outer
        return Node(head, (inner,))

    def _starts_factor(self) -> bool:
        token = self.next
        if token.kind in FACTOR_KINDS or (token.kind == "number" and self.tokens[self.position - 1].value in (")", "]", "}")):
            return True
        return token.kind == "sign" and (token.value in OPENING_SIGNS or (token.value == "|" and not self.num_bars and not self.is_in_set))


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


def _is_simple_fraction(node: Node) -> bool:
    """Whether a node is one whole number over another."""
    if node.head != "*" or len(node.args) != 2 or node.args[1].head != "inverse":
        return False
    parts = (node.args[0], node.args[1].args[0])
    return all(part.head == "number" and part.args[0].denominator == 1 for part in parts)
