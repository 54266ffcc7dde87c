"""What a host may say to a MagPro, each as a frozen value with its body and its parser.

Whether a given unit takes it is not decided here, only whether the protocol can say it
(stimulators.md 2.2).  Every class raises ValueError for a value that has no place in its body.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from drivers.errors import ProtocolError
from drivers.magpro.tables import (
    BurstIndex,
    Direction,
    Mode,
    Model,
    Page,
    TimingControl,
    Waveform,
    ba_index,
    ipi_index,
)

MAX_AMPLITUDE = 100
MAX_U16 = 0xFFFF


def _check(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} is {low} to {high}, not {value}")


@dataclass(frozen=True, slots=True)
class GetStatus:
    """Ask for serial number, coil and amplitudes (id 0)."""

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        return b"\x00"


@dataclass(frozen=True, slots=True)
class SetAmplitude:
    """Set amplitude A, and B where the mode has one (id 1).

    Attributes:
        a_pct_mso: 0 to 100.
        b_pct_mso: 0 to 100, or None to leave the byte out.
    """

    a_pct_mso: int
    b_pct_mso: int | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for an amplitude outside 0 to 100 %MSO."""
        _check("amplitude A in %MSO", self.a_pct_mso, 0, MAX_AMPLITUDE)
        if self.b_pct_mso is not None:
            _check("amplitude B in %MSO", self.b_pct_mso, 0, MAX_AMPLITUDE)

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        b = () if self.b_pct_mso is None else (self.b_pct_mso,)
        return bytes((1, self.a_pct_mso, *b))


@dataclass(frozen=True, slots=True)
class SetEnabled:
    """Make the unit able or unable to fire (id 2); disabling ends a train."""

    enabled: bool

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        return bytes((2, self.enabled))


@dataclass(frozen=True, slots=True)
class Trigger:
    """Fire one stimulus: a pulse, a burst or a pair (id 3)."""

    @property
    def body(self) -> bytes:
        """The body of its frame, in the longest of its three known forms."""
        return b"\x03\x01\x00"


@dataclass(frozen=True, slots=True)
class StartTrain:
    """Start the train; only when enabled and on page Timing or Protocol (id 4)."""

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        return b"\x04"


@dataclass(frozen=True, slots=True)
class GetStatus2:
    """Ask for the long status with page and running (id 5)."""

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        return b"\x05"


@dataclass(frozen=True, slots=True)
class SetTrain:
    """Set up the train; only taken on page Timing, never acknowledged (id 6).

    Attributes:
        rate_tenths_hz: Rate of the stimuli times 10.
        pulses: Stimuli in a train; a burst is one.
        trains: Trains.
        iti_tenths_s: Last stimulus of a train to the first of the next, times 10.
    """

    rate_tenths_hz: int
    pulses: int
    trains: int
    iti_tenths_s: int

    def __post_init__(self) -> None:
        """Raise ValueError for a number that does not fit its two bytes."""
        for name, value in zip(("rate", "pulses", "trains", "ITI"), self.numbers, strict=True):
            _check(name, value, 0, MAX_U16)

    @property
    def numbers(self) -> tuple[int, int, int, int]:
        """Rate, pulses, trains and interval as they stand in the body."""
        return self.rate_tenths_hz, self.pulses, self.trains, self.iti_tenths_s

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        return struct.pack(">B4H", 6, *self.numbers)


@dataclass(frozen=True, slots=True)
class SetPage:
    """Show a page on the unit's screen (id 7)."""

    page: Page

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        return bytes((7, self.page, 0))


@dataclass(frozen=True, slots=True)
class Delays:
    """The three delays.

    Attributes:
        trigger_in_tenths_ms: Trigger input to pulse, times 10.
        trigger_out_tenths_ms: Pulse to trigger output, times 10; negative is before the pulse.
        charge_ms: Wait after a pulse before charging begins.
    """

    trigger_in_tenths_ms: int = 0
    trigger_out_tenths_ms: int = 0
    charge_ms: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError for a number that does not fit its two bytes."""
        _check("trigger-in delay", self.trigger_in_tenths_ms, 0, MAX_U16)
        _check("trigger-out delay", self.trigger_out_tenths_ms, -0x8000, 0x7FFF)
        _check("charge delay", self.charge_ms, 0, MAX_U16)

    @property
    def packed(self) -> bytes:
        """The three numbers as they stand in a body."""
        return struct.pack(
            ">HhH", self.trigger_in_tenths_ms, self.trigger_out_tenths_ms, self.charge_ms
        )

    @classmethod
    def unpacked(cls, raw: bytes) -> Delays:
        """Return the delays from their six bytes."""
        return cls(*struct.unpack(">HhH", raw))


@dataclass(frozen=True, slots=True)
class SetDelays:
    """Set the delays; never acknowledged (id 8)."""

    delays: Delays

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        return b"\x08" + self.delays.packed + b"\x00\x00"


@dataclass(frozen=True, slots=True)
class GetSettings:
    """Ask for mode, waveform and intervals (id 9, 00)."""

    @property
    def body(self) -> bytes:
        """The body of its frame, in the shorter of its two known forms."""
        return b"\x09\x00"


@dataclass(frozen=True, slots=True)
class SetSettings:
    """Set mode, waveform and intervals; never acknowledged (id 9, 01).

    Attributes:
        model: The unit's own model.
        mode: What one trigger sets off.
        direction: Current direction.
        waveform: Pulse shape.
        burst: Pulses in a burst, as an index.
        ipi_tenths_ms: Interval inside a burst or a pair; only values of the device's own table.
        ba_hundredths: B/A ratio times 100; in Dual mode amplitude B in %MSO times 100.
    """

    model: Model
    mode: Mode
    direction: Direction
    waveform: Waveform
    burst: BurstIndex
    ipi_tenths_ms: int
    ba_hundredths: int = 100

    def __post_init__(self) -> None:
        """Raise ValueError for an interval or ratio that the device does not know."""
        ipi_index(self.mode, self.ipi_tenths_ms)
        ba_index(self.mode, self.ba_hundredths)

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        enums = (self.model, self.mode, self.direction, self.waveform, self.burst)
        return struct.pack(">7B2H", 9, 1, *enums, self.ipi_tenths_ms, self.ba_hundredths)


@dataclass(frozen=True, slots=True)
class GetDelays:
    """Ask for the delays (id 10, 00; undocumented)."""

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        return b"\x0a\x00"


@dataclass(frozen=True, slots=True)
class SetDelays10:
    """Set the delays by the undocumented command (id 10, 01)."""

    delays: Delays

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        return b"\x0a\x01" + self.delays.packed


@dataclass(frozen=True, slots=True)
class GetTrain:
    """Ask for the train as it is set up (id 11, 00; undocumented)."""

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        return b"\x0b\x00"


@dataclass(frozen=True, slots=True)
class SetTrain11:
    """Set up train and timing control by the undocumented command (id 11, 01).

    Attributes:
        timing_control: Who sets it off.
        train: The train itself.
        warn: The unit's own warning sound before a train.
    """

    timing_control: TimingControl
    train: SetTrain
    warn: bool = False

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        return struct.pack(
            ">3B4HB", 11, 1, self.timing_control, *self.train.numbers, int(self.warn)
        )


@dataclass(frozen=True, slots=True)
class GetStimulusCount:
    """Ask for the unit's own count of its stimuli (id 12; undocumented, some do not answer)."""

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        return b"\x0c\x00"


