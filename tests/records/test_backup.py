"""Backups and putting them back: verified, whole, and nothing lost when the process is killed."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlcipher3 import dbapi2

from tests.records.dying import die, killed_while
from tests.records.older import schema_1_database
from tests.records.recording import (
    begin_session,
    header_of,
    record,
    rich_session,
    rows,
    tampering,
    wall_clock,
    whole_train,
)
from tms_console.records import backup as backup_module
from tms_console.records import private_files, restore
from tms_console.records.backup import back_up, copy_verified, require_same
from tms_console.records.connections import file_id, key_of, raw_connection
from tms_console.records.database import (
    Database,
    Purpose,
    check_integrity,
    create_database,
    inspect_database,
    open_database,
)
from tms_console.records.encryption import forget_keys
from tms_console.records.errors import (
    DatabaseUnusable,
    RecordsError,
    SessionLockTaken,
    WriteFailed,
)
from tms_console.records.file_facts import Standing, facts_of, sha256_of, standing
from tms_console.records.heads import head_path, kept_head, kept_heads
from tms_console.records.left_behind import unsaved_path
from tms_console.records.operations import AuditNote, new_uid
from tms_console.records.restore import put_back
from tms_console.records.session_lock import SessionLock
from tms_console.records.transactions import write_now
from tms_console.records.unsaved import UnsavedFile
from tms_console.records.upkeep import (
    backup_due,
    integrity_due,
    newest_backup,
    newest_integrity,
    record_integrity,
)
from tms_console.records.verify import verify
from tms_console.records.writer import InlineWriter, WriterOptions

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@pytest.fixture(params=[Purpose.CLINIC, Purpose.REHEARSAL])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """An encrypted and a plain one, each with a session on record."""
    made = create_database(tmp_path / "a.db", request.param, wall=wall_clock())
    uid = new_uid()
    record(made, uid, rich_session(uid))
    return made


def note(database: Database, words: str = "a word") -> None:
    """Write one more row into the chain."""
    write_now(
        database,
        AuditNote(uid=new_uid(), actor="console", action="gate.refused", subject="x", detail=words),
    )


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def seq(path: Path) -> int:
    return facts_of(path).head.seq


# Backup


def test_a_backup_holds_what_the_database_held_and_names_itself_there(
    database: Database, tmp_path: Path
) -> None:
    held = facts_of(database.path)

    copy = back_up(database.path, tmp_path / "b.db", wall=lambda: "2026-03-02T00:00:00Z")

    assert copy.facts.head == held.head
    assert facts_of(copy.path) == copy.facts
    assert copy.sha256 == sha256_of(copy.path)
    assert copy.size_bytes == copy.path.stat().st_size
    table = "SELECT * FROM {} ORDER BY 1, 2"
    for name in ("session", "train", "pulse", "session_event", "device_frame"):
        query = table.format(name)
        assert rows(copy.path, query) == rows(database.path, query)
    noted = newest_backup(database)
    assert noted is not None
    assert (noted.at, noted.head) == ("2026-03-02T00:00:00Z", held.head)
    assert (noted.sha256, noted.size_bytes) == (copy.sha256, copy.size_bytes)
    assert verify(database.path).findings == ()
    (said,) = rows(database.path, "SELECT detail FROM audit WHERE action = 'database.backup'")
    assert str(tmp_path) not in said[0]


def test_a_backup_is_one_file_of_its_owner_under_any_umask(
    database: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "usb"
    folder.mkdir()
    before = os.umask(0)
    try:
        back_up(database.path, folder / "b.db")
        assert verify(folder / "b.db").audit_rows > 0
    finally:
        os.umask(before)

    assert files(folder) == ["b.db"]
    assert stat.S_IMODE((folder / "b.db").stat().st_mode) == 0o600


def test_the_backup_of_an_encrypted_database_is_encrypted_with_its_key_under_its_id(
    tmp_path: Path,
) -> None:
    """So one escrow copy serves the database and all its backups."""
    clinic = create_database(tmp_path / "a.db", Purpose.CLINIC)
    copy = back_up(clinic.path, tmp_path / "b.db")
    forget_keys()

    assert b"SQLite" not in copy.path.read_bytes()[:16]
    assert file_id(copy.path) == file_id(clinic.path)
    assert key_of(copy.path) == key_of(clinic.path)


def test_a_backup_during_a_session_is_of_one_moment_and_holds_nobody_up(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trains are committed between the pages of the copy; none waits and none is half in it."""
    monkeypatch.setattr(backup_module, "PAGES_A_STEP", 10)
    uid = new_uid()
    written = 0
    options = WriterOptions(wall=wall_clock(), busy_timeout_ms=1, inline_group=1)
    with (
        SessionLock.acquire(database.path),
        InlineWriter(database, header_of(database, uid), lambda _: None, options) as writer,
    ):
        writer.submit(begin_session(uid))
        begun = seq(database.path)

        def deliver(_done: int, _total: int) -> None:
            nonlocal written
            written += 1
            for one in whole_train(uid, written, written * 4 - 3):
                writer.submit(one)
            assert writer.failure is None

        copy = back_up(database.path, tmp_path / "b.db", progress=deliver)

    assert written > 5
    assert copy.facts.head.seq == begun
    assert verify(tmp_path / "b.db", heads=None).running == (uid,)
    assert rows(copy.path, f"SELECT count(*) FROM train t JOIN session s ON s.id = t.session_id "
                f"WHERE s.uid = '{uid}'") == [(0,)]  # fmt: skip
    assert rows(database.path, f"SELECT count(*) FROM train t JOIN session s ON "
                f"s.id = t.session_id WHERE s.uid = '{uid}'") == [(written,)]  # fmt: skip


