"""What administrators do with accounts: adding, deactivating, resetting, listing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tms_console.accounts.book import (
    DEACTIVATED,
    FULL,
    PASSWORD_RESET,
    PROVISIONAL,
    Enrolment,
)
from tms_console.accounts.credentials import new_credential
from tms_console.accounts.enrolling import (
    Ending,
    NewEnrolment,
    Person,
    fit_login,
    fit_name,
    user_record,
)
from tms_console.accounts.errors import AccountsRefused, NotPermitted
from tms_console.accounts.keys import PrivateKey
from tms_console.accounts.login import Login, require_current
from tms_console.accounts.passwords import check_new_password
from tms_console.accounts.roles import Permission, Role
from tms_console.accounts.station import Station
from tms_console.records.clinical import RecordKind
from tms_console.records.operations import Operation
from tms_console.records.values import new_uid


@dataclass(frozen=True, slots=True)
class NewUser:
    """Who is to be added."""

    login: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class UserLine:
    """One user, as a list shows them.

    Attributes:
        uid: Of the user.
        login: What they log in with.
        name: Their printed name.
        role: From the enrolment; None if none of theirs holds.
        active: They can log in and sign.
        standing: Their state in words.
        enrolled_by: Who enrolled the newest key.
        enrolled_at: When.
    """

    uid: str
    login: str
    name: str
    role: Role | None
    active: bool
    standing: str
    enrolled_by: str
    enrolled_at: str


def add_user(station: Station, by: Login, user: NewUser, first_password: str) -> str:
    """Add a user with a first password, and return their uid.

    Raises:
        NotPermitted: Only an administrator may.
        AccountsRefused: The login is taken or unfit, or the password is.
        NotTrusted: The database cannot be trusted.
    """
    by.require(Permission.MANAGE_USERS)
    login, name = fit_login(user.login), fit_name(user.name)
    check_new_password(first_password, login, name)
    with station.trusting() as trusted:
        require_current(station, trusted, by)
        if any(one.values["login"] == login for one in trusted.records(RecordKind.USER)):
            raise AccountsRefused(
                f"The login {login!r} is or was somebody's; logins are never used again. Choose "
                "another."
            )
    person = Person(new_uid(), login, name, user.role)
    station.write(
        user_record(person, station.wall(), by.user_uid),
        *_provisional(station, by, person, first_password, after_reset=False),
        seal="a user was added",
    )
    return person.user_uid


def reset_password(station: Station, by: Login, user_uid: str, first_password: str) -> None:
    """Give a user a new first password: the old key is destroyed, and a new one must be made.

    What they signed stays valid.  A physician's new key may not approve until it is confirmed.

    Raises:
        NotPermitted: Only an administrator may, and nobody their own.
        AccountsRefused: There is no such active user, or the password is unfit.
        NotTrusted: The database cannot be trusted.
    """
    by.require(Permission.MANAGE_USERS)
    if user_uid == by.user_uid:
        raise NotPermitted("Change your own password instead, with the one you have.")
    person, lasting, had_full = _active_person(station, by, user_uid)
    check_new_password(first_password, person.login, person.name)
    at = station.wall()
    station.write(
        *(Ending(PASSWORD_RESET).of(one, by.enrolment, by.key(), at) for one in lasting),
        *_provisional(station, by, person, first_password, after_reset=had_full),
        seal="a password was reset",
    )


def deactivate(station: Station, by: Login, user_uid: str, reason: str) -> None:
    """Deactivate a user for ever; what they signed needs another signature to be delivered.

    Show `clinic.approvals.resting_on` to the administrator first.

    Raises:
        NotPermitted: Only an administrator may, and nobody themselves.
        AccountsRefused: There is no such active user, or no reason was given.
        NotTrusted: The database cannot be trusted.
    """
    by.require(Permission.MANAGE_USERS)
    if user_uid == by.user_uid:
        raise NotPermitted("Nobody deactivates themselves; another administrator can do it.")
    if not reason.strip():
        raise AccountsRefused("Say why the account ends; the reason goes on record.")
    _, lasting, _ = _active_person(station, by, user_uid)
    ending, at = Ending(DEACTIVATED, reason.strip()), station.wall()
    station.write(
        *(ending.of(one, by.enrolment, by.key(), at) for one in lasting),
        seal="a user was deactivated",
    )


def list_users(station: Station) -> tuple[UserLine, ...]:
    """Return every user there ever was, in order of their coming.

    Raises:
        NotTrusted: The database cannot be trusted.
    """
    with station.trusting() as trusted:
        book, now, at_seq = trusted.book, station.wall(), trusted.head.seq + 1
        users = trusted.records(RecordKind.USER)
    lines = []
    for user in users:
        enrolments = book.enrolments_of(user.uid)
        newest = enrolments[-1] if enrolments else None
        current = book.current(user.uid, now)
        lines.append(
            UserLine(
                uid=user.uid,
                login=str(user.values["login"]),
                name=str(user.values["name"]),
                role=None if newest is None else newest.role,
                active=book.active(user.uid, now) is not None,
                standing=_standing(current, newest, at_seq),
                enrolled_by="" if newest is None else newest.enrolled_by,
                enrolled_at="" if newest is None else newest.enrolled_at,
            )
        )
    return tuple(lines)


def _standing(current: Enrolment | None, newest: Enrolment | None, at_seq: int) -> str:
    if newest is None:
        return "no enrolment that holds"
    if current is None:
        return newest.ended_why or f"ended on {newest.until}"
    if current.grade == PROVISIONAL:
        return "has not set a password of their own yet"
    if current.role is Role.PHYSICIAN and not current.may_approve_at(at_seq):
        return "may not approve: the key made after a password reset is not confirmed"
    return "active"


def _active_person(
    station: Station, by: Login, user_uid: str
) -> tuple[Person, tuple[Enrolment, ...], bool]:
    with station.trusting() as trusted:
        require_current(station, trusted, by)
        book = trusted.book
    current = book.current(user_uid, station.wall())
    if current is None:
        raise AccountsRefused("There is no such active user.")
    enrolments = book.enrolments_of(user_uid)
    lasting = tuple(one for one in enrolments if one.ended_seq is None)
    person = Person(user_uid, current.login, current.name, current.role)
    return person, lasting, any(one.grade == FULL for one in enrolments)


def _provisional(
    station: Station, by: Login, person: Person, first_password: str, *, after_reset: bool
) -> Sequence[Operation]:
    """Return what to write for a key that only enrols its owner's own."""
    key, at = PrivateKey.new(), station.wall()
    enrolment = NewEnrolment(
        uid=new_uid(),
        person=person,
        grade=PROVISIONAL,
        public_key=key.public_hex,
        recovery_key=None,
        signer_uid=by.enrolment.uid,
        after_reset=after_reset,
    ).signed(by.key(), at, by.user_uid)
    credential = new_credential(station, person.user_uid, first_password, key, by=by.user_uid)
    return enrolment, credential
