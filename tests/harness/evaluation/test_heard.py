"""What a checkpoint said is heard in full and up to the end of its turn: hand-made checkpoints through the whole of `eval`."""

import json
from pathlib import Path
from typing import Any

import pytest
from fakes_speaker import byte_level, make_speaker

from r1bench.harness.evaluation.checkpoint import evaluate_checkpoint
from r1bench.harness.records import Run, Sample
from r1bench.harness.store.runs import read_run
from r1bench.tasks.templates import TEMPLATES

QUESTION = "What is 2+3?"
BASE_EOS = "<|endoftext|>"
SPECIALS = ("<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|end|>", "<|user|>", "<|assistant|>")
SPECIALS += ("<start_of_turn>", "<end_of_turn>", "</s>", BASE_EOS, "<think>", "</think>", "<answer>", "</answer>", "[THINK]", "[/THINK]")
SPECIALS += ("<|start|>", "<|channel|>", "<|message|>", "<|return|>", "◁think▷", "◁/think▷", "<pad>")
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}%s{% endif %}"
)
LLAMA_3 = "{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content }}<|eot_id|>{% endfor %}"
PHI_3 = "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
GEMMA = "{% for m in messages %}<start_of_turn>{{ m.role }}\n{{ m.content }}<end_of_turn>\n{% endfor %}"
VICUNA = (
    "{% for m in messages %}{% if m.role == 'user' %}USER: {{ m.content }} ASSISTANT:{% else %}{{ m.content }}</s>{% endif %}{% endfor %}"
)
HARMONY = (
    "{% for m in messages %}<|start|>{{ m.role }}{% if m.role == 'assistant' %}<|channel|>final{% endif %}<|message|>{{ m.content }}"
    "{% if m.role == 'assistant' and loop.last %}<|return|>{% else %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)


def heard(folder: Path, says: str, chat: str, *, template: str = "chat", eos: str | None = BASE_EOS, max_tokens: int = 0) -> Run:
    """The run of a checkpoint with this chat template that says this text, whose question has the answer 5."""
    how: dict[str, Any] = {"template": TEMPLATES[template], "problem": QUESTION, "specials": SPECIALS, "chat_template": chat}
    make_speaker(folder / "m", says, eos=eos, **how)
    num_tokens = len(byte_level(*SPECIALS).encode(says).ids)
    (folder / "data.jsonl").write_text(json.dumps({"question": QUESTION, "answer": "2+3=5\n#### 5"}))
    asked: dict[str, Any] = {"template": template, "temperature": 0.0, "samples": 1, "max_tokens": max_tokens or num_tokens + 8}
    return evaluate_checkpoint(str(folder / "m"), "gsm8k", folder / "runs", data=folder / "data.jsonl", **asked)[0]


def sample_of(*given: Any, **how: Any) -> Sample:
    return heard(*given, **how).samples[0]


@pytest.mark.parametrize(
    ("chat", "end", "turn"),
    [
        (CHATML.replace("%s", "<|im_start|>assistant\n"), "<|im_end|>", "\n<|im_start|>user\nAnd 3+4?<|im_end|>\n<|im_start|>assistant\n"),
        (LLAMA_3, "<|eot_id|>", " user: And 3+4? "),
        (PHI_3, "<|end|>", " user: And 3+4? "),
        (GEMMA, "<end_of_turn>", "\nuser\nAnd 3+4?\n"),
        (VICUNA, "</s>", "USER: And 3+4? ASSISTANT: "),
    ],
    ids=["chatml", "llama 3", "phi 3", "gemma", "vicuna"],
)
@pytest.mark.parametrize("template", ["chat", "none"])
def test_the_end_of_turn_ends_a_completion_of_a_base_with_another_eos(
    tmp_path: Path, chat: str, end: str, turn: str, template: str
) -> None:
    said = "The answer is \\boxed{5}. "
    found = sample_of(tmp_path, f"{said}{end}{turn}The answer is \\boxed{{7}}.{BASE_EOS}", chat, template=template)
    assert (found.grade.outcome, found.grade.extracted) == ("correct", "5")
    done = found.completion
    assert (done.text, done.end, done.finish_reason, done.num_tokens) == (said, end, "stop", len(said) + 1)


def test_the_end_of_a_message_does_not_end_the_turn_of_several(tmp_path: Path) -> None:
    thought, answer = "<|channel|>analysis<|message|>Is it 6?<|end|>", "<|start|>assistant<|channel|>final<|message|>It is \\boxed{5}."
    found = sample_of(tmp_path, f"{thought}{answer}<|return|>", HARMONY)
    assert (found.grade.outcome, found.thinking_state, found.completion.end) == ("correct", "closed", "<|return|>")
    assert found.completion.text == thought + answer


@pytest.mark.parametrize(("name", "marks"), [("think", ("<think>", "</think>")), ("magistral", ("[THINK]", "[/THINK]"))])
def test_marks_that_are_special_tokens_are_heard(tmp_path: Path, name: str, marks: tuple[str, str]) -> None:
    said = f"{marks[0]}Is it \\boxed{{6}}?{marks[1]}<answer>The sum is 5.</answer>"
    found = sample_of(tmp_path, said + "<|im_end|>", CHATML.replace("%s", ""), template="r1-zero")
    assert (found.completion.text, found.thinking_state, found.grade.outcome) == (said, "closed", "correct")
    assert found.format_ok == (name == "think")


@pytest.mark.parametrize(
    "opening",
    [
        *("<think>\n", "<thinking>\n", "|special_token|\n", "<think>\nOkay,\n", "[THINK]", "◁think▷", "Here is my thought process:\n"),
        *("<|channel|>analysis<|message|>", "<|begin_of_thought|>", "<seed:think>", "<reasoning>\n", "<|START_THINKING|>", "<thought>"),
    ],
)
def test_a_reasoning_that_the_prompt_opens_and_nothing_ends_is_no_answer(tmp_path: Path, opening: str) -> None:
    chat = CHATML.replace("%s", f"<|im_start|>assistant\n{opening}")
    found = sample_of(tmp_path, "So far the answer is \\boxed{5}. Let me check", chat, max_tokens=30)
    assert (found.thinking_state, found.grade.outcome, found.grade.reason) == ("unfinished", "truncated", "the reasoning does not end")
    assert found.completion.prefill == opening


@pytest.mark.parametrize("closed", ["<think>\n\n</think>\n\n", "[THINK][/THINK]", ""])
def test_a_reasoning_that_the_prompt_closes_again_is_not_opened(tmp_path: Path, closed: str) -> None:
    found = sample_of(tmp_path, "It is \\boxed{5}.<|im_end|>", CHATML.replace("%s", f"<|im_start|>assistant\n{closed}"))
    assert (found.thinking_state, found.grade.outcome, found.completion.prefill) == ("absent", "correct", "")


def test_a_checkpoint_without_an_end_is_named_now_and_later(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = heard(tmp_path, "It is \\boxed{5}.", "", eos=None, max_tokens=40)
    assert capsys.readouterr().err.count("names no token that ends a completion") == 1
    assert any("names no token that ends a completion" in note for note in read_run(tmp_path / "runs" / run.id).notes)


def test_a_marking_that_is_not_known_is_flagged_now_and_later(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = heard(tmp_path, "<scratchpad>So far \\boxed{5}</scratchpad> is it.<|im_end|>", CHATML.replace("%s", ""))
    assert "unknown_marking" in run.samples[0].grade.flags
    said = "1 sample has a mark that looks like one of a reasoning and is not known, such as <scratchpad>"
    again = read_run(tmp_path / "runs" / run.id)
    assert said in capsys.readouterr().err
    assert ([said in note for note in again.notes], again.left_out) == ([True], ())


def test_special_tokens_within_an_answer_do_not_disturb_it(tmp_path: Path) -> None:
    said = "<think>6?</think><pad><|im_start|>The answer is \\boxed{5<pad>}.<pad>"
    found = sample_of(tmp_path, said + "<|im_end|>", CHATML.replace("%s", ""))
    assert (found.completion.text, found.grade.outcome, found.grade.extracted) == (said, "correct", "5")
