"""The series of a search for a threshold, folded from a session's pulses and events.

Both are on record as they came; the order in time is the order in which the delivering process took
them, so that the fold gives the very series which it had.
"""

from __future__ import annotations

import json

from sqlalchemy import Connection, select

from protocols.finding_log import Entry, FindingLog, entry_of
from tms_console.records.database import Database
from tms_console.records.standings import EventKind, PulseOutcome
from tms_console.records.tables import EVENT, PULSE, SESSION

FINDING = "finding "
"""So an event begins that states what was said in a search for a threshold, as canonical JSON."""

_GIVEN = (PulseOutcome.DELIVERED.value, PulseOutcome.UNKNOWN.value)


def finding_log(database: Database, session_uid: str) -> FindingLog:
    """Return what was given and said in a session, in order; doubtful stimuli count as given.

    Raises:
        ContentError: What is on record cannot have been said in this order.
        DatabaseUnusable: The file cannot be read.
    """
    with database.reading() as connection:
        return finding_log_in(connection, session_uid)


def finding_log_in(connection: Connection, session_uid: str) -> FindingLog:
    """Return the same of any file of ours.

    Raises:
        ContentError: What is on record cannot have been said in this order.
    """
    pulses = (
        select(PULSE.c.planned_ns, PULSE.c.intensity_pct_mso)
        .join(SESSION, SESSION.c.id == PULSE.c.session_id)
        .where(SESSION.c.uid == session_uid, PULSE.c.outcome.in_(_GIVEN))
        .order_by(PULSE.c.number)
    )
    events = (
        select(EVENT.c.at_ns, EVENT.c.detail)
        .join(SESSION, SESSION.c.id == EVENT.c.session_id)
        .where(SESSION.c.uid == session_uid, EVENT.c.kind == EventKind.STATE.value)
        .order_by(EVENT.c.id)
    )
    given = [(int(at), 0, int(intensity)) for at, intensity in connection.execute(pulses)]
    said = [
        (int(at), 1, entry_of(json.loads(str(detail).removeprefix(FINDING))))
        for at, detail in connection.execute(events)
        if str(detail).startswith(FINDING)
    ]
    log = FindingLog()
    happened: list[tuple[int, int, int | Entry]] = sorted(
        [*given, *said], key=lambda one: (one[0], one[1])
    )
    for _, _, what in happened:
        log = log.with_stimulus(what) if isinstance(what, int) else log.with_entry(what)
    return log
