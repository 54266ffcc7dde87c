"""Finding out who is on a port, and in one sentence why nobody can be found there.

It asks and it disarms; which drivers there are is in `registry`.  Where no stimulator answers it
listens for a pulse witness, which speaks by itself: nothing more is sent to who is not known.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import IntEnum

from drivers import registry
from drivers.errors import (
    LinkFault,
    Locked,
    NotConnected,
    PortBusy,
    StimulatorError,
)
from drivers.interface import (
    Clock,
    DeviceIdentity,
    DeviceStatus,
    Direction,
    Frame,
    Stimulator,
)
from drivers.registry import DRIVERS, DriverEntry
from drivers.witness.lines import BAUD_RATE
from drivers.witness.reader import Witness, witness_is_heard


class Found(IntEnum):
    """How much was found; of several drivers that tried, the highest is told."""

    SILENT = 0
    FOREIGN = 1
    ECHO = 2
    LOCKED = 3
    GONE = 4
    BUSY = 5
    ANSWERED = 6


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """One step of finding out what is on a port.

    Attributes:
        name: What was tried.
        passed: It worked.
        sentence: What came of it.
        raw: The bytes that came in it.
    """

    name: str
    passed: bool
    sentence: str
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What was found on one port.

    Attributes:
        path: The port.
        verdict: It in one sentence: who answers, or the step that failed and what to do.
        steps: The steps up to the one that failed, or all.
        driver: Name of the driver that got an answer, "" if none did.
        identity: Who answered, None if nobody did.
        coil: Its coil, "" if none.
        problem: What it reports against stimulating, "" if nothing.
        raw: The bytes that came, for a person to look at.
        witness: Serial number of the pulse witness that is there instead, "" if none is.
    """

    path: str
    verdict: str
    steps: tuple[ProbeStep, ...]
    driver: str = ""
    identity: DeviceIdentity | None = None
    coil: str = ""
    problem: str = ""
    raw: bytes = b""
    witness: str = ""

    @property
    def ready(self) -> bool:
        """True if somebody answered, with a coil and without a problem."""
        return self.identity is not None and bool(self.coil) and not self.problem


@dataclass(slots=True)
class _Heard:
    """What passed while one driver tried."""

    sent: bytearray = field(default_factory=bytearray)
    received: bytearray = field(default_factory=bytearray)

    def keep(self, frame: Frame) -> None:
        """Take a frame from the driver's log."""
        way = self.sent if frame.direction is Direction.SENT else self.received
        way.extend(frame.data)

    @property
    def echoed(self) -> bool:
        """True if what came is what was sent, or its beginning."""
        heard = bytes(self.received)
        return len(heard) >= LEAST_ECHO and heard in bytes(self.sent)


WITNESS_USE = (
    "it sees pulses and gives none; name its port beside the one of the stimulator whose trigger "
    "output it is on."
)
LEAST_ECHO = 3
"""The shortest request of any driver: as many bytes of it come back by chance in no reply."""

OPEN = "open"
WITNESS = "pulse witness"

WORDS = {
    Found.SILENT: "No stimulator answers: it is off, or this is another port or cable. A Rapid² "
    "with software 9 or above is silent too until its unlock code is right.",
    Found.FOREIGN: "Something answers that is no stimulator of a known kind: another device, or "
    "another baud rate.",
    Found.ECHO: "Everything that is sent comes straight back: the cable joins its two lines.",
}


