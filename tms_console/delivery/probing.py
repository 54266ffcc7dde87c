"""Looking at a stimulator while no session runs: the steps of a connection, and what it says.

It asks and it disarms; nothing here can arm or fire, and a session that begins gets the port first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Literal, TypeAlias

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from drivers import registry
from drivers.errors import LinkFault, NotConnected, StimulatorError, StopRequested
from drivers.interface import DeviceStatus, Direction, Frame, Stimulator
from drivers.probing import probe
from drivers.serial_link import available_ports
from drivers.witness.lines import BAUD_RATE
from drivers.witness.reader import Witness
from tms_console.clock import RealClock
from tms_console.delivery.order import EmulatorOrder, PortOrder
from tms_console.delivery.place import CannotBegin, Place, open_place

SEE_EVERY_S = 1.0
"""How often a stimulator that is watched is asked for its state."""

MOST_RAW = 64
"""So many of the last bytes of a failed step are shown."""

BUSY = "A session is running, and nothing else touches its stimulator. Stop ends it and disarms."

_CHECKED = ConfigDict(extra="forbid")
_Device: TypeAlias = Annotated[EmulatorOrder | PortOrder, Field(discriminator="at")]


# From the window --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, config=_CHECKED)
class ListPorts:
    """Which ports does the delivering process see?  Ends a look that is in hand."""

    do: Literal["list_ports"] = "list_ports"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class LookAt:
    """Connect to a stimulator step by step, then ask it for its state until told otherwise.

    A port with no driver's name is asked first who is there.

    Attributes:
        device: Which.
        look: The window's number for this look; every message of it says it.
    """

    device: _Device
    look: int = 0
    do: Literal["look_at"] = "look_at"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class LeaveAlone:
    """Disarm and close what is looked at.

    Attributes:
        look: Which look it ends.
    """

    look: int = 0
    do: Literal["leave_alone"] = "leave_alone"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class DisarmPort:
    """Disarm whatever is on a port, in whatever state it is; a driver of "" is not known."""

    driver: str
    port: str
    do: Literal["disarm_port"] = "disarm_port"


ProbeCommand: TypeAlias = ListPorts | LookAt | LeaveAlone | DisarmPort


# From the delivering process --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, config=_CHECKED)
class Port:
    """A port that the operating system lists: what to open, and what the system calls it."""

    path: str
    description: str


@dataclass(frozen=True, slots=True, config=_CHECKED)
class PortsFound:
    """The ports; pseudo-terminals are never among them."""

    ports: tuple[Port, ...]
    say: Literal["ports_found"] = "ports_found"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class Stepped:
    """One step of a connection is done.

    Attributes:
        name: What was tried.
        passed: It worked.
        sentence: What came of it.
        raw: The last bytes that came, in hexadecimal; of a failed step alone.
        look: Of which look.
    """

    name: str
    passed: bool
    sentence: str
    raw: str = ""
    look: int = 0
    say: Literal["stepped"] = "stepped"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class Found:
    """Who answered.

    Attributes:
        model: The maker's name of it.
        serial: Its serial number, "" if it tells none.
        firmware: Its version, "" if it tells none.
        coil: Its coil, "" if none is plugged in.
        lowest_pct_mso: Lowest intensity that it takes.
        highest_pct_mso: Highest intensity that it takes.
        device_timed: It spaces the pulses of a train itself.
        proof: How it was proved to be an emulator, "" if it was not: then it is a real one.
        driver: Name of the driver that talks to it.
        look: Of which look.
    """

    model: str
    serial: str
    firmware: str
    coil: str
    lowest_pct_mso: int
    highest_pct_mso: int
    device_timed: bool
    proof: str
    driver: str = ""
    look: int = 0
    say: Literal["found"] = "found"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class Seen:
    """What a stimulator said of itself.

    Attributes:
        at_s: When, in seconds since it was looked at first.
        armed: It can fire.
        intensity_pct_mso: What it is set to.
        coil: Its coil, "" if none.
        coil_temperature_c: In whole degrees, None if it does not say.
        problem: What it reports against stimulating, "" if nothing.
        look: Of which look.
    """

    at_s: float
    armed: bool
    intensity_pct_mso: int
    coil: str
    coil_temperature_c: int | None
    problem: str
    look: int = 0
    say: Literal["seen"] = "seen"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class LeftAlone:
    """Nothing is looked at any more.

    Attributes:
        why: Why not, if it was not asked for; "" if it was.
        look: Which look is over; 0 if none was.
    """

    why: str = ""
    look: int = 0
    say: Literal["left_alone"] = "left_alone"


@dataclass(frozen=True, slots=True, config=_CHECKED)
class DisarmTried:
    """What came of disarming a port; `confirmed` only if the stimulator said so."""

    confirmed: bool
    sentence: str
    say: Literal["disarm_tried"] = "disarm_tried"


ProbeMessage: TypeAlias = PortsFound | Stepped | Found | Seen | LeftAlone | DisarmTried


class Prober:
    """Does one thing at a time with a stimulator, in a thread that nobody else waits for."""

    def __init__(self, say: Callable[[ProbeMessage], None]) -> None:
        """Take where answers go; called in whichever thread has one."""
        self._say = say
        self._halt = threading.Event()
        self._thread: threading.Thread | None = None

    def obey(self, command: ProbeCommand) -> None:
        """Begin what is asked for, in place of what is in hand; waits for nothing."""
        match command:
            case ListPorts():
                self._begin(lambda _: self._list())
            case LookAt(device, look):
                self._begin(lambda halt: self._look(device, look, halt))
            case LeaveAlone(look):
                self._begin(lambda _: self._say(LeftAlone(look=look)))
            case DisarmPort(driver, port):
                self._begin(lambda _: self._disarm(driver, port))

    def refuse(self, command: ProbeCommand) -> None:
        """Say that a session has the stimulator."""
        match command:
            case DisarmPort():
                self._say(DisarmTried(False, BUSY))
            case LookAt(look=look) | LeaveAlone(look):
                self._say(LeftAlone(BUSY, look))
            case ListPorts():
                self._say(LeftAlone(BUSY))

    def release(self) -> None:
        """Disarm and close what is looked at, and return when the port is free."""
        self._halt.set()
        thread = self._thread
        if thread is not None:
            thread.join()

    def _begin(self, work: Callable[[threading.Event], None]) -> None:
        before, halt = self._thread, threading.Event()
        self._halt.set()
        self._halt = halt

        def run() -> None:
            if before is not None:
                before.join()
            work(halt)

        self._thread = threading.Thread(target=run, name="probe")
        self._thread.start()

    def _list(self) -> None:
        found = available_ports()
        self._say(PortsFound(tuple(Port(one.path, one.description) for one in found)))

    def _disarm(self, driver: str, port: str) -> None:
        if driver:
            done = registry.try_disarm(driver, port, RealClock())
        else:
            done = registry.try_disarm_whatever(port, RealClock())
        self._say(DisarmTried(done.confirmed, done.sentence))

    def _look(self, device: EmulatorOrder | PortOrder, look: int, halt: threading.Event) -> None:
        connection = _Connection(device, halt, lambda told: self._say(replace(told, look=look)))
        try:
            why = connection.run()
        except Exception as error:  # a thread's top: a bug is told, and the window goes on
            self._say(LeftAlone(f"Looking at it failed: {type(error).__name__}: {error}", look))
            raise
        self._say(LeftAlone("" if halt.is_set() else why, look))


class _Connection:
    """One look at one stimulator, from opening to closing."""

    def __init__(
        self,
        device: EmulatorOrder | PortOrder,
        halt: threading.Event,
        say: Callable[[Stepped | Found | Seen], None],
    ) -> None:
        self._device = device
        self._halt = halt
        self._say = say
        self._received = bytearray()
        self._began_s = time.monotonic()

    def run(self) -> str:
        """Go through the steps, then watch; return why it ended."""
        try:
            if isinstance(self._device, PortOrder):
                why = self._begin_on_port(self._device)
                if why:
                    return why
        except StopRequested:
            return "Nobody was asked any more."
        place = self._open()
        if place is None:
            return "The port could not be opened."
        try:
            stimulator = self._answer(place)
        except BaseException:
            place.close()
            raise
        if stimulator is None:
            place.close()
            return "Nothing on this port answered as a stimulator does."
        try:
            with stimulator:
                return self._talk(place, stimulator)
        except StimulatorError as error:
            self._fail("Connection", str(error))
            return f"The connection was lost: {error}"

    def _begin_on_port(self, order: PortOrder) -> str:
        """See to the witness and to who is on the port; return why it does not go on.

        Raises:
            StopRequested: Nobody wants to know any more.
        """
        if order.witness:
            self._see_witness(order.witness)
        self._device = replace(order, witness=None)
        return "" if order.driver else self._find_out(order.port)

    def _see_witness(self, port: str) -> None:
        """Ask the pulse witness who it is; without one the stimulator is looked at all the same."""
        clock, name = RealClock(), "Ask the pulse witness"
        try:
            link = registry.open_port(port, BAUD_RATE, clock)
            with Witness(link, clock, self._keep, self._halt.is_set) as witness:
                self._pass(name, f"{witness.name} answers and tells its time")
        except (LinkFault, NotConnected) as error:
            self._fail(name, str(error))
        self._received.clear()

    def _find_out(self, port: str) -> str:
        """Ask the port who is there and go on with that driver; return why that is not possible.

        Raises:
            StopRequested: Nobody wants to know any more.
        """
        report = probe(port, RealClock(), self._halt.is_set)
        self._received += report.raw[-MOST_RAW:]
        if report.identity is None:
            self._fail("Find out who answers", report.verdict)
            return report.verdict
        self._pass("Find out who answers", report.verdict)
        self._device = PortOrder(driver=report.driver, port=port)
        return ""

    def _open(self) -> Place | None:
        name = self._device.port if isinstance(self._device, PortOrder) else "the emulator"
        try:
            place = open_place(self._device)
        except (StimulatorError, CannotBegin, registry.UnknownName, OSError) as error:
            self._fail("Open the port", str(error))
            return None
        self._pass("Open the port", f"{name} is open, for this program alone")
        return place

    def _answer(self, place: Place) -> Stimulator | None:
        entry = registry.driver_entry(place.driver)
        try:
            stimulator = entry.open(place.link, place.clock, self._keep, self._halt.is_set)
        except (LinkFault, NotConnected) as error:
            told = (
                "something answers, but not as this stimulator does (another device, or another "
                "baud rate)"
                if self._received
                else "nothing answers (another port, no cable, or the device is off)"
            )
            self._fail(f"Ask for {entry.title}", f"{told}: {error}")
            return None
        except StimulatorError as error:
            self._fail(f"Ask for {entry.title}", str(error))
            return None
        identity = stimulator.capabilities.identity
        serial = f", serial number {identity.serial}" if identity.serial else ""
        self._pass(f"Ask for {entry.title}", f"{identity.model}{serial}")
        return stimulator

    def _talk(self, place: Place, stimulator: Stimulator) -> str:
        proof = place.proof(stimulator)
        told = "a real stimulator: nothing proves that it is an emulator"
        self._pass("Real or simulated", told if proof is None else f"simulated: {proof.text}")
        can = stimulator.capabilities
        status = stimulator.status()
        self._pass("Read its state", _state_words(status))
        self._say(
            Found(
                model=can.identity.model,
                serial=can.identity.serial,
                firmware=can.identity.firmware,
                coil=status.coil,
                lowest_pct_mso=can.min_pct_mso,
                highest_pct_mso=can.max_pct_mso,
                device_timed=can.train_timing.value == "device",
                proof="" if proof is None else proof.text,
                driver=place.driver,
            )
        )
        while not self._halt.is_set():
            self._say(self._seen(status))
            if self._halt.wait(SEE_EVERY_S):
                break
            status = stimulator.status()
        return ""

    def _seen(self, status: DeviceStatus) -> Seen:
        return Seen(
            round(time.monotonic() - self._began_s, 3),
            status.armed,
            status.intensity_pct_mso,
            status.coil,
            status.coil_temperature_c,
            status.problem,
        )

    def _keep(self, frame: Frame) -> None:
        if frame.direction is Direction.RECEIVED:
            self._received += frame.data
            del self._received[:-MOST_RAW]

    def _pass(self, name: str, sentence: str) -> None:
        self._say(Stepped(name, True, sentence))

    def _fail(self, name: str, sentence: str) -> None:
        self._say(Stepped(name, False, sentence, bytes(self._received).hex(" ")))


def _state_words(status: DeviceStatus) -> str:
    warm = status.coil_temperature_c
    words = [
        "armed" if status.armed else "disarmed",
        f"coil {status.coil}" if status.coil else "no coil",
        "coil temperature not told" if warm is None else f"{warm} °C",
        *([status.problem] if status.problem else []),
    ]
    return ", ".join(words)
