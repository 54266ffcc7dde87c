"""The first act on a database: disarm what a dead process left armed, then settle its sessions.

Nothing is touched while somebody holds the session lock: then it belongs to a live session.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from drivers.interface import Clock
from drivers.registry import disarm_port
from tms_console.records.database import open_database
from tms_console.records.errors import SessionLockTaken
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
        left = port_to_disarm(database)
        disarmed = ""
        if left is not None and left.port != IN_MEMORY:
            disarmed = disarm_port(left.driver, left.port, clock)
        return Recovery(disarmed, reconcile(open_database(database), lock))