def probe(
    path: str, clock: Clock, stop_requested: Callable[[], bool] = lambda: False
) -> ProbeReport:
    """Find out what is on a port, step by step, with queries and disarm only.

    Raises:
        StopRequested: It was asked for meanwhile.
    """
    steps: list[ProbeStep] = []
    raw = bytearray()
    most, words = Found.SILENT, ""
    for entry in DRIVERS.values():
        if not entry.probed:
            continue
        heard = _Heard()
        try:
            link = registry.open_port(path, entry.baud_rate, clock)
        except StimulatorError as error:
            return ProbeReport(path, f"{error}", (ProbeStep(OPEN, False, str(error)),))
        steps.append(ProbeStep(OPEN, True, f"opened at {entry.baud_rate} baud"))
        try:
            with entry.open(link, clock, heard.keep, stop_requested) as stimulator:
                return _answered(path, entry, stimulator, heard, tuple(steps))
        except (LinkFault, NotConnected) as error:
            found, why = _why(error, heard)
            steps.append(ProbeStep(entry.title, False, why, bytes(heard.received)))
            raw += heard.received
            if found > most:
                most, words = found, why
    if most in {Found.SILENT, Found.FOREIGN, Found.GONE}:  # gone: perhaps only the unlock code is
        heard = _Heard()
        if serial := _witness(path, clock, heard, stop_requested):
            told = f"Pulse witness, serial number {serial}"
            came = bytes(heard.received)
            steps.append(ProbeStep(WITNESS, True, told, came))
            verdict = f"{told}: {WITNESS_USE}"
            return ProbeReport(path, verdict, tuple(steps), raw=came, witness=serial)
    verdict = WORDS.get(most, words)
    return ProbeReport(path, verdict, tuple(steps), raw=bytes(raw))


def _witness(path: str, clock: Clock, heard: _Heard, stop_requested: Callable[[], bool]) -> str:
    """Return the serial number of the pulse witness on a port, "" if none is.

    It is asked who it is only after it was heard.

    Raises:
        StopRequested: It was asked for meanwhile.
    """
    try:
        link = registry.open_port(path, BAUD_RATE, clock)
        with contextlib.closing(link):
            if not witness_is_heard(link, clock, stop_requested):
                return ""
            with Witness(link, clock, heard.keep, stop_requested) as witness:
                return witness.serial
    except (LinkFault, NotConnected):
        return ""


def _answered(
    path: str,
    entry: DriverEntry,
    stimulator: Stimulator,
    heard: _Heard,
    steps: tuple[ProbeStep, ...],
) -> ProbeReport:
    """Return what a stimulator says of itself, once a driver has opened it."""
    can = stimulator.capabilities
    status = stimulator.status()
    identity = can.identity
    if entry.label_decides:
        identity = replace(identity, model="Magstim Rapid² or Horizon")
    words = _identity_words(entry, identity)
    told = (
        *steps,
        ProbeStep(entry.title, True, words, bytes(heard.received)),
        ProbeStep("coil", bool(status.coil), _coil_words(status, named=can.names_coil)),
        ProbeStep("state", not status.problem, status.problem or "no error"),
    )
    lacking = [] if status.coil else ["No coil is connected."]
    lacking += [status.problem] if status.problem else []
    return ProbeReport(
        path,
        " ".join((f"{words}.", *lacking)),
        told,
        entry.name,
        identity,
        status.coil,
        status.problem,
        bytes(heard.received),
    )


def _identity_words(entry: DriverEntry, identity: DeviceIdentity) -> str:
    if entry.label_decides:
        return (
            f"{identity.model}, software {identity.firmware}; model and mains voltage are on its "
            f"label and not told: until they are chosen the lowest limits count ({entry.title})"
        )
    number = identity.serial
    told = f"serial number {number}" if number else "which does not tell its serial number"
    return f"{identity.model}, {told}"


def _coil_words(status: DeviceStatus, *, named: bool) -> str:
    if not status.coil:
        return "no coil is connected"
    return f"coil {status.coil}" if named else "a coil is connected; which one is not told"


def _why(error: StimulatorError, heard: _Heard) -> tuple[Found, str]:
    """Return how much was found, and why it is not usable."""
    match error:
        case PortBusy():
            return Found.BUSY, str(error)
        case Locked():
            return Found.LOCKED, str(error)
        case NotConnected():
            return Found.GONE, str(error)
    if heard.echoed:
        return Found.ECHO, f"everything that was sent came straight back (wrong cable): {error}"
    if heard.received:
        words = "something answers, but not in this protocol (wrong device or baud rate)"
        return Found.FOREIGN, f"{words}: {error}"
    return Found.SILENT, f"no answer (wrong port or cable, or the device is off): {error}"
