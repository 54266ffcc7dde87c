"""What one session delivers: every value fixed, one canonical form, one digest.

It keeps out whose prescription it is (`protocols.prescription`) and ranges and defaults, which
stay in `protocols.protocol`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Self

from protocols.canonical import (
    ContentError,
    JsonValue,
    Record,
    check_ratio,
    check_text,
    digest_of,
)
from protocols.dose import (
    HIGHEST_PCT_MSO,
    check_threshold,
    effective_pct_mt,
    prescribe,
    ramp_intensity,
)
from protocols.exact import ratio_text, round_half_up
from protocols.pattern import SINGLE_PULSE, BlockPattern, Burst, Convention, Interval, Ramp, Train
from protocols.schedule import MOST_PULSES, ScheduleTooLong, SessionSchedule, schedule_session
from protocols.terms import Side, ThresholdKind

if TYPE_CHECKING:
    from protocols.protocol import Protocol

REHEARSAL_TAG = "tms-rehearsal-1"
"""The first thing in the canonical form of a rehearsal; a patient's prescription has another."""
DEFAULT_LONGEST_PAUSE_S = 600
"""Operational choice: a session paused for longer than 10 minutes ends."""
DEFAULT_LATEST_HOST_PULSE_US = 2000
"""A host-timed pulse later than 2 ms is not fired (architecture.md, Delivering 4)."""
_LONGEST_PAUSE_S = 86_400
_LATEST_HOST_PULSE_US = 1_000_000


