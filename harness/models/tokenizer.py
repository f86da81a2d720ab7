"""The tokenizer of a checkpoint: token numbers and text are those of its tokenizer.json, whatever class its tokenizer_config.json names.

transformers puts the pre-tokenizer and the decoder of a class over the file, and chooses that class by `tokenizer_class`, by the model
type, and by the name of a hub repository; a Llama class over a byte-level file loses every space. So only names are taken from
tokenizer_config.json: special tokens, the chat template, the longest text. What else it says of how text becomes tokens (`add_bos_token`,
`add_prefix_space`, `legacy`, `clean_up_tokenization_spaces`, `split_special_tokens`) does not count beside a tokenizer.json, and neither
do truncation and padding in it. Limit: without tokenizer.json there is nothing to compare with: transformers' conversion is what is read.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from r1bench.harness.checkpoints import read_object
from r1bench.harness.errors import CheckpointError, R1benchError
from r1bench.harness.models.chat import IS_GIVEN, check_files
from r1bench.harness.models.weights import one_line, quiet_transformers
from r1bench.harness.records import Checkpoint

FILE, CONFIG, SPECIAL_MAP, ADDED, TEMPLATE = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
    *("added_tokens.json", "chat_template.jinja"),
)
NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
CONVERTED = ("*.model", "*.tiktoken", "tekken.json", "vocab.txt")
"""What transformers makes a tokenizer of where there is no tokenizer.json, besides vocab.json with merges.txt."""
PROBE = (
    "The answer is 42.",
    "  two  spaces, \ttab\r\n\nlines \n",
    "1234567890 3.14 1,000,000 x2",
    "首先计算，١٢٣ ünï é e\u0301 ½",
    "🙂👍🏽 <think>\n</think> </s> <|im_end|>",
    "def f(x):\n    return {'a': [x**2, \"ĠĊ▁\"]}",
)
"""Texts on which tokenizers differ: spaces, line breaks, runs of digits, scripts, emoji, marks, and letters that stand for bytes."""


def load_tokenizer(checkpoint: Checkpoint, chat_template: str = "") -> Any:
    """A transformers tokenizer that reads and writes as the checkpoint's tokenizer.json does.

    Args:
        chat_template: Jinja text in the place of the checkpoint's own chat template (`TrainJob.chat.template`); '' keeps that.

    Raises CheckpointError: there is no tokenizer, it cannot be loaded, its files contradict one another, or it loses plain text.
    """
    folder = Path(checkpoint.path)
    quiet_transformers()
    check_files(folder)
    try:
        tokenizer = load_file(folder) if (folder / FILE).is_file() else convert(folder)
        if chat_template:
            tokenizer.chat_template = chat_template
            setattr(tokenizer, IS_GIVEN, True)
        return tokenizer
    except BaseException as error:  # `tokenizers` raises Exception, and where it panics what is not even that
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        if not is_there(folder):
            raise CheckpointError(
                f"checkpoint {folder} has no {FILE}, and nothing that transformers can make one of "
                "(tokenizer.model, vocab.json with merges.txt); copy it whole"
            ) from error
        if isinstance(error, R1benchError):
            raise
        reason = error if isinstance(error, Exception) else RuntimeError(str(error))
        raise CheckpointError(f"checkpoint {folder} has no usable tokenizer: {one_line(reason)}") from error


def is_there(folder: Path) -> bool:
    """Whether a folder has a tokenizer, or the files of one that can be converted."""
    is_paired = all((folder / name).is_file() for name in ("vocab.json", "merges.txt"))
    return is_paired or any(path.is_file() for pattern in (FILE, *CONVERTED) for path in folder.glob(pattern))


def load_file(folder: Path) -> Any:
    """The tokenizer of a folder with a tokenizer.json."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    backend, config = Tokenizer.from_file(str(folder / FILE)), read_config(folder)
    backend.no_truncation()
    backend.no_padding()
    check_added(folder, config, backend)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(backend.model.__class__()), **names_of(folder, config, backend))
    tokenizer._tokenizer = backend  # only now: what the constructor adds for the names must not get into it
    if differing := difference(tokenizer, backend):
        raise CheckpointError(f"checkpoint {folder} cannot be read as its {FILE} says: transformers reads {differing!r} as other tokens")
    return tokenizer


