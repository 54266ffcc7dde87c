"""What is delivered at a re-measured threshold or on a ramp day never leaves what was signed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from protocols.dose import prescribe
from protocols.dose_basis import DoseBasis
from protocols.prescription import Prescription, RemeasureBand
from protocols.remeasure import OutsidePrescription, Today, session_at, within_band
from protocols.terms import Side, ThresholdKind
from tests.protocols.prescriptions import BLOCK, PRESCRIPTION, prescriptions, threshold, uid

SIGNED = tuple(basis.threshold for basis in PRESCRIPTION.doses)


def test_the_signed_thresholds_deliver_the_session_as_signed() -> None:
    assert session_at(PRESCRIPTION) == PRESCRIPTION.session
    assert session_at(PRESCRIPTION, SIGNED) == PRESCRIPTION.session
    full = Today(4, (Fraction(120), Fraction(90)))
    assert session_at(PRESCRIPTION, SIGNED, full) == PRESCRIPTION.session


def test_inside_the_band_the_dose_and_the_bounds_move_with_the_threshold() -> None:
    """47 at 120 % is 56.4; the bounds of 50 and 56 move in proportion: 52.2 up, 58.5 down."""
    session = session_at(PRESCRIPTION, [threshold(47, 9), SIGNED[1]])
    block = session.blocks[0]
    assert (block.threshold_pct_mso, block.pct_mt) == (47, Fraction(120))
    assert (block.lowest_pct_mso, block.intensity_pct_mso, block.highest_pct_mso) == (53, 56, 58)
    assert session.blocks[1] == PRESCRIPTION.session.blocks[1]


def test_the_band_answers_with_old_and_new_doses() -> None:
    answer = within_band(PRESCRIPTION, threshold(43, 9, method=SIGNED[0].method))
    assert answer.inside
    assert answer.blocks == (1, 2)  # both rest on a threshold like it
    answer = within_band(
        replace(PRESCRIPTION, doses=(PRESCRIPTION.doses[0], _with(1, muscle="tibialis"))),
        threshold(43, 9),
    )
    assert (answer.inside, answer.blocks, answer.reasons) == (True, (1,), ())
    assert [str(change) for change in answer.changes] == [
        "block 1: threshold 45 -> 43 %MSO, intensity 54 -> 52 %MSO"
    ]
    assert answer.session is not None
    assert answer.session.blocks[0].intensity_pct_mso == 52


def _with(index: int, **changes: Any) -> DoseBasis:
    basis = PRESCRIPTION.doses[index]
    return replace(basis, threshold=replace(basis.threshold, **changes))


SINGLE = Prescription(
    uid=uid(1),
    prescription_uid=uid(1),
    version=1,
    supersedes=None,
    patient_uid=uid(7),
    indication="major depressive disorder",
    session=replace(PRESCRIPTION.session, blocks=(BLOCK,)),
    doses=(PRESCRIPTION.doses[0],),
    course=replace(PRESCRIPTION.course, most_pulses_a_day=1200),
    band=RemeasureBand(3, 57),
)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"value": 49}, "lies 4 %MSO from the signed 45 %MSO; the band is 3 %MSO"),
        ({"value": 41}, "lies 4 %MSO"),
        ({"value": 48}, "asks for 58 %MSO; the band was signed up to 57 %MSO"),
        ({"kind": ThresholdKind.ACTIVE_HAND}, "the kind is active hand, not resting hand"),
        ({"muscle": "first dorsal interosseous"}, "the muscle is"),
        ({"side": Side.RIGHT}, "the side is right, not left"),
        ({"coil": "H1"}, "the coil is H1, not figure-8"),
        ({"method": "EMG, PEST"}, "the method is EMG, PEST"),
        ({"measured_at": SIGNED[0].measured_at}, "not measured after"),
        ({"measured_at": "2026-10-31T23:59:59Z"}, "not measured after"),
        ({"uid": SIGNED[0].uid, "value": 44}, "not as it was when it was signed"),
    ],
)
def test_outside_the_band_a_new_version_is_needed(changes: dict[str, Any], says: str) -> None:
    """EMG thresholds lie some 11 % below visible twitches: another method is another number."""
    value = changes.pop("value", 45)
    answer = within_band(SINGLE, threshold(value, 9, **changes))
    assert not answer.inside
    assert (answer.changes, answer.session) == ((), None)
    assert says in " ".join(answer.reasons)


def test_without_a_band_no_new_threshold_is_used() -> None:
    """The default is none: the signature names one threshold by uid and value."""
    strict = replace(SINGLE, band=None)
    answer = within_band(strict, threshold(45, 9))
    assert answer.reasons == (
        "Block 1: no re-measure band was signed, so a new threshold needs a new version.",
    )
    with pytest.raises(OutsidePrescription, match="no re-measure band"):
        session_at(strict, [threshold(45, 9)])


def test_the_bands_highest_intensity_also_holds_for_the_technician() -> None:
    moved = session_at(SINGLE, [threshold(47, 9)])
    assert (moved.blocks[0].intensity_pct_mso, moved.blocks[0].highest_pct_mso) == (56, 57)


def test_a_dose_out_of_reach_is_outside_the_band() -> None:
    block = replace(BLOCK, threshold_pct_mso=83, intensity_pct_mso=100, highest_pct_mso=100)
    high = replace(
        SINGLE,
        session=replace(SINGLE.session, blocks=(block,)),
        doses=(replace(SINGLE.doses[0], threshold=threshold(83)),),
        band=RemeasureBand(3, 100),
    )
    answer = within_band(high, threshold(84, 9))
    assert not answer.inside
    assert "119 %MT" in answer.reasons[0]


def test_blocks_signed_on_one_threshold_stay_on_one() -> None:
    twice = replace(
        SINGLE,
        session=replace(SINGLE.session, blocks=(BLOCK, replace(BLOCK, changeover_s=Fraction(9)))),
        doses=(SINGLE.doses[0], SINGLE.doses[0]),
        course=replace(SINGLE.course, most_pulses_a_day=2400),
    )
    new = threshold(46, 9)
    assert within_band(twice, new).blocks == (1, 2)
    with pytest.raises(OutsidePrescription, match="stay on one threshold"):
        session_at(twice, [new, SIGNED[0]])


def test_every_block_has_its_threshold_and_percentage() -> None:
    with pytest.raises(OutsidePrescription, match="1 thresholds for 2 blocks"):
        session_at(PRESCRIPTION, SIGNED[:1])
    with pytest.raises(OutsidePrescription, match="1 percentages for 2 blocks"):
        session_at(PRESCRIPTION, SIGNED, Today(1, (Fraction(120),)))


def test_a_ramp_day_lowers_the_dose_and_the_upper_bound() -> None:
    """45 at 100 % is 45; 56 x 100/120 is 46.7, so 46; the dose lies below the signed 50."""
    session = session_at(PRESCRIPTION, SIGNED, Today(1, (Fraction(100), Fraction(90))))
    block = session.blocks[0]
    assert (block.lowest_pct_mso, block.intensity_pct_mso, block.highest_pct_mso) == (45, 45, 46)


@pytest.mark.parametrize(
    ("today", "says"),
    [
        (Today(4, (Fraction(100), Fraction(90))), "100 % in session 4; 120 % was signed"),
        (Today(1, (Fraction(99), Fraction(90))), "99 % in session 1; 100 to 120 % was signed"),
        (Today(1, (Fraction(121), Fraction(90))), "121 % in session 1; 100 to 120 % was signed"),
        (Today(1, (Fraction(110), Fraction(80))), "Block 2: 80 % in session 1; 90 % was signed"),
        (Today(0, (Fraction(120), Fraction(90))), "none of the 22 sessions"),
        (Today(23, (Fraction(120), Fraction(90))), "none of the 22 sessions"),
    ],
)
def test_todays_percentage_lies_inside_what_was_signed(today: Today, says: str) -> None:
    with pytest.raises(OutsidePrescription, match=says):
        session_at(PRESCRIPTION, SIGNED, today)


def test_a_depth_adjusted_dose_follows_the_re_measured_threshold() -> None:
    """42 + 10.5 = 52.5 %MSO, 90 % of it 47.25: the depth adds the same at any threshold."""
    answer = within_band(
        replace(PRESCRIPTION, doses=(PRESCRIPTION.doses[0], _with(1, muscle="other"))),
        threshold(42, 9, muscle="other"),
    )
    assert answer.session is not None
    block = answer.session.blocks[1]
    assert block.pct_mt == Fraction(90) * (42 + Fraction(105, 10)) / 42
    assert block.intensity_pct_mso == 47
    assert block.highest_pct_mso <= 50  # the cap: 120 % of 42


def test_the_cap_of_a_depth_adjustment_also_holds_at_a_re_measured_threshold() -> None:
    """48 x 43.65/45.45 is 46.1, but 120 % of 38 is 45.6: the cap is the lower of the two."""
    deep = replace(PRESCRIPTION.session.blocks[1], highest_pct_mso=48)
    session = replace(PRESCRIPTION.session, blocks=(BLOCK, deep))
    doses = (PRESCRIPTION.doses[0], _with(1, muscle="other"))
    capped = replace(PRESCRIPTION, session=session, doses=doses)
    answer = within_band(capped, threshold(38, 9, muscle="other"))
    assert answer.session is not None
    assert answer.session.blocks[1].highest_pct_mso == 45


@given(prescriptions(), st.data())
def test_no_re_measured_threshold_allows_more_than_was_signed(
    prescription: Prescription, data: st.DataObject
) -> None:
    """In % of the dose no bound goes above the signed one; the dose is the prescribed one."""
    assume(prescription.band is not None)
    band = prescription.band
    if band is None:
        return
    now = []
    for basis in prescription.doses:
        offset = data.draw(st.integers(-band.plus_minus_pct_mso, band.plus_minus_pct_mso))
        value = min(100, max(1, basis.threshold.value_pct_mso + offset))
        later = replace(
            basis.threshold,
            uid=basis.threshold.uid[:-4] + "beef",
            value_pct_mso=value,
            measured_at="2199-01-01T00:00:00Z",
        )
        now.append(later)
    try:
        session = session_at(prescription, now)
    except OutsidePrescription:
        return
    for old, new, basis in zip(
        prescription.session.blocks, session.blocks, prescription.doses, strict=True
    ):
        assert new.intensity_pct_mso <= band.highest_pct_mso
        assert new.highest_pct_mso <= band.highest_pct_mso
        dose = prescribe(new.threshold_pct_mso, basis.of_measured(new.threshold_pct_mso).pct_mt)
        assert new.intensity_pct_mso == dose.intensity_pct_mso
        signed = Fraction(old.highest_pct_mso) / (old.pct_mt * old.threshold_pct_mso)
        allowed = signed * new.pct_mt * new.threshold_pct_mso
        assert new.highest_pct_mso in {new.intensity_pct_mso, *range(int(allowed) + 1)}
        assert new.pattern == old.pattern
    assert replace(session, blocks=prescription.session.blocks) == prescription.session


@given(prescriptions(), st.data())
def test_no_ramp_day_gives_more_than_the_prescribed_dose(
    prescription: Prescription, data: st.DataObject
) -> None:
    number = data.draw(st.integers(1, prescription.course.total_sessions))
    pct_mt = []
    for block in range(1, len(prescription.doses) + 1):
        low, high = prescription.today_range(block, number)
        pct_mt.append(low + (high - low) * Fraction(data.draw(st.integers(0, 10)), 10))
    try:
        session = session_at(prescription, None, Today(number, tuple(pct_mt)))
    except OutsidePrescription:
        return  # a ramp inside the session that would begin at nothing
    for old, new in zip(prescription.session.blocks, session.blocks, strict=True):
        assert new.intensity_pct_mso <= old.intensity_pct_mso
        assert new.highest_pct_mso <= old.highest_pct_mso
        assert new.lowest_pct_mso <= old.lowest_pct_mso
