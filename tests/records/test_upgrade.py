"""Older files: upgraded when opened for use, after a backup, whole or not at all."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest
from filelock import FileLock
from sqlcipher3 import dbapi2

from tests.records.dying import die, killed_while
from tests.records.older import schema_1_database
from tests.records.recording import record, rich_session, rows, tampering
from tms_console.records import upgrade
from tms_console.records.backup import copy_verified
from tms_console.records.connections import raw_connection
from tms_console.records.database import (
    SCHEMA_VERSION,
    Database,
    Purpose,
    create_database,
    inspect_database,
    open_database,
    schema_script,
    schema_scripts,
)
from tms_console.records.errors import DatabaseUnusable
from tms_console.records.file_facts import facts_of
from tms_console.records.heads import kept_head
from tms_console.records.operations import new_uid
from tms_console.records.queries import list_sessions
from tms_console.records.session_lock import SessionLock, held_here, lock_path
from tms_console.records.upgrade import backup_path, upgrade_database
from tms_console.records.verify import verify

SCHEMA = "SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2"


@pytest.fixture(params=[Purpose.REHEARSAL, Purpose.CLINIC])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A database of schema 1, with a session on record."""
    made = schema_1_database(tmp_path / "a.db", request.param)
    uid = new_uid()
    record(made, uid, rich_session(uid))
    return made


def schema(path: Path) -> int:
    return int(rows(path, "PRAGMA user_version")[0][0])


def test_opening_an_older_database_for_use_upgrades_it_after_a_backup(old: Database) -> None:
    before = facts_of(old.path)

    opened = open_database(old.path)

    assert opened == old
    assert schema(old.path) == SCHEMA_VERSION
    backup = backup_path(old.path, 1)
    assert backup.name == "a.db.schema-1.bak"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    kept = facts_of(backup)
    assert (kept.schema, kept.head) == (1, before.head)
    assert verify(old.path).findings == ()
    (said,) = rows(
        old.path,
        "SELECT seq, actor, subject, detail ->> '$.from', detail ->> '$.to', "
        "length(detail ->> '$.backup_sha256') FROM audit WHERE action = 'database.upgrade'",
    )
    assert said == (before.head.seq + 1, "console", f"database:{old.uid}", 1, 2, 64)
    assert kept_head(old.uid) == facts_of(old.path).head
    assert len(list_sessions(opened)) == 1


def test_an_upgraded_database_is_made_like_a_new_one(old: Database, tmp_path: Path) -> None:
    new = create_database(tmp_path / "new.db", old.purpose)

    open_database(old.path)

    assert rows(old.path, SCHEMA) == rows(new.path, SCHEMA)


def test_a_second_opening_changes_nothing(old: Database) -> None:
    open_database(old.path)
    before = facts_of(old.path)

    open_database(old.path)
    upgrade_database(old.path)

    assert facts_of(old.path) == before
    assert len(list(old.path.parent.glob("*.bak"))) == 1


def test_looking_into_an_older_database_changes_nothing(old: Database) -> None:
    """`records verify` and `records list` must not touch evidence."""
    content = old.path.read_bytes()

    answer = verify(old.path)
    database = inspect_database(old.path)

    assert (answer.findings, answer.sessions, answer.records) == ((), 1, 0)
    assert len(list_sessions(database)) == 1
    assert schema(old.path) == 1
    assert old.path.read_bytes() == content
    assert not list(old.path.parent.glob("*.bak"))


def test_an_older_database_is_compared_with_its_own_schema(old: Database) -> None:
    with tampering(old.path) as connection:
        connection.execute("CREATE TABLE user (id)")

    assert "table user" in [finding.row for finding in verify(old.path).findings]


def test_the_scripts_of_a_version_are_those_up_to_it() -> None:
    assert schema_scripts(1) == schema_script(1)
    assert schema_scripts() == schema_script(1) + "\n" + schema_script(2)


def test_while_a_session_runs_an_older_database_is_not_upgraded(old: Database) -> None:
    """An older program may be delivering on it."""
    with (
        FileLock(lock_path(old.path)),  # as another process would hold it
        pytest.raises(DatabaseUnusable, match=r"must be upgraded to 2.*a session is running"),
    ):
        open_database(old.path)
    assert schema(old.path) == 1


def test_who_holds_the_session_lock_may_upgrade(old: Database) -> None:
    """A session takes the lock before it opens the database."""
    with SessionLock.acquire(old.path):
        assert held_here(old.path)
        open_database(old.path)

    assert not held_here(old.path)
    assert schema(old.path) == 2


def test_a_read_only_file_is_not_upgraded_and_that_is_said(
    old: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda *_: False)
        with pytest.raises(DatabaseUnusable, match=r"must be upgraded to 2.*read-only"):
            open_database(old.path)

    assert not list(old.path.parent.glob("*.bak"))


