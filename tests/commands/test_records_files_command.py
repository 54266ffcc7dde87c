"""`tms-console records backup|restore|escrow|recover-key` as a person and a machine see them."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.records.older import schema_1_database
from tests.records.recording import new_database, record, rich_session, rows
from tms_console.commands.records import app
from tms_console.records.database import Database, Purpose, create_database, open_database
from tms_console.records.encryption import forget_keys
from tms_console.records.file_facts import facts_of, sha256_of
from tms_console.records.operations import new_uid
from tms_console.records.private_files import configuration_folder
from tms_console.records.restore import PutBack, put_back
from tms_console.records.session_lock import SessionLock
from tms_console.records.upkeep import newest_backup, record_integrity

run = CliRunner().invoke
WORDS = "Fünf Boxkämpfer jagen Viktor"


@pytest.fixture
def clinic(tmp_path: Path) -> Database:
    made = create_database(tmp_path / "clinic.db", Purpose.CLINIC)
    uid = new_uid()
    record(made, uid, rich_session(uid))
    return made


def test_an_encrypted_database_is_verified_and_listed_like_any_other(clinic: Database) -> None:
    forget_keys()

    checked = run(app, ["verify", str(clinic.path)])
    listed = run(app, ["list", str(clinic.path)])

    assert (checked.exit_code, listed.exit_code) == (0, 0)
    assert "Nothing was changed: 1 sessions" in checked.output
    assert "clinic database, 1 session" in listed.output


@pytest.mark.parametrize("name", ["verify", "list"])
def test_an_encrypted_database_without_its_key_is_refused_with_what_to_do(
    clinic: Database, name: str
) -> None:
    shutil.rmtree(configuration_folder())
    forget_keys()

    answer = run(app, [name, str(clinic.path)])

    assert answer.exit_code == 1
    assert "recover-key" in answer.output


def test_listing_an_older_database_leaves_it_as_it_is(tmp_path: Path) -> None:
    old = schema_1_database(tmp_path / "old.db")

    assert run(app, ["list", str(old.path)]).exit_code == 0
    assert rows(old.path, "PRAGMA user_version") == [(1,)]


def test_a_backup_is_told_to_a_person(clinic: Database, tmp_path: Path) -> None:
    target = tmp_path / "b.db"

    answer = run(app, ["backup", str(clinic.path), str(target)])

    assert answer.exit_code == 0
    assert f"{target}: a copy of {clinic.path} up to audit row" in answer.output
    assert sha256_of(target) in answer.output
    noted = newest_backup(clinic)
    assert noted is not None
    assert noted.sha256 == sha256_of(target)


def test_a_backup_is_told_to_a_machine(clinic: Database, tmp_path: Path) -> None:
    head = facts_of(clinic.path).head
    target = tmp_path / "b.db"

    answer = run(app, ["backup", str(clinic.path), str(target), "--json"])

    assert answer.exit_code == 0
    assert json.loads(answer.stdout) == {
        "database": str(clinic.path),
        "backup": str(target),
        "database_uid": clinic.uid,
        "schema": 2,
        "seq": head.seq,
        "hash": head.hash,
        "newest_at": facts_of(target).newest_at,
        "sha256": sha256_of(target),
        "size_bytes": target.stat().st_size,
    }


def test_a_backup_that_is_refused_gives_status_1(clinic: Database, tmp_path: Path) -> None:
    (tmp_path / "b.db").touch()

    person = run(app, ["backup", str(clinic.path), str(tmp_path / "b.db")])
    machine = run(app, ["backup", str(clinic.path), str(tmp_path / "b.db"), "--json"])

    assert (person.exit_code, machine.exit_code) == (1, 1)
    assert "not replaced" in person.output
    assert "not replaced" in json.loads(machine.stdout)["error"]


def test_a_restore_says_what_it_replaced_and_what_must_follow(
    clinic: Database, tmp_path: Path
) -> None:
    run(app, ["backup", str(clinic.path), str(tmp_path / "b.db")])
    before = facts_of(clinic.path).head.seq

    answer = run(app, ["restore", str(tmp_path / "b.db"), str(clinic.path)])

    (aside,) = tmp_path.glob("clinic.db.replaced-*")
    assert answer.exit_code == 0
    assert f"it ends at audit row {before - 1} of" in answer.output
    assert f"What it replaced ends at {before} and is kept as {aside}" in answer.output
    assert "until an administrator has recorded this restore" in answer.output


def test_a_restore_is_told_to_a_machine(clinic: Database, tmp_path: Path) -> None:
    run(app, ["backup", str(clinic.path), str(tmp_path / "b.db")])
    digest = sha256_of(tmp_path / "b.db")
    before = facts_of(clinic.path).head.seq

    answer = run(app, ["restore", str(tmp_path / "b.db"), str(clinic.path), "--json"])

    told = json.loads(answer.stdout)
    assert (told["backup_sha256"], told["seq"], told["replaced_seq"]) == (
        digest,
        before - 1,
        before,
    )
    assert Path(told["aside"]).exists()


def test_a_restore_to_an_empty_place_has_nothing_aside(clinic: Database, tmp_path: Path) -> None:
    run(app, ["backup", str(clinic.path), str(tmp_path / "b.db")])

    machine = run(app, ["restore", str(tmp_path / "b.db"), str(tmp_path / "new.db"), "--json"])
    person = run(app, ["restore", str(tmp_path / "b.db"), str(tmp_path / "newer.db")])

    assert json.loads(machine.stdout)["aside"] is None
    assert "is kept as" not in person.output


def test_a_restore_over_a_cut_off_session_warns_of_its_stimulator(
    clinic: Database, tmp_path: Path
) -> None:
    """The file is beyond reading, so nobody can reconcile what is in it."""
    run(app, ["backup", str(clinic.path), str(tmp_path / "b.db")])
    clinic.path.write_bytes(b"\0" * 8192)
    clinic.path.with_name("clinic.db.unsaved").write_bytes(b"{}")

    answer = run(app, ["restore", str(tmp_path / "b.db"), str(clinic.path)])

    assert answer.exit_code == 0
    assert "may still be armed: look at it" in answer.output
    assert "What it replaced cannot be read" in answer.output


def test_a_restore_during_a_session_is_refused(clinic: Database, tmp_path: Path) -> None:
    run(app, ["backup", str(clinic.path), str(tmp_path / "b.db")])

    with SessionLock.acquire(clinic.path):
        answer = run(app, ["restore", str(tmp_path / "b.db"), str(clinic.path)])

    assert answer.exit_code == 1
    assert "a session is running" in answer.output


def test_a_key_is_brought_back_from_its_escrow_copy(clinic: Database, tmp_path: Path) -> None:
    """The whole way of a clinic that lost its keyring; the only test with the real cost twice."""
    copy = tmp_path / "escrow.json"
    made = run(app, ["escrow", str(clinic.path), str(copy)], input=f"{WORDS}\n{WORDS}\n")
    shutil.rmtree(configuration_folder())
    forget_keys()

    wrong = run(app, ["recover-key", "--escrow", str(copy), str(clinic.path)], input="no\n")
    right = run(app, ["recover-key", "--escrow", str(copy), str(clinic.path)], input=WORDS + "\n")

    assert (made.exit_code, wrong.exit_code, right.exit_code) == (0, 1, 0)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert "the passphrase is wrong" in wrong.output
    assert f"the key opens it, and is kept in the folder {configuration_folder()}" in right.output
    assert WORDS not in made.output + wrong.output + right.output
    forget_keys()
    assert open_database(clinic.path) == clinic


def test_an_escrow_copy_needs_a_long_passphrase_twice_and_a_new_file(
    clinic: Database, tmp_path: Path
) -> None:
    target = tmp_path / "escrow.json"

    short = run(app, ["escrow", str(clinic.path), str(target)], input="short\nshort\n")
    assert not target.exists()
    target.touch()
    there = run(app, ["escrow", str(clinic.path), str(target)], input=f"{WORDS}\n{WORDS}\n")

    assert (short.exit_code, there.exit_code) == (1, 1)
    assert "at least 15 characters" in short.output
    assert "was not written: File exists" in there.output
    assert target.read_bytes() == b""


def test_a_plain_database_has_no_escrow_and_a_missing_copy_is_named(
    clinic: Database, tmp_path: Path
) -> None:
    plain = new_database(tmp_path)

    none = run(app, ["escrow", str(plain.path), str(tmp_path / "e.json")])
    missing = run(app, ["recover-key", "--escrow", str(tmp_path / "none"), str(clinic.path)])

    assert (none.exit_code, missing.exit_code) == (1, 1)
    assert "is not encrypted" in none.output
    assert "cannot be read: No such file" in missing.output


def test_wrong_usage_gives_status_2(clinic: Database) -> None:
    assert run(app, ["backup", str(clinic.path)]).exit_code == 2
    assert run(app, ["restore", str(clinic.path)]).exit_code == 2
    assert run(app, ["recover-key", str(clinic.path)]).exit_code == 2


def test_what_the_file_part_of_a_restore_gives_is_what_an_administrator_signs(
    clinic: Database, tmp_path: Path
) -> None:
    """Digest and heads, no paths needed: enough to say which copy replaced what."""
    run(app, ["backup", str(clinic.path), str(tmp_path / "b.db")])
    record_integrity(clinic, ())
    newest = facts_of(clinic.path).head
    noted = newest_backup(clinic)

    done: PutBack = put_back(tmp_path / "b.db", clinic.path)

    assert noted is not None
    assert (done.backup_sha256, done.database.head) == (noted.sha256, noted.head)
    assert done.replaced is not None
    assert done.replaced.head == newest
