"""Seals: the console's own signature on the head of its chain and on the registry up to there.

Which key signs, and whether a seal can be believed, is the accounts' affair; here one is written.
"""

from __future__ import annotations

import logging
from typing import Protocol

from sqlalchemy.exc import DBAPIError

from tms_console.records.audit import AuditChain, Wall
from tms_console.records.canonical import canonical_text, utc_now_text
from tms_console.records.clinical import CONSOLE_ACTOR, AddRecord, RecordKind
from tms_console.records.database import Database
from tms_console.records.errors import WriteFailed
from tms_console.records.registry import fold_up_to
from tms_console.records.storing import store
from tms_console.records.transactions import expect_head, failure_sentence, keep_outside
from tms_console.records.values import new_uid

LOGGER = logging.getLogger(__name__)


class Sealer(Protocol):
    """The console's key, as far as a seal needs it."""

    def sign(self, data: bytes) -> str:
        """Return the Ed25519 signature over the bytes, 128 hexadecimal digits."""
        ...


def write_seal(
    database: Database, sealer: Sealer, why: str, *, wall: Wall = utc_now_text
) -> AddRecord:
    """Sign the chain's head and the registry as they stand, and put that on record.

    Args:
        database: Which.
        sealer: The console's key.
        why: On which occasion: a signature, a session's end, closing.
        wall: Gives the wall time.

    Raises:
        WriteFailed: Not known to be written; the sentence says why.
    """
    try:
        with database.connect_writer() as connection:
            with connection.begin():
                chain = AuditChain(connection, database.uid, database.console_uid, wall)
                fold = fold_up_to(connection, database.console_uid, chain.head.seq)
                uid = new_uid()
                content = canonical_text(
                    {
                        "tag": RecordKind.SEAL.tag,
                        "uid": uid,
                        "database_uid": database.uid,
                        "console_uid": database.console_uid,
                        "sealed_seq": chain.head.seq,
                        "sealed_hash": chain.head.hash,
                        "registry_rows": fold.rows,
                        "registry_digest": fold.digest,
                        "why": why,
                        "at": wall(),
                    }
                )
                seal = AddRecord(
                    kind=RecordKind.SEAL,
                    uid=uid,
                    at=wall(),
                    actor=CONSOLE_ACTOR,
                    content=content,
                    signature=sealer.sign(content.encode()),
                )
                before = chain.head
                store(connection, chain, seal)
                expect_head(database, before, chain.head)
            keep_outside(database, chain.head)
    except DBAPIError as error:
        raise WriteFailed(failure_sentence(database, error)) from error
    return seal
