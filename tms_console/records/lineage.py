"""Which sessions one session goes on from, and which pulses of them may have been given.

Whether and where it may be resumed is decided in `delivery.resume`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, select

from tms_console.records.database import Database
from tms_console.records.errors import RecordsError
from tms_console.records.tables import PULSE, SESSION, TRAIN

NOT_KNOWN_NS = 2**63 - 1
"""Later than any time: for a pulse without a time of a session whose end nobody saw."""


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
        last_given_unix_ns: When the last of them was given at the latest, None if there is none;
            `NOT_KNOWN_NS`, which has not come yet, if nobody knows.
    """

    uid: str
    kind: str
    state: str
    started_at: str
    authority_digest: str | None
    resumed_by: str | None
    given: tuple[GivenPulse, ...]
    last_given_unix_ns: int | None = None


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
            found = connection.execute(
                select(
                    PULSE.c.number,
                    TRAIN.c.number.label("train"),
                    PULSE.c.outcome,
                    func.coalesce(PULSE.c.observed_ns, PULSE.c.planned_ns).label("at_ns"),
                )
                .select_from(PULSE.outerjoin(TRAIN, PULSE.c.train_id == TRAIN.c.id))
                .where(
                    PULSE.c.session_id == row.id,
                    PULSE.c.outcome.in_(("delivered", "unknown", "unplanned", "commanded")),
                )
                .order_by(PULSE.c.number)
            )
            pulses = found.all()
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
                    last_given_unix_ns=_last_given_unix_ns(row, [one.at_ns for one in pulses]),
                )
            )
            later, wanted = row.uid, row.resumes_uid
    return tuple(chain)


def _last_given_unix_ns(row: Row[Any], at_ns: Sequence[int | None]) -> int | None:
    """Return when the last pulse was given; one without a time may have been the session's end."""
    begun_ns = _unix_ns(row.origin_wall)
    given = [begun_ns + one for one in at_ns if one is not None]
    if None in at_ns:
        given.append(NOT_KNOWN_NS if row.ended_at is None else _unix_ns(row.ended_at))
    return max(given, default=None)


def _unix_ns(wall: str) -> int:
    """Return a wall time of the record as Unix time, exact to its microseconds."""
    since = datetime.fromisoformat(wall) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(microseconds=1) * 1_000
