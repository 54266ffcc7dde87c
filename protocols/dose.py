"""From a motor threshold and a percentage to the intensity the device is told.

All exact, rounded half up once, at the device's step; a dose out of reach is refused, not clipped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from protocols.exact import decimal_text, round_half_up
from protocols.pattern import Ramp

HIGHEST_PCT_MSO = 100
"""Nothing above the stimulator's full output is ever prescribed (safety.md, levels)."""
STOKES_2005_PCT_MSO_PER_MM = Fraction(3)
"""Output needed per mm of depth, Stokes 2005 (clinical.md part 3)."""
STOKES_2007_PCT_MSO_PER_MM = Fraction(28, 10)
"""Output needed per mm of depth, Stokes 2007 (clinical.md part 3)."""


class NotDeliverable(ValueError):
    """A dose that the stimulator cannot give as prescribed; a physician decides.

    Attributes:
        reason: What is asked for and why it cannot be given.
        instead: What could be prescribed, as a sentence.
        nearest_pct_mt: The nearest whole %MT that can be delivered, None if there is none.
        nearest_pct_mso: The intensity that would then be delivered, None if there is none.
    """

    def __init__(
        self, reason: str, instead: str, nearest_pct_mt: int | None, nearest_pct_mso: int | None
    ) -> None:
        super().__init__(f"{reason}. {instead}.")
        self.reason = reason
        self.instead = instead
        self.nearest_pct_mt = nearest_pct_mt
        self.nearest_pct_mso = nearest_pct_mso


@dataclass(frozen=True, slots=True)
class Dose:
    """A threshold, a percentage of it, and the intensity that follows.

    Attributes:
        threshold_pct_mso: The motor threshold, in % of maximum stimulator output.
        pct_mt: The prescribed percentage of the threshold.
        exact_pct_mso: Their product before rounding.
        intensity_pct_mso: The product rounded half up to the device's step.
    """

    threshold_pct_mso: int
    pct_mt: Fraction
    exact_pct_mso: Fraction
    intensity_pct_mso: int

    @property
    def effective_pct_mt(self) -> Fraction:
        """What the rounded intensity is in % of the threshold, exact."""
        return effective_pct_mt(self.intensity_pct_mso, self.threshold_pct_mso)

    @property
    def effective_text(self) -> str:
        """The effective %MT as it is shown, two decimals half up: `121.05 %`."""
        return percent_text(self.effective_pct_mt)


def percent_text(value: Fraction) -> str:
    """Return a percentage as it is shown, at most two decimals half up: `121.05 %`, `120 %`."""
    return f"{decimal_text(value)} %"


def effective_pct_mt(intensity_pct_mso: int, threshold_pct_mso: int) -> Fraction:
    """Return the intensity in % of the threshold, exact (clinical.md part 3)."""
    return Fraction(100 * intensity_pct_mso, threshold_pct_mso)


def prescribe(
    threshold_pct_mso: int,
    pct_mt: Fraction,
    device_step: int = 1,
    lowest_pct_mso: int = 1,
    highest_pct_mso: int = HIGHEST_PCT_MSO,
) -> Dose:
    """Return the dose: threshold x percent / 100, half up to the device's step.

    Args:
        threshold_pct_mso: Motor threshold, 1 to 100 %MSO.
        pct_mt: Percentage of the threshold, above 0.
        device_step: The device's intensity step in %MSO, at least 1.
        lowest_pct_mso: Lowest intensity the device gives.
        highest_pct_mso: Highest intensity the device gives, at most 100.

    Raises:
        NotDeliverable: The rounded intensity is out of the device's reach.
        ValueError: A threshold, percentage or step that cannot be.
    """
    check_threshold(threshold_pct_mso)
    if pct_mt <= 0:
        raise ValueError(f"a dose is above 0 % of the threshold, not {pct_mt} %")
    if device_step < 1 or not 1 <= lowest_pct_mso <= highest_pct_mso <= HIGHEST_PCT_MSO:
        raise ValueError(
            f"a device with steps of {device_step} %MSO from {lowest_pct_mso} to "
            f"{highest_pct_mso} %MSO is not possible: steps are at least 1, limits 1 to 100"
        )
    exact = threshold_pct_mso * pct_mt / 100
    intensity = _to_step(exact, device_step)
    if lowest_pct_mso <= intensity <= highest_pct_mso:
        return Dose(threshold_pct_mso, pct_mt, exact, intensity)
    raise _refusal(exact, threshold_pct_mso, device_step, (lowest_pct_mso, highest_pct_mso))


def check_threshold(threshold_pct_mso: int) -> None:
    """Raise ValueError unless a motor threshold is 1 to 100 %MSO."""
    if not 1 <= threshold_pct_mso <= HIGHEST_PCT_MSO:
        raise ValueError(f"a motor threshold is 1 to 100 %MSO, not {threshold_pct_mso}")


def _to_step(value: Fraction, step: int) -> int:
    return step * round_half_up(value / step)


