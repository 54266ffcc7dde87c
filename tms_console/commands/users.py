"""`tms-console users`: the accounts of a clinic, and everybody's own password and key.

It asks and shows only; who may do what is decided in `tms_console.accounts`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tms_console.commands.asking import agreed, ask, ask_secret

if TYPE_CHECKING:
    from tms_console.accounts.login import Login
    from tms_console.accounts.own_key import Started
    from tms_console.accounts.station import Station
    from tms_console.accounts.users import UserLine

app = typer.Typer(
    help="Add, list and deactivate users, and set passwords. Passwords are asked for, hidden; "
    "without a terminal they are read from standard input line by line.",
    no_args_is_help=True,
)

LoginName = Annotated[str, typer.Argument(metavar="LOGIN", help="What they log in with.")]
File = Annotated[
    Path | None, typer.Option("--database", metavar="FILE", help="The clinic's database.")
]
As = Annotated[str | None, typer.Option("--as", metavar="LOGIN", help="Your own login.")]


@app.callback()
def users() -> None:
    """Keep what is typed here out of core dumps, and new files to their owner."""
    from tms_console.secrecy import forbid_core_dumps, private_files  # noqa: PLC0415 - start-up

    forbid_core_dumps()
    private_files()


@app.command()
def add(  # noqa: PLR0913, PLR0917 - as many as there are options
    login: LoginName,
    name: Annotated[str, typer.Option("--name", help="Printed with every signature.")],
    role: Annotated[
        str, typer.Option("--role", help="technician, physician, qa or administrator.")
    ],
    database: File = None,
    own: As = None,
    escrow: Annotated[
        Path | None,
        typer.Option(
            "--escrow",
            metavar="FILE",
            help="First start: where the copy of the database's key goes, sealed under a "
            "passphrase; by default beside the database.",
        ),
    ] = None,
) -> None:
    """Add a user; the first, an administrator, makes the clinic's database."""
    from tms_console.accounts.roles import Role  # noqa: PLC0415 - start-up

    path = database or default_database()
    if role not in [one.value for one in Role]:
        raise typer.BadParameter(f"{role!r} is no role; choose from {', '.join(Role)}")
    with _sentences():
        if not path.exists():
            _first_start(path, login, name, Role(role), escrow)
            return
        _add(path, own, login, name, Role(role))


@app.command("list")
def list_(
    database: File = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON for machines.")] = False,
) -> None:
    """List everybody who ever had an account."""
    from tms_console.accounts.users import list_users  # noqa: PLC0415 - start-up

    with _sentences(as_json=as_json):
        path = database or default_database()
        lines = list_users(_station(path))
        if as_json:
            typer.echo(
                json.dumps(
                    {"database": str(path), "users": [asdict(one) for one in lines]}, indent=2
                )
            )
        else:
            _show(lines)


@app.command()
def deactivate(
    login: LoginName,
    reason: Annotated[str, typer.Option("--reason", help="Goes on record.")],
    database: File = None,
    own: As = None,
) -> None:
    """End an account for ever; what they signed must be signed anew to be delivered."""
    from tms_console.accounts.users import deactivate as end  # noqa: PLC0415 - start-up

    with _sentences():
        station = _station(database or default_database())
        by = _log_in(station, own)
        user_uid = _uid_of(station, login)
        _show_resting(station, user_uid)
        if not agreed(f"Deactivate {login} for ever?"):
            raise typer.Exit(1)
        end(station, by, user_uid, reason)
        typer.echo(f"{login} is deactivated; this login is never used again.")


@app.command("reset-password")
def reset_password(login: LoginName, database: File = None, own: As = None) -> None:
    """Give a user a new first password; their old key is destroyed."""
    from tms_console.accounts.users import reset_password as reset  # noqa: PLC0415 - start-up

    with _sentences():
        station = _station(database or default_database())
        by = _log_in(station, own)
        user_uid = _uid_of(station, login)
        reset(station, by, user_uid, ask_secret(f"First password of {login}", new=True))
        typer.echo(
            f"{login} has a new first password and must set their own (tms-console users "
            f"set-password {login}). What they signed stays valid. A physician's new key may not "
            "approve until another physician or their recovery code confirms it."
        )


@app.command("set-password")
def set_password(login: LoginName, database: File = None) -> None:
    """Set your own password, in place of a first one or of the one you have."""
    from tms_console.accounts.own_key import change_password, set_own_password  # noqa: PLC0415
    from tms_console.accounts.passwords import LENGTH_RULE  # noqa: PLC0415

    with _sentences():
        station = _station(database or default_database())
        password = ask_secret(f"Password of {login}")
        own = _log_in_with(station, login, password)
        wanted = ask_secret(f"New password ({LENGTH_RULE})", new=True)
        if own.must_change:
            _show_code(set_own_password(station, own, wanted))
        else:
            change_password(station, own, password, wanted)
        typer.echo(f"{login}: the new password holds.")


@app.command("confirm-key")
def confirm_key(
    login: LoginName,
    database: File = None,
    own: As = None,
    recovery_code: Annotated[
        bool,
        typer.Option(
            "--recovery-code", help="Confirm your own key with the code you were given before."
        ),
    ] = False,
) -> None:
    """Confirm a key that was made after a password reset, so that it may approve."""
    from tms_console.accounts.own_key import confirm_key as confirm  # noqa: PLC0415 - start-up
    from tms_console.accounts.own_key import confirm_own_key  # noqa: PLC0415

    with _sentences():
        station = _station(database or default_database())
        if recovery_code:
            person = _log_in(station, login)
            confirm_own_key(station, person, ask_secret("Recovery code"))
        else:
            name = own or ask("Your login")
            password = ask_secret(f"Password of {name}")
            physician = _log_in_with(station, name, password)
            enrolment_uid = _waiting(station, login)
            confirm(station, physician, enrolment_uid, password)
        typer.echo(f"The key of {login} may approve.")


