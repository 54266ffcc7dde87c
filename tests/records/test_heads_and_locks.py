"""The head kept outside the file, and the lock that says who delivers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tms_console.records import heads
from tms_console.records.database import Database
from tms_console.records.errors import RecordsError, SessionLockTaken
from tms_console.records.heads import (
    STATE_VARIABLE,
    ChainHead,
    head_path,
    keep_head,
    kept_head,
    state_folder,
)
from tms_console.records.session_lock import SessionLock, lock_path, session_is_running

HEAD = ChainHead("d" * 36, "c" * 36, 7, "0" * 64)


def test_a_head_is_kept_and_replaced_for_the_owner_only(state_folder: Path) -> None:
    keep_head(HEAD)
    keep_head(newer := ChainHead(HEAD.database_uid, HEAD.console_uid, 8, "1" * 64))

    assert kept_head(HEAD.database_uid) == newer
    assert [path.name for path in state_folder.iterdir()] == [f"{HEAD.database_uid}.head"]
    assert head_path(HEAD.database_uid).stat().st_mode & 0o777 == 0o600
    assert state_folder.stat().st_mode & 0o777 == 0o700


def test_a_head_that_was_never_kept_is_none() -> None:
    assert kept_head("x") is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"database_uid": "other", "console_uid": "", "seq": 1, "hash": ""}',
        '{"database_uid": "x", "console_uid": "", "seq": "1", "hash": ""}',
    ],
)
def test_a_file_that_is_no_head_is_named(state_folder: Path, content: str) -> None:
    state_folder.mkdir()
    head_path("x").write_text(content)

    with pytest.raises(RecordsError, match="not the head"):
        kept_head("x")


def test_a_head_that_cannot_be_written_leaves_the_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_head(HEAD)

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(RecordsError, match="could not be kept: No space left"):
            keep_head(ChainHead(HEAD.database_uid, HEAD.console_uid, 9, "2" * 64))

    assert kept_head(HEAD.database_uid) == HEAD


def test_the_state_folder_is_the_users_unless_the_environment_names_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert state_folder() == tmp_path / "state"
    monkeypatch.delenv(STATE_VARIABLE)

    assert heads.state_folder().name == "tms-console"


def test_the_session_lock_is_held_by_one_at_a_time(database: Database) -> None:
    with SessionLock.acquire(database.path) as lock:
        assert lock.held
        assert session_is_running(database.path)
        asked_s = time.monotonic()
        with pytest.raises(SessionLockTaken, match="a session is running on this database"):
            SessionLock.acquire(database.path)
        assert time.monotonic() - asked_s < 0.5  # it never waits: the next start must disarm
    lock.release()

    assert not lock.held
    assert not session_is_running(database.path)
    assert lock_path(database.path).name == "rehearsals.db.session"


def test_the_session_lock_dies_with_its_process(database: Database) -> None:
    """Otherwise a crash would keep the next start from reconciling."""
    code = (
        "import sys, pathlib\n"
        "from tms_console.records.session_lock import SessionLock\n"
        "lock = SessionLock.acquire(pathlib.Path(sys.argv[1]))\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(database.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert session_is_running(database.path)
        process.kill()
        process.wait()
        assert not session_is_running(database.path)
