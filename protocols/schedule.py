"""Turns patterns into the due time of every pulse, and into totals, durations and duty.

It is the only place where they are derived; there are no floats here, and no real time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from protocols.pattern import BlockPattern, Convention, Train

NS_PER_S = 1_000_000_000
MOST_PULSES = 1_000_000
"""No session comes near it (SNT gives 18,000 pulses a day); it bounds memory and time."""
_LAST_NS = int(np.iinfo(np.int64).max)


class ScheduleTooLong(ValueError):
    """A pattern whose pulses cannot be counted or timed: too many, too late, or too close."""


@dataclass(frozen=True, slots=True, eq=False)
class ScheduledTrain:
    """One train of a session with the due time of each of its pulses.

    Attributes:
        block: Number of its block in the session, from 1.
        number: Its number in the session, from 1.
        number_in_block: Its number in the block, from 1.
        first_pulse: The number of its first pulse; pulses are numbered from 1 in the session.
        due_ns: Due times as offsets from the session's first pulse, shape (pulses,), read only.
        train: The train's pattern.
    """

    block: int
    number: int
    number_in_block: int
    first_pulse: int
    due_ns: NDArray[np.int64]
    train: Train

    @property
    def pulses(self) -> int:
        """Pulses in the train."""
        return self.train.pulses

    @property
    def start_ns(self) -> int:
        """Due time of the first pulse, as an offset from the session's first pulse."""
        return int(self.due_ns[0])

    @property
    def end_ns(self) -> int:
        """Due time of the last pulse, as an offset from the session's first pulse."""
        return int(self.due_ns[-1])


@dataclass(frozen=True, slots=True, eq=False)
class SessionSchedule:
    """All trains of a session in order.

    Attributes:
        trains: The trains; their pulses are numbered through.
        pulses: Pulses in the session.
        duration_s: First to last pulse, exact.
        stimulating_s: The part of it that lies between first and last pulse of a train, exact.
    """

    trains: tuple[ScheduledTrain, ...]
    pulses: int
    duration_s: Fraction
    stimulating_s: Fraction

    @property
    def duration_ns(self) -> int:
        """First to last pulse, in ns."""
        return self.trains[-1].end_ns

    @property
    def duty(self) -> Fraction:
        """Share of the session spent inside trains, first to last pulse; 0 for a single pulse."""
        return self.stimulating_s / self.duration_s if self.duration_s else Fraction(0)


def train_offsets_ns(train: Train) -> NDArray[np.int64]:
    """Return when each pulse of a train is due, in ns from the train's first pulse.

    Pulse k at p/q Hz is due at k·10^9·q/p, rounded half up once, from k itself.

    Raises:
        ScheduleTooLong: Too many pulses, a time beyond 64 bits, or pulses closer than 1 ns.
    """
    return _due_ns(train, Fraction(0))


def schedule_session(blocks: Sequence[tuple[BlockPattern, Fraction]]) -> SessionSchedule:
    """Return the due time of every pulse of a session.

    Each due time is the exact offset from the session's first pulse, rounded half up once.

    Args:
        blocks: Each block's pattern and the seconds from the last pulse of the block before to
            its first pulse (0 for the first block).

    Raises:
        ScheduleTooLong: Too many pulses, a time beyond 64 bits, or pulses closer than 1 ns.
        ValueError: No block, or a change-over that is negative or before the first block.
    """
    if not blocks:
        raise ValueError("a session has at least one block")
    if sum(pattern.pulses for pattern, _ in blocks) > MOST_PULSES:
        raise ScheduleTooLong(f"a session has at most {MOST_PULSES:,} pulses")
    trains: list[ScheduledTrain] = []
    first_pulse = 1
    last_s = stimulating_s = Fraction(0)
    for block, (pattern, changeover_s) in enumerate(blocks, 1):
        if changeover_s < 0 or (block == 1 and changeover_s):
            raise ValueError(f"block {block}: a change-over of {changeover_s} s is not possible")
        origin_s = last_s + changeover_s
        for k in range(pattern.trains):
            start_s = origin_s + k * pattern.period_s
            due_ns = _due_ns(pattern.train, start_s)
            trains.append(
                ScheduledTrain(block, len(trains) + 1, k + 1, first_pulse, due_ns, pattern.train)
            )
            first_pulse += pattern.train.pulses
        last_s = origin_s + (pattern.trains - 1) * pattern.period_s + pattern.train.duration_s
        stimulating_s += pattern.trains * pattern.train.duration_s
    return SessionSchedule(tuple(trains), first_pulse - 1, last_s, stimulating_s)


def _due_ns(train: Train, start_s: Fraction) -> NDArray[np.int64]:
    """Return the due times of a train that starts at an exact time, each rounded half up once."""
    if train.pulses > MOST_PULSES:
        raise ScheduleTooLong(f"a train of {train.pulses} pulses: at most {MOST_PULSES:,}")
    if (start_s + train.duration_s) * NS_PER_S > _LAST_NS:
        raise ScheduleTooLong("a pulse due more than 292 years after the first cannot be timed")
    inner_hz = train.burst.rate_hz or Fraction(1)
    # In units of 1/common s everything is a whole number, of any size: Python's own integers.
    common = math.lcm(train.rate_hz.numerator, inner_hz.numerator, start_s.denominator)
    start = start_s.numerator * (common // start_s.denominator)
    step = train.rate_hz.denominator * (common // train.rate_hz.numerator)
    inner = inner_hz.denominator * (common // inner_hz.numerator)
    due_ns = np.array(
        [
            (2 * NS_PER_S * (start + burst * step + pulse * inner) + common) // (2 * common)
            for burst in range(train.bursts)
            for pulse in range(train.burst.pulses)
        ],
        dtype=np.int64,
    )
    if (np.diff(due_ns) <= 0).any():
        raise ScheduleTooLong(f"pulses at {train.rate_hz} Hz are closer than 1 ns")
    due_ns.flags.writeable = False
    return due_ns


def block_duty(pattern: BlockPattern) -> Fraction:
    """Return the share of each onset-to-onset period that its nominal train fills, up to 1."""
    return pattern.train.nominal_s / pattern.period_s


def printed_session_s(
    train: Train, trains: int, interval_s: Fraction, convention: Convention
) -> Fraction:
    """Return how long a publication says a block takes, by what its interval means, in seconds.

    Gap: N·d + (N-1)·ITI with d from first to last pulse; nominal: N·P/f + (N-1)·ITI; cycle:
    N·(P/f + ITI) (clinical.md part 1).
    """
    match convention:
        case Convention.GAP:
            return trains * train.duration_s + (trains - 1) * interval_s
        case Convention.NOMINAL:
            return trains * train.nominal_s + (trains - 1) * interval_s
        case Convention.CYCLE:
            return trains * (train.nominal_s + interval_s)


def printed_times_s(pattern: BlockPattern) -> Mapping[Convention, Fraction]:
    """Return the block's printed time under each of the three meanings of its interval."""
    interval_s = Fraction(0) if pattern.interval is None else pattern.interval.seconds
    return {
        convention: printed_session_s(pattern.train, pattern.trains, interval_s, convention)
        for convention in Convention
    }
