"""What the next start makes of a session that was cut off: nothing invented, nothing lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2

from tests.records.recording import (
    MS,
    begin_session,
    begin_train,
    delivered,
    end_session,
    end_train,
    event,
    frames,
    header_of,
    new_database,
    record,
    rich_session,
    rows,
    wall_clock,
    whole_train,
)
from tms_console.records import reconcile as module
from tms_console.records.database import Database
from tms_console.records.errors import DatabaseUnusable, WriteFailed
from tms_console.records.left_behind import port_to_disarm, unsaved_path
from tms_console.records.operations import (
    AuditNote,
    BeginPulse,
    Operation,
    PulseOutcome,
    PulsesFinal,
    SessionState,
    TrainCommanded,
    UnplannedPulse,
    new_uid,
)
from tms_console.records.reconcile import ReconcileReport, reconcile
from tms_console.records.session_lock import SessionLock, session_is_running
from tms_console.records.transactions import CommitHooks, write_now
from tms_console.records.unsaved import UnsavedFile
from tms_console.records.verify import verify
from tms_console.records.writer import InlineWriter, WriterOptions


def cut_off(database: Database, uid: str, operations: list[Operation]) -> None:
    """Leave a session as a killed process does: committed, and its file beside still there."""
    writer = InlineWriter(database, header_of(database, uid), lambda _: None)
    for operation in operations:
        assert writer.submit(operation).wait(1)
    writer.close()


def beside(database: Database, uid: str, operations: list[Operation]) -> None:
    """Leave operations that were never known to be committed."""
    file = UnsavedFile.create(database.path, header_of(database, uid), 2**16)
    file.append(operations)
    file.keep()


def reconciled(database: Database) -> ReconcileReport:
    report = reconcile(database, wall=wall_clock())
    assert report is not None
    return report


def test_commanded_pulses_become_unknown_and_the_session_interrupted(database: Database) -> None:
    uid = new_uid()
    cut_off(
        database,
        uid,
        [
            begin_session(uid),
            *whole_train(uid),
            begin_train(uid, 2, 5),
            TrainCommanded(session_uid=uid, train_number=2, commanded_ns=10_000 * MS),
            PulsesFinal(session_uid=uid, results=(delivered(5, 10_002 * MS),)),
            PulsesFinal(
                session_uid=uid,
                results=(
                    delivered(6, None).__class__(
                        number=6,
                        outcome=PulseOutcome.NOT_DELIVERED,
                        evidence=delivered(6, 1).evidence.NONE,
                    ),
                ),
            ),
        ],
    )

    report = reconciled(database)

    [session] = report.sessions
    assert (session.uid, session.state, session.simulated) == (uid, "interrupted", True)
    assert (session.delivered, session.unknown, session.not_delivered) == (5, 2, 1)
    assert (session.last_train, session.last_known_pulse) == (2, 5)
    assert report.disarm == header_of(database, uid)
    assert not report.found_nothing
    assert session.sentence == (
        f"Session {uid} (rehearsal, MagPro X100 4711, simulated, started 2026-03-01 09:00 UTC) was "
        "cut off and is now interrupted: 5 pulses delivered, 2 unknown (they count as delivered), "
        "1 not delivered. The last train begun is 2; the last pulse known to be delivered is 5."
    )
    assert rows(database.path, "SELECT outcome, evidence FROM pulse WHERE number > 6") == [
        ("unknown", "none"),
        ("unknown", "none"),
    ]
    assert rows(
        database.path, "SELECT outcome, started_ns, ended_ns FROM train WHERE number = 2"
    ) == [("interrupted", None, None)]
    assert rows(database.path, "SELECT state, ended_at, end_reason FROM session") == [
        ("interrupted", None, "the program ended without closing the session")
    ]
    assert verify(database.path).findings == ()


def test_reconciling_again_finds_nothing_and_writes_nothing(database: Database) -> None:
    uid = new_uid()
    cut_off(database, uid, [begin_session(uid), begin_train(uid)])
    assert reconciled(database).sessions
    audit = rows(database.path, "SELECT * FROM audit")

    again = reconciled(database)

    assert again.found_nothing
    assert again.disarm is None
    assert rows(database.path, "SELECT * FROM audit") == audit
    assert not unsaved_path(database.path).exists()


def test_a_session_cut_off_before_its_first_train_is_told_as_such(database: Database) -> None:
    uid = new_uid()
    cut_off(database, uid, [begin_session(uid)])

    [session] = reconciled(database).sessions

    assert session.last_train is None
    assert session.sentence.endswith("0 not delivered. No train was begun.")


def test_an_unplanned_pulse_is_part_of_what_is_told(database: Database) -> None:
    uid = new_uid()
    pulse = UnplannedPulse(
        session_uid=uid,
        number=9,
        train_number=None,
        intensity_pct_mso=50,
        observed_ns=5,
        evidence=delivered(9, 5).evidence,
    )
    cut_off(database, uid, [begin_session(uid), begin_train(uid), pulse])

    [session] = reconciled(database).sessions

    assert session.unplanned == 1
    assert "1 unplanned. The last train begun is 1; no pulse is known" in session.sentence


def test_a_live_session_is_not_touched(database: Database) -> None:
    """Its rows are commanded because the train is on its way, not because anybody died."""
    uid = new_uid()
    with SessionLock.acquire(database.path) as lock:
        cut_off(database, uid, [begin_session(uid), begin_train(uid)])
        assert session_is_running(database.path)
        assert reconcile(database) is None
        assert rows(database.path, "SELECT DISTINCT outcome FROM pulse") == [("commanded",)]
        assert unsaved_path(database.path).exists()

        report = reconcile(database, lock)
    assert report is not None
    assert report.sessions
    assert not session_is_running(database.path)


@pytest.mark.parametrize("committed", range(12))
def test_what_was_saved_beside_is_read_in_wherever_the_database_failed(
    database: Database, committed: int
) -> None:
    """The first operations are in the database, the rest only beside; together all is there."""
    uid = new_uid()
    operations = rich_session(uid)
    whole = new_database(database.path.parent, "whole.db")
    record(whole, uid, operations)
    if committed:
        write_now(database, *operations[:committed])
    beside(database, uid, operations[committed:])

    report = reconciled(database)

    assert (report.imported, report.already_stored) == (len(operations) - committed, 0)
    assert report.problems == ()
    assert [session.state for session in report.sessions] == ["failed"]
    for table in ("session", "train", "pulse", "session_event", "device_frame"):
        columns = "*" if table != "session" else "uid, state, ended_at, end_reason"
        assert rows(database.path, f"SELECT {columns} FROM {table}") == rows(
            whole.path, f"SELECT {columns} FROM {table}"
        )
    assert verify(database.path).findings == ()


@pytest.mark.parametrize("repeated", range(1, 17))
def test_what_was_committed_after_all_is_not_read_in_twice(
    database: Database, repeated: int
) -> None:
    """A COMMIT that raised is of unknown outcome: its operations are beside and in the database."""
    uid = new_uid()
    operations = rich_session(uid)
    record(database, uid, operations)
    before = [rows(database.path, f"SELECT * FROM {table}") for table in ("pulse", "session_event")]
    beside(database, uid, operations[-repeated:])

    report = reconciled(database)

    commanded = sum(isinstance(one, TrainCommanded) for one in operations[-repeated:])
    assert report.imported == commanded
    assert report.already_stored == repeated - commanded
    after = [rows(database.path, f"SELECT * FROM {table}") for table in ("pulse", "session_event")]
    assert before == after
    assert verify(database.path).findings == ()


def test_a_failed_commit_loses_and_invents_nothing(database: Database) -> None:
    """Both ends together: the writer's file beside, and the next start."""
    uid = new_uid()
    operations = [begin_session(uid), *whole_train(uid), event(uid, "x"), end_session(uid)]
    for failing in range(len(operations)):
        other = new_database(database.path.parent, f"{failing}.db")
        calls = iter(range(99))

        def fail(_: object, at: int = failing, calls: object = calls) -> None:
            if next(calls) >= at:  # type: ignore[call-overload]
                raise dbapi2.OperationalError("disk I/O error")

        options = WriterOptions(hooks=CommitHooks(after_commit=fail), inline_group=1)
        record(other, uid, operations, options=options)

        report = reconciled(other)

        assert report.problems == ()
        assert rows(other.path, "SELECT outcome, count(*) FROM pulse GROUP BY 1") == [
            ("delivered", 4)
        ]
        assert rows(other.path, "SELECT count(*) FROM session_event") == [(1,)]
        assert rows(other.path, "SELECT state FROM session") == [("completed",)]
        assert verify(other.path).findings == ()