@dataclass(frozen=True, slots=True)
class FixedBlock:
    """One block of a session with nothing left to choose.

    Attributes:
        label: What the block is called on screen.
        target: Where the coil is aimed, in words.
        side: Which side of the head.
        coil: The coil the block is given with.
        threshold_kind: What the threshold was measured on.
        threshold_pct_mso: The motor threshold, in % of maximum stimulator output.
        pct_mt: The prescribed percentage of it.
        step_pct_mso: The intensity step of the device the dose was rounded to.
        intensity_pct_mso: What the device is told; threshold x percent, half up to the step.
        lowest_pct_mso: Lowest intensity a technician may set.
        highest_pct_mso: Highest intensity a technician may set.
        pattern: Trains, interval and ramp.
        changeover_s: Seconds from the last pulse of the block before to this block's first pulse;
            0 exactly in the first block.
    """

    label: str
    target: str
    side: Side
    coil: str
    threshold_kind: ThresholdKind
    threshold_pct_mso: int
    pct_mt: Fraction
    intensity_pct_mso: int
    lowest_pct_mso: int
    highest_pct_mso: int
    pattern: BlockPattern
    changeover_s: Fraction = Fraction(0)
    step_pct_mso: int = 1

    def __post_init__(self) -> None:
        """Raise ContentError or NotDeliverable unless the block can be delivered as it says."""
        for name, text in (("label", self.label), ("target", self.target), ("coil", self.coil)):
            check_text(name, text)
        check_threshold(self.threshold_pct_mso)
        dose = prescribe(self.threshold_pct_mso, self.pct_mt, self.step_pct_mso)
        if self.intensity_pct_mso != dose.intensity_pct_mso:
            raise ContentError(
                f"{self.label}: intensity_pct_mso is {self.intensity_pct_mso}; {self.pct_mt} % of "
                f"{self.threshold_pct_mso} %MSO is {dose.intensity_pct_mso} %MSO"
            )
        low, high = self.lowest_pct_mso, self.highest_pct_mso
        if not 1 <= low <= self.intensity_pct_mso <= high <= HIGHEST_PCT_MSO:
            raise ContentError(
                f"{self.label}: bounds of {low} to {high} %MSO must lie within 1 to 100 %MSO and "
                f"hold the intensity of {self.intensity_pct_mso} %MSO"
            )
        if self.changeover_s < 0:
            raise ContentError(f"{self.label}: a change-over is at least 0 s")
        for name, ratio in self._ratios():
            check_ratio(f"{self.label}: {name}", ratio)
        if self.pattern.ramp is not None:
            ramp_intensity(self.intensity_pct_mso, self.pattern.ramp, 1, self.step_pct_mso)

    def _ratios(self) -> list[tuple[str, Fraction]]:
        pattern = self.pattern
        ratios = [
            ("pct_mt", self.pct_mt),
            ("changeover_s", self.changeover_s),
            ("rate_hz", pattern.train.rate_hz),
        ]
        if pattern.train.burst.rate_hz is not None:
            ratios.append(("burst rate_hz", pattern.train.burst.rate_hz))
        if pattern.interval is not None:
            ratios.append(("interval seconds", pattern.interval.seconds))
        if pattern.ramp is not None:
            ratios.append(("ramp start", pattern.ramp.start))
        return ratios

    @property
    def effective_pct_mt(self) -> Fraction:
        """What the rounded intensity is in % of the threshold, exact."""
        return effective_pct_mt(self.intensity_pct_mso, self.threshold_pct_mso)

    def intensity_of_train(self, train_in_block: int) -> int:
        """Return the intensity of a train, from 1, with the ramp, in %MSO."""
        return ramp_intensity(
            self.intensity_pct_mso, self.pattern.ramp, train_in_block, self.step_pct_mso
        )

    def canonical(self) -> dict[str, JsonValue]:
        """Return the block as JSON values."""
        pattern = self.pattern
        interval, ramp, burst = pattern.interval, pattern.ramp, pattern.train.burst
        return {
            "label": self.label,
            "target": self.target,
            "side": self.side.value,
            "coil": self.coil,
            "threshold_kind": self.threshold_kind.value,
            "threshold_pct_mso": self.threshold_pct_mso,
            "pct_mt": ratio_text(self.pct_mt),
            "step_pct_mso": self.step_pct_mso,
            "intensity_pct_mso": self.intensity_pct_mso,
            "lowest_pct_mso": self.lowest_pct_mso,
            "highest_pct_mso": self.highest_pct_mso,
            "changeover_s": ratio_text(self.changeover_s),
            "rate_hz": ratio_text(pattern.train.rate_hz),
            "bursts": pattern.train.bursts,
            "burst": None
            if burst.rate_hz is None
            else {"pulses": burst.pulses, "rate_hz": ratio_text(burst.rate_hz)},
            "trains": pattern.trains,
            "interval": None
            if interval is None
            else {
                "seconds": ratio_text(interval.seconds),
                "convention": interval.convention.value,
            },
            "ramp": None
            if ramp is None
            else {"trains": ramp.trains, "start": ratio_text(ramp.start)},
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Return the block that the JSON values state.

        Raises:
            ContentError: They state none; the message names the field.
        """
        with record:
            return cls(
                label=record.text("label"),
                target=record.text("target"),
                side=record.member("side", Side),
                coil=record.text("coil"),
                threshold_kind=record.member("threshold_kind", ThresholdKind),
                threshold_pct_mso=record.integer("threshold_pct_mso"),
                pct_mt=record.ratio("pct_mt"),
                step_pct_mso=record.integer("step_pct_mso"),
                intensity_pct_mso=record.integer("intensity_pct_mso"),
                lowest_pct_mso=record.integer("lowest_pct_mso"),
                highest_pct_mso=record.integer("highest_pct_mso"),
                pattern=_pattern(record),
                changeover_s=record.ratio("changeover_s"),
            )


def _pattern(record: Record) -> BlockPattern:
    burst, interval, ramp = (record.optional(name) for name in ("burst", "interval", "ramp"))
    train = Train(
        record.integer("bursts"),
        record.ratio("rate_hz"),
        SINGLE_PULSE if burst is None else _burst(burst),
    )
    return BlockPattern(
        train,
        record.integer("trains"),
        None if interval is None else _interval(interval),
        None if ramp is None else _ramp(ramp),
    )


def _burst(record: Record) -> Burst:
    with record:
        return Burst(record.integer("pulses"), record.ratio("rate_hz"))


def _interval(record: Record) -> Interval:
    with record:
        return Interval(record.ratio("seconds"), record.member("convention", Convention))


def _ramp(record: Record) -> Ramp:
    with record:
        return Ramp(record.integer("trains"), record.ratio("start"))


@dataclass(frozen=True, slots=True)
class SessionContent:
    """What one session delivers, with every value fixed.

    Attributes:
        protocol_id: The library protocol it was made from.
        title: Its name on screen.
        blocks: The blocks in order.
        most_sessions_a_day: Sessions of the course on one day.
        least_minutes_between: Minutes from one session to the next of the same day, 0 if one a day.
        pre_step: What must be done and recorded before the first pulse, None if nothing.
        longest_pause_s: A pause longer than this ends the session.
        latest_host_pulse_us: A host-timed pulse that would be later than this is not fired.
    """

    protocol_id: str
    title: str
    blocks: tuple[FixedBlock, ...]
    most_sessions_a_day: int = 1
    least_minutes_between: int = 0
    pre_step: str | None = None
    longest_pause_s: int = DEFAULT_LONGEST_PAUSE_S
    latest_host_pulse_us: int = DEFAULT_LATEST_HOST_PULSE_US

    def __post_init__(self) -> None:
        """Raise ContentError or ScheduleTooLong unless this is a session that can be run."""
        check_text("protocol_id", self.protocol_id)
        check_text("title", self.title)
        if self.pre_step is not None:
            check_text("pre_step", self.pre_step)
        if not self.blocks:
            raise ContentError("a session has at least one block")
        for number, block in enumerate(self.blocks, 1):
            if (number == 1) != (block.changeover_s == 0):
                raise ContentError(
                    f"blocks[{number}].changeover_s is {block.changeover_s}: it is 0 s in the "
                    "first block and above 0 s in every other"
                )
        if self.pulses > MOST_PULSES:
            raise ScheduleTooLong(f"a session of {self.pulses} pulses: at most {MOST_PULSES:,}")
        for name, value, low, high in (
            ("most_sessions_a_day", self.most_sessions_a_day, 1, 100),
            ("least_minutes_between", self.least_minutes_between, 0, 1440),
            ("longest_pause_s", self.longest_pause_s, 0, _LONGEST_PAUSE_S),
            ("latest_host_pulse_us", self.latest_host_pulse_us, 1, _LATEST_HOST_PULSE_US),
        ):
            if not low <= value <= high:
                raise ContentError(f"{name} is {value}: it is {low} to {high}")

    @property
    def pulses(self) -> int:
        """Pulses in the session."""
        return sum(block.pattern.pulses for block in self.blocks)

    @property
    def most_pulses_a_day(self) -> int:
        """Pulses on one day of the course: pulses of a session x sessions a day."""
        return self.pulses * self.most_sessions_a_day

    def schedule(self) -> SessionSchedule:
        """Return the due time of every pulse.

        Raises:
            ScheduleTooLong: A pulse is due too late or too close to another.
        """
        return schedule_session([(block.pattern, block.changeover_s) for block in self.blocks])

    def canonical(self, tag: str = REHEARSAL_TAG) -> dict[str, JsonValue]:
        """Return the content as JSON values: text, true/false, null and integers below 2^53.

        Args:
            tag: What kind of authority the content is for; it is part of the digest.
        """
        return {
            "tag": tag,
            "protocol_id": self.protocol_id,
            "title": self.title,
            "blocks": [block.canonical() for block in self.blocks],
            "most_sessions_a_day": self.most_sessions_a_day,
            "least_minutes_between": self.least_minutes_between,
            "pre_step": self.pre_step,
            "longest_pause_s": self.longest_pause_s,
            "latest_host_pulse_us": self.latest_host_pulse_us,
        }

    def digest(self, tag: str = REHEARSAL_TAG) -> str:
        """Return the SHA-256 of the canonical form in RFC 8785 JSON, as 64 hex digits."""
        return digest_of(self.canonical(tag))

    @classmethod
    def from_canonical(cls, values: JsonValue, tag: str = REHEARSAL_TAG) -> Self:
        """Return the content whose canonical form these JSON values are.

        Raises:
            ContentError: They are no content with this tag; the message names the field.
        """
        return cls.from_record(Record(values), tag)

    @classmethod
    def from_record(cls, record: Record, tag: str = REHEARSAL_TAG) -> Self:
        """Return the content that the JSON values of an object state.

        Raises:
            ContentError: They are no content with this tag; the message names the field.
        """
        with record:
            record.tagged(tag)
            return cls(
                protocol_id=record.text("protocol_id"),
                title=record.text("title"),
                blocks=tuple(FixedBlock.from_record(block) for block in record.records("blocks")),
                most_sessions_a_day=record.integer("most_sessions_a_day"),
                least_minutes_between=record.integer("least_minutes_between"),
                pre_step=record.optional_text("pre_step"),
                longest_pause_s=record.integer("longest_pause_s"),
                latest_host_pulse_us=record.integer("latest_host_pulse_us"),
            )


def rehearsal_content(
    protocol: Protocol, threshold_pct_mso: int, device_step: int = 1
) -> SessionContent:
    """Return a rehearsal of a protocol: its defaults, at a threshold of the kind it asks for.

    Only rehearsals may use defaults.  Every block takes the same threshold.  Intensity may be
    lowered to half of the dose (rounded half up) and not raised.

    Raises:
        NotDeliverable: The dose is out of reach, with what could be prescribed instead.
        ValueError: A threshold that cannot be.
    """
    fixed = protocol.fix()
    blocks = []
    for block in fixed.blocks:
        dose = prescribe(threshold_pct_mso, block.pct_mt, device_step).intensity_pct_mso
        blocks.append(
            FixedBlock(
                label=block.label,
                target=block.target,
                side=block.side,
                coil=block.coil,
                threshold_kind=block.threshold_kind,
                threshold_pct_mso=threshold_pct_mso,
                pct_mt=block.pct_mt,
                step_pct_mso=device_step,
                intensity_pct_mso=dose,
                lowest_pct_mso=round_half_up(Fraction(dose, 2)),
                highest_pct_mso=dose,
                pattern=block.pattern,
                changeover_s=block.changeover_s,
            )
        )
    return SessionContent(
        protocol_id=protocol.id,
        title=protocol.name,
        blocks=tuple(blocks),
        most_sessions_a_day=fixed.sessions_a_day,
        least_minutes_between=fixed.minutes_between,
        pre_step=fixed.pre_step,
        longest_pause_s=fixed.longest_pause_s,
        latest_host_pulse_us=fixed.latest_host_pulse_us,
    )