def _refusal(
    exact: Fraction, threshold_pct_mso: int, step: int, reach: tuple[int, int]
) -> NotDeliverable:
    lowest, highest = reach
    rounded = "" if step == 1 else f"in steps of {step} %MSO {_to_step(exact, step)} %MSO, "
    too_high = _to_step(exact, step) > highest  # 98 in steps of 5 is above 98: it rounds to 100
    reason = (
        f"{decimal_text(100 * exact / threshold_pct_mso)} % of a threshold of "
        f"{threshold_pct_mso} %MSO is {decimal_text(exact)} %MSO, {rounded}"
        f"{'above' if too_high else 'below'} the {highest if too_high else lowest} %MSO "
        "that can be delivered"
    )
    half = Fraction(step, 2)
    if too_high:  # the highest whole %MT that does not round up to the step beyond
        nearest = math.ceil(100 * (highest // step * step + half) / threshold_pct_mso) - 1
    else:  # the lowest one that does round up to the first step within reach
        nearest = math.ceil(100 * (-(-lowest // step) * step - half) / threshold_pct_mso)
    product = Fraction(threshold_pct_mso * nearest, 100)
    delivered = _to_step(product, step)
    if not lowest <= delivered <= highest:
        return NotDeliverable(reason, "No whole %MT of this threshold can be delivered", None, None)
    instead = (
        f"The {'highest' if too_high else 'lowest'} that could be prescribed is {nearest} %MT: "
        f"{decimal_text(product)}, delivered as {delivered} %MSO"
    )
    return NotDeliverable(reason, instead, nearest, delivered)


def ramp_intensity(
    intensity_pct_mso: int, ramp: Ramp | None, train_in_block: int, device_step: int = 1
) -> int:
    """Return the intensity of a train of a block, from 1, half up to the device's step.

    Train k of n ramp trains is at I·(f0 + (1-f0)(k-1)/(n-1)), later ones at I (clinical.md part 3).

    Raises:
        NotDeliverable: The ramp would start at nothing.
        ValueError: There is no such train.
    """
    if train_in_block < 1:
        raise ValueError(f"trains of a block are counted from 1, not {train_in_block}")
    if ramp is None:
        return intensity_pct_mso
    fraction = ramp.fraction(train_in_block)
    intensity = _to_step(intensity_pct_mso * fraction, device_step)
    if intensity < 1:
        raise NotDeliverable(
            f"train {train_in_block} of the ramp is at {decimal_text(100 * fraction)} % of "
            f"{intensity_pct_mso} %MSO, which rounds to nothing",
            "Start the ramp at a higher fraction",
            None,
            None,
        )
    return intensity


def depth_adjusted_threshold(
    threshold_pct_mso: int,
    target_depth_mm: Fraction,
    motor_depth_mm: Fraction,
    gradient_pct_mso_per_mm: Fraction = STOKES_2005_PCT_MSO_PER_MM,
) -> Fraction:
    """Return MT + g·(D_target - D_M1) in %MSO, exact (clinical.md part 3).

    Raises:
        ValueError: A threshold that cannot be, a negative depth, or a result of 0 or less.
    """
    check_threshold(threshold_pct_mso)
    if target_depth_mm < 0 or motor_depth_mm < 0 or gradient_pct_mso_per_mm <= 0:
        raise ValueError("depths are at least 0 mm and the gradient is above 0 %MSO/mm")
    adjusted = threshold_pct_mso + gradient_pct_mso_per_mm * (target_depth_mm - motor_depth_mm)
    if adjusted <= 0:
        raise ValueError(
            f"a threshold of {threshold_pct_mso} %MSO adjusted from {decimal_text(motor_depth_mm)} "
            f"to {decimal_text(target_depth_mm)} mm would be {decimal_text(adjusted)} %MSO"
        )
    return adjusted


@dataclass(frozen=True, slots=True)
class DepthAdjusted:
    """A depth-adjusted percentage of the measured threshold, and whether its cap acted.

    Attributes:
        wanted_pct_mt: What the adjustment asks for, in % of the threshold as measured.
        pct_mt: The same, or the cap where that is lower.
    """

    wanted_pct_mt: Fraction
    pct_mt: Fraction

    @property
    def capped(self) -> bool:
        """True if the cap lowered the dose; whoever shows the dose says so."""
        return self.pct_mt < self.wanted_pct_mt


def depth_adjusted_pct_mt(
    threshold_pct_mso: int,
    adjusted_threshold_pct_mso: Fraction,
    pct_mt: Fraction,
    cap_pct_mt: Fraction | None,
) -> DepthAdjusted:
    """Return what a percentage of the adjusted threshold is in % of the measured one.

    Args:
        threshold_pct_mso: The threshold as measured.
        adjusted_threshold_pct_mso: The same, adjusted for depth.
        pct_mt: The prescribed percentage of the adjusted threshold.
        cap_pct_mt: Highest percentage of the measured threshold (120 % in SNT, recalled), or None.
    """
    check_threshold(threshold_pct_mso)
    wanted = pct_mt * adjusted_threshold_pct_mso / threshold_pct_mso
    return DepthAdjusted(wanted, wanted if cap_pct_mt is None else min(wanted, cap_pct_mt))