def read_config(folder: Path) -> dict[str, Any]:
    """tokenizer_config.json, with special_tokens_map.json over it in the layout of old where that file counts."""
    told: dict[str, Any] = {}
    for name in (CONFIG, SPECIAL_MAP):
        if (folder / name).is_file() and "added_tokens_decoder" not in told:
            values = read_object(folder / name)
            if values is None:
                raise CheckpointError(f"checkpoint {folder} has a {name} that is no JSON object; copy it again")
            told |= values
    return told


def names_of(folder: Path, config: Mapping[str, Any], backend: Any) -> dict[str, Any]:
    """What a tokenizer is told beside tokenizer.json: the names of special tokens, the chat template, the longest text.

    A name of a token that the file does not have is left out: there is no such token.
    """
    extra = config.get("extra_special_tokens") or config.get("additional_special_tokens") or []
    more = extra if isinstance(extra, dict) else {}
    named = {name: text_in(value) for name, value in {**config, **more}.items() if name in NAMED or name.endswith("_token")}
    told: dict[str, Any] = {name: text for name, text in named.items() if text and backend.token_to_id(text) is not None}
    if isinstance(extra, list):
        told["extra_special_tokens"] = [text_in(value) for value in extra]
    if isinstance(longest := config.get("model_max_length"), int | float):
        told["model_max_length"] = longest
    told |= {"chat_template": chat_template_of(folder, config), "clean_up_tokenization_spaces": False}
    return {**told, "name_or_path": str(folder)}


def text_in(value: object) -> str | None:
    """The text of a token as a configuration gives it, alone or with its flags; None where it gives none."""
    text = value.get("content") if isinstance(value, dict) else value
    return text if isinstance(text, str) else None


def chat_template_of(folder: Path, config: Mapping[str, Any]) -> str | dict[str, str] | list[Any] | None:
    """The chat template, or several by name. Files of their own come before tokenizer_config.json."""
    more = {path.stem: path for path in (folder / "additional_chat_templates").glob("*.jinja")}
    files = {**({"default": folder / TEMPLATE} if (folder / TEMPLATE).is_file() else {}), **more}
    texts = {name: path.read_text(encoding="utf-8") for name, path in files.items()}
    if set(texts) == {"default"}:
        return texts["default"]
    told = texts or config.get("chat_template")
    return told if isinstance(told, str | dict | list) else None


def added_by(folder: Path, config: Mapping[str, Any]) -> Iterator[tuple[str, int | None]]:
    """The tokens that the files beside tokenizer.json add to a vocabulary, with their numbers where they give one."""
    for number, value in (config.get("added_tokens_decoder") or {}).items():
        yield text_in(value) or "", int(number)
    if "added_tokens_decoder" not in config and (folder / ADDED).is_file():
        yield from (read_object(folder / ADDED) or {}).items()
    extra = config.get("extra_special_tokens") or config.get("additional_special_tokens") or []
    yield from ((text_in(value) or "", None) for value in (extra.values() if isinstance(extra, dict) else extra))


def check_added(folder: Path, config: Mapping[str, Any], backend: Any) -> None:
    """Raises CheckpointError: a token is added to the vocabulary that tokenizer.json does not have, or has under another number."""
    for text, number in added_by(folder, config):
        held = backend.token_to_id(text)
        if held is None or number not in (None, held):
            place = "does not have it" if held is None else f"has it as {held}"
            raise CheckpointError(
                f"checkpoint {folder} cannot be read as its {FILE} says: the files beside it add the token {text!r}"
                f"{'' if number is None else f' as {number}'}, and {FILE} {place}; make them agree"
            )


def difference(tokenizer: Any, backend: Any) -> str:
    """The first text of the probe that a loaded tokenizer does not read and write as tokenizer.json does; '' where there is none."""
    specials = "".join(token.content for token in backend.get_added_tokens_decoder().values())
    for text in (*PROBE, f"a {specials[:200]} b"):
        for is_special in (True, False):
            tokens = backend.encode(text, add_special_tokens=is_special).ids
            if tokenizer(text, add_special_tokens=is_special)["input_ids"] != tokens:
                return text
            if tokenizer.decode(tokens, clean_up_tokenization_spaces=False) != backend.decode(tokens, skip_special_tokens=False):
                return text
    return ""


