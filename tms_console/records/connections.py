"""Connections to database files and the settings of every one of them.

Writing ones, `query_only` ones, and ones to files that cannot be written at all, each with the key
that fits.  Whether a file is one of ours, and what it is for, is `database`'s affair.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeAlias

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from sqlcipher3 import dbapi2

from tms_console.records.encryption import (
    Connect,
    DatabaseKey,
    RawConnection,
    file_id_of,
    fits,
    open_with_key,
    proved_key,
    remember,
    require_sqlcipher,
    unlock,
)
from tms_console.records.errors import DatabaseUnusable
from tms_console.records.key_sources import candidates, key_sources

OLDEST_SQLITE = (3, 51, 3)
"""The first without the WAL-reset bug, by which two writers could lose committed pages."""

WRITER_BUSY_MS = 250
"""How long the writer of a session waits for the write lock (architecture.md, "Who writes")."""

READER_BUSY_MS = 2_000
"""How long a reader waits, which in WAL mode happens only while the file is being opened."""

UNREADABLE = (DBAPIError, UnicodeError)
"""What reading a file may raise; UnicodeError when SQLite's own words quote damaged text."""

Access: TypeAlias = Literal["write", "read", "inspect", "immutable"]


def connect_for_writing(path: Path, busy_ms: int = WRITER_BUSY_MS) -> Connection:
    """Return a new writing connection; its transactions begin with BEGIN IMMEDIATE.

    Raises:
        DatabaseUnusable: The file cannot be opened for writing.
    """
    return _connect(path, "write", busy_ms)


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
        transaction = connection.begin()
        yield connection
        with contextlib.suppress(*UNREADABLE):  # SQLCipher refuses all after a damaged page
            transaction.rollback()
    except UNREADABLE as error:
        raise unusable(path, error) from error
    finally:
        connection.close()


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


def raw_connection(path: Path, mode: str = "rw", busy_ms: int = READER_BUSY_MS) -> RawConnection:
    """Return a connection of the driver itself with the right key and no settings of ours.

    For what goes below SQLAlchemy: copies, and tests that do what any SQLite tool could.

    Raises:
        DatabaseUnusable: The key is not known.
        OSError: There is no such file.
        dbapi2.Error: It cannot be opened.
    """
    return open_with_key(path, _dialler(path, mode, busy_ms), candidates)


def unkeyed_connection(path: Path) -> RawConnection:
    """Return a connection of the driver itself to a file that is to be filled.

    Raises:
        dbapi2.Error: It cannot be opened.
    """
    return _dialler(path, "rw", WRITER_BUSY_MS)()


def begin_encrypted(fresh: Path, named: str, key: DatabaseKey) -> None:
    """Make an empty file into an encrypted database with this key and id.

    Raises:
        dbapi2.Error: It cannot be written.
    """
    connection = unkeyed_connection(fresh)
    try:
        unlock(connection, key, named)
        connection.execute("PRAGMA journal_mode = WAL").fetchone()  # writes the first page
    finally:
        connection.close()
    remember(named, key)


def file_id(path: Path) -> str | None:
    """Return how an encrypted file is named among keys, None for a plain one.

    Raises:
        DatabaseUnusable: It cannot be opened.
    """
    try:
        return file_id_of(path, _dialler(path, "ro", READER_BUSY_MS))
    except (OSError, dbapi2.Error) as error:
        raise unusable(path, error) from error


def key_of(path: Path) -> DatabaseKey:
    """Return the key that opens an encrypted file: for its escrow copy.

    Raises:
        DatabaseUnusable: It is plain, cannot be opened, or its key is not known.
    """
    named = file_id(path)
    if named is None:
        raise DatabaseUnusable(f"{path}: this database is not encrypted, and has no key")
    with reading(path, "inspect"):
        key = proved_key(named)
    if key is None:  # pragma: no cover - it was proved by reading just now
        raise DatabaseUnusable(f"{path}: its key is not known")
    return key


