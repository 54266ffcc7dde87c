"""What the device page shows: which stimulators there are, how a connection went, what it says.

It is built from what the delivering process says; no port is opened on this side.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import cast

from pydantic import JsonValue

from drivers import registry
from protocols.pattern import BlockPattern, Train
from protocols.prescription import FixedBlock, SessionContent
from protocols.terms import Side, ThresholdKind
from tms_console.delivery.gate import not_reviewed
from tms_console.delivery.order import EmulatorOrder, PortOrder, SessionOrder
from tms_console.delivery.probing import (
    DisarmTried,
    Found,
    LeftAlone,
    Port,
    PortsFound,
    ProbeMessage,
    Seen,
    Stepped,
)
from tms_console.records.operations import new_uid

REHEARSAL_USER = "rehearsal"
"""The built-in user that rehearsals are run by."""

MOST_TEMPERATURES = 900
"""A quarter of an hour of looks, one a second."""

TEST_PULSE = "test-pulse"
"""Stands in the place of a protocol's id; the library has no such protocol."""


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """A stimulator that can be looked at and chosen.

    Attributes:
        order: How the delivering process gets to it.
        title: What it is called.
        subtitle: What is known of it before it is looked at.
        simulated: The delivering process builds it itself; a port counts as real.
    """

    order: EmulatorOrder | PortOrder
    title: str
    subtitle: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class Temperature:
    """A coil temperature: seconds since the look began, and whole degrees."""

    at_s: float
    celsius: int


@dataclass(frozen=True, slots=True)
class DeviceScreen:
    """Everything the page shows of the stimulator that is looked at.

    Attributes:
        choice: Which one, None before any.
        looking: It is connected, or being connected.
        steps: The steps of the connection so far.
        found: Who answered, None while nobody has.
        seen: What it said last, None before.
        temperatures: The trend.
        ports: The ports that the system lists, None while nobody asked.
        ended: Why the look ended, "" if it was asked for.
        disarm: What came of the last manual disarm, None before any.
        look: The number of the look; what an earlier one still says is not of this stimulator.
    """

    choice: DeviceChoice | None = None
    looking: bool = False
    steps: tuple[Stepped, ...] = ()
    found: Found | None = None
    seen: Seen | None = None
    temperatures: tuple[Temperature, ...] = ()
    ports: tuple[Port, ...] | None = None
    ended: str = ""
    disarm: DisarmTried | None = None
    look: int = 0

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """Who answered, as labels and values."""
        found = self.found
        if found is None:
            return ()
        chosen = bool(found.driver) and registry.driver_entry(found.driver).label_decides
        return (
            ("Model, as chosen" if chosen else "Model", found.model),
            ("Serial number", found.serial or "not told"),
            ("Firmware", found.firmware or "not told"),
            ("Coil", found.coil or "none"),
            ("Takes", f"{found.lowest_pct_mso} to {found.highest_pct_mso} %MSO"),
            ("Spaces the pulses", "itself" if found.device_timed else "the computer does"),
            ("Is", "simulated, proved" if found.proof else "a real stimulator"),
        )

    @property
    def state_words(self) -> tuple[str, str]:
        """What it says now, in words, with a state for the colour."""
        seen = self.seen
        if not self.looking:
            return ("not looked at", "muted") if not self.ended else (self.ended, "bad")
        if seen is None:
            return "connecting ...", "muted"
        if seen.problem:
            return seen.problem, "bad"
        return ("ARMED", "warn") if seen.armed else ("disarmed", "good")


def looking_at(screen: DeviceScreen, choice: DeviceChoice, look: int) -> DeviceScreen:
    """Return the page at the beginning of a look, which has a number of its own."""
    return DeviceScreen(choice=choice, looking=True, ports=screen.ports, look=look)


def after(screen: DeviceScreen, message: ProbeMessage) -> DeviceScreen:
    """Return the page after the delivering process said something."""
    if not isinstance(message, PortsFound | DisarmTried) and message.look not in {0, screen.look}:
        return screen
    match message:
        case PortsFound(ports):
            return replace(screen, ports=ports)
        case Stepped():
            return replace(screen, steps=(*screen.steps, message))
        case Found():
            choice = screen.choice
            if choice is not None and message.driver:
                choice = with_driver(choice, message.driver)
            return replace(screen, found=message, choice=choice)
        case Seen():
            warm = screen.temperatures
            if message.coil_temperature_c is not None:
                newest = Temperature(message.at_s, message.coil_temperature_c)
                warm = (*warm, newest)[-MOST_TEMPERATURES:]
            return replace(screen, seen=message, temperatures=warm)
        case LeftAlone(why):
            return replace(screen, looking=False, ended=why)
        case DisarmTried():
            return replace(screen, disarm=message)


def warmed(screen: DeviceScreen, at_s: float, celsius: int | None) -> DeviceScreen:
    """Return the page after a session said how warm the coil is."""
    if celsius is None:
        return screen
    if screen.temperatures and at_s < screen.temperatures[-1].at_s:
        return replace(screen, temperatures=(Temperature(at_s, celsius),))  # another session
    if screen.temperatures and at_s - screen.temperatures[-1].at_s < 1.0:
        return screen
    newest = Temperature(at_s, celsius)
    return replace(screen, temperatures=(*screen.temperatures, newest)[-MOST_TEMPERATURES:])


