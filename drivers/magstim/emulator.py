"""An emulated Magstim behind its serial port: bytes in, bytes out, at the speed of the real line.

What the unit does is in `unit` and `obedience`; here are framing, reply latency, and the faults of
the connection.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from drivers.magstim.codec import Malformed, RequestDecoder
from drivers.magstim.obedience import Obedience
from drivers.magstim.options import Options
from drivers.magstim.panel import Panel
from drivers.magstim.requests import Request
from drivers.magstim.unit import Damage, MagstimUnit, Phase
from drivers.simulator.device import FiredPulse, PulseObserver
from drivers.simulator.faults import (
    FRAME_FAULTS,
    LATE_REPLY_NS,
    Fault,
    FaultName,
    FaultPlan,
)
from drivers.simulator.line import Receiver, Transmitter

BYTE_NS = 1_041_667
"""Line time of a byte: 10 bits at 9600 baud."""
FASTEST_REPLY_NS = 6_000_000
SLOWEST_REPLY_NS = 12_000_000
"""From a request to its answer; not published, illustrative."""
BYTE_GAP_NS = 100_000_000
"""After such a silence an unfinished request is given up; not published, assumed."""

_CONNECTION_FAULTS = (
    *sorted(FRAME_FAULTS),
    FaultName.HANG,
    FaultName.UNPLUG,
    FaultName.RESTART,
)


@dataclass(frozen=True, slots=True)
class State:
    """How the emulated unit stands, told without asking over the line."""

    armed: bool
    ready: bool
    remote: bool
    running: bool
    power_pct_mso: int
    has_coil: bool
    coil_temperature_c: float


class MagstimEmulator:
    """The device's side of the wire protocol; satisfies `EmulatedDevice`.

    Args:
        options: Family, software, model, coil, seed and choices.
        faults: What will go wrong.
        pulse_log: Gets every pulse before anything is said after it: a log, a patient, or both.
    """

    serial = ""
    """A Magstim does not tell its serial number over the line."""

    def __init__(
        self,
        options: Options | None = None,
        faults: Sequence[Fault] = (),
        pulse_log: PulseObserver | None = None,
    ) -> None:
        self.options = options = options or Options()
        self._pulse_log = pulse_log
        self._random = random.Random(options.seed)
        self._decoder = RequestDecoder(options.dialect)
        self._receiver = Receiver(BYTE_NS)
        self._transmitter = Transmitter(BYTE_NS)
        self._last_arrival_ns = 0
        self._last_reply_ns = 0
        self._frame_faults: list[FaultName] = []
        self._plan = FaultPlan(faults)
        self.bytes_received = 0
        self.hung = False
        self.unplugged = False
        self._power_losses = 0
        self._unit = MagstimUnit(options, self._plan, self._pulse_fired)
        self._obedience = Obedience(self._unit)
        self.panel = Panel(self._unit)
        self._let_connection_fail(0)
        self._unit.happen(0)

    # What its host sees -----------------------------------------------------------------------

    @property
    def model(self) -> str:
        """The maker's name of the model."""
        return self.options.name

    @property
    def fired(self) -> tuple[FiredPulse, ...]:
        """The pulses given so far."""
        return tuple(self._unit.fired)

    @property
    def pulses_fired(self) -> int:
        """How many pulses were given so far."""
        return len(self._unit.fired)

    @property
    def damage(self) -> tuple[Damage, ...]:
        """What a host did that may damage a real unit."""
        return tuple(self._unit.damage)

    def state(self) -> State:
        """Return how the unit stands, without asking over the line."""
        unit = self._unit
        return State(
            unit.armed,
            unit.phase is Phase.READY,
            unit.remote,
            unit.train_running,
            unit.power_pct,
            unit.physics.coil is not None,
            unit.physics.temperature_c,
        )

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

    def receive(self, data: bytes) -> None:
        """Take bytes that the host has just written; each command acts when its last byte is in."""
        self.bytes_received += len(data)
        if self.unplugged:
            return
        arrivals = self._receiver.arrivals(self.now_ns(), data)
        for arrival_ns, byte in zip(arrivals, data, strict=True):
            if arrival_ns - self._last_arrival_ns > BYTE_GAP_NS:
                self._decoder.clear()
            self._last_arrival_ns = arrival_ns
            self._decoder.feed(bytes((byte,)))
            while (heard := self._decoder.next_request()) is not None:
                obey = partial(self._obey, heard, self._power_losses)
                self._unit.agenda.at(arrival_ns, obey)

    def take_output(self) -> bytes:
        """Return the bytes that have left since the last call."""
        return self._transmitter.take(self.now_ns())

    # Commands ---------------------------------------------------------------------------------

    @property
    def _silent(self) -> bool:
        return self.hung or self.unplugged or not self._unit.powered

    def _obey(self, heard: Request | Malformed, power_losses: int) -> None:
        """Do what was heard, and answer after the device's latency, unless nobody listens."""
        if self._silent or power_losses != self._power_losses:
            return
        frame = self._obedience.obey(heard)
        if frame is None:
            return
        latency_ns = self._random.randint(FASTEST_REPLY_NS, SLOWEST_REPLY_NS)
        self._last_reply_ns = max(self.now_ns() + latency_ns, self._last_reply_ns)
        self._unit.agenda.at(self._last_reply_ns, partial(self._say, frame, power_losses))

    def _say(self, frame: bytes, power_losses: int) -> None:
        """Put a reply on the line, unless the device is silent or a fault spoils it."""
        if self._silent or power_losses != self._power_losses:
            return
        if self._frame_faults:
            match self._frame_faults.pop(0):
                case FaultName.SWALLOW_REPLY:
                    return
                case FaultName.CORRUPT_REPLY:
                    frame = frame[:-1] + bytes((frame[-1] ^ 1,))
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
        """Stop hearing and answering; its own watchdog still disarms it."""
        self.hung = True
        self._transmitter.cut(self.now_ns())

    def unplug(self) -> None:
        """Pull the cable out; the watchdog disarms within a second."""
        self.unplugged = True
        self._transmitter.cut(self.now_ns())

    def restart(self) -> None:
        """Lose power and come back with default settings, disarmed, locked."""
        self._unit.lose_power()
        self._power_losses += 1
        self._transmitter.cut(self.now_ns())
        self._decoder = RequestDecoder(self.options.dialect)
        self._unit.agenda.at(self.now_ns() + self.options.restart_ns, self._come_back)

    def _come_back(self) -> None:
        self.hung = False
        self._unit.regain_power()
