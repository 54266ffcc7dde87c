"""What a signed prescription delivers at the newest thresholds, and physicians' word on those."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocols.dose_basis import FirstSessions
from protocols.prescription import Prescription, RemeasureBand
from protocols.remeasure import Today
from tests.clinic.patients import measurement
from tests.clinic.prescribing import (
    PATIENT,
    TUESDAY,
    Practice,
    decision,
    doubled,
    make_practice,
    secret,
)
from tms_console.accounts.errors import LoginRefused, NotPermitted
from tms_console.accounts.login import Login
from tms_console.accounts.roles import Permission, Role, allowed
from tms_console.clinic.dose_now import DoseNow, acknowledge_threshold, acknowledged, band_now
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.measurement import Method
from tms_console.clinic.patients import add_patient
from tms_console.clinic.thresholds import (
    correct_threshold,
    record_threshold,
    withdraw_threshold,
)
from tms_console.clinic.verdicts import Decision
from tms_console.records.clinical import RecordKind
from tms_console.records.values import new_uid

BAND = RemeasureBand(3, 58)
WEDNESDAY = "2026-11-18T09:00:00Z"


@pytest.fixture
def practice(tmp_path: Path) -> Practice:
    return make_practice(tmp_path)


def dose(practice: Practice, of: Prescription, today: Today | None = None) -> DoseNow:
    with practice.trusting() as trusted:
        return band_now(trusted, of, today)


def shown(practice: Practice, uid: str, comment: str = "") -> Decision:
    """A decision on a threshold as it is on record."""
    with practice.trusting() as trusted:
        record = trusted.record(RecordKind.THRESHOLD, uid)
    assert record is not None
    return Decision(uid, record.digest, (), comment)


def acknowledge(practice: Practice, uid: str, by: Login | None = None) -> str:
    login = by or practice.physician
    return acknowledge_threshold(
        practice.station, login, shown(practice, uid, "seen"), *secret(login)
    )


def test_at_the_threshold_that_was_signed_the_dose_is_exactly_as_signed(
    practice: Practice,
) -> None:
    made = practice.approved()
    now = dose(practice, made)
    assert now == DoseNow(made.session, (made.doses[0].threshold,))


@pytest.mark.parametrize("band", [None, BAND])
def test_a_newer_threshold_of_the_same_value_changes_no_dose(
    practice: Practice, band: RemeasureBand | None
) -> None:
    """It was measured again and is younger: its age counts, and nobody has anything to sign."""
    made = practice.approved(band)
    uid = practice.measure(45)
    now = dose(practice, made)
    assert now.session == made.session
    assert [one.uid for one in now.thresholds] == [uid]
    assert (now.changed, now.needs_acknowledgement, now.refusal) == ((), (), "")


def test_without_a_band_a_newer_threshold_stops_the_treatment_until_a_new_version(
    practice: Practice,
) -> None:
    made = practice.approved()
    uid = practice.measure(46)
    now = dose(practice, made)
    assert now.session is None
    assert [one.uid for one in now.thresholds] == [uid]
    assert now.refusal == (
        "Block 1: no re-measure band was signed, so a new threshold needs a new version."
    )


def test_inside_the_band_the_dose_follows_the_newest_threshold(practice: Practice) -> None:
    made = practice.approved(BAND)
    practice.measure(46)
    uid = practice.measure(47, WEDNESDAY)
    now = dose(practice, made)
    assert now.session is not None
    (block,) = now.session.blocks
    assert (block.threshold_pct_mso, block.intensity_pct_mso) == (47, 56)
    assert [str(one) for one in now.changed] == [
        "block 1: threshold 45 -> 47 %MSO, intensity 54 -> 56 %MSO"
    ]
    assert now.needs_acknowledgement == (uid,)
    assert now.refusal == ""


def test_blocks_on_one_threshold_change_together_and_ask_for_one_signature(
    practice: Practice,
) -> None:
    made = doubled(practice.prescription(BAND))
    uid = practice.measure(47)
    now = dose(practice, made)
    assert now.session is not None
    assert [block.intensity_pct_mso for block in now.session.blocks] == [56, 56]
    assert [one.block for one in now.changed] == [1, 2]
    assert now.needs_acknowledgement == (uid,)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (49, "lies 4 %MSO from the signed 45"),
        (41, "lies 4 %MSO from the signed 45"),
    ],
)
def test_outside_the_band_nothing_is_delivered(
    practice: Practice, value: int, sentence: str
) -> None:
    made = practice.approved(BAND)
    practice.measure(value)
    now = dose(practice, made)
    assert now.session is None
    assert sentence in now.refusal


def test_above_the_highest_intensity_of_the_band_nothing_is_delivered(
    practice: Practice,
) -> None:
    made = practice.approved(RemeasureBand(3, 56))
    practice.measure(48)
    assert "the band was signed up to 56 %MSO" in dose(practice, made).refusal


def test_a_threshold_back_at_the_signed_value_gives_the_signed_dose_again(
    practice: Practice,
) -> None:
    made = practice.approved()
    practice.measure(50)
    practice.measure(45, WEDNESDAY)
    assert dose(practice, made).session == made.session


@pytest.mark.parametrize("corrected", [Method.EMG, None])
def test_a_signed_threshold_that_was_corrected_or_taken_back_stops_the_treatment(
    practice: Practice, corrected: Method | None
) -> None:
    """The number that the physician saw was wrong, also if an older one has the same value."""
    practice.measure(45)
    uid = practice.measure(45, WEDNESDAY)
    made = practice.prescription(BAND, practice.reference(uid))
    was = measurement(practice.patient_uid, 45, WEDNESDAY)
    if corrected is None:
        withdraw_threshold(practice.station, practice.technician, uid, "another patient's")
    else:
        changed = replace(was, method=corrected)
        correct_threshold(practice.station, practice.technician, uid, changed, "it was EMG")
    now = dose(practice, made)
    assert now.session is None
    assert "was corrected or taken back" in now.refusal


def test_a_corrected_value_is_not_a_later_measurement(practice: Practice) -> None:
    """The band was signed for thresholds that change, not for one that was written down wrong."""
    made = practice.approved(BAND)
    changed = measurement(practice.patient_uid, 46)
    correct_threshold(
        practice.station, practice.technician, practice.threshold_uid, changed, "mistyped"
    )
    assert "not measured after" in dose(practice, made).refusal


def test_a_corrected_note_changes_no_dose(practice: Practice) -> None:
    made = practice.approved()
    changed = replace(measurement(practice.patient_uid), note="restless")
    uid = correct_threshold(
        practice.station, practice.technician, practice.threshold_uid, changed, "a note"
    )
    now = dose(practice, made)
    assert now.session == made.session
    assert [one.uid for one in now.thresholds] == [uid]


def test_a_threshold_of_another_sort_changes_nothing(practice: Practice) -> None:
    made = practice.approved(BAND)
    other = replace(measurement(practice.patient_uid, 60, TUESDAY), method=Method.EMG)
    record_threshold(practice.station, practice.technician, other)
    assert dose(practice, made).session == made.session


def test_another_patients_threshold_is_never_delivered_on(practice: Practice) -> None:
    """A prescription that names it can only have come past the program; it is refused."""
    details = replace(PATIENT, name="Otto Example", record_number="A-18")
    otto = add_patient(practice.station, practice.technician, details)
    uid = record_threshold(practice.station, practice.technician, measurement(otto))
    made = practice.prescription(BAND, practice.reference(uid))
    now = dose(practice, made)
    assert now.session is None
    assert "another patient's" in now.refusal
    missing = practice.prescription(BAND, replace(practice.reference(), uid=new_uid()))
    assert "there is no threshold" in dose(practice, missing).refusal
    changed = practice.prescription(BAND, replace(practice.reference(), value_pct_mso=44))
    assert "not named as it is on record" in dose(practice, changed).refusal


def ramped(practice: Practice) -> Prescription:
    made = practice.prescription(BAND)
    first = FirstSessions(3, Fraction(100))
    return replace(made, doses=(replace(made.doses[0], first_sessions=first),))


def test_todays_percentage_is_delivered_inside_the_ramp_and_not_outside(
    practice: Practice,
) -> None:
    made = ramped(practice)
    practice.measure(46)
    lower = dose(practice, made, Today(1, (Fraction(100),)))
    assert lower.session is not None
    assert lower.session.blocks[0].intensity_pct_mso == 46
    outside = dose(practice, made, Today(4, (Fraction(100),)))
    assert outside.session is None
    assert "120 % was signed" in outside.refusal


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.integers(30, 60))
def test_whatever_is_measured_the_dose_stays_inside_what_was_signed(
    tmp_path_factory: pytest.TempPathFactory, value: int
) -> None:
    """For every value: as signed, inside the band and below its highest, or nothing at all."""
    practice = make_practice(tmp_path_factory.mktemp("practice"))
    made = practice.prescription(BAND)
    practice.measure(value)
    now = dose(practice, made)
    assert (now.session is None) == bool(now.refusal)
    assert (now.session is not None) == (abs(value - 45) <= 3)
    if now.session is not None:
        (block,) = now.session.blocks
        assert block.intensity_pct_mso <= 58
        assert block.highest_pct_mso <= 58
        assert block.pct_mt == 120
        assert bool(now.changed) == (value != 45) == bool(now.needs_acknowledgement)


def test_an_acknowledged_threshold_asks_for_nothing_more(practice: Practice) -> None:
    made = practice.approved(BAND)
    uid = practice.measure(47)
    signature = acknowledge(practice, uid)
    now = dose(practice, made)
    assert now.session is not None
    assert now.changed
    assert now.needs_acknowledgement == ()
    with practice.trusting() as trusted:
        signed = acknowledged(trusted, uid)
    assert signed is not None
    assert (signed.uid, signed.comment) == (signature, "seen")
    with pytest.raises(ClinicRefused, match="acknowledged already"):
        acknowledge(practice, uid)


def test_an_acknowledgement_widens_no_band(practice: Practice) -> None:
    made = practice.approved(BAND)
    uid = practice.measure(50)
    acknowledge(practice, uid)
    assert dose(practice, made).session is None


@pytest.mark.parametrize("role", list(Role))
def test_only_physicians_acknowledge_a_threshold(practice: Practice, role: Role) -> None:
    uid, login = practice.measure(47), practice.clinic.people[role]
    if allowed(role, Permission.ACKNOWLEDGE_THRESHOLD):
        assert acknowledge(practice, uid, login)
        return
    for told in (shown(practice, uid), Decision(new_uid(), "")):  # before anything is read
        with pytest.raises(NotPermitted, match="Only a physician may"):
            acknowledge_threshold(practice.station, login, told, *secret(login))
    with practice.trusting() as trusted:
        assert acknowledged(trusted, uid) is None


def test_another_threshold_than_was_shown_is_not_acknowledged(practice: Practice) -> None:
    uid, other = practice.measure(47), practice.measure(48, WEDNESDAY)
    physician = practice.physician
    swapped = Decision(uid, shown(practice, other).shown_digest)
    with pytest.raises(ClinicRefused, match="What was shown is not the threshold"):
        acknowledge_threshold(practice.station, physician, swapped, *secret(physician))
    nothing = decision(practice.prescription())
    with pytest.raises(ClinicRefused, match="no threshold"):
        acknowledge_threshold(practice.station, physician, nothing, *secret(physician))
    told = shown(practice, uid)
    with pytest.raises(LoginRefused):
        acknowledge_threshold(practice.station, physician, told, "not my password", "physician")
