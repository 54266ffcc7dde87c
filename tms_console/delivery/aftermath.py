"""What a window does with a session that a dead delivering process left open on record.

It settles the record and nothing else: no port is opened here.  Disarming is the first act of the
delivering process that follows, and of the next session.
"""

from __future__ import annotations

from tms_console.accounts.envelope import envelope_of
from tms_console.accounts.station import Station
from tms_console.delivery.recovery import IN_MEMORY
from tms_console.records.errors import SessionLockTaken
from tms_console.records.left_behind import port_to_disarm
from tms_console.records.reconcile import reconcile
from tms_console.records.session_lock import SessionLock

IN_ANOTHER_WINDOW = "A session is running on this record, in another window or program."
LEFT_ARMED = (
    "The record still names the port {port} as one to disarm: the next start of a session does "
    "that first, and settles the record. Until then look at the stimulator itself."
)


def settle_left_open(station: Station) -> tuple[str, ...]:
    """Bring sessions that were cut off to an honest end, as far as nothing must be disarmed.

    Returns:
        What a person must be shown.

    Raises:
        RecordsError: The record cannot be read or written.
        NotTrusted: This console keeps no key for what lies beside the database.
    """
    path = station.database.path
    try:
        lock = SessionLock.acquire(path)
    except SessionLockTaken:
        return (IN_ANOTHER_WINDOW,)
    with lock:
        header = port_to_disarm(path)
        if header is not None and header.port != IN_MEMORY:
            return (LEFT_ARMED.format(port=header.port),)
        report = reconcile(
            station.database, lock, wall=station.wall, envelope=envelope_of(station.database)
        )
    if report is None:
        return ()
    return (*(one.sentence for one in report.sessions), *report.problems)
