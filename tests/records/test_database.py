"""Opening and creating files: the settings of every connection, and every refusal in words."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from sqlcipher3 import dbapi2

from tests.records.recording import new_database, rows, tampering
from tms_console.records import places
from tms_console.records.connections import reason_of
from tms_console.records.database import (
    SCHEMA_VERSION,
    Database,
    Purpose,
    check_integrity,
    create_database,
    open_database,
    open_or_create,
    reading,
    require_purpose,
)
from tms_console.records.errors import DatabaseUnusable, RecordsError
from tms_console.records.heads import head_path, kept_head
from tms_console.records.places import file_system_of


def test_the_writing_connection_syncs_every_commit_and_keeps_the_rules(database: Database) -> None:
    """FULL is what makes COMMIT mean that the row survives a power cut."""
    with database.connect_writer(busy_timeout_ms=123) as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in (
                "synchronous",
                "journal_mode",
                "foreign_keys",
                "trusted_schema",
                "recursive_triggers",
                "busy_timeout",
            )
        }

    assert settings == {
        "synchronous": 2,
        "journal_mode": "wal",
        "foreign_keys": 1,
        "trusted_schema": 0,
        "recursive_triggers": 1,
        "busy_timeout": 123,
    }


def test_a_writing_transaction_takes_the_lock_at_its_beginning(database: Database) -> None:
    """A deferred one fails at its first write without waiting (pitfalls.md 24)."""
    with database.connect_writer() as one, database.connect_writer(10) as other, one.begin():
        one.exec_driver_sql("SELECT 1")
        with pytest.raises(OperationalError, match="locked"):
            other.begin()


def test_a_reader_cannot_write_and_sees_one_state(database: Database) -> None:
    with pytest.raises(DatabaseUnusable, match="read-only"), database.reading() as connection:
        connection.exec_driver_sql("DELETE FROM audit")


def test_a_new_database_says_what_it_is_for_in_its_first_audit_row(tmp_path: Path) -> None:
    made = create_database(tmp_path / "demo.db", Purpose.DEMO)

    assert open_database(made.path) == made
    assert rows(made.path, "SELECT seq, action, json_extract(detail, '$.purpose') FROM audit") == [
        (1, "database.create", "demo")
    ]
    assert rows(made.path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert rows(made.path, "PRAGMA application_id") == [(0x544D5343,)]
    assert check_integrity(made) == ()


def test_uids_are_of_version_7_and_differ(tmp_path: Path) -> None:
    made = create_database(tmp_path / "a.db", Purpose.DEMO)

    assert made.uid[14] == made.console_uid[14] == "7"
    assert made.uid != made.console_uid


def test_the_head_of_a_new_chain_is_kept_outside(database: Database) -> None:
    head = kept_head(database.uid)

    assert head is not None
    assert (head.seq, head.console_uid) == (1, database.console_uid)


def test_only_the_owner_can_read_any_of_the_files(database: Database) -> None:
    with database.connect_writer() as connection, connection.begin():
        connection.exec_driver_sql("PRAGMA user_version")
        made = sorted(path.name for path in database.path.parent.glob("rehearsals.db*"))
        for path in [*database.path.parent.glob("rehearsals.db*"), head_path(database.uid)]:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path

    assert made == ["rehearsals.db", "rehearsals.db-shm", "rehearsals.db-wal"]


def test_a_database_is_made_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", full)

    with pytest.raises(DatabaseUnusable, match="No space left on device"):
        create_database(tmp_path / "a.db", Purpose.DEMO)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


def test_a_file_that_is_there_is_never_overwritten(database: Database) -> None:
    with pytest.raises(DatabaseUnusable, match="not overwritten"):
        create_database(database.path, Purpose.REHEARSAL)


def test_of_two_programs_that_make_the_same_file_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = new_database(tmp_path)
    monkeypatch.setattr(Path, "exists", lambda _: False)

    with pytest.raises(DatabaseUnusable, match="another program is making"):
        create_database(first.path, Purpose.DEMO)


def test_a_database_for_another_purpose_is_refused(tmp_path: Path) -> None:
    """A rehearsal must never land among patients."""
    clinic = create_database(tmp_path / "clinic.db", Purpose.CLINIC)

    with pytest.raises(DatabaseUnusable, match="clinic database, and only a rehearsal one"):
        open_or_create(clinic.path, Purpose.REHEARSAL)
    require_purpose(clinic, Purpose.CLINIC)
    assert open_or_create(tmp_path / "new.db", Purpose.REHEARSAL).purpose is Purpose.REHEARSAL


def test_a_missing_file_or_folder_or_a_folder_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="no such database"):
        open_database(tmp_path / "a.db")
    with pytest.raises(DatabaseUnusable, match=r"no folder .*nowhere"):
        open_database(tmp_path / "nowhere" / "a.db")
    with pytest.raises(DatabaseUnusable, match="is a folder"):
        open_database(tmp_path)


def test_a_file_that_is_no_database_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "letter.db"
    path.write_text("Dear colleague, " * 99)

    with pytest.raises(DatabaseUnusable, match="not a database of TMS Console, or it is encrypted"):
        open_database(path)


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    connection = dbapi2.connect(str(path))
    connection.execute("CREATE TABLE notes (text)")
    connection.close()

    with pytest.raises(DatabaseUnusable, match="another program"):
        open_database(path)


@pytest.mark.parametrize(("version", "words"), [(99, "newer TMS Console"), (0, "no schema")])
def test_a_schema_that_is_not_known_is_refused(
    database: Database, version: int, words: str
) -> None:
    connection = dbapi2.connect(str(database.path))
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()

    with pytest.raises(DatabaseUnusable, match=words):
        open_database(database.path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("DELETE FROM audit", "is gone"),
        ("UPDATE audit SET detail = '{}'", "does not say what"),
        ("UPDATE audit SET detail = '[]'", "does not say what"),
    ],
)
def test_a_database_that_does_not_say_what_it_is_for_is_refused(
    database: Database, change: str, words: str
) -> None:
    with tampering(database.path) as connection:
        connection.execute(change)

    with pytest.raises(DatabaseUnusable, match=words):
        open_database(database.path)


def test_an_sqlite_that_can_lose_rows_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before 3.51.3 two writers can lose committed pages (the WAL-reset bug)."""
    monkeypatch.setattr(dbapi2, "sqlite_version_info", (3, 51, 2))

    with pytest.raises(DatabaseUnusable, match=r"3\.51\.3 or later"):
        open_or_create(tmp_path / "a.db", Purpose.DEMO)