def keep_key(path: Path, key: DatabaseKey) -> str:
    """Keep a key that was brought back where new keys are kept, if it opens the file.

    Returns:
        Where it is kept now, for a sentence.

    Raises:
        DatabaseUnusable: It does not open this file, or cannot be kept.
    """
    require_sqlite()
    if not path.is_file():
        raise DatabaseUnusable(f"{path}: there is no such database")
    named = file_id(path)
    if named is None:
        raise DatabaseUnusable(f"{path}: this database is not encrypted, and needs no key")
    try:
        right = fits(_dialler(path, "ro", READER_BUSY_MS), key)
    except dbapi2.Error as error:
        raise unusable(path, error) from error
    if not right:
        raise DatabaseUnusable(
            f"{path}: this key belongs to another database, or the file's beginning is damaged; "
            "nothing was changed"
        )
    kept = key_sources()[0]
    kept.store(named, key)
    remember(named, key)
    return kept.name


def require_sqlite() -> None:
    """Do nothing if the SQLite in use keeps rows and can encrypt.

    Raises:
        DatabaseUnusable: It is too old, or without SQLCipher.
    """
    if dbapi2.sqlite_version_info < OLDEST_SQLITE:
        wanted = ".".join(map(str, OLDEST_SQLITE))
        raise DatabaseUnusable(
            f"SQLite {dbapi2.sqlite_version} is in use, and {wanted} or later is needed: older "
            "ones can lose rows when two programs write; install sqlcipher3 0.6.4 or later"
        )
    require_sqlcipher()


def unusable(path: Path, error: Exception) -> DatabaseUnusable:
    """Return what SQLite or the system says about a file as an error with a sentence."""
    reason = reason_of(error)
    if reason == _NOT_A_DATABASE:
        reason = "this is not a database of TMS Console, or it is encrypted"
    return DatabaseUnusable(f"{path}: {reason}")


_IN_WORDS = {
    "database is locked": "another program kept the database locked",
    "database or disk is full": "the disk is full",
    "attempt to write a readonly database": "the database is read-only",
    "disk I/O error": "the disk reports an error",
    "database disk image is malformed": "the database file is damaged",
}


def reason_of(error: Exception) -> str:
    """Return what SQLite says, without what SQLAlchemy adds, in words that a technician knows."""
    if isinstance(error, DBAPIError):
        return _IN_WORDS.get(str(error.orig), str(error.orig))
    if isinstance(error, OSError):
        return str(error.strerror or error)
    return "the file is damaged" if isinstance(error, UnicodeError) else str(error)


_BEGIN = "tms_begin"
_NOT_A_DATABASE = "file is not a database"
_MODES = {"write": "rw", "read": "rw", "inspect": "ro", "immutable": "ro&immutable=1"}


def _connect(path: Path, access: Access, busy_ms: int) -> Connection:
    if access == "write" and not os.access(path, os.W_OK):
        raise DatabaseUnusable(f"{path}: this file is read-only or missing")
    try:
        return _engine(path, access, busy_ms).connect()
    except OSError as error:
        raise unusable(path, error) from error
    except UNREADABLE as error:
        if access == "inspect" and not path.with_name(path.name + "-wal").exists():
            # Nobody writes it and nothing can be made beside it: media that cannot change.
            with contextlib.suppress(*UNREADABLE):
                return _engine(path, "immutable", busy_ms).connect()
        raise unusable(path, error) from error


@functools.lru_cache(maxsize=64)
def _engine(path: Path, access: Access, busy_ms: int) -> Engine:
    """Return the engine that makes such connections; without a pool, it holds none itself."""
    dial = _dialler(path, _MODES[access], busy_ms)

    def connect() -> RawConnection:
        connection = open_with_key(path, dial, candidates)
        try:
            _set_up(connection, access, busy_ms)
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


def _dialler(path: Path, mode: str, busy_ms: int) -> Connect:
    address = f"{path.absolute().as_uri()}?mode={mode}"

    def dial() -> RawConnection:
        return dbapi2.connect(
            address, uri=True, isolation_level=None, check_same_thread=False, timeout=busy_ms / 1e3
        )

    return dial


def _set_up(connection: RawConnection, access: Access, busy_ms: int) -> None:
    connection.execute(f"PRAGMA busy_timeout = {busy_ms:d}")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = ON")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")  # a replaced sealed key leaves no trace
    if access == "write":
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        return
    if access != "read":  # whoever inspects also sees text that is broken
        connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    connection.execute("PRAGMA query_only = ON")
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