def test_without_a_backup_there_is_no_upgrade(
    old: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise DatabaseUnusable("a.db.schema-1.bak: the copy was not made: the disk is full")

    monkeypatch.setattr(upgrade, "copy_verified", full)

    with pytest.raises(DatabaseUnusable, match=r"not possible now: .*the disk is full"):
        open_database(old.path)
    assert schema(old.path) == 1


def test_a_tampered_older_database_is_not_upgraded(old: Database) -> None:
    """The backup does not verify; the evidence stays as it is."""
    with tampering(old.path) as connection:
        connection.execute("UPDATE session SET coil = 'another'")

    with pytest.raises(DatabaseUnusable, match=r"not possible now: .*not sound"):
        open_database(old.path)
    assert schema(old.path) == 1


def test_a_statement_that_fails_leaves_the_old_schema(
    old: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(old.path, SCHEMA)
    monkeypatch.setattr(
        upgrade, "schema_script", lambda _: schema_script(2) + "CREATE TABLE pulse (a);"
    )

    with pytest.raises(DatabaseUnusable, match="table pulse already exists"):
        open_database(old.path)
    assert (schema(old.path), rows(old.path, SCHEMA)) == (1, before)
    assert verify(old.path).findings == ()


@pytest.mark.parametrize(
    ("place", "version"),
    [("copy_verified", 1), ("_execute", 1), ("expect_head", 1), ("keep_outside", 2)],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_between_the_steps_it_leaves_a_file_that_can_be_used(
    old: Database, monkeypatch: pytest.MonkeyPatch, place: str, version: int, when: str
) -> None:
    """Before, in the midst of and after the transaction."""
    really = getattr(upgrade, place)

    def then_die(*arguments: object, **named: object) -> None:
        if when == "after":
            really(*arguments, **named)
        die()

    with monkeypatch.context() as patch:
        patch.setattr(upgrade, place, then_die)
        assert killed_while(lambda: open_database(old.path))

    assert schema(old.path) == version
    assert verify(old.path).findings == ()
    assert open_database(old.path) == old
    assert schema(old.path) == 2
    assert verify(old.path).findings == ()
    backups = sorted(old.path.parent.glob("*.bak"))
    assert [path.name for path in backups] == ["a.db.schema-1.bak"], "an earlier one serves again"


def test_a_backup_of_an_earlier_state_is_kept_beside_the_new_one(old: Database) -> None:
    copy_verified(old.path, backup_path(old.path, 1))
    uid = new_uid()
    record(old, uid, rich_session(uid))
    head = facts_of(old.path).head

    open_database(old.path)

    assert facts_of(backup_path(old.path, 1)).head.seq < head.seq
    assert facts_of(backup_path(old.path, 1, 2)).head == head
    assert backup_path(old.path, 1, 2).name == "a.db.schema-1.2.bak"


def test_what_only_looks_like_a_backup_is_kept_and_not_relied_on(old: Database) -> None:
    backup_path(old.path, 1).write_text("a letter")
    copy_verified(old.path, backup_path(old.path, 1, 2))
    with raw_connection(backup_path(old.path, 1, 2)) as connection:
        connection.execute("DROP TRIGGER session_delete")
    connection.close()

    open_database(old.path)

    assert backup_path(old.path, 1).read_text() == "a letter"
    assert verify(backup_path(old.path, 1, 3)).records == 0


def test_of_two_programs_that_upgrade_at_once_the_second_finds_it_done(
    old: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = copy_verified

    def meanwhile(path: Path, target: Path) -> object:
        done = really(path, target)
        with monkeypatch.context() as patch:
            patch.setattr(upgrade, "copy_verified", really)
            patch.setattr(upgrade, "held_here", lambda _: True)
            upgrade_database(path)
        return done

    monkeypatch.setattr(upgrade, "copy_verified", meanwhile)
    open_database(old.path)

    assert rows(old.path, "SELECT count(*) FROM audit WHERE action = 'database.upgrade'") == [(1,)]
    assert verify(old.path).findings == ()


def test_a_database_whose_folder_is_gone_is_refused(old: Database, tmp_path: Path) -> None:
    shutil.rmtree(old.path.parent)

    with pytest.raises(DatabaseUnusable, match="no folder"):
        open_database(tmp_path / "gone" / "a.db")


def test_a_disk_that_fails_is_a_refusal(old: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise dbapi2.OperationalError("disk I/O error")

    monkeypatch.setattr(upgrade, "_execute", fails)

    with pytest.raises(DatabaseUnusable, match=r"not possible now: .*disk I/O error"):
        open_database(old.path)
    assert schema(old.path) == 1
