"""Reading the registry and its records again before every train, at little cost.

Every row is read each time; only parsing and hashing of rows that are the same as at the last time
is saved.  Nothing is believed here because it was read before, and nothing written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from tms_console.records.clinical import RecordKind, StoredRecord
from tms_console.records.registry import (
    WHOLE_REGISTRY,
    BrokenChain,
    Fold,
    RegistryRow,
    empty_fold,
    raw_records,
    registry_row,
    stored_record,
)


@dataclass(frozen=True, slots=True)
class _Registry:
    """A registry as it was read last, every row of it sound."""

    raw: list[Row[Any]]
    rows: tuple[RegistryRow, ...]
    fold: Fold


@dataclass(frozen=True, slots=True)
class _Records:
    """The records of a kind as they were read last."""

    raw: list[Row[Any]]
    records: tuple[StoredRecord, ...]


_registries: dict[str, _Registry] = {}
"""By console uid; only the last one, for a process works on one database."""

_records: dict[RecordKind, _Records] = {}


def sealed_registry(
    connection: Connection, console_uid: str, upto: int
) -> tuple[tuple[RegistryRow, ...], Fold]:
    """Return the rows of the registry up to a row of the chain, each sound, and their fold.

    Raises:
        BrokenChain: A row is not what its hash was made of.
    """
    raw = list(connection.execute(WHOLE_REGISTRY, {"console": console_uid, "upto": upto}))
    known = _registries.get(console_uid)
    if known is None or raw[: len(known.raw)] != known.raw:
        known = _Registry([], (), empty_fold(console_uid))
    new = tuple(_sound(registry_row(one) for one in raw[len(known.raw) :]))
    rows, fold = known.rows + new, known.fold.add_all(new, upto)
    _registries.clear()
    _registries[console_uid] = _Registry(raw, rows, fold)
    return rows, fold


def records_of(connection: Connection, kind: RecordKind) -> tuple[StoredRecord, ...]:
    """Return the records of a kind in order of the chain, as they stand."""
    raw = raw_records(connection, kind)
    known = _records.get(kind)
    if known is None or raw[: len(known.raw)] != known.raw:
        known = _Records([], ())
    new = tuple(stored_record(kind, one) for one in raw[len(known.raw) :])
    _records[kind] = _Records(raw, known.records + new)
    return known.records + new


def forget() -> None:
    """Give up what was read, where somebody else keeps it (`accounts.followed`)."""
    _registries.clear()
    _records.clear()


def _sound(rows: Iterable[RegistryRow]) -> Iterable[RegistryRow]:
    for row in rows:
        if not row.sound:
            raise BrokenChain(row.seq)
        yield row
