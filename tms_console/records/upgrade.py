"""Bringing a database of an older schema up to date: a verified backup first, then one transaction.

What a schema holds is in schema/*.sql.  Killed at any moment it leaves the old file or the new one,
and the backup.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlcipher3 import dbapi2

from tms_console.records.audit import AuditChain, Wall
from tms_console.records.backup import copy_verified, require_sound
from tms_console.records.canonical import utc_now_text
from tms_console.records.connections import connect_for_writing, reason_of
from tms_console.records.database import (
    SCHEMA_VERSION,
    identify,
    require_ours,
    schema_script,
)
from tms_console.records.errors import DatabaseUnusable, RecordsError, SessionLockTaken
from tms_console.records.file_facts import facts_of, sha256_of
from tms_console.records.session_lock import SessionLock, held_here
from tms_console.records.transactions import expect_head, keep_outside

BUSY_MS = 5_000
"""How long an upgrade waits for the write lock: no patient is waiting."""


def upgrade_database(path: Path, *, wall: Wall = utc_now_text) -> None:
    """Bring a database to the newest schema, script by script; do nothing if it is there already.

    Raises:
        DatabaseUnusable: It cannot be upgraded now; the sentence says why, and it is unchanged.
    """
    version = facts_of(path).schema
    try:
        with _session_kept_out(path):
            for old in range(version, SCHEMA_VERSION):
                _upgrade_one(path, old, wall)
    except SessionLockTaken as error:
        raise _refusal(path, version, str(error)) from error
    except DatabaseUnusable as error:
        raise _refusal(path, version, str(error)) from error
    except (DBAPIError, dbapi2.Error, OSError, RecordsError) as error:
        raise _refusal(path, version, reason_of(error)) from error


def backup_path(path: Path, schema: int, attempt: int = 1) -> Path:
    """Return where the backup that precedes an upgrade from a schema is kept."""
    number = "" if attempt == 1 else f".{attempt}"
    return path.with_name(f"{path.name}.schema-{schema}{number}.bak")


def _upgrade_one(path: Path, old: int, wall: Wall) -> None:
    with connect_for_writing(path, BUSY_MS) as connection:  # first: a read-only file is refused
        backup = _backed_up(path, old)
        sha256 = sha256_of(backup)
        with connection.begin():
            if require_ours(connection, path) != old:
                return  # another program upgraded it meanwhile
            database = identify(connection, path)
            _execute(connection, schema_script(old + 1))
            connection.exec_driver_sql(f"PRAGMA user_version = {old + 1:d}")
            chain = AuditChain(connection, database.uid, database.console_uid, wall)
            before = chain.head
            chain.append(
                "database.upgrade",
                f"database:{database.uid}",
                {"from": old, "to": old + 1, "backup_sha256": sha256},
            )
            expect_head(database, before, chain.head)
        keep_outside(database, chain.head)


def _backed_up(path: Path, old: int) -> Path:
    """Return a verified backup of the file as it is: one of an earlier attempt, or a new one."""
    now = facts_of(path)
    attempt = 1
    while (backup := backup_path(path, old, attempt)).exists():
        with contextlib.suppress(DatabaseUnusable):
            there = facts_of(backup)
            if there.head == now.head and there.schema == old:
                require_sound(backup, there)
                return backup
        attempt += 1
    copy_verified(path, backup)
    return backup


def _execute(connection: Connection, script: str) -> None:
    """Execute a script inside the open transaction; `executescript` would commit it first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if dbapi2.complete_statement(statement):
            connection.exec_driver_sql(statement)
            statement = ""


@contextlib.contextmanager
def _session_kept_out(path: Path) -> Iterator[None]:
    """Hold the session lock, or rely on this process's holding it: then no session runs yet."""
    if held_here(path):
        yield
        return
    with SessionLock.acquire(path):
        yield


def _refusal(path: Path, version: int, why: str) -> DatabaseUnusable:
    return DatabaseUnusable(
        f"{path}: this database has schema {version} and must be upgraded to {SCHEMA_VERSION} "
        f"before it is used, which is not possible now: {why}"
    )
