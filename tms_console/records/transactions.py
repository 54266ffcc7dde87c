"""One transaction: operations and their audit rows, whole or not at all, and the sentence if not.

Which operations go together, in which thread and what follows a failure is decided in `writer`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tms_console.records.audit import AuditChain, Wall
from tms_console.records.canonical import utc_now_text
from tms_console.records.connections import reason_of
from tms_console.records.database import Database, Purpose, snapshot
from tms_console.records.errors import RecordsError, WriteFailed
from tms_console.records.heads import ChainHead, keep_head, kept_heads
from tms_console.records.operations import BeginTrain, Frames, Operation, PulsesFinal
from tms_console.records.storing import needs_preparation, prepare, store

LOGGER = logging.getLogger(__name__)

MOST_ROWS = 500
"""Rows in one transaction, so that it stays under 5 ms (architecture.md, "Who writes")."""


BUSY_MS = 5_000
"""How long what a person did waits for the write lock: no patient is waiting (a session's writer
waits `WRITER_BUSY_MS`)."""


def _nothing(_operations: Sequence[Operation]) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class CommitHooks:
    """Where tests make the disk fail, or the process die, at the worst moment.

    Attributes:
        before_commit: Called inside the transaction, when all is written but not committed.
        after_commit: Called when COMMIT returned; raising here makes it an unknown outcome.
    """

    before_commit: Callable[[Sequence[Operation]], None] = _nothing
    after_commit: Callable[[Sequence[Operation]], None] = _nothing


NO_HOOKS = CommitHooks()


def apply(  # noqa: PLR0913 - three of them are for tests and for restores
    connection: Connection,
    database: Database,
    operations: Sequence[Operation],
    *,
    wall: Wall = utc_now_text,
    hooks: CommitHooks = NO_HOOKS,
    adopt: bool = False,
) -> ChainHead:
    """Write operations with their audit rows in one BEGIN IMMEDIATE transaction.

    Args:
        connection: A writing connection without an open transaction.
        database: What it leads to.
        operations: What to write; an `EndTrain` or `EndSession` only as the first of them.
        wall: Gives the time of the audit rows.
        hooks: For tests.
        adopt: As for `expect_head`.

    Returns:
        The head of the audit chain, once COMMIT has returned.

    Raises:
        IllegalOperation: One of them contradicts the record; nothing was written.
        DBAPIError: The database failed; if that was in COMMIT, the outcome is unknown.
        WriteFailed: The head could not be kept outside; nothing was written.
    """
    sealed = None
    if needs_preparation(operations[0]):
        with snapshot(connection):
            sealed = prepare(connection, operations[0])
    with connection.begin():
        chain = AuditChain(connection, database.uid, database.console_uid, wall)
        before = chain.head
        store(connection, chain, operations[0], sealed)
        for operation in operations[1:]:
            store(connection, chain, operation)
        if chain.head != before:
            chain.require_stored()
        expect_head(database, before, chain.head, adopt=adopt)
        hooks.before_commit(operations)
    hooks.after_commit(operations)
    return chain.head


def write_now(
    database: Database, *operations: Operation, wall: Wall = utc_now_text, adopt: bool = False
) -> None:
    """Write operations outside a session's writer, such as a start that the gate refused.

    Args:
        database: Where.
        operations: What.
        wall: Gives the time of the audit rows.
        adopt: As for `expect_head`.

    Raises:
        IllegalOperation: One of them contradicts the record; nothing was written.
        WriteFailed: Not known to be written; the sentence says why.
    """
    try:
        with database.connect_writer(BUSY_MS) as connection:
            for group in groups(operations):
                head = apply(connection, database, group, wall=wall, adopt=adopt)
                keep_outside(database, head)
    except DBAPIError as error:
        raise WriteFailed(failure_sentence(database, error)) from error


def groups(operations: Sequence[Operation]) -> Iterator[Sequence[Operation]]:
    """Cut operations into transactions: short ones, and what is sealed first in its own."""
    start = rows = 0
    for index, operation in enumerate(operations):
        weight = _rows(operation)
        if index > start and (needs_preparation(operation) or rows + weight > MOST_ROWS):
            yield operations[start:index]
            start, rows = index, 0
        rows += weight
    if start < len(operations):
        yield operations[start:]


def failure_sentence(database: Database, error: Exception) -> str:
    """Return why the record cannot be written, as a sentence for the technician."""
    if isinstance(error, WriteFailed):
        return f"{database.path}: the record cannot be written: {error}"
    reason = reason_of(error) if isinstance(error, DBAPIError) else f"internal error: {error}"
    return f"{database.path}: the record cannot be written: {reason}"


def _rows(operation: Operation) -> int:
    match operation:
        case BeginTrain():
            return 1 + len(operation.planned_ns)
        case PulsesFinal():
            return len(operation.results)
        case Frames():
            return len(operation.frames)
        case _:
            return 1


def expect_head(
    database: Database, before: ChainHead, after: ChainHead, *, adopt: bool = False
) -> None:
    """Keep, inside the transaction, where a clinic's chain stands and where it is about to.

    A file that does not stand where this console left it (an older copy, rows of somebody else) may
    be written, but what is kept stays as it is: writing must not make the file believable.

    Args:
        database: Which.
        before: Where the chain stands.
        after: Where it is about to.
        adopt: Follow the file all the same: an administrator's recorded restore, and nothing else.

    Raises:
        WriteFailed: It could not be kept: the transaction must not be committed.
    """
    if database.purpose is Purpose.REHEARSAL or after == before:
        return
    try:
        if adopt or follows(database, before):
            keep_head(after, before)
        else:
            LOGGER.warning("%s is not as this console left it; it stays so", database.path)
    except RecordsError as error:
        raise WriteFailed(str(error)) from error


def follows(database: Database, head: ChainHead) -> bool:
    """Return True if a head is where this console left the chain of a database.

    What is kept but cannot be read is no reason to lose a row: it is then not where it was left.
    """
    try:
        kept = kept_heads(database.uid)
    except RecordsError as error:
        LOGGER.warning("%s", error)
        return False
    return kept is not None and head in (kept.after, kept.before)


def keep_outside(database: Database, head: ChainHead) -> None:
    """Keep the head outside the file once it is committed, or say in the log that it could not be.

    A clinic's is kept already, inside the transaction; what is kept now is that it was committed,
    so that cutting off just this transaction shows as well.
    """
    try:
        if database.purpose is Purpose.REHEARSAL:
            kept = kept_heads(database.uid)
            if kept is None or not kept.exact:  # decided by what is kept, not by the file's word
                keep_head(head)
        else:
            _settle(database, head)
    except RecordsError as error:
        LOGGER.warning("%s", error)  # the rows are safe; only a cut tail would go unnoticed


def _settle(database: Database, head: ChainHead) -> None:
    """Forget the head before, under the write lock: another program may have gone on meanwhile."""
    try:
        with database.connect_writer() as connection, connection.begin():
            kept = kept_heads(database.uid)
            if kept is not None and kept.after == head != kept.before:
                keep_head(head, head)
    except DBAPIError as error:
        LOGGER.debug("%s: the head stays unsettled: %s", database.path, error.orig)
