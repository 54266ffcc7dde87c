"""What of `<database>.unsaved` is not in the database yet, so that reading it in is idempotent.

A COMMIT that raised may have happened all the same: every kind of operation is recognised by what
it would have left.  Writing is `storing`'s affair.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, Table, select

from tms_console.records.canonical import canonical_text
from tms_console.records.clinical_tables import RECORDS
from tms_console.records.operations import (
    AddRecord,
    AuditNote,
    BeginPulse,
    BeginSession,
    BeginTrain,
    EndSession,
    EndTrain,
    Frames,
    Operation,
    PulsesFinal,
    SessionEvent,
    SetCredential,
    UnplannedPulse,
)
from tms_console.records.storing import credential_detail
from tms_console.records.tables import AUDIT, FRAME, PULSE, SESSION, TRAIN


def missing_part(connection: Connection, operation: Operation) -> Operation | None:
    """Return what of an operation is not on record, None if all of it is."""
    if isinstance(operation, PulsesFinal):
        return _missing_results(connection, operation)
    return None if _is_stored(connection, operation) else operation


def _is_stored(connection: Connection, operation: Operation) -> bool:
    match operation:
        case BeginSession(uid=uid):
            return _any(connection, SESSION, SESSION.c.uid == uid)
        case EndSession(session_uid=uid):
            return _any(connection, SESSION, SESSION.c.uid == uid, SESSION.c.state != "running")
        case BeginTrain(session_uid=uid, number=number):
            return _any(connection, TRAIN, _in_session(TRAIN, uid), TRAIN.c.number == number)
        case EndTrain(session_uid=uid, train_number=number):
            return _any(
                connection,
                TRAIN,
                _in_session(TRAIN, uid),
                TRAIN.c.number == number,
                TRAIN.c.digest.is_not(None),
            )
        case (
            BeginPulse(session_uid=uid, number=number)
            | UnplannedPulse(session_uid=uid, number=number)
        ):
            return _any(connection, PULSE, _in_session(PULSE, uid), PULSE.c.number == number)
        case SessionEvent(uid=uid):
            return _any(connection, AUDIT, AUDIT.c.subject == f"event:{uid}")
        case AuditNote(uid=uid, action=action):
            written = AUDIT.c.detail.contains(f'"uid":"{uid}"', autoescape=True)
            return _any(connection, AUDIT, AUDIT.c.action == action, written)
        case AddRecord(kind=kind, uid=uid, content=content):
            # another content under this uid is not this record: storing it then says so
            table = RECORDS[kind]
            return _any(connection, table, table.c.uid == uid, table.c.content == content)
        case SetCredential(user_uid=uid):
            # by its audit row: what replaced it since must not be replaced by it
            entered = canonical_text(credential_detail(operation.row()))
            return _any(
                connection,
                AUDIT,
                AUDIT.c.action == "credential.set",
                AUDIT.c.subject == f"user:{uid}",
                AUDIT.c.detail == entered,
            )
        case Frames():
            return _frames_are_stored(connection, operation)
        case _:  # TrainCommanded only fills what is empty
            return False


def _in_session(table: Table, uid: str) -> ColumnElement[bool]:
    return table.c.session_id == select(SESSION.c.id).where(SESSION.c.uid == uid).scalar_subquery()


def _any(connection: Connection, table: Table, *conditions: ColumnElement[bool]) -> bool:
    columns = list(table.primary_key.columns)
    return connection.execute(select(*columns).where(*conditions).limit(1)).first() is not None


def _missing_results(connection: Connection, final: PulsesFinal) -> PulsesFinal | None:
    numbers = [result.number for result in final.results]
    settled = set(
        connection.execute(
            select(PULSE.c.number).where(
                _in_session(PULSE, final.session_uid),
                PULSE.c.number.in_(numbers),
                PULSE.c.outcome != "commanded",
            )
        ).scalars()
    )
    left = tuple(result for result in final.results if result.number not in settled)
    return replace(final, results=left) if left else None


def _frames_are_stored(connection: Connection, frames: Frames) -> bool:
    """A batch is there whole or not at all; frames have no key, so their values are counted."""
    wanted = Counter((frame.at_ns, frame.direction.value, frame.data) for frame in frames.frames)
    inside = (
        FRAME.c.session_id.is_(None)
        if frames.session_uid is None
        else _in_session(FRAME, frames.session_uid)
    )
    found = Counter(
        (row.at_ns, row.direction, row.bytes)
        for row in connection.execute(
            select(FRAME.c.at_ns, FRAME.c.direction, FRAME.c.bytes).where(
                inside, FRAME.c.at_ns.in_({at_ns for at_ns, _, _ in wanted})
            )
        )
    )
    return wanted <= found
