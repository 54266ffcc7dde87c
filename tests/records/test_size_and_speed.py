"""The budgets: bytes of a pulse on disk, audit rows of a session."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.records.recording import MS, begin_session, end_session, record, rows
from tms_console.records.database import Database
from tms_console.records.operations import (
    BeginTrain,
    EndTrain,
    Evidence,
    Operation,
    PulseOutcome,
    PulseResult,
    PulsesFinal,
    TrainCommanded,
    TrainOutcome,
    new_uid,
)
from tms_console.records.writer import WriterOptions


def long_session(uid: str, trains: int, due_ms: list[int], period_ms: int) -> list[Operation]:
    """A session as delivery writes it, one report at a time."""
    operations: list[Operation] = [begin_session(uid)]
    for train in range(trains):
        start = train * period_ms * MS
        first = train * len(due_ms) + 1
        due = tuple(start + offset * MS for offset in due_ms)
        operations += [
            BeginTrain(
                session_uid=uid,
                block=1,
                number=train + 1,
                intensity_pct_mso=54,
                planned_start_ns=start,
                first_pulse=first,
                planned_ns=due,
            ),
            TrainCommanded(session_uid=uid, train_number=train + 1, commanded_ns=start + 3_111),
        ]
        operations += [
            PulsesFinal(
                session_uid=uid,
                results=(
                    PulseResult(
                        number=first + k,
                        outcome=PulseOutcome.DELIVERED,
                        evidence=Evidence.REPORTED,
                        observed_ns=at + 2_123_456,
                        realised_a_us=130,
                    ),
                ),
            )
            for k, at in enumerate(due)
        ]
        operations.append(
            EndTrain(
                session_uid=uid,
                train_number=train + 1,
                started_ns=start + 2 * MS,
                ended_ns=due[-1] + 3 * MS,
                outcome=TrainOutcome.COMPLETED,
            )
        )
    return [*operations, end_session(uid)]


HF10 = (75, [k * 100 for k in range(40)], 30_000)
"""hf10-standard: 75 trains of 40 pulses at 10 Hz, 26 s apart (clinical.md)."""

ITBS = (20, [burst * 200 + k * 20 for burst in range(10) for k in range(3)], 10_000)
"""itbs-600: 20 trains of ten bursts of three pulses (clinical.md)."""


def bytes_of_table(database: Path, table: str) -> int:
    """Walk the b-tree of a table and return the bytes of all its pages."""
    content = database.read_bytes()
    size = int(rows(database, "PRAGMA page_size")[0][0])
    pages = [rows(database, "SELECT rootpage FROM sqlite_schema WHERE name = ?", table)[0][0]]
    for page in pages:
        at = (page - 1) * size
        kind, cells = content[at], struct.unpack(">H", content[at + 3 : at + 5])[0]
        if kind in {2, 5}:  # interior pages: sqlite.org/fileformat2.html 1.6
            pages.append(struct.unpack(">I", content[at + 8 : at + 12])[0])
            for cell in range(cells):
                place = struct.unpack(">H", content[at + 12 + 2 * cell : at + 14 + 2 * cell])[0]
                pages.append(struct.unpack(">I", content[at + place : at + place + 4])[0])
    return len(pages) * size


@pytest.mark.parametrize("pattern", [HF10, ITBS], ids=["hf10-standard", "itbs-600"])
def test_a_pulse_takes_at_most_72_bytes_on_disk(
    database: Database, pattern: tuple[int, list[int], int]
) -> None:
    """Rows grow when they are finalised; pages that were full would split and stay half empty."""
    uid = new_uid()
    operations = long_session(uid, *pattern)
    writer = record(database, uid, operations, options=WriterOptions())
    pulses = rows(database.path, "SELECT count(*) FROM pulse")[0][0]

    assert writer.failure is None
    assert pulses == pattern[0] * len(pattern[1])
    assert bytes_of_table(database.path, "pulse") / pulses <= 72


def test_a_session_of_3000_pulses_writes_no_audit_row_for_a_pulse_that_was_given(
    database: Database,
) -> None:
    """How long it takes is for the bench; that its rows do not grow with its pulses is tested."""
    uid = new_uid()
    operations = long_session(uid, *HF10)
    (before,) = rows(database.path, "SELECT count(*) FROM audit")[0]

    record(database, uid, operations, options=WriterOptions())

    (after,) = rows(database.path, "SELECT count(*) FROM audit")[0]
    assert after - before == 2 + 2 * HF10[0]
