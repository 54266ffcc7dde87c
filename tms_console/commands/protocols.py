"""The commands `protocols list`, `protocols show` and `protocols check`, and their arguments.

What they do is in `protocol_report`, imported late so that `--version` stays fast.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="List, show and check stimulation protocols.")

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
_Threshold = Annotated[
    int | None,
    typer.Option(
        "--threshold",
        min=1,
        max=100,
        metavar="N",
        help="Motor threshold in %MSO, of the kind the protocol asks for.",
    ),
]


@app.command("list")
def list_protocols(as_json: _AsJson = False) -> None:
    """List the shipped protocols."""
    from tms_console.commands import protocol_report  # noqa: PLC0415 - slow to import

    raise typer.Exit(protocol_report.list_library(as_json=as_json))


@app.command()
def show(
    protocol_id: Annotated[str, typer.Argument(metavar="ID", help="One of `protocols list`.")],
    threshold: _Threshold = None,
    as_json: _AsJson = False,
) -> None:
    """Draw one train and the session of a protocol, with its numbers, sources and findings."""
    from tms_console.commands import protocol_report  # noqa: PLC0415 - slow to import

    raise typer.Exit(protocol_report.show_one(protocol_id, threshold, as_json=as_json))


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A protocol file (TOML).")],
    threshold: _Threshold = None,
    as_json: _AsJson = False,
) -> None:
    """Check a protocol file: print every mistake, or what the protocol is."""
    from tms_console.commands import protocol_report  # noqa: PLC0415 - slow to import

    raise typer.Exit(protocol_report.check_file(file, threshold, as_json=as_json))
