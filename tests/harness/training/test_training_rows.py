"""Rows of a user's file as what is learned from them: every form that is known, and each fault by its row."""

import json
from pathlib import Path
from typing import Any

import pytest

from r1bench.backends.job import RewardModel
from r1bench.harness.errors import DataError, UsageError
from r1bench.harness.models.conversation import WHOLE, Answered, Dialogue
from r1bench.harness.training.examples import Columns, Labelled, Preferred, rows_in, to_learn, to_value
from r1bench.tasks.data.reading import Row
from r1bench.tasks.templates import TEMPLATES

PLAIN = TEMPLATES["plain"]
ASKED, TOLD = {"role": "user", "content": "a?"}, {"role": "assistant", "content": "A"}
HH = "\n\nHuman: a?\n\nAssistant: hm\n\nHuman: b?\n\nAssistant: "
ANY = RewardModel(reads="response")
LABELS = RewardModel(loss="pointwise", reads="response")


def learned(fields: dict[str, Any], **columns: str) -> Any:
    return to_learn(Row("f.jsonl:3", fields), Columns("sft", columns), PLAIN)


def judged(fields: dict[str, Any], spec: RewardModel = ANY, **columns: str) -> Any:
    return to_value(Row("f.jsonl:3", fields), Columns("reward_model", columns), spec)


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [ASKED, TOLD]},
        {"conversations": [{"from": "human", "value": "a?"}, {"from": "gpt", "value": "A"}]},
        {"messages": [ASKED, {"role": "assistant", "content": [{"type": "text", "text": "A"}]}], "prompt": "not this"},
        {"prompt": [ASKED], "completion": [TOLD]},
        {"prompt": [ASKED], "response": "A"},
    ],
)
def test_messages_are_read_in_every_form(fields: dict[str, Any]) -> None:
    found = learned(fields)
    assert isinstance(found, Dialogue)
    assert found.messages == [ASKED, TOLD]


@pytest.mark.parametrize(
    ("fields", "columns", "expected"),
    [
        ({"prompt": "Q: a? A:", "completion": " A"}, {}, Answered("f.jsonl:3", WHOLE, "Q: a? A:", " A")),
        ({"question": "a?", "answer": "so A"}, {}, Answered("f.jsonl:3", PLAIN, "a?", "so A")),
        ({"problem": "a?", "solution": "so A", "answer": "A"}, {}, Answered("f.jsonl:3", PLAIN, "a?", "so A")),
        ({"q": "a?", "r": {"text": "A"}}, {"problem": "q", "completion": "r.text"}, Answered("f.jsonl:3", PLAIN, "a?", "A")),
        ({"q": "a?", "r": "A", "t": "hm"}, {"problem": "q", "response": "r", "reasoning": "t"},
         Answered("f.jsonl:3", PLAIN, "a?", "<think>\nhm\n</think>\n\nA")),
        ({"text": "once"}, {}, Answered("f.jsonl:3", None, "", "once")),
    ],
)  # fmt: skip
def test_questions_prompts_and_texts_are_told_apart(fields: dict[str, Any], columns: dict[str, str], expected: Answered) -> None:
    assert learned(fields, **columns) == expected


def test_a_system_column_stands_before_the_messages_and_a_models_thoughts_before_its_answer() -> None:
    found = learned({"system": "be brief", "messages": [ASKED, {**TOLD, "reasoning_content": "hm"}]})
    assert found.messages == [{"role": "system", "content": "be brief"}, ASKED, {**TOLD, "content": "<think>\nhm\n</think>\n\nA"}]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"messages": []}, "messages holds no message"),
        ({"messages": [ASKED]}, "no message of the assistant"),
        ({"messages": [TOLD]}, "begins with a message of the assistant"),
        ({"messages": [ASKED, {"role": "bot", "content": "A"}]}, r"messages\[1\] has the role 'bot'; use one of user"),
        ({"messages": [ASKED, {"role": "assistant", "content": 5}]}, r"messages\[1\] is the int 5 and not a text"),
        ({"messages": [ASKED, {"role": "assistant", "content": " "}]}, "the last answer is empty"),
        ({"messages": ["a?"]}, r"messages\[0\] is a text and not a message"),
        ({"messages": [ASKED, {**TOLD, "tool_calls": [{}]}]}, "calls tools"),
        ({"prompt": "a?"}, "has no answer; its columns are prompt; name it: --map completion=COLUMN"),
        ({"prompt": "a?", "completion": ""}, "completion is empty"),
        ({"question": "a?", "answer": 7}, "answer is the int 7 and not a text"),
        ({"question": "a \ud800?", "answer": "A"}, "half of a character"),
        ({"x": 1}, "has none of messages, prompt and completion.*its columns are x"),
    ],
)
def test_a_row_to_learn_that_cannot_be_used_is_named_with_its_cure(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=rf"f\.jsonl:3: .*{told}"):
        learned(fields)


