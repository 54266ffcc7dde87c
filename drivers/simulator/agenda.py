"""An emulated device's own clock, and what it will do when.

Time moves only in `advance`; what happens at a time is the device's business.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable


class Appointment:
    """Something that will happen, unless it is cancelled."""

    __slots__ = ("_action", "due_ns")

    def __init__(self, due_ns: int, action: Callable[[], None]) -> None:
        self.due_ns = due_ns
        self._action: Callable[[], None] | None = action

    @property
    def cancelled(self) -> bool:
        """True if it will not happen, or has happened."""
        return self._action is None

    def cancel(self) -> None:
        """Make it not happen; any number of times."""
        self._action = None

    def keep(self) -> None:
        """Do it, once."""
        action, self._action = self._action, None
        if action is not None:
            action()


class Agenda:
    """Appointments in order of time, and the clock that they go by.

    Args:
        on_time_passing: Told of every step of the clock, in nanoseconds, before what happens next.
    """

    def __init__(self, on_time_passing: Callable[[int], None]) -> None:
        self._now_ns = 0
        self._on_time_passing = on_time_passing
        self._heap: list[tuple[int, int, Appointment]] = []
        self._made = 0

    @property
    def now_ns(self) -> int:
        """The device's clock."""
        return self._now_ns

    def at(self, due_ns: int, action: Callable[[], None]) -> Appointment:
        """Do something at that time, at once at the next advance if it is past.

        What falls on the same nanosecond happens in the order in which it was appointed.
        """
        appointment = Appointment(due_ns, action)
        self._made += 1
        heapq.heappush(self._heap, (due_ns, self._made, appointment))
        return appointment

    def next_due_ns(self) -> int | None:
        """Return when the next thing happens, None if nothing will."""
        heap = self._heap
        while heap and heap[0][2].cancelled:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def advance(self, dt_ns: int) -> None:
        """Let time pass and keep every appointment at its exact time.

        Raises:
            ValueError: Time cannot go back.
        """
        if dt_ns < 0:
            raise ValueError(f"time cannot go back by {-dt_ns} ns")
        end_ns = self._now_ns + dt_ns
        heap = self._heap
        while heap and heap[0][0] <= end_ns:
            due_ns, _, appointment = heapq.heappop(heap)
            if not appointment.cancelled:
                self._move_to(max(due_ns, self._now_ns))
                appointment.keep()
        self._move_to(end_ns)

    def _move_to(self, now_ns: int) -> None:
        if now_ns > self._now_ns:
            step_ns, self._now_ns = now_ns - self._now_ns, now_ns
            self._on_time_passing(step_ns)
