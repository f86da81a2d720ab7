r"""Counts the words of a text by script, to see which language a model reasons in.

Crude by design, and to be replaced by a better measure: a run of Latin letters is one word (so is a single letter, and French is
not told from English), every Han character counts as one word, a run of any other letters is one word. Of LaTeX only the names of
commands (`\frac`) are passed over; code is counted like text. R1's language reward is the share of target-language words in the
reasoning (arXiv 2501.12948, section 2.3.2).
"""

import re

LATIN = "A-Za-zªº\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
WORD = re.compile(rf"\\[A-Za-z]+|(?P<latin>[{LATIN}]+)|(?P<han>[{HAN}])|(?P<other>(?:(?![{LATIN}{HAN}])[^\W\d_])+)")


def words_by_script(text: str) -> dict[str, int]:
    """Script ('latin', 'han', 'other') -> number of words; scripts that do not occur are left out."""
    counts: dict[str, int] = {}
    for word in WORD.finditer(text):
        if word.lastgroup:
            counts[word.lastgroup] = counts.get(word.lastgroup, 0) + 1
    return counts
