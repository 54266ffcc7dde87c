"""An emulated MagPro on a bench: say commands, hear messages, under the virtual clock.

It is a client of its own, so that emulator tests do not rest on our driver.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from drivers.errors import ProtocolError
from drivers.magpro.codec import FrameDecoder, encode_frame
from drivers.magpro.commands import (
    Command,
    SetAmplitude,
    SetEnabled,
    SetPage,
    SetSettings,
    SetTrain,
    StartTrain,
)
from drivers.magpro.emulator import MagProEmulator
from drivers.magpro.options import Options
from drivers.magpro.replies import Message, parse_message
from drivers.magpro.tables import BurstIndex, Direction, Mode, Model, Page, Waveform
from drivers.simulator.faults import parse_fault
from drivers.simulator.memory_link import MemoryLink
from drivers.simulator.pulse_log import PulseLog
from tms_console.clock import VirtualClock

MS = 1_000_000
S = 1_000_000_000
M = TypeVar("M", bound=Message)

IBURST = SetSettings(
    Model.X100,
    Mode.STANDARD,
    Direction.NORMAL,
    Waveform.BIPHASIC_BURST,
    BurstIndex.THREE,
    200,
)


class Bench:
    """One emulator, one client."""

    def __init__(
        self, *faults: str, options: Options | None = None, pulse_log: PulseLog | None = None
    ) -> None:
        self.clock = VirtualClock()
        self.device = MagProEmulator(options, [parse_fault(word) for word in faults], pulse_log)
        self.link = MemoryLink(self.device, self.clock)
        self.decoder = FrameDecoder()
        self.errors: list[ProtocolError] = []
        self.heard: list[tuple[int, Message]] = []

    def say(self, *commands: Command) -> None:
        for command in commands:
            self.link.write(encode_frame(command.body))

    def hear(self, for_ns: int) -> list[tuple[int, Message]]:
        """Everything said within that time, with the time at which it had arrived."""
        end_ns = self.clock.now_ns() + for_ns
        heard: list[tuple[int, Message]] = []
        while True:
            self.decoder.feed(self.link.read(end_ns))
            heard += self._frames()
            if self.clock.now_ns() >= end_ns:
                self.heard += heard
                return heard

    def _frames(self) -> list[tuple[int, Message]]:
        frames: list[tuple[int, Message]] = []
        while True:
            try:
                body = self.decoder.next_frame()
            except ProtocolError as error:
                self.errors.append(error)
                continue
            if body is None:
                return frames
            frames.append((self.clock.now_ns(), parse_message(body)))

    def messages(self, for_ns: int) -> list[Message]:
        return [message for _, message in self.hear(for_ns)]

    def ask(self, query: Command, kind: type[M]) -> M:
        """Ask, and return the answer, whatever else is said meanwhile."""
        self.say(query)
        answers = [message for message in self.messages(200 * MS) if isinstance(message, kind)]
        assert len(answers) == 1, answers
        return answers[0]

    def prepare(
        self,
        train: SetTrain,
        intensity_pct_mso: int = 54,
        settings: SetSettings | None = None,
    ) -> None:
        """Set everything up and enable, as patiently as the device needs."""
        if settings is not None:
            self.say(settings)
            self.hear(4 * S)
        self.say(SetPage(Page.TIMING), SetAmplitude(intensity_pct_mso), train)
        self.hear(S)
        self.say(SetEnabled(True))
        self.hear(S)

    def run_train(self, train: SetTrain, intensity_pct_mso: int = 54) -> list[tuple[int, Message]]:
        """Prepare, start, and return what is said until it must be over."""
        self.prepare(train, intensity_pct_mso)
        self.say(StartTrain())
        return self.hear(train_ns(train) + S)

    @property
    def times_ns(self) -> list[int]:
        """When pulses were fired, from the first one on."""
        fired = self.device.fired
        return [pulse.at_ns - fired[0].at_ns for pulse in fired]


def train_ns(train: SetTrain) -> int:
    return (train.pulses * 10 * S // train.rate_tenths_hz + train.iti_tenths_s * S // 10) * (
        train.trains
    )


def of_kind(heard: Sequence[tuple[int, Message]], kind: type[M]) -> list[M]:
    return [message for _, message in heard if isinstance(message, kind)]


def options(**changes: object) -> Options:
    return replace(Options(), **changes)  # type: ignore[arg-type]
