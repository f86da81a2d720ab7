"""What is odd about how a training's texts become tokens, said before it starts: nothing here stops one.

What cannot work is refused where it comes up: an end token that ends no completion (encoding.py), a chat template that cannot be used or
is lacking (harness/models/chat.py). Limit: of the examples the first 100 are looked at.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from r1bench.harness.errors import quoted
from r1bench.harness.models.chat import render_conversations, template_of
from r1bench.harness.models.conversation import CHAT, WHOLE
from r1bench.harness.models.prompts import before_a_text, encode, ending_of, is_chat, prefill_of
from r1bench.harness.models.tokenizer import text_of
from r1bench.harness.models.turns import ANSWER, QUESTION, REPLY
from r1bench.harness.records import Template

if TYPE_CHECKING:
    from r1bench.backends.job import TrainJob
    from r1bench.harness.training.encoding import Encoded, Sampled

THOUGHT = "r1benchthinks"
"""A reasoning of which no template has the word."""
AROUND = 12
"""Letters that are shown around the place where two ways to make tokens part."""
MOST_CHARACTERS = 200_000
"""Of a text that is made into tokens again."""


class Remark(NamedTuple):
    """Something that may surprise, and what to do."""

    name: str
    """A word for it: boundary, bos, prefill, reasoning, end, length, system."""
    says: str
    cure: str = ""
    where: str = ""
    """A row that shows it."""

    def __str__(self) -> str:
        shown = f" ({self.where})" if self.where else ""
        return f"{self.says}{shown}{f'; {self.cure}' if self.cure else ''}"


def lint(job: "TrainJob", tokenizer: Any, template: Template, encoded: "Encoded | None" = None) -> list[Remark]:
    """What is odd, of prompts that are asked in `template` and of examples."""
    first = encoded.first if encoded else []
    found = [doubled_bos(tokenizer), *(chat_remarks(job, tokenizer, template, first) if template_of(tokenizer) else [])]
    found += [boundary(tokenizer, first), misplaced_end(tokenizer, job.chat.end, first)]
    if encoded and encoded.num_left_out:
        longest = job.algorithm.max_length  # type: ignore[union-attr]
        total = encoded.num_left_out + encoded.num_examples + encoded.num_held_out
        found.append(
            Remark("length", f"{encoded.num_left_out} of {total} examples are left out: more than algorithm.max_length={longest} tokens")
        )
    return [each for each in found if each is not None]


def doubled_bos(tokenizer: Any) -> Remark | None:
    """Whether the chat template writes the token that begins a text, and the tokenizer puts it there too."""
    bos, lead = tokenizer.bos_token_id, before_a_text(tokenizer)
    if bos is None or not template_of(tokenizer):
        return None
    text = next((text for text in render_conversations(tokenizer, [[{"role": "user", "content": QUESTION}]]) if text), "")
    if (lead + tokenizer(text, add_special_tokens=False)["input_ids"])[:2] != [bos, bos]:
        return None
    token = quoted(tokenizer.bos_token)
    says = f"the chat template writes {token} before a text, and the tokenizer adds it"
    return Remark("bos", says, "here it stands once; other programs must tokenise what the template wrote without special tokens")


def chat_remarks(job: "TrainJob", tokenizer: Any, template: Template, first: "Sequence[Sampled]") -> list[Remark | None]:
    """About the chat template: what it says of an answer before it, and what it leaves out."""
    talks = [each for each in first if each.is_dialogue]
    is_used = bool(talks) or (is_chat(tokenizer, template) and job.algorithm.kind != "reward_model")
    found: list[Remark | None] = []
    if is_used and (prefill := prefill_of(ending := ending_of(tokenizer, CHAT), ending)):
        found.append(prefilled(job, prefill, first))
    if job.algorithm.kind == "sft" and talks and drops_reasoning(tokenizer):
        several = next((each.where for each in talks if each.learned and "</think>" in each.text), talks[0].where)
        cure = "each answer is learned whole, behind the prompt that would be asked, as an example of its own"
        found.append(Remark("reasoning", "the chat template leaves the reasoning of earlier answers out", cure, several))
    return found


def prefilled(job: "TrainJob", prefill: str, first: "Sequence[Sampled]") -> Remark:
    """The chat template begins every answer itself."""
    says = f"prompts end in {quoted(prefill)}, which the chat template writes"
    if job.algorithm.kind == "grpo":
        return Remark("prefill", says, "completions carry the closing mark only, and rewards read both together")
    lacking = [each for each in first if each.learned and each.learned.prefill and "</" not in each.learned.answer]
    if lacking:
        share = f"{len(lacking)} of the first {len(first)} answers never close it"
        return Remark(
            "prefill", f"{says}, and {share}", "write the reasoning into the answers, or give another chat.template", lacking[0].where
        )
    return Remark("prefill", says, "it is not learned, and not said twice where answers begin with it")


def drops_reasoning(tokenizer: Any) -> bool:
    """Whether the chat template keeps an earlier answer and leaves its reasoning out."""
    said = f"<think>\n{THOUGHT}\n</think>\n\n{ANSWER}"
    turns = [{"role": role, "content": text} for role, text in (("user", QUESTION), ("assistant", said), ("user", REPLY))]
    text = render_conversations(tokenizer, [turns])[0]
    return bool(text) and ANSWER in str(text) and THOUGHT not in str(text)


def boundary(tokenizer: Any, first: "Sequence[Sampled]") -> Remark | None:
    """Whether prompt and answer become other tokens apart, as in training and in evaluation, than as one text."""
    differing = [(each, place) for each in first if each.learned and (place := first_difference(tokenizer, each)) is not None]
    if not differing:
        return None
    each, place = differing[0]
    apart, whole = each.tokens[place : place + 2], whole_tokens(tokenizer, each)[place : place + 2]
    before = text_of(tokenizer, each.tokens[:place])[-AROUND:]
    said = [[text_of(tokenizer, [token]) for token in tokens] for tokens in (apart, whole)]
    says = (
        f"{len(differing)} of the first {len(first)} examples become other tokens where prompt and answer are one text: behind "
        f"{quoted(before)}, token {place}, {said[0]} and not {said[1]}"
    )
    return Remark(
        "boundary", says, "evaluation asks as training does, in parts; a template that ends in a line break avoids it", each.where
    )


def first_difference(tokenizer: Any, each: "Sampled") -> int | None:
    """The first token that is another one in the whole text; None where all are the same, or the text is very long."""
    if len(each.text) > MOST_CHARACTERS:
        return None
    whole = whole_tokens(tokenizer, each)
    if whole == each.tokens:
        return None
    pairs = zip(whole, each.tokens, strict=False)
    return next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(whole), len(each.tokens)))


def whole_tokens(tokenizer: Any, each: "Sampled") -> list[int]:
    """The tokens of an example's text, made at once."""
    is_rendered = each.is_dialogue or (each.learned is not None and not starts_plain(tokenizer, each))
    return encode(tokenizer, CHAT if is_rendered else WHOLE, each.text)


def starts_plain(tokenizer: Any, each: "Sampled") -> bool:
    """Whether an example begins as a plain text does: with what the tokenizer puts before one."""
    lead = before_a_text(tokenizer)
    return each.tokens[: len(lead)] == lead


def misplaced_end(tokenizer: Any, end: str, first: "Sequence[Sampled]") -> Remark | None:
    """Whether the token that ends an answer stands inside one."""
    inside = [each for each in first if end and each.learned and end in each.learned.answer]
    if not inside:
        return None
    says = f"the token {quoted(end)}, which ends an answer, stands inside {len(inside)} of the first {len(first)}"
    return Remark("end", says, "a model that learns so stops there; take it out of the text", inside[0].where)
