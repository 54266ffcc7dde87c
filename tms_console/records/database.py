"""Opening and creating database files, and the settings of every connection to them.

What is stored in them is not known here.  One writing connection per process, short `query_only`
readers, both on SQLCipher's SQLite; no key yet.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, Engine, create_engine, event, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from sqlcipher3 import dbapi2

from tms_console.records.audit import AuditChain, Wall
from tms_console.records.canonical import utc_now_text
from tms_console.records.errors import DatabaseUnusable
from tms_console.records.heads import keep_head, sync_folder
from tms_console.records.operations import new_uid
from tms_console.records.places import free_bytes, require_place
from tms_console.records.tables import AUDIT

APPLICATION_ID = 0x544D5343
"""`PRAGMA application_id` of our files: the letters TMSC."""

SCHEMA_VERSION = 2
"""`PRAGMA user_version` of the newest schema script."""

OLDEST_SQLITE = (3, 51, 3)
"""The first without the WAL-reset bug, by which two writers could lose committed pages."""

WRITER_BUSY_MS = 250
"""How long the writer of a session waits for the write lock (architecture.md, "Who writes")."""

READER_BUSY_MS = 2_000
"""How long a reader waits, which in WAL mode happens only while the file is being opened."""

UNREADABLE = (DBAPIError, UnicodeError)
"""What reading a file may raise; UnicodeError when SQLite's own words quote damaged text."""

Access: TypeAlias = Literal["write", "read", "inspect", "immutable"]


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
        return _connect(self.path, "write", busy_timeout_ms)

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

    Raises:
        DatabaseUnusable: Something is already there, or the place cannot serve.
    """
    _require_sqlite()
    require_place(path)
    if path.exists():
        raise DatabaseUnusable(f"{path}: there is already a file; it is not overwritten")
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            database = _fill(fresh, path, purpose, wall)
            os.link(fresh, path)  # unlike a rename, it does not replace what another made meanwhile
        finally:
            for suffix in ("", "-wal", "-shm"):
                fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)
        sync_folder(path.parent)
    except FileExistsError as error:
        raise DatabaseUnusable(f"{path}: another program is making this file") from error
    except OSError as error:
        raise DatabaseUnusable(
            f"{path}: the database cannot be made: {error.strerror or error}"
        ) from error
    return database


def open_database(path: Path) -> Database:
    """Check an existing database and say what it is; nothing in it is changed.

    Raises:
        DatabaseUnusable: It is missing, is not one of ours, is newer than this program, is on a
            network, or the SQLite in use is too old.
    """
    _require_sqlite()
    require_place(path)
    if not path.exists():
        raise DatabaseUnusable(f"{path}: there is no such database")
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


@contextlib.contextmanager
def reading(path: Path, access: Access = "read") -> Iterator[Connection]:
    """Give a connection to any SQLite file that cannot write, inside one read transaction.

    Args:
        path: The file.
        access: `read` for the program's own reads; `inspect` also for files and media that cannot
            be written at all.

    Raises:
        DatabaseUnusable: The file cannot be opened or read.
    """
    connection = _connect(path, access, READER_BUSY_MS)
    try:
        with connection.begin():
            yield connection
    except UNREADABLE as error:
        raise _unusable(path, error) from error
    finally:
        connection.close()


def require_ours(connection: Connection, path: Path) -> None:
    """Do nothing if a connection leads to a database that this program can read.

    Raises:
        DatabaseUnusable: It is not one of ours, or newer than this program.
    """
    application_id = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if application_id != APPLICATION_ID:
        raise DatabaseUnusable(f"{path}: this is a database of another program, not TMS Console's")
    if version != SCHEMA_VERSION:
        raise DatabaseUnusable(
            f"{path}: this database has schema {version}, and this program knows {SCHEMA_VERSION}; "
            "use the newer TMS Console that wrote it"
            if version > SCHEMA_VERSION
            else f"{path}: this database has no schema that TMS Console ever wrote ({version})"
        )


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
    return _identity(path, first.console_uid, first.subject, first.detail)


def check_integrity(database: Database) -> tuple[str, ...]:
    """Return what SQLite's quick check finds wrong with the file: nothing, if it is sound."""
    try:
        with database.reading() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check").scalars().all()
    except DatabaseUnusable as error:
        return (str(error),)
    return tuple(str(line) for line in found if line != "ok")


