"""What the dose of a block rests on: threshold, percentage, depth, and the first sessions' ramp.

From it the block follows at any threshold and any of today's percentages; what a physician signed
around it is `protocols.prescription`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Self

from protocols.canonical import ContentError, JsonValue, Record, check_range, check_ratio
from protocols.dose import (
    HIGHEST_PCT_MSO,
    DepthAdjusted,
    NotDeliverable,
    depth_adjusted_pct_mt,
    depth_adjusted_threshold,
    prescribe,
)
from protocols.exact import decimal_text, ratio_text, round_half_up
from protocols.measured import ThresholdReference
from protocols.session_content import FixedBlock

HIGHEST_PCT_MT = Fraction(220)
"""The last column of the limit tables (safety.md); nothing is known above it."""
_DEEPEST_MM = 100
_STEEPEST_PCT_MSO_PER_MM = 10
_HUNDREDTHS = 100


def check_pct_mt(name: str, pct_mt: Fraction) -> None:
    """Raise ContentError unless a percentage of a threshold is above 0 and at most 220 %."""
    if not 0 < pct_mt <= HIGHEST_PCT_MT:
        raise ContentError(
            f"{name} is {decimal_text(pct_mt)} %: it is above 0 and at most {HIGHEST_PCT_MT} %"
        )
    check_ratio(name, pct_mt)


@dataclass(frozen=True, slots=True)
class DepthPlan:
    """A threshold adjusted for depth: MT + g x (D_target - D_M1) (clinical.md part 3).

    Attributes:
        target_depth_mm: Scalp to the target.
        motor_depth_mm: Scalp to the motor cortex.
        gradient_pct_mso_per_mm: Output per mm of depth.
        cap_pct_mt: Highest percentage of the threshold as measured.
    """

    target_depth_mm: Fraction
    motor_depth_mm: Fraction
    gradient_pct_mso_per_mm: Fraction
    cap_pct_mt: Fraction

    def __post_init__(self) -> None:
        """Raise ContentError unless the numbers can have been measured."""
        for name, value, highest in (
            ("target_depth_mm", self.target_depth_mm, _DEEPEST_MM),
            ("motor_depth_mm", self.motor_depth_mm, _DEEPEST_MM),
            ("gradient_pct_mso_per_mm", self.gradient_pct_mso_per_mm, _STEEPEST_PCT_MSO_PER_MM),
        ):
            if not 0 < value <= highest or _HUNDREDTHS % value.denominator:
                raise ContentError(
                    f"{name} is {value}: it is above 0, at most {highest}, in hundredths"
                )
        check_pct_mt("cap_pct_mt", self.cap_pct_mt)

    def adjusted_threshold(self, threshold_pct_mso: int) -> Fraction:
        """Return the adjusted threshold in %MSO, exact.

        Raises:
            ValueError: It would be 0 or less.
        """
        return depth_adjusted_threshold(
            threshold_pct_mso,
            self.target_depth_mm,
            self.motor_depth_mm,
            self.gradient_pct_mso_per_mm,
        )

    def canonical(self) -> dict[str, JsonValue]:
        """Return the plan as JSON values."""
        return {
            "target_depth_mm": ratio_text(self.target_depth_mm),
            "motor_depth_mm": ratio_text(self.motor_depth_mm),
            "gradient_pct_mso_per_mm": ratio_text(self.gradient_pct_mso_per_mm),
            "cap_pct_mt": ratio_text(self.cap_pct_mt),
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Return the plan that the JSON values state."""
        with record:
            return cls(
                record.ratio("target_depth_mm"),
                record.ratio("motor_depth_mm"),
                record.ratio("gradient_pct_mso_per_mm"),
                record.ratio("cap_pct_mt"),
            )


