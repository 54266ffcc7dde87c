"""`tms-console records`: check a record, list it, back it up, put it back, bring its key back.

It shows and asks only; what is found, copied and refused is decided in `tms_console.records`.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, NoReturn, Self, TypedDict

import typer

from tms_console.commands import export

if TYPE_CHECKING:
    from rich.console import Console

    from tms_console.accounts.public_anchors import ExportedAnchor
    from tms_console.accounts.whole_file import WholeVerification
    from tms_console.records.backup import Copy
    from tms_console.records.queries import SessionLine
    from tms_console.records.restore import PutBack

app = typer.Typer(
    help="Check, list, back up and restore the record of sessions.", no_args_is_help=True
)

app.command("export")(export.export)

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


@app.callback()
def records() -> None:
    """Check, list, back up and restore the record of sessions."""
    from tms_console.secrecy import forbid_core_dumps, private_files  # noqa: PLC0415 - start-up

    forbid_core_dumps()  # the key of the database is in memory here
    private_files()


@app.command()
def verify(
    file: File,
    anchor: Annotated[
        Path | None,
        typer.Option(
            "--anchor",
            metavar="ANCHOR",
            help="Public keys and head of the console that wrote it, from `records anchor` there.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check every row of a database and everything signed in it, and name what does not hold."""
    from tms_console.accounts.errors import AccountsError  # noqa: PLC0415 - imported late
    from tms_console.records.errors import RecordsError  # noqa: PLC0415

    try:
        exported = None if anchor is None else _read_anchor(anchor)
        answer = _verify_with_progress(file, exported, quiet=as_json)
    except (RecordsError, AccountsError) as error:
        _refuse(error, as_json)
    if as_json:
        typer.echo(json.dumps(_verification_json(answer), indent=2))
    else:
        _show_verification(answer)
    raise typer.Exit(0 if answer.sound else 1)


@app.command()
def anchor(file: File) -> None:
    """Print what this console keeps of a database, without its key, to verify a copy elsewhere."""
    from tms_console.accounts.errors import AccountsError  # noqa: PLC0415 - imported late
    from tms_console.accounts.public_anchors import export_anchor  # noqa: PLC0415
    from tms_console.records.errors import RecordsError  # noqa: PLC0415

    try:
        typer.echo(export_anchor(file).text())
    except (RecordsError, AccountsError) as error:
        _refuse(error, as_json=False)


@app.command("list")
def list_(file: File, as_json: Json = False) -> None:
    """List the sessions of a database, the oldest first."""
    from tms_console.records.database import inspect_database  # noqa: PLC0415 - imported late
    from tms_console.records.errors import RecordsError  # noqa: PLC0415
    from tms_console.records.queries import list_sessions  # noqa: PLC0415

    try:
        database = inspect_database(file)
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


@app.command()
def backup(
    database: File,
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The new file.")],
    as_json: Json = False,
) -> None:
    """Make a verified copy of a database, also while a session is running on it."""
    from tms_console.records.backup import back_up  # noqa: PLC0415 - imported late
    from tms_console.records.errors import RecordsError  # noqa: PLC0415

    try:
        with _Bar("Copying", database, quiet=as_json) as bar:
            copy = back_up(
                database,
                target,
                progress=lambda done, total: bar.step("Copying and checking", done, total),
            )
    except RecordsError as error:
        _refuse(error, as_json)
    _show_backup(database, copy, as_json)


@app.command()
def restore(  # noqa: PLR0913, PLR0917 - as many as there are options
    backup: Annotated[Path, typer.Argument(metavar="BACKUP", help="The copy to put back.")],
    database: Annotated[
        Path | None, typer.Argument(metavar="DATABASE", help="What it replaces.")
    ] = None,
    in_place: Annotated[
        bool,
        typer.Option(
            "--in-place", help="Record a copy that is in its place already: name only that."
        ),
    ] = False,
    own: Annotated[
        str | None, typer.Option("--as", metavar="LOGIN", help="An administrator's login.")
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Goes on record.")] = None,
    as_json: Json = False,
) -> None:
    """Put a backup in the place of a database, which is kept aside, and record that."""
    from tms_console.accounts.errors import AccountsError  # noqa: PLC0415 - imported late
    from tms_console.commands.restoring import NOT_YET, record_here, restore_json  # noqa: PLC0415
    from tms_console.records.errors import RecordsError  # noqa: PLC0415
    from tms_console.records.restore import put_back  # noqa: PLC0415

    if in_place == (database is not None):
        raise typer.BadParameter("name BACKUP and DATABASE, or only the database with --in-place")
    place, done, recorded = database or backup, None, None
    try:
        if database is not None:
            with _Bar("Copying", backup, quiet=as_json) as bar:
                done = put_back(
                    backup,
                    database,
                    progress=lambda step, total: bar.step("Copying and checking", step, total),
                )
            if not as_json:
                _show_restore(backup, done)
        recorded = record_here(
            place,
            own=own,
            reason=reason,
            backup_sha256=None if done is None else done.backup_sha256,
            show=lambda sentence: None if as_json else _console().print(sentence, **_PLAIN),
        )
    except (RecordsError, AccountsError) as error:
        hint = "" if done is None else f" ({NOT_YET} --in-place {place})"
        _refuse(RecordsError(f"{error}{hint}"), as_json)
    if as_json:
        typer.echo(json.dumps(restore_json(place, backup, done, recorded), indent=2))


@app.command()
def escrow(
    database: File,
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The new file.")],
) -> None:
    """Copy the key of an encrypted database, sealed under a passphrase, to be kept elsewhere."""
    from tms_console.records.connections import key_of  # noqa: PLC0415 - imported late
    from tms_console.records.errors import RecordsError  # noqa: PLC0415
    from tms_console.records.escrow import make_escrow  # noqa: PLC0415
    from tms_console.records.private_files import write_private  # noqa: PLC0415

    try:
        key = key_of(database)
        passphrase: str = typer.prompt(
            "Passphrase of the escrow copy", hide_input=True, confirmation_prompt=True, err=True
        )
        write_private(target, make_escrow(key, passphrase))
    except RecordsError as error:
        _refuse(error, as_json=False)
    except OSError as error:
        reason = error.strerror or error
        _refuse(OSError(f"{target}: the escrow copy was not written: {reason}"), as_json=False)
    _console().print(
        f"{target}: this copy gives the key of {database} back, with its passphrase. Keep both "
        "away from this machine, and from each other.",
        style="green",
        **_PLAIN,
    )


@app.command("recover-key")
def recover_key(
    database: File,
    escrow: Annotated[Path, typer.Option("--escrow", metavar="FILE", help="The escrow copy.")],
) -> None:
    """Bring the key of an encrypted database back from its escrow copy."""
    from tms_console.records.connections import keep_key  # noqa: PLC0415 - imported late
    from tms_console.records.errors import RecordsError  # noqa: PLC0415
    from tms_console.records.escrow import recover_key as recover  # noqa: PLC0415

    try:
        sealed = escrow.read_bytes()
        passphrase: str = typer.prompt("Passphrase of the escrow copy", hide_input=True, err=True)
        where = keep_key(database, recover(sealed, passphrase))
    except RecordsError as error:
        _refuse(error, as_json=False)
    except OSError as error:
        reason = error.strerror or error
        _refuse(OSError(f"{escrow}: the escrow copy cannot be read: {reason}"), as_json=False)
    _console().print(
        f"{database}: the key opens it, and is kept in {where} now.", style="green", **_PLAIN
    )


def _refuse(error: Exception, as_json: bool) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({"error": str(error)}, indent=2))
    else:
        _console(stderr=True).print(str(error), style="red", **_PLAIN)
    raise typer.Exit(1)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console  # noqa: PLC0415 - imported late

    return Console(stderr=stderr)


