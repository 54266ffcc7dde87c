"""The one place that names concrete drivers and emulators: opening, probing and disarming ports.

Whether a session may run on what is found is not decided here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from drivers.errors import LinkFault, NotConnected, PortBusy, ProtocolError, StimulatorError
from drivers.interface import Clock, DeviceIdentity, Direction, Frame, FrameLog, Stimulator
from drivers.link import Link
from drivers.magpro import driver as magpro
from drivers.magpro.emulator import MagProEmulator
from drivers.magpro.options import Options
from drivers.magpro.variants import VARIANTS
from drivers.serial_link import SerialLink
from drivers.simulator.device import EmulatedDevice, Observers, PulseObserver
from drivers.simulator.faults import Fault
from drivers.simulator.pulse_log import PulseLog
from drivers.socket_link import SocketLink, loopback_port


class UnknownName(ValueError):
    """There is no driver or emulator of this name; the message lists those there are."""


@dataclass(frozen=True, slots=True)
class DriverEntry:
    """A driver that can be asked for by name.

    Attributes:
        name: As the command line and the record name it.
        title: For a person.
        baud_rate: Of its line.
        open: Makes a usable stimulator of an open link, or raises.
    """

    name: str
    title: str
    baud_rate: int
    open: Callable[[Link, Clock, FrameLog, Callable[[], bool]], Stimulator]


def _open_magpro(
    link: Link, clock: Clock, frame_log: FrameLog, stop_requested: Callable[[], bool]
) -> Stimulator:
    return magpro.MagProStimulator(link, clock, frame_log=frame_log, stop_requested=stop_requested)


DRIVERS = {
    "magpro": DriverEntry("magpro", "MagVenture MagPro", magpro.BAUD_RATE, _open_magpro),
}
"""Every driver by name."""

DEFAULT_EMULATOR = "magpro"

EMULATORS = {
    DEFAULT_EMULATOR: ("magpro", "x100"),
    **{f"magpro-{variant}": ("magpro", variant) for variant in VARIANTS},
}
"""Names of emulated devices: the driver that talks to them, and the variant."""


def driver_entry(name: str) -> DriverEntry:
    """Return the driver of this name.

    Raises:
        UnknownName: There is none.
    """
    if name not in DRIVERS:
        raise UnknownName(f"there is no driver {name!r}; there are {', '.join(DRIVERS)}")
    return DRIVERS[name]


def driver_of_emulator(name: str) -> str:
    """Return the name of the driver that talks to an emulated device.

    Raises:
        UnknownName: There is no such emulated device.
    """
    if name not in EMULATORS:
        raise UnknownName(f"there is no device {name!r}; there are {', '.join(EMULATORS)}")
    return EMULATORS[name][0]


def build_emulator(
    name: str,
    *,
    seed: int = 0,
    faults: Sequence[Fault] = (),
    pulse_log: Path | None = None,
    patient: PulseObserver | None = None,
) -> EmulatedDevice:
    """Build an emulated device in this process; a virtual patient under its coil sees its pulses.

    Raises:
        UnknownName: There is no such device.
        OSError: The pulse log cannot be opened.
    """
    driver_of_emulator(name)
    options = replace(Options(), variant=VARIANTS[EMULATORS[name][1]], seed=seed)
    log = None if pulse_log is None else PulseLog(pulse_log)
    both = None if log is None or patient is None else Observers(log, patient)
    return MagProEmulator(options, faults, both or log or patient)


def open_port(path: str, baud_rate: int, clock: Clock) -> Link:
    """Open a serial port, a pseudo-terminal, or `localhost:PORT` for an emulator.

    Raises:
        PortBusy: Another program holds it.
        NotConnected: It cannot be opened.
    """
    number = loopback_port(path)
    if number is not None:
        return SocketLink(path, number, clock)
    return SerialLink(path, baud_rate, clock)


@dataclass(frozen=True, slots=True)
class Disarmed:
    """What came of disarming a port.

    Attributes:
        confirmed: The stimulator said that it is disarmed.
        sentence: It in words.
    """

    confirmed: bool
    sentence: str


def disarm_port(driver: str, path: str, clock: Clock) -> str:
    """Open a port and disarm what is there, whatever state it is in; return what happened."""
    return try_disarm(driver, path, clock).sentence


def try_disarm(driver: str, path: str, clock: Clock) -> Disarmed:
    """Open a port and disarm what is there, whatever state it is in.

    The first act after a delivering process died: disarm may be sent at any time, to anything.
    """
    try:
        entry = driver_entry(driver)
        link = open_port(path, entry.baud_rate, clock)
    except (UnknownName, StimulatorError) as error:
        words = f"{path} could not be disarmed: {error}. Press the stimulator's own stop button."
        return Disarmed(False, words)
    with contextlib.closing(link):
        return _disarm_link(entry, link, clock)


def _disarm_link(entry: DriverEntry, link: Link, clock: Clock) -> Disarmed:
    """Write disarm at once: a driver that opens asks who is there first, and that takes time."""
    try:
        link.write(magpro.DISARM_FRAME)
        with entry.open(link, clock, _unlogged, _never) as stimulator:
            stimulator.disarm()
            identity = stimulator.capabilities.identity
    except StimulatorError as error:
        return Disarmed(
            False,
            f"disarm was sent to {link.name} and not confirmed: {error}. "
            "Press the stimulator's own stop button.",
        )
    unit = f"{identity.model} (serial number {identity.serial})"
    return Disarmed(True, f"{unit} on {link.name} is disarmed.")


def _unlogged(frame: Frame) -> None:
    """Outside a session there is no record to log to."""


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """One step of finding out what is on a port.

    Attributes:
        name: What was tried.
        passed: It worked.
        sentence: What came of it.
    """

    name: str
    passed: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What was found on one port.

    Attributes:
        path: The port.
        steps: The steps up to the one that failed, or all.
        driver: Name of the driver that got an answer, "" if none did.
        identity: Who answered, None if nobody did.
        coil: Its coil, "" if none.
        raw: The bytes that came, for a person to look at.
    """

    path: str
    steps: tuple[ProbeStep, ...]
    driver: str = ""
    identity: DeviceIdentity | None = None
    coil: str = ""
    raw: bytes = b""


