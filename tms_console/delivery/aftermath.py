"""What a window does with a session that a dead delivering process left open on record.

The same as every start does: what may still be armed is disarmed, though the process that followed
the dead one has done so already, and then the record is brought to an honest end.
"""

from __future__ import annotations

from drivers.interface import Clock
from tms_console.accounts.station import Station
from tms_console.delivery.recovery import recover_locked
from tms_console.records.errors import SessionLockTaken
from tms_console.records.session_lock import SessionLock

IN_ANOTHER_WINDOW = "A session is running on this record, in another window or program."


def settle_left_open(station: Station, clock: Clock) -> tuple[str, ...]:
    """Disarm what was left armed and bring sessions that were cut off to an honest end.

    It opens the port, so whoever else is disarming it must be done.

    Returns:
        What a person must be shown.

    Raises:
        RecordsError: The record cannot be read or written, or this console keeps no key for what
            lies beside it.
    """
    path = station.database.path
    try:
        lock = SessionLock.acquire(path)
    except SessionLockTaken:
        return (IN_ANOTHER_WINDOW,)
    with lock:
        return recover_locked(path, lock, clock, wall=station.wall).sentences
