"""An emulated Magstim behind its serial port: bytes in, bytes out, at the speed of the real line.

What the unit does is in `unit` and `obedience`, the line and its faults are in
`drivers.simulator.emulated`; here are framing and the latency of replies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from drivers.magstim.codec import Malformed, RequestDecoder
from drivers.magstim.obedience import Obedience
from drivers.magstim.options import Options
from drivers.magstim.panel import Panel
from drivers.magstim.requests import Request
from drivers.magstim.unit import Damage, MagstimUnit, Phase
from drivers.simulator.device import PulseObserver
from drivers.simulator.emulated import EmulatedStimulator
from drivers.simulator.faults import Fault

BYTE_NS = 1_041_667
"""Line time of a byte: 10 bits at 9600 baud."""
FASTEST_REPLY_NS = 6_000_000
SLOWEST_REPLY_NS = 12_000_000
"""From a request to its answer; not published, illustrative."""
BYTE_GAP_NS = 100_000_000
"""After such a silence an unfinished request is given up; not published, assumed."""


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


class MagstimEmulator(EmulatedStimulator):
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
        super().__init__(
            faults,
            pulse_log,
            seed=options.seed,
            byte_ns=BYTE_NS,
            restart_ns=options.restart_ns,
        )
        self._last_arrival_ns = 0
        self._forget_heard()
        self._unit: MagstimUnit = MagstimUnit(options, self._plan, self._pulse_fired)
        self._obedience = Obedience(self._unit)
        self.panel = Panel(self._unit)
        self._begin()

    # What its host sees -----------------------------------------------------------------------

    @property
    def model(self) -> str:
        """The maker's name of the model."""
        return self.options.name

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
                self._unit.agenda.at(arrival_ns, self._while_on(partial(self._obey, heard)))

    # Commands ---------------------------------------------------------------------------------

    def _obey(self, heard: Request | Malformed) -> None:
        """Do what was heard, and answer after the device's latency, unless nobody listens."""
        if self._silent:
            return
        frame = self._obedience.obey(heard)
        if frame is not None:
            self._after_latency(FASTEST_REPLY_NS, SLOWEST_REPLY_NS, partial(self._send, frame))

    def _forget_heard(self) -> None:
        self._decoder = RequestDecoder(self.options.dialect)

    def _spoilt(self, frame: bytes) -> bytes:
        return frame[:-1] + bytes((frame[-1] ^ 1,))
