"""Seals: the console's own signature on the head of its chain and on the registry up to there.

Which key signs, and whether a seal can be believed, is the accounts' affair; here one is written.
"""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tms_console.records.audit import AuditChain, Wall
from tms_console.records.canonical import Json, canonical_text, utc_now_text
from tms_console.records.clinical import CONSOLE_ACTOR, AddRecord, RecordKind, StoredRecord
from tms_console.records.database import Database, snapshot
from tms_console.records.errors import NotAsLeft, WriteFailed
from tms_console.records.heads import ChainHead
from tms_console.records.registry import (
    BrokenChain,
    Fold,
    SealedState,
    empty_fold,
    newest_record,
    read_links,
    read_seal,
)
from tms_console.records.storing import store
from tms_console.records.transactions import (
    BUSY_MS,
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
        with database.connect_writer(BUSY_MS) as connection:
            for _ in range(MOST_TRIES):
                with snapshot(connection):
                    head, fold = _as_left(connection, database, sealer)
                with connection.begin():
                    chain = AuditChain(connection, database.uid, database.console_uid, wall)
                    if chain.head != head:
                        continue  # somebody wrote in between
                    if not adopt and not follows(database, head):
                        raise NotAsLeft(_NOT_AS_LEFT.format(database.path))
                    seal = _seal(sealer, _content(database, head, fold, why), wall())
                    store(connection, chain, seal)
                    chain.require_stored()
                    expect_head(database, head, chain.head, adopt=adopt)
                keep_outside(database, chain.head)
                return seal
    except DBAPIError as error:
        raise WriteFailed(failure_sentence(database, error)) from error
    raise WriteFailed(f"{database.path}: others write all the time; the console could not sign")


def _as_left(connection: Connection, database: Database, sealer: Sealer) -> tuple[ChainHead, Fold]:
    """Return where the chain ends and the registry up to there, after looking at every new row.

    Only the newest seal's own word on the registry counts, and only if this console signed it: a
    fold taken from anywhere else would make the console vouch for whatever somebody put there.
    """
    fold, hash_ = empty_fold(database.console_uid), ""
    newest = newest_record(connection, RecordKind.SEAL)
    if newest is not None:
        sealed = _own_seal(newest, database, sealer)
        fold, hash_ = sealed.fold, sealed.hash
    try:
        links = read_links(connection, database.console_uid, fold.seq, hash_)
    except BrokenChain as error:
        raise NotAsLeft(f"{database.path}: {error}, so nothing is signed") from error
    head = ChainHead(database.uid, database.console_uid, links.seq, links.hash)
    return head, fold.add_all(links.registry, links.seq)


def _own_seal(newest: StoredRecord, database: Database, sealer: Sealer) -> SealedState:
    try:
        sealed = read_seal(newest)
        signed = sealer.signed(newest.content.encode(), newest.signature or "")
    except ValueError as error:
        raise NotAsLeft(f"{database.path}: the console's newest seal: {error}") from error
    if not signed or (sealed.database_uid, sealed.console_uid) != (
        database.uid,
        database.console_uid,
    ):
        raise NotAsLeft(f"{database.path}: the console's newest seal does not hold")
    return sealed


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
