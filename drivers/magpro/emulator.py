"""An emulated MagPro behind its serial port: bytes in, bytes out, at the speed of the real line.

What the unit does is in `unit`, the line and its faults are in `drivers.simulator.emulated`; here
are framing, commands and the latency of replies.
"""

from __future__ import annotations

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
from drivers.simulator.device import PulseObserver, Source
from drivers.simulator.emulated import EmulatedStimulator
from drivers.simulator.faults import Fault

BYTE_NS = 260_417
"""Line time of a byte: 10 bits at 38400 baud."""
FASTEST_REPLY_NS = 20_000_000
SLOWEST_REPLY_NS = 80_000_000
"""From a query to its answer (stimulators.md 2.4)."""
BYTE_GAP_NS = 100_000_000
"""After such a silence an unfinished frame is given up; not published, assumed."""


class MagProEmulator(EmulatedStimulator):
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
        super().__init__(
            faults,
            pulse_log,
            seed=options.seed,
            byte_ns=BYTE_NS,
            restart_ns=options.restart_ns,
        )
        self._last_arrival_ns = 0
        self._forget_heard()
        self.ignored_commands = 0
        self._unit: MagProUnit = MagProUnit(options, self._plan, self._push, self._pulse_fired)
        self.panel = Panel(self._unit)
        self._begin()

    # What its host sees -----------------------------------------------------------------------

    @property
    def model(self) -> str:
        """The maker's name of the model."""
        return self.options.variant.name

    @property
    def serial(self) -> str:
        """The serial number, as the driver reads it over the port."""
        return serial_text(self.options.serial)

    def state(self) -> replies.Status2:
        """Return what the unit would say of itself, without asking over the line."""
        return self._unit.status2()

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
            self._unit.agenda.at(arrival_ns, self._while_on(partial(self._obey, command)))

    def _obey(self, command: Command) -> None:
        """Do what a command says, unless nobody is listening."""
        if self._silent:
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
        self._after_latency(FASTEST_REPLY_NS, SLOWEST_REPLY_NS, speak)

    def _push(self, message: Message) -> None:
        """Put a message on the line, unless the device is silent or a fault spoils it."""
        self._send(encode_frame(message.body))

    def _forget_heard(self) -> None:
        self._decoder = FrameDecoder()

    def _spoilt(self, frame: bytes) -> bytes:
        return frame[:2] + bytes((frame[2] ^ 1,)) + frame[3:]
