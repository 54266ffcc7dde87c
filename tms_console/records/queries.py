"""What the record says, as frozen values: sessions, their numbers, their pulses.

Short reads on `query_only` connections; nothing is changed and nothing is guessed: a time that
nobody saw stays masked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, ScalarSelect, Table, func, select

from tms_console.records.audit import newest_head
from tms_console.records.database import Database
from tms_console.records.errors import RecordsError
from tms_console.records.heads import ChainHead
from tms_console.records.tables import AUDIT, PULSE, SESSION, TRAIN

Times: TypeAlias = "np.ma.MaskedArray[Any, np.dtype[np.int64]]"
"""Nanoseconds, masked where the record has NULL."""


@dataclass(frozen=True, slots=True)
class SessionLine:
    """One session in a list."""

    uid: str
    kind: str
    simulated: bool
    state: str
    started_at: str
    ended_at: str | None
    end_reason: str | None
    device: str
    trains: int
    pulses: int
    delivered: int
    unknown: int
    unplanned: int


@dataclass(frozen=True, slots=True)
class Spread:
    """Three numbers of a distribution, in microseconds."""

    p50: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """The numbers of one session.

    Attributes:
        line: What a list shows of it.
        outcomes: Pulses per outcome; those that occur.
        evidence: Pulses per class of evidence; those that occur.
        intensities_pct_mso: Every intensity at which a train ran, in order of first use.
        planned_s: First to last due time of the trains on record, in seconds.
        duration_s: First command to the last moment at which a pulse was seen or commanded, in
            seconds, or at which one that is inferred was due after its train's command; None if
            nothing was commanded.
        lateness_us: Command after due time, of train starts and host-timed pulses; signed.
        spacing_us: How far seen pulses were from their planned distance to the first seen pulse of
            their train; the first itself is left out; without sign.
    """

    line: SessionLine
    outcomes: dict[str, int]
    evidence: dict[str, int]
    intensities_pct_mso: tuple[int, ...]
    planned_s: float
    duration_s: float | None
    lateness_us: Spread | None
    spacing_us: Spread | None


@dataclass(frozen=True, slots=True)
class PulseTable:
    """The pulses of a session in order of number; all arrays are of one length.

    Attributes:
        number: From 1.
        train: The train's number in the session; 0 for an unplanned pulse outside any train.
        intensity_pct_mso: Masked where nobody knows it.
        planned_ns: Due times, as all times offsets from the session's origin.
        commanded_ns: When the command that set the pulse off went to the port.
        observed_ns: When this very pulse was seen.
        realised_a_us: The device's own di/dt in A/us.
        outcome: Words.
        evidence: Words.
    """

    number: NDArray[np.int64]
    train: NDArray[np.int64]
    intensity_pct_mso: Times
    planned_ns: Times
    commanded_ns: Times
    observed_ns: Times
    realised_a_us: Times
    outcome: NDArray[np.str_]
    evidence: NDArray[np.str_]


def _number(table: Table, outcome: str | None = None) -> ScalarSelect[int]:
    counted = select(func.count()).where(table.c.session_id == SESSION.c.id)
    if outcome is not None:
        counted = counted.where(table.c.outcome == outcome)
    return counted.correlate(SESSION).scalar_subquery()


_LINES = select(
    SESSION,
    _number(TRAIN).label("trains"),
    _number(PULSE).label("pulses"),
    _number(PULSE, "delivered").label("delivered"),
    _number(PULSE, "unknown").label("unknown"),
    _number(PULSE, "unplanned").label("unplanned"),
).order_by(SESSION.c.id)


def list_sessions(database: Database) -> tuple[SessionLine, ...]:
    """Return every session of the database, the oldest first.

    Raises:
        DatabaseUnusable: The file cannot be read.
    """
    with database.reading() as connection:
        return tuple(_line(row) for row in connection.execute(_LINES))


def session_pulses(database: Database, uid: str) -> PulseTable:
    """Return the pulses of a session.

    Raises:
        RecordsError: There is no such session.
        DatabaseUnusable: The file cannot be read.
    """
    with database.reading() as connection:
        return _pulses(connection, _session(connection, database, uid).id)


def summarise_session(database: Database, uid: str) -> SessionSummary:
    """Return the numbers of one session, from one state of the file.

    Raises:
        RecordsError: There is no such session.
        DatabaseUnusable: The file cannot be read.
    """
    with database.reading() as connection:
        row = _session(connection, database, uid)
        pulses = _pulses(connection, row.id)
        intensities = connection.execute(
            select(TRAIN.c.intensity_pct_mso)
            .where(TRAIN.c.session_id == row.id)
            .order_by(TRAIN.c.number)
        ).scalars()
        used = tuple(dict.fromkeys(intensities))
    planned = pulses.planned_ns.compressed()
    return SessionSummary(
        line=_line(row),
        outcomes=_count(pulses.outcome),
        evidence=_count(pulses.evidence),
        intensities_pct_mso=used,
        planned_s=float(planned[-1] - planned[0]) / 1e9 if planned.size else 0.0,
        duration_s=_duration_s(pulses),
        lateness_us=_spread(_lateness_ns(pulses)),
        spacing_us=_spread(_spacing_ns(pulses)),
    )


def newest_audit_time(database: Database) -> str:
    """Return the wall time of the newest audit row; an earlier clock closes the gate.

    Raises:
        DatabaseUnusable: The file cannot be read.
    """
    with database.reading() as connection:
        return str(connection.execute(select(func.max(AUDIT.c.at))).scalar_one())


def newest_chain_head(database: Database) -> ChainHead:
    """Return where this console's chain ends in the file.

    Raises:
        RecordsError: It has none.
        DatabaseUnusable: The file cannot be read.
    """
    with database.reading() as connection:
        head = newest_head(connection, database.uid, database.console_uid)
    if head is None:
        raise RecordsError(f"{database.path}: there is no audit chain")
    return head


def _session(connection: Connection, database: Database, uid: str) -> Row[Any]:
    found = connection.execute(_LINES.where(SESSION.c.uid == uid)).first()
    if found is None:
        raise RecordsError(f"{database.path}: there is no session {uid}")
    return found


def _line(row: Row[Any]) -> SessionLine:
    return SessionLine(
        uid=row.uid,
        kind=row.kind,
        simulated=row.simulated == 1,
        state=row.state,
        started_at=row.started_at,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
        device=f"{row.device_model} {row.device_serial}".strip(),
        trains=row.trains,
        pulses=row.pulses,
        delivered=row.delivered,
        unknown=row.unknown,
        unplanned=row.unplanned,
    )


def _pulses(connection: Connection, session: int) -> PulseTable:
    rows = connection.execute(
        select(
            PULSE.c.number,
            func.coalesce(TRAIN.c.number, 0),
            PULSE.c.intensity_pct_mso,
            PULSE.c.planned_ns,
            PULSE.c.commanded_ns,
            PULSE.c.observed_ns,
            PULSE.c.realised_a_us,
            PULSE.c.outcome,
            PULSE.c.evidence,
        )
        .outerjoin(TRAIN, TRAIN.c.id == PULSE.c.train_id)
        .where(PULSE.c.session_id == session)
        .order_by(PULSE.c.number)
    ).all()
    columns = list(zip(*rows, strict=True)) if rows else [()] * 9
    return PulseTable(
        number=np.array(columns[0], np.int64),
        train=np.array(columns[1], np.int64),
        intensity_pct_mso=_times(columns[2]),
        planned_ns=_times(columns[3]),
        commanded_ns=_times(columns[4]),
        observed_ns=_times(columns[5]),
        realised_a_us=_times(columns[6]),
        outcome=np.array(columns[7], np.str_),
        evidence=np.array(columns[8], np.str_),
    )


def _times(column: tuple[int | None, ...]) -> Times:
    missing = [value is None for value in column]
    return np.ma.array(np.array([value or 0 for value in column], np.int64), mask=missing)


def _count(words: NDArray[np.str_]) -> dict[str, int]:
    found, counts = np.unique(words, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _duration_s(pulses: PulseTable) -> float | None:
    commanded, seen = pulses.commanded_ns.compressed(), pulses.observed_ns.compressed()
    if not commanded.size:
        return None
    last_ns = max(commanded.max(), seen.max(initial=0), _inferred_ns(pulses).max(initial=0))
    return float(last_ns - commanded.min()) / 1e9


def _inferred_ns(pulses: PulseTable) -> NDArray[np.int64]:
    """Return when pulses that were given and not seen were due after the command of their train."""
    masked = np.ma.getmaskarray
    known = ~(masked(pulses.commanded_ns) | masked(pulses.planned_ns))
    commanded, planned = pulses.commanded_ns.data[known], pulses.planned_ns.data[known]
    _, first, of_command = np.unique(commanded, return_index=True, return_inverse=True)
    unseen = masked(pulses.observed_ns)[known] & (pulses.outcome[known] == "delivered")
    due: NDArray[np.int64] = (commanded + planned - planned[first][of_command])[unseen]
    return due


def _lateness_ns(pulses: PulseTable) -> NDArray[np.int64]:
    """One value per command: pulses that one command set off count once, by the first."""
    known = ~(np.ma.getmaskarray(pulses.commanded_ns) | np.ma.getmaskarray(pulses.planned_ns))
    commands = np.stack((pulses.train[known], pulses.commanded_ns.data[known]), axis=1)
    _, first = np.unique(commands, axis=0, return_index=True)
    late: NDArray[np.int64] = (pulses.commanded_ns.data - pulses.planned_ns.data)[known][first]
    return late


def _spacing_ns(pulses: PulseTable) -> NDArray[np.int64]:
    seen = ~(np.ma.getmaskarray(pulses.observed_ns) | np.ma.getmaskarray(pulses.planned_ns))
    off = (pulses.observed_ns.data - pulses.planned_ns.data)[seen]
    _, first, of_train = np.unique(pulses.train[seen], return_index=True, return_inverse=True)
    later = np.ones(off.size, np.bool_)
    later[first] = False
    spaced: NDArray[np.int64] = np.abs(off - off[first][of_train])[later]
    return spaced


def _spread(values_ns: NDArray[np.int64]) -> Spread | None:
    if not values_ns.size:
        return None
    p50, p99 = np.percentile(values_ns, (50, 99)) / 1e3
    return Spread(float(p50), float(p99), float(values_ns.max()) / 1e3)
