"""Token numbers and text are those of tokenizer.json, in every layout that is put round it."""

import json
import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from fakes_speaker import byte_level
from fakes_tokenizers import MADE, TEXTS, layout
from tokenizers import Tokenizer

from r1bench.harness.checkpoints import find_checkpoint
from r1bench.harness.errors import CheckpointError
from r1bench.harness.models.tokenizer import load_tokenizer, write_for_engines
from r1bench.harness.records import Checkpoint

TYPES = (
    *(
        "llama",
        "qwen2",
        "qwen3",
        "gemma",
        "gemma3_text",
        "mistral",
        "phi3",
        "gpt_neox",
        "gpt2",
        "hunyuan_v1_dense",
        "deepseek_v3",
        "cohere",
    ),
    *("mixtral", "olmo2", "nobody_knows"),
)
CLASSES = (
    *("PreTrainedTokenizerFast", "LlamaTokenizerFast", "LlamaTokenizer", "Qwen2Tokenizer", "Qwen2TokenizerFast", "GemmaTokenizerFast"),
    *("GPT2Tokenizer", "GPTNeoXTokenizerFast", "CohereTokenizerFast", "TokenizersBackend", "BertTokenizer", "TikTokenTokenizer", None),
)
LAYOUTS = [
    *((model_type, named) for model_type in TYPES for named in CLASSES[:2]),
    *((model_type, named) for model_type in ("llama", "qwen2", "gpt_neox") for named in CLASSES[2:]),
]


def differing(checkpoint: Checkpoint, made: Tokenizer) -> list[str]:
    """Texts that are read or written otherwise than by the library `tokenizers` from the file alone."""
    tokenizer, found = load_tokenizer(checkpoint), []
    for text in TEXTS:
        for special in (True, False):
            ids = made.encode(text, add_special_tokens=special).ids
            said = [tokenizer.decode(ids, skip_special_tokens=skip, clean_up_tokenization_spaces=False) for skip in (True, False)]
            if tokenizer(text, add_special_tokens=special)["input_ids"] != ids or said != [made.decode(ids), made.decode(ids, False)]:
                found.append(text)
    return found


@pytest.mark.parametrize("name", MADE)
def test_every_class_over_every_model_type_reads_as_tokenizer_json_says(name: str, tmp_path: Path) -> None:
    made = MADE[name]()
    for model_type, named in LAYOUTS:
        checkpoint = layout(tmp_path, made, model_type, tokenizer_class=named, eos_token="</s>", bos_token="<s>", unk_token="<unk>")
        assert not differing(checkpoint, made), (model_type, named)


@pytest.mark.parametrize(
    "config",
    [
        *({"add_prefix_space": value} for value in (True, False)),
        *({"add_bos_token": value, "add_eos_token": value, "bos_token": "<s>", "eos_token": "</s>"} for value in (True, False)),
        *({"legacy": value, "use_default_system_prompt": True} for value in (True, False)),
        {"clean_up_tokenization_spaces": True, "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output": True},
        {"split_special_tokens": True},
        {"do_lower_case": True, "strip_accents": True, "tokenize_chinese_chars": True, "errors": "ignore", "fix_mistral_regex": True},
        {"model_max_length": 3, "truncation_side": "left", "padding_side": "left", "model_input_names": ["input_ids", "token_type_ids"]},
        {"eos_token": "</none>", "bos_token": "", "pad_token": None, "unk_token": {"content": "[UNK]", "__type": "AddedToken"}},
        {"added_tokens_decoder": {"1": {"content": "<s>", "special": False, "lstrip": True, "rstrip": True, "normalized": True}}},
        {"additional_special_tokens": ["<|im_end|>", {"content": "</s>", "lstrip": True}], "sp_model_kwargs": {}, "backend": "custom"},
        {"extra_special_tokens": {"image_token": "<|im_end|>"}, "processor_class": "X", "auto_map": {"AutoTokenizer": ["a.B", None]}},
        {"tokenizer_file": "/etc/passwd", "vocab_file": "/etc/passwd", "name_or_path": "/gone", "is_local": False, "init_inputs": [1]},
    ],
)
@pytest.mark.parametrize("name", MADE)
def test_what_a_configuration_says_of_reading_does_not_count(name: str, config: dict[str, Any], tmp_path: Path) -> None:
    made = MADE[name]()
    if "added_tokens_decoder" in config:
        config = {"added_tokens_decoder": {str(made.token_to_id("<s>")): config["added_tokens_decoder"]["1"]}}
    for named in ("LlamaTokenizerFast", "Qwen2Tokenizer", "PreTrainedTokenizerFast"):
        assert not differing(layout(tmp_path, made, "qwen2", tokenizer_class=named, **config), made)


