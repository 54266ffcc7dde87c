"""Does the device's own di/dt fit the intensity?  Learnt from the first pulses of the session."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tms_console.delivery.realised import LEARNT_FROM, RealisedCheck


def learnt(a_us: int = 90, pct: int = 60) -> RealisedCheck:
    check = RealisedCheck()
    for pulse in range(LEARNT_FROM):
        assert check.doubt(pulse, pct, a_us) == ""
    return check


@pytest.mark.parametrize(
    ("a_us", "fits"), [(90, True), (99, True), (81, True), (100, False), (80, False)]
)
def test_ten_percent_either_way_fit_and_more_do_not(a_us: int, fits: bool) -> None:
    assert (learnt().doubt(17, 60, a_us) == "") is fits


def test_the_sentence_names_pulse_numbers_and_units() -> None:
    assert learnt().doubt(17, 60, 60) == (
        "pulse 17: the stimulator gave 60 A/µs where 90 A/µs belong to 60 %MSO, as in the "
        "session's first pulses"
    )


def test_the_measure_follows_the_intensity() -> None:
    assert learnt().doubt(4, 40, 60) == ""
    assert learnt().doubt(4, 40, 90) != ""


def test_at_small_values_whole_numbers_say_nothing() -> None:
    check = learnt(a_us=10)
    assert check.doubt(4, 60, 13) == ""
    assert check.doubt(4, 60, 14) != ""


@given(st.integers(0, 255))
def test_without_a_value_or_an_intensity_there_is_no_doubt(a_us: int) -> None:
    assert learnt().doubt(4, 60, None) == ""
    assert learnt().doubt(4, 0, a_us) == ""


def test_one_odd_pulse_at_the_beginning_does_not_become_the_measure() -> None:
    check = RealisedCheck()
    for a_us in (90, 199, 90):
        check.doubt(1, 60, a_us)
    assert check.doubt(4, 60, 90) == ""
    assert check.doubt(5, 60, 199) != ""
