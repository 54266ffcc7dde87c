"""An emulated witness, and its wiring to an emulated stimulator: both live in one time.

It is as late and as wrong as a small board: its clock drifts, its lines wait for each other, and
what goes wrong with it can be asked for.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from drivers.simulator.agenda import Agenda
from drivers.simulator.device import EmulatedDevice, FiredPulse
from drivers.simulator.line import Transmitter
from drivers.witness.lines import (
    ALIVE_EVERY_NS,
    ASK_IDENTITY,
    ASK_TIME,
    BAUD_RATE,
    COUNTER_MODULUS,
    DEAD_TIME_NS,
    MOST_LINE,
    PROTOCOL,
    AliveLine,
    EdgeLine,
    Identity,
    encode_line,
)

BYTE_NS = 10 * 1_000_000_000 // BAUD_RATE
LATEST_NS = 1_000_000
"""The board takes up to so long before a line begins to leave (illustrative)."""


@dataclass(frozen=True, slots=True)
class WitnessOptions:
    """What an emulated witness is like.

    Attributes:
        serial: Its serial number.
        seed: Of its latencies.
        drift: Its counter runs so much too fast; 1e-4 is 100 ppm.
        counter_us: What its counter shows when the emulation begins.
    """

    serial: str = "SIM-W1"
    seed: int = 0
    drift: float = 40e-6
    counter_us: int = COUNTER_MODULUS - 30_000_000


class WitnessEmulator:
    """A witness on the trigger output of something that calls `edge`; an `EmulatedDevice`.

    Attributes:
        deaf: Edges are not seen: its cable to the trigger output is off.
        silent: It says nothing, as without power.
        lose: So many of the next edges' lines are lost on the way.
        spoil: So many of the next edges' lines have one bit turned.
    """

    def __init__(self, options: WitnessOptions | None = None) -> None:
        self.options = WitnessOptions() if options is None else options
        self._random = random.Random(f"witness {self.options.seed}")
        self._agenda = Agenda(lambda _: None)
        self._transmitter = Transmitter(BYTE_NS)
        self._asked = bytearray()
        self._edges = self._told = 0
        self._last_edge_ns: int | None = None
        self._last_line_ns = 0
        self._bytes_received = 0
        self._began_ns = 0
        self.deaf = False
        self.silent = False
        self.unplugged = False
        self.lose = 0
        self.spoil = 0
        self._say_identity()
        self._agenda.at(ALIVE_EVERY_NS, self._beat)

    @property
    def model(self) -> str:
        """What it is."""
        return "pulse witness"

    @property
    def serial(self) -> str:
        """Its serial number, as it says it."""
        return self.options.serial

    @property
    def bytes_received(self) -> int:
        """Bytes that the host has written."""
        return self._bytes_received

    @property
    def fired(self) -> tuple[FiredPulse, ...]:
        """It fires nothing."""
        return ()

    @property
    def pulses_fired(self) -> int:
        """It fires nothing."""
        return 0

    def now_ns(self) -> int:
        """Return its time since the emulation began."""
        return self._agenda.now_ns

    def advance(self, dt_ns: int) -> None:
        """Let time pass."""
        self._agenda.advance(dt_ns)

    def next_event_in_ns(self) -> int | None:
        """Return how far off its next line, or the end of one, is."""
        due = [
            at_ns
            for at_ns in (self._agenda.next_due_ns(), self._transmitter.next_due_ns())
            if at_ns is not None
        ]
        return max(0, min(due) - self.now_ns()) if due else None

    def receive(self, data: bytes) -> None:
        """Take what the host asks; whatever is no question is passed over."""
        self._bytes_received += len(data)
        self._asked += data
        while (at := self._asked.find(b"\n")) >= 0:
            question = bytes(self._asked[: at + 1])
            del self._asked[: at + 1]
            if question == ASK_IDENTITY:
                self._say_identity()
            elif question == ASK_TIME:
                self._say_alive(asked=True)
        if len(self._asked) > MOST_LINE:
            self._asked.clear()

    def take_output(self) -> bytes:
        """Return the bytes that have left since the last call."""
        return self._transmitter.take(self.now_ns())

    # The trigger output ---------------------------------------------------------------------------

    def edge(self, at_ns: int) -> None:
        """The trigger output rises at that time, which has come or will."""
        self._agenda.at(at_ns, partial(self._see_edge, at_ns))

    def _see_edge(self, at_ns: int) -> None:
        near = self._last_edge_ns is not None and at_ns - self._last_edge_ns < DEAD_TIME_NS
        if self.deaf or near:
            return
        self._last_edge_ns = at_ns
        self._edges = (self._edges + 1) % COUNTER_MODULUS
        count, us = self._edges, self._counter_us(at_ns)
        self._say(lambda: self._tell(count, us))

    def _tell(self, count: int, us: int) -> bytes:
        """Return the line of an edge as it comes out of the far end of the cable."""
        self._told = count
        line = encode_line(EdgeLine(count, us))
        if self.lose:
            self.lose -= 1
            return b""
        if self.spoil:
            self.spoil -= 1
            return line[:2] + bytes((line[2] ^ 1,)) + line[3:]
        return line

    # What it says ---------------------------------------------------------------------------------

    def restart(self) -> None:
        """Lose power for a moment: the counters begin anew."""
        self._began_ns = self.now_ns()
        self._edges = self._told = 0
        self._transmitter.cut(self.now_ns())
        self.options = WitnessOptions(
            self.options.serial, self.options.seed, self.options.drift, counter_us=0
        )
        self._say_identity()

    def _counter_us(self, at_ns: int) -> int:
        ran_ns = (at_ns - self._began_ns) * (1 + self.options.drift)
        return (self.options.counter_us + int(ran_ns // 1000)) % COUNTER_MODULUS

    def _beat(self) -> None:
        self._say_alive()
        self._agenda.at(self.now_ns() + ALIVE_EVERY_NS, self._beat)

    def _say_identity(self) -> None:
        self._say(lambda: encode_line(Identity(PROTOCOL, self.options.serial)))

    def _say_alive(self, *, asked: bool = False) -> None:
        self._say(
            lambda: encode_line(AliveLine(self._told, self._counter_us(self.now_ns()), asked))
        )

    def _say(self, line: Callable[[], bytes]) -> None:
        """Say a line a little later, behind those that are still to be said."""
        due_ns = max(self.now_ns() + self._random.randint(0, LATEST_NS), self._last_line_ns)
        self._last_line_ns = due_ns
        self._agenda.at(due_ns, lambda: self._send(line()))

    def _send(self, line: bytes) -> None:
        if line and not self.silent and not self.unplugged:
            self._transmitter.send(self.now_ns(), line)


class Wired:
    """An emulated stimulator and the witness on its trigger output, used by one thread.

    Each is used by way of its own end, over a link of its own, and both live in one time: what
    advances one end advances both.

    Args:
        stimulator: The stimulator.
        witness: The witness.
    """

    def __init__(self, stimulator: EmulatedDevice, witness: WitnessEmulator) -> None:
        self._stimulator = stimulator
        self._witness = witness
        self._told = stimulator.pulses_fired
        self.passed_ns = 0
        self.stimulator_end = WiredEnd(self, stimulator, witness)
        self.witness_end = WiredEnd(self, witness, stimulator)

    def advance_to(self, passed_ns: int) -> None:
        """Advance both to a time since they were wired, unless it has passed already."""
        step_ns = passed_ns - self.passed_ns
        if step_ns <= 0:
            return
        self.passed_ns = passed_ns
        lead_ns = self._witness.now_ns() - self._stimulator.now_ns()
        self._stimulator.advance(step_ns)
        fired = self._stimulator.pulses_fired
        if fired > self._told:
            for pulse in self._stimulator.fired[self._told :]:
                self._witness.edge(pulse.at_ns + lead_ns)
            self._told = fired
        self._witness.advance(step_ns)


class WiredEnd:
    """One of two wired devices, as its own link sees it; an `EmulatedDevice`."""

    def __init__(self, wired: Wired, device: EmulatedDevice, other: EmulatedDevice) -> None:
        self._wired = wired
        self._device = device
        self._other = other
        self._seen_ns = 0

    @property
    def model(self) -> str:
        """What it emulates."""
        return self._device.model

    @property
    def serial(self) -> str:
        """Its serial number."""
        return self._device.serial

    @property
    def bytes_received(self) -> int:
        """Bytes that the host has written so far."""
        return self._device.bytes_received

    @property
    def unplugged(self) -> bool:
        """True once its cable was pulled out."""
        return self._device.unplugged

    @property
    def fired(self) -> tuple[FiredPulse, ...]:
        """The pulses given so far."""
        return self._device.fired

    @property
    def pulses_fired(self) -> int:
        """How many."""
        return self._device.pulses_fired

    def now_ns(self) -> int:
        """Return the time that has passed for this end."""
        return self._seen_ns

    def advance(self, dt_ns: int) -> None:
        """Let time pass for this end, and for the other as far as it has not passed yet."""
        self._seen_ns += dt_ns
        self._wired.advance_to(self._seen_ns)

    def next_event_in_ns(self) -> int | None:
        """Return how far off the next thing is that either device does by itself.

        What the other has to say waits for its own link, and is no reason to wake this one.
        """
        own_ns, other_ns = self._device.next_event_in_ns(), self._other.next_event_in_ns()
        due = [ns for ns in (own_ns, other_ns or None) if ns is not None]
        return min(due) + self._wired.passed_ns - self._seen_ns if due else None

    def receive(self, data: bytes) -> None:
        """Take bytes that the host has just written."""
        self._device.receive(data)

    def take_output(self) -> bytes:
        """Return the bytes that have left since the last call."""
        return self._device.take_output()
