"""The first start: a clinic's database, this console's key and the first administrator."""

from __future__ import annotations

from pathlib import Path

from tms_console.accounts.anchor import keep_anchor, new_anchor
from tms_console.accounts.book import FULL
from tms_console.accounts.credentials import new_credential
from tms_console.accounts.enrolling import NewEnrolment, Person, fit_login, fit_name, user_record
from tms_console.accounts.errors import AccountsRefused
from tms_console.accounts.keys import PrivateKey
from tms_console.accounts.login import log_in
from tms_console.accounts.own_key import Started
from tms_console.accounts.passwords import check_new_password
from tms_console.accounts.recovery import new_recovery_code, recovery_key
from tms_console.accounts.roles import Role
from tms_console.accounts.station import HASHING, Hashing, Station
from tms_console.records.audit import Wall
from tms_console.records.canonical import utc_now_text
from tms_console.records.clinical import CONSOLE_ACTOR, RecordKind
from tms_console.records.database import Purpose, create_database, open_database
from tms_console.records.registry import stored_records
from tms_console.records.values import new_uid


def first_start(  # noqa: PLR0913 - what follows the star is for tests and demonstrations
    path: Path,
    administrator: tuple[str, str],
    password: str,
    *,
    wall: Wall = utc_now_text,
    hashing: Hashing = HASHING,
    purpose: Purpose = Purpose.CLINIC,
) -> tuple[Station, Started]:
    """Make a clinic's database, this console's key and the first administrator.

    Args:
        path: Where the database is to be; nothing may be there but what an earlier first start
            left unfinished, which is put aside.
        administrator: Login and printed name.
        password: Their own.
        wall: Gives the wall time.
        hashing: What passwords cost, for tests.
        purpose: A clinic, or a demonstration, which never gets a real stimulator.

    Raises:
        AccountsRefused: Login, name or password cannot be used, or the anchor cannot be kept.
        DatabaseUnusable: The database cannot be made.
    """
    login, name = fit_login(administrator[0]), fit_name(administrator[1])
    check_new_password(password, login, name)
    _put_unfinished_aside(path, purpose)
    database = create_database(path, purpose, wall=wall)
    key, code = PrivateKey.new(), new_recovery_code()
    person = Person(new_uid(), login, name, Role.ADMINISTRATOR)
    anchor = new_anchor(database, key.public_hex)
    keep_anchor(anchor)
    station = Station(database, anchor, wall, hashing)
    at, uid = wall(), new_uid()
    enrolment = NewEnrolment(
        uid=uid,
        person=person,
        grade=FULL,
        public_key=key.public_hex,
        recovery_key=recovery_key(code, person.user_uid).public_hex,
        signer_uid=uid,
        after_reset=False,
    ).signed(key, at, person.user_uid)
    station.write(
        user_record(person, at, CONSOLE_ACTOR),
        enrolment,
        new_credential(station, person.user_uid, password, key, by=person.user_uid),
        seal="the first start",
    )
    return station, Started(log_in(station, login, password), code)


def _put_unfinished_aside(path: Path, purpose: Purpose) -> None:
    """Rename a clinic's database in which nobody ever was: a first start died in the middle."""
    if not path.exists():
        return
    database = open_database(path)
    with database.reading() as connection:
        people = stored_records(connection, RecordKind.USER)
    if database.purpose is not purpose or people:
        raise AccountsRefused(f"{path}: this database has been started already.")
    for suffix in ("-wal", "-shm", ""):
        there = path.with_name(path.name + suffix)
        if there.exists():
            there.rename(path.with_name(f"{path.name}.unfinished-{database.uid}{suffix}"))
