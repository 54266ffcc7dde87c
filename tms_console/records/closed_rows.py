"""Are the rows of one closed session still what the chain says of them?

Asked before a session that goes on from it, or counts its pulses.  What the chain itself is worth
is for whoever asks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from tms_console.records.canonical import Json
from tms_console.records.digests import (
    BEGIN_COLUMNS,
    END_COLUMNS,
    PULSE_COLUMNS,
    TRAIN_COLUMNS,
    outcome_counts,
    rows_digest,
    train_digest,
    train_subject,
)
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
    stated = {name: begun.get(name) for name in BEGIN_COLUMNS}
    stated |= {name: ended.get(name) for name in END_COLUMNS}
    other = [name for name, value in stated.items() if session[name] != value]
    if other:
        return f"its {', '.join(other)} were altered"
    trains = connection.execute(
        select(TRAIN).where(TRAIN.c.session_id == session["id"]).order_by(TRAIN.c.number)
    ).mappings()
    sealed: list[tuple[Json, Json]] = []
    pulses_of: dict[int, int] = {}
    for train in trains.all():
        mine = connection.execute(
            select(*_PULSES)
            .where(PULSE.c.session_id == session["id"], PULSE.c.train_id == train["id"])
            .order_by(PULSE.c.number)
        ).all()
        values = {name: train[name] for name in TRAIN_COLUMNS}
        if train_digest(uid, values, [tuple(one) for one in mine]) != train["digest"]:
            return f"its train {train['number']} was altered"
        sealed.append((train["number"], train["digest"]))
        pulses_of[train["number"]] = len(mine)
    for number, pulses_begun in _begun(connection, closed).items():
        if pulses_of.get(number, -1) < pulses_begun:
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


def _begun(connection: Connection, closed: ClosedSession) -> dict[int, int]:
    """Return the trains that the chain says were begun, with their pulses, by number."""
    begun: dict[int, int] = {}
    prefix = train_subject(closed.uid, 0).removesuffix("0")
    for row in connection.execute(
        select(AUDIT.c.action, AUDIT.c.subject, AUDIT.c.detail)
        .where(AUDIT.c.console_uid == closed.console_uid, AUDIT.c.seq > closed.seq)
        .order_by(AUDIT.c.seq)
    ):
        if row.action == "session.end" and row.subject == f"session:{closed.uid}":
            break
        if row.action == "train.begin" and row.subject.startswith(prefix):
            begun[int(row.subject.removeprefix(prefix))] = int(json.loads(row.detail)["pulses"])
    return begun
