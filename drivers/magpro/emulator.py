"""An emulated MagPro behind its serial port: bytes in, bytes out, at the speed of the real line.

What the unit does is in `unit`, and how it is reached in `drivers.simulator`; here are framing,
reply latency, and the faults of the connection.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial

from drivers.errors import ProtocolError
from drivers.magpro import commands, replies
from drivers.magpro.codec import FrameDecoder, encode_frame
from drivers.magpro.commands import Command, parse_command
from drivers.magpro.options import CounterUnit, Options
from drivers.magpro.panel import Panel
from drivers.magpro.replies import Message, serial_text
from drivers.magpro.unit import MagProUnit
from drivers.simulator.device import FiredPulse, PulseObserver, Source
from drivers.simulator.faults import (
    FRAME_FAULTS,
    LATE_REPLY_NS,
    Fault,
    FaultName,
    FaultPlan,
)
from drivers.simulator.line import Receiver, Transmitter

BYTE_NS = 260_417
"""Line time of a byte: 10 bits at 38400 baud."""
FASTEST_REPLY_NS = 20_000_000
SLOWEST_REPLY_NS = 80_000_000
"""From a query to its answer (stimulators.md 2.4)."""
BYTE_GAP_NS = 100_000_000
"""After such a silence an unfinished frame is given up; not published, assumed."""

_CONNECTION_FAULTS = (
    *sorted(FRAME_FAULTS),
    FaultName.HANG,
    FaultName.UNPLUG,
    FaultName.RESTART,
)


class MagProEmulator:
    """The device's side of the wire protocol; satisfies `EmulatedDevice`.

    Args:
        options: Model, coil, serial number, seed and choices.
        faults: What will go wrong.
        pulse_log: Gets every pulse before its report leaves: a log, a virtual patient, or both.
    """

    def __init__(
        self,
        options: Options | None = None,
        faults: Sequence[Fault] = (),
        pulse_log: PulseObserver | None = None,
    ) -> None:
        self.options = options = options or Options()
        self._pulse_log = pulse_log
        self._random = random.Random(options.seed)
        self._decoder = FrameDecoder()
        self._receiver = Receiver(BYTE_NS)
        self._transmitter = Transmitter(BYTE_NS)
        self._last_arrival_ns = 0
        self._last_reply_ns = 0
        self._frame_faults: list[FaultName] = []
        self._plan = FaultPlan(faults)
        self.bytes_received = 0
        self.ignored_commands = 0
        self.hung = False
        self.unplugged = False
        self._power_losses = 0
        self._unit = MagProUnit(options, self._plan, self._push, self._pulse_fired)
        self.panel = Panel(self._unit)
        self._let_connection_fail(0)
        self._unit.happen(0)

    # What its host sees -----------------------------------------------------------------------

    @property
    def model(self) -> str:
        """The maker's name of the model."""
        return self.options.variant.name

    @property
    def serial(self) -> str:
        """The serial number, as the driver reads it over the port."""
        return serial_text(self.options.serial)

    @property
    def fired(self) -> tuple[FiredPulse, ...]:
        """The pulses given so far."""
        return tuple(self._unit.fired)

    @property
    def pulses_fired(self) -> int:
        """How many pulses were given so far."""
        return len(self._unit.fired)

    def state(self) -> replies.Status2:
        """Return what the unit would say of itself, without asking over the line."""
        return self._unit.status2()

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
                while self._decoder.waiting:
                    self._decoder.drop_start()
                    self._take_frames(arrival_ns)
            self._last_arrival_ns = arrival_ns
            self._decoder.feed(bytes((byte,)))
            self._take_frames(arrival_ns)

    def take_output(self) -> bytes:
        """Return the bytes that have left since the last call."""
        return self._transmitter.take(self.now_ns())

    # Commands ---------------------------------------------------------------------------------

    def _take_frames(self, arrival_ns: int) -> None:
        while True:
            try:
                body = self._decoder.next_frame()
                if body is None:
                    return
                command = parse_command(body)
            except ProtocolError:
                self.ignored_commands += 1
                continue
            self._unit.agenda.at(arrival_ns, partial(self._obey, command, self._power_losses))

    def _obey(self, command: Command, power_losses: int) -> None:
        """Do what a command says, unless nobody is listening."""
        deaf = self.hung or self.unplugged or not self._unit.powered
        if deaf or power_losses != self._power_losses:
            return
        unit = self._unit
        match command:
            case commands.SetAmplitude(a_pct, b_pct):
                if unit.set_amplitude(a_pct, b_pct):
                    self._answer(unit.amplitude_message)
            case commands.SetEnabled(enabled):
                unit.set_enabled(enabled)
                self._later(unit.say_enabled)
            case commands.Trigger():
                unit.trigger(Source.SERIAL)
            case commands.StartTrain():
                unit.start_train(Source.SERIAL)
            case commands.SetPage(page):
                unit.set_page(page)
            case commands.SetSettings():
                unit.set_settings(command)
            case commands.SetTrain():
                unit.set_train(command)
            case commands.SetTrain11(timing, train, warn):
                unit.set_train_11(timing, train, warn)
            case commands.SetDelays(delays) | commands.SetDelays10(delays):
                unit.set_delays(delays)
            case _:
                self._answer_query(command)

    def _answer_query(self, query: Command) -> None:
        unit = self._unit
        match query:
            case commands.GetStatus():
                self._answer(unit.status)
            case commands.GetStatus2():
                self._answer(unit.status2)
            case commands.GetSettings():
                self._answer(unit.settings_reply)
            case commands.GetDelays():
                self._answer(lambda: replies.DelaysReply(unit.delays))
            case commands.GetTrain():
                self._answer(unit.train_reply)
            case _:
                if unit.options.counter is not CounterUnit.NONE:
                    self._answer(lambda: replies.StimulusCount(unit.stimulus_count, unit.page))

    def _answer(self, message: Callable[[], Message]) -> None:
        """Send a message after the device's latency, with what holds by then."""
        self._later(lambda: self._push(message()))

    def _later(self, speak: Callable[[], None]) -> None:
        latency_ns = self._random.randint(FASTEST_REPLY_NS, SLOWEST_REPLY_NS)
        due_ns = max(self.now_ns() + latency_ns, self._last_reply_ns)
        self._last_reply_ns = due_ns
        losses = self._power_losses

        def speak_if_still_on() -> None:
            if losses == self._power_losses:
                speak()

        self._unit.agenda.at(due_ns, speak_if_still_on)

    def _push(self, message: Message) -> None:
        """Put a message on the line, unless the device is silent or a fault spoils it."""
        if self.hung or self.unplugged or not self._unit.powered:
            return
        frame = encode_frame(message.body)
        if self._frame_faults:
            match self._frame_faults.pop(0):
                case FaultName.SWALLOW_REPLY:
                    return
                case FaultName.CORRUPT_REPLY:
                    frame = frame[:2] + bytes((frame[2] ^ 1,)) + frame[3:]
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
        """Stop answering and sending; the train in hand goes on."""
        self.hung = True
        self._transmitter.cut(self.now_ns())

    def unplug(self) -> None:
        """Pull the cable out; the train in hand goes on."""
        self.unplugged = True
        self._transmitter.cut(self.now_ns())

    def restart(self) -> None:
        """Lose power and come back with default settings, disarmed."""
        self._unit.lose_power()
        self._power_losses += 1
        self._transmitter.cut(self.now_ns())
        self._decoder = FrameDecoder()
        self._unit.agenda.at(self.now_ns() + self.options.restart_ns, self._come_back)

    def _come_back(self) -> None:
        self.hung = False
        self._unit.regain_power()
