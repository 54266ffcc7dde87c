"""Names of drivers and emulators; what a probe says of any port; disarming first of all."""

from __future__ import annotations

import os
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import pytest

from drivers import registry
from drivers.errors import NotConnected, StopRequested
from drivers.interface import Stimulator, TrainSettings, TrainTiming
from drivers.link import WriteTimes
from drivers.magpro.codec import encode_frame
from drivers.magpro.driver import DISARM_FRAME
from drivers.magpro.emulator import MagProEmulator
from drivers.magpro.variants import VARIANTS
from drivers.probing import probe
from drivers.registry import (
    DRIVERS,
    EMULATORS,
    UnknownName,
    build_emulator,
    disarm_port,
    driver_entry,
    driver_of_emulator,
    open_port,
)
from drivers.serial_link import SerialLink
from drivers.simulator.faults import parse_fault
from drivers.simulator.hosting import Host, PtyPort, hosted_in_thread, listen
from drivers.simulator.memory_link import MemoryLink
from drivers.simulator.pulse_log import PulseLog, read_pulse_log
from drivers.socket_link import SocketLink
from drivers.witness.emulator import WitnessEmulator, WitnessOptions
from drivers.witness.reader import witness_is_heard
from protocols.pattern import Train
from tests.drivers.conformance import S, arm
from tms_console.clock import RealClock, VirtualClock

CLOCK = RealClock()


@contextmanager
def terminal(answer: bytes | None) -> Iterator[str]:
    """A pseudo-terminal on which somebody answers every read with the same bytes, or never."""
    master, slave = os.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    os.set_blocking(master, False)
    over = threading.Event()

    def talk() -> None:
        while not over.wait(0.01):
            try:
                if os.read(master, 4096) and answer is not None:
                    os.write(master, answer)
            except BlockingIOError:
                continue

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        over.set()
        thread.join()
        os.close(master)
        os.close(slave)


@pytest.fixture
def virtual(monkeypatch: pytest.MonkeyPatch) -> tuple[MagProEmulator, VirtualClock]:
    """Whatever port is opened leads to an emulator under a virtual clock."""
    device, clock = MagProEmulator(), VirtualClock()
    monkeypatch.setattr(registry, "open_port", lambda *_: MemoryLink(device, clock))
    return device, clock


# Names ---------------------------------------------------------------------------------------


def test_every_emulated_device_can_be_built_and_its_driver_opens_it() -> None:
    for name in EMULATORS:
        clock, device = VirtualClock(), build_emulator(name)
        entry = driver_entry(driver_of_emulator(name))
        link = MemoryLink(device, clock)
        with entry.open(link, clock, lambda _: None, lambda: False) as stimulator:
            found: Stimulator = stimulator
            assert found.capabilities.identity.model == device.model
    assert {f"magpro-{variant}" for variant in VARIANTS} < set(EMULATORS)


def test_unknown_names_are_answered_with_those_there_are() -> None:
    with pytest.raises(UnknownName, match=f"no driver 'magstim'; there are {', '.join(DRIVERS)}"):
        driver_entry("magstim")
    with pytest.raises(UnknownName, match="no device 'x'; there are magpro, "):
        build_emulator("x")


def test_a_built_emulator_has_its_seed_its_faults_and_its_log(tmp_path: Path) -> None:
    path = tmp_path / "pulses.jsonl"
    device = build_emulator("magpro", seed=7, faults=[parse_fault("unplug@0")], pulse_log=path)
    assert isinstance(device, MagProEmulator)
    assert device.options.seed == 7
    assert device.unplugged
    assert path.exists()
    assert not list(read_pulse_log(path))
    assert isinstance(device._pulse_log, PulseLog)
    device._pulse_log.close()


def test_open_port_tells_a_socket_from_a_terminal() -> None:
    with hosted_in_thread(listen(MagProEmulator())) as host:
        link = open_port(host.port.name, 38_400, CLOCK)
        assert isinstance(link, SocketLink)
        link.close()
    with terminal(None) as path:
        wired = open_port(path, 38_400, CLOCK)
        assert isinstance(wired, SerialLink)
        wired.close()
    with pytest.raises(NotConnected, match="only localhost"):
        open_port("192.168.0.7:7000", 38_400, CLOCK)