@dataclass(frozen=True, slots=True)
class FirstSessions:
    """The ramp across the first days: in the first sessions today's %MT may be lower.

    Attributes:
        sessions: How many first sessions of the course.
        lowest_pct_mt: Lowest percentage on such a day, of what the prescribed one is of; the
            highest is always the prescribed one.
    """

    sessions: int
    lowest_pct_mt: Fraction

    def __post_init__(self) -> None:
        """Raise ContentError unless there are such sessions."""
        check_range("first sessions", self.sessions, 1, 1000)
        check_pct_mt("lowest_pct_mt", self.lowest_pct_mt)

    def canonical(self) -> dict[str, JsonValue]:
        """Return the ramp as JSON values."""
        return {"sessions": self.sessions, "lowest_pct_mt": ratio_text(self.lowest_pct_mt)}

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Return the ramp that the JSON values state."""
        with record:
            return cls(record.integer("sessions"), record.ratio("lowest_pct_mt"))


@dataclass(frozen=True, slots=True)
class DoseBasis:
    """What the intensity of one block follows from.

    Attributes:
        threshold: The measured threshold.
        prescribed_pct_mt: The prescribed percentage: of the threshold, or of the threshold
            adjusted for depth where there is a depth plan.
        depth: How the threshold is adjusted for depth, None if it is not.
        first_sessions: How low the percentage may be in the first sessions, None if there is no
            such ramp.
    """

    threshold: ThresholdReference
    prescribed_pct_mt: Fraction
    depth: DepthPlan | None = None
    first_sessions: FirstSessions | None = None

    def __post_init__(self) -> None:
        """Raise ContentError unless the parts belong together."""
        check_pct_mt("prescribed_pct_mt", self.prescribed_pct_mt)
        first = self.first_sessions
        if first is not None and first.lowest_pct_mt >= self.prescribed_pct_mt:
            raise ContentError(
                f"lowest_pct_mt is {decimal_text(first.lowest_pct_mt)} %: a ramp across the first "
                f"days begins below the prescribed {decimal_text(self.prescribed_pct_mt)} %"
            )

    def of_measured(
        self, threshold_pct_mso: int | None = None, pct_mt: Fraction | None = None
    ) -> DepthAdjusted:
        """Return the percentage of the threshold as measured, exact, and whether the cap acted.

        Args:
            threshold_pct_mso: A re-measured threshold; None for the one of this basis.
            pct_mt: Today's percentage; None for the prescribed one.

        Raises:
            ValueError: The adjusted threshold would be 0 or less.
        """
        threshold = self.threshold.value_pct_mso if threshold_pct_mso is None else threshold_pct_mso
        pct = self.prescribed_pct_mt if pct_mt is None else pct_mt
        if self.depth is None:
            return DepthAdjusted(pct, pct)
        adjusted = self.depth.adjusted_threshold(threshold)
        return depth_adjusted_pct_mt(threshold, adjusted, pct, self.depth.cap_pct_mt)

    def intensity(
        self,
        step_pct_mso: int,
        threshold_pct_mso: int | None = None,
        pct_mt: Fraction | None = None,
    ) -> int:
        """Return the intensity that follows, in %MSO, half up to the device's step.

        Raises:
            NotDeliverable: It is out of reach; the nearest is given in the prescribed percentage.
        """
        threshold = self.threshold.value_pct_mso if threshold_pct_mso is None else threshold_pct_mso
        measured = self.of_measured(threshold, pct_mt).pct_mt
        try:
            return prescribe(threshold, measured, step_pct_mso).intensity_pct_mso
        except NotDeliverable as error:
            if self.depth is None:
                raise
            raise self._beyond_reach(error, self.depth, threshold, step_pct_mso) from error

    def _beyond_reach(
        self, error: NotDeliverable, depth: DepthPlan, threshold: int, step: int
    ) -> NotDeliverable:
        """Return the refusal in percentages of the adjusted threshold, which were prescribed."""
        adjusted = depth.adjusted_threshold(threshold)
        highest = HIGHEST_PCT_MSO // step * step
        nearest = math.ceil(100 * (highest + Fraction(step, 2)) / adjusted) - 1
        reason = f"{error.reason}, after adjustment for depth to {decimal_text(adjusted)} %MSO"
        if nearest < 1 or nearest >= self.prescribed_pct_mt:
            return NotDeliverable(reason, "No whole percentage of it can be delivered", None, None)
        delivered = step * round_half_up(adjusted * nearest / 100 / step)
        instead = (
            f"The highest that could be prescribed is {nearest} % of the adjusted threshold, "
            f"delivered as {delivered} %MSO"
        )
        return NotDeliverable(reason, instead, nearest, delivered)

    def check_block(self, number: int, block: FixedBlock) -> None:
        """Raise ContentError unless the block's dose follows from this basis."""
        place = f"blocks[{number}]"
        if block.threshold_kind is not self.threshold.kind:
            raise ContentError(
                f"{place}: the dose refers to a {block.threshold_kind} threshold; the one named is "
                f"a {self.threshold.kind} threshold"
            )
        if block.threshold_pct_mso != self.threshold.value_pct_mso:
            raise ContentError(
                f"{place}.threshold_pct_mso is {block.threshold_pct_mso}; the threshold named is "
                f"{self.threshold.value_pct_mso} %MSO"
            )
        measured = self.of_measured().pct_mt
        if block.pct_mt != measured:
            raise ContentError(
                f"{place}.pct_mt is {block.pct_mt}; from the prescribed "
                f"{self.prescribed_pct_mt} % follow {measured} % of the threshold as measured"
            )
        ceiling = self._ceiling(block, block.threshold_pct_mso)
        if block.highest_pct_mso > max(ceiling, block.intensity_pct_mso):
            raise ContentError(
                f"{place}.highest_pct_mso is {block.highest_pct_mso}: the cap of the depth "
                f"adjustment allows {ceiling} %MSO"
            )
        if self.first_sessions is not None:
            self.block_at(block, self.threshold.value_pct_mso, self.first_sessions.lowest_pct_mt)

    def _ceiling(self, block: FixedBlock, threshold_pct_mso: int) -> int:
        """Return the highest step that the depth adjustment's cap leaves to the technician."""
        if self.depth is None:
            return HIGHEST_PCT_MSO
        step = block.step_pct_mso
        return step * math.floor(self.depth.cap_pct_mt * threshold_pct_mso / 100 / step)

    def block_at(
        self,
        block: FixedBlock,
        threshold_pct_mso: int,
        pct_mt: Fraction | None = None,
        highest_pct_mso: int = HIGHEST_PCT_MSO,
    ) -> FixedBlock:
        """Return the signed block at another threshold or at today's percentage.

        The technician's bounds move so that they allow nothing, in % of the dose, that was not
        signed: the upper one in proportion to the dose, rounded down to the step; the lower one
        in proportion to the prescribed dose, rounded up.  A ramp day lowers the upper bound and
        not the lower.  The dose itself, which follows from the signed percentage, always lies
        inside.  At the signed threshold and percentage the block is unchanged.

        Args:
            block: The block as signed.
            threshold_pct_mso: The threshold now.
            pct_mt: Today's percentage; None for the prescribed one.
            highest_pct_mso: No bound is above this; the dose may be, which the caller examines.

        Raises:
            NotDeliverable: The dose is out of reach.
            ValueError: The threshold or the adjusted one cannot be.
        """
        step = block.step_pct_mso
        today = self.of_measured(threshold_pct_mso, pct_mt).pct_mt
        full = self.of_measured(threshold_pct_mso).pct_mt * threshold_pct_mso
        signed = block.pct_mt * block.threshold_pct_mso
        dose = self.intensity(step, threshold_pct_mso, pct_mt)
        same = (threshold_pct_mso, today) == (block.threshold_pct_mso, block.pct_mt)
        upper = Fraction(block.highest_pct_mso) * today * threshold_pct_mso / signed
        lower = Fraction(block.lowest_pct_mso) * full / signed
        high, low = block.highest_pct_mso, block.lowest_pct_mso
        if not same:
            high = min(step * math.floor(upper / step), HIGHEST_PCT_MSO)
            high = min(high, self._ceiling(block, threshold_pct_mso))
            low = step * math.ceil(lower / step)
        return replace(
            block,
            threshold_pct_mso=threshold_pct_mso,
            pct_mt=today,
            intensity_pct_mso=dose,
            lowest_pct_mso=max(1, min(low, dose)),
            highest_pct_mso=max(min(high, highest_pct_mso), dose),
        )

    def canonical(self) -> dict[str, JsonValue]:
        """Return the basis as JSON values."""
        return {
            "threshold": self.threshold.canonical(),
            "prescribed_pct_mt": ratio_text(self.prescribed_pct_mt),
            "depth": None if self.depth is None else self.depth.canonical(),
            "first_sessions": None
            if self.first_sessions is None
            else self.first_sessions.canonical(),
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Return the basis that the JSON values state.

        Raises:
            ContentError: They state none; the message names the field.
        """
        with record:
            depth, first = record.optional("depth"), record.optional("first_sessions")
            return cls(
                ThresholdReference.from_record(record.record("threshold")),
                record.ratio("prescribed_pct_mt"),
                None if depth is None else DepthPlan.from_record(depth),
                None if first is None else FirstSessions.from_record(first),
            )