def probe(path: str, clock: Clock) -> ProbeReport:
    """Find out what is on a port, step by step, with queries and disarm only."""
    steps: list[ProbeStep] = []
    received = bytearray()

    def keep(frame: Frame) -> None:
        if frame.direction is Direction.RECEIVED:
            received.extend(frame.data)

    for entry in DRIVERS.values():
        try:
            link = open_port(path, entry.baud_rate, clock)
        except StimulatorError as error:
            return ProbeReport(path, (ProbeStep("open", False, str(error)),))
        steps.append(ProbeStep("open", True, f"opened at {entry.baud_rate} baud"))
        try:
            with entry.open(link, clock, keep, _never) as stimulator:
                found = stimulator.capabilities
        except (LinkFault, NotConnected) as error:
            why = _why_silent(error, bytes(received))
            steps.append(ProbeStep(entry.title, False, why))
            continue
        words = f"{found.identity.model}, serial number {found.identity.serial}"
        steps.append(ProbeStep(entry.title, True, words))
        return ProbeReport(
            path, tuple(steps), entry.name, found.identity, found.coil, bytes(received)
        )
    return ProbeReport(path, tuple(steps), raw=bytes(received))


def _why_silent(error: StimulatorError, received: bytes) -> str:
    if isinstance(error, PortBusy | NotConnected):
        return str(error)
    if isinstance(error, ProtocolError) or received:
        return f"something answers, but not in this protocol (wrong device or baud rate): {error}"
    return f"no answer (wrong port or cable, or the device is off): {error}"
