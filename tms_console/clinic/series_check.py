"""Compares each threshold that the console found with a replay of its series, in any file of ours.

For `records verify`: it needs no keys, and says nothing of who signed what.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

from protocols.canonical import JsonValue, Record
from protocols.finding_content import Aim
from protocols.finding_log import FindingLog
from tms_console.accounts.trust import OldSession
from tms_console.accounts.verification import sessions_in
from tms_console.clinic.measurement import Measurement
from tms_console.clinic.series import Series, found_otherwise
from tms_console.records.clinical import RecordKind, StoredRecord
from tms_console.records.connections import reading
from tms_console.records.database import identify
from tms_console.records.finding_rows import finding_log_in
from tms_console.records.findings import Finding
from tms_console.records.operations import SessionKind
from tms_console.records.registry import registry_rows, stored_records


def thresholds_found_otherwise(path: Path) -> tuple[Finding, ...]:
    """Return every threshold that its series does not give, and each but the first of one series.

    Args:
        path: A file that holds people's records.

    Raises:
        DatabaseUnusable: It cannot be read.
    """
    found, given = [], set[str]()
    with reading(path, "inspect") as connection:
        console_uid = identify(connection, path).console_uid
        sessions = sessions_in(registry_rows(connection, console_uid))
        log_of = partial(finding_log_in, connection)
        orders = {
            _text(one, "session_uid"): one
            for one in stored_records(connection, RecordKind.START_ORDER)
        }
        for record in stored_records(connection, RecordKind.THRESHOLD):
            uid = _text(record, "session_uid")
            words = _otherwise(log_of, record, sessions.get(uid), orders.get(uid))
            if not words and _is_result(record):
                words = "Another threshold is on record from the same series." * (uid in given)
                given.add(uid)
            if words:
                found.append(Finding(f"threshold {record.uid}", words))
    return tuple(found)


def _otherwise(
    log_of: Callable[[str], FindingLog],
    record: StoredRecord,
    session: OldSession | None,
    order: StoredRecord | None,
) -> str:
    try:
        if "found" not in record.values:
            return ""  # somebody entered it
        measured = Measurement.from_record(Record(cast("JsonValue", record.values)))
        if session is None or session.begun.get("kind") != SessionKind.THRESHOLD or order is None:
            return "No search for a threshold is on record that gave it."
        return found_otherwise(measured, _series(log_of(session.uid), session, order))
    except (ValueError, TypeError) as error:
        return f"Its series cannot be replayed: {error}."


def _is_result(record: StoredRecord) -> bool:
    """Return whether it is what a search gave, and no correction of that."""
    values = record.values
    return values.get("found") is not None and values.get("supersedes") is None


def _series(log: FindingLog, session: OldSession, order: StoredRecord) -> Series:
    ended = session.ended or {}
    return Series(
        session_uid=session.uid,
        patient_uid=_text(order, "patient_uid"),
        aim=Aim.from_record(Record(cast("JsonValue", order.values.get("finding")))),
        operator_uid="",
        operator="",
        started_at=str(session.begun.get("started_at")),
        ended_at=str(ended.get("ended_at") or ""),
        state=str(ended.get("state") or ""),
        reason="",
        log=log,
        threshold_uid="",
    )


def _text(record: StoredRecord, name: str) -> str:
    """Return a member of a record that may be broken; `records verify` names those elsewhere."""
    try:
        return str(record.values.get(name))
    except (ValueError, TypeError):
        return ""
