"""What every emulated stimulator's serial side has: its clock, its line, and connections that fail.

Framing and commands are a maker's own and are in its emulator; physics is in its unit.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol

from drivers.simulator.agenda import Agenda
from drivers.simulator.device import FiredPulse, PulseObserver
from drivers.simulator.faults import FRAME_FAULTS, LATE_REPLY_NS, Fault, FaultName, FaultPlan
from drivers.simulator.line import Receiver, Transmitter

_CONNECTION_FAULTS = (
    *sorted(FRAME_FAULTS),
    FaultName.HANG,
    FaultName.UNPLUG,
    FaultName.RESTART,
)


class Unit(Protocol):
    """The stimulator behind the line."""

    agenda: Agenda
    fired: list[FiredPulse]
    powered: bool

    def happen(self, number: int) -> None:
        """Let the faults of a pulse happen, 0 for those from the start."""
        ...

    def lose_power(self) -> None:
        """Go dark."""
        ...

    def regain_power(self) -> None:
        """Come back with default settings."""
        ...


class EmulatedStimulator(ABC):
    """The side that a host sees of an emulated stimulator; satisfies `EmulatedDevice`.

    A subclass makes its unit with `_plan` and `_pulse_fired`, then calls `_begin`.

    Attributes:
        bytes_received: Bytes that the host has written.
        hung: It neither hears nor answers.
        unplugged: Its cable was pulled out.
    """

    _unit: Unit

    def __init__(
        self,
        faults: Sequence[Fault],
        pulse_log: PulseObserver | None,
        *,
        seed: int,
        byte_ns: int,
        restart_ns: int,
    ) -> None:
        """Take what is common.

        Args:
            faults: What will go wrong.
            pulse_log: Gets every pulse before anything is said after it: a log, a patient, or both.
            seed: Of its latencies.
            byte_ns: Line time of a byte.
            restart_ns: From losing power to being ready again.
        """
        self._pulse_log = pulse_log
        self._random = random.Random(seed)
        self._restart_ns = restart_ns
        self._receiver = Receiver(byte_ns)
        self._transmitter = Transmitter(byte_ns)
        self._last_reply_ns = 0
        self._frame_faults: list[FaultName] = []
        self._plan = FaultPlan(faults)
        self._power_losses = 0
        self.bytes_received = 0
        self.hung = False
        self.unplugged = False

    def _begin(self) -> None:
        """Let happen what is wrong from the start."""
        self._let_connection_fail(0)
        self._unit.happen(0)

    @abstractmethod
    def _forget_heard(self) -> None:
        """Forget the part of a request that has arrived."""

    @abstractmethod
    def _spoilt(self, frame: bytes) -> bytes:
        """Return the frame with one bit turned, so that its checksum shows it."""

    # What its host sees -----------------------------------------------------------------------

    @property
    def fired(self) -> tuple[FiredPulse, ...]:
        """The pulses given so far."""
        return tuple(self._unit.fired)

    @property
    def pulses_fired(self) -> int:
        """How many pulses were given so far."""
        return len(self._unit.fired)

    def now_ns(self) -> int:
        """Return its clock: nanoseconds since the emulation began."""
        return self._unit.agenda.now_ns

    def advance(self, dt_ns: int) -> None:
        """Let time pass; pulses, replies and faults happen at their exact times."""
        self._unit.agenda.advance(dt_ns)

    def next_event_in_ns(self) -> int | None:
        """Return how far off its next pulse, reply or completed frame is."""
        due = [
            at_ns
            for at_ns in (self._unit.agenda.next_due_ns(), self._transmitter.next_due_ns())
            if at_ns is not None
        ]
        return max(0, min(due) - self.now_ns()) if due else None

    def take_output(self) -> bytes:
        """Return the bytes that have left since the last call."""
        return self._transmitter.take(self.now_ns())

    # Answering --------------------------------------------------------------------------------

    @property
    def _silent(self) -> bool:
        return self.hung or self.unplugged or not self._unit.powered

    def _after_latency(self, fastest_ns: int, slowest_ns: int, act: Callable[[], None]) -> None:
        """Do something after the device's latency, unless it loses power meanwhile."""
        latency_ns = self._random.randint(fastest_ns, slowest_ns)
        self._last_reply_ns = max(self.now_ns() + latency_ns, self._last_reply_ns)
        self._unit.agenda.at(self._last_reply_ns, self._while_on(act))

    def _while_on(self, act: Callable[[], None]) -> Callable[[], None]:
        """Return what does something unless power was lost since now."""
        losses = self._power_losses

        def act_if_still_on() -> None:
            if losses == self._power_losses:
                act()

        return act_if_still_on

    def _send(self, frame: bytes) -> None:
        """Put a frame on the line, unless the device is silent or a fault spoils it."""
        if self._silent:
            return
        if self._frame_faults:
            match self._frame_faults.pop(0):
                case FaultName.SWALLOW_REPLY:
                    return
                case FaultName.CORRUPT_REPLY:
                    frame = self._spoilt(frame)
                case _:
                    self._transmitter.stall(self.now_ns(), LATE_REPLY_NS)
        self._transmitter.send(self.now_ns(), frame)

    # Faults of the connection -----------------------------------------------------------------

    def _pulse_fired(self, pulse: FiredPulse) -> None:
        if self._pulse_log is not None:
            self._pulse_log.write(pulse)
        self._let_connection_fail(pulse.number)

    def _let_connection_fail(self, pulse: int) -> None:
        for fault in self._plan.take(pulse, *_CONNECTION_FAULTS):
            match fault.name:
                case FaultName.HANG:
                    self.hang()
                case FaultName.UNPLUG:
                    self.unplug()
                case FaultName.RESTART:
                    self.restart()
                case name:
                    self._frame_faults.append(name)

    def hang(self) -> None:
        """Stop hearing and answering; the unit itself goes on as it does without a host."""
        self.hung = True
        self._transmitter.cut(self.now_ns())

    def unplug(self) -> None:
        """Pull the cable out; the unit itself goes on as it does without a host."""
        self.unplugged = True
        self._transmitter.cut(self.now_ns())

    def restart(self) -> None:
        """Lose power and come back with default settings, disarmed."""
        self._unit.lose_power()
        self._power_losses += 1
        self._transmitter.cut(self.now_ns())
        self._forget_heard()
        self._unit.agenda.at(self.now_ns() + self._restart_ns, self._come_back)

    def _come_back(self) -> None:
        self.hung = False
        self._unit.regain_power()
