"""What the pulses on disk say while a session runs, followed a little at a time.

Everything kept is of bounded size, so that a long session costs no more than a short one; times
that nobody saw are drawn where they were due, and said to be inferred by the evidence beside.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tms_console.records.live import NOT_KNOWN_NS, NewPulses
from tms_console.records.operations import PulseOutcome

BEFORE_S, AFTER_S = 6.0, 4.0
"""The window of the live plot, before and after now: ten seconds in all."""
KEEP_NS = 12 * 10**9
"""Pulses drawn are kept as long as the window may show them."""
MOST_KEPT = 1_000
"""Values that a percentile is taken of: the newest ones."""
SPACING_FULL_US = 100.0
"""The spacing bars are full at so much."""

_GIVEN = frozenset({PulseOutcome.DELIVERED, PulseOutcome.UNPLANNED})

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def _no_ints() -> Ints:
    return np.zeros(0, np.int64)


def _no_floats() -> Floats:
    return np.zeros(0, np.float64)


@dataclass(frozen=True, slots=True)
class _OfTrain:
    """The train that the newest pulse belongs to."""

    number: int = 0
    commanded_ns: int = NOT_KNOWN_NS
    planned_ns: int = NOT_KNOWN_NS
    first_seen_ns: int = NOT_KNOWN_NS
    first_seen_planned_ns: int = NOT_KNOWN_NS


@dataclass(frozen=True, slots=True, eq=False)
class Live:
    """What is on disk, as far as it was read.

    Attributes:
        settled: Up to this number every pulse has its outcome.
        delivered: Of those, how many were given.
        unknown: Of how many nobody knows.
        unplanned: Pulses that nobody commanded.
        evidence: Pulses for each class of evidence.
        late_us: Host lateness of the newest commands.
        spacing_us: How far the newest seen pulses were from their planned distance.
        drawn_ns: When the pulses of the window were given.
        drawn_us: Spacing of each of those; 0 where there is none.
    """

    settled: int = 0
    delivered: int = 0
    unknown: int = 0
    unplanned: int = 0
    evidence: tuple[tuple[str, int], ...] = ()
    late_us: Floats = field(default_factory=_no_floats)
    spacing_us: Floats = field(default_factory=_no_floats)
    drawn_ns: Ints = field(default_factory=_no_ints)
    drawn_us: Floats = field(default_factory=_no_floats)
    of_train: _OfTrain = field(default_factory=_OfTrain)

    @property
    def late_p99_us(self) -> float | None:
        """The 99th percentile of the newest lateness values, None before the first."""
        return _p99(self.late_us)

    @property
    def spacing_p99_us(self) -> float | None:
        """The 99th percentile of the newest spacing values, None before the first."""
        return _p99(self.spacing_us)

    @property
    def evidence_words(self) -> str:
        """The evidence of the pulses given, the class with most first."""
        ranked = sorted(self.evidence, key=lambda one: -one[1])
        if not ranked:
            return "none yet"
        if len(ranked) == 1:
            return ranked[0][0]
        return ", ".join(f"{number:,} {name}" for name, number in ranked)


def follow(before: Live, rows: NewPulses, numbered_to: int) -> Live:
    """Return what is known after these rows, which begin behind `before.settled`.

    Args:
        before: What was known.
        rows: From `records.live.new_pulses`.
        numbered_to: The highest number of the schedule; higher ones were commanded by nobody.
    """
    planned = rows.number <= numbered_to
    final = np.array([one != PulseOutcome.COMMANDED for one in rows.outcome], np.bool_)
    open_at = np.flatnonzero(~(final & planned))
    settled = int(open_at[0]) if open_at.size else rows.number.size
    unplanned = sum(one == PulseOutcome.UNPLANNED for one in rows.outcome)
    if not settled:
        return replace(before, unplanned=unplanned)
    state = _Folding(before)
    for index in range(settled):
        state.take(rows, index)
    return state.result(int(rows.number[settled - 1]), unplanned)


class _Folding:
    """Takes pulses one after another; used up within one call."""

    def __init__(self, before: Live) -> None:
        self._before = before
        self._evidence = dict(before.evidence)
        self._delivered, self._unknown = before.delivered, before.unknown
        self._late: list[float] = []
        self._spacing: list[float] = []
        self._drawn: list[tuple[int, float]] = []
        self._train = before.of_train

    def take(self, rows: NewPulses, index: int) -> None:
        """Take one pulse that has its outcome."""
        train, outcome = int(rows.train[index]), rows.outcome[index]
        planned, commanded = int(rows.planned_ns[index]), int(rows.commanded_ns[index])
        seen = int(rows.observed_ns[index])
        if train != self._train.number:
            self._train = _OfTrain(train)
        if commanded not in (NOT_KNOWN_NS, self._train.commanded_ns):
            self._late.append((commanded - planned) / 1e3)
            self._train = replace(self._train, commanded_ns=commanded, planned_ns=planned)
        self._unknown += outcome == PulseOutcome.UNKNOWN
        if outcome not in _GIVEN:
            return
        self._delivered += 1
        evidence = rows.evidence[index]
        self._evidence[evidence] = self._evidence.get(evidence, 0) + 1
        self._draw(planned, seen)

    def _draw(self, planned: int, seen: int) -> None:
        """Note when a pulse was given: when it was seen, or when it was due after its command."""
        spacing = 0.0
        if seen == NOT_KNOWN_NS:
            seen = self._train.commanded_ns + planned - self._train.planned_ns
        elif self._train.first_seen_ns == NOT_KNOWN_NS:
            self._train = replace(self._train, first_seen_ns=seen, first_seen_planned_ns=planned)
        else:
            due = planned - self._train.first_seen_planned_ns
            spacing = abs(seen - self._train.first_seen_ns - due) / 1e3
            self._spacing.append(spacing)
        self._drawn.append((seen, spacing))

    def result(self, settled: int, unplanned: int) -> Live:
        """Return what is known now, and nothing that has left the window."""
        before = self._before
        at_ns = np.concatenate((before.drawn_ns, [at for at, _ in self._drawn])).astype(np.int64)
        us = np.concatenate((before.drawn_us, [us for _, us in self._drawn]))
        kept = at_ns > (at_ns[-1] - KEEP_NS) if at_ns.size else np.zeros(0, np.bool_)
        return Live(
            settled=settled,
            delivered=self._delivered,
            unknown=self._unknown,
            unplanned=unplanned,
            evidence=tuple(self._evidence.items()),
            late_us=_newest(before.late_us, self._late),
            spacing_us=_newest(before.spacing_us, self._spacing),
            drawn_ns=at_ns[kept],
            drawn_us=us[kept],
            of_train=self._train,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """What the live plot shows, in seconds from now.

    Attributes:
        given: Pulses on disk as given.
        due: Pulses that are due, or not yet on disk.
        spacing_at: Where the spacing bars stand.
        spacing: How high they are, from 0 to 1.
    """

    given: Floats
    due: Floats
    spacing_at: Floats
    spacing: Floats


def raster(live: Live, due_ns: Ints, now_ns: int, *, holds: bool) -> Raster:
    """Return what the live plot shows at one moment.

    Args:
        live: What is on disk.
        due_ns: Due times of every pulse of the session as things stand, rising.
        now_ns: Now, from the session's origin.
        holds: Nothing is due: the session is paused or over.
    """
    from_ns, to_ns = now_ns - int(BEFORE_S * 1e9), now_ns + int(AFTER_S * 1e9)
    low = int(np.searchsorted(live.drawn_ns, from_ns))
    given = (live.drawn_ns[low:] - now_ns) / 1e9
    first = now_ns if not live.drawn_ns.size else int(live.drawn_ns[-1]) + 1
    low_due, high_due = np.searchsorted(due_ns, (max(from_ns, first), to_ns))
    due = (due_ns[low_due:high_due] - now_ns) / 1e9
    us = live.drawn_us[low:]
    seen = us > 0
    return Raster(
        given,
        _no_floats() if holds else due,
        given[seen],
        np.minimum(us[seen] / SPACING_FULL_US, 1.0),
    )


def strokes(at: Floats, low: float, high: NDArray[np.float64] | float) -> tuple[Floats, Floats]:
    """Return upright strokes as pairs of points, for a curve that joins pairs."""
    x = np.repeat(at, 2)
    y = np.empty(x.size)
    y[0::2] = low
    y[1::2] = high
    return x, y


def _p99(values: Floats) -> float | None:
    """Return what `numpy.percentile` does, which imports `numpy.ma` when it is first asked."""
    if not values.size:
        return None
    below, part = divmod(99 * (values.size - 1), 100)
    above = min(below + 1, values.size - 1)
    placed = np.partition(values, (below, above))
    return float(placed[below] + (placed[above] - placed[below]) * part / 100)


def _newest(before: Floats, more: list[float]) -> Floats:
    return np.concatenate((before, more))[-MOST_KEPT:]
