"""Both carriers: what they write, when they say so, and what they do when the disk fails."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Sequence

import pytest
from sqlalchemy.exc import OperationalError
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
    record,
    rich_session,
    rows,
    wall_clock,
    whole_train,
)
from tms_console.records import heads, transactions
from tms_console.records import writer as writer_module
from tms_console.records.audit import AuditChain
from tms_console.records.database import Database
from tms_console.records.errors import (
    DatabaseUnusable,
    IllegalOperation,
    RecordsError,
    WriteFailed,
)
from tms_console.records.heads import kept_head
from tms_console.records.left_behind import port_to_disarm, unsaved_path
from tms_console.records.operations import (
    AuditNote,
    BeginPulse,
    Evidence,
    Operation,
    PulseOutcome,
    PulseResult,
    PulsesFinal,
    SessionEvent,
    TrainCommanded,
    TrainOutcome,
    new_uid,
)
from tms_console.records.storing import prepare, store
from tms_console.records.transactions import MOST_ROWS, CommitHooks, apply, groups, write_now
from tms_console.records.unsaved import UnsavedFile, read_unsaved
from tms_console.records.verify import verify
from tms_console.records.writer import (
    InlineWriter,
    SessionWriter,
    ThreadedWriter,
    WriterOptions,
)

BOTH = pytest.mark.parametrize("carrier", [InlineWriter, ThreadedWriter])
LONG_S = 10.0


def no_failure(reason: str) -> None:
    raise RuntimeError(f"the writer failed: {reason}")


def disk_error(words: str) -> OperationalError:
    return OperationalError("COMMIT", None, dbapi2.OperationalError(words))


def failing_at(kind: type, words: str, *, after: bool = False) -> CommitHooks:
    """Make the transaction with the first operation of a kind fail, and all that come later."""
    failing = threading.Event()

    def fail(operations: Sequence[Operation]) -> None:
        if failing.is_set() or any(isinstance(one, kind) for one in operations):
            failing.set()
            raise disk_error(words)

    return CommitHooks(after_commit=fail) if after else CommitHooks(before_commit=fail)


@BOTH
def test_a_whole_session_is_on_record_and_nothing_is_left_beside(
    database: Database, carrier: type[SessionWriter]
) -> None:
    uid = new_uid()

    writer = record(database, uid, rich_session(uid), writer=carrier, on_failure=no_failure)

    assert (writer.failure, writer.depth, writer.lost) == (None, 0, 0)
    assert rows(database.path, "SELECT number, outcome, evidence FROM pulse ORDER BY number") == [
        *((number, "delivered", "reported") for number in (1, 2, 3, 4)),
        (5, "unknown", "none"),
        (100, "unplanned", "reported"),
        (101, "unplanned", "inferred"),
    ]
    assert rows(database.path, "SELECT state, end_reason FROM session") == [("failed", "complete")]
    assert [path.name for path in database.path.parent.glob("*unsaved*")] == []
    assert verify(database.path).findings == ()


@BOTH
def test_the_audit_chain_names_every_step(database: Database, carrier: type[SessionWriter]) -> None:
    uid = new_uid()
    record(database, uid, rich_session(uid), writer=carrier)

    assert rows(database.path, "SELECT action, subject FROM audit WHERE action <> 'event.add'") == [
        ("database.create", f"database:{database.uid}"),
        ("session.begin", f"session:{uid}"),
        ("train.begin", f"train:{uid}/1"),
        ("train.end", f"train:{uid}/1"),
        ("train.begin", f"train:{uid}/2"),
        ("pulse.unplanned", f"pulse:{uid}/100"),
        ("train.end", f"train:{uid}/2"),
        ("pulse.unplanned", f"pulse:{uid}/101"),
        ("session.end", f"session:{uid}"),
    ]
    closing = json.loads(
        rows(database.path, "SELECT detail FROM audit WHERE action = 'session.end'")[0][0]
    )
    numbers = {key: closing[key] for key in ("trains", "pulses", "events", "frames", "state")}
    assert numbers == {"trains": 2, "pulses": 7, "events": 3, "frames": 2, "state": "failed"}


@BOTH
def test_a_ticket_is_true_only_once_another_connection_can_see_the_row(
    database: Database, carrier: type[SessionWriter]
) -> None:
    """The start of a train waits for this: the row must be there before the first byte."""
    uid = new_uid()
    with carrier(database, header_of(database, uid), no_failure) as writer:
        assert writer.submit(begin_session(uid)).wait(LONG_S)
        ticket = writer.submit(begin_train(uid))
        assert ticket.wait(LONG_S)
        assert ticket.committed
        assert rows(database.path, "SELECT count(*), min(outcome) FROM pulse") == [(4, "commanded")]


def test_the_acknowledgement_follows_the_commit_not_the_queueing(database: Database) -> None:
    """Acknowledging when queued lost 12 % of rows to a kill (pitfalls.md, "Durability")."""
    uid = new_uid()
    held, go = threading.Event(), threading.Event()

    def hold(_: Sequence[Operation]) -> None:
        held.set()
        go.wait(LONG_S)

    options = WriterOptions(hooks=CommitHooks(before_commit=hold))
    with ThreadedWriter(database, header_of(database, uid), no_failure, options) as writer:
        ticket = writer.submit(begin_session(uid))
        assert held.wait(LONG_S)
        later = [writer.submit(event(uid, str(number))) for number in range(3)]

        assert not ticket.wait(0)
        assert writer.depth == 4
        go.set()
        assert all(one.wait(LONG_S) for one in [ticket, *later])


def test_what_queues_up_during_a_commit_is_committed_together(database: Database) -> None:
    """The session thread never waits for a disk, and a slow disk costs no transaction per pulse."""
    uid = new_uid()
    held, go, sizes = threading.Event(), threading.Event(), []

    def hold(operations: Sequence[Operation]) -> None:
        sizes.append(len(operations))
        held.set()
        go.wait(LONG_S)

    options = WriterOptions(hooks=CommitHooks(before_commit=hold))
    with ThreadedWriter(database, header_of(database, uid), no_failure, options) as writer:
        writer.submit(begin_session(uid))
        assert held.wait(LONG_S)
        for number in range(20):
            writer.submit(event(uid, str(number)))
        go.set()

    assert sizes == [1, 20]


def test_an_inline_writer_writes_when_enough_is_queued_or_somebody_waits(
    database: Database,
) -> None:
    uid = new_uid()
    options = WriterOptions(inline_group=3)
    with InlineWriter(database, header_of(database, uid), no_failure, options) as writer:
        tickets = [writer.submit(begin_session(uid)), writer.submit(event(uid, "one"))]
        assert (writer.depth, tickets[0].committed) == (2, False)
        tickets.append(writer.submit(event(uid, "two")))
        assert (writer.depth, tickets[0].committed) == (0, True)
        assert writer.submit(event(uid, "three")).wait(0)


def test_transactions_stay_small_and_what_is_sealed_comes_first_in_its_own() -> None:
    uid = new_uid()
    operations = [*rich_session(uid), *whole_train(uid, 3, 200, MOST_ROWS)]

    cut = list(groups(operations))

    assert [one for group in cut for one in group] == operations
    sealing = {"end_train", "end_session"}
    assert [group[0].op for group in cut][:4] == [
        "begin_session",
        "end_train",
        "end_train",
        "end_session",
    ]
    assert not any(one.op in sealing for group in cut for one in group[1:])
    assert max(len(group) for group in cut) <= MOST_ROWS
    assert list(groups([])) == []


BAD_DISK = pytest.mark.parametrize(
    ("words", "said"),
    [
        ("database or disk is full", "the disk is full"),
        ("disk I/O error", "the disk reports an error"),
        ("attempt to write a readonly database", "the database is read-only"),
        ("database disk image is malformed", "the database file is damaged"),
        ("something new", "something new"),
    ],
)


@BOTH
@BAD_DISK
@pytest.mark.parametrize("after", [False, True])
def test_a_failed_commit_is_told_once_and_what_is_known_is_saved_beside(
    database: Database, carrier: type[SessionWriter], words: str, said: str, after: bool
) -> None:
    """A COMMIT that raised may have happened: it is saved beside too, and read in only once."""
    uid = new_uid()
    reasons: list[str] = []
    options = WriterOptions(wall=wall_clock(), hooks=failing_at(TrainCommanded, words, after=after))
    operations = [begin_session(uid), *whole_train(uid), event(uid, "last"), end_session(uid)]

    with carrier(database, header_of(database, uid), reasons.append, options) as writer:
        assert writer.submit(operations[0]).wait(LONG_S)
        assert writer.submit(operations[1]).wait(LONG_S)
        failed = writer.submit(operations[2])
        assert not failed.wait(LONG_S)
        for operation in operations[3:]:
            assert not writer.submit(operation).wait(LONG_S)

    assert reasons == [f"{database.path}: the record cannot be written: {said}"]
    assert writer.failure == reasons[0]
    assert writer.close() is False
    beside = read_unsaved(database.path)
    assert beside is not None
    assert beside.operations == tuple(operations[2:])
    assert beside.problems == ()
    assert beside.header == header_of(database, uid) == port_to_disarm(database.path)
    assert b"\0" not in unsaved_path(database.path).read_bytes()


@BOTH
def test_delivery_is_told_before_a_sick_disk_is_waited_for(
    database: Database, carrier: type[SessionWriter]
) -> None:
    uid = new_uid()
    order: list[int] = []
    options = WriterOptions(hooks=failing_at(TrainCommanded, "disk I/O error"))
    with carrier(
        database,
        header_of(database, uid),
        lambda _: order.append(unsaved_path(database.path).read_bytes().count(b'"op"')),
        options,
    ) as writer:
        for operation in [begin_session(uid), *whole_train(uid)]:
            writer.submit(operation)

    assert order == [0]
    assert b"train_commanded" in unsaved_path(database.path).read_bytes()


@BOTH
def test_a_lock_that_another_program_holds_too_long_is_a_failure(
    database: Database, carrier: type[SessionWriter]
) -> None:
    uid = new_uid()
    reasons: list[str] = []
    other = dbapi2.connect(str(database.path), isolation_level=None)
    options = WriterOptions(busy_timeout_ms=20)
    with carrier(database, header_of(database, uid), reasons.append, options) as writer:
        assert writer.submit(begin_session(uid)).wait(LONG_S)
        other.execute("BEGIN IMMEDIATE")
        assert not writer.submit(begin_train(uid)).wait(LONG_S)
        other.execute("ROLLBACK")
    other.close()

    assert reasons[0].endswith("another program kept the database locked")
    assert rows(database.path, "SELECT count(*) FROM train") == [(0,)]


@BOTH
def test_a_reader_that_starts_in_the_middle_changes_nothing(
    database: Database, carrier: type[SessionWriter]
) -> None:
    uid = new_uid()
    with carrier(database, header_of(database, uid), no_failure) as writer:
        assert writer.submit(begin_session(uid)).wait(LONG_S)
        with database.reading() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM train").scalar() == 0
            for operation in whole_train(uid):
                assert writer.submit(operation).wait(LONG_S)
            assert connection.exec_driver_sql("SELECT count(*) FROM train").scalar() == 0
        writer.submit(end_session(uid))

    assert verify(database.path).findings == ()


@BOTH
def test_a_bug_in_the_caller_rolls_back_whole_and_is_a_failure(
    database: Database, carrier: type[SessionWriter], caplog: pytest.LogCaptureFixture
) -> None:
    uid = new_uid()
    reasons: list[str] = []
    with carrier(database, header_of(database, uid), reasons.append) as writer:
        assert writer.submit(begin_session(uid)).wait(LONG_S)
        assert not writer.submit(end_train(uid)).wait(LONG_S)

    assert reasons[0].endswith("internal error: train:" + uid + "/1 is not on record")
    assert "met a bug" in caplog.text


def test_a_listener_that_fails_does_not_stop_the_saving(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    uid = new_uid()
    options = WriterOptions(hooks=failing_at(TrainCommanded, "disk I/O error"))
    with ThreadedWriter(database, header_of(database, uid), no_failure, options) as writer:
        for operation in [begin_session(uid), *whole_train(uid)]:
            writer.submit(operation)

    assert "could not be announced" in caplog.text
    beside = read_unsaved(database.path)
    assert beside is not None
    assert beside.operations


def test_what_can_be_saved_nowhere_is_counted_and_said(
    database: Database, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = new_uid()
    options = WriterOptions(hooks=failing_at(TrainCommanded, "disk I/O error"))
    with InlineWriter(database, header_of(database, uid), lambda _: None, options) as writer:
        writer.submit(begin_session(uid)).wait(0)
        writer.submit(begin_train(uid)).wait(0)

        def broken(_: int) -> None:
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", broken)
            writer.submit(whole_train(uid)[1]).wait(0)
        assert writer.lost == 1

    assert "saved nowhere" in caplog.text


def test_a_listener_may_submit_what_it_did(database: Database) -> None:
    """Delivery answers a failure with the event that it stopped; that must be saved too."""
    uid = new_uid()
    options = WriterOptions(hooks=failing_at(SessionEvent, "disk I/O error"))
    last = event(uid, "stopped")

    def stop(_: str) -> None:
        writer.submit(last)

    with InlineWriter(database, header_of(database, uid), stop, options) as writer:
        writer.submit(begin_session(uid)).wait(0)
        writer.submit(event(uid, "first"))

    beside = read_unsaved(database.path)
    assert beside is not None
    assert beside.operations[-1] == last


def test_a_session_that_was_not_ended_leaves_its_header_for_the_next_start(
    database: Database,
) -> None:
    uid = new_uid()
    record(database, uid, [begin_session(uid)])

    assert port_to_disarm(database.path) == header_of(database, uid)
    with pytest.raises(DatabaseUnusable, match="must be read in first"):
        InlineWriter(database, header_of(database, new_uid()), no_failure)


def test_a_writer_that_never_began_a_session_leaves_nothing(database: Database) -> None:
    record(database, new_uid(), [])

    assert port_to_disarm(database.path) is None


def test_a_closed_writer_takes_nothing_more(database: Database) -> None:
    uid = new_uid()
    writer = record(database, uid, [begin_session(uid), end_session(uid)])

    assert writer.close() is True
    with pytest.raises(IllegalOperation, match="is closed"):
        writer.submit(event(uid, "late"))


@pytest.mark.parametrize("failing", ["posix_fallocate", "fsync", "open"])
def test_a_disk_without_room_for_the_file_beside_refuses_the_session(
    database: Database, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    uid = new_uid()
    with monkeypatch.context() as patch:
        patch.setattr(os, failing, full)
        with pytest.raises(DatabaseUnusable, match=r"no room|cannot be made"):
            InlineWriter(database, header_of(database, uid), no_failure)
    assert not unsaved_path(database.path).exists()


def test_the_room_in_the_file_beside_is_there_before_it_is_needed(database: Database) -> None:
    file = UnsavedFile.create(database.path, header_of(database, new_uid()), 2**20)

    status = unsaved_path(database.path).stat()
    assert (status.st_size, status.st_mode & 0o777) == (2**20, 0o600)
    assert status.st_blocks * 512 >= 2**20
    file.remove()
    file.remove()
    file.keep()
    with pytest.raises(WriteFailed, match="is closed"):
        file.append([])


@pytest.mark.parametrize(
    ("operations", "words"),
    [
        (lambda uid: [begin_train(uid)], "is not on record"),
        (lambda uid: [begin_session(uid), begin_session(uid)], "already on record"),
        (lambda uid: [begin_session(uid), begin_train(uid), begin_train(uid)], "already on record"),
        (
            lambda uid: [begin_session(uid), begin_train(uid), begin_train(uid, 2, 5)],
            "another train of the session is still running",
        ),
        (lambda uid: [begin_session(uid), begin_train(uid), end_train(uid)], "no outcome yet"),
        (lambda uid: [begin_session(uid), *whole_train(uid), end_train(uid)], "immutable"),
        (
            lambda uid: [
                begin_session(uid),
                *whole_train(uid),
                PulsesFinal(session_uid=uid, results=(delivered(1, 5), delivered(9, 5))),
            ],
            r"2 of the pulses \[1, 9\]",
        ),
        (lambda uid: [begin_session(uid), begin_train(uid), end_session(uid)], "after its trains"),
        (
            lambda uid: [begin_session(uid), end_session(uid), end_session(uid)],
            "that ended is immutable",
        ),
        (lambda uid: [begin_session(uid), end_session(uid), frames(uid, b"x")], "not running"),
        (
            lambda uid: [
                begin_session(uid),
                BeginPulse(
                    session_uid=uid,
                    train_number=1,
                    number=1,
                    intensity_pct_mso=5,
                    planned_ns=0,
                ),
            ],
            "is not on record",
        ),
    ],
)
def test_an_operation_that_contradicts_the_record_is_refused_in_words(
    database: Database, operations: Callable[[str], list[Operation]], words: str
) -> None:
    with pytest.raises(IllegalOperation, match=words):
        write_now(database, *operations(new_uid()))


def test_what_is_sealed_must_come_first_in_its_transaction(database: Database) -> None:
    uid = new_uid()
    with (
        database.connect_writer() as connection,
        pytest.raises(IllegalOperation, match="not prepared"),
    ):
        apply(connection, database, [begin_session(uid), end_session(uid)])


def test_rows_that_come_while_something_is_sealed_are_noticed(database: Database) -> None:
    """Only the session's own writer writes them; were it otherwise, the digest would be wrong."""
    uid = new_uid()
    write_now(database, begin_session(uid), begin_train(uid, pulses=1))
    write_now(
        database,
        PulsesFinal(session_uid=uid, results=(delivered(1, None, commanded_ns=5),)),
    )
    pulse = BeginPulse(
        session_uid=uid, train_number=1, number=2, intensity_pct_mso=5, planned_ns=9 * MS
    )
    for end in (end_train(uid), end_session(uid)):
        with database.connect_writer() as connection, database.connect_writer() as other:
            prepared = prepare(connection, end)
            connection.rollback()
            late = pulse if end.op == "end_train" else event(uid, "late")
            apply(other, database, [late])
            with connection.begin():
                chain = AuditChain(connection, database.uid, database.console_uid)
                with pytest.raises(IllegalOperation, match="while it was being"):
                    store(connection, chain, end, prepared)


