"""Opening and creating database files: which are ours, what each is for, and which schema it has.

What is stored in them is not known here, nor how connections are set up (`connections`) or keys
found (`encryption`).  One writing connection per process, short `query_only` readers.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select
from sqlcipher3 import dbapi2

from tms_console.records.audit import AuditChain, Wall
from tms_console.records.canonical import utc_now_text
from tms_console.records.connections import (
    UNREADABLE,
    WRITER_BUSY_MS,
    begin_encrypted,
    connect_for_writing,
    reading,
    reason_of,
    require_sqlite,
    snapshot,
)
from tms_console.records.encryption import DatabaseKey, is_encrypted, new_file_id
from tms_console.records.errors import CheckGivenUp, DatabaseUnusable
from tms_console.records.heads import keep_head
from tms_console.records.key_sources import key_sources
from tms_console.records.operations import new_uid
from tms_console.records.places import free_bytes, require_place
from tms_console.records.private_files import begin_private, drop, name_new
from tms_console.records.tables import AUDIT

__all__ = [
    "APPLICATION_ID",
    "SCHEMA_VERSION",
    "UNREADABLE",
    "WRITER_BUSY_MS",
    "Database",
    "Purpose",
    "check_integrity",
    "create_database",
    "identify",
    "inspect_database",
    "open_database",
    "open_or_create",
    "reading",
    "reason_of",
    "require_ours",
    "require_purpose",
    "schema_script",
    "schema_scripts",
    "snapshot",
]

APPLICATION_ID = 0x544D5343
"""`PRAGMA application_id` of our files: the letters TMSC."""

ASKED_EVERY = 10_000
"""Steps of SQLite's virtual machine after which a check asks whether it is still wanted."""

SCHEMA_VERSION = 2
"""`PRAGMA user_version` of the newest schema script."""


class Purpose(StrEnum):
    """What a database is for; it says so for ever in its first audit row."""

    CLINIC = "clinic"
    REHEARSAL = "rehearsal"
    DEMO = "demo"


@dataclass(frozen=True, slots=True)
class Database:
    """A database file that was checked and can be used.

    Attributes:
        path: Where it is.
        uid: Its own uid.
        console_uid: The uid of the console whose chain is written in it.
        purpose: What it is for.
    """

    path: Path
    uid: str
    console_uid: str
    purpose: Purpose

    def connect_writer(self, busy_timeout_ms: int = WRITER_BUSY_MS) -> Connection:
        """Return a new writing connection; its transactions begin with BEGIN IMMEDIATE.

        Raises:
            DatabaseUnusable: The file cannot be opened for writing.
        """
        return connect_for_writing(self.path, busy_timeout_ms)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a `query_only` connection that sees one state of the file; keep it short.

        Raises:
            DatabaseUnusable: The file cannot be opened or read.
        """
        with reading(self.path) as connection:
            yield connection

    def free_bytes(self) -> int:
        """Return the space left for this program on the file's disk."""
        return free_bytes(self.path.parent)


def create_database(path: Path, purpose: Purpose, *, wall: Wall = utc_now_text) -> Database:
    """Make a new database: whole, with its first audit row, or not at all.

    A clinic's is encrypted, with a key that is kept before the file exists; if making the file
    then fails, the key stays where it is kept and opens nothing.

    Raises:
        DatabaseUnusable: Something is already there, the place cannot serve, or no key can be kept.
    """
    require_sqlite()
    require_place(path)
    if path.exists():
        raise DatabaseUnusable(f"{path}: there is already a file; it is not overwritten")
    try:
        fresh = begin_private(path)
        try:
            if purpose is Purpose.CLINIC:
                _encrypt(fresh)
            database = _fill(fresh, path, purpose, wall)
            name_new(fresh, path)
        finally:
            drop(fresh)
    except FileExistsError as error:
        raise DatabaseUnusable(f"{path}: another program is making this file") from error
    except (OSError, dbapi2.Error) as error:
        raise DatabaseUnusable(
            f"{path}: the database cannot be made: {reason_of(error)}"
        ) from error
    return database


def open_database(path: Path) -> Database:
    """Check an existing database, bring an older schema up to date, and say what it is.

    Raises:
        DatabaseUnusable: It is missing, is not one of ours, is newer than this program, is on a
            network, its key is not known, it is older and cannot be upgraded now, or the SQLite
            in use is too old.
    """
    if _schema_of(path) < SCHEMA_VERSION:
        # late: a backup precedes an upgrade, and a backup is verified, which needs this module
        from tms_console.records.upgrade import upgrade_database  # noqa: PLC0415

        upgrade_database(path)
    return inspect_database(path)


def inspect_database(path: Path) -> Database:
    """Check an existing database of any schema and say what it is; nothing in it is changed.

    Raises:
        DatabaseUnusable: As for opening, but an older schema is accepted.
    """
    _schema_of(path)
    with reading(path) as connection:
        return identify(connection, path)


def open_or_create(path: Path, purpose: Purpose, *, wall: Wall = utc_now_text) -> Database:
    """Return the database of this purpose at that place, making it if nothing is there.

    Raises:
        DatabaseUnusable: As for opening and creating, or it serves another purpose.
    """
    database = open_database(path) if path.exists() else create_database(path, purpose, wall=wall)
    require_purpose(database, purpose)
    return database


