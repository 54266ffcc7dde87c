"""Logging in, the login that acts are asked of, and signing with it.

One path for an unknown user, a wrong password and a locked account: one argon2id computation, one
sentence.  Nothing here knows of sessions, so a lock can stop none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NoReturn

from tms_console.accounts.book import Book, Enrolment
from tms_console.accounts.credentials import (
    LOGIN_FAILED,
    LOGIN_LOCKED,
    LOGIN_OK,
    NOBODY,
    Credential,
    Failures,
    failures_of,
    read_credential,
)
from tms_console.accounts.errors import (
    AccountsRefused,
    BadStatement,
    LoginRefused,
    NotPermitted,
    NotTrusted,
)
from tms_console.accounts.idle import LockTimer, clock_ns
from tms_console.accounts.keys import KeySealBroken, PrivateKey
from tms_console.accounts.lockout import Locked, state
from tms_console.accounts.passwords import Derived, check_password
from tms_console.accounts.roles import Permission, Role, allowed, require
from tms_console.accounts.signatures import RULES, ToSign
from tms_console.accounts.statements import statement
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.records.clinical import CONSOLE_ACTOR, AddRecord, RecordKind, StoredRecord
from tms_console.records.operations import AuditNote
from tms_console.records.registry import stored_records
from tms_console.records.values import new_uid

REFUSED = (
    "The name or the password is wrong, or the account is locked for a while after too many wrong "
    "passwords."
)
"""The only thing that a refused log-in says."""

_IN_DOUBT = frozenset(
    {
        Permission.RESTORE_BACKUP,
        Permission.MAKE_BACKUP,
        Permission.VERIFY_RECORDS,
        Permission.KEEP_DATABASE_KEY,
        Permission.READ_PATIENTS,
        Permission.READ_SESSIONS,
    }
)
"""What may still be done with a database that cannot be trusted."""


class LoginLocked(AccountsRefused):
    """The screen is locked: the password opens it again."""


@dataclass(slots=True)
class Login:
    """One person, logged in at this console.

    Attributes:
        enrolment: Who they are and what they may do.
        must_change: They have a first password and can do nothing but set their own.
        doubt: Why the database cannot be trusted, "" if it can.
        timer: When the screen locks.
        now_ns: The clock of that timer.
        signed_before: A signature was given in this login; later ones ask for the password alone.
    """

    enrolment: Enrolment
    must_change: bool
    doubt: str
    timer: LockTimer
    now_ns: Callable[[], int]
    _key: PrivateKey | None = field(repr=False)
    signed_before: bool = False

    @property
    def user_uid(self) -> str:
        """The user's uid; the actor of everything they do."""
        return self.enrolment.user_uid

    @property
    def role(self) -> Role:
        """Their role, from the enrolment."""
        return self.enrolment.role

    @property
    def locked(self) -> bool:
        """True if the screen is locked; the key is then not in memory."""
        if self._key is not None and self.timer.locked(self.now_ns()):
            self._key = None
        return self._key is None

    def touch(self) -> None:
        """Note that the person did something."""
        self.timer.touch(self.now_ns())

    def lock(self) -> None:
        """Lock the screen now."""
        self.timer.lock()
        self._key = None

    def may(self, permission: Permission) -> bool:
        """Return whether this person may do this now; for screens, which decide nothing."""
        return (
            not self.must_change
            and not self.locked
            and (not self.doubt or permission in _IN_DOUBT)
            and allowed(self.role, permission)
        )

    def require(self, permission: Permission) -> None:
        """Do nothing if this person may do this now.

        Raises:
            NotPermitted: Their role does not include it, or they must set a password first.
            LoginLocked: The screen is locked.
            NotTrusted: The database cannot be trusted.
        """
        if self.must_change:
            raise NotPermitted("Set a password of your own first; nobody else may know it.")
        require(self.role, permission)
        self.key()
        if self.doubt and permission not in _IN_DOUBT:
            raise NotTrusted("doubt", self.doubt)

    def key(self) -> PrivateKey:
        """Return the private key; for statements of this person alone.

        Raises:
            LoginLocked: The screen is locked.
        """
        if self.locked or self._key is None:
            raise LoginLocked("The screen is locked; unlock it with your password.")
        return self._key

    def opened(self, key: PrivateKey) -> None:
        """Take the key again after the password was checked.

        Raises:
            LoginOver: The login is older than it may be.
        """
        self.timer.unlock(self.now_ns())
        self._key = key


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of somebody who wants to log in."""

    subject: str
    credential: Credential | None
    enrolment: Enrolment | None
    lock_until: datetime | None


def log_in(
    station: Station,
    login: str,
    password: str,
    *,
    now_ns: Callable[[], int] = clock_ns,
) -> Login:
    """Log somebody in; exactly one argon2id computation, whatever comes of it.

    Raises:
        LoginRefused: Unknown name, wrong password or locked account.
        RecordsError: The database cannot be read, or the try cannot be put on record: then nobody
            learns whether the password was right, for such tries would be without limit.
    """
    book, doubt = _book(station)
    key, enrolment, credential = _authenticate(station, book, login, password, "log-in")
    return Login(
        enrolment=enrolment,
        must_change=credential.must_change or enrolment.grade != "full",
        doubt=doubt,
        timer=LockTimer(now_ns()),
        now_ns=now_ns,
        _key=key,
    )


def unlock(station: Station, login: Login, password: str) -> None:
    """Open a locked screen again.

    Raises:
        LoginRefused: Wrong password, or the account was locked or ended meanwhile.
        LoginOver: The login is older than it may be.
    """
    login.opened(_same_person(station, login, password, "unlock"))


def sign(
    station: Station,
    login: Login,
    to_sign: ToSign,
    password: str,
    *,
    login_name: str = "",
) -> AddRecord:
    """Sign something, put it on record and let the console seal it.

    Args:
        station: This console.
        login: Who signs.
        to_sign: What they say, of exactly which content.
        password: Asked for at every signature.
        login_name: Asked for at the first signature of a login.

    Raises:
        LoginRefused: Wrong password or name.
        NotPermitted: Their role does not include it.
        NotTrusted: The database cannot be trusted.
        AccountsRefused: Their key may not approve yet.
    """
    rule = RULES[to_sign.meaning]
    login.require(rule.permission)
    named = login.signed_before or login_name.strip().lower() == login.enrolment.login
    key = _same_person(station, login, password, "signature", named=named)
    if station.followed is not None:
        station.followed.forget()  # nobody signs on a record that is not what it was when read
    with station.trusting() as trusted:
        require_current(station, trusted, login)
        signed = _signed(station, trusted, login, to_sign, key)
    station.write(signed, seal="a signature")
    login.signed_before = True
    return signed


def _signed(
    station: Station, trusted: Trusted, login: Login, to_sign: ToSign, key: PrivateKey
) -> AddRecord:
    """Return a signature that will hold where it is about to stand."""
    head, at = trusted.head, station.wall()
    enrolment = trusted.book.enrolment(login.enrolment.uid) or login.enrolment  # confirmed since?
    if RULES[to_sign.meaning].physicians_only and not enrolment.may_approve_at(head.seq + 1):
        raise AccountsRefused(
            "Your key was made after a password reset and may not approve yet: another physician, "
            "or your one-time recovery code, must confirm it first."
        )
    content = to_sign.content(new_uid(), enrolment, at) | {
        "head": {"seq": head.seq, "hash": head.hash}
    }
    signed = statement(RecordKind.SIGNATURE, content, key, at=at, actor=login.user_uid)
    try:
        trusted.require_signature(
            StoredRecord(
                RecordKind.SIGNATURE,
                signed.uid,
                head.seq + 1,
                at,
                signed.actor,
                signed.content,
                signed.signature,
            )
        )
    except (BadStatement, ValueError) as error:
        raise AccountsRefused(f"This cannot be signed: {error}.") from error
    return signed


def require_password(station: Station, login: Login, password: str) -> None:
    """Do nothing if it is this person's password; a wrong one counts as a failed log-in.

    Raises:
        LoginRefused: It is not.
    """
    _same_person(station, login, password, "password")


def require_current(station: Station, trusted: Trusted, login: Login) -> None:
    """Do nothing if the person who is logged in is still enrolled with the key of this login.

    A login outlives its account: an administrator may end it in another window.

    Raises:
        AccountsRefused: They are not.
    """
    current = trusted.book.current(login.user_uid, station.wall())
    if current is None or current.uid != login.enrolment.uid:
        raise AccountsRefused("This account was ended or changed meanwhile; log in anew.")


def _book(station: Station) -> tuple[Book, str]:
    """Return the enrolments, and why the database cannot be trusted, "" if it can."""
    try:
        with station.trusting() as trusted:
            return trusted.book, ""
    except NotTrusted as error:
        return station.raw_book(), str(error)


def _same_person(
    station: Station, login: Login, password: str, occasion: str, *, named: bool = True
) -> PrivateKey:
    book, login.doubt = _book(station)
    key, enrolment, _ = _authenticate(
        station, book, login.enrolment.login, password, occasion, named=named
    )
    if enrolment.uid != login.enrolment.uid:
        raise LoginRefused(REFUSED)
    return key


def _authenticate(  # noqa: PLR0913 - who, at which database, on which occasion
    station: Station,
    book: Book,
    login: str,
    password: str,
    occasion: str,
    *,
    named: bool = True,
) -> tuple[PrivateKey, Enrolment, Credential]:
    """Return who has this name and password; one argon2id computation and one row on record.

    Args:
        station: This console.
        book: The enrolments.
        login: The name.
        password: The password.
        occasion: For the record.
        named: False if a name was asked for and was wrong, which counts like a wrong password.
    """
    known = _known(station, book, login)
    usable = named and known.lock_until is None and known.enrolment is not None
    credential = known.credential if usable else None
    derived = check_password(
        password,
        None if credential is None else credential.password,
        argon2id=station.hashing.argon2id,
    )
    if derived is None or credential is None or known.enrolment is None:
        _refuse(station, known, occasion)
    key = _opened(station, known, credential, derived, occasion)
    _note(station, LOGIN_OK, known.subject, known.enrolment.user_uid, occasion)
    return key, known.enrolment, credential


def _known(station: Station, book: Book, login: str) -> _Known:
    """Look somebody up; nobody and somebody take the same steps."""
    wanted = login.strip().lower()
    with station.database.reading() as connection:
        users = stored_records(connection, RecordKind.USER, login=wanted)
        uid = users[0].uid if users else ""
        subject = f"user:{uid}" if uid else NOBODY
        credential = read_credential(connection, uid)
        failures = failures_of(connection, subject) if uid else Failures()
    now = datetime.fromisoformat(station.wall())
    locked = state(failures.times, now, earliest_since=failures.earliest_since)
    until = locked.until if isinstance(locked, Locked) else None
    return _Known(subject, credential, book.current(uid, station.wall()), until)


def _opened(
    station: Station, known: _Known, credential: Credential, derived: Derived, occasion: str
) -> PrivateKey:
    """Return the key, if it is the one that the person was enrolled with."""
    if known.enrolment is None or credential.public_key != known.enrolment.public_key:
        _refuse(station, known, occasion)
    try:
        return credential.unseal(derived)
    except KeySealBroken:
        _refuse(station, known, occasion)


def _refuse(station: Station, known: _Known, occasion: str) -> NoReturn:
    action = LOGIN_FAILED if known.lock_until is None else LOGIN_LOCKED
    _note(station, action, known.subject, CONSOLE_ACTOR, occasion)
    raise LoginRefused(REFUSED)


def _note(station: Station, action: str, subject: str, actor: str, occasion: str) -> None:
    """Put a try on record; one that cannot be recorded is answered neither way."""
    station.write(
        AuditNote(uid=new_uid(), actor=actor, action=action, subject=subject, detail=occasion)
    )