def test_half_a_batch_that_reached_the_database_is_completed(database: Database) -> None:
    uid = new_uid()
    write_now(
        database,
        begin_session(uid),
        begin_train(uid),
        PulsesFinal(session_uid=uid, results=(delivered(1, 5, commanded_ns=1),)),
    )
    both = (delivered(1, 5, commanded_ns=1), delivered(2, 6, commanded_ns=1))
    beside(database, uid, [PulsesFinal(session_uid=uid, results=both)])

    reconciled(database)

    assert rows(database.path, "SELECT outcome FROM pulse") == [
        ("delivered",),
        ("delivered",),
        ("unknown",),
        ("unknown",),
    ]


def test_notes_and_single_pulses_and_loose_frames_are_read_in_once(database: Database) -> None:
    uid = new_uid()
    note = AuditNote(uid=new_uid(), actor="x", action="gate.refused", subject="", detail="100%")
    pulse = BeginPulse(
        session_uid=uid, train_number=1, number=1, intensity_pct_mso=50, planned_ns=0
    )
    operations: list[Operation] = [note, begin_session(uid), begin_train(uid, pulses=0), pulse]
    operations[2] = begin_train(uid, pulses=0)
    operations.append(frames(None, b"a", b"a"))
    beside(database, uid, operations)
    assert reconciled(database).imported == 5
    beside(database, uid, operations)

    again = reconciled(database)

    assert (again.imported, again.already_stored) == (0, 5)
    assert rows(database.path, "SELECT count(*) FROM audit WHERE action = 'gate.refused'") == [(1,)]


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda text: text + b'{"op":"begin_tr', "cut off while it was written"),
        (lambda text: text + b'{"op":"fly"}\n', "line 3: not an operation"),
        (lambda text: b"{}\n" + text.split(b"\n", 1)[1], "another database"),
    ],
)
def test_what_cannot_be_read_in_is_named_and_kept(
    database: Database, damage: Callable[[bytes], bytes], problem: str
) -> None:
    uid = new_uid()
    beside(database, uid, [begin_session(uid)])
    path = unsaved_path(database.path)
    path.write_bytes(damage(path.read_bytes()) + bytes(99))

    report = reconciled(database)

    assert any(problem in one for one in report.problems)
    assert path.with_name(path.name + ".1").exists()
    assert not path.exists()
    assert reconciled(database).found_nothing


