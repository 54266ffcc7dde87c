"""Wall time beside a session's own clock: RFC 3339 text for the record, and how far they drift."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from drivers.interface import Clock


class WallClock:
    """The computer's clock as it runs beside the session's."""

    def __init__(self, clock: Clock) -> None:
        """Note how the two clocks stand now."""
        self._clock = clock
        self._started_wall_s = time.time()
        self._started_ns = clock.now_ns()

    def text(self, at_ns: int | None = None) -> str:
        """Return the wall time of a moment of the session's clock, now if none is named, in UTC.

        Under the virtual clock wall time runs with it, from the moment at which this was made.
        """
        if at_ns is None and not self._clock.virtual:
            return _rfc3339(time.time())
        moment_ns = self._clock.now_ns() if at_ns is None else at_ns
        return _rfc3339(self._started_wall_s + (moment_ns - self._started_ns) / 1e9)

    def drift_s(self) -> float:
        """Return how far the wall clock has run ahead of the session's; 0 under the virtual one."""
        if self._clock.virtual:
            return 0.0
        monotonic_s = (self._clock.now_ns() - self._started_ns) / 1e9
        return time.time() - self._started_wall_s - monotonic_s


def _rfc3339(unix_s: float) -> str:
    moment = datetime.fromtimestamp(unix_s, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
