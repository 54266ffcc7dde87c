"""The rules that any SQLite tool must obey: columns, constraints and triggers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table
from sqlalchemy.dialects.sqlite import dialect
from sqlcipher3 import dbapi2
from sqlmodel import SQLModel

from tests.records.recording import begin_session, begin_train, record, rich_session, rows
from tms_console.records import tables
from tms_console.records.database import Database, schema_scripts
from tms_console.records.operations import new_uid

PROMISED = {
    "session": "id uid console_uid kind authority_uid authority_digest threshold_id resumes_uid "
    "technician_id device_model device_serial device_firmware simulated simulated_proof coil "
    "software_version realtime_priority started_at ended_at end_reason origin_wall state",
    "train": "id session_id block number intensity_pct_mso planned_start_ns started_ns ended_ns "
    "outcome digest",
    "pulse": "session_id number train_id intensity_pct_mso planned_ns commanded_ns observed_ns "
    "realised_a_us outcome evidence",
    "session_event": "id session_id at_ns kind detail",
    "device_frame": "session_id at_ns direction bytes",
    "audit": "seq console_uid at actor action subject detail previous_hash hash",
}

_RECORD = "id uid seq at actor content"
_STATEMENT = f"{_RECORD} signature"

PROMISED_RECORDS = {
    "user": f"{_RECORD} login name",
    "enrolment": f"{_STATEMENT} user_uid role grade public_key signer_uid after_reset",
    "enrolment_end": f"{_STATEMENT} enrolment_uid why signer_uid",
    "key_confirmation": f"{_STATEMENT} enrolment_uid signer_uid",
    "signature": f"{_STATEMENT} meaning subject_kind subject_uid subject_digest patient_uid "
    "enrolment_uid",
    "start_order": f"{_STATEMENT} authority_uid authority_digest patient_uid threshold_uid "
    "session_uid nonce enrolment_uid",
    "restore": f"{_STATEMENT} enrolment_uid present_seq missing_from_seq",
    "clock_correction": f"{_STATEMENT} enrolment_uid newest_at reason",
    "seal": f"{_STATEMENT} sealed_seq sealed_hash why",
    "patient": f"{_RECORD} patient_uid version supersedes record_number name birth_date",
    "threshold": f"{_RECORD} patient_uid threshold_kind muscle side coil method value_pct_mso "
    "measured_at supersedes",
    "positioning": f"{_RECORD} patient_uid method supersedes",
    "prescription": f"{_RECORD} prescription_uid version patient_uid supersedes protocol_id",
    "policy": f"{_RECORD} version supersedes",
    "form_answers": f"{_RECORD} form_id form_version patient_uid answered_at supersedes",
    "adverse_event": f"{_RECORD} patient_uid session_uid what severity supersedes",
    "attachment": f"{_RECORD} data media_type sha256",
}
"""Append-only records; what comes after `content` and `signature` is computed from it."""

PROMISED_OTHERS = {
    "credential": "user_uid parameters salt verifier sealed_key public_key must_change set_at",
}

ALL_PROMISED = PROMISED | PROMISED_RECORDS | PROMISED_OTHERS


@pytest.fixture
def hand(database: Database) -> Any:
    """Any SQLite tool: no setting of ours but foreign keys, as somebody careful would."""
    connection = dbapi2.connect(str(database.path), isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = OFF")
    yield connection
    connection.close()


@pytest.fixture
def closed(database: Database) -> Database:
    """A database with one closed session, in which every kind of row occurs."""
    uid = new_uid()
    assert record(database, uid, rich_session(uid)).failure is None
    return database


@pytest.fixture
def running(database: Database) -> Database:
    """A database with one running session and one running train of four pulses."""
    uid = new_uid()
    assert record(database, uid, [begin_session(uid), begin_train(uid)]).failure is None
    return database


@pytest.mark.parametrize("table", ALL_PROMISED)
def test_the_promised_columns_are_there_and_strict(database: Database, table: str) -> None:
    columns = [row[1] for row in rows(database.path, f"PRAGMA table_xinfo({table})")]
    strict = rows(database.path, "SELECT strict FROM pragma_table_list WHERE name = ?", table)

    assert columns == ALL_PROMISED[table].split()
    assert strict == [(1,)]


@pytest.mark.parametrize("table", SQLModel.metadata.tables.values(), ids=lambda table: table.name)
def test_the_classes_describe_the_tables_that_the_scripts_make(
    database: Database, table: Table
) -> None:
    """Names, types, nullability and keys; SQLModel would also happily write to other columns."""
    described = {
        column.name: (
            column.type.compile(dialect=dialect()),
            not column.nullable,
            column.primary_key,
        )
        for column in table.columns
    }
    real = {
        name: (kind, bool(notnull), bool(key))
        for _, name, kind, notnull, _, key, _ in rows(
            database.path, f"PRAGMA table_xinfo({table.name})"
        )
    }

    assert described == real
    assert set(SQLModel.metadata.tables) == set(ALL_PROMISED)


def test_the_scripts_alone_make_tables() -> None:
    source = Path(tables.__file__).read_text()

    assert "create_all" not in source
    assert schema_scripts().count("CREATE TABLE") == len(ALL_PROMISED)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE pulse SET outcome = 'gone'",
        "UPDATE pulse SET commanded_ns = 'abc'",
        "UPDATE pulse SET commanded_ns = 0.5",
        "UPDATE pulse SET commanded_ns = 9007199254740992",
        "UPDATE pulse SET outcome = 'delivered'",
        "UPDATE pulse SET outcome = 'delivered', evidence = 'reported'",
        "UPDATE pulse SET outcome = 'delivered', evidence = 'inferred', observed_ns = 5",
        "UPDATE pulse SET outcome = 'unknown', evidence = 'guessed'",
        "UPDATE pulse SET outcome = 'unknown', realised_a_us = -1",
        "UPDATE pulse SET outcome = 'not_delivered', realised_a_us = 1",
        "UPDATE train SET outcome = 'completed'",
        "UPDATE session SET state = 'completed', end_reason = 'x'",
        "UPDATE session SET state = 'completed', ended_at = '2026-01-01T00:00:00Z'",
        "UPDATE session SET state = 'done', ended_at = '2026-01-01T00:00:00Z', end_reason = 'x'",
        "INSERT INTO session_event VALUES (NULL, 1, 0, 'gossip', '')",
        "INSERT INTO session_event VALUES (NULL, 99, 0, 'note', '')",
        "INSERT INTO device_frame VALUES (1, 0, 'sideways', x'00')",
        "INSERT INTO pulse VALUES (1, 0, 1, 54, 1, NULL, NULL, NULL, 'commanded', 'none')",
        "INSERT INTO pulse VALUES (1, 9, 1, 101, 1, NULL, NULL, NULL, 'commanded', 'none')",
        "INSERT INTO pulse VALUES (1, 9, 1, 54, NULL, NULL, NULL, NULL, 'commanded', 'none')",
        "INSERT INTO pulse VALUES (1, 9, NULL, 54, 1, NULL, NULL, NULL, 'commanded', 'none')",
        "INSERT INTO pulse VALUES (1, 9, 1, 54, 1, NULL, NULL, NULL, 'unplanned', 'inferred')",
        "INSERT INTO pulse VALUES (1, 9, 1, 54, NULL, 7, NULL, NULL, 'unplanned', 'inferred')",
    ],
)
@pytest.mark.usefixtures("running")
def test_a_row_that_cannot_be_true_is_refused(hand: Any, statement: str) -> None:
    with pytest.raises(dbapi2.IntegrityError):
        hand.execute(statement)


@pytest.mark.parametrize("table", PROMISED)
@pytest.mark.usefixtures("closed")
def test_nothing_is_ever_deleted(hand: Any, table: str) -> None:
    with pytest.raises(dbapi2.IntegrityError, match=r"nothing is ever deleted|never changed"):
        hand.execute(f"DELETE FROM {table}")


@pytest.mark.parametrize("table", PROMISED)
@pytest.mark.usefixtures("closed")
def test_a_row_cannot_be_replaced_either(hand: Any, table: str) -> None:
    """INSERT OR REPLACE deletes without asking delete triggers unless recursive_triggers is on."""
    key = "rowid, " if table == "device_frame" else ""
    before = hand.execute(f"SELECT {key}* FROM {table}").fetchall()

    with pytest.raises(dbapi2.IntegrityError):
        hand.execute(
            f"INSERT OR REPLACE INTO {table} ({key}{', '.join(PROMISED[table].split())}) "
            f"SELECT {key}* FROM {table}"
        )

    assert hand.execute(f"SELECT {key}* FROM {table}").fetchall() == before


@pytest.mark.parametrize(
    ("table", "column"),
    [(table, column) for table, columns in PROMISED.items() for column in columns.split()],
)
@pytest.mark.usefixtures("closed")
def test_no_column_of_a_finished_row_can_be_changed(hand: Any, table: str, column: str) -> None:
    with pytest.raises(dbapi2.IntegrityError, match=r"immutable|never changed"):
        hand.execute(f"UPDATE {table} SET {column} = {column}")


@pytest.mark.parametrize(
    ("table", "column"),
    [
        (table, column)
        for table in ("session", "train", "pulse")
        for column in PROMISED[table].split()
        if column
        not in {"state", "ended_at", "end_reason", "started_ns", "ended_ns", "digest", "outcome"}
        | {"commanded_ns", "observed_ns", "realised_a_us", "evidence"}
    ],
)
@pytest.mark.usefixtures("running")
def test_what_was_planned_cannot_be_changed_while_it_runs(
    hand: Any, table: str, column: str
) -> None:
    ending = {
        "session": "state = 'stopped', ended_at = '2026-01-01T00:00:00Z', end_reason = 'x'",
        "train": f"outcome = 'stopped', digest = '{'0' * 64}'",
        "pulse": "outcome = 'unknown'",
    }[table]
    value = {"session": "7", "train": "7", "pulse": "3"}[table]

    with pytest.raises(dbapi2.IntegrityError, match=r"only|planned"):
        hand.execute(f"UPDATE {table} SET {ending}, {column} = {value}")


@pytest.mark.usefixtures("running")
def test_a_commanded_pulse_gets_its_command_time_once(hand: Any) -> None:
    hand.execute("UPDATE pulse SET commanded_ns = 5 WHERE number = 1")

    with pytest.raises(dbapi2.IntegrityError, match="set once"):
        hand.execute("UPDATE pulse SET commanded_ns = 6, outcome = 'unknown' WHERE number = 1")
    with pytest.raises(dbapi2.IntegrityError, match="only gets its commanded_ns"):
        hand.execute("UPDATE pulse SET commanded_ns = 5 WHERE number = 1")
    hand.execute("UPDATE pulse SET outcome = 'unknown' WHERE number = 1")
    with pytest.raises(dbapi2.IntegrityError, match="immutable"):
        hand.execute("UPDATE pulse SET outcome = 'not_delivered' WHERE number = 1")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("INSERT INTO train VALUES (NULL,1,1,2,54,0,NULL,NULL,'running',NULL)", "another train"),
        ("INSERT INTO train VALUES (NULL,1,1,1,54,0,NULL,NULL,'running',NULL)", "already"),
        ("INSERT INTO train VALUES (NULL,1,1,2,54,0,5,NULL,'running',NULL)", "begins as running"),
        ("UPDATE train SET outcome = 'stopped', digest = hex(zeroblob(32))", "not finalised"),
        (
            "UPDATE session SET state='stopped', end_reason='x', ended_at='2026-01-01T00:00:00Z'",
            "after its trains",
        ),
        (
            "INSERT INTO pulse VALUES (1,9,1,54,1,NULL,5,NULL,'delivered','reported')",
            "begins as commanded",
        ),
        (
            "INSERT INTO pulse VALUES (1,9,7,54,1,NULL,NULL,NULL,'commanded','none')",
            "not a running train",
        ),
        (
            "INSERT INTO audit SELECT seq + 2, console_uid, at, actor, action, subject, detail, "
            "hash, hash FROM audit ORDER BY seq DESC LIMIT 1",
            "last one",
        ),
        (
            "INSERT INTO audit SELECT seq + 1, console_uid, at, actor, action, subject, detail, "
            "previous_hash, hash FROM audit ORDER BY seq DESC LIMIT 1",
            "row before",
        ),
    ],
)
@pytest.mark.usefixtures("running")
def test_rows_come_in_the_order_of_a_session(hand: Any, statement: str, words: str) -> None:
    with pytest.raises(dbapi2.IntegrityError, match=words):
        hand.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO train VALUES (NULL, 1, 1, 7, 54, 0, NULL, NULL, 'running', NULL)",
        "INSERT INTO pulse VALUES (1,99,NULL,54,NULL,NULL,NULL,NULL,'unplanned','inferred')",
        "INSERT INTO session_event VALUES (NULL, 1, 0, 'state', 'running')",
        "INSERT INTO device_frame VALUES (1, 0, 'sent', x'00')",
    ],
)
@pytest.mark.usefixtures("closed")
def test_nothing_but_notes_is_added_to_a_closed_session(hand: Any, statement: str) -> None:
    """An adverse event that is told afterwards still has its place."""
    with pytest.raises(dbapi2.IntegrityError, match="not running"):
        hand.execute(statement)
    for kind in ("note", "adverse_event", "correction"):
        hand.execute(f"INSERT INTO session_event VALUES (NULL, 1, 0, '{kind}', 'late')")


@pytest.mark.usefixtures("running")
def test_a_second_session_cannot_begin_while_one_runs(hand: Any) -> None:
    """Two consoles must never both believe that the stimulator is theirs."""
    with pytest.raises(dbapi2.IntegrityError, match="still running"):
        hand.execute(
            "INSERT INTO session SELECT 2, upper(uid), console_uid, kind, authority_uid, "
            "authority_digest, threshold_id, resumes_uid, technician_id, device_model, "
            "device_serial, device_firmware, simulated, simulated_proof, coil, software_version, "
            "realtime_priority, started_at, ended_at, end_reason, origin_wall, state FROM session"
        )