def require_purpose(database: Database, purpose: Purpose) -> None:
    """Do nothing if the database is for this purpose.

    Raises:
        DatabaseUnusable: It is for another one.
    """
    if database.purpose is not purpose:
        raise DatabaseUnusable(
            f"{database.path}: this is a {database.purpose} database, and only a {purpose} one "
            "may be used here; choose another file"
        )


def require_ours(connection: Connection, path: Path) -> int:
    """Return the schema version of a database that this program can read.

    Raises:
        DatabaseUnusable: It is not one of ours, or newer than this program.
    """
    application_id = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    version: int = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if application_id != APPLICATION_ID:
        raise DatabaseUnusable(f"{path}: this is a database of another program, not TMS Console's")
    if not 1 <= version <= SCHEMA_VERSION:
        raise DatabaseUnusable(
            f"{path}: this database has schema {version}, and this program knows {SCHEMA_VERSION}; "
            "use the newer TMS Console that wrote it"
            if version > SCHEMA_VERSION
            else f"{path}: this database has no schema that TMS Console ever wrote ({version})"
        )
    return version


def identify(connection: Connection, path: Path) -> Database:
    """Return which of our databases a connection leads to.

    Raises:
        DatabaseUnusable: It is not one of ours, newer than this program, or does not say.
    """
    require_ours(connection, path)
    first = connection.execute(
        select(AUDIT.c.console_uid, AUDIT.c.subject, AUDIT.c.detail).where(
            AUDIT.c.seq == 1, AUDIT.c.action == "database.create"
        )
    ).first()
    if first is None:
        raise DatabaseUnusable(f"{path}: the first audit row, which says what it is for, is gone")
    database = _identity(path, first.console_uid, first.subject, first.detail)
    if database.purpose is Purpose.CLINIC and not is_encrypted(
        connection.connection.driver_connection
    ):
        raise DatabaseUnusable(
            f"{path}: a clinic's database is encrypted, and this file is not: it is not the one "
            "that TMS Console made"
        )
    return database


def check_integrity(
    database: Database, give_up: Callable[[], bool] = lambda: False
) -> tuple[str, ...]:
    """Return what SQLite's quick check finds wrong with the file: nothing, if it is sound.

    Args:
        database: Which.
        give_up: Asked many times a second; once it says True the check ends unanswered.

    Raises:
        CheckGivenUp: It was given up; nothing is known of the file.
    """
    gave_up = False

    def asked() -> int:
        nonlocal gave_up
        gave_up = gave_up or give_up()
        return gave_up

    try:
        with database.reading() as connection:
            driver: Any = connection.connection.driver_connection
            driver.set_progress_handler(asked, ASKED_EVERY)
            try:
                found = connection.exec_driver_sql("PRAGMA quick_check").scalars().all()
            finally:
                driver.set_progress_handler(None, 0)  # it would interrupt the rollback too
    except DatabaseUnusable as error:
        if gave_up:
            raise CheckGivenUp(f"{database.path}: the check of the file was given up") from error
        return (str(error),)
    return tuple(str(line) for line in found if line != "ok")


def schema_script(version: int) -> str:
    """Return the script that makes this version out of the one before."""
    script = resources.files("tms_console.records") / "schema" / f"{version:04d}.sql"
    return script.read_text(encoding="utf-8")


def schema_scripts(version: int = SCHEMA_VERSION) -> str:
    """Return the text of the scripts that make this version, in order."""
    return "\n".join(schema_script(number) for number in range(1, version + 1))


def _schema_of(path: Path) -> int:
    require_sqlite()
    require_place(path)
    if not path.exists():
        raise DatabaseUnusable(f"{path}: there is no such database")
    with reading(path) as connection:
        return require_ours(connection, path)


def _encrypt(fresh: Path) -> None:
    """Choose a key and an id for a new file, keep them, and only then make the file."""
    place, named = key_sources()[0], new_file_id()
    key = place.given() or DatabaseKey.new()
    place.store(named, key)
    begin_encrypted(fresh, named, key)


def _fill(fresh: Path, path: Path, purpose: Purpose, wall: Wall) -> Database:
    database = Database(path, new_uid(), new_uid(), purpose)
    with connect_for_writing(fresh) as connection:
        connection.connection.driver_connection.executescript(  # type: ignore[union-attr]
            f"BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID:d};"
            f"PRAGMA user_version = {SCHEMA_VERSION:d};\n{schema_scripts()}\nCOMMIT;"
        )
        with connection.begin():
            chain = AuditChain(connection, database.uid, database.console_uid, wall)
            chain.append(
                "database.create",
                f"database:{database.uid}",
                {"purpose": purpose.value, "schema": SCHEMA_VERSION},
            )
    keep_head(chain.head)
    return database


def _identity(path: Path, console_uid: str, subject: str, detail: str) -> Database:
    try:
        purpose = Purpose(json.loads(detail)["purpose"])
    except (ValueError, KeyError, TypeError) as error:
        raise DatabaseUnusable(
            f"{path}: the first audit row does not say what this database is for: {detail!r}"
        ) from error
    return Database(path, subject.removeprefix("database:"), console_uid, purpose)
