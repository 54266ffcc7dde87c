"""Stimulation patterns as counts and exact ratios: bursts, trains, blocks and their intervals.

Nothing here is a time in nanoseconds; `protocols.schedule` alone turns patterns into due times.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class Convention(StrEnum):
    """What a printed inter-train interval means (clinical.md part 1)."""

    GAP = "gap"
    """Last pulse of one train to the first pulse of the next."""
    NOMINAL = "nominal"
    """From the end of the nominal train (pulses / rate) to the first pulse of the next."""
    CYCLE = "cycle"
    """As nominal; the published session time also counts one interval after the last train."""


@dataclass(frozen=True, slots=True)
class Burst:
    """Pulses so close that one trigger gives them all; a single pulse is a burst of one.

    Attributes:
        pulses: Pulses in the burst, at least 1.
        rate_hz: Rate inside the burst, exact; None exactly when there is one pulse.
    """

    pulses: int
    rate_hz: Fraction | None = None

    def __post_init__(self) -> None:
        """Raise ValueError unless the counts and the rate belong together."""
        if self.pulses < 1:
            raise ValueError(f"a burst has at least 1 pulse, not {self.pulses}")
        if (self.rate_hz is None) != (self.pulses == 1):
            raise ValueError("a burst of several pulses has a rate; a single pulse has none")
        if self.rate_hz is not None and self.rate_hz <= 0:
            raise ValueError(f"a rate inside a burst is above 0 Hz, not {self.rate_hz}")

    @property
    def duration_s(self) -> Fraction:
        """First to last pulse of the burst, in seconds."""
        return Fraction(0) if self.rate_hz is None else (self.pulses - 1) / self.rate_hz


SINGLE_PULSE = Burst(1)


@dataclass(frozen=True, slots=True)
class Train:
    """Bursts (or single pulses) at a steady rate.

    Attributes:
        bursts: Bursts in the train, at least 1; for a plain train the number of pulses.
        rate_hz: Rate of the bursts, or of the pulses in a plain train; exact.
        burst: What each repetition consists of.
    """

    bursts: int
    rate_hz: Fraction
    burst: Burst = SINGLE_PULSE

    def __post_init__(self) -> None:
        """Raise ValueError unless the train can exist."""
        if self.bursts < 1:
            raise ValueError(f"a train has at least 1 burst, not {self.bursts}")
        if self.rate_hz <= 0:
            raise ValueError(f"a train's rate is above 0 Hz, not {self.rate_hz}")
        if self.bursts > 1 and self.burst.duration_s >= 1 / self.rate_hz:
            raise ValueError("a burst must end before the next one begins")

    @property
    def pulses(self) -> int:
        """Pulses in the train."""
        return self.bursts * self.burst.pulses

    @property
    def duration_s(self) -> Fraction:
        """First to last pulse of the train, in seconds."""
        return (self.bursts - 1) / self.rate_hz + self.burst.duration_s

    @property
    def nominal_s(self) -> Fraction:
        """The nominal length, bursts / rate, in seconds: one period longer than the onsets."""
        return self.bursts / self.rate_hz


@dataclass(frozen=True, slots=True)
class Interval:
    """An inter-train interval as it is printed: a number of seconds and what it means."""

    seconds: Fraction
    convention: Convention

    def __post_init__(self) -> None:
        """Raise ValueError for an interval that is not positive."""
        if self.seconds <= 0:
            raise ValueError(f"an inter-train interval is above 0 s, not {self.seconds}")

    def period_s(self, train: Train) -> Fraction:
        """Return the onset-to-onset period of trains that are this far apart, in seconds."""
        held = train.duration_s if self.convention is Convention.GAP else train.nominal_s
        return held + self.seconds


@dataclass(frozen=True, slots=True)
class Ramp:
    """The first trains of a block rise to the full intensity; they count as delivered pulses.

    Attributes:
        trains: How many trains the ramp takes, at least 2; the last of them is at full intensity.
        start: The first train's fraction of the full intensity, above 0 and below 1.
    """

    trains: int
    start: Fraction

    def __post_init__(self) -> None:
        """Raise ValueError for a ramp that does not rise."""
        if self.trains < 2:  # noqa: PLR2004 - one train cannot rise
            raise ValueError(f"a ramp takes at least 2 trains, not {self.trains}")
        if not 0 < self.start < 1:
            raise ValueError(
                f"a ramp starts above 0 and below 1 of the intensity, not {self.start}"
            )

    def fraction(self, train: int) -> Fraction:
        """Return the fraction of the full intensity for the given train of the block, from 1.

        Train k of n ramp trains is at f0 + (1 - f0)(k - 1)/(n - 1) (clinical.md part 3).
        """
        if train >= self.trains:
            return Fraction(1)
        return self.start + (1 - self.start) * Fraction(train - 1, self.trains - 1)


@dataclass(frozen=True, slots=True)
class BlockPattern:
    """Equal trains at an equal distance.

    Attributes:
        train: The train that is repeated.
        trains: How many, at least 1.
        interval: The distance between trains; None exactly when there is one train.
        ramp: How the first trains rise to the intensity, if they do.
    """

    train: Train
    trains: int = 1
    interval: Interval | None = None
    ramp: Ramp | None = None

    def __post_init__(self) -> None:
        """Raise ValueError unless trains, interval and ramp belong together."""
        if self.trains < 1:
            raise ValueError(f"a block has at least 1 train, not {self.trains}")
        if (self.interval is None) != (self.trains == 1):
            raise ValueError("several trains have an interval between them; one train has none")
        if (
            self.interval is not None
            and self.interval.period_s(self.train) <= self.train.duration_s
        ):
            raise ValueError("a train must end before the next one begins")
        if self.ramp is not None and self.ramp.trains > self.trains:
            raise ValueError(f"a ramp of {self.ramp.trains} trains is longer than the block")

    @property
    def pulses(self) -> int:
        """Pulses in the block."""
        return self.trains * self.train.pulses

    @property
    def period_s(self) -> Fraction:
        """Onset to onset of the trains, in seconds; the train's nominal length if there is one."""
        return self.train.nominal_s if self.interval is None else self.interval.period_s(self.train)
