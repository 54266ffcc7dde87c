"""How long an account stays locked after wrong passwords; a pure function of the record.

It reads no record and no clock: who counts the failures since the last success hands them in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

FAILURES_TO_LOCK = 5
"""The issue's number: people mistype, and four tries find nothing that the common lists allow."""

FIRST_DELAY = timedelta(minutes=1)
LONGEST_DELAY = timedelta(minutes=15)
"""The delay doubles from the first to this: 1, 2, 4, 8, 15 minutes.  At the longest a guesser has
96 tries a day, some 35,000 a year, each on record; and nobody can lock the clinic's own people out
for longer than a quarter of an hour at a time."""


@dataclass(frozen=True, slots=True)
class Open:
    """A password may be tried."""


@dataclass(frozen=True, slots=True)
class Locked:
    """No password counts before this moment; a try until then is no new failure."""

    until: datetime


LockState = Open | Locked


def delay_after(failures: int) -> timedelta:
    """Return how long an account is locked by its latest of this many failures in a row."""
    if failures < FAILURES_TO_LOCK:
        return timedelta(0)
    doublings = min(failures - FAILURES_TO_LOCK, 16)  # far beyond the longest delay
    return min(FIRST_DELAY * (1 << doublings), LONGEST_DELAY)


def state(
    failures: Sequence[datetime],
    now: datetime,
    *,
    newest_on_record: datetime | None = None,
    surely_waited: timedelta = timedelta(0),
) -> LockState:
    """Return whether an account is locked, from the times of its failures since the last success.

    Tries made while it is locked must not be handed in as failures: else anybody could keep it
    locked.  A clock that was set back unlocks nothing: `newest_on_record`, the newest time in the
    audit trail, is taken for now if it is later.  Nor does it lock for ever: `surely_waited`, the
    monotonic time that this program has run, or since the newest failure if it saw that one,
    counts as waiting when the clock shows less.

    Raises:
        ValueError: A time has no zone.
    """
    times = [*failures, now, *([] if newest_on_record is None else [newest_on_record])]
    if any(one.tzinfo is None for one in times):
        raise ValueError("a time for the lock-out has no time zone; each must have one")
    if len(failures) < FAILURES_TO_LOCK:
        return Open()
    now = now if newest_on_record is None else max(now, newest_on_record)
    waited = max(now - max(failures), surely_waited)
    left = delay_after(len(failures)) - waited
    return Locked(now + left) if left > timedelta(0) else Open()
