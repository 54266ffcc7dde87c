"""What a host of an emulated stimulator sees of it, and the pulses it fired.

How a device behaves is in its emulator; where the bytes come from is the host's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Source(StrEnum):
    """What set a pulse off."""

    SERIAL = "serial"
    TRAIN = "train"
    PANEL = "panel"
    FOOT_SWITCH = "foot_switch"
    TTL = "ttl"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class FiredPulse:
    """A pulse that the emulated device gave.

    Attributes:
        number: The device's own count in this run, from 1.
        at_ns: When, on the device's clock.
        intensity_pct_mso: The amplitude it really had.
        a_us: Its di/dt in A/us.
        source: What set it off.
    """

    number: int
    at_ns: int
    intensity_pct_mso: int
    a_us: int
    source: Source


class PulseObserver(Protocol):
    """Something that sees every pulse an emulator fires, before its report leaves."""

    def write(self, pulse: FiredPulse) -> None:
        """Take a pulse."""
        ...


class Observers:
    """Several observers as one; a pulse reaches them in their order."""

    def __init__(self, *observers: PulseObserver) -> None:
        self._observers = observers

    def write(self, pulse: FiredPulse) -> None:
        """Hand a pulse to each."""
        for observer in self._observers:
            observer.write(pulse)


class EmulatedDevice(Protocol):
    """The device's side of a byte link, with its own clock; one thread uses it."""

    @property
    def model(self) -> str:
        """What it emulates, in words."""
        ...

    @property
    def serial(self) -> str:
        """The serial number, as the driver reads it over the port."""
        ...

    @property
    def bytes_received(self) -> int:
        """Bytes that the host has written so far; the proof of simulation counts with it."""
        ...

    @property
    def unplugged(self) -> bool:
        """True once its cable was pulled out."""
        ...

    @property
    def fired(self) -> tuple[FiredPulse, ...]:
        """The pulses given so far: the ground truth."""
        ...

    @property
    def pulses_fired(self) -> int:
        """How many they are."""
        ...

    def now_ns(self) -> int:
        """Return its clock: nanoseconds since the emulation began."""
        ...

    def advance(self, dt_ns: int) -> None:
        """Let time pass; every internal event happens at its exact time."""
        ...

    def next_event_in_ns(self) -> int | None:
        """Return how far off the next thing is that it does by itself, None if there is nothing.

        A pulse, a frame that becomes due, and the moment when a frame has left completely are such
        things; 0 means that output is waiting to be taken.
        """
        ...

    def receive(self, data: bytes) -> None:
        """Take bytes that the host has just written; they arrive at the speed of the line."""
        ...

    def take_output(self) -> bytes:
        """Return the bytes that have left since the last call, b"" if there are none."""
        ...
