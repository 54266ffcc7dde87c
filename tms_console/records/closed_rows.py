"""Are the rows of one closed session still what its closing entry sealed?

Asked before a session is resumed, which begins where these rows say the last one ended.  What the
chain itself is worth is for whoever hands in its words.
"""

from __future__ import annotations

from collections.abc import Mapping

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
)
from tms_console.records.tables import PULSE, SESSION, TRAIN

_PULSES = [PULSE.c[name] for name in PULSE_COLUMNS]


def altered(
    connection: Connection, uid: str, begun: Mapping[str, Json], ended: Mapping[str, Json]
) -> str:
    """Return what of a closed session's rows is not what was sealed, in words; "" if all of it is.

    Notes and adverse events may follow a session's end and are not looked at.

    Args:
        connection: Any connection.
        uid: The session.
        begun: What its first audit row states.
        ended: What its closing entry states.
    """
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
