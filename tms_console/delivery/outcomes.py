"""What may be claimed of every pulse of a train once it is over, and on which evidence.

Pure rules over what was seen: reports, the device's own counter, how the train ended.  Nothing
is claimed that nobody saw; what cannot be decided is `unknown`.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum

from tms_console.delivery.matching import ReportMode
from tms_console.records.operations import Evidence, PulseOutcome


class TrainEnd(StrEnum):
    """How a train that was started came to its end."""

    RAN_OUT = "ran out"
    """The device says that it is over, or its time passed and the device answers."""
    CUT = "cut"
    """It was disarmed, or disarmed itself, before its end; the device confirms that."""
    LOST = "lost"
    """The device does not answer: nobody knows whether it went on."""


COUNTER_MODULUS = 1 << 16
"""The counter is an unsigned 16-bit number (stimulators.md 2.3, id 12)."""

MOST_UNCOMMANDED = 64
"""Nobody triggers more pulses than that beside a train: such a count is of a counter that began
anew, as after a restart, and says nothing."""


@dataclass(frozen=True, slots=True)
class TrainSeen:
    """Everything that was seen of a train that was started.

    Attributes:
        offsets_ns: Due times of its pulses from the first.
        burst_pulses: Pulses in a burst.
        matched: Indices of the pulses that have a report of their own.
        mode: What the device reports.
        end: How the train ended.
        cut_after_ns: For CUT: pulses due later than this after the first were not given.
        counted: Stimuli between the two readings of the device's counter, None without one.
        vouched_ns: For a device that reports no pulses: those due up to then after the first are
            inferred from the train's running (`unreported`); None if nothing vouches for any.
    """

    offsets_ns: Sequence[int]
    burst_pulses: int
    matched: Set[int]
    mode: ReportMode
    end: TrainEnd
    cut_after_ns: int | None = None
    counted: int | None = None
    vouched_ns: int | None = None

    @property
    def vouched(self) -> frozenset[int]:
        """Pulses that were due while the train was seen to run, where there are no reports."""
        upto_ns = self.vouched_ns
        if upto_ns is None:
            return frozenset()
        return frozenset(
            index
            for index, offset_ns in enumerate(self.offsets_ns)
            if offset_ns <= upto_ns and index not in self.matched
        )

    @property
    def inferable(self) -> Set[int]:
        """Pulses whose burst has a report, while the device sends one a burst."""
        if self.mode is not ReportMode.PER_BURST:
            return frozenset()
        size, total = self.burst_pulses, len(self.offsets_ns)
        inside = {first + k for first in self.matched for k in range(1, size)}
        return frozenset(index for index in inside if index < total and index not in self.matched)

    @property
    def touched(self) -> Set[int]:
        """Bursts, from 0, of which at least one pulse has a report."""
        return frozenset(index // self.burst_pulses for index in self.matched)


@dataclass(frozen=True, slots=True)
class Settled:
    """The outcome of every pulse of a train.

    Attributes:
        outcomes: (outcome, evidence) by index of the pulse.
        uncommanded: Stimuli that the counter shows beyond all the train's pulses.
        doubt: A sentence if something forbids going on, else "".
    """

    outcomes: tuple[tuple[PulseOutcome, Evidence], ...]
    uncommanded: int
    doubt: str


def counted_between(before: int | None, after: int | None) -> int | None:
    """Return how many stimuli lie between two readings, None if one is missing."""
    return None if before is None or after is None else (after - before) % COUNTER_MODULUS


def settle_train(seen: TrainSeen) -> Settled:
    """Return what may be claimed of each pulse of a train that was started."""
    total = len(seen.offsets_ns)
    if seen.counted is not None and seen.counted > total + MOST_UNCOMMANDED:
        settled = settle_train(replace(seen, counted=None))
        words = (
            f"the stimulator counts {seen.counted} stimuli, {total} were commanded: it began anew"
        )
        return replace(settled, doubt="; ".join(filter(None, (words, settled.doubt))))
    match seen.end:
        case TrainEnd.RAN_OUT:
            return _settle_whole(seen)
        case TrainEnd.CUT:
            return _settle_cut(seen)
        case TrainEnd.LOST:
            return _settle_lost(seen)


def _settle_whole(seen: TrainSeen) -> Settled:
    """The device gave the train to its end; was every pulse of it given?"""
    total = len(seen.offsets_ns)
    missing = _missing(seen)
    if seen.counted is None:
        inferred = seen.inferable | seen.vouched
        unknown = missing - inferred
        doubt = _unknown_words(seen, len(unknown)) if unknown else ""
        return _settled(seen, inferred, unknown, doubt=doubt)
    bursts = total // seen.burst_pulses
    if seen.counted == total:
        return _settled(seen, missing, frozenset())
    if seen.counted == bursts and _bursts_are_reported(seen):
        # a count of bursts vouches for bursts, not for a pulse whose own report is missing
        unknown = missing - seen.inferable
        doubt = _unknown_words(seen, len(unknown)) if unknown else ""
        return _settled(seen, seen.inferable, unknown, doubt=doubt)
    if seen.counted > total:
        extra = seen.counted - total
        words = f"the stimulator counts {extra} more stimuli than were commanded"
        return _settled(seen, missing, frozenset(), uncommanded=extra, doubt=words)
    words = f"the stimulator counts {seen.counted} stimuli where {total} pulses were commanded"
    doubt = f"{words}; {_unknown_words(seen)}" if missing else words
    return _settled(seen, frozenset(), missing, doubt=doubt)


def _settle_lost(seen: TrainSeen) -> Settled:
    """The device does not answer any more: what it had said before stays true."""
    unknown = _missing(seen) - seen.vouched
    words = _unknown_words(seen, len(unknown))
    return _settled(seen, seen.vouched, unknown, doubt=words)


def _bursts_are_reported(seen: TrainSeen) -> bool:
    """True if a count of bursts agrees with what was reported: at least one report a burst.

    With one report a burst from a device that reports pulses, the count may as well be of pulses.
    """
    bursts = len(seen.offsets_ns) // seen.burst_pulses
    counts_bursts = seen.mode is ReportMode.PER_BURST or len(seen.matched) > bursts
    return seen.burst_pulses > 1 and counts_bursts and len(seen.touched) == bursts


def _settle_cut(seen: TrainSeen) -> Settled:
    """The train was stopped before its end: how far did it get?"""
    missing = _missing(seen)
    cut_ns = seen.cut_after_ns
    possible = frozenset(
        index for index in missing if cut_ns is None or seen.offsets_ns[index] <= cut_ns
    )
    if seen.counted is None:
        rest = possible - seen.vouched
        doubt = _unknown_words(seen, len(rest)) if rest else ""
        return _settled(seen, seen.vouched, rest, doubt=doubt)
    if _may_count_bursts(seen, possible):
        begun = max(seen.touched, default=0) * seen.burst_pulses
        inferred = frozenset(index for index in seen.inferable if index < begun)
        rest = possible - inferred
        doubt = _unknown_words(seen, len(rest)) if rest else ""
        return _settled(seen, inferred, rest, doubt=doubt)
    unseen = seen.counted - len(seen.matched)
    if unseen == 0:
        return _settled(seen, frozenset(), frozenset())
    if unseen == len(possible):
        return _settled(seen, possible, frozenset())
    if 0 < unseen < len(possible):
        return _settled(seen, frozenset(), possible, doubt=_unknown_words(seen, len(possible)))
    if unseen > 0:
        extra = unseen - len(possible)
        words = f"the stimulator counts {extra} more stimuli than can have been given"
        return _settled(seen, possible, frozenset(), uncommanded=extra, doubt=words)
    words = f"the stimulator counts {seen.counted} stimuli and reported {len(seen.matched)}"
    return _settled(seen, frozenset(), possible, doubt=words)


def _may_count_bursts(seen: TrainSeen, possible: Set[int]) -> bool:
    """True if the count can be of bursts: then it does not say how far the last one got.

    What the counter counts is published nowhere (stimulators.md 2.3, id 12).
    """
    if seen.burst_pulses == 1 or not seen.counted:
        return False
    begun = seen.touched | {index // seen.burst_pulses for index in possible}
    return len(seen.touched) <= seen.counted <= len(begun)


def _missing(seen: TrainSeen) -> frozenset[int]:
    return frozenset(range(len(seen.offsets_ns))) - seen.matched


def _settled(
    seen: TrainSeen,
    inferred: Set[int],
    unknown: Set[int],
    *,
    uncommanded: int = 0,
    doubt: str = "",
) -> Settled:
    """Return the outcomes: reported, inferred, unknown, and what is left was not delivered."""

    def outcome(index: int) -> tuple[PulseOutcome, Evidence]:
        if index in seen.matched:
            return PulseOutcome.DELIVERED, Evidence.REPORTED
        if index in inferred:
            return PulseOutcome.DELIVERED, Evidence.INFERRED
        if index in unknown:
            return PulseOutcome.UNKNOWN, Evidence.NONE
        return PulseOutcome.NOT_DELIVERED, Evidence.NONE

    outcomes = tuple(outcome(index) for index in range(len(seen.offsets_ns)))
    return Settled(outcomes, uncommanded, doubt)


def _unknown_words(seen: TrainSeen, number: int | None = None) -> str:
    number = len(_missing(seen)) if number is None else number
    return f"nobody knows whether {number} of {len(seen.offsets_ns)} pulses were given"
