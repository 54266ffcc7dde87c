"""Dose arithmetic, against the worked numbers of clinical.md part 3."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dose import (
    STOKES_2007_PCT_MSO_PER_MM,
    NotDeliverable,
    depth_adjusted_pct_mt,
    depth_adjusted_threshold,
    effective_pct_mt,
    percent_text,
    prescribe,
    ramp_intensity,
)
from protocols.pattern import Ramp


@pytest.mark.parametrize(
    ("threshold", "pct_mt", "exact", "intensity", "effective"),
    [
        (38, 120, "45.6", 46, "121.05 %"),
        (45, 110, "49.5", 50, "111.11 %"),
        (50, 97, "48.5", 49, "98 %"),
        (45, 120, "54", 54, "120 %"),
        (84, 119, "99.96", 100, "119.05 %"),
    ],
)
def test_the_dose_is_threshold_times_percent_rounded_half_up(
    threshold: int, pct_mt: int, exact: str, intensity: int, effective: str
) -> None:
    """Python's own round takes 48.5 to 48: half to even is wrong for a dose."""
    dose = prescribe(threshold, Fraction(pct_mt))
    assert dose.exact_pct_mso == Fraction(exact)
    assert dose.intensity_pct_mso == intensity
    assert dose.effective_text == effective


def test_a_dose_above_the_output_is_refused_with_the_highest_that_could_be_prescribed() -> None:
    """Never clipped: a physician decides."""
    with pytest.raises(NotDeliverable) as refused:
        prescribe(84, Fraction(120))
    assert (refused.value.nearest_pct_mt, refused.value.nearest_pct_mso) == (119, 100)
    assert str(refused.value) == (
        "120 % of a threshold of 84 %MSO is 100.8 %MSO, above the 100 %MSO that can be delivered. "
        "The highest that could be prescribed is 119 %MT: 99.96, delivered as 100 %MSO."
    )


def test_a_dose_that_rounds_down_to_the_full_output_is_delivered() -> None:
    dose = prescribe(83, Fraction(121))  # 100.43
    assert dose.intensity_pct_mso == 100


def test_a_dose_that_rounds_to_nothing_is_refused_with_the_lowest_that_could_be() -> None:
    with pytest.raises(NotDeliverable, match="lowest that could be prescribed is 25 %MT"):
        prescribe(2, Fraction(10))


def test_a_device_with_coarse_steps_rounds_half_up_to_its_step() -> None:
    assert prescribe(45, Fraction(100), device_step=10).intensity_pct_mso == 50
    assert prescribe(44, Fraction(100), device_step=10).intensity_pct_mso == 40


def test_a_refusal_without_any_deliverable_percentage_says_so() -> None:
    with pytest.raises(NotDeliverable, match="No whole %MT") as refused:
        prescribe(100, Fraction(100), device_step=10, highest_pct_mso=5)
    assert refused.value.nearest_pct_mt is None


@given(
    st.integers(1, 100),
    st.fractions(1, 300, max_denominator=50),
    st.integers(1, 5),
    st.integers(1, 10),
    st.integers(60, 100),
)
def test_a_dose_is_the_nearest_step_or_the_named_alternative_is_deliverable_and_nearest(
    threshold: int, pct_mt: Fraction, step: int, lowest: int, highest: int
) -> None:
    exact = threshold * pct_mt / 100
    refusal = None
    try:
        dose = prescribe(threshold, pct_mt, step, lowest, highest)
    except NotDeliverable as error:
        refusal = error
    else:
        assert lowest <= dose.intensity_pct_mso <= highest
        assert dose.intensity_pct_mso % step == 0
        assert Fraction(-step, 2) < dose.intensity_pct_mso - exact <= Fraction(step, 2)
    if refusal is None or refusal.nearest_pct_mt is None:
        return
    named = refusal.nearest_pct_mt
    again = prescribe(threshold, Fraction(named), step, lowest, highest)
    assert again.intensity_pct_mso == refusal.nearest_pct_mso
    beyond = Fraction(named + 1 if named < pct_mt else named - 1)
    if beyond > 0:
        with pytest.raises(NotDeliverable):
            prescribe(threshold, beyond, step, lowest, highest)


def test_a_dose_that_only_rounding_lifts_out_of_reach_is_told_as_too_high() -> None:
    with pytest.raises(NotDeliverable, match=r"in steps of 5 %MSO 100 %MSO, above the 98"):
        prescribe(50, Fraction(195), device_step=5, highest_pct_mso=98)


@pytest.mark.parametrize("threshold", [0, -1, 101])
def test_a_threshold_that_cannot_be_is_refused(threshold: int) -> None:
    with pytest.raises(ValueError, match="1 to 100 %MSO"):
        prescribe(threshold, Fraction(120))


def test_a_percentage_or_a_device_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0 %"):
        prescribe(50, Fraction(0))
    with pytest.raises(ValueError, match="steps"):
        prescribe(50, Fraction(100), device_step=0)
    with pytest.raises(ValueError, match="limits 1 to 100"):
        prescribe(50, Fraction(100), highest_pct_mso=110)


def test_a_ramp_rises_evenly_to_the_full_intensity_and_stays() -> None:
    ramp = Ramp(5, Fraction(8, 10))
    intensities = [ramp_intensity(50, ramp, train) for train in range(1, 8)]
    assert intensities == [40, 43, 45, 48, 50, 50, 50]  # 42.5 and 47.5 half up
    assert ramp_intensity(50, None, 1) == 50


def test_a_ramp_that_starts_at_nothing_is_refused() -> None:
    with pytest.raises(NotDeliverable, match="rounds to nothing"):
        ramp_intensity(4, Ramp(2, Fraction(1, 10)), 1)
    with pytest.raises(ValueError, match="counted from 1"):
        ramp_intensity(4, None, 0)


def test_the_threshold_is_adjusted_by_depth_with_either_published_gradient() -> None:
    deeper = (Fraction(20), Fraction(15))
    assert depth_adjusted_threshold(50, *deeper) == 65
    assert depth_adjusted_threshold(50, *deeper, STOKES_2007_PCT_MSO_PER_MM) == 64
    assert depth_adjusted_threshold(50, Fraction(15), Fraction("16.5")) == Fraction("45.5")


def test_a_depth_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 0 mm"):
        depth_adjusted_threshold(50, Fraction(-1), Fraction(15))
    with pytest.raises(ValueError, match="would be -10 %MSO"):
        depth_adjusted_threshold(50, Fraction(0), Fraction(20))


def test_a_cap_on_the_adjusted_dose_acts_openly() -> None:
    """SNT caps at 120 % of the measured threshold: nothing is clipped in silence."""
    capped = depth_adjusted_pct_mt(50, Fraction(80), Fraction(90), Fraction(120))
    assert (capped.wanted_pct_mt, capped.pct_mt, capped.capped) == (
        Fraction(144),
        Fraction(120),
        True,
    )
    free = depth_adjusted_pct_mt(50, Fraction(65), Fraction(90), None)
    assert (free.pct_mt, free.capped) == (Fraction(117), False)


def test_percentages_are_shown_with_two_decimals_half_up() -> None:
    assert percent_text(effective_pct_mt(46, 38)) == "121.05 %"
    assert percent_text(Fraction("0.005")) == "0.01 %"
