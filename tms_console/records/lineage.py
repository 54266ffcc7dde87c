"""Which sessions one session goes on from, and which pulses of them may have been given.

Whether and where it may be resumed is decided in `delivery.resume`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from tms_console.records.database import Database
from tms_console.records.errors import RecordsError
from tms_console.records.tables import PULSE, SESSION, TRAIN


class NoSuchSession(RecordsError):
    """No session of this uid is on record here."""


@dataclass(frozen=True, slots=True)
class GivenPulse:
    """A pulse that was given, or may have been.

    Attributes:
        number: In the session.
        train: Its train's number; None for one that nobody commanded, outside any train.
        planned: False for one that nobody commanded.
    """

    number: int
    train: int | None
    planned: bool


@dataclass(frozen=True, slots=True)
class PastSession:
    """A session of a chain of sessions, each of which goes on from the one before.

    Attributes:
        uid: Its uid.
        kind: What it was for.
        state: How it stands.
        started_at: Wall time, RFC 3339 in UTC.
        authority_digest: Digest of what it delivered, None if it had none.
        resumed_by: The session that goes on from it, None if none does.
        given: Its pulses that were given, or may have been, in order.
    """

    uid: str
    kind: str
    state: str
    started_at: str
    authority_digest: str | None
    resumed_by: str | None
    given: tuple[GivenPulse, ...]


def session_chain(database: Database, uid: str) -> tuple[PastSession, ...]:
    """Return a session and all that it goes on from, the newest first.

    Raises:
        NoSuchSession: It is not on record here.
        DatabaseUnusable: The file cannot be read.
    """
    chain: list[PastSession] = []
    later: str | None = None
    with database.reading() as connection:
        wanted: str | None = uid
        while wanted is not None:
            row = connection.execute(select(SESSION).where(SESSION.c.uid == wanted)).first()
            if row is None:
                raise NoSuchSession(f"{database.path}: there is no session {wanted}")
            if later is None:
                later = connection.execute(
                    select(SESSION.c.uid).where(SESSION.c.resumes_uid == wanted)
                ).scalar()
            pulses = connection.execute(
                select(PULSE.c.number, TRAIN.c.number.label("train"), PULSE.c.outcome)
                .select_from(PULSE.outerjoin(TRAIN, PULSE.c.train_id == TRAIN.c.id))
                .where(
                    PULSE.c.session_id == row.id,
                    PULSE.c.outcome.in_(("delivered", "unknown", "unplanned", "commanded")),
                )
                .order_by(PULSE.c.number)
            )
            given = tuple(
                GivenPulse(one.number, one.train, one.outcome != "unplanned") for one in pulses
            )
            chain.append(
                PastSession(
                    uid=row.uid,
                    kind=row.kind,
                    state=row.state,
                    started_at=row.started_at,
                    authority_digest=row.authority_digest,
                    resumed_by=later,
                    given=given,
                )
            )
            later, wanted = row.uid, row.resumes_uid
    return tuple(chain)
