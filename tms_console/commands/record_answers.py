"""How `tms-console records` answers: lines on a terminal, JSON, a bar for what takes long.

What is asked for is `records`; nothing is read or written here.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self, TypedDict

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from tms_console.accounts.whole_file import WholeVerification
    from tms_console.records.backup import Copy
    from tms_console.records.queries import SessionLine
    from tms_console.records.restore import PutBack

BAR_AFTER_S = 1.0
"""A progress bar appears only for what takes longer than this."""

BIG_FILE_BYTES = 32 * 2**20
"""SQLite's own check of so much takes long enough for a bar from the start."""


class _Plain(TypedDict):
    highlight: bool
    markup: bool
    soft_wrap: bool


PLAIN: _Plain = {"highlight": False, "markup": False, "soft_wrap": True}
"""For lines of the record: no colour of its own, nothing taken for mark-up, never cut."""


def refuse(error: Exception, as_json: bool) -> NoReturn:
    """Say why nothing was done, and end the program with 1."""
    if as_json:
        typer.echo(json.dumps({"error": str(error)}, indent=2))
    else:
        console_of(stderr=True).print(str(error), style="red", **PLAIN)
    raise typer.Exit(1)


def console_of(*, stderr: bool = False) -> Console:
    """Return the terminal."""
    from rich.console import Console  # noqa: PLC0415 - imported late

    return Console(stderr=stderr)


class Bar:
    """A progress bar with the time left, on a terminal, for what takes longer than a second."""

    def __init__(self, first: str, file: Path, *, quiet: bool) -> None:
        """Name the first step, which has no end known; a big file is worth a bar at once."""
        import time  # noqa: PLC0415 - imported late

        from rich.progress import Progress  # noqa: PLC0415

        console = console_of(stderr=True)
        self._clock = time.monotonic
        self._bar = Progress(console=console, transient=True)
        self._wanted = console.is_terminal and not quiet
        self._task = self._bar.add_task(first, total=None)
        self._started = self._clock()
        self._shown = False
        if file.is_file() and file.stat().st_size > BIG_FILE_BYTES:
            self._show()

    def step(self, description: str, done: int, total: int) -> None:
        """Show how far a step is."""
        if self._clock() - self._started > BAR_AFTER_S:
            self._show()
        self._bar.update(self._task, description=description, completed=done, total=total)

    def _show(self) -> None:
        if self._wanted and not self._shown:
            self._bar.start()
            self._shown = True

    def __enter__(self) -> Self:
        """Show nothing yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        if self._shown:
            self._bar.stop()


def show_verification(answer: WholeVerification) -> None:
    """Show what a check of the whole file found, and how far it reaches."""
    console, rows = console_of(), answer.records
    for finding in answer.findings:
        console.print(f"{finding.row}: {finding.sentence}", style="red", **PLAIN)
    for note in rows.notes:
        console.print(note, style="yellow", **PLAIN)
    counted = (
        f"{rows.sessions} sessions, {rows.trains} trains, {rows.pulses} pulses, "
        f"{rows.events} events, {rows.audit_rows} audit rows"
    )
    if answer.accounts.reach:
        counted += f", {rows.records} records, {answer.accounts.statements} of them signed"
    if answer.sound:
        console.print(f"Nothing was changed: {counted}.", style="green", **PLAIN)
    else:
        faults = "1 thing is" if len(answer.findings) == 1 else f"{len(answer.findings)} things are"
        console.print(f"{faults} wrong in {counted}.", style="bold red", **PLAIN)
    console.print(answer.reach, style="dim", highlight=False, markup=False)


def verification_json(answer: WholeVerification) -> dict[str, object]:
    """Return what a check of the whole file found, for machines."""
    rows = answer.records
    return {
        "database": str(rows.path),
        "sound": answer.sound,
        "findings": [asdict(finding) for finding in answer.findings],
        "notes": list(rows.notes),
        "sessions": rows.sessions,
        "trains": rows.trains,
        "pulses": rows.pulses,
        "events": rows.events,
        "audit_rows": rows.audit_rows,
        "records": rows.records,
        "statements": answer.accounts.statements,
        "sessions_bound": answer.accounts.bound,
        "running": list(rows.running),
        "reach": answer.reach,
    }


def show_sessions(file: Path, purpose: str, sessions: tuple[SessionLine, ...]) -> None:
    """Show the sessions of a database, a few lines each."""
    console = console_of()
    number = "1 session" if len(sessions) == 1 else f"{len(sessions)} sessions"
    console.print(f"{file}: {purpose} database, {number}", **PLAIN)
    for one in sessions:
        words = [f"{one.delivered} of {one.pulses} pulses delivered", f"{one.trains} trains"]
        words += [f"{one.unknown} unknown"] * bool(one.unknown)
        words += [f"{one.unplanned} unplanned"] * bool(one.unplanned)
        started = one.started_at.replace("T", " ")[:19] + "Z"
        console.print(f"\n{started}  {one.kind}, {one.state}: {one.end_reason or ''}", **PLAIN)
        console.print(f"  {', '.join(words)}", **PLAIN)
        simulated = "simulated " if one.simulated else ""
        console.print(f"  {simulated}{one.device}", **PLAIN)
        console.print(f"  {one.uid}", style="dim", **PLAIN)


def show_backup(database: Path, copy: Copy, as_json: bool) -> None:
    """Show what was copied."""
    if as_json:
        found = {
            "database": str(database),
            "backup": str(copy.path),
            "database_uid": copy.facts.database_uid,
            "schema": copy.facts.schema,
            "seq": copy.facts.head.seq,
            "hash": copy.facts.head.hash,
            "newest_at": copy.facts.newest_at,
            "sha256": copy.sha256,
            "size_bytes": copy.size_bytes,
        }
        typer.echo(json.dumps(found, indent=2))
        return
    console = console_of()
    console.print(
        f"{copy.path}: a copy of {database} up to audit row {copy.facts.head.seq}; every row of it "
        "was checked.",
        style="green",
        **PLAIN,
    )
    console.print(f"{copy.size_bytes} bytes, SHA-256 {copy.sha256}", style="dim", **PLAIN)


def show_restore(backup: Path, done: PutBack) -> None:
    """Show what was put back, and where what it replaced is kept."""
    console = console_of()
    facts = done.database
    console.print(
        f"{facts.path}: {backup} was put back; it ends at audit row {facts.head.seq} of "
        f"{facts.newest_at}.",
        style="green",
        **PLAIN,
    )
    if done.aside is not None:
        there = "cannot be read" if done.replaced is None else f"ends at {done.replaced.head.seq}"
        console.print(f"What it replaced {there} and is kept as {done.aside}.", **PLAIN)
    if done.unsaved_aside is not None:
        console.print(
            f"A session was cut off there, and its stimulator may still be armed: look at it. What "
            f"was left unsaved is kept as {done.unsaved_aside}.",
            style="bold red",
            **PLAIN,
        )
