"""What a treatment and a search share while they run: their time, and an event that is stamped."""

from __future__ import annotations

import time

from tms_console.accounts.roles import Permission
from tms_console.clinic.adverse_event import AdverseEvent, What
from tms_console.clinic.adverse_events import adverse_event_record
from tms_console.clinic.entries import Made
from tms_console.delivery.snapshot import Snapshot
from tms_console.ui.bridge import Bridge


class SessionClock:
    """Now, from the session's origin: the newest snapshot, and this computer's clock since."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self.begin()

    def begin(self) -> None:
        """Count from now: another session is about to be ordered."""
        self._snapshot = None
        self._anchor_ns = (0, time.perf_counter_ns())

    def take(self, snapshot: Snapshot | None) -> bool:
        """Count from a snapshot; return whether it is news."""
        if snapshot is None or snapshot is self._snapshot:
            return False
        self._snapshot = snapshot
        self._anchor_ns = (snapshot.at_ns, time.perf_counter_ns())
        return True

    @property
    def now_ns(self) -> int:
        """How long it is since the session's origin."""
        at_ns, seen_ns = self._anchor_ns
        return at_ns + time.perf_counter_ns() - seen_ns


def stamp(
    bridge: Bridge, patient_uid: str, session_uid: str | None, event: tuple[What, int, str]
) -> tuple[str, str | None, str] | None:
    """Put an event of the running session on record, with this moment as its onset.

    Args:
        bridge: To who is logged in, and to the delivering process, which writes it.
        patient_uid: Whose.
        session_uid: In which, None before it is on record.
        event: What, how severe, and the words of it.

    Returns:
        Its uid, session and onset; None if nobody is logged in who may record it.
    """
    login = bridge.login
    if login is None or not bridge.may(Permission.RECORD_ADVERSE_EVENT):
        return None
    login.touch()
    onset = bridge.station.wall()
    what, severity, told = event
    made = AdverseEvent(
        patient_uid, what, severity, onset, description=told, session_uid=session_uid
    )
    record = adverse_event_record(made, Made.now(bridge.station, login))
    bridge.link.put_adverse_event(record)
    return record.uid, session_uid, onset
