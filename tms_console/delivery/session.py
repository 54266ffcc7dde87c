"""From an order to a finished session: opens the record, what it rests on, and the device.

With these open `opened` asks the gate and runs it; how it ends is in `surroundings`.  Who may
give orders, and from which process, is not known here.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import replace
from pathlib import Path
from typing import cast

from drivers import registry
from drivers.errors import StimulatorError
from protocols.canonical import ContentError, JsonValue
from protocols.prescription import SessionContent
from tms_console.clock import RealClock
from tms_console.delivery.authority import Authority, OnRecord, RehearsalAuthority
from tms_console.delivery.finding_authority import examine_finding
from tms_console.delivery.gate import GateRefused, refusals
from tms_console.delivery.journal import FrameBuffer
from tms_console.delivery.opened import Opened, start_refused
from tms_console.delivery.order import SessionOrder
from tms_console.delivery.place import CannotBegin, open_place
from tms_console.delivery.recovery import recover_locked
from tms_console.delivery.surroundings import SessionResult, Surroundings
from tms_console.delivery.treatment import NotBelieved, examine
from tms_console.records.clinical import CONSOLE_ACTOR
from tms_console.records.database import (
    Database,
    Purpose,
    create_database,
    open_database,
    require_purpose,
)
from tms_console.records.errors import RecordsError
from tms_console.records.operations import AuditNote, SessionKind
from tms_console.records.queries import newest_audit_time
from tms_console.records.session_lock import SessionLock
from tms_console.records.transactions import write_now

LOGGER = logging.getLogger(__name__)


def run_session(order: SessionOrder, around: Surroundings) -> SessionResult:
    """Deliver an order to its end, in this thread; whatever happens is in the result."""
    found: tuple[str, ...] = ()
    try:
        content = _content(order) if order.kind == "rehearsal" else None
        path = Path(order.database).resolve()  # two names of one file have one session lock
        if content is not None and not path.exists():
            create_database(path, Purpose.REHEARSAL)
        with SessionLock.acquire(path) as lock:
            found = recover_locked(path, lock, RealClock()).sentences
            database = open_database(path)
            authority = _authority(order, content, database, around)
            _require_people(authority, database)
            return replace(_with_device(order, authority, database, around), found=found)
    except CannotBegin as error:
        return SessionResult("", None, str(error), error.checks, found=found)
    except (RecordsError, StimulatorError, registry.UnknownName, OSError) as error:
        return SessionResult("", None, str(error), found=found)


def _content(order: SessionOrder) -> SessionContent:
    try:
        return SessionContent.from_canonical(cast("JsonValue", order.content))
    except (ContentError, ValueError) as error:
        raise CannotBegin(f"the content cannot be delivered: {error}") from error


def _authority(
    order: SessionOrder, content: SessionContent | None, database: Database, around: Surroundings
) -> Authority:
    """Return what the session rests on.

    Raises:
        CannotBegin: There is nothing that it could rest on.
        DatabaseUnusable: The database is for something else.
    """
    if content is None:
        return _examined(order, database, around)
    require_purpose(database, Purpose.REHEARSAL)
    on_record = OnRecord(SessionKind.REHEARSAL, order.authority_uid, order.digest, order.actor)
    return RehearsalAuthority(content, on_record, newest_audit_time(database))


def _examined(order: SessionOrder, database: Database, around: Surroundings) -> Authority:
    """Return what a treatment rests on; what cannot even be asked about is on record as refused.

    Raises:
        CannotBegin: The record cannot be believed, or says nothing of it.
        DatabaseUnusable: The database is for something else.
    """
    try:
        if order.kind == "threshold":
            return examine_finding(order, database, around.challenge)
        return examine(order, database, around.challenge)
    except NotBelieved as error:
        LOGGER.warning("%s: it was refused: %s", database.path, error)
        raise
    except CannotBegin as error:
        _put_refusal_on_record(
            database, start_refused(order.authority_uid, CONSOLE_ACTOR, str(error))
        )
        raise


def _require_people(authority: Authority, database: Database) -> None:
    """Do nothing if nobody and nothing of the record forbids the session; no port is open yet.

    Raises:
        CannotBegin: Something does; that is on record.
    """
    checks = authority.checks()
    refused = refusals(checks)
    if not refused:
        return
    words, said = str(GateRefused(refused)), authority.on_record
    _put_refusal_on_record(database, start_refused(said.authority_uid, said.actor, words))
    raise CannotBegin(words, checks)


def _put_refusal_on_record(database: Database, note: AuditNote) -> None:
    try:
        write_now(database, note)
    except RecordsError:
        LOGGER.exception("a refusal could not be put on record")


def _with_device(
    order: SessionOrder, authority: Authority, database: Database, around: Surroundings
) -> SessionResult:
    frames = FrameBuffer()
    place = open_place(order.device)
    entry = registry.driver_entry(place.driver)
    stop_requested = around.controls.stop_requested
    with (
        contextlib.closing(place),
        entry.open(place.link, place.clock, frames, stop_requested) as stimulator,
    ):
        proof = place.proof(stimulator)
        with place.witnessed(stimulator, frames, stop_requested, proof) as joined:
            session = Opened(order, authority, database, around, place)
            return session.run(joined, proof, frames)