class _Bar:
    """A progress bar with the time left, on a terminal, for what takes longer than a second."""

    def __init__(self, first: str, file: Path, *, quiet: bool) -> None:
        """Name the first step, which has no end known; a big file is worth a bar at once."""
        import time  # noqa: PLC0415 - imported late

        from rich.progress import Progress  # noqa: PLC0415

        console = _console(stderr=True)
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
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._shown:
            self._bar.stop()


def _read_anchor(path: Path) -> ExportedAnchor:
    from tms_console.accounts.errors import AccountsRefused  # noqa: PLC0415 - imported late
    from tms_console.accounts.public_anchors import read_exported  # noqa: PLC0415

    try:
        return read_exported(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError) as error:
        raise AccountsRefused(f"{path}: the anchor cannot be read: {error}") from error


def _verify_with_progress(
    file: Path, exported: ExportedAnchor | None, *, quiet: bool
) -> WholeVerification:
    from tms_console.accounts.whole_file import verify_whole  # noqa: PLC0415 - imported late

    with _Bar("Checking the file", file, quiet=quiet) as bar:
        return verify_whole(
            file, exported, lambda done, total: bar.step("Checking pulses", done, total)
        )


def _show_verification(answer: WholeVerification) -> None:
    console, rows = _console(), answer.records
    for finding in answer.findings:
        console.print(f"{finding.row}: {finding.sentence}", style="red", **_PLAIN)
    for note in rows.notes:
        console.print(note, style="yellow", **_PLAIN)
    counted = (
        f"{rows.sessions} sessions, {rows.trains} trains, {rows.pulses} pulses, "
        f"{rows.events} events, {rows.audit_rows} audit rows"
    )
    if answer.accounts.reach:
        counted += f", {rows.records} records, {answer.accounts.statements} of them signed"
    if answer.sound:
        console.print(f"Nothing was changed: {counted}.", style="green", **_PLAIN)
    else:
        faults = "1 thing is" if len(answer.findings) == 1 else f"{len(answer.findings)} things are"
        console.print(f"{faults} wrong in {counted}.", style="bold red", **_PLAIN)
    console.print(answer.reach, style="dim", highlight=False, markup=False)


def _verification_json(answer: WholeVerification) -> dict[str, object]:
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


def _show_backup(database: Path, copy: Copy, as_json: bool) -> None:
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
    console = _console()
    console.print(
        f"{copy.path}: a copy of {database} up to audit row {copy.facts.head.seq}; every row of it "
        "was checked.",
        style="green",
        **_PLAIN,
    )
    console.print(f"{copy.size_bytes} bytes, SHA-256 {copy.sha256}", style="dim", **_PLAIN)


def _show_restore(backup: Path, done: PutBack) -> None:
    console = _console()
    facts = done.database
    console.print(
        f"{facts.path}: {backup} was put back; it ends at audit row {facts.head.seq} of "
        f"{facts.newest_at}.",
        style="green",
        **_PLAIN,
    )
    if done.aside is not None:
        there = "cannot be read" if done.replaced is None else f"ends at {done.replaced.head.seq}"
        console.print(f"What it replaced {there} and is kept as {done.aside}.", **_PLAIN)
    if done.unsaved_aside is not None:
        console.print(
            f"A session was cut off there, and its stimulator may still be armed: look at it. What "
            f"was left unsaved is kept as {done.unsaved_aside}.",
            style="bold red",
            **_PLAIN,
        )
