"""`tms-console records export`: sessions as a folder or archive that is read without this program.

It asks and shows; who may have what, and what is in it, is decided in `tms_console.clinic`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tms_console.commands.asking import ask, ask_secret

if TYPE_CHECKING:
    from tms_console.clinic.exporting import Exported


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the options ask for."""

    file: Path
    target: Path
    sessions: tuple[str, ...]
    patient: str | None
    named: bool
    own: str | None


def export(  # noqa: PLR0913, PLR0917 - as many as there are options
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The database.")],
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="A new folder, or a new file ending in .zip.")
    ],
    session: Annotated[
        list[str] | None,
        typer.Option("--session", metavar="UID", help="Only this session; can be given again."),
    ] = None,
    patient: Annotated[
        str | None, typer.Option("--patient", metavar="UID", help="All sessions of this patient.")
    ] = None,
    identity: Annotated[
        bool,
        typer.Option("--identity", help="With names, birth dates and record numbers of patients."),
    ] = False,
    own: Annotated[
        str | None, typer.Option("--as", metavar="LOGIN", help="Your own login, in a clinic.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON for machines.")] = False,
) -> None:
    """Export sessions with all pulses, approvals and digests; the export goes on record itself."""
    from tms_console.accounts.errors import AccountsError  # noqa: PLC0415 - imported late
    from tms_console.clinic.errors import ClinicRefused  # noqa: PLC0415
    from tms_console.records.errors import RecordsError  # noqa: PLC0415

    if session and patient:
        raise typer.BadParameter("name sessions or a patient, not both")
    wanted = _Wanted(file, target, tuple(session or ()), patient, identity, own)
    try:
        done = _export(wanted)
    except (AccountsError, ClinicRefused, RecordsError) as error:
        if as_json:
            typer.echo(json.dumps({"error": str(error)}, indent=2))
        else:
            typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps(_json(done), indent=2))
        return
    simulated = f", {done.simulated} of them SIMULATED" if done.simulated else ""
    number = "1 session" if done.sessions == 1 else f"{done.sessions} sessions"
    typer.secho(f"{done.path}: {number}{simulated}, {done.files} files.", fg="green")
    typer.echo(f"SHA-256 of manifest.sha256, as in the audit chain: {done.manifest_sha256}")


def _export(wanted: _Wanted) -> Exported:
    from tms_console.accounts.login import log_in  # noqa: PLC0415 - imported late
    from tms_console.accounts.station import open_station  # noqa: PLC0415
    from tms_console.clinic.errors import ClinicRefused  # noqa: PLC0415
    from tms_console.clinic.exporting import (  # noqa: PLC0415
        every_ended,
        export_rehearsals,
        export_sessions,
        sessions_of,
    )
    from tms_console.records.canonical import utc_now_text  # noqa: PLC0415
    from tms_console.records.database import (  # noqa: PLC0415
        Purpose,
        inspect_database,
        open_database,
    )

    if inspect_database(wanted.file).purpose is Purpose.REHEARSAL:
        if wanted.patient or wanted.named:
            raise ClinicRefused("There are no patients in a database of rehearsals.")
        database = open_database(wanted.file)
        uids = wanted.sessions or every_ended(database)
        return export_rehearsals(database, uids, wanted.target, wall=utc_now_text)
    station = open_station(wanted.file)
    name = wanted.own or ask("Your login")
    login = log_in(station, name, ask_secret(f"Password of {name}"))
    if wanted.patient is None:
        uids = wanted.sessions or every_ended(station.database)
    else:
        with station.trusting() as trusted:
            uids = sessions_of(trusted, wanted.patient)
    return export_sessions(station, login, uids, wanted.target, named=wanted.named)


def _json(done: Exported) -> dict[str, object]:
    return {
        "path": str(done.path),
        "manifest_sha256": done.manifest_sha256,
        "sessions": done.sessions,
        "simulated": done.simulated,
        "files": done.files,
    }
