"""The named faults of an emulated stimulator, and when each happens.

What a fault does is in the emulators; here it is a word, a pulse and perhaps an amount.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class FaultName(StrEnum):
    """What can go wrong."""

    SWALLOW_REPLY = "swallow_reply"
    """The next frame is not sent."""
    CORRUPT_REPLY = "corrupt_reply"
    """The next frame has a wrong bit."""
    LATE_REPLY = "late_reply"
    """The line is silent for 300 ms before the next frame; later ones queue behind it."""
    DROP_PULSE = "drop_pulse"
    """The pulse is not fired, not counted and not reported; the train goes on in time."""
    EXTRA_PULSE = "extra_pulse"
    """One more pulse 7 ms after the pulse, counted and reported."""
    WRONG_INTENSITY = "wrong_intensity"
    """From that pulse on the amplitude differs, and no frame says so unasked."""
    COIL_HOT = "coil_hot"
    """The coil is at 41 degrees or more: disarmed."""
    COIL_REMOVED = "coil_removed"
    """The coil is pulled out: disarmed."""
    INTERLOCK_OPEN = "interlock_open"
    """The interlock opens: disarmed."""
    HANG = "hang"
    """No answers and no reports any more; the train in hand goes on."""
    UNPLUG = "unplug"
    """The cable is pulled out; the train in hand goes on."""
    RESTART = "restart"
    """Power is lost and comes back: default settings, disarmed."""
    PANEL_CHANGE = "panel_change"
    """Somebody turns the knob; the device says so."""


FRAME_FAULTS = frozenset({FaultName.SWALLOW_REPLY, FaultName.CORRUPT_REPLY, FaultName.LATE_REPLY})
LATE_REPLY_NS = 300_000_000
EXTRA_PULSE_AFTER_NS = 7_000_000
DEFAULT_AMOUNT = {FaultName.WRONG_INTENSITY: -10, FaultName.PANEL_CHANGE: 5}
"""Amount in %MSO of the faults that have one."""

_NEEDS_A_PULSE = frozenset({FaultName.DROP_PULSE, FaultName.EXTRA_PULSE})
_SPEC = re.compile(r"(?P<name>[a-z_]+)(?::(?P<amount>[+-]?\d{1,3}))?@(?P<pulse>\d{1,9})")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault and when it happens.

    Attributes:
        name: What goes wrong.
        pulse: At the device's own pulse of this number in this run, from 1; 0 is before the first.
        amount_pct_mso: By how much, for the faults that have an amount.
    """

    name: FaultName
    pulse: int
    amount_pct_mso: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError for a fault that cannot happen."""
        lowest = 1 if self.name in _NEEDS_A_PULSE else 0
        if self.pulse < lowest:
            raise ValueError(f"{self.name} happens at pulse {lowest} or later, not {self.pulse}")


def parse_fault(text: str) -> Fault:
    """Return the fault that a word such as `drop_pulse@12` or `panel_change:-5@40` names.

    Raises:
        ValueError: No such fault; the message lists those there are.
    """
    allowed = ", ".join(FaultName)
    spec = _SPEC.fullmatch(text.strip())
    if spec is None:
        raise ValueError(f"fault {text!r} is not NAME@PULSE; NAME is one of {allowed}")
    if spec["name"] not in set(FaultName):
        raise ValueError(f"there is no fault {spec['name']!r}; there are {allowed}")
    name = FaultName(spec["name"])
    amount = DEFAULT_AMOUNT.get(name, 0)
    if spec["amount"] is not None:
        if name not in DEFAULT_AMOUNT:
            raise ValueError(f"{name} has no amount; {', '.join(DEFAULT_AMOUNT)} have one")
        amount = int(spec["amount"])
        if not amount:
            raise ValueError(f"{name} needs an amount other than 0 %MSO")
    return Fault(name, int(spec["pulse"]), amount)


class FaultPlan:
    """The faults that have not happened yet; each happens once."""

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self._waiting: dict[int, list[Fault]] = {}
        for fault in faults:
            self._waiting.setdefault(fault.pulse, []).append(fault)

    def take(self, pulse: int, *names: FaultName) -> list[Fault]:
        """Return the faults of those names that happen at this pulse; they are then done."""
        due = self._waiting.get(pulse)
        if not due:
            return []
        taken = [fault for fault in due if fault.name in names]
        for fault in taken:
            due.remove(fault)
        return taken
