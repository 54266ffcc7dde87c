"""The audit chain: rows that each hold the hash of the row before, over RFC 8785 JSON.

It decides neither what is worth a row nor when; `storing` and `reconcile` do.  The chain is not
keyed: it shows accidents and single edits, not somebody who recomputes all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from sqlalchemy import Connection, bindparam, insert, select

from tms_console.records.canonical import Json, canonical_text, digest, utc_now_text
from tms_console.records.heads import ChainHead
from tms_console.records.tables import AUDIT

Wall: TypeAlias = Callable[[], str]
"""Gives the wall time as RFC 3339 text in UTC."""

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
    return digest({"tag": "tms-audit-1"} | {k: v for k, v in row.items() if k != "hash"})


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
        last = connection.execute(_LAST, {"uid": console_uid}).first()
        seq, hash_ = (last.seq, last.hash) if last else (0, genesis_hash(console_uid))
        self.head = ChainHead(database_uid, console_uid, seq, hash_)

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
