"""What a MagPro says, asked or unasked, each as a frozen value with its body and its parser.

What it means for a session is the driver's business (stimulators.md 2.3).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from drivers.errors import ProtocolError
from drivers.magpro.commands import Delays, SetTrain
from drivers.magpro.info import Caps, Info, coil_name, model_name, serial_text
from drivers.magpro.tables import (
    BurstIndex,
    Direction,
    Mode,
    TimingControl,
    Waveform,
    ba_hundredths,
    ipi_tenths_ms,
)

__all__ = [
    "COIL_REMOVED",
    "POWER_ON",
    "Amplitude",
    "AmplitudeFactor",
    "Caps",
    "CoilState",
    "DelaysReply",
    "Info",
    "MepReport",
    "Message",
    "Notice",
    "OriginalAmplitude",
    "PageState",
    "Settings",
    "Status",
    "Status2",
    "StimulusCount",
    "StimulusReport",
    "TrainReply",
    "Unknown",
    "coil_name",
    "model_name",
    "parse_message",
    "serial_text",
]


@dataclass(frozen=True, slots=True)
class Status:
    """Answer to id 0.

    Attributes:
        info: Model, mode, waveform and enabled.
        serial: The unit's serial number.
        temperature_c: Coil temperature; 90 may mean that no cooler is connected.
        coil_type: See `coil_name`; 0 also when there is no coil.
        a_pct_mso: Amplitude A.
        b_pct_mso: Amplitude B.
    """

    info: Info
    serial: int
    temperature_c: int
    coil_type: int
    a_pct_mso: int
    b_pct_mso: int

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        rest = (self.temperature_c, self.coil_type, self.a_pct_mso, self.b_pct_mso)
        return bytes((0, self.info.byte, *self.serial.to_bytes(3), *rest))


@dataclass(frozen=True, slots=True)
class Amplitude:
    """The amplitude changed, by whomever, or the unit was enabled or disabled (id 1)."""

    a_pct_mso: int
    b_pct_mso: int
    info: Info

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        return bytes((1, self.a_pct_mso, self.b_pct_mso, self.info.byte))


@dataclass(frozen=True, slots=True)
class StimulusReport:
    """A stimulus was given, however it was triggered, with its realised di/dt in A/us (id 2)."""

    a_us: int
    b_us: int
    info: Info

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        return bytes((2, self.a_us, self.b_us, self.info.byte))


@dataclass(frozen=True, slots=True)
class CoilState:
    """Coil or temperature changed, or the unit was enabled or disabled (id 3)."""

    temperature_c: int
    coil_type: int
    info: Info

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        return bytes((3, self.temperature_c, self.coil_type, self.info.byte))


@dataclass(frozen=True, slots=True)
class MepReport:
    """A motor evoked potential, from the MEP page (id 4).

    Attributes:
        max_uv: Highest voltage in microvolts, signed.
        min_uv: Lowest.
        max_time_us: When the highest was.
        peak_to_peak_uv: Their distance, where the unit sends it.
    """

    max_uv: int
    min_uv: int
    max_time_us: int
    peak_to_peak_uv: int | None = None

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        head = struct.pack(">BiiI", 4, self.max_uv, self.min_uv, self.max_time_us)
        if self.peak_to_peak_uv is None:
            return head
        return head + struct.pack(">I", self.peak_to_peak_uv)


@dataclass(frozen=True, slots=True)
class Status2:
    """Answer to id 5: the status with original amplitudes, their factors, page and running.

    Attributes:
        status: What id 0 says too.
        a_original_pct: Amplitude A before the page's factor.
        b_original_pct: Amplitude B before it.
        a_factor_pct: The factor of A.
        b_factor_pct: The factor of B.
        page: A `Page`, or a number without a name.
        running: A train is in progress.
    """

    status: Status
    a_original_pct: int
    b_original_pct: int
    a_factor_pct: int
    b_factor_pct: int
    page: int
    running: bool

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        original = (self.a_original_pct, self.b_original_pct)
        factors = (self.a_factor_pct, self.b_factor_pct)
        return bytes((5, *self.status.body[1:], *original, *factors, self.page, self.running))


@dataclass(frozen=True, slots=True)
class OriginalAmplitude:
    """Amplitudes before the Protocol page's factor (id 6)."""

    a_pct_mso: int
    b_pct_mso: int
    info: Info

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        return bytes((6, self.a_pct_mso, self.b_pct_mso, self.info.byte))


