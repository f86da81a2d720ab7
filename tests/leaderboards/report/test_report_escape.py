"""Whatever goes into a page is safe there: text of models and strangers stays text.

Run: make test PYTEST_ARGS=tests/leaderboards/report/test_report_escape.py
"""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from fakes_report import HOSTILE
from hypothesis import given
from hypothesis import strategies as st

from r1bench.harness.errors import StorageError
from r1bench.leaderboards.report import escape, page


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_cannot_leave_its_place_in_a_script(text: str) -> None:
    shown = escape.script_json({"text": text})
    assert not set(shown) & set("<>&\u2028\u2029\u202e\u2066\u200b\ufeff\x00\x07\x7f\x85")
    assert shown.encode()  # no half characters
    assert json.loads(shown)["text"] == re.sub("[\ud800-\udfff]", "\ufffd", text)


@given(st.recursive(st.text(st.characters(codec=None), max_size=20) | st.integers() | st.booleans() | st.none(), st.lists, max_leaves=8))
def test_any_value_comes_back_from_its_escaped_form(value: Any) -> None:
    shown = escape.script_json(value)
    assert re.search("[<>&\u2028\u2029\ud800-\udfff]", shown) is None
    assert json.loads(shown) == json.loads(re.sub("[\ud800-\udfff]", "\ufffd", json.dumps(value, ensure_ascii=False)))


def test_numbers_that_json_lacks_become_null() -> None:
    assert json.loads(escape.script_json([math.nan, math.inf, {"a": -math.inf}, 1.5])) == [None, None, {"a": None}, 1.5]


def test_key_that_would_set_a_prototype_is_another_key() -> None:
    text = escape.script_json({"__proto__": {"x": 1}, "said": ',"__proto__":'})
    assert json.loads(text) == {"__proto__ ": {"x": 1}, "said": ',"__proto__":'}


@pytest.mark.parametrize("key", ["", "a b", "../a", "a/..", 'a")', "a//b", "/a", "a\n"])
def test_data_file_refuses_a_key_that_is_not_safe(key: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        escape.data_file(key, 1)


def test_floats_keep_six_digits() -> None:
    assert escape.rounded({"a": [1 / 3, 1_234_567.8, 7, True, math.nan]}) == {"a": [0.333333, 1234570.0, 7, True, None]}


def test_title_is_text(tmp_path: Path, assets: Path) -> None:
    shown = page.render({}, "</title><script>alert(1)</script>", assets)
    assert shown.startswith("<title>&lt;/title&gt;&lt;script&gt;")


def test_script_that_would_end_its_element_is_refused(assets: Path) -> None:
    (assets / "one.js").write_text('const text = "</script>";')
    with pytest.raises(StorageError, match=r"one\.js contains </script"):
        page.render({}, "title", assets)
