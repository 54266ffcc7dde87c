"""Published protocols: patterns whose values may be ranges, with course, sources and marks.

How they are written in files is left to `protocols.file_format`; a patient's values have no place
here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from protocols.course import Course, PreStep, Regulatory, Source, Span
from protocols.pattern import SINGLE_PULSE, BlockPattern, Burst, Convention, Interval, Ramp, Train
from protocols.schedule import SessionSchedule, schedule_session
from protocols.terms import Mark, Side, ThresholdKind

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong in a protocol file.

    Attributes:
        file: The file's name.
        line: Its line, from 1; None where no line can be named (an unreadable file).
        field: Path of the field, such as `blocks[1].interval.seconds`; "" for the file itself.
        wrong: What is wrong.
        allowed: What is allowed instead, "" if that is said already.
    """

    file: str
    line: int | None
    field: str
    wrong: str
    allowed: str = ""

    def __str__(self) -> str:
        """Return the mistake as one line."""
        place = self.file if self.line is None else f"{self.file}, line {self.line}"
        field = f" {self.field}:" if self.field else ""
        return f"{place}:{field} {self.wrong}" + (
            f"; allowed: {self.allowed}" if self.allowed else ""
        )


class ProtocolFileError(ValueError):
    """A protocol file cannot be used; every mistake that could be found is listed.

    Attributes:
        mistakes: The mistakes, in the order of the file.
    """

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = mistakes


class ChoiceError(ValueError):
    """A value chosen for a protocol is not one that the protocol leaves open."""


@dataclass(frozen=True, slots=True)
class DepthAdjustment:
    """The protocol adjusts the threshold for depth; a rehearsal leaves that out.

    Attributes:
        gradient_pct_mso_per_mm: Output per mm of depth.
        cap_pct_mt: Highest percentage of the measured threshold.
    """

    gradient_pct_mso_per_mm: Fraction
    cap_pct_mt: Fraction


@dataclass(frozen=True, slots=True)
class ProtocolBlock:
    """One block of a protocol, with ranges.

    Attributes:
        label: What the block is called.
        target: Where the coil is aimed.
        side: Which side of the head.
        coils: Coils the protocol is given with; the first is the default.
        threshold_kind: What the percentage refers to.
        pct_mt: Percentage of the threshold.
        rate_hz: Rate of the pulses, or of the bursts.
        burst: What each repetition consists of.
        repeats: Pulses, or bursts, in a train.
        trains: Trains in the block.
        interval_s: The inter-train interval as printed, None for one train.
        convention: What that interval means, None for one train.
        ramp: How the first trains rise, None if they do not.
        changeover_s: Seconds from the last pulse of the block before; 0 in the first block.
        depth_adjustment: How the threshold is adjusted for depth, None if it is not.
        marks: How far each field has been checked, by its name in the file.
    """

    label: str
    target: str
    side: Side
    coils: tuple[str, ...]
    threshold_kind: ThresholdKind
    pct_mt: Span[Fraction]
    rate_hz: Span[Fraction]
    burst: Burst
    repeats: Span[int]
    trains: Span[int]
    interval_s: Span[Fraction] | None
    convention: Convention | None
    ramp: Ramp | None
    changeover_s: Fraction
    depth_adjustment: DepthAdjustment | None
    marks: Mapping[str, Mark]

    @property
    def repeats_field(self) -> str:
        """The name of `repeats` in the file."""
        return "pulses_per_train" if self.burst == SINGLE_PULSE else "bursts_per_train"

    def pattern(
        self, rate_hz: Fraction, repeats: int, trains: int, interval_s: Fraction | None
    ) -> BlockPattern:
        """Return the pattern with these values for the fields that may be ranges.

        Raises:
            ValueError: They make no pattern.
        """
        interval = None
        if interval_s is not None and self.convention is not None:
            interval = Interval(interval_s, self.convention)
        return BlockPattern(Train(repeats, rate_hz, self.burst), trains, interval, self.ramp)

    def open_choices(self) -> Iterator[str]:
        """Yield the names of the fields that leave a choice."""
        spans: Mapping[str, Span[int] | Span[Fraction] | None] = {
            "pct_mt": self.pct_mt,
            "rate_hz": self.rate_hz,
            self.repeats_field: self.repeats,
            "trains": self.trains,
            "interval.seconds": self.interval_s,
        }
        yield from (name for name, span in spans.items() if span is not None and not span.fixed)
        if len(self.coils) > 1:
            yield "coil"


