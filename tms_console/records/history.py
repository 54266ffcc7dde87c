"""A demonstration's past: many operations of long ago in one transaction each call.

Rows and audit rows are made by the same functions as everywhere; only a demonstration, in which
nobody is real, may have a past that nobody lived through, so every other database is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.exc import DBAPIError

from tms_console.records.audit import AuditChain, Wall
from tms_console.records.database import Database, Purpose, require_purpose
from tms_console.records.errors import WriteFailed
from tms_console.records.operations import Operation
from tms_console.records.storing import needs_preparation, prepare, store
from tms_console.records.transactions import expect_head, failure_sentence, keep_outside


def write_history(database: Database, operations: Sequence[Operation], wall: Wall) -> None:
    """Write operations of the past, whole or not at all.

    Raises:
        DatabaseUnusable: It is no demonstration.
        IllegalOperation: One of them contradicts the record; nothing was written.
        WriteFailed: Not known to be written.
    """
    require_purpose(database, Purpose.DEMO)
    try:
        with database.connect_writer() as connection:
            with connection.begin():
                chain = AuditChain(connection, database.uid, database.console_uid, wall)
                before = chain.head
                for one in operations:
                    sealed = prepare(connection, one) if needs_preparation(one) else None
                    store(connection, chain, one, sealed)
                if chain.head != before:
                    chain.require_stored()
                expect_head(database, before, chain.head)
            keep_outside(database, chain.head)
    except DBAPIError as error:
        raise WriteFailed(failure_sentence(database, error)) from error
