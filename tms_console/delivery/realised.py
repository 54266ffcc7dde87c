"""Does the device's own di/dt agree with the intensity it was set to?

The first pulses of a session are the measure for the rest: what a unit's di/dt per %MSO is depends
on the coil and is published nowhere.
"""

from __future__ import annotations

import statistics

LEARNT_FROM = 3
"""The median of so many pulses is the measure."""

TOLERANCE = 0.10
"""Relative; a working unit repeats itself far better, a knob turned by 10 % must show."""

LEAST_A_US = 3.0
"""Whole A/us are reported: below this a difference says nothing."""


class RealisedCheck:
    """Compares each reported di/dt with those at the beginning of the session."""

    def __init__(self) -> None:
        self._ratios: list[float] = []

    def doubt(self, pulse: int, intensity_pct_mso: int, a_us: int | None) -> str:
        """Return a sentence if a pulse's di/dt does not fit its intensity, else ""."""
        if a_us is None or not intensity_pct_mso:
            return ""
        if len(self._ratios) < LEARNT_FROM:
            self._ratios.append(a_us / intensity_pct_mso)
            return ""
        expected = statistics.median(self._ratios) * intensity_pct_mso
        if abs(a_us - expected) <= max(LEAST_A_US, TOLERANCE * expected):
            return ""
        return (
            f"pulse {pulse}: the stimulator gave {a_us} A/µs where {expected:.0f} A/µs belong to "
            f"{intensity_pct_mso} %MSO, as in the session's first pulses"
        )
