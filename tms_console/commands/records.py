"""`tms-console records`: check a record, list it, back it up, put it back, bring its key back.

It asks only: what is found, copied and refused is decided in `tms_console.records`, and how an
answer looks in `record_answers`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tms_console.commands import export
from tms_console.commands.record_answers import (
    PLAIN,
    Bar,
    console_of,
    refuse,
    show_backup,
    show_restore,
    show_sessions,
    show_verification,
    verification_json,
)

if TYPE_CHECKING:
    from tms_console.accounts.public_anchors import ExportedAnchor
    from tms_console.accounts.whole_file import WholeVerification

app = typer.Typer(
    help="Check, list, back up and restore the record of sessions.", no_args_is_help=True
)

app.command("export")(export.export)

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
        refuse(error, as_json)
    if as_json:
        typer.echo(json.dumps(verification_json(answer), indent=2))
    else:
        show_verification(answer)
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
        refuse(error, as_json=False)


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
        refuse(error, as_json)
    if as_json:
        found = {
            "database": str(file),
            "purpose": database.purpose.value,
            "sessions": [asdict(session) for session in sessions],
        }
        typer.echo(json.dumps(found, indent=2))
    else:
        show_sessions(file, database.purpose.value, sessions)


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
        with Bar("Copying", database, quiet=as_json) as bar:
            copy = back_up(
                database,
                target,
                progress=lambda done, total: bar.step("Copying and checking", done, total),
            )
    except RecordsError as error:
        refuse(error, as_json)
    show_backup(database, copy, as_json)


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
            with Bar("Copying", backup, quiet=as_json) as bar:
                done = put_back(
                    backup,
                    database,
                    progress=lambda step, total: bar.step("Copying and checking", step, total),
                )
            if not as_json:
                show_restore(backup, done)
        recorded = record_here(
            place,
            own=own,
            reason=reason,
            backup_sha256=None if done is None else done.backup_sha256,
            show=lambda sentence: None if as_json else console_of().print(sentence, **PLAIN),
        )
    except (RecordsError, AccountsError) as error:
        hint = "" if done is None else f" ({NOT_YET} --in-place {place})"
        refuse(RecordsError(f"{error}{hint}"), as_json)
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
        refuse(error, as_json=False)
    except OSError as error:
        reason = error.strerror or error
        refuse(OSError(f"{target}: the escrow copy was not written: {reason}"), as_json=False)
    console_of().print(
        f"{target}: this copy gives the key of {database} back, with its passphrase. Keep both "
        "away from this machine, and from each other.",
        style="green",
        **PLAIN,
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
        refuse(error, as_json=False)
    except OSError as error:
        reason = error.strerror or error
        refuse(OSError(f"{escrow}: the escrow copy cannot be read: {reason}"), as_json=False)
    console_of().print(
        f"{database}: the key opens it, and is kept in {where} now.", style="green", **PLAIN
    )


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
    from tms_console.clinic.series_check import (  # noqa: PLC0415
        thresholds_found_otherwise,
    )

    with Bar("Checking the file", file, quiet=quiet) as bar:
        answer = verify_whole(
            file, exported, lambda done, total: bar.step("Checking pulses", done, total)
        )
        if not answer.accounts.reach:
            return answer  # a file without people's records, or one that was not ours to ask
        return replace(answer, clinic=thresholds_found_otherwise(file))
