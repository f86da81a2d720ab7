r"""The words and signs of written mathematics that the parser knows: LaTeX commands, plain words, Unicode signs, units.

Left out: grammar (parser.py). Words that are not here make a text "not understood", never a product of letters.
"""


def word_set(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


GREEK = word_set(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi omicron rho varrho sigma tau upsilon "
    "phi varphi chi psi omega Gamma Delta Theta Lambda Xi Sigma Upsilon Phi Psi Omega"
)
SYMBOL_COMMANDS = {name: name for name in GREEK} | {
    "pi": "pi", "infty": "infinity", "emptyset": "emptyset", "varnothing": "emptyset", "ell": "ell", "hbar": "hbar",
    "triangle": "triangle", "angle": "angle", "square": "square", "odot": "odot", "oplus": "oplus", "star": "star", "perp": "perp",
    "parallel": "parallel",
}  # fmt: skip
SYMBOL_COMMANDS |= {"varepsilon": "epsilon", "varphi": "phi", "vartheta": "theta", "varrho": "rho"}
SYMBOL_WORDS = {name: name for name in GREEK} | {
    "pi": "pi", "Pi": "pi", "infinity": "infinity", "Infinity": "infinity", "inf": "infinity", "infty": "infinity", "oo": "infinity",
}  # fmt: skip
del SYMBOL_WORDS["xi"], SYMBOL_WORDS["nu"], SYMBOL_WORDS["mu"], SYMBOL_WORDS["eta"], SYMBOL_WORDS["chi"]  # as words these are products

TRIGONOMETRIC = frozenset({"sin", "cos", "tan", "cot", "sec", "csc", "cis"})
FUNCTIONS = {name: name for name in TRIGONOMETRIC} | {
    "arcsin": "arcsin", "arccos": "arccos", "arctan": "arctan", "arccot": "arccot", "asin": "arcsin", "acos": "arccos", "atan": "arctan",
    "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "tg": "tan", "ctg": "cot", "cosec": "csc", "arctg": "arctan",
    "log": "log", "ln": "ln", "lg": "log10", "exp": "exp", "abs": "abs", "floor": "floor", "ceil": "ceil", "ceiling": "ceil",
    "sqrt": "sqrt", "cbrt": "cbrt", "min": "min", "max": "max", "gcd": "gcd", "lcm": "lcm", "factorial": "factorial",
    "binomial": "binomial", "binom": "binomial",
}  # fmt: skip
NOT_IN_LATEX = ("abs", "floor", "ceil", "ceiling", "cbrt", "factorial", "binomial", "sqrt", "binom")
LATEX_FUNCTIONS = {name: function for name, function in FUNCTIONS.items() if name not in NOT_IN_LATEX}
INVERSES = {"sin": "arcsin", "cos": "arccos", "tan": "arctan", "cot": "arccot"}
CALLABLE = frozenset("fghFGH") | {"phi", "Phi", "psi"}
"""Letters that are a function where a bracket follows; other letters are then a factor."""

COMMAND_SIGNS = {
    "cdot": "*", "times": "*", "ast": "*", "div": "/", "pm": "pm", "mp": "mp", "cup": "cup", "bigcup": "cup", "cap": "cap",
    "setminus": "setminus", "backslash": "setminus", "le": "<=", "leq": "<=", "leqslant": "<=", "ge": ">=", "geq": ">=",
    "geqslant": ">=", "lt": "<", "gt": ">", "ne": "!=", "neq": "!=", "in": "in", "approx": "~", "lfloor": "lfloor",
    "rfloor": "rfloor", "lceil": "lceil", "rceil": "rceil", "lvert": "lvert", "rvert": "rvert", "vert": "|", "lbrace": "\\{",
    "rbrace": "\\}", "langle": "<<", "rangle": ">>", "mid": "mid", "circ": "degree", "degree": "degree", "degrees": "degree",
    "prime": "'", "lbrack": "[", "rbrack": "]", "colon": ":", "land": ",", "wedge": ",", "lor": "or", "vee": "or", "top": "top",
}  # fmt: skip
SKIPPED_COMMANDS = word_set(
    "left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr displaystyle textstyle limits nolimits quad qquad "
    "hspace hfill scriptstyle thinspace"
)
TEXT_COMMANDS = word_set("text mbox textbf textrm textit textnormal textsf texttt hbox")
FONT_COMMANDS = word_set("mathrm mathbf mathit mathsf mathtt mathcal boldsymbol bm operatorname rm bf it mathnormal mathbb")
ARGUMENT_COMMANDS = {
    "frac": "frac", "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "sqrt": "sqrt", "binom": "binom", "dbinom": "binom",
    "tbinom": "binom", "overline": "mark", "bar": "mark", "vec": "mark", "hat": "mark", "widehat": "mark", "overrightarrow": "mark",
    "tilde": "mark", "underline": "plain", "boxed": "plain", "fbox": "plain", "phantom": "phantom",
}  # fmt: skip
COMMANDS = (("sign", COMMAND_SIGNS), ("symbol", SYMBOL_COMMANDS), ("function", LATEX_FUNCTIONS), ("argument", ARGUMENT_COMMANDS))
"""Kind of token -> the commands that stand for one."""
MATRICES = frozenset({"matrix", "pmatrix", "bmatrix", "Bmatrix", "smallmatrix", "array"})

UNICODE = {
    "∞": "\\infty ", "π": "\\pi ", "×": "\\times ", "·": "\\cdot ", "⋅": "\\cdot ", "∙": "\\cdot ", "•": "\\cdot ", "∗": "*",
    "÷": "\\div ", "∕": "/", "⁄": "/", "≤": "\\le ", "⩽": "\\le ", "≦": "\\le ", "≥": "\\ge ", "⩾": "\\ge ", "≧": "\\ge ",
    "≠": "\\ne ", "∪": "\\cup ", "∩": "\\cap ", "∈": "\\in ", "±": "\\pm ", "∓": "\\mp ", "°": "^\\circ ", "º": "^\\circ ",
    "≈": "\\approx ", "√": "\\sqrt ", "∛": "\\sqrt[3] ", "∅": "\\emptyset ", "ℝ": "\\mathbb{R}", "ℤ": "\\mathbb{Z}",
    "ℕ": "\\mathbb{N}", "ℚ": "\\mathbb{Q}", "ℂ": "\\mathbb{C}", "½": "\\frac{1}{2}", "⅓": "\\frac{1}{3}", "⅔": "\\frac{2}{3}",
    "¼": "\\frac{1}{4}", "¾": "\\frac{3}{4}", "⅕": "\\frac{1}{5}", "⅙": "\\frac{1}{6}", "⅛": "\\frac{1}{8}", "⌊": "\\lfloor ",
    "⌋": "\\rfloor ", "⌈": "\\lceil ", "⌉": "\\rceil ", "∖": "\\setminus ", "⟨": "\\langle ", "⟩": "\\rangle ", "∠": "\\angle ",
    "△": "\\triangle ", "，": ",", "、": ",", "；": ";", "。": ".", "：": ":", "（": "(", "）": ")", "【": "[", "】": "]", "−": "-",
    "–": "-", "—": "-", "﹣": "-", "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u3000": " ", "′": "'", "’": "'",
    "或": " or ", "和": " and ", "且": " and ", "与": " and ", "及": " and ", "∨": " or ", "∧": " and ", "％": "%",
    "α": "\\alpha ", "β": "\\beta ", "γ": "\\gamma ", "δ": "\\delta ", "ε": "\\epsilon ", "ζ": "\\zeta ", "η": "\\eta ", "θ": "\\theta ",
    "ι": "\\iota ", "κ": "\\kappa ", "λ": "\\lambda ", "μ": "\\mu ", "ν": "\\nu ", "ξ": "\\xi ", "ρ": "\\rho ", "σ": "\\sigma ",
    "τ": "\\tau ", "φ": "\\phi ", "ϕ": "\\phi ", "χ": "\\chi ", "ψ": "\\psi ", "ω": "\\omega ", "Γ": "\\Gamma ", "Δ": "\\Delta ",
    "Θ": "\\Theta ", "Λ": "\\Lambda ", "Σ": "\\Sigma ", "Φ": "\\Phi ", "Ψ": "\\Psi ", "Ω": "\\Omega ",
}  # fmt: skip
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ", "0123456789-+n")
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")

NOT_UNITS = word_set(
    "if is are not no when for where with such that for all any every only none either but unless except or and more less than least most "
    "squared cubed half pi plus minus double triple twice etc wrong false prime th about approximately"
)
UNITS = word_set(
    "cm mm km dm nm ft feet foot inch inches in mile miles mi meter metre meters metres centimeter centimeters centimetre centimetres "
    "millimeter millimeters kilometer kilometers kilometre kilometres yard yards yd unit units square cubic sq cu degree degrees radian "
    "radians rad deg hour hours hr hrs minute minutes mins second seconds sec secs day days week weeks month months year years dollar "
    "dollars cent cents usd rmb yuan euro euros pound pounds kg gram grams kilogram kilograms lb lbs oz ounce ounces liter liters litre "
    "litres ml gallon gallons mph kph per hz percent people person students student ways way times points point cups cup pieces"
)
UNIT_NAMES = {
    "centimeter": "cm", "centimetre": "cm", "millimeter": "mm", "millimetre": "mm", "kilometer": "km", "kilometre": "km", "meter": "m",
    "metre": "m", "feet": "ft", "foot": "ft", "inche": "in", "inch": "in", "second": "s", "sec": "s", "hr": "hour", "h": "hour",
    "min": "minute", "kilogram": "kg", "gram": "g", "pound": "lb", "square": "sq", "deg": "degree", "litre": "liter", "l": "liter",
}  # fmt: skip


def unit_name(words: str) -> str:
    """A unit in one spelling: `square centimeters`, `sq cm` and `cm^2` are alike."""
    names = [UNIT_NAMES.get(word.rstrip("s"), word.rstrip("s")) for word in words.replace("^", " ^").split()]
    power = {"sq": "^2", "cubic": "^3", "cu": "^3"}.get(names[0], "") if names else ""
    return " ".join([*names[1:], power] if power else names)
