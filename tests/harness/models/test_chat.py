"""Chat templates: what holds the question is rendered as transformers does, the rest is refused in one line. Cases: chat_templates.json."""

import json
from pathlib import Path
from typing import Any

import pytest
from fakes_speaker import byte_level
from transformers import PreTrainedTokenizerFast

from r1bench.harness.errors import CheckpointError
from r1bench.harness.models import chat
from r1bench.harness.models.chat import check_files, render_chat, render_conversations
from r1bench.harness.models.prompts import make_prompts
from r1bench.harness.records import Template

CASES = json.loads((Path(__file__).parents[2] / "cases" / "chat_templates.json").read_text(encoding="utf-8"))
QUESTION = "  How many apples? "
OF_MODELS = (
    "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>\n{{ m['content'] }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}",
    "{%- if tools %}{{ tools | tojson(indent=2) }}{% endif %}\n{% for m in messages %}\n    {% if loop.first and m.role != 'system' %}\n"
    "    {{- 'You help.\n' }}\n    {% endif %}{{ '[' + m.role + '] ' + m.content }}\n{% endfor %}",
    "{% set ns = namespace(n=0) %}{% for m in messages %}{% if m.role == 'tool' %}{% continue %}{% endif %}{% set ns.n = ns.n + 1 %}"
    "{{ ns.n }}: {{ m.content }}{% generation %}{% set x = 1 %}{% endgeneration %}{% endfor %}{% if x is defined %}{{ x }}{% endif %}",
    "{{ {'b': 1, 'a': 'ü<'} | tojson }} {{ documents is none }} {{ enable_thinking }} {{ messages[-1].content }}\n\n",
)


def tokenizer_of(template: Any, **names: str) -> Any:
    """A byte-level tokenizer with this chat template."""
    made = byte_level("<s>", "</s>")
    return PreTrainedTokenizerFast(tokenizer_object=made, chat_template=template, bos_token="<s>", eos_token="</s>", name_or_path="ckpt")


def in_a_turn(content: str) -> str:
    return f"{{% for m in messages %}}<user>{content}{{% endfor %}}"


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_chat_template_holds_the_question_or_is_refused_in_one_line(case: dict[str, str]) -> None:
    tokenizer, asked = tokenizer_of(in_a_turn(case["template"])), [("p7", QUESTION)]
    if "refused" in case:
        with pytest.raises(
            CheckpointError, match=rf"the chat template of ckpt cannot be used.*({case['refused']}).*--template plain"
        ) as caught:
            make_prompts(tokenizer, Template("chat", "{problem}", "chat"), asked)
        assert len(str(caught.value)) < 600
    else:
        right = case["prompt"].replace("{question}", QUESTION).replace("{trimmed}", QUESTION.strip())
        assert render_chat(tokenizer, [QUESTION]) == ["<user>" + right]


@pytest.mark.parametrize("template", OF_MODELS)
def test_prompts_are_those_of_transformers(template: str) -> None:
    tokenizer, questions = tokenizer_of(template), ["What is <b>1</b> + 1?", "{{ 7 * 7 }}", "ü"]
    turns = [[{"role": "user", "content": question}] for question in questions]
    assert render_chat(tokenizer, questions) == tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)


def test_conversations_are_those_of_transformers() -> None:
    said = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    tokenizer = tokenizer_of(OF_MODELS[0])
    assert render_conversations(tokenizer, [said]) == [tokenizer.apply_chat_template(said, tokenize=False)]
    assert render_conversations(tokenizer_of("{{ messages[5].content.x }}"), [said]) == [None]


def test_a_template_without_an_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "CPU_SECONDS", 1)
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    with pytest.raises(CheckpointError, match="more than 1 s of processor time"):
        render_chat(tokenizer_of(endless), ["q"])


def test_what_a_template_draws_at_random_is_the_same_another_time() -> None:
    tokenizer = tokenizer_of("{{ range(10 ** 5) | random }} {{ messages[0].content }}")
    first = render_chat(tokenizer, ["q"])
    chat._rendered.cache_clear()
    assert render_chat(tokenizer, ["q"]) == first


def test_of_several_templates_it_is_the_default_one() -> None:
    several = {"rag": "x", "default": "{{ messages[0].content }}!"}
    assert render_chat(tokenizer_of(several), ["q"]) == ["q!"]
    with pytest.raises(CheckpointError, match=r"it has several \(rag, tool_use\) and none is named 'default'"):
        render_chat(tokenizer_of({"tool_use": "x", "rag": "y"}), ["q"])


@pytest.mark.parametrize("template", [5, {"default": 5}, {"default": ["x"]}])
def test_a_template_that_is_no_text_is_refused(template: Any) -> None:
    with pytest.raises(CheckpointError, match="and not a text"):
        render_chat(tokenizer_of(template), ["q"])


def test_template_files_that_are_large_or_no_files_are_refused_before_they_are_read(tmp_path: Path) -> None:
    (tmp_path / "chat_template.jinja").write_text("a" * 4_000_001)
    with pytest.raises(CheckpointError, match=r"chat_template\.jinja has 4,000,001 bytes"):
        check_files(tmp_path)
    with pytest.raises(CheckpointError, match="3,000,000 characters"):
        render_chat(tokenizer_of("a" * 3_000_000), ["q"])


def test_a_template_that_would_never_be_read_to_its_end_is_refused(tmp_path: Path) -> None:
    import os

    (tmp_path / "additional_chat_templates").mkdir()
    os.mkfifo(tmp_path / "additional_chat_templates" / "rag.jinja")
    with pytest.raises(CheckpointError, match=r"rag\.jinja is no regular file"):
        check_files(tmp_path)
