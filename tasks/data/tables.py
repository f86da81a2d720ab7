"""Tables of words and texts that stand as JSON beside the code that uses them."""

import json
from importlib.resources import files
from typing import Any


def read_table(package: str | None, name: str) -> Any:
    """The content of the JSON file `name` in a package (`__package__` of who asks)."""
    return json.loads((files(str(package)) / name).read_text(encoding="utf-8"))
