"""The record fails at the worst moment: delivery stops and disarms, and nothing is claimed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from sqlcipher3 import dbapi2

from protocols.prescription import SessionContent
from tests.crash import Reaper, Scene, ended_by_kill, examine, in_child
from tests.delivery.sessions import (
    Pressed,
    Rehearsal,
    Wrote,
    bursts,
    plain,
    pulses_on_record,
    require_rows_before_commands,
    require_sound,
    rows,
    slow,
    truth_of,
)
from tms_console.clock import RealClock
from tms_console.delivery import session
from tms_console.records import unsaved
from tms_console.records.database import Database, open_database
from tms_console.records.left_behind import unsaved_path
from tms_console.records.operations import BeginPulse, BeginTrain, Operation
from tms_console.records.reconcile import reconcile
from tms_console.records.transactions import CommitHooks
from tms_console.records.writer import WriterOptions

SHORT: dict[str, SessionContent] = {"theta burst": bursts(2, 2), "1 Hz": slow(3)}


def sqlite_says(words: str) -> OperationalError:
    return OperationalError("COMMIT", None, dbapi2.OperationalError(words))


FAILURES: dict[str, tuple[Callable[[], Exception], str]] = {
    "full disk": (lambda: sqlite_says("database or disk is full"), "the disk is full"),
    "failing sync": (lambda: sqlite_says("disk I/O error"), "the disk reports an error"),
    "read-only": (
        lambda: sqlite_says("attempt to write a readonly database"),
        "the database is read-only",
    ),
    "no space": (lambda: OSError(errno.ENOSPC, "No space left on device"), "No space left"),
}


class FailingCommit:
    """Makes the n-th commit fail, and says how many there were."""

    def __init__(self, at: int, error: Callable[[], Exception], *, afterwards: bool) -> None:
        self.commits = 0
        self.failed: Callable[[], None] = lambda: None
        self._at = at
        self._error = error
        self._afterwards = afterwards

    @property
    def options(self) -> WriterOptions:
        """One operation a transaction, so that every operation is a place to fail."""
        hooks = CommitHooks(self._before, self._after)
        return WriterOptions(hooks=hooks, inline_group=1)

    def _before(self, _operations: Sequence[Operation]) -> None:
        self.commits += 1
        if self.commits == self._at and not self._afterwards:
            self.failed()
            raise self._error()

    def _after(self, _operations: Sequence[Operation]) -> None:
        if self.commits == self._at and self._afterwards:
            self.failed()
            raise self._error()


def run_failing(database: Path, made: SessionContent, failing: FailingCommit) -> Rehearsal:
    done = Rehearsal(content=made, database=database, writer_options=failing.options)
    failing.failed = done.pressed
    return done.run()


def require_stopped_and_honest(done: Rehearsal) -> None:
    """Nothing is given after the failure; the next start reads in what was known; no pulse lost."""
    database = done.database
    marks = [n for n, one in enumerate(done.passed) if isinstance(one, Pressed)]
    after = done.passed[marks[0] :] if marks else []
    assert not any(isinstance(one, Wrote) and (one.arms or one.stimulates) for one in after)
    assert not done.emulator.state().status.info.enabled
    assert not done.emulator.state().running
    require_nothing_claimed(done)
    report = reconcile(open_database(database))
    assert report is not None
    assert report.problems == ()
    require_sound(database)
    again = reconcile(open_database(database))
    assert again is not None
    assert again.found_nothing
    if done.result.session_uid:
        require_known(done)


def require_nothing_claimed(done: Rehearsal) -> None:
    """Before the next start: what is in the database alone is no more than what is true."""
    uid = done.result.session_uid
    fired = len(done.emulator.fired)
    on_record = pulses_on_record(done.database, uid)
    delivered = [one for one in on_record if one.outcome == "delivered"]
    assert len(delivered) <= fired
    assert {pulse.number for pulse in done.emulator.fired} <= {one.number for one in on_record}


def require_known(done: Rehearsal) -> None:
    """After the next start, pulse by pulse."""
    by_number = {one.number: one for one in done.pulses}
    truth = truth_of(done)
    assert truth.extras == []
    for number in truth.fired:
        assert by_number[number].outcome in {"delivered", "unknown"}
    for number, one in by_number.items():
        assert one.outcome != "commanded"
        assert one.outcome != "delivered" or number in truth.fired


@pytest.mark.parametrize("afterwards", [False, True], ids=["not committed", "outcome unknown"])
@pytest.mark.parametrize("name", SHORT)
def test_a_commit_that_fails_at_any_place_stops_delivery(
    tmp_path: Path, name: str, afterwards: bool
) -> None:
    """Before the rows, between rows and command, during the reports, at the end: everywhere."""
    counting = FailingCommit(0, OSError, afterwards=False)
    assert run_failing(tmp_path / "count.db", SHORT[name], counting).state == "completed"
    ends = set()
    kinds = list(FAILURES.values())
    for at in range(1, counting.commits + 1, 2 if afterwards else 1):
        error, words = kinds[at % len(kinds)]
        database = tmp_path / f"{at}.db"
        done = run_failing(database, SHORT[name], FailingCommit(at, error, afterwards=afterwards))
        ends.add(done.state)
        if done.result.session_uid:
            assert not done.result.saved or done.state == "completed"
            assert done.result.lost == 0
        if done.state == "failed":
            assert words in done.result.reason
            assert "the record cannot be written" in done.result.reason
        require_stopped_and_honest(done)
    assert ends == {"none", "failed", "completed"}


@pytest.mark.parametrize("made", SHORT.values(), ids=list(SHORT))
def test_a_train_whose_rows_cannot_be_written_is_never_armed(
    tmp_path: Path, made: SessionContent
) -> None:
    def fail(operations: Sequence[Operation]) -> None:
        if any(isinstance(one, BeginTrain | BeginPulse) for one in operations):
            raise sqlite_says("database or disk is full")

    done = Rehearsal(
        content=made,
        database=tmp_path / "r.db",
        writer_options=WriterOptions(hooks=CommitHooks(before_commit=fail)),
    ).run()
    assert done.state == "failed"
    assert not done.commands
    assert not any(one.arms for one in done.wrote)
    assert unsaved_path(done.database).exists()
    require_stopped_and_honest(done)


def test_when_nothing_can_be_saved_anywhere_the_result_says_how_much_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails altogether: the database, and the file beside it."""

    class BrokenDisk:
        def __getattr__(self, name: str) -> Any:
            if name == "write" and len(done.commands) >= 1:
                raise OSError(errno.EIO, "Input/output error")
            return getattr(os, name)

    def fail(_operations: Sequence[Operation]) -> None:
        if len(done.commands) >= 1:
            raise sqlite_says("disk I/O error")

    monkeypatch.setattr(unsaved, "os", BrokenDisk())
    done = Rehearsal(
        content=plain(),
        database=tmp_path / "r.db",
        writer_options=WriterOptions(hooks=CommitHooks(before_commit=fail), inline_group=1),
    )
    done.run()
    assert done.state == "failed"
    assert not done.result.saved
    assert done.result.lost > 0
    assert not done.emulator.state().status.info.enabled
    reconcile(open_database(done.database))
    require_sound(done.database)
    assert len(done.emulator.fired) >= 1
    assert done.outcomes == {"unknown": 6}, "nobody claims what nobody knows"


