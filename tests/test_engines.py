"""The embedded model, unchanged, in the real engines: transformers, vLLM, TRL and OpenRLHF read, decode, generate and train with it.

Each engine loads the folder its own way in a process of its own (tests/support/engine_probe.py). transformers runs where the tests run;
the others run in .venv-engines, which `make engines` makes. Left out: quality of the model, speed, GPUs, and OpenRLHF's training.
Run: make slow PYTEST_ARGS=tests/test_engines.py
"""

import functools
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from fakes_speaker import write_tokenizer
from fakes_tokenizers import MADE
from tokenizers import Tokenizer
from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

from r1bench.harness.checkpoints import find_checkpoint
from r1bench.harness.models.tokenizer import write_for_engines

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "harness/tiny_base"
ENGINES = ROOT / ".venv-engines"
GUESTS = ["vllm", "trl", "openrlhf"]
PROMPTS = ["User: What is 12 + 34?\nAssistant: ", "User: 7 * 8 - 5 = ?\nAssistant: <think>", "User: 计算 9 + 16。\nAssistant: "]
THOUGHT = "<think> 12 + 34 = 46 </think>\n<answer> 46 </answer>"
TEXTS = [
    *PROMPTS,
    THOUGHT,
    PROMPTS[0] + THOUGHT,
    "1234",
    "3.14159, -2, 1,000,000 and 1/3",
    " one space before, two after  ",
    "    four,   three,  two",
    " ",
    "   ",
    "\n",
    "\n\n\nthree breaks\r\nand\rothers\n\n",
    "\ttab\t\ttwo tabs\t",
    "Is n't it , really ? don 't ! a . b",
    "首先计算十二加三十四，等于四十六。",
    "\u3000全角：１２＋３４＝４６（对）！",
    "🙂👩‍👩‍👧‍👦🇨🇳👍🏽",
    "<think></think><answer></answer><think>\n\n</think>",
    "< think >a</ think ><THINK></answer ><<think>>",
    "e\u0301 é \u00a0 \u200b\ufeff ﬁ שלום مرحبا",
    "\\boxed{\\frac{1}{2}} $x^2$ {}[]|`~#@%&*_",
    "\x00\x07\x7f",
]


def settings(home: str) -> dict[str, str]:
    """The environment of an engine: one thread, no network, caches and sockets in a folder that goes away."""
    ours = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONWARNINGS")}
    quiet = dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "DO_NOT_TRACK", "VLLM_NO_USAGE_STATS", "OMP_NUM_THREADS"), "1")
    vllm = {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CACHE_ROOT": home, "VLLM_CONFIG_ROOT": home}
    return {**ours, **quiet, **vllm, "HF_HOME": home, "TMPDIR": home, "CUDA_VISIBLE_DEVICES": "", "TOKENIZERS_PARALLELISM": "false"}


def python_of(engine: str) -> str:
    """The interpreter that has an engine; skips the test without .venv-engines, or fails it if R1BENCH_REQUIRE_ENGINES=1."""
    if engine == "transformers":
        return sys.executable
    if not (ENGINES / ".installed").is_file():
        if os.environ.get("R1BENCH_REQUIRE_ENGINES") == "1":
            pytest.fail("the engines are not installed: make engines")
        pytest.skip("make engines")
    return str(ENGINES / "bin/python")


def probe(engine: str, folder: str = str(FOLDER), tokenizer: str | None = None) -> dict[str, Any]:
    """What an engine made of a folder, with its own tokenizer or with that of another folder."""
    code, answer, errors = run(python_of(engine), engine, folder, tokenizer)
    assert code == 0, f"{engine}: exit code {code}\n{errors[-4000:]}"
    return json.loads(answer)


@functools.cache
def run(python: str, engine: str, folder: str, tokenizer: str | None) -> tuple[int, str, str]:
    """Exit code, output and errors of one probe. It leads a process group of its own, and nothing of that group outlives this call."""
    command = [python, str(ROOT / "tests/support/engine_probe.py"), engine, folder]
    request = json.dumps({"texts": TEXTS, "prompts": PROMPTS, "num_tokens": 48, **({"tokenizer": tokenizer} if tokenizer else {})})
    with tempfile.TemporaryDirectory() as home, open(f"{home}/errors", "w+", encoding="utf-8") as errors:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors, "text": True, "encoding": "utf-8"}
        process = subprocess.Popen(command, env=settings(home), cwd=home, start_new_session=True, **pipes)
        try:
            answer, _ = process.communicate(request, timeout=900)
        except subprocess.TimeoutExpired:
            answer = ""
        finally:
            end_group(process.pid)
        code = process.wait()
        errors.seek(0)
        return code, answer, errors.read()


