"""What the audit chain says of its own file: backups and checks made, and when the next is due.

It neither copies nor checks anything: `backup` and `database.check_integrity` do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tms_console.records.audit import AuditChain, Wall
from tms_console.records.canonical import Json, utc_now_text
from tms_console.records.database import Database
from tms_console.records.errors import RecordsError, WriteFailed
from tms_console.records.heads import ChainHead
from tms_console.records.transactions import expect_head, failure_sentence, keep_outside

BACKUP = "database.backup"
INTEGRITY = "database.integrity"

DAILY = timedelta(days=1)
"""How often a backup is offered and the file is checked (issue 3, house style *Record*)."""

BUSY_MS = 5_000
"""How long these rows wait for the write lock: no patient is waiting."""

MOST_FAULTS_NOTED = 20


@dataclass(frozen=True, slots=True)
class NotedBackup:
    """A backup that the chain names.

    Attributes:
        at: When it was entered, RFC 3339 in UTC.
        head: The newest row of the chain in it.
        sha256: Of the file.
        size_bytes: Of the file.
    """

    at: str
    head: ChainHead
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class NotedIntegrity:
    """A check of the file that the chain names.

    Attributes:
        at: When it was entered, RFC 3339 in UTC.
        faults: What SQLite found; () if the file is sound.
    """

    at: str
    faults: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """True if nothing was found."""
        return not self.faults


def note_backup(
    database: Database,
    head: ChainHead,
    sha256: str,
    size_bytes: int,
    *,
    wall: Wall = utc_now_text,
) -> None:
    """Enter a backup in the chain of its source: what it holds and its digest, not where it is.

    Raises:
        WriteFailed: Not known to be entered.
    """
    _note(
        database,
        BACKUP,
        {"seq": head.seq, "hash": head.hash, "sha256": sha256, "size_bytes": size_bytes},
        wall,
    )


def record_integrity(
    database: Database, faults: Sequence[str], *, wall: Wall = utc_now_text
) -> None:
    """Enter what `check_integrity` found; until a later check finds nothing, the gate is closed.

    Raises:
        WriteFailed: Not known to be entered.
    """
    noted = tuple(faults[:MOST_FAULTS_NOTED])
    _note(database, INTEGRITY, {"faults": noted, "count": len(faults)}, wall)


def newest_backup(database: Database) -> NotedBackup | None:
    """Return the last backup that the chain names, None if there is none.

    Raises:
        DatabaseUnusable: The file cannot be read.
        RecordsError: The row does not say what such a row says.
    """
    row = _newest(database, BACKUP)
    if row is None:
        return None
    at, detail = row
    match detail:
        case {"seq": int(seq), "hash": str(hash_), "sha256": str(sha), "size_bytes": int(size)}:
            head = ChainHead(database.uid, database.console_uid, seq, hash_)
            return NotedBackup(at, head, sha, size)
    raise _unreadable(database, BACKUP)


def newest_integrity(database: Database) -> NotedIntegrity | None:
    """Return the last check of the file that the chain names, None if there is none.

    Raises:
        DatabaseUnusable: The file cannot be read.
        RecordsError: The row does not say what such a row says.
    """
    row = _newest(database, INTEGRITY)
    if row is None:
        return None
    at, detail = row
    match detail:
        case {"faults": [*faults]}:
            return NotedIntegrity(at, tuple(str(fault) for fault in faults))
    raise _unreadable(database, INTEGRITY)


def backup_due(database: Database, now: datetime, every: timedelta = DAILY) -> bool:
    """Return True if there is no backup of the last day, or its time is still to come.

    Raises:
        RecordsError: As for `newest_backup`.
    """
    newest = newest_backup(database)
    return newest is None or _is_past(newest.at, now, every)


def integrity_due(database: Database, now: datetime, every: timedelta = DAILY) -> bool:
    """Return True if the file was not checked in the last day, or that is still to come.

    Raises:
        RecordsError: As for `newest_integrity`.
    """
    newest = newest_integrity(database)
    return newest is None or _is_past(newest.at, now, every)


def _is_past(at: str, now: datetime, every: timedelta) -> bool:
    age = now.astimezone(UTC) - datetime.fromisoformat(at)
    return not timedelta(0) <= age < every  # a clock that was set back vouches for nothing


_NEWEST = {
    action: text(
        f"SELECT at, detail FROM audit WHERE action = '{action}' AND action IN "
        "('database.backup', 'database.integrity') AND +console_uid = :console "
        "ORDER BY seq DESC LIMIT 1"
    )
    for action in ("database.backup", "database.integrity")
}
"""As text, with the + that keeps SQLite from the primary key: the index audit_upkeep serves."""


def _newest(database: Database, action: str) -> tuple[str, Json] | None:
    with database.reading() as connection:
        row = connection.execute(_NEWEST[action], {"console": database.console_uid}).first()
    if row is None:
        return None
    try:
        return row.at, json.loads(row.detail)
    except ValueError as error:
        raise _unreadable(database, action) from error


def _unreadable(database: Database, action: str) -> RecordsError:
    return RecordsError(
        f"{database.path}: the newest audit row {action} does not say what such a row says; "
        "tms-console records verify tells more"
    )


def _note(database: Database, action: str, detail: Mapping[str, Json], wall: Wall) -> None:
    try:
        with database.connect_writer(BUSY_MS) as connection:
            with connection.begin():
                chain = AuditChain(connection, database.uid, database.console_uid, wall)
                before = chain.head
                chain.append(action, f"database:{database.uid}", detail)
                expect_head(database, before, chain.head)
            keep_outside(database, chain.head)
    except DBAPIError as error:
        raise WriteFailed(failure_sentence(database, error)) from error
