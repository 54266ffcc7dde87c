"""Opening what a session is delivered with: link, clock, and the proof that it is simulated.

Whether a session may run on it is for the gate to say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from drivers import registry
from drivers.errors import StimulatorError
from drivers.interface import Clock, FrameLog, Stimulator
from drivers.link import Link
from drivers.simulator.faults import parse_fault
from drivers.simulator.memory_link import MemoryLink
from drivers.simulator.proof import NotProved, Proof, control_address, prove_simulated
from drivers.witness.emulator import Wired, WitnessEmulator
from drivers.witness.lines import BAUD_RATE as WITNESS_BAUD_RATE
from drivers.witness.reader import Witness
from drivers.witness.stimulator import WitnessedStimulator
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
class WitnessPlace:
    """The port of a pulse witness, opened.

    Attributes:
        link: The open link.
        proof: Proves that it is simulated, or returns None: then it counts as real.
    """

    link: Link
    proof: Callable[[Witness], Proof | None]


@dataclass(frozen=True, slots=True)
class Place:
    """What a session is delivered with, opened.

    Attributes:
        clock: Real, or virtual with an emulator that was built here.
        link: The open link.
        driver: Name of the driver.
        port: What it leads to, as it was asked for.
        proof: Proves that it is simulated, or returns None: then it counts as real.
        witness: The pulse witness on its trigger output, None without one.
    """

    clock: Clock
    link: Link
    driver: str
    port: str
    proof: Callable[[Stimulator], Proof | None]
    witness: WitnessPlace | None = None

    def witnessed(
        self,
        stimulator: Stimulator,
        frame_log: FrameLog,
        stop_requested: Callable[[], bool],
        proof: Proof | None,
    ) -> Stimulator:
        """Return the stimulator with its witness, or as it is where there is none.

        Raises:
            CannotBegin: One of the two is simulated and the other is not: what the witness saw
                would say nothing of the stimulator.
            LinkFault: What is on the witness's port is none.
            NotConnected: Nothing is.
            StopRequested: A stop was asked for.
        """
        if self.witness is None:
            return stimulator
        witness = Witness(self.witness.link, self.clock, frame_log, stop_requested)
        if (self.witness.proof(witness) is None) is not (proof is None):
            witness.close()
            words = "stimulator is simulated and the pulse witness is not proved to be"
            if proof is None:
                words = "pulse witness is simulated and the stimulator is real"
            raise CannotBegin(f"the {words}: go on without this witness, or with another")
        return WitnessedStimulator(stimulator, witness, self.clock, stop_requested)

    def close(self) -> None:
        """Release what was opened; any number of times."""
        self.link.close()
        if self.witness is not None:
            self.witness.link.close()


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
        try:
            witness = _witness_on(device.witness, clock)
        except StimulatorError as error:
            link.close()
            raise CannotBegin(f"the pulse witness cannot be used: {error}") from error
        return Place(clock, link, device.driver, device.port, _prover(device, link), witness)
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
    if not device.witness:
        return Place(clock, MemoryLink(emulator, clock), driver, "memory", lambda _: proof)
    eyes = WitnessEmulator()
    seen = Proof.built_here(eyes)
    wired = Wired(emulator, eyes)
    witness = WitnessPlace(MemoryLink(wired.witness_end, clock), lambda _: seen)
    link = MemoryLink(wired.stimulator_end, clock)
    return Place(clock, link, driver, "memory", lambda _: proof, witness)


def _witness_on(port: str | None, clock: Clock) -> WitnessPlace | None:
    if port is None:
        return None
    link = registry.open_port(port, WITNESS_BAUD_RATE, clock)

    def prove(witness: Witness) -> Proof | None:
        try:
            return prove_simulated(control_address(port), link, witness.identify)
        except NotProved:
            return None

    return WitnessPlace(link, prove)


def _prover(device: PortOrder, link: Link) -> Callable[[Stimulator], Proof | None]:
    def prove(stimulator: Stimulator) -> Proof | None:
        try:
            return prove_simulated(
                control_address(device.port), link, lambda: stimulator.identify().serial
            )
        except NotProved:
            return None

    return prove