def end_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


@pytest.mark.parametrize("engine", ["transformers", *GUESTS])
def test_every_engine_gives_hostile_texts_back_exactly(engine: str) -> None:
    assert probe(engine)["decoded"] == TEXTS


@pytest.mark.parametrize("engine", GUESTS)
def test_every_engine_reads_the_tokens_that_transformers_reads(engine: str) -> None:
    assert probe(engine)["ids"] == probe("transformers")["ids"]
    assert probe(engine)["chat"] == probe("transformers")["chat"]


@pytest.mark.parametrize("engine", ["transformers", *GUESTS])
def test_padding_is_not_the_end_of_text_in_any_engine(engine: str) -> None:
    config = json.loads((FOLDER / "config.json").read_text())
    assert (probe(engine)["pad"], probe(engine)["eos"]) == (config["pad_token_id"], config["eos_token_id"])
    assert config["pad_token_id"] != config["eos_token_id"]


def test_every_digit_and_every_tag_is_one_token() -> None:
    lengths = {text: len(ids) for text, ids in zip(TEXTS, probe("transformers")["ids"], strict=True)}
    assert lengths["1234"] == 4
    assert lengths["<think></think><answer></answer><think>\n\n</think>"] <= 8


def test_prompt_and_tagged_completion_meet_at_a_border_of_tokens() -> None:
    ids = dict(zip(TEXTS, probe("transformers")["ids"], strict=True))
    assert ids[PROMPTS[0]] + ids[THOUGHT] == ids[PROMPTS[0] + THOUGHT]


def test_vllm_says_greedily_what_transformers_says() -> None:
    assert probe("vllm")["greedy"] == probe("transformers")["greedy"]
    assert all(said["text"] for said in probe("vllm")["greedy"])


def test_vllm_reads_prompts_with_the_tokenizer_that_it_hands_out() -> None:
    assert probe("vllm")["ids"] == probe("vllm")["tokenizer_ids"]


@pytest.mark.parametrize("trainer", ["grpo", "sft"])
def test_trl_takes_a_step_from_the_folder_by_name(trainer: str) -> None:
    step = probe("trl")[trainer]
    assert step["steps"] == 1
    assert math.isfinite(step["loss"])
    assert 1e-5 < step["largest_change"] < 1e-2


def test_openrlhf_holds_the_weights_of_the_folder() -> None:
    assert probe("openrlhf")["differing"] == []
    assert probe("openrlhf")["tensors"] > 10
    assert probe("openrlhf")["model_pad"] == probe("openrlhf")["pad"]


def strange(folder: Path, layout: str) -> tuple[Tokenizer, str, str]:
    """A checkpoint whose tokenizer AutoTokenizer misreads: its tokenizer.json, its folder, and the folder that engines are given for it."""
    if layout == "a Llama class over bytes":
        shutil.copytree(FOLDER, folder / "model")
        made, named = Tokenizer.from_file(str(FOLDER / "tokenizer.json")), {"tokenizer_class": "LlamaTokenizerFast"}
        write_tokenizer(folder / "model", made, eos_token="<|endoftext|>", pad_token="<|pad|>", **named)
    else:
        made = MADE["digits_in_threes"]()
        sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2}
        Qwen2ForCausalLM(Qwen2Config(vocab_size=made.get_vocab_size(), max_position_embeddings=512, **sizes)).save_pretrained(
            folder / "model"
        )
        chat = "{% for message in messages %}{{ message.content }}{% endfor %}"
        write_tokenizer(folder / "model", made, eos_token="</s>", pad_token="<unk>", chat_template=chat)
    return made, str(folder / "model"), str(write_for_engines(find_checkpoint(str(folder / "model")), folder / "tokenizer"))


@pytest.mark.parametrize("engine", ["vllm", "trl"])
@pytest.mark.parametrize("layout", ["a Llama class over bytes", "digits in threes, as a Qwen2"])
def test_engines_read_a_strange_layout_as_tokenizer_json_says(engine: str, layout: str, tmp_path: Path) -> None:
    made, model, tokenizer = strange(tmp_path, layout)
    read = [made.encode(text).ids for text in TEXTS]
    assert AutoTokenizer.from_pretrained(model)(TEXTS)["input_ids"] != read
    told = probe(engine, model, tokenizer)
    assert told["ids"] == read
    assert told["decoded"] == [made.decode(ids) for ids in read]
