"""The command that prints every metric of a run. cli.py adds it to the command line."""

import click

COMMANDS: tuple[click.Command, ...] = ()
