"""The link to an emulator in this process: it waits as a port does, and costs no real time."""

from __future__ import annotations

import pytest

from drivers.errors import NotConnected
from drivers.link import Link
from drivers.magpro.codec import encode_frame
from drivers.magpro.commands import GetStatus, SetTrain, StartTrain
from drivers.magpro.emulator import MagProEmulator
from drivers.simulator.device import EmulatedDevice
from drivers.simulator.memory_link import MemoryLink
from tests.drivers.magpro_bench import MS, Bench, S
from tms_console.clock import RealClock, VirtualClock

QUERY = encode_frame(GetStatus().body)


class SilentDevice(MagProEmulator):
    """A device that will never do anything by itself."""

    def next_event_in_ns(self) -> int | None:
        return None


def test_the_emulator_and_the_link_are_what_the_interfaces_ask_for() -> None:
    device: EmulatedDevice = MagProEmulator()
    link: Link = MemoryLink(device, VirtualClock())
    assert (link.name, device.model, device.serial) == ("memory", "MagPro X100", "1234")


def test_a_read_returns_at_once_when_its_time_is_past() -> None:
    clock = VirtualClock()
    link = MemoryLink(MagProEmulator(), clock)
    assert link.read(0) == b""
    assert clock.now_ns() == 0


def test_a_read_waits_for_output_and_no_longer() -> None:
    clock = VirtualClock(7 * S)
    link = MemoryLink(MagProEmulator(), clock)
    times = link.write(QUERY)
    assert (times.before_ns, times.after_ns) == (7 * S, 7 * S)
    reply = link.read(8 * S)
    assert len(reply) == 13
    assert 20 * MS < clock.now_ns() - 7 * S < 90 * MS
    assert link.read(9 * S) == b""
    assert clock.now_ns() == 9 * S
    assert link.bytes_written == 5


def test_a_read_from_a_device_that_does_nothing_waits_until_the_end() -> None:
    clock = VirtualClock()
    assert MemoryLink(SilentDevice(), clock).read(3 * S) == b""
    assert clock.now_ns() == 3 * S


def test_time_that_passes_elsewhere_is_made_up_for_at_the_next_use() -> None:
    """The engine also waits on the clock itself; the device must not notice."""
    bench = Bench()
    bench.prepare(SetTrain(100, 10, 1, 10))
    bench.say(StartTrain())
    bench.clock.wait_until(bench.clock.now_ns() + 2 * S)
    assert bench.device.fired == ()
    bench.link.read(0)
    assert len(bench.device.fired) == 10
    assert bench.times_ns == [k * 100 * MS for k in range(10)]


def test_a_closed_link_is_not_connected_and_closing_twice_is_nothing() -> None:
    link = MemoryLink(MagProEmulator(), VirtualClock())
    link.close()
    link.close()
    with pytest.raises(NotConnected, match="closed"):
        link.read(0)
    with pytest.raises(NotConnected, match="closed"):
        link.write(QUERY)


def test_it_works_under_the_real_clock_too() -> None:
    clock = RealClock()
    link = MemoryLink(MagProEmulator(), clock)
    link.write(QUERY)
    reply, end_ns = b"", clock.now_ns() + 3 * S
    while len(reply) < 13 and clock.now_ns() < end_ns:  # a busy machine may see it in pieces
        reply += link.read(end_ns)
    assert len(reply) == 13
