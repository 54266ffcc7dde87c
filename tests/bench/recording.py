"""What the record costs: durable pulses a second, and bytes of a pulse on disk.

Commits go through the writer of a real session, on the disk of the bench's folder.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from pathlib import Path

from sqlcipher3 import dbapi2

from tests.bench.figures import Finding, Goal, Line, NotMeasured, Series
from tests.records.recording import (
    MS,
    begin_session,
    begin_train,
    delivered,
    end_session,
    end_train,
    header_of,
)
from tms_console.records.database import Purpose, create_database
from tms_console.records.operations import (
    BeginPulse,
    BeginTrain,
    Operation,
    PulsesFinal,
    TrainCommanded,
    new_uid,
)
from tms_console.records.writer import ThreadedWriter, WriterOptions

DURABLE_GROUP = "Durable pulses, each commit waited for"
BYTES_GROUP = "Bytes a pulse on disk, of a finished session"

BYTES_GOAL = Goal("worst", 72.0)
"""architecture.md, "The record"."""

PULSES_OF_A_TRAIN = 30
"""itbs-600 (clinical.md)."""

COMMITTED_WITHIN_S = 10.0


class _NotCommitted(Exception):
    """The disk of the bench did not take a commit; the message says what."""


class _Timed:
    """A writer whose commits are waited for and timed."""

    def __init__(self, folder: Path, name: str) -> None:
        database = create_database(folder / f"{name}.db", Purpose.REHEARSAL)
        self.uid = new_uid()
        self.took_ms: list[float] = []
        header = header_of(database, self.uid)
        self._writer = ThreadedWriter(database, header, lambda _: None, WriterOptions())
        self._commit([begin_session(self.uid)])

    def _commit(self, operations: list[Operation]) -> None:
        tickets = [self._writer.submit(operation) for operation in operations]
        if not tickets[-1].wait(COMMITTED_WITHIN_S):
            raise _NotCommitted(self._writer.failure or "a commit took too long")

    def commit(self, *operations: Operation) -> None:
        """Commit together and note how long that took."""
        begun_ns = time.perf_counter_ns()
        self._commit(list(operations))
        self.took_ms.append((time.perf_counter_ns() - begun_ns) / 1e6)

    def end(self) -> None:
        """Close the session on record."""
        self._commit([end_session(self.uid)])
        self._writer.close()


def measure_durable(trains: int, pulses: int, folder: Path) -> Iterator[Finding]:
    """Commit train by train and pulse by pulse and yield rates and latencies."""
    try:
        yield from _by_train(trains, folder)
        yield from _by_pulse(pulses, folder)
    except (_NotCommitted, OSError) as error:
        yield NotMeasured(DURABLE_GROUP, str(error))


def _by_train(trains: int, folder: Path) -> Iterator[Finding]:
    """Two commits a train, as a session does: before the command, and with all reports."""
    timed, rates = _Timed(folder, "durable-trains"), []
    for number in range(1, trains + 1):
        first, begun_ns = 1 + (number - 1) * PULSES_OF_A_TRAIN, time.perf_counter_ns()
        begin = begin_train(timed.uid, number, first, PULSES_OF_A_TRAIN)
        due = begin.planned_ns
        timed.commit(begin)
        timed.commit(
            TrainCommanded(session_uid=timed.uid, train_number=number, commanded_ns=due[0] + 7_000),
            PulsesFinal(
                session_uid=timed.uid,
                results=tuple(
                    delivered(first + k, at + 2_123_456, realised_a_us=130)
                    for k, at in enumerate(due)
                ),
            ),
            end_train(timed.uid, number, due[0] + 2 * MS, due[-1] + 3 * MS),
        )
        rates.append(PULSES_OF_A_TRAIN / ((time.perf_counter_ns() - begun_ns) / 1e9))
    timed.end()
    yield _rate(f"two commits a train of {PULSES_OF_A_TRAIN}", rates)
    yield Line(DURABLE_GROUP, "  latency of such a commit", "ms", Series.of(timed.took_ms))


def _by_pulse(pulses: int, folder: Path) -> Iterator[Finding]:
    """Two commits a pulse, as at 1 Hz: before the command, and with its report."""
    timed, rates = _Timed(folder, "durable-pulses"), []
    timed.commit(
        BeginTrain(
            session_uid=timed.uid,
            block=1,
            number=1,
            intensity_pct_mso=54,
            planned_start_ns=0,
            first_pulse=1,
            planned_ns=(),
        )
    )
    timed.took_ms.clear()
    for number in range(1, pulses + 1):
        due_ns, begun_ns = number * 1_000 * MS, time.perf_counter_ns()
        timed.commit(
            BeginPulse(
                session_uid=timed.uid,
                train_number=1,
                number=number,
                intensity_pct_mso=54,
                planned_ns=due_ns,
            )
        )
        result = delivered(number, due_ns + 2 * MS, commanded_ns=due_ns + 7_000)
        timed.commit(PulsesFinal(session_uid=timed.uid, results=(result,)))
        rates.append(1 / ((time.perf_counter_ns() - begun_ns) / 1e9))
    timed.commit(end_train(timed.uid, 1, MS, pulses * 1_000 * MS))
    timed.took_ms.pop()
    timed.end()
    yield _rate("two commits a pulse", rates)
    yield Line(DURABLE_GROUP, "  latency of such a commit", "ms", Series.of(timed.took_ms))


def _rate(what: str, rates: list[float]) -> Line:
    return Line(
        DURABLE_GROUP,
        what,
        "pulses/s",
        Series.of(rates, more_is_better=True),
        note="of a rate the worst is the smallest",
    )


def measure_bytes(protocol: str, database: Path) -> Iterator[Finding]:
    """Yield the bytes a pulse of the one finished session in a database."""
    try:
        connection = dbapi2.connect(str(database))
        try:
            # everything is in the file itself once the log beside it is empty
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            pulses = connection.execute("SELECT count(*) FROM pulse").fetchone()[0]
            root = connection.execute(
                "SELECT rootpage FROM sqlite_schema WHERE name = 'pulse'"
            ).fetchone()[0]
            page_bytes = connection.execute("PRAGMA page_size").fetchone()[0]
        finally:
            connection.close()
        content = database.read_bytes()
    except (dbapi2.Error, OSError) as error:
        yield NotMeasured(BYTES_GROUP, f"{protocol}: {error}")
        return
    table = _pages_of_table(content, root, page_bytes) * page_bytes
    what = f"{protocol}, {pulses} pulses"
    yield Line(
        BYTES_GROUP, f"{what}: pulse table", "bytes", Series.of([table / pulses]), BYTES_GOAL
    )
    yield Line(
        BYTES_GROUP, f"{what}: whole file", "bytes", Series.of([len(content) / pulses]),
        note="frames of the wire, events, audit trail and indexes included",
    )  # fmt: skip


def _pages_of_table(content: bytes, root: int, page_bytes: int) -> int:
    """Count the pages of a table by walking its tree (sqlite.org/fileformat2.html 1.6)."""
    pages = [root]
    for page in pages:
        at = (page - 1) * page_bytes
        kind, cells = content[at], struct.unpack(">H", content[at + 3 : at + 5])[0]
        if kind not in {2, 5}:
            continue  # a leaf
        pages.append(struct.unpack(">I", content[at + 8 : at + 12])[0])
        for cell in range(cells):
            place = struct.unpack(">H", content[at + 12 + 2 * cell : at + 14 + 2 * cell])[0]
            pages.append(struct.unpack(">I", content[at + place : at + place + 4])[0])
    return len(pages)
