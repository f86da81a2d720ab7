"""Loads a model folder the way one engine loads it, and prints what came out as one JSON object.

Run by tests/test_engines.py, one engine per process; the request comes on standard input:

    echo '{"texts": ["1 2"], "prompts": ["1 + 1 ="], "num_tokens": 8}' |
        .venv-engines/bin/python tests/support/engine_probe.py vllm FOLDER

Engines: transformers, vllm, trl, openrlhf. Every answer has `ids` (of each text), `decoded`, `chat` (ids of the first prompt in the
folder's chat template), `pad` and `eos`; the rest is told at each engine. A request may name another folder as `tokenizer`. Left out:
judging; no value is checked here.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

STUBS = Path(__file__).parent / "openrlhf_stubs"
Answer = dict[str, Any]


def told_by(tokenizer: Any, request: Answer) -> Answer:
    """What a tokenizer, once loaded, makes of the texts."""
    ids = [tokenizer.encode(text) for text in request["texts"]]
    chat = tokenizer.apply_chat_template(conversation(request), add_generation_prompt=True, tokenize=True, return_dict=False)
    return {
        "ids": ids,
        "decoded": [tokenizer.decode(one, skip_special_tokens=True) for one in ids],
        "chat": chat,
        "pad": tokenizer.pad_token_id,
        "eos": tokenizer.eos_token_id,
    }


def conversation(request: Answer) -> list[dict[str, str]]:
    return [{"role": "user", "content": request["prompts"][0]}]


def probe_transformers(folder: str, request: Answer) -> Answer:
    """`greedy`: text and token ids of the greedy continuation of each prompt, in float32."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    greedy = []
    for prompt in request["prompts"]:
        given = tokenizer(prompt, return_tensors="pt")
        made = model.generate(**given, do_sample=False, max_new_tokens=request["num_tokens"])[0, given["input_ids"].shape[1] :]
        greedy.append({"text": tokenizer.decode(made, skip_special_tokens=True), "ids": made.tolist()})
    return {**told_by(tokenizer, request), "greedy": greedy}


def probe_vllm(folder: str, request: Answer) -> Answer:
    """`greedy` as of transformers; `ids` and `chat` are what vLLM itself put into its model, and it is told nothing but the dtype."""
    from vllm import LLM, SamplingParams

    engine = LLM(model=folder, tokenizer=request.get("tokenizer"), dtype="float32", enforce_eager=True, disable_log_stats=True)
    told = told_by(engine.get_tokenizer(), request)
    one = SamplingParams(temperature=0.0, max_tokens=1)
    many = SamplingParams(temperature=0.0, max_tokens=request["num_tokens"])
    read = engine.generate(request["texts"], one, use_tqdm=False)
    chat = engine.chat(conversation(request), one, use_tqdm=False)
    said = [output.outputs[0] for output in engine.generate(request["prompts"], many, use_tqdm=False)]
    return {
        **told,
        "tokenizer_ids": told["ids"],
        "ids": [list(output.prompt_token_ids) for output in read],
        "chat": list(chat[0].prompt_token_ids),
        "greedy": [{"text": output.text, "ids": list(output.token_ids)} for output in said],
    }


def probe_trl(folder: str, request: Answer) -> Answer:
    """`grpo` and `sft`: loss, and the largest change of a weight, after one optimizer step on this machine's processor."""
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

    common: Answer = {"use_cpu": True, "bf16": False, "max_steps": 1, "per_device_train_batch_size": 4, "learning_rate": 1e-3}
    common |= {"report_to": "none", "save_strategy": "no", "logging_steps": 1, "disable_tqdm": True, "lr_scheduler_type": "constant"}
    prompts = [{"prompt": prompt} for prompt in request["prompts"]]
    pairs = [{"prompt": prompt, "completion": "<think> 1 + 2 = 3 </think> <answer> 3 </answer>"} for prompt in request["prompts"]]

    def every_other(completions: list[str], **columns: Any) -> list[float]:
        return [float(index % 2) for index in range(len(completions))]

    given = {"processing_class": AutoTokenizer.from_pretrained(request["tokenizer"])} if "tokenizer" in request else {}
    with tempfile.TemporaryDirectory() as out:
        options = GRPOConfig(output_dir=out, num_generations=4, max_completion_length=request["num_tokens"], **common)
        grpo = GRPOTrainer(folder, every_other, args=options, train_dataset=Dataset.from_list(prompts), **given)
        sft = SFTTrainer(folder, args=SFTConfig(output_dir=out, **common), train_dataset=Dataset.from_list(pairs), **given)
        return {**told_by(grpo.processing_class, request), "grpo": one_step(grpo), "sft": one_step(sft)}


def one_step(trainer: Any) -> Answer:
    before = {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}
    loss = trainer.train().training_loss
    changes = [(weight.detach() - before[name]).abs().max().item() for name, weight in trainer.model.named_parameters()]
    return {"loss": loss, "largest_change": max(changes), "steps": trainer.state.global_step}


def probe_openrlhf(folder: str, request: Answer) -> Answer:
    """`differing`: names of the actor's tensors that are not, bit for bit, those of the folder in bfloat16; `tensors`: how many.

    flash_attn and deepspeed are stubs: loading reaches for neither.
    """
    sys.path.insert(0, str(STUBS))
    import torch
    from openrlhf.models import Actor
    from openrlhf.utils import get_tokenizer
    from safetensors.torch import load_file

    actor = Actor(folder, attn_implementation="sdpa", param_dtype="bf16")
    tokenizer = get_tokenizer(folder, actor.model, "left")
    stored = load_file(Path(folder) / "model.safetensors")
    loaded = dict(actor.model.named_parameters())
    differing = [name for name in stored if name not in loaded or not torch.equal(loaded[name], stored[name].to(torch.bfloat16))]
    differing += [name for name in loaded if name not in stored]
    return {**told_by(tokenizer, request), "differing": differing, "tensors": len(loaded), "model_pad": actor.model.config.pad_token_id}


PROBES: dict[str, Callable[[str, Answer], Answer]] = {
    "transformers": probe_transformers,
    "vllm": probe_vllm,
    "trl": probe_trl,
    "openrlhf": probe_openrlhf,
}


def main() -> None:
    engine, folder = sys.argv[1:]
    answer_to = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what engines print goes to standard error
    answer = PROBES[engine](folder, json.load(sys.stdin))
    print(json.dumps(answer), file=answer_to, flush=True)


if __name__ == "__main__":
    main()
