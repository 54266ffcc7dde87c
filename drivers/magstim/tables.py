"""How fast each model may stimulate at which power, how fast it charges, and how far its trains go.

Sources are stimulators.md 1.5, 1.8 and 1.10.  The frequencies are advice there: the unit itself
is the judge, and refuses what it does not take.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

from drivers.magstim.dialect import Dialect, Family

MAX_PCT_MSO = 100
MAX_ENHANCED_PCT_MSO = 110
"""Only a Rapid² with enhanced power, and then at most one pulse in two seconds (1.8)."""
ENHANCED_PERIOD_NS = 2_000_000_000

RAISE_NS_PER_PCT = 10_000_000
LOWER_NS_PER_PCT = 100_000_000
"""To be allowed for after a change of intensity: down has to bleed the capacitor (1.5)."""

ARMING_NS = 1_000_000_000
"""From armed to ready takes up to this long (1.5)."""
TRAIN_LOCKOUT_NS = 500_000_000
"""After a train nothing may be changed or started for so long at least (1.8)."""
SINGLE_PULSE_NS = 1_000_000_000
"""Single pulses of a Rapid² over serial are planned no closer (1.8)."""
LOST_PULSE_NS = 500_000_000
"""Closer single pulses of a Rapid² are lost (1.8)."""

RECHARGE_200_NS = ((49, 2_000_000_000), (79, 3_000_000_000), (100, 4_000_000_000))
"""A 200²'s shortest distance of pulses, each up to that power (1.5)."""
RECHARGE_BISTIM_NS = 4_000_000_000
"""The same for a BiStim²; its simultaneous mode may be twice as fast, which is not relied on."""


class Mains(IntEnum):
    """The supply, in volts."""

    V240 = 240
    V115 = 115


class RapidModel(Enum):
    """What software cannot tell and the label can."""

    RAPID = "Rapid²"
    SUPER = "Super Rapid²"
    SUPER_PLUS = "Super Rapid² Plus"
    HORIZON = "Horizon"


POWER_COLUMNS = (30, 40, 50, 60, 70, 80, 90, 100)
MAX_FREQUENCY_HZ = {
    (RapidModel.RAPID, Mains.V240): (50, 37, 30, 25, 20, 18, 17, 15),
    (RapidModel.SUPER, Mains.V240): (100, 75, 50, 45, 40, 35, 30, 25),
    (RapidModel.SUPER_PLUS, Mains.V240): (100, 100, 97, 80, 68, 57, 49, 41),
    (RapidModel.RAPID, Mains.V115): (36, 28, 23, 19, 16, 14, 12, 11),
    (RapidModel.SUPER, Mains.V115): (60, 55, 44, 37, 32, 27, 24, 22),
    (RapidModel.SUPER_PLUS, Mains.V115): (60, 60, 58, 47, 40, 34, 30, 25),
    (RapidModel.HORIZON, Mains.V240): (60, 50, 40, 33, 29, 25, 22, 20),
}
"""Highest frequency up to each power of `POWER_COLUMNS`; no other powers are known."""


@dataclass(frozen=True, slots=True)
class RapidUnit:
    """One Rapid² as far as its limits go.

    Attributes:
        model: From its label.
        mains: The supply.
        dialect: Family and software.

    Raises:
        ValueError: No table is known for this model and supply, or it is no Rapid².
    """

    model: RapidModel
    mains: Mains
    dialect: Dialect

    def __post_init__(self) -> None:
        """Raise ValueError for a unit of which nothing is known."""
        if (self.model, self.mains) not in MAX_FREQUENCY_HZ:
            raise ValueError(f"no limits are known for a {self.model.value} on {self.mains} V")
        if self.dialect.family is not Family.RAPID:
            raise ValueError(f"a {self.dialect.family} is no Rapid²")

    @property
    def name(self) -> str:
        """For a person."""
        return f"Magstim {self.model.value} ({self.mains} V)"

    @property
    def max_pulses(self) -> int:
        """Most pulses in a train."""
        return 6000 if self.dialect.locked else 1000

    @property
    def max_duration_tenths_s(self) -> int:
        """Longest train; after software 9 sources say 100 s and 999.9 s: the shorter."""
        return 1000 if self.dialect.locked else 100

    def max_frequency_hz(self, pct_mso: int) -> int:
        """Return the highest frequency at this power; between columns that of the next higher.

        Raises:
            ValueError: The power is not 0 to 100 %MSO.
        """
        if not 0 <= pct_mso <= MAX_PCT_MSO:
            raise ValueError(f"trains are made at 0 to {MAX_PCT_MSO} %MSO, not {pct_mso}")
        columns = zip(POWER_COLUMNS, MAX_FREQUENCY_HZ[self.model, self.mains], strict=True)
        return next(frequency for power, frequency in columns if pct_mso <= power)

    def max_power_at(self, frequency_hz: float) -> int | None:
        """Return the highest power at which it reaches this frequency, None if at none."""
        powers = range(MAX_PCT_MSO, -1, -1)
        return next((one for one in powers if self.max_frequency_hz(one) >= frequency_hz), None)


def recharge_ns(family: Family, pct_mso: int) -> int:
    """Return the shortest distance of single pulses of a unit at this power."""
    match family:
        case Family.MAGSTIM_200:
            return next(ns for up_to, ns in RECHARGE_200_NS if pct_mso <= up_to)
        case Family.BISTIM:
            return RECHARGE_BISTIM_NS
        case _:
            return ENHANCED_PERIOD_NS if pct_mso > MAX_PCT_MSO else SINGLE_PULSE_NS


def slew_ns(from_pct_mso: int, to_pct_mso: int) -> int:
    """Return how long a change of intensity has to be given."""
    change = to_pct_mso - from_pct_mso
    return change * RAISE_NS_PER_PCT if change > 0 else -change * LOWER_NS_PER_PCT
