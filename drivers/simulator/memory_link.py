"""A byte link to an emulator that this process built, under the real or the virtual clock.

One thread uses link and clock.  The device is advanced only when the link is used: nothing else
touches it, so it cannot tell the difference.
"""

from __future__ import annotations

from drivers.errors import NotConnected
from drivers.interface import Clock
from drivers.link import WriteTimes
from drivers.simulator.device import EmulatedDevice


class MemoryLink:
    """Joins a driver and an emulated device; satisfies `drivers.link.Link`."""

    name = "memory"

    def __init__(self, device: EmulatedDevice, clock: Clock) -> None:
        self._device = device
        self._clock = clock
        self._seen_ns = clock.now_ns()
        self._closed = False
        self.bytes_written = 0

    def write(self, data: bytes) -> WriteTimes:
        """Hand all of it to the device, which gets it at the speed of its line.

        Raises:
            NotConnected: The cable was pulled out, or the link is closed.
        """
        before_ns = self._catch_up()
        self._device.receive(data)
        self.bytes_written += len(data)
        return WriteTimes(before_ns, self._clock.now_ns())

    def read(self, until_ns: int) -> bytes:
        """Return what has arrived, waiting at most until the clock shows `until_ns`.

        Raises:
            NotConnected: The cable was pulled out, or the link is closed.
        """
        while True:
            now_ns = self._catch_up()
            output = self._device.take_output()
            if output or now_ns >= until_ns:
                return output
            event_in_ns = self._device.next_event_in_ns()
            wake_ns = until_ns if event_in_ns is None else min(until_ns, now_ns + event_in_ns)
            self._clock.rest_until(wake_ns)

    def close(self) -> None:
        """Let go of the device, which keeps its state; any number of times."""
        self._closed = True

    def _catch_up(self) -> int:
        """Advance the device to the clock and return that time."""
        if self._closed:
            raise NotConnected("memory: the link is closed")
        now_ns = self._clock.now_ns()
        self._device.advance(now_ns - self._seen_ns)
        self._seen_ns = now_ns
        if self._device.unplugged:
            raise NotConnected("memory: the stimulator's cable was pulled out")
        return now_ns
