"""The page itself: one HTML file with style, scripts and boot data inlined. Left out: what the data say (compose.py), files (output.py)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from r1bench.harness.errors import StorageError
from r1bench.leaderboards.report import escape

ASSETS = Path(__file__).parent / "assets"
TEMPLATE, STYLE, SCRIPTS = "page.html", "style.css", "scripts.txt"


def render(boot: dict[str, Any], title: str, assets: Path = ASSETS) -> str:
    """The page's HTML. Titles are escaped by the template, data by `escape.script_json`; style and scripts are our own files.

    Raises:
        StorageError: a file of the page is missing, or would end the element that it stands in.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    names = [line.strip() for line in read(assets, SCRIPTS).splitlines() if line.strip()]
    environment = Environment(autoescape=True, undefined=StrictUndefined, loader=FileSystemLoader(assets, encoding="utf-8"))
    read(assets, TEMPLATE)
    return environment.get_template(TEMPLATE).render(
        title=title,
        style=Markup(inline(assets, STYLE, ("</style", "<!--"))),
        scripts=[Markup(inline(assets, name, ("</script", "<!--"))) for name in names],
        boot=Markup(escape.script_json(boot)),
    )


def inline(assets: Path, name: str, forbidden: Sequence[str]) -> str:
    """A file that may stand inside its element as it is."""
    text = read(assets, name)
    for mark in forbidden:
        if mark in text.lower():
            raise StorageError(f"{assets / name} contains {mark}, which would end the element it stands in; write it in two parts")
    return text


def read(assets: Path, name: str) -> str:
    """A file of the page."""
    try:
        return (assets / name).read_text(encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{assets / name} cannot be read ({error.strerror}); install r1bench again") from error