@dataclass(frozen=True, slots=True)
class ChosenBlock:
    """One block of a protocol with every value chosen; no threshold and no intensity yet."""

    label: str
    target: str
    side: Side
    coil: str
    threshold_kind: ThresholdKind
    pct_mt: Fraction
    pattern: BlockPattern
    changeover_s: Fraction


@dataclass(frozen=True, slots=True)
class FixedProtocol:
    """A protocol with every value chosen.

    Attributes:
        blocks: The blocks in order.
        sessions_a_day: Sessions on one day of the course.
        minutes_between: Minutes between them, 0 if one a day.
        pre_step: Name of what must be done before the first pulse, None if nothing.
        longest_pause_s: A pause longer than this ends the session.
        latest_host_pulse_us: A host-timed pulse later than this is not fired.
    """

    blocks: tuple[ChosenBlock, ...]
    sessions_a_day: int
    minutes_between: int
    pre_step: str | None
    longest_pause_s: int
    latest_host_pulse_us: int

    def schedule(self) -> SessionSchedule:
        """Return the due time of every pulse.

        Raises:
            ScheduleTooLong: A pulse is due too late or too close to another.
        """
        return schedule_session([(block.pattern, block.changeover_s) for block in self.blocks])


@dataclass(frozen=True, slots=True)
class Protocol:
    """A published protocol.

    Attributes:
        id: Its short name, as used on the command line.
        name: Its name on screen.
        indication: What it is given for.
        regulatory: Its standing according to the sources.
        sources: Where its numbers come from.
        course: The planned series of sessions, None where the sources state none.
        pre_step: What must be done before each session, None if nothing.
        blocks: The blocks of one session.
        notes: What else a physician should know.
        longest_pause_s: A pause longer than this ends the session.
        latest_host_pulse_us: A host-timed pulse later than this is not fired.
    """

    id: str
    name: str
    indication: str
    regulatory: Regulatory
    sources: tuple[Source, ...]
    course: Course | None
    pre_step: PreStep | None
    blocks: tuple[ProtocolBlock, ...]
    notes: tuple[str, ...]
    longest_pause_s: int
    latest_host_pulse_us: int

    @property
    def open_choices(self) -> tuple[str, ...]:
        """Every field that leaves a choice, such as `blocks[1].interval.seconds`."""
        return tuple(
            f"blocks[{number}].{name}"
            for number, block in enumerate(self.blocks, 1)
            for name in block.open_choices()
        )

    def fix(self, choices: Mapping[str, Fraction | int | str] | None = None) -> FixedProtocol:
        """Return the protocol with the chosen values, and defaults for what is not chosen.

        Args:
            choices: Values by field, such as `{"blocks[1].interval.seconds": Fraction(11)}`;
                coils are text.

        Raises:
            ChoiceError: The protocol leaves no such choice, or not that value.
            ValueError: The chosen values make no pattern.
        """
        wanted = dict(choices or {})
        if unknown := sorted(set(wanted) - set(self.open_choices)):
            allowed = ", ".join(self.open_choices) or "nothing"
            raise ChoiceError(f"{self.id} leaves no choice of {unknown[0]}; it leaves: {allowed}")
        return FixedProtocol(
            blocks=tuple(
                _choose(block, f"blocks[{number}].", wanted)
                for number, block in enumerate(self.blocks, 1)
            ),
            sessions_a_day=1 if self.course is None else self.course.sessions_a_day,
            minutes_between=0 if self.course is None else self.course.minutes_between,
            pre_step=None if self.pre_step is None else self.pre_step.name,
            longest_pause_s=self.longest_pause_s,
            latest_host_pulse_us=self.latest_host_pulse_us,
        )