# Probing -------------------------------------------------------------------------------------


def test_a_probe_names_who_answers_and_leaves_it_disarmed(
    virtual: tuple[MagProEmulator, VirtualClock],
) -> None:
    device, clock = virtual
    device.panel.press_enable(enabled=True)
    report = probe("anywhere", clock)
    assert [(step.name, step.passed) for step in report.steps] == [
        ("open", True),
        ("MagVenture MagPro", True),
        ("coil", True),
        ("state", True),
    ]
    assert report.verdict == "MagPro X100, serial number 1234."
    assert report.ready
    assert report.steps[1].sentence == "MagPro X100, serial number 1234"
    assert report.identity is not None
    assert (report.driver, report.identity.serial, report.coil) == ("magpro", "1234", "C-B60")
    assert report.raw.startswith(b"\xfe")
    assert device.fired == ()
    assert not device.state().status.info.enabled


def test_a_silent_device_is_no_answer_and_one_that_is_pulled_out_is_gone(
    virtual: tuple[MagProEmulator, VirtualClock],
) -> None:
    device, clock = virtual
    device.hang()
    report = probe("anywhere", clock)
    assert (report.identity, report.raw) == (None, b"")
    assert "no answer (wrong port or cable, or the device is off)" in report.steps[-1].sentence
    device.unplug()
    assert "cable was pulled out" in probe("anywhere", clock).steps[-1].sentence


def test_a_port_that_is_not_there_stops_the_probe_at_the_first_step(tmp_path: Path) -> None:
    report = probe(str(tmp_path / "none"), CLOCK)
    (step,) = report.steps
    assert (step.name, step.passed) == ("open", False)
    assert "there is no such port" in step.sentence


def test_a_silent_port_is_said_to_be_silent() -> None:
    with terminal(None) as path:
        report = probe(path, CLOCK)
    tried = sum(entry.probed for entry in DRIVERS.values())
    assert [step.passed for step in report.steps] == [True, False] * tried
    assert all("no answer" in step.sentence for step in report.steps[1::2])
    assert report.verdict.startswith("No stimulator answers")


@pytest.mark.parametrize(
    "answer", [b"?", b"\xfe\xff\xfe\xff\x00", encode_frame(b"\x63\x01"), bytes(range(256))]
)
def test_a_foreign_device_is_said_to_answer_in_another_protocol(answer: bytes) -> None:
    """Whatever it says, the probe ends, and shows the bytes to a person."""
    with terminal(answer) as path:
        report = probe(path, CLOCK)
    assert report.identity is None
    assert "not in this protocol" in report.steps[1].sentence
    assert answer[:2] in report.raw
    assert report.verdict.startswith("Something answers that is no stimulator of a known kind")


def test_a_pulse_witness_is_told_from_a_stimulator_and_asked_only_after_it_was_heard(
    tmp_path: Path,
) -> None:
    witness = WitnessEmulator(WitnessOptions(serial="W-77"))
    with hosted_in_thread(Host(witness, PtyPort(tmp_path / "w"))):
        report = probe(str(tmp_path / "w"), CLOCK)
    assert (report.witness, report.identity, report.ready) == ("W-77", None, False)
    assert report.verdict.startswith("Pulse witness, serial number W-77: it sees pulses and gives")
    assert (report.steps[-1].name, report.steps[-1].passed) == ("pulse witness", True)


def test_a_pulse_witness_is_found_where_the_unlock_code_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMS_CONSOLE_MAGSTIM_UNLOCK_FILE", str(tmp_path / "nothing"))
    with hosted_in_thread(Host(WitnessEmulator(), PtyPort(tmp_path / "w"))):
        assert probe(str(tmp_path / "w"), CLOCK).witness == "SIM-W1"