def test_the_place_of_a_folder_does_not_count(tmp_path: Path) -> None:
    made = MADE["digits_in_threes"]()
    for place in ("models--deepseek-ai--deepseek-r1-distill-llama-8b/snapshots/0a1b2c", "mistralai/Mistral-7B-v0.3", "a b/é"):
        checkpoint = layout(tmp_path / place, made, "mistral", tokenizer_class="LlamaTokenizerFast", add_bos_token=True)
        assert not differing(checkpoint, made)


def test_truncation_and_padding_that_somebody_left_in_the_file_do_not_cut_a_prompt(tmp_path: Path) -> None:
    made = byte_level("<pad>")
    made.enable_truncation(4)
    made.enable_padding(length=4, pad_token="<pad>", pad_id=256)
    tokenizer = load_tokenizer(layout(tmp_path, made))
    assert [len(tokenizer(text)["input_ids"]) for text in ("", "12 + 34")] == [0, 7]


def test_special_tokens_are_named_by_the_configuration_and_numbered_by_the_file(tmp_path: Path) -> None:
    made = byte_level("<|end|>", "<pad>", "<tool>")
    named = {"eos_token": {"content": "<|end|>", "lstrip": True}, "pad_token": "<pad>", "unk_token": "<unk>", "tool_token": "<tool>"}
    tokenizer = load_tokenizer(layout(tmp_path, made, **named))
    assert (tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.unk_token, tokenizer.bos_token_id) == (256, 257, None, None)
    assert (tokenizer.tool_token, len(tokenizer)) == ("<tool>", 259)


def test_special_tokens_map_counts_only_in_the_layout_of_old(tmp_path: Path) -> None:
    made = byte_level("<a>", "<b>")
    (tmp_path / "special_tokens_map.json").write_text(json.dumps({"eos_token": {"content": "<b>"}}))
    assert load_tokenizer(layout(tmp_path, made, eos_token="<a>")).eos_token == "<b>"
    assert load_tokenizer(layout(tmp_path, made, eos_token="<a>", added_tokens_decoder={})).eos_token == "<a>"


@pytest.mark.parametrize(
    "config",
    [
        {"added_tokens_decoder": {"300": {"content": "<a>"}}},
        {"added_tokens_decoder": {"257": {"content": "<new>"}}},
        {"additional_special_tokens": ["<a>", "<new>"]},
        {"extra_special_tokens": {"image_token": "<new>"}},
    ],
)
def test_a_token_that_the_files_do_not_agree_on_is_refused_by_name(config: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"cannot be read as its tokenizer\.json says: .* the token '<(a|new)>'"):
        load_tokenizer(layout(tmp_path, byte_level("<a>"), **config))


def test_added_tokens_of_old_have_to_agree_too(tmp_path: Path) -> None:
    checkpoint = layout(tmp_path, byte_level("<a>"))
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<a>": 256, "<new>": 257}))
    with pytest.raises(CheckpointError, match="add the token '<new>' as 257"):
        load_tokenizer(checkpoint)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("tokenizer.json", text) for text in ("", "[]", "{}", '{"model": {"type": "None"}}', "\x00")),
        *(("tokenizer_config.json", text) for text in ("", "[]", "null", '"x"', '{"added_tokens_decoder": {"x": "y"}}')),
        *(("tokenizer_config.json", json.dumps({"added_tokens_decoder": value})) for value in (["x"], 5)),
        *(("special_tokens_map.json", text) for text in ("[]", "{")),
        *(("tokenizer_config.json", json.dumps({"chat_template": value})) for value in ([{"name": "x"}], ["x"])),
    ],
)
def test_a_broken_file_is_refused_in_one_line(name: str, text: str, tmp_path: Path) -> None:
    checkpoint = layout(tmp_path, byte_level())
    (tmp_path / name).write_text(text)
    with pytest.raises(CheckpointError, match=r"^[^\n]*checkpoint [^\n]+$"):
        load_tokenizer(checkpoint)


@pytest.mark.parametrize("beside", [{}, {"vocab.json": '{"a": 1}'}, {"tokenizer_config.json": '{"tokenizer_class": "LlamaTokenizer"}'}])
def test_a_folder_without_a_tokenizer_is_told_what_it_lacks(beside: dict[str, str], tmp_path: Path) -> None:
    checkpoint = layout(tmp_path, byte_level())
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).unlink(missing_ok=True)
    for name, text in beside.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(CheckpointError, match=r"has no tokenizer\.json, and nothing .* \(tokenizer\.model, .*\); copy it whole$"):
        load_tokenizer(checkpoint)


