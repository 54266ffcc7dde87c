"""The two clocks: real monotonic time, and virtual time that moves only when somebody waits.

Wall time is not here: it is taken once per session and beside events, by the record.
"""

from __future__ import annotations

import time

COARSE_BEFORE_NS = 2_000_000
"""Sleep until this long before a deadline, then spin; measured in pitfalls.md, "Host timing"."""


class RealClock:
    """`time.perf_counter_ns`, waited for by sleeping and then spinning."""

    virtual = False

    def now_ns(self) -> int:
        """Return nanoseconds on the monotonic clock."""
        return time.perf_counter_ns()

    def wait_until(self, deadline_ns: int) -> None:
        """Return once the clock shows the deadline, some microseconds late at most when idle."""
        while (left_ns := deadline_ns - time.perf_counter_ns()) > 0:
            if left_ns > COARSE_BEFORE_NS:
                time.sleep((left_ns - COARSE_BEFORE_NS) / 1e9)

    def rest_until(self, deadline_ns: int) -> None:
        """Return once the clock shows the deadline, as late as a sleeping thread wakes up."""
        while (left_ns := deadline_ns - time.perf_counter_ns()) > 0:
            time.sleep(left_ns / 1e9)


class VirtualClock:
    """Time that stands still until it is waited for; one thread uses it."""

    virtual = True

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        """Return the virtual time in nanoseconds."""
        return self._now_ns

    def wait_until(self, deadline_ns: int) -> None:
        """Move the time to the deadline, never back."""
        self._now_ns = max(self._now_ns, deadline_ns)

    def rest_until(self, deadline_ns: int) -> None:
        """Move the time to the deadline, never back."""
        self.wait_until(deadline_ns)
