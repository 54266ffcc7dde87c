"""What the made-up patient of a simulated stimulator did: read from the emulator's own pulse log.

For a computing thread; nothing here is shown, and nobody is made up on a real stimulator.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from drivers.simulator.patient import CoilPlace, VirtualPatient, responses_in
from protocols.finding_log import FindingLog
from protocols.threshold import Answer

CM = 10.0
"""A place of the grid in mm."""
DRAWN = 24
"""So many made-up patients are drawn, to take the one who is most like the last threshold."""


@lru_cache(maxsize=4)
def _patient(seed: int, near_pct_mso: int | None) -> VirtualPatient:
    """Return a made-up patient, of some the one whose threshold is nearest to a value.

    Drawing one from the population takes a moment: in the computing thread alone.
    """
    if near_pct_mso is None:
        return VirtualPatient(seed)
    drawn = [VirtualPatient(seed + number) for number in range(DRAWN)]
    return min(drawn, key=lambda one: abs(one.threshold_pct_mso - near_pct_mso))


def seen_after(log: FindingLog, path: Path, seed: int, near: int | None) -> Answer | None:
    """Return what a simulated patient did after the last stimulus, from the emulator's own log.

    Args:
        log: The series; its last stimulus is the one.
        path: Where the emulator logs what it fires.
        seed: Which made-up patient.
        near: Of some, the one whose threshold is nearest to this, in %MSO; None for the first.

    Returns:
        What was seen, None if the emulator has not fired it.
    """
    at = log.given[-1].place
    place = CoilPlace(at.column * CM, at.row * CM)
    seen = list(responses_in(path, _patient(seed, near), place))
    if len(seen) < len(log.given):
        return None
    return Answer.MOVED if seen[len(log.given) - 1].moved else Answer.STILL
