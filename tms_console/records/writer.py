"""Everything of a session on its way to disk, acknowledged only after COMMIT has returned.

Two carriers with one interface: `ThreadedWriter` for real time, `InlineWriter` for virtual time.
What an operation means in rows is in `storing`; a failed writer never touches the database again.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeAlias

from sqlalchemy.exc import DBAPIError

from tms_console.records.audit import Wall
from tms_console.records.canonical import utc_now_text
from tms_console.records.database import WRITER_BUSY_MS, Database
from tms_console.records.errors import IllegalOperation, RecordsError, WriteFailed
from tms_console.records.left_behind import UnsavedHeader
from tms_console.records.operations import AuditNote, BeginSession, EndSession, Operation
from tms_console.records.transactions import (
    NO_HOOKS,
    CommitHooks,
    apply,
    failure_sentence,
    groups,
    keep_outside,
)
from tms_console.records.unsaved import PREALLOCATED_BYTES, Envelope, UnsavedFile

LOGGER = logging.getLogger(__name__)

OnFailure: TypeAlias = Callable[[str], None]
"""Called once, with a sentence, from the thread that writes: stop and disarm."""


@dataclass(frozen=True, slots=True)
class WriterOptions:
    """What a writer may be told besides its database.

    Attributes:
        wall: Gives the wall time of audit rows.
        hooks: For tests.
        busy_timeout_ms: How long it waits for the write lock before that is a failure.
        preallocated_bytes: Room kept in `<database>.unsaved`.
        envelope: Seals what is saved beside a clinic's database; None for a rehearsal.
        inline_group: How many operations an `InlineWriter` lets queue up.
    """

    wall: Wall = utc_now_text
    hooks: CommitHooks = NO_HOOKS
    busy_timeout_ms: int = WRITER_BUSY_MS
    preallocated_bytes: int = PREALLOCATED_BYTES
    envelope: Envelope | None = None
    inline_group: int = 64


HELD_AT_MOST_S = 1.0
"""A `hold` that nobody releases ends by itself: nothing may stay unwritten because of it."""

DEFAULTS = WriterOptions()


class Ticket:
    """The promise to write one operation."""

    __slots__ = ("_committed", "_flush", "_settled")

    def __init__(self, flush: Callable[[], None]) -> None:
        self._flush = flush
        self._settled = threading.Event()
        self._committed = False

    def wait(self, timeout_s: float) -> bool:
        """Return True once it is committed; False if the time is over or the writer failed."""
        if not self._settled.is_set():
            self._flush()
            self._settled.wait(timeout_s)
        return self._committed

    @property
    def committed(self) -> bool:
        """True if COMMIT returned for it; never back to False."""
        return self._committed

    def settle(self, *, committed: bool) -> None:
        """Wake who waits; for the writer only."""
        self._committed = committed
        self._settled.set()


@dataclass(frozen=True, slots=True)
class Queued:
    """An operation and its promise."""

    operation: Operation
    ticket: Ticket


@dataclass(frozen=True, slots=True)
class _Queued:
    operation: Operation
    ticket: Ticket


class SessionWriter(ABC):
    """Writes everything of one session; made after the session lock, closed before its release."""

    def __init__(
        self,
        database: Database,
        header: UnsavedHeader,
        on_failure: OnFailure,
        options: WriterOptions = DEFAULTS,
    ) -> None:
        """Open the writing connection and make `<database>.unsaved`.

        Raises:
            DatabaseUnusable: The file cannot be written, an earlier session is not reconciled, or
                the disk has no room to keep a session safe.
        """
        self._committer = _Committer(database, header, on_failure, options)
        self._closed = False
        self._gate = threading.RLock()  # on_failure may submit from inside a submit

    @property
    def failure(self) -> str | None:
        """Why nothing more reaches the database, as a sentence; None while all is well."""
        return self._committer.failure

    @property
    def lost(self) -> int:
        """Operations that reached neither the database nor `<database>.unsaved`."""
        return self._committer.lost

    @property
    @abstractmethod
    def depth(self) -> int:
        """Operations submitted and neither committed nor given up."""

    def submit(self, operation: Operation) -> Ticket:
        """Queue an operation; never wait for a disk in a `ThreadedWriter`.

        Raises:
            IllegalOperation: The writer is closed.
        """
        with self._gate:
            if self._closed:
                raise IllegalOperation(f"{operation.op}: the session's writer is closed")
            return self._submit(operation)

    def close(self) -> bool:
        """Write what is queued and close; True if the database has it all.  Any number of times.

        `<database>.unsaved` goes if nothing failed and the session ended or never began; else it
        stays for the next start.
        """
        if not self._closed:
            self._finish()
            with self._gate:
                self._closed = True
            self._write_queued()  # what on_failure, or another thread, submitted meanwhile
            self._committer.close()
        return self.failure is None

    def hold(self) -> None:  # noqa: B027 - nothing to hold where the caller's thread writes
        """Begin no transaction until `release`: a stimulating command is due at this moment."""

    def release(self) -> None:  # noqa: B027 - the counterpart
        """Write again; any number of times."""

    @abstractmethod
    def _submit(self, operation: Operation) -> Ticket: ...

    @abstractmethod
    def _finish(self) -> None: ...

    @abstractmethod
    def _write_queued(self) -> None: ...

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()


class InlineWriter(SessionWriter):
    """Writes in the caller's own thread, when somebody waits or enough is queued."""

    def __init__(
        self,
        database: Database,
        header: UnsavedHeader,
        on_failure: OnFailure,
        options: WriterOptions = DEFAULTS,
    ) -> None:
        """Open the writing connection and make `<database>.unsaved`.

        Raises:
            DatabaseUnusable: As for every `SessionWriter`.
        """
        super().__init__(database, header, on_failure, options)
        self._group = options.inline_group
        self._queue: list[_Queued] = []

    @property
    def depth(self) -> int:
        """Operations submitted and neither committed nor given up."""
        return len(self._queue)

    def _submit(self, operation: Operation) -> Ticket:
        ticket = Ticket(self._write_queued)
        self._queue.append(_Queued(operation, ticket))
        if len(self._queue) >= self._group:
            self._write_queued()
        return ticket

    def _finish(self) -> None:
        self._write_queued()

    def _write_queued(self) -> None:
        queued, self._queue = self._queue, []  # emptied first: on_failure may submit
        self._committer.commit(queued)


