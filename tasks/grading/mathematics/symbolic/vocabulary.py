r"""The words and signs of written mathematics that the parser knows (vocabulary.json): LaTeX commands, plain words, Unicode signs, units.

Left out: grammar (parser.py). Words that are not here make a text "not understood", never a product of letters.
"""

from r1bench.tasks.data.tables import read_table

TABLES = read_table(__package__, "vocabulary.json")
GREEK: dict[str, str] = {name: name for name in TABLES["greek"]}
SYMBOL_COMMANDS: dict[str, str] = GREEK | TABLES["symbol_commands"]
SYMBOL_WORDS: dict[str, str] = {name: name for name in GREEK if name not in TABLES["greek_not_as_words"]} | TABLES["symbol_words"]
TRIGONOMETRIC = frozenset(TABLES["trigonometric"])
FUNCTIONS: dict[str, str] = {name: name for name in (*TRIGONOMETRIC, *TABLES["functions"])} | TABLES["other_names_of_functions"]
LATEX_FUNCTIONS = {name: function for name, function in FUNCTIONS.items() if name not in TABLES["functions_not_in_latex"]}
INVERSES: dict[str, str] = TABLES["inverses"]
CALLABLE = frozenset("fghFGH") | {"phi", "Phi", "psi"}
"""Letters that are a function where a bracket follows; other letters are then a factor."""
SKIPPED_COMMANDS, TEXT_COMMANDS, FONT_COMMANDS = (frozenset(TABLES[f"{kind}_commands"]) for kind in ("skipped", "text", "font"))
COMMANDS = {
    "sign": TABLES["command_signs"],
    "symbol": SYMBOL_COMMANDS,
    "function": LATEX_FUNCTIONS,
    "argument": TABLES["argument_commands"],
}
"""Kind of token -> the commands that stand for one."""
MATRICES = frozenset(TABLES["matrices"])
UNICODE: dict[str, str] = TABLES["unicode"]
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ", "0123456789-+n")
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
UNITS, NOT_UNITS = frozenset(TABLES["units"]), frozenset(TABLES["not_units"])


def unit_name(words: str) -> str:
    """A unit in one spelling: `square centimeters`, `sq cm` and `cm^2` are alike."""
    names = [TABLES["unit_names"].get(word.rstrip("s"), word.rstrip("s")) for word in words.replace("^", " ^").split()]
    power = {"sq": "^2", "cubic": "^3", "cu": "^3"}.get(names[0], "") if names else ""
    return " ".join([*names[1:], power] if power else names)
