"""Does the device's own di/dt fit the intensity, and its rate the schedule?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tms_console.delivery.realised import LEARNT_FROM, RealisedCheck, rate_doubt


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


@pytest.mark.parametrize("seen", [(90, 60), (60, 90), (90, 90, 60)])
def test_the_first_pulses_are_held_against_each_other(seen: tuple[int, ...]) -> None:
    """One of them is wrong; which, nobody knows yet."""
    check = RealisedCheck()
    said = [check.doubt(number, 60, a_us) for number, a_us in enumerate(seen, 1)]
    assert said[:-1] == [""] * (len(seen) - 1)
    assert said[-1].startswith(f"pulse {len(seen)}: ")


def test_one_odd_pulse_at_the_beginning_does_not_become_the_measure() -> None:
    check = RealisedCheck()
    for a_us in (90, 199, 90):
        check.doubt(1, 60, a_us)
    assert check.doubt(4, 60, 90) == ""
    assert check.doubt(5, 60, 199) != ""


# The rate ------------------------------------------------------------------------------------

MS = 1_000_000


def due(pulses: int = 40, every_ms: int = 100) -> list[int]:
    return [pulse * every_ms * MS for pulse in range(pulses)]


@pytest.mark.parametrize(
    ("per_cent", "drifts"), [(60, True), (5, True), (-5, True), (1, False), (-1, False), (0, False)]
)
def test_a_train_clock_that_gives_another_rate_is_told(per_cent: int, drifts: bool) -> None:
    """Another rate is another dose; a working unit's clock is far better than 2 %."""
    seen = [at + at * per_cent // 100 for at in due()]
    assert bool(rate_doubt(due(), seen)) is drifts


def test_the_sentence_about_the_rate_says_how_far_and_over_how_long() -> None:
    seen = [at * 105 // 100 for at in due()]
    assert rate_doubt(due(), seen) == (
        "the stimulator's pulses drifted by +135 ms over 2.70 s: it gave another rate than it was "
        "set to"
    )
    fast = [at * 95 // 100 for at in due()]
    assert "drifted by -135 ms over 2.70 s" in rate_doubt(due(), fast)


@given(st.integers(1, 40), st.integers(0, 3_000), st.booleans())
def test_a_line_that_stalled_for_a_while_is_no_other_rate(
    stalled: int, until_ms: int, at_the_end: bool
) -> None:
    """What came late came all at once, when the line went on: the others were in time."""
    offsets = due()
    part = offsets[-min(stalled, 13) :] if at_the_end else offsets[: min(stalled, 13)]
    free_ns = part[-1] + until_ms * MS
    seen = [max(at, free_ns) if at in part else at for at in offsets]
    assert rate_doubt(offsets, seen) == ""


@given(st.integers(6, 200), st.sampled_from([20, 50, 100, 200, 900]), st.integers(0, 15))
def test_an_adapter_that_hands_over_every_16_ms_is_no_other_rate(
    pulses: int, every_ms: int, phase_ms: int
) -> None:
    offsets = due(pulses, every_ms)
    seen = [((at + phase_ms * MS) // (16 * MS) + 1) * 16 * MS for at in offsets]
    assert rate_doubt(offsets, seen) == ""


def test_a_few_reports_say_nothing_about_the_rate() -> None:
    assert rate_doubt(due(5), [at * 2 for at in due(5)]) == ""
    assert rate_doubt([], []) == ""
