"""Which pulse of a train a report is about, when the device's reports carry no number.

A report is given to a pulse at once while that is beyond doubt (the next one expected, at its
time).  After the first irregularity the rest of the train's reports are held until it is over,
when their number says what happened.  What a pulse's outcome is then is decided in `outcomes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from drivers.interface import PulseReport

DRIFT_PER_S = 1_000_000
"""A device's clock may be fast by this many ns a second (0.1 %) before a report is early."""

EARLY_NS = 1_000_000
"""A report may seem to come this much before its pulse was due, for the clocks' grain."""

START_WINDOW_NS = 60_000_000
"""The first report belongs to the first pulse if it comes within this time of the acceptance, and
within half of the gap to the second: later it could be the second's, the first being lost."""

MOST_MISSING = 64
"""With more reports missing than this nothing is guessed."""


class ReportMode(StrEnum):
    """What the device reports, as seen so far."""

    UNKNOWN = "unknown"
    PER_PULSE = "per pulse"
    PER_BURST = "per burst"


class Verdict(StrEnum):
    """What is known of a report as it comes in."""

    MATCHED = "matched"
    EXTRA = "extra"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Match:
    """One report given to one pulse.

    Attributes:
        pulse: Index of the pulse in its train, from 0.
        report: The report.
    """

    pulse: int
    report: PulseReport


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the held reports turned out to be about, once the train was over.

    Attributes:
        matches: Held reports that belong to pulses.
        extras: Held reports that belong to none.
    """

    matches: tuple[Match, ...]
    extras: tuple[PulseReport, ...]


@dataclass(slots=True)
class ReportMatcher:
    """Gives the reports of one train to its pulses.

    Attributes:
        offsets_ns: Due times of the pulses from the first, rising.
        burst_pulses: Pulses in a burst; 1 in a plain train.
        commanded_ns: When the start command went to the port.
        accepted_ns: When the start was seen to be accepted.
        mode: What the device reports, as far as it is known.
    """

    offsets_ns: Sequence[int]
    burst_pulses: int
    commanded_ns: int
    accepted_ns: int
    mode: ReportMode = ReportMode.UNKNOWN
    _matched: dict[int, PulseReport] = field(default_factory=dict)
    _held: list[PulseReport] = field(default_factory=list)
    _base_ns: int | None = None
    _next: int = 0

    def __post_init__(self) -> None:
        """Settle the mode where there is nothing to be learnt."""
        if self.burst_pulses == 1:
            self.mode = ReportMode.PER_PULSE

    @property
    def matched(self) -> frozenset[int]:
        """Indices of the pulses that have a report of their own."""
        return frozenset(self._matched)

    @property
    def sightings(self) -> tuple[list[int], list[int]]:
        """Offsets and report times of the pulses that have a report of their own, in order."""
        pulses = sorted(self._matched)
        offsets = [self.offsets_ns[pulse] for pulse in pulses]
        return offsets, [self._matched[pulse].at_ns for pulse in pulses]

    @property
    def held(self) -> int:
        """How many reports wait for the end of the train."""
        return len(self._held)

    @property
    def reports(self) -> int:
        """How many reports came that belong to the train, or may."""
        return len(self._matched) + len(self._held)

    @property
    def complete(self) -> bool:
        """True if as many reports came as the device sends for a whole train."""
        return self.reports >= len(self.expected)

    @property
    def expected(self) -> Sequence[int]:
        """Indices of the pulses for which a report is expected."""
        step = self.burst_pulses if self.mode is ReportMode.PER_BURST else 1
        return range(0, len(self.offsets_ns), step)

    def expected_end_ns(self) -> int:
        """Return when the last report should have come at the latest, irregularities aside."""
        base_ns = self.accepted_ns if self._base_ns is None else self._base_ns
        return base_ns + self.offsets_ns[-1] + self._tolerance_ns(len(self.offsets_ns) - 1)

    def missed_ns(self) -> int:
        """Return when the next report is missing for certain: a period after it was due.

        Once no more are expected, when the last should have come.
        """
        if self._next >= len(self.offsets_ns):
            return self.expected_end_ns()
        before_ns = self.offsets_ns[max(0, self._next - 1)]
        gap_ns = max(
            self.offsets_ns[self._next] - before_ns, 2 * START_WINDOW_NS * (not self._next)
        )
        return self._due_ns(self._next) + gap_ns

    def feed(self, report: PulseReport) -> tuple[Verdict, int | None]:
        """Take one report, in the order of arrival; return what it is and its pulse if matched."""
        if self._held:
            return self._hold(report)
        index = self._next
        if index >= len(self.offsets_ns):
            return Verdict.EXTRA, None
        if self._base_ns is None:
            if report.at_ns < self._earliest_ns(index):
                return Verdict.EXTRA, None
            if report.at_ns > self.accepted_ns + self._start_window_ns():
                return self._hold(report)
            return self._match(index, report)
        if self._fits(index, report):
            if self.mode is ReportMode.UNKNOWN and index % self.burst_pulses:
                self.mode = ReportMode.PER_PULSE
            return self._match(index, report)
        if report.at_ns < self._earliest_ns(index):
            return self._too_early(index, report)
        return self._off_time(index, report)

    def resolve(self, *, cut: bool = False) -> Resolved:
        """Decide about the held reports; call once, when no more reports are expected.

        With fewer reports than pulses each must fit its pulse's time, or none is given to any: a
        line that stalled and a pulse that was left out cannot be told apart.

        Args:
            cut: The train was stopped before its end, so its first pulses are those it gave.
        """
        held, self._held = self._held, []
        if not held:
            return Resolved((), ())
        last_ns = held[-1].at_ns
        open_ = (index for index in self.expected if index >= self._next)
        rest = [index for index in open_ if self._earliest_ns(index) <= last_ns]
        if len(held) > len(rest) + MOST_MISSING:
            return Resolved((), tuple(held[len(rest) :]))
        if len(rest) > len(held) + MOST_MISSING:
            return Resolved((), ())
        missing = len(held) < len(rest)
        if cut:
            rest = rest[: len(held)]
        due = [self._due_ns(index) for index in rest]
        pairs = [
            (position, number)
            for position, number in align(due, [report.at_ns for report in held])
            if self._earliest_ns(rest[position]) <= held[number].at_ns
        ]
        if missing and not all(self._fits(rest[at], held[number]) for at, number in pairs):
            return Resolved((), ())
        if self._shifted(rest, held, pairs):
            return Resolved((), ())
        matches = tuple(Match(rest[position], held[number]) for position, number in pairs)
        self._matched.update({match.pulse: match.report for match in matches})
        used = {number for _, number in pairs}
        extras = tuple(report for number, report in enumerate(held) if number not in used)
        return Resolved(matches, extras)

    def _shifted(
        self, rest: Sequence[int], held: Sequence[PulseReport], pairs: Sequence[tuple[int, int]]
    ) -> bool:
        """True if reports that do not fit their pulses fit others: one is missing, one is extra.

        A line that stalled and caught up gives many reports at one pulse's time instead.
        """
        off = [held[number] for at, number in pairs if not self._fits(rest[at], held[number])]
        others = {
            next((index for index in rest if self._fits(index, report)), None) for report in off
        }
        return 2 * len(others - {None}) > len(off)

    def _match(self, index: int, report: PulseReport) -> tuple[Verdict, int | None]:
        base_ns = report.at_ns - self.offsets_ns[index]
        self._base_ns = base_ns if self._base_ns is None else min(self._base_ns, base_ns)
        self._matched[index] = report
        self._next = index + (self.burst_pulses if self.mode is ReportMode.PER_BURST else 1)
        return Verdict.MATCHED, index

    def _hold(self, report: PulseReport) -> tuple[Verdict, int | None]:
        self._held.append(report)
        return Verdict.HELD, None

    def _too_early(self, index: int, report: PulseReport) -> tuple[Verdict, int | None]:
        """A report before anything expected was due: an extra pulse, or a mode taken wrongly."""
        previous = index - self.burst_pulses
        if self.mode is ReportMode.PER_BURST and previous >= 0:
            inside = previous + 1
            if self._fits(inside, report, step=1):
                self.mode = ReportMode.PER_PULSE
                self._next = 1 + max(self._matched)
                return self._hold(report)
        return Verdict.EXTRA, None

    def _off_time(self, index: int, report: PulseReport) -> tuple[Verdict, int | None]:
        """A report off its time: one per burst, one missing before it, or a stalled line."""
        following = index - index % self.burst_pulses + self.burst_pulses
        unsure = self.mode is ReportMode.UNKNOWN and following < len(self.offsets_ns)
        if unsure and index % self.burst_pulses == 1 and self._fits(following, report):
            self.mode = ReportMode.PER_BURST
            return self._match(following, report)
        return self._hold(report)

    def _start_window_ns(self) -> int:
        if len(self.offsets_ns) == 1:
            return START_WINDOW_NS
        return min(START_WINDOW_NS, (self.offsets_ns[1] - self.offsets_ns[0]) // 2)

    def _fits(self, index: int, report: PulseReport, step: int | None = None) -> bool:
        away_ns = abs(report.at_ns - self._due_ns(index))
        early = report.at_ns < self._earliest_ns(index)
        return not early and away_ns <= self._tolerance_ns(index, step)

    def _due_ns(self, index: int) -> int:
        base_ns = self.accepted_ns if self._base_ns is None else self._base_ns
        return base_ns + self.offsets_ns[index]

    def _earliest_ns(self, index: int) -> int:
        """A pulse cannot be reported before the start command plus its own offset."""
        offset_ns = self.offsets_ns[index]
        if not offset_ns:
            return self.commanded_ns  # one clock saw both: nothing is early by its grain
        drift_ns = offset_ns * DRIFT_PER_S // 1_000_000_000
        return self.commanded_ns + offset_ns - EARLY_NS - drift_ns

    def _tolerance_ns(self, index: int, step: int | None = None) -> int:
        """Half of the shorter gap beside the pulse, in the grid that is reported."""
        if step is None:
            step = self.burst_pulses if self.mode is ReportMode.PER_BURST else 1
        gaps = [
            self.offsets_ns[right] - self.offsets_ns[left]
            for left, right in ((index - step, index), (index, index + step))
            if left >= 0 and right < len(self.offsets_ns)
        ]
        return min(gaps) // 2 if gaps else START_WINDOW_NS


def align(due_ns: Sequence[int], seen_ns: Sequence[int]) -> list[tuple[int, int]]:
    """Pair due times with sightings, both in order, so that the shorter list is used up.

    Equal numbers pair first with first (a serial line keeps the order).  Otherwise the pairs
    are those with the least sum of distances; of equally good ones, those that leave out the
    later elements of the longer list.  O(shorter x difference) steps.

    Returns:
        Pairs (index into due_ns, index into seen_ns), in order.
    """
    if len(due_ns) < len(seen_ns):
        return [(left, right) for right, left in align(seen_ns, due_ns)]
    skips = len(due_ns) - len(seen_ns)
    # best[s]: least cost with s elements of due_ns left out so far; cut[r][s]: skips before r
    best = [0] * (skips + 1)
    choice: list[list[int]] = []
    for number, seen in enumerate(seen_ns):
        row: list[int] = []
        costs: list[int] = []
        cheapest, cheapest_at = best[0], 0
        for skipped in range(skips + 1):
            if best[skipped] < cheapest:
                cheapest, cheapest_at = best[skipped], skipped
            costs.append(cheapest + abs(due_ns[number + skipped] - seen))
            row.append(cheapest_at)
        best = costs
        choice.append(row)
    if not seen_ns:
        return []
    skipped = min(range(skips + 1), key=best.__getitem__)
    pairs = []
    for number in range(len(seen_ns) - 1, -1, -1):
        pairs.append((number + skipped, number))
        skipped = choice[number][skipped]
    return pairs[::-1]