# With SQLite's own errors -------------------------------------------------------------------


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Connection]:
    """Every writing connection, as it is opened."""
    opened: list[Connection] = []
    connect = Database.connect_writer

    def connect_writer(self: Database, busy_timeout_ms: int = 250) -> Connection:
        connection = connect(self, busy_timeout_ms)
        opened.append(connection)
        return connection

    monkeypatch.setattr(Database, "connect_writer", connect_writer)
    return opened


def raw(connections: list[Connection]) -> Any:
    return connections[-1].connection.driver_connection


@pytest.mark.parametrize(
    ("pragma", "words"),
    [
        ("PRAGMA max_page_count = 1", "the disk is full"),
        ("PRAGMA query_only = ON", "the database is read-only"),
    ],
)
def test_sqlite_itself_refuses_to_write_in_the_middle_of_a_train(
    tmp_path: Path, connections: list[Connection], pragma: str, words: str
) -> None:
    done = Rehearsal(
        content=bursts(), database=tmp_path / "r.db", writer_options=WriterOptions(inline_group=1)
    )

    def touched(_how: str) -> None:
        if len(done.commands) == 2:
            raw(connections).execute(pragma).fetchall()

    done.touched = touched
    done.run()
    assert done.state == "failed"
    assert words in done.result.reason
    assert len(done.commands) == 2
    require_stopped_and_honest(done)


