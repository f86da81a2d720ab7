r"""The words beside a number that make it another number, or none: "half of 36", "36 or more", `\ln 36`, "negative 36", 36多.

integers.py leaves out the words around a number; these it must not leave out. English and the main other languages. Left out: words that
only say how sure or exact somebody is ("approximately"), units, and labels (`\text{Total: }36`).
"""

import re

FUNCTIONS = (
    "arc(?:sin|cos|tan|cot)|a?(?:sin|cos|tan)h?|cot|csc|cosec|ctg|tg|log|ln|lg|exp|sqrt|cbrt|abs|floor|ceil|ceiling|gcd|lcm|sine|cosine|"
    "tangent|logarithm|root|pi|arg|det|sgn|re|im"
)
FRACTIONS = r"hal(?:f|ves)|thirds?|(?:four|fif|six|seven|eigh|nin|ten|eleven|twelf|hundred|thousand)ths?"
DENIALS = (
    r"\bnot\b|n['’]t\b|\bnever\b|\bcannot\b|\bat (?:the )?(?:least|most)\b|\bau (?:moins|plus)\b|\bal menos\b|\ba lo sumo\b|\bpelo menos\b|"
    r"\bno máximo\b|\balmeno\b|\bal massimo\b|\bmindestens\b|\bhöchstens\b|\bnicht\b|\bkein\w{0,2}\b|\bn[’']est pas\b|\bpas\b|\bnão\b|"
    r"\bnon\b(?!-)|\bне\b|不|非|至少|至多|最[多少]|少なくとも|以[上下内]|未[满満]|이상|이하|미만|초과"
)
BOUNDS = (
    r"\bthan\b|\b(?:más|menos|mais|moins) (?:de|do|que)\b|\bplus de\b|\b(?:più|meno) di\b|\b(?:mehr|weniger|größer|kleiner) als\b|"
    r"\b(?:бол|мен)ее\b|\b(?:больше|меньше)\b|[大小高低多少]于|超过"
)
OR_MORE = (
    r"\b(?:or|o|ou|oder|или|y|e|et|und|и|and)\s+(?:an?\s+|un[ea]?\s+|ein(?:e|en)?\s+)?(?:more|less|fewer|higher|lower|greater|above|below|"
    r"half|third|quarter|más|menos|plus|moins|mehr|weniger|mais|più|meno|больше|меньше|более|менее|demi|medi[oa]|mei[oa]|mezz[oa]|"
    r"halb|половин)\w{0,3}\b"
)
MULTIPLES = r"half|twice|thrice|double|triple|quadruple|times|halb|doppelt|deux fois"
SIGNS = "negative|minus|moins|menos|meno|минус"
TAKEN_OF = (
    rf"{FUNCTIONS}|{FRACTIONS}|quarter|squared?|cubed?|factorial|reciprocal|inverse|opposite|multiple|double|triple|percent|power|"
    "moiti[ée]|mitad|doble|raíz|raiz|metade|dobro|metà|doppio|radice|racine|hälfte|wurzel"
)
BEFORE = re.compile(
    rf"(?:{DENIALS}|{BOUNDS})[^:=]{{0,60}}$|[负負半]\s*$"
    rf"|\b(?:{FUNCTIONS}|{MULTIPLES}|{SIGNS}|plus|over|under|above|below|beyond|exceed(?:s|ing)|except|up to|between|from|and|or|"
    r"twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|step|case|problem|question|equation)"
    r"[\s(]{0,3}$"
    rf"|\b(?:{TAKEN_OF})(?:\s\w{{1,9}})?\s(?:of|de|di|do|da|von|aus)(?:\s(?:the|la|el))?[\s(]{{0,3}}$",
    re.IGNORECASE,
)
"""What changes a number that follows, at the end of the text before it."""
DENIED_LEFT = re.compile(rf"^\W*(?:{DENIALS}|{BOUNDS})|(?:{DENIALS}|{BOUNDS})(?:\s*(?:equal|be|to|等)\b){{0,3}}\s*$", re.IGNORECASE)
"""Left sides of what is then no equation: "x is not" = 5, "at least x" = 5."""
AFTER = re.compile(
    rf"[\s(]{{0,3}}(?:(?:and|or|to|plus|minus|over|hundred|thousand|squared|cubed|factorial|doubled?|tripled?|twice|halved|"
    rf"choose|mod|modulo|oder|ou|или|{FUNCTIONS}|{FRACTIONS})\b"
    rf"|(?:times|(?:more|less|fewer|greater)\s+than)\s+(?:{FUNCTIONS}|[b-zB-Z])\b|[几余来又点半或和至到万亿]|[百千](?![克米瓦卡帕焦赫伏])|分之)",
    re.IGNORECASE,
)
"""What changes a number, right behind it."""
LATER = re.compile(rf"多|[个天年月时倍]半|{OR_MORE}|{DENIALS}", re.IGNORECASE)
"""What changes a number, anywhere behind it: "36 dollars or more"."""
OPERATORS = re.compile(r"[-+±*^!<>=√²³½¼¾⅓⅔×÷·≤≥≠|π]\s*$|^\s*[-+±/*^!<>=√²³½¼¾⅓⅔×÷·≤≥≠|π]")
"""Signs at the border of a text command: `\\text{-}36`, `36\\text{!}`."""
NEGATIVE = re.compile(rf"^\s*(?:(?:{SIGNS})\s|[负負])\s*(?=[\d.\\$])", re.IGNORECASE)
"""A sign in words."""
SHORT_WORD = re.compile(r"(?:\s*\(?([A-Za-z]{2})|\(?([A-Za-z]{3}))(?![A-Za-z])")
SHORT_UNITS = re.compile(
    r"cm|mm|km|dm|nm|um|ft|in|mi|yd|kg|gm|mg|ml|cl|dl|hr|min|sec|mph|kph|lb|lbs|oz|am|pm|ms|kw|kwh|hz|khz|"
    r"mhz|ghz|rad|deg|cc|gb|mb|kb|tb|pts|pt|pcs|usd|eur|gbp|rmb|rs|kr|cu|sq|mol|atm|ev|kev|mev|kj|kn|kv|ma|pa|kpa",
    re.IGNORECASE,
)
"""Two letters, and three without a space before them, are a product of variables unless they are one of these."""


def follows_as_change(text: str) -> bool:
    """Whether what stands behind a number makes it another number."""
    short = SHORT_WORD.match(text)
    is_product = short is not None and not SHORT_UNITS.fullmatch(short[1] or short[2])
    return is_product or bool(AFTER.match(text) or LATER.search(text))


def precedes_as_change(text: str) -> bool:
    """Whether what stands in a text command before a number makes it another number; a single letter is a factor."""
    return bool(BEFORE.search(text) or OPERATORS.search(text) or re.fullmatch(r"\s*[A-Za-z]\s*", text))
