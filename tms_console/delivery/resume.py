"""Where a session that ended early may go on, by architecture.md's "Pause, stop, resume".

A partly delivered train is never repeated; a train at 1 Hz or slower goes on after its last pulse
that was given or may have been.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tms_console.delivery.plan import Shot
from tms_console.records.lineage import PastSession
from tms_console.records.operations import SessionState


class CannotResume(Exception):
    """The session may not be resumed; the message says why."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """Where a session goes on.

    Attributes:
        first_shot: Index of its first shot in the whole plan.
        given: Pulses of the sessions before that were given, or may have been.
    """

    first_shot: int
    given: int


def resumption(
    chain: Sequence[PastSession], shots: Sequence[Shot], digest: str, today: date
) -> Resumption:
    """Return where a session goes on.

    Args:
        chain: The session to go on from and those before it, the newest first.
        shots: All shots of what was authorised.
        digest: The digest of what was authorised.
        today: The day it is to be resumed.

    Raises:
        CannotResume: It may not be.
    """
    newest = chain[0]
    if newest.state == SessionState.RUNNING:
        raise CannotResume("the session is still running")
    if newest.state == SessionState.COMPLETED:
        raise CannotResume("the session was completed; nothing is left of it")
    if newest.resumed_by is not None:
        raise CannotResume(f"session {newest.resumed_by} already goes on from it")
    if any(one.authority_digest != digest for one in chain):
        raise CannotResume(
            "what is to be delivered is not what that session delivered; resume it unchanged"
        )
    first_day = datetime.fromisoformat(chain[-1].started_at).astimezone().date()
    if first_day != today:
        raise CannotResume(f"it began on {first_day}; a session is resumed on the same day only")
    return Resumption(_first_untouched(chain, shots), sum(len(one.given) for one in chain))


def _first_untouched(chain: Sequence[PastSession], shots: Sequence[Shot]) -> int:
    """Return the index of the first shot behind everything that was given or may have been."""
    planned = [pulse for one in chain for pulse in one.given if pulse.planned]
    last_pulse = max((pulse.number for pulse in planned), default=0)
    last_train = max((pulse.train or 0 for pulse in planned), default=0)
    for index, shot in enumerate(shots):
        behind = shot.scheduled.number > last_train
        if behind or (shot.host_timed and shot.first_pulse > last_pulse):
            return index
    raise CannotResume(
        "its last train was begun, and a partly delivered train is never repeated: nothing is left"
    )
