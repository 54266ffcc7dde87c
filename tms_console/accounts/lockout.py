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
    failures: Sequence[datetime], now: datetime, *, earliest_since: datetime | None
) -> LockState:
    """Return whether an account is locked, from its failures since the last success.

    A clock that was set back unlocks nothing, and one that once stood in the future locks nobody
    until then: waiting counts from the newest failure or, if a later row of the record shows an
    earlier time (or the clock does), from there.  The newest time on record is no measure: one
    row from a wrong clock would switch the lock off for years.

    Args:
        failures: Their times, in the order of the record with the newest first.  Tries made while
            the account is locked are none: else anybody could keep it locked.
        now: The wall time.
        earliest_since: The earliest time of any audit row after the newest failure, None if there
            is none.

    Raises:
        ValueError: A time has no zone.
    """
    later = [now] if earliest_since is None else [now, earliest_since]
    if any(one.tzinfo is None for one in (*failures, *later)):
        raise ValueError("a time for the lock-out has no time zone; each must have one")
    if len(failures) < FAILURES_TO_LOCK:
        return Open()
    until = min(failures[0], *later) + delay_after(len(failures))
    return Locked(until) if now < until else Open()
