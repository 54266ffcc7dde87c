"""`tms-console records`: check a record, and list what is in it.

It reads only; what a finding means and which row it names is decided in `tms_console.records`.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypedDict

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from tms_console.records.queries import SessionLine
    from tms_console.records.verify import Verification

app = typer.Typer(help="Check and list the record of sessions.", no_args_is_help=True)

BAR_AFTER_S = 1.0
"""A progress bar appears only for what takes longer than this."""

BIG_FILE_BYTES = 32 * 2**20
"""SQLite's own check of so much takes long enough for a bar from the start."""


class _Plain(TypedDict):
    highlight: bool
    markup: bool
    soft_wrap: bool


_PLAIN: _Plain = {"highlight": False, "markup": False, "soft_wrap": True}
"""For lines of the record: no colour of its own, nothing taken for mark-up, never cut."""

File = Annotated[Path, typer.Argument(metavar="FILE", help="The database.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON for machines.")]


@app.command()
def verify(file: File, as_json: Json = False) -> None:
    """Check every row of a database against its audit chain, and name those that differ."""
    from tms_console.records.errors import RecordsError  # noqa: PLC0415 - imported late

    try:
        answer = _verify_with_progress(file, quiet=as_json)
    except RecordsError as error:
        _refuse(error, as_json)
    if as_json:
        typer.echo(json.dumps(_verification_json(answer), indent=2))
    else:
        _show_verification(answer)
    raise typer.Exit(0 if answer.sound else 1)


@app.command("list")
def list_(file: File, as_json: Json = False) -> None:
    """List the sessions of a database, the oldest first."""
    from tms_console.records.database import open_database  # noqa: PLC0415 - imported late
    from tms_console.records.errors import RecordsError  # noqa: PLC0415
    from tms_console.records.queries import list_sessions  # noqa: PLC0415

    try:
        database = open_database(file)
        sessions = list_sessions(database)
    except RecordsError as error:
        _refuse(error, as_json)
    if as_json:
        found = {
            "database": str(file),
            "purpose": database.purpose.value,
            "sessions": [asdict(session) for session in sessions],
        }
        typer.echo(json.dumps(found, indent=2))
    else:
        _show_sessions(file, database.purpose.value, sessions)


def _refuse(error: Exception, as_json: bool) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({"error": str(error)}, indent=2))
    else:
        _console(stderr=True).print(str(error), style="red", **_PLAIN)
    raise typer.Exit(1)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console  # noqa: PLC0415 - imported late

    return Console(stderr=stderr)


def _verify_with_progress(file: Path, *, quiet: bool) -> Verification:
    """Verify, with a bar and the time left on a terminal if it takes longer than a second."""
    import time  # noqa: PLC0415 - imported late

    from rich.progress import Progress  # noqa: PLC0415

    from tms_console.records.verify import verify as verify_file  # noqa: PLC0415

    console = _console(stderr=True)
    bar = Progress(console=console, transient=True)
    wanted = console.is_terminal and not quiet
    task = bar.add_task("Checking the file", total=None)
    started = time.monotonic()
    shown = False

    def show(done: int, total: int) -> None:
        nonlocal shown
        if wanted and not shown and time.monotonic() - started > BAR_AFTER_S:
            bar.start()
            shown = True
        bar.update(task, description="Checking pulses", completed=done, total=total)

    try:
        if wanted and file.is_file() and file.stat().st_size > BIG_FILE_BYTES:
            bar.start()
            shown = True
        return verify_file(file, show)
    finally:
        if shown:
            bar.stop()


def _show_verification(answer: Verification) -> None:
    console = _console()
    for finding in answer.findings:
        console.print(f"{finding.row}: {finding.sentence}", style="red", **_PLAIN)
    for note in answer.notes:
        console.print(note, style="yellow", **_PLAIN)
    counted = (
        f"{answer.sessions} sessions, {answer.trains} trains, {answer.pulses} pulses, "
        f"{answer.events} events, {answer.audit_rows} audit rows"
    )
    if answer.sound:
        console.print(f"Nothing was changed: {counted}.", style="green", **_PLAIN)
    else:
        faults = "1 thing is" if len(answer.findings) == 1 else f"{len(answer.findings)} things are"
        console.print(f"{faults} wrong in {counted}.", style="bold red", **_PLAIN)
    console.print(answer.reach, style="dim", highlight=False, markup=False)


def _verification_json(answer: Verification) -> dict[str, object]:
    return {
        "database": str(answer.path),
        "sound": answer.sound,
        "findings": [asdict(finding) for finding in answer.findings],
        "notes": list(answer.notes),
        "sessions": answer.sessions,
        "trains": answer.trains,
        "pulses": answer.pulses,
        "events": answer.events,
        "audit_rows": answer.audit_rows,
        "running": list(answer.running),
        "reach": answer.reach,
    }


def _show_sessions(file: Path, purpose: str, sessions: tuple[SessionLine, ...]) -> None:
    console = _console()
    number = "1 session" if len(sessions) == 1 else f"{len(sessions)} sessions"
    console.print(f"{file}: {purpose} database, {number}", **_PLAIN)
    for one in sessions:
        words = [f"{one.delivered} of {one.pulses} pulses delivered", f"{one.trains} trains"]
        words += [f"{one.unknown} unknown"] * bool(one.unknown)
        words += [f"{one.unplanned} unplanned"] * bool(one.unplanned)
        started = one.started_at.replace("T", " ")[:19] + "Z"
        console.print(f"\n{started}  {one.kind}, {one.state}: {one.end_reason or ''}", **_PLAIN)
        console.print(f"  {', '.join(words)}", **_PLAIN)
        simulated = "simulated " if one.simulated else ""
        console.print(f"  {simulated}{one.device}", **_PLAIN)
        console.print(f"  {one.uid}", style="dim", **_PLAIN)
