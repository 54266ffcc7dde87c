"""Corrections of the clock: an administrator says that the clock is right and the record ahead.

A clock earlier than the newest row of the audit chain closes the gate.  A correction makes the rows
before it count no more; which clock is right, only a person can say.  The lock-out after wrong
passwords needs none: it counts from the earliest time on record (`lockout`).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, select, text

from tms_console.accounts.administrative import require_permitted
from tms_console.accounts.errors import AccountsRefused, BadStatement
from tms_console.accounts.login import Login, require_password
from tms_console.accounts.roles import Permission
from tms_console.accounts.statements import statement
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.records.clinical import AddRecord, RecordKind, StoredRecord
from tms_console.records.database import Database
from tms_console.records.tables import AUDIT
from tms_console.records.values import new_uid

_NEWEST_SINCE = (
    select(AUDIT.c.at)
    .where(text("+console_uid = :console AND +seq >= :seq"))  # + : walk the index of times instead
    .order_by(AUDIT.c.at.desc())
    .limit(1)
    .params(console=bindparam("console"), seq=bindparam("seq"))
)
"""From the newest time down: only rows from a wrong clock, before the correction, are passed."""


def correct_clock(station: Station, login: Login, reason: str, password: str) -> AddRecord:
    """Record that the clock is right, although the record has later times.

    Raises:
        NotPermitted: Only an administrator may.
        LoginRefused: The password is wrong.
        AccountsRefused: No reason was given, or the clock is not behind the record.
        NotTrusted: The database cannot be trusted.
    """
    login.require(Permission.CORRECT_CLOCK)
    if not reason.strip():
        raise AccountsRefused("Say why the clock was wrong; the reason goes on record.")
    require_password(station, login, password)
    with station.trusting() as trusted:
        newest = clock_floor(trusted, station.database)
    now = station.wall()
    if datetime.fromisoformat(now) >= datetime.fromisoformat(newest):
        raise AccountsRefused(
            f"The clock ({now}) is not behind the record, whose newest entry is of {newest}: there "
            "is nothing to correct."
        )
    content = {
        "uid": new_uid(),
        "enrolment_uid": login.enrolment.uid,
        "newest_at": newest,
        "reason": reason.strip(),
        "at": now,
    }
    correction = statement(
        RecordKind.CLOCK_CORRECTION, content, login.key(), at=now, actor=login.user_uid
    )
    station.write(correction, seal="a correction of the clock")
    return correction


def clock_floor(trusted: Trusted, database: Database) -> str:
    """Return the newest wall time of the record that counts; an earlier clock closes the gate.

    Every row from the newest correction on counts, the correction's own among them: that was
    written with the corrected clock.

    Raises:
        DatabaseUnusable: The file cannot be read.
    """
    corrections = [
        one
        for one in trusted.records(RecordKind.CLOCK_CORRECTION)
        if correction_holds(trusted, one)
    ]
    since = corrections[-1].seq if corrections else 1
    values = {"console": database.console_uid, "seq": since}
    with database.reading() as connection:
        return str(connection.execute(_NEWEST_SINCE, values).scalar_one())


def correction_holds(trusted: Trusted, record: StoredRecord) -> bool:
    """Return whether a correction was signed by somebody who might."""
    try:
        require_permitted(trusted.book, record, Permission.CORRECT_CLOCK)
    except BadStatement:
        return False
    return True