def test_nothing_is_sent_to_who_does_not_say_that_it_is_a_witness() -> None:
    witness = WitnessEmulator()
    witness.silent = True
    clock = VirtualClock()
    link = MemoryLink(witness, clock)
    assert not witness_is_heard(link, clock, lambda: False)
    assert link.bytes_written == 0
    witness.silent = False
    assert witness_is_heard(link, clock, lambda: False)
    assert link.bytes_written == 0
    with pytest.raises(StopRequested):
        witness_is_heard(link, clock, lambda: True)


def test_a_cable_that_sends_everything_back_is_told_as_such() -> None:
    master, slave = os.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    os.set_blocking(master, False)
    over = threading.Event()

    def echo() -> None:
        while not over.wait(0.002):
            with suppress(BlockingIOError):
                os.write(master, os.read(master, 4096))

    thread = threading.Thread(target=echo)
    thread.start()
    try:
        report = probe(os.ttyname(slave), CLOCK)
    finally:
        over.set()
        thread.join()
        os.close(master)
        os.close(slave)
    assert report.identity is None
    assert report.verdict.startswith("Everything that is sent comes straight back")


def test_a_port_that_another_console_holds_is_busy() -> None:
    """Two consoles cannot take one port (pitfalls 27)."""
    with terminal(None) as path:
        held = open_port(path, 9600, CLOCK)
        try:
            report = probe(path, CLOCK)
        finally:
            held.close()
    assert [(step.name, step.passed) for step in report.steps] == [("open", False)]
    assert "another program" in report.verdict


# Disarming -----------------------------------------------------------------------------------


def test_disarming_ends_a_train_on_a_port_whose_process_died(tmp_path: Path) -> None:
    """The first act after a death: disarm is the first thing on the wire."""
    clock = RealClock()
    device = MagProEmulator()
    with hosted_in_thread(Host(device, PtyPort(tmp_path / "port"))) as host:
        link = SerialLink(host.port.name, 38_400, clock)
        entry = driver_entry("magpro")
        dying = entry.open(link, clock, lambda _: None, lambda: False)
        dying.configure(TrainSettings(Train(100, Fraction(20)), 30, TrainTiming.DEVICE))
        arm(dying, clock)
        dying.start_train(clock.now_ns() + S)
        link.close()  # as the system does when the process is killed
        begun_ns = clock.now_ns()
        words = disarm_port("magpro", host.port.name, clock)
        fired = len(device.fired)
        time.sleep(0.12)
        assert len(device.fired) == fired < 40
        assert not device.state().status.info.enabled
    assert words == f"MagPro X100 (serial number 1234) on {host.port.name} is disarmed."
    assert clock.now_ns() - begun_ns < 3 * S


def test_disarm_is_written_before_anything_is_asked(
    virtual: tuple[MagProEmulator, VirtualClock], monkeypatch: pytest.MonkeyPatch
) -> None:
    device, clock = virtual
    written: list[bytes] = []
    write = MemoryLink.write

    def noted(link: MemoryLink, data: bytes) -> WriteTimes:
        written.append(data)
        return write(link, data)

    monkeypatch.setattr(MemoryLink, "write", noted)
    device.panel.press_enable(enabled=True)
    assert "is disarmed" in disarm_port("magpro", "anywhere", clock)
    assert written[0] == DISARM_FRAME
    assert not device.state().status.info.enabled


def test_a_device_that_does_not_confirm_is_pointed_at(
    virtual: tuple[MagProEmulator, VirtualClock],
) -> None:
    device, clock = virtual
    device.hang()
    words = disarm_port("magpro", "anywhere", clock)
    assert words.startswith("disarm was sent to memory and not confirmed")
    assert words.endswith("Press the stimulator's own stop button.")


@pytest.mark.parametrize("driver", ["magpro", "magstim"])
def test_a_port_that_cannot_be_opened_is_pointed_at_too(tmp_path: Path, driver: str) -> None:
    words = disarm_port(driver, str(tmp_path / "none"), CLOCK)
    assert "could not be disarmed" in words
    assert words.endswith("Press the stimulator's own stop button.")


def test_nothing_is_disarmed_on_another_machine() -> None:
    assert "only localhost" in disarm_port("magpro", "10.0.0.7:70", CLOCK)
