"""A checkpoint that says a given chain of tokens, whatever it is asked: the whole of `r1bench eval` with any tokenizer and template.

    write_tokenizer(folder, byte_level("<|im_end|>", "<think>"), chat_template=..., eos_token="<|im_end|>")
    write_speaker(folder, says=[...], after=12)       # 12: tokens of the prompt
    make_speaker(folder, says="<think>2</think>5<|im_end|>", template=TEMPLATES["chat"], problem="What is 2+3?", specials=(...))

A GPT-2 of one layer that reads nothing but positions: an embedding of 0 for every token, a direction of its own for each position, and
output weights that turn each position into the token that is to follow. Limit: one prompt length, so one problem; greedy decoding.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tokenizers
import torch
from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel

from r1bench.harness.checkpoints import find_checkpoint
from r1bench.harness.models.prompts import encode, render
from r1bench.harness.models.tokenizer import load_tokenizer
from r1bench.harness.models.weights import quiet_transformers
from r1bench.harness.records import Checkpoint, Template


def byte_level(*specials: str) -> Tokenizer:
    """A tokenizer with a token for each of the 256 bytes and then the given special tokens."""
    vocabulary = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    made = Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in specials])
    return made


def write_tokenizer(folder: Path, made: Tokenizer, *, chat_template: str | None = None, **config: Any) -> None:
    """`tokenizer.json`, `tokenizer_config.json` with the class PreTrainedTokenizerFast unless told otherwise, and the chat template."""
    folder.mkdir(parents=True, exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    told = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, "model_max_length": 1024, **config}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    if chat_template is not None:
        (folder / "chat_template.jinja").write_text(chat_template)


def write_speaker(folder: Path, says: Sequence[int], *, after: int, vocabulary: int, eos: int | None = None) -> None:
    """Weights and configuration of a model that, after a prompt of `after` tokens, says these; then the last of them for ever."""
    length = after + len(says) + 64
    config = GPT2Config(
        **{"vocab_size": vocabulary, "n_positions": length, "n_embd": length, "n_layer": 1, "n_head": 1, "n_inner": 4},
        **{"tie_word_embeddings": False, "eos_token_id": eos, "bos_token_id": None},
    )
    model = GPT2LMHeadModel(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        model.transformer.wpe.weight.copy_(torch.eye(length))
        model.transformer.ln_f.weight.fill_(1.0)
        for position in range(after - 1, length):
            model.lm_head.weight[says[min(position - after + 1, len(says) - 1)], position] = 1.0
    quiet_transformers()
    model.save_pretrained(folder)


def make_speaker(
    folder: Path, says: str, *, template: Template, problem: str, specials: Sequence[str] = (), eos: str | None = None, **tokenizer: Any
) -> Checkpoint:
    """A byte-level checkpoint that answers this one problem in this template with this text, special tokens included."""
    made = byte_level(*specials)
    write_tokenizer(folder, made, **{**tokenizer, **({"eos_token": eos} if eos else {})})
    write_speaker(folder, [0], after=1, vocabulary=made.get_vocab_size())  # so that there is a checkpoint to load the tokenizer from
    loaded = load_tokenizer(find_checkpoint(str(folder)))
    after = len(encode(loaded, template, render(loaded, template, problem)))
    end = made.token_to_id(eos) if eos else None
    write_speaker(folder, made.encode(says, add_special_tokens=False).ids, after=after, vocabulary=made.get_vocab_size(), eos=end)
    return find_checkpoint(str(folder))
