"""Which Magstim it is and which software it runs: what decides the length of everything it says.

The widths are stimulators.md 1.6 and 1.8.  No byte is read or written here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag, StrEnum
from typing import Final


class Family(StrEnum):
    """The three kinds of unit."""

    MAGSTIM_200 = "200²"
    BISTIM = "BiStim²"
    RAPID = "Rapid²"


class Instrument(IntFlag):
    """The instrument status byte (1.4)."""

    STANDBY = 0x01
    ARMED = 0x02
    """Charging and not ready; it is not kept beside READY."""
    READY = 0x04
    COIL = 0x08
    REPLACE_COIL = 0x10
    ERROR = 0x20
    FATAL = 0x40
    REMOTE = 0x80

    @property
    def armed(self) -> bool:
        """True if it charges or can fire."""
        return bool(self & (Instrument.ARMED | Instrument.READY))


class RapidState(IntFlag):
    """The Rapid status byte (1.7)."""

    ENHANCED_POWER = 0x01
    TRAIN = 0x02
    WAIT = 0x04
    SINGLE_PULSE = 0x08
    HV_SUPPLY = 0x10
    COIL_READY = 0x20
    THETA_SUPPLY = 0x40
    MODIFIED_COIL = 0x80


class Extended(IntFlag):
    """The low byte of the extended status of software 9 and above; the high byte is 0 (1.7)."""

    PLUS1 = 0x01
    SPECIAL_TRIGGER = 0x02
    CHARGE_DELAY = 0x04


class Command(StrEnum):
    """The letters of the commands (1.6)."""

    ENABLE_REMOTE = "Q"
    RELEASE_REMOTE = "R"
    POWER = "@"
    POWER_B = "A"
    PULSE_INTERVAL = "C"
    HIGH_RESOLUTION_ON = "Y"
    HIGH_RESOLUTION_OFF = "Z"
    MODE = "E"
    PARAMETERS = "J"
    TEMPERATURE = "F"
    SYSTEM_MODE = "X"
    VERSION = "N"
    RAPID_PARAMETERS = "\\"
    FREQUENCY = "B"
    PULSES = "D"
    DURATION = "["
    ENHANCED_POWER_ON = "^"
    ENHANCED_POWER_OFF = "_"
    IGNORE_INTERLOCK = "b"
    ERROR_CODE = "I"
    SYSTEM_STATUS = "x"
    SET_CHARGE_DELAY = "n"
    GET_CHARGE_DELAY = "o"


class Part(StrEnum):
    """What a reply is made of between its letter and its checksum, digits apart."""

    INSTRUMENT = "instrument"
    RAPID = "rapid"
    EXTENDED = "extended"
    LETTER = "letter"


UNLOCK_LENGTH: Final = 16
"""Characters of an unlock code with its hyphens (1.10)."""
LOCKED_FROM: Final = 9
"""Software from which a Rapid² wants an unlock code (1.6)."""
LONG_WAIT_FROM: Final = 7
LONG_DELAY_FROM: Final = 10

_ALL = frozenset("QR@EF")
_COMMANDS = {
    Family.MAGSTIM_200: _ALL | {"J"},
    Family.BISTIM: _ALL | frozenset("ACYZJX"),
    Family.RAPID: _ALL | frozenset("N\\BD[^_bI"),
}
_FROM_9 = frozenset("xno")
_SHORT = (Part.INSTRUMENT,)
_WITH_RAPID = (Part.INSTRUMENT, Part.RAPID)
_REPLIES: dict[Command, tuple[Part | int, ...]] = {
    Command.PARAMETERS: (Part.INSTRUMENT, 3, 3, 3),
    Command.TEMPERATURE: (Part.INSTRUMENT, 3, 3),
    Command.SYSTEM_MODE: (Part.INSTRUMENT, Part.LETTER),
    Command.ERROR_CODE: (Part.INSTRUMENT, Part.LETTER, 2),
    Command.SYSTEM_STATUS: (Part.INSTRUMENT, Part.RAPID, Part.EXTENDED),
    **dict.fromkeys(
        (
            Command.FREQUENCY,
            Command.PULSES,
            Command.DURATION,
            Command.ENHANCED_POWER_ON,
            Command.ENHANCED_POWER_OFF,
        ),
        _WITH_RAPID,
    ),
}
_DATA = {Command.POWER: 3, Command.POWER_B: 3, Command.PULSE_INTERVAL: 3, Command.FREQUENCY: 4}


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a unit understands and how long its messages are.

    Attributes:
        family: Which kind of unit.
        software: Major version of a Rapid²'s software; 0 for the others, which do not tell theirs.
    """

    family: Family
    software: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError unless exactly a Rapid² has a version."""
        if (self.family is Family.RAPID) != (self.software > 0):
            raise ValueError(f"a {self.family} does not have software {self.software}")

    @property
    def locked(self) -> bool:
        """True if remote control takes an unlock code."""
        return self.software >= LOCKED_FROM

    def knows(self, command: Command) -> bool:
        """Return True if the unit has this command at all."""
        return command in _COMMANDS[self.family] or (self.locked and command in _FROM_9)

    def data_length(self, command: Command) -> int:
        """Return how many data characters a request has; one of padding where it has no data."""
        match command:
            case Command.ENABLE_REMOTE:
                return UNLOCK_LENGTH if self.locked else 1
            case Command.PULSES:
                return 5 if self.locked else 4
            case Command.DURATION:
                return 4 if self.locked else 3
            case Command.SET_CHARGE_DELAY:
                return 5 if self.software >= LONG_DELAY_FROM else 4
            case _:
                return _DATA.get(command, 1)

    def reply_parts(self, command: Command) -> tuple[Part | int, ...]:
        """Return what a normal reply holds, numbers as their count of digits.

        Not for the version, whose reply ends with a zero byte instead.
        """
        match command:
            case Command.RAPID_PARAMETERS:
                pulses, duration = (5, 4) if self.locked else (4, 3)
                wait = 4 if self.software >= LONG_WAIT_FROM else 3
                return (*_WITH_RAPID, 3, 4, pulses, duration, wait)
            case Command.SET_CHARGE_DELAY:
                extended = (Part.EXTENDED,) if self.software >= LONG_DELAY_FROM else ()
                return (*_WITH_RAPID, *extended)
            case Command.GET_CHARGE_DELAY:
                return (Part.INSTRUMENT, 5 if self.software >= LONG_DELAY_FROM else 4)
            case _:
                return _REPLIES.get(command, _SHORT)

    def reply_length(self, command: Command) -> int:
        """Return the bytes of a normal reply with its letter and checksum."""
        return 2 + sum(part_length(part) for part in self.reply_parts(command))


def part_length(part: Part | int) -> int:
    """Return the bytes of one part of a reply."""
    if isinstance(part, int):
        return part
    return 2 if part is Part.EXTENDED else 1
