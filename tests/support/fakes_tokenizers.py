"""Tokenizers of five kinds, each a few hundred tokens made on the spot, and folders with any layout of files round them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tokenizers
from fakes_speaker import byte_level, write_tokenizer
from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors

from r1bench.harness.records import Checkpoint

SPECIALS = [AddedToken(text, special=True, normalized=False) for text in ("<unk>", "<s>", "</s>", "<|im_end|>")]
TEXTS = (
    *(
        "What is 12 + 34?",
        " one",
        "  two  spaces ",
        "\n\nlines\r\n\ttab",
        "1234567890 3.14",
        "首先计算１２",
        "🙂👍🏽 é e\u0301",
        "don 't , stop !",
    ),
    *("<s>a</s> b<|im_end|>\nc <unk>", "ĠĊ▁ <0x0A>", ""),
)


def with_specials(made: Tokenizer) -> Tokenizer:
    """Special tokens, and <s> in front of every text."""
    made.add_special_tokens(SPECIALS)
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", made.token_to_id("<s>"))]
    )
    return made


def digits_in_threes() -> Tokenizer:
    made = byte_level()
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    more = {**made.get_vocab(), "12": 256, "34": 257, "123": 258}
    made.model = tokenizers.models.BPE(vocab=more, merges=[("1", "2"), ("3", "4"), ("12", "3")])
    return with_specials(made)


def whole_words() -> Tokenizer:
    words = ["<unk>", *sorted({word for text in TEXTS for word in text.split()} - {"<unk>"})]
    made = Tokenizer(tokenizers.models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return with_specials(made)


def byte_fallback() -> Tokenizer:
    """As of Llama 2: spaces as U+2581 by a normalizer, unknown letters as bytes."""
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2, **{f"<0x{byte:02X}>": 3 + byte for byte in range(256)}}
    letters = ["▁", *(chr(code) for code in range(33, 127)), "▁o", "▁on", "▁one"]
    vocab |= {letter: 259 + number for number, letter in enumerate(letters)}
    merges = [("▁", "o"), ("▁o", "n"), ("▁on", "e")]
    made = Tokenizer(tokenizers.models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return with_specials(made)


def metaspace() -> Tokenizer:
    pieces = [("<unk>", 0.0), *((letter, -5.0) for letter in ["▁", *(chr(code) for code in range(33, 127))]), ("▁one", -3.0)]
    made = Tokenizer(tokenizers.models.Unigram(pieces, unk_id=0, byte_fallback=False))
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    made.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    return with_specials(made)


MADE: dict[str, Callable[[], Tokenizer]] = {
    "bytes": lambda: with_specials(byte_level()),
    "digits_in_threes": digits_in_threes,
    "whole_words": whole_words,
    "byte_fallback": byte_fallback,
    "metaspace": metaspace,
}


def layout(folder: Path, made: Tokenizer, model_type: str = "llama", **config: Any) -> Checkpoint:
    """A folder as one gets it from the hub, without weights."""
    write_tokenizer(folder, made, **config)
    (folder / "config.json").write_text(json.dumps({"model_type": model_type, "architectures": ["X"]}))
    return Checkpoint("m", str(folder), "")