class ThreadedWriter(SessionWriter):
    """Writes in a thread of its own; what queues up meanwhile is committed together."""

    def __init__(
        self,
        database: Database,
        header: UnsavedHeader,
        on_failure: OnFailure,
        options: WriterOptions = DEFAULTS,
    ) -> None:
        """Open the writing connection, make `<database>.unsaved` and start the thread.

        Raises:
            DatabaseUnusable: As for every `SessionWriter`.
        """
        super().__init__(database, header, on_failure, options)
        self._queue: queue.SimpleQueue[_Queued | None] = queue.SimpleQueue()
        self._writing = 0
        self._may_begin = threading.Event()
        self._may_begin.set()
        self._thread = threading.Thread(target=self._run, name="record-writer")
        self._thread.start()

    @property
    def depth(self) -> int:
        """Operations submitted and neither committed nor given up."""
        return self._queue.qsize() + self._writing

    def hold(self) -> None:
        """Begin no transaction until `release`, for `HELD_AT_MOST_S` at the longest."""
        self._may_begin.clear()

    def release(self) -> None:
        """Write again; any number of times."""
        self._may_begin.set()

    def _submit(self, operation: Operation) -> Ticket:
        ticket = Ticket(_leave_it_to_the_thread)
        self._queue.put(_Queued(operation, ticket))
        return ticket

    def _finish(self) -> None:
        self.release()
        self._queue.put(None)
        self._thread.join()

    def _write_queued(self) -> None:
        queued = []
        with contextlib.suppress(queue.Empty):
            while (item := self._queue.get_nowait()) is not None:
                queued.append(item)
        self._committer.commit(queued)

    def _run(self) -> None:
        closing = False
        while not closing:
            queued = []
            item = self._queue.get()
            while item is not None:
                queued.append(item)
                self._writing = len(queued)
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            closing = item is None
            self._may_begin.wait(HELD_AT_MOST_S)
            try:
                self._committer.commit(queued)
            except Exception:  # the top of a thread, and on_failure itself is broken
                LOGGER.exception("the failure of the record's writer could not be announced")
            self._writing = 0


class _Committer:
    """Commits on its own connection until the first failure, and from then on saves beside."""

    def __init__(
        self,
        database: Database,
        header: UnsavedHeader,
        on_failure: OnFailure,
        options: WriterOptions,
    ) -> None:
        self._database = database
        self._on_failure = on_failure
        self._options = options
        self._begun = False
        self._ended = False
        self.failure: str | None = None
        self.lost = 0
        self._connection = database.connect_writer(options.busy_timeout_ms)
        try:
            self._unsaved = UnsavedFile.create(
                database.path, header, options.preallocated_bytes, options.envelope
            )
        except RecordsError:
            self._connection.close()
            raise

    def commit(self, queued: Sequence[_Queued]) -> None:
        """Commit in order; what does not get there is saved beside."""
        done = 0
        if self.failure is None:
            try:
                for group in groups([item.operation for item in queued]):
                    self._commit_group(group)
                    for item in queued[done : done + len(group)]:
                        item.ticket.settle(committed=True)
                    done += len(group)
            except Exception as error:
                self.failure = failure_sentence(self._database, error)
                if not isinstance(error, DBAPIError | WriteFailed):
                    LOGGER.exception("the writer of the record met a bug")
                self._give_up(queued[done:], announce=True)
                return
        self._give_up(queued[done:], announce=False)

    def _commit_group(self, group: Sequence[Operation]) -> None:
        self._begun = self._begun or any(isinstance(one, BeginSession) for one in group)
        head = apply(
            self._connection,
            self._database,
            group,
            wall=self._options.wall,
            hooks=self._options.hooks,
        )
        self._ended = self._ended or any(isinstance(one, EndSession) for one in group)
        if any(isinstance(one, BeginSession | EndSession | AuditNote) for one in group):
            keep_outside(self._database, head)

    def _give_up(self, left: Sequence[_Queued], *, announce: bool) -> None:
        for item in left:
            item.ticket.settle(committed=False)
        try:
            if announce and self.failure is not None:
                self._on_failure(self.failure)  # first: delivery stops before a disk is waited for
        finally:
            if left:
                self._save([item.operation for item in left])

    def _save(self, operations: Sequence[Operation]) -> None:
        try:
            self._unsaved.append(operations)
        except WriteFailed as error:
            self.lost += len(operations)
            LOGGER.critical("%d operations are saved nowhere: %s", len(operations), error)

    def close(self) -> None:
        """Close the connection, and the file beside."""
        try:
            self._connection.close()
        except DBAPIError as error:
            LOGGER.warning("closing %s: %s", self._database.path, error.orig)
        if self.failure is None and (self._ended or not self._begun):
            self._unsaved.remove()
        else:
            self._unsaved.keep()


def _leave_it_to_the_thread() -> None:
    """Do nothing: the writer's thread flushes."""
