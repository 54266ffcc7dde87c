"""The registry: what of the audit chain the gate rests on, folded to one digest for a seal.

Reading, linking and folding only; who signs a seal, and what the records mean, is not known here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, text

from tms_console.records.audit import genesis_hash, row_hash
from tms_console.records.canonical import MAX_INTEGER, Json
from tms_console.records.clinical import RECORD_ADD, RecordKind, StoredRecord, check_content
from tms_console.records.clinical_tables import RECORDS
from tms_console.records.errors import NotAsLeft
from tms_console.records.tables import AUDIT

REGISTRY_ACTIONS = (RECORD_ADD, "credential.set", "session.begin", "session.end")
"""Audit actions in the registry; the index audit_registry of schema/0002.sql names them too."""

_IN_REGISTRY = text("action IN ('record.add', 'credential.set', 'session.begin', 'session.end')")
"""As text, so that SQLite sees that the partial index serves."""

WHOLE_REGISTRY = (
    select(AUDIT)
    .where(
        AUDIT.c.console_uid == bindparam("console"), AUDIT.c.seq <= bindparam("upto"), _IN_REGISTRY
    )
    .order_by(AUDIT.c.seq)
)
_FROM = (
    select(AUDIT)
    .where(AUDIT.c.console_uid == bindparam("console"), AUDIT.c.seq >= bindparam("seq"))
    .order_by(AUDIT.c.seq)
)
_NAMES = tuple(column.name for column in AUDIT.columns)


class BrokenChain(NotAsLeft):
    """A row of the chain is not what was written, or does not follow from the row before it.

    Attributes:
        seq: Which row.
    """

    def __init__(self, seq: int) -> None:
        super().__init__(f"audit row {seq} is not what this console wrote")
        self.seq = seq


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

    def add_all(self, rows: Iterable[RegistryRow], upto: int) -> Fold:
        """Return the fold with more rows of the registry, and up to a row of the chain."""
        fold = self
        for row in rows:
            fold = fold.add(row.seq, row.hash)
        return replace(fold, seq=upto)


def empty_fold(console_uid: str) -> Fold:
    """Return the fold of no rows."""
    start = hashlib.sha256(f"tms-registry-1 {console_uid}".encode()).hexdigest()
    return Fold(0, 0, start)


@dataclass(frozen=True, slots=True)
class SealedState:
    """What a seal says; whether the console signed it is not known here.

    Attributes:
        database_uid: Of which database.
        console_uid: Whose chain.
        hash: The hash of the row that was sealed.
        fold: The registry up to that row.
    """

    database_uid: str
    console_uid: str
    hash: str
    fold: Fold


def read_seal(record: StoredRecord) -> SealedState:
    """Return what a seal says.

    Raises:
        ValueError: It is no seal, or does not say what a seal says.
    """
    check_content(RecordKind.SEAL, record.uid, record.content)
    match record.values:
        case {
            "database_uid": str(database_uid),
            "console_uid": str(console_uid),
            "sealed_seq": int(seq),
            "sealed_hash": str(hash_),
            "registry_rows": int(rows),
            "registry_digest": str(digest),
        }:
            return SealedState(database_uid, console_uid, hash_, Fold(seq, rows, digest))
    raise ValueError(f"seal {record.uid}: it does not say what a seal says")


@dataclass(frozen=True, slots=True)
class Links:
    """A part of the chain that was verified link by link, up to where it ends.

    Attributes:
        seq: The last row.
        hash: Its hash.
        at: Its wall time.
        registry: Those of the rows, the first excepted, that belong to the registry.
    """

    seq: int
    hash: str
    at: str
    registry: tuple[RegistryRow, ...]


def read_links(connection: Connection, console_uid: str, seq: int, hash_: str) -> Links:
    """Verify the chain link by link from a row that is known, to its end.

    Everything about these rows is taken from one reading of the table itself: no index, which
    somebody could have made to leave out a row, is asked.

    Args:
        connection: Inside one transaction.
        console_uid: Whose chain.
        seq: The known row; 0 for the beginning.
        hash_: What the known row must carry; for 0 it is not looked at.

    Raises:
        BrokenChain: A row is not sound, does not follow, or is missing.
    """
    registry = []
    expected, previous = max(seq, 1), "" if seq else genesis_hash(console_uid)
    at = ""
    for raw in connection.execute(_FROM, {"console": console_uid, "seq": expected}):
        row = registry_row(raw)
        linked = row.hash == hash_ if not previous else raw.previous_hash == previous
        if not row.sound or not linked or row.seq != expected:
            raise BrokenChain(expected)
        if row.action in REGISTRY_ACTIONS and row.seq != seq:
            registry.append(row)
        expected, previous, at = expected + 1, row.hash, row.at
    if not at:
        raise BrokenChain(expected)
    return Links(expected - 1, previous, at, tuple(registry))


def registry_row(raw: Row[Any]) -> RegistryRow:
    """Return a row of the table `audit` as a row of the registry."""
    row = dict(zip(_NAMES, raw, strict=True))
    try:
        sound = row_hash(row) == row["hash"]
        detail = json.loads(row["detail"])
    except (ValueError, TypeError, RecursionError):
        sound, detail = False, {}
    return RegistryRow(
        row["seq"],
        row["at"],
        row["actor"],
        row["action"],
        row["subject"],
        detail if isinstance(detail, dict) else {},
        row["hash"],
        sound,
    )


def registry_rows(
    connection: Connection, console_uid: str, upto: int = MAX_INTEGER
) -> Iterator[RegistryRow]:
    """Yield the audit rows of the registry up to a row of the chain, in its order."""
    for raw in connection.execute(WHOLE_REGISTRY, {"console": console_uid, "upto": upto}):
        yield registry_row(raw)


def raw_records(connection: Connection, kind: RecordKind, **columns: Json) -> list[Row[Any]]:
    """Return the rows of `stored_records`, as they were read."""
    table = RECORDS[kind]
    query = _records(kind).order_by(table.c.seq)
    for name, value in columns.items():
        query = query.where(table.c[name] == value)
    return list(connection.execute(query))


def stored_record(kind: RecordKind, row: Row[Any]) -> StoredRecord:
    """Return a row of `raw_records` as a record."""
    signature = row.signature if kind.signed else None
    content = row.content if isinstance(row.content, str) else ""  # an edited file holds anything
    return StoredRecord(kind, row.uid, row.seq, row.at, row.actor, content, signature)


def stored_records(
    connection: Connection, kind: RecordKind, **columns: Json
) -> tuple[StoredRecord, ...]:
    """Return the records of a kind in order of the chain, as they stand.

    Args:
        connection: Any connection.
        kind: Which.
        columns: Values of columns that they must have, such as `patient_uid`.
    """
    return tuple(stored_record(kind, row) for row in raw_records(connection, kind, **columns))


def records_after(connection: Connection, kind: RecordKind, seq: int) -> tuple[StoredRecord, ...]:
    """Return the records of a kind that came after a row of the chain, in its order."""
    table = RECORDS[kind]
    query = _records(kind).where(table.c.seq > seq).order_by(table.c.seq)
    return tuple(stored_record(kind, row) for row in connection.execute(query))


def newest_record(connection: Connection, kind: RecordKind) -> StoredRecord | None:
    """Return the record of a kind that says it came last, None if there is none."""
    table = RECORDS[kind]
    row = connection.execute(_records(kind).order_by(table.c.seq.desc()).limit(1)).first()
    return None if row is None else stored_record(kind, row)


def same_as_entered(record: StoredRecord, entered: RegistryRow) -> bool:
    """Return True if a record is exactly what its audit row entered."""
    return (
        record.kind.subject(record.uid) == entered.subject
        and record.digest == entered.detail.get("digest")
        and record.seq == entered.seq
        and record.actor == entered.actor
        and record.at == entered.detail.get("at")
        and record.signature == entered.detail.get("signature")
    )


def _records(kind: RecordKind) -> Any:
    table = RECORDS[kind]
    wanted = [table.c.uid, table.c.seq, table.c.at, table.c.actor, table.c.content]
    if kind.signed:
        wanted.append(table.c.signature)
    return select(*wanted)
