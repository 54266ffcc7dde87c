"""What a database file says of itself: which database, which schema, how far its chain goes.

It takes the file's word: whether the rows are what was written is `verify`'s affair.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Connection, select

from tms_console.records.connections import reading
from tms_console.records.database import Purpose, identify, require_ours
from tms_console.records.errors import DatabaseUnusable
from tms_console.records.heads import ChainHead
from tms_console.records.tables import AUDIT


class Standing(StrEnum):
    """How a file's chain stands to a head that is known from elsewhere."""

    HOLDS = "holds it"
    """The known head is in the chain, which ends there or goes on from it."""
    OLDER = "ends before it"
    """An older copy, or a chain whose newest rows were cut off."""
    DIVERGED = "went another way"
    """The row of that number is another: rewritten, or an older copy that was written on."""
    FOREIGN = "is of another database"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file says of itself.

    Attributes:
        path: The file.
        database_uid: Which database it is, or is a copy of.
        console_uid: Whose chain is written in it.
        purpose: What it is for.
        schema: Its schema version.
        head: The newest row of its chain.
        newest_at: Wall time of that row, RFC 3339 in UTC: how old the copy is at least.
    """

    path: Path
    database_uid: str
    console_uid: str
    purpose: Purpose
    schema: int
    head: ChainHead
    newest_at: str


def facts_of(path: Path) -> FileFacts:
    """Return what a file says of itself, also one on a medium that cannot be written.

    Raises:
        DatabaseUnusable: It is missing, not one of ours, or cannot be opened.
    """
    if not path.is_file():
        raise DatabaseUnusable(f"{path}: there is no such database")
    with reading(path, "inspect") as connection:
        return facts_in(connection, path)


def facts_in(connection: Connection, path: Path) -> FileFacts:
    """Return what the file that a connection leads to says of itself.

    Raises:
        DatabaseUnusable: It is not one of ours.
    """
    schema = require_ours(connection, path)
    database = identify(connection, path)
    newest = connection.execute(
        select(AUDIT.c.seq, AUDIT.c.hash, AUDIT.c.at)
        .where(AUDIT.c.console_uid == database.console_uid)
        .order_by(AUDIT.c.seq.desc())
        .limit(1)
    ).one()
    return FileFacts(
        path=path,
        database_uid=database.uid,
        console_uid=database.console_uid,
        purpose=database.purpose,
        schema=schema,
        head=ChainHead(database.uid, database.console_uid, newest.seq, newest.hash),
        newest_at=newest.at,
    )


def standing(path: Path, known: ChainHead) -> Standing:
    """Return how the chain of a file stands to a head that was kept outside it.

    This is how an older copy that somebody put back by hand shows.

    Raises:
        DatabaseUnusable: It is missing, not one of ours, or cannot be opened.
    """
    if not path.is_file():
        raise DatabaseUnusable(f"{path}: there is no such database")
    with reading(path, "inspect") as connection:
        facts = facts_in(connection, path)
        if (facts.database_uid, facts.console_uid) != (known.database_uid, known.console_uid):
            return Standing.FOREIGN
        if facts.head.seq < known.seq:
            return Standing.OLDER
        there = connection.execute(
            select(AUDIT.c.hash).where(
                AUDIT.c.console_uid == known.console_uid, AUDIT.c.seq == known.seq
            )
        ).scalar()
    return Standing.HOLDS if there == known.hash else Standing.DIVERGED


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file that this process has no connection to.

    Closing any descriptor of a file ends this process's locks on it (POSIX), SQLite's too.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
