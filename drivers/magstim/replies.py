"""What a Magstim answers, each as a frozen value; nothing of it ever comes unasked.

How the bytes are cut is in `codec` (stimulators.md 1.3 to 1.8).
"""

from __future__ import annotations

from dataclasses import dataclass

from drivers.errors import ProtocolError
from drivers.magstim.dialect import Command, Dialect, Extended, Instrument, Part, RapidState
from drivers.magstim.requests import with_checksum

UNRECOGNISED_BYTE = 0x3F
CONFLICT_BYTE = 0x53


@dataclass(frozen=True, slots=True)
class Unrecognised:
    """A lone question mark: the unit does not know the command; also what a bare CR gets."""

    @property
    def frame(self) -> bytes:
        """What goes on the line, without a checksum."""
        return bytes((UNRECOGNISED_BYTE,))


@dataclass(frozen=True, slots=True)
class BadData:
    """The unit knows the command and not its data, or the checksum was wrong."""

    command: Command

    @property
    def frame(self) -> bytes:
        """What goes on the line."""
        return with_checksum(self.command.encode("ascii") + bytes((UNRECOGNISED_BYTE,)))


@dataclass(frozen=True, slots=True)
class Conflict:
    """The command is valid and conflicts with the unit's present state."""

    command: Command

    @property
    def frame(self) -> bytes:
        """What goes on the line."""
        return with_checksum(self.command.encode("ascii") + bytes((CONFLICT_BYTE,)))


@dataclass(frozen=True, slots=True)
class Version:
    """The answer to the version query, such as `9.0`."""

    text: str

    @property
    def frame(self) -> bytes:
        """What goes on the line."""
        return with_checksum(b"NV" + self.text.encode("ascii") + b"\x00")

    @property
    def major(self) -> int:
        """The number that decides lengths."""
        return int(self.text.split(".")[0])


@dataclass(frozen=True, slots=True)
class Answer:
    """A normal reply.

    Attributes:
        command: What it answers.
        instrument: The instrument status, of before the command took effect except for Q and R.
        rapid: The Rapid status, where the reply has one.
        extended: The low byte of the extended status, where the reply has one.
        letter: System mode or the source of an error, where the reply has one.
        numbers: Its numbers in their order, in the units of the protocol.
    """

    command: Command
    instrument: Instrument
    rapid: RapidState | None = None
    extended: Extended | None = None
    letter: str = ""
    numbers: tuple[int, ...] = ()

    def frame(self, dialect: Dialect) -> bytes:
        """Return what goes on the line.

        Raises:
            ValueError: Numbers or status bytes do not fit what this dialect's reply holds.
        """
        numbers = list(self.numbers)
        data = self.command.encode("ascii")
        for part in dialect.reply_parts(self.command):
            data += self._encoded(part, numbers)
        if numbers:
            raise ValueError(f"too many numbers for {self.command}: {self.numbers}")
        return with_checksum(data)

    def _encoded(self, part: Part | int, numbers: list[int]) -> bytes:
        if isinstance(part, int):
            value = numbers.pop(0) if numbers else -1
            if not 0 <= value < 10**part:
                raise ValueError(f"{value} does not fit {part} digits of {self.command}")
            return b"%0*d" % (part, value)
        match part:
            case Part.INSTRUMENT:
                return bytes((self.instrument,))
            case Part.RAPID:
                return bytes((_present(self.rapid, self.command),))
            case Part.EXTENDED:
                return bytes((0, _present(self.extended, self.command)))
            case _:
                return self.letter.encode("ascii")


def _present(flags: RapidState | Extended | None, command: Command) -> int:
    if flags is None:
        raise ValueError(f"a reply to {command} has another status byte")
    return int(flags)


Reply = Unrecognised | BadData | Conflict | Version | Answer


@dataclass(frozen=True, slots=True)
class TrainParameters:
    """A Rapid²'s parameters, from the reply to the backslash.

    Attributes:
        power_pct_mso: Power.
        frequency_tenths_hz: Frequency times 10.
        pulses: Pulses in a train.
        duration_tenths_s: Its duration times 10; 0 in single-pulse mode.
        wait_tenths_s: The unit's own wait after a train, times 10; read-only.
    """

    power_pct_mso: int
    frequency_tenths_hz: int
    pulses: int
    duration_tenths_s: int
    wait_tenths_s: int

    @classmethod
    def of(cls, answer: Answer) -> TrainParameters:
        """Return the parameters that the answer holds."""
        return cls(*answer.numbers)


def parse_answer(dialect: Dialect, command: Command, frame: bytes) -> Answer:
    """Return the answer that a complete frame with a right checksum carries.

    Raises:
        ProtocolError: Where a digit must be there is something else.
    """
    at, rapid, extended, letter = 1, None, None, ""
    instrument = Instrument(0)
    numbers: list[int] = []
    for part in dialect.reply_parts(command):
        if isinstance(part, int):
            digits = frame[at : at + part]
            if not digits.isdigit():
                raise ProtocolError(f"reply to {command}: not a number: {digits!r}", frame)
            numbers.append(int(digits))
            at += part
            continue
        match part:
            case Part.INSTRUMENT:
                instrument = Instrument(frame[at])
            case Part.RAPID:
                rapid = RapidState(frame[at])
            case Part.EXTENDED:
                extended = Extended(frame[at + 1])
                at += 1
            case _:
                letter = frame[at : at + 1].decode("latin-1")
        at += 1
    return Answer(command, instrument, rapid, extended, letter, tuple(numbers))
