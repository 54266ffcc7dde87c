"""The registry: what of the audit chain the gate rests on, folded to one digest for a seal.

Reading and folding only; who signs a seal, and what the records mean, is not known here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, text

from tms_console.records.audit import row_hash
from tms_console.records.canonical import Json
from tms_console.records.clinical import RECORD_ADD, RecordKind, StoredRecord
from tms_console.records.clinical_tables import RECORDS
from tms_console.records.tables import AUDIT

REGISTRY_ACTIONS = (RECORD_ADD, "credential.set", "session.begin", "session.end")
"""Audit actions in the registry; the index audit_registry of schema/0002.sql names them too."""

_IN_REGISTRY = text("action IN ('record.add', 'credential.set', 'session.begin', 'session.end')")
"""As text, so that SQLite sees that the partial index serves."""

_FOLDED = (
    select(AUDIT.c.seq, AUDIT.c.hash)
    .where(
        AUDIT.c.console_uid == bindparam("console"),
        AUDIT.c.seq > bindparam("after"),
        AUDIT.c.seq <= bindparam("upto"),
        _IN_REGISTRY,
    )
    .order_by(AUDIT.c.seq)
)
_WHOLE = (
    select(AUDIT)
    .where(AUDIT.c.console_uid == bindparam("console"), _IN_REGISTRY)
    .order_by(AUDIT.c.seq)
)


@dataclass(frozen=True, slots=True)
class Fold:
    """The registry folded up to a row of the chain.

    Attributes:
        seq: The row of the chain up to which it is folded.
        rows: How many rows of the registry there are up to there.
        digest: 64 hexadecimal digits.
    """

    seq: int
    rows: int
    digest: str

    def add(self, seq: int, row_hash_: str) -> Fold:
        """Return the fold with one more row of the registry."""
        folded = hashlib.sha256((self.digest + row_hash_).encode()).hexdigest()
        return Fold(seq, self.rows + 1, folded)


def empty_fold(console_uid: str) -> Fold:
    """Return the fold of no rows."""
    start = hashlib.sha256(f"tms-registry-1 {console_uid}".encode()).hexdigest()
    return Fold(0, 0, start)


def fold_up_to(connection: Connection, console_uid: str, upto: int) -> Fold:
    """Return the registry folded up to a row, by the hashes as they stand; for writing a seal.

    It goes on from the newest seal before that row, so that it costs the rows since then.
    """
    fold = last_sealed_fold(connection, console_uid, upto)
    values = {"console": console_uid, "after": fold.seq, "upto": upto}
    for seq, hash_ in connection.execute(_FOLDED, values):
        fold = fold.add(seq, hash_)
    return replace(fold, seq=upto)


def last_sealed_fold(connection: Connection, console_uid: str, upto: int) -> Fold:
    """Return the fold that the newest seal states, the empty one if there is no seal."""
    seal = RECORDS[RecordKind.SEAL]
    content = connection.execute(
        select(seal.c.content)
        .where(seal.c.sealed_seq <= upto)
        .order_by(seal.c.sealed_seq.desc())
        .limit(1)
    ).scalar()
    if content is None:
        return empty_fold(console_uid)
    values = json.loads(content)
    return Fold(values["sealed_seq"], values["registry_rows"], values["registry_digest"])


def first_broken_link(
    connection: Connection, console_uid: str, seq: int, hash_: str, head_seq: int
) -> int | None:
    """Return the first row of the chain that does not follow from the one before, None if all do.

    Args:
        connection: Any connection.
        console_uid: Whose chain.
        seq: The row from which on it is checked; 0 for all of it.
        hash_: What that row must carry; the genesis hash for 0.
        head_seq: The row at which the chain ends.
    """
    rows = connection.execute(
        select(AUDIT)
        .where(AUDIT.c.console_uid == console_uid, AUDIT.c.seq >= seq)
        .order_by(AUDIT.c.seq)
    ).mappings()
    expected, previous = max(seq, 1), None if seq else hash_
    for row in rows:
        try:
            sound = row_hash(dict(row)) == row["hash"]
        except ValueError:
            sound = False
        linked = row["hash"] == hash_ if previous is None else row["previous_hash"] == previous
        if not sound or not linked or row["seq"] != expected:
            return expected
        expected, previous = expected + 1, row["hash"]
    return None if expected == head_seq + 1 else expected


@dataclass(frozen=True, slots=True)
class RegistryRow:
    """One audit row of the registry, read whole.

    Attributes:
        seq: Its place in the chain.
        at: Wall time.
        actor: Who.
        action: One of `REGISTRY_ACTIONS`.
        subject: What it is about.
        detail: Its values; empty if they cannot be read.
        hash: Its hash as it stands.
        sound: True if its content is what the hash was made of.
    """

    seq: int
    at: str
    actor: str
    action: str
    subject: str
    detail: dict[str, Json]
    hash: str
    sound: bool


def registry_rows(connection: Connection, console_uid: str) -> Iterator[RegistryRow]:
    """Yield every audit row of the registry, in order of the chain."""
    for row in connection.execute(_WHOLE, {"console": console_uid}).mappings():
        try:
            sound = row_hash(dict(row)) == row["hash"]
            detail = json.loads(row["detail"])
        except (ValueError, TypeError):
            sound, detail = False, {}
        yield RegistryRow(
            row["seq"],
            row["at"],
            row["actor"],
            row["action"],
            row["subject"],
            detail if isinstance(detail, dict) else {},
            row["hash"],
            sound,
        )


def stored_records(
    connection: Connection, kind: RecordKind, **columns: Json
) -> tuple[StoredRecord, ...]:
    """Return the records of a kind in order of the chain, as they stand.

    Args:
        connection: Any connection.
        kind: Which.
        columns: Values of columns that they must have, such as `patient_uid`.
    """
    table = RECORDS[kind]
    wanted = [table.c.uid, table.c.seq, table.c.at, table.c.actor, table.c.content]
    if kind.signed:
        wanted.append(table.c.signature)
    query = select(*wanted).order_by(table.c.seq)
    for name, value in columns.items():
        query = query.where(table.c[name] == value)
    return tuple(_stored(kind, row) for row in connection.execute(query))


def _stored(kind: RecordKind, row: Row[Any]) -> StoredRecord:
    signature = row.signature if kind.signed else None
    return StoredRecord(kind, row.uid, row.seq, row.at, row.actor, row.content, signature)
