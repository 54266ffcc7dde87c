"""What may be claimed of a train whose device reports no pulses: only its running was seen.

Pure rules.  A Magstim says nothing of its pulses (stimulators.md 1.7), so a train is believed to be
the one that was read back while it was seen to run, and to be whole if its end was seen in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FIRST_PULSE_NS = 15_000_000
"""From a start command to its first pulse at the latest: published are 4.5 to 6 ms for a Rapid² and
10 ± 1.5 ms for the slowest unit (stimulators.md 6); the rest is the computer's way to the port."""

LOOK_NS = 60_000_000
"""What one look takes: a query of 3 bytes, an answer of 24 at 9600 baud, and some 12 ms between
(stimulators.md 1.1 and 1.8).  Nothing shorter can be told apart."""

LATE_NS = 250_000_000
"""The end may be seen so long after its time: a look may just have been begun (60 ms), an answer
may be lost and asked for anew (140 ms), and the next look comes 40 ms later."""

UNSEEN_NS = 250_000_000
"""So long before its last pulse a train must have been seen to run, however slow it is: looks come
every 40 ms from 150 ms before, and one answer may be lost there."""

DRIFT_PARTS = 1_000
"""The device's clock may be off by one part in so many, as in `matching`."""


@dataclass(frozen=True, slots=True)
class Watched:
    """How a train without reports was seen.  Times are from its start command.

    Attributes:
        offsets_ns: Due times of its pulses from the first.
        period_ns: From one pulse to the next; the program ends so long after its last pulse.
        running_ns: The last time at which it was known to run, None if it never was.
        ended_ns: When it was first seen to be over, None if it was not.
    """

    offsets_ns: Sequence[int]
    period_ns: int
    running_ns: int | None
    ended_ns: int | None

    @property
    def last_ns(self) -> int:
        """When its last pulse is due."""
        return self.offsets_ns[-1]

    @property
    def program_ns(self) -> int:
        """How long its program lasts by the device's slowest clock that is believed."""
        nominal_ns = self.last_ns + self.period_ns
        return nominal_ns + nominal_ns // DRIFT_PARTS + FIRST_PULSE_NS

    @property
    def awaited_ns(self) -> int:
        """Until when its end is waited for."""
        return self.program_ns + LATE_NS

    @property
    def resolution_ns(self) -> int:
        """How much too early an end cannot be told from the program's: one period, or one look.

        Whether a unit says that a train is over at its last pulse or one period later is published
        nowhere (stimulators.md 1.7 names the bit alone).  A slow train is looked at often enough
        near its end that a whole period is never left unseen.
        """
        return min(max(self.period_ns, LOOK_NS), UNSEEN_NS)


@dataclass(frozen=True, slots=True)
class Judged:
    """What was seen of the train is worth.

    Attributes:
        vouched_ns: Pulses due up to then after the first are inferred; None for none of them.
        doubt: What forbids going on, to be read after "train N", or "".
    """

    vouched_ns: int | None
    doubt: str


def vouched_while_running(running_ns: int | None) -> int | None:
    """Return up to which offset pulses were given for certain before a time at which it ran.

    Its clock may be slow.
    """
    if running_ns is None or running_ns < FIRST_PULSE_NS:
        return None
    return running_ns - FIRST_PULSE_NS - running_ns // DRIFT_PARTS


def judge(seen: Watched) -> Judged:
    """Return what may be claimed of a train that was started once and not cut by the session.

    Whole: seen to run at its end within `resolution_ns`, over not before its last pulse was due,
    and seen to be over at most `LATE_NS` after its program.  A train that runs on after its program
    is not the one that was set, so nothing of it is claimed.
    """
    running_ns, ended_ns = seen.running_ns, seen.ended_ns
    if running_ns is not None and running_ns > seen.program_ns + LOOK_NS:
        late_s = (running_ns - seen.program_ns) / 1e9
        return _doubt(seen, None, f"was still running {late_s:.2f} s after its time")
    vouched_ns = vouched_while_running(running_ns)
    if ended_ns is not None and ended_ns < seen.last_ns:
        early_s = (seen.last_ns - ended_ns) / 1e9
        return _doubt(seen, vouched_ns, f"ended {early_s:.2f} s too early at the stimulator")
    if ended_ns is None or ended_ns > seen.awaited_ns:
        return _doubt(seen, vouched_ns, "was not seen to end at its time")
    if running_ns is None or running_ns < seen.last_ns - seen.resolution_ns:
        return _doubt(seen, vouched_ns, "was not seen to run to its end")
    return Judged(seen.last_ns, "")


def _doubt(seen: Watched, vouched_ns: int | None, words: str) -> Judged:
    total = len(seen.offsets_ns)
    known = sum(vouched_ns is not None and one <= vouched_ns for one in seen.offsets_ns)
    return Judged(
        vouched_ns,
        f"{words}: {known} of its {total} pulses were due while it was seen to run, and nobody "
        "knows of the others",
    )
