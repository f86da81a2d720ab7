"""A real chat model, SmolLM2-135M-Instruct: it reads the prompt that its authors meant, and says in batches what it says alone.

Its folder is the fixture `real_model` (conftest.py).
Run: make slow PYTEST_ARGS=tests/test_real_model.py
"""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from r1bench.harness.cli import main
from r1bench.harness.records import Sampling
from r1bench.harness.samplers.decoding import decode
from r1bench.harness.store.listed import run_folders
from r1bench.harness.store.runs import read_run
from r1bench.tasks.templates import TEMPLATES

pytestmark = pytest.mark.slow

SYSTEM = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
NUM_PROBLEMS, NUM_TOKENS = 8, 24


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Questions of very different lengths in the form of GSM8K."""
    path = tmp_path_factory.mktemp("rows") / "gsm8k.jsonl"
    questions = [f"Anna has {n} apples{' and buys one more' * n * n}. How many apples does she have?" for n in range(NUM_PROBLEMS)]
    path.write_text("".join(json.dumps({"question": each, "answer": "#### 1"}) + "\n" for each in questions))
    return path


@pytest.fixture(scope="module")
def run(real_model: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    runs = tmp_path_factory.mktemp("runs")
    words = ["eval", real_model, "--tasks", "gsm8k", "--data", rows, "--samples", 1, "--temperature", 0, "--max-tokens", NUM_TOKENS]
    words += ["--runs", runs, "--device", "cpu", "--dtype", "float32", "--batch-size", 4]
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return read_run(run_folders(runs)[0])


@pytest.fixture(scope="module")
def loaded(real_model: Path) -> tuple[Any, Any]:
    """The model, and its tokenizer as tokenizer.json has it."""
    from tokenizers import Tokenizer
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(real_model, dtype=torch.float32), Tokenizer.from_file(str(real_model / "tokenizer.json"))


def test_the_embedding_is_tied_and_stands_in_the_file_once(real_model: Path, loaded: tuple[Any, Any]) -> None:
    from safetensors import safe_open

    with safe_open(real_model / "model.safetensors", "pt") as file:
        assert "lm_head.weight" not in file.keys()  # noqa: SIM118 - it is no mapping
    assert loaded[0].lm_head.weight is loaded[0].model.embed_tokens.weight


def test_the_prompt_is_the_question_in_the_model_s_own_template(run: Any, real_model: Path, rows: Path) -> None:
    from r1bench.harness.checkpoints import find_checkpoint
    from r1bench.harness.models.prompts import encode, render
    from r1bench.harness.models.tokenizer import load_tokenizer
    from r1bench.tasks import get_task

    question = json.loads(rows.read_text().splitlines()[0])["question"]
    task, tokenizer = get_task("gsm8k"), load_tokenizer(find_checkpoint(str(real_model)))
    template = TEMPLATES[run.manifest.template]
    text = render(tokenizer, template, question)
    assert text == f"{SYSTEM}<|im_start|>user\n{template.fill(question)}<|im_end|>\n<|im_start|>assistant\n", task.name
    assert encode(tokenizer, template, text)[:3] == [1, 9690, 198]  # <|im_start|> once, then "system" and a line break


@pytest.fixture(scope="module")
def prompts(run: Any, rows: Path, loaded: tuple[Any, Any]) -> list[list[int]]:
    """The token numbers of each question in the model's template, written out here."""
    fill = TEMPLATES[run.manifest.template].fill
    questions = [json.loads(line)["question"] for line in rows.read_text().splitlines()]
    texts = [f"{SYSTEM}<|im_start|>user\n{fill(each)}<|im_end|>\n<|im_start|>assistant\n" for each in questions]
    return [loaded[1].encode(text).ids for text in texts]


@pytest.fixture(scope="module")
def generated(prompts: list[list[int]], loaded: tuple[Any, Any]) -> list[list[int]]:
    """What `generate` of transformers says greedily to each prompt alone, in token numbers."""
    tensors = [torch.tensor([prompt]) for prompt in prompts]
    options = {"do_sample": False, "max_new_tokens": NUM_TOKENS}
    return [loaded[0].generate(ids, attention_mask=torch.ones_like(ids), **options)[0, ids.shape[1] :].tolist() for ids in tensors]


def test_an_evaluation_says_what_generate_says_special_tokens_too(run: Any, generated: list[list[int]], loaded: tuple[Any, Any]) -> None:
    samples = sorted(run.samples, key=lambda sample: sample.problem_id)
    assert len(samples) == NUM_PROBLEMS
    said = [sample.completion.text + sample.completion.end for sample in samples]
    assert said == [loaded[1].decode(tokens, skip_special_tokens=False) for tokens in generated]
    assert [sample.completion.num_tokens for sample in samples] == list(map(len, generated))


def test_greedy_tokens_of_a_batch_are_those_of_generate_alone(
    prompts: list[list[int]], generated: list[list[int]], loaded: tuple[Any, Any]
) -> None:
    rows, sampling = list(range(NUM_PROBLEMS)), Sampling(temperature=0, max_tokens=NUM_TOKENS)
    draws = [torch.zeros(NUM_TOKENS, dtype=torch.float64) for _ in rows]
    drawn = decode(loaded[0].eval(), prompts, rows, draws, sampling, end_tokens=frozenset([2]))
    assert {each.row: each.tokens for each in drawn} == dict(enumerate(generated))