def test_a_refused_start_is_on_record_without_a_session(database: Database) -> None:
    note = AuditNote(
        uid=new_uid(),
        actor="rehearsal",
        action="gate.refused",
        subject="protocol:itbs-600",
        detail="threshold 84 at 120 % needs 101 %MSO",
    )

    write_now(database, note)

    assert rows(database.path, "SELECT seq, actor, action, subject FROM audit WHERE seq > 1") == [
        (2, "rehearsal", "gate.refused", "protocol:itbs-600")
    ]
    head = kept_head(database.uid)
    assert head is not None
    assert head.seq == 2


def test_a_single_write_that_fails_says_why(database: Database) -> None:
    other = dbapi2.connect(str(database.path), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(WriteFailed, match="kept the database locked"):
        write_now(database, begin_session(new_uid()))
    other.close()


def test_a_head_that_cannot_be_kept_does_not_stop_a_session(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> None:
        raise RecordsError("no state folder")

    monkeypatch.setattr(transactions, "keep_head", fail)
    uid = new_uid()

    with caplog.at_level(logging.WARNING):
        writer = record(database, uid, [begin_session(uid), end_session(uid)])

    assert writer.failure is None
    assert "no state folder" in caplog.text


def test_the_head_outside_follows_the_beginning_and_the_end_of_a_session(
    database: Database,
) -> None:
    uid = new_uid()
    seen = []
    with InlineWriter(database, header_of(database, uid), no_failure) as writer:
        steps: list[Operation] = [begin_session(uid), event(uid, "one"), end_session(uid)]
        for operation in steps:
            writer.submit(operation).wait(0)
            head = heads.kept_head(database.uid)
            seen.append(head.seq if head else None)

    assert seen == [2, 2, 4]


def test_a_train_of_which_nothing_was_delivered_is_on_record_as_such(database: Database) -> None:
    uid = new_uid()
    results = tuple(
        PulseResult(number=number, outcome=outcome, evidence=Evidence.NONE)
        for number, outcome in enumerate((PulseOutcome.REFUSED, PulseOutcome.NOT_DELIVERED), 1)
    )
    write_now(
        database,
        begin_session(uid),
        begin_train(uid, pulses=2),
        PulsesFinal(session_uid=uid, results=results),
        end_train(uid, outcome=TrainOutcome.REFUSED),
        end_session(uid),
    )

    assert rows(database.path, "SELECT outcome, commanded_ns FROM pulse") == [
        ("refused", None),
        ("not_delivered", None),
    ]
    assert verify(database.path).findings == ()


def test_frames_outside_a_session_are_kept(database: Database) -> None:
    write_now(database, frames(None, b"\x00"), frames(None))

    assert rows(database.path, "SELECT session_id, bytes FROM device_frame") == [(None, b"\x00")]


def test_results_of_no_pulse_are_nothing(database: Database) -> None:
    uid = new_uid()
    write_now(database, begin_session(uid), PulsesFinal(session_uid=uid, results=()))

    assert rows(database.path, "SELECT count(*) FROM audit") == [(2,)]


def test_a_held_writer_begins_no_transaction_until_it_is_released(database: Database) -> None:
    """At the moment a command is due nothing else of ours may take the processor."""
    uid = new_uid()
    with ThreadedWriter(database, header_of(database, uid), no_failure) as writer:
        assert writer.submit(begin_session(uid)).wait(LONG_S)
        writer.hold()
        held = writer.submit(event(uid, "held"))
        assert not held.wait(0.05)
        writer.release()
        assert held.wait(LONG_S)


def test_a_hold_that_nobody_releases_ends_by_itself_or_at_the_close(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing may stay unwritten because somebody forgot."""
    monkeypatch.setattr(writer_module, "HELD_AT_MOST_S", 0.02)
    uid = new_uid()
    with ThreadedWriter(database, header_of(database, uid), no_failure) as writer:
        writer.hold()
        assert writer.submit(begin_session(uid)).wait(LONG_S)
        monkeypatch.setattr(writer_module, "HELD_AT_MOST_S", 60.0)
        writer.submit(end_session(uid))
        writer.hold()

    assert rows(database.path, "SELECT state FROM session") == [("completed",)]


def test_what_a_listener_submits_while_the_writer_closes_is_saved(database: Database) -> None:
    uid = new_uid()
    held = threading.Event()
    last = event(uid, "stopped")

    def stop(_: str) -> None:
        held.wait(LONG_S)
        writer.submit(last)

    options = WriterOptions(hooks=failing_at(SessionEvent, "disk I/O error"))
    with ThreadedWriter(database, header_of(database, uid), stop, options) as writer:
        writer.submit(begin_session(uid))
        writer.submit(event(uid, "first"))
        threading.Timer(0.02, held.set).start()

    beside = read_unsaved(database.path)
    assert beside is not None
    assert beside.operations[-1] == last
    assert writer.depth == 0


def test_a_connection_that_cannot_be_closed_is_said(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    uid = new_uid()
    with InlineWriter(database, header_of(database, uid), no_failure) as writer:
        writer.submit(begin_session(uid))
        writer.submit(end_session(uid)).wait(0)
        connection = writer._committer._connection
        close = connection.close

        def fail() -> None:
            close()
            raise disk_error("disk I/O error")

        monkeypatch.setattr(connection, "close", fail)

    assert "disk I/O error" in caplog.text
