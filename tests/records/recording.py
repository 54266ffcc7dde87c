"""Sessions to put on record in tests, and a hand that tampers with the file afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from drivers.interface import Direction, Frame
from tms_console.records.connections import raw_connection
from tms_console.records.database import Database, Purpose, create_database
from tms_console.records.left_behind import UnsavedHeader
from tms_console.records.operations import (
    BeginPulse,
    BeginSession,
    BeginTrain,
    EndSession,
    EndTrain,
    EventKind,
    Evidence,
    Frames,
    Operation,
    PulseOutcome,
    PulseResult,
    PulsesFinal,
    SessionEvent,
    SessionKind,
    SessionState,
    TrainCommanded,
    TrainOutcome,
    UnplannedPulse,
    new_uid,
)
from tms_console.records.writer import InlineWriter, OnFailure, SessionWriter, WriterOptions

MS = 1_000_000
STARTED = "2026-03-01T09:00:00Z"


def wall_clock() -> Any:
    """Return a wall clock that moves by one second at every look."""
    seconds = count()
    return lambda: f"2026-03-01T09:{(n := next(seconds)) // 60 % 60:02}:{n % 60:02}.000000Z"


def new_database(folder: Path, name: str = "rehearsals.db") -> Database:
    return create_database(folder / name, Purpose.REHEARSAL, wall=wall_clock())


def begin_session(uid: str, **changed: Any) -> BeginSession:
    values: dict[str, Any] = {
        "uid": uid,
        "kind": SessionKind.REHEARSAL,
        "device_model": "MagPro X100",
        "device_serial": "4711",
        "device_firmware": "7.1",
        "simulated_proof": "built by this process",
        "coil": "MCF-B65",
        "software_version": "0.1.0",
        "realtime_priority": "not granted",
        "started_at": STARTED,
        "origin_wall": STARTED,
        "actor": "rehearsal",
    }
    return BeginSession(**values | changed)


def header_of(database: Database, uid: str) -> UnsavedHeader:
    return UnsavedHeader(uid, database.uid, database.console_uid, STARTED, "/dev/ttyX", "magpro")


def delivered(number: int, observed_ns: int | None, **changed: Any) -> PulseResult:
    values: dict[str, Any] = {
        "number": number,
        "outcome": PulseOutcome.DELIVERED,
        "evidence": Evidence.INFERRED if observed_ns is None else Evidence.REPORTED,
        "observed_ns": observed_ns,
    }
    return PulseResult(**values | changed)


def begin_train(uid: str, number: int = 1, first: int = 1, pulses: int = 4) -> BeginTrain:
    start = (number - 1) * 10_000 * MS
    return BeginTrain(
        session_uid=uid,
        block=1,
        number=number,
        intensity_pct_mso=54,
        planned_start_ns=start,
        first_pulse=first,
        planned_ns=tuple(start + k * 100 * MS for k in range(pulses)),
    )


def whole_train(uid: str, number: int = 1, first: int = 1, pulses: int = 4) -> list[Operation]:
    """One train, delivered and reported pulse by pulse."""
    begin = begin_train(uid, number, first, pulses)
    due = begin.planned_ns
    results: list[Operation] = [
        PulsesFinal(
            session_uid=uid,
            results=(delivered(first + k, due[k] + 2_123_456, realised_a_us=130),),
        )
        for k in range(pulses)
    ]
    return [
        begin,
        TrainCommanded(session_uid=uid, train_number=number, commanded_ns=due[0] + 7_000),
        *results,
        end_train(uid, number, due[0] + 2 * MS, due[-1] + 3 * MS),
    ]


def end_train(
    uid: str,
    number: int = 1,
    started_ns: int | None = None,
    ended_ns: int | None = None,
    outcome: TrainOutcome = TrainOutcome.COMPLETED,
) -> EndTrain:
    return EndTrain(
        session_uid=uid,
        train_number=number,
        started_ns=started_ns,
        ended_ns=ended_ns,
        outcome=outcome,
    )


def end_session(uid: str, state: SessionState = SessionState.COMPLETED) -> EndSession:
    return EndSession(
        session_uid=uid, state=state, end_reason="complete", ended_at="2026-03-01T09:03:12Z"
    )


def event(uid: str, detail: str, kind: EventKind = EventKind.NOTE) -> SessionEvent:
    return SessionEvent(uid=new_uid(), session_uid=uid, at_ns=5 * MS, kind=kind, detail=detail)


def frames(uid: str | None, *data: bytes) -> Frames:
    return Frames(
        session_uid=uid,
        frames=tuple(Frame(k * MS, Direction.SENT, bytes_) for k, bytes_ in enumerate(data)),
    )


def rich_session(uid: str) -> list[Operation]:
    """A session in which every kind of row and most outcomes occur."""
    hosted = BeginTrain(
        session_uid=uid,
        block=2,
        number=2,
        intensity_pct_mso=60,
        planned_start_ns=20_000 * MS,
        first_pulse=5,
        planned_ns=(),
    )
    pulse = BeginPulse(
        session_uid=uid,
        train_number=2,
        number=5,
        intensity_pct_mso=60,
        planned_ns=20_000 * MS,
    )
    unknown = PulseResult(
        number=5,
        outcome=PulseOutcome.UNKNOWN,
        evidence=Evidence.NONE,
        commanded_ns=20_000 * MS + 11_000,
    )
    unplanned = UnplannedPulse(
        session_uid=uid,
        number=100,
        train_number=2,
        intensity_pct_mso=60,
        observed_ns=20_500 * MS,
        evidence=Evidence.REPORTED,
    )
    stray = UnplannedPulse(
        session_uid=uid,
        number=101,
        train_number=None,
        intensity_pct_mso=None,
        observed_ns=None,
        evidence=Evidence.INFERRED,
    )
    return [
        begin_session(uid),
        event(uid, "ready", EventKind.STATE),
        frames(uid, b"\xfe\x01", b"\xff"),
        *whole_train(uid),
        event(uid, "the patient asked for it", EventKind.PAUSE),
        hosted,
        pulse,
        PulsesFinal(session_uid=uid, results=(unknown,)),
        unplanned,
        end_train(uid, 2, outcome=TrainOutcome.FAILED),
        stray,
        event(uid, "tingling of the scalp", EventKind.ADVERSE_EVENT),
        end_session(uid, SessionState.FAILED),
    ]


def record(
    database: Database,
    uid: str,
    operations: Sequence[Operation],
    *,
    writer: type[SessionWriter] = InlineWriter,
    on_failure: OnFailure = lambda _: None,
    options: WriterOptions | None = None,
) -> SessionWriter:
    """Put operations on record through a writer, one after the other, and close it."""
    chosen = options or WriterOptions(wall=wall_clock())
    with writer(database, header_of(database, uid), on_failure, chosen) as open_writer:
        for operation in operations:
            open_writer.submit(operation)
    return open_writer


def rows(database: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Read with any SQLite tool that has the key, as QA would."""
    connection = raw_connection(database)
    try:
        return [tuple(row) for row in connection.execute(query, values)]
    finally:
        connection.close()


@contextmanager
def tampering(database: Path) -> Iterator[Any]:
    """Give a connection on which no rule of ours holds; the triggers are back afterwards."""
    connection = raw_connection(database)
    try:
        for pragma in ("ignore_check_constraints = ON", "foreign_keys = OFF"):
            connection.execute(f"PRAGMA {pragma}")
        triggers = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        for _, sql in triggers:
            connection.execute(sql)
    finally:
        connection.close()
