"""The first act on a database: disarm what a dead process left armed, then settle its sessions.

Nothing is touched while somebody holds the session lock: then it belongs to a live session.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from drivers.interface import Clock
from drivers.registry import try_disarm
from tms_console.accounts.envelope import envelope_of
from tms_console.accounts.errors import NotTrusted
from tms_console.records.audit import Wall
from tms_console.records.canonical import utc_now_text
from tms_console.records.database import open_database
from tms_console.records.errors import DatabaseUnusable, SessionLockTaken
from tms_console.records.left_behind import port_to_disarm
from tms_console.records.reconcile import ReconcileReport, reconcile
from tms_console.records.session_lock import SessionLock

IN_MEMORY = "memory"
"""The port of an emulator that lived in the process that died."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was found on a database before it was used.

    Attributes:
        disarmed: What came of disarming the port of a session that was cut off, "" if none was.
        report: What reconciling found, None if a session is running on the database.
    """

    disarmed: str
    report: ReconcileReport | None

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a person must be shown, most important first; () if nothing was found."""
        words = [self.disarmed] if self.disarmed else []
        if self.report is not None:
            words += [session.sentence for session in self.report.sessions]
            words += self.report.problems
        return tuple(words)


def recover(database: Path, clock: Clock) -> Recovery:
    """Disarm, then reconcile; call before anything else is done with an existing database.

    Raises:
        RecordsError: The database cannot be opened or written.
    """
    try:
        lock = SessionLock.acquire(database)
    except SessionLockTaken:
        return Recovery("", None)
    with lock:
        return recover_locked(database, lock, clock)


def recover_locked(
    database: Path, lock: SessionLock, clock: Clock, wall: Wall = utc_now_text
) -> Recovery:
    """Do the same under a session lock that is held already.

    Raises:
        RecordsError: The database cannot be opened or written.
    """
    words = [_disarm(database, driver, port, clock) for driver, port in _left_armed(database)]
    opened = open_database(database)
    try:
        envelope = envelope_of(opened)
    except NotTrusted as error:
        raise DatabaseUnusable(f"{database}: {error}") from error
    return Recovery(" ".join(words), reconcile(opened, lock, wall=wall, envelope=envelope))


def _left_armed(database: Path) -> list[tuple[str, str]]:
    """Return driver and port of what may still be armed, also of disarms that failed before."""
    left = []
    header = port_to_disarm(database)
    if header is not None and header.port != IN_MEMORY:
        left.append((header.driver, header.port))
    try:
        driver, port = json.loads(_note_path(database).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return left
    return left if (driver, port) in left else [*left, (str(driver), str(port))]


def _disarm(database: Path, driver: str, port: str, clock: Clock) -> str:
    """Disarm a port; what is not confirmed is tried again at the next start."""
    done = try_disarm(driver, port, clock)
    note = _note_path(database)
    if done.confirmed:
        note.unlink(missing_ok=True)
        return done.sentence
    note.touch(mode=0o600)
    note.write_text(json.dumps([driver, port]), encoding="utf-8")
    return f"{done.sentence} It is tried again at the next start."


def _note_path(database: Path) -> Path:
    """Return where a port is noted whose disarm was never confirmed."""
    return database.with_name(database.name + ".armed")