def convert(folder: Path) -> Any:
    """transformers' own conversion of a folder without tokenizer.json: tokenizer.model, vocab.json with merges.txt, tiktoken, tekken."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    plain = "The answer is 42, not 17."
    said = tokenizer.decode(tokenizer(plain, add_special_tokens=False)["input_ids"], clean_up_tokenization_spaces=False)
    differing = plain if str(said).strip() != plain else differing_from_model(folder, tokenizer)
    if differing:
        raise CheckpointError(
            f"checkpoint {folder} has no {FILE}, and {type(tokenizer).__name__}, which transformers reads it with, reads {differing!r} "
            f"otherwise than its authors' files say; name its own class as tokenizer_class in {CONFIG}, or add its {FILE}"
        )
    return tokenizer


def differing_from_model(folder: Path, tokenizer: Any) -> str:
    """The first text that is not read as sentencepiece reads it from tokenizer.model; '' where there is none, or nothing to compare with.

    Left out: spaces at the start of a text, of which transformers' own Llama class drops one, and special tokens.
    """
    try:
        from sentencepiece import SentencePieceProcessor

        model = SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    except (ImportError, OSError, RuntimeError):  # tiktoken's files have this name too
        return ""
    texts = (text for text in PROBE if not text.startswith(" ") and "</s>" not in text)
    return next((text for text in texts if tokenizer(text, add_special_tokens=False)["input_ids"] != model.encode(text)), "")


def write_for_engines(checkpoint: Checkpoint, folder: Path) -> Path:
    """Write a folder from which any engine reads the checkpoint's tokenizer as it is, as `LLM(model, tokenizer=folder)` of vLLM.

    It has no config.json and a class without a pre-tokenizer of its own, so that neither is put over tokenizer.json.

    Raises CheckpointError: as `load_tokenizer`, or AutoTokenizer would read the folder otherwise.
    """
    from transformers import AutoTokenizer

    tokenizer = load_tokenizer(checkpoint)
    backend = tokenizer.backend_tokenizer
    folder.mkdir(parents=True, exist_ok=True)
    backend.save(str(folder / FILE))
    names = {name: text for name in tokenizer.SPECIAL_TOKENS_ATTRIBUTES if (text := getattr(tokenizer, name, None))}
    told = {
        **{"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False},
        **{"model_max_length": tokenizer.model_max_length, "chat_template": tokenizer.chat_template},
        **{"extra_special_tokens": tokenizer.extra_special_tokens, **names},
    }
    (folder / CONFIG).write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if differing := difference(AutoTokenizer.from_pretrained(folder, local_files_only=True), backend):
        raise CheckpointError(f"checkpoint {checkpoint.path}: AutoTokenizer reads {differing!r} as other tokens than its {FILE} says")
    return folder


def config_for_others(folder: Path) -> bytes | None:
    """tokenizer_config.json with another class, where AutoTokenizer misreads a folder by the class that it names and reads it so as its
    tokenizer.json says; None where it need not be changed, or that does not help."""
    from tokenizers import Tokenizer

    config = read_object(folder / CONFIG) if (folder / CONFIG).is_file() and (folder / FILE).is_file() else None
    if config is None:
        return None
    backend = Tokenizer.from_file(str(folder / FILE))
    backend.no_truncation()
    backend.no_padding()
    if not is_misread(folder, backend):
        return None
    told = json.dumps({**config, "tokenizer_class": "PreTrainedTokenizerFast"}, ensure_ascii=False, indent=2) + "\n"
    with tempfile.TemporaryDirectory() as place:
        for path in (folder / "config.json", folder / FILE, folder / SPECIAL_MAP, folder / ADDED):
            if path.is_file():
                shutil.copy(path, place)
        Path(place, CONFIG).write_text(told, encoding="utf-8")
        return None if is_misread(Path(place), backend) else told.encode()


def is_misread(folder: Path, backend: Any) -> bool:
    """Whether AutoTokenizer cannot read a folder, or reads it otherwise than its tokenizer.json."""
    from transformers import AutoTokenizer

    try:
        return bool(difference(AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True), backend))
    except Exception:  # `tokenizers` raises nothing narrower
        return True


def text_of(tokenizer: Any, tokens: Sequence[int]) -> str:
    """The raw text of tokens, special ones as they are written; a cut character shows as U+FFFD."""
    return tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
