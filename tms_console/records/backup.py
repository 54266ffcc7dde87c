"""Backups: a verified copy of a database as it stands at one moment, also during a session.

SQLite's own backup interface copies the pages; an encrypted database stays encrypted with its key,
under the same file id, so that its key is found for the copy too.  Putting one back is `restore`'s
affair, when the next is due `upkeep`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection
from sqlcipher3 import dbapi2

from tms_console.records.audit import Wall
from tms_console.records.canonical import utc_now_text
from tms_console.records.connections import (
    Access,
    file_id,
    reading,
    reason_of,
    require_sqlite,
    unkeyed_connection,
)
from tms_console.records.database import inspect_database
from tms_console.records.encryption import proved_key, unlock
from tms_console.records.errors import DatabaseUnusable, WriteFailed
from tms_console.records.file_facts import FileFacts, facts_in, facts_of, sha256_of
from tms_console.records.findings import Progress
from tms_console.records.heads import KeptHeads
from tms_console.records.private_files import begin_private, drop, name_new
from tms_console.records.upkeep import note_backup
from tms_console.records.verify import verify

PAGES_A_STEP = 256
"""1 MiB: between steps other threads of this process run and the progress is shown."""

MOST_FINDINGS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Copy:
    """A verified copy of a database.

    Attributes:
        path: Where it is.
        facts: What it says of itself.
        sha256: Of the whole file, hexadecimal.
        size_bytes: Of the whole file.
    """

    path: Path
    facts: FileFacts
    sha256: str
    size_bytes: int


def _no_progress(_done: int, _total: int) -> None:
    """Show nothing."""


def back_up(
    path: Path,
    target: Path,
    *,
    progress: Progress = _no_progress,
    wall: Wall = utc_now_text,
) -> Copy:
    """Make a backup and enter it in the audit chain of the database.

    Raises:
        DatabaseUnusable: The database cannot be read, the target cannot be made or is there
            already, or the copy does not verify; there is then no file of this name.
        WriteFailed: The backup is in its place and good, but could not be entered in the chain.
    """
    copy = copy_verified(path, target, progress=progress)
    database = inspect_database(path)
    try:
        note_backup(database, copy.facts.head, copy.sha256, copy.size_bytes, wall=wall)
    except WriteFailed as error:
        raise WriteFailed(
            f"{target}: the backup is in place and verified, but the database does not name it: "
            f"{error}"
        ) from error
    return copy


def copy_verified(path: Path, target: Path, *, progress: Progress = _no_progress) -> Copy:
    """Make a new 0600 file that holds the database as it is now, verify it, and only then name it.

    Nothing is written into the source, and who writes it meanwhile is not held up.

    Raises:
        DatabaseUnusable: The source cannot be read, the target cannot be made or is there
            already, or the copy does not verify; there is then no file of this name.
    """
    require_sqlite()
    if not path.is_file():
        raise DatabaseUnusable(f"{path}: there is no such database")
    if target.exists():
        raise DatabaseUnusable(f"{target}: there is already a file; it is not replaced")
    if not target.parent.is_dir():
        raise DatabaseUnusable(f"{target}: there is no folder {target.parent}")
    try:
        fresh = begin_private(target)
        try:
            facts = copy_into(path, fresh, progress=progress)
            copy = Copy(target, replace(facts, path=target), sha256_of(fresh), fresh.stat().st_size)
            name_new(fresh, target)
        finally:
            drop(fresh)
    except FileExistsError as error:
        raise DatabaseUnusable(f"{target}: there is already a file; it is not replaced") from error
    except (OSError, dbapi2.Error) as error:
        raise DatabaseUnusable(f"{target}: the copy was not made: {reason_of(error)}") from error
    return copy


def copy_into(
    path: Path, fresh: Path, access: Access = "read", *, progress: Progress = _no_progress
) -> FileFacts:
    """Copy a database as it is now into an empty file, verify the copy, and say what is in it.

    Args:
        path: The database.
        fresh: The empty file.
        access: `inspect` for one on a medium that cannot be written.
        progress: Called for the pages copied, and again for the pulses verified.

    Raises:
        DatabaseUnusable: The source cannot be read, or the copy does not verify.
        OSError: The disk failed.
        dbapi2.Error: The copy cannot be written.
    """
    with reading(path, access) as connection:
        facts = facts_in(connection, path)  # and from here on the connection sees one state
        _copy_pages(connection, path, fresh, progress)
    require_same(fresh, facts, progress)
    return replace(facts, path=fresh)


def require_same(copy: Path, facts: FileFacts, progress: Progress = _no_progress) -> None:
    """Do nothing if a copy says of itself what its source said, and verifies row by row.

    Raises:
        DatabaseUnusable: It does not; the sentence says what differs.
    """
    there = facts_of(copy)
    if replace(there, path=facts.path) != facts:
        raise DatabaseUnusable(f"{copy}: the copy is not what was copied: {there}, not {facts}")
    require_sound(copy, there, progress)


def require_sound(copy: Path, facts: FileFacts, progress: Progress = _no_progress) -> None:
    """Do nothing if a copy verifies row by row and its chain ends where it says.

    The head kept on this machine is not asked: it is that of the database, which goes on.

    Raises:
        DatabaseUnusable: It does not; the sentence says what is wrong.
    """
    findings = verify(copy, progress, heads=KeptHeads(facts.head, facts.head)).findings
    if findings:
        shown = "; ".join(f"{one.row}: {one.sentence}" for one in findings[:MOST_FINDINGS_SHOWN])
        more = len(findings) - MOST_FINDINGS_SHOWN
        raise DatabaseUnusable(
            f"{copy}: this copy is not sound: {shown}"
            + (f"; and {more} more" if more > 0 else "")
            + " (tms-console records verify names everything that is wrong)"
        )


def _copy_pages(source: Connection, path: Path, fresh: Path, progress: Progress) -> None:
    """Copy every page as one read transaction sees it; who writes meanwhile does not wait.

    Raises:
        OSError: The disk failed.
        dbapi2.Error: The source cannot be read or the copy cannot be written.
    """
    named = file_id(path)
    target = unkeyed_connection(fresh)
    try:
        if named is not None:
            key = proved_key(named)
            if key is None:  # pragma: no cover - the source was opened with it
                raise DatabaseUnusable(f"{path}: its key is not known")
            unlock(target, key, named)
        target.execute("PRAGMA synchronous = OFF")  # the whole file is synced before it is named
        source.connection.driver_connection.backup(  # type: ignore[union-attr]
            target,
            pages=PAGES_A_STEP,
            progress=lambda _, left, total: progress(total - left, total),
        )
        # One file, without the source's -wal beside it, on media where nothing else can be made.
        target.execute("PRAGMA journal_mode = DELETE").fetchone()
    finally:
        target.close()
