"""Asking a person on the command line: hidden on a terminal, line by line from anything else.

Passwords, passphrases and codes come only this way, never from an option or the environment.
"""

from __future__ import annotations

import sys

import typer


def ask_secret(what: str, *, new: bool = False) -> str:
    """Return a secret that was typed; a new one is asked for twice on a terminal.

    Exits with status 1 if there is no more input.
    """
    if not sys.stdin.isatty():
        return _line(what)
    answer: str = typer.prompt(what, hide_input=True, confirmation_prompt=new, err=True)
    return answer


def ask(what: str) -> str:
    """Return something that was typed and may be seen.

    Exits with status 1 if there is no more input.
    """
    if not sys.stdin.isatty():
        return _line(what)
    answer: str = typer.prompt(what, err=True)
    return answer


def agreed(question: str) -> bool:
    """Return whether a person agrees; without a terminal the command itself was the answer."""
    return not sys.stdin.isatty() or bool(typer.confirm(question, err=True))


def _line(what: str) -> str:
    line = sys.stdin.readline()
    if not line:
        typer.echo(f"{what}: there is no more on standard input.", err=True)
        raise typer.Exit(1)
    return line.rstrip("\r\n")
