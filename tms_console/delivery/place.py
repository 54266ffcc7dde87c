"""Opening what a session is delivered with: link, clock, and the proof that it is simulated.

Whether a session may run on it is for the gate to say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from drivers import registry
from drivers.interface import Clock, Stimulator
from drivers.link import Link
from drivers.simulator.faults import parse_fault
from drivers.simulator.memory_link import MemoryLink
from drivers.simulator.proof import NotProved, Proof, control_address, prove_simulated
from tms_console.clock import RealClock, VirtualClock
from tms_console.delivery.gate import CheckResult
from tms_console.delivery.order import EmulatorOrder, PortOrder


class CannotBegin(Exception):
    """No session began; the message says why and what to do.

    Attributes:
        checks: What the gate said, if it was asked.
    """

    def __init__(self, message: str, checks: Sequence[CheckResult] = ()) -> None:
        super().__init__(message)
        self.checks = tuple(checks)


@dataclass(frozen=True, slots=True)
class Place:
    """What a session is delivered with, opened.

    Attributes:
        clock: Real, or virtual with an emulator that was built here.
        link: The open link.
        driver: Name of the driver.
        port: What it leads to, as it was asked for.
        proof: Proves that it is simulated, or returns None: then it counts as real.
    """

    clock: Clock
    link: Link
    driver: str
    port: str
    proof: Callable[[Stimulator], Proof | None]


def open_place(device: EmulatorOrder | PortOrder) -> Place:
    """Open what an order names.

    Raises:
        CannotBegin: A fault has no such name.
        UnknownName: There is no such driver or emulator.
        NotConnected: The port cannot be opened.
        OSError: The pulse log cannot be opened.
    """
    if isinstance(device, PortOrder):
        clock = RealClock()
        entry = registry.driver_entry(device.driver)
        link = registry.open_port(device.port, entry.baud_rate, clock)
        return Place(clock, link, device.driver, device.port, _prover(device, link))
    return _built_here(device)


def _built_here(device: EmulatorOrder) -> Place:
    clock = VirtualClock() if device.virtual else RealClock()
    log = None if device.pulse_log is None else Path(device.pulse_log)
    try:
        faults = [parse_fault(text) for text in device.faults]
    except ValueError as error:
        raise CannotBegin(str(error)) from error
    emulator = registry.build_emulator(device.name, seed=device.seed, faults=faults, pulse_log=log)
    proof = Proof.built_here(emulator)
    driver = registry.driver_of_emulator(device.name)
    return Place(clock, MemoryLink(emulator, clock), driver, "memory", lambda _: proof)


def _prover(device: PortOrder, link: Link) -> Callable[[Stimulator], Proof | None]:
    def prove(stimulator: Stimulator) -> Proof | None:
        try:
            return prove_simulated(
                control_address(device.port), link, lambda: stimulator.identify().serial
            )
        except NotProved:
            return None

    return prove
