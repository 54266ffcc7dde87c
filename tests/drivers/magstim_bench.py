"""An emulated Magstim on a bench: say requests, hear replies, under the virtual clock.

It is a client of its own, so that emulator tests do not rest on our driver.
"""

from __future__ import annotations

from dataclasses import replace

from drivers.magstim.codec import ReplyDecoder
from drivers.magstim.dialect import Command, Instrument, RapidState
from drivers.magstim.emulator import MagstimEmulator
from drivers.magstim.options import MADE_UP_CODE, VARIANTS, Options
from drivers.magstim.replies import Answer, Reply, TrainParameters
from drivers.magstim.requests import ARM, FIRE, Request, enable_remote, number
from drivers.simulator.faults import parse_fault
from drivers.simulator.memory_link import MemoryLink
from drivers.simulator.pulse_log import PulseLog
from tms_console.clock import VirtualClock

MS = 1_000_000
S = 1_000_000_000
REPLY_NS = 100 * MS


class Bench:
    """One emulator, one client."""

    def __init__(
        self,
        variant: str = "rapid2",
        *faults: str,
        options: Options | None = None,
        pulse_log: PulseLog | None = None,
    ) -> None:
        self.options = options or VARIANTS[variant]
        self.dialect = self.options.dialect
        self.clock = VirtualClock()
        self.device = MagstimEmulator(
            self.options, [parse_fault(word) for word in faults], pulse_log
        )
        self.link = MemoryLink(self.device, self.clock)
        self.decoder = ReplyDecoder(self.dialect)

    # Talking ----------------------------------------------------------------------------------

    def raw(self, data: bytes, for_ns: int = REPLY_NS) -> bytes:
        """Say bytes and return all that comes back within that time."""
        self.link.write(data)
        return self.listen(for_ns)

    def listen(self, for_ns: int) -> bytes:
        end_ns, heard = self.clock.now_ns() + for_ns, b""
        while self.clock.now_ns() < end_ns:
            heard += self.link.read(end_ns)
        return heard

    def ask(self, request: Request) -> Reply | None:
        """Say a request and return its reply as soon as it is there, None if none comes."""
        self.link.write(request.frame)
        end_ns = self.clock.now_ns() + REPLY_NS
        while self.clock.now_ns() < end_ns:
            self.decoder.feed(self.link.read(end_ns))
            if (taken := self.decoder.next_reply()) is not None:
                return taken[1]
        return None

    def answer(self, request: Request) -> Answer:
        reply = self.ask(request)
        assert isinstance(reply, Answer), (request, reply)
        return reply

    def set(self, command: Command, value: int) -> Reply | None:
        return self.ask(number(self.dialect, command, value))

    def get(self, command: Command) -> Answer:
        return self.answer(Request(command))

    @property
    def poll_request(self) -> Request:
        if self.dialect.locked:
            return Request(Command.SYSTEM_STATUS)
        return Request(Command.ENABLE_REMOTE)

    @property
    def status(self) -> Instrument:
        return self.answer(self.poll_request).instrument

    @property
    def rapid(self) -> RapidState:
        state = self.get(Command.RAPID_PARAMETERS).rapid
        assert state is not None
        return state

    @property
    def train(self) -> TrainParameters:
        return TrainParameters.of(self.get(Command.RAPID_PARAMETERS))

    # Doing ------------------------------------------------------------------------------------

    def hold(self, for_ns: int) -> None:
        """Let time pass with the keep-alive of a good host."""
        end_ns = self.clock.now_ns() + for_ns
        while self.clock.now_ns() < end_ns:
            self.link.write(self.poll_request.frame)
            self.listen(min(500 * MS, end_ns - self.clock.now_ns()))

    def take_remote(self) -> None:
        code = MADE_UP_CODE if self.dialect.locked else None
        assert self.answer(enable_remote(self.dialect, code)).instrument & Instrument.REMOTE

    def ready(self, pct: int = 50) -> None:
        """Take control, set the power, arm and wait until it is ready."""
        self.take_remote()
        assert isinstance(self.set(Command.POWER, pct), Answer)
        self.answer(ARM)
        self.hold(1500 * MS)
        assert self.status & Instrument.READY

    def ready_train(self, pulses: int, rate_tenths: int, pct: int = 50) -> None:
        """The same in repetitive mode."""
        self.take_remote()
        self.set(Command.POWER, pct)
        self.set(Command.DURATION, 10)
        assert isinstance(self.set(Command.FREQUENCY, rate_tenths), Answer)
        assert isinstance(self.set(Command.PULSES, pulses), Answer)
        self.answer(ARM)
        self.hold(1500 * MS)

    def fire(self) -> Reply | None:
        return self.ask(FIRE)

    @property
    def times_ns(self) -> list[int]:
        """When pulses were fired, from the first one on."""
        fired = self.device.fired
        return [pulse.at_ns - fired[0].at_ns for pulse in fired]


def options(variant: str = "rapid2", **changes: object) -> Options:
    return replace(VARIANTS[variant], **changes)  # type: ignore[arg-type]