def test_a_backup_never_replaces_a_file(database: Database, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("the backup of yesterday")

    with pytest.raises(DatabaseUnusable, match="not replaced"):
        back_up(database.path, there)
    assert there.read_text() == "the backup of yesterday"


def test_a_file_that_appears_meanwhile_is_not_replaced(database: Database, tmp_path: Path) -> None:
    target = tmp_path / "b.db"

    def another_program(_done: int, _total: int) -> None:
        target.write_text("mine")

    with pytest.raises(DatabaseUnusable, match="not replaced"):
        copy_verified(database.path, target, progress=another_program)
    assert target.read_text() == "mine"
    assert not list(tmp_path.glob("*.new*"))


def test_a_stick_without_hard_links_takes_a_backup_too(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAT and many network shares have none."""

    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    back_up(database.path, tmp_path / "b.db")
    with pytest.raises(FileExistsError):
        private_files.write_private(tmp_path / "b.db", b"")

    assert verify(tmp_path / "b.db").audit_rows > 0
    assert not list(tmp_path.glob("*.new*"))


def test_a_missing_source_or_folder_is_refused_by_name(database: Database, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="no such database"):
        back_up(tmp_path / "none.db", tmp_path / "b.db")
    with pytest.raises(DatabaseUnusable, match=r"no folder .*nowhere"):
        back_up(database.path, tmp_path / "nowhere" / "b.db")


def test_a_full_disk_leaves_no_backup_and_says_so(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise dbapi2.OperationalError("database or disk is full")

    monkeypatch.setattr(backup_module, "_copy_pages", full)

    with pytest.raises(DatabaseUnusable, match="not made: database or disk is full"):
        back_up(database.path, tmp_path / "b.db")
    assert not list(tmp_path.glob("b.db*"))
    assert newest_backup(database) is None


def test_a_tampered_database_gives_no_backup(database: Database, tmp_path: Path) -> None:
    """A copy that does not verify must not take the place of a good one."""
    with tampering(database.path) as connection:
        connection.execute("UPDATE pulse SET observed_ns = observed_ns + 1 WHERE number = 2")
        connection.execute("UPDATE session SET coil = 'x'")
        connection.execute("CREATE TABLE more (a)")
        connection.execute("CREATE TABLE still_more (a)")

    with pytest.raises(DatabaseUnusable, match=r"not sound: .*and \d+ more.*records verify"):
        back_up(database.path, tmp_path / "b.db")
    assert not list(tmp_path.glob("b.db*"))
    assert newest_backup(database) is None


def test_a_copy_that_ends_elsewhere_than_its_source_is_refused(
    database: Database, tmp_path: Path
) -> None:
    copy = copy_verified(database.path, tmp_path / "b.db")
    note(database)

    with pytest.raises(DatabaseUnusable, match="not what was copied"):
        require_same(copy.path, facts_of(database.path))


def test_a_backup_that_cannot_be_noted_is_still_there_and_that_is_said(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tms_console.records.upkeep.BUSY_MS", 1)
    with (
        database.connect_writer() as other,
        other.begin(),
        pytest.raises(WriteFailed, match=r"in place and verified, but.*kept the database lock"),
    ):
        back_up(database.path, tmp_path / "b.db")
    assert verify(tmp_path / "b.db").audit_rows > 0


def test_a_killed_backup_leaves_the_source_alone_and_no_file_of_that_name(
    database: Database, tmp_path: Path
) -> None:
    assert killed_while(lambda: copy_verified(database.path, tmp_path / "b.db", progress=die))

    assert not (tmp_path / "b.db").exists()
    assert verify(database.path).findings == ()
    left = [path for path in tmp_path.glob("b.db.*.new*") if path.stat().st_mode & 0o077]
    assert left == []


# What the chain says of its own file


def test_a_backup_is_offered_once_a_day(database: Database, tmp_path: Path) -> None:
    assert newest_backup(database) is None
    assert backup_due(database, NOW)
    back_up(database.path, tmp_path / "b.db", wall=lambda: "2026-03-01T08:00:00.5Z")

    assert not backup_due(database, NOW)
    assert not backup_due(database, NOW.astimezone(timezone(timedelta(hours=5))))
    assert not backup_due(database, NOW + timedelta(hours=22, minutes=59))
    assert backup_due(database, NOW + timedelta(hours=23, seconds=1))
    assert backup_due(database, NOW - timedelta(days=1)), "a clock set back vouches for nothing"


def test_a_check_of_the_file_is_due_once_a_day_and_a_failure_stays_until_a_good_one(
    database: Database,
) -> None:
    """The gate reads the newest: a damaged file arms nothing."""
    assert newest_integrity(database) is None
    assert integrity_due(database, NOW)
    record_integrity(database, ["row 7 missing"] * 30, wall=lambda: "2026-03-01T08:59:00Z")
    bad = newest_integrity(database)
    assert bad is not None
    assert (bad.sound, len(bad.faults), bad.at) == (False, 20, "2026-03-01T08:59:00Z")
    assert not integrity_due(database, NOW)

    record_integrity(database, check_integrity(database), wall=lambda: "2026-03-01T09:01:00Z")
    good = newest_integrity(database)
    assert good is not None
    assert good.sound
    assert integrity_due(database, NOW + timedelta(days=2))
    assert verify(database.path).findings == ()


def test_what_is_noted_moves_the_head_that_is_kept_outside(database: Database) -> None:
    """A chain that goes on without its kept head would look like somebody else's rows."""
    record_integrity(database, ())

    assert kept_head(database.uid) == facts_of(database.path).head


@pytest.mark.parametrize("action", ["database.backup", "database.integrity"])
@pytest.mark.parametrize("detail", ["{}", "[]", "not json"])
def test_a_row_that_says_nothing_is_an_error_and_not_a_missing_one(
    tmp_path: Path, action: str, detail: str
) -> None:
    database = create_database(tmp_path / "a.db", Purpose.DEMO)
    record_integrity(database, ())
    with tampering(database.path) as connection:
        connection.execute(
            "UPDATE audit SET action = ?, detail = ? WHERE seq = 2", (action, detail)
        )
    read: Callable[[Database], Any] = (
        newest_backup if action == "database.backup" else newest_integrity
    )

    with pytest.raises(RecordsError, match=f"{action} does not say"):
        read(database)


def test_a_check_that_cannot_be_noted_is_a_failed_write(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tms_console.records.upkeep.BUSY_MS", 1)
    with (
        database.connect_writer() as other,
        other.begin(),
        pytest.raises(WriteFailed, match="kept the database locked"),
    ):
        record_integrity(database, ())


# Looking at a file


def test_a_file_put_back_by_hand_shows_against_a_head_kept_elsewhere(
    database: Database, tmp_path: Path
) -> None:
    old = copy_verified(database.path, tmp_path / "old.db")
    first = old.facts.head
    note(database, "it went on")
    newest = facts_of(database.path).head

    assert standing(database.path, first) is Standing.HOLDS
    assert standing(database.path, newest) is Standing.HOLDS
    assert standing(old.path, newest) is Standing.OLDER
    shutil.copy(old.path, tmp_path / "other.db")
    other = inspect_database(tmp_path / "other.db")
    note(other, "and the copy went on too")
    assert standing(other.path, newest) is Standing.DIVERGED
    stranger = create_database(tmp_path / "stranger.db", Purpose.DEMO)
    assert standing(stranger.path, newest) is Standing.FOREIGN
    with pytest.raises(DatabaseUnusable, match="no such database"):
        standing(tmp_path / "none.db", newest)
    with pytest.raises(DatabaseUnusable, match="no such database"):
        facts_of(tmp_path / "none.db")


# Restore


@pytest.fixture
def older(database: Database, tmp_path: Path) -> Path:
    """A backup, after which the database went on."""
    copy = back_up(database.path, tmp_path / "b.db")
    note(database)
    return copy.path


def test_a_backup_is_put_back_and_what_it_replaced_is_kept(database: Database, older: Path) -> None:
    newest = facts_of(database.path)
    kept = kept_heads(database.uid)

    done = put_back(older, database.path)

    assert done.database.head == facts_of(older).head == facts_of(database.path).head
    assert done.database.path == database.path
    assert done.backup_sha256 == sha256_of(older)
    assert done.replaced == newest
    assert done.aside is not None
    assert facts_of(done.aside).head == newest.head
    assert done.aside.name.startswith("a.db.replaced-")
    assert stat.S_IMODE(database.path.stat().st_mode) == 0o600
    assert open_database(database.path) == database
    assert rows(database.path, "PRAGMA journal_mode") == [("wal",)]
    assert kept_heads(database.uid) == kept, "what is remembered outside still shows the loss"
    assert standing(database.path, newest.head) is Standing.OLDER
    assert verify(database.path).findings != ()
    assert older.exists()


def test_two_restores_in_one_second_keep_both_files(
    database: Database, older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore, "utc_now_text", lambda: "2026-03-01T09:00:00.0Z")

    names = [put_back(older, database.path).aside for _ in range(3)]

    assert [path.name for path in names if path] == [
        "a.db.replaced-20260301T090000Z",
        "a.db.replaced-20260301T090000Z.2",
        "a.db.replaced-20260301T090000Z.3",
    ]


def test_a_backup_is_put_where_nothing_is(older: Path, tmp_path: Path) -> None:
    """A new machine."""
    done = put_back(older, tmp_path / "new.db")

    assert (done.aside, done.replaced) == (None, None)
    assert facts_of(tmp_path / "new.db").head == facts_of(older).head


def test_a_damaged_database_is_moved_aside_with_its_wal(database: Database, older: Path) -> None:
    """The day a restore is for.  A -wal left beside another file would be taken for that one's."""
    database.path.write_bytes(b"\0" * 8192)
    wal = database.path.with_name("a.db-wal")
    wal.write_bytes(b"of the damaged file")
    beside = UnsavedFile.create(database.path, header_of(database, new_uid()), 4096)
    beside.keep()

    done = put_back(older, database.path)

    assert done.replaced is None
    assert done.aside is not None
    assert done.aside.read_bytes() == b"\0" * 8192
    assert done.aside.with_name(done.aside.name + "-wal").read_bytes() == b"of the damaged file"
    assert done.unsaved_aside == unsaved_path(done.aside)
    assert done.unsaved_aside.exists()
    assert facts_of(database.path).head == facts_of(older).head


def test_a_session_that_is_not_reconciled_comes_first(database: Database, older: Path) -> None:
    """Its stimulator may be armed, and what it left unsaved belongs to the file in place."""
    beside = UnsavedFile.create(database.path, header_of(database, new_uid()), 4096)
    beside.keep()

    with pytest.raises(DatabaseUnusable, match="may still be armed; start the console once"):
        put_back(older, database.path)


def test_while_a_session_runs_nothing_is_put_back(database: Database, older: Path) -> None:
    with SessionLock.acquire(database.path), pytest.raises(SessionLockTaken, match="is running"):
        put_back(older, database.path)


def test_while_another_program_has_it_open_nothing_is_put_back(
    database: Database, older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its next row would go into the file that was put aside."""
    monkeypatch.setattr(restore, "raw_connection", lambda path: raw_connection(path, busy_ms=10))
    with database.connect_writer() as other:
        other.exec_driver_sql("SELECT count(*) FROM audit").scalar()
        with pytest.raises(DatabaseUnusable, match="close every window"):
            put_back(older, database.path)

    assert not list(older.parent.glob("*.replaced-*"))
    assert not list(older.parent.glob("*.new*"))


def test_nobody_gets_into_the_file_while_it_is_replaced(database: Database, older: Path) -> None:
    """What was written into it then would be in the file that was put aside."""
    refused = []

    def try_to_write(step: str) -> None:
        if step in {"alone", "aside", "beside"}:
            with pytest.raises(DatabaseUnusable, match="locked"):
                database.connect_writer(busy_timeout_ms=10)
            refused.append(step)

    put_back(older, database.path, at_step=try_to_write)

    assert refused == ["alone", "aside", "beside"]


def test_a_program_that_opens_it_in_between_is_noticed(
    database: Database, older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reopened:
        """A connection to a file that somebody has set to WAL again."""

        def execute(self, _: str) -> Reopened:
            return self

        def fetchone(self) -> tuple[str]:
            return ("wal",)

        def close(self) -> None:
            """Do nothing."""

    monkeypatch.setattr(restore, "raw_connection", lambda _: Reopened())

    with pytest.raises(DatabaseUnusable, match="close every window"):
        put_back(older, database.path)


def test_the_backup_of_another_database_is_not_put_over_this_one(
    database: Database, tmp_path: Path
) -> None:
    stranger = create_database(tmp_path / "stranger.db", database.purpose)

    with pytest.raises(DatabaseUnusable, match="of another database"):
        put_back(stranger.path, database.path)


def test_a_backup_that_was_changed_is_not_put_back(database: Database, older: Path) -> None:
    before = facts_of(database.path)
    with tampering(older) as connection:
        connection.execute("UPDATE pulse SET observed_ns = observed_ns + 1 WHERE number = 2")

    with pytest.raises(DatabaseUnusable, match="not sound"):
        put_back(older, database.path)
    assert facts_of(database.path) == before


def test_a_missing_backup_and_the_database_itself_are_refused(
    database: Database, tmp_path: Path
) -> None:
    with pytest.raises(DatabaseUnusable, match="no such backup"):
        put_back(tmp_path / "none.db", database.path)
    with pytest.raises(DatabaseUnusable, match="the database itself"):
        put_back(database.path, database.path)


def test_a_disk_that_fails_leaves_the_database_in_place(
    database: Database, older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    before = facts_of(database.path)
    monkeypatch.setattr(restore, "name_too", fails)

    with pytest.raises(DatabaseUnusable, match="not put back: Input/output error"):
        put_back(older, database.path)
    assert facts_of(database.path) == before


STEPS = ("copied", "alone", "aside", "beside", "in place")


@pytest.mark.parametrize("damaged", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_a_restore_loses_nothing(
    database: Database, older: Path, step: str, damaged: bool
) -> None:
    """Under the name of the database there is always the old file or the backup, whole."""
    newest = facts_of(database.path).head
    wal = database.path.with_name("a.db-wal")
    if damaged:
        database.path.write_bytes(b"\0" * 8192)
        wal.write_bytes(b"of the damaged file")

    assert killed_while(
        lambda: put_back(older, database.path, at_step=lambda at: die() if at == step else None)
    )

    asides = [p for p in older.parent.glob("a.db.replaced-*") if not p.name.endswith("-wal")]
    wals = [wal, *(p.with_name(p.name + "-wal") for p in asides)]
    if damaged:
        assert any(p.exists() and p.read_bytes() == b"of the damaged file" for p in wals)
        assert any(p.read_bytes() == b"\0" * 8192 for p in [database.path, *asides])
    else:
        assert newest in [facts_of(p).head for p in [database.path, *asides]]
    assert facts_of(older).head.seq == newest.seq - 2
    if step == "in place":
        assert facts_of(database.path).head == facts_of(older).head
    put_back(older, database.path)
    assert facts_of(database.path).head == facts_of(older).head
    note(open_database(database.path))


def test_an_older_schema_is_backed_up_and_put_back_as_it_is(tmp_path: Path) -> None:
    old = schema_1_database(tmp_path / "a.db")
    copy = copy_verified(old.path, tmp_path / "b.db")

    done = put_back(copy.path, tmp_path / "c.db")

    assert (copy.facts.schema, done.database.schema) == (1, 1)


def test_a_backup_on_a_medium_that_cannot_be_written_is_put_back(
    database: Database, older: Path
) -> None:
    folder = older.parent / "medium"
    folder.mkdir()
    shutil.move(older, folder / "b.db")
    code = (
        "import os, sys; from pathlib import Path\n"
        "from tms_console.records.restore import put_back\n"
        "put_back(Path(sys.argv[1]), Path(sys.argv[2]))\n"
    )
    (folder / "b.db").chmod(0o400)
    folder.chmod(0o500)
    try:
        subprocess.run([sys.executable, "-c", code, folder / "b.db", database.path], check=True)
    finally:
        folder.chmod(0o700)

    assert files(folder) == ["b.db"]
    assert facts_of(database.path).head == facts_of(folder / "b.db").head
    assert head_path(database.uid).exists()
