"""What the next start does with a session that was cut off, and what it can say about it.

It disarms nothing and shows nothing: it writes down honestly what is known, once, in one
transaction, and returns that for a person.  Without the session lock it touches nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, select, update
from sqlalchemy.exc import DBAPIError

from tms_console.records.audit import AuditChain, Wall
from tms_console.records.canonical import utc_now_text
from tms_console.records.clinical import SetCredential
from tms_console.records.database import Database, Purpose, snapshot
from tms_console.records.errors import IllegalOperation, SessionLockTaken, WriteFailed
from tms_console.records.heads import sync_folder
from tms_console.records.imports import missing_part
from tms_console.records.left_behind import UnsavedHeader, unsaved_path
from tms_console.records.sealing import end_session, end_train, seal_session, seal_train
from tms_console.records.session_lock import SessionLock
from tms_console.records.storing import prepare, store
from tms_console.records.tables import AUDIT, PULSE, SESSION, TRAIN
from tms_console.records.transactions import expect_head, failure_sentence, keep_outside
from tms_console.records.unsaved import Envelope, UnsavedText, read_unsaved

BUSY_MS = 5_000
"""How long reconciling waits for the write lock: no patient is waiting."""

CUT_OFF = "the program ended without closing the session"
ACTOR = "reconciliation"


@dataclass(frozen=True, slots=True)
class CutOffSession:
    """Exactly what is known of a session that was not closed.

    Attributes:
        uid: Which session.
        kind: What it was for.
        simulated: True if its stimulator was proved simulated.
        device: Model and serial number.
        started_at: Wall time, RFC 3339 in UTC.
        state: How it stands now: interrupted, or how the file beside says it ended.
        delivered: Pulses known to be delivered.
        unknown: Pulses that may have been delivered; they count as delivered.
        not_delivered: Pulses known not to be: not_delivered and refused.
        unplanned: Pulses that nobody commanded.
        last_train: Number of the last train that was begun, None if none was.
        last_known_pulse: Number of the last pulse known to be delivered, None if there is none.
    """

    uid: str
    kind: str
    simulated: bool
    device: str
    started_at: str
    state: str
    delivered: int
    unknown: int
    not_delivered: int
    unplanned: int
    last_train: int | None
    last_known_pulse: int | None

    @property
    def sentence(self) -> str:
        """It in words, for the person who starts the program next."""
        train = (
            "No train was begun."
            if self.last_train is None
            else (
                f"The last train begun is {self.last_train}; "
                + (
                    "no pulse is known to be delivered."
                    if self.last_known_pulse is None
                    else f"the last pulse known to be delivered is {self.last_known_pulse}."
                )
            )
        )
        device = f"{self.device}, simulated" if self.simulated else self.device
        started = self.started_at[:16].replace("T", " ")
        extra = f", {self.unplanned} unplanned" if self.unplanned else ""
        return (
            f"Session {self.uid} ({self.kind}, {device}, started {started} UTC) was cut off "
            f"and is now {self.state}: {self.delivered} pulses delivered, {self.unknown} unknown "
            f"(they count as delivered), {self.not_delivered} not delivered{extra}. {train}"
        )


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """What reconciling found and did.

    Attributes:
        sessions: The sessions that were not closed.
        imported: Operations read in from the file beside.
        already_stored: Operations there that the database had.
        problems: What of that file could not be read in, in words; the file is kept.
        disarm: The stimulator that may still be armed, if a session left one.
    """

    sessions: tuple[CutOffSession, ...]
    imported: int
    already_stored: int
    problems: tuple[str, ...]
    disarm: UnsavedHeader | None

    @property
    def found_nothing(self) -> bool:
        """True if every session was closed and nothing was beside."""
        return not (self.sessions or self.imported or self.already_stored or self.problems)


@dataclass(frozen=True, slots=True)
class _Imported:
    count: int
    already: int
    problems: tuple[str, ...]


def reconcile(
    database: Database,
    lock: SessionLock | None = None,
    *,
    wall: Wall = utc_now_text,
    envelope: Envelope | None = None,
) -> ReconcileReport | None:
    """Bring sessions that were cut off to an honest end; idempotent.

    Args:
        database: The database to be used next.
        lock: The session lock, if the caller holds it already.
        wall: Gives the wall time of audit rows.
        envelope: What opens the lines beside the database; without it only those of a rehearsal
            are read in, because anybody could have written them.

    Returns:
        What was found, or None if a session is running on the database: nothing was touched.

    Raises:
        WriteFailed: The database cannot be written; nothing in it changed.
        DatabaseUnusable: The file beside cannot be read, or the lock file not made.
    """
    if lock is not None:
        return _reconcile(database, wall, envelope)
    try:
        with SessionLock.acquire(database.path):
            return _reconcile(database, wall, envelope)
    except SessionLockTaken:
        return None


def _reconcile(database: Database, wall: Wall, envelope: Envelope | None) -> ReconcileReport:
    """Do all of it in one transaction, so that dying in the middle leaves all as it was."""
    beside = read_unsaved(database.path, envelope)
    if beside is not None and envelope is None and database.purpose is not Purpose.REHEARSAL:
        name = unsaved_path(database.path)
        words = f"{name}: this console keeps no key for it, so nothing of it was read in"
        beside = UnsavedText(beside.header, (), (words,))
    try:
        with database.connect_writer(BUSY_MS) as connection:
            with snapshot(connection):
                running = _running_uids(connection)
                reopened = [uid for uid in running if _closed_in_chain(connection, database, uid)]
            if reopened:
                # closing it again would put what somebody edited under this console's word
                return ReconcileReport((), 0, 0, tuple(map(_REOPENED.format, reopened)), None)
            if beside is None and not running:
                return ReconcileReport((), 0, 0, (), None)
            with connection.begin():
                chain = AuditChain(connection, database.uid, database.console_uid, wall)
                before = chain.head
                imported = _import(connection, chain, database, beside)
                cut_off = _cut_off(connection, beside)
                for uid in _running_uids(connection):
                    _interrupt(connection, chain, uid)
                sessions = tuple(_describe(connection, uid) for uid in cut_off)
                _write_summary(chain, sessions)
                expect_head(database, before, chain.head)
            keep_outside(database, chain.head)
    except DBAPIError as error:
        raise WriteFailed(failure_sentence(database, error)) from error
    _put_away(database.path, imported.problems)
    return ReconcileReport(
        sessions,
        imported.count,
        imported.already,
        imported.problems,
        beside.header if beside else None,
    )


def _import(
    connection: Connection, chain: AuditChain, database: Database, beside: UnsavedText | None
) -> _Imported:
    """Read in what is beside the database, operation by operation, and say so in the chain."""
    if beside is None or not (beside.operations or beside.problems):
        return _Imported(0, 0, ())
    if beside.header is None or beside.header.database_uid != database.uid:
        return _Imported(0, 0, (f"{unsaved_path(database.path)}: it is of another database",))
    count = already = 0
    problems = list(beside.problems)
    for operation in beside.operations:
        head = chain.head
        if isinstance(operation, SetCredential):
            problems.append("a password is never set from beside a database")
            continue
        try:
            with connection.begin_nested():
                missing = missing_part(connection, operation)
                if missing is not None:
                    store(connection, chain, missing, prepare(connection, missing))
        except IllegalOperation as error:
            chain.head = head
            problems.append(str(error))
        else:
            count, already = count + (missing is not None), already + (missing is None)
    chain.append(
        "records.import",
        f"session:{beside.header.session_uid}",
        {"operations": count, "already_stored": already, "problems": problems},
        ACTOR,
    )
    return _Imported(count, already, tuple(problems))


_REOPENED = (
    "Session {} was closed, and its row says that it runs: the record was edited. Nothing was "
    "touched; check it with `tms-console records verify`."
)


def _closed_in_chain(connection: Connection, database: Database, uid: str) -> bool:
    """Return True if the chain has a closing entry of a session, whatever its row says."""
    found = connection.execute(
        select(AUDIT.c.seq)
        .where(
            AUDIT.c.console_uid == database.console_uid,
            AUDIT.c.action == "session.end",
            AUDIT.c.subject == f"session:{uid}",
        )
        .limit(1)
    )
    return found.first() is not None


def _running_uids(connection: Connection) -> Sequence[str]:
    return (
        connection.execute(
            select(SESSION.c.uid).where(SESSION.c.state == "running").order_by(SESSION.c.id)
        )
        .scalars()
        .all()
    )


def _cut_off(connection: Connection, beside: UnsavedText | None) -> tuple[str, ...]:
    """Return the sessions that a person is told about, those of the file beside included."""
    uids = list(_running_uids(connection))
    if beside and beside.header and beside.operations:
        named = select(SESSION.c.uid).where(SESSION.c.uid == beside.header.session_uid)
        uids += [uid for uid in connection.execute(named).scalars() if uid not in uids]
    return tuple(uids)


def _interrupt(connection: Connection, chain: AuditChain, uid: str) -> None:
    """Bring one running session to its end: what was only commanded is unknown."""
    session = select(SESSION.c.id).where(SESSION.c.uid == uid).scalar_subquery()
    connection.execute(
        update(PULSE)
        .where(PULSE.c.session_id == session, PULSE.c.outcome == "commanded")
        .values(outcome="unknown")
    )
    trains = connection.execute(
        select(TRAIN.c.number).where(TRAIN.c.session_id == session, TRAIN.c.digest.is_(None))
    ).scalars()
    for number in trains.all():
        ending = {"started_ns": None, "ended_ns": None, "outcome": "interrupted"}
        end_train(
            connection, chain, uid, number, seal_train(connection, uid, number, ending, ACTOR)
        )
    ending = {"state": "interrupted", "end_reason": CUT_OFF, "ended_at": None}
    end_session(connection, chain, uid, seal_session(connection, uid, ending, ACTOR))


def _describe(connection: Connection, uid: str) -> CutOffSession:
    session = connection.execute(select(SESSION).where(SESSION.c.uid == uid)).one()
    counts = dict.fromkeys(("delivered", "unknown", "not_delivered", "refused", "unplanned"), 0)
    for outcome, count in connection.execute(
        select(PULSE.c.outcome, func.count())
        .where(PULSE.c.session_id == session.id)
        .group_by(PULSE.c.outcome)
    ):
        counts[outcome] = count
    return CutOffSession(
        uid=uid,
        kind=session.kind,
        simulated=session.simulated == 1,
        device=f"{session.device_model} {session.device_serial}".strip(),
        started_at=session.started_at,
        state=session.state,
        delivered=counts["delivered"],
        unknown=counts["unknown"],
        not_delivered=counts["not_delivered"] + counts["refused"],
        unplanned=counts["unplanned"],
        last_train=connection.execute(
            select(func.max(TRAIN.c.number)).where(TRAIN.c.session_id == session.id)
        ).scalar(),
        last_known_pulse=connection.execute(
            select(func.max(PULSE.c.number)).where(
                PULSE.c.session_id == session.id, PULSE.c.outcome == "delivered"
            )
        ).scalar(),
    )


def _write_summary(chain: AuditChain, sessions: Sequence[CutOffSession]) -> None:
    for session in sessions:
        chain.append(
            "records.reconcile",
            f"session:{session.uid}",
            {
                "state": session.state,
                "delivered": session.delivered,
                "unknown": session.unknown,
                "not_delivered": session.not_delivered,
                "unplanned": session.unplanned,
            },
            ACTOR,
        )


def _put_away(database: Path, problems: Sequence[str]) -> None:
    """Remove what was read in; what could not be read in stays under another name."""
    path = unsaved_path(database)
    try:
        if problems:
            number = 1
            while (kept := path.with_name(f"{path.name}.{number}")).exists():
                number += 1
            path.rename(kept)
        else:
            path.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise WriteFailed(f"{path}: it cannot be put away: {error.strerror}") from error
