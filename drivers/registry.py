"""The one place that names concrete drivers and emulators: opening and disarming ports.

Who is on a port is found out in `probing`; whether a session may run is not decided here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from drivers.errors import NotConnected, StimulatorError
from drivers.interface import Clock, Frame, FrameLog, Stimulator, TimedTrain
from drivers.link import Link
from drivers.magpro import driver as magpro
from drivers.magpro.emulator import MagProEmulator
from drivers.magpro.options import Options
from drivers.magpro.variants import VARIANTS
from drivers.magstim import driver as magstim
from drivers.magstim.capability import (
    why_not_in_sequence,
    why_not_rapid,
    why_not_recharged,
    why_not_single,
)
from drivers.magstim.dialect import LOCKED_FROM, Dialect, Family
from drivers.magstim.emulator import MagstimEmulator
from drivers.magstim.options import VARIANTS as MAGSTIM_VARIANTS
from drivers.magstim.rapid import RapidStimulator
from drivers.magstim.requests import UnlockCode
from drivers.magstim.single import SingleStimulator
from drivers.magstim.tables import Mains, RapidModel, RapidUnit
from drivers.magstim.unlock import stored_code
from drivers.serial_link import SerialLink
from drivers.simulator.device import EmulatedDevice, Observers, PulseObserver
from drivers.simulator.faults import Fault
from drivers.simulator.pulse_log import PulseLog
from drivers.socket_link import SocketLink, loopback_port
from protocols.pattern import Train


class UnknownName(ValueError):
    """There is no driver or emulator of this name; the message lists those there are."""


@dataclass(frozen=True, slots=True)
class AtBest:
    """What no unit of a kind makes, as `Capabilities.refusal` and `sequence_refusal` say it."""

    refusal: Callable[[Train, int], str | None]
    sequence_refusal: Callable[[Sequence[TimedTrain]], str | None]


@dataclass(frozen=True, slots=True)
class DriverEntry:
    """A driver that can be asked for by name.

    Attributes:
        name: As the command line and the record name it.
        title: For a person.
        baud_rate: Of its line.
        open: Makes a usable stimulator of an open link, or raises.
        disarm_frame: Disarms such a unit, whatever it is doing.
        reviewed: This driver was reviewed for treating patients.  Without it the gate gives no
            treatment with a real unit; a proved emulator may be rehearsed on.
        names_coil: Such a unit says which coil is connected; else somebody must state it.
        reports_pulses: Such a unit reports its pulses, or its bursts.
        probed: Ports are searched with it; False if another driver finds the same units.
        label_decides: The unit does not tell its model and mains voltage, and its limits depend on
            them: they are what was chosen by this entry, from the label.
        at_best: What no such unit makes, whatever its software; known before one is opened. None if
            all of it depends on what a unit says of itself.
    """

    name: str
    title: str
    baud_rate: int
    open: Callable[[Link, Clock, FrameLog, Callable[[], bool]], Stimulator]
    disarm_frame: bytes
    reviewed: bool
    names_coil: bool
    reports_pulses: bool
    probed: bool = True
    label_decides: bool = False
    at_best: AtBest | None = None


def _open_magpro(
    link: Link, clock: Clock, frame_log: FrameLog, stop_requested: Callable[[], bool]
) -> Stimulator:
    return magpro.MagProStimulator(link, clock, frame_log=frame_log, stop_requested=stop_requested)


MAGSTIM_REVIEWED = False
"""No Magstim driver was ever run on a real unit: all of it rests on public clients' reading of the
protocol (stimulators.md 1).  Whoever sets this has reviewed driver and evidence on the bench."""


def _magstim_entry(
    name: str,
    title: str,
    open_it: Callable[[Link, Clock, FrameLog, Callable[[], bool]], Stimulator],
    at_best: AtBest,
) -> DriverEntry:
    return DriverEntry(
        name,
        title,
        magstim.BAUD_RATE,
        open_it,
        magstim.DISARM_FRAME,
        reviewed=MAGSTIM_REVIEWED,
        names_coil=False,
        reports_pulses=False,
        at_best=at_best,
    )


def _rapid_entry(name: str, model: RapidModel, mains: Mains) -> DriverEntry:
    """Return the driver of a Rapid²: model and mains are on its label, not on the wire.

    Without a stored unlock code the emulators' own is tried, which opens no real unit.
    """

    def open_it(
        link: Link, clock: Clock, frame_log: FrameLog, stop_requested: Callable[[], bool]
    ) -> Stimulator:
        return RapidStimulator(
            link,
            clock,
            model=model,
            mains=mains,
            code=_code_or_close(link),
            frame_log=frame_log,
            stop_requested=stop_requested,
        )

    unit = RapidUnit(model, mains, Dialect(Family.RAPID, LOCKED_FROM))
    at_best = AtBest(partial(why_not_rapid, unit), partial(why_not_in_sequence, unit))
    entry = _magstim_entry(name, unit.name, open_it, at_best)
    return replace(entry, probed=name == LOWEST_RAPID, label_decides=True)


def _code_or_close(link: Link) -> UnlockCode:
    """Return the stored unlock code; without a usable one the link is closed, as by a driver."""
    try:
        return stored_code()
    except NotConnected:
        link.close()
        raise


def _single_entry(name: str, family: Family) -> DriverEntry:
    def open_it(
        link: Link, clock: Clock, frame_log: FrameLog, stop_requested: Callable[[], bool]
    ) -> Stimulator:
        return SingleStimulator(
            link, clock, family, frame_log=frame_log, stop_requested=stop_requested
        )

    at_best = AtBest(partial(why_not_single, family), partial(why_not_recharged, family))
    return _magstim_entry(name, f"Magstim {family}", open_it, at_best)


LOWEST_RAPID = "rapid2-115v"
"""What is taken for a Rapid² whose label nobody has read: no model has lower limits (1.10), so a
train that is allowed by them is one that the unit can make."""

_RAPIDS = {
    "rapid2": (RapidModel.RAPID, Mains.V240),
    "rapid2-115v": (RapidModel.RAPID, Mains.V115),
    "super-rapid2": (RapidModel.SUPER, Mains.V240),
    "super-rapid2-115v": (RapidModel.SUPER, Mains.V115),
    "super-rapid2-plus": (RapidModel.SUPER_PLUS, Mains.V240),
    "super-rapid2-plus-115v": (RapidModel.SUPER_PLUS, Mains.V115),
    "horizon": (RapidModel.HORIZON, Mains.V240),
}

DRIVERS = {
    "magpro": DriverEntry(
        "magpro",
        "MagVenture MagPro",
        magpro.BAUD_RATE,
        _open_magpro,
        magpro.DISARM_FRAME,
        reviewed=True,
        names_coil=True,
        reports_pulses=True,
    ),
    **{name: _rapid_entry(name, *label) for name, label in _RAPIDS.items()},
    "bistim2": _single_entry("bistim2", Family.BISTIM),
    "magstim200": _single_entry("magstim200", Family.MAGSTIM_200),
}
"""Every driver by name.  Ports are searched in this order: a 200² takes what a BiStim² takes."""

DEFAULT_EMULATOR = "magpro"

EMULATORS = {
    DEFAULT_EMULATOR: ("magpro", "x100"),
    **{f"magpro-{variant}": ("magpro", variant) for variant in VARIANTS},
    **{
        variant: (variant if variant in DRIVERS else "rapid2", variant)
        for variant in MAGSTIM_VARIANTS
    },
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
    variant = EMULATORS[name][1]
    log = None if pulse_log is None else PulseLog(pulse_log)
    both = None if log is None or patient is None else Observers(log, patient)
    seen_by = both or log or patient
    if variant in MAGSTIM_VARIANTS:
        return MagstimEmulator(replace(MAGSTIM_VARIANTS[variant], seed=seed), faults, seen_by)
    return MagProEmulator(replace(Options(), variant=VARIANTS[variant], seed=seed), faults, seen_by)


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


def try_disarm_whatever(path: str, clock: Clock) -> Disarmed:
    """Open a port and disarm whatever is there, when nobody knows which stimulator it is."""
    answers = []
    for name, entry in DRIVERS.items():
        if entry.probed:
            done = try_disarm(name, path, clock)
            if done.confirmed:
                return done
            answers.append(done)
    return answers[-1]


def _disarm_link(entry: DriverEntry, link: Link, clock: Clock) -> Disarmed:
    """Write disarm at once: a driver that opens asks who is there first, and that takes time."""
    try:
        link.write(entry.disarm_frame)
        with entry.open(link, clock, _unlogged, _never) as stimulator:
            stimulator.disarm()
            identity = stimulator.capabilities.identity
    except StimulatorError as error:
        return Disarmed(
            False,
            f"disarm was sent to {link.name} and not confirmed: {error}. "
            "Press the stimulator's own stop button.",
        )
    number = f" (serial number {identity.serial})" if identity.serial else ""
    unit = f"{identity.model}{number}"
    return Disarmed(True, f"{unit} on {link.name} is disarmed.")


def _unlogged(frame: Frame) -> None:
    """Outside a session there is no record to log to."""


def _never() -> bool:
    return False
