"""The static report. cli.py adds it to the command line."""

import click

COMMANDS: tuple[click.Command, ...] = ()