def test_an_operation_that_cannot_be_true_is_named_and_the_others_count(database: Database) -> None:
    uid = new_uid()
    impossible = end_train(uid, 7)
    beside(database, uid, [begin_session(uid), impossible, event(uid, "x"), end_session(uid)])
    unsaved_path(database.path).with_name("rehearsals.db.unsaved.1").write_text("older")

    report = reconciled(database)

    assert report.problems == (f"train:{uid}/7 is not on record",)
    assert report.imported == 3
    assert verify(database.path).findings == ()
    assert unsaved_path(database.path).with_name("rehearsals.db.unsaved.2").exists()


def test_the_file_of_another_database_is_not_read_in(database: Database) -> None:
    uid = new_uid()
    other = new_database(database.path.parent, "other.db")
    beside(other, uid, [begin_session(uid)])
    unsaved_path(other.path).rename(unsaved_path(database.path))

    report = reconciled(database)

    assert "another database" in report.problems[0]
    assert rows(database.path, "SELECT count(*) FROM session") == [(0,)]


@pytest.mark.parametrize("content", [b"", bytes(4096), b'{"session_uid": "01'])
def test_a_file_beside_that_was_cut_off_while_it_was_made_holds_nothing(
    database: Database, content: bytes
) -> None:
    unsaved_path(database.path).write_bytes(content)

    assert port_to_disarm(database.path) is None
    assert reconciled(database).found_nothing
    assert not unsaved_path(database.path).exists()


def test_dying_in_the_middle_leaves_all_as_it_was(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reconciling is one transaction; here it ends where a kill could end it."""
    uid = new_uid()
    cut_off(database, uid, [begin_session(uid), begin_train(uid)])

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    for place in ("_write_summary", "_describe", "_put_away"):
        with monkeypatch.context() as patch:
            patch.setattr(module, place, die)
            with pytest.raises(KeyboardInterrupt):
                reconcile(database)
        assert unsaved_path(database.path).exists()

    reconcile(database)
    assert rows(database.path, "SELECT state FROM session") == [("interrupted",)]
    assert not unsaved_path(database.path).exists()
    assert verify(database.path).findings == ()


def test_a_locked_database_is_not_reconciled_now_but_later(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = new_uid()
    cut_off(database, uid, [begin_session(uid), begin_train(uid)])
    monkeypatch.setattr(module, "BUSY_MS", 10)
    other = dbapi2.connect(str(database.path), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(WriteFailed, match="kept the database locked"):
        reconcile(database)
    other.close()

    assert reconciled(database).sessions


def test_a_file_beside_that_cannot_be_read_or_put_away_is_said(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = new_uid()
    beside(database, uid, [begin_session(uid), end_session(uid, SessionState.STOPPED)])

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", denied)
        with pytest.raises(DatabaseUnusable, match="cannot be read: Permission denied"):
            reconcile(database)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", denied)
        with pytest.raises(WriteFailed, match="cannot be put away: Permission denied"):
            reconcile(database)

    report = reconciled(database)
    assert (report.imported, report.already_stored) == (0, 2)
    assert report.sessions[0].state == "stopped"


def test_a_lock_file_that_cannot_be_made_is_said(database: Database) -> None:
    database.path.with_name("rehearsals.db.session").mkdir()

    with pytest.raises(DatabaseUnusable, match="session lock cannot be made"):
        reconcile(database)
    assert os.path.lexists(database.path)
