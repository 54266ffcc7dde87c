"""Where a session that ended early may go on, by architecture.md's "Pause, stop, resume".

A partly delivered train is never repeated; a train at 1 Hz or slower goes on after its last pulse
that was given or may have been.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

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
        not_before_unix_ns: The prescribed rest after the last of them is over then.
    """

    first_shot: int
    given: int
    not_before_unix_ns: int


def resumption(
    chain: Sequence[PastSession], shots: Sequence[Shot], digest: str, now: datetime
) -> Resumption:
    """Return where a session goes on.

    Args:
        chain: The session to go on from and those before it, the newest first.
        shots: All shots of what was authorised.
        digest: The digest of what was authorised.
        now: When it is to be resumed, with the time zone that says which day that is.

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
    first_day = datetime.fromisoformat(chain[-1].started_at).astimezone(now.tzinfo).date()
    if first_day != now.date():
        raise CannotResume(f"it began on {first_day}; a session is resumed on the same day only")
    first = _first_untouched(chain, shots)
    given = sum(len(one.given) for one in chain)
    return Resumption(first, given, _rest_is_over_unix_ns(chain, shots, first, now))


def _rest_is_over_unix_ns(
    chain: Sequence[PastSession], shots: Sequence[Shot], first: int, now: datetime
) -> int:
    """Return when the rest before the first shot is over, counted from the last pulse given.

    A pulse of the future (a rehearsal under the virtual clock) counts as given now.
    """
    now_ns = round(now.timestamp() * 1e9)
    last = [one.last_given_unix_ns for one in chain if one.last_given_unix_ns is not None]
    if not last or not first:
        return now_ns
    rest_ns = shots[first].due_ns - shots[first - 1].last_due_ns
    return min(max(last), now_ns) + rest_ns


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