def test_a_column_that_is_not_there_and_a_role_that_is_not_read_are_named() -> None:
    with pytest.raises(DataError, match=r"has no column 'r', which --map completion names; the row has question, answer"):
        learned({"question": "a?", "answer": "A"}, completion="r")
    with pytest.raises(UsageError, match="--map 'gold': training here reads messages"):
        Columns("sft", {"gold": "answer"})


@pytest.mark.parametrize(
    ("fields", "prompt"),
    [
        ({"prompt": "a?", "chosen": "A", "rejected": "B"}, "a?"),
        ({"prompt": "a?", "chosen": [ASKED, TOLD], "rejected": [ASKED, {**TOLD, "content": "B"}]}, "a?"),
        ({"chosen": [ASKED, TOLD], "rejected": [ASKED, {**TOLD, "content": "B"}]}, "a?"),
        ({"prompt": [ASKED], "chosen": [TOLD], "rejected": [{**TOLD, "content": "B"}]}, "a?"),
        ({"question": "a?", "chosen": "A", "rejected": "B"}, "a?"),
        ({"chosen": HH + "A", "rejected": HH + "B"}, [ASKED, {**TOLD, "content": "hm"}, {**ASKED, "content": "b?"}]),
        ({"prompt": HH, "chosen": "A", "rejected": "B"}, [ASKED, {**TOLD, "content": "hm"}, {**ASKED, "content": "b?"}]),
    ],
)
def test_pairs_are_read_in_every_form(fields: dict[str, Any], prompt: Any) -> None:
    assert judged(fields) == Preferred("row-3", "f.jsonl:3", prompt, "A", "B", prompt)


def test_pairs_that_part_before_their_last_answers_keep_a_prompt_each() -> None:
    other = HH.replace("b?", "c?")
    found = judged({"chosen": HH + "A", "rejected": other + "B"})
    assert (found.prompt[-1]["content"], found.rejected_prompt[-1]["content"]) == ("b?", "c?")


@pytest.mark.parametrize(("label", "value"), [(1, 1.0), (False, 0.0), ("1", 1.0), (0.0, 0.0), ("True", 1.0)])
def test_labels_are_read_in_every_form(label: object, value: float) -> None:
    fields = {"prompt": "a?", "completion": "A", "label": label, "id": "p1"}
    assert judged(fields, LABELS) == Labelled("p1", "f.jsonl:3", "a?", "A", value)


@pytest.mark.parametrize(
    ("fields", "spec", "told"),
    [
        ({"prompt": "a?", "chosen": "A", "rejected": "A"}, ANY, "chosen and rejected are the same; remove the row"),
        ({"prompt": "a?", "chosen": "<think>x</think>A", "rejected": "A"}, RewardModel(), "are the same once their reasoning is left out;"),
        ({"prompt": "a?", "chosen": "<think>x", "rejected": "A"}, RewardModel(), "no answer stands behind the reasoning of chosen"),
        ({"prompt": "a?", "chosen": "", "rejected": "A"}, ANY, "chosen is empty"),
        ({"chosen": "A", "rejected": "B"}, ANY, "has no prompt.*--map prompt=COLUMN"),
        ({"chosen": [ASKED, TOLD], "rejected": [{**ASKED, "content": "z?"}, TOLD]}, ANY, "answer different questions"),
        ({"chosen": [ASKED], "rejected": [ASKED]}, ANY, "chosen does not end in an answer"),
        ({"prompt": "a?", "response": "A", "label": 1}, ANY, "has no chosen and rejected.*--set algorithm.loss=pointwise"),
        ({"prompt": "a?", "chosen": "A", "rejected": "B"}, LABELS, "has no label.*--set algorithm.loss=pairwise"),
        ({"prompt": "a?", "response": "A", "label": 0.5}, LABELS, r"the label is 0\.5; it must be 1 \(good\) or 0 \(bad\)"),
        ({"prompt": "a?", "label": 1}, LABELS, "has no response"),
    ],
)
def test_a_judged_row_that_cannot_be_used_is_named_with_its_cure(fields: dict[str, Any], spec: RewardModel, told: str) -> None:
    with pytest.raises(DataError, match=rf"f\.jsonl:3: .*{told}"):
        judged(fields, spec)


def test_the_files_of_a_folder_are_read_one_after_another(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl"):
        (tmp_path / name).write_text(json.dumps({"text": name}))
    assert [row.fields["text"] for row in rows_in(tmp_path)] == ["a.jsonl", "b.jsonl"]


@pytest.mark.parametrize("name", ["", "missing.jsonl"])
def test_a_folder_or_file_without_rows_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"holds no file of rows|does not exist"):
        list(rows_in(tmp_path / name))