def default_database() -> Path:
    """Return where a clinic's database is if nobody names another place."""
    import platformdirs  # noqa: PLC0415 - start-up

    return Path(platformdirs.user_data_dir("tms-console", False)) / "clinic.db"


@contextmanager
def _sentences(*, as_json: bool = False) -> Iterator[None]:
    """Turn what is refused into a sentence and status 1."""
    from tms_console.accounts.errors import AccountsError  # noqa: PLC0415 - start-up
    from tms_console.records.errors import RecordsError  # noqa: PLC0415

    try:
        yield
    except (AccountsError, RecordsError, OSError) as error:
        if as_json:
            typer.echo(json.dumps({"error": str(error)}, indent=2))
        else:
            typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(1) from error


def _station(path: Path) -> Station:
    from tms_console.accounts.station import open_station  # noqa: PLC0415 - start-up

    return open_station(path)


def _log_in(station: Station, login: str | None) -> Login:
    name = login or ask("Your login")
    return _log_in_with(station, name, ask_secret(f"Password of {name}"))


def _log_in_with(station: Station, login: str, password: str) -> Login:
    from tms_console.accounts.login import log_in  # noqa: PLC0415 - start-up

    return log_in(station, login, password)


def _add(path: Path, own: str | None, login: str, name: str, role: str) -> None:
    from tms_console.accounts.roles import Role  # noqa: PLC0415 - start-up
    from tms_console.accounts.users import NewUser, add_user  # noqa: PLC0415

    station = _station(path)
    by = _log_in(station, own)
    first = ask_secret(f"First password of {login}", new=True)
    add_user(station, by, NewUser(login, name, Role(role)), first)
    typer.echo(
        f"{login} is added as {role}. They must set a password of their own first: tms-console "
        f"users set-password {login}"
    )


def _first_start(path: Path, login: str, name: str, role: str, escrow: Path | None) -> None:
    """Make the database, the console's key, the first administrator and the escrow copy."""
    from tms_console.accounts.errors import AccountsRefused  # noqa: PLC0415 - start-up
    from tms_console.accounts.first_start import first_start  # noqa: PLC0415
    from tms_console.accounts.roles import Role  # noqa: PLC0415
    from tms_console.records.connections import key_of  # noqa: PLC0415
    from tms_console.records.escrow import LEAST_LENGTH, make_escrow  # noqa: PLC0415
    from tms_console.records.private_files import private_folder, write_private  # noqa: PLC0415

    target = escrow or path.with_name(f"{path.name}.escrow.json")
    if role != Role.ADMINISTRATOR:
        raise AccountsRefused(
            f"{path}: there is no database yet, and its first user is an administrator; add the "
            "administrator first."
        )
    if target.exists():
        raise AccountsRefused(f"{target}: there is already a file; name another with --escrow.")
    typer.echo(f"{path}: there is no database yet; it is made now.", err=True)
    password = ask_secret(f"Password of {login}", new=True)
    passphrase = ask_secret("Passphrase of the escrow copy of the database's key", new=True)
    if len(passphrase) < LEAST_LENGTH:
        raise AccountsRefused(
            f"The passphrase of the escrow copy has at least {LEAST_LENGTH} characters: whoever "
            "finds the copy may try for ever. Nothing was made."
        )
    private_folder(path.parent)
    _, started = first_start(path, (login, name), password)
    _show_code(started)
    write_private(target, make_escrow(key_of(path), passphrase))
    typer.echo(
        f"{login} is the administrator of {path}.\n{target}: with its passphrase this copy gives "
        "the database's key back if this machine is lost. Keep both away from this machine, and "
        "from each other.\nAdd a second administrator: nobody else can reset this one's password."
    )


def _uid_of(station: Station, login: str) -> str:
    from tms_console.accounts.errors import AccountsRefused  # noqa: PLC0415 - start-up
    from tms_console.accounts.users import list_users  # noqa: PLC0415

    for one in list_users(station):
        if one.login == login.strip().lower():
            return one.uid
    raise AccountsRefused(f"Nobody has the login {login!r}.")


def _waiting(station: Station, login: str) -> str:
    """Return the enrolment of the key that a person's account has now."""
    from tms_console.accounts.errors import AccountsRefused  # noqa: PLC0415 - start-up

    uid = _uid_of(station, login)
    with station.trusting() as trusted:
        current = trusted.book.active(uid, station.wall())
    if current is None:
        raise AccountsRefused(f"{login} has no key that could be confirmed.")
    return current.uid


def _show_resting(station: Station, user_uid: str) -> None:
    """Say which prescriptions need another physician's signature once this account ends."""
    from tms_console.clinic.approvals import resting_on  # noqa: PLC0415 - start-up

    with station.trusting() as trusted:
        resting = resting_on(trusted, user_uid, station.wall())
    for one in resting:
        whose = "" if one.patient_uid is None else f" of patient {one.patient_uid}"
        typer.echo(f"Needs another signature: {one.title}, version {one.number}{whose} ({one.uid})")
    if not resting:
        typer.echo("Nothing that is in force rests on this account's signature.")


def _show_code(started: Started) -> None:
    typer.echo(
        f"Recovery code, shown this once: {started.recovery_code}\nWrite it on paper and keep it "
        "where nobody else finds it. After a password reset it confirms your new key."
    )


def _show(lines: tuple[UserLine, ...]) -> None:
    for one in lines:
        role = "no role" if one.role is None else one.role.value
        typer.echo(f"{one.login}  {one.name}, {role}: {one.standing}")
        typer.echo(f"  key enrolled by {one.enrolled_by}, {one.enrolled_at[:19]}Z")
