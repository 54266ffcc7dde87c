"""Are the rows of one closed session still what the chain says of them?

Asked before a session that goes on from it, or counts its pulses.  What the chain itself is worth
is for whoever asks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from tms_console.records.canonical import Json
from tms_console.records.digests import (
    BEGIN_COLUMNS,
    END_COLUMNS,
    PULSE_COLUMNS,
    TRAIN_COLUMNS,
    outcome_counts,
    rows_digest,
    train_digest,
)
from tms_console.records.stated import STATEMENTS, Stated, not_given
from tms_console.records.tables import AUDIT, PULSE, SESSION, TRAIN

_PULSES = [PULSE.c[name] for name in PULSE_COLUMNS]


@dataclass(frozen=True, slots=True)
class ClosedSession:
    """A closed session as the chain states it.

    Attributes:
        uid: The session.
        console_uid: In whose chain.
        seq: Where it began in the chain.
        begun: What its first audit row states.
        ended: What its closing entry states.
    """

    uid: str
    console_uid: str
    seq: int
    begun: Mapping[str, Json]
    ended: Mapping[str, Json]


def altered(connection: Connection, closed: ClosedSession) -> str:
    """Return what of a closed session's rows is not what was written, in words; "" if all of it is.

    A session that was cut off is closed by the next program from the rows that it finds: so each
    train that the chain says was begun must be there too.  Notes and adverse events may follow a
    session's end and are not looked at.

    Args:
        connection: Any connection.
        closed: The session.
    """
    uid, begun, ended = closed.uid, closed.begun, closed.ended
    session = connection.execute(select(SESSION).where(SESSION.c.uid == uid)).mappings().first()
    if session is None:
        return "it is not there any more"
    entered = {name: begun.get(name) for name in BEGIN_COLUMNS}
    entered |= {name: ended.get(name) for name in END_COLUMNS}
    other = [name for name, value in entered.items() if session[name] != value]
    if other:
        return f"its {', '.join(other)} were altered"
    trains = connection.execute(
        select(TRAIN).where(TRAIN.c.session_id == session["id"]).order_by(TRAIN.c.number)
    ).mappings()
    stated = _stated(connection, closed)
    sealed: list[tuple[Json, Json]] = []
    missing = set(stated.begun)
    for train in trains.all():
        mine = connection.execute(
            select(*_PULSES)
            .where(PULSE.c.session_id == session["id"], PULSE.c.train_id == train["id"])
            .order_by(PULSE.c.number)
        ).all()
        if words := _wrong(uid, train, [tuple(one) for one in mine], stated):
            return words
        sealed.append((train["number"], train["digest"]))
        missing.discard(train["number"])
    for number in sorted(missing):
        return f"its train {number} is not there, or not whole"
    pulses = [
        tuple(one)
        for one in connection.execute(
            select(*_PULSES).where(PULSE.c.session_id == session["id"]).order_by(PULSE.c.number)
        )
    ]
    contents = {
        "trains": len(sealed),
        "trains_digest": rows_digest("tms-trains-1", uid, sealed),
        "pulses": len(pulses),
        "pulses_digest": rows_digest("tms-pulses-1", uid, pulses),
        "outcomes": outcome_counts(pulses),
    }
    if any(ended.get(name) != value for name, value in contents.items()):
        return "its trains or pulses were altered"
    return ""


def _wrong(uid: str, train: RowMapping, pulses: Sequence[tuple[Any, ...]], stated: Stated) -> str:
    """Return what of one train is not what was written, in words; "" if all of it is."""
    number = train["number"]
    if len(pulses) < stated.at_least(number):
        return f"its train {number} is not there, or not whole"
    values = {name: train[name] for name in TRAIN_COLUMNS}
    digest = train_digest(uid, values, pulses)
    if digest != train["digest"] or digest != stated.sealed.get(number):
        return f"its train {number} was altered"
    if doubtful := stated.doubtful(number, not_given(pulses)):
        return (
            f"its train {number} was altered: nobody ever stated that pulse {doubtful[0]} was not "
            "given"
        )
    return ""


def _stated(connection: Connection, closed: ClosedSession) -> Stated:
    """Return what the chain states of a session, up to where it was closed."""
    stated = Stated()
    for row in connection.execute(
        select(AUDIT.c.action, AUDIT.c.subject, AUDIT.c.detail)
        .where(AUDIT.c.console_uid == closed.console_uid, AUDIT.c.seq > closed.seq)
        .order_by(AUDIT.c.seq)
    ):
        if row.action == "session.end" and row.subject == f"session:{closed.uid}":
            break
        if row.action in STATEMENTS:
            stated.take(closed.uid, row.action, row.subject, json.loads(row.detail))
    return stated
