"""Seals: the console's own signature on the head of its chain and on the registry up to there.

Which key signs, and whether a seal can be believed, is the accounts' affair; here one is written.
"""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tms_console.records.audit import AuditChain, Wall, genesis_hash
from tms_console.records.canonical import Json, canonical_text, utc_now_text
from tms_console.records.clinical import CONSOLE_ACTOR, AddRecord, RecordKind
from tms_console.records.database import Database, snapshot
from tms_console.records.errors import NotAsLeft, WriteFailed
from tms_console.records.heads import ChainHead
from tms_console.records.registry import Fold, first_broken_link, fold_up_to, stored_records
from tms_console.records.storing import store
from tms_console.records.transactions import (
    expect_head,
    failure_sentence,
    follows,
    keep_outside,
)
from tms_console.records.values import new_uid

MOST_TRIES = 20
"""How often a seal is tried while others write; a write takes milliseconds."""


_NOT_AS_LEFT = "{}: the record is not as this console left it, so it is not signed"


class Sealer(Protocol):
    """The console's key, as far as a seal needs it."""

    def sign(self, data: bytes) -> str:
        """Return the Ed25519 signature over the bytes, 128 hexadecimal digits."""
        ...

    def signed(self, data: bytes, signature: str) -> bool:
        """Return True if this key signed the bytes."""
        ...


def write_seal(
    database: Database,
    sealer: Sealer,
    why: str,
    *,
    wall: Wall = utc_now_text,
    adopt: bool = False,
) -> AddRecord:
    """Sign the chain's head and the registry as they stand, and put that on record.

    Before it signs, the console looks that the chain stands where it left it and that every row
    since its last seal follows from the row before: it never vouches for what somebody else wrote.

    Args:
        database: Which.
        sealer: The console's key.
        why: On which occasion: a signature, a session's end, closing.
        wall: Gives the wall time.
        adopt: Sign a chain that does not stand where it was left: an administrator's recorded
            restore, and nothing else.

    Raises:
        NotAsLeft: It does not, or does not hold together; nothing was signed.
        WriteFailed: Not known to be written; the sentence says why.
    """
    try:
        with database.connect_writer() as connection:
            for _ in range(MOST_TRIES):
                with snapshot(connection):
                    head = AuditChain(connection, database.uid, database.console_uid, wall).head
                    _require_sound(connection, database, sealer, head)
                    fold = fold_up_to(connection, database.console_uid, head.seq)
                with connection.begin():
                    chain = AuditChain(connection, database.uid, database.console_uid, wall)
                    if chain.head != head:
                        continue  # somebody wrote in between
                    if not adopt and not follows(database, head):
                        raise NotAsLeft(_NOT_AS_LEFT.format(database.path))
                    seal = _seal(sealer, _content(database, head, fold, why), wall())
                    store(connection, chain, seal)
                    expect_head(database, head, chain.head, adopt=adopt)
                keep_outside(database, chain.head)
                return seal
    except DBAPIError as error:
        raise WriteFailed(failure_sentence(database, error)) from error
    raise WriteFailed(f"{database.path}: others write all the time; the console could not sign")


def _require_sound(
    connection: Connection, database: Database, sealer: Sealer, head: ChainHead
) -> None:
    seals = stored_records(connection, RecordKind.SEAL)
    seq, hash_ = 0, genesis_hash(database.console_uid)
    if seals:
        newest = seals[-1]
        if not sealer.signed(newest.content.encode(), newest.signature or ""):
            raise NotAsLeft(f"{database.path}: the console's newest seal does not hold")
        seq, hash_ = int(str(newest.values["sealed_seq"])), str(newest.values["sealed_hash"])
    broken = first_broken_link(connection, database.console_uid, seq, hash_, head.seq)
    if broken is not None:
        raise NotAsLeft(f"{database.path}: audit row {broken} is not what this console wrote")


def _content(database: Database, head: ChainHead, fold: Fold, why: str) -> dict[str, Json]:
    return {
        "tag": RecordKind.SEAL.tag,
        "database_uid": database.uid,
        "console_uid": database.console_uid,
        "sealed_seq": head.seq,
        "sealed_hash": head.hash,
        "registry_rows": fold.rows,
        "registry_digest": fold.digest,
        "why": why,
    }


def _seal(sealer: Sealer, content: dict[str, Json], at: str) -> AddRecord:
    uid = new_uid()
    text = canonical_text(content | {"uid": uid, "at": at})
    return AddRecord(
        kind=RecordKind.SEAL,
        uid=uid,
        at=at,
        actor=CONSOLE_ACTOR,
        content=text,
        signature=sealer.sign(text.encode()),
    )