@cache
def emulator_choices() -> tuple[DeviceChoice, ...]:
    """Return the simulated stimulators that the delivering process can build."""
    seen: dict[str, DeviceChoice] = {}
    for name in registry.EMULATORS:
        model = registry.build_emulator(name).model
        choice = DeviceChoice(EmulatorOrder(name=name), model, "built here", True)
        seen.setdefault(model, choice)
    return tuple(seen.values())


def port_choices(ports: tuple[Port, ...], typed: str = "") -> tuple[DeviceChoice, ...]:
    """Return one choice for each port, and for a path that somebody typed.

    Who is on it is found out by looking, or said by a person (`with_driver`).
    """
    named = {typed.strip(): "named by you"} if typed.strip() else {}
    told = named | {port.path: port.description for port in ports}
    return tuple(
        DeviceChoice(PortOrder(driver="", port=path), path, words, False)
        for path, words in told.items()
    )


FIND_OUT = "Find out who answers"


def drivers_of(choice: DeviceChoice) -> tuple[tuple[str, str], ...]:
    """Return name and title of what may be on a port, () for what the program builds itself."""
    if choice.simulated:
        return ()
    known = ((name, entry.title) for name, entry in registry.DRIVERS.items())
    return (("", FIND_OUT), *known)


def with_driver(choice: DeviceChoice, driver: str) -> DeviceChoice:
    """Return the same port with another driver; what the program builds keeps its own."""
    if not isinstance(choice.order, PortOrder):
        return choice
    return replace(choice, order=replace(choice.order, driver=driver))


def with_witness(choice: DeviceChoice, port: str, *, emulated: bool) -> DeviceChoice:
    """Return the same stimulator with the pulse witness that was asked for, or without one.

    Args:
        choice: The stimulator.
        port: Where the witness of a stimulator on a port is, "" for none.
        emulated: Whether what the program builds gets a witness.
    """
    order = choice.order
    if isinstance(order, EmulatorOrder):
        return replace(choice, order=replace(order, witness=emulated))
    return replace(choice, order=replace(order, witness=port.strip() or None))


def has_witness(order: EmulatorOrder | PortOrder) -> bool:
    """Return whether a pulse witness is to see what it gives."""
    return bool(order.witness)


def same_place(one: DeviceChoice, other: DeviceChoice) -> bool:
    """Return whether both are the same emulator, or the same port whoever is on it."""
    bare, beside = (with_witness(with_driver(it, ""), "", emulated=False) for it in (one, other))
    return bare == beside


def driver_words(choice: DeviceChoice) -> str:
    """Return what a person should know of the driver that was chosen, "" for nothing."""
    if choice.simulated or not isinstance(choice.order, PortOrder) or not choice.order.driver:
        return ""
    entry = registry.driver_entry(choice.order.driver)
    told = []
    if entry.label_decides:
        told.append(
            "The unit does not tell its model and mains voltage: choose them as its label says. "
            "Its limits depend on them."
        )
    if not entry.reviewed:
        told.append(not_reviewed(entry.title))
    return " ".join(told)


def driver_name(order: EmulatorOrder | PortOrder) -> str:
    """Return the name of the driver that talks to it."""
    if isinstance(order, PortOrder):
        return order.driver
    return registry.driver_of_emulator(order.name)


def rehearsal_database(clinic: Path) -> Path:
    """Return where rehearsals, test pulses and QA runs are recorded: never in the clinic's file."""
    return clinic.with_name(f"{clinic.stem}-rehearsals.db").absolute()


def test_pulse(intensity_pct_mso: int) -> SessionContent:
    """Return a session of one single pulse, to be rehearsed on a simulated stimulator.

    As a rehearsal it goes through gate, engine, driver and record like any other, and the gate
    refuses it on whatever is not proved to be an emulator.

    Raises:
        ContentError: The intensity is none.
        ValueError: As above.
    """
    block = FixedBlock(
        label="test pulse",
        target="nobody: a test of the stimulator",
        side=Side.MIDLINE,
        coil="any",
        threshold_kind=ThresholdKind.RESTING_HAND,
        threshold_pct_mso=intensity_pct_mso,
        pct_mt=Fraction(100),
        intensity_pct_mso=intensity_pct_mso,
        lowest_pct_mso=intensity_pct_mso,
        highest_pct_mso=intensity_pct_mso,
        pattern=BlockPattern(Train(1, Fraction(1)), 1, None),
    )
    return SessionContent(TEST_PULSE, "Test pulse", (block,))


def rehearsal(content: SessionContent, device: EmulatorOrder, database: Path) -> SessionOrder:
    """Return the order to rehearse a content on an emulator that is built for it."""
    return SessionOrder(
        kind="rehearsal",
        content=cast("JsonValue", content.canonical()),
        digest=content.digest(),
        authority_uid=new_uid(),
        database=str(database),
        device=device,
        actor=REHEARSAL_USER,
    )
