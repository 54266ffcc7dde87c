"""The shape of a protocol file as strict pydantic tables: which keys there are, of which type.

What keys mean together is left to `protocols.file_checks`, and the words to `file_mistakes`.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

from protocols.exact import parse_ratio
from protocols.pattern import Convention
from protocols.prescription import DEFAULT_LATEST_HOST_PULSE_US, DEFAULT_LONGEST_PAUSE_S
from protocols.terms import Mark, RegulatoryStatus, Side, ThresholdKind

OURS = "ours"
"""The error type whose context carries `wrong` and `allowed` in our own words."""
RATIO_WORDS = 'an exact number as text or integer, such as "18" or "5/2"'
_DECIMAL = re.compile(r"\d{1,9}\.\d{1,5}")
_Number = TypeVar("_Number", int, Fraction)


class FloatText:
    """A TOML float kept as it was written, so that a message can say it exactly."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        """Return the number as written."""
        return self.text


def _wrong(wrong: str, allowed: str) -> PydanticCustomError:
    # the message has no placeholders of its own: braces in a file's text must stay text
    return PydanticCustomError(OURS, "see the context", {"wrong": wrong, "allowed": allowed})


def _exact(value: object) -> Fraction:
    """Return the exact number a file states, or raise in our own words."""
    if isinstance(value, FloatText):
        allowed = RATIO_WORDS
        if _DECIMAL.fullmatch(value.text):
            allowed = f'"{Fraction(value.text)}", an exact number as text'
        raise _wrong(f"{value.text[:40]} is a float, which is not exact", allowed)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise _wrong(f"{value!r:.40} is not a number", RATIO_WORDS)
    if isinstance(value, int) and not 0 <= value < 10**15:
        raise _wrong("a number of this size cannot be", RATIO_WORDS)
    try:
        return parse_ratio(str(value))
    except ValueError:
        raise _wrong(f"{value!r:.40} is not an exact number", RATIO_WORDS) from None


def _above_zero(highest: int, unit: str) -> BeforeValidator:
    def check(value: object) -> Fraction:
        exact = _exact(value)
        if not 0 < exact <= highest:
            raise _wrong(f"{exact} {unit} cannot be", f"above 0 and at most {highest} {unit}")
        return exact

    return BeforeValidator(check)


def _is_range(value: object) -> Literal["<range>", "<value>"]:
    return "<range>" if isinstance(value, dict) else "<value>"


class Table(BaseModel):
    """A table of a protocol file."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, arbitrary_types_allowed=True
    )


class RangeTable(Table, Generic[_Number]):
    """A value that a prescription chooses between two ends."""

    lowest: _Number
    highest: _Number
    default: _Number

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        """Raise unless lowest < highest and the default lies between."""
        if self.lowest >= self.highest:
            raise _wrong(
                f"lowest {self.lowest} is not below highest {self.highest}",
                "a range, or one plain value",
            )
        if not self.lowest <= self.default <= self.highest:
            raise _wrong(
                f"default {self.default} lies outside the range",
                f"{self.lowest} to {self.highest}",
            )
        return self


Percent = Annotated[Fraction, _above_zero(250, "% of the threshold")]
Rate = Annotated[Fraction, _above_zero(1000, "Hz")]
Seconds = Annotated[Fraction, _above_zero(3600, "s")]
Share = Annotated[Fraction, _above_zero(1, "of the intensity")]
Gradient = Annotated[Fraction, _above_zero(10, "%MSO/mm")]
Repeats = Annotated[int, Field(ge=1, le=10_000)]
Trains = Annotated[int, Field(ge=1, le=2_000)]
Count = Annotated[int, Field(ge=1, le=500)]