@dataclass(frozen=True, slots=True)
class AmplitudeFactor:
    """The Protocol page's factors in percent (id 7)."""

    a_pct: int
    b_pct: int
    info: Info

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        return bytes((7, self.a_pct, self.b_pct, self.info.byte))


@dataclass(frozen=True, slots=True)
class PageState:
    """The page changed, or a train started or stopped (id 8).

    Attributes:
        page: A `Page`, or a number without a name.
        running: A train is in progress.
        info: Model, mode, waveform and enabled.
    """

    page: int
    running: bool
    info: Info

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        return bytes((8, self.page, self.running, self.info.byte))


@dataclass(frozen=True, slots=True)
class Settings:
    """Answer to id 9, 00: what is set, the intervals as table indices.

    Attributes:
        caps: What the unit can do.
        mode: What one trigger sets off.
        direction: Current direction.
        waveform: Pulse shape.
        burst: Pulses in a burst, as an index.
        ipi_index: See `tables.ipi_table`; the wire has its low byte first.
        ba_index: See `tables.ba_hundredths`.
    """

    caps: Caps
    mode: Mode
    direction: Direction
    waveform: Waveform
    burst: BurstIndex
    ipi_index: int
    ba_index: int

    @property
    def ipi_tenths_ms(self) -> int | None:
        """The interval the index stands for in this mode; None if it stands for none."""
        try:
            return ipi_tenths_ms(self.mode, self.ipi_index)
        except ValueError:
            return None

    @property
    def ba_hundredths(self) -> int | None:
        """The B/A value the index stands for in this mode; None if it stands for none."""
        try:
            return ba_hundredths(self.mode, self.ba_index)
        except ValueError:
            return None

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        enums = (self.mode, self.direction, self.waveform, self.burst)
        ipi = self.ipi_index.to_bytes(2, "little")
        return bytes((9, 0, self.caps.byte, *enums, *ipi, self.ba_index))


@dataclass(frozen=True, slots=True)
class DelaysReply:
    """Answer to id 10, 00, in the form of its set command."""

    delays: Delays

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        return b"\x0a\x00" + self.delays.packed


@dataclass(frozen=True, slots=True)
class TrainReply:
    """Answer to id 11, 00, in the form of its set command."""

    timing_control: int
    train: SetTrain
    warn: int

    @property
    def timing(self) -> TimingControl:
        """The timing control byte as flags; bits without a name are kept."""
        return TimingControl(self.timing_control)

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        return struct.pack(">3B4HB", 11, 0, self.timing_control, *self.train.numbers, self.warn)


COUNT_AT = slice(9, 11)
COUNT_BODY = 12


@dataclass(frozen=True, slots=True)
class StimulusCount:
    """Answer to id 12.

    Attributes:
        count: The unit's own count of its stimuli, 0 to 65535, then from 0 again; whether a burst
            counts once is not published.
        page: A `Page`, or a number without a name.
    """

    count: int
    page: int

    @property
    def body(self) -> bytes:
        """The body of its frame; seven bytes of unknown meaning are zero."""
        return b"\x0c\x00" + bytes(7) + self.count.to_bytes(2) + bytes((self.page,))


@dataclass(frozen=True, slots=True)
class Notice:
    """An unasked-for frame of unpublished meaning, seen at power-on and coil removal (240, 241)."""

    id: int
    rest: bytes = b""

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        return bytes((self.id,)) + self.rest