Command = (
    GetStatus
    | SetAmplitude
    | SetEnabled
    | Trigger
    | StartTrain
    | GetStatus2
    | SetTrain
    | SetPage
    | SetDelays
    | GetSettings
    | SetSettings
    | GetDelays
    | SetDelays10
    | GetTrain
    | SetTrain11
    | GetStimulusCount
)


def _settings(body: bytes) -> SetSettings:
    _, _, model, mode, direction, wave, burst, ipi, ba = struct.unpack(">7B2H", body)
    return SetSettings(
        Model(model), Mode(mode), Direction(direction), Waveform(wave), BurstIndex(burst), ipi, ba
    )


def _timing_control(value: int) -> TimingControl:
    if value & ~0b1_0011:
        raise ValueError(f"timing control is 0 to 3, with or without bit 4, not {value:#04x}")
    return TimingControl(value)


def _train11(body: bytes) -> SetTrain11:
    control, *numbers, warn = struct.unpack(">B4HB", body[2:])
    return SetTrain11(_timing_control(control), SetTrain(*numbers), bool(warn))


def _enabled(body: bytes) -> SetEnabled:
    _check("enable", body[1], 0, 1)
    return SetEnabled(bool(body[1]))


def _trigger(body: bytes) -> Trigger:
    if body not in {b"\x03", b"\x03\x01", b"\x03\x01\x00"}:
        raise ValueError("a trigger is 03, 03 01 or 03 01 00")
    return Trigger()


_Parser = Callable[[bytes], Command]

_BY_ID: dict[int, tuple[tuple[int, ...], _Parser]] = {
    0: ((1,), lambda _: GetStatus()),
    1: ((2, 3), lambda body: SetAmplitude(*body[1:])),
    2: ((2,), _enabled),
    3: ((1, 2, 3), _trigger),
    4: ((1,), lambda _: StartTrain()),
    5: ((1,), lambda _: GetStatus2()),
    6: ((9,), lambda body: SetTrain(*struct.unpack(">4H", body[1:]))),
    7: ((2, 3), lambda body: SetPage(Page(body[1]))),
    8: ((9,), lambda body: SetDelays(Delays.unpacked(body[1:7]))),
}
"""Ids with one meaning: the body lengths that clients use, and the parser."""

_BY_ID_AND_VERB: dict[tuple[int, int], tuple[tuple[int, ...], _Parser]] = {
    (9, 0): ((2, 11), lambda _: GetSettings()),
    (9, 1): ((11,), _settings),
    (10, 0): ((2,), lambda _: GetDelays()),
    (10, 1): ((8,), lambda body: SetDelays10(Delays.unpacked(body[2:]))),
    (11, 0): ((2,), lambda _: GetTrain()),
    (11, 1): ((12,), _train11),
    (12, 0): ((2,), lambda _: GetStimulusCount()),
}
"""Ids whose second byte says get (0) or set (1)."""


def parse_command(body: bytes) -> Command:
    """Return the command that a frame's body carries, in any of the forms that clients use.

    Raises:
        ProtocolError: There is no such command, or a value has no meaning.
    """
    known = _BY_ID.get(body[0]) if body else None
    if known is None and len(body) > 1:
        known = _BY_ID_AND_VERB.get((body[0], body[1]))
    if known is None:
        raise ProtocolError(f"no MagPro command: {body.hex(' ').upper()}", body)
    lengths, parser = known
    if len(body) not in lengths:
        allowed = " or ".join(map(str, lengths))
        raise ProtocolError(f"command {body[0]} has {allowed} bytes, not {len(body)}", body)
    try:
        return parser(body)
    except ValueError as error:
        raise ProtocolError(f"command {body[0]}: {error}", body) from error
