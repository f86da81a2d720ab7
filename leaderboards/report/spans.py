r"""Where the answer that was found in a completion stands in its text, for a page that marks it.

    answer_span("4 is \\boxed{4}", "4", Span(0, 12))                ->  Span(start=12, end=13)

Left out: where reasoning and answer part stand (r1bench.harness.thinking.parts); judging anything.
"""

from r1bench.harness.thinking import Span

LONGEST_MARKED = 2_000
"""Characters of an answer that is looked for in its text; a longer one is a program or a whole completion."""
MOST_PLACES = 100
OPENINGS = ("\\boxed{", "\\fbox{", "<answer>")


def answer_span(text: str, extracted: str | None, answer: Span) -> Span | None:
    """The last place of the extracted answer in the answer part, or else in the whole text; None where it is not there as it stands.

    A place in a box or in answer tags goes before one that stands free, and that before one inside another word or number. At most
    MOST_PLACES places are looked at, from the end.
    """
    if not extracted or len(extracted) > LONGEST_MARKED or not extracted.strip():
        return None
    for part in (answer, Span(0, len(text))):
        found = _best_place(text, extracted, part)
        if found is not None:
            return Span(found, found + len(extracted))
    return None


def _best_place(text: str, extracted: str, part: Span) -> int | None:
    """Where the answer begins, by the order of `answer_span`."""
    free = anywhere = None
    place, size = text.rfind(extracted, part.start, part.end), len(extracted)
    for _ in range(MOST_PLACES):
        if place < 0:
            break
        if text[max(0, place - 24) : place].rstrip().lower().endswith(OPENINGS):
            return place
        anywhere = place if anywhere is None else anywhere
        if (
            free is None
            and not _joins(text[max(0, place - 1) : place], extracted[0])
            and not _joins(extracted[-1], text[place + size : place + size + 1])
        ):
            free = place
        place = text.rfind(extracted, part.start, place + size - 1)
    return anywhere if free is None else free


def _joins(left: str, right: str) -> bool:
    """Whether two neighbouring characters belong to one word or number."""
    return (left.isalnum() or left in ("_", ".", "-")) and (right.isalnum() or right == "_") if left and right else False


def in_utf16(text: str, span: Span | None) -> list[int] | None:
    """The span in UTF-16 code units, in which JavaScript counts; a character beyond U+FFFF has two."""
    if span is None:
        return None
    start = num_units(text[: span.start])
    return [start, start + num_units(text[span.start : span.end])]


def num_units(text: str) -> int:
    """Length in UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
