"""Wall time beside a session's own clock: RFC 3339 text for the record, and how far they drift.

Wall time is always the computer's, under the virtual clock too: a rehearsal that takes seconds for
37 minutes must not leave entries from the future.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from drivers.interface import Clock


class WallClock:
    """The computer's clock as it runs beside the session's."""

    def __init__(self, clock: Clock) -> None:
        """Note how the two clocks stand now."""
        self._clock = clock
        self._apart_ns = time.time_ns() - clock.now_ns()

    def unix_ns(self, at_ns: int) -> int:
        """Return the Unix time of a moment of the session's clock, of now under the virtual one."""
        away_ns = 0 if self._clock.virtual else at_ns - self._clock.now_ns()
        return time.time_ns() + away_ns

    def text(self) -> str:
        """Return the wall time, in UTC."""
        return rfc3339(time.time_ns())

    def text_at(self, at_ns: int) -> str:
        """Return the wall time of a moment of the session's clock, in UTC."""
        return rfc3339(self.unix_ns(at_ns))

    def drift_s(self) -> float:
        """Return how far the wall clock has run ahead of the session's; 0 under the virtual one."""
        if self._clock.virtual:
            return 0.0
        return (time.time_ns() - self._clock.now_ns() - self._apart_ns) / 1e9


def rfc3339(unix_ns: int) -> str:
    """Return a Unix time as RFC 3339 text with microseconds, in UTC."""
    moment = datetime.fromtimestamp(unix_ns // 1_000_000_000, UTC)
    moment = moment.replace(microsecond=unix_ns % 1_000_000_000 // 1_000)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def behind_s(newest: str) -> float:
    """Return by how many seconds the computer's clock is behind a wall time of the record."""
    return datetime.fromisoformat(newest).timestamp() - time.time()