def test_a_file_over_which_the_library_panics_is_refused_in_one_line(tmp_path: Path) -> None:
    checkpoint = layout(tmp_path, MADE["bytes"]())
    told = json.loads((tmp_path / "tokenizer.json").read_text())
    told["post_processor"]["special_tokens"] = {}
    (tmp_path / "tokenizer.json").write_text(json.dumps(told))
    with pytest.raises(CheckpointError, match=r"has no usable tokenizer: "):
        load_tokenizer(checkpoint)


def test_templates_in_files_of_their_own_come_before_the_configuration(tmp_path: Path) -> None:
    checkpoint = layout(tmp_path, byte_level())
    told = [{"name": "default", "template": "a"}, {"name": "tool_use", "template": "b"}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": told}))
    assert load_tokenizer(checkpoint).chat_template == {"default": "a", "tool_use": "b"}
    (tmp_path / "chat_template.jinja").write_text("c")
    assert load_tokenizer(checkpoint).chat_template == "c"
    (tmp_path / "additional_chat_templates").mkdir()
    (tmp_path / "additional_chat_templates/tool_use.jinja").write_text("d")
    assert load_tokenizer(checkpoint).chat_template == {"default": "c", "tool_use": "d"}


@pytest.mark.parametrize("name", MADE)
def test_the_folder_for_engines_is_read_by_auto_tokenizer_as_the_file_says(name: str, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    made = MADE[name]()
    checkpoint = layout(
        tmp_path / "m", made, "qwen2", tokenizer_class="LlamaTokenizerFast", eos_token="</s>", chat_template="{{ messages }}"
    )
    tokenizer = AutoTokenizer.from_pretrained(write_for_engines(checkpoint, tmp_path / "for engines"))
    assert [tokenizer(text)["input_ids"] for text in TEXTS] == [made.encode(text).ids for text in TEXTS]
    assert (tokenizer.eos_token, tokenizer.chat_template) == ("</s>", "{{ messages }}")


def test_the_folder_for_engines_is_written_as_the_docs_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (program,) = re.findall(r"```python\n([^`]*write_for_engines[^`]*)```", (Path(__file__).parents[3] / "docs/samplers.md").read_text())
    monkeypatch.chdir(tmp_path)
    exec(program.replace('"DIR"', '"tiny-base"'), {})
    assert len(load_tokenizer(Checkpoint("m", "tokenizer-for-engines", ""))) == 512


@pytest.mark.filterwarnings("ignore:Deprecated in 0.9.0:DeprecationWarning")  # transformers' own way to read vocab.json
def test_without_tokenizer_json_transformers_converts_what_there_is(tmp_path: Path) -> None:
    made = byte_level("<|endoftext|>")
    (tmp_path / "vocab.json").write_text(json.dumps(made.get_vocab()))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "GPT2Tokenizer"}')
    assert not [
        text for text in TEXTS[:8] if load_tokenizer(Checkpoint("m", str(tmp_path), ""))(text)["input_ids"] != made.encode(text).ids
    ]


@pytest.mark.filterwarnings("ignore:Deprecated in 0.9.0:DeprecationWarning")
def test_a_conversion_that_loses_the_spaces_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text(json.dumps(byte_level("<unk>", "<s>", "</s>").get_vocab()))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "LlamaTokenizer"}')
    with pytest.raises(CheckpointError, match=r"has no tokenizer\.json, and LlamaTokenizer"):
        load_tokenizer(Checkpoint("m", str(tmp_path), ""))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # sentencepiece's own types
def test_a_conversion_that_sentencepiece_does_not_share_is_refused(tmp_path: Path) -> None:
    """Runs where sentencepiece is installed, without which transformers converts no tokenizer.model."""
    sentencepiece = pytest.importorskip("sentencepiece")
    with (tmp_path / "tokenizer.model").open("wb") as file:
        options = {
            "minloglevel": 2,
            "vocab_size": 278,
            "byte_fallback": True,
            "normalization_rule_name": "identity",
            "remove_extra_whitespaces": False,
        }
        texts = iter(["The answer is 42, not 17.", "one two three"] * 50)
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=texts, model_writer=file, **options)
    for model_type, is_read in (("llama", True), ("mistral", False)):
        (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
        (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "LlamaTokenizer"}')
        with nullcontext() if is_read else pytest.raises(CheckpointError, match=r"otherwise than its authors' files say"):
            load_tokenizer(Checkpoint("m", str(tmp_path), ""))


def test_the_embedded_model_is_read_alike_under_a_class_that_is_not_its_own(tmp_path: Path) -> None:
    source = Path(find_checkpoint("tiny-base").path)
    checkpoint = layout(tmp_path, Tokenizer.from_file(str(source / "tokenizer.json")), tokenizer_class="LlamaTokenizerFast")
    assert not differing(checkpoint, Tokenizer.from_file(str(source / "tokenizer.json")))
