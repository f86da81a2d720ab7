"""A checkpoint is asked the question, whole, or refused in one line before anything is loaded: in eval, gate, train and tasks show."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fakes_speaker import make_speaker

from r1bench.harness.checkpoints import find_checkpoint
from r1bench.harness.cli import main
from r1bench.harness.models import weights
from r1bench.harness.records import Template
from r1bench.harness.store.listed import run_folders
from r1bench.harness.store.prompts import read_prompts
from r1bench.harness.store.runs import read_run
from r1bench.tasks import get_task
from r1bench.tasks.data.loading import load_problems

CHATML = "{%% for m in messages %%}<|im_start|>user\n%s<|im_end|>\n{%% endfor %%}<|im_start|>assistant"
PARTS = CHATML % "{{ m.content[0]['text'] }}"
WRONG = {
    "another role": (CHATML % "{% if m.role == 'human' %}{{ m.content }}{% endif %}", "does not put the question into the prompt"),
    "raises": ("{{ raise_exception('a system message is required') }}", "cannot be used: a system message is required; "),
    "boom": ("{{ raise_exception('boom') }}", "cannot be used: boom; "),
    "syntax": ("{% if %}", "Expected an expression"),
    "undefined": ("{{ foo() }}", "'foo' is undefined"),
    "sandbox": ("{{ ''.__class__ .__mro__ }}", "unsafe"),
}
NAMED = [{"name": "rag", "template": "x"}, {"name": "tool_use", "template": "y"}]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="r1bench")


def refusal(result: Result, folder: Path) -> str:
    """The one line of an error that names the checkpoint."""
    lines = [line for line in result.output.splitlines() if line.startswith("Error:")]
    assert (result.exit_code, len(lines)) == (2, 1), result.output
    assert str(folder) in lines[0]
    assert "--template plain" in lines[0]
    return lines[0]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """tiny-base, whose weights must not be loaded."""
    monkeypatch.setattr(weights, "load_model", lambda *_, **__: pytest.fail("the weights were loaded"))
    return Path(shutil.copytree(find_checkpoint("tiny-base").path, tmp_path / "model"))


@pytest.mark.parametrize("name", WRONG)
def test_eval_refuses_before_the_weights_are_loaded(tmp_path: Path, folder: Path, name: str) -> None:
    template, named = WRONG[name]
    (folder / "chat_template.jinja").write_text(template)
    evaluated = call("eval", folder, "--tasks", "arithmetic", "--template", "chat", "--limit", 2, "--runs", tmp_path / "runs")
    assert named in refusal(evaluated, folder)
    assert not (tmp_path / "runs").exists()


def test_eval_refuses_named_templates_without_a_default(tmp_path: Path, folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "chat_template": NAMED}))
    evaluated = call("eval", folder, "--tasks", "arithmetic", "--template", "chat", "--limit", 2, "--runs", tmp_path / "runs")
    assert "it has several (rag, tool_use) and none is named 'default'" in refusal(evaluated, folder)


def test_eval_refuses_before_the_first_of_several_tasks_is_sampled(tmp_path: Path, folder: Path) -> None:
    (folder / "chat_template.jinja").write_text(
        "{% if '\n\nRe' in messages[0].content %}{{ raise_exception('R') }}{% endif %}{{ messages[0].content }}"
    )
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"question": "1 + 1?\n\nReason", "answer": "2"}) + "\n")
    evaluated = call(
        "eval", folder, "--tasks", "arithmetic,gsm8k", "--data", rows, "--limit", 2, "--runs", tmp_path / "runs", "--template", "chat"
    )
    assert "for problem" in refusal(evaluated, folder)


def test_a_plain_template_needs_no_chat_template(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(find_checkpoint("tiny-base").path, tmp_path / "model"))
    (folder / "chat_template.jinja").write_text("{{ raise_exception('boom') }}")
    options = ("--limit", 2, "--samples", 1, "--max-tokens", 8, "--device", "cpu", "--runs", tmp_path / "runs")
    assert call("eval", folder, "--tasks", "arithmetic", *options).exit_code == 0


def test_gate_refuses_before_anything_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, runs = Path(shutil.copytree(find_checkpoint("tiny-base").path, tmp_path / "model")), tmp_path / "runs"
    options = ("--template", "chat", "--limit", 2, "--samples", 2, "--max-tokens", 4, "--device", "cpu", "--runs", runs)
    assert call("eval", "tiny-base", "--tasks", "arithmetic", *options).exit_code == 0
    monkeypatch.setattr(weights, "load_model", lambda *_, **__: pytest.fail("the weights were loaded"))
    (folder / "chat_template.jinja").write_text(WRONG["boom"][0])
    assert WRONG["boom"][1] in refusal(call("gate", folder, "--baseline", "board:tiny-base", "--runs", runs), folder)
    assert len(run_folders(runs)) == 1


def test_train_refuses_before_the_first_step(tmp_path: Path, folder: Path) -> None:
    (folder / "chat_template.jinja").write_text(
        "{% if 'bus' in messages[0].content %}{{ raise_exception('bus') }}{% endif %}{{ messages[0].content }}"
    )
    options = ("--model", folder, "--set", "data.template=chat", "--set", "batch_size=64", "--out", tmp_path / "out", "--device", "cpu")
    line = refusal(call("train", "--stage", "zero", *options), folder)
    assert "for problem '" in line
    assert "': bus; " in line
    assert not (tmp_path / "out").exists()


def test_tasks_show_refuses_too(tmp_path: Path, folder: Path) -> None:
    (folder / "chat_template.jinja").write_text(WRONG["raises"][0])
    assert WRONG["raises"][1] in refusal(call("tasks", "show", "arithmetic", "--checkpoint", folder, "--template", "chat"), folder)


def test_a_checkpoint_that_wants_parts_is_asked_in_parts_and_answers(tmp_path: Path) -> None:
    problem = load_problems(get_task("arithmetic"), None, None)[0]
    specials, said = ("<|im_start|>", "<|im_end|>"), f"<think>so</think><answer>{problem.gold[0]}</answer><|im_end|>"
    chat = Template("chat", "{problem}", "chat")
    how = {"specials": specials, "eos": "<|im_end|>", "chat_template": PARTS}
    make_speaker(tmp_path / "m", said, template=chat, problem=problem.prompt, **how)  # type: ignore[arg-type]
    greedy = ("--temperature", 0, "--samples", 1, "--limit", 1, "--max-tokens", 60, "--device", "cpu")
    evaluated = call("eval", tmp_path / "m", "--tasks", "arithmetic", "--template", "chat", "--runs", tmp_path / "runs", *greedy)
    assert evaluated.exit_code == 0, evaluated.output
    [made] = run_folders(tmp_path / "runs")
    run = read_run(made)
    assert run.scores_by_problem() == {problem.id: [1.0]}
    [prompt] = read_prompts(made, run.manifest)
    assert prompt.text == f"<|im_start|>user\n{problem.prompt}<|im_end|>\n<|im_start|>assistant"


def test_a_checkpoint_without_a_chat_template_is_said_to_be_asked_in_plain_text(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    shutil.copytree(find_checkpoint("tiny-base").path, folder)
    (folder / "chat_template.jinja").unlink()
    words = ["eval", folder, "--tasks", "arithmetic", "--limit", 1, "--samples", 1, "--max-tokens", 2, "--template", "chat"]
    result = call(*words, "--runs", tmp_path / "runs")
    assert (result.exit_code, "has no chat template: it is asked in plain text" in result.output) == (0, True)
    assert read_run(run_folders(tmp_path / "runs")[0]).manifest.rendering == "plain"
    assert (
        "note       the checkpoint has no chat template"
        in call("tasks", "show", "arithmetic", "--checkpoint", folder, "--template", "chat").output
    )
