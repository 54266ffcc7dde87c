"""Everybody's own password and key: setting, changing, and confirming a key made after a reset.

An administrator never holds the key that a person signs with: the first password only opens a
provisional key, whose one use is to enrol the key that the person's own password then seals.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tms_console.accounts.book import FULL, PROVISIONAL, Enrolment
from tms_console.accounts.credentials import new_credential, read_credential
from tms_console.accounts.enrolling import Ending, NewEnrolment, Person
from tms_console.accounts.errors import AccountsRefused, NotPermitted
from tms_console.accounts.keys import PrivateKey
from tms_console.accounts.login import Login, log_in, require_current, require_password
from tms_console.accounts.passwords import PasswordRefused, check_new_password, check_password
from tms_console.accounts.recovery import new_recovery_code, recovery_key
from tms_console.accounts.roles import Permission
from tms_console.accounts.statements import statement
from tms_console.accounts.station import Station
from tms_console.records.canonical import Json
from tms_console.records.clinical import RecordKind
from tms_console.records.values import new_uid

REPLACED = "replaced by the person's own key"


@dataclass(frozen=True, slots=True)
class Started:
    """A person who has set a password of their own.

    Attributes:
        login: They are logged in.
        recovery_code: To be shown to them once, and to nobody else.
    """

    login: Login
    recovery_code: str = field(repr=False)


def set_own_password(station: Station, login: Login, password: str) -> Started:
    """Take the place of a first password: make the person's own key, and their recovery code.

    Raises:
        NotPermitted: They have a password of their own already; `change_password` is for that.
        PasswordRefused: The password is unfit, or is the first one, which somebody else knows.
        NotTrusted: The database cannot be trusted.
    """
    old = login.enrolment
    if old.grade != PROVISIONAL:
        raise NotPermitted("You have a password of your own; change it with the one you have.")
    check_new_password(password, old.login, old.name)
    with station.trusting() as trusted:
        require_current(station, trusted, login)
    _require_other_password(station, login, password)
    key, code, at = PrivateKey.new(), new_recovery_code(), station.wall()
    made = NewEnrolment(
        uid=new_uid(),
        person=Person(old.user_uid, old.login, old.name, old.role),
        grade=FULL,
        public_key=key.public_hex,
        recovery_key=recovery_key(code, old.user_uid).public_hex,
        signer_uid=old.uid,
        after_reset=old.after_reset,
        until=old.until,
    ).signed(login.key(), at, old.user_uid)
    station.write(
        made,
        Ending(REPLACED).of(old, old, login.key(), at),
        new_credential(station, old.user_uid, password, key, by=old.user_uid),
        seal="a person set their own password",
    )
    return Started(log_in(station, old.login, password, now_ns=login.now_ns), code)


def change_password(station: Station, login: Login, password: str, new_password: str) -> None:
    """Change one's own password; the key stays, sealed anew.

    Raises:
        NotPermitted: They have a first password still, whose key is not their own.
        LoginRefused: The old password is wrong.
        PasswordRefused: The new one is unfit.
        NotTrusted: The database cannot be trusted.
    """
    if login.enrolment.grade == PROVISIONAL:
        raise NotPermitted("Set a password of your own first, in place of the first one.")
    check_new_password(new_password, login.enrolment.login, login.enrolment.name)
    require_password(station, login, password)
    with station.trusting() as trusted:
        require_current(station, trusted, login)
    station.write(
        new_credential(station, login.user_uid, new_password, login.key(), by=login.user_uid),
        seal="a password was changed",
    )


def _require_other_password(station: Station, login: Login, password: str) -> None:
    with station.database.reading() as connection:
        credential = read_credential(connection, login.user_uid)
    first = None if credential is None else credential.password
    if check_password(password, first, argon2id=station.hashing.argon2id) is not None:
        raise PasswordRefused(
            "This is your first password, and somebody else knows it; choose one of your own."
        )


def confirm_key(station: Station, physician: Login, enrolment_uid: str, password: str) -> None:
    """Let a physician confirm another's key that was made after a password reset.

    Raises:
        NotPermitted: Only a physician may.
        LoginRefused: The password is wrong.
        AccountsRefused: There is nothing to confirm, it is their own key, or theirs is not
            confirmed itself.
        NotTrusted: The database cannot be trusted.
    """
    physician.require(Permission.CONFIRM_KEY)
    require_password(station, physician, password)
    subject, head_seq = _unconfirmed(station, enrolment_uid)
    if subject.user_uid == physician.user_uid:
        raise AccountsRefused("Nobody confirms their own key; use your recovery code instead.")
    with station.trusting() as trusted:
        require_current(station, trusted, physician)
        own = trusted.book.active(physician.user_uid, station.wall())
    if own is None or not own.may_approve_at(head_seq + 1):
        raise AccountsRefused("Your own key was made after a reset and is not confirmed yet.")
    _write_confirmation(station, subject, physician.enrolment.uid, physician.key(), physician)


def confirm_own_key(station: Station, login: Login, recovery_code: str) -> None:
    """Let a person confirm their own new key with the recovery code of the key before it.

    Raises:
        RecoveryCodeMistyped: The text is no code.
        AccountsRefused: There is nothing to confirm, or it is not the code of the earlier key.
        NotTrusted: The database cannot be trusted.
    """
    key = recovery_key(recovery_code, login.user_uid)
    subject, _ = _unconfirmed(station, login.enrolment.uid)
    with station.trusting() as trusted:
        trusted_keys = [
            one.recovery_key
            for one in trusted.book.enrolments_of(login.user_uid)
            if one.grade == FULL
            and one.seq < subject.seq
            and (not one.after_reset or one.confirmed_seq is not None)
        ]
    if not trusted_keys or trusted_keys[-1] != key.public_hex:
        raise AccountsRefused(
            "This is not the recovery code of your earlier key; another physician can confirm the "
            "new one."
        )
    _write_confirmation(station, subject, None, key, login)


def _unconfirmed(station: Station, enrolment_uid: str) -> tuple[Enrolment, int]:
    with station.trusting() as trusted:
        subject, seq = trusted.book.enrolment(enrolment_uid), trusted.head.seq
    if (
        subject is None
        or not subject.may_sign_at(seq + 1)
        or not subject.after_reset
        or subject.confirmed_seq is not None
    ):
        raise AccountsRefused("There is no key here that waits to be confirmed.")
    return subject, seq


def _write_confirmation(
    station: Station, subject: Enrolment, signer_uid: str | None, key: PrivateKey, by: Login
) -> None:
    at = station.wall()
    content: dict[str, Json] = {
        "uid": new_uid(),
        "enrolment_uid": subject.uid,
        "public_key": subject.public_key,
        "signer_uid": signer_uid,
        "at": at,
    }
    confirmation = statement(RecordKind.KEY_CONFIRMATION, content, key, at=at, actor=by.user_uid)
    station.write(confirmation, seal="a key was confirmed")
