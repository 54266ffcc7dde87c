"""Does what the device realised agree with what it was set to: its di/dt, and its rate?

The first pulses of a session are the measure for the di/dt of the rest: what it is per %MSO depends
on the coil and is published nowhere.  So a unit that from the first pulse on gives another di/dt
than its read-back intensity means is not noticed; that it reads back otherwise is, elsewhere.  The
rate is measured against the schedule.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

LEARNT_FROM = 3
"""The median of so many pulses is the measure; until then, of those that there are."""

TOLERANCE = 0.10
"""Relative; a working unit repeats itself far better, a knob turned by 10 % must show."""

LEAST_A_US = 3.0
"""Whole A/us are reported: below this a difference says nothing."""

RATE_TOLERANCE = 0.02
"""Relative; a working unit's clock is a thousand times better, another rate is another dose."""

LEAST_DRIFT_NS = 40_000_000
"""Reports may be so late by the line and an adapter's latency timer (16 ms) alone."""

LEAST_REPORTS = 6
"""With fewer nothing is said about the rate."""


def rate_doubt(offsets_ns: Sequence[int], seen_ns: Sequence[int]) -> str:
    """Return a sentence if the reports of a train drift away from its schedule, else "".

    The median of the last third against that of the first, and the middle third must have gone
    part of the way (0.2 to 0.8): a line that stalled at the beginning or the end is no other rate.

    Args:
        offsets_ns: When the reported pulses were due, from the first of the train.
        seen_ns: When each was reported.
    """
    third = len(seen_ns) // 3
    if len(seen_ns) < LEAST_REPORTS:
        return ""
    late = [seen - due for seen, due in zip(seen_ns, offsets_ns, strict=True)]
    first = statistics.median(late[:third])
    middle = statistics.median(late[third:-third]) - first
    drift = statistics.median(late[-third:]) - first
    span = statistics.median(offsets_ns[-third:]) - statistics.median(offsets_ns[:third])
    part = middle / drift if drift else 0.0
    if abs(drift) <= max(LEAST_DRIFT_NS, RATE_TOLERANCE * span) or not 0.2 <= part <= 0.8:  # noqa: PLR2004
        return ""
    return (
        f"the stimulator's pulses drifted by {drift / 1e6:+.0f} ms over {span / 1e9:.2f} s: it "
        "gave another rate than it was set to"
    )


class RealisedCheck:
    """Compares each reported di/dt with those at the beginning of the session."""

    def __init__(self) -> None:
        self._ratios: list[float] = []

    def doubt(self, pulse: int, intensity_pct_mso: int, a_us: int | None) -> str:
        """Return a sentence if a pulse's di/dt does not fit its intensity, else ""."""
        if a_us is None or not intensity_pct_mso:
            return ""
        known = statistics.median(self._ratios) if self._ratios else a_us / intensity_pct_mso
        if len(self._ratios) < LEARNT_FROM:
            self._ratios.append(a_us / intensity_pct_mso)
        expected = known * intensity_pct_mso
        if abs(a_us - expected) <= max(LEAST_A_US, TOLERANCE * expected):
            return ""
        return (
            f"pulse {pulse}: the stimulator gave {a_us} A/µs where {expected:.0f} A/µs belong to "
            f"{intensity_pct_mso} %MSO, as in the session's first pulses"
        )
