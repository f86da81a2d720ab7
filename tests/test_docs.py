"""What the documents say can be done: quoted r1bench commands and their options exist, links lead somewhere.

Commands are taken apart by click's own parser, values are not checked: `r1bench eval CHECKPOINT` is a fine quotation.
Run: make test PYTEST_ARGS=tests/test_docs.py
"""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import dropwhile
from pathlib import Path

import click
import pytest

from r1bench.harness.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGE_IDS = [str(page.relative_to(ROOT)) for page in PAGES]
FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^ {4,}(.*)$", re.MULTILINE)
PROGRAMS = ("r1bench", ".venv/bin/r1bench")


def leaf_commands(command: click.Command = main, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with the words that call it."""
    if not isinstance(command, click.Group):
        yield words, command
        return
    if words and command.invoke_without_command:
        yield words, command
    for name, child in sorted(command.commands.items()):
        yield from leaf_commands(child, (*words, name))


def shell_commands(text: str) -> Iterator[list[str]]:
    """The words of each simple command in shell text; pipes and redirections end it. Brackets of a synopsis go."""
    lexer = shlex.shlex(text.replace("[", " ").replace("]", " ").replace("...", " "), posix=True, punctuation_chars=";|&<>")
    lexer.whitespace_split = True
    words: list[str] = []
    is_skipping = False
    for word in lexer:
        if set(word) <= set(";|&<>"):
            is_skipping = "<" in word or ">" in word
            if not is_skipping:
                yield words
                words = []
        elif not is_skipping:
            words.append(word)
    yield words


def r1bench_arguments(line: str) -> Iterator[list[str]]:
    """What follows the program's name wherever a line calls it; assignments before it are skipped."""
    for simple in shell_commands(line):
        words = list(dropwhile(lambda word: re.match(r"[A-Z_0-9]+=", word), simple))
        if words and words[0] in PROGRAMS:
            yield words[1:]


def block_lines(block: str) -> list[str]:
    """The command lines of a code block: those after `$ ` where there are any (the rest is output), otherwise all."""
    lines = [line.strip() for line in block.replace("\\\n", " ").splitlines()]
    prompted = [line[2:] for line in lines if line.startswith("$ ")]
    return [line for line in prompted or lines if "r1bench " in line]


def quoted_commands(page: str) -> list[tuple[list[str], bool]]:
    """Each quoted call's arguments, and whether it stands in a code block, so has to be complete. `text` is output."""
    blocks = [found[2] for found in FENCE.findall(page) if found[1] != "text"]
    prose = FENCE.sub("", page)
    blocks += [line for line in INDENTED.findall(prose) if not line.startswith(("- ", "* "))]
    inline = re.findall(r"`([^`\n]+)`", INDENTED.sub("", prose))
    found = [(arguments, True) for block in blocks for line in block_lines(block) for arguments in r1bench_arguments(line)]
    return found + [(arguments, False) for code in inline if code.startswith(PROGRAMS) for arguments in r1bench_arguments(code)]


def parse(arguments: list[str], is_complete: bool = True) -> None:
    """Take a call apart as click would.

    Raises:
        click.UsageError: no such command or option, a value that is missing, an argument too many.
    """
    command: click.Command = main
    context = click.Context(main, info_name="r1bench")
    values, left, _ = command.make_parser(context).parse_args(list(arguments))
    while isinstance(command, click.Group) and left:
        name, *rest = left
        child = command.get_command(context, name)
        if child is None:
            raise click.UsageError(f"{context.command_path} has no command {name!r}")
        command, context = child, click.Context(child, info_name=name, parent=context)
        values, left, _ = command.make_parser(context).parse_args(rest)
    if left:
        raise click.UsageError(f"{context.command_path} takes no argument {left[0]!r}")
    missing = [parameter.name for parameter in command.params if parameter.required and not values.get(parameter.name)]
    if is_complete and missing and "help" not in values:
        raise click.UsageError(f"{context.command_path} needs {missing}")


def mistakes(page: str) -> list[str]:
    """The quoted calls that the program would not take."""
    found = []
    for arguments, is_complete in quoted_commands(page):
        try:
            parse(arguments, is_complete)
        except click.UsageError as error:
            found.append(f"r1bench {' '.join(arguments)}: {error.format_message()}")
    return found


def examples(command: click.Command, words: tuple[str, ...]) -> list[str]:
    """The lines of a command's help that show a call of it."""
    lines = "\n".join(filter(None, [command.help, command.epilog])).splitlines()
    stripped = [line.strip().removeprefix("$ ") for line in lines]
    return [line for line in stripped if f"{line} ".startswith(" ".join(("r1bench", *words, "")))]


LEAVES = list(leaf_commands())


@pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
def test_every_quoted_command_is_one_that_the_program_takes(page: Path) -> None:
    assert mistakes(page.read_text()) == []


@pytest.mark.parametrize("call", ["nonsense", "tasks nonsense", "eval tiny-base --nonsense", "--nonsense"])
def test_quotation_of_something_that_does_not_exist_is_noticed(call: str) -> None:
    assert len(mistakes(f"```sh\nr1bench {call}\n```")) == len(mistakes(f"Run `r1bench {call}`.")) == 1


def test_quotation_with_pipes_placeholders_and_comments_is_understood() -> None:
    page = "    .venv/bin/r1bench tasks --help | head > list.txt   # all of them\n    r1bench eval CHECKPOINT [--limit 4]"
    assert [arguments for arguments, _ in quoted_commands(page)] == [
        ["tasks", "--help"],
        ["eval", "CHECKPOINT", "--limit", "4"],
    ]


def test_readme_quotes_commands() -> None:
    assert len(quoted_commands((ROOT / "README.md").read_text())) >= 5


@pytest.mark.parametrize(("words", "command"), LEAVES, ids=[" ".join(words) for words, _ in LEAVES])
def test_every_command_has_an_example_in_its_help_that_it_takes(words: tuple[str, ...], command: click.Command) -> None:
    assert examples(command, words)
    for line in examples(command, words):
        for arguments in r1bench_arguments(line):
            parse(arguments)


@pytest.mark.parametrize(("words", "command"), LEAVES, ids=[" ".join(words) for words, _ in LEAVES])
def test_every_option_says_what_it_is_for(words: tuple[str, ...], command: click.Command) -> None:
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    assert [option.opts for option in options if not option.help] == []


def test_cli_reference_is_what_the_generator_prints() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts/cli_reference"], capture_output=True, text=True, check=True)
    assert (ROOT / "docs/cli.md").read_text() == done.stdout, "run: .venv/bin/python scripts/cli_reference > docs/cli.md"


@pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s#]+)[^)]*\)", FENCE.sub("", page.read_text()))
    assert [target for target in targets if "://" not in target and not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
def test_every_quoted_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"(?:^\s*(?:\$ )?|`)make ([a-z]+)", page.read_text(), re.MULTILINE))
    assert targets <= set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_index_names_every_page_of_the_docs() -> None:
    index = (ROOT / "docs/index.md").read_text()
    names = [page.relative_to(ROOT / "docs").as_posix() for page in PAGES if page.is_relative_to(ROOT / "docs")]
    assert [name for name in names if name != "index.md" and f"({name})" not in index] == []


def test_constraints_pin_exact_versions_and_name_no_place() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9A-Za-z.]*", line)] == []
