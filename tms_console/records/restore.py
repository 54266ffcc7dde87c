"""Putting a backup back in the place of a database, so that nothing is lost at any moment.

Only the file's part: that a restore is an administrator's signed act, and which prescriptions are
in force after it, is decided above.  `file_facts.standing` shows a copy that was put back by hand.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sqlcipher3 import dbapi2

from tms_console.records.backup import copy_into
from tms_console.records.canonical import utc_now_text
from tms_console.records.connections import (
    connect_for_writing,
    raw_connection,
    reason_of,
    require_sqlite,
)
from tms_console.records.errors import DatabaseUnusable
from tms_console.records.file_facts import FileFacts, facts_of, sha256_of
from tms_console.records.findings import Progress
from tms_console.records.heads import sync_folder
from tms_console.records.left_behind import unsaved_path
from tms_console.records.places import require_place
from tms_console.records.private_files import begin_private, drop, name_new, name_too, sync_file
from tms_console.records.session_lock import SessionLock

BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a file that was not closed; it belongs to that very file."""

_LOCKED = "database is locked"


@dataclass(frozen=True, slots=True)
class PutBack:
    """What was put back, and what it replaced.

    Attributes:
        database: The file that is in place now.
        backup_sha256: Of the backup it was copied from, as it is named in a chain.
        aside: Where the file that was in place is kept; None if there was none.
        replaced: What that said of itself; None if there was none or it could not be read.
        unsaved_aside: Where what a cut-off session had left unsaved is kept; None if nothing was.
    """

    database: FileFacts
    backup_sha256: str
    aside: Path | None
    replaced: FileFacts | None
    unsaved_aside: Path | None


def _nothing(_step: str) -> None:
    """Do nothing."""


def _no_progress(_done: int, _total: int) -> None:
    """Show nothing."""


def put_back(
    backup: Path,
    database: Path,
    *,
    progress: Progress = _no_progress,
    at_step: Callable[[str], None] = _nothing,
) -> PutBack:
    """Verify a copy of a backup and put it in the place of a database, which is kept aside.

    Args:
        backup: A backup, or any other whole copy of the same database; it is only read.
        database: Where the copy is to be; there may be none.
        progress: Called for the pages copied, and again for the pulses verified.
        at_step: For tests: where the process may die.

    Raises:
        SessionLockTaken: A session is running on the database.
        DatabaseUnusable: The backup is not sound or is of another database, another program has
            the database open, a cut-off session is not reconciled, or the disk failed; whatever
            was in place is in place or aside, whole.
    """
    require_sqlite()
    require_place(database)
    if not backup.is_file():
        raise DatabaseUnusable(f"{backup}: there is no such backup")
    if database.exists() and backup.samefile(database):
        raise DatabaseUnusable(f"{backup}: this is the database itself, not a backup of it")
    with SessionLock.acquire(database):
        try:
            fresh = begin_private(database)
            try:
                sha256 = sha256_of(backup)
                facts = copy_into(backup, fresh, "inspect", progress=progress)
                connect_for_writing(fresh).close()  # in WAL mode, like every file of ours
                sync_file(fresh)
                at_step("copied")
                return _swap(fresh, database, replace(facts, path=database), sha256, at_step)
            finally:
                drop(fresh)
        except (OSError, dbapi2.Error) as error:
            raise DatabaseUnusable(
                f"{database}: the backup was not put back: {reason_of(error)}"
            ) from error


def _swap(
    fresh: Path, database: Path, facts: FileFacts, sha256: str, at_step: Callable[[str], None]
) -> PutBack:
    """Give the present file another name, and the copy the file's own, in that order."""
    if not database.exists():
        name_new(fresh, database)
        return PutBack(facts, sha256, None, None, None)
    replaced = _facts_if_readable(database)
    _require_may_replace(database, replaced, facts)
    aside = _free_name(database)
    with _nobody_else(database):
        at_step("alone")
        name_too(database, aside)
        at_step("aside")
        unsaved = _move_what_is_beside(database, aside)
        at_step("beside")
        fresh.replace(database)
        sync_folder(database.parent)
        at_step("in place")
    return PutBack(facts, sha256, aside, replaced, unsaved)


def _facts_if_readable(database: Path) -> FileFacts | None:
    """Return what the present file says of itself, None if it is beyond reading: why restore?"""
    try:
        return facts_of(database)
    except DatabaseUnusable:
        return None


def _require_may_replace(database: Path, replaced: FileFacts | None, facts: FileFacts) -> None:
    if replaced is None:
        return
    if replaced.database_uid != facts.database_uid:
        raise DatabaseUnusable(
            f"{database}: the backup is of another database ({facts.database_uid}) than this one "
            f"({replaced.database_uid}); only its own backups are put back over a database"
        )
    if unsaved_path(database).exists():
        raise DatabaseUnusable(
            f"{database}: a session was cut off here and is not reconciled yet, and its stimulator "
            "may still be armed; start the console once on this database, then put the backup back"
        )


@contextlib.contextmanager
def _nobody_else(database: Path) -> Iterator[None]:
    """Keep every other program from the present file while it is replaced.

    Leaving WAL mode needs all other connections closed and leaves one file, without a -wal; a file
    that is damaged cannot be locked so, and what lies beside it is moved with it.

    Raises:
        DatabaseUnusable: Another program has it open.
    """
    connection = None
    try:
        connection = raw_connection(database)
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        connection.execute("BEGIN EXCLUSIVE")
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "delete":
            raise dbapi2.OperationalError(_LOCKED)  # another program came in between
    except (DatabaseUnusable, dbapi2.Error) as error:
        if connection is not None:
            connection.close()
            connection = None
        if str(error) == _LOCKED:
            raise DatabaseUnusable(
                f"{database}: another program has this database open; close every window of TMS "
                "Console, then put the backup back"
            ) from error
    try:
        if connection is not None and os.name == "nt":  # pragma: no cover - open files stay there
            connection.close()
            connection = None
        yield
    finally:
        if connection is not None:
            connection.close()


def _move_what_is_beside(database: Path, aside: Path) -> Path | None:
    """Move a damaged file's -wal with it; SQLite would take it for that of the new file."""
    for suffix in BESIDE:
        there = database.with_name(database.name + suffix)
        if there.exists():
            there.rename(aside.with_name(aside.name + suffix))
    unsaved = unsaved_path(database)
    moved = None
    if unsaved.exists():
        moved = unsaved.rename(unsaved_path(aside))
    sync_folder(database.parent)
    return moved


def _free_name(database: Path) -> Path:
    stamp = utc_now_text()[:19].replace("-", "").replace(":", "") + "Z"
    name = f"{database.name}.replaced-{stamp}"
    number = 1
    while (aside := database.with_name(name)).exists():
        number += 1
        name = f"{database.name}.replaced-{stamp}.{number}"
    return aside
