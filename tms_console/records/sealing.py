"""How a train and a session are sealed: digests over what is on record, then the final values.

Sealing has two steps, so that nothing but writing happens under the write lock: `seal_` reads and
computes, `end_` writes.  What is hashed is laid down in `digests`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Table, bindparam, func, select, text, update

from tms_console.records.audit import AuditChain
from tms_console.records.canonical import Json
from tms_console.records.digests import (
    END_COLUMNS,
    EVENT_COLUMNS,
    PULSE_COLUMNS,
    TRAIN_COLUMNS,
    closing_entry,
    train_digest,
    train_subject,
)
from tms_console.records.errors import IllegalOperation
from tms_console.records.tables import EVENT, FRAME, PULSE, SESSION, TRAIN

PULSE_VALUES = [PULSE.c[name] for name in PULSE_COLUMNS]
EVENT_VALUES = [EVENT.c[name] for name in EVENT_COLUMNS]
_TRAIN_VALUES = [TRAIN.c[name] for name in TRAIN_COLUMNS]
_SESSION_ID = select(SESSION.c.id).where(SESSION.c.uid == bindparam("uid"))
_TRAIN_KEY = (
    select(TRAIN.c.id, TRAIN.c.session_id)
    .join(SESSION, SESSION.c.id == TRAIN.c.session_id)
    .where(SESSION.c.uid == bindparam("uid"), TRAIN.c.number == bindparam("number"))
)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What was computed of a train or a session before the write lock was taken.

    Attributes:
        actor: Who ends it.
        ending: The final values of the row's own columns.
        detail: Digests and counts, for the audit row.
        counts: Rows that went into it, to be compared when it is written.
    """

    actor: str
    ending: Mapping[str, Json]
    detail: Mapping[str, Json]
    counts: tuple[int, ...]


def session_id(connection: Connection, session_uid: str) -> int:
    """Return the local key of a session.

    Raises:
        IllegalOperation: There is no such session.
    """
    found = connection.execute(_SESSION_ID, {"uid": session_uid}).scalar()
    if found is None:
        raise IllegalOperation(f"session {session_uid} is not on record")
    return int(found)


@dataclass(frozen=True, slots=True)
class TrainKey:
    """The local keys of a train."""

    id: int
    session_id: int


def train_key(connection: Connection, session_uid: str, number: int) -> TrainKey:
    """Return the local keys of a train.

    Raises:
        IllegalOperation: There is no such train.
    """
    found = connection.execute(_TRAIN_KEY, {"uid": session_uid, "number": number}).first()
    if found is None:
        raise IllegalOperation(f"{train_subject(session_uid, number)} is not on record")
    return TrainKey(*found)


def seal_train(
    connection: Connection,
    session_uid: str,
    number: int,
    ending: Mapping[str, Json],
    actor: str = "console",
) -> Sealed:
    """Compute the digest of a train with the given started_ns, ended_ns and outcome.

    Raises:
        IllegalOperation: There is no such train, or one of its pulses has no outcome yet.
    """
    subject = train_subject(session_uid, number)
    train = train_key(connection, session_uid, number)
    values: dict[str, Json] = dict(
        connection.execute(select(*_TRAIN_VALUES).where(TRAIN.c.id == train.id)).mappings().one()
    )
    pulses = connection.execute(
        select(*PULSE_VALUES)
        .where(PULSE.c.session_id == train.session_id, PULSE.c.train_id == train.id)
        .order_by(PULSE.c.number)
    ).all()
    outcomes: dict[str, int] = {}
    for pulse in pulses:
        outcomes[pulse.outcome] = outcomes.get(pulse.outcome, 0) + 1
    if open_pulses := outcomes.get("commanded"):
        raise IllegalOperation(f"{subject}: {open_pulses} of its pulses have no outcome yet")
    sealed = train_digest(session_uid, values | dict(ending), pulses)
    ending = dict(ending) | {"digest": sealed}
    return Sealed(
        actor, ending, ending | {"pulses": len(pulses), "outcomes": outcomes}, (len(pulses),)
    )


def end_train(
    connection: Connection, chain: AuditChain, session_uid: str, number: int, sealed: Sealed
) -> None:
    """Write the end of a train and its audit row.

    Raises:
        IllegalOperation: There is no such train, or its pulses are not those that were sealed.
    """
    subject = train_subject(session_uid, number)
    train = train_key(connection, session_uid, number)
    counted = connection.execute(
        select(func.count())
        .select_from(PULSE)
        .where(PULSE.c.session_id == train.session_id, PULSE.c.train_id == train.id)
    ).scalar_one()
    if (counted,) != sealed.counts:
        raise IllegalOperation(f"{subject}: it got another pulse while it was being sealed")
    connection.execute(update(TRAIN).where(TRAIN.c.id == train.id).values(**sealed.ending))
    chain.append("train.end", subject, sealed.detail, sealed.actor)


def seal_session(
    connection: Connection, session_uid: str, ending: Mapping[str, Json], actor: str = "console"
) -> Sealed:
    """Compute the closing entry of a session with the given state, end_reason and ended_at.

    Raises:
        IllegalOperation: There is no such session.
    """
    session = session_id(connection, session_uid)
    detail = {name: ending[name] for name in END_COLUMNS}
    contents = session_contents(connection, session, session_uid)
    return Sealed(actor, ending, detail | contents, _counts(connection, session))


def end_session(
    connection: Connection, chain: AuditChain, session_uid: str, sealed: Sealed
) -> None:
    """Write the end of a session and its closing entry.

    Raises:
        IllegalOperation: There is no such session, or it does not hold what was sealed.
    """
    session = session_id(connection, session_uid)
    if _counts(connection, session) != sealed.counts:
        raise IllegalOperation(f"session {session_uid}: it got more rows while it was being closed")
    connection.execute(update(SESSION).where(SESSION.c.id == session).values(**sealed.ending))
    chain.append("session.end", f"session:{session_uid}", sealed.detail, sealed.actor)


def session_contents(connection: Connection, session: int, session_uid: str) -> dict[str, Json]:
    """Return the numbers and digests of all that a session holds now, for its closing entry."""
    trains = connection.execute(
        select(TRAIN.c.number, TRAIN.c.digest)
        .where(TRAIN.c.session_id == session)
        .order_by(TRAIN.c.number)
    ).all()
    pulses = connection.execute(
        select(*PULSE_VALUES).where(PULSE.c.session_id == session).order_by(PULSE.c.number)
    ).all()
    events = connection.execute(
        select(*EVENT_VALUES).where(EVENT.c.session_id == session).order_by(EVENT.c.id)
    ).all()
    frames = connection.execute(
        select(FRAME.c.at_ns, FRAME.c.direction, FRAME.c.bytes)
        .where(FRAME.c.session_id == session)
        .order_by(text("device_frame.rowid"))
    ).all()
    return closing_entry(session_uid, trains, pulses, events, frames)


def _counts(connection: Connection, session: int) -> tuple[int, ...]:
    def count(table: Table) -> int:
        rows = select(func.count()).select_from(table).where(table.c.session_id == session)
        return int(connection.execute(rows).scalar_one())

    return count(TRAIN), count(PULSE), count(EVENT), count(FRAME)
