"""From the witness's counter to the host's clock: wrap, offset and drift.  Pure.

A line arrives after what it tells of, never before: every arrival bounds the host's time of a
counter value from above.  An answer to a question bounds it from below too: it was made after the
question was written.  Of all straight lines between the bounds of the last minute the one with the
least drift is taken, as late as the bounds let it be: no drift is claimed that the bounds do not
show, and the quickest line's own way stays in the time (no constant is subtracted;
architecture.md, "The command line").  The error is at most the length of the shortest exchange.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from drivers.witness.lines import COUNTER_MODULUS

MAX_DRIFT = 0.006
"""A ceramic resonator is right to 0.5 % (the usual tolerance class); quartz is far better."""

WINDOW_NS = 60_000_000_000
"""Bounds older than this are forgotten: a crystal drifts with its temperature."""

SLACK_NS = 2_000_000
"""By so much the bounds may contradict each other: a drift that changes."""

STEPS = 50
"""Of each search for a drift: far below a part in 10^9."""


class Unwrapped:
    """A 32-bit counter of microseconds as nanoseconds that never wrap.

    Values must come at least every 35 minutes; a step back by less than that is a step back.
    """

    def __init__(self) -> None:
        self._us: int | None = None

    def ns(self, us: int) -> int:
        """Return nanoseconds since the counter's zero before the first value."""
        if self._us is None:
            self._us = us
            return us * 1000
        step = (us - self._us) % COUNTER_MODULUS
        if step >= COUNTER_MODULUS // 2:
            step -= COUNTER_MODULUS
        total = self._us + step
        self._us = max(self._us, total)
        return total * 1000


@dataclass(frozen=True, slots=True)
class _Bound:
    """The host's time of a counter value, less that value, lies between these."""

    counter_ns: int
    least_ns: int | None
    most_ns: int


class TimeBase:
    """Learns from lines, tells the host's time of any counter value.

    Attributes:
        drift: How much slower than the host the counter runs: 1e-4 is 100 ppm.
        believable: One straight line fits what was learnt.
    """

    def __init__(self) -> None:
        self._bounds: deque[_Bound] = deque()
        self._zero_ns = 0
        self._offset_ns = 0.0
        self.drift = 0.0
        self.believable = True

    @property
    def learnt(self) -> bool:
        """True once it can tell a time."""
        return bool(self._bounds)

    def learn(self, counter_ns: int, arrived_ns: int, asked_ns: int | None = None) -> None:
        """Take a line.

        Args:
            counter_ns: The counter when the line began to leave.
            arrived_ns: When it was here, on the host's clock.
            asked_ns: When the question was written that it answers, None if it answers none.
        """
        bounds = self._bounds
        least_ns = None if asked_ns is None else asked_ns - counter_ns
        bounds.append(_Bound(counter_ns, least_ns, arrived_ns - counter_ns))
        while counter_ns - bounds[0].counter_ns > WINDOW_NS:
            bounds.popleft()
        self._zero_ns = bounds[0].counter_ns
        self._fit()

    def host_ns(self, counter_ns: int) -> int:
        """Return the host's time of a counter value.

        Raises:
            RuntimeError: Nothing was learnt yet.
        """
        if not self._bounds:
            raise RuntimeError("the time base has seen no line yet")
        away_ns = counter_ns - self._zero_ns
        return counter_ns + round(self._offset_ns + self.drift * away_ns)

    def _fit(self) -> None:
        upper = _corners(
            [(bound.counter_ns - self._zero_ns, bound.most_ns) for bound in self._bounds]
        )
        lower = [
            (at, -least)
            for at, least in _corners(
                [
                    (bound.counter_ns - self._zero_ns, -bound.least_ns)
                    for bound in self._bounds
                    if bound.least_ns is not None
                ]
            )
        ]

        def room_ns(drift: float) -> float:
            """How far apart the bounds are for a line of this drift; negative if none fits."""
            highest = min(most - drift * at for at, most in upper)
            return highest - max((least - drift * at for at, least in lower), default=highest)

        self.drift, self.believable = 0.0, True
        if room_ns(0.0) < 0:
            widest = _widest(room_ns)
            self.believable = room_ns(widest) >= -SLACK_NS
            self.drift = _nearest_to_zero(room_ns, widest)
        self._offset_ns = min(most - self.drift * at for at, most in upper)


def _corners(bounds: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the bounds from above that can be the tightest for a line of any drift.

    They are the lower convex hull: a dozen of a minute's two hundred, so that a search over them
    costs the session's thread no milliseconds.
    """
    corners: list[tuple[int, int]] = []
    for bound in sorted(bounds):
        if corners and corners[-1][0] == bound[0]:
            continue  # of two at one time the lower came first
        while len(corners) > 1 and _needless(corners[-2], corners[-1], bound):
            corners.pop()
        corners.append(bound)
    return corners


def _needless(left: tuple[int, int], middle: tuple[int, int], right: tuple[int, int]) -> bool:
    """Return whether the middle one lies on or above the line between the others."""
    return (middle[1] - left[1]) * (right[0] - left[0]) >= (right[1] - left[1]) * (
        middle[0] - left[0]
    )


def _widest(room_ns: Callable[[float], float]) -> float:
    """Return the drift with the most room; the room is concave in it."""
    left, right = -MAX_DRIFT, MAX_DRIFT
    for _ in range(STEPS):
        third = (right - left) / 3
        if room_ns(left + third) < room_ns(right - third):
            left += third
        else:
            right -= third
    return (left + right) / 2


def _nearest_to_zero(room_ns: Callable[[float], float], widest: float) -> float:
    """Return the drift nearest to zero that has room, the widest if none has."""
    if room_ns(widest) < 0:
        return widest
    outside, inside = 0.0, widest
    for _ in range(STEPS):
        middle = (outside + inside) / 2
        if room_ns(middle) < 0:
            outside = middle
        else:
            inside = middle
    return inside
