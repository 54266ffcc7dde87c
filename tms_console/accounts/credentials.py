"""A user's stored password and sealed key: reading, checking, setting; and the log of log-ins.

Who may set whose password is decided in `users` and `login`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select, text

from tms_console.accounts.keys import PrivateKey, seal_key, unseal_key
from tms_console.accounts.lockout import FAILURES_TO_LOCK
from tms_console.accounts.passwords import (
    Derived,
    Parameters,
    StoredPassword,
    store_password,
)
from tms_console.accounts.station import Station
from tms_console.records.clinical import SetCredential
from tms_console.records.clinical_tables import CREDENTIAL
from tms_console.records.tables import AUDIT

LOGIN_OK = "login.ok"
LOGIN_FAILED = "login.failed"
LOGIN_LOCKED = "login.locked"
NOBODY = "user:unknown"
"""The subject of a log-in under a name that nobody has; what was typed is never recorded."""

MOST_FAILURES = 64
"""Failures that are counted; far beyond the longest delay."""

_LAST = (
    select(AUDIT.c.action, AUDIT.c.at, AUDIT.c.seq)
    .where(AUDIT.c.subject == bindparam("subject"), text("action IN ('login.ok', 'login.failed')"))
    .order_by(AUDIT.c.seq.desc())
    .limit(MOST_FAILURES)
)


@dataclass(frozen=True, slots=True)
class Credential:
    """What is stored of a user's password and key.

    Attributes:
        user_uid: Whose.
        password: To check a password with.
        sealed_key: The private key, encrypted under the password.
        public_key: Its public half.
        must_change: It was set by somebody else.
    """

    user_uid: str
    password: StoredPassword = field(repr=False)
    sealed_key: str = field(repr=False)
    public_key: str
    must_change: bool

    def unseal(self, derived: Derived) -> PrivateKey:
        """Return the private key.

        Raises:
            KeySealBroken: The seal was changed, or moved here from another user.
        """
        return unseal_key(self.sealed_key, derived.sealing_key, self.user_uid, self.public_key)


def read_credential(connection: Connection, user_uid: str) -> Credential | None:
    """Return what is stored for a user, None if nothing is, or nothing that could be read.

    A row that was edited into nonsense counts as none: its user cannot log in.
    """
    row = (
        connection.execute(select(CREDENTIAL).where(CREDENTIAL.c.user_uid == user_uid))
        .mappings()
        .first()
    )
    if row is None:
        return None
    try:
        password = StoredPassword(
            bytes.fromhex(row["salt"]),
            Parameters.read(row["parameters"]),
            bytes.fromhex(row["verifier"]),
        )
    except ValueError:
        return None
    return Credential(
        user_uid, password, row["sealed_key"], row["public_key"], bool(row["must_change"])
    )


@dataclass(frozen=True, slots=True)
class Failures:
    """Log-ins of one user that failed since the last that succeeded.

    Attributes:
        times: When, the newest first.
        earliest_since: The earliest wall time on record after the newest failure, None if nothing
            was recorded since: a clock that was set forward and back waits for nobody.
    """

    times: tuple[datetime, ...] = ()
    earliest_since: datetime | None = None


def failures_of(connection: Connection, subject: str) -> Failures:
    """Return which log-ins failed since the last that succeeded."""
    times, newest_seq = [], None
    for action, at, seq in connection.execute(_LAST, {"subject": subject}):
        if action == LOGIN_OK:
            break
        newest_seq = seq if newest_seq is None else newest_seq
        times.append(datetime.fromisoformat(at))
    if len(times) < FAILURES_TO_LOCK:
        return Failures(tuple(times))
    since = connection.execute(
        select(func.min(AUDIT.c.at)).where(AUDIT.c.seq > newest_seq)
    ).scalar()
    return Failures(tuple(times), None if since is None else datetime.fromisoformat(since))


def new_credential(
    station: Station, user_uid: str, password: str, key: PrivateKey, *, by: str
) -> SetCredential:
    """Return what to write so that this password opens this key; one argon2id computation.

    Args:
        station: This console.
        user_uid: Whose.
        password: The new one, already found fit.
        key: The private key that it is to open.
        by: The uid of who sets it; if that is not the user, it must be changed.
    """
    stored, derived = store_password(
        password, station.hashing.cost, argon2id=station.hashing.argon2id
    )
    return SetCredential(
        user_uid=user_uid,
        parameters=stored.parameters.text(),
        salt=stored.salt.hex(),
        verifier=stored.verifier.hex(),
        sealed_key=seal_key(key, derived.sealing_key, user_uid),
        public_key=key.public_hex,
        must_change=by != user_uid,
        set_at=station.wall(),
        actor=by,
    )
