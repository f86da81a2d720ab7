r"""The grammar of expressions: sums, products (also unwritten ones), powers, functions, roots, fractions, absolute values.

From loose to tight: `+ - ±`, `* / ·` and juxtaposition (left to right, so `1/2x` is half of x), sign, power, `! % °`. A function
without brackets takes the numbers and variables that follow it (`\sin 2x \cos x`), with its power before or after (`\sin^2 x`).
Left out: brackets with several items, relations, lists (parser.py, which completes this class).

Nesting is bounded by MAX_NESTING (cursor.py), and every other chain is read by a loop into a flat node, so trees stay shallow.
"""

from fractions import Fraction

from r1bench.tasks.grading.mathematics.symbolic import vocabulary
from r1bench.tasks.grading.mathematics.symbolic.cursor import Cursor
from r1bench.tasks.grading.mathematics.symbolic.nodes import (
    STRUCTURES,
    Node,
    NotUnderstood,
    in_radians,
    inner_nodes,
    negative,
    number,
    power,
    product,
    total,
)
from r1bench.tasks.grading.mathematics.symbolic.tokens import END, Token
from r1bench.tasks.grading.mathematics.symbolic.vectors import negated, scaled, summed, transposed

FACTOR_KINDS = frozenset({"symbol", "function", "argument", "begin"})
OPENING_SIGNS = frozenset({"(", "[", "\\{", "{", "lfloor", "lceil", "lvert", "<<"})
ENCLOSED = {"lfloor": ("rfloor", "floor"), "lceil": ("rceil", "ceil"), "lvert": ("rvert", "abs")}


class ExpressionParser(Cursor):
    """Reads one expression from tokens, from `position` on."""

    def bracket(self) -> Node:
        """What stands in brackets; parser.py knows."""
        raise NotImplementedError

    def matrix(self) -> Node:
        """What stands between begin and end; parser.py knows."""
        raise NotImplementedError

    def sum(self) -> Node:
        """Terms with `+`, `-`, `±` between them."""
        terms = [self.product()]
        while self.sees("+", "-", "pm", "mp"):
            sign = self.next.value
            self.position += 1
            term = self.product()
            terms.append(term if sign == "+" else negated(term) if sign == "-" else Node(sign, (term,)))
        return terms[0] if len(terms) == 1 else summed(terms)

    def product(self) -> Node:
        """Factors, divisors and, at the end, a unit."""
        factors = [self.signed()]
        while True:
            if self.sees("*", "/"):
                divides = self.next.value == "/"
                self.position += 1
                factor = self.signed()
                factors.append(Node("inverse", (factor,)) if divides else factor)
            elif self.next.kind == "text":
                return Node("unit", (scaled(factors), self.unit()))
            elif self._starts_factor(self.next):
                factors.append(self.power())
            else:
                return scaled(factors)

    def signed(self) -> Node:
        """A power with signs before it."""
        is_negative, other = False, ""
        while self.sees("+", "-", "pm", "mp"):
            is_negative ^= self.next.value == "-"
            other = other or (self.next.value if self.next.value in ("pm", "mp") else "")
            self.position += 1
        node = self.power()
        if is_negative:
            node = negated(node)
        return Node(other, (node,)) if other else node

    def power(self) -> Node:
        """An atom with what is written behind it: `^`, `!`, `%`, `°`, `'`."""
        node = self.atom()
        num_factorials = 0
        while True:
            if self.sees("!") and not num_factorials:
                node, num_factorials, self.position = Node("factorial", (node,)), 1, self.position + 1
            elif self.sees("%", "degree"):
                node = node if node.head in ("percent", "degree") else Node("percent" if self.next.value == "%" else "degree", (node,))
                self.position += 1
            elif self.sees("^"):
                self.position += 1
                node = self._raised(node)
            elif self.sees("_") and node.head == "^" and node.args[0].head == "symbol":  # v^2_0
                self.position += 1
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
            self.position += 1
            return self._function(token.value)
        if token.kind == "argument":
            self.position += 1
            return self._command(token.value)
        if token.kind == "begin":
            return self.matrix()
        if self.sees("|") and not self.num_bars:
            return self._absolute()
        if self.sees(*ENCLOSED):
            return self._enclosed(*ENCLOSED[token.value])
        if self.sees(*OPENING_SIGNS):
            return self.bracket()
        raise NotUnderstood(f"{token.value[:20]!r} where a value was expected")

    def _number(self) -> Node:
        token = self.next
        self.position += 1
        value = number(Fraction(token.value))
        if self.sees("_"):  # 4210_7: digits in a base
            self.position += 1
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
        name = self.next.value
        self.position += 1
        if self.sees("_"):
            self.position += 1
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
            mark = self.next.value
            self.position += 1
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
            is_negative = self.next.value == "-"
            self.position += 1
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
        if allows_sign and self.sees("^"):  # 2^3^4
            self.position += 1
            self.descend()
            node = self._raised(node)
            self.nesting -= 1
        return node

    def _command(self, name: str) -> Node:
        if name == "sqrt":
            index = None
            if self.sees("["):
                self.position += 1
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
            is_power = self.next.value == "^"
            self.position += 1
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

    def _absolute(self) -> Node:
        self.position += 1
        self.num_bars += 1
        inner = self.sum()
        self.take("|")
        self.num_bars -= 1
        return Node("abs", (inner,))

    def _enclosed(self, closing: str, head: str) -> Node:
        self.position += 1
        bars, self.num_bars = self.num_bars, 0
        inner = self.sum()
        self.take(closing)
        self.num_bars = bars
        return Node(head, (inner,))

    def _starts_factor(self, token: Token) -> bool:
        if token.kind in FACTOR_KINDS or (token.kind == "number" and self.tokens[self.position - 1].value in (")", "]", "}")):
            return True
        return token.kind == "sign" and (token.value in OPENING_SIGNS or (token.value == "|" and not self.num_bars and not self.is_in_set))


def _is_simple_fraction(node: Node) -> bool:
    """Whether a node is one whole number over another."""
    if node.head != "*" or len(node.args) != 2 or node.args[1].head != "inverse":
        return False
    parts = (node.args[0], node.args[1].args[0])
    return all(part.head == "number" and part.args[0].denominator == 1 for part in parts)