def test_a_read_only_file_is_refused_for_writing_and_can_be_read(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(DatabaseUnusable, match="read-only"):
        database.connect_writer()
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM audit").scalar() == 1


def test_media_on_which_nothing_can_be_made_can_be_inspected(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record on a read-only medium, where WAL's own files cannot be made."""
    connect = dbapi2.connect

    def refuses_shared_memory(address: str, **options: object) -> object:
        if "immutable" not in address:
            raise dbapi2.OperationalError("unable to open database file")
        return connect(address, **options)

    monkeypatch.setattr(dbapi2, "connect", refuses_shared_memory)

    with reading(database.path, "inspect") as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM audit").scalar() == 1
    with pytest.raises(DatabaseUnusable, match="unable to open"):
        open_database(database.path)

    database.path.with_name("rehearsals.db-wal").touch()
    with (
        pytest.raises(DatabaseUnusable, match="unable to open"),
        reading(database.path, "inspect"),
    ):
        pass


def test_damage_is_found_by_the_quick_check(database: Database) -> None:
    root = rows(database.path, "SELECT rootpage FROM sqlite_schema WHERE name = 'pulse'")[0][0]
    content = bytearray(database.path.read_bytes())
    content[(root - 1) * 4096 + 3 : (root - 1) * 4096 + 5] = b"\x77\x77"
    database.path.write_bytes(content)

    assert check_integrity(database) != ()


MOUNTS = """\
/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
me@box: /mnt/my\\040disk fuse.sshfs rw 0 0
/dev/vdb /home/local xfs rw 0 0
/dev/vdc /srv ext4 rw 0 0
box:/srv /srv nfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/a.db", "ext4"),
        ("/home/anna/a.db", "nfs4"),
        ("/homely/a.db", "ext4"),
        ("/home/local/a.db", "xfs"),
        ("/srv/a.db", "nfs"),
        ("/mnt/my disk/a.db", "fuse.sshfs"),
        ("//server/share/a.db", "smb"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_its_innermost_mount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, kind: str
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    monkeypatch.setattr(places, "MOUNTS", mounts)

    assert file_system_of(Path(path)) == kind


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There SQLite's locks do not hold, and two consoles could arm at once."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"box:/x {tmp_path} nfs rw 0 0\n")
    monkeypatch.setattr(places, "MOUNTS", mounts)

    with pytest.raises(DatabaseUnusable, match=r"network file system \(nfs\)"):
        create_database(tmp_path / "a.db", Purpose.DEMO)


def test_a_system_that_lists_no_mounts_is_not_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "MOUNTS", tmp_path / "none")

    assert file_system_of(tmp_path / "a.db") == ""


def test_the_free_space_is_known_or_the_folder_is_named(database: Database) -> None:
    assert database.free_bytes() > 0
    with pytest.raises(RecordsError, match="gone"):
        places.free_bytes(database.path.parent / "gone")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("disk I/O error", "the disk reports an error"),
        ("database or disk is full", "the disk is full"),
        ("something new", "something new"),
    ],
)
def test_what_sqlite_says_is_told_in_words_also_of_reading(said: str, told: str) -> None:
    """A page shows this sentence to a technician."""
    error = OperationalError("SELECT 1", {}, dbapi2.OperationalError(said))
    assert reason_of(error) == told
