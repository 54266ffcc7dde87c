"""The byte link between a driver and a stimulator: what a driver may ask of it, and no more.

Concrete links are `drivers.serial_link` (a serial port or pseudo-terminal) and
`drivers.simulator.memory_link` (an emulator in this process).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class WriteTimes:
    """When a write was handed to the operating system.

    Attributes:
        before_ns: Clock just before the write.
        after_ns: Clock just after it returned.
    """

    before_ns: int
    after_ns: int


class Link(Protocol):
    """A stream of bytes to one device.  One thread opens, uses and closes it."""

    @property
    def name(self) -> str:
        """What a person calls it: the port's path, or `memory`."""
        ...

    @property
    def bytes_written(self) -> int:
        """Bytes written since it was opened; the proof of simulation counts with it."""
        ...

    def write(self, data: bytes) -> WriteTimes:
        """Write all of it at once and return when that happened.

        Raises:
            NotConnected: The device is gone, or does not take bytes.
        """
        ...

    def read(self, until_ns: int) -> bytes:
        """Return what has arrived, waiting at most until the clock shows `until_ns`.

        Returns as soon as anything is there; b"" when the time has passed; at once when
        `until_ns` is not in the future.

        Raises:
            NotConnected: The device is gone.
        """
        ...

    def close(self) -> None:
        """Release the port.  Any number of times."""
        ...