_EITHER = Discriminator(_is_range)
_VALUE, _RANGE = Tag("<value>"), Tag("<range>")  # the angle brackets keep them apart from keys
EitherPercent = Annotated[
    Annotated[Percent, _VALUE] | Annotated[RangeTable[Percent], _RANGE], _EITHER
]
EitherRate = Annotated[Annotated[Rate, _VALUE] | Annotated[RangeTable[Rate], _RANGE], _EITHER]
EitherSeconds = Annotated[
    Annotated[Seconds, _VALUE] | Annotated[RangeTable[Seconds], _RANGE], _EITHER
]
EitherRepeats = Annotated[
    Annotated[Repeats, _VALUE] | Annotated[RangeTable[Repeats], _RANGE], _EITHER
]
EitherTrains = Annotated[Annotated[Trains, _VALUE] | Annotated[RangeTable[Trains], _RANGE], _EITHER]
EitherCount = Annotated[Annotated[Count, _VALUE] | Annotated[RangeTable[Count], _RANGE], _EITHER]

Text = Annotated[str, Field(max_length=2_000, pattern=r"\S")]
Identifier = Annotated[str, Field(max_length=60, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
MarkWord = Annotated[Mark, Field(strict=False)]


class BurstTable(Table):
    """`[blocks.burst]`."""

    pulses: Annotated[int, Field(ge=2, le=100)]
    rate_hz: Rate


class IntervalTable(Table):
    """`[blocks.interval]`."""

    seconds: EitherSeconds
    convention: Annotated[Convention, Field(strict=False)]


class RampTable(Table):
    """`[blocks.ramp]`."""

    trains: Annotated[int, Field(ge=2, le=2_000)]
    start: Share


class DepthTable(Table):
    """`[blocks.depth_adjustment]`."""

    gradient_pct_mso_per_mm: Gradient
    cap_pct_mt: Percent


class BlockTable(Table):
    """`[[blocks]]`."""

    label: Text
    target: Text
    side: Annotated[Side, Field(strict=False)]
    coils: Annotated[list[Text], Field(min_length=1)]
    threshold: Annotated[ThresholdKind, Field(strict=False)]
    pct_mt: EitherPercent
    rate_hz: EitherRate
    burst: BurstTable | None = None
    pulses_per_train: EitherRepeats | None = None
    bursts_per_train: EitherRepeats | None = None
    trains: EitherTrains
    interval: IntervalTable | None = None
    ramp: RampTable | None = None
    changeover_s: Seconds | None = None
    depth_adjustment: DepthTable | None = None
    marks: dict[str, MarkWord]


class SourceTable(Table):
    """`[[sources]]`."""

    citation: Text
    supports: Text
    mark: MarkWord


class RegulatoryTable(Table):
    """`[regulatory]`."""

    status: Annotated[RegulatoryStatus, Field(strict=False)]
    reference: Text
    mark: MarkWord


class PhaseTable(Table):
    """An item of `phases` in `[course]`."""

    weeks: Count
    sessions_a_week: Count
    mark: MarkWord


class CourseTable(Table):
    """`[course]`."""

    phases: Annotated[list[PhaseTable], Field(min_length=1)] | None = None
    sessions: EitherCount | None = None
    weeks: EitherCount | None = None
    days: Count | None = None
    sessions_a_day: Annotated[int, Field(ge=2, le=100)] | None = None
    minutes_between: Annotated[int, Field(ge=1, le=1440)] | None = None
    taper: Text | None = None
    mark: MarkWord


class PreStepTable(Table):
    """`[pre_step]`."""

    name: Text
    instruction: Text
    mark: MarkWord


class DeliveryTable(Table):
    """`[delivery]`: operational choices, for which there is no source."""

    longest_pause_s: Annotated[int, Field(ge=0, le=86_400)] = DEFAULT_LONGEST_PAUSE_S
    latest_host_pulse_us: Annotated[int, Field(ge=1, le=1_000_000)] = DEFAULT_LATEST_HOST_PULSE_US


class ProtocolTable(Table):
    """A whole protocol file."""

    id: Identifier
    name: Text
    indication: Text
    notes: list[Text] = Field(default_factory=list)
    regulatory: RegulatoryTable
    sources: Annotated[list[SourceTable], Field(min_length=1)]
    course: CourseTable | None = None
    pre_step: PreStepTable | None = None
    delivery: DeliveryTable = Field(default_factory=DeliveryTable)
    blocks: Annotated[list[BlockTable], Field(min_length=1, max_length=20)]
