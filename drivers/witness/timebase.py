"""From the witness's counter to the host's clock: wrap, offset and drift.  Pure.

A line arrives after what it tells of, never before.  So every arrival bounds the host's time of a
counter value from above, and the bounds are tight for the lines that were quickest.  The time base
is the straight line under all recent arrivals that is nearest to them: the edge of their lower
convex hull over their mean counter value.  The quickest line's own way stays in it: no constant is
subtracted (architecture.md, "The command line").
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise

from drivers.witness.lines import COUNTER_MODULUS

MAX_DRIFT = 0.006
"""A ceramic resonator is right to 0.5 % (the usual tolerance class); quartz is far better."""

WINDOW_NS = 60_000_000_000
"""Arrivals older than this are forgotten: a crystal drifts with its temperature."""

SPAN_NS = 400_000_000
"""Over a shorter span of arrivals no drift is told from jitter."""


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


class TimeBase:
    """Learns from arrivals, tells the host's time of any counter value."""

    def __init__(self) -> None:
        self._arrivals: deque[tuple[int, int]] = deque()
        self._zero_ns = 0
        self._offset_ns = 0.0
        self._drift = 0.0

    @property
    def drift(self) -> float:
        """How much slower than the host the counter runs: 1e-4 is 100 ppm."""
        return self._drift

    @property
    def learnt(self) -> bool:
        """True once it can tell a time."""
        return bool(self._arrivals)

    def learn(self, counter_ns: int, arrived_ns: int) -> None:
        """Take the arrival of a line that began to leave when the counter showed that."""
        arrivals = self._arrivals
        arrivals.append((counter_ns, arrived_ns - counter_ns))
        while counter_ns - arrivals[0][0] > WINDOW_NS:
            arrivals.popleft()
        self._zero_ns = arrivals[0][0]
        self._fit()

    def host_ns(self, counter_ns: int) -> int:
        """Return the host's time of a counter value.

        Raises:
            RuntimeError: Nothing was learnt yet.
        """
        if not self._arrivals:
            raise RuntimeError("the time base has seen no line yet")
        away_ns = counter_ns - self._zero_ns
        return counter_ns + round(self._offset_ns + self._drift * away_ns)

    def _fit(self) -> None:
        points = [(at - self._zero_ns, above) for at, above in self._arrivals]
        self._drift = 0.0
        if points[-1][0] >= SPAN_NS:
            middle = sum(at for at, _ in points) / len(points)
            left, right = _edge_over(_lower_hull(points), middle)
            slope = (right[1] - left[1]) / (right[0] - left[0])
            self._drift = min(MAX_DRIFT, max(-MAX_DRIFT, slope))
        self._offset_ns = min(above - self._drift * at for at, above in points)


_Point = tuple[int, int]


def _lower_hull(points: list[_Point]) -> list[_Point]:
    """Return the lower convex hull of points in rising order of x; of equal x the lowest."""
    hull: list[_Point] = []
    for point in points:
        if hull and hull[-1][0] == point[0]:
            if hull[-1][1] <= point[1]:
                continue
            hull.pop()
        while len(hull) > 1 and _turns_down(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    return hull


def _turns_down(one: _Point, two: _Point, three: _Point) -> bool:
    return (two[0] - one[0]) * (three[1] - one[1]) <= (two[1] - one[1]) * (three[0] - one[0])


def _edge_over(hull: list[_Point], middle: float) -> tuple[_Point, _Point]:
    """Return the edge of a hull of at least two points that spans this x."""
    for left, right in pairwise(hull):
        if right[0] >= middle:
            return left, right
    return hull[-2], hull[-1]