HOLD = """
import sys
from sqlcipher3 import dbapi2
connection = dbapi2.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


def test_another_process_that_keeps_the_write_lock_is_as_bad_as_a_full_disk(
    tmp_path: Path,
) -> None:
    """250 ms are waited for it and no longer."""
    done = Rehearsal(
        content=plain(), database=tmp_path / "r.db", writer_options=WriterOptions(inline_group=1)
    )
    holders: list[subprocess.Popen[str]] = []

    def touched(_how: str) -> None:
        if len(done.commands) == 1 and not holders:
            holder = subprocess.Popen(
                [sys.executable, "-c", HOLD, str(done.database)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            holders.append(holder)

    done.touched = touched
    begun_ns = RealClock().now_ns()
    done.run()
    took_ns = RealClock().now_ns() - begun_ns
    with holders[0] as holder:
        assert holder.stdin is not None
        holder.stdin.close()
        holder.wait()
    assert done.state == "failed"
    assert "another program kept the database locked" in done.result.reason
    assert took_ns < 5_000_000_000
    require_stopped_and_honest(done)


# Durable before the command ------------------------------------------------------------------


@pytest.mark.parametrize("made", SHORT.values(), ids=list(SHORT))
def test_commit_has_returned_before_the_first_byte_of_arm_and_command(
    tmp_path: Path, made: SessionContent
) -> None:
    """For every train and every host-timed pulse: its own row, then the wire."""
    done = Rehearsal(content=made, database=tmp_path / "r.db").run()
    require_rows_before_commands(done.passed, len(done.commands))


def test_every_commit_of_a_session_is_synced(tmp_path: Path, connections: list[Connection]) -> None:
    """SIGKILL does not prove durability: only FULL syncs each commit (pitfalls.md 22)."""
    seen: set[tuple[int, str]] = set()

    def touched(_how: str) -> None:
        open_ = [one for one in connections if not one.closed]
        for one in open_:
            driver: Any = one.connection.driver_connection
            (synchronous,) = driver.execute("PRAGMA synchronous").fetchone()
            (journal,) = driver.execute("PRAGMA journal_mode").fetchone()
            seen.add((synchronous, journal))

    done = Rehearsal(content=plain(), database=tmp_path / "r.db")
    done.touched = touched
    assert done.run().state == "completed"
    assert seen == {(2, "wal")}


# One session at a time -----------------------------------------------------------------------


def test_a_second_session_on_the_same_database_is_refused_by_the_lock(tmp_path: Path) -> None:
    """Two windows, one file: the second must not even reconcile."""
    database = tmp_path / "r.db"
    seconds: list[Rehearsal] = []
    done = Rehearsal(content=plain(), database=database)

    def show(_snapshot: object) -> None:
        if done.commands and not seconds:
            second = Rehearsal(content=plain(), database=database)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(session, "recover_locked", None)
                seconds.append(second.run())

    done.publish = show
    done.run()
    assert seconds[0].state == "none"
    assert "a session is running on this database" in seconds[0].result.reason
    assert done.state == "completed"
    assert rows(database, "SELECT count(*) FROM session") == [(1,)]
    require_sound(database)
    assert Rehearsal(content=plain(), database=database).run().state == "completed"


def test_the_next_session_first_brings_a_killed_one_to_its_end(tmp_path: Path) -> None:
    """Its process is really killed, in the middle of its second train."""
    scene = Scene(content=1, seed=0, group=8, folder=tmp_path)
    assert ended_by_kill(in_child(lambda: scene.play(Reaper("pulse fired", 12))))
    killed = examine(scene.database, scene.log)
    assert killed.states == ["running"]
    assert len(killed.fired) == 12

    following = Rehearsal(content=plain(), database=scene.database).run()
    assert following.state == "completed"
    states = rows(scene.database, "SELECT state FROM session ORDER BY id")
    assert states == [("interrupted",), ("completed",)]
    first = pulses_on_record(scene.database, str(rows(scene.database, _FIRST)[0][0]))
    assert {one.number for one in first} >= killed.fired
    assert {one.outcome for one in first} == {"unknown", "delivered"}
    require_sound(scene.database)


_FIRST = "SELECT uid FROM session ORDER BY id LIMIT 1"


def test_a_bug_of_this_program_disarms_before_anything_is_written(tmp_path: Path) -> None:
    """No disk is waited for while the stimulator can fire."""
    done = Rehearsal(content=plain(), database=tmp_path / "r.db")

    def touched(_how: str) -> None:
        pressed = any(isinstance(one, Pressed) for one in done.passed)
        if done.commands and not pressed:
            done.pressed()
            raise ZeroDivisionError

    done.touched = touched
    done.run()
    assert done.state == "failed"
    place = next(n for n, one in enumerate(done.passed) if isinstance(one, Pressed))
    following = done.passed[place + 1]
    assert isinstance(following, Wrote)
    assert following.disarms
    require_stopped_and_honest(done)
