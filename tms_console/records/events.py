"""What happened in a session, and a page of the audit chain, as frozen values.

Short reads on `query_only` connections; sessions and pulses are `queries`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from tms_console.records.database import Database
from tms_console.records.tables import AUDIT, EVENT, SESSION


@dataclass(frozen=True, slots=True)
class EventLine:
    """Something that happened in a session; the time is an offset from its origin."""

    at_ns: int
    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One row of the audit chain."""

    seq: int
    at: str
    actor: str
    action: str
    subject: str
    hash: str


def session_events(database: Database, uid: str) -> tuple[EventLine, ...]:
    """Return what happened in a session, in order.

    Raises:
        DatabaseUnusable: The file cannot be read.
    """
    query = (
        select(EVENT.c.at_ns, EVENT.c.kind, EVENT.c.detail)
        .join(SESSION, SESSION.c.id == EVENT.c.session_id)
        .where(SESSION.c.uid == uid)
        .order_by(EVENT.c.id)
    )
    with database.reading() as connection:
        return tuple(EventLine(*row) for row in connection.execute(query))


def audit_page(database: Database, before: int | None, rows: int) -> tuple[AuditLine, ...]:
    """Return the newest rows of this console's chain before a place, the newest first.

    Args:
        database: Which.
        before: Rows with lower numbers than this; None for the newest of all.
        rows: How many.

    Raises:
        DatabaseUnusable: The file cannot be read.
    """
    columns = (AUDIT.c.seq, AUDIT.c.at, AUDIT.c.actor, AUDIT.c.action, AUDIT.c.subject)
    query = (
        select(*columns, AUDIT.c.hash)
        .where(AUDIT.c.console_uid == database.console_uid)
        .order_by(AUDIT.c.seq.desc())
        .limit(rows)
    )
    if before is not None:
        query = query.where(AUDIT.c.seq < before)
    with database.reading() as connection:
        return tuple(AuditLine(*row) for row in connection.execute(query))