def _choose(
    block: ProtocolBlock, place: str, wanted: Mapping[str, Fraction | int | str]
) -> ChosenBlock:
    coil = wanted.get(place + "coil", block.coils[0])
    if not isinstance(coil, str) or coil not in block.coils:
        raise ChoiceError(f"{place}coil is {coil!r}; allowed: {', '.join(block.coils)}")
    return ChosenBlock(
        label=block.label,
        target=block.target,
        side=block.side,
        coil=coil,
        threshold_kind=block.threshold_kind,
        pct_mt=_ratio(block.pct_mt, place + "pct_mt", wanted),
        pattern=block.pattern(
            _ratio(block.rate_hz, place + "rate_hz", wanted),
            _whole(block.repeats, place + block.repeats_field, wanted),
            _whole(block.trains, place + "trains", wanted),
            None
            if block.interval_s is None
            else _ratio(block.interval_s, place + "interval.seconds", wanted),
        ),
        changeover_s=block.changeover_s,
    )


def _ratio(
    span: Span[Fraction], place: str, wanted: Mapping[str, Fraction | int | str]
) -> Fraction:
    value = wanted.get(place, span.default)
    if isinstance(value, str) or not span.lowest <= value <= span.highest:
        raise ChoiceError(f"{place} is {value!s}; allowed: {span}")
    return Fraction(value)


def _whole(span: Span[int], place: str, wanted: Mapping[str, Fraction | int | str]) -> int:
    value = wanted.get(place, span.default)
    if not isinstance(value, int) or not span.lowest <= value <= span.highest:
        raise ChoiceError(f"{place} is {value!s}; allowed: {span}, a whole number")
    return value


@cache
def load_library() -> Mapping[str, Protocol]:
    """Return the shipped protocols by id, in the order of their names.

    Raises:
        ProtocolFileError: A shipped file is damaged.
    """
    return load_folder(files("protocols.library"))


def load_folder(folder: Traversable) -> Mapping[str, Protocol]:
    """Return the protocols of all `.toml` files of a folder by id.

    Raises:
        ProtocolFileError: Every mistake of every file, ids that occur twice among them.
    """
    from protocols.file_format import parse_protocol  # noqa: PLC0415 - pydantic is slow to import

    protocols: dict[str, Protocol] = {}
    mistakes: list[Mistake] = []
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".toml"):
            continue
        try:
            protocol = parse_protocol(file.read_bytes(), file.name)
        except ProtocolFileError as error:
            mistakes += error.mistakes
            continue
        expected = file.name.removesuffix(".toml")
        if protocol.id in protocols:
            mistakes.append(
                Mistake(
                    file.name, None, "id", f"{protocol.id!r} is another protocol's id", expected
                )
            )
        elif protocol.id != expected:
            mistakes.append(
                Mistake(file.name, None, "id", f"{protocol.id!r} is not the file's name", expected)
            )
        else:
            protocols[protocol.id] = protocol
    if mistakes:
        raise ProtocolFileError(tuple(mistakes))
    return MappingProxyType(protocols)


def load_protocol(path: Path) -> Protocol:
    """Return the protocol of one file.

    Raises:
        ProtocolFileError: Every mistake of the file, or why it cannot be read.
    """
    from protocols.file_format import MOST_BYTES, parse_protocol  # noqa: PLC0415 - as above

    try:
        if not path.is_file():
            wrong = "is a folder" if path.is_dir() else "there is no such file"
            raise ProtocolFileError((Mistake(str(path), None, "", wrong, "a TOML text file"),))
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, ProtocolFileError):
            raise
        reason = error.strerror if isinstance(error, OSError) else error
        raise ProtocolFileError(
            (Mistake(str(path), None, "", f"cannot be read: {reason}", "a TOML text file"),)
        ) from error
    return parse_protocol(raw, path.name)