POWER_ON = 240
COIL_REMOVED = 241
"""Which of the two ids means which is not published: this is the emulator's choice."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A checked frame with an id that nobody has described."""

    raw: bytes

    @property
    def body(self) -> bytes:
        """The body of its frame."""
        return self.raw


Message = (
    Status
    | Amplitude
    | StimulusReport
    | CoilState
    | MepReport
    | Status2
    | OriginalAmplitude
    | AmplitudeFactor
    | PageState
    | Settings
    | DelaysReply
    | TrainReply
    | StimulusCount
    | Notice
    | Unknown
)


def _status(body: bytes) -> Status:
    return Status(Info.of(body[1]), int.from_bytes(body[2:5]), *body[5:9])


def _status2(body: bytes) -> Status2:
    a_original, b_original, a_factor, b_factor, page = body[9:14]
    return Status2(_status(body), a_original, b_original, a_factor, b_factor, page, bool(body[14]))


def _settings(body: bytes) -> Settings:
    mode, direction, wave, burst = body[3:7]
    return Settings(
        Caps.of(body[2]),
        Mode(mode),
        Direction(direction),
        Waveform(wave),
        BurstIndex(burst),
        int.from_bytes(body[7:9], "little"),
        body[9],
    )


def _train(body: bytes) -> TrainReply:
    control, *numbers, warn = struct.unpack(">B4HB", body[2:])
    return TrainReply(control, SetTrain(*numbers), warn)


def _mep(body: bytes) -> MepReport:
    return MepReport(*struct.unpack(">iiI" + "I" * (len(body) > MEP_BODY), body[1:]))


MEP_BODY = 13

_BY_ID: dict[int, tuple[tuple[int, ...], Callable[[bytes], Message]]] = {
    0: ((9,), _status),
    1: ((4,), lambda body: Amplitude(body[1], body[2], Info.of(body[3]))),
    2: ((4,), lambda body: StimulusReport(body[1], body[2], Info.of(body[3]))),
    3: ((4,), lambda body: CoilState(body[1], body[2], Info.of(body[3]))),
    4: ((MEP_BODY, 17), _mep),
    5: ((15,), _status2),
    6: ((4,), lambda body: OriginalAmplitude(body[1], body[2], Info.of(body[3]))),
    7: ((4,), lambda body: AmplitudeFactor(body[1], body[2], Info.of(body[3]))),
    8: ((4,), lambda body: PageState(body[1], bool(body[2]), Info.of(body[3]))),
    9: ((10,), _settings),
    10: ((8,), lambda body: DelaysReply(Delays.unpacked(body[2:]))),
    11: ((12,), _train),
    12: (
        tuple(range(COUNT_BODY, 256)),
        lambda body: StimulusCount(int.from_bytes(body[COUNT_AT]), body[-1]),
    ),
}


def parse_message(body: bytes) -> Message:
    """Return the message that a frame's body carries; an id nobody knows becomes `Unknown`.

    Raises:
        ProtocolError: The body is empty, or a known id has the wrong length or a value without a
            meaning.
    """
    if not body:
        raise ProtocolError("an empty MagPro body")
    if body[0] in {POWER_ON, COIL_REMOVED}:
        return Notice(body[0], bytes(body[1:]))
    known = _BY_ID.get(body[0])
    if known is None:
        return Unknown(bytes(body))
    lengths, parser = known
    if len(body) not in lengths:
        shown = f"{lengths[0]} or more" if len(lengths) > 2 else " or ".join(map(str, lengths))  # noqa: PLR2004
        raise ProtocolError(f"message {body[0]} has {shown} bytes, not {len(body)}", bytes(body))
    try:
        return parser(body)
    except ValueError as error:
        raise ProtocolError(f"message {body[0]}: {error}", bytes(body)) from error
