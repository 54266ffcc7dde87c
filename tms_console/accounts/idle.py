"""When a login's screens lock: after ten minutes without activity, and for good after twelve hours.

A lock is a value for the screens: nothing here knows of sessions, so it can stop none.
"""

from __future__ import annotations

import time

from tms_console.accounts.errors import AccountsError

NS_PER_S = 1_000_000_000

IDLE_LIMIT_S = 600
"""Ten minutes without activity; the password opens the screens again."""

ABSOLUTE_LIMIT_S = 12 * 3600
"""Twelve hours since the login; only a new login helps."""


class LoginOver(AccountsError):
    """A login is past its twelve hours: it is not unlocked, a new one is needed."""


def clock_ns() -> int:
    """Return nanoseconds that also pass while the computer sleeps, where the system counts them.

    `time.monotonic` stands still during sleep on Linux and macOS: a lid closed overnight would
    leave the screens open in the morning.
    """
    for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"):  # Linux; macOS counts sleep in the second
        clock = getattr(time, name, None)
        if clock is not None:
            return time.clock_gettime_ns(clock)
    return time.monotonic_ns()  # Windows counts sleep


class LockTimer:
    """The time one login may still be used; every moment is handed in, ns of one steady clock."""

    def __init__(
        self,
        now_ns: int,
        idle_limit_s: int = IDLE_LIMIT_S,
        absolute_limit_s: int = ABSOLUTE_LIMIT_S,
    ) -> None:
        self._idle_ns = idle_limit_s * NS_PER_S
        self._over_at_ns = now_ns + absolute_limit_s * NS_PER_S
        self._touched_ns = now_ns
        self._locked = False

    def touch(self, now_ns: int) -> None:
        """Note that the person did something; a lock stays a lock."""
        if not self.locked(now_ns):
            self._touched_ns = max(self._touched_ns, now_ns)

    def lock(self) -> None:
        """Lock at once: the person leaves the desk."""
        self._locked = True

    def locked(self, now_ns: int) -> bool:
        """Return whether the screens are locked."""
        if now_ns - self._touched_ns >= self._idle_ns or self.over(now_ns):
            self._locked = True  # kept: what locked once is opened by a password only
        return self._locked

    def over(self, now_ns: int) -> bool:
        """Return whether the twelve hours are past, so that only a new login helps."""
        return now_ns >= self._over_at_ns

    def seconds_left(self, now_ns: int) -> int:
        """Return the whole seconds until the screens lock, rounded up; 0 when they are locked."""
        if self.locked(now_ns):
            return 0
        locks_at_ns = min(self._touched_ns + self._idle_ns, self._over_at_ns)
        return -((now_ns - locks_at_ns) // NS_PER_S)

    def unlock(self, now_ns: int) -> None:
        """Open the screens again, after the password was checked; the twelve hours go on.

        Raises:
            LoginOver: They are past.
        """
        if self.over(now_ns):
            raise LoginOver("This login is twelve hours old; log in anew.")
        self._locked = False
        self._touched_ns = max(self._touched_ns, now_ns)