def schema_scripts() -> str:
    """Return the text of all schema scripts, in order."""
    folder = resources.files("tms_console.records") / "schema"
    scripts = sorted((s for s in folder.iterdir() if s.name.endswith(".sql")), key=lambda s: s.name)
    return "\n".join(script.read_text(encoding="utf-8") for script in scripts)


@contextlib.contextmanager
def snapshot(connection: Connection) -> Iterator[Connection]:
    """Read one state of the file on a writing connection, without taking the write lock."""
    connection.info[_BEGIN] = "BEGIN"
    try:
        with connection.begin() as reading_only:
            yield connection
            reading_only.rollback()
    finally:
        connection.info[_BEGIN] = "BEGIN IMMEDIATE"


_BEGIN = "tms_begin"
_NOT_A_DATABASE = "file is not a database"


def _connect(path: Path, access: Access, busy_ms: int) -> Connection:
    if access == "write" and not os.access(path, os.W_OK):
        raise DatabaseUnusable(f"{path}: this file is read-only or missing")
    try:
        return _engine(path, access, busy_ms).connect()
    except UNREADABLE as error:
        if access == "inspect" and not path.with_name(path.name + "-wal").exists():
            # Nobody writes it and nothing can be made beside it: media that cannot change.
            with contextlib.suppress(*UNREADABLE):
                return _engine(path, "immutable", busy_ms).connect()
        raise _unusable(path, error) from error


@functools.lru_cache(maxsize=64)
def _engine(path: Path, access: Access, busy_ms: int) -> Engine:
    """Return the engine that makes such connections; without a pool, it holds none itself."""
    mode = {"write": "rw", "read": "rw", "inspect": "ro", "immutable": "ro&immutable=1"}[access]
    address = f"{path.absolute().as_uri()}?mode={mode}"

    def connect() -> Any:
        connection = dbapi2.connect(
            address, uri=True, isolation_level=None, check_same_thread=False, timeout=busy_ms / 1e3
        )
        try:
            connection.execute(f"PRAGMA busy_timeout = {busy_ms:d}")
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA recursive_triggers = ON")
            connection.execute("PRAGMA synchronous = FULL")
            if access == "write":
                connection.execute("PRAGMA journal_mode = WAL").fetchone()
            else:
                if access != "read":  # whoever inspects also sees text that is broken
                    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
                connection.execute("PRAGMA query_only = ON")
                connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except BaseException:
            connection.close()
            raise
        return connection

    engine = create_engine("sqlite://", module=dbapi2, creator=connect, poolclass=NullPool)
    default = "BEGIN IMMEDIATE" if access == "write" else "BEGIN"

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.info.get(_BEGIN, default))

    return engine


def _fill(fresh: Path, path: Path, purpose: Purpose, wall: Wall) -> Database:
    database = Database(path, new_uid(), new_uid(), purpose)
    with _connect(fresh, "write", WRITER_BUSY_MS) as connection:
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


def _require_sqlite() -> None:
    if dbapi2.sqlite_version_info < OLDEST_SQLITE:
        wanted = ".".join(map(str, OLDEST_SQLITE))
        raise DatabaseUnusable(
            f"SQLite {dbapi2.sqlite_version} is in use, and {wanted} or later is needed: older "
            "ones can lose rows when two programs write; install sqlcipher3 0.6.4 or later"
        )


def _unusable(path: Path, error: Exception) -> DatabaseUnusable:
    reason = reason_of(error)
    if reason == _NOT_A_DATABASE:
        reason = "this is not a database of TMS Console, or it is encrypted"
    return DatabaseUnusable(f"{path}: {reason}")


def reason_of(error: Exception) -> str:
    """Return what SQLite says, without what SQLAlchemy adds."""
    if isinstance(error, DBAPIError):
        return str(error.orig)
    return "the file is damaged" if isinstance(error, UnicodeError) else str(error)
