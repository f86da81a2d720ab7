"""A page that shows nothing, so that these tests do not depend on its look."""

from pathlib import Path

import pytest


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    """The folder of its files."""
    folder = tmp_path / "assets"
    folder.mkdir()
    (folder / "page.html").write_text(
        "<title>{{ title }}</title><style>{{ style }}</style>"
        '<script type="application/json" id="boot">{{ boot }}</script>{% for script in scripts %}<script>{{ script }}</script>{% endfor %}'
    )
    (folder / "style.css").write_text("body { margin: 0 }")
    (folder / "scripts.txt").write_text("one.js\n")
    (folder / "one.js").write_text("const one = 1 < 2;")
    return folder
