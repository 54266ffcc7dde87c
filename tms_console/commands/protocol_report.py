"""Runs the `protocols` commands: loads, prints for people or machines, returns the exit status.

How a page looks is `protocol_pages`; what is told is `protocol_facts`.
"""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path

from rich.console import Console, RenderableType

from protocols.protocol import Protocol, ProtocolFileError, load_library, load_protocol
from tms_console.commands import protocol_facts as facts
from tms_console.commands.protocol_pages import list_page, mistakes_page, refusal_page, show_page

DONE = 0
REFUSED = 1


def list_library(*, as_json: bool) -> int:
    """Print the shipped protocols and return the exit status."""
    protocols = load_library().values()
    if as_json:
        _print_json([facts.summary_json(protocol) for protocol in protocols])
    else:
        _print(_console(), list_page(protocols))
    return DONE


def show_one(protocol_id: str, threshold_pct_mso: int | None, *, as_json: bool) -> int:
    """Print one shipped protocol and return the exit status."""
    library = load_library()
    if protocol_id in library:
        return _tell(library[protocol_id], threshold_pct_mso, as_json=as_json)
    near = difflib.get_close_matches(protocol_id.lower(), library, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}?" if near else "`tms-console protocols list` names them all."
    sentence = f"There is no protocol {protocol_id!r}. {hint}"
    if as_json:
        _print_json({"error": sentence, "known": list(library)})
    else:
        _print(_console(stderr=True), refusal_page(sentence))
    return REFUSED


def check_file(file: Path, threshold_pct_mso: int | None, *, as_json: bool) -> int:
    """Print the mistakes of a protocol file, or the protocol, and return the exit status."""
    try:
        protocol = load_protocol(file)
    except ProtocolFileError as error:
        if as_json:
            mistakes: list[facts.Json] = [facts.mistake_json(m) for m in error.mistakes]
            _print_json({"usable": False, "mistakes": mistakes})
        else:
            _print(_console(stderr=True), mistakes_page(error))
        return REFUSED
    if not as_json:
        _console().print(f"{file.name}: no mistakes.\n")
    return _tell(protocol, threshold_pct_mso, as_json=as_json, usable=True)


def _tell(
    protocol: Protocol, threshold_pct_mso: int | None, *, as_json: bool, usable: bool | None = None
) -> int:
    result = facts.reviewed(protocol, threshold_pct_mso)
    if as_json:
        verdict: dict[str, facts.Json] = {} if usable is None else {"usable": usable}
        _print_json(verdict | facts.detail_json(protocol, result))
    else:
        console = _console()
        _print(console, show_page(protocol, result, console))
    return DONE if result.refusal is None else REFUSED


def _console(*, stderr: bool = False) -> Console:
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def _print(console: Console, page: RenderableType) -> None:
    """Print without the blanks with which layouts fill their lines, for whoever pipes it."""
    with console.capture() as captured:
        console.print(page)
    text = re.sub(r"[ \t]+$", "", captured.get(), flags=re.MULTILINE)
    console.file.write(text.encode(console.encoding, "replace").decode(console.encoding))


def _print_json(values: facts.Json) -> None:
    _console().out(json.dumps(values, indent=2))
