"""How one emulated MagPro is built: model, coil, and the choices that no source settles.

What the unit does with them is in `unit` and `emulator`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from drivers.magpro.variants import COILS, VARIANTS, Variant
from drivers.simulator.physics import Coil

MAX_SERIAL = 0xFFFFFF


class BurstReports(StrEnum):
    """How many id-2 frames a burst gets, which no source states."""

    PULSE = "pulse"
    BURST = "burst"


class CounterUnit(StrEnum):
    """What the stimulus counter counts, which no source states; NONE does not answer at all."""

    PULSES = "pulses"
    BURSTS = "bursts"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Options:
    """How this very unit is built and behaves.

    Attributes:
        variant: Model and options.
        coil: What is plugged in at first, or None.
        serial: Serial number, 0 to 0xFFFFFF.
        seed: Seeds latencies, jitter and the number of reports of a pair.
        burst_reports: Reports per burst.
        counter: What the stimulus counter counts.
        clock_ppm: How much slower its train clock runs, in parts per million.
        mode_change_ns: How long a change of mode or waveform takes; a public client waits 12 s.
        restart_ns: From losing power to being ready again.
        jitter: Spread of di/dt as a fraction.
    """

    variant: Variant = VARIANTS["x100"]
    coil: Coil | None = COILS[72]
    serial: int = 1234
    seed: int = 0
    burst_reports: BurstReports = BurstReports.PULSE
    counter: CounterUnit = CounterUnit.PULSES
    clock_ppm: int = 0
    mode_change_ns: int = 3_000_000_000
    restart_ns: int = 4_000_000_000
    jitter: float = 0.005

    def __post_init__(self) -> None:
        """Raise ValueError for a serial number that does not fit its three bytes."""
        if not 0 <= self.serial <= MAX_SERIAL:
            raise ValueError(f"a MagPro serial number is 0 to {MAX_SERIAL}, not {self.serial}")
