"""The audit chain: rows that each hold the hash of the row before, over RFC 8785 JSON.

It decides neither what is worth a row nor when; `storing` and `reconcile` do.  The chain is not
keyed: it shows accidents and single edits, not somebody who recomputes all of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import TypeAlias

from sqlalchemy import Connection, bindparam, insert, select

from tms_console.records.canonical import (
    MAX_INTEGER,
    Json,
    canonical_text,
    digest,
    utc_now_text,
)
from tms_console.records.errors import WriteFailed
from tms_console.records.heads import ChainHead
from tms_console.records.tables import AUDIT

Wall: TypeAlias = Callable[[], str]
"""Gives the wall time as RFC 3339 text in UTC."""

_TEXTS = ("console_uid", "at", "actor", "action", "subject", "detail", "previous_hash", "tag")
_COLUMNS = {*_TEXTS, "seq"}
_PLAIN = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
"""RFC 8785 for an object of ASCII names with texts and small integers; a test compares the two."""

_INSERT = insert(AUDIT)
_LAST = (
    select(AUDIT.c.seq, AUDIT.c.hash)
    .where(AUDIT.c.console_uid == bindparam("uid"))
    .order_by(AUDIT.c.seq.desc())
    .limit(1)
)


def genesis_hash(console_uid: str) -> str:
    """Return what the first row of a console's chain has as its `previous_hash`."""
    return digest({"tag": "tms-audit-start-1", "console_uid": console_uid})


def row_hash(row: Mapping[str, Json]) -> str:
    """Return the hash of an audit row, over every column but `hash` itself.

    Raises:
        ValueError: A column holds something that cannot be hashed.
    """
    hashed = {"tag": "tms-audit-1"} | {k: v for k, v in row.items() if k != "hash"}
    if not _is_plain(hashed):
        return digest(hashed)
    # 5 us instead of 20: before every train the gate hashes each row that it rests on
    return hashlib.sha256(_PLAIN.encode(hashed).encode()).hexdigest()


def _is_plain(row: Mapping[str, Json]) -> bool:
    """Return True for a row as it is always written: a file that was edited may hold anything."""
    seq = row.get("seq")
    return (
        row.keys() == _COLUMNS
        and {type(row[name]) for name in _TEXTS} == {str}
        and type(seq) is int
        and 0 <= seq <= MAX_INTEGER
    )


def newest_head(connection: Connection, database_uid: str, console_uid: str) -> ChainHead | None:
    """Return where a console's chain ends in a database, None if it has none."""
    last = connection.execute(_LAST, {"uid": console_uid}).first()
    return None if last is None else ChainHead(database_uid, console_uid, last.seq, last.hash)


def hash_at(connection: Connection, console_uid: str, seq: int) -> str | None:
    """Return the hash that a row of a console's chain carries, None if there is no such row."""
    one = select(AUDIT.c.hash).where(AUDIT.c.console_uid == console_uid, AUDIT.c.seq == seq)
    found: str | None = connection.execute(one).scalar()
    return found


class AuditChain:
    """The chain of one console inside one open write transaction."""

    def __init__(
        self,
        connection: Connection,
        database_uid: str,
        console_uid: str,
        wall: Wall = utc_now_text,
    ) -> None:
        self._connection = connection
        self._wall = wall
        self.head = newest_head(connection, database_uid, console_uid) or ChainHead(
            database_uid, console_uid, 0, genesis_hash(console_uid)
        )

    def append(
        self, action: str, subject: str, detail: Mapping[str, Json], actor: str = "console"
    ) -> None:
        """Add one row; it is durable when the caller's transaction is.

        Args:
            action: What was done, such as `train.end`.
            subject: To what, by uid, such as `train:<session uid>/<number>`.
            detail: The values, old and new, by uids and never by local keys.
            actor: Who did it.
        """
        row: dict[str, Json] = {
            "seq": self.head.seq + 1,
            "console_uid": self.head.console_uid,
            "at": self._wall(),
            "actor": actor,
            "action": action,
            "subject": subject,
            "detail": canonical_text(detail),
            "previous_hash": self.head.hash,
        }
        hash_ = row_hash(row)
        self._connection.execute(_INSERT, row | {"hash": hash_})
        self.head = ChainHead(
            self.head.database_uid, self.head.console_uid, self.head.seq + 1, hash_
        )

    def require_stored(self) -> None:
        """Do nothing if the last row that was added is the last row there is.

        A trigger that somebody put into the file can swallow rows without an error.

        Raises:
            WriteFailed: It is not; the transaction must not be committed.
        """
        head = self.head
        if newest_head(self._connection, head.database_uid, head.console_uid) != head:
            raise WriteFailed(
                f"audit row {self.head.seq} was not stored: the rules of the file were altered"
            )
