"""What is on disk of a session while it runs, read a little at a time; and what was said of it.

Short reads of the newest rows by their key: the cost does not grow with the session.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from tms_console.records.database import Database
from tms_console.records.tables import EVENT, PULSE, SESSION, TRAIN

MOST_ROWS = 2_000
"""Read at once; a train that one command sets off has fewer pulses (60 s of it at 25 Hz: 1,500)."""

NOT_KNOWN_NS = -(2**62)
"""Stands for a time that the record does not have; no session lasts so long."""


@dataclass(frozen=True, slots=True, eq=False)
class NewPulses:
    """Pulses of a session from one number on, in order; all arrays are of one length.

    Attributes:
        number: From 1.
        train: The train's number; 0 for a pulse that nobody commanded.
        planned_ns: When it was due.
        commanded_ns: When its command went out.
        observed_ns: When it was seen.
        outcome: In words.
        evidence: In words.
    """

    number: NDArray[np.int64]
    train: NDArray[np.int64]
    planned_ns: NDArray[np.int64]
    commanded_ns: NDArray[np.int64]
    observed_ns: NDArray[np.int64]
    outcome: tuple[str, ...]
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SaidOfSession:
    """Something on record beside a session's pulses.

    Attributes:
        at_ns: From the session's origin.
        kind: In words, such as `note`.
        detail: What.
    """

    at_ns: int
    kind: str
    detail: str


def new_pulses(database: Database, session_uid: str, from_number: int) -> NewPulses:
    """Return the pulses of a session from one number on, `MOST_ROWS` at most.

    Raises:
        DatabaseUnusable: The file cannot be read.
    """
    query = (
        select(
            PULSE.c.number,
            TRAIN.c.number.label("train"),
            PULSE.c.planned_ns,
            PULSE.c.commanded_ns,
            PULSE.c.observed_ns,
            PULSE.c.outcome,
            PULSE.c.evidence,
        )
        .select_from(PULSE.outerjoin(TRAIN, TRAIN.c.id == PULSE.c.train_id))
        .where(
            PULSE.c.session_id
            == select(SESSION.c.id).where(SESSION.c.uid == session_uid).scalar_subquery(),
            PULSE.c.number >= from_number,
        )
        .order_by(PULSE.c.number)
        .limit(MOST_ROWS)
    )
    with database.reading() as connection:
        rows = connection.execute(query).all()
    columns = list(zip(*rows, strict=True)) if rows else [()] * 7
    return NewPulses(
        np.array(columns[0], np.int64),
        np.array([one or 0 for one in columns[1]], np.int64),
        _times(columns[2]),
        _times(columns[3]),
        _times(columns[4]),
        tuple(columns[5]),
        tuple(columns[6]),
    )


def said_of(database: Database, session_uid: str) -> tuple[SaidOfSession, ...]:
    """Return the events of a session, in the order in which they were put on record.

    Raises:
        DatabaseUnusable: The file cannot be read.
    """
    query = (
        select(EVENT.c.at_ns, EVENT.c.kind, EVENT.c.detail)
        .join(SESSION, SESSION.c.id == EVENT.c.session_id)
        .where(SESSION.c.uid == session_uid)
        .order_by(EVENT.c.id)
    )
    with database.reading() as connection:
        return tuple(SaidOfSession(*row) for row in connection.execute(query))


def _times(column: tuple[int | None, ...]) -> NDArray[np.int64]:
    return np.array([NOT_KNOWN_NS if one is None else one for one in column], np.int64)
